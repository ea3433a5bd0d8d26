"""The Annotate tab's acts on the server: what a browser may send, what is blind, and whose clips are given."""

import asyncio
import math
import random
import sqlite3
import threading
import time
import uuid
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from types import SimpleNamespace

import pytest
from starlette.requests import Request

from bibier.annotation import proposals
from bibier.annotation.events import Event
from bibier.annotation.state import ProjectClip
from bibier.annotation.store import Store
from bibier.errors import InputError, StoreUnavailable
from bibier.labels import EMOTIONS, named
from bibier.security.ownership import Ownership
from bibier.security.session import SCOPE, Visitor
from bibier.ui.analyse.erasure import Erasure
from bibier.ui.annotate.handlers import AnnotateHandlers
from bibier.ui.annotate.points import points, probabilities, share
from bibier.ui.annotate.prefetch import Prefetcher
from bibier.ui.annotate.reservations import HELD, Reservations
from bibier.ui.annotate.tab import answering

UUID = "00000000-0000-4000-8000-{:012d}"
SAD = [0, 0, 0, 0, 0, 100, 0]


@pytest.fixture
def store(tmp_path):
    """Make a store with a project of three clips."""
    store = Store(f"sqlite:///{tmp_path / 'store.db'}")
    store.project("voices")
    clips = []
    for number in range(3):
        path = tmp_path / f"{number}.wav"
        path.write_bytes(bytes([number]))
        clips.append(ProjectClip(f"{number:064x}", str(path), f"words {number}", "en", None, 1.0, {}))
    store.add_clips("voices", clips)
    return store


def sent(number: int = 1, clip: object = 0, **facts) -> dict:
    return {
        "project": "voices",
        "annotator": "Ann",
        "uuid": UUID.format(number),
        "clip": f"{clip:064x}" if isinstance(clip, int) else clip,
        "points": SAD,
        "confidence": 0.5,
        "note": "",
        "seconds": 2.5,
    } | facts


@pytest.mark.parametrize(
    "value",
    [
        [True, 99, 0, 0, 0, 0, 0],  # a bool is an int in Python
        [100.0, 0, 0, 0, 0, 0, 0],
        [101, -1, 0, 0, 0, 0, 0],
        [50, 40, 0, 0, 0, 0, 0],
        [100, 0, 0, 0, 0, 0],
        {"anger": 100},
        "1000000",
        [math.nan, 0, 0, 0, 0, 0, 100],
        [[100], 0, 0, 0, 0, 0, 0],
    ],
)
def test_only_seven_whole_numbers_that_sum_to_100_are_a_label(value):
    with pytest.raises(InputError, match="here 7 of them"):
        probabilities(value)


def test_an_untouched_label_is_refused(store):
    with pytest.raises(InputError, match="untouched"):
        AnnotateHandlers(store).save(sent(points=None))
    assert store.events("voices") == []


def test_points_and_probabilities_are_each_other_s_inverse():
    for value in ([14, 14, 14, 14, 14, 15, 15], SAD, [1, 2, 3, 4, 5, 6, 79]):
        assert points(probabilities(value)) == value
    assert points(named([1 / 7] * 7)) == [15, 15, 14, 14, 14, 14, 14]
    assert sum(points(named([0.005, 0.005, 0.005, 0.005, 0.005, 0.005, 0.97]))) == 100


@pytest.mark.parametrize("value", [True, "0.5", math.nan, -0.1, 1.1, []])
def test_confidence_is_a_number_from_0_to_1(value):
    with pytest.raises(InputError, match="confidence"):
        share(value, "confidence")


def test_a_save_is_in_the_store_and_the_next_clip_comes(store):
    handlers = AnnotateHandlers(store)
    opened = handlers.open({"project": "voices", "annotator": "Ann"})
    assert (opened["now"]["text"], opened["after"]["text"]) == ("words 0", "words 1")
    answer = handlers.save(sent())
    assert answer["new"] and (answer["done"], answer["total"]) == (1, 3)
    assert (answer["now"]["text"], answer["after"]["text"]) == ("words 1", "words 2")
    assert store.state("voices")["0" * 64, "Ann"].probs["sad"] == 1
    again = handlers.save(sent())  # the same save once more, after a dropped answer
    assert not again["new"] and again["done"] == 1 and len(store.events("voices")) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"annotator": ""},
        {"annotator": 7},
        {"annotator": "x" * 81},
        {"project": "other"},
        {"project": ["voices"]},
        {"clip": "f" * 64},
        {"clip": {"$ne": 1}},
        {"uuid": 5},
        {"note": ["x"]},
        {"note": "x" * 4001},
        {"seconds": math.nan},
        {"seconds": -1},
        {"seconds": True},
        {"confidence": "high"},
    ],
    ids=lambda wrong: str(wrong)[:40],
)
def test_what_a_browser_may_not_send(store, wrong):
    with pytest.raises(InputError):
        AnnotateHandlers(store).save(sent(**wrong))
    assert store.events("voices") == []


