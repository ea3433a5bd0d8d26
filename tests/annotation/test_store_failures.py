"""A database that is full, locked, read-only, gone, back, newer or named wrongly: said in words; nothing is lost."""

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from types import SimpleNamespace

import pytest
import sqlalchemy as sql

from bibier.annotation.location import without_password
from bibier.annotation.store import Store
from bibier.errors import InputError, StoreUnavailable
from tests.annotation import stores
from tests.annotation.stores import CLIPS, ROOT, label

store, url = stores.store, stores.url  # fixtures


def test_a_newer_schema_a_wrong_url_and_a_lock_are_said_in_words(tmp_path, monkeypatch):
    monkeypatch.setattr("bibier.annotation.database.WAIT_SECONDS", 0.2)
    url = f"sqlite:///{tmp_path}/a.db"
    store = Store(url)
    store.project("p")
    store.add_clips("p", CLIPS)
    connection = sql.create_engine(url).connect()
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    with pytest.raises(InputError, match="locked"):
        store.append(label())
    connection.exec_driver_sql("UPDATE about SET version = 99")
    connection.exec_driver_sql("COMMIT")
    with pytest.raises(InputError, match="newer"):
        Store(url)
    for wrong in ("nonsense", "mysql://x", f"sqlite:///{tmp_path}/none/a.db"):
        with pytest.raises(InputError):
            Store(wrong)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://anna:s3cret@host:port/db",
        "postgresql+psycopg://anna:s3cret@[::1/db",
        "postgresql+psycopg://anna:s3cret",
        "postgresql+nodriver://anna:s3cret@host/db",
        "postgresql:/anna:s3cret@host/db",
        "anna:s3cret@host/db",
        "mysql://anna:s3cret@host/db",
        "oracle://host/db?password=s3cret",
        "sqlite://anna:s3cret@host/a.db",
    ],
)
def test_a_malformed_url_is_said_without_its_password(url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as error:
        Store(url)
    for language in ("en", "ru"):
        assert error.value.key == "store-url" and "s3cret" not in error.value.text(language)
    assert error.value.__cause__ is None or "s3cret" not in str(error.value.__cause__)


def test_an_option_that_is_no_number_is_a_malformed_url(tmp_path):
    with pytest.raises(InputError, match="is no number"):
        Store(f"sqlite:///{tmp_path}/a.db?timeout=long")


@pytest.mark.parametrize(
    "url", ["sqlite:///a/b.db", "sqlite:////data/bibier.db", "postgresql+psycopg://anna@host:5432/db"]
)
def test_a_url_without_a_password_is_shown_as_it_is(url):
    assert without_password(url) == url


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.db"
    store = Store(f"sqlite:///{path}")
    store.project("p", wanted=9)
    store.add_clips("p", CLIPS)
    first = label()
    store.append(first)
    yield store, path, first
    store.close()


def test_a_full_disk_loses_nothing_and_is_said(file):
    store, path, first = file
    with store.database.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
    store.close()
    limit = lambda connection, record: connection.execute(f"PRAGMA max_page_count = {pages}")  # noqa: E731
    sql.event.listen(store.database.engine, "connect", limit)
    big = label(1, note="x" * 90_000)
    with pytest.raises(InputError, match="disk of the database is full"):
        store.append(big)
    sql.event.remove(store.database.engine, "connect", limit)
    store.close()
    assert [e.uuid for _, e in store.events("p")] == [first.uuid]
    with store.database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    assert store.append(big) and store.state("p")[CLIPS[1].sha256, "A"].note == big.note


def test_a_read_only_database_is_said(file):
    store, path, first = file
    store.close()
    forbid = lambda connection, record: connection.execute("PRAGMA query_only = ON")  # noqa: E731
    sql.event.listen(store.database.engine, "connect", forbid)
    with pytest.raises(InputError, match="read-only"):
        store.append(label(1))
    sql.event.remove(store.database.engine, "connect", forbid)
    store.close()
    assert store.append(label(1))


def test_a_database_that_goes_is_noticed_and_one_that_comes_back_is_used(file, tmp_path):
    store, path, first = file
    store.append(label(1))
    store.close()  # so that the write-ahead log is in the file
    copy = tmp_path / "copy.db"
    shutil.copyfile(path, copy)
    store.append(label(2))
    away = [p.rename(tmp_path / f"away-{p.name}") for p in tmp_path.glob("a.db*")]
    for act in (lambda: store.append(label(3)), lambda: store.state("p")):
        with pytest.raises(InputError, match="a.db is no longer there") as gone:
            act()
        assert str(tmp_path) not in gone.value.text("en") + gone.value.text("ru")  # visitors read it
    assert not path.exists()
    for moved in away:
        moved.rename(tmp_path / moved.name.removeprefix("away-"))
    assert store.append(label(3)) and len(store.state("p")) == 4
    for p in tmp_path.glob("a.db*"):
        p.unlink()
    copy.rename(path)  # a backup from before the last two
    assert len(store.state("p")) == 2 and store.append(label(4)) and len(store.events("p")) == 3


def test_a_copy_put_in_its_place_gets_nothing_of_the_old_log(file, tmp_path):
    """SQLite leaves the log of a file that was moved, and read it into the copy: what was no longer a database."""
    store, path, _ = file
    with closing(sqlite3.connect(path)) as other:
        other.execute(f"VACUUM INTO '{tmp_path / 'copy.db'}'")
    before = len(store.events("p"))
    for number in range(1, 40):
        store.append(label(number % len(CLIPS)))
    reader = store.database.engine.connect()  # still in the middle of the old file
    reader.exec_driver_sql("SELECT count(*) FROM events").all()
    for turn in ("read", "quiet"):
        path.rename(tmp_path / f"old-{turn}.db")
        shutil.copyfile(tmp_path / "copy.db", path)
        assert len(store.events("p")) == before
        assert store.append(label(1)) and len(store.events("p")) == before + 1
        reader.close()
    store.close()
    counts = {"a": before + 1, "old-read": before + 39, "old-quiet": before + 1}
    for name, count in counts.items():
        with closing(sqlite3.connect(tmp_path / f"{name}.db")) as read:
            assert read.execute("PRAGMA quick_check").fetchall() == [("ok",)]
            assert read.execute("SELECT count(*) FROM events").fetchone() == (count,), name


@pytest.mark.parametrize("endings", [("-wal", "-shm"), ("-wal",), ("-shm",)])
def test_a_log_that_somebody_deletes_loses_nothing(file, tmp_path, endings):
    """What was saved afterwards went with the program; without its index, what it and another program saved."""
    store, path, _ = file
    before = len(store.events("p"))
    for number in range(1, 10):
        store.append(label(number % len(CLIPS)))
        for ending in endings:
            path.with_name(path.name + ending).unlink()
        if number > 7:  # which may fail, and begins a log or an index of its own
            command = [sys.executable, "-m", "bibier", "annotations", "progress", "p", "--store", f"sqlite:///{path}"]
            subprocess.run(command, cwd=ROOT, capture_output=True, timeout=120)
    assert store.append(label(1)) and len(store.events("p")) == before + 10
    shutil.copyfile(path, tmp_path / "killed.db")  # as after a kill, whatever the last log holds
    shutil.copyfile(path.with_name(f"{path.name}-wal"), tmp_path / "killed.db-wal")
    with closing(sqlite3.connect(tmp_path / "killed.db")) as read:
        assert read.execute("SELECT count(*) FROM events").fetchone() == (before + 10,)


def test_a_log_whose_database_was_moved_is_not_overwritten(file, tmp_path):
    """A command made a new database beside it: put back, the old one had lost what was acknowledged."""
    store, path, _ = file
    before = len(store.events("p"))
    for number in range(1, 10):
        store.append(label(number % len(CLIPS)))
    for ending in ("", "-wal"):  # as after a kill
        shutil.copyfile(path.with_name(path.name + ending), tmp_path / f"killed.db{ending}")
    (tmp_path / "killed.db").rename(tmp_path / "away.db")
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="killed.db-wal"):
            Store(f"sqlite:///{tmp_path}/killed.db")
    (tmp_path / "away.db").rename(tmp_path / "killed.db")
    again = Store(f"sqlite:///{tmp_path}/killed.db")
    assert len(again.events("p")) == before + 9
    again.close()


