"""Live sessions: judged as clips are, whatever the blocks; nothing lost; in turn; bounded, and freed."""

import itertools
import threading
import weakref
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from tiny import voice

from bibier.audio.format import SAMPLE_RATE
from bibier.audio.microphone import Utterance, UtteranceSegmenter
from bibier.errors import InputError
from bibier.inference import live
from bibier.inference.live import LiveSession, LiveSessions
from bibier.inference.predictor import Predictor, as_json
from bibier.inference.queue import InferenceQueue
from bibier.labels import vector
from bibier.transcript import Transcript

WORDS = Transcript("so it is", "en", (), "recogniser")
PATIENCE = 60  # s; the machine may be busy


class Loud:
    """Hears a voice where it is loud."""

    def __call__(self, frames):
        return np.sqrt(np.square(frames).mean(axis=1)) > 0.01


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def predictor(tiny_bundle):
    return Predictor(tiny_bundle, lambda samples: WORDS)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def sessions(clock):
    sessions = LiveSessions(InferenceQueue(), detector=Loud, clock=clock)
    yield sessions
    for session in list(sessions.sessions.values()):
        sessions.close(session)
    sessions.hearing.shutdown()
    sessions.judging.shutdown()


@contextmanager
def refused(key: str, **values):
    with pytest.raises(InputError) as refusal:
        yield
    assert refusal.value.key == key and values.items() <= refusal.value.message.values.items()


def talk(rate: int = SAMPLE_RATE, utterances: int = 2) -> np.ndarray:
    """Return utterances of 1.2 s with a pause of 1 s after each, (n,) int16."""
    pause = np.zeros(rate)
    parts = [part for seed in range(utterances) for part in (voice(1.2, rate, seed), pause)]
    return np.round(np.concatenate(parts) * 2**15).clip(-(2**15), 2**15 - 1).astype(np.int16)


def speak(sessions, session, sound: np.ndarray, size: int) -> list[live.LiveView]:
    """Send sound in blocks, end, and wait until all is judged; the views on the way and the last."""
    views = []
    for at in range(0, len(sound), size):
        views.append(sessions.hear(session, at, sound[at : at + size]).result(PATIENCE))
    sessions.end(session).result(PATIENCE)
    judged = threading.Event()
    while not session.view(0).done:
        judged.wait(0.01)
    return [*views, session.view(0)]