def test_a_name_in_another_case_or_unicode_form_is_the_annotator_that_is_known(store):
    handlers = AnnotateHandlers(store)
    handlers.save(sent(1, annotator="Zoë Müller"))
    for number, name in enumerate(("zoë müller", "ZOË  MÜLLER", "Zoe\u0308 Mu\u0308ller", "Ｚｏë Müller"), start=2):
        answer = handlers.open({"project": "voices", "annotator": name})
        assert answer["annotator"] == "Zoë Müller" and answer["done"] >= 1
        handlers.save(sent(number, annotator=name, clip=number % 3))
    assert {who for _, who in store.state("voices")} == {"Zoë Müller"}
    # Who signs in is who they are: two accounts are two people.
    handlers.save(sent(9, annotator="zoë müller", signed=True))
    assert {who for _, who in store.state("voices")} == {"Zoë Müller", "zoë müller"}


def test_a_save_that_is_sent_again_is_the_same_though_a_proposal_came_between(store):
    store.project("voices", proposals="shown")
    handlers = AnnotateHandlers(store)
    assert handlers.save(sent())["new"]
    propose(store)
    assert not handlers.save(sent())["new"] and len(store.state("voices")) == 1


def test_what_may_pass_is_said_to_the_page(store, tmp_path):
    """The page keeps what was refused for now, and drops what was refused for good."""
    handlers = AnnotateHandlers(store)
    guest = Visitor("s", "127.0.0.1", None, True, Ownership(tmp_path))
    scope = {"type": "http", "headers": [], SCOPE: guest}
    with ThreadPoolExecutor(1) as pool:
        call = answering(handlers, "save", pool)

        def ask(values):  # in a thread of its own: this one may have a loop already
            with ThreadPoolExecutor(1) as other:
                return other.submit(lambda: asyncio.run(call([values], Request(scope)))).result()

        (tmp_path / "store.db").rename(tmp_path / "away.db")
        assert ask(sent())["passing"] is True
        (tmp_path / "away.db").rename(tmp_path / "store.db")
        assert ask(sent())["new"] and ask(sent(2, clip="f" * 64))["passing"] is False


def test_a_recording_whose_clip_the_database_refuses_leaves_no_file(store, tmp_path):
    recording, media = tmp_path / "recording.wav", tmp_path / "kept"
    recording.write_bytes(b"RIFF")
    handlers = AnnotateHandlers(store, folder=media)
    (tmp_path / "store.db").rename(tmp_path / "away.db")
    with pytest.raises(StoreUnavailable):
        handlers.receive(str(recording), "words", "en", 1.5)
    assert not list(media.iterdir())
    (tmp_path / "away.db").rename(tmp_path / "store.db")
    address = handlers.receive(str(recording), "words", "en", 1.5)
    (tmp_path / "store.db").rename(tmp_path / "away.db")
    with pytest.raises(StoreUnavailable):
        handlers.receive(str(recording), "words", "en", 1.5)  # the same again: its file is on a list
    (tmp_path / "away.db").rename(tmp_path / "store.db")
    erasure = Erasure(store, SimpleNamespace(), media)

    def refuse():
        raise StoreUnavailable("store-locked", seconds=1)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "projects", refuse)
        with pytest.raises(StoreUnavailable):
            erasure.remove(address["project"], address["clip"])
    assert erasure.remove(address["project"], address["clip"]) and not list(media.iterdir())


def propose(store, number: int = 90, clip: int = 0) -> None:
    probs = named([1 / len(EMOTIONS)] * len(EMOTIONS))
    event = Event(UUID.format(number), "voices", f"{clip:064x}", "", "propose", probs, source="model:tiny")
    store.append(event)


