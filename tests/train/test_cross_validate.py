"""Cross-validation: a row a seed."""

import json

import numpy as np
import pytest

from train import __main__ as cli
from train.experiment import cross_validate


@pytest.mark.parametrize("part", ["audio", "text", "bimodal"])
def test_cross_validation_prints_a_row_a_seed(small, folder, capsys, part, monkeypatch):
    monkeypatch.setattr(cross_validate, "DRAWS", 2)
    assert cli.main(["crossvalidate", str(small), "--part", part, "--data", str(folder), "--seeds", "2"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert [row["seed"] for row in rows] == [0, 1]
    assert all(np.isfinite(list(row.values())).all() for row in rows)
    if part == "text":
        assert rows[0]["MELD test UAR"] > 80  # each emotion has a word of its own
    if part == "bimodal":
        better = max(rows[0]["audio UAR"], rows[0]["text UAR"])
        assert rows[0]["gain over the better branch"] == pytest.approx(rows[0]["bimodal UAR"] - better)
