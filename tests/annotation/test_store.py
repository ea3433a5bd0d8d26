"""The store: the derived state equals a naive model, nothing acknowledged is lost, and both databases behave alike."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sql
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bibier.annotation.entries import LogEntry
from bibier.annotation.events import Event
from bibier.annotation.location import without_password
from bibier.annotation.merging import Copy, merge, removal_line
from bibier.annotation.project_settings import SETTINGS
from bibier.annotation.state import ORDERS, ProjectClip
from bibier.annotation.store import Store
from bibier.errors import InputError
from bibier.labels import named
from bibier.ui.annotate.handlers import AnnotateHandlers

ROOT = Path(__file__).resolve().parents[2]
CLIPS = [ProjectClip(f"{i:064x}", f"{i}.wav") for i in range(6)]
COUNT = iter(range(10**9))


def label(clip=0, who="A", kind="label", uuid=None, at=0, **more):
    probs = named(np.eye(7)[at]) if kind in ("label", "propose") else None
    return Event(uuid or f"u{next(COUNT)}", "p", CLIPS[clip].sha256, who, kind, probs, **more)


@pytest.fixture(scope="session")
def postgres_server():
    """A server of our own, on a socket in a temporary folder: its URL, how to stop it, how to start it again."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin")) or [Path(shutil.which("initdb") or "/-").parent]
    if not (folders[-1] / "initdb").exists():
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    as_user = {"user": "nobody", "group": "nogroup", "cwd": folder} if os.getuid() == 0 else {"cwd": folder}
    if os.getuid() == 0:
        shutil.chown(folder, "nobody", "nogroup")

    def call(name, *arguments):
        command = [folders[-1] / name, "-D", folder / "data", *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **as_user)

    call("initdb", "-A", "trust", "-U", "test", "-E", "UTF8", "--locale=C")

    def start():
        call("pg_ctl", "-w", "-l", folder / "log", "-o", f"-k {folder} -c listen_addresses=''", "start")

    def stop():
        call("pg_ctl", "-w", "-m", "immediate", "stop")

    start()
    yield f"postgresql+psycopg://test@/postgres?host={folder}", stop, start
    stop()
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres(postgres_server):
    return postgres_server[0]


