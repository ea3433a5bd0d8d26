"""One visible training loop, for every model of the project.

B batch, K classes. Optimisers and schedules stand in `optim`, the run on disk in `resume`, several processes in
`distributed`, what is said meanwhile in `progress`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from bibier.errors import CorpusError
from bibier.labels import EMOTIONS
from train.loop import distributed, resume
from train.loop.averaging import averaging, estimate_statistics
from train.loop.batches import Batches
from train.loop.optim import make_optimiser, make_schedule
from train.loop.progress import Epoch, FitProgress
from train.loop.settings import FitSettings
from train.metrics import selection


class HasLogits(Protocol):
    """What a model returns."""

    logits: Tensor  # (B, 7)


# Of the model's output, the targets (B, K) and the class weights (K,): a mean over the batch's total weight.
Loss = Callable[[Any, Tensor, Tensor], Tensor]
# Dev scores {corpus: {"UAR": …, "MF1": …, "WAR": …, "WF1": …}} in per cent, of a model in eval mode.
Validate = Callable[[nn.Module], dict[str, dict[str, float]]]


def soft_cross_entropy(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """−Σ_c w_c q_c log p_c, divided by the batch's total weight: the distribution itself is trained on, not its argmax.

    `logits` and `targets` are (B, 7), `weights` (7,). With one-hot targets it equals the weighted cross-entropy.
    """
    weighted = targets * weights
    logits = logits.float() if logits.dtype == torch.bfloat16 else logits  # its logarithms would have three digits
    return -(weighted * torch.log_softmax(logits, dim=-1)).sum() / weighted.sum()


def class_weights(targets: np.ndarray, power: float) -> Tensor:
    """Return (7,) weights (N / (7 n_c))^power from the expected class counts of targets (N, 7).

    A class without examples weighs nothing: a weight would only punish every other class for it.
    """
    counts = np.asarray(targets).sum(0)
    present = counts > 1e-9
    ratios = counts.sum() / len(counts) / np.where(present, counts, 1)
    return torch.tensor(np.where(present, ratios**power, 0), dtype=torch.float32)


class Best:
    """The best epoch so far by the mean dev score, strictly better, and its weights."""

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.score, self.stale = -math.inf, 0
        self.weights: dict[str, Tensor] | None = None

    @property
    def enough(self) -> bool:
        """True once `patience` epochs in a row have brought nothing; never where it is 0."""
        return 0 < self.patience <= self.stale

    def see(self, score: float | None, model: nn.Module) -> bool:
        """Take one epoch's score and the weights that got it; True if they are the best."""
        if score is None:
            return False
        better = score > self.score
        self.stale = 0 if better else self.stale + 1
        if better:
            self.score = score
            if self.patience:
                self.weights = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
        return better

    def state_dict(self) -> dict:
        """What a resumed run needs."""
        return {"score": self.score, "stale": self.stale, "weights": self.weights}

    def load_state_dict(self, state: dict) -> None:
        """Take up what `state_dict` gave."""
        self.score, self.stale, self.weights = state["score"], state["stale"], state["weights"]


def _refuse(weights: Tensor, settings: FitSettings, validate: Validate | None, report: FitProgress) -> None:
    """Refuse what can't be fitted; say what will not be learnt."""
    if not bool(torch.isfinite(weights).all()) or weights.min() < 0 or not weights.any():
        raise CorpusError(f"the class weights are {weights.tolist()}: is there a training row with a label?")
    if validate is None and (settings.schedule == "plateau" or settings.patience):
        what = 'schedule = "plateau"' if settings.schedule == "plateau" else f"patience = {settings.patience}"
        raise CorpusError(
            f"{what} goes by the scores on a dev split, and there is none: give one or change the setting"
        )
    for place in torch.nonzero(weights == 0).flatten().tolist():
        name = EMOTIONS[place] if len(weights) == len(EMOTIONS) else f"class {place}"
        report(f"no training example of {name}: it weighs nothing and is not learnt")


