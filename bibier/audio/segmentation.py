"""A long recording → stretches of some seconds, cut in its pauses; windows where there is no pause.

Whether somebody speaks is told by `voice_activity`, in whose frames of 32 ms everything here counts; F frames.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from bibier.audio.format import LONG_SECONDS, SAMPLE_RATE
from bibier.audio.voice_activity import (
    CERTAIN,
    CERTAIN_FRAMES,
    FRAMES_PER_SECOND,
    loudness,
    stretches,
    voice_probabilities,
)
from bibier.transcript import Word

SHORTEST, TARGET, LONGEST = 1.5, 12.0, float(LONG_SECONDS)  # s; a clip of a few seconds is judged best
PAUSE = 0.4  # s; from here on a pause ends a phrase
LONG_PAUSE = 0.6  # s; across it not even a single word is joined to its neighbour
MARGIN = 0.15  # s of a pause kept at each end of a stretch


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
    probabilities = voice_probabilities(samples, level)
    spoken = stretches(probabilities, len(samples))
    times = [(w.start, w.end) for w in words if w.start is not None and w.end is not None]
    segments = plan(spoken, level, seconds=len(samples) / SAMPLE_RATE, words=times)
    return [segment for segment in segments if times or _holds_speech(segment, probabilities)]


def _holds_speech(segment: Segment, probabilities: np.ndarray) -> bool:
    """Whether some of a segment's frames, of the recording's (F,), are surely speech: a chord's or a ring's aren't."""
    first, last = (round(edge * FRAMES_PER_SECOND) for edge in (segment.start, segment.end))
    return bool((probabilities[first : last + 1] >= CERTAIN).sum() >= CERTAIN_FRAMES)


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

    Only where one of the two is shorter than `below`. A pause that can't be crossed once never can: parts only grow, so
    each is looked at once.
    """
    first, last = list(range(len(parts))), list(range(len(parts)))  # of the parts joined to one that ends, begins here
    pauses = [after[0] - before[1] for before, after in itertools.pairwise(parts)]  # s
    crossed = [False] * len(parts)
    for i in sorted((i for i in range(len(pauses)) if pauses[i] < pause), key=pauses.__getitem__):
        begin, end = first[i], last[i + 1]
        (a, b), (c, d) = (parts[begin][0], parts[i][1]), (parts[i + 1][0], parts[end][1])
        if d - a <= TARGET and min(b - a, d - c) < below:
            first[end], last[begin], crossed[i] = begin, end, True
    return [(parts[i][0], parts[last[i]][1]) for i in range(len(parts)) if i == 0 or not crossed[i - 1]]


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
