"""Fitted encoders are kept and read back."""

import numpy as np
import pytest
import torch

from bibier.checkpoint import bundle
from train.experiment import encoders, left_out, recipe, sources
from train.experiment.left_out import group_folds


def test_a_fitted_encoder_is_read_back_and_not_fitted_again(small, folder, monkeypatch):
    chosen = recipe.load(small)
    source = sources.audio_source(chosen, folder)
    rows = source.all_but(0)
    first = encoders.fit_audio(chosen, source, rows, 0)
    monkeypatch.setattr(encoders, "_fit", lambda *_: pytest.fail("fitted twice"))
    second = encoders.fit_audio(chosen, source, rows, 0)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    with pytest.raises(pytest.fail.Exception):
        encoders.fit_audio(chosen, source, source.all_but(1), 0)


SEVERAL = ['audio.encoder={kind="conv-ensemble", members=2, channels=[4, 6, 8], dim=8, hidden=6}']


def test_an_ensemble_is_fitted_member_by_member_and_no_two_seeds_share_one(small, folder):
    together = recipe.load(small, SEVERAL)
    alone, seeds = encoders.single(together, 1)
    assert seeds == [2, 3] and alone == recipe.load(small)
    source = sources.audio_source(together, folder)
    rows = source.all_but(0)
    assert not encoders.is_fitted(together, source, "audio", rows, 1)
    ensemble = encoders.fit_audio(together, source, rows, 1)
    for member, seed in zip(ensemble.members, seeds, strict=True):
        kept = encoders.fit_audio(alone, source, rows, seed).state_dict()
        assert all(torch.equal(kept[name], part) for name, part in member.state_dict().items())
    assert encoders.is_fitted(together, source, "audio", rows, 1)
    assert not encoders.is_fitted(together, source, "audio", rows, 0)


def test_what_an_ensemble_says_of_strangers_is_the_mean_of_what_its_members_say(small, folder, tmp_path):
    """And is read from their answers, so that it needs no fit of its own."""
    together = recipe.load(small, SEVERAL)
    alone, _ = encoders.single(together, 0)
    source = sources.audio_source(together, folder)
    folds = group_folds(source)[:1]

    def judged(chosen, seeds, fit):
        return left_out.left_out(chosen, source, "audio", folds, seeds, fit=fit, keep=tmp_path / "answers")

    members = judged(alone, (0, 1), fit=True)
    whole = judged(together, (0, 1), fit=False)
    rows = folds[0].test
    said = [members.answers["groups", seed, ""].logits[rows] for seed in (0, 1)]
    np.testing.assert_allclose(whole.answers["groups", 0, ""].logits[rows], np.mean(said, axis=0))
    assert not len(whole.judged("groups", 1, rows)) and whole.missing == (("groups", "fold 0", 1, ""),)
    judged(alone, (2,), fit=True)  # one of the two of seed 1
    assert not len(judged(together, (1,), fit=False).judged("groups", 1, rows))


def test_an_ensemble_goes_on_from_an_ensemble_member_by_member(small, folder, fitted, tmp_path):
    """And from a single encoder with each."""
    source = sources.audio_source(recipe.load(small), folder)
    one = recipe.load(small, [*SEVERAL, f'start="{fitted}"', "audio.fit.learning_rate=1e-12"])
    begun = bundle.load(fitted)
    made = encoders.fit_audio(one, source, source.all_but(), 0)
    for member in made.members:
        torch.testing.assert_close(member.head.weight, begun.audio_encoder.head.weight, atol=1e-3, rtol=0)
