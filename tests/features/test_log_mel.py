"""Log-mels and the picture of the pitch above them."""

import numpy as np
import pytest
from tiny import voice

from bibier.audio.format import SAMPLE_RATE
from bibier.features.log_mel import LogMel, LogMelConfig
from train.experiment.feature_cache import MelPower, described

ROWS = 32


def slow_map(samples: np.ndarray, rows: int, step: int = 320) -> np.ndarray:
    """The pitch map by its definition, a frame and a lag at a time, in double precision."""
    frequency = np.fft.rfftfreq(1024, 1 / SAMPLE_RATE)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(640) / 640)
    padded = np.concatenate((np.zeros(320), samples, np.zeros(320)))
    frames = []
    for begin in range(0, len(samples) + 1, step):
        power = np.abs(np.fft.rfft(padded[begin : begin + 640] * window, 1024)) ** 2
        power[:3] = 0
        high = np.arange(513) >= 80
        power[high] *= np.exp(-(np.arange(513)[high] - 80) / 60)
        assert np.isclose(frequency[80], 1250)
        correlation = np.fft.irfft(np.sqrt(power), 1024)
        correlation = correlation / max(correlation[0], 1e-9)
        lags = SAMPLE_RATE / np.logspace(np.log10(55), np.log10(500), rows)
        frames.append(np.maximum(np.interp(lags, np.arange(1024), correlation), 0))
    return np.array(frames)


def test_the_pitch_map_is_what_its_definition_gives():
    samples = voice(1.1).astype(np.float32)
    ours = LogMel(LogMelConfig(pitch=ROWS)).pitch_map(samples)
    np.testing.assert_allclose(ours, slow_map(samples, ROWS), atol=2e-4)
    assert ours.dtype == np.float32 and ours.shape == (len(samples) // 320 + 1, ROWS)


@pytest.mark.parametrize("hertz", [80.0, 140.0, 310.0])
def test_a_tone_with_harmonics_is_a_line_at_its_pitch(hertz):
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    tone = sum(np.sin(2 * np.pi * hertz * k * time) / k for k in range(1, 8))
    middle = LogMel(LogMelConfig(pitch=ROWS)).pitch_map(tone)[25]
    pitches = np.geomspace(55, 500, ROWS)
    above = pitches > 0.75 * hertz  # the octaves below are lines too
    assert abs(np.log(pitches[above][middle[above].argmax()] / hertz)) < np.log(500 / 55) / (ROWS - 1)


def test_the_pitch_stands_beside_the_mels_of_the_same_moment():
    """A tone between two silences, in steps: whatever is trimmed, a pitch belongs to the frame that it sounds in."""
    time = np.arange(4 * SAMPLE_RATE // 10) / SAMPLE_RATE
    low, high = (np.sin(2 * np.pi * hertz * time) + np.sin(4 * np.pi * hertz * time) for hertz in (100, 400))
    for silence in (0, 1600, 1760, 5000):
        samples = np.concatenate((np.zeros(silence), low, high, np.zeros(silence))).astype(np.float32)
        power = LogMel(LogMelConfig(pitch=ROWS)).power(samples)
        brightness = power[:, :64] @ np.arange(64) / power[:, :64].sum(1)
        sounds_high = brightness > (brightness[5] + brightness[-5]) / 2
        seen_high = power[:, 64 + 27 :].max(1) > power[:, 64 : 64 + 12].max(1)  # above 330 Hz, below 120 Hz
        assert abs(int(np.argmax(sounds_high)) - int(np.argmax(seen_high))) <= 1, silence


def test_pitch_changes_nothing_about_the_mels(tmp_path):
    samples = voice(0.8).astype(np.float32)
    plain, both = LogMel(), LogMel(LogMelConfig(pitch=ROWS))
    np.testing.assert_array_equal(both.power(samples)[:, :64], plain.power(samples))
    features = both(samples)
    np.testing.assert_array_equal(features[:, :, :64], plain(samples))
    assert features.shape[2] == both.dim == 96 and both.per_step == 192 and features.dtype == np.float32
    np.testing.assert_allclose(features[:, 0, 64:].mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(features[:, 1, 64:], 3 * both.power(samples)[:, 64:], rtol=1e-6)
    assert described(tmp_path, MelPower(both)) != described(tmp_path, MelPower(plain))


@pytest.mark.parametrize("count", [0, 1, 100, 511, 700])
def test_the_shortest_sounds_have_a_pitch_too(count):
    power = LogMel(LogMelConfig(pitch=4)).power(np.zeros(count, dtype=np.float32))
    assert power.shape[1] == 68 and len(power) and np.isfinite(power).all()
