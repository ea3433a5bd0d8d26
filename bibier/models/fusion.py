"""Cross-modal fusion: one trunk, one fuse step each.

B batch, T time steps, L common length, H hidden width, G gated width, K classes, M predictions that are mixed.

The corrected models (paper, section 3.4): masks everywhere, every valid part resampled to L steps, keys and values both
from the other modality, one residual around each sub-layer. What one clip gets does not depend on its batch or padding.
`variant="published"` is what the published code computes for a single clip, for the sake of weights trained by it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bibier.labels import EMOTIONS
from bibier.models.layers import GatedAddition, Graph, masked_mean, masked_softmax, mix_predictions, resample_valid
from bibier.models.temporal import build_temporal

VARIANTS = ("corrected", "published")


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
    kind: str = "biformer"  # a key of FUSIONS
    wpf: bool = False  # mix the predictions of voice, words and this model by weights per class (the paper's *-WPF)
    variant: str = "corrected"
    graph_heads: int = 4  # of the first graph layer
    gated: int = 64  # width of the gate
    state: int = 16  # of a BiMamba's scan

    def __post_init__(self):
        if self.kind not in FUSIONS:
            raise ValueError(f"unknown fusion {self.kind!r}; choose one of {', '.join(FUSIONS)}")
        if self.variant not in VARIANTS:
            raise ValueError(f"unknown variant {self.variant!r}; choose one of {', '.join(VARIANTS)}")
        if self.pool and self.wpf:
            raise ValueError("pool and wpf are two ways to mix the predictions: choose one")
        if self.kind == "wpf" and not self.wpf:
            raise ValueError("the fusion wpf needs wpf = true")
        if self.kind == "pool" and not self.pool:
            raise ValueError("the fusion pool needs pool = true")

    @property
    def expects_logits(self) -> bool:
        """Whether the branches' raw logits are mixed, as published, rather than calibrated log-probabilities."""
        return self.variant == "published"


class CrossLayer(nn.Module):
    """Cross-attention of one modality on the other, then a feed-forward part; post-norm with one residual each.

    The published variant takes the values from its own modality, drops the residual rather than what is added to it,
    and adds the layer's result to its input once more.
    """

    def __init__(self, hidden: int, heads: int, dropout: float, variant: str = "corrected"):
        super().__init__()
        if hidden % heads:
            raise ValueError(f"hidden {hidden} must be a multiple of heads {heads}")
        self.heads = heads
        self.published = variant == "published"
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

        valued = own if self.published else other
        q, k, v = split(self.query(own)), split(self.key(other)), split(self.value(valued))
        scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5  # (B, heads, T, T_other)
        weights = masked_softmax(scores, other_mask[:, None, None, :])
        attended = self.out((weights @ v).transpose(1, 2).flatten(2))  # (B, T, H)
        if self.published:
            x = self.norm_attention(attended + self.dropout(own))
            return own + self.norm_feed(self.feed(x) + self.dropout(x)), weights
        x = self.norm_attention(own + self.dropout(attended))
        return self.norm_feed(x + self.dropout(self.feed(x))), weights


@dataclass(frozen=True)
class Fused:
    """A batch after fusion."""

    logits: Tensor  # (B, 7)
    word_attention: Tensor | None  # (B, T_text), mean over layers, heads and audio positions; sums to 1


@dataclass(frozen=True)
class Pooled:
    """Both modalities after the trunk, pooled over time and over features."""

    audio_time: Tensor  # (B, H), mean over time
    audio_feature: Tensor  # (B, L), mean over features
    text_time: Tensor  # (B, H)
    text_feature: Tensor  # (B, L)


def projection(inputs: int, outputs: int, dropout: float, *, always: bool = True) -> nn.Sequential:
    """Linear, norm, dropout; without the Linear where the width is right already and it is not `always` wanted."""
    linear = nn.Linear(inputs, outputs) if always or inputs != outputs else nn.Identity()
    return nn.Sequential(linear, nn.LayerNorm(outputs), nn.Dropout(dropout))


