"""Speech while it is spoken: blocks of sound → how the voice sounds now, and each utterance that a pause has closed.

Blocks are heard in one thread, which takes a block of each session in turn. Utterances are judged in another, one of
each session in turn, and in the queue of the device like everything else. What is shown while somebody speaks is the
voice's distribution over the last seconds: 15 ms of a core, so it stands in no queue.
"""

from __future__ import annotations

import logging
import math
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import soxr

from bibier.audio.format import SAMPLE_RATE
from bibier.audio.microphone import Utterance, UtteranceSegmenter, VoiceDetector
from bibier.audio.segmentation import Segment
from bibier.errors import Cancelled, InputError
from bibier.i18n.messages import Message
from bibier.inference.long_form import SegmentResult, judge_segment
from bibier.inference.prediction import NOTHING_SAID, ModalityResult, judged
from bibier.inference.predictor import Predictor, probabilities
from bibier.inference.queue import DEVICE, InferenceQueue, largest_party
from bibier.labels import named, vector
from bibier.log import note, told
from bibier.pauses import interruptible

RATES = (8_000, 96_000)  # Hz of the sound, from … to
LONGEST = 3_600.0  # s of a session
LONGEST_BLOCK = 10.0  # s of sound taken at a time
WINDOW = 4.0  # s at the end of the utterance that goes on, over which the voice is judged …
STEP = 0.2  # … each time that so many seconds came
CONSTANT = 0.5  # s, time constant of the smoothing
FAST, AHEAD = 1.1, 30.0  # sound comes as fast as it is spoken, and so many seconds at once after an interruption
HURRIED = 30.0  # s of utterances that wait for their judgement, above which the words are left out …
BEHIND = 120.0  # … s of utterances that may wait for their judgement; then no more sound is taken for a while
MOST_RESULTS = 8  # in a view; the rest is in the next
IDLE = 15.0  # s without a sign of life after which a session is over
SILENT = 60.0  # s without a voice after which a session gives its place to who comes, where there is none left
MOST, MOST_OF_PARTY, MOST_OF_SESSION = 8, 4, 2  # sessions heard at once: of all, of a party, of a browser
PAUSE = 1.0  # s between two tries to stand in a full queue

Owner = tuple[str, str]  # session, its party


@dataclass(frozen=True)
class LiveBars:
    """How the voice sounds from `start` to `end`, in seconds from the beginning of the session, smoothed over time."""

    start: float
    end: float
    audio: ModalityResult


@dataclass(frozen=True)
class LiveView:
    """What there is to say after a block.

    Parameters
    ----------
    heard
        Samples taken so far, at the rate of the session.
    level
        RMS of the last 32 ms, in [0, 1].
    bars
        None while nobody speaks.
    first
        The number of the first of `results`.
    results
        Utterances judged, with their times from the beginning of the session.
    waiting
        How many utterances are being judged, or wait for it.
    done
        Whether the session has ended, everything is judged and `results` holds the last of it.
    """

    heard: int
    level: float
    bars: LiveBars | None
    first: int
    results: tuple[SegmentResult, ...]
    waiting: int
    done: bool


