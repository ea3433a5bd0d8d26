"""A service that many use: whose turn it is, how long it takes, how it is cancelled, what the log tells of it."""

from __future__ import annotations

import io
import json
import logging
import random
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
import soundfile
import torch
from served import EXAMPLE

from bibier import log
from bibier.asr import recognisers
from bibier.checkpoint import bundle as checkpoint
from bibier.errors import Cancelled, InputError
from bibier.inference.predictor import Predictor, as_json
from bibier.inference.queue import APART, DEVICE, InferenceQueue, rounded_up
from bibier.ui.analyse.handlers import AnalyseHandlers
from bibier.ui.client import ClientContext, Theme
from bibier.ui.services import Services

TYPED = recognisers.Choice("none", None, ready=True)


def view(tab: str, language: str = "en") -> ClientContext:
    return ClientContext(Theme(language), "0" * 32, tab)


@pytest.fixture(autouse=True)
def in_one_part(monkeypatch):
    """Some tests take the steps of two analyses in one thread, where none can give way to the other."""
    monkeypatch.setattr("bibier.pauses.PART", float("inf"))


# --------------------------------------------------------------------------------------------------------------- queue


def test_never_two_at_once_and_in_the_order_of_asking():
    """Forty works of eight threads: no two overlap, and they run as they were asked for."""
    queue, order, inside = InferenceQueue(limit=100), [], []
    asked = [queue.enqueue() for _ in range(40)]

    def work(number: int) -> None:
        asked[number].wait()
        inside.append(number)
        assert len(inside) == 1
        order.append(number)
        inside.remove(number)
        asked[number].release()

    numbers = list(range(40))
    random.Random(0).shuffle(numbers)
    with ThreadPoolExecutor(40) as pool:
        list(pool.map(work, numbers))
    assert order == list(range(40)) and queue.running is None and queue.waiting == []


def test_who_needs_no_words_recognised_waits_for_no_recognition():
    """Two lanes, each with its places, its order and its estimate; what a tab has asked for is found in both."""
    queue = InferenceQueue(limit=2)
    recognising = queue.enqueue("a", owner=("ann", "10.0.0.1"), lane=APART)
    later = queue.enqueue("b", lane=APART)
    assert recognising.wait(0) and not later.wait(0) and later.position()[0] == 1
    queue.enqueue("c", lane=APART)
    with pytest.raises(InputError):
        queue.enqueue("d", lane=APART)  # full
    typed = queue.enqueue("a", owner=("ann", "10.0.0.1"))
    assert typed.position()[0] == 0 and typed.wait(0) and queue.running is typed
    assert queue.ahead() != queue.ahead(lane=APART)
    typed.pass_turn()  # nobody waits there
    assert queue.running is typed
    assert queue.of("a") == queue.of_session("ann") == [typed, recognising]
    typed.release()
    assert queue.running is recognising and not queue.lanes[APART].recent and queue.lanes[DEVICE].recent
    queue.stop("a")
    with pytest.raises(Cancelled):
        recognising.check()
    recognising.release()
    assert later.wait(0)


def test_parties_take_turns_and_nobody_starves():
    """Eight of one party, then one of another, who comes again whenever it is through; and a long one in parts."""
    queue, order = InferenceQueue(), []
    many = [queue.enqueue(owner=(f"s{number % 3}", "many")) for number in range(6)]
    long, other = queue.enqueue(owner=("l", "long")), queue.enqueue(owner=("o", "other"))
    assert [ticket.position()[0] for ticket in (*many, long, other)] == [0, 3, 4, 5, 6, 7, 1, 2]
    names = {ticket: f"many {number}" for number, ticket in enumerate(many)} | {long: "long"}
    while queue.waiting:
        ticket = queue.first()
        assert ticket.wait(0)
        order.append(names.get(ticket, "other"))
        if ticket is long and order.count("long") < 3:
            running = queue.running
            running.wait = lambda: True  # in one thread: it stands in the queue again, and is taken from there
            running.pass_turn()
            del running.wait
            continue
        ticket.release()
        if order[-1] == "other" and order.count("other") < 3:
            queue.enqueue(owner=("o", "other"))
    rounds = [order[:3], order[3:6], order[6:9], order[9:]]
    assert [sorted(name.split()[0] for name in part) for part in rounds[:3]] == [["long", "many", "other"]] * 3
    assert rounds[3] == ["many 3", "many 4", "many 5"]
    assert [name for name in order if name.startswith("many")] == [f"many {number}" for number in range(6)]


