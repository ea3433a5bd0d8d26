"""How a model is fitted, as a recipe's table says it."""

from __future__ import annotations

from typing import Literal, NotRequired, get_args

from pydantic import with_config
from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12

from train.constraints import STRICT, Count, NotNegative, PartialShare, Positive, Share, Whole, constrained

Optimiser = Literal["adamw", "adam", "lion", "sgd", "rmsprop"]
Schedule = Literal["onecycle", "plateau", "cosine", "linear", "cosine-warmup", "none"]
Precision = Literal["float32", "bf16"]
OPTIMISERS, SCHEDULES, PRECISIONS = map(get_args, (Optimiser, Schedule, Precision))


@with_config(STRICT)
class ParameterGroup(TypedDict):
    """Settings of the parameters whose name has `match` in it."""

    match: str
    learning_rate: NotRequired[Positive]
    epsilon: NotRequired[NotNegative]  # of Adam and AdamW
    weight_decay: NotRequired[NotNegative]


@constrained
class FitSettings:
    """How a model is fitted; a recipe's table names these fields. CorpusError names a field that is out of range."""

    epochs: Count
    batch: Count = 32
    learning_rate: Positive = 1e-3
    weight_decay: NotNegative = 1e-2
    warm_up: Share | None = None  # share of the steps; None is the schedule's own: 0.3 of onecycle, 0.1 of the others
    smoothing: PartialShare = 0.0  # uniform label smoothing
    class_power: NotNegative = 1.0  # classes weigh (N / (7 n))^power: 0 natural, 1 balanced
    average: PartialShare = 0.99  # exponential moving average of the weights, per step; 0 keeps the last
    clip: NotNegative = 1.0  # largest gradient norm; 0 is no limit
    beta: PartialShare = 0.999  # Adam's and AdamW's second
    groups: tuple[ParameterGroup, ...] = ()
    optimiser: Optimiser = "adamw"
    momentum: PartialShare = 0.9  # of sgd
    schedule: Schedule = "onecycle"  # linear, cosine-warmup too per step; cosine per epoch; plateau by the dev score
    patience: Whole = 0  # epochs without a better dev score after which the best is returned; 0 goes on to the end
    precision: Precision = "float32"  # or bf16: the forward pass in bfloat16, weights and loss in float32
    accumulate: Count = 1  # batches whose gradients make one step
    average_warm_up: bool = False  # the average's share of the past grows as (1 + n) / (10 + n) up to `average`
    statistics: Whole = 0  # batches for BatchNorm's statistics, anew at the end; 0 keeps the running ones
    kind: Literal["batches"] = "batches"  # beside "adagrad", which fits the votes of n-grams (train.loop.adagrad)