def test_it_is_known_whether_labels_could_be_saved(file, tmp_path, monkeypatch):
    """The health page said that all was well, with the file gone, or another's in its place."""
    store, path, _ = file
    store.check()
    before = path.read_bytes(), store.events("p")
    assert (path.read_bytes(), store.events("p")) == before
    with monkeypatch.context() as short:
        short.setattr("shutil.disk_usage", lambda place: SimpleNamespace(free=9))
        with pytest.raises(StoreUnavailable, match="full"):
            store.check()
    away = [p.rename(tmp_path / f"away-{p.name}") for p in tmp_path.glob("a.db*")]
    with pytest.raises(StoreUnavailable, match="no longer there"):
        store.check()
    for strange in (b"", b"no database at all" * 99):
        path.write_bytes(strange)
        with pytest.raises(StoreUnavailable):
            store.check()
        for p in tmp_path.glob("a.db*"):
            p.unlink()
    for moved in away:
        moved.rename(tmp_path / moved.name.removeprefix("away-"))
    store.check()


def test_a_server_s_database_that_cannot_hold_every_text_is_refused(postgres, monkeypatch):
    """In Latin 1 it took labels until the first note in Cyrillic, which was sent again and again."""
    with sql.create_engine(postgres, isolation_level="AUTOCOMMIT").connect() as connection:
        for name, encoding in (("narrow", "LATIN1"), ("bytes", "SQL_ASCII"), ("wide", "UTF8")):
            connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}'")
    for name, encoding in (("narrow", "LATIN1"), ("bytes", "SQL_ASCII")):
        with pytest.raises(InputError, match=f"{encoding}.*createdb"):
            Store(postgres.replace("/postgres?", f"/{name}?"))
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")  # of a shell that is old
    store = Store(postgres.replace("/postgres?", "/wide?"))
    store.project("p")
    store.add_clips("p", CLIPS)
    store.append(replace(label(1), note="привет 😀"))
    assert [event.note for _, event in store.events("p")] == ["привет 😀"]
    store.close()


def test_a_server_that_restarts(postgres_server):
    url, stop, start = postgres_server
    store = Store(url)
    store.project("restart", wanted=9)
    store.add_clips("restart", CLIPS)
    event = replace(label(), project="restart")
    store.append(event)
    stop()
    try:
        with pytest.raises(InputError, match="database"):
            store.append(replace(label(1), project="restart"))
    finally:
        start()
    assert [e.uuid for _, e in store.events("restart")] == [event.uuid]
    assert store.append(replace(label(1), project="restart")) and len(store.state("restart")) == 2
    store.close()
