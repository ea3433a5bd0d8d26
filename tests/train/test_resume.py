"""A fit that was killed goes on where it stopped, or says why it does not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from small_fit import PROCESSES, fitted, net, of_processes, resumable

from bibier.errors import CorpusError
from tests.train.test_trainer import close, same, scored
from train.loop.settings import FitSettings


def started(*arguments) -> subprocess.CompletedProcess:
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": f"{root}{os.pathsep}{root / 'tests'}", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(root / "tests" / "small_fit.py"), *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def test_a_killed_run_goes_on_to_the_very_same_weights(tmp_path):
    state, whole, lines = tmp_path / "run" / "state", [], []
    expected = resumable(None, report=whole.append)
    killed = started("killed", state)
    assert killed.returncode == -9, killed.stderr
    assert [p.name for p in state.parent.iterdir()] == ["state"]
    went_on = resumable(state, report=lines.append)
    assert len(whole) == 5 and whole[-1].endswith(" *")  # the best epoch is one that the killed run did not reach
    assert lines == whole[3:]
    assert same(expected, went_on)
    assert not list(state.parent.iterdir())


def interrupted(state: Path) -> None:
    def stop(model):
        stop.calls = getattr(stop, "calls", 0) + 1
        if stop.calls == 2:
            raise KeyboardInterrupt
        return scored(50)

    with pytest.raises(KeyboardInterrupt):
        fitted(FitSettings(3, 4), validate=stop, state=state, data="rows 1")
    assert state.exists()


@pytest.mark.parametrize(
    "change, message",
    [
        ({"settings": FitSettings(3, 4, 0.5)}, "learning_rate was 0.001, is 0.5"),
        ({"data": "rows 2"}, "data was rows 1, is rows 2"),
        ({"seed": 4}, "seed was 3, is 4"),
        ({"weights": torch.ones(7)}, "class weights"),
        ({"model": torch.nn.Linear(3, 7)}, "model was"),
    ],
)
def test_the_state_of_another_run_is_refused_by_what_differs(tmp_path, change, message):
    interrupted(tmp_path / "state")
    with pytest.raises(CorpusError, match=message):
        fitted(**({"settings": FitSettings(3, 4), "state": tmp_path / "state", "data": "rows 1"} | change))
    assert (tmp_path / "state").exists()


@pytest.mark.parametrize("cut", [0, 100, -100])
def test_a_broken_state_is_refused(tmp_path, cut):
    state = tmp_path / "state"
    interrupted(state)
    state.write_bytes(state.read_bytes()[:cut])
    with pytest.raises(CorpusError, match="delete it"):
        fitted(FitSettings(3, 4), state=state, data="rows 1")


def test_a_full_disk_is_said_and_leaves_the_epoch_before(tmp_path, full_disk):
    state = tmp_path / "state"
    interrupted(state)
    before = state.read_bytes()
    full_disk()
    with pytest.raises(CorpusError, match="No space left.*free .* MB"):
        fitted(FitSettings(3, 4), state=state, data="rows 1")
    assert state.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["state"]


def test_two_processes_give_the_weights_of_one(tmp_path):
    """Batches of 5 and of 1 row: the shares differ in size and weight, and one is empty."""
    run = started("two", tmp_path)
    assert run.returncode == 0, run.stderr
    for name in PROCESSES:
        first, second = (torch.load(tmp_path / f"{name}{rank}.pt") for rank in (0, 1))
        assert all(torch.equal(first[key], second[key]) for key in first)
        model = net()
        model.load_state_dict(first)
        close(model, of_processes(name))
    assert not list(tmp_path.glob("*.state"))
