"""Samples → (T, …) features, by the extractor's kind: log-mels here, with no weights; encoders from the Hub by name.

T frames, M mel bins, P rows of the pitch map.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from bibier.audio.format import SAMPLE_RATE
from bibier.features.spectrogram import BLOCK, mel_filters, power_spectrogram
from bibier.features.speech_encoders import HubAudio, HubAudioConfig
from bibier.i18n.messages import Message
from bibier.pauses import pause

FFT = 512  # samples, of the mel bins
# The pitch map: autocorrelations of frames long enough for two periods of a deep voice.
PITCH_WINDOW = round(0.040 * SAMPLE_RATE)  # samples
PITCH_FFT = 1024  # samples, more than the window and the longest lag together
LOWEST_PITCH, HIGHEST_PITCH = 55.0, 500.0  # Hz, of the first and the last row
RUMBLE = 40.0  # Hz, below which nothing counts
VOICED_BAND, VOICED_DECAY = 1250.0, 1875.0  # Hz: above the first, magnitudes fall by e every so many
PITCH_SCALE = 3.0  # of the rows as features, so that they vary about as much as the log-mels


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
    pitch: int = 0  # rows of the pitch map, above the mel bins


class LogMel:
    """Log-mel spectrogram of the speech, whatever its level: ends trimmed, RMS set, hops averaged in pairs.

    With `pitch`, a picture of the pitch stands above it (`pitch_map`): P rows more on the last axis.
    """

    modality = "audio"

    def __init__(self, config: LogMelConfig = LogMelConfig()):
        self.config = config
        self.dim = config.bins + config.pitch  # of the last axis
        self.per_step = 2 * self.dim

    @cached_property
    def _filters(self) -> np.ndarray:
        c = self.config
        return mel_filters(c.bins, fft=FFT, rate=SAMPLE_RATE, low=c.low, high=c.high)

    @cached_property
    def _lags(self) -> np.ndarray:
        """Return what magnitudes are multiplied with: autocorrelations at the rows' lags and at 0, (513, P + 1)."""
        bins = np.arange(PITCH_FFT // 2 + 1)
        frequency = bins * SAMPLE_RATE / PITCH_FFT  # Hz
        weight = np.exp(-np.maximum(frequency - VOICED_BAND, 0) / VOICED_DECAY) * (frequency > RUMBLE)
        weight = weight * np.where(bins % (PITCH_FFT // 2) == 0, 1, 2) / PITCH_FFT  # of a real inverse transform
        lags = SAMPLE_RATE / np.geomspace(LOWEST_PITCH, HIGHEST_PITCH, self.config.pitch)  # samples
        left = np.floor(lags)
        share = lags - left
        at_left, at_right = (np.cos(2 * np.pi * np.outer(bins, lag) / PITCH_FFT) for lag in (left, left + 1))
        waves = np.column_stack((at_left * (1 - share) + at_right * share, np.ones(len(bins))))
        return (weight[:, None] * waves).astype(np.float32)

    def pitch_map(self, samples: np.ndarray) -> np.ndarray:
        """Return (T', P) float32 in [0, 1], one row of the result a frame of the whole sound (n,), nothing trimmed.

        Autocorrelation of the magnitude spectrum below about 1.3 kHz over that at lag 0, at lags evenly spaced in
        log-frequency, linear between samples: a voice is a line at its pitch and at the octaves below, noise nothing.
        """
        c = self.config
        step = round(c.hop * c.average * SAMPLE_RATE)
        padded = np.pad(np.asarray(samples, dtype=np.float32), PITCH_WINDOW // 2)
        frames = np.lib.stride_tricks.sliding_window_view(padded, PITCH_WINDOW)[::step]  # (T', window)
        window = np.hanning(PITCH_WINDOW + 1)[:-1].astype(np.float32)  # periodic
        correlations = np.empty((len(frames), c.pitch + 1), np.float32)  # (T', P + 1)
        for start in range(0, len(frames), BLOCK):
            magnitudes = np.abs(np.fft.rfft(frames[start : start + BLOCK] * window, PITCH_FFT))  # (BLOCK, 513)
            correlations[start : start + BLOCK] = magnitudes @ self._lags
            pause()
        return np.maximum(correlations[:, :-1], 0) / np.maximum(correlations[:, -1:], 1e-9)

    def power(self, samples: np.ndarray) -> np.ndarray:
        """Return mel power (T, M + P) float32 of 16 kHz samples (n,), levelled and trimmed, not yet logarithmic.

        The last P columns are the pitch map of the same frames.
        """
        c = self.config
        hop, window = round(c.hop * SAMPLE_RATE), round(c.window * SAMPLE_RATE)
        if len(samples) < FFT:
            samples = np.pad(samples, (0, FFT - len(samples)))
        power = power_spectrogram(samples, fft=FFT, hop=hop, window=window) @ self._filters.T  # (hops, M)
        energy = power.sum(1)
        faint, strong = np.percentile(energy, (10, 95))
        # In noise the ends never fall silent: there the faint frames tell its level, if speech stands out of it.
        threshold = max(
            strong * 10 ** (-c.trim / 10), min(faint * 10 ** (c.above / 10), strong * 10 ** (-c.stand_out / 10))
        )
        loud = np.flatnonzero(energy > threshold)
        begin, end = (int(loud[0]), int(loud[-1]) + 1) if len(loud) else (0, len(power))
        power = power[begin:end]
        # Levelling the trimmed speech in the power domain is the same as levelling its samples.
        power = power * (c.level**2 * FFT * c.bins / max(float(power.sum(1).mean()), 1e-12))
        spare = -len(power) % c.average
        if spare:
            power = np.concatenate((power, power[-1:].repeat(spare, 0)))
        power = power.reshape(-1, c.average, c.bins).mean(1).astype(np.float32)
        if not c.pitch:
            return power
        pitch = self.pitch_map(samples)
        # The frame of the map nearest to the middle of the hops that were averaged.
        frame = (begin + c.average * np.arange(len(power)) + c.average // 2) // c.average
        return np.concatenate((power, pitch[np.minimum(frame, len(pitch) - 1)]), axis=1)

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Return (T, 2, M + P) float32: the log-mels in two normalisations (see `normalise`)."""
        return self.features(self.power(samples))

    def batch(self, clips: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the features (Tᵢ, 2, M + P) of each clip (nᵢ,)."""
        return [self(clip) for clip in clips]

    def features(self, power: np.ndarray) -> np.ndarray:
        """Return (T, 2, M + P) float32 features of mel power and pitch (T, M + P).

        The rows of the pitch are less their mean over time in channel 0 and as they are in channel 1.
        """
        bins = self.config.bins
        features = normalise(np.log(power[:, :bins] + self.config.floor))
        if not self.config.pitch:
            return features
        pitch = PITCH_SCALE * power[:, bins:]
        return np.concatenate((features, np.stack((pitch - pitch.mean(0), pitch), axis=1)), axis=2)


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