def _steps(
    batches: Iterable[tuple[dict, Tensor]], epoch: int, steps: int, weights: Tensor, settings: FitSettings
) -> Iterator[list[tuple[dict, Tensor]]]:
    """Gather the batches of one optimiser step each, their targets smoothed."""
    gathered, count = [], 0
    for inputs, targets in batches:
        count += 1
        if not len(targets):
            raise CorpusError(f"batch {count} of epoch {epoch + 1} is empty: leave out what has no row")
        if count > steps:
            raise CorpusError(f"epoch {epoch + 1} has more batches than the {steps} that were announced: raise steps")
        smooth = (1 - settings.smoothing) * targets + settings.smoothing / targets.shape[-1]
        targets = torch.where(targets.sum(-1, keepdim=True) > 0, smooth, 0)  # a padded row stays without a target
        if not _weight(targets, weights) > 0:
            raise CorpusError(
                f"batch {count} of epoch {epoch + 1} has no target of a class that weighs: do the class weights belong"
                " to these rows?"
            )
        gathered.append((inputs, targets))
        if len(gathered) == settings.accumulate:
            yield gathered
            gathered = []
    if not count:
        raise CorpusError(f"epoch {epoch + 1} has no batch: is the training split empty?")
    if gathered:
        yield gathered


def _weight(targets: Tensor, weights: Tensor) -> float:
    """Total weight of a batch's targets (B, K): what its mean loss is divided by."""
    return (targets * weights.to(targets.device)).sum().item()


def _of_logits(output: HasLogits, targets: Tensor, weights: Tensor) -> Tensor:
    return soft_cross_entropy(output.logits, targets, weights)


def _judge(model: nn.Module, validate: Validate | None, accelerator: Accelerator) -> dict[str, dict[str, float]]:
    """Return the dev scores, the same on every process; empty where nothing is validated."""
    scores: dict[str, dict[str, float]] = {}
    if validate is not None and accelerator.is_main_process:
        with torch.no_grad():
            scores = validate(model.eval())
    return distributed.broadcast_from_main(scores, accelerator)


def _exploded(loss: float, place: str, group: list[tuple[dict, Tensor]]) -> FloatingPointError:
    """Tell broken features from a rate that is too high."""
    for inputs, _ in group:
        for name, value in inputs.items():
            if isinstance(value, Tensor) and value.is_floating_point() and bool(torch.isnan(value).any()):
                return FloatingPointError(f"{name} holds NaN {place}: make the features anew")
    return FloatingPointError(f"the loss is {loss} {place}: lower learning_rate")


def _key(model: nn.Module, weights: Tensor, steps: int, settings: FitSettings, seed: int, data: str, many: int) -> dict:
    """Everything that a resumed run must have in common with the one it goes on with."""
    shapes = str([(name, tuple(tensor.shape)) for name, tensor in model.state_dict().items()])
    of_settings = {name: repr(value) for name, value in dataclasses.asdict(settings).items()}
    run = {"seed": seed, "steps": steps, "class weights": weights.tolist(), "data": data, "processes": many}
    model_key = {"model": hashlib.sha256(shapes.encode()).hexdigest()[:12]}
    return of_settings | {name: str(value) for name, value in run.items()} | model_key


