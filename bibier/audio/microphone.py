"""The microphone of this computer: blocks of sound → utterances, cut on pauses or on a key, each judged while the next
is being recorded.

What delivers blocks is handed in (`BlockQueue`), so that a file can stand in for a microphone.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import soundfile
import soxr

from bibier.audio.format import SAMPLE_RATE
from bibier.audio.voice_activity import voice_network
from bibier.errors import InputError
from bibier.i18n.messages import Message

if TYPE_CHECKING:
    from types import ModuleType

FRAME = 512  # samples at 16 kHz, 32 ms: what the voice detector reads at a time
PAUSE = 0.6  # s of silence that end an utterance
LONGEST = 20.0  # s; longer speech is cut all the same
SHORTEST = 0.3  # s of voice that make an utterance
LEAD = 0.3  # s kept before the first voice
START, STAY = 0.5, 0.35  # probability of voice at which an utterance begins, and below which a pause does
WAITING = 400  # blocks that may wait; at 50 ms each, 20 s
SILENT_SECONDS = 2.0  # s without a block after which the device is looked at


@dataclass(frozen=True)
class Utterance:
    """A stretch of speech: (n,) float32 at 16 kHz in [-1, 1], from `start` seconds after the beginning."""

    samples: np.ndarray
    start: float

    @property
    def end(self) -> float:
        """Seconds from the beginning at which it ends."""
        return self.start + len(self.samples) / SAMPLE_RATE


class BlockQueue:
    """Blocks from whoever records, to whoever reads; the recorder never waits, and what finds no room is counted."""

    def __init__(self, rate: int, alive: Callable[[], bool] = lambda: True, size: int = WAITING):
        self.rate, self.alive, self.dropped = rate, alive, 0
        self._queue: queue.Queue[np.ndarray | None] = queue.Queue(size)

    def put(self, block: np.ndarray) -> None:
        """Take (n,) or (n, channels) samples; called from the recorder's thread."""
        try:
            self._queue.put_nowait(block.copy())
        except queue.Full:
            self.dropped += 1

    def close(self) -> None:
        """No more blocks come."""
        self._queue.put(None)

    def __iter__(self) -> Iterator[np.ndarray]:
        while True:
            try:
                block = self._queue.get(timeout=SILENT_SECONDS)
            except queue.Empty:
                if not self.alive():
                    raise InputError("mic-gone") from None
                continue
            if block is None:
                return
            yield block.mean(axis=1) if block.ndim == 2 else block


class UtteranceSegmenter:
    """Cuts a stream into utterances.

    Parameters
    ----------
    rate
        Of the blocks, in Hz.
    listen
        Frames (F, 512) at 16 kHz → the probability of voice of each (F,); remembers what came before. None: cut by
        `cut` alone.
    """

    def __init__(self, rate: int, listen: Callable[[np.ndarray], np.ndarray] | None):
        self._resample = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32") if rate != SAMPLE_RATE else None
        self._listen = listen
        self._rest = np.zeros(0, np.float32)  # less than a frame
        self._frames: list[np.ndarray] = []  # frames of the utterance, or the last ones before it
        self._speaking, self._silent, self._voiced = listen is None, 0, 0  # frames
        self._position = 0  # samples at 16 kHz so far
        self.level = 0.0  # RMS of the last frame

    def push(self, block: np.ndarray) -> list[Utterance]:
        """Take (n,) float samples; return the utterances that ended."""
        block = np.nan_to_num(np.asarray(block, np.float32)).clip(-1, 1)
        if self._resample:
            block = self._resample.resample_chunk(block)
        self._rest = np.concatenate([self._rest, block])
        whole = len(self._rest) - len(self._rest) % FRAME  # samples
        frames, self._rest = self._rest[:whole].reshape(-1, FRAME), self._rest[whole:]  # (F, FRAME)
        if not len(frames):
            return []
        voices = np.ones(len(frames)) if self._listen is None else self._listen(frames)  # (F,)
        ended = (self._add_frame(frame, float(voice)) for frame, voice in zip(frames, voices, strict=True))
        return [utterance for utterance in ended if utterance is not None]

    def current(self, seconds: float) -> Utterance | None:
        """Return the utterance that goes on, at most its last `seconds`; None where there isn't one (yet)."""
        if not self._speaking or self._voiced * FRAME < SHORTEST * SAMPLE_RATE:
            return None
        samples = np.concatenate(self._frames[-round(seconds * SAMPLE_RATE / FRAME) :])
        return Utterance(samples, (self._position - len(samples)) / SAMPLE_RATE)

    def cut(self) -> Utterance | None:
        """End the utterance here, if there is one."""
        enough = self._listen is None or self._voiced * FRAME >= SHORTEST * SAMPLE_RATE
        utterance = None
        if self._speaking and enough and self._frames:
            samples = np.concatenate(self._frames)
            utterance = Utterance(samples, (self._position - len(samples)) / SAMPLE_RATE)
        self._frames, self._speaking, self._silent, self._voiced = [], self._listen is None, 0, 0
        return utterance

    def finish(self) -> Utterance | None:
        """End the stream: what is left belongs to the last utterance."""
        if self._resample:
            self._rest = np.concatenate([self._rest, self._resample.resample_chunk(np.zeros(0, np.float32), last=True)])
        if self._speaking and len(self._rest):
            self._frames.append(self._rest)
            self._position += len(self._rest)
        self._rest = np.zeros(0, np.float32)
        return self.cut()

    def _add_frame(self, frame: np.ndarray, voice: float) -> Utterance | None:
        self._position += FRAME
        self._frames.append(frame)
        self.level = float(np.sqrt(np.square(frame).mean()))
        if self._listen is None:
            return self.cut() if len(self._frames) * FRAME >= LONGEST * SAMPLE_RATE else None
        if not self._speaking:
            if voice < START:
                del self._frames[: -round(LEAD * SAMPLE_RATE / FRAME)]
                return None
            self._speaking = True
        self._voiced += voice >= STAY
        self._silent = 0 if voice >= STAY else self._silent + 1
        long = len(self._frames) * FRAME >= LONGEST * SAMPLE_RATE
        return self.cut() if long or self._silent * FRAME >= PAUSE * SAMPLE_RATE else None


