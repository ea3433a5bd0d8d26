"""Acts of the Annotate tab about a project: lists, paths, repeats, decisions, offered emotions."""

from dataclasses import replace

import numpy as np
import pytest

from bibier.annotation import exports
from bibier.annotation.agreement import against_gold, intra_rater, unanchored_labels
from bibier.annotation.events import Event
from bibier.annotation.state import REPEAT_AFTER, ProjectClip
from bibier.annotation.store import Store
from bibier.errors import InputError
from bibier.labels import EMOTIONS, named
from bibier.ui.agreement.measured import measure
from bibier.ui.agreement.report import figure, picture_table, report
from bibier.ui.annotate.handlers import AnnotateHandlers
from bibier.ui.client import Theme
from bibier.ui.launch import EXAMPLES

UUID = "00000000-0000-4000-8000-{:012d}"
SAD, ANGRY = [0, 0, 0, 0, 0, 100, 0], [100, 0, 0, 0, 0, 0, 0]
CLIPS = [ProjectClip(f"{n:064x}", f"/nowhere/{n}.wav", f"Words {n}") for n in range(16)]


@pytest.fixture
def store(tmp_path):
    store = Store(f"sqlite:///{tmp_path}/a.db")
    store.add_clips("p", CLIPS)
    yield store
    store.close()


def sent(number: int, clip: int | None = 0, who: str = "Ann", **facts) -> dict:
    known = {"project": "p", "annotator": who, "uuid": UUID.format(number)}
    known["clip"] = None if clip is None else CLIPS[clip].sha256
    return known | {"points": SAD, "confidence": None, "note": "", "seconds": 3.0} | facts


def test_a_decision_is_a_third_person_s_and_no_label(store):
    """It stands apart from the labels, can be undone, and whoever decided does not label the clip."""
    handlers = AnnotateHandlers(store)
    handlers.save(sent(1, who="Ann"))
    with pytest.raises(InputError, match="fewer than two"):
        handlers.decide(sent(2, who="Cid"))
    handlers.save(sent(3, who="Bob", points=ANGRY))
    assert [clip["clip"] for clip in handlers.clips(sent(0, who="Cid", filter="review"))["clips"]] == [CLIPS[0].sha256]
    shown = handlers.visit(sent(0, who="Cid", review=True))["now"]
    assert (shown["mode"], shown["people"]) == (
        "review",
        [{"name": "Ann", "points": SAD}, {"name": "Bob", "points": ANGRY}],
    )
    for wrong in (lambda: handlers.decide(sent(4, who="Ann")), lambda: handlers.visit(sent(0, who="Bob", review=True))):
        with pytest.raises(InputError, match="third person"):
            wrong()
    labels = store.state("p")
    assert handlers.decide(sent(5, who="Cid", points=ANGRY))["new"] and store.state("p") == labels
    with pytest.raises(InputError, match="third person"):
        handlers.save(sent(6, who="Cid"))
    coming = handlers.open(sent(0, who="Cid", clip=None))
    assert CLIPS[0].sha256 not in [clip["clip"] for clip in (coming["now"], coming["after"], *coming["later"])]
    rows = "".join(exports.decisions(exports.snapshot_of(store, "p"))).splitlines()
    assert len(rows) == 2 and ",Cid,1.0,0.0" in rows[1]
    assert handlers.clips(sent(0, who="Dan", filter="review"))["found"] == 0
    undone = handlers.step(sent(0, who="Cid"))
    assert (undone["now"]["mode"], undone["undone"]["points"]) == ("review", ANGRY)
    assert not exports.snapshot_of(store, "p").decisions


def test_who_looked_at_a_review_and_labels_after_all_has_given_no_blind_label(store):
    """Their label stands, marked, and agreement leaves it out; what the model proposes stays hidden as before."""
    handlers = AnnotateHandlers(store)
    for number, name in enumerate(("Ann", "Bob"), start=1):
        handlers.save(sent(number, who=name))
    for number in (0, 9):  # noted once
        assert handlers.visit(sent(number, who="Cid", review=True, note="n" * 5000, seconds=-1))["now"]["people"]
    assert [(event.annotator, event.seen) for _, event in store.events("p") if event.kind == "reveal"] == [
        ("Cid", ("people",))
    ]
    store.append(Event("m", "p", CLIPS[0].sha256, "", "propose", named(np.eye(7)[3]), source="model:compact"))
    now = handlers.visit(sent(0, who="Cid"))["now"]
    assert (now["revealed"], now["proposals"], now["people"]) == (False, [], [])
    handlers.save(sent(3, who="Cid"))
    label = store.state("p")[CLIPS[0].sha256, "Cid"]
    assert (label.seen, label.before) == (("people",), None)
    table = unanchored_labels(store.state("p"))
    assert (table.people, table.sighted) == (("Ann", "Bob"), 1)
    assert handlers.reveal(sent(4, who="Cid"))["now"]["revealed"]
    store.project("p", proposals="shown")
    handlers.visit(sent(0, who="Dan", review=True))
    handlers.save(sent(5, who="Dan"))
    assert store.state("p")[CLIPS[0].sha256, "Dan"].seen == ("model:compact", "people")
    handlers.decide(sent(6, who="Eve"))  # unseen; what others said is open to her from now on
    handlers.step(sent(0, who="Eve"))
    handlers.save(sent(7, who="Eve"))
    assert "people" in store.state("p")[CLIPS[0].sha256, "Eve"].seen