def fit(
    model: nn.Module,
    batches: Batches,
    *,
    steps: int,
    weights: Tensor,
    settings: FitSettings,
    seed: int,
    report: Callable[[str], None] = lambda line: None,
    loss: Loss | None = None,
    validate: Validate | None = None,
    state: Path | None = None,
    data: str = "",
) -> nn.Module:
    """Fit a model and return it in eval mode: its averaged weights, or those of the best epoch where there is patience.

    Parameters
    ----------
    model
        forward(**inputs) returns an object with `logits` (B, 7), or one that the loss takes.
    batches
        Called with the epoch and a generator seeded for it.
    steps
        Batches of one epoch, the largest if they vary.
    weights
        (7,) class weights.
    report
        Takes a line; a `progress.Progress` also the single batches.
    loss
        By default the model's own method `loss(output, targets, weights)`, else the soft cross-entropy of the logits.
    validate
        Called after every epoch, by the main process, with the weights that would be returned.
    state
        File that keeps the run after every epoch and is removed at its end; one that is there is gone on with.
    data
        What the training rows are known by, such as a hash: a state of other rows is refused.

    Raises
    ------
    FloatingPointError
        The loss is no longer a finite number.
    CorpusError
        A batch or an epoch is empty, the setting needs a dev split, the state is of another run or can't be written.
    """
    progress = report if isinstance(report, FitProgress) else FitProgress(report)
    accelerator = Accelerator(cpu=not torch.cuda.is_available())
    if not accelerator.is_main_process:
        progress = FitProgress(lambda line: None)
    _refuse(weights, settings, validate, progress)
    model.to(accelerator.device)
    distributed.sync_initial_weights(model, accelerator, seed)
    optimiser = make_optimiser(model, settings)
    schedule = make_schedule(optimiser, -(-steps // settings.accumulate), settings)
    average, judged = None, model
    if settings.average > 0:
        average = AveragedModel(model, multi_avg_fn=averaging(settings), use_buffers=True)
        judged = average.module
    best = Best(settings.patience)
    run = {"model": model, "optimiser": optimiser, "schedule": schedule, "best": best}
    run |= {} if average is None else {"average": average}
    key = _key(model, weights, steps, settings, seed, data, accelerator.num_processes)
    done = resume.read(state, run, key, accelerator) if state else 0
    measure, weights = loss or getattr(model, "loss", _of_logits), weights.to(accelerator.device)
    progress.begin(settings.epochs, steps)
    try:
        for epoch in range(done, settings.epochs):
            if best.enough:
                break
            model.train()
            generator = torch.Generator().manual_seed(seed * 100_003 + epoch)
            total, count, seen = 0.0, 0, 0
            for group in _steps(batches(epoch, generator), epoch, steps, weights, settings):
                optimiser.zero_grad()
                whole, part = sum(_weight(targets, weights) for _, targets in group), weights.new_zeros(())
                for inputs, targets in group:
                    inputs, targets = distributed.shard_batch(inputs, targets, accelerator)
                    share = _weight(targets, weights) / whole
                    if share == 0:
                        continue
                    inputs = {k: v.to(accelerator.device) if isinstance(v, Tensor) else v for k, v in inputs.items()}
                    with torch.autocast(accelerator.device.type, torch.bfloat16, enabled=settings.precision == "bf16"):
                        output = model(**inputs)
                    batch_loss = share * measure(output, targets.to(accelerator.device), weights)
                    batch_loss.backward()
                    part += batch_loss.detach()
                value = distributed.sum_gradients(model, part, accelerator).item()
                seen += len(group)
                if not math.isfinite(value):
                    raise _exploded(value, f"in epoch {epoch + 1}, batch {seen}", group)
                if settings.clip > 0:
                    nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
                optimiser.step()
                schedule.after_step()
                if average is not None:
                    average.update_parameters(model)
                total, count = total + value, count + 1
                progress.batch(epoch + 1, seen)
            if not all(bool(torch.isfinite(parameter).all()) for parameter in model.parameters()):
                raise FloatingPointError(f"a weight is no finite number after epoch {epoch + 1}: lower learning_rate")
            rate = optimiser.param_groups[-1]["lr"]
            scores = _judge(judged, validate, accelerator)
            score = selection(scores) if scores else None
            better = best.see(score, judged)
            schedule.after_epoch(score)
            progress.epoch(Epoch(epoch + 1, total / count, rate, scores, better))
            if state:
                resume.write(state, run, key, epoch + 1, accelerator)
    finally:
        progress.end()
    if best.weights is not None:
        model.load_state_dict(best.weights)
    elif average is not None:
        model.load_state_dict(judged.state_dict())
    if settings.statistics:
        generator = torch.Generator().manual_seed(seed * 100_003 + settings.epochs)
        inputs = (inputs for inputs, _ in batches(settings.epochs, generator))
        estimate_statistics(model, itertools.islice(inputs, settings.statistics))
    if state:
        resume.remove(state, accelerator)
    return model.eval()
