"""The store: the derived state equals a naive model, nothing acknowledged is lost, and both databases behave alike."""

import gc
import json
import signal
import subprocess
import sys
import threading
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import sqlalchemy as sql
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bibier.annotation.database import CACHE
from bibier.annotation.entries import LogEntry
from bibier.annotation.events import Event
from bibier.annotation.merging import Copy, merge, removal_line
from bibier.annotation.state import ProjectClip
from bibier.annotation.store import Store
from bibier.errors import InputError
from bibier.labels import named
from bibier.ui.annotate.handlers import AnnotateHandlers
from tests.annotation import stores
from tests.annotation.stores import CLIPS, COUNT, ROOT, label

store, url = stores.store, stores.url  # fixtures


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
    assert handlers.save(sent | {"uuid": "00000000-0000-4000-8000-000000000001"})["done"] == 1
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
        copy.read([*(json.dumps({"clip": clip.content()}) for clip in CLIPS), *(entry.to_json() for entry in entries)])
        copy.read(["no line", removal_line(CLIPS[4].sha256)])
        assert merge(store, copy, unseen_by=store.writer) == 1
    assert [event.uuid for _, event in store.events("p")][:3] == ["older", mine.uuid, "skip"]
    state = store.state("p")
    assert len(store.events("p")) == 4 and state[CLIPS[0].sha256, "A"].probs == mine.probs
    assert state[CLIPS[1].sha256, "B"].event == mine.uuid and store.damaged() == []
    assert store.clips("p") == CLIPS[:4]
    assert store.add_clips("p", CLIPS[4:]) == 2 and store.removed("p") == set()


def test_what_is_read_shares_its_names(store, url):
    """Ten thousand labels have one project, some people and seven emotions, and each the hash of a clip."""
    store.append_all("p", [label(clip, who, note=f"{clip}") for who in "AB" for clip in range(3)])
    store.close()
    again = Store(url)
    events, clips = [event for _, event in again.events("p")], {clip.sha256: clip for clip in again.clips("p")}
    assert len(events) == 6
    for name in ("project", "kind", "source"):
        assert len({id(getattr(event, name)) for event in events}) == 1
    assert len({id(event.annotator) for event in events}) == 2
    assert len({id(emotion) for event in events for emotion in event.distribution}) == 7
    assert all(event.clip is clips[event.clip].sha256 for event in events)
    again.close()


def test_what_is_read_shares_its_whole_points_and_keeps_other_shares(store, url):
    points = named(np.array([16, 14, 14, 14, 14, 14, 14]) / 100)
    odd = named(np.full(7, 1 / 7))
    given = [replace(label(clip), probs=points) for clip in range(3)] + [replace(label(3), probs=odd)]
    store.append_all("p", given)
    store.close()
    again = Store(url)
    read = [event.distribution for _, event in again.events("p")]
    assert read == [points, points, points, odd]
    assert len({id(share) for probs in read[:3] for share in probs.values()}) == 2
    again.close()


def test_a_labelled_clip_takes_little_memory(tmp_path):
    """Ten thousand of them are to leave the app below 400 MB."""
    clips = [ProjectClip(f"{i:064x}", f"/clips/{i:06d}.wav", "I am so happy to see you") for i in range(400)]
    probs = [named(points / 100) for points in np.random.default_rng(0).multinomial(100, np.ones(7) / 7, len(clips))]
    filled = Store(f"sqlite:///{tmp_path}/a.db")
    filled.add_clips("p", clips)
    filled.append_all(
        "p", [Event(f"{i:036x}", "p", clip.sha256, f"P{i % 8}", "label", probs[i]) for i, clip in enumerate(clips)]
    )
    filled.close()
    store = Store(f"sqlite:///{tmp_path}/a.db")
    store.projects()  # what SQLAlchemy keeps of its first statements
    gc.collect()
    tracemalloc.start()
    with store.reading("p") as log:
        assert len(log.state.labels) == len(clips) and not log.state.decisions
    gc.collect()
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert taken / len(clips) < 2000  # bytes
    store.close()


def test_a_connection_keeps_few_pages(tmp_path):
    """Forty of them may be open, and the system keeps the file as well."""
    store = Store(f"sqlite:///{tmp_path}/a.db")
    with store.database.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA cache_size").scalar() == -CACHE
    store.close()


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
from bibier.annotation.store import Store
from tests.annotation.stores import label
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
