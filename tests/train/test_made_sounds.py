"""Sounds that are no speech: what they are said to be, and the same for the same generator."""

import numpy as np
import pytest
from tiny import voice

from train.augment import made_sounds

RATE = 16_000
CLIPS = [voice(1.0, seed=seed) for seed in range(3)]


@pytest.mark.parametrize("kind", made_sounds.KINDS)
def test_a_sound_is_seconds_long_and_is_made_again_by_the_same_generator(kind):
    for seed in range(6):
        sound = made_sounds.make(kind, np.random.default_rng(seed), CLIPS)
        assert sound.dtype == np.float32 and 0.9 * RATE < len(sound) <= 5 * RATE
        assert np.isfinite(sound).all() and 0.09 < np.abs(sound).max() < 0.91
        np.testing.assert_array_equal(sound, made_sounds.make(kind, np.random.default_rng(seed), CLIPS))


def test_a_telephone_key_is_one_row_and_one_column():
    generator = next(g for g in map(np.random.default_rng, range(50)) if is_keys(g))
    sound = made_sounds.tones(generator)
    key = sound[: int(0.06 * RATE)]  # the first key is pressed longer
    power = np.abs(np.fft.rfft(key * np.hanning(len(key)), 4 * RATE)) ** 2
    hertz = np.fft.rfftfreq(4 * RATE, 1 / RATE)
    low, high = (hertz[np.argmax(power * side)] for side in (hertz < 1_075, hertz > 1_075))
    assert min(abs(low - pitch) for pitch in made_sounds.ROWS) < 10
    assert min(abs(high - pitch) for pitch in made_sounds.COLUMNS) < 10


def is_keys(generator: np.random.Generator) -> bool:
    """Whether `tones` would press keys; the generator stays where it is."""
    copy = np.random.Generator(np.random.PCG64())
    copy.bit_generator.state = generator.bit_generator.state
    copy.uniform(1.5, 4)
    return copy.integers(6) == 0


def test_a_plucked_string_has_its_pitch_and_fades():
    sound = made_sounds._plucked(220.0, RATE, np.random.default_rng(0))
    power = np.abs(np.fft.rfft(sound)) ** 2
    strongest = np.argmax(power)  # Hz: the sound lasts a second
    assert min(abs(strongest - number * 220) for number in range(1, 8)) < 6
    assert np.std(sound[-2_000:]) < 0.5 * np.std(sound[:2_000])


def test_reversed_speech_is_a_clip_backwards():
    sound = made_sounds.reversed_speech(np.random.default_rng(0), CLIPS)
    assert any(np.array_equal(sound[::-1], clip) for clip in CLIPS)
