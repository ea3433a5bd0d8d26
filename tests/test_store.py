"""The store: the derived state equals a naive model, nothing acknowledged is lost, and both databases behave alike."""

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

from bibier.events import Event
from bibier.labels import named
from bibier.messages import InputError
from bibier.standing import ORDERS, Clip
from bibier.store import Store

ROOT = Path(__file__).resolve().parent.parent
CLIPS = [Clip(f"{i:064x}", f"{i}.wav") for i in range(6)]
COUNT = iter(range(10**9))


def label(clip=0, who="A", kind="label", uuid=None, at=0, **more):
    probs = named(np.eye(7)[at]) if kind in ("label", "propose") else None
    return Event(uuid or f"u{next(COUNT)}", "p", CLIPS[clip].sha256, who, kind, probs, **more)


@pytest.fixture(scope="session")
def postgres():
    """The URL of a server of our own, on a socket in a temporary folder."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin")) or [Path(shutil.which("initdb") or "/-").parent]
    if not (found[-1] / "initdb").exists():
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    as_user = {"user": "nobody", "group": "nogroup", "cwd": folder} if os.getuid() == 0 else {"cwd": folder}
    if os.getuid() == 0:
        shutil.chown(folder, "nobody", "nogroup")

    def call(name, *arguments):
        command = [found[-1] / name, "-D", folder / "data", *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **as_user)

    call("initdb", "-A", "trust", "-U", "test", "-E", "UTF8", "--locale=C")
    call("pg_ctl", "-w", "-l", folder / "log", "-o", f"-k {folder} -c listen_addresses=''", "start")
    yield f"postgresql+psycopg://test@/postgres?host={folder}"
    call("pg_ctl", "-w", "-m", "immediate", "stop")
    shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/a.db"
    url = request.getfixturevalue("postgres")
    engine = sql.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE IF EXISTS events, clips, projects, about")
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
    ((_, kept),) = again.events("p")
    assert replace(kept, time="") == event and kept.time
    assert again.state("p")[event.clip, "A"].note == event.note
    again.close()


ACTS = st.lists(
    st.tuples(st.sampled_from(["label", "skip", "undo", "redo"]), st.sampled_from("AB"), st.integers(0, 5)), max_size=25
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS)
def test_the_state_is_that_of_a_naive_model(acts, tmp_path_factory):
    url = f"sqlite:///{tmp_path_factory.mktemp('db')}/a.db"
    store, pasts = Store(url), {"A": ([], []), "B": ([], [])}
    store.project("p")
    store.add_clips("p", CLIPS)
    for turn, (kind, who, clip) in enumerate(acts):
        done, undone = pasts[who]
        if kind in ("label", "skip"):
            event = label(clip, who, kind, at=turn % 7)
            assert store.append(event) and not store.append(event)
            done.append(event)
            undone.clear()
        else:
            source, goal = (done, undone) if kind == "undo" else (undone, done)
            assert (getattr(store, kind)("p", who) is None) == (not source)
            if source:
                goal.append(source.pop())
    naive = {(e.clip, e.annotator): e.uuid for done, _ in pasts.values() for e in done if e.kind == "label"}
    fresh = Store(url)
    for one in (store, fresh):
        assert {key: value.event for key, value in one.state("p").items()} == naive
        assert one.progress("p", "A")[0] == sum(who == "A" for _, who in naive)
        one.close()


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
    found = {order: store.next("p", "C", order) for order in ORDERS}
    assert [found[o] for o in ("given", "uncertain", "modalities", "people")] == [CLIPS[i] for i in (0, 4, 3, 5)]
    assert found["random"] == store.next("p", "C", "random")
    assert len({store.next("p", name, "random").sha256 for name in "CDEFGHIJKL"}) > 2


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


SAVER = """
import sys
sys.path[:0] = [{root!r}, {tests!r}]
from test_store import Store, label
store = Store({url!r})
for turn in range({start}, 10**6):
    store.append(label(turn % 6, uuid=str(turn)))
    print(turn, flush=True)
"""


def test_no_acknowledged_save_is_lost_by_sigkill(store, url):
    rng, start, told = np.random.default_rng(0), 0, set()
    for _ in range(3):
        code = SAVER.format(root=str(ROOT), tests=str(ROOT / "tests"), url=url, start=start)
        saver = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(rng.integers(5, 15)):
            told.add(saver.stdout.readline().strip())
        saver.send_signal(signal.SIGKILL)
        told |= {line.strip() for line in saver.stdout if line.endswith("\n")}
        saver.wait()
        start = max(map(int, told)) + 2
    kept = [event.uuid for _, event in store.events("p")]
    assert len(told) >= 15 and told <= set(kept) and len(kept) == len(set(kept))


def test_a_newer_schema_a_wrong_url_and_a_lock_are_said_in_words(tmp_path, monkeypatch):
    monkeypatch.setattr("bibier.store.WAIT_SECONDS", 0.2)
    url = f"sqlite:///{tmp_path}/a.db"
    store = Store(url)
    store.project("p")
    store.add_clips("p", CLIPS)
    other = sql.create_engine(url).connect()
    other.exec_driver_sql("BEGIN IMMEDIATE")
    with pytest.raises(InputError, match="locked"):
        store.append(label())
    other.exec_driver_sql("UPDATE about SET version = 99")
    other.exec_driver_sql("COMMIT")
    with pytest.raises(InputError, match="newer"):
        Store(url)
    for wrong in ("nonsense", "mysql://x", f"sqlite:///{tmp_path}/none/a.db"):
        with pytest.raises(InputError):
            Store(wrong)
