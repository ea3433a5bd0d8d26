"""Every inference of the page: in its turn, one line in the log however it ends, and nothing lost without need."""

from __future__ import annotations

import io
import json
import logging
import threading
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from served import EXAMPLE
from tiny import voice

from bibier import log
from bibier.asr.recognisers import Choice
from bibier.errors import Cancelled, InputError, LoadError
from bibier.i18n.messages import Message
from bibier.inference.predictor import AudioEncoding, ModalityResult, Prediction
from bibier.inference.queue import InferenceQueue
from bibier.labels import named
from bibier.pauses import pause
from bibier.security.disk_quota import DiskQuota
from bibier.security.ownership import Ownership
from bibier.transcript import Transcript
from bibier.ui.analyse.handlers import AnalyseHandlers
from bibier.ui.analyse.long_form import LongFormHandlers
from bibier.ui.analyse.state import ENCODINGS, ResultCache
from bibier.ui.client import ClientContext, Theme
from bibier.ui.inference import inference
from bibier.ui.services import Services

CONTEXT = ClientContext(Theme(), "a" * 32, "tab", "the-request")


class Reader:
    """A predictor that counts what it hears, and fails on demand."""

    def __init__(self):
        self.heard, self.fails = 0, None

    def encode_audio(self, audio, *, channel="auto"):
        if self.fails is not None:
            raise self.fails
        self.heard += 1
        pause()
        return AudioEncoding(np.zeros(9, np.float32), 1.0, ModalityResult(named(np.full(7, 1 / 7))), (), True, None, {})

    def classify(self, heard, transcript):
        transcript = transcript if isinstance(transcript, Transcript) else Transcript(transcript)
        even = ModalityResult(named(np.full(7, 1 / 7)))
        return Prediction(even, even, even, transcript, (), None, (), 1.0, {})


@pytest.fixture
def reader():
    return Reader()


@pytest.fixture
def long(reader, tmp_path):
    readers = Future()
    readers.set_result(lambda name: reader)
    typed = Choice("none", Message("recogniser-none"), ready=True)
    services = Services(readers, lambda: (typed,), None, None, lambda prediction, _: {}, queue=InferenceQueue(limit=1))
    return LongFormHandlers(AnalyseHandlers(services), tmp_path / "stretches")


@pytest.fixture(scope="module")
def talk(tmp_path_factory):
    """A recording of 25 s in which somebody speaks."""
    path = tmp_path_factory.mktemp("long") / "talk.wav"
    soundfile.write(path, voice(25.0), 16_000)
    return str(path)


