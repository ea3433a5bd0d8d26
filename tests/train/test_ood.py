"""The score is fitted on speech against made sounds, its threshold on the speech; a checkpoint gets it alone."""

import numpy as np
import pytest
import torch
from tiny import scored

from bibier.checkpoint import bundle
from bibier.errors import CorpusError
from bibier.inference.predictor import Predictor
from train import __main__ as cli
from train.experiment import ood, recipe


def cloud(generator, centres, count):
    """Points around each of the centres (K, P), and the number of their centre."""
    labels = np.repeat(np.arange(len(centres)), count)
    return ood.PooledRows(centres[labels] + generator.normal(size=(len(labels), centres.shape[1])), labels, labels)


@pytest.fixture
def speech():
    return cloud(np.random.default_rng(0), np.array([[4.0, 0, 0, 0], [0, 4.0, 0, 0], [-4.0, -4.0, 0, 0]]), 400)


def test_the_share_of_the_speech_that_was_asked_for_stays_below_one(speech):
    sounds = cloud(np.random.default_rng(1), np.array([[0, 0, 8.0, 0]]), 100)
    for share in (0.9, 0.99):
        score = ood.fit_score(speech, sounds, share)
        below = score(torch.as_tensor(speech.features).float()) <= 1
        assert below.float().mean() == pytest.approx(share, abs=0.002)
        assert score.config.share == share


def test_sounds_it_was_fitted_on_and_sounds_that_it_never_met_are_told_from_new_speech(speech):
    generator = np.random.default_rng(2)
    score = ood.fit_score(speech, cloud(generator, np.array([[0, 0, 8.0, 0]]), 100))
    unlike = {"known": [0, 0, 8.0, 0], "far away": [0, 0, 0, 60.0], "between the classes": [20.0, -20.0, 0, 0]}
    for name, centre in unlike.items():
        sounds = cloud(generator, np.array([centre]), 50).features
        assert (score(torch.as_tensor(sounds).float()) > 1).float().mean() > 0.95, name
    new = cloud(generator, np.array([[4.0, 0, 0, 0], [0, 4.0, 0, 0]]), 200).features
    assert (score(torch.as_tensor(new).float()) > 1).float().mean() < 0.05


def test_a_fit_has_a_score_and_a_checkpoint_can_get_one_anew(fitted, folder, small, tmp_path):
    plain = bundle.load(fitted)
    assert plain.ood_score is not None  # `fit` calls it
    call = ["fit", str(small), "--data", str(folder), "--ood-into", str(fitted), "--out", str(tmp_path / "scored")]
    assert cli.main(call) == 0
    again = bundle.load(tmp_path / "scored")
    assert (tmp_path / "scored" / bundle.CARD).read_text() == (fitted / bundle.CARD).read_text()
    for name, tensor in plain.state_dict().items():
        if not name.startswith("ood_score."):
            assert torch.equal(tensor, again.state_dict()[name]), name
    clip = next((folder / "ravdess").rglob("*.wav"))
    assert Predictor(again)(clip, "").audio.ood is not None


def test_without_a_voice_or_with_too_few_clips_there_is_no_score(tiny_bundle, folder, small, tmp_path):
    said = []
    assert ood.with_score(tiny_bundle, [], 0, said.append).ood_score is None
    assert "at least" in said[0]
    silent = bundle.Bundle(
        bundle.dataclasses.replace(tiny_bundle.config, audio_features=None, audio_encoder=None, fusion=None)
    )
    place = bundle.save(silent, tmp_path / "silent", "# silent")
    with pytest.raises(CorpusError, match="no audio encoder"):
        ood.score_checkpoint(recipe.load(small), folder, place, tmp_path / "out")


def test_a_score_that_is_there_is_replaced(tiny_bundle, monkeypatch):
    other = scored(tiny_bundle, 3.0).ood_score
    monkeypatch.setattr(ood, "fit_ood_score", lambda *arguments: other)
    monkeypatch.setattr(ood, "FEWEST", 0)
    assert ood.with_score(scored(tiny_bundle, 0.5), [], 0).ood_score.bias.item() == 3.0
