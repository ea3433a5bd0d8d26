"""One modality: encoder + head. What every unimodal encoder returns, and the audio encoder on log-mels.

B batch, T frames, M mel bins, D features, K classes.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bibier.labels import EMOTIONS
from bibier.models.encoder_output import EncoderOutput
from bibier.models.layers import AttentivePooling
from bibier.models.temporal import build_temporal
from bibier.pauses import pause

STRETCH = 1_500  # frames, 30 s: of a longer recording so many are convolved at a time


@dataclass(frozen=True)
class AudioEncoderConfig:
    """Dimensions of `AudioEncoder`; every field is JSON."""

    bins: int = 64  # mel bins of the extractor, and its rows of pitch
    channels: tuple[int, ...] = (16, 32, 48)
    dim: int = 64  # features of the projection before the temporal encoder
    temporal: str = "lstm"
    hidden: int = 64  # per direction
    layers: int = 1
    dropout: float = 0.3
    kind: str = "conv"


class MaskedConv(nn.Module):
    """Strided 3×3 convolution over time and frequency for which padding is silence, whatever it held before."""

    def __init__(self, inputs: int, outputs: int, *, stride: tuple[int, int], separable: bool):
        super().__init__()
        if separable:
            self.conv = nn.Sequential(
                nn.Conv2d(inputs, inputs, 3, stride, padding=1, groups=inputs, bias=False),
                nn.Conv2d(inputs, outputs, 1, bias=False),
            )
        else:
            self.conv = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.stride = stride

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        x = torch.relu(self.norm(self.conv(x)))  # (B, C, T/stride, M/stride)
        mask = mask[:, :: self.stride[0]]
        return x * mask[:, None, :, None], mask


class AudioEncoder(nn.Module):
    """Log-mels → emotion: convolutions, one temporal encoder, attentive statistics, a linear head.

    forward(features: (B, T, 2, M), mask: (B, T)) → EncoderOutput. The two channels are the two normalisations that
    `audio_features.LogMel` makes. Eval-mode outputs do not depend on the batch or on the padding.
    """

    def __init__(self, config: AudioEncoderConfig):
        super().__init__()
        self.config = config
        widths = (2, *config.channels)
        # Frequency halves in every block, time in the second: 20 ms frames become 40 ms steps.
        self.stem = nn.ModuleList(
            MaskedConv(a, b, stride=(2 if i == 1 else 1, 2), separable=i > 0)
            for i, (a, b) in enumerate(itertools.pairwise(widths))
        )
        bins = config.bins // 2 ** len(config.channels)
        self.project = nn.Sequential(nn.Linear(config.channels[-1] * bins, config.dim), nn.LayerNorm(config.dim))
        self.temporal = build_temporal(
            config.temporal, config.dim, hidden=config.hidden, layers=config.layers, dropout=config.dropout
        )
        self.dim_out = self.temporal.dim_out
        self.pooling = AttentivePooling(self.dim_out)
        self.dropout = nn.Dropout(config.dropout)
        self.dim_pooled = 2 * self.dim_out
        self.head = nn.Linear(self.dim_pooled, len(EMOTIONS))

    def forward(self, *, features: Tensor, mask: Tensor) -> EncoderOutput:
        """Read log-mels (B, T, 2, M) with mask (B, T)."""
        if torch.is_inference_mode_enabled() and features.shape[1] > STRETCH:
            x, mask = self._embed_in_stretches(features, mask)
        else:
            x, mask = self._embed(features, mask)
        hidden = self.temporal(x, mask)  # (B, T, D)
        pause()
        pooled, attention = self.pooling(hidden, mask)
        return EncoderOutput(hidden, mask, self.head(self.dropout(pooled)), attention, pooled)

    def _embed(self, features: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Convolve log-mels (B, T, 2, M) → what the temporal encoder reads (B, T/2, D), and its mask."""
        x = features.transpose(1, 2) * mask[:, None, :, None]  # (B, 2, T, M)
        x = x.contiguous(memory_format=torch.channels_last)  # half the time of the default layout on a CPU
        for block in self.stem:
            x, mask = block(x, mask)
        x = x.transpose(1, 2).flatten(2)  # (B, T/2, C·M)
        return self.dropout(torch.relu(self.project(x))) * mask.unsqueeze(-1), mask

    def _embed_in_stretches(self, features: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Do the same for a long recording in the memory of a short one, with pauses; up to rounding it's equal.

        Each stretch is convolved with a margin, in which its own edges are felt, and the margin is left out.
        """
        step = 2 if len(self.stem) > 1 else 1  # frames to a step
        margin = 2 * len(self.stem)
        rows, masks = [], []
        for begin in range(0, features.shape[1], STRETCH):
            start, end = max(0, begin - margin), begin + STRETCH + margin
            x, kept = self._embed(features[:, start:end], mask[:, start:end])
            own = slice((begin - start) // step, (begin - start + STRETCH) // step)
            rows.append(x[:, own])
            masks.append(kept[:, own])
            pause()
        return torch.cat(rows, dim=1), torch.cat(masks, dim=1)