def test_a_clip_comes_again_and_is_kept_apart(store):
    """As often as the project says, not before so many others, once, without the first label in sight."""
    store.project("p", repeats=0.5, wanted=9)
    handlers, number, again = AnnotateHandlers(store), 0, []
    coming = handlers.open(sent(0, clip=None))
    while (clip := coming["now"]) is not None:
        number += 1
        index = int(clip["clip"], 16)
        if clip["mode"] == "repeat":
            again.append((index, number))
            assert clip["label"] is None and clip["proposals"] == []
            coming = handlers.repeat(sent(number, index, points=SAD if index % 2 else ANGRY))
        else:
            coming = handlers.save(sent(number, index))
    assert len(store.state("p")) == len(CLIPS) and len({index for index, _ in again}) == len(again) > 0
    assert all(at - index > REPEAT_AFTER for index, at in again)
    with store.reading("p") as log:
        alphas = intra_rater(log.state.labels, log.state.repeats, draws=0)
        assert {clip for clip, _ in log.state.repeats} == {CLIPS[index].sha256 for index, _ in again}
    assert list(alphas) == ["Ann"] and alphas["Ann"].clips == len(again)


def test_gold_clips_come_to_everybody_and_people_are_compared_with_them(store):
    gold = replace(CLIPS[3], sha256="f" * 64, label="sad", extra={"gold": "yes"})
    store.add_clips("p", [gold, replace(gold, sha256="e" * 64, label=None)])  # the second has nothing to compare with
    handlers = AnnotateHandlers(store)
    for number, who in enumerate(("Ann", "Bob")):
        handlers.save(sent(number, who=who, clip=0) | {"clip": gold.sha256, "points": SAD if number else ANGRY})
    assert store.progress("p", "Cid")[1] == len(CLIPS) + 2
    scores = against_gold(store.state("p"), {gold.sha256: {name: float(name == "sad") for name in EMOTIONS}})
    assert [(score.person, score.distance, score.same) for score in scores] == [("Ann", 1.0, 0.0), ("Bob", 0.0, 1.0)]


def test_a_project_s_own_emotions_and_guidelines(store):
    store.project("p", labels=["anger", "neutral"], guidelines="# Rules")
    handlers = AnnotateHandlers(store)
    assert handlers.open(sent(0, clip=None))["settings"]["labels"] == ["anger", "neutral"]
    with pytest.raises(InputError, match="anger, neutral"):
        handlers.save(sent(1))
    assert handlers.save(sent(1, points=ANGRY))["new"]
    with pytest.raises(InputError, match="labels"):
        store.project("p", labels=["boredom"])
    assert [bar["offered"] for bar in handlers.open(sent(0, clip=None))["bars"]].count(True) == 2


def test_clips_are_searched_and_everybody_s_pace_is_said(store):
    handlers = AnnotateHandlers(store)
    handlers.save(sent(1, 2))
    handlers.save(sent(2, 3, seconds=5.0))
    handlers.skip(sent(3, 4, note="later"))
    assert handlers.clips(sent(0))["found"] == len(CLIPS)
    assert [clip["labels"] for clip in handlers.clips(sent(0, filter="done"))["clips"]] == [1, 1]
    assert [clip["text"] for clip in handlers.clips(sent(0, query=" WORDS 4 "))["clips"]] == ["Words 4"]
    assert handlers.clips(sent(0, filter="skipped", query="4"))["found"] == 1
    assert handlers.clips(sent(0, start=15))["clips"][0]["text"] == "Words 15"
    (pace,) = handlers.people(sent(0))["people"]
    assert (pace["name"], pace["done"], pace["seconds"]) == ("Ann", 2, 4.0) and pace["last"]


def test_a_path_is_picked_only_where_paths_may_be_given(store, tmp_path):
    (tmp_path / "voices").mkdir()
    for name in ("a.wav", "list.csv", "notes.txt", ".hidden.csv"):
        (tmp_path / name).write_bytes(b"")
    handlers = AnnotateHandlers(store, create_project=lambda name, source, labels, told: name)
    listed = handlers.browse({"folder": str(tmp_path)})
    assert (listed["folders"], listed["files"]) == (["voices"], ["a.wav", "list.csv"])
    assert handlers.browse({"folder": str(tmp_path / "a.wav")})["folder"] == listed["folder"]
    assert handlers.enter({"demo": True})["project"] == "demo" in store.projects()
    for act in (handlers.for_visitors().browse, handlers.for_visitors().enter):
        with pytest.raises(InputError):
            act({"folder": str(tmp_path), "demo": True})
    with pytest.raises(InputError, match="can't be listed"):
        handlers.browse({"folder": str(tmp_path / "a" / "b" / "\0")})


