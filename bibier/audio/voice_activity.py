"""Is anybody speaking? The level, the movement of the bands, the pitch and the syllables of a recording."""

from __future__ import annotations

import itertools

import numpy as np

FRAME_SECONDS = 0.032  # s; frames overlap by half
BANDS = (120, 500, 1_500, 3_500, 7_000)  # Hz
PITCH = (70, 500)  # Hz; above the mains' 50 and 60
VOICED_BELOW = 2_500  # Hz; higher up noise hides the harmonics
PERIODIC = 0.65  # of 1: the correlation of a voiced frame with itself one period later
ONE_LINE = 0.97  # of a frame's power; a tone has more of it in one spectral line
LOUD = 25.0  # dB under the loud frames, and still loud
LEAST_VOICED = 0.1  # s
LEAST_MOVEMENT = 6.0  # dB between a band's loud and faint frames
SYLLABLE = 15.0  # dB of rise and fall
WHISPERED_SYLLABLES = 3


def loud_level(samples: np.ndarray, rate: int) -> float:
    """Level in dBFS that a twentieth of the frames of (n,) samples exceeds."""
    power = np.square(_frames(samples, rate)).mean(axis=1)  # (t,)
    return float(10 * np.log10(np.percentile(power, 95) + 1e-20))


def _frames(samples: np.ndarray, rate: int) -> np.ndarray:
    """Return half-overlapping frames (t, size) of (n,) samples, at least one."""
    size = round(FRAME_SECONDS * rate)
    padded = np.pad(samples, (0, max(0, size - len(samples))))
    return np.lib.stride_tricks.sliding_window_view(padded, size)[:: size // 2]


def has_speech(samples: np.ndarray, rate: int) -> bool:
    """Whether (n,) samples of some seconds hold speech and not only noise, hum, a tone or a knock.

    Speech is voiced for a while, and its bands rise and fall; a whisper has no pitch but rises and falls with each
    syllable. On clean acted speech some band moves by 37 dB or more, on steady noise by less than 5 dB.
    """
    flat = np.append(samples[:1], samples[1:] - 0.95 * samples[:-1])  # (n,), pre-emphasis
    frames = _frames(flat, rate)  # (t, size)
    size = frames.shape[1]
    spectrum = np.fft.rfft(frames * np.hanning(size).astype(np.float32), 2 * size)  # (t, size + 1)
    power = np.square(spectrum.real) + np.square(spectrum.imag)  # (t, size + 1)
    hertz = np.fft.rfftfreq(2 * size, 1 / rate)  # (size + 1,)
    power[:, (hertz < BANDS[0]) | (hertz >= BANDS[-1])] = 0
    edges = np.searchsorted(hertz, BANDS)
    parts = itertools.pairwise(edges)
    bands = np.stack([power[:, low:high].sum(axis=1) for low, high in parts])  # (4, t)
    if bands.shape[1] >= 3:
        bands = (bands[:, :-2] + bands[:, 1:-1] + bands[:, 2:]) / 3  # (4, t - 2), 64 ms each
    levels = 10 * np.log10(bands + 1e-12)  # dB
    movement = float(np.max(np.percentile(levels, 95, axis=1) - np.percentile(levels, 5, axis=1)))  # dB
    power[:, hertz >= VOICED_BELOW] = 0
    if movement >= LEAST_MOVEMENT and _voiced_seconds(power, rate) >= LEAST_VOICED:
        return True
    return _syllables(levels.mean(axis=0)) >= WHISPERED_SYLLABLES


def _voiced_seconds(power: np.ndarray, rate: int) -> float:
    """Return how long the frames with power spectra (t, size + 1) are loud, periodic and no tone."""
    size = power.shape[1] - 1  # samples in a frame
    total = power.sum(axis=1) + 1e-20  # (t,)
    shortest, longest = rate // PITCH[1], rate // PITCH[0]  # samples
    taper = np.correlate(np.hanning(size), np.hanning(size), "full")[size - 1 :]  # (size,), the window's own share
    correlation = np.fft.irfft(power, axis=1)  # (t, 2 size)
    correlation = correlation[:, shortest:longest] / (correlation[:, :1] + 1e-20) * (taper[0] / taper[shortest:longest])
    strongest = np.clip(power.argmax(axis=1)[:, None] + np.arange(-2, 3), 0, size)  # (t, 5); a line is five bins wide
    line = np.take_along_axis(power, strongest, axis=1).sum(axis=1) / total  # (t,)
    loud = total > np.percentile(total, 95) * 10 ** (-LOUD / 10)
    voiced = loud & (correlation.max(axis=1) > PERIODIC) & (line < ONE_LINE)  # (t,)
    return float(voiced.sum()) * FRAME_SECONDS / 2


def _syllables(curve: np.ndarray) -> int:
    """How often the level (t,) in dB climbs by `SYLLABLE`; it has to fall by as much in between."""
    count, climbing, extreme = 0, True, np.inf
    for level in curve:
        extreme = min(extreme, level) if climbing else max(extreme, level)
        if abs(level - extreme) > SYLLABLE:
            count += climbing
            climbing, extreme = not climbing, level
    return count
