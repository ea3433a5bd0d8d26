"""MemoCMT: cross-attention both ways, all tokens of both put together, one aggregation (Khan et al., 2025).

B batch, Ta audio frames, Tt text tokens, D features, H hidden width, C classes.

Corrected: masks in the attention and in every aggregation, and no layer that nothing reads. The published code also
builds `fusion_*` (2,954,496 parameters at H = 768) without ever calling it, and with "cls" never reads the branch that
the text asks (as many): here neither exists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bibier.labels import EMOTIONS
from bibier.models.fusion import Fused
from bibier.models.layers import masked_mean, never_empty

AGGREGATIONS = ("cls", "mean", "max", "min")


@dataclass(frozen=True, kw_only=True)
class MemoCMTConfig:
    """Dimensions of `MemoCMT`; the defaults are the published ones, every field is JSON."""

    kind: str = "memocmt"
    audio_dim: int
    text_dim: int
    hidden: int = 768
    heads: int = 8
    inner: int = 128  # width of the head's hidden layer
    aggregation: str = "min"
    dropout: float = 0.05
    classes: int = len(EMOTIONS)  # another number only for weights published elsewhere


class CrossBranch(nn.Module):
    """Drop(LN(Linear(MHA(q = queries, k = v = keys)))): no residual, as published."""

    def __init__(self, config: MemoCMTConfig):
        super().__init__()
        c = config
        self.attention = nn.MultiheadAttention(c.hidden, c.heads, dropout=c.dropout, batch_first=True)
        self.linear = nn.Linear(c.hidden, c.hidden)
        self.norm = nn.LayerNorm(c.hidden)
        self.dropout = nn.Dropout(c.dropout)

    def forward(self, *, queries: Tensor, keys: Tensor, key_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the branch (B, Tq, H) and its attention (B, Tq, Tk), the mean over heads."""
        attended, weights = self.attention(queries, keys, keys, key_padding_mask=~key_mask)  # (B, Tq, H)
        return self.dropout(self.norm(self.linear(attended))), weights


class MemoCMT(nn.Module):
    """Cross-modal Transformer with an aggregation over the tokens of both modalities.

    forward(*, audio: (B, Ta, Da), audio_mask, text: (B, Tt, Dt), text_mask) → Fused.

    "cls" is the first audio frame's query of H_t, not BERT's token: the voice then reaches the result only through
    attention weights. The other three aggregate the tokens of H_t and H_a. An empty transcript is read as one empty
    token (the published code reads the word NULL).

    Raises
    ------
    ValueError
        The aggregation is none of `AGGREGATIONS`, or `hidden` is no multiple of `heads`.
    """

    def __init__(self, config: MemoCMTConfig):
        super().__init__()
        self.config = c = config
        if c.aggregation not in AGGREGATIONS:
            raise ValueError(f"aggregation is {c.aggregation!r}: choose one of {', '.join(AGGREGATIONS)}")
        if c.hidden % c.heads:
            raise ValueError(f"hidden is {c.hidden}: choose a multiple of heads, {c.heads}")
        self.project_audio = nn.Identity() if c.audio_dim == c.hidden else nn.Linear(c.audio_dim, c.hidden)
        self.project_text = nn.Identity() if c.text_dim == c.hidden else nn.Linear(c.text_dim, c.hidden)
        self.text = CrossBranch(c)  # H_t: audio asks, text answers
        self.audio = CrossBranch(c) if c.aggregation != "cls" else None  # H_a: text asks, audio answers
        self.inner = nn.Linear(c.hidden, c.inner)
        self.outer = nn.Linear(c.inner, c.classes)
        self.dropout = nn.Dropout(c.dropout)

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
        """Fuse hidden states; the branches' log-probabilities `audio_log` and `text_log` are not used."""
        a, a_mask = never_empty(audio, audio_mask)
        t, t_mask = never_empty(text, text_mask)
        a, t = self.project_audio(a), self.project_text(t)  # (B, Ta, H), (B, Tt, H)
        h_t, weights = self.text(queries=a, keys=t, key_mask=t_mask)  # (B, Ta, H), (B, Ta, Tt)
        if self.audio is None:
            pooled = self.dropout(h_t[:, 0])  # (B, H)
        else:
            h_a, _ = self.audio(queries=t, keys=a, key_mask=a_mask)  # (B, Tt, H)
            tokens = self.dropout(torch.cat((h_t, h_a), dim=1))  # (B, Ta + Tt, H)
            pooled = aggregate(tokens, torch.cat((a_mask, t_mask), dim=1), self.config.aggregation)  # (B, H)
        x = nn.functional.leaky_relu(self.inner(self.dropout(pooled)), 0.01)  # (B, inner)
        logits = self.outer(self.dropout(x))  # (B, C)
        return Fused(logits, masked_mean(weights, a_mask) * text_mask)


