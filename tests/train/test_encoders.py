"""Fitted encoders are kept and read back."""

import pytest
import torch

from train.experiment import encoders, recipe, sources


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
