"""Settings that can't be meant are refused where they are written."""

import pytest

from train.loop.settings import FitSettings


@pytest.mark.parametrize(
    "field, value, said",
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
        ("groups", ({"match": "a", "epsilon": -1},), "at least 0"),
        ("groups", ({"match": "a", "rate": 1},), "may have match"),
        ("groups", ("a",), "a table with match"),
    ],
)
def test_a_setting_out_of_range_is_refused_with_its_value(field, value, said):
    with pytest.raises(ValueError, match=said) as error:
        FitSettings(**({"epochs": 1} | {field: value}))
    shown = value[0] if isinstance(value, tuple) else value
    assert field in str(error.value) and (str(shown) in str(error.value) or "may have" in said or "at least 0" in said)
