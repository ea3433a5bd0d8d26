"""The nearest distribution: Euclidean projection onto the simplex, with or without the truth as its largest value.

N rows, C labels.
"""

from __future__ import annotations

import numpy as np

NUDGE = 1e-6  # by how much the truth leads a tie, so that an argmax finds it; the same for every row, nothing is drawn


def to_simplex(values: np.ndarray, total: float = 1.0) -> np.ndarray:
    """Return the nearest (C,) vector ≥ 0 that sums to `total`, in Euclidean distance (Held, Wolfe, Crowder, 1974)."""
    ordered = np.sort(values)[::-1]
    shifts = (np.cumsum(ordered) - total) / np.arange(1, len(values) + 1)  # the shift if the k largest are kept
    last = np.flatnonzero(ordered > shifts)[-1]  # of those that stay above 0
    return np.maximum(values - shifts[last], 0)


def pooled(values: np.ndarray, label: int) -> np.ndarray:
    """Return the nearest (C,) vector, in Euclidean distance, where no value is above that of the label.

    The label's value is pooled with larger ones, the largest first, until none is left above the mean of the pool.
    """
    pool = [label]
    for index in sorted((c for c in range(len(values)) if c != label), key=lambda c: -values[c]):
        if values[index] <= values[pool].mean():
            break
        pool.append(index)
    nearest = values.copy()
    nearest[pool] = values[pool].mean()
    return nearest


def with_truth(distributions: np.ndarray, labels: np.ndarray, *, margin: float = NUDGE) -> np.ndarray:
    """Return the Euclidean projection of rows (N, C) onto {q ≥ 0, Σ q = 1, q_y ≥ q_c + margin}; labels y are (N,).

    Clipping the pooled vector at 0 keeps it pooled, so the projection is that of the pooled vector onto the simplex;
    a margin only moves the set along the label's axis. A distribution whose argmax is the label is not touched.

    Raises
    ------
    ValueError
        A value is not finite.
    """
    nearest = np.array(distributions, dtype=np.float64)
    if not np.isfinite(nearest).all():
        raise ValueError("only finite values have a nearest distribution")
    for row, label in zip(nearest, labels, strict=True):
        if row.argmax() == label and row.min() >= 0 and abs(row.sum() - 1) < 1e-9:
            continue
        shifted = row.copy()
        shifted[label] -= margin
        row[:] = to_simplex(pooled(shifted, label), 1 - margin)
        row[label] += margin
    return nearest
