"""A fit of a few milliseconds, for the tests of the trainer and for the processes that they start."""

import os
import signal
import socket
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from train.loop.settings import FitSettings
from train.loop.trainer import fit

ROWS = 14
CLASS_WEIGHTS = torch.tensor([0.5, 2.0, 1.0, 3.0, 0.25, 1.0, 1.5])


class Net(torch.nn.Module):
    """Two layers, and dropout where it is wanted."""

    def __init__(self, dropout: float = 0.0):
        super().__init__()
        self.first, self.last = torch.nn.Linear(7, 16), torch.nn.Linear(16, 7)
        self.dropout = torch.nn.Dropout(dropout)

    def forward(self, features):
        return SimpleNamespace(logits=self.last(self.dropout(torch.tanh(self.first(features)))))


def net(dropout: float = 0.0, seed: int = 0) -> Net:
    torch.manual_seed(seed)
    return Net(dropout)


def rows() -> tuple[torch.Tensor, torch.Tensor]:
    """Noisy one-hot features (14, 7) and soft targets (14, 7)."""
    generator = torch.Generator().manual_seed(5)
    labels = torch.arange(ROWS) % 7
    features = torch.eye(7)[labels] + 0.3 * torch.randn(ROWS, 7, generator=generator)
    return features, 0.9 * torch.eye(7)[labels] + 0.1 / 7


def batches_of(size: int, noise: bool = False):
    """Batches of shuffled rows, with noise of NumPy's global stream if wanted: resuming must restore that too."""

    def batches(epoch, generator):
        features, targets = rows()
        for part in torch.randperm(ROWS, generator=generator).split(size):
            own = features[part]
            if noise:
                own = own + 0.1 * torch.from_numpy(np.random.standard_normal(own.shape).astype(np.float32))
            yield {"features": own}, targets[part]

    return batches


def fitted(settings: FitSettings, model=None, **changes):
    values = dict(steps=-(-ROWS // settings.batch), weights=CLASS_WEIGHTS, settings=settings, seed=3)
    batches = changes.pop("batches", None) or batches_of(settings.batch)
    return fit(model or net(), batches, **(values | changes))


RESUMED = FitSettings(epochs=5, batch=4, learning_rate=0.02, patience=4, average=0.9)


def judged(model) -> dict:
    """Scores that grow with the weights: the last epoch is the best as long as it learns."""
    level = model.last.weight.detach().abs().mean().numpy()
    return {"dev": dict.fromkeys(("UAR", "WAR", "MF1", "WF1"), 100 * level)}


def resumable(state: Path | None, kill_in: int | None = None, **changes):
    """Fit with dropout and NumPy noise; the process kills itself in the middle of an epoch, if one is given."""
    np.random.seed(1)
    plain = batches_of(4, noise=True)

    def batches(epoch, generator):
        for number, batch in enumerate(plain(epoch, generator)):
            if epoch == kill_in and number == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            yield batch

    settings = changes.pop("settings", RESUMED)
    return fitted(settings, net(0.4), batches=batches, state=state, validate=judged, **changes)


PROCESSES = {
    "odd": FitSettings(epochs=3, batch=5, learning_rate=0.05),
    "single": FitSettings(epochs=2, batch=1, learning_rate=0.05, accumulate=4, smoothing=0.1),
    "stop": FitSettings(epochs=6, batch=4, learning_rate=0.05, patience=1, optimiser="sgd", schedule="plateau"),
}


def of_processes(name: str, **changes):
    """One of PROCESSES."""
    settings = PROCESSES[name]
    return fitted(settings, validate=judged if settings.patience else None, **changes)


def _one_of_two(rank: int, port: int, folder: str) -> None:
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in place.items()})
    for name in PROCESSES:
        lines = []
        model = of_processes(name, report=lines.append, model=net(seed=rank), state=Path(folder) / f"{name}.state")
        assert bool(lines) == (rank == 0), lines
        torch.save(model.state_dict(), f"{folder}/{name}{rank}.pt")
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1] == "killed":
        resumable(Path(sys.argv[2]), kill_in=3)
    else:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        torch.multiprocessing.start_processes(_one_of_two, (port, sys.argv[2]), nprocs=2, start_method="fork")