def test_what_was_seen_is_known_by_the_server_and_not_by_the_browser(store):
    """A proposal is given only after the person's own label, and a later change says so, across a restart too."""
    propose(store)
    handlers = AnnotateHandlers(store)
    assert handlers.open({"project": "voices", "annotator": "Ann"})["now"]["proposals"] == []
    with pytest.raises(InputError, match="Save this clip first"):
        handlers.reveal(sent(1))
    handlers.save(sent(2, seen=["model:tiny"]))
    assert handlers.visit(sent(3))["now"]["proposals"] == []
    assert [proposal["source"] for proposal in handlers.reveal(sent(4))["now"]["proposals"]] == ["model:tiny"]
    AnnotateHandlers(store).save(sent(5, points=[10, 0, 0, 0, 0, 90, 0]))
    label, changed = (event for _, event in store.events("voices") if event.kind == "label")
    assert (label.seen, label.before) == ((), None)
    assert changed.seen == ("model:tiny",) and changed.before == label.probs


def test_a_project_may_show_proposals_from_the_start(store):
    store.project("voices", proposals="shown")
    propose(store)
    handlers = AnnotateHandlers(store)
    assert len(handlers.open({"project": "voices", "annotator": "Ann"})["now"]["proposals"]) == 1
    handlers.save(sent())
    assert store.state("voices")["0" * 64, "Ann"].seen == ("model:tiny",)


def test_undo_and_redo_show_the_clip_that_they_are_about(store):
    handlers = AnnotateHandlers(store)
    handlers.save(sent(1, clip=0))
    handlers.save(sent(2, clip=1))
    assert handlers.step(sent())["now"]["clip"] == f"{1:064x}"
    undone = handlers.step(sent())
    assert (undone["now"]["clip"], undone["now"]["label"], undone["done"]) == ("0" * 64, None, 0)
    assert handlers.step(sent()) == {"nothing": True}
    redone = handlers.step(sent(forward=True))
    assert (redone["now"]["label"]["points"], redone["done"]) == (SAD, 1)


def test_what_was_filled_in_is_told_apart_from_what_was_given(store):
    handlers = AnnotateHandlers(store)
    handlers.save(sent(1, 0, fill="neutral", rest=0.4))
    handlers.save(sent(2, 1))
    label, whole = (store.state("voices")[f"{number:064x}", "Ann"] for number in (0, 1))
    assert (label.fill, label.rest, whole.fill, whole.rest) == ("neutral", 0.4, "", 0.0)
    assert [event.version for _, event in store.events("voices")] == [2, 1]
    for wrong in ({"fill": "luck", "rest": 0.4}, {"fill": "even", "rest": 1}, {"fill": "even"}):
        with pytest.raises(InputError):
            handlers.save(sent(3, 2, **wrong))


def test_the_page_knows_what_comes_and_who_else_is_there(store):
    """Clips ahead of a slow connection; a second tab and a second browser under one name; an undo's label."""
    handlers = AnnotateHandlers(store)
    page, other, seat = (f"00000000-0000-4000-8000-00000000000{n}" for n in range(3))
    coming = handlers.open(sent(clip=None, page=page, seat=seat))
    assert [coming["now"]["clip"], coming["after"]["clip"], *(c["clip"] for c in coming["later"])] == [
        f"{n:064x}" for n in range(3)
    ]
    assert coming["also"] == "" and handlers.open(sent(clip=None, page=other, seat=seat))["also"] == "tab"
    assert handlers.save(sent(page=page, seat=other))["also"] == "person"
    assert handlers.hold(sent(clip=None, page=other, seat=seat))["also"] == "person"  # and leaves
    assert handlers.save(sent(2, page=page, seat=seat))["also"] == ""
    handlers.step(sent())
    undone = handlers.step(sent())
    assert undone["now"]["label"] is None and undone["undone"]["points"] == SAD


def test_what_waited_in_a_browser_is_not_saved_under_another_s_name(store, tmp_path):
    guest = Visitor("s", "10.0.0.1", "Bob", True, Ownership(tmp_path))
    request = Request({"type": "http", "headers": [], SCOPE: guest})
    with ThreadPoolExecutor(1) as pool, ThreadPoolExecutor(1) as other:
        save = answering(AnnotateHandlers(store), "save", pool)

        def ask(values):
            return other.submit(lambda: asyncio.run(save([values], request))).result()

        answer = ask(sent())
        assert answer["others"] and answer["passing"] and store.state("voices") == {}
        assert ask(sent(annotator="Bob"))["new"]


def test_a_skipped_clip_comes_last(store):
    handlers = AnnotateHandlers(store)
    answer = handlers.skip(sent(note="several voices"))
    assert answer["now"]["text"] == "words 1" and answer["done"] == 0
    handlers.save(sent(2, clip=1))
    last = handlers.save(sent(3, clip=2))["now"]
    assert (last["text"], last["skipped"]) == ("words 0", "several voices")


