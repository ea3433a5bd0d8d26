"""Damaged rows, locks that keep nobody apart, databases of before: noticed, said with the remedy, nothing lost."""

import json
import os
import sqlite3
import threading
from contextlib import closing
from dataclasses import asdict, replace

import numpy as np
import pytest

from bibier import __main__ as command
from bibier.annotation import exports, location
from bibier.annotation.database import Database
from bibier.annotation.events import Event
from bibier.annotation.state import ProjectClip
from bibier.annotation.store import Store, damage_notice
from bibier.annotation.writer_lease import IDLE, LEASE, WriterLease, file_system, keeps_locks
from bibier.errors import InputError, StoreUnavailable
from bibier.labels import named

CLIPS = [ProjectClip(f"{i:064x}", f"{i}.wav", f"words {i}") for i in range(4)]
FORMER = """
CREATE TABLE about (version INTEGER NOT NULL);
CREATE TABLE projects (name TEXT NOT NULL PRIMARY KEY, settings TEXT, moves INTEGER DEFAULT '0' NOT NULL);
CREATE TABLE clips (number INTEGER NOT NULL PRIMARY KEY, project TEXT NOT NULL REFERENCES projects (name),
    sha256 TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (project, sha256));
CREATE TABLE events (number INTEGER NOT NULL PRIMARY KEY, uuid TEXT NOT NULL UNIQUE,
    project TEXT NOT NULL REFERENCES projects (name), body TEXT NOT NULL);
CREATE INDEX ix_events_project ON events (project);
INSERT INTO about VALUES (1);
"""


def label(number, clip=0, who="Ann", at=0):
    return Event(f"e{number}", "p", CLIPS[clip].sha256, who, "label", named(np.eye(7)[at]), note="long " * 20)


@pytest.fixture
def file(tmp_path):
    """A database with two projects of three labels each; `q` stays sound."""
    path = tmp_path / "a.db"
    store = Store(f"sqlite:///{path}")
    for project in "pq":
        store.add_clips(project, CLIPS)
        labels = [replace(label(f"{i}{project}", i), project=project) for i in range(3)]
        assert store.append_all(project, labels) == 3
    store.close()
    return path


def flip(path, table, column, number, byte=30):
    """Flip a bit of a row, as a bad disk does."""
    with closing(sqlite3.connect(path)) as connection:
        (text,) = connection.execute(f"SELECT {column} FROM {table} WHERE number = ?", [number]).fetchone()
        content = bytearray(text.encode())
        content[byte] ^= 1
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE number = ?", [content.decode(), number])
        connection.commit()


def test_a_flipped_bit_is_found_at_the_start_and_the_rest_can_be_read(file, tmp_path, capsys):
    assert Store(f"sqlite:///{file}").damaged() == []
    with closing(sqlite3.connect(file)) as connection:
        ((body,),) = connection.execute("SELECT body FROM events WHERE number = 2")
    flip(file, "events", "body", 2, byte=body.index("1.0"))  # another share of an emotion, still sound JSON
    url = f"sqlite:///{file}"
    store = Store(url)
    assert store.damaged() == [("p", "events 2")] and len(store.state("q")) == 3
    for language in ("en", "ru"):
        assert "--skip-damaged" in damage_notice(store.damaged()).text(language)
    for read in (lambda: store.state("p"), lambda: store.events("p"), lambda: store.append(label(9))):
        with pytest.raises(StoreUnavailable, match="events 2.*--skip-damaged"):
            read()
    store.close()
    rescue = ["annotations", "export", "p", "--store", url, "--format", "events", "-o", str(tmp_path / "rest.jsonl")]
    assert command.main(rescue) == 2 and command.main([*rescue, "--skip-damaged"]) == 0
    assert "events 2" in capsys.readouterr().err
    lines = [json.loads(line) for line in (tmp_path / "rest.jsonl").read_text().splitlines()]
    assert [line["uuid"] for line in lines if "uuid" in line] == ["e0p", "e2p"]
    assert command.main(["annotations", "check", "p", "--store", url]) == 1
    assert "events 2" in capsys.readouterr().out
    patient = Store(url, skip_damaged=True)
    assert len(patient.state("p")) == 2 and patient.append(label(9, 3)) and len(patient.state("p")) == 3
    patient.close()


@pytest.mark.parametrize(
    "table, column, byte",
    [("events", "body", 0), ("events", "writer", 3), ("events", "uuid", 0), ("clips", "body", 90)],
)
def test_a_flipped_bit_anywhere_in_a_row_is_found(file, table, column, byte):
    flip(file, table, column, 1, byte)
    store = Store(f"sqlite:///{file}")
    assert store.damaged() == [("p", f"{table} 1")]
    store.close()


