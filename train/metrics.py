"""Metrics of the papers: UAR, MF1, WAR, WF1, and calibration, with bootstrap intervals. Labels are always all seven.

N items, K = 7 classes, G groups (speakers, dialogues, or single items), S additive sums of a metric, D draws.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, recall_score

from bibier.labels import EMOTIONS

ALL = list(range(len(EMOTIONS)))
MEASURES = ("UAR", "MF1", "WAR", "WF1")  # in the order of the papers' tables
BINS = 10  # of the calibration error
TINY = 1e-12  # keeps the logarithm of a probability finite
ZERO: Any = {"zero_division": 0}  # scikit-learn's types know only the words "warn"
CHUNK = 1000  # draws at once: bounds the memory to CHUNK · G weights


def uar(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Unweighted average recall in per cent, over the classes that occur in the truth."""
    present = sorted(set(np.asarray(truth).tolist()))
    return 100 * float(recall_score(truth, predicted, labels=present, average="macro", **ZERO))


def ece(truth: ArrayLike, probabilities: ArrayLike, bins: int = BINS) -> float:
    """Expected calibration error of the largest probability (Guo et al., 2017), in [0, 1], equal-width bins."""
    probabilities, truth = np.asarray(probabilities), np.asarray(truth)
    confidence, correct = probabilities.max(1), probabilities.argmax(1) == truth
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        (place == b).mean() * abs(correct[place == b].mean() - confidence[place == b].mean())
        for b in range(bins)
        if (place == b).any()
    ]
    return float(sum(gaps))


def scores(truth: ArrayLike, probabilities: ArrayLike) -> dict[str, float]:
    """UAR, MF1, WAR, WF1 in per cent, ECE in [0, 1] and the number of items, of probabilities (N, 7)."""
    truth, probabilities = np.asarray(truth), np.asarray(probabilities)
    predicted = probabilities.argmax(1)

    def f1(average: str) -> float:
        return 100 * float(f1_score(truth, predicted, labels=ALL, average=average, **ZERO))

    return {
        "UAR": uar(truth, predicted),
        "MF1": f1("macro"),
        "WAR": 100 * float(accuracy_score(truth, predicted)),
        "WF1": f1("weighted"),
        "ECE": ece(truth, probabilities),
        "n": len(truth),
    }


def confusion(truth: ArrayLike, probabilities: ArrayLike) -> list[list[int]]:
    """Counts (7, 7): rows are the truth, columns the prediction."""
    return confusion_matrix(truth, np.asarray(probabilities).argmax(1), labels=ALL).tolist()


def measures(counts: ArrayLike) -> dict[str, np.ndarray]:
    """UAR, MF1, WAR and WF1 in per cent of confusion counts (..., 7, 7), truth in rows; each (...).

    The same figures as `scores`, for any number of tables at once. UAR is over the classes that occur in the truth; a
    class that neither occurs nor is predicted counts as F1 = 0, as with labels=range(7) in scikit-learn.
    """
    counts = np.asarray(counts, dtype=np.float64)
    hits = np.diagonal(counts, axis1=-2, axis2=-1)  # (..., 7)
    truth, predicted = counts.sum(-1), counts.sum(-2)  # (..., 7)
    # Counts are whole numbers, so a maximum with 1 only replaces 0 / 0 by 0.
    total = np.maximum(truth.sum(-1), 1)
    f1 = 2 * hits / np.maximum(truth + predicted, 1)
    recall = hits / np.maximum(truth, 1)
    return {
        "UAR": 100 * recall.sum(-1) / np.maximum((truth > 0).sum(-1), 1),
        "MF1": 100 * f1.mean(-1),
        "WAR": 100 * hits.sum(-1) / total,
        "WF1": 100 * (truth * f1).sum(-1) / total,
    }


def selection_score(figures: Mapping[str, float], prefix: str = "") -> float:
    """Mean of UAR, MF1, WAR and WF1 of one corpus: what models and settings are chosen by."""
    return float(np.mean([figures[prefix + name] for name in MEASURES]))


def selection(corpora: Mapping[str, Mapping[str, float]]) -> float:
    """Mean of the selection scores of several corpora: what the best epoch is chosen by."""
    return float(np.mean([selection_score(figures) for figures in corpora.values()]))


def soft_cross_entropies(targets: ArrayLike, probabilities: ArrayLike) -> np.ndarray:
    """−Σ_c q_c log p_c in nats of each of the distributions (N, 7): (N,)."""
    return -(np.asarray(targets) * np.log(np.clip(probabilities, TINY, None))).sum(1)


