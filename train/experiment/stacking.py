"""Honest inputs for a fusion model: what the encoders say of clips and texts that they were not trained on.

An encoder knows its own training rows too well; a fusion trained on those would trust it too much. So each fold is
read by an encoder that never saw it, and its hidden states are carried into the space of the encoder that is shipped
by a linear map ("stitching", Lenc & Vedaldi, 2015), fitted on rows that both encoders were trained on.

N items, T steps, D features.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from train.loop.batches import encode


@dataclass(frozen=True)
class OutOfFold:
    """What an encoder said of N items."""

    hidden: list[Tensor]  # N × (Tᵢ, D)
    logits: Tensor  # (N, 7)
    labels: np.ndarray  # (N,)

    def part(self, rows: np.ndarray) -> OutOfFold:
        """Keep some items, in the order of `rows`."""
        return OutOfFold([self.hidden[row] for row in rows], self.logits[rows], self.labels[rows])


def stitch(source: Sequence[Tensor], target: Sequence[Tensor], ridge: float = 1e-2) -> tuple[Tensor, Tensor]:
    """Return the least-squares map (D, D') and offset (D',) from one encoder's hidden states to another's.

    `source` and `target` hold the same items, (Tᵢ, D) and (Tᵢ, D'). `ridge` is relative to the mean variance.
    """
    x, y = torch.cat(list(source)).double(), torch.cat(list(target)).double()
    x_mean, y_mean = x.mean(0), y.mean(0)
    x, y = x - x_mean, y - y_mean
    gram = x.T @ x
    penalty = ridge * gram.diagonal().mean() * torch.eye(gram.shape[0], dtype=gram.dtype)
    weight = torch.linalg.solve(gram + penalty, x.T @ y)
    return weight.float(), (y_mean - x_mean @ weight).float()


def out_of_fold(
    features: Sequence[np.ndarray],
    labels: np.ndarray,
    folds: Sequence[np.ndarray],
    encoder: torch.nn.Module,
    without: Callable[[int], torch.nn.Module],
) -> OutOfFold:
    """Read every item of `folds` with an encoder that never saw it, in the space of `encoder`.

    Parameters
    ----------
    features
        N feature arrays.
    labels
        (N,) labels.
    folds
        Index arrays; only their items are read and returned, in order of index.
    encoder
        The encoder whose space the hidden states are carried into, trained on all folds.
    without
        Called with a fold's number; returns the encoder trained on all other folds.
    """
    chosen = np.sort(np.concatenate(list(folds)))
    place = {int(index): row for row, index in enumerate(chosen)}
    target_hidden, _ = encode(encoder, [features[i] for i in chosen])
    hidden: list[Tensor] = list(target_hidden)
    logits = torch.zeros(len(chosen), 7)
    for number, fold in enumerate(folds):
        fold_hidden, fold_logits = encode(without(number), [features[i] for i in chosen])
        rows = [place[int(i)] for i in fold]
        seen_by_both = sorted(set(range(len(chosen))) - set(rows))
        weight, offset = stitch([fold_hidden[r] for r in seen_by_both], [target_hidden[r] for r in seen_by_both])
        for row in rows:
            hidden[row] = fold_hidden[row] @ weight + offset
        logits[rows] = fold_logits[rows]
    return OutOfFold(hidden, logits, labels[chosen])


def held_out(encoder: torch.nn.Module, features: Sequence[np.ndarray], labels: np.ndarray) -> OutOfFold:
    """Read items that the encoder was not trained on."""
    return OutOfFold(*encode(encoder, features), labels)


def label_matched_pairs(
    a: OutOfFold, b: OutOfFold, per_class: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw pairs of the same label, `per_class` of each emotion that both have: two index arrays (≤ 7 · per_class,)."""
    left, right = [], []
    for label in sorted(set(a.labels.tolist()) & set(b.labels.tolist())):
        for side, read in ((left, a), (right, b)):
            rows = np.flatnonzero(read.labels == label)
            side.append(generator.choice(rows, per_class, replace=len(rows) < per_class))
    return np.concatenate(left), np.concatenate(right)
