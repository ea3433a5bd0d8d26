"""Metrics of the papers: UAR, MF1, WAR, WF1, and calibration. Labels are always all seven.

N items, K = 7 classes.
"""

from __future__ import annotations

import numpy as np
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, recall_score

from bibier.labels import EMOTIONS

ALL = list(range(len(EMOTIONS)))


def uar(truth, predicted) -> float:
    """Unweighted average recall in per cent, over the classes that occur in the truth."""
    present = sorted(set(np.asarray(truth).tolist()))
    return 100 * float(recall_score(truth, predicted, labels=present, average="macro", zero_division=0))


def ece(truth, probabilities, bins: int = 10) -> float:
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


def scores(truth, probabilities) -> dict[str, float]:
    """UAR, MF1, WAR, WF1 in per cent, ECE in [0, 1] and the number of items, of probabilities (N, 7)."""
    truth, probabilities = np.asarray(truth), np.asarray(probabilities)
    predicted = probabilities.argmax(1)

    def f1(average: str) -> float:
        return 100 * float(f1_score(truth, predicted, labels=ALL, average=average, zero_division=0))

    return {
        "UAR": uar(truth, predicted),
        "MF1": f1("macro"),
        "WAR": 100 * float(accuracy_score(truth, predicted)),
        "WF1": f1("weighted"),
        "ECE": ece(truth, probabilities),
        "n": len(truth),
    }


def selection(corpora: dict[str, dict]) -> float:
    """Mean over corpora of the mean of UAR, WAR, MF1 and WF1: what the best epoch is chosen by (SPEC §5, Selection)."""
    means = [sum(found[name] for name in ("UAR", "WAR", "MF1", "WF1")) / 4 for found in corpora.values()]
    return float(sum(means) / len(means))


def confusion(truth, probabilities) -> list[list[int]]:
    """Counts (7, 7): rows are the truth, columns the prediction."""
    return confusion_matrix(truth, np.asarray(probabilities).argmax(1), labels=ALL).tolist()


def soft_cross_entropy(targets, probabilities) -> float:
    """Mean of −Σ_c q_c log p_c in nats, of distributions (N, 7)."""
    return float(-(np.asarray(targets) * np.log(np.clip(probabilities, 1e-12, None))).sum(1).mean())


def fit_temperature(logits, truth) -> float:
    """Return the temperature by which dividing (N, 7) logits gives the least negative log-likelihood."""
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    logits, truth = np.asarray(logits, dtype=np.float64), np.asarray(truth)

    def loss(log_temperature: float) -> float:
        return -log_softmax(logits / np.exp(log_temperature), axis=1)[np.arange(len(truth)), truth].mean()

    return float(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x))