def test_turns_of_who_is_gone_are_forgotten():
    queue = InferenceQueue()
    for number in range(3_000):
        ticket = queue.enqueue(owner=("", f"party {number}"))
        ticket.wait()
        ticket.release()
        if number % 2:
            queue.enqueue(owner=("", "one that comes again")).release()
    assert len(queue.lanes[DEVICE].turns) <= 1_002


def test_the_wait_is_the_median_of_the_last_works():
    """Works of 2, 4 and 60 s: 4 s each for those before, less what the running one has done."""
    now = 0.0
    queue = InferenceQueue(clock=lambda: now)
    for seconds in (2.0, 60.0, 4.0):
        with queue.ticket():
            now += seconds
    first, two, three = (queue.enqueue() for _ in range(3))
    assert first.wait(0) and not two.wait(0)
    now += 3.0
    assert (two.position(), three.position()) == ((1, 1.0), (2, 5.0))
    now += 100.0
    assert two.position() == (1, 0.8)  # it takes longer than it should: never nothing
    first.release()
    assert two.wait(0) and three.position() == (1, 32.0)  # 103 s has come to the three


def test_a_full_queue_says_when_to_come_back():
    queue = InferenceQueue(limit=2)
    for _ in range(3):
        queue.enqueue().wait(0)
    with pytest.raises(InputError) as caught:
        queue.enqueue()
    assert "2 analyses are waiting" in str(caught.value) and f"about {rounded_up(3 * 3.0 - 0.1)} s" in str(caught.value)
    assert "примерно через" in caught.value.text("ru")
    queue.enqueue(background=True)  # nobody waits for it


def test_what_is_in_the_background_lets_all_pass():
    queue = InferenceQueue()
    idle, person = queue.enqueue(background=True), queue.enqueue()
    assert not idle.wait(0) and person.wait(0)
    assert person.position()[0] == 1 and idle.position()[0] == 1
    person.release()
    assert idle.wait(0)


def test_a_stopped_one_leaves_and_wakes():
    queue = InferenceQueue()
    first, mine, theirs = queue.enqueue("a"), queue.enqueue("b"), queue.enqueue("c")
    assert first.wait(0)
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(mine.wait)
        time.sleep(0.05)
        assert queue.stop("b") == 1 and queue.stop("") == 0
        with pytest.raises(Cancelled):
            waits.result(10)
    mine.release()
    assert queue.stop("a") == 1
    with pytest.raises(Cancelled):
        first.check()
    first.release()
    assert theirs.wait(0)


@pytest.mark.parametrize("seconds, message", [(0, 1), (2.2, 3), (10, 10), (10.1, 15), (59, 60), (61, 90), (200, 210)])
def test_waits_are_said_roughly(seconds, message):
    assert rounded_up(seconds) == message


# ------------------------------------------------------------------------------------------------------- the handlers


@pytest.fixture(scope="module")
def bundle():
    return checkpoint.load("compact")


@pytest.fixture
def handlers(bundle):
    """The handlers of the Analyse tab on the embedded checkpoint."""
    reader = Future()
    reader.set_result(lambda name: Predictor(bundle))
    return AnalyseHandlers(Services(reader, lambda: (TYPED,), None, None, as_json, queue=InferenceQueue(limit=2)))


def shown(parts) -> list[str]:
    return [part["stage"]["text"] for part in parts if part.get("stage")]


def whole(handlers, tab: str = "t", clip=str(EXAMPLE), text: str = "so happy", language: str = "en") -> list[dict]:
    return list(handlers.analyse(clip, text, "none", None, view(tab, language)))


