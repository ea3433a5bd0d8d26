"""Pitch and level over time, on sounds of which both are known."""

import numpy as np
import pytest

from bibier.features.contour import STEP, contour

RATE = 16_000


def voiced(hertz: np.ndarray) -> np.ndarray:
    """Return a buzz whose pitch follows (n,) Hz, with the strengths of a voice's partials."""
    phase = 2 * np.pi * np.cumsum(hertz) / RATE
    return sum(np.sin(k * phase) / k for k in range(1, 12)) * 0.1


@pytest.mark.parametrize("low, high", [(90, 140), (180, 320)])
def test_a_glide_is_followed(low, high):
    glide = np.geomspace(low, high, 2 * RATE)
    found = contour(voiced(glide).astype(np.float32)).pitch
    wanted = np.interp(np.arange(len(found)) * STEP * RATE, np.arange(len(glide)), glide)
    there = ~np.isnan(found)
    assert there.mean() > 0.9
    assert np.median(np.abs(found[there] / wanted[there] - 1)) < 0.02
    assert np.mean(np.abs(found[there] / wanted[there] - 1) < 0.05) > 0.95  # hardly an octave is missed


def test_noise_and_silence_have_no_pitch_and_a_level():
    noise = (0.1 * np.random.default_rng(0).standard_normal(RATE)).astype(np.float32)
    found = contour(np.concatenate([noise, np.zeros(RATE, np.float32)]))
    assert np.isnan(found.pitch).mean() > 0.95
    assert found.level[10] == pytest.approx(-20, abs=1.5) and found.level[-5] == -90
    level, pitch = found.points(10)
    assert len(level) == len(pitch) == 10 and level[0] > level[-1]
    assert len(contour(np.zeros(0, np.float32)).points(10)[0]) <= 1