class Fusion(nn.Module):
    """What every fusion model has in common: the predictions of both branches and the ways to mix them.

    forward(*, audio: (B, Ta, Da), audio_mask, text: (B, Tt, Dt), text_mask, audio_log, text_log) → Fused, where
    `audio_log` and `text_log` (B, 7) are the branches' calibrated log-probabilities (raw logits in the published
    variant), read with `pool` or `wpf` only.

    With `pool`, the result is a log-linear pool: wₐ log pₐ + wₜ log pₜ + b + model(audio, text), with weights per
    class. For a voice and words that are independent given the emotion, the pool alone is the optimal rule; the model
    learns what remains. With `wpf`, as in the paper, it is the linear mixture Σ_m w_m p_m of voice, words and model,
    whose weights are a softmax over the three for each class; its logarithm is returned as logits.
    """

    def __init__(self, config: FusionConfig):
        super().__init__()
        self.config = config
        if config.pool:
            self.weight = nn.Parameter(torch.ones(2, len(EMOTIONS)))
        if config.wpf:
            self.mixture = nn.Parameter(torch.zeros(2 if config.kind == "wpf" else 3, len(EMOTIONS)))

    def compute_logits(
        self, *, audio: Tensor, audio_mask: Tensor, text: Tensor, text_mask: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Return the model's own logits (B, 7), and its attention on the words (B, Tt) if it has any."""
        raise NotImplementedError

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
        """Fuse hidden states and the branches' predictions."""
        logits, attention = self.compute_logits(audio=audio, audio_mask=audio_mask, text=text, text_mask=text_mask)
        if not (self.config.pool or self.config.wpf):
            return Fused(logits, attention)
        assert audio_log is not None and text_log is not None, "pool and wpf read what both branches say"
        if self.config.pool:
            logits = logits + self.weight[0] * audio_log + self.weight[1] * text_log
        if self.config.wpf:
            logits = mix_predictions((audio_log, text_log, logits), self.mixture, linear=self.config.expects_logits)
        return Fused(logits, attention)


class WPF(Fusion):
    """Weighted mixture of both branches' predictions, weights per class (paper, WPF); 14 parameters."""

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
        """Mix the two predictions; the hidden states are not read."""
        assert audio_log is not None and text_log is not None, "wpf reads what both branches say"
        return Fused(mix_predictions((audio_log, text_log), self.mixture, linear=self.config.expects_logits), None)


class Pool(Fusion):
    """Log-linear pool of both branches' predictions and a bias, nothing else; 21 parameters.

    With weights of 1 and −log of the words' prior as the bias it is the product of both branches.
    """

    def __init__(self, config: FusionConfig):
        super().__init__(config)
        self.bias = nn.Parameter(torch.zeros(len(EMOTIONS)))

    def compute_logits(
        self, *, audio: Tensor, audio_mask: Tensor, text: Tensor, text_mask: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Return the bias; the hidden states are not read."""
        return self.bias.expand(audio.shape[0], -1), None


class CrossModalTransformer(Fusion):
    """The trunk of the cross-modal Transformers, and the head; what stands between them is each model's own."""

    def __init__(self, config: FusionConfig):
        super().__init__(config)
        c = config
        self.project = nn.ModuleDict(
            {
                name: projection(dim, c.hidden, c.dropout, always=False)
                for name, dim in (("audio", c.audio_dim), ("text", c.text_dim))
            }
        )

        def cross_layers() -> nn.ModuleList:
            return nn.ModuleList(CrossLayer(c.hidden, c.heads, c.dropout, c.variant) for _ in range(c.layers))

        self.audio_layers, self.text_layers = cross_layers(), cross_layers()

    def make_head(self, width: int) -> None:
        """Add the classifier on a fused vector of this width; beside a pool it starts near zero."""
        self.head = _head(width, self.config)

    def combine(self, pooled: Pooled) -> Tensor:
        """Fuse step: what the head reads, (B, width)."""
        raise NotImplementedError

    def compute_logits(
        self, *, audio: Tensor, audio_mask: Tensor, text: Tensor, text_mask: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Run trunk, fuse step and head."""
        length, words = self.config.length, text_mask
        if self.config.variant == "published":
            text, text_mask = _as_trained(text, text_mask, length)
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
        pooled = Pooled(masked_mean(a, here), a.mean(2) * here, masked_mean(t, here), t.mean(2))
        return self.head(self.combine(pooled)), _on_words(torch.stack(attention).mean(0), words)


def _as_trained(text: Tensor, mask: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """Cut or zero-pad texts to L tokens, all of which count, as in the published training: (B, L, D), (B, L)."""
    text = nn.functional.pad(text * mask.unsqueeze(2), (0, 0, 0, length - text.shape[1]))  # a negative pad cuts
    return text, torch.ones_like(text[..., 0], dtype=torch.bool)


def _on_words(attention: Tensor, words: Tensor) -> Tensor:
    """Keep the attention on what is a word, as shares of 1: (B, T'), (B, Tt) → (B, Tt)."""
    attention = nn.functional.pad(attention, (0, words.shape[1] - attention.shape[1])) * words
    return attention / attention.sum(1, keepdim=True).clamp_min(torch.finfo(attention.dtype).tiny)


def _head(width: int, config: FusionConfig) -> nn.Sequential:
    head = nn.Sequential(
        nn.Linear(width, config.out),
        nn.LayerNorm(config.out),
        nn.GELU(),
        nn.Dropout(config.dropout),
    )
    last = nn.Linear(config.out, len(EMOTIONS))
    if config.pool:
        nn.init.normal_(last.weight, std=1e-2)
        nn.init.zeros_(last.bias)
    return head.append(last)


class BiFormer(CrossModalTransformer):
    """Cross-modal Transformer; the head reads the four pooled vectors side by side (paper, BiFormer)."""

    def __init__(self, config: FusionConfig):
        super().__init__(config)
        self.make_head(2 * (config.hidden + config.length))

    def combine(self, pooled: Pooled) -> Tensor:
        """Set the four vectors side by side: (B, 2 (H + L))."""
        parts = (pooled.audio_time, pooled.audio_feature, pooled.text_time, pooled.text_feature)
        return torch.cat(parts, dim=-1)


class BiGraphFormer(CrossModalTransformer):
    """BiFormer's trunk, then graph attention between the modalities over both poolings (paper, BiGraphFormer)."""

    def __init__(self, config: FusionConfig):
        super().__init__(config)
        c = config
        self.graph_feature = Graph(c.length, c.graph_heads, c.dropout)
        self.graph_time = Graph(c.hidden, c.graph_heads, c.dropout)
        self.join_feature = projection(c.length, c.length, c.dropout)
        self.join_time = projection(c.hidden, c.hidden, c.dropout)
        self.make_head(c.length + c.hidden)

    def combine(self, pooled: Pooled) -> Tensor:
        """Mean node of either graph, projected: (B, L + H)."""
        feature = self.graph_feature(audio=pooled.audio_feature, text=pooled.text_feature).mean(1)  # (B, L)
        time = self.graph_time(audio=pooled.audio_time, text=pooled.text_time).mean(1)  # (B, H)
        return torch.cat((self.join_feature(feature), self.join_time(time)), dim=-1)


class BiGatedGraphFormer(CrossModalTransformer):
    """BiGraphFormer with a gated addition of the two nodes beside their mean (paper, BiGatedGraphFormer).

    The published variant projects both gates by the same layer.
    """

    def __init__(self, config: FusionConfig):
        super().__init__(config)
        c = config
        over = "features" if c.variant == "published" else "each"
        self.graph_feature = Graph(c.length, c.graph_heads, c.dropout)
        self.graph_time = Graph(c.hidden, c.graph_heads, c.dropout)
        self.gate_feature = GatedAddition(c.length, c.gated, c.dropout, over=over)
        self.gate_time = GatedAddition(c.hidden, c.gated, c.dropout, over=over)
        self.join_feature = projection(c.length, c.gated, c.dropout)
        self.join_time = projection(c.hidden, c.gated, c.dropout)
        self.join_gate_feature = projection(c.gated, c.gated, c.dropout)
        if c.variant == "corrected":
            self.join_gate_time = projection(c.gated, c.gated, c.dropout)
        self.make_head(2 * c.gated)

    def combine(self, pooled: Pooled) -> Tensor:
        """Mean node plus gated nodes, of either graph: (B, 2 G)."""
        feature = self.graph_feature(audio=pooled.audio_feature, text=pooled.text_feature)  # (B, 2, L)
        time = self.graph_time(audio=pooled.audio_time, text=pooled.text_time)  # (B, 2, H)
        join_gate_time = self.join_gate_time if self.config.variant == "corrected" else self.join_gate_feature
        f = self.join_feature(feature.mean(1)) + self.join_gate_feature(self.gate_feature(feature))  # (B, G)
        t = self.join_time(time.mean(1)) + join_gate_time(self.gate_time(time))  # (B, G)
        return torch.cat((f, t), dim=-1)


class BiMamba(Fusion):
    """Both modalities resampled to L steps, joined step by step and read by a stack of Mamba blocks (paper, BiMamba).

    The published variant norms what a block adds rather than what it reads, and its scan is the published one.
    """

    def __init__(self, config: FusionConfig):
        super().__init__(config)
        c = config
        self.project = nn.ModuleDict(
            {
                "audio": projection(c.audio_dim, c.hidden, c.dropout),
                "text": projection(c.text_dim, c.hidden, c.dropout),
                "both": projection(2 * c.hidden, c.hidden, c.dropout),
            }
        )
        kind = "mamba-published-branch" if c.variant == "published" else "mamba"
        self.temporal = build_temporal(
            kind, c.hidden, hidden=c.hidden, layers=c.layers, bidirectional=False, state=c.state
        )
        self.head = _head(c.hidden + c.length, c)

    def compute_logits(
        self, *, audio: Tensor, audio_mask: Tensor, text: Tensor, text_mask: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Run the stack on the joined sequence, pool it over time and over features."""
        length = self.config.length
        if self.config.variant == "published":
            text, text_mask = _as_trained(text, text_mask, length)
        a = resample_valid(self.project["audio"](audio), audio_mask, length)  # (B, L, H)
        t = resample_valid(self.project["text"](text), text_mask, length)  # (B, L, H)
        here = (audio_mask.any(1, keepdim=True) | text_mask.any(1, keepdim=True)).expand(-1, length)  # (B, L)
        f = self.temporal(self.project["both"](torch.cat((a, t), dim=-1)), here)  # (B, L, H)
        return self.head(torch.cat((masked_mean(f, here), f.mean(2)), dim=-1)), None


FUSIONS: dict[str, type[Fusion]] = {
    "wpf": WPF,
    "pool": Pool,
    "biformer": BiFormer,
    "bigraphformer": BiGraphFormer,
    "bigatedgraphformer": BiGatedGraphFormer,
    "bimamba": BiMamba,
}


def build_fusion(config: FusionConfig) -> Fusion:
    """Build the fusion model of a config's `kind`."""
    return FUSIONS[config.kind](config)
