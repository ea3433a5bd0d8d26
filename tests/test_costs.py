"""The cost benchmark: every model of its list takes a step, and its figures are what they are called."""

import ctypes
from types import SimpleNamespace

import pytest
import torch

from benchmarks import costs
from bibier import process


@pytest.mark.parametrize("entry", costs.MODELS, ids=lambda entry: entry.name)
def test_every_model_takes_a_step_at_any_batch_and_length(entry):
    for batch, length in ((1, 3), (3, 7)):
        step = costs.Step(entry, batch, length)
        before = [p.clone() for p in step.model.parameters()]
        step()
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in step.model.parameters())
        # Each round must cost the same: nothing is learnt.
        assert all(torch.equal(a, b) for a, b in zip(before, step.model.parameters(), strict=True))


def test_names_are_unique():
    assert len({entry.name for entry in costs.MODELS}) == len(costs.MODELS)


@pytest.mark.parametrize("power", [0, 1, 2])
def test_the_exponent_recovers_a_power(power):
    sizes = (50, 100, 200, 400, 800, 1600)
    assert costs.exponent({size: 3.0 * size**power for size in sizes}) == pytest.approx(power)
    # Only the large end counts: a constant at the small end is no growth.
    assert costs.exponent({size: max(size, 400) ** 2 for size in sizes}) == pytest.approx(2)


@pytest.mark.skipif(not costs.Path("/proc/self/clear_refs").exists(), reason="needs Linux")
def test_the_peak_of_a_step_sees_what_was_freed_again():
    class Hungry(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(()))

        def forward(self, *, x):
            if len(x) > 1:
                torch.ones(64 * costs.MIB // 4).mul_(2)  # 64 MiB, freed at once
            return SimpleNamespace(logits=self.scale * x)

    # A command that another test ran here may have had the C library keep what is freed.
    ctypes.CDLL(None).mallopt(process.MMAP_THRESHOLD, 128 * 1024)
    process.give_back_memory()
    hungry = costs.ComparedModel("hungry", "fusion", Hungry, lambda batch, length: {"x": torch.ones(batch, 7)})
    assert costs.peak_of_this_process(hungry, (2, 3)) == pytest.approx(64, abs=8)


def test_a_quick_run_prints_and_writes_tables_and_a_picture(tmp_path, capsys):
    costs.main(["--quick", "--only", "lstm", "none", "--out", str(tmp_path)])
    text = capsys.readouterr().out
    rows = [line for line in text.splitlines() if line.startswith("| lstm")]
    assert len(rows) == 2 and rows[0].endswith("| 1.00 |")
    assert text.strip() in (tmp_path / "costs.md").read_text()
    assert "<svg" in (tmp_path / "costs.svg").read_text()


def test_an_unknown_model_is_named(capsys):
    with pytest.raises(SystemExit):
        costs.main(["--quick", "--only", "lstm", "gru"])
    assert "no model gru; there are lstm" in capsys.readouterr().err
