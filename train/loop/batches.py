"""Features → the batches of an epoch, and what an encoder makes of them.

N items, B batch, T steps, M mel bins, K n-gram slots.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from bibier.features.batching import buckets, pad
from bibier.features.log_mel import LogMelConfig
from bibier.features.speech_encoders import HubAudioConfig
from train.augment.perturb import Perturbation, training_features

# An epoch's batches: each is the model's keyword arguments and the targets (B, K). The first axis of every tensor is
# the batch's, and the same epoch and generator give the same batches.
Batches = Callable[[int, torch.Generator], Iterable[tuple[dict[str, Tensor], Tensor]]]
EpochData = Callable[[int], tuple[Sequence[np.ndarray], np.ndarray]]  # epoch → N arrays (Tᵢ, …), targets (N, 7)
# Epoch → N arrays (Tᵢ, …), targets (N, 7), the number of each one's corpus (N,).
DrawnClips = Callable[[int], tuple[Sequence[np.ndarray], np.ndarray, np.ndarray]]


def audio_batches(rows: EpochData, batch: int, options: Perturbation, config: LogMelConfig) -> Batches:
    """Return the training batches of clips given as mel power and pitch: perturbed, normalised, partly blanked."""

    def epoch(number: int, generator: torch.Generator) -> Iterator[tuple[dict[str, Tensor], Tensor]]:
        powers, targets = rows(number)
        for indices in buckets([len(power) for power in powers], batch, generator):
            features, mask = training_features(*pad([powers[i] for i in indices]), options, config, generator)
            yield {"features": features, "mask": mask}, torch.as_tensor(targets[indices], dtype=torch.float32)

    return epoch


def drawn_batches(
    drawn: DrawnClips, batch: int, options: Perturbation, config: LogMelConfig | HubAudioConfig
) -> Batches:
    """Return the training batches of clips drawn from several corpora, in the order of the draws.

    Log-mels are perturbed, normalised and partly blanked; what a frozen encoder made stays as it is.
    """

    def epoch(number: int, generator: torch.Generator) -> Iterator[tuple[dict[str, Tensor], Tensor]]:
        raw, targets, corpora = drawn(number)
        for begin in range(0, len(raw), batch):
            end = begin + batch
            features, mask = pad(raw[begin:end])
            if isinstance(config, LogMelConfig):
                features, mask = training_features(features, mask, options, config, generator)
            inputs = {"features": features, "mask": mask, "corpus": torch.from_numpy(corpora[begin:end])}
            yield inputs, torch.as_tensor(targets[begin:end], dtype=torch.float32)

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
