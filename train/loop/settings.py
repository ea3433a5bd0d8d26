"""How a model is fitted, as a recipe's table says it."""

from __future__ import annotations

from dataclasses import dataclass

from train.loop.ranges import COUNT, NOT_NEGATIVE, PART, POSITIVE, Range, check

OPTIMISERS = ("adamw", "adam", "lion", "sgd", "rmsprop")
SCHEDULES = ("onecycle", "plateau", "cosine", "linear", "cosine-warmup", "none")
PRECISIONS = ("float32", "bf16")
RANGES = {
    "epochs": COUNT,
    "batch": COUNT,
    "learning_rate": POSITIVE,
    "weight_decay": NOT_NEGATIVE,
    "warm_up": Range(0, 1, absent=True),
    "smoothing": PART,
    "class_power": NOT_NEGATIVE,
    "average": PART,
    "clip": NOT_NEGATIVE,
    "beta": PART,
    "momentum": PART,
    "optimiser": OPTIMISERS,
    "schedule": SCHEDULES,
    "patience": Range(0, whole=True),
    "precision": PRECISIONS,
    "accumulate": COUNT,
}
GROUP_RANGES = {"learning_rate": POSITIVE, "epsilon": NOT_NEGATIVE, "weight_decay": NOT_NEGATIVE}


@dataclass(frozen=True)
class FitSettings:
    """How a model is fitted; a recipe's table names these fields. ValueError names a field that is out of range."""

    epochs: int
    batch: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    warm_up: float | None = None  # share of the steps; None is the schedule's own: 0.3 of onecycle, 0.1 of the others
    smoothing: float = 0.0  # uniform label smoothing
    class_power: float = 1.0  # classes weigh (N / (7 n))^power: 0 natural, 1 balanced
    average: float = 0.99  # exponential moving average of the weights, per step; 0 keeps the last
    clip: float = 1.0  # largest gradient norm; 0 is no limit
    beta: float = 0.999  # Adam's and AdamW's second
    groups: tuple[dict, ...] = ()  # {match, learning_rate, epsilon, weight_decay} for parameters whose name has `match`
    optimiser: str = "adamw"  # or adam, lion, sgd, rmsprop
    momentum: float = 0.9  # of sgd
    schedule: str = "onecycle"  # or linear, cosine-warmup (all per step), cosine (per epoch), plateau (by score), none
    patience: int = 0  # epochs without a better dev score after which the best is returned; 0 goes on to the end
    precision: str = "float32"  # or bf16: the forward pass in bfloat16, weights and loss in float32
    accumulate: int = 1  # batches whose gradients make one step

    def __post_init__(self):
        check(self, RANGES)
        for number, group in enumerate(self.groups):
            place = f"groups[{number}]"
            if not isinstance(group, dict) or not isinstance(group.get("match"), str):
                raise ValueError(
                    f"{place} is {group!r}: it must be a table with match, a part of the parameters' names"
                )
            if unknown := sorted(group.keys() - {"match", *GROUP_RANGES}):
                raise ValueError(f"{place} has {unknown[0]!r}: it may have match, {', '.join(GROUP_RANGES)}")
            for name in GROUP_RANGES.keys() & group.keys():
                if group[name] not in GROUP_RANGES[name]:
                    raise ValueError(f"{place}.{name} is {group[name]!r}: it must be {GROUP_RANGES[name]}")
