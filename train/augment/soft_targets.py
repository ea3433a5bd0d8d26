"""Soft targets: the distributions of an LS-LLM table, or uniform smoothing, in the place of one-hot labels.

The published trainer draws a coin a sample, replaces its row by the table's and then takes the argmax, so that what it
learns from is still a hard label (`argmax=True` repeats it). Here the distribution itself is trained on.

N items, 7 emotions in the order of `EMOTIONS`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bibier.distributions import entropy
from bibier.errors import CorpusError
from bibier.labels import EMOTIONS
from bibier.soft_labels.simplex import with_truth
from train.constraints import Share, constrained
from train.corpora.items import Item, read_table


@constrained
class Softening:
    """How targets are softened; a recipe's `[text.soft]` names these fields for each corpus.

    Raises CorpusError when a value is out of its range or two settings contradict each other.
    """

    table: str = ""  # an LS-LLM CSV below the data folder; "" smooths uniformly
    mode: Literal["replace", "interpolate"] = "interpolate"  # "replace": the distribution instead of the label
    weight: Share = 1.0  # λ of "interpolate": (1 − λ) · label + λ · distribution
    probability: Share = 1.0  # that a sample is softened in an epoch
    argmax: bool = False  # as published: the argmax of the softened row, a hard label
    keep_truth: bool = False  # change a distribution as little as its argmax must be the label

    def __post_init__(self) -> None:
        if self.mode == "replace" and self.weight != 1:
            raise CorpusError("replace has no weight: set probability, or the mode to interpolate")


HARD = Softening(probability=0.0)  # the labels as they are


def settings(raw: Mapping[str, Any], place: str) -> Softening:
    """Return the settings of a recipe's table. Raises CorpusError, which names the place and the field."""
    try:
        return Softening(**raw)
    except CorpusError as error:
        raise CorpusError(f"{place}: {error}") from error


def read_distributions(table: Path) -> dict[str, np.ndarray]:
    """Read an LS-LLM table: clip name → (7,) distribution over EMOTIONS.

    Columns are found by name: the published files use another order. They hold negative values and values above 1 (the
    jitter that broke ties), which are clipped at 0 and renormalised.

    Raises
    ------
    CorpusError
        A column is missing, a value is no number, a row has no mass, or a clip is there twice and differs.
    """
    if not table.is_file():
        raise CorpusError(f"no such table of soft labels: {table}")
    distributions: dict[str, np.ndarray] = {}
    for line, row in enumerate(read_table(table, names=("video_name", *EMOTIONS)), start=2):
        if missing := [name for name in ("video_name", *EMOTIONS) if row.get(name) in (None, "")]:
            raise CorpusError(
                f"{table.name}, row {line}: nothing in column {missing[0]!r}: every emotion needs a number"
            )
        try:
            probabilities = np.clip([float(row[emotion]) for emotion in EMOTIONS], 0, None)
        except ValueError as error:
            raise CorpusError(f"{table.name}, row {line}: {error}: write probabilities as 0.25") from error
        if not np.isfinite(probabilities).all() or probabilities.sum() <= 0:
            raise CorpusError(
                f"{table.name}, row {line}: the probabilities have no finite, positive sum: remove the row"
            )
        distribution = probabilities / probabilities.sum()
        name = row["video_name"]
        if name in distributions and not np.allclose(distributions[name], distribution):
            raise CorpusError(f"{table.name}, row {line}: {name!r} was there before with other values: keep one")
        distributions[name] = distribution
    return distributions


@dataclass(frozen=True)
class SoftTargets:
    """Targets of every epoch: `targets(epoch)` is (N, 7), drawn anew by the seed and the epoch, the same at each call.

    Items that the table lacks keep their own target.
    """

    own: np.ndarray  # (N, 7) the items' own targets
    distributions: np.ndarray  # (N, 7) what they are softened by; the own target where there is none
    found: np.ndarray  # (N,) bool: the table has the item
    settings: Softening
    seed: int = 0

    def softened(self) -> np.ndarray:
        """Return the (N, 7) targets with every item softened."""
        if self.settings.mode == "replace":
            mixed = self.distributions
        else:
            weight = self.settings.weight
            mixed = np.where(self.found[:, None], (1 - weight) * self.own + weight * self.distributions, self.own)
        return np.eye(mixed.shape[1])[mixed.argmax(1)] if self.settings.argmax else mixed

    def __call__(self, epoch: int) -> np.ndarray:
        """Return the (N, 7) targets of an epoch."""
        drawn = np.random.default_rng((self.seed, epoch)).random(len(self.own)) < self.settings.probability
        return np.where(drawn[:, None], self.softened(), self.own)

    def expected(self) -> np.ndarray:
        """Return the (N, 7) mean of an epoch's targets over all draws."""
        p = self.settings.probability
        return self.softened() if p == 1 else p * self.softened() + (1 - p) * self.own

    def entropy(self) -> float:
        """Mean entropy of the targets of an epoch in nats, over items and draws."""
        p = self.settings.probability
        return p * mean_entropy(self.softened()) + (1 - p) * mean_entropy(self.own)

    def report(self) -> str:
        """Say in one line how many items are softened, how many the table lacks, and how many change their argmax."""
        moved = int((self.softened().argmax(1) != self.own.argmax(1)).sum())
        lacking = int((~self.found).sum())
        s = self.settings
        how = s.mode + (f", weight {s.weight}" if s.mode == "interpolate" else "") + (", argmax" if s.argmax else "")
        return (
            f"soft targets ({how}, probability {s.probability}): {len(self.own) - lacking} of {len(self.own)} items, "
            f"{lacking} not in the table keep their label, {moved} have another argmax, "
            f"mean entropy {self.entropy():.3f} nats"
        )


def soft_targets(items: Sequence[Item], settings: Softening, folder: Path, seed: int = 0) -> SoftTargets:
    """Return the targets of items under the settings; the table is looked for below the folder."""
    labels = np.stack([item.target for item in items])
    if settings.table:
        table = read_distributions(folder / settings.table)
        names = [item.id.split("/")[-1] for item in items]
        in_table = np.array([name in table for name in names])
        distributions = labels.copy()
        for row, name in enumerate(names):
            if name in table:
                distributions[row] = table[name]
    else:
        in_table = np.ones(len(labels), dtype=bool)
        distributions = np.full_like(labels, 1 / labels.shape[1])
    if settings.keep_truth:
        distributions = with_truth(distributions, labels.argmax(1))
    return SoftTargets(labels, distributions, in_table, settings, seed)


def mean_entropy(targets: np.ndarray) -> float:
    """Mean entropy of distributions (N, 7) in nats."""
    return float(entropy(targets).mean() * np.log(2))


def uniform_weight(nats: float) -> float:
    """Return λ for which (1 − λ) · one-hot + λ / 7 has an entropy of so many nats: the control of equal softness.

    Raises CorpusError where no λ has it: the most is log 7 ≈ 1.946.
    """
    from scipy.optimize import root_scalar

    kinds = len(EMOTIONS)
    if not 0 <= nats <= np.log(kinds):
        raise CorpusError(f"no smoothing has an entropy of {nats:.3f} nats: the most is {np.log(kinds):.3f}")
    one_hot = np.eye(kinds)[:1]
    return root_scalar(lambda w: mean_entropy((1 - w) * one_hot + w / kinds) - nats, bracket=(0, 1)).root
