"""A long recording → stretches of some seconds, cut in its pauses; windows where there is no pause.

Whether somebody speaks is judged by Silero VAD, whose small model comes inside its package. Everything here counts in
its frames of 32 ms; F frames.
"""

from __future__ import annotations

import functools
import itertools
import math
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np

from bibier.audio.format import SAMPLE_RATE
from bibier.audio.long_recording import LONG_SECONDS
from bibier.process import preserve_torch_threads
from bibier.transcript import Word

if TYPE_CHECKING:
    import torch

FRAME = 512  # samples, 32 ms: what the model reads at a time
FRAMES_PER_SECOND = SAMPLE_RATE / FRAME

SHORTEST, TARGET, LONGEST = 1.5, 12.0, float(LONG_SECONDS)  # s; a clip of a few seconds is judged best
PAUSE = 0.4  # s; from here on a pause ends a phrase
LONG_PAUSE = 0.6  # s; across it not even a single word is joined to its neighbour
MARGIN = 0.15  # s of a pause kept at each end of a stretch
BREATH = 0.1  # s; anything shorter is a closed consonant, not a pause
LOUD = 0.05  # RMS of the loud frames that the model is shown: far below, it hears nothing
LOUD_SHARE = 95  # per cent of the frames that are fainter than the loud ones
FAINTEST = 1e-4  # RMS; the rounding of 16 bits is not raised to a voice
LANE = 938  # frames, 30 s: a recording is read in lanes side by side, five times as fast as one after the other
LANES = 16  # at a time
LEAD = 63  # frames, 2 s that a lane hears before its own, to know what came before


class SileroVAD(Protocol):
    """What is used of Silero's model, a TorchScript module, which its package declares as another class."""

    def __call__(self, samples: torch.Tensor, rate: int, /) -> torch.Tensor: ...
    def reset_states(self) -> None: ...


@dataclass(frozen=True, order=True)
class Segment:
    """A stretch of a recording, from `start` to `end` in seconds."""

    start: float
    end: float

    @property
    def duration(self) -> float:
        """Its length in seconds."""
        return self.end - self.start


def cut(samples: np.ndarray, words: Iterable[Word] = ()) -> list[Segment]:
    """Cut a recording into stretches of speech, in order and without overlap; silence is in none of them.

    Parameters
    ----------
    samples
        (n,) at 16 kHz: float32 in [-1, 1], or int16, which may lie in a file: a minute of it is read at a time.
    words
        With their times where they are known: no word is cut, unless it is longer than `LONGEST`.

    Returns
    -------
    list of Segment
        Empty when nobody speaks. None is longer than `LONGEST`.
    """
    if not len(samples):
        return []
    level = loudness(samples)
    spoken = speech(voice_probabilities(samples, level), len(samples))
    times = [(w.start, w.end) for w in words if w.start is not None and w.end is not None]
    return plan(spoken, level, seconds=len(samples) / SAMPLE_RATE, words=times)


# ---------------------------------------------------------------------------------------------------------- listening


def loudness(samples: np.ndarray) -> np.ndarray:
    """Return the RMS (F,) of each frame of (n,) samples; the last frame may be shorter."""
    levels = []
    for block in _blocks(samples, LANE * FRAME):
        whole = np.pad(block, (0, -len(block) % FRAME)).reshape(-1, FRAME)  # (frames, FRAME)
        levels.append(np.sqrt(np.square(whole).mean(axis=1)))
    return np.concatenate(levels)


