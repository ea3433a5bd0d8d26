"""What is wrong with a recording: silence, nobody who speaks, clipping, a faint voice, the band of a telephone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bibier.audio.format import MIN_SECONDS, SAMPLE_RATE
from bibier.audio.voice_activity import FRAME, LOUD_SHARE, has_speech, loud_level
from bibier.i18n.messages import Message

SILENT_PEAK = 1e-4  # of full scale, -80 dB: no sample is louder in silence
FULL_SCALE = 0.999  # of 1; the converter's end stop
CLIPPED_SHARE = 1e-3  # of all samples
FLAT_TOP = 4  # equal samples in a row at the peak
SILENT_LEVEL = -85.0  # dBFS, the loud frames' level; 16-bit rounding noise is at -101
QUIET_LEVEL = -50.0  # dBFS
VOICE_BAND = (300, 3_400)  # Hz, what a telephone carries
ABOVE_BAND = (4_100, 4_900)  # Hz; a telephone's 8 kHz leave nothing here, a small MP3 of wideband speech does
# Loud frames of the one over the loudest frame of the other: at most 54 dB in six corpora, wideband codecs and quiet
# recordings, at least 78 dB in what went through 8 kHz, GSM or G.711.
NARROW = 58.0  # dB
FAINT = 25.0  # dB under the loud frames; what is fainter is not looked at
WINDOW_SECONDS = 10  # s judged at a time
BLOCK = 64  # frames transformed at a time, which stay in the processor's cache


def is_silent(samples: np.ndarray) -> bool:
    """Whether no sample of (n,) is louder than `SILENT_PEAK`."""
    return not len(samples) or float(np.abs(samples).max()) < SILENT_PEAK


def is_telephone_band(samples: np.ndarray) -> bool:
    """Whether the loud frames of (n,) samples hold nothing above the 4 kHz at which a telephone ends."""
    padded = np.pad(samples, (0, max(0, FRAME - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[:: FRAME // 2]  # (t, FRAME)
    window = np.hanning(FRAME).astype(np.float32)
    spectra = (np.fft.rfft(frames[i : i + BLOCK] * window) for i in range(0, len(frames), BLOCK))
    power = np.concatenate([np.square(s.real) + np.square(s.imag) for s in spectra])  # (t, FRAME // 2 + 1)
    hertz = np.fft.rfftfreq(FRAME, 1 / SAMPLE_RATE)
    total = power.sum(axis=1)
    power = power[total >= np.percentile(total, LOUD_SHARE) * 10 ** (-FAINT / 10)]
    within, above = (power[:, (hertz >= low) & (hertz < high)].mean(axis=1) for low, high in (VOICE_BAND, ABOVE_BAND))
    return bool(np.percentile(within, 90) > above.max() * 10 ** (NARROW / 10))


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
    if speech and is_telephone_band(max(windows, key=lambda window: window[0])[1]):
        notices.append(Message("audio-telephone"))
    return notices, speech


def iter_windows(samples: np.ndarray) -> Iterator[np.ndarray]:
    """Cut into `WINDOW_SECONDS`, so that a sentence in a long silence counts; a short rest joins its neighbour."""
    length = WINDOW_SECONDS * SAMPLE_RATE
    count = max(1, round(len(samples) / length))
    for index in range(count):
        yield samples[index * length : len(samples) if index == count - 1 else (index + 1) * length]