def test_place_and_seconds_are_said_while_waiting(handlers):
    """The second hears who is before it, in its language, and runs when the first is done; the third is refused."""
    first = handlers.analyse(str(EXAMPLE), "so happy", "none", None, view("one"))
    assert shown([next(first)]) == ["Listening to the recording…"]
    second = handlers.analyse(str(EXAMPLE), "so happy", "none", None, view("two", "ru"))
    said = next(second)["stage"]
    assert said == {"text": "В очереди: впереди 1, примерно 3\u00a0с…", "stop": True}
    third = handlers.analyse(str(EXAMPLE), "", "none", None, view("three"))
    assert "впереди" not in shown([next(third)])[0]
    busy = whole(handlers, "four")
    assert len(busy) == 1 and busy[0]["stage"]["error"] and "2 analyses are waiting" in busy[0]["stage"]["text"]
    assert "state" not in busy[0]  # what was there stays
    third.close()
    assert "verdict" in list(first)[-1]
    assert "verdict" in list(second)[-1]
    assert handlers.services.queue.running is None and handlers.services.queue.waiting == []


def test_cancel_frees_the_device(handlers):
    """After its present step; what waits leaves at once. The next analysis runs."""
    first = handlers.analyse(str(EXAMPLE), "so happy", "none", None, view("one"))
    next(first)
    waits = handlers.analyse(str(EXAMPLE), "so happy", "none", None, view("two"))
    next(waits)
    for tab in ("two", "one"):
        handlers.stop(view(tab))
    for parts in (waits, first):
        (last,) = parts
        assert "Cancelled" in last["stage"]["text"] and "state" not in last
    assert handlers.services.queue.running is None
    assert "verdict" in whole(handlers)[-1]


def test_a_closed_page_frees_the_device(handlers):
    first = handlers.analyse(str(EXAMPLE), "so happy", "none", None, view("one"))
    next(first)
    first.close()  # what Gradio does when the connection is gone
    assert "verdict" in whole(handlers)[-1]


def test_a_model_that_breaks_leaves_the_app_serving(handlers, bundle):
    """A weight of a wrong shape in the real model: its forward raises; then the right one again."""
    weight = next(tensor for tensor in bundle.text_encoder.parameters() if tensor.dim() == 2)
    right = weight.data
    weight.data = torch.zeros(3, 5)
    try:
        last = whole(handlers)[-1]["stage"]
        assert last["error"] and "The model failed on this recording" in last["text"]
        with pytest.raises(InputError, match="The model failed"):
            handlers.predict(str(EXAMPLE), "so happy", view("p"))
        assert "приложение продолжает работать" in whole(handlers, language="ru")[-1]["stage"]["text"]
    finally:
        weight.data = right
    assert "verdict" in whole(handlers)[-1]
    assert handlers.predict(str(EXAMPLE), "so happy", view("p"))["bimodal"]


def test_edits_and_programs_wait_for_their_turn_too(handlers):
    state = whole(handlers)[-1]["state"]
    ticket = handlers.services.queue.enqueue("other")
    ticket.wait()
    with ThreadPoolExecutor(2) as pool:
        edit = pool.submit(handlers.edited, "so sad", state, view("t"))
        program = pool.submit(handlers.predict, None, "so sad", view("p"))
        queue = handlers.services.queue
        with queue.changed:
            assert queue.changed.wait_for(lambda: len(queue.waiting) == 2, 60)
        assert not edit.done() and not program.done()
        ticket.release()
        assert edit.result(60)["state"].prediction.transcript.text == "so sad"
        assert program.result(60)["text"]