def test_a_damaged_clip_is_left_out_and_comes_back_with_its_import(file):
    flip(file, "clips", "body", 1, 90)
    store = Store(f"sqlite:///{file}", skip_damaged=True)
    assert store.next("p", "Eve") == CLIPS[3] and store.progress("p", "Ann") == (2, 3)
    assert len(exports.snapshot_of(store, "p").labels) == 2
    assert store.add_clips("p", CLIPS) == 1 and store.damaged() == []
    assert store.progress("p", "Ann") == (3, 4) and store.next("p", "Eve", "random") == CLIPS[3]
    store.close()


def test_a_damaged_file_is_said_with_what_to_do(file):
    content = bytearray(file.read_bytes())
    content[4096 : 3 * 4096] = bytes(2 * 4096)
    file.write_bytes(content)
    with pytest.raises(StoreUnavailable, match="keep a copy of the file"):
        Store(f"sqlite:///{file}").damaged()


@pytest.mark.parametrize("table", ["events", "clips"])
def test_a_table_that_is_gone_is_damage_and_not_made_anew(file, table):
    """Everybody's labels were gone, and `check` had nothing to say."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(f"DROP TABLE {table}")
        connection.commit()
    with pytest.raises(StoreUnavailable, match=f"damaged .{table}"):
        Store(f"sqlite:///{file}")


@pytest.mark.parametrize("stamped", [False, True])
def test_a_database_of_before_is_read_and_written(tmp_path, stamped):
    """Rows without stamps and hashes keep their order; a former program that still runs writes such rows too."""
    path = tmp_path / "old.db"
    clip = asdict(CLIPS[0])
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(FORMER)
        connection.execute("INSERT INTO projects (name, settings) VALUES ('p', '{}')")
        connection.execute("INSERT INTO clips VALUES (1, 'p', ?, ?)", [CLIPS[0].sha256, json.dumps(clip)])
        for i in range(3):
            row = [f"e{i}", replace(label(i, at=i), time="2026-01-01T00:00:00+00:00").to_json()]
            connection.execute("INSERT INTO events (uuid, project, body) VALUES (?, 'p', ?)", row)
        connection.commit()
        store = Store(f"sqlite:///{path}")
        assert store.damaged() == [] and store.state("p")[CLIPS[0].sha256, "Ann"].event == "e2"
        assert store.undo("p", "Ann").target == "e2" and store.state("p")[CLIPS[0].sha256, "Ann"].event == "e1"
        if stamped:
            row = ["e3", replace(label(3, at=3), time="2026-01-01T00:00:00+00:00").to_json()]
            connection.execute("INSERT INTO events (uuid, project, body) VALUES (?, 'p', ?)", row)
            connection.commit()
    assert store.append(label(4, at=4)) and store.damaged() == []
    fresh = Store(f"sqlite:///{path}")
    assert store.state("p") == fresh.state("p") and store.state("p")[CLIPS[0].sha256, "Ann"].event == "e4"
    order = [event.uuid for _, event in store.events("p") if event.kind == "label"]
    assert order == ["e0", "e1", "e2", *(["e3"] if stamped else []), "e4"]
    assert fresh.undo("p", "Ann").target == "e4"
    for each in (store, fresh):
        each.close()


# --- places without locks --------------------------------------------------------------------------------------------


def test_where_no_lock_keeps_programs_apart_one_writes_and_nothing_acknowledged_is_lost(tmp_path):
    """SQLite without any locks, as on a mounted bucket: two stores at once."""
    url = f"sqlite:///file:{tmp_path}/a.db?vfs=unix-none&uri=true"
    first = Store(url, journal_mode="DELETE")
    first.add_clips("p", CLIPS)
    second = Store(url, journal_mode="DELETE")
    assert len(second.clips("p")) == len(CLIPS)  # reading is nobody's harm
    saved, refused = [], []

    def save(store, name):
        for turn in range(25):
            try:
                store.append(label(f"{name}{turn}", turn % 4, who=name))
                saved.append(f"e{name}{turn}")
            except StoreUnavailable as error:
                assert error.key == "store-other-writer"
                refused.append(turn)

    threads = [threading.Thread(target=save, args=pair) for pair in ((first, "A"), (second, "B"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(saved) == len(refused) == 25
    assert sorted(saved) == sorted(event.uuid for _, event in first.events("p"))
    first.close()
    assert second.append(label("late", who="B"))  # the other has left
    second.close()


def test_a_writer_that_was_killed_is_waited_for_once(tmp_path):
    time = [0.0]
    dead, other, third = (WriterLease(tmp_path / "a.db", name, lambda: time[0]) for name in ("aa", "bb", "cc"))
    dead.hold()
    for time[0] in (1.0, LEASE / 2, LEASE):
        with pytest.raises(StoreUnavailable, match="Another program writes"):
            other.hold()
    time[0] = 1.0 + LEASE
    other.hold()
    other.hold()
    with pytest.raises(StoreUnavailable):
        third.hold()
    with pytest.raises(StoreUnavailable):
        dead.hold()  # it was only asleep
    dead.release()
    with pytest.raises(StoreUnavailable):
        third.hold()
    other.release()
    third.hold()


def test_a_program_that_begins_after_a_killed_one_need_not_wait(tmp_path):
    """A command is a new program each time: it goes by the age of the other's word."""
    dead = WriterLease(tmp_path / "a.db", "aa")
    dead.hold()
    with pytest.raises(StoreUnavailable):
        WriterLease(tmp_path / "a.db", "bb").hold()
    before = dead.place.stat().st_mtime - IDLE - 1
    os.utime(dead.place, (before, before))
    WriterLease(tmp_path / "a.db", "cc").hold()
    with pytest.raises(StoreUnavailable):
        dead.hold()


