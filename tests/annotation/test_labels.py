"""Projects with other labels than the seven emotions: kept, exported, read back, compared, refused where none fit."""

import json
from dataclasses import replace

import hub_server
import pytest
from huggingface_hub import HfApi

from bibier.annotation import agreement, exports, imports, intake
from bibier.annotation.backup import Backup
from bibier.annotation.events import Event
from bibier.annotation.label_list import SEVEN, is_sound, label_list
from bibier.annotation.merging import Copy, merge
from bibier.annotation.state import ProjectClip
from bibier.annotation.store import Store
from bibier.errors import CorpusError, InputError
from bibier.labels import EMOTIONS
from train.corpora.annotations import annotated

CLIPS = [ProjectClip(f"{i:064x}", f"{i}.wav", f"words {i}", "en") for i in range(3)]
MOODS = [{"name": "calm", "en": "Calm", "ru": "Спокойно", "colour": "#009e73"}, {"name": "tense", "ru": "Напряжённо"}]
MOODS = [*MOODS, "happy"]
NAMES = ("calm", "tense", "happy")


def said(clip, who, *shares, uuid=None, names=NAMES, **more):
    probs = dict(zip(names, shares, strict=True))
    event = Event(uuid or f"{who}{clip}", "moods", CLIPS[clip].sha256, who, "label", probs, **more)
    return event.stamped().check()


@pytest.fixture
def store(tmp_path):
    store = Store(f"sqlite:///{tmp_path}/a.db")
    store.project("moods", labels=MOODS)
    store.add_clips("moods", CLIPS)
    for event in (said(0, "Ann", 0.7, 0.3, 0), said(0, "Bob", 0.6, 0, 0.4), said(1, "Ann", 0, 1, 0)):
        store.append(event)
    yield store
    store.close()


@pytest.fixture
def fresh(tmp_path):
    store = Store(f"sqlite:///{tmp_path}/b.db")
    yield store
    store.close()


def test_a_list_names_each_label_in_both_languages_and_colours_it():
    calm, tense, happy = label_list(MOODS).labels
    assert (calm.titles, calm.colour) == ({"en": "Calm", "ru": "Спокойно"}, "#009e73")
    assert tense.titles == {"en": "Напряжённо", "ru": "Напряжённо"} and tense.colour.startswith("#")
    assert happy.titles == {"en": "happiness", "ru": "радость"} and label_list(MOODS).is_own
    assert label_list(["sad", "anger"]).names == EMOTIONS and label_list(["sad", "anger"]).offered == ("anger", "sad")
    assert label_list([]) == SEVEN and not SEVEN.is_own


@pytest.mark.parametrize(
    "setting",
    [
        ["calm"],  # one is no choice
        [f"mood {i}" for i in range(10)],  # there are nine keys
        ["calm", "Calm"],
        ["calm", ""],
        ["calm", "=1+1"],
        ["calm", "x" * 41],
        ["calm", "note"],  # a column of the exports
        ["calm", "before_calm"],
        [{"name": "calm", "color": "#000000"}, "tense"],
        [{"name": "calm", "colour": "red"}, "tense"],
        [{"name": "calm", "en": 1}, "tense"],
        [{"en": "calm"}, "tense"],
        "calm, tense",
        {"calm": 1, "tense": 2},
    ],
    ids=str,
)
def test_what_is_no_list_of_labels_is_refused(setting, fresh):
    assert not is_sound(setting)
    with pytest.raises(InputError, match="labels"):
        fresh.project("moods", labels=setting)
    assert fresh.projects() == {}


def test_a_label_is_over_the_names_of_its_project(store, fresh):
    for wrong in ({"probs": {"calm": 1.0, "tense": 0.0}}, {"probs": dict.fromkeys(EMOTIONS, 1 / 7), "version": 1}):
        with pytest.raises(InputError, match="calm, tense, happy"):
            store.append(replace(said(2, "Ann", 1, 0, 0), **wrong))
    with pytest.raises(InputError, match="models know only the seven"):
        proposal = dict.fromkeys(EMOTIONS, 1 / 7)
        store.append(Event("p", "moods", CLIPS[0].sha256, "", "propose", proposal, source="model:m"))
    fresh.project("moods", labels=["sad", "anger"])
    fresh.add_clips("moods", CLIPS)
    with pytest.raises(InputError, match="no “happy”"):
        fresh.append(said(0, "Ann", *[float(name == "happy") for name in EMOTIONS], names=EMOTIONS))
    assert fresh.append(said(0, "Ann", *[float(name == "sad") for name in EMOTIONS], names=EMOTIONS))
    assert [event.version for _, event in (*fresh.events("moods"), *store.events("moods"))] == [1, 3, 3, 3]


def test_a_list_in_which_people_have_spoken_keeps_its_names(store):
    with pytest.raises(InputError, match="new project"):
        store.project("moods", labels=[*MOODS, "proud"])
    with pytest.raises(InputError, match="new project"):
        store.project("moods", labels=[])
    store.project("moods", labels=["happy", {"name": "calm", "en": "At ease"}, "tense"])
    assert store.labels("moods").names == ("happy", "calm", "tense")
    with store.reading("moods") as log:
        assert log.labels.vector(log.state.labels[CLIPS[0].sha256, "Bob"].probs).tolist() == [0.4, 0.6, 0]