def aggregate(tokens: Tensor, mask: Tensor, how: str) -> Tensor:
    """Mean, max or min of the valid tokens, per feature: (B, T, H), (B, T) → (B, H)."""
    if how == "mean":
        return masked_mean(tokens, mask)
    padding = ~mask.unsqueeze(-1)
    if how == "max":
        return tokens.masked_fill(padding, -torch.inf).amax(1)
    return tokens.masked_fill(padding, torch.inf).amin(1)


# The published code's names, its spelling included → ours.
PUBLISHED = {
    "text_attention": "text.attention",
    "text_linear": "text.linear",
    "text_layer_norm": "text.norm",
    "audio_attention": "audio.attention",
    "audio_linear": "audio.linear",
    "audio_layer_norm": "audio.norm",
    "linear_0": "inner",
    "classifer": "outer",
}
DEAD = ("fusion_attention", "fusion_linear", "fusion_layer_norm")
ENCODERS = ("text_encoder", "audio_encoder")
ONLY_TOKENS = tuple(name for name, own in PUBLISHED.items() if own.startswith("audio."))  # "cls" has no use for them


def from_published(
    state: Mapping[str, Tensor], *, aggregation: str, heads: int = 8, drop_encoders: bool = False
) -> MemoCMT:
    """Make a model of a published state dict, in eval mode.

    Parameters
    ----------
    state
        Tensors by their published names. `fusion_*`, which nothing reads, are dropped; with "cls" also `audio_*`.
    aggregation, heads
        What the shapes cannot tell: `fusion_head_output_type` and `num_attention_head` of the published configuration.
    drop_encoders
        Drop BERT's and HuBERT's tensors too: right where they were frozen, for then the extractors hold them.

    Raises
    ------
    ValueError
        A tensor is missing, unknown or of another shape.
    """
    dropped = DEAD + (ENCODERS if drop_encoders else ()) + (ONLY_TOKENS if aggregation == "cls" else ())
    ours = {}
    for name, tensor in state.items():
        part, _, rest = name.partition(".")
        if part not in dropped:
            if part not in PUBLISHED:
                raise ValueError(f"{name} is no tensor of MemoCMT's fusion: it knows {', '.join(PUBLISHED)}")
            ours[f"{PUBLISHED[part]}.{rest}"] = tensor
    for name in ("linear_0.weight", "classifer.weight"):
        if name not in state:
            raise ValueError(f"the state dict lacks {name}")
    inner, hidden = ours["inner.weight"].shape
    model = MemoCMT(
        MemoCMTConfig(
            audio_dim=hidden,
            text_dim=hidden,
            hidden=hidden,
            heads=heads,
            inner=inner,
            aggregation=aggregation,
            classes=len(ours["outer.weight"]),
        )
    )
    try:
        model.load_state_dict(ours)
    except RuntimeError as error:
        raise ValueError(f"the state dict is not MemoCMT's: {error}") from error
    return model.eval()