@pytest.fixture
def lines():
    """Give what was written to the log since."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    log.LOG.addHandler(handler)
    log.LOG.setLevel(logging.DEBUG)
    yield lambda: [json.loads(line) for line in out.getvalue().splitlines()]
    log.LOG.removeHandler(handler)
    log.LOG.setLevel(logging.NOTSET)


def full(long) -> list:
    """Fill the queue: one runs, one waits."""
    running = long.clips.services.queue.enqueue("one")
    assert running.wait(0)
    return [running, long.clips.services.queue.enqueue("two")]


def is_free(long) -> bool:
    queue = long.clips.services.queue
    return queue.running is None and queue.waiting == []


@pytest.mark.parametrize(
    "error, raised, outcome, reason",
    [
        (None, None, "ok", None),
        (Cancelled(), Cancelled, "cancelled", None),
        (InputError("audio-empty-file", prefix=""), InputError, "refused", "audio-empty-file"),
        (InputError("turn-full", waiting=1, seconds=3), InputError, "busy", "turn-full"),
        (LoadError("no models"), LoadError, "failed", None),
        (MemoryError(), InputError, "failed", None),
        (RuntimeError("shape"), InputError, "failed", None),
        (GeneratorExit(), GeneratorExit, "cancelled", None),
        (KeyError("a fault of ours"), KeyError, "failed", None),
    ],
    ids=repr,
)
def test_each_end_is_one_line_and_gives_the_device_back(lines, error, raised, outcome, reason):
    queue, caught = InferenceQueue(), None
    try:
        with inference(queue, CONTEXT, "edit") as run:
            run.wait()
            if error is not None:
                raise error
    except BaseException as end:
        caught = end
    assert type(caught) is (raised or type(None))
    (line,) = lines()
    assert (line["event"], line["request"], line["outcome"], line.get("reason")) == (
        "edit",
        "the-request",
        outcome,
        reason,
    )
    assert queue.running is None and queue.waiting == []


def test_a_long_recording_is_one_line_too(long, talk, lines):
    *_, last = long.analyse(talk, "", "none", None, CONTEXT)
    assert last["ribbon"]["rows"] and not last["ribbon"]["running"]
    (line,) = lines()
    assert (line["event"], line["outcome"], line["stage"]) == ("analyse", "ok", "reading") and is_free(long)


def test_a_stopped_long_recording_is_called_so(long, talk, lines):
    for shown in long.analyse(talk, "", "none", None, CONTEXT):
        if shown.get("ribbon"):
            long.stop(CONTEXT)
    assert "stopped" in shown["stage"]["text"].lower()
    assert [line["outcome"] for line in lines()] == ["cancelled"] and is_free(long)


@pytest.mark.parametrize("clip", [True, False], ids=["another long one", "a clip"])
def test_a_full_queue_takes_no_earlier_result(long, talk, lines, clip):
    """The ribbon stays in the tab and on the server when the next analysis is turned away."""
    *_, last = long.analyse(talk, "", "none", None, CONTEXT)
    ribbon = last["ribbon"]
    tickets = full(long)
    shown = list(long.analyse(str(EXAMPLE) if clip else talk, "", "none", None, CONTEXT))
    assert shown[-1]["stage"]["error"] and "waiting" in shown[-1]["stage"]["text"]
    assert not any(part.keys() & {"verdict", "chart", "state", "transcript"} for part in shown)
    assert all(part.get("ribbon", ribbon) == ribbon for part in shown) and long.here(CONTEXT)
    for ticket in tickets:
        ticket.release()
    assert [line["outcome"] for line in lines()] == ["ok", "busy"]
    assert long.restore(CONTEXT)["ribbon"]["rows"] == ribbon["rows"]


def test_a_model_that_fails_on_a_long_recording_is_said_and_not_printed(long, talk, reader, lines, capsys, monkeypatch):
    """In a stretch: the others go on. Outside of one: the error is said, and the log knows where."""
    reader.fails = RuntimeError("shape")
    *_, last = long.analyse(talk, "", "none", None, CONTEXT)
    assert all("error" in row for row in last["ribbon"]["rows"])
    reader.fails = None
    monkeypatch.setattr("bibier.inference.long_form.cut", lambda *_: (_ for _ in ()).throw(MemoryError()))
    *_, last = long.analyse(talk, "", "none", None, CONTEXT)
    assert last["stage"]["error"] and "memory" in last["stage"]["text"] and last["ribbon"]["running"] is False
    assert lines()[-1]["outcome"] == "failed" and lines()[-1]["error"] == "MemoryError"
    assert is_free(long) and "Traceback" not in capsys.readouterr().err


def test_a_click_on_a_stretch_runs_no_model(long, talk, reader):
    """It is shown at once while others' analyses run; only corrected words make the model hear it, in their turn."""
    list(long.analyse(talk, "", "none", None, CONTEXT))
    heard, tickets = reader.heard, full(long)
    state = long.pick(0, CONTEXT)["state"]
    assert state.clip and reader.heard == heard
    tickets[1].release()
    tickets[0].release()
    edited = long.corrected(long.clips.edited("so happy", state, CONTEXT), CONTEXT)
    assert reader.heard == heard + 1 and edited["state"].encoding is not None
    assert edited["ribbon"]["rows"][0]["text"] == "so happy"
    again = long.clips.edited("so sad", edited["state"], CONTEXT)
    assert reader.heard == heard + 1 and again["state"].prediction.transcript.text == "so sad"


