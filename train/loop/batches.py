"""Features → the batches of an epoch, and what an encoder makes of them.

N items, B batch, T steps, M mel bins, K n-gram slots.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from bibier.features.batching import buckets, pad
from train.augment.perturb import Perturbation, normalise_batch, perturb, spec_augment

# An epoch's batches: each is the model's keyword arguments and the targets (B, K). The first axis of every tensor is
# the batch's, and the same epoch and generator give the same batches.
Batches = Callable[[int, torch.Generator], Iterable[tuple[dict[str, Tensor], Tensor]]]
EpochData = Callable[[int], tuple[Sequence[np.ndarray], np.ndarray]]  # epoch → N arrays (Tᵢ, …), targets (N, 7)


def audio_batches(rows: EpochData, batch: int, options: Perturbation, floor: float) -> Batches:
    """Return the training batches of clips given as mel power: perturbed, normalised, partly blanked."""

    def epoch(number: int, generator: torch.Generator) -> Iterator[tuple[dict[str, Tensor], Tensor]]:
        powers, targets = rows(number)
        for indices in buckets([len(power) for power in powers], batch, generator):
            power, mask = pad([powers[i] for i in indices])
            power, mask = perturb(power, mask.sum(1), options, generator)
            features = spec_augment(normalise_batch(power, mask, floor), mask, options, generator)
            yield {"features": features, "mask": mask}, torch.as_tensor(targets[indices], dtype=torch.float32)

    return epoch


def plain_batches(rows: EpochData, batch: int) -> Batches:
    """Return the training batches of features as they are: texts, or clips read by a frozen encoder."""

    def epoch(number: int, generator: torch.Generator) -> Iterator[tuple[dict[str, Tensor], Tensor]]:
        features, targets = rows(number)
        for indices in buckets([len(row) for row in features], batch, generator):
            padded, mask = pad([features[i] for i in indices])
            yield {"features": padded, "mask": mask}, torch.as_tensor(targets[indices], dtype=torch.float32)

    return epoch


@torch.no_grad()
def encode(encoder: torch.nn.Module, features: Sequence[np.ndarray], batch: int = 64) -> tuple[list[Tensor], Tensor]:
    """Run an encoder in eval mode: each item's valid hidden states (Tᵢ, D), and logits (N, 7)."""
    encoder.eval()
    hidden: list[Tensor] = [torch.empty(0)] * len(features)
    logits = torch.zeros(len(features), 7)
    for indices in buckets([len(f) for f in features], batch, None):
        stacked, mask = pad([features[i] for i in indices])
        encoded = encoder(features=stacked, mask=mask)
        lengths = encoded.mask.sum(1).tolist()
        for row, index in enumerate(indices):
            hidden[index] = encoded.hidden[row, : lengths[row]].clone()
        logits[indices] = encoded.logits
    return hidden, logits
