"""Sounds that are no speech, made here, and the examples, which are."""

from pathlib import Path

import numpy as np
import pytest
import torch

from bibier.audio import voice_activity
from bibier.audio.io import load
from bibier.audio.segmentation import cut
from bibier.audio.voice_activity import FRAME, has_speech, is_speech, loudness, voice_probabilities

RATE = 16_000  # Hz
T = np.arange(4 * RATE) / RATE  # s
EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.ogg"))
GENERATOR = np.random.default_rng(0)


def sine(hertz) -> np.ndarray:
    """A tone of a frequency (n,) that may change."""
    return np.sin(2 * np.pi * np.cumsum(np.broadcast_to(hertz, T.shape)) / RATE)


def rich(hertz, harmonics: int) -> np.ndarray:
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(hertz, T.shape)) / RATE
    return sum(np.sin(k * phase) / k for k in range(1, harmonics))


def struck(notes: list[float], step: float, length: float = 1.0, fall: float = 3.0) -> np.ndarray:
    """Notes of a piano or a guitar, one after the other; the higher a partial, the sooner it is gone."""
    sound = np.zeros(len(T))
    time = np.arange(int(length * RATE)) / RATE
    for number, hertz in enumerate(notes):
        note = sum(
            0.2
            / k**1.2
            * np.sin(2 * np.pi * hertz * k * time * (1 + 4e-4 * k * k))
            * np.exp(-fall * time * (1 + k / 3))
            for k in range(1, 9)
        )
        start = int(number * step * RATE)
        sound[start : start + len(note)] += note[: len(sound) - start]
    return sound


def clicks(count: int, seconds: float, level: float) -> np.ndarray:
    sound = 0.001 * GENERATOR.standard_normal(len(T))
    size = int(seconds * RATE)
    for start in GENERATOR.integers(0, len(T) - size, count):
        sound[start : start + size] += level * GENERATOR.standard_normal(size) * np.exp(-np.arange(size) * 4 / size)
    return sound


