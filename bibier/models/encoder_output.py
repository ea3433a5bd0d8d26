"""What every encoder returns. B clips, T steps, D hidden, C = 7 emotions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class EncoderOutput:
    """A batch that one encoder has read."""

    hidden: Tensor  # (B, T, D), zeros at padding
    mask: Tensor  # (B, T), True where valid
    logits: Tensor  # (B, 7)
    attention: Tensor  # (B, T), ≥ 0, sums to 1 over the valid steps, zeros at padding

    def to(self, device: torch.device | str) -> EncoderOutput:
        """Return the batch on a device."""
        return EncoderOutput(*(part.to(device) for part in vars(self).values()))
