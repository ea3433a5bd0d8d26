"""How well a branch does on what it never met: corpora left out, and unseen speakers or dialogues; with intervals.

N rows of a source, G groups (speakers, dialogues).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from train.experiment.left_out import LeftOut, family
from train.metrics import Interval, Predictions, bootstrap, confusion, fit_temperature, uar


@dataclass(frozen=True)
class CorpusFigures:
    """One corpus, judged by encoders that knew nothing of it, or not these speakers; means over seeds."""

    corpus: str
    items: int
    groups: int
    seeds: tuple[int, ...]
    classes: int  # that the corpus has
    uar: Interval  # the largest of the classes that the corpus has, in per cent
    deviation: float | None  # of the UAR over seeds, with n − 1
    uar_of_seven: float  # the largest of all seven
    ece: Interval | None  # of all seven, calibrated on the other corpora; None where there is no other
    temperature: float | None
    lost: dict[str, float]  # by channel, points of UAR
    counts: np.ndarray  # (7, 7), of the classes that the corpus has


def within(probabilities: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return distributions (N, 7) over some of the classes (7,) alone."""
    inside = np.maximum(probabilities, 1e-30) * classes
    return inside / inside.sum(1, keepdims=True)


def temperature_of_others(left_out: LeftOut, kind: str, seed: int, corpus: str) -> float | None:
    """Fit a temperature on the corpora of other families, each weighing the same; None where none was judged."""
    rows, weights = [], []
    for name in left_out.corpora:
        if family(name) != family(corpus):
            judged = left_out.judged(kind, seed, left_out.rows_of(name))
            rows.append(judged)
            weights.append(np.full(len(judged), 1 / max(1, len(judged))))
    chosen = np.concatenate(rows) if rows else np.empty(0, dtype=int)
    if not len(chosen):
        return None
    logits = left_out.answers[kind, seed, ""].logits[chosen]
    return fit_temperature(logits, left_out.source.labels[chosen], np.concatenate(weights))


def figures(left_out: LeftOut, kind: str, *, draws: int = 1000) -> list[CorpusFigures]:
    """Return the figures of every corpus that was judged; a seed counts where it judged any of the corpus."""
    by_corpus = (_figures(left_out, kind, corpus, draws) for corpus in left_out.corpora)
    return [row for row in by_corpus if row is not None]


def _figures(left_out: LeftOut, kind: str, corpus: str, draws: int) -> CorpusFigures | None:
    labels, everyone, classes = left_out.source.labels, left_out.rows_of(corpus), left_out.classes_of(corpus)
    seeds = sorted({seed for (fold_kind, seed, channel) in left_out.answers if fold_kind == kind and not channel})
    judged = {seed: rows for seed in seeds if len(rows := left_out.judged(kind, seed, everyone))}
    if not judged:
        return None
    plain, calibrated, temperatures = [], [], []
    for seed, rows in judged.items():
        logits = left_out.answers[kind, seed, ""].logits[rows]
        groups = [left_out.group_of(row) for row in rows.tolist()]
        plain.append(Predictions(labels[rows], within(softmax(logits, axis=1), classes), groups))
        temperature = temperature_of_others(left_out, kind, seed, corpus)
        if temperature is not None:
            calibrated.append(Predictions(labels[rows], softmax(logits / temperature, axis=1), groups))
            temperatures.append(temperature)
    each = [uar(p.truth, p.probabilities.argmax(1)) for p in plain]
    seven = [
        uar(labels[rows], left_out.answers[kind, seed, ""].logits[rows].argmax(1)) for seed, rows in judged.items()
    ]
    return CorpusFigures(
        corpus,
        max(len(rows) for rows in judged.values()),
        len({group for p in plain for group in p.groups or ()}),
        tuple(judged),
        int(classes.sum()),
        bootstrap(plain, ("UAR",), draws=draws)["UAR"],
        float(np.std(each, ddof=1)) if len(each) > 1 else None,
        float(np.mean(seven)),
        bootstrap(calibrated, ("ECE",), draws=draws)["ECE"] if calibrated else None,
        float(np.mean(temperatures)) if temperatures else None,
        _lost(left_out, kind, judged, classes),
        np.sum([confusion(p.truth, p.probabilities) for p in plain], axis=0),
    )


def _lost(left_out: LeftOut, kind: str, judged: dict[int, np.ndarray], classes: np.ndarray) -> dict[str, float]:
    """Return the points of UAR that each channel costs, on rows that were heard both ways; a mean over seeds."""
    lost: dict[str, list[float]] = {}
    for fold_kind, seed, channel in left_out.answers:
        if fold_kind == kind and channel and seed in judged:
            rows = left_out.judged(kind, seed, judged[seed], channel)
            ways = [
                uar(left_out.source.labels[rows], np.where(classes, logits, -np.inf).argmax(1))
                for way in ("", channel)
                if len(logits := left_out.answers[kind, seed, way].logits[rows])
            ]
            if ways:
                lost.setdefault(channel, []).append(ways[0] - ways[1])
    return {channel: float(np.mean(values)) for channel, values in lost.items()}
