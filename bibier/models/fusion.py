"""Cross-modal fusion: one trunk, one fuse step each.

B batch, T time steps, L common length, H hidden width, K classes.

The corrected models (paper, section 3.4): masks everywhere, every valid part resampled to L steps, keys and values both
from the other modality, one residual around each sub-layer. What one clip gets does not depend on its batch or padding.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bibier.labels import EMOTIONS
from bibier.models.layers import masked_mean, masked_softmax, resample_valid


@dataclass(frozen=True)
class FusionConfig:
    """Dimensions of a fusion model; every field is JSON."""

    audio_dim: int
    text_dim: int
    hidden: int = 64
    length: int = 95  # steps that each modality's valid part is resampled to
    layers: int = 1
    heads: int = 4
    out: int = 64
    dropout: float = 0.3
    pool: bool = True  # add the fused evidence to the log-linear pool of both branches


class CrossLayer(nn.Module):
    """Cross-attention of one modality on the other, then a feed-forward part; post-norm with one residual each."""

    def __init__(self, hidden: int, heads: int, dropout: float):
        super().__init__()
        assert hidden % heads == 0, f"hidden {hidden} must be a multiple of heads {heads}"
        self.heads = heads
        self.query = nn.Linear(hidden, hidden)
        # No bias: softmax over the keys cancels whatever it would add.
        self.key = nn.Linear(hidden, hidden, bias=False)
        self.value = nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, hidden)
        self.norm_attention = nn.LayerNorm(hidden)
        self.feed = nn.Sequential(nn.Linear(hidden, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, hidden))
        self.norm_feed = nn.LayerNorm(hidden)
        self.dropout = nn.Dropout(dropout)

    def forward(self, *, own: Tensor, other: Tensor, other_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the updated `own` (B, T, H) and the attention (B, heads, T, T_other)."""

        def split(x: Tensor) -> Tensor:
            return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, heads, T, H/heads)

        q, k, v = split(self.query(own)), split(self.key(other)), split(self.value(other))
        scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5  # (B, heads, T, T_other)
        weights = masked_softmax(scores, other_mask[:, None, None, :])
        attended = self.out((weights @ v).transpose(1, 2).flatten(2))  # (B, T, H)
        x = self.norm_attention(own + self.dropout(attended))
        return self.norm_feed(x + self.dropout(self.feed(x))), weights


@dataclass(frozen=True)
class Fused:
    """A batch after fusion."""

    logits: Tensor  # (B, 7)
    word_attention: Tensor  # (B, T_text), mean over layers, heads and audio positions; sums to 1


class BiFormer(nn.Module):
    """Cross-modal Transformer over hidden states of both encoders (paper, BiFormer).

    forward(*, audio: (B, Ta, Da), audio_mask, text: (B, Tt, Dt), text_mask, audio_log, text_log) → Fused.

    With `pool`, the result is a log-linear pool: wₐ log pₐ + wₜ log pₜ + b + BiFormer(audio, text), with weights per
    class. For a voice and words that are independent given the emotion, the pool alone is the optimal rule; the
    Transformer learns what remains. The paper's BiFormer-WPF mixes the three linearly instead.
    """

    def __init__(self, config: FusionConfig):
        super().__init__()
        self.config = c = config
        self.project = nn.ModuleDict(
            {
                name: nn.Sequential(nn.Linear(dim, c.hidden), nn.LayerNorm(c.hidden), nn.Dropout(c.dropout))
                for name, dim in (("audio", c.audio_dim), ("text", c.text_dim))
            }
        )
        self.audio_layers = nn.ModuleList(CrossLayer(c.hidden, c.heads, c.dropout) for _ in range(c.layers))
        self.text_layers = nn.ModuleList(CrossLayer(c.hidden, c.heads, c.dropout) for _ in range(c.layers))
        self.head = nn.Sequential(
            nn.Linear(2 * (c.hidden + c.length), c.out),
            nn.LayerNorm(c.out),
            nn.GELU(),
            nn.Dropout(c.dropout),
            nn.Linear(c.out, len(EMOTIONS)),
        )
        if c.pool:
            self.weight = nn.Parameter(torch.ones(2, len(EMOTIONS)))
            nn.init.normal_(self.head[-1].weight, std=1e-2)
            nn.init.zeros_(self.head[-1].bias)

    def forward(
        self,
        *,
        audio: Tensor,
        audio_mask: Tensor,
        text: Tensor,
        text_mask: Tensor,
        audio_log: Tensor | None = None,
        text_log: Tensor | None = None,
    ) -> Fused:
        """Fuse hidden states; `audio_log` and `text_log` (B, 7) are the branches' log-probabilities, for the pool."""
        length = self.config.length
        a = resample_valid(self.project["audio"](audio), audio_mask, length)  # (B, L, H)
        t = self.project["text"](text)  # (B, Tt, H): words stay words, so that the attention on them can be shown
        here = audio_mask.any(1, keepdim=True).expand(-1, length)  # (B, L)
        attention = []
        for audio_layer, text_layer in zip(self.audio_layers, self.text_layers, strict=True):
            new_a, weights = audio_layer(own=a, other=t, other_mask=text_mask)
            new_t, _ = text_layer(own=t, other=a, other_mask=here)
            a, t = new_a, new_t
            attention.append(weights.mean((1, 2)))  # (B, Tt)
        t = resample_valid(t, text_mask, length)  # (B, L, H)
        pooled = [masked_mean(a, here), a.mean(2) * here, masked_mean(t, here), t.mean(2)]
        logits = self.head(torch.cat(pooled, dim=-1))
        if self.config.pool:
            logits = logits + self.weight[0] * audio_log + self.weight[1] * text_log
        return Fused(logits, torch.stack(attention).mean(0))
