"""Samples → (T, …) features, by the extractor's kind: log-mels here, with no weights; encoders from the Hub by name.

T frames, M mel bins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import librosa
import numpy as np

from bibier.audio.format import SAMPLE_RATE
from bibier.features.speech_encoders import HubAudio, HubAudioConfig
from bibier.i18n.messages import Message


@dataclass(frozen=True)
class LogMelConfig:
    """Settings of `LogMel`; every field is JSON."""

    bins: int = 64
    low: float = 50.0  # Hz
    high: float = 7600.0  # Hz
    window: float = 0.025  # s
    hop: float = 0.010  # s
    average: int = 2  # hops averaged into one frame
    trim: float = 40.0  # dB under the loud frames below which the ends are cut off
    above: float = 6.0  # dB over the faint frames, the same where noise fills the pauses
    stand_out: float = 12.0  # dB under the loud frames that are never cut off
    level: float = 0.05  # RMS after levelling
    floor: float = 1e-3  # added to mel power before the logarithm; the mean power of a bin is about 1.3
    kind: str = "log-mel"


class LogMel:
    """Log-mel spectrogram of the speech, whatever its level: ends trimmed, RMS set, hops averaged in pairs."""

    modality = "audio"

    def __init__(self, config: LogMelConfig = LogMelConfig()):
        self.config = config
        self.dim = config.bins  # of the last axis
        self.per_step = 2 * config.bins

    @cached_property
    def _filters(self) -> np.ndarray:
        c = self.config
        return librosa.filters.mel(sr=SAMPLE_RATE, n_fft=512, n_mels=c.bins, fmin=c.low, fmax=c.high).astype(np.float32)

    def power(self, samples: np.ndarray) -> np.ndarray:
        """Return mel power (T, M) float32 of 16 kHz samples (n,), levelled and trimmed, not yet logarithmic."""
        c = self.config
        hop, window = round(c.hop * SAMPLE_RATE), round(c.window * SAMPLE_RATE)
        if len(samples) < 512:
            samples = np.pad(samples, (0, 512 - len(samples)))
        spectrum = librosa.stft(
            np.ascontiguousarray(samples, dtype=np.float32), n_fft=512, hop_length=hop, win_length=window
        )
        power = (np.real(spectrum) ** 2 + np.imag(spectrum) ** 2).T @ self._filters.T  # (hops, M)
        energy = power.sum(1)
        faint, strong = np.percentile(energy, (10, 95))
        # In noise the ends never fall silent: there the faint frames tell its level, if speech stands out of it.
        threshold = max(
            strong * 10 ** (-c.trim / 10), min(faint * 10 ** (c.above / 10), strong * 10 ** (-c.stand_out / 10))
        )
        loud = np.flatnonzero(energy > threshold)
        if len(loud):
            power = power[loud[0] : loud[-1] + 1]
        # Levelling the trimmed speech in the power domain is the same as levelling its samples.
        power = power * (c.level**2 * 512 * c.bins / max(float(power.sum(1).mean()), 1e-12))
        spare = -len(power) % c.average
        if spare:
            power = np.concatenate((power, power[-1:].repeat(spare, 0)))
        return power.reshape(-1, c.average, c.bins).mean(1).astype(np.float32)

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Return (T, 2, M) float32: the log-mels in two normalisations (see `normalise`)."""
        return self.features(self.power(samples))

    def batch(self, clips: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the features (Tᵢ, 2, M) of each clip (nᵢ,)."""
        return [self(clip) for clip in clips]

    def features(self, power: np.ndarray) -> np.ndarray:
        """Return (T, 2, M) float32 features of mel power (T, M)."""
        return normalise(np.log(power + self.config.floor))


def normalise(logmel: np.ndarray) -> np.ndarray:
    """Stack two views of log-mels (T, M) → (T, 2, M), which together undo level and microphone but keep contrast.

    Channel 0: each bin over time, (x − μ) / (σ + 0.5): removes a fixed microphone or telephone response.
    Channel 1: the whole utterance, (x − μ) / (σ + 0.1): keeps the spectral balance that channel 0 removes.
    """
    per_bin = (logmel - logmel.mean(0)) / (logmel.std(0) + 0.5)
    whole = (logmel - logmel.mean()) / (logmel.std() + 0.1)
    return np.stack((per_bin, whole), axis=1).astype(np.float32)


def build_audio_features(
    config: LogMelConfig | HubAudioConfig,
    *,
    device: str = "cpu",
    allow_download: bool = False,
    cache: Path | None = None,
    report: Callable[[Message], None] | None = None,
) -> LogMel | HubAudio:
    """Return the extractor of a config. Nothing is loaded before the first use; for the rest see `HubAudio`."""
    if isinstance(config, LogMelConfig):
        return LogMel(config)
    return HubAudio(config, device=device, allow_download=allow_download, cache=cache, report=report)