@pytest.fixture(params=["sqlite", "postgres"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/a.db"
    url = request.getfixturevalue("postgres")
    engine = sql.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE IF EXISTS removals, events, clips, projects, about")
    engine.dispose()
    return url


@pytest.fixture
def store(url):
    store = Store(url)
    store.project("p", wanted=2)
    store.add_clips("p", CLIPS)
    yield store
    store.close()


def test_a_save_outlives_the_store_and_its_repeat_is_harmless(store, url):
    event = label(note="${x} <script> ы", confidence=0.5)
    assert store.append(event) and not store.append(event)
    with pytest.raises(InputError, match="already"):
        store.append(replace(event, note="other"))
    store.close()
    again = Store(url)
    ((_, saved),) = again.events("p")
    assert replace(saved, time="") == event and saved.time
    assert again.state("p")[event.clip, "A"].note == event.note
    again.close()


ACTS = st.lists(
    st.tuples(st.sampled_from(["label", "skip", "undo", "redo"]), st.sampled_from("ABC"), st.integers(0, 5)),
    max_size=25,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS)
def test_the_state_is_that_of_a_naive_model(store, url, acts):
    project, pasts = f"q{next(COUNT)}", {name: ([], []) for name in "ABC"}
    store.project(project)
    store.add_clips(project, CLIPS)
    for turn, (kind, who, clip) in enumerate(acts):
        done, undone = pasts[who]
        if kind in ("label", "skip"):
            event = replace(label(clip, who, kind, at=turn % 7), project=project)
            assert store.append(event) and not store.append(event)
            done.append(event)
            undone.clear()
        else:
            source, goal = (done, undone) if kind == "undo" else (undone, done)
            assert (getattr(store, kind)(project, who) is None) == (not source)
            if source:
                goal.append(source.pop())
    naive = {(e.clip, e.annotator): e.uuid for done, _ in pasts.values() for e in done if e.kind == "label"}
    fresh = Store(url)
    for each in (store, fresh):
        assert {key: value.event for key, value in each.state(project).items()} == naive
        assert each.progress(project, "A")[0] == sum(who == "A" for _, who in naive)
    fresh.close()


def test_everybody_has_a_queue_and_skipped_clips_come_last(store):
    store.append(label(0, "A", "skip", note="noise"))
    assert store.next("p", "A") == CLIPS[1] and store.next("p", "B") == CLIPS[0]
    for clip in range(1, 6):
        store.append(label(clip, "A"))
    assert store.next("p", "A") == CLIPS[0] and store.progress("p", "A") == (5, 6)
    store.append(label(1, "B"))
    assert store.next("p", "C") == CLIPS[0]
    for clip in (2, 3, 4, 5, 0):
        store.append(label(clip, "B"))
    assert store.next("p", "C") == CLIPS[0] and store.progress("p", "C") == (0, 1)
    store.append(label(0, "A"))
    assert store.next("p", "C") is None and store.next("p", "A") is None


def test_orders(store):
    even = named(np.full(7, 1 / 7))
    store.append(replace(label(4, "", "propose", source="model:m/audio"), probs=even))
    store.append(label(3, "", "propose", source="model:m/audio", at=1))
    store.append(label(3, "", "propose", source="model:m/text", at=2))
    store.append(label(5, "A", at=1))
    store.append(label(5, "B", at=2))
    store.project("p", wanted=3)
    first = {order: store.next("p", "C", order) for order in ORDERS}
    assert [first[o] for o in ("given", "uncertain", "modalities", "people")] == [CLIPS[i] for i in (0, 4, 3, 5)]
    assert first["random"] == store.next("p", "C", "random")
    assert len({store.next("p", name, "random").sha256 for name in "CDEFGHIJKL"}) > 2


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_share_of_the_turns_is_random(tmp_path, share):
    store, count = Store(f"sqlite:///{tmp_path}/a.db"), 200
    store.project("p", order="uncertain", share=share, wanted=1)
    clips = [ProjectClip(f"{i:064x}", f"{i}.wav") for i in range(count)]
    store.add_clips("p", clips)
    for i, clip in enumerate(clips):  # the later, the less certain
        probs = named(np.array([1 - i / 300, *[i / 1800] * 6]))
        store.append(Event(f"p{i}", "p", clip.sha256, "", "propose", probs, source="model:m/audio"))
    left, odd = set(range(count)), 0
    for turn in range(100):
        index = clips.index(store.next("p", "A"))
        odd += index != max(left)
        left.remove(index)
        store.append(Event(f"l{turn}", "p", clips[index].sha256, "A", "label", named(np.eye(7)[0])))
    assert share == 0 and odd == 0 or abs(odd / 100 - share) < 0.13
    store.close()


def test_a_moved_clip_is_seen_by_everybody(store, url):
    second_store = Store(url)
    assert second_store.clips("p") == CLIPS
    store.add_clips("p", [replace(CLIPS[2], path="elsewhere.wav")])
    for each in (store, second_store):
        assert each.clips("p")[2].path == "elsewhere.wav" and len(each.clips("p")) == len(CLIPS)
    second_store.append(label(2))
    assert store.state("p")[CLIPS[2].sha256, "A"] and store.next("p", "A") == CLIPS[0]
    second_store.close()


def test_undo_out_of_turn_and_strangers_are_refused(store):
    first, second = label(0), label(1)
    store.append(first)
    store.append(second)
    with pytest.raises(InputError):
        store.append(label(0, kind="undo", target=first.uuid))
    with pytest.raises(InputError):
        store.append(replace(first, uuid="x", clip="f" * 64))
    with pytest.raises(InputError):
        store.append(replace(first, uuid="x", project="q"))
    with pytest.raises(InputError):
        store.project("p", wanted=0)
    assert len(store.events("p")) == 2


def test_eight_at_once(store, url):
    def work(who):
        own = Store(url)
        for turn in range(6):
            own.append(label(turn, who, uuid=f"{who}{turn}", note=who))
        own.close()

    threads = [threading.Thread(target=work, args=(f"P{i}",)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = store.events("p")
    assert sorted(e.uuid for _, e in events) == sorted(f"P{i}{t}" for i in range(8) for t in range(6))
    assert all(e.note == e.annotator == e.uuid[:-1] for _, e in events) and len(store.state("p")) == 48


def test_many_events_are_appended_in_one_transaction_all_or_none(store):
    events = [label(i % 6, "AB"[i % 2], at=i % 7) for i in range(40)]
    statements = listen_to(store)
    assert store.append_all("p", events) == 40 and store.append_all("p", [*events, more := label(1, "C")]) == 1
    assert commits(statements) == 2 and len(statements) < 40
    assert [event.uuid for _, event in store.events("p")] == [event.uuid for event in [*events, more]]
    before = store.state("p")
    for wrong in (label(0, kind="undo", target="x"), replace(label(), clip="f" * 64), replace(label(), project="q")):
        with pytest.raises(InputError):
            store.append_all("p", [label(2), wrong])
    with pytest.raises(InputError, match="already"):
        store.append_all("p", [replace(more, note="other")])
    assert store.state("p") == before and len(store.events("p")) == 41 and store.append(label(3))
    fresh = Store(store.database.engine.url.render_as_string(hide_password=False))
    assert fresh.state("p") == store.state("p")
    fresh.close()


def test_reading_writes_nothing_and_a_save_is_one_short_transaction(store):
    handlers, points = AnnotateHandlers(store), [100, 0, 0, 0, 0, 0, 0]
    sent = {"project": "p", "annotator": "A", "clip": CLIPS[0].sha256, "points": points, "note": "", "seconds": 1}
    handlers.open(sent)
    statements = listen_to(store)
    for act in (handlers.open, handlers.visit):
        act(sent)
    store.state("p"), store.next("p", "A"), store.progress("p", "A"), store.projects(), store.events("p")
    assert not any("IMMEDIATE" in text or "INSERT" in text or "FOR UPDATE" in text for text in statements)
    statements.clear()
    assert handlers.save(sent | {"uuid": "one"})["done"] == 1
    assert commits(statements) == 1 and len(statements) <= 12, statements


def test_a_copy_comes_back_into_either_database(store):
    """Older entries stand under newer ones, one id of two acts becomes two, and what was deleted stays so."""
    mine = label(0, at=1)
    store.append(mine)
    assert store.remove_clip("p", CLIPS[5].sha256) and store.removed("p") == {CLIPS[5].sha256}
    entries = [
        LogEntry(label(0, at=2, uuid="older"), 5, "aa"),
        LogEntry(label(1, "B", at=3, uuid=mine.uuid), 6, "aa"),
        LogEntry(label(2, "B", "skip", uuid="skip"), 7, "bb"),
    ]
    for _ in range(2):
        copy = Copy()
        copy.read([*(json.dumps({"clip": vars(clip)}) for clip in CLIPS), *(entry.to_json() for entry in entries)])
        copy.read(["no line", removal_line(CLIPS[4].sha256)])
        assert merge(store, copy, unseen_by=store.writer) == 1
    assert [event.uuid for _, event in store.events("p")][:3] == ["older", mine.uuid, "skip"]
    state = store.state("p")
    assert len(store.events("p")) == 4 and state[CLIPS[0].sha256, "A"].probs == mine.probs
    assert state[CLIPS[1].sha256, "B"].event == mine.uuid and store.damaged() == []
    assert store.clips("p") == CLIPS[:4]
    assert store.add_clips("p", CLIPS[4:]) == 2 and store.removed("p") == set()


def listen_to(store) -> list[str]:
    """Return the statements that a store sends from now on, and a line for each commit."""
    statements: list[str] = []
    engine = store.database.engine
    sql.event.listen(engine, "before_cursor_execute", lambda *facts: statements.append(facts[2]))
    sql.event.listen(engine, "commit", lambda connection: statements.append("committed"))
    return statements


def commits(statements) -> int:
    """Count the transactions that wrote."""
    wrote, count = False, 0
    for text in statements:
        wrote |= text.startswith(("INSERT", "UPDATE", "DELETE"))
        if text == "committed":
            count, wrote = count + wrote, False
    return count


SAVER = """
import sys
sys.path[:0] = [{root!r}, {tests!r}]
from tests.annotation.test_store import Store, label
store = Store({url!r})
for turn in range({start}, 10**6):
    store.append(label(turn % 6, uuid=str(turn)))
    print(turn, flush=True)
"""


def test_no_acknowledged_save_is_lost_by_sigkill(store, url):
    rng, start, acknowledged = np.random.default_rng(0), 0, set()
    for _ in range(3):
        code = SAVER.format(root=str(ROOT), tests=str(ROOT / "tests"), url=url, start=start)
        saver = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(rng.integers(5, 15)):
            acknowledged.add(saver.stdout.readline().strip())
        saver.send_signal(signal.SIGKILL)
        with saver:
            acknowledged |= {line.strip() for line in saver.stdout if line.endswith("\n")}
        start = max(map(int, acknowledged)) + 2
    saved = [event.uuid for _, event in store.events("p")]
    assert len(acknowledged) >= 15 and acknowledged <= set(saved) and len(saved) == len(set(saved))


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


@pytest.mark.parametrize(
    "settings, expected",
    [
        ({"proposals": "seen"}, "hidden, shown"),
        ({"wanted": 0}, "1, 2, …"),
        ({"wanted": True}, "1, 2, …"),
        ({"wanted": 2.0}, "1, 2, …"),
        ({"order": "worst"}, "given, random, uncertain, modalities, people"),
        ({"share": 1.5}, "0 … 1"),
        ({"share": float("nan")}, "0 … 1"),
        ({"share": "0.5"}, "0 … 1"),
        ({"seed": 0.5}, "0, 1, …"),
        ({"colour": "red"}, ", ".join(SETTINGS)),
    ],
)
def test_a_setting_out_of_range_is_named_with_its_value_and_what_is_expected(store, settings, expected):
    ((name, value),) = settings.items()
    before = store.project("p")
    with pytest.raises(InputError) as error:
        store.project("p", **settings)
    assert error.value.message.values == {"setting": name, "value": str(value), "expected": expected}
    assert store.project("p") == before


def test_settings_are_kept_as_they_were_given(store):
    chosen = {"proposals": "shown", "wanted": 3, "order": "random", "share": 1, "seed": -7}
    assert store.project("p", **chosen) == SETTINGS | chosen and type(store.projects()["p"]["share"]) is int


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
        with pytest.raises(InputError, match="no longer there"):
            act()
    assert not path.exists()
    for moved in away:
        moved.rename(tmp_path / moved.name.removeprefix("away-"))
    assert store.append(label(3)) and len(store.state("p")) == 4
    for p in tmp_path.glob("a.db*"):
        p.unlink()
    copy.rename(path)  # a backup from before the last two
    assert len(store.state("p")) == 2 and store.append(label(4)) and len(store.events("p")) == 3


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
