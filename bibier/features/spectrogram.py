"""The short-time Fourier transform and Slaney's mel filters, as librosa has them, whose import alone takes longer than
a prediction: it brings SciPy and numba. Tests compare the two.

T frames, F = fft / 2 + 1 frequencies, M mel bins, n samples.
"""

from __future__ import annotations

import numpy as np

from bibier.pauses import pause

# Slaney's mel scale (Auditory Toolbox, 1998): linear up to 1 kHz, 27 mel for each factor of 6.4 above.
LINEAR = 200 / 3  # Hz to a mel
BREAK = 1000.0  # Hz
LOG_STEP = np.log(6.4) / 27
BLOCK = (
    64  # frames that are transformed at a time: what lies between stays in the processor's cache, four times as fast
)


def power_spectrogram(samples: np.ndarray, *, fft: int, hop: int, window: int) -> np.ndarray:
    """Return the power (T, F) float32 of (n,) samples, T = n // hop + 1: frames every `hop` samples.

    Each frame is `fft` samples around its moment, zeros beyond the ends, under a periodic Hann window of `window`
    samples in its middle. In double precision, as librosa computes it: what is fed to a logarithm is small in places.
    """
    hann = np.zeros(fft)
    before = (fft - window) // 2
    hann[before : before + window] = np.hanning(window + 1)[:-1]
    padded = np.pad(np.asarray(samples, dtype=np.float32), fft // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, fft)[::hop]  # (T, fft)
    power = np.empty((len(frames), fft // 2 + 1), np.float32)  # (T, F)
    for start in range(0, len(frames), BLOCK):
        spectrum = np.fft.rfft(frames[start : start + BLOCK] * hann).astype(np.complex64)  # (BLOCK, F)
        power[start : start + BLOCK] = np.square(spectrum.real) + np.square(spectrum.imag)
        pause()
    return power


def mel_frequencies(bins: int, *, low: float, high: float) -> np.ndarray:
    """Return `bins` frequencies in Hz from `low` to `high`, evenly spaced in mel."""
    top = BREAK / LINEAR  # mel

    def mel(hertz: float) -> float:
        return hertz / LINEAR if hertz < BREAK else top + float(np.log(hertz / BREAK)) / LOG_STEP

    mels = np.linspace(mel(low), mel(high), bins)
    return np.where(mels < top, LINEAR * mels, BREAK * np.exp(LOG_STEP * (mels - top)))


def mel_filters(bins: int, *, fft: int, rate: int, low: float, high: float) -> np.ndarray:
    """Return triangles (M, F) float32 with edges at `mel_frequencies`, each of the same area."""
    edges = mel_frequencies(bins + 2, low=low, high=high)  # (M + 2,), Hz
    frequencies = np.fft.rfftfreq(fft, 1 / rate)
    width = np.diff(edges)[:, None]  # (M + 1, 1)
    distance = edges[:, None] - frequencies  # (M + 2, F)
    rising, falling = -distance[:-2] / width[:-1], distance[2:] / width[1:]
    filters = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)  # (M, F)
    filters *= (2 / (edges[2:] - edges[:-2]))[:, None]
    return filters