class LiveSession:
    """The sound of one speaker and what came of it. Made by `LiveSessions`, which sees to its threads.

    Parameters
    ----------
    rate
        Of the sound, in Hz.
    detector
        Hears where somebody speaks.
    predictor
        Judges.
    recognises
        Whether the words are recognised; otherwise the voice is judged alone.
    owner
        Whose it is.
    """

    def __init__(
        self,
        rate: int,
        detector: VoiceDetector,
        predictor: Predictor,
        *,
        recognises: bool = True,
        owner: Owner = ("", ""),
    ):
        self.name = secrets.token_urlsafe(24)
        self.rate, self.predictor, self.recognises, self.owner = rate, predictor, recognises, owner
        self.heard = 0  # samples
        self.results: list[SegmentResult] = []
        self.waiting: deque[Utterance] = deque()
        self.ended = self.closed = self.judging = False  # the last: whether a turn of its is under way
        self.recogniser = self.checkpoint = ""  # what people call those that judge it
        self.lane = DEVICE  # of the queue
        self.opened = self.touched = self.voiced = 0.0  # s of the clock: the last sign of life, the last voice
        self.lock = threading.Lock()  # of results and waiting
        self._resample = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32") if rate != SAMPLE_RATE else None
        self._segmenter = UtteranceSegmenter(SAMPLE_RATE, detector)
        self._bars: LiveBars | None = None
        self._smoothed: np.ndarray | None = None  # (7,)

    # --- in the thread that hears ----------------------------------------------------------------------------------

    def take(self, at: int, block: np.ndarray) -> None:
        """Hear (n,) int16 samples from the `at`-th of the session on; what was heard before is left out.

        Raises InputError when samples before them are missing, or the session is full.
        """
        if at > self.heard:
            raise InputError("live-gap", heard=self.heard)
        block = block[self.heard - at :]
        if self.ended or not len(block):
            return
        if self.heard + len(block) > LONGEST * self.rate:
            raise InputError("live-long", minutes=round(LONGEST / 60))
        self.heard += len(block)
        samples = block.astype(np.float32) / 2**15
        if self._resample is not None:
            samples = self._resample.resample_chunk(samples)
        self._close(self._segmenter.push(samples))

    def finish(self) -> None:
        """End the sound: what is left belongs to the last utterance."""
        if self.ended:
            return
        if self._resample is not None:
            self._close(self._segmenter.push(self._resample.resample_chunk(np.zeros(0, np.float32), last=True)))
        last = self._segmenter.finish()
        self._close([] if last is None else [last])
        self.ended, self._bars = True, None

    def look(self) -> LiveBars | None:
        """Judge the voice of the last seconds; None while nobody speaks."""
        now = self._segmenter.current(WINDOW)
        if now is None:
            self._bars = self._smoothed = None
            return None
        if self._bars is not None and now.end - self._bars.end < STEP:
            return self._bars
        result = judge_voice(self.predictor, now.samples)
        if result.probabilities is not None:
            distribution = vector(result.probabilities)
            if self._bars is not None and self._smoothed is not None:
                kept = math.exp((self._bars.end - now.end) / CONSTANT)  # of what was shown, in [0, 1]
                distribution = kept * self._smoothed + (1 - kept) * distribution
            self._smoothed = distribution
            result = ModalityResult(named(distribution), ood=result.ood, doubt=result.doubt)
        self._bars = LiveBars(now.start, now.end, result)
        return self._bars

    def free(self) -> None:
        """Let the sound go, and what heard it."""
        self._segmenter, self._bars, self._smoothed = UtteranceSegmenter(SAMPLE_RATE, None), None, None

    def _close(self, utterances: list[Utterance]) -> None:
        with self.lock:
            self.waiting.extend(utterances)

    # --- in any thread ---------------------------------------------------------------------------------------------

    def behind(self) -> float:
        """Return how many seconds of utterances wait for their judgement."""
        with self.lock:
            return sum(len(utterance.samples) for utterance in self.waiting) / SAMPLE_RATE

    def view(self, first: int) -> LiveView:
        """Return what there is to say, with results from the `first` on, `MOST_RESULTS` at most."""
        with self.lock:
            results, waiting = tuple(self.results[first : first + MOST_RESULTS]), len(self.waiting)
            done = self.ended and not waiting and first + len(results) >= len(self.results)
        return LiveView(self.heard, self._segmenter.level, self._bars, first, results, waiting, done)

    def judge(self, utterance: Utterance) -> SegmentResult:
        """Judge an utterance in all three ways, as a clip; where many wait, the voice alone."""
        segment, hurried = Segment(utterance.start, utterance.end), self.recognises and self.behind() > HURRIED
        words = None if self.recognises and not hurried else NOTHING_SAID
        result = judge_segment(self.predictor, utterance.samples, segment, words)
        if hurried and result.prediction is not None:
            notices = (Message("live-hurried"), *result.prediction.notices)
            result = replace(result, prediction=replace(result.prediction, notices=notices))
        return result


def judge_voice(predictor: Predictor, samples: np.ndarray) -> ModalityResult:
    """Judge the voice alone of (n,) float32 samples at 16 kHz, without asking whether they can be used."""
    bundle = predictor.bundle
    if bundle.audio_encoder is None:
        return ModalityResult(None, Message("no-audio-model"))
    output = predictor.encode_clips([samples])
    distribution = probabilities(output.logits, bundle.config.calibration.audio)[0]
    scores = bundle.score_voice(output)
    return judged(distribution, scores[0] if scores else None, "voice-unlike")


