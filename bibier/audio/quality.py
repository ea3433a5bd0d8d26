"""What is wrong with a recording: silence, nobody who speaks, clipping, a faint voice."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bibier.audio.format import MIN_SECONDS, SAMPLE_RATE
from bibier.audio.voice_activity import has_speech, loud_level
from bibier.i18n.messages import Message

SILENT_PEAK = 1e-4  # of full scale, -80 dB: no sample is louder in silence
FULL_SCALE = 0.999  # of 1; the converter's end stop
CLIPPED_SHARE = 1e-3  # of all samples
FLAT_TOP = 4  # equal samples in a row at the peak
SILENT_LEVEL = -85.0  # dBFS, the loud frames' level; 16-bit rounding noise is at -101
QUIET_LEVEL = -50.0  # dBFS
WINDOW_SECONDS = 10  # s judged at a time


def is_silent(samples: np.ndarray) -> bool:
    """Whether no sample of (n,) is louder than `SILENT_PEAK`."""
    return not len(samples) or float(np.abs(samples).max()) < SILENT_PEAK


def find_faults(samples: np.ndarray, clipped: float) -> tuple[list[Message], bool]:
    """Return what is wrong with (n,) samples, and whether somebody speaks. `clipped` is the share of clipped ones."""
    seconds = len(samples) / SAMPLE_RATE
    windows = [(loud_level(window), window) for window in iter_windows(samples)]
    level = max(level for level, _ in windows)  # dBFS
    if level < SILENT_LEVEL:
        return [Message("audio-silent", {"level": max(level, -120.0)})], False
    if seconds < MIN_SECONDS:
        return [Message("audio-short", {"seconds": seconds, "least": MIN_SECONDS})], False
    speech = any(level >= SILENT_LEVEL and has_speech(window) for level, window in windows)
    notices = [] if speech else [Message("audio-no-speech")]
    if clipped > CLIPPED_SHARE:
        notices.append(Message("audio-clipped", {"share": 100 * clipped}))
    if level < QUIET_LEVEL:
        notices.append(Message("audio-quiet", {"level": level}))
    return notices, speech


def iter_windows(samples: np.ndarray) -> Iterator[np.ndarray]:
    """Cut into `WINDOW_SECONDS`, so that a sentence in a long silence counts; a short rest joins its neighbour."""
    length = WINDOW_SECONDS * SAMPLE_RATE
    count = max(1, round(len(samples) / length))
    for index in range(count):
        yield samples[index * length : len(samples) if index == count - 1 else (index + 1) * length]
