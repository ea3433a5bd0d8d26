"""Masked building blocks that several models share.

B batch, T time steps, D features, L target length. Masks are boolean, True where valid; padding is on the right.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

WAVES = 10_000.0  # longest wave of the sinusoids, in steps of 2π


class TemporalEncoder(nn.Module):
    """What all kinds have in common: forward(x: (B, T, D), mask: (B, T)) → (B, T, dim_out)."""

    dim_out: int


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


class GraphAttention(nn.Module):
    """Graph attention (Veličković et al., 2018) on complete graphs with self-loops: (B, N, D) → (B, N, heads · D').

    e_ij = LeakyReLU(a_dst · z_i + a_src · z_j), α = softmax_j e, out_i = Σ_j α_ij z_j + bias, for each head.
    Every sample is a graph of its own.
    """

    def __init__(self, inputs: int, outputs: int, heads: int):
        super().__init__()
        self.heads = heads
        self.linear = nn.Linear(inputs, heads * outputs, bias=False)
        self.source = nn.Parameter(torch.empty(heads, outputs))
        self.target = nn.Parameter(torch.empty(heads, outputs))
        self.bias = nn.Parameter(torch.zeros(heads * outputs))
        for weight in (self.linear.weight, self.source, self.target):
            nn.init.xavier_uniform_(weight)

    def forward(self, x: Tensor) -> Tensor:
        z = self.linear(x).unflatten(-1, (self.heads, -1))  # (B, N, heads, D')
        score = (z * self.target).sum(-1)[:, :, None] + (z * self.source).sum(-1)[:, None]  # (B, N, N, heads)
        share = torch.softmax(nn.functional.leaky_relu(score, 0.2), dim=2)
        return torch.einsum("bijh,bjhd->bihd", share, z).flatten(2) + self.bias  # (B, N, heads · D')


class Graph(nn.Module):
    """The two modalities as two nodes of a graph, two layers of graph attention: (B, D) twice → (B, 2, D).

    Each node is projected first: Linear, norm, dropout, ReLU (paper, BiGraphFormer).
    """

    def __init__(self, dim: int, heads: int, dropout: float):
        super().__init__()
        self.node = nn.ModuleDict(
            {
                name: nn.Sequential(nn.Linear(dim, dim), nn.LayerNorm(dim), nn.Dropout(dropout), nn.ReLU())
                for name in ("audio", "text")
            }
        )
        self.first = GraphAttention(dim, dim, heads)
        self.second = GraphAttention(heads * dim, dim, 1)

    def forward(self, *, audio: Tensor, text: Tensor) -> Tensor:
        nodes = torch.stack((self.node["audio"](audio), self.node["text"](text)), dim=1)  # (B, 2, D)
        return self.second(torch.relu(self.first(nodes)))  # (B, 2, D)


class GatedAddition(nn.Module):
    """Gated addition of two nodes: z ⊙ tanh(x₁ W₁) + (1 − z) ⊙ tanh(x₂ W₂): (B, 2, D) → (B, G).

    `over="each"` is a sigmoid gate for each feature; `over="features"` is the published softmax over the features.
    """

    def __init__(self, inputs: int, outputs: int, dropout: float, *, over: str = "each"):
        super().__init__()
        self.first = nn.Linear(inputs, outputs, bias=False)
        self.second = nn.Linear(inputs, outputs, bias=False)
        self.gate = nn.Linear(2 * inputs, outputs, bias=False)
        for linear in (self.first, self.second, self.gate):
            nn.init.xavier_uniform_(linear.weight)
        self.dropout = nn.Dropout(dropout)
        self.over = over

    def forward(self, nodes: Tensor) -> Tensor:
        left, right = nodes.unbind(1)  # (B, D) each
        score = self.dropout(self.gate(nodes.flatten(1)))  # (B, G)
        share = torch.softmax(score, dim=-1) if self.over == "features" else torch.sigmoid(score)
        left, right = (self.dropout(torch.tanh(f(x))) for f, x in ((self.first, left), (self.second, right)))
        return share * left + (1 - share) * right


def mix_predictions(predictions: tuple[Tensor, ...], weight: Tensor, *, linear: bool) -> Tensor:
    """Weigh M predictions (B, K) class by class with softmax over M of `weight` (M, K) (paper, WPF): logits (B, K).

    The predictions are logits or log-probabilities. Their probabilities are mixed, and the logarithm of the mixture is
    returned; with `linear`, the predictions themselves are mixed, as published.
    """
    share = torch.log_softmax(weight, dim=0)[:, None]  # (M, 1, K)
    stacked = torch.stack(predictions)  # (M, B, K)
    if linear:
        return (share.exp() * stacked).sum(0)
    return torch.logsumexp(share + torch.log_softmax(stacked, dim=-1), dim=0)


def sinusoids(steps: int, dim: int, *, like: Tensor) -> Tensor:
    """Fixed positions (Vaswani et al. 2017, section 3.5): (T, D), sines at even features and cosines at odd ones.

    On the device and in the type of `like`.
    """
    at = torch.arange(steps, device=like.device, dtype=torch.float32).unsqueeze(1)  # (T, 1)
    rate = torch.exp(torch.arange(0, dim, 2, device=like.device) * (-math.log(WAVES) / dim))  # (D/2,)
    return torch.stack((torch.sin(at * rate), torch.cos(at * rate)), dim=-1).flatten(1)[:, :dim].to(like.dtype)