def test_a_damaged_project_hides_no_clip_of_another(store, tmp_path):
    clip = store.clips("voices")[0]
    store.add_clips("another", [replace(clip, path=str(tmp_path / "0.wav"))])
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection:
        connection.execute("UPDATE clips SET body = replace(body, 'words', 'wordz') WHERE project = 'another'")
        connection.commit()
    handlers = AnnotateHandlers(Store(f"sqlite:///{tmp_path / 'store.db'}"))
    assert handlers.paths(clip.sha256, ["another", "voices"]) == [clip.path]
    with pytest.raises(StoreUnavailable, match="--skip-damaged"):
        handlers.paths(clip.sha256, ["another"])
    assert handlers.save(sent())["new"]


def test_eight_people_who_label_at_once_hardly_meet(store):
    """Where one label a clip is wanted, nearly every label is of another clip, whatever the pauses."""
    store.add_clips("many", [ProjectClip(f"{i:064x}", f"{i}.wav") for i in range(100, 220)])
    handlers, people = AnnotateHandlers(store), [f"P{i}" for i in range(8)]
    before = {who: handlers.open({"project": "many", "annotator": who})["now"]["clip"] for who in people}
    assert len(set(before.values())) == 8
    turns = random.Random(0)
    labels = Counter()
    for turn in range(100):
        who = turns.choice(people)
        labels[before[who]] += 1
        after = handlers.save(sent(uuid=f"{turn}", project="many", annotator=who, clip=before[who]))
        before[who] = after["now"]["clip"]
    assert len(labels) >= 95


def test_a_clip_is_held_while_its_page_says_so_and_holds_nobody_back(store):
    time = [0.0]
    handlers = AnnotateHandlers(store)
    handlers.reservations.clock = lambda: time[0]

    def opened(who):
        return handlers.open({"project": "voices", "annotator": who})["now"]["text"]

    assert [opened(who) for who in ("Ann", "Bob", "Eve")] == [
        "words 0",
        "words 2",
        "words 1",
    ]  # what comes next is held
    assert opened("Mia") in ("words 0", "words 1", "words 2")  # nothing is free: nobody is held back
    handlers.hold(sent(annotator="Mia", clip=None))
    time[0] = 80.0
    handlers.hold(sent(annotator="Ann"))
    time[0] = 100.0  # Bob and Eve have gone
    assert opened("Zoe") == "words 2" and opened("Max") == "words 1"
    handlers.hold(sent(annotator="Ann", clip=None))
    handlers.hold(sent(annotator="Max", clip=None))
    assert opened("Ivy") == "words 0"


def test_paths_are_refused_where_others_reach_the_app(store):
    with pytest.raises(InputError, match="this computer alone"):
        AnnotateHandlers(store).enter({"source": "/etc"})


def test_a_recording_of_the_analyse_tab_is_kept(store, tmp_path):
    recording = tmp_path / "recording.wav"
    recording.write_bytes(b"RIFF")
    handlers = AnnotateHandlers(store, folder=tmp_path / "kept")
    errand = handlers.receive(str(recording), "words", "en", 1.5)
    assert list(handlers.settings()) == ["voices", errand["project"]]  # a visitor begins with the first
    handlers.receive(str(recording), "words", "en", 1.5)
    recording.unlink()
    assert handlers.paths(errand["clip"], ["analysed"])[0].endswith(".wav")
    assert handlers.paths(errand["clip"], ["voices"]) == []
    assert handlers.open(errand | {"annotator": "Ann"})["now"]["text"] == "words"
    assert len(store.clips(errand["project"])) == 1
    assert handlers.paths("../../etc/passwd", ["analysed"]) == handlers.paths("f" * 64, ["analysed"]) == []


def test_a_clip_that_moved_is_given_from_its_new_place_and_a_removed_one_is_gone(store, tmp_path):
    """What the store lists now counts, whatever was asked before."""
    handlers = AnnotateHandlers(store)
    clip = store.clips("voices")[0]
    assert handlers.paths(clip.sha256, ["voices"]) == [clip.path]
    handlers.open({"project": "voices", "annotator": "Ann", "clip": clip.sha256})
    store.add_clips("voices", [replace(clip, path=str(tmp_path / "moved.wav"))])
    assert handlers.paths(clip.sha256, ["voices"]) == [str(tmp_path / "moved.wav")]
    store.add_clips("others", [replace(clip, path=str(tmp_path / "0.wav"))])
    assert handlers.paths(clip.sha256, ["voices", "others"]) == [str(tmp_path / n) for n in ("0.wav", "moved.wav")]
    assert store.remove_clip("voices", clip.sha256)
    assert handlers.paths(clip.sha256, ["voices"]) == []
    for act in (handlers.visit, handlers.save, handlers.skip, handlers.open):
        with pytest.raises(InputError, match="not in the project"):
            act(sent())


