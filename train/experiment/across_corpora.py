"""An encoder that is fitted on several corpora at once: what each of them is asked, and what it is not.

B batch, N clips, C corpora, K = 7 classes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from bibier.labels import EMOTIONS
from bibier.models.encoder_output import EncoderOutput
from train.augment.sampling import Sampling, draw
from train.corpora.items import Item
from train.loop.batches import DrawnClips

NEVER = -1e4  # logit of a class that a corpus lacks


class AcrossCorpora(nn.Module):
    """An encoder, and a bias for each corpus that only its fit has; classes that a corpus lacks get no probability.

    forward(features, mask, corpus: (B,)) → the encoder's output with those logits.
    """

    classes: Tensor

    def __init__(self, encoder: nn.Module, classes: np.ndarray, *, bias: bool) -> None:
        """Wrap an encoder; `classes` (C, 7) says which each corpus has."""
        super().__init__()
        self.encoder = encoder
        self.register_buffer("classes", torch.from_numpy(classes))
        # One vector, so that it is not decayed as a matrix is.
        self.corpus_bias = nn.Parameter(torch.zeros(classes.size), requires_grad=bias)

    def forward(self, *, features: Tensor, mask: Tensor, corpus: Tensor) -> EncoderOutput:
        output = self.encoder(features=features, mask=mask)
        logits = output.logits + self.corpus_bias.view(-1, len(EMOTIONS))[corpus]
        return dataclasses.replace(output, logits=logits.masked_fill(~self.classes[corpus], NEVER))


@dataclasses.dataclass(frozen=True)
class Corpora:
    """The corpora of N clips."""

    number: np.ndarray  # (N,) of each clip's corpus
    classes: np.ndarray  # (C, 7) bool, those that anything in a corpus has
    voted: np.ndarray  # (C,) bool: its targets are distributions, not single labels

    @classmethod
    def of(cls, items: Sequence[Item], targets: np.ndarray) -> Corpora:
        """Tell the corpora of clips with targets (N, 7)."""
        names = sorted({item.corpus for item in items})
        number = np.array([names.index(item.corpus) for item in items], dtype=np.int64)
        parts = [targets[number == place] for place in range(len(names))]
        return cls(
            number,
            np.stack([(part > 0).any(0) for part in parts]),
            np.array([bool((part.max(1) < 1).any()) for part in parts]),
        )

    def smoothed(self, targets: np.ndarray, smoothing: float) -> np.ndarray:
        """Smooth single labels (N, 7) over the classes of their corpus; votes stay as they are."""
        inside = self.classes[self.number]
        even = inside / inside.sum(1, keepdims=True)
        share = np.where(self.voted[self.number], 0.0, smoothing)[:, None]
        return (1 - share) * targets + share * even


def drawn_clips(
    raw: Sequence[np.ndarray],
    copies: Sequence[Sequence[np.ndarray]],
    targets: np.ndarray,
    corpora: Corpora,
    options: Sampling,
    epochs: int,
    seed: int,
) -> DrawnClips:
    """Return what each epoch draws of N clips: their raw or that of a copy, smoothed targets, the corpora's numbers.

    The draws of all epochs, and of one more for BatchNorm's statistics, are one sequence.
    """
    counts = {len(of_clip) for of_clip in copies} or {0}
    assert len(counts) == 1, "every clip has as many copies"
    count = (epochs + 1) * options.draws
    clips, which = draw(corpora.number, targets.argmax(1), counts.pop(), options, count, seed)
    smoothed = corpora.smoothed(targets, options.smoothing)

    def epoch(number: int) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
        part = slice(number * options.draws, (number + 1) * options.draws)
        chosen = clips[part]
        arrays = [raw[i] if not copy else copies[i][copy - 1] for i, copy in zip(chosen, which[part], strict=True)]
        return arrays, smoothed[chosen], corpora.number[chosen]

    return epoch
