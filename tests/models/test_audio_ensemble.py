"""Several encoders that judge together."""

import pytest
import torch
from tiny import padded, shaken, tiny_config

from bibier.checkpoint import bundle
from bibier.checkpoint.bundle import Bundle
from bibier.checkpoint.components import parse_config
from bibier.models.audio_ensemble import AudioEnsemble, AudioEnsembleConfig
from bibier.models.fusion import FusionConfig
from bibier.models.ood_score import OODScoreConfig

CONFIG = AudioEnsembleConfig(channels=(4, 6, 8), dim=8, hidden=6, dropout=0.0, members=2)


@torch.no_grad()
def test_its_answer_is_the_mean_of_its_members_and_its_space_the_first_one_s():
    torch.manual_seed(0)
    model = shaken(AudioEnsemble(CONFIG)).eval()
    features, mask = padded([torch.randn(n, 2, 64) for n in (23, 40)])
    read, (first, second) = (
        model(features=features, mask=mask),
        [m(features=features, mask=mask) for m in model.members],
    )
    assert not torch.allclose(first.logits, second.logits)
    torch.testing.assert_close(read.logits, (first.logits + second.logits) / 2)
    torch.testing.assert_close(read.hidden, torch.cat((first.hidden, second.hidden), -1))
    assert read.pooled is not None and torch.equal(read.pooled, first.pooled)
    assert read.hidden.shape[-1] == model.dim_out and read.pooled.shape[-1] == model.dim_pooled


def test_a_checkpoint_of_one_is_saved_and_read_back(tmp_path):
    pool = FusionConfig(audio_dim=24, text_dim=tiny_config().fusion.text_dim, kind="pool")
    made = Bundle(tiny_config(audio_encoder=CONFIG, fusion=pool, ood_score=OODScoreConfig(dim=24))).eval()
    bundle.save(made, tmp_path / "several", "card", half=False)
    read = bundle.load(tmp_path / "several")
    assert read.config.audio_encoder == CONFIG and isinstance(read.audio_encoder, AudioEnsemble)
    assert all(torch.equal(a, b) for a, b in zip(made.parameters(), read.parameters(), strict=True))


def test_how_many_members_there_may_be():
    for members in (0, 9, 2.5):
        with pytest.raises(ValueError, match="members"):
            parse_config("audio_encoder", {"kind": "conv-ensemble", "members": members})
    with pytest.raises(ValueError, match="at least one"):
        AudioEnsemble(AudioEnsembleConfig(members=0))