class Reader:
    """A predictor that notes what it hears, and goes on when it is let."""

    def __init__(self):
        self.heard, self.goes_on = [], threading.Event()
        self.goes_on.set()

    def encode_audio(self, path, *, channel="auto"):
        self.heard.append(path)
        assert self.goes_on.wait(10)

    def classify(self, _heard, _text):
        branch = SimpleNamespace(probabilities=named([0.4, 0.6, 0, 0, 0, 0, 0]))
        return SimpleNamespace(bimodal=branch, audio=branch, text=branch)


@pytest.fixture
def reader():
    return Reader()


@pytest.fixture
def prefetch(store, reader):
    """Ask `reader` for proposals."""
    readers = Future()
    readers.set_result(lambda _name: reader)
    return Prefetcher(store, readers, "model:tiny")


def test_the_model_proposes_once(store, reader, prefetch):
    """Made ahead in the background, waited for when it is asked, and not made again."""
    clip = store.clips("voices")[0]
    prefetch("voices", [clip], wait=True)
    prefetch("voices", [clip], wait=True)
    assert len(reader.heard) == 1
    assert store.proposals("voices")[clip.sha256, "model:tiny"]["disgust"] == pytest.approx(0.6)


def test_one_annotator_s_save_takes_no_other_s_proposals(store, reader, prefetch):
    """Ann waits for a reveal while Bob goes on; what Bob no longer needs is not asked."""
    first, second, third = store.clips("voices")
    reader.goes_on.clear()
    prefetch("voices", [first], annotator="Eve")  # keeps the only thread busy
    with ThreadPoolExecutor(1) as pool:
        reveal = pool.submit(prefetch, "voices", [second], annotator="Ann", wait=True)
        deadline = time.monotonic() + 10
        while len(prefetch.jobs) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        prefetch("voices", [third], annotator="Bob")
        prefetch("voices", [], annotator="Bob")  # the project is at its end for him
        prefetch("voices", [], annotator="Ann")  # and a save of hers is on its way
        reader.goes_on.set()
        reveal.result(10)
    assert (second.sha256, "model:tiny") in store.proposals("voices")
    assert reader.heard == [first.path, second.path]


def test_a_project_can_be_proposed_for_while_the_database_is_gone(store, reader, prefetch, capsys, tmp_path):
    (tmp_path / "store.db").unlink()
    prefetch.propose_all("voices")
    prefetch.projects["voices"].join(10)
    assert reader.heard == [] and "Traceback" not in capsys.readouterr().err


def test_no_visitor_can_take_the_id_of_a_proposal_before_it_is_made(store, reader, prefetch):
    """The id that a former version gave is taken by a label: the proposal is made all the same, once."""
    clip = store.clips("voices")[0]
    former = uuid.UUID("6f1f6f0e-51b4-4d0e-9a53-0c8d0e6c8a31")
    handlers = AnnotateHandlers(store)
    for end in ("", "/audio", "/text"):
        guess = uuid.uuid5(former, f"voices\n{clip.sha256}\nmodel:tiny{end}")
        handlers.save(sent(uuid=str(guess)))
    prefetch("voices", [clip], wait=True)
    assert (clip.sha256, "model:tiny") in store.proposals("voices")
    assert proposals.keep(store, "voices", clip.sha256, {"model:tiny": named([1, 0, 0, 0, 0, 0, 0])}) == 0


def test_what_is_held_is_a_clip_and_forgotten_in_time(store):
    """Names that somebody invents don't pile up, and nothing but a clip of the project is kept."""
    now = [0.0]
    handlers = AnnotateHandlers(store)
    handlers.reservations = Reservations(lambda: now[0])
    for number in range(50):
        assert handlers.hold(sent(annotator=f"name {number}"))["held"]
    assert not handlers.hold(sent(annotator="Ann", clip="x" * 60_000))["held"]
    now[0] += HELD + 1
    handlers.hold(sent(annotator="Ann"))
    assert list(handlers.reservations._held) == [("voices", "Ann")]
