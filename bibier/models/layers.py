"""Masked building blocks that several models share.

B batch, T time steps, D features, L target length. Masks are boolean, True where valid; padding is on the right.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    """Mean over the valid steps: (B, T, D), (B, T) → (B, D); zeros where nothing is valid."""
    weight = mask.unsqueeze(-1).to(x.dtype)
    return (x * weight).sum(1) / weight.sum(1).clamp_min(1)


def masked_softmax(scores: Tensor, mask: Tensor, dim: int = -1) -> Tensor:
    """Softmax over the valid entries only; all zeros where nothing is valid."""
    # The lowest finite number, not -inf: a row without any valid entry must not become NaN.
    weights = torch.softmax(scores.masked_fill(~mask, torch.finfo(scores.dtype).min), dim=dim)
    return weights * mask


def never_empty(x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Zero the padding, and read a sequence without valid steps as one zero vector: (B, T, D), (B, T) → the same.

    Attention to nothing is undefined; attention to one empty token is the same for any padding.
    """
    x = x.masked_fill(~mask.unsqueeze(-1), 0.0)
    first = torch.arange(mask.shape[1], device=mask.device) == 0  # (T,)
    return x, mask | (first & ~mask.any(1, keepdim=True))


class AttentivePooling(nn.Module):
    """Attentive statistics (Okabe et al., 2018): (B, T, D), (B, T) → (B, 2 D), weights (B, T).

    The pooled vector is the attention-weighted mean and standard deviation over the valid steps.
    """

    def __init__(self, dim: int, hidden: int = 64):
        super().__init__()
        self.score = nn.Sequential(nn.Linear(dim, hidden), nn.Tanh(), nn.Linear(hidden, 1, bias=False))

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        weights = masked_softmax(self.score(x).squeeze(-1), mask)  # (B, T)
        share = weights.unsqueeze(-1)
        mean = (share * x).sum(1)  # (B, D)
        variance = (share * (x - mean.unsqueeze(1)).square()).sum(1)
        return torch.cat((mean, (variance + 1e-5).sqrt()), dim=-1), weights


def resample_valid(x: Tensor, mask: Tensor, length: int) -> Tensor:
    """Resample each sequence's valid part, and only that, to `length` steps: (B, T, D), (B, T) → (B, L, D).

    Linear interpolation with the sample positions of `interpolate(..., align_corners=False)`, so that one full-length
    sequence gives exactly what that function gives. A sequence without valid steps gives zeros.
    """
    valid = mask.sum(1, keepdim=True)  # (B, 1)
    step = torch.arange(length, device=x.device, dtype=x.dtype)
    position = ((step + 0.5) * valid / length - 0.5).clamp_min(0)  # (B, L)
    last = (valid - 1).clamp_min(0)
    left = position.floor().long().minimum(last)
    right = (left + 1).minimum(last)
    share = (position - left).clamp(0, 1).unsqueeze(-1)
    dim = x.shape[-1]
    from_left = x.gather(1, left.unsqueeze(-1).expand(-1, -1, dim))
    from_right = x.gather(1, right.unsqueeze(-1).expand(-1, -1, dim))
    return torch.lerp(from_left, from_right, share) * (valid > 0).unsqueeze(-1)
