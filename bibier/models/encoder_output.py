"""What every encoder returns. B clips, T steps, D hidden, P pooled, C = 7 emotions."""

from __future__ import annotations

from collections.abc import Callable
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
    pooled: Tensor | None = None  # (B, P), what the head reads, where one vector stands for the whole sequence

    def to(self, device: torch.device | str) -> EncoderOutput:
        """Return the batch on a device."""
        return self.map(lambda part: part.to(device))

    def float(self) -> EncoderOutput:
        """Return the batch with its numbers in float32."""
        return self.map(lambda part: part.float() if part.is_floating_point() else part)

    def map(self, change: Callable[[Tensor], Tensor]) -> EncoderOutput:
        """Return the batch with every tensor changed in the same way, such as some of its rows alone."""
        parts = (change(part) for part in (self.hidden, self.mask, self.logits, self.attention))
        return EncoderOutput(*parts, pooled=None if self.pooled is None else change(self.pooled))