def test_a_stretch_is_written_where_there_is_room(long, talk, tmp_path):
    room = False
    ownership = Ownership(tmp_path)
    cleanup = SimpleNamespace(ownership=ownership, room=lambda size: room, trim=lambda party, most: 0)
    long.quota = DiskQuota(cleanup, share=10**6)
    visitor = replace(CONTEXT, owner=("ann", "10.0.0.1"))
    list(long.analyse(talk, "", "none", None, visitor))
    shown = long.pick(0, visitor)
    assert shown["stage"]["error"] and "space for uploads is full" in shown["stage"]["text"] and "state" not in shown
    assert not [*long.folder.rglob("*.wav")]
    room = True
    state = long.pick(0, visitor)["state"]
    assert ownership.owns("ann", state.clip) and not long.quota.reserved


def test_a_long_recording_is_decoded_in_its_turn(long, talk, reader, monkeypatch):
    """It takes the disk for as long: several at once would fill it."""
    tickets = full(long)
    with monkeypatch.context() as patch:
        patch.setattr("bibier.ui.analyse.long_form.read_long", lambda *_, **__: pytest.fail("it was decoded"))
        *_, last = long.analyse(talk, "", "none", None, CONTEXT)
    assert last["stage"]["error"] and len(long.clips.services.queue.waiting) == 1
    for ticket in tickets:
        ticket.release()
    short = [*long.analyse(EXAMPLE, "", "none", None, CONTEXT)][-1]
    assert short["state"].clip == EXAMPLE and is_free(long)


def test_who_comes_while_a_recording_is_decoded_does_not_wait_for_all_of_it(long, talk, reader, monkeypatch):
    passed = []
    monkeypatch.setattr("bibier.pauses.PART", 0.0)
    monkeypatch.setattr("bibier.inference.queue.Ticket.pass_turn", lambda ticket: passed.append(reader.heard))
    [*long.analyse(talk, "", "none", None, CONTEXT)]
    assert passed.count(0) > 10  # before the first segment was heard


@pytest.fixture
def in_short_parts(monkeypatch):
    monkeypatch.setattr("bibier.pauses.PART", 0.0)


def test_who_comes_while_a_clip_is_heard_does_not_wait_for_all_of_it(long, talk, reader, monkeypatch, in_short_parts):
    """Ten minutes with typed words are judged as a whole; others have their turn in between, whoever asks for it."""
    passed = []
    monkeypatch.setattr("bibier.inference.queue.Ticket.pass_turn", lambda ticket: passed.append(ticket))
    *_, last = long.analyse(talk, "so happy", "none", None, CONTEXT)
    assert len(passed) == 1 and reader.heard == 1
    long.clips.edited("so sad", replace(last["state"], heard=None), CONTEXT)
    assert len(passed) == 2
    long.clips.predict(talk, "so happy", CONTEXT)
    assert len(passed) == 3 and reader.heard == 3


def test_typed_words_wait_for_no_recognition(long, talk, reader):
    """Twenty seconds of babble kept everybody waiting for eight."""
    recognising, go_on = threading.Event(), threading.Event()

    def transcribe(encoding):
        recognising.set()
        assert go_on.wait(60)
        return Transcript("so happy", source="recogniser")

    reader.transcribe = transcribe
    apart = Choice("apart", Message("recogniser-pocketsphinx"), ready=True, apart=True)
    typing = Choice("none", Message("recogniser-none"), ready=True)
    long.clips.services = replace(long.clips.services, recognisers=lambda: (apart, typing))
    other = replace(CONTEXT, token="b" * 32, tab="another")
    with ThreadPoolExecutor(1) as pool:
        heard = pool.submit(lambda: [*long.analyse(EXAMPLE, "", "apart", None, CONTEXT)][-1])
        assert recognising.wait(60)
        typed = [*long.analyse(EXAMPLE, "so sad", "apart", None, other)][-1]
        assert typed["state"].prediction.transcript.text == "so sad" and not heard.done()
        go_on.set()
        assert heard.result(60)["transcript"] == "so happy" and is_free(long)