def voice_probabilities(samples: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Return how likely each frame (F,) holds speech, with the recording brought to one level first."""
    import torch

    model, lock = _silero()
    gain = LOUD / max(float(np.percentile(level, LOUD_SHARE)), FAINTEST)
    frames = len(level)
    probabilities = np.zeros(frames, np.float32)
    starts = range(0, frames, LANE)
    for first in range(0, len(starts), LANES):
        group = starts[first : first + LANES]
        lanes = np.zeros((len(group), LEAD + LANE, FRAME), np.float32)  # silence before the beginning and after the end
        for lane, start in zip(lanes, group, strict=True):
            before = min(LEAD, start)
            block = _as_float(samples[(start - before) * FRAME : (start + LANE) * FRAME])
            lane.reshape(-1)[(LEAD - before) * FRAME :][: len(block)] = np.clip(gain * block, -1, 1)
        sound = torch.from_numpy(lanes)  # (lanes, LEAD + LANE, FRAME)
        with lock, torch.inference_mode():
            model.reset_states()
            outputs = [model(sound[:, i], SAMPLE_RATE)[:, 0] for i in range(min(LEAD + LANE, LEAD + frames))]
        rows = torch.stack(outputs[LEAD:], dim=1).numpy()  # (lanes, frames)
        for row, start in zip(rows, group, strict=True):
            own = min(LANE, frames - start)
            probabilities[start : start + own] = row[:own]
    return probabilities


def load_silero_vad() -> SileroVAD:
    """Return a model of one's own, which keeps a state: one thread at a time may use it. Torch's threads stay."""
    with preserve_torch_threads():
        import silero_vad
    return cast("SileroVAD", silero_vad.load_silero_vad())


@functools.cache
def _silero() -> tuple[SileroVAD, threading.Lock]:
    return load_silero_vad(), threading.Lock()


def speech(probabilities: np.ndarray, length: int) -> list[tuple[float, float]]:
    """Return the spoken stretches (start, end) in seconds of (F,) probabilities for `length` samples."""
    _silero()  # first: this import of the package leaves torch's threads alone, and the next one finds it there
    from silero_vad import get_speech_timestamps_from_probs

    stretches = get_speech_timestamps_from_probs(
        probabilities.tolist(),
        sampling_rate=SAMPLE_RATE,
        audio_length_samples=length,
        min_speech_duration_ms=round(BREATH * 1000),
        min_silence_duration_ms=round(BREATH * 1000),
        speech_pad_ms=0,
    )
    return [(part["start"] / SAMPLE_RATE, min(part["end"], length) / SAMPLE_RATE) for part in stretches]


def _as_float(samples: np.ndarray) -> np.ndarray:
    """Return (n,) float32 in [-1, 1] of the same or of int16."""
    if samples.dtype == np.int16:
        return samples.astype(np.float32) / 2**15
    return np.asarray(samples, dtype=np.float32)


def _blocks(samples: np.ndarray, length: int) -> Iterator[np.ndarray]:
    for start in range(0, len(samples), length):
        yield _as_float(samples[start : start + length])


# ------------------------------------------------------------------------------------------------------------ cutting


def plan(
    spoken: Sequence[tuple[float, float]],
    level: np.ndarray,
    *,
    seconds: float,
    words: Sequence[tuple[float, float]] = (),
) -> list[Segment]:
    """Make stretches of what is spoken, given as (start, end) in seconds of a recording of `seconds`.

    Phrases are joined across their shortest pauses up to `TARGET`; a single word goes to the nearer neighbour; what has
    no pause and is too long is cut at the quietest frame of its `level` (F,), not in one of the `words` (start, end).
    """
    parts = _united([*spoken, *words], seconds)
    parts = _joined(parts, PAUSE)
    parts = _joined(parts, LONG_PAUSE, below=SHORTEST)
    smooth = np.convolve(np.asarray(level, np.float64), np.ones(5) / 5, "same") if len(level) >= 5 else level  # 160 ms
    edges: list[tuple[float, float]] = []
    for start, end in parts:
        edges += _windows(start, end, smooth, words)
    return _with_margins(edges, seconds)


def _united(intervals: list[tuple[float, float]], seconds: float) -> list[tuple[float, float]]:
    """Sort intervals, clip them to the recording and unite those that touch."""
    united: list[tuple[float, float]] = []
    for start, end in sorted((max(0.0, a), min(seconds, b)) for a, b in intervals):
        if end <= start:
            continue
        if united and start <= united[-1][1]:
            united[-1] = (united[-1][0], max(end, united[-1][1]))
        else:
            united.append((start, end))
    return united


def _joined(parts: list[tuple[float, float]], pause: float, below: float = math.inf) -> list[tuple[float, float]]:
    """Join neighbours across pauses under `pause`, the shortest first, while the whole stays under `TARGET`.

    Only where one of the two is shorter than `below`.
    """
    parts = list(parts)
    while True:
        best, shortest = None, pause
        for i, ((a, b), (c, d)) in enumerate(itertools.pairwise(parts)):
            if c - b < shortest and d - a <= TARGET and min(b - a, d - c) < below:
                best, shortest = i, c - b
        if best is None:
            return parts
        parts[best : best + 2] = [(parts[best][0], parts[best + 1][1])]


def _windows(
    start: float, end: float, level: np.ndarray, words: Sequence[tuple[float, float]]
) -> list[tuple[float, float]]:
    """Halve what is longer than `LONGEST` with its margins, at the quietest frame of its middle third."""
    if end - start <= LONGEST - 2 * MARGIN:
        return [(start, end)]
    third = (end - start) / 3
    for low, high in ((start + third, end - third), (start + SHORTEST, end - SHORTEST)):
        frames = np.arange(math.ceil(low * FRAMES_PER_SECOND), math.floor(high * FRAMES_PER_SECOND) + 1)
        at = frames / FRAMES_PER_SECOND  # seconds
        free = np.ones(len(frames), bool)
        for a, b in words:
            free &= (at <= a) | (at >= b)
        if free.any():
            break
    else:  # one endless word
        free[:] = True
    frames, at = frames[free], at[free]
    middle = float(at[np.argmin(level[np.minimum(frames, len(level) - 1)])])
    return [*_windows(start, middle, level, words), *_windows(middle, end, level, words)]


def _with_margins(edges: list[tuple[float, float]], seconds: float) -> list[Segment]:
    """Give each stretch some of the pauses around it, at most half of each."""
    segments = []
    for i, (start, end) in enumerate(edges):
        before = start if i == 0 else (start - edges[i - 1][1]) / 2  # s
        after = seconds - end if i == len(edges) - 1 else (edges[i + 1][0] - end) / 2  # s
        segments.append(Segment(start - min(MARGIN, before), end + min(MARGIN, after)))
    return segments


def cut_in_pauses(samples: np.ndarray, shortest: int, longest: int) -> list[tuple[int, int]]:
    """Cut (n,) samples into pieces of `shortest` to `longest` samples at the faintest 0.2 s; the last is the rest."""
    width = SAMPLE_RATE // 5  # samples, 0.2 s
    pieces, start = [], 0
    while len(samples) - start > longest:
        stretch = np.square(samples[start + shortest : start + longest], dtype=np.float64)
        energy = np.cumsum(np.concatenate([[0.0], stretch]))  # (longest - shortest + 1,)
        stop = start + shortest + int(np.argmin(energy[width:] - energy[:-width])) + width // 2
        pieces.append((start, stop))
        start = stop
    return [*pieces, (start, len(samples))]