def soft_cross_entropy(targets: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean of `soft_cross_entropies`, in nats; the trainer's loss is of logits, weighted, and has a gradient."""
    return float(soft_cross_entropies(targets, probabilities).mean())


def fit_temperature(logits: ArrayLike, truth: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Return the temperature by which dividing (N, 7) logits gives the least negative log-likelihood.

    `weights` (N,) are of the items; without them, all weigh the same.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    logits, truth = np.asarray(logits, dtype=np.float64), np.asarray(truth)

    def loss(log_temperature: float) -> float:
        likelihood = log_softmax(logits / np.exp(log_temperature), axis=1)[np.arange(len(truth)), truth]
        return -float(np.average(likelihood, weights=None if weights is None else np.asarray(weights)))

    best: Any = minimize_scalar(loss, bounds=(-3, 3), method="bounded")  # an object without declared fields
    return float(np.exp(best.x))


@dataclass(frozen=True)
class Predictions:
    """What one model says of N items."""

    truth: np.ndarray  # (N,) class indices
    probabilities: np.ndarray  # (N, 7)
    groups: Sequence[Hashable] | None = (
        None  # (N,) what is drawn as a whole: speakers or dialogues; None draws single items
    )
    targets: np.ndarray | None = None  # (N, 7) distributions, for the soft cross-entropy; None is one-hot


@dataclass(frozen=True)
class Interval:
    """A figure with its percentile interval."""

    value: float
    low: float
    high: float
    groups: int  # G, how many units were drawn from


def _cells(predictions: Predictions) -> np.ndarray:
    """Return (N, 49): each item's cell of the confusion table."""
    place = len(ALL) * np.asarray(predictions.truth) + np.asarray(predictions.probabilities).argmax(1)
    return np.eye(len(ALL) ** 2)[place]


def _calibration_sums(predictions: Predictions) -> np.ndarray:
    """Return (N, BINS + 1): confidence less correctness in the item's bin, and a count."""
    p = np.asarray(predictions.probabilities)
    gap = p.max(1) - (p.argmax(1) == np.asarray(predictions.truth))
    place = np.minimum((p.max(1) * BINS).astype(int), BINS - 1)
    return np.column_stack([np.eye(BINS)[place] * gap[:, None], np.ones(len(p))])


def _loss_sums(predictions: Predictions) -> np.ndarray:
    """Return (N, 2): the item's cross-entropy in nats, and a count."""
    targets = np.eye(len(ALL))[predictions.truth] if predictions.targets is None else predictions.targets
    loss = soft_cross_entropies(targets, predictions.probabilities)
    return np.column_stack([loss, np.ones(len(loss))])


# Every metric as a function of sums over items: then a draw of groups costs one row of a matrix product.
_STATISTICS = {
    name: (_cells, lambda sums, name=name: measures(sums.reshape(*sums.shape[:-1], len(ALL), len(ALL)))[name])
    for name in MEASURES
} | {
    "ECE": (_calibration_sums, lambda sums: np.abs(sums[..., :-1]).sum(-1) / np.maximum(sums[..., -1], 1)),
    "soft_cross_entropy": (_loss_sums, lambda sums: sums[..., 0] / np.maximum(sums[..., -1], 1)),
}


def bootstrap(
    models: Sequence[Predictions],
    names: Sequence[str] = MEASURES,
    *,
    draws: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, Interval]:
    """Percentile intervals of metrics, each the mean over several models (seeds), with groups drawn with replacement.

    All models are judged on the same draw of groups. Models that were judged on other items of these groups are
    welcome; without groups, all must have been judged on the same items in the same order.

    Raises
    ------
    ValueError
        A metric is unknown, there is nothing to draw from, or items without groups differ in number.
    """
    if unknown := [name for name in names if name not in _STATISTICS]:
        raise ValueError(f"unknown metric {unknown[0]!r}; known are {', '.join(_STATISTICS)}")
    places, count = _group_places(models)
    intervals = {}
    for rows in dict.fromkeys(_STATISTICS[name][0] for name in names):
        sums = np.stack([_by_group(rows(model), place, count) for model, place in zip(models, places, strict=True)], 1)
        drawn = _drawn(sums.reshape(count, -1), draws, seed).reshape(draws, *sums.shape[1:])  # (D, models, S)
        for name in names:
            item_sums, value = _STATISTICS[name]
            if item_sums is rows:
                low, high = np.quantile(value(drawn).mean(-1), [(1 - level) / 2, (1 + level) / 2])
                intervals[name] = Interval(float(value(sums.sum(0)).mean()), float(low), float(high), count)
    return {name: intervals[name] for name in names}


def _group_places(models: Sequence[Predictions]) -> tuple[list[np.ndarray], int]:
    """Number the groups of all models alike; returns an index (N,) for each model and G."""
    if not models or not all(len(model.truth) for model in models):
        raise ValueError("there are no items to draw from")
    grouped = [model.groups for model in models if model.groups is not None]
    if len(grouped) < len(models):
        if grouped or len({len(model.truth) for model in models}) > 1:
            raise ValueError("without groups, all models need the same items; give every item its group")
        return [np.arange(len(model.truth)) for model in models], len(models[0].truth)
    number: dict[Hashable, int] = {}
    places = [np.array([number.setdefault(group, len(number)) for group in groups]) for groups in grouped]
    return places, len(number)


def _by_group(rows: np.ndarray, place: np.ndarray, count: int) -> np.ndarray:
    """Sum (N, S) over the items of each group: (G, S)."""
    sums = np.zeros((count, rows.shape[1]))
    np.add.at(sums, place, rows)
    return sums


def _drawn(sums: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """Sum (G, S) over groups drawn with replacement, G in each draw: (D, S). The same seed draws the same groups."""
    generator, count = np.random.default_rng(seed), len(sums)
    parts = []
    for start in range(0, draws, CHUNK):
        size = min(CHUNK, draws - start)
        chosen = generator.integers(0, count, (size, count)) + count * np.arange(size)[:, None]
        times = np.bincount(chosen.ravel(), minlength=size * count).reshape(size, count)  # how often each is drawn
        parts.append(times.astype(np.float64) @ sums)
    return np.concatenate(parts)