@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_blocks_of_any_size_give_the_same_utterances(sessions, predictor, rate):
    """Those of the microphone's segmenter too; no sample is lost."""
    sound = talk(rate)
    segmenter = UtteranceSegmenter(rate, Loud())
    expected = [*segmenter.push(sound / 2**15), segmenter.finish()]
    spans = [(utterance.start, utterance.end) for utterance in expected if utterance]
    assert len(spans) == 2
    for size in (rate // 4, 777, len(sound)):
        session = sessions.open(predictor, rate)
        *_, last = speak(sessions, session, sound, size)
        assert last.heard == len(sound)
        assert [(result.segment.start, result.segment.end) for result in last.results] == spans
        sessions.close(session)


def test_an_utterance_is_judged_as_the_same_clip_is(sessions, predictor):
    sound = talk()
    session = sessions.open(predictor, SAMPLE_RATE)
    *_, last = speak(sessions, session, sound, 4_000)
    for result in last.results:
        start, end = (round(edge * SAMPLE_RATE) for edge in (result.segment.start, result.segment.end))
        clip = predictor(((sound[start:end] / np.float32(2**15)), SAMPLE_RATE))
        assert as_json(replace(result.prediction, timings={})) == as_json(replace(clip, timings={}))
        assert result.prediction.bimodal.probabilities


def test_bars_follow_the_voice_smoothly(sessions, predictor):
    """Bars while somebody speaks, none in a pause; each step moves towards what is heard, and not all the way."""
    session = sessions.open(predictor, SAMPLE_RATE)
    views = speak(sessions, session, talk(utterances=1), 4_000)
    bars = [view.bars for view in views if view.bars]
    assert len(bars) >= 3 and views[-2].bars is None
    assert all(later.end > earlier.end for earlier, later in itertools.pairwise(bars))
    assert [sum(one.audio.probabilities.values()) for one in bars] == pytest.approx([1] * len(bars))
    session = LiveSession(SAMPLE_RATE, Loud(), predictor)
    session.take(0, talk(utterances=1)[:12_000])
    before = vector(session.look().audio.probabilities)
    session.take(12_000, talk(utterances=1)[12_000:16_000])
    sharp = vector(live.judge_voice(predictor, session._segmenter.current(live.WINDOW).samples).probabilities)
    shown = vector(session.look().audio.probabilities)
    assert np.abs(shown - sharp).sum() < np.abs(before - sharp).sum() and np.abs(shown - before).sum() > 0


def test_the_voice_is_looked_at_no_more_often_than_needed(predictor, monkeypatch):
    """Many small blocks cost no more than a few large ones."""
    looks = []
    judge = live.judge_voice
    monkeypatch.setattr(live, "judge_voice", lambda *given: (looks.append(1), judge(*given))[1])
    session, sound = LiveSession(SAMPLE_RATE, Loud(), predictor), talk(utterances=1)[:19_200]
    for at in range(0, len(sound), 160):
        session.take(at, sound[at : at + 160])
        session.look()
    assert 1 < len(looks) <= 1.2 / live.STEP


def test_a_block_sent_again_is_heard_once_and_a_gap_is_told(sessions, predictor):
    session, sound = sessions.open(predictor, SAMPLE_RATE), talk()
    sessions.hear(session, 0, sound[:8_000]).result(PATIENCE)
    sessions.hear(session, 0, sound[:8_000]).result(PATIENCE)
    with refused("live-gap", heard=8_000):
        sessions.hear(session, 9_000, sound[9_000:]).result(PATIENCE)
    view = sessions.hear(session, 4_000, sound[4_000:]).result(PATIENCE)
    assert view.heard == len(sound)


def test_results_can_be_asked_for_again(sessions, predictor):
    session = sessions.open(predictor, SAMPLE_RATE)
    *_, last = speak(sessions, session, talk(), 4_000)
    assert len(session.view(1).results) == 1 and session.view(1).results[0] is last.results[1]


def test_many_results_come_by_parts(sessions, predictor):
    """Whoever asks for all of an hour again and again gets a bounded answer, and is done with the last part."""
    session = sessions.open(predictor, SAMPLE_RATE)
    *_, last = speak(sessions, session, talk(), 4_000)
    session.results *= live.MOST_RESULTS
    first = session.view(0)
    assert len(first.results) == live.MOST_RESULTS and not first.done
    assert session.view(live.MOST_RESULTS).done and session.view(10**6).done and last.done


def test_utterances_are_judged_in_turn(sessions, predictor):
    """Of three that speak at once each has its first utterance judged before anybody's second."""
    order, go = [], threading.Event()

    def recognise(samples):
        go.wait(PATIENCE)
        return WORDS

    owners = [(name, f"network of {name}") for name in "abc"]
    mine = [sessions.open(Predictor(predictor.bundle, recognise), SAMPLE_RATE, owner=owner) for owner in owners]
    for session in mine:
        judge = session.judge
        session.judge = lambda utterance, judge=judge, owner=session.owner[0]: (order.append(owner), judge(utterance))[
            1
        ]
        sessions.hear(session, 0, talk()).result(PATIENCE)
    go.set()
    for session in mine:
        speak(sessions, session, talk(), 100_000)
    assert order == ["a", "b", "c", "a", "b", "c"]


def test_a_block_waits_for_no_words(sessions, predictor):
    """Neither one's own closed utterance, nor another's, nor whoever has the device keeps the bars from following."""
    begun, go = threading.Event(), threading.Event()

    def recognise(samples):
        begun.set()
        go.wait(PATIENCE)
        return WORDS

    held = Predictor(predictor.bundle, recognise)
    mine, other = (sessions.open(held, SAMPLE_RATE, owner=(name, name)) for name in "ab")
    sound = talk()
    first = len(sound) // 2  # an utterance and its pause
    sessions.hear(mine, 0, sound[:first]).result(PATIENCE)
    assert begun.wait(PATIENCE)  # its words are being recognised, and the device is taken
    later = sessions.queue.enqueue("somebody's long recording")
    for session, at in ((mine, first), (other, 0)):
        view = sessions.hear(session, at, sound[at : at + 16_000]).result(PATIENCE)
        assert view.bars and not view.results and view.heard == at + 16_000
    assert mine.view(0).waiting == 1 and not go.is_set()
    later.release()
    go.set()
    speak(sessions, mine, sound, 100_000)


def test_no_more_than_may_be(sessions, predictor):
    for network in range(8):
        sessions.open(predictor, SAMPLE_RATE, owner=(f"s{network}", f"n{network}"))
    for owner in (("s9", "n9"), ("s0", "n0")):
        with refused("live-full"):
            sessions.open(predictor, SAMPLE_RATE, owner=owner)
    for number in (0, 0, 1):
        sessions.close(list(sessions.sessions.values())[number])
    sessions.open(predictor, SAMPLE_RATE, owner=("s2", "n2"))
    with refused("live-share"):
        sessions.open(predictor, SAMPLE_RATE, owner=("s2", "n2"))
    with refused("live-rate"):
        sessions.open(predictor, 200_000)


def test_two_addresses_do_not_hold_all_places(sessions, predictor):
    """As long as they spoke, nobody else was heard: whoever has none gets the place that came last to who has most."""
    held = [sessions.open(predictor, SAMPLE_RATE, owner=(f"s{n // 2}", f"n{n // 4}")) for n in range(8)]
    for newcomer in ("x", "y"):
        sessions.open(predictor, SAMPLE_RATE, owner=(newcomer, newcomer))
    assert [session.closed for session in held] == 3 * [False] + [True] + 3 * [False] + [True]
    with refused("live-gone"):
        sessions.find(held[3].name, "s1")
    with refused("live-full"):
        sessions.open(predictor, SAMPLE_RATE, owner=("s1", "n0"))


def test_a_network_s_share_is_called_so(sessions, predictor):
    """Whoever comes from an address where others already speak was told of sessions that they never had."""
    for number in range(4):
        sessions.open(predictor, SAMPLE_RATE, owner=(f"s{number}", "n"))
    with refused("live-share-together"):
        sessions.open(predictor, SAMPLE_RATE, owner=("s4", "n"))


def test_silence_gives_its_place_to_who_comes(sessions, predictor, clock):
    """Not as long as there is room, and never one that speaks."""
    sessions.limit = 2
    silent, speaker = (sessions.open(predictor, SAMPLE_RATE, owner=(name, name)) for name in "ab")
    with refused("live-full"):
        sessions.open(predictor, SAMPLE_RATE)
    clock.now += live.SILENT + 1
    sessions.hear(speaker, 0, talk(utterances=1)[:16_000]).result(PATIENCE)
    silent.touched = clock.now
    other = sessions.open(predictor, SAMPLE_RATE, owner=("c", "c"))
    assert silent.closed and set(sessions.sessions) == {speaker.name, other.name}
    with refused("live-full"):
        sessions.open(predictor, SAMPLE_RATE)


def test_whoever_leaves_frees_everything(sessions, predictor, clock):
    """Also without a word: its place, what heard it and its place in the queue of the device."""
    with sessions.queue.ticket():  # the device is taken, so that its utterance waits
        session = sessions.open(predictor, SAMPLE_RATE, owner=("s", "n"))
        sessions.hear(session, 0, talk()).result(PATIENCE)
        heard_by = weakref.ref(session._segmenter)
        clock.now += live.IDLE - 1
        sessions.sweep()
        assert session.name in sessions.sessions
        clock.now += 2
        sessions.sweep()
        sessions.hearing.submit(lambda: None).result(PATIENCE)
        sessions.judging.submit(lambda: None).result(PATIENCE)
        assert not sessions.sessions and heard_by() is None
        assert not sessions.queue.waiting and not session.waiting
    with refused("live-gone"):
        sessions.find(session.name, "s")


def test_nobody_finds_another_s_session(sessions, predictor):
    session = sessions.open(predictor, SAMPLE_RATE, owner=("ann", "n"))
    assert sessions.find(session.name, "ann") is session
    with refused("live-gone"):
        sessions.find(session.name, "bob")


def test_sound_comes_no_faster_than_it_is_spoken(sessions, predictor, clock):
    """What an interruption held up comes at once; who sends hours waits, as does who speaks faster than is judged."""
    session = sessions.open(predictor, SAMPLE_RATE)
    assert sessions.pause(session, live.AHEAD) == 0
    session.heard = round(live.AHEAD * SAMPLE_RATE)
    assert sessions.pause(session, 1.1) == pytest.approx(1.0)
    clock.now += 1
    assert sessions.pause(session, 1.1) == 0
    speech = Utterance(np.zeros(round((live.BEHIND + 1) * SAMPLE_RATE), np.float32), 0.0)
    session.waiting.append(speech)
    assert sessions.pause(session, 0.1) > 0
    session.waiting.clear()


def test_a_full_queue_loses_no_utterance(predictor, clock, monkeypatch):
    monkeypatch.setattr(live, "PAUSE", 0.01)
    queue = InferenceQueue(limit=1)
    sessions = LiveSessions(queue, detector=Loud, clock=clock)
    session = sessions.open(predictor, SAMPLE_RATE)
    with queue.ticket():
        other = queue.enqueue()
        sessions.hear(session, 0, talk()).result(PATIENCE)
        other.release()
    *_, last = speak(sessions, session, talk(), 100_000)
    assert len(last.results) == 2 and all(result.prediction for result in last.results)
    sessions.close(session)


def test_a_fault_takes_one_utterance_and_not_the_session(sessions, predictor, caplog):
    session = sessions.open(predictor, SAMPLE_RATE)
    judge, calls = session.judge, []

    def faulty(utterance):
        calls.append(utterance)
        return judge(utterance) if len(calls) > 1 else [][1]

    session.judge = faulty
    *_, last = speak(sessions, session, talk(), 4_000)
    assert [result.prediction is None for result in last.results] == [True, False]
    assert last.results[0].error.key == "timeline-failed"


def test_without_a_recogniser_the_voice_is_judged(sessions, predictor):
    session = sessions.open(predictor, SAMPLE_RATE, recognises=False)
    *_, last = speak(sessions, session, talk(utterances=1), 4_000)
    (result,) = last.results
    assert result.prediction.audio.probabilities and result.prediction.transcript.source == "none"


def test_where_many_wait_the_words_are_left_out_and_that_is_said(sessions, predictor):
    """Else the bars of a slow computer would lag minutes behind; the words are recognised as soon as few wait."""
    session = sessions.open(predictor, SAMPLE_RATE)
    speech = Utterance(np.asarray(voice(live.HURRIED / 2), np.float32), 0.0)
    session.waiting.extend([speech] * 3)
    hurried = session.judge(speech).prediction
    assert hurried.text.probabilities is None and hurried.notices[0].key == "live-hurried"
    session.waiting.pop()
    usual = session.judge(speech).prediction
    assert usual.transcript == WORDS and not any(notice.key == "live-hurried" for notice in usual.notices)
    session.waiting.clear()
