"""A telephone: the band that it passes, the length that it keeps."""

import numpy as np
import pytest

from bibier.audio.format import SAMPLE_RATE
from train.augment.channels import CHANNELS, telephone

SECONDS = 1.3
ALL = {**CHANNELS, "band": telephone}


def tone(frequency: float) -> np.ndarray:
    t = np.arange(round(SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    return (0.3 * np.sin(2 * np.pi * frequency * t)).astype(np.float32)


def passed(name: str, frequency: float) -> float:
    """How much of a tone's level is left at its own frequency."""
    sent, heard = tone(frequency), ALL[name](tone(frequency))
    assert len(heard) == len(sent) and np.isfinite(heard).all()
    at = round(frequency * SECONDS)
    return float(np.abs(np.fft.rfft(heard))[at] / np.abs(np.fft.rfft(sent))[at])


@pytest.mark.parametrize("name", ALL)
def test_speech_passes_and_what_lies_above_four_kilohertz_does_not(name):
    assert passed(name, 1000) > 0.7 and passed(name, 5000) < 0.02


def test_a_fixed_line_takes_the_lowest_tones_and_a_mobile_keeps_them():
    assert passed("g711", 120) < 0.2 < 0.5 < passed("gsm", 200)


@pytest.mark.parametrize("name", ALL)
def test_silence_and_very_short_clips_come_through(name):
    assert np.abs(ALL[name](np.zeros(4000, dtype=np.float32))).max() < 1e-2
    assert len(ALL[name](tone(440)[:1601])) == 1601
