"""A recipe and its changes: what is unknown or out of range is named."""

import pytest

from bibier.errors import CorpusError
from train.experiment import recipe


def test_a_change_of_one_setting_reaches_the_recipe(small):
    assert recipe.load(small, ['audio.encoder.temporal="mamba"']).audio.encoder.temporal == "mamba"


@pytest.mark.parametrize("change", ["audio.encoder.depth=3", "audio.oops=1", "audio", "text.fit.epochs=x"])
def test_a_wrong_setting_is_named(small, change):
    with pytest.raises(CorpusError, match=change.split("=")[0].split(".")[-1]):
        recipe.load(small, [change])


@pytest.mark.parametrize(
    "change, message",
    [
        ("audio.encoder.dropout=1.0", r"\[audio\] \[encoder\]: dropout is 1.0"),
        (
            "audio.encoder.channels=[4, 0, 8]",
            r"audio_encoder.channels is \[4, 0, 8\], and must be 1 … 2048",
        ),
        ("fusion.model.layers=0", r"\[fusion\] \[model\]: fusion.layers is 0, and must be 1 … 48"),
        ("audio.corpora=[]", r"\[audio\]: corpora is .*at least one corpus"),
        ("text.folds=1", r"\[text\]: folds is 1"),
        ("text.fit=3", r"\[text\] \[fit\] is 3: it must be a table"),
        ("audio.fit.warm_up=1.5", r"\[audio\] \[fit\]: warm_up is 1.5"),
        ("fusion.fit.optimiser='adagrad'", "one of adamw"),
    ],
)
def test_a_setting_out_of_range_names_its_table_and_value(small, change, message):
    with pytest.raises(CorpusError, match=message):
        recipe.load(small, [change])
