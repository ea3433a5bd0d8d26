"""The benchmark of a GPU without one: what it says then, its bounds, and its parts on a CPU in small."""

import pytest
import torch

from benchmarks import costs, gpu, scan
from bibier.models import ssm

CPU = torch.device("cpu")


@pytest.fixture
def budget():
    return gpu.Budget(600)


def test_without_cuda_it_says_so_and_ends(capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu.main([]) == 2
    assert "There is no CUDA here" in capsys.readouterr().err


def test_what_no_time_is_left_for_is_named(capsys):
    assert gpu.main(["--device", "cpu", "--tiny", "--minutes", "0", "--only", "steps"]) == 0
    assert "No time was left for: training step at B1 T5 fp32; training step at B1 T5 bf16." in capsys.readouterr().out


def test_a_budget_ends_by_its_clock():
    now = [0.0]
    budget = gpu.Budget(10, clock=lambda: now[0])
    assert budget.allows("first")
    now[0] = 10
    assert not budget.allows("second") and budget.skipped == ["second"]


def test_errors_of_the_scan_are_in_bounds_and_a_wrong_one_is_told(budget, monkeypatch):
    shapes = [(2, 9, 8, 4)]
    table, good = gpu.scan_errors(CPU, shapes, budget)
    assert good and table.count("B2 T9 d8 N4") == 3 and "too far" not in table
    right = ssm.selective_scan
    monkeypatch.setattr(gpu, "selective_scan", lambda u, *args: 1.05 * right(u, *args))
    table, good = gpu.scan_errors(CPU, shapes, budget)
    assert not good and table.count("too far") == 3


def test_a_kernel_is_forced_for_as_long_as_asked():
    usual = ssm.kernel("cpu").name
    with gpu.forced("reference"):
        assert ssm.kernel("cpu").name == "reference"
    assert ssm.kernel("cpu").name == usual


@pytest.mark.parametrize("entry", costs.MODELS, ids=lambda entry: entry.name)
def test_every_model_is_the_same_alone_and_in_a_batch(entry):
    assert gpu.invariance(entry, CPU, lengths=(9, 3, 1)) <= 1e-4


def test_a_model_that_minds_its_batch_is_seen():
    entry = next(entry for entry in costs.MODELS if entry.name == "none")

    class MeansOverTheBatch(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = entry.make()

        def forward(self, *, x, mask):
            return self.inner(x=x - x.mean(0, keepdim=True), mask=mask)

    minding = costs.ComparedModel("minding", "temporal", MeansOverTheBatch, entry.inputs)
    assert gpu.invariance(minding, CPU, lengths=(9, 3, 1)) > gpu.INVARIANCE


def test_operations_of_a_step_are_those_of_its_products():
    linear, x = torch.nn.Linear(8, 4, bias=False), torch.ones(2, 8)
    assert gpu.operations(lambda: linear(x).sum().backward()) == 2 * (2 * 2 * 8 * 4)  # forward, and by the weights


def test_a_step_is_compared_with_its_peers(budget, monkeypatch):
    monkeypatch.setattr(scan, "WIDTH", 16)
    small = {"dim": 16, "temporal": "transformer", "hidden": 16, "layers": 1, "heads": 2}
    mamba = {"temporal": "mamba", "hidden": 8, "state": 2, "bidirectional": False}
    monkeypatch.setattr(scan, "TEXT", {"Mamba": mamba, "a Transformer": small})
    table = gpu.steps(CPU, [(2, 3)], 1, budget)
    assert "| B2 T3 fp32 |" in table and "| B2 T3 bf16 |" in table
    assert f"Mamba by {ssm.kernel('cpu').name} | over a Transformer | MiB |" in table


@pytest.mark.parametrize("half", [False, True])
def test_the_pipeline_runs_from_sound_to_probabilities_in_small(half):
    pytest.importorskip("whisper")
    stages = gpu.Pipeline(gpu.TINY, CPU, half=half).stages(torch.randn(2, 8000) / 10)
    assert list(stages) == ["Whisper", "wav2vec2", "Jina", "encoders and fusion", "all"]
    probabilities = stages["all"]()
    assert probabilities.shape == (2, 7)
    torch.testing.assert_close(probabilities.sum(1), torch.ones(2))