@pytest.mark.parametrize("kind", ["events", "long", "wide", "label-studio"])
def test_every_export_comes_back_and_fits_no_other_list(store, fresh, tmp_path, kind):
    snapshot = exports.snapshot_of(store, "moods")
    path = exports.save(snapshot, kind, tmp_path / f"moods{exports.FORMATS[kind][0]}")
    taken = intake.take_in(fresh, "moods", str(path), tmp_path)
    assert (taken.clips, taken.new) == (3 if kind == "events" else 2, 3)
    assert {key: label.probs for key, label in fresh.state("moods").items()} == {
        key: pytest.approx(label.probs) for key, label in snapshot.labels.items()
    }
    if kind == "events":  # which knows all of the list
        assert fresh.projects()["moods"]["labels"] == MOODS
    assert intake.take_in(fresh, "moods", str(path), tmp_path).new == 0
    for project, labels in (("seven", []), ("other", ["calm", "tense", "proud"])):
        fresh.project(project, labels=labels)
        with pytest.raises(InputError):
            intake.take_in(fresh, project, str(path), tmp_path)
        assert fresh.clips(project) == []
    with pytest.raises(InputError, match="Nothing was imported"):
        intake.take_in(fresh, "new", str(path), tmp_path, own=["calm", "proud"])
    assert "new" not in fresh.projects()


def test_labels_of_the_seven_fit_no_list_of_its_own(store, fresh, tmp_path):
    fresh.project("p")
    fresh.add_clips("p", CLIPS)
    sad = [float(name == "sad") for name in EMOTIONS]
    fresh.append(replace(said(2, "Ann", *sad, names=EMOTIONS), project="p"))
    snapshot, before = exports.snapshot_of(fresh, "p"), exports.snapshot_of(store, "moods")
    for kind in ("events", "long", "wide", "label-studio"):
        path = exports.save(snapshot, kind, tmp_path / f"{kind}{exports.FORMATS[kind][0]}")
        with pytest.raises(InputError, match="calm"):
            intake.take_in(store, "moods", str(path), tmp_path)
    assert exports.snapshot_of(store, "moods") == before


def test_what_holds_the_seven_alone_refuses_another_list(store, tmp_path):
    snapshot = exports.snapshot_of(store, "moods")
    for kind in ("ls-llm", "manifest"):
        with pytest.raises(InputError, match="only the seven emotions"):
            exports.save(snapshot, kind, tmp_path / kind)
    with pytest.raises(CorpusError, match="only the seven emotions"):
        annotated(f"sqlite:///{tmp_path}/a.db#moods")
    for kind in ("lewidi", "chaosnli", "decisions", "proposals"):
        assert "calm" in "".join(exports.FORMATS[kind][1](snapshot)) or kind == "proposals"


def test_agreement_is_measured_over_the_list(store):
    store.append(said(1, "Bob", 0, 0.5, 0.5))
    table = agreement.unanchored_labels(store.state("moods"), names=NAMES)
    assert table.labels.shape == (2, 2, 3) and agreement.soft_alpha(table).value is not None
    assert list(agreement.emotion_alphas(table)) == list(NAMES)
    assert agreement.confusion(table).sum(1).tolist() == pytest.approx([1, 1, 1])


def test_a_copy_brings_the_list_with_it(store, fresh, tmp_path):
    lines = [json.dumps({"labels": MOODS}), *(json.dumps({"clip": clip.content()}) for clip in CLIPS)]
    lines += [entry.to_json() for entry in store.entries("moods")]
    copy = Copy()
    copy.read(lines)
    assert merge(fresh, copy) == 0 and fresh.state("moods") == store.state("moods")
    assert fresh.projects()["moods"]["labels"] == MOODS
    other = Copy()
    other.read(lines)
    elsewhere = Store(f"sqlite:///{tmp_path}/c.db")
    elsewhere.project("moods")
    assert merge(elsewhere, other) == 3 and elsewhere.state("moods") == {}  # it stays in the copy
    elsewhere.close()


def test_a_backup_brings_the_list_with_it(store, fresh, monkeypatch):
    """Titles and colours too, by the Hub's own client; and what is said later is over the same list."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)  # the server speaks git-lfs
    with hub_server.served() as server:
        api = HfApi(endpoint=server.address, token="hf_none")
        assert Backup(store, "me/kept", api).step()
        files = [text for name, text in server.repos["datasets/me/kept"].files.items() if name.endswith(".jsonl")]
        assert [json.loads(text.splitlines()[0]) for text in files] == [{"labels": MOODS}]
        again = Backup(fresh, "me/kept", api)
        assert again.step() and again.unread == 0
        assert fresh.projects()["moods"]["labels"] == MOODS and fresh.labels("moods") == store.labels("moods")
        assert fresh.state("moods") == store.state("moods")
        fresh.append(said(1, "Bob", 0, 0.5, 0.5))
        assert again.step()
        back = Backup(store, "me/kept", api)
        assert back.step() and back.unread == 0 and fresh.state("moods") == store.state("moods")


def test_a_damaged_list_in_an_export_is_named_with_its_line(fresh, tmp_path):
    (tmp_path / "a.jsonl").write_text('{"labels": ["calm"]}\n')
    with pytest.raises(InputError, match="line 1"):
        imports.add_events(fresh, "p", tmp_path / "a.jsonl")