def test_places_without_locks_are_known_by_their_file_system(tmp_path, monkeypatch):
    mounts = tmp_path / "mounts"
    bucket = tmp_path / "a bucket"
    bucket.mkdir()
    place = str(bucket).replace(" ", "\\040")
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nb {place} fuse.gcsfuse rw 0 0\n")
    assert file_system(tmp_path, mounts) == "ext4" and file_system(bucket / "x", mounts) == "fuse.gcsfuse"
    assert keeps_locks(tmp_path)
    monkeypatch.setattr("bibier.annotation.writer_lease.file_system", lambda folder: "nfs4")
    assert not keeps_locks(tmp_path)
    store = Store(f"sqlite:///{tmp_path}/a.db")
    store.project("p")
    assert not (tmp_path / "a.db-wal").exists() and (tmp_path / "a.db.writer").exists()
    store.close()


# --- addresses and names ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "nonsense", "sqlite", "sqlite:", "sqlite:/", "sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:////",
        "sqlite:///.", "sqlite:///none/a.db", "sqlite:///\0.db", "sqlite:///file:a.db?mode=memory&uri=true",
        "sqlite+aiosqlite:///a.db", "sqlite+pysqlcipher:///a.db", "sqlite://host/a.db",
        "postgresql://h/x", "postgresql+psycopg://", "postgresql+psycopg://h:99999/x", "postgresql+asyncpg://h/x",
        "postgresql+psycopg://127.0.0.1:1/x?connect_timeout=x", "postgresql+psycopg://127.0.0.1:1/x?nonsense=1", "://",
        "sqlite:///" + "x" * 5000, "mysql://h/x", "sqlite:///a.db?timeout=long", "postgresql+psycopg://127.0.0.1:1/x",
    ],
)  # fmt: skip
def test_a_database_that_cannot_be_used_is_one_sentence(url, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert command.main(["annotations", "progress", "p", "--store", url]) == 2
    shown = capsys.readouterr().err
    assert "Traceback" not in shown and len(shown.splitlines()) <= 2


@pytest.mark.parametrize("version", ["one", b"\1"])
def test_a_version_that_is_no_number_is_a_damaged_file(tmp_path, version):
    Store(f"sqlite:///{tmp_path}/a.db").close()
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        connection.execute("UPDATE about SET version = ?", [version])
        connection.commit()
    with pytest.raises(StoreUnavailable) as refused:
        Store(f"sqlite:///{tmp_path}/a.db")
    assert refused.value.key == "store-malformed"


def test_what_a_server_says_of_itself_is_told_no_visitor(tmp_path):
    store = Store(f"sqlite:///{tmp_path}/a.db")

    class Driver(Exception):
        sqlstate = "57P01"

    from sqlalchemy.exc import DBAPIError

    reason = 'connection to server at "db.internal" (10.0.0.5), port 5432 failed: FATAL: no user "anna"'
    store.database.__class__ = type("Server", (Database,), {"is_file": False})
    for language in ("en", "ru"):
        shown = store.database._unavailable(DBAPIError("SELECT", {}, Driver(reason))).text(language)
        assert "57P01" in shown and not any(word in shown for word in ("db.internal", "10.0.0.5", "anna"))
    store.close()


@pytest.mark.parametrize("name", ["", "a\0b", "a\nb", "a\x1b[31mb", "a\u202eb", "a\ud800", "x" * 201])
def test_a_project_s_name_holds_nothing_that_cannot_be_seen(tmp_path, name):
    store = Store(f"sqlite:///{tmp_path}/a.db")
    for make in (lambda: store.project(name), lambda: store.add_clips(name, CLIPS)):
        with pytest.raises(InputError, match="can't be called") as error:
            make()
        assert error.value.text("ru").encode().decode().isprintable()
        with pytest.raises(InputError):
            store.clips(name)
    assert store.projects() == {}
    store.close()


def test_the_app_refuses_a_database_in_memory():
    with pytest.raises(InputError, match="in memory"):
        location.resolve_location({}, "sqlite:///:memory:")
    assert location.resolve_location({}, "sqlite:///a.db").url == "sqlite:///a.db"
