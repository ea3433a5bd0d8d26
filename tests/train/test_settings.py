"""Settings that can't be meant are refused where they are written."""

import dataclasses

import pytest

from bibier.checkpoint.components import REGISTRY
from train.constraints import Positive, check, constrained
from train.experiment import recipe
from train.loop.settings import FitSettings


@pytest.mark.parametrize(
    "field, value, message",
    [
        ("epochs", 0, "whole number of at least 1"),
        ("epochs", 1.5, "whole number"),
        ("batch", True, "whole number"),
        ("learning_rate", 0, "above 0"),
        ("learning_rate", float("inf"), "above 0"),
        ("weight_decay", -1, "at least 0"),
        ("weight_decay", "0.1", "a number"),
        ("warm_up", 1.1, r"\[0, 1\]"),
        ("smoothing", 1, r"\[0, 1\)"),
        ("average", float("nan"), r"\[0, 1\)"),
        ("optimiser", "adagrad", "one of adamw, adam, lion, sgd, rmsprop"),
        ("schedule", "step", "one of onecycle"),
        ("precision", "fp16", "one of float32, bf16"),
        ("accumulate", 0, "at least 1"),
        ("patience", -1, "at least 0"),
        ("groups", ({"match": "a", "epsilon": -1},), "greater than or equal to 0"),
        ("groups", ({"match": "a", "rate": 1},), r"unknown field .groups\[0\].rate"),
        ("groups", ("a",), "dictionary"),
    ],
)
def test_a_setting_out_of_range_is_refused_with_its_value(field, value, message):
    with pytest.raises(ValueError, match=message) as error:
        FitSettings(**({"epochs": 1} | {field: value}))
    shown = value[0] if isinstance(value, tuple) else value
    assert field in str(error.value) and (str(shown) in str(error.value) or isinstance(shown, dict))


def test_a_range_belongs_to_its_field_alone():
    """A field of another table that has the same name is free of it."""

    @constrained
    class Loud:
        level: float = -3.0  # dB; a log-mel's `level` must be above 0

    assert Loud().level == -3.0
    features = recipe.LogMelConfig(level=-3.0)
    with pytest.raises(ValueError, match="level is -3.0: it must be a number above 0"):
        check(features, {"level": Positive})
    check(features, {"floor": Positive})


def test_what_the_fields_of_every_component_may_be_is_written_down():
    configs = {kind.config for kinds in REGISTRY.values() for kind in kinds.values()}
    assert recipe._CONFIGS.keys() == configs
    for config, allowed in recipe._CONFIGS.items():
        assert allowed.keys() <= {field.name for field in dataclasses.fields(config)}
