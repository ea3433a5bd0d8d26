"""The Annotate tab's acts on the server: what a browser may send, what is blind, and whose clips are given."""

import asyncio
import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.requests import Request

from bibier.annotation import exports
from bibier.errors import InputError
from bibier.i18n.messages import LANGUAGES
from bibier.labels import named
from bibier.security.in_flight import SharedThreads
from bibier.security.ownership import Ownership
from bibier.security.session import SCOPE, Visitor
from bibier.ui.annotate.handlers import AnnotateHandlers
from bibier.ui.annotate.points import points, probabilities, share
from bibier.ui.annotate.tab import MOST_ALONE, answering
from tests.ui import annotating
from tests.ui.annotating import SAD, UUID, propose, sent

store = annotating.store  # a fixture


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
    with pytest.raises(InputError, match="A label is 7 whole numbers"):
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
        {"seconds": "1"},
        {"seconds": 1e18},
        {"seconds": 10**400},
        {"seconds": math.inf},
        {"uuid": ""},
        {"uuid": "1"},
        {"uuid": UUID.format(1) + "0"},
        {"uuid": UUID.format(1) + "\n"},
        {"uuid": UUID.format(1).replace("-", "")},
        {"uuid": "x" * 36},
        {"rest": -1},
        {"rest": 0.5},
        {"rest": False},
        {"rest": "0"},
        {"fill": "", "rest": math.nan},
        {"fill": "neutral", "rest": -0.2},
        {"fill": "neutral", "rest": 1},
        {"confidence": "high"},
    ],
    ids=lambda wrong: str(wrong)[:40],
)
def test_what_a_browser_may_not_send(store, wrong):
    """In every act that is kept, whatever else it says, and told in both languages."""
    handlers = AnnotateHandlers(store)
    for keep in (handlers.save, handlers.skip) if wrong.keys().isdisjoint({"rest", "confidence"}) else (handlers.save,):
        with pytest.raises(InputError) as refused:
            keep(sent(**wrong))
        assert len({refused.value.text(language) for language in LANGUAGES}) == len(LANGUAGES)
    assert store.events("voices") == []


def test_a_clip_that_was_open_for_days_took_a_day(store):
    AnnotateHandlers(store).save(sent(seconds=1e6, fill="", rest=0))
    assert store.state("voices")["0" * 64, "Ann"].seconds == 24 * 3600


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
    with SharedThreads(1, 1, "save") as pool:
        call = answering(handlers, "save", pool)

        def ask(values):  # in a thread of its own: this one may have a loop already
            with ThreadPoolExecutor(1) as other:
                return other.submit(lambda: asyncio.run(call([values], Request(scope)))).result()

        (tmp_path / "store.db").rename(tmp_path / "away.db")
        assert ask(sent())["passing"] is True
        (tmp_path / "away.db").rename(tmp_path / "store.db")
        assert ask(sent())["new"] and ask(sent(2, clip="f" * 64))["passing"] is False


@pytest.mark.parametrize("act, said", [("export", "still being made"), ("ask", "still at your last question")])
def test_what_takes_long_is_done_apart_one_by_one_and_few_wait(store, tmp_path, monkeypatch, act, said):
    """A language model that is silent holds nothing else up, whoever asks it however often."""
    going, go_on = threading.Event(), threading.Event()

    def slow(handlers, values):
        going.set()
        assert go_on.wait(60)
        return {}

    monkeypatch.setattr(AnnotateHandlers, act, slow)
    with SharedThreads(1, 1, "ask") as pool, ThreadPoolExecutor(12) as visitors:
        call = answering(AnnotateHandlers(store), act, pool)

        def ask(user):
            guest = Visitor("s", "10.0.0.1", user, True, Ownership(tmp_path))
            request = Request({"type": "http", "headers": [], SCOPE: guest})
            return visitors.submit(lambda: asyncio.run(call([{"project": "voices", "annotator": user}], request)))

        waiting = [ask("Ann")]
        assert going.wait(60) and said in ask("Ann").result(60)["error"]["en"]
        for number in range(MOST_ALONE - 1):
            waiting.append(ask(f"Bob {number}"))
            while pool.pool._work_queue.qsize() < number + 1:
                time.sleep(0.01)
        refused = ask("Zoe").result(60)
        assert refused["passing"] and "Many people" in refused["error"]["en"] and "многие" in refused["error"]["ru"]
        go_on.set()
        assert [one.result(60) for one in waiting] == [{}] * MOST_ALONE and ask("Zoe").result(60) == {}


def test_exports_are_made_one_by_one_and_of_a_party_none_waits(store, tmp_path, monkeypatch):
    """Each reads the whole project: four at once of one visitor kept everybody's labels from being saved."""
    made, going, go_on = [], threading.Event(), threading.Event()

    def snapshot(store, project):
        made.append(project)
        going.set()
        assert go_on.wait(60)
        return exports.ProjectSnapshot(project, [], [], {}, {})

    monkeypatch.setattr(exports, "snapshot_of", snapshot)
    with SharedThreads(1, 1, "export") as pool, ThreadPoolExecutor(3) as visitors:
        export = answering(AnnotateHandlers(store), "export", pool)

        def ask(user):
            guest = Visitor("s", "10.0.0.1", user, True, Ownership(tmp_path))
            request = Request({"type": "http", "headers": [], SCOPE: guest})
            values = {"project": "voices", "annotator": user, "format": "long"}
            return visitors.submit(lambda: asyncio.run(export([values], request)))

        first = ask("Ann")
        assert going.wait(60)
        again, other = ask("Ann").result(60), ask("Bob")
        assert "still being made" in again["error"]["en"] and again["passing"]
        assert not other.done() and made == ["voices"]
        go_on.set()
        assert first.result(60)["name"] == other.result(60)["name"] == "long.csv"
        assert ask("Ann").result(60)["name"] == "long.csv"


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


def test_what_waited_in_a_browser_is_not_saved_under_another_s_name(store, tmp_path):
    guest = Visitor("s", "10.0.0.1", "Bob", True, Ownership(tmp_path))
    request = Request({"type": "http", "headers": [], SCOPE: guest})
    with SharedThreads(1, 1, "save") as pool, ThreadPoolExecutor(1) as other:
        save = answering(AnnotateHandlers(store), "save", pool)

        def ask(values):
            return other.submit(lambda: asyncio.run(save([values], request))).result()

        answer = ask(sent())
        assert answer["others"] and answer["passing"] and store.state("voices") == {}
        assert ask(sent(annotator="Bob"))["new"]