class VoiceDetector:
    """Silero VAD, listening: called with frames (F, 512) of float32 at 16 kHz, gives the probability of voice of each.

    It remembers what came before, so it is one stream's. The network itself is everybody's.
    """

    def __init__(self):
        self._network, self._state = voice_network(), None

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        probabilities, self._state = self._network(frames, self._state)
        return probabilities


@dataclass
class MicrophoneLoop:
    """Reads blocks, cuts them, and has each utterance judged in a thread of its own while the next is recorded.

    Parameters
    ----------
    segmenter
        Makes utterances.
    judge
        Called with each utterance, in order, in the second thread. An InputError of its is given to `refused`.
    refused
        Told the utterance and what is wrong with it.
    meter
        Told the level (RMS) after each block.
    folder
        Where each utterance is written before it is judged; None writes nothing.
    """

    segmenter: UtteranceSegmenter
    judge: Callable[[Utterance], None]
    refused: Callable[[Utterance, InputError], None]
    meter: Callable[[float], None] = lambda level: None
    folder: Path | None = None
    asked: threading.Event = field(default_factory=threading.Event)  # set by a key: cut here
    count: int = 0

    def run(self, blocks: Iterable[np.ndarray]) -> int:
        """Go on until the blocks end or Ctrl+C; the last utterance is judged too. Returns how many there were."""
        with ThreadPoolExecutor(1, thread_name_prefix="judge") as pool:
            jobs: deque[Future[None]] = deque()
            try:
                for block in blocks:
                    for utterance in self.segmenter.push(block):
                        self._take(utterance, pool, jobs)
                    if self.asked.is_set():
                        self.asked.clear()
                        self._take(self.segmenter.cut(), pool, jobs)
                    self.meter(self.segmenter.level)
                    while jobs and jobs[0].done():
                        jobs.popleft().result()  # raises what the second thread could not cope with
            except KeyboardInterrupt:
                pass
            finally:
                self._take(self.segmenter.finish(), pool, jobs)
            for job in jobs:
                job.result()
        return self.count

    def _take(self, utterance: Utterance | None, pool: ThreadPoolExecutor, jobs: deque[Future[None]]) -> None:
        if utterance is None:
            return
        self.count += 1
        if self.folder:
            write(utterance, self.folder, self.count)
        jobs.append(pool.submit(self._judge, utterance))

    def _judge(self, utterance: Utterance) -> None:
        try:
            self.judge(utterance)
        except InputError as error:
            self.refused(utterance, error)


def write(utterance: Utterance, folder: Path, number: int) -> Path:
    """Write an utterance as 16-bit wav under a name that is free; returns its path."""
    while (path := folder / f"utterance-{number:04d}.wav").exists():
        number += 1
    try:
        folder.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, utterance.samples, SAMPLE_RATE, subtype="PCM_16")
    except (OSError, soundfile.LibsndfileError) as error:
        raise InputError("mic-save", folder=str(folder), reason=str(error)) from error
    return path


# --- the device ------------------------------------------------------------------------------------------------------


class _StreamStatus(Protocol):
    input_overflow: bool


def _sounddevice() -> ModuleType:
    try:
        import sounddevice  # late: it needs the PortAudio library of the system
    except ModuleNotFoundError as error:
        raise InputError("extra-missing", package="sounddevice", extra="mic") from error
    except OSError as error:
        raise InputError("mic-no-portaudio", reason=str(error)) from error
    return sounddevice


def devices() -> list[tuple[int, str, int, bool]]:
    """Return the microphones: (index, name, channels, whether it is the default)."""
    sounddevice = _sounddevice()
    try:
        default = sounddevice.default.device[0]
        return [
            (facts["index"], facts["name"], facts["max_input_channels"], facts["index"] == default)
            for facts in sounddevice.query_devices()
            if facts["max_input_channels"] > 0
        ]
    except sounddevice.PortAudioError as error:
        raise InputError("mic-none", reason=str(error)) from error


@contextmanager
def recording(device: str | int | None = None) -> Iterator[BlockQueue]:
    """Record from a device, by index or a part of its name, at its own rate; InputError when it can't be used."""
    sounddevice = _sounddevice()
    known = devices()
    if not known:
        raise InputError("mic-none", reason=Message("mic-no-device"))
    try:
        facts = sounddevice.query_devices(device, "input")
    except (ValueError, sounddevice.PortAudioError) as error:
        names = "; ".join(f"{index}: {name}" for index, name, *_ in known)
        raise InputError("mic-unknown", device=str(device), known=names[:500]) from error
    rate, channels = int(facts["default_samplerate"]), min(2, int(facts["max_input_channels"]))
    blocks = BlockQueue(rate)

    def take(block: np.ndarray, _frames: int, _time: object, status: _StreamStatus) -> None:
        blocks.dropped += bool(status.input_overflow)
        blocks.put(block)

    try:
        with sounddevice.InputStream(
            samplerate=rate, device=device, channels=channels, dtype="float32", blocksize=rate // 20, callback=take
        ) as stream:
            blocks.alive = lambda: stream.active
            yield blocks
    except sounddevice.PortAudioError as error:
        raise InputError("mic-busy", device=facts["name"], reason=str(error)) from error
