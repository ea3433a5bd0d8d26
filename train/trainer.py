"""One visible training loop, for every model of the project.

B batch, K classes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

# An epoch's batches: each is the model's keyword arguments and the targets (B, 7).
Batches = Callable[[int, torch.Generator], Iterable[tuple[dict[str, Tensor], Tensor]]]


@dataclass(frozen=True)
class FitSettings:
    """How a model is fitted; a recipe's table names these fields."""

    epochs: int
    batch: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    warm_up: float = 0.3  # share of the steps, of the one-cycle schedule
    smoothing: float = 0.0  # uniform label smoothing
    class_power: float = 1.0  # classes weigh (N / (7 n))^power: 0 natural, 1 balanced
    average: float = 0.99  # exponential moving average of the weights, per step; 0 keeps the last
    clip: float = 1.0  # largest gradient norm; 0 is no limit
    beta: float = 0.999  # AdamW's second
    groups: tuple[dict, ...] = ()  # {match, learning_rate, epsilon, weight_decay} for parameters whose name has `match`


def soft_cross_entropy(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """−Σ_c w_c q_c log p_c, divided by the batch's total weight: the distribution itself is trained on, not its argmax.

    `logits` and `targets` are (B, 7), `weights` (7,). With one-hot targets it equals the weighted cross-entropy.
    """
    weighted = targets * weights
    return -(weighted * torch.log_softmax(logits, dim=-1)).sum() / weighted.sum()


def parameter_groups(model: nn.Module, settings: FitSettings) -> list[dict]:
    """Sort a model's parameters into AdamW's groups: the settings' own first, then matrices, then vectors.

    Vectors (biases, gains, norms) are not decayed.
    """
    own = [{"params": [], "lr": g.get("learning_rate", settings.learning_rate)} for g in settings.groups]
    for group, wanted in zip(own, settings.groups, strict=True):
        group["eps"] = wanted.get("epsilon", 1e-8)
        group["weight_decay"] = wanted.get("weight_decay", settings.weight_decay)
    matrices = {"params": [], "lr": settings.learning_rate, "weight_decay": settings.weight_decay}
    vectors = {"params": [], "lr": settings.learning_rate, "weight_decay": 0.0}
    for name, parameter in model.named_parameters():
        place = next((i for i, wanted in enumerate(settings.groups) if wanted["match"] in name), None)
        group = own[place] if place is not None else matrices if parameter.ndim > 1 else vectors
        group["params"].append(parameter)
    for group, wanted in zip(own, settings.groups, strict=True):
        assert group["params"], f"no parameter's name has {wanted['match']!r}"
    return [group for group in (*own, matrices, vectors) if group["params"]]


def class_weights(targets: np.ndarray, power: float) -> Tensor:
    """Return (7,) weights (N / (7 n_c))^power from the expected class counts of targets (N, 7)."""
    counts = np.asarray(targets).sum(0).clip(1e-9)
    return torch.tensor((counts.sum() / len(counts) / counts) ** power, dtype=torch.float32)


def fit(
    model: nn.Module,
    batches: Batches,
    *,
    steps: int,
    weights: Tensor,
    settings: FitSettings,
    seed: int,
    report: Callable[[str], None] = lambda line: None,
) -> nn.Module:
    """Fit a model and return it in eval mode with its averaged weights.

    Parameters
    ----------
    model
        forward(**inputs) returns an object with `logits` (B, 7).
    batches
        Called with the epoch and a generator seeded for it.
    steps
        Batches of one epoch, the largest if they vary.
    weights
        (7,) class weights.

    Raises
    ------
    FloatingPointError
        The loss is no longer a finite number.
    """
    accelerator = Accelerator(cpu=not torch.cuda.is_available())
    groups = parameter_groups(model, settings)
    optimiser = torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, settings.beta))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        [group["lr"] for group in groups],
        total_steps=settings.epochs * steps + 1,
        pct_start=settings.warm_up,
    )
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(settings.average), use_buffers=True)
    model, optimiser, schedule = accelerator.prepare(model, optimiser, schedule)
    weights = weights.to(accelerator.device)
    for epoch in range(settings.epochs):
        model.train()
        generator = torch.Generator().manual_seed(seed * 100_003 + epoch)
        total, count = 0.0, 0
        for inputs, targets in batches(epoch, generator):
            inputs = {name: tensor.to(accelerator.device) for name, tensor in inputs.items()}
            targets = targets.to(accelerator.device)
            targets = (1 - settings.smoothing) * targets + settings.smoothing / targets.shape[1]
            loss = soft_cross_entropy(model(**inputs).logits, targets, weights)
            optimiser.zero_grad()
            accelerator.backward(loss)
            if settings.clip > 0:
                accelerator.clip_grad_norm_(model.parameters(), settings.clip)
            optimiser.step()
            schedule.step()
            average.update_parameters(accelerator.unwrap_model(model))
            total, count = total + loss.item(), count + 1
        if not math.isfinite(total):
            raise FloatingPointError(f"the loss is {total} in epoch {epoch + 1}: lower learning_rate")
        report(f"epoch {epoch + 1}/{settings.epochs} · loss {total / count:.4f}")
    fitted = accelerator.unwrap_model(model)
    if settings.average > 0:
        fitted.load_state_dict(average.module.state_dict())
    return fitted.eval()
