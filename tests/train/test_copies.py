"""Copies of a clip in other rooms and through other lines."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny import voice

from bibier.features.log_mel import LogMel, LogMelConfig
from train.augment import copies
from train.corpora.items import Item, one_hot
from train.experiment.feature_cache import MelPower, OfCopy, cached, described

KINDS = sorted(copies.MAKERS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_depends_on_the_clip_the_number_and_the_seed_alone(kind):
    sound = voice(0.6).astype(np.float32)
    np.random.seed(1)
    first = copies.copy(sound, kind, 0, 0)
    np.random.seed(2)
    np.testing.assert_array_equal(first, copies.copy(sound, kind, 0, 0))
    for changed in ((sound, kind, 1, 0), (sound, kind, 0, 1), (0.99 * sound, kind, 0, 0)):
        other = copies.copy(*changed)
        assert first.shape != other.shape or not np.allclose(first, other)
    assert first.dtype == np.float32 and np.abs(first).max() <= 1.5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [0, 1, 300, 900])
def test_the_shortest_and_the_silent_have_copies_too(kind, count):
    for sound in (np.zeros(count), voice(1.0)[:count]):
        for number in range(3):
            assert np.isfinite(copies.copy(sound, kind, number, 0)).all()


def test_a_telephone_keeps_its_band_and_what_is_said_in_it():
    loud = np.repeat([0.01, 1.0, 0.01, 1.0], 4000)
    sound = (loud * np.random.default_rng(0).standard_normal(16_000)).astype(np.float32)
    frequency = np.fft.rfftfreq(len(sound), 1 / 16_000)
    inside, above = (frequency > 400) & (frequency < 3000), frequency > 4200
    before = np.abs(np.fft.rfft(sound)) ** 2
    for number in range(6):
        line = copies.copy(sound, "telephone", number, 0)
        after = np.abs(np.fft.rfft(line)) ** 2
        share = after[above].sum() / after[inside].sum() / (before[above].sum() / before[inside].sum())
        assert len(line) == len(sound) and share < 0.02
        levels = line.reshape(4, -1).std(1)
        assert levels[[1, 3]].min() > 10 * levels[[0, 2]].max()


def test_a_tape_that_runs_faster_is_shorter_and_higher():
    time = np.arange(16_000) / 16_000
    tone = np.sin(2 * np.pi * 400 * time)
    fast = copies.at_speed(tone, 1.25)
    assert abs(len(fast) - 12_800) <= 1
    assert abs(np.abs(np.fft.rfft(fast[:12_000])).argmax() * 16_000 / 12_000 - 500) < 3


def test_copies_are_kept_beside_the_features_and_found_again(tmp_path, monkeypatch):
    soundfile.write(tmp_path / "clip.wav", voice(0.5), 16_000)
    items = [Item("clip", "own", one_hot("sad"), path=Path(tmp_path / "clip.wav"))]
    mels = MelPower(LogMel(LogMelConfig(pitch=4)))
    extractors = [OfCopy(mels, kind, number, 0) for kind, number in copies.Copies(rooms=2, telephone=1).kinds()]
    made = [cached(items, extractor, cache=tmp_path)[0] for extractor in extractors]
    assert len({described(tmp_path, extractor) for extractor in (*extractors, mels)}) == 4
    assert all(power is not None and power.shape[1] == 68 for power in made)
    monkeypatch.setattr(copies, "copy", None)
    again = [cached(items, extractor, cache=tmp_path)[0] for extractor in extractors]
    for before, after in zip(made, again, strict=True):
        np.testing.assert_array_equal(before, after)


def test_kept_features_hold_no_file_open(tmp_path):
    """A fit of four corpora reads twenty thousand files; a process may often have no more than a thousand open."""
    resource = pytest.importorskip("resource")
    items = []
    for number in range(90):
        soundfile.write(tmp_path / f"{number}.wav", voice(0.3, seed=number), 16_000)
        items.append(Item(str(number), "own", one_hot("sad"), path=tmp_path / f"{number}.wav"))
    extractor = MelPower(LogMel())
    cached(items, extractor, cache=tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + 50, limits[1]))
    try:
        features = cached(items, extractor, cache=tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert all(power is not None for power in features)
