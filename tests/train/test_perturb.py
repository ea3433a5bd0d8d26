"""Perturbations of sound and of features, and the features of a batch."""

import numpy as np
import torch
from tiny import voice

from bibier.features.batching import pad
from bibier.features.log_mel import LogMel, LogMelConfig
from train.augment.perturb import Perturbation, normalise_batch, perturb, spec_augment


def test_batch_normalisation_equals_the_extractor_s():
    extractor = LogMel()
    powers = [extractor.power(voice(s).astype(np.float32)) for s in (0.8, 1.6)]
    power, mask = pad(powers)
    batch = normalise_batch(power, mask, extractor.config.floor)
    for row, power in zip(batch, powers, strict=True):
        torch.testing.assert_close(row[: len(power)], torch.from_numpy(extractor.features(power)), atol=1e-4, rtol=1e-3)
        assert row[len(power) :].abs().max() == 0 if len(power) < len(row) else True


def test_level_does_not_matter_to_the_features():
    extractor, sound = LogMel(), voice(1.0).astype(np.float32)
    np.testing.assert_allclose(extractor(sound), extractor(sound / 10), atol=2e-2)


def test_noise_does_not_keep_the_silent_ends():
    extractor, sound = LogMel(), voice(1.0).astype(np.float32)
    framed = np.pad(sound, 16_000)
    noise = 0.1 * np.sqrt(np.mean(framed**2)) * np.random.default_rng(0).standard_normal(len(framed))
    clean, noisy = len(extractor.power(framed)), len(extractor.power((framed + noise).astype(np.float32)))
    assert clean <= 55 and 0.7 * clean <= noisy <= 1.1 * clean


def test_a_perturbation_of_nothing_changes_nothing():
    still = Perturbation(stretch=0, shift=0, equaliser=0, noise=0, telephone=0, time_masks=0, bin_masks=0)
    power, mask = pad([np.random.default_rng(0).random((n, 64), dtype=np.float32) for n in (30, 50)])
    generator = torch.Generator().manual_seed(0)
    same, same_mask = perturb(power, mask.sum(1), still, generator)
    assert torch.equal(mask, same_mask)
    torch.testing.assert_close(same[mask], power[mask], atol=1e-4, rtol=1e-3)
    assert torch.equal(spec_augment(power[:, :, None], mask, still, generator), power[:, :, None])


def test_masks_never_blank_more_than_they_may():
    options = Perturbation(time_masks=1, bin_masks=1)
    features, mask = torch.ones(50, 40, 2, 64), torch.ones(50, 40, dtype=torch.bool)
    unmasked = spec_augment(features, mask, options, torch.Generator().manual_seed(0)).mean((1, 2, 3))
    assert unmasked.max() <= 1 and unmasked.min() >= (1 - 9 / 40) * (1 - 9 / 64) and unmasked.mean() < 1


def test_batch_features_with_pitch_equal_the_extractor_s():
    extractor = LogMel(LogMelConfig(pitch=8))
    powers = [extractor.power(voice(s).astype(np.float32)) for s in (0.8, 1.6)]
    power, mask = pad(powers)
    batch = normalise_batch(power, mask, extractor.config.floor, 64)
    for row, own in zip(batch, powers, strict=True):
        torch.testing.assert_close(row[: len(own)], torch.from_numpy(extractor.features(own)), atol=1e-4, rtol=1e-3)


def test_a_crop_is_a_stretch_of_the_clip_and_a_short_clip_stays_whole():
    still = Perturbation(stretch=0, shift=0, equaliser=0, noise=0, telephone=0)
    time = torch.arange(50.0)[None, :, None].expand(64, -1, 20) + 1
    lengths = torch.tensor([50] * 63 + [7])
    generator = torch.Generator().manual_seed(0)
    cropped, mask = perturb(time, lengths, still, generator, bins=16, frames=12)
    assert cropped.shape == (64, 12, 20)
    torch.testing.assert_close(cropped[:63].diff(dim=1), torch.ones(63, 11, 20), atol=1e-3, rtol=0)
    begins = cropped[:63, 0, 0].round()
    assert begins.min() >= 1 and begins.max() <= 39 and len(begins.unique()) > 10
    assert mask[:63].all() and mask[63].tolist() == [True] * 7 + [False] * 5
    torch.testing.assert_close(cropped[63, :7, 0], time[63, :7, 0], atol=1e-3, rtol=0)


def test_rows_of_pitch_move_as_rows_and_hear_no_noise():
    loud = Perturbation(stretch=0, shift=0, noise=1.0, telephone=1.0, pitch_shift=2.0)
    power = torch.zeros(40, 30, 64 + 16)
    power[:, :, :64], power[:, :, 64 + 8] = 1.0, 1.0
    moved, _ = perturb(power, torch.full((40,), 30), loud, torch.Generator().manual_seed(0), bins=64)
    pitch = moved[:, :, 64:]
    torch.testing.assert_close(pitch.sum(2), torch.ones(40, 30), atol=1e-4, rtol=0)
    places = (pitch[:, 0] @ torch.arange(16.0)).unique()
    assert len(places) > 20 and 5.9 < places.min() < 7 and 9 < places.max() < 10.1
    assert not torch.allclose(moved[:, :, :64], power[:, :, :64], atol=0.1)
