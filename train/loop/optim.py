"""Optimisers and learning-rate schedules of the papers, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, OneCycleLR, ReduceLROnPlateau

from bibier.errors import CorpusError
from train.loop.settings import FitSettings

# Share of the steps in which the rate rises, where the settings leave it open.
WARM_UP = {"onecycle": 0.3, "linear": 0.1, "cosine-warmup": 0.1}


class Lion(Optimizer):
    """Evolved sign momentum (Chen et al., 2023, algorithm 2): every step has the same size in every coordinate.

    p ← p − η (sign(β₁ m + (1 − β₁) g) + λ p), then m ← β₂ m + (1 − β₂) g.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | list[dict[str, Any]],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] (torch overloads it by the closure)
        """Move every parameter that has a gradient; ValueError for a closure, which torch's interface allows."""
        if closure is not None:
            raise ValueError("Lion needs no closure: call step() without one")
        for group in self.param_groups:
            fast, slow = group["betas"]
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["momentum"] = torch.zeros_like(parameter)
                direction = state["momentum"].lerp(parameter.grad, 1 - fast).sign_()
                parameter.mul_(1 - group["lr"] * group["weight_decay"]).add_(direction, alpha=-group["lr"])
                state["momentum"].lerp_(parameter.grad, 1 - slow)


def parameter_groups(model: nn.Module, settings: FitSettings) -> list[dict]:
    """Sort a model's trainable parameters into the optimiser's groups: the settings' own, then matrices, then vectors.

    Vectors (biases, gains, norms) are not decayed. CorpusError where a group's `match` is in no parameter's name.
    """
    named = [{"params": [], "lr": g.get("learning_rate", settings.learning_rate)} for g in settings.groups]
    for group, setting in zip(named, settings.groups, strict=True):
        group["eps"] = setting.get("epsilon", 1e-8)
        group["weight_decay"] = setting.get("weight_decay", settings.weight_decay)
    matrices = {"params": [], "lr": settings.learning_rate, "weight_decay": settings.weight_decay}
    vectors = {"params": [], "lr": settings.learning_rate, "weight_decay": 0.0}
    trainable = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    for name, parameter in trainable:
        place = next((i for i, setting in enumerate(settings.groups) if setting["match"] in name), None)
        group = named[place] if place is not None else matrices if parameter.ndim > 1 else vectors
        group["params"].append(parameter)
    for group, setting in zip(named, settings.groups, strict=True):
        if not group["params"]:
            names = ", ".join(name for name, _ in trainable)
            raise CorpusError(f"groups: no parameter's name has {setting['match']!r}; the names are {names}")
    return [group for group in (*named, matrices, vectors) if group["params"]]


def make_optimiser(model: nn.Module, settings: FitSettings) -> Optimizer:
    """Return the settings' optimiser over the model's parameter groups."""
    groups, rate = parameter_groups(model, settings), settings.learning_rate
    make: dict[str, Callable[[], Optimizer]] = {
        "adamw": lambda: AdamW(groups, lr=rate, betas=(0.9, settings.beta)),
        "adam": lambda: Adam(groups, lr=rate, betas=(0.9, settings.beta)),
        "lion": lambda: Lion(groups, lr=rate),
        "sgd": lambda: SGD(groups, lr=rate, momentum=settings.momentum),
        "rmsprop": lambda: RMSprop(groups, lr=rate),
    }
    return make[settings.optimiser]()


@dataclass(frozen=True)
class Schedule:
    """A schedule of torch, and when it moves: after a step, after an epoch, or by the score of an epoch."""

    by_step: LRScheduler | None = None
    by_epoch: LRScheduler | None = None
    by_score: ReduceLROnPlateau | None = None

    def after_step(self) -> None:
        """One step of the optimiser is done."""
        if self.by_step is not None:
            self.by_step.step()

    def after_epoch(self, score: float | None) -> None:
        """One epoch is done; `score` is its mean dev score in per cent, if there is one."""
        if self.by_epoch is not None:
            self.by_epoch.step()
        if self.by_score is not None and score is not None:
            self.by_score.step(score)

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs."""
        inner = self.by_step or self.by_epoch or self.by_score
        return {} if inner is None else inner.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what `state_dict` gave."""
        inner = self.by_step or self.by_epoch or self.by_score
        if inner is not None:
            inner.load_state_dict(state)


def make_schedule(optimiser: Optimizer, steps: int, settings: FitSettings) -> Schedule:
    """Return the settings' schedule for epochs of at most `steps` optimiser steps."""
    name, epochs = settings.schedule, settings.epochs
    rising = WARM_UP.get(name, 0.0) if settings.warm_up is None else settings.warm_up
    if name == "onecycle":
        # The momentum falls while the rate rises, but a schedule does not bring momentum to an optimiser without.
        cycled = "betas" in optimiser.defaults or optimiser.defaults["momentum"] > 0
        rates = [group["lr"] for group in optimiser.param_groups]
        total = epochs * steps + 1
        return Schedule(OneCycleLR(optimiser, rates, total_steps=total, pct_start=rising, cycle_momentum=cycled))
    if name in ("linear", "cosine-warmup"):
        from transformers import get_scheduler

        kind, total = name.removesuffix("-warmup"), epochs * steps
        return Schedule(get_scheduler(kind, optimiser, int(total * rising), total))
    if name == "cosine":
        return Schedule(by_epoch=CosineAnnealingLR(optimiser, T_max=epochs, eta_min=1e-6))
    if name == "plateau":
        return Schedule(by_score=ReduceLROnPlateau(optimiser, "max", factor=0.5, patience=2, min_lr=1e-7))
    return Schedule()  # "none"
