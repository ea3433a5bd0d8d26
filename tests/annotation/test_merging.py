"""Stores that copy to one dataset: in whatever order copies come back, the state is one and nothing is lost."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bibier.annotation.backup import Backup, read_folder
from bibier.annotation.entries import LogEntry, reconcile
from bibier.annotation.events import Event
from bibier.annotation.merging import merge
from bibier.annotation.state import ProjectClip
from bibier.annotation.store import Store
from bibier.labels import named

CLIPS = [ProjectClip(f"{i:064x}", f"{i}.wav", f"words {i}") for i in range(3)]


class Dataset:
    """The files of a dataset, and the part of `HfApi` that writes them."""

    def __init__(self, folder):
        self.folder, self.count = folder, 0

    def create_repo(self, *_, **__):
        pass

    def repo_info(self, *_, **__):
        return self

    private = True

    def create_commit(self, _, acts, **__):
        for act in acts:
            path = self.folder / act.path_in_repo
            path.parent.mkdir(parents=True, exist_ok=True)
            assert not path.exists(), "a copy is never written over"
            path.write_bytes(act.path_or_fileobj)

    def copies(self):
        return [read_folder(folder) for folder in sorted((self.folder / "events").glob("*"))]


class Container:
    """A store with its copies; `restore` is what a start does."""

    def __init__(self, dataset, path, clock, project=True):
        self.store, self.dataset = Store(f"sqlite:///{path}", clock=clock), dataset
        self.backup = Backup(self.store, "me/kept", dataset)
        if project:
            self.store.add_clips("p", CLIPS)

    def restore(self, backwards=False):
        for copy in self.dataset.copies():
            if backwards:
                copy.entries.reverse()
            self.backup.take(copy)

    def copy(self):
        copied, errors = self.backup._copy()
        assert not errors, errors[0]
        return copied


def label(clip, who, uuid, at=0, **rest):
    return Event(uuid, "p", CLIPS[clip].sha256, who, "label", named(np.eye(7)[at]), **rest)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["label", "label", "skip", "undo", "redo", "copy", "restore", "clock", "again"]),
        st.integers(0, 1),  # which container
        st.sampled_from("AB"),
        st.integers(0, 2),
    ),
    max_size=30,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
@example(
    steps=[
        *(("label", 0, "A", 0), ("label", 1, "A", 0), ("label", 1, "A", 0), ("copy", 1, "A", 0), ("clock", 0, "A", 0)),
        *(("again", 0, "A", 0), ("restore", 0, "A", 0)),
    ]
)
def test_any_interleaving_of_two_stores_comes_back_to_one_state_and_nothing_is_lost(tmp_path_factory, steps):
    folder, time = tmp_path_factory.mktemp("merge"), [1000.0]
    dataset = Dataset(folder)
    two = [Container(dataset, folder / f"{name}.db", lambda: time[0]) for name in "ab"]
    last = label(0, "A", "first")
    acknowledged = set()
    for turn, (kind, which, who, clip) in enumerate(steps):
        here = two[which]
        time[0] += 1
        if kind in ("label", "skip"):
            last = label(clip, who, f"{turn}", turn % 7)
            last = last if kind == "label" else replace(last, kind="skip", probs=None)
            here.store.append(last)
            acknowledged.add(last.uuid)
        elif kind == "again":  # a page got no answer, and sends the same save to the other container
            for each in two:
                each.store.known([last.uuid]) or each.store.append(last)
            acknowledged.add(last.uuid)
        elif kind in ("undo", "redo"):
            step = getattr(here.store, kind)("p", who)
            acknowledged |= {step.uuid} if step else set()
        elif kind == "clock":
            time[0] -= 500  # steps back
        else:
            getattr(here, kind)()
    for each in two:
        each.copy()
    for each in two:
        each.restore()
        each.copy()
    fresh = [Container(dataset, folder / f"{name}.db", lambda: 0.0, project=False) for name in "cd"]
    for each, backwards in zip(fresh, (False, True), strict=True):
        each.restore(backwards)
        each.restore()
    if not acknowledged:
        return
    stores = [each.store for each in (*two, *fresh)]
    states = [store.state("p") for store in stores]
    assert all(state == states[0] for state in states)
    logs = [[event.uuid for _, event in store.events("p")] for store in stores]
    assert all(log == logs[0] for log in logs) and acknowledged <= set(logs[0])
    for store in stores:
        store.close()


@pytest.fixture
def dataset(tmp_path):
    return Dataset(tmp_path)


def test_an_act_that_was_sent_to_two_stores_stands_under_one_stamp_everywhere(dataset):
    """The second store's clock is behind, and it meets the first's copy before its own save was copied."""
    first, second = (container(dataset, name, time) for name, time in (("a", 1000.0), ("b", 500.0)))
    for name in ("one", "two"):
        first.store.append(label(0, "A", name))
    first.copy()
    second.store.append(label(0, "A", "two"))  # the page had no answer, and sent it again
    second.restore()
    second.copy()
    first.restore()
    fresh = container(dataset, "c", 0.0)
    fresh.restore()
    logs = [[event.uuid for _, event in each.store.events("p")] for each in (first, second, fresh)]
    assert logs == [logs[0]] * 3 and sorted(logs[0]) == ["one", "two"]
    assert first.store.state("p") == second.store.state("p") == fresh.store.state("p")


def container(dataset, name, time=1000.0, **rest):
    return Container(dataset, dataset.folder / f"{name}.db", lambda: time, **rest)


def test_an_undo_that_came_between_the_saves_of_another_store_ends_no_restore(dataset):
    """Two containers overlap at a deployment: the new one undoes what the old one has built upon."""
    old = container(dataset, "old")
    old.store.append(label(0, "Ann", "one"))
    old.copy()
    new = container(dataset, "new", project=False)
    new.restore()
    old.store.append(label(1, "Ann", "two"))
    new.store.undo("p", "Ann")
    new.copy()
    old.copy()
    third = container(dataset, "third", project=False)
    third.restore()
    assert {clip for clip, _ in third.store.state("p")} == {CLIPS[1].sha256} and len(third.store.events("p")) == 3


def test_a_late_restore_puts_no_old_label_over_a_newer_one(dataset):
    """What was saved before the copies could be read was saved after them, though its clock is a year behind."""
    old = container(dataset, "old", time=1e9)
    for turn in range(3):
        old.store.append(label(0, "Ann", f"old {turn}", at=0))
    old.copy()
    new = container(dataset, "new", time=1e9 - 3e7)
    new.store.append(label(0, "Ann", "new", at=3))
    new.restore()
    assert new.store.state("p")[CLIPS[0].sha256, "Ann"].event == "new"
    new.copy()
    third = container(dataset, "third", project=False)
    third.restore()
    assert third.store.state("p") == new.store.state("p")


def test_a_line_that_cannot_be_read_and_another_project_hold_nothing_up(dataset):
    here = container(dataset, "a")
    here.store.append(label(0, "Ann", "one"))
    here.store.add_clips("q", CLIPS[:1])
    here.store.append(replace(label(0, "Ann", "two"), project="q"))
    here.copy()
    for path in (dataset.folder / "events").rglob("*.jsonl"):
        stray = LogEntry(replace(label(2, "Eve", "stray"), clip="f" * 64)).to_json()
        path.write_bytes(path.read_bytes() + b'{"uuid": \xff\n[]\n' + stray.encode() + b"\n")
    there = container(dataset, "b", project=False)
    left = [merge(there.store, copy) for copy in dataset.copies()]
    assert left == [3, 3]
    assert [e.uuid for name in "pq" for _, e in there.store.events(name)] == ["one", "two"]


def test_one_act_under_two_stamps_stands_once_and_two_acts_under_one_id_both_stand(dataset):
    first, second = LogEntry(label(0, "Ann", "u", time="2026-01-01T00:00:00+00:00"), 5, "a"), label(1, "Ann", "u", at=2)
    again = replace(first, counter=7, writer="b", event=replace(first.event, time="2026-01-02T00:00:00+00:00"))
    other = LogEntry(second, 6, "b")
    for order in ([first, again, other], [other, again, first]):
        one, two = reconcile(order)
        assert one == first and two.event == replace(second, uuid=two.event.uuid) and two.event.uuid != "u"
    assert reconcile(reconcile([first, other])) == reconcile([other, first])


def test_only_what_a_person_worked_on_is_copied_and_what_was_deleted_stays_so(dataset):
    here = container(dataset, "a")
    propose = replace(label(1, "", "m"), kind="propose", source="model:tiny")
    here.store.append(propose)
    assert not here.copy()
    here.store.append(label(0, "Ann", "one"))
    assert here.copy() and "words 1" not in written(dataset)
    here.store.append(label(1, "Ann", "two"))
    assert here.copy() and '"m"' in written(dataset)  # the proposal goes with the first label

    # A copy that a former version made holds the words of a recording that is then deleted.
    (room,) = (dataset.folder / "events").glob("*")
    lines = [json.dumps({"clip": asdict(CLIPS[2])}), replace(propose, uuid="m2", clip=CLIPS[2].sha256).to_json()]
    (room / "0.jsonl").write_text("\n".join(lines), encoding="utf-8")
    back = container(dataset, "b", project=False)
    back.backup.restored = True
    back.restore()
    back.backup.words = {("p", CLIPS[2].sha256)}
    assert back.store.remove_clip("p", CLIPS[2].sha256) and back.copy() and not back.copy()
    for name in "cd":
        later = container(dataset, name, project=False)
        later.restore()
        assert {clip.sha256 for clip in later.store.clips("p")} == {clip.sha256 for clip in CLIPS[:2]}
        assert len(later.store.events("p")) == 3
    # The first container still had it, and a person has worked on it there: that is not lost.
    here.store.append(label(2, "Ann", "three"))
    here.copy()
    last = container(dataset, "e", project=False)
    last.restore()
    assert (CLIPS[2].sha256, "Ann") in last.store.state("p")


def written(dataset):
    return "".join(path.read_text(encoding="utf-8") for path in (dataset.folder / "events").rglob("*.jsonl"))


def test_saves_go_on_between_the_parts_of_a_restore(dataset, monkeypatch):
    monkeypatch.setattr("bibier.annotation.imports.BATCH", 10)
    here = container(dataset, "a")
    here.store.append_all("p", [label(i % 3, "Ann", f"e{i}", at=i % 7) for i in range(50)])
    here.copy()
    there, parts = container(dataset, "b"), []

    def progress(done, total):
        parts.append((done, total))
        assert there.store.append(label(0, "Eve", f"meanwhile {done}"))
        assert there.store.state("p")[CLIPS[0].sha256, "Eve"].event == f"meanwhile {done}"

    (copy,) = dataset.copies()
    merge(there.store, copy, unseen_by=there.store.writer, progress=progress)
    assert parts == [(done, 50) for done in range(10, 51, 10)]
    assert there.store.state("p")[CLIPS[0].sha256, "Eve"].event == "meanwhile 50"
    assert len(there.store.events("p")) == 55 and there.store.state("p")[CLIPS[1].sha256, "Ann"].event == "e49"