def test_how_far_a_project_is_that_is_being_made_is_told_meanwhile(store, tmp_path):
    """To who makes it alone: a visitor learns nothing of it."""
    heard = []

    def create(name, source, labels, progress):
        for done in range(3):
            progress(done, 2)
            heard.append((handlers.making({}), visitors.making({})))
        raise InputError("clips-none", place=source)

    handlers = AnnotateHandlers(store, create_project=create)
    visitors = handlers.for_visitors()
    with pytest.raises(InputError):
        handlers.enter({"source": str(tmp_path)})
    nothing = {"done": 0, "total": 0}
    assert heard == [({"done": done, "total": 2}, nothing) for done in range(3)] and handlers.making({}) == nothing


def test_the_demo_has_the_words_that_are_said(store):
    handlers = AnnotateHandlers(store, create_project=lambda name, source, labels, told: name)
    handlers.enter({"demo": True})
    clips = store.clips("demo")
    assert len(clips) == len(EXAMPLES) and all(clip.text and clip.language for clip in clips)
    assert {clip.language for clip in clips} == {"en", "ru"}
    first = handlers.open({"project": "demo", "annotator": "Ann"})["now"]
    assert first["text"] == clips[0].text
    handlers.enter({"demo": True})  # once more adds nothing
    assert store.clips("demo") == clips


def test_a_list_of_its_own_is_set_labelled_and_judged_by_nobody(store):
    """The bars are those of the list, points have its length, and no model is asked."""
    asked = []
    handlers = AnnotateHandlers(
        store,
        create_project=lambda name, source, labels, told: name,
        prefetch=lambda project, clips, **more: asked.append(project),
        propose_all=asked.append,
        ask_llm=lambda project, clip: asked.append(project) or "llm:x",
    )
    own = [{"name": "calm", "ru": "Спокойно", "colour": "#112233"}, {"name": "tense", "en": "Tense"}, "happy"]
    opened = handlers.settle(sent(0, clip=None, settings={"labels": own, "order": "uncertain"}))
    assert opened["settings"]["labels"] == own and not opened["judged"] and not opened["advice"]
    assert [bar["titles"]["ru"] for bar in opened["bars"]] == ["Спокойно", "Tense", "радость"]
    assert opened["bars"][0]["colour"] == "#112233"
    for wrong in (SAD, [100, 0], [50, 50, 50]):
        with pytest.raises(InputError, match="3 whole numbers"):
            handlers.save(sent(1, points=wrong))
    answer = handlers.save(sent(1, points=[70, 0, 30]))
    assert answer["new"] and store.state("p")[CLIPS[0].sha256, "Ann"].probs == {"calm": 0.7, "tense": 0, "happy": 0.3}
    assert handlers.visit(sent(0))["now"]["label"]["points"] == [70, 0, 30]
    for act in (handlers.reveal, handlers.ask):
        with pytest.raises(InputError, match="only the seven emotions"):
            act(sent(2))
    with pytest.raises(InputError, match="new project"):
        handlers.settle(sent(0, clip=None, settings={"labels": []}))
    assert asked == []
    said = measure(store.state("p"), {}, store.labels("p"))
    assert report(said, "p", Theme("ru"))["labels"] == opened["bars"]
    assert report(said, "p", Theme())["tables"][1]["title"] == "By label"
    assert picture_table(said, "ru")["rows"][0][0] == "Спокойно" and figure(said, Theme("en"))["data"]


@pytest.mark.parametrize("kind", ["events", "long", "wide", "label-studio"])
def test_an_upload_comes_in_as_by_the_command(store, tmp_path, kind):
    """Into a new project and into one that is there; what does not fit is refused as the command refuses it."""
    AnnotateHandlers(store).save(sent(1))
    target = Store(f"sqlite:///{tmp_path}/b.db")
    handlers = AnnotateHandlers(
        target, create_project=lambda name, source, labels, told: name, folder=tmp_path / "media"
    )
    path = exports.save(exports.snapshot_of(store, "p"), kind, tmp_path / f"labels{exports.FORMATS[kind][0]}")
    came = handlers.take({"path": str(path), "into": "again", "project": "p", "annotator": "Ann"})
    assert came["project"] == "again" and target.state("again").keys() == store.state("p").keys()
    assert came["notices"][0].values == {"new": 1, "known": 0}
    again = handlers.take({"path": str(path), "into": " ", "project": "again", "annotator": "Ann"})
    assert again["notices"][0].values == {"new": 0, "known": 1}
    assert ("import-wide" in [notice.key for notice in came["notices"]]) == (kind == "wide")
    target.project("moods", labels=["calm", "tense"])
    with pytest.raises(InputError, match="calm"):
        handlers.take({"path": str(path), "into": "moods", "annotator": "Ann"})
    with pytest.raises(InputError, match="this computer alone"):
        handlers.for_visitors().take({"path": str(path), "into": "x", "annotator": "Ann"})
    (tmp_path / "list.csv").write_text("path,text\na.wav,words\n")
    with pytest.raises(InputError, match="list.csv is not an export"):
        handlers.take({"path": str(tmp_path / "list.csv"), "into": "x", "annotator": "Ann"})
    assert "x" not in target.projects()
    target.close()