def test_a_long_inference_lets_the_others_in_between_its_parts():
    """Two long ones and a short one share the device part by part; each part is an inference of the estimates."""
    now = [0.0]
    queue, order = InferenceQueue(clock=lambda: now[0]), []

    def work(name: str, parts: int, ticket) -> None:
        ticket.wait()
        for part in range(parts):
            order.append(f"{name}{part}")
            now[0] += 2
            if part < parts - 1:
                ticket.pass_turn()
        ticket.release()

    first = queue.enqueue()
    first.wait()
    tickets = [queue.enqueue(), queue.enqueue()]
    background = queue.enqueue(background=True)
    threads = [threading.Thread(target=work, args=job) for job in (("b", 3, tickets[0]), ("c", 1, tickets[1]))]
    for thread in threads:
        thread.start()
    for part in range(3):
        order.append(f"a{part}")
        now[0] += 2
        if part < 2:
            assert part or tickets[1].position()[0] == 2
            first.pass_turn()
    first.release()
    for thread in threads:
        thread.join(10)
    assert order == ["a0", "b0", "c0", "a1", "b1", "a2", "b2"]
    assert list(queue.lanes[DEVICE].recent) == [2.0] * 7 and background.wait(0)
    background.pass_turn()  # nobody waits
    assert queue.running is background
    background.release()


def test_one_that_was_stopped_between_its_parts_leaves():
    queue = InferenceQueue()
    long = queue.enqueue("tab")
    long.wait()
    other = queue.enqueue()
    stopper = threading.Thread(target=lambda: (other.wait(), queue.stop("tab"), other.release()))
    stopper.start()
    with pytest.raises(Cancelled):
        long.pass_turn()
    long.release()
    stopper.join(10)
    assert queue.running is None and queue.waiting == []


# ------------------------------------------------------------------------------------------------------------ the log


@pytest.fixture
def lines():
    """Everything that is written to the log, from the level of debugging on."""
    out, handler = io.StringIO(), None
    handler = logging.StreamHandler(out)
    log.LOG.addHandler(handler)
    log.LOG.setLevel(logging.DEBUG)
    yield lambda: [json.loads(line) for line in out.getvalue().splitlines()]
    log.LOG.removeHandler(handler)
    log.LOG.setLevel(logging.NOTSET)


def test_an_analysis_is_one_line_that_tells_how_it_ended(handlers, bundle, lines, tmp_path):
    """And nothing of the person: no name of the file, no word."""
    secret = tmp_path / "maria-petrova.wav"
    sound, rate = soundfile.read(EXAMPLE, dtype="float32")
    soundfile.write(secret, sound, rate)
    whole(handlers, clip=str(secret), text="words of mine")
    broken = tmp_path / "ivan.wav"
    broken.write_bytes(b"")
    whole(handlers, clip=str(broken))
    parts = handlers.analyse(str(secret), "so happy", "none", None, view("t"))
    next(parts)
    handlers.stop(view("t"))
    list(parts)
    weight = next(tensor for tensor in bundle.text_encoder.parameters() if tensor.dim() == 2)
    right, weight.data = weight.data, torch.zeros(3, 5)
    whole(handlers, clip=str(secret), text="words of mine")
    weight.data = right
    logged = lines()
    assert [line["outcome"] for line in logged] == ["ok", "refused", "cancelled", "failed"]
    assert [line["stage"] for line in logged] == ["reading", "hearing", "hearing", "reading"]
    assert logged[1]["reason"].startswith("audio-") and logged[3]["error"] == "RuntimeError"
    assert any(place.startswith("predictor.py:") for place in logged[3]["where"])
    text = json.dumps(logged, ensure_ascii=False)
    assert all(word not in text for word in ("maria", "petrova", "ivan", "mine", str(tmp_path)))


def test_a_fact_that_is_not_listed_can_not_be_written(lines):
    with pytest.raises(KeyError):
        log.note("analyse", clip="maria.wav")
    with pytest.raises(AssertionError):
        log.note("analyse", ms="maria.wav")


def test_the_level_of_the_log(capsys):
    handlers = list(log.LOG.handlers)
    try:
        for level, lines_logged in (("info", 1), ("error", 0), ("off", 0), ("debug", 1)):
            log.begin(level)
            log.note("request", outcome="ok")
            assert len(capsys.readouterr().err.splitlines()) == lines_logged, level
        with pytest.raises(InputError, match="debug, info"):
            log.begin("loud")
    finally:
        log.LOG.handlers[:] = handlers
        log.LOG.setLevel(logging.NOTSET)
