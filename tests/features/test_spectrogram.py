"""Spectrogram and mel filters beside librosa's, sample by sample."""

import librosa
import numpy as np
import pytest
from tiny import voice

from bibier.features.log_mel import LogMel
from bibier.features.spectrogram import mel_filters, mel_frequencies, power_spectrogram


@pytest.mark.parametrize("count", [512, 513, 7999, 8000, 30_000])
@pytest.mark.parametrize(("fft", "hop", "window"), [(512, 160, 400), (512, 512, 512), (1024, 333, 641)])
def test_the_power_is_librosa_s(count, fft, hop, window):
    samples = voice(2.0).astype(np.float32)[:count]
    if count < fft:
        samples = np.pad(samples, (0, fft - count))
    theirs = librosa.stft(samples, n_fft=fft, hop_length=hop, win_length=window)
    ours = power_spectrogram(samples, fft=fft, hop=hop, window=window)
    assert ours.dtype == np.float32 and ours.shape == theirs.T.shape
    np.testing.assert_allclose(ours, np.abs(theirs.T) ** 2, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize(("bins", "low", "high"), [(64, 50.0, 7600.0), (40, 0.0, 8000.0), (20, 300.0, 1900.0)])
def test_the_filters_are_librosa_s(bins, low, high):
    theirs = librosa.filters.mel(sr=16000, n_fft=512, n_mels=bins, fmin=low, fmax=high)
    np.testing.assert_allclose(mel_filters(bins, fft=512, rate=16000, low=low, high=high), theirs, rtol=1e-6, atol=0)
    hertz = librosa.mel_frequencies(n_mels=bins, fmin=low, fmax=high)
    np.testing.assert_allclose(mel_frequencies(bins, low=low, high=high), hertz, rtol=1e-12)


def test_log_mels_are_those_of_librosa(monkeypatch):
    samples = voice(1.3).astype(np.float32)
    ours = LogMel().power(samples)

    def theirs(samples, *, fft, hop, window):
        return np.abs(librosa.stft(samples, n_fft=fft, hop_length=hop, win_length=window).T) ** 2

    monkeypatch.setattr("bibier.features.log_mel.power_spectrogram", theirs)
    np.testing.assert_allclose(ours, LogMel().power(samples), rtol=1e-5, atol=1e-9)
