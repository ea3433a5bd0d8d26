"""Perturbations of sound and of features, and the features of a batch."""

import numpy as np
import torch
from tiny import voice

from bibier.features.batching import pad
from bibier.features.log_mel import LogMel
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
