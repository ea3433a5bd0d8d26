"""The encoder of vector features (wav2vec2, Jina, BERT ...) of either modality: projection, temporal encoder, head.

B batch, T time steps, D features, C classes. The hyper-parameters of the paper's Tables 5 and 7 are settings of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bibier.labels import EMOTIONS
from bibier.models.encoder_output import EncoderOutput
from bibier.models.layers import AttentivePooling, masked_mean
from bibier.models.temporal import build_temporal

MEAN_OF = re.compile(r"mean-of-([1-9]\d*)")
POOLINGS = ("mean", "last", "attentive", "mean-of-N")
CAUSAL = ("mamba", "mamba-published", "xlstm")  # with bidirectional = false; the LSTM has two ends anyway


@dataclass(frozen=True)
class SequenceEncoderConfig:
    """Dimensions of `SequenceEncoder`; every field is JSON. What a field means to each temporal encoder:
    `temporal.build_temporal`."""

    kind: str = "sequence"
    inputs: int = 1024  # features of the extractor
    dim: int | None = None  # of the projection; None or 0: the features go to the temporal encoder as they are
    temporal: str = "lstm"
    hidden: int | None = None  # inner width of the temporal encoder; None is its own default
    layers: int = 1
    bidirectional: bool = True
    dropout: float = 0.2
    heads: int = 4
    positions: str = "sinusoidal"
    limit: int = 500  # learned positions
    norm: str = "post"
    state: int = 16
    rank: int | None = None
    cells: str = "sm"
    pooling: str = "mean"  # "mean", "last", "attentive", or "mean-of-95" for the published text encoder


class SequenceEncoder(nn.Module):
    """Vector features → emotion.

    forward(features: (B, T, D_in), mask: (B, T)) → EncoderOutput, whose hidden states are the temporal encoder's,
    `dim_out` wide. Eval-mode outputs do not depend on the batch or on the padding.

    Poolings: "mean" of the valid steps; "last", the state after the last step of each direction; "attentive"
    statistics; "mean-of-N", the published text encoder's, Σ / N of the first N valid steps however many they are, so
    that a short text's logits are small. N there is 95, the length to which texts were cut or padded. `attention`
    tells how much each step counts in the pooled vector.

    Raises
    ------
    ValueError
        An unknown pooling or temporal encoder, or settings that don't fit each other.
    """

    def __init__(self, config: SequenceEncoderConfig):
        super().__init__()
        self.config = c = config
        dim = c.dim or c.inputs
        self.project = nn.Linear(c.inputs, c.dim) if c.dim else nn.Identity()
        self.temporal = build_temporal(
            c.temporal,
            dim,
            hidden=c.hidden,
            layers=c.layers,
            dropout=c.dropout,
            bidirectional=c.bidirectional,
            heads=c.heads,
            positions=c.positions,
            limit=c.limit,
            norm=c.norm,
            state=c.state,
            rank=c.rank,
            cells=c.cells,
        )
        self.dim_out = self.temporal.dim_out
        two_ended = c.temporal == "lstm" and c.bidirectional
        self.from_back = self.dim_out // 2 if two_ended else 0  # features of the last pooling that are read at step 0
        fixed = MEAN_OF.fullmatch(c.pooling)
        self.divisor = int(fixed[1]) if fixed else None
        if (c.pooling not in POOLINGS and not fixed) or c.pooling == "mean-of-N":
            raise ValueError(f"unknown pooling {c.pooling!r}; choose one of {', '.join(POOLINGS)}, N a whole number")
        if c.pooling == "last" and c.temporal != "lstm" and (c.bidirectional or c.temporal not in CAUSAL):
            raise ValueError(
                f'pooling "last" reads the state after the last step, and {c.temporal!r} has none: take an LSTM, a '
                "Mamba or xLSTM with bidirectional = false, or another pooling"
            )
        self.pooling = AttentivePooling(self.dim_out) if c.pooling == "attentive" else None
        self.dim_pooled = self.dim_out * (2 if self.pooling else 1)
        self.head = nn.Linear(self.dim_pooled, len(EMOTIONS))

    def forward(self, *, features: Tensor, mask: Tensor) -> EncoderOutput:
        """Read features (B, T, D_in), or (B, T, …) of D_in values each, right-padded, with mask (B, T)."""
        features = features.flatten(2).masked_fill(~mask[..., None], 0.0)
        hidden = self.temporal(self.project(features), mask)  # (B, T, D)
        pooled, attention = self._pool(hidden, mask)  # (B, D) or (B, 2 D), (B, T)
        return EncoderOutput(hidden, mask, self.head(pooled), attention, pooled)

    def _pool(self, hidden: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        if self.pooling is not None:
            return self.pooling(hidden, mask)
        steps = torch.arange(mask.shape[1], device=mask.device)
        if self.config.pooling == "last":
            last = mask & (steps == mask.sum(1, keepdim=True) - 1)  # (B, T)
            first = mask & (steps == 0)
            ahead, back = hidden.split((self.dim_out - self.from_back, self.from_back), dim=2)
            ends = ((ahead * last[..., None]).sum(1), (back * first[..., None]).sum(1))
            share = self.from_back / self.dim_out
            return torch.cat(ends, dim=1), (1 - share) * last + share * first
        counted = mask if self.divisor is None else mask & (steps < self.divisor)
        attention = counted / counted.sum(1, keepdim=True).clamp_min(1)  # (B, T)
        if self.divisor is None:
            return masked_mean(hidden, mask), attention
        return (hidden * counted[..., None]).sum(1) / self.divisor, attention