def dial() -> np.ndarray:
    low, high = np.array([697, 770, 852, 941]), np.array([1209, 1336, 1477])
    digit = (T // 0.25).astype(int)
    return 0.3 * (np.sin(2 * np.pi * low[digit % 4] * T) + np.sin(2 * np.pi * high[digit % 3] * T)) * (T % 0.25 < 0.15)


SOUNDS = {
    "piano": struck([262, 330, 392, 523, 392, 330, 262, 330], 0.5),
    "guitar": struck([110, 165, 220, 277, 330, 220, 165], 0.55, 1.5, 2.0),
    "bells": struck([880, 1320, 1760, 990], 1.0, 2.0, 1.5),
    "ringback, American": 0.2 * (sine(440) + sine(480)) * (T % 3 < 2),
    "ringback, European": 0.3 * sine(425) * (T % 2 < 1),
    "busy": 0.2 * (sine(480) + sine(620)) * (T % 1 < 0.5),
    "dial": dial(),
    "typing": clicks(30, 0.012, 0.4),
    "clock": clicks(4, 0.02, 0.5),
    "applause": clicks(600, 0.03, 0.1),
    "siren": 0.3 * rich(650 + 250 * np.sin(np.pi * T), 4),
    "siren of two tones": 0.2 * np.sign(sine(np.where(T % 1 < 0.5, 960, 770))),
    "yelp": 0.3 * rich(700 + 600 * np.abs(4 * T % 2 - 1), 3),
    "alarm": 0.3 * sine(3100) * (T % 0.25 < 0.12),
    "beat": 0.4 * sine(60) * np.exp(-20 * (T % 0.5))
    + 0.1 * GENERATOR.standard_normal(len(T)) * np.exp(-60 * (T % 0.25)),
    "organ": 0.05 * sum(rich(hertz, 6) for hertz in (196, 247, 294, 392)) * (0.6 + 0.4 * np.sin(10 * np.pi * T)),
    "violin": 0.1 * rich(440 * (1 + 0.01 * np.sin(11 * np.pi * T)), 12) * np.minimum(1, 5 * T),
    "engine": 0.05 * rich(60 + 10 * np.sin(0.6 * np.pi * T), 15) + 0.02 * GENERATOR.standard_normal(len(T)),
    "rain": 0.1 * GENERATOR.standard_normal(len(T)) * (0.8 + 0.2 * np.sin(1.4 * np.pi * T)),
    "bird": 0.2 * sine(2500 + 1500 * np.sin(12 * np.pi * T)) * (T % 0.6 < 0.3),
    "modem": 0.2 * sine(np.repeat(np.where(GENERATOR.random(1281) > 0.5, 1200, 2200), 50)[: len(T)]),
    "hum": 0.2 * rich(50, 20),
}


@pytest.mark.parametrize("name", SOUNDS)
def test_a_sound_that_is_no_speech_is_not_judged(name):
    clip = load((SOUNDS[name].astype(np.float32), RATE))
    assert not clip.speech and clip.notices[0].key == "audio-no-speech"


def test_a_long_recording_of_such_sounds_is_not_judged_either():
    sounds = np.concatenate([SOUNDS[name] for name in ("piano", "dial", "guitar", "busy", "siren", "organ", "hum")])
    assert len(sounds) == 28 * RATE
    assert cut(sounds.astype(np.float32)) == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_speech_also_when_faint_or_short(path):
    clip = load(path)
    assert clip.speech
    for gain in (0.004, 0.3):
        assert has_speech(gain * clip.samples)
    assert sum(has_speech(part) for part in np.array_split(clip.samples, 3)) >= 2


def test_speech_between_such_sounds_is_found():
    speech = load(EXAMPLES[0]).samples
    sounds = [SOUNDS[name].astype(np.float32) for name in ("piano", "dial")]
    segments = cut(np.concatenate([sounds[0], speech, *sounds, sounds[0]]))
    assert segments
    begin, end = 4.0, 4.0 + len(speech) / RATE
    assert all(begin - 0.5 < segment.start and segment.end < end + 0.5 for segment in segments)


def test_a_clip_is_listened_to_until_somebody_speaks(monkeypatch):
    """The work goes on to the first word, not to the end."""
    heard = []
    network = voice_activity.voice_network()

    def counting(frames, state=None):
        heard.append(len(frames))
        return network(frames, state)

    monkeypatch.setattr(voice_activity, "voice_network", lambda: counting)
    samples = np.resize(load(EXAMPLES[0]).samples, 20 * RATE)
    assert has_speech(samples)
    assert sum(heard) < 0.3 * len(samples) / FRAME


def test_the_network_says_what_its_package_says_frame_by_frame():
    """Many frames at once, in blocks that go on, and one at a time: always the numbers of the TorchScript module."""
    samples = np.concatenate([load(path).samples for path in EXAMPLES[:2]])
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    model, network = voice_activity.load_silero_vad(), voice_activity.voice_network()
    model.reset_states()
    with torch.inference_mode():
        theirs = np.array([float(model(torch.from_numpy(frame), RATE)) for frame in frames])
    assert theirs.max() > 0.9 and theirs.min() < 0.1
    for size in (len(frames), 32, 1):
        state, ours = None, []
        for start in range(0, len(frames), size):
            outputs, state = network(frames[start : start + size], state)
            ours.append(outputs)
        np.testing.assert_allclose(np.concatenate(ours), theirs, atol=1e-5)


def test_the_whole_says_the_same_as_its_beginning():
    samples = load(EXAMPLES[0]).samples
    level = loudness(samples)
    assert is_speech(voice_probabilities(samples, level)) and len(level) == -(-len(samples) // FRAME)
    assert loudness(np.ones(FRAME + 1, np.float32)) == pytest.approx([1, 1])


def test_half_whispered_speech_is_speech():
    assert is_speech(np.full(30, 0.6)) and not is_speech(np.full(30, 0.4))
    assert not is_speech(np.array([0.6] * 9 + [0.1] * 21)) and not is_speech(np.array([0.99, 0.99]))