def test_a_clip_that_is_heard_can_be_stopped_in_the_middle(long, talk, monkeypatch, in_short_parts, lines):
    def stopped(ticket):
        raise Cancelled

    monkeypatch.setattr("bibier.inference.queue.Ticket.pass_turn", stopped)
    *_, last = long.analyse(talk, "so happy", "none", None, CONTEXT)
    assert "Cancelled" in last["stage"]["text"] and is_free(long)
    assert lines()[-1]["outcome"] == "cancelled"


def test_a_recording_whose_pauses_are_looked_for_can_be_stopped(long, talk, monkeypatch, in_short_parts, lines):
    def find(recording):
        long.clips.services.queue.stop(CONTEXT.tab)
        pause()

    monkeypatch.setattr("bibier.inference.long_form.find_segments", find)
    *_, last = long.analyse(talk, "", "none", None, CONTEXT)
    assert "before the first segment" in last["stage"]["text"] and last["ribbon"] is None and last["analyse"]
    assert is_free(long) and not long.here(CONTEXT) and lines()[-1]["outcome"] == "cancelled"


class Large:
    """Stands for the decoded sound of an hour."""


@pytest.mark.parametrize("error", [Cancelled(), InputError("audio-silent", level=-120.0), RuntimeError()])
def test_an_error_that_lives_on_holds_nothing_of_the_work(error):
    """Gradio kept it for minutes, and so files of 1.8 GB without a name, which no limit counted."""
    kept, alive = [], []

    def decode():
        recording = Large()
        alive.append(weakref.ref(recording))
        raise error

    def handler():
        with inference(InferenceQueue(), CONTEXT, "analyse") as run:
            run.wait()
            decode()

    try:
        handler()
    except Exception as shown:
        kept.append(shown)
    assert kept and alive[0]() is None and kept[0].__traceback__ is not None


def test_who_loses_a_place_in_the_queue_is_told_that_it_is_full(lines):
    queue = InferenceQueue(limit=4)
    with pytest.raises(InputError) as told, inference(queue, CONTEXT, "analyse") as run:
        run.owner = ("eve", "house")
        run.queue.lanes[run.lane].running = SimpleNamespace(started=None)
        for name in "abc":
            queue.enqueue(owner=(name, "house" if name == "a" else f"house of {name}"))
        waiting = threading.Timer(0.05, lambda: queue.enqueue(owner=("ann", "home")))
        waiting.start()
        run.wait()
    waiting.join()
    assert told.value.key == "turn-full" and lines()[-1]["reason"] == "turn-full"


def test_what_is_too_old_is_kept_no_longer():
    cache = ResultCache(size=9, seconds=-1)
    cache.put("a" * 32, "first")
    cache.put("b" * 32, "second")
    assert [*cache.values] == ["b" * 32] and cache.get("b" * 32) is None


def test_only_the_latest_analyses_keep_what_was_heard(long, reader):
    """Of a tab that waits, or was closed, no samples stay; corrected words have its clip heard again."""
    tabs = [replace(CONTEXT, token=f"{number:032x}") for number in range(ENCODINGS + 1)]
    states = [[*long.analyse(EXAMPLE, "so happy", "none", None, tab)][-1]["state"] for tab in tabs]
    assert [number for number, state in enumerate(states) if state.encoding is None] == [0]
    heard = reader.heard
    edited = [long.clips.edited("so sad", states[number], tabs[number])["state"] for number in (ENCODINGS, 0)]
    assert reader.heard == heard + 1 and all(state.encoding for state in edited)
    long.clips.clear(tabs[0])
    assert edited[1].encoding is None and edited[0].encoding is not None
