"""Measures on distributions over the emotions, each written once. C classes; the last axis is the classes'."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def entropy(p: ArrayLike) -> NDArray[np.float64]:
    """Shannon entropy in bits of distributions (…, C) → (…), between 0 and log2 C."""
    p = np.asarray(p, dtype=np.float64)
    return -np.where(p > 0, p * np.log2(np.where(p > 0, p, 1.0)), 0.0).sum(-1)


def jensen_shannon(p: ArrayLike, q: ArrayLike) -> NDArray[np.float64]:
    """Jensen–Shannon divergence in bits, (…, C), (…, C) → (…): 0 when equal, 1 when disjoint (Lin, 1991)."""
    p, q = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)
    return np.clip(entropy((p + q) / 2) - (entropy(p) + entropy(q)) / 2, 0.0, 1.0)


def half_manhattan(p: ArrayLike, q: ArrayLike) -> NDArray[np.float64]:
    """Half the Manhattan distance, also called total variation: the share that must be moved, in [0, 1]."""
    return np.abs(np.asarray(p, dtype=np.float64) - np.asarray(q, dtype=np.float64)).sum(-1) / 2