class LiveSessions:
    """All that are heard at once.

    Parameters
    ----------
    queue
        Of the device.
    detector
        Makes what hears where somebody speaks.
    limit
        How many sessions there may be.
    clock
        Seconds from anywhere that never go back.
    """

    def __init__(
        self,
        queue: InferenceQueue,
        *,
        detector: Callable[[], VoiceDetector] = VoiceDetector,
        limit: int = MOST,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.queue, self.detector, self.limit, self.clock = queue, detector, limit, clock
        self.sessions: dict[str, LiveSession] = {}
        self.lock = threading.RLock()
        self.hearing = ThreadPoolExecutor(1, thread_name_prefix="live")
        self.judging = ThreadPoolExecutor(1, thread_name_prefix="live-judge")

    def open(self, predictor: Predictor, rate: int, *, recognises: bool = True, owner: Owner = ("", "")) -> LiveSession:
        """Begin to hear somebody.

        Raises InputError when the rate is none of sound, or too many are heard already.
        """
        if not RATES[0] <= rate <= RATES[1]:
            raise InputError("live-rate", rate=rate, least=RATES[0], most=RATES[1])
        self.sweep()
        with self.lock:
            owners = [session.owner for session in self.sessions.values() if not session.ended]
            for place, most in enumerate((MOST_OF_SESSION, MOST_OF_PARTY)):
                if owner[place] and sum(other[place] == owner[place] for other in owners) >= most:
                    raise InputError(("live-share", "live-share-together")[place], count=most)
            if len(owners) >= self.limit and not self._make_room(owner[1]):
                raise InputError("live-full", count=len(owners))
            session = LiveSession(rate, self.detector(), predictor, recognises=recognises, owner=owner)
            session.opened = session.touched = session.voiced = self.clock()
            self.sessions[session.name] = session
        return session

    def find(self, name: str, owner: str) -> LiveSession:
        """Return an owner's session by its name, and note a sign of life. Raises InputError when there is none."""
        session = self.sessions.get(name)
        if session is None or session.owner[0] != owner:
            raise InputError("live-gone", seconds=round(IDLE))
        session.touched = self.clock()
        return session

    def pause(self, session: LiveSession, seconds: float) -> float:
        """Return after how many seconds so much sound may come: it comes no faster than it is spoken and judged."""
        if session.behind() > BEHIND:
            return PAUSE
        allowed = AHEAD + FAST * (self.clock() - session.opened)  # s of sound
        return max(0.0, (session.heard / session.rate + seconds - allowed) / FAST)

    def hear(self, session: LiveSession, at: int, block: np.ndarray, seen: int = 0) -> Future[LiveView]:
        """Hear a block, as `LiveSession.take`, and look; the view holds the results from the number `seen` on."""
        return self.hearing.submit(self._hear, session, at, block, seen)

    def _hear(self, session: LiveSession, at: int, block: np.ndarray, seen: int) -> LiveView:
        if not session.closed:
            session.take(at, block)
            if session.look() is not None:
                session.voiced = self.clock()
            self._judge_next(session)
        session.touched = self.clock()
        return session.view(seen)

    def end(self, session: LiveSession) -> Future[None]:
        """End the sound of a session; its utterances are still judged."""
        return self.hearing.submit(self._end, session)

    def _end(self, session: LiveSession) -> None:
        if session.closed or session.ended:
            return
        session.finish()
        session.free()
        self._judge_next(session)

    def close(self, session: LiveSession) -> None:
        """Let a session go with all that is its; may be called again."""
        with self.lock:
            if self.sessions.pop(session.name, None) is None:
                return
        session.closed = True
        with session.lock:
            session.waiting.clear()
        outcome = "ok" if session.ended else "cancelled"
        note("live", outcome=outcome, ms=round(1000 * (self.clock() - session.opened)))
        self.queue.stop(session.name)
        self.hearing.submit(session.free)

    def sweep(self) -> None:
        """Let those go from which nothing has come for a while."""
        now = self.clock()
        for session in list(self.sessions.values()):
            if now - session.touched > IDLE:
                self.close(session)

    def _make_room(self, party: str) -> bool:
        """Let a session go for another of a party; whether there is one: that which is silent for longest, and long
        enough, or the last of the party with most.
        """
        going = [session for session in self.sessions.values() if not session.ended]
        silent = min(going, key=lambda session: session.voiced)
        if self.clock() - silent.voiced > SILENT:
            self.close(silent)
            return True
        largest = largest_party((session.owner[1] for session in going), party)
        theirs = [session for session in going if session.owner[1] == largest]
        if theirs:
            self.close(theirs[-1])
        return bool(theirs)

    # --- judging -----------------------------------------------------------------------------------------------------

    def _judge_next(self, session: LiveSession) -> None:
        """See to it that the session's next utterance is judged, after one of each of the others."""
        with session.lock:
            if session.judging or session.closed or not session.waiting:
                return
            session.judging = True
            utterance = session.waiting[0]
        self.judging.submit(self._turn, session, utterance).add_done_callback(
            lambda future: self._turned(session, utterance, future)
        )

    def _turn(self, session: LiveSession, utterance: Utterance) -> SegmentResult | None:
        """Judge an utterance when the device is free; None where it could not be: there is no room, or it is over."""
        try:
            ticket = self.queue.enqueue(session.name, owner=session.owner, lane=session.lane)
        except InputError:  # the queue is full
            with self.queue.changed:
                self.queue.changed.wait(PAUSE)
            return None
        try:
            if session.closed:  # since then: its tickets were stopped before this one was there
                return None
            ticket.wait()
            with interruptible(ticket.pass_turn, check=ticket.check):
                return session.judge(utterance)
        except Cancelled:
            return None
        finally:
            ticket.release()

    def _turned(self, session: LiveSession, utterance: Utterance, future: Future[SegmentResult | None]) -> None:
        if error := future.exception():  # a fault of our own: the others are judged all the same
            note("live", level=logging.ERROR, outcome="failed", **told(error))
            reason = Message("timeline-failed", {"reason": type(error).__name__})
            result = SegmentResult(Segment(utterance.start, utterance.end), None, reason)
        else:
            result = future.result()
        with session.lock:
            session.judging = False
            if result is not None and session.waiting:
                session.waiting.popleft()
                session.results.append(result)
        self._judge_next(session)
