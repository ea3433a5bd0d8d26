"""*Delete my recordings* while something works on one of them, in this tab or another: it ends, nothing is left."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from asgi import in_own_loop
from served import EXAMPLE, function, sent_file, served, upload, visit
from starlette.requests import Request
from tiny import voice

from bibier.asr.recognisers import Choice
from bibier.errors import Cancelled, InputError
from bibier.i18n.messages import Message
from bibier.i18n.page import say
from bibier.inference.predictor import AudioEncoding, ModalityResult, Prediction
from bibier.inference.queue import InferenceQueue
from bibier.labels import named
from bibier.security.in_flight import SharedThreads
from bibier.security.ownership import Ownership
from bibier.security.session import SCOPE, Visitor
from bibier.transcript import Transcript
from bibier.ui.analyse.deletion import Deletion
from bibier.ui.analyse.erasure import Erased, Erasure
from bibier.ui.analyse.handlers import AnalyseHandlers
from bibier.ui.analyse.long_form import LongFormHandlers
from bibier.ui.client import ClientContext, Theme
from bibier.ui.gradio_state import TabStates
from bibier.ui.results.tab import answering
from bibier.ui.services import Services

HERE = ClientContext(Theme(), "a" * 32, "tab a", owner=("ann", "10.0.0.1"))
THERE = replace(HERE, token="b" * 32, tab="tab b")
ENDED = say("erased_running", "en")


class Reader:
    """A predictor that holds on while it reads, until it is told to go on."""

    def __init__(self):
        self.reading, self.go_on = threading.Event(), threading.Event()

    def encode_audio(self, audio, *, channel="auto"):
        return AudioEncoding(np.zeros(9, np.float32), 1.0, ModalityResult(named(np.full(7, 1 / 7))), (), True, None, {})

    def classify(self, heard, transcript):
        self.reading.set()
        assert self.go_on.wait(60)
        transcript = transcript if isinstance(transcript, Transcript) else Transcript(transcript)
        even = ModalityResult(named(np.full(7, 1 / 7)))
        return Prediction(even, even, even, transcript, (), None, (), 1.0, {})


@pytest.fixture
def reader():
    return Reader()


@pytest.fixture
def guest(tmp_path):
    return Visitor("ann", "10.0.0.1", None, True, Ownership(tmp_path))


@pytest.fixture
def deletion(reader, tmp_path):
    readers = Future()
    readers.set_result(lambda name: reader)
    typed = Choice("none", Message("recogniser-none"), ready=True)
    services = Services(readers, lambda: (typed,), None, None, lambda prediction, _: {}, queue=InferenceQueue())
    long = LongFormHandlers(AnalyseHandlers(services), tmp_path / "stretches")
    return Deletion(SimpleNamespace(erase=lambda guest: Erased(1)), long)


def judged(deletion, context, clip=str(EXAMPLE), words="so it is"):
    steps = deletion.long.analyse(clip, words, "none", None, context)
    return list(deletion.passing(context, clip, steps))


def test_an_analysis_in_another_tab_ends_and_leaves_nothing(deletion, reader, guest):
    """It went on to its end, was shown, and came again after a reload."""
    queue = deletion.analysing.services.queue
    stranger = queue.enqueue("tab c", owner=("bob", "10.0.0.2"))
    with ThreadPoolExecutor(2) as pool:
        stranger.wait(0)
        waiting = pool.submit(judged, deletion, THERE)
        while len(queue.waiting) < 1:
            threading.Event().wait(0.01)
        assert deletion.erase(guest) == Erased(1)
        *_, last = waiting.result(60)
        assert last["stage"]["text"] == ENDED and not stranger.stopped
        stranger.release()
        running = pool.submit(judged, deletion, THERE)
        assert reader.reading.wait(60)
        deletion.erase(guest)
        reader.go_on.set()
        *before, last = running.result(60)
    assert last["stage"]["text"] == ENDED and last["state"] is None
    assert not any("state" in shown and shown["state"] for shown in before)
    assert not deletion.analysing.cache.values and not deletion.analysing.cache.encodings.values
    assert queue.running is None and not queue.waiting and not deletion.works


def test_what_ended_a_moment_before_is_not_shown_either(deletion, reader, guest):
    """The last step has no look at the queue after it: its result was given and kept."""
    reader.go_on.set()
    steps = deletion.long.analyse(str(EXAMPLE), "so it is", "none", None, THERE)

    def late():
        for shown in steps:
            if shown.get("state"):
                deletion.erase(guest)
                deletion.analysing.cache.put(THERE.token, shown["state"], THERE.owner)
            yield shown

    *before, last = deletion.passing(THERE, str(EXAMPLE), late())
    assert last["stage"]["text"] == ENDED and not any(shown.get("state") for shown in before)
    assert deletion.analysing.restore(THERE).get("state") is None


def test_all_tabs_of_the_session_forget_and_nobody_else_does(deletion, reader, guest, tmp_path):
    reader.go_on.set()
    soundfile.write(talk := tmp_path / "talk.wav", voice(25.0), 16_000)
    stranger = replace(HERE, token="c" * 32, tab="tab c", owner=("bob", "10.0.0.1"))
    for context in (HERE, THERE, stranger):
        *_, last = judged(deletion, context)
        assert last["state"]
    *_, last = judged(deletion, THERE, str(talk), "")
    assert deletion.long.here(THERE) and last["ribbon"]["rows"]
    assert deletion.long.pick(0, THERE)["state"] and list((tmp_path / "stretches").rglob("*.wav"))
    deletion.erase(guest)
    assert not deletion.long.here(THERE) and not list((tmp_path / "stretches").rglob("*.wav"))
    assert [bool(deletion.analysing.restore(context).get("state")) for context in (HERE, THERE, stranger)] == [
        False,
        False,
        True,
    ]


def test_corrected_words_of_a_deleted_recording_are_not_kept(deletion, reader, guest):
    reader.go_on.set()
    *_, last = judged(deletion, THERE)

    def act():
        shown = deletion.analysing.edited("not at all", last["state"], THERE)
        deletion.erase(guest)
        return shown

    assert deletion.passing_one(THERE, str(EXAMPLE), act)["stage"]["text"] == ENDED
    assert not deletion.analysing.cache.values


def test_rows_of_deleted_recordings_say_so(deletion, guest, tmp_path):
    """In the last step of a row nothing asks whether it is to end; one that waits said nothing at all."""

    def read_to_the_end(values, context, scope):
        deletion.erase(guest)
        return {"row": "of the recording"}

    def ended(values, context, scope):
        deletion.erase(guest)
        raise Cancelled

    scope = {"type": "http", "headers": [], SCOPE: guest}
    with SharedThreads(1, 1, "results") as pool:
        for act in (read_to_the_end, ended):
            answer = answering("judge", act, pool, deletion)([{}], Request(scope, forever))
            assert in_own_loop(answer)["error"] == {"en": ENDED, "ru": say("erased_running", "ru")}


async def forever():
    await asyncio.Event().wait()


def test_a_recording_that_is_deleted_is_not_taken_to_annotate(tmp_path, guest):
    """Between the deletion of the clips and that of the files, it was copied, and stayed for good."""
    (recording := tmp_path / "voice.wav").write_bytes(bytes(99))
    taken, late = [], []
    store = SimpleNamespace(projects=lambda: [])

    def delete(session):
        thread = threading.Thread(target=lambda: late.append(refused(recording)))
        thread.start()
        thread.join(0.3)
        recording.unlink()
        return 1, 0

    def refused(path):
        with pytest.raises(InputError, match="no such file"):
            privacy.take(guest, path, lambda: taken.append(1) or {"project": "p", "clip": "c"})
        return True

    privacy = Erasure(store, SimpleNamespace(limit=10**9, erase=delete), tmp_path)
    assert privacy.erase(guest).files == 1
    while not late:
        threading.Event().wait(0.01)
    assert not taken


def test_the_app_s_other_tab_says_so(tmp_path):
    """Through Gradio: the models are still being loaded when the one tab deletes what the other has asked for."""

    def call(guest, name, tab, *data):
        body = {"data": list(data), "fn_index": function(guest, name)["id"], "session_hash": tab}
        assert guest.post("/gradio_api/queue/join", json=body).status_code == 200

    def told(guest, tab, begun):
        lines = []
        with guest.stream("GET", "/gradio_api/queue/data", params={"session_hash": tab}) as events:
            for line in events.iter_lines():
                lines.append(line)
                if '"process_generating"' in line:
                    begun.set()
        return next(line for line in lines if '"process_completed"' in line)

    with served(tmp_path) as address, visit(address) as guest, ThreadPoolExecutor(1) as pool:
        clip, begun = sent_file(upload(guest).json()[0]), threading.Event()
        call(guest, "analyse", "theothertab", clip, "so it is", "none", "auto", None, "{}")
        other = pool.submit(told, guest, "theothertab", begun)
        assert begun.wait(180)
        call(guest, "erase", "thetab", "{}")
        assert "Deleted from the disk: 1." in told(guest, "thetab", begun)
        assert ENDED in other.result(180)


def test_a_state_is_emptied_in_all_tabs_of_a_session():
    tabs = TabStates(lambda tab: {"a": ("ann", ""), "b": ("ann", ""), "c": ("bob", "")}[tab])
    tabs.session_data.update({tab: SimpleNamespace(state_data={7: "result", 8: "other"}) for tab in "abc"})
    tabs.empty("ann", 7)
    assert [tabs.session_data[tab].state_data for tab in "abc"] == [
        {7: None, 8: "other"},
        {7: None, 8: "other"},
        {7: "result", 8: "other"},
    ]
