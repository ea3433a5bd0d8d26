"""LPGNet: four streams of attention at once, gates, and a teacher inside the model.

B batch, N steps, Nq steps that ask, Ns steps that answer, D features, H hidden width, K classes.

The paper (arXiv 2508.08925) has no public code. Its outline gives the local convolution, the four streams, the global
compression (pooling, 1×1 convolution, batch normalisation, LeakyReLU), the FFN with a residual, dual gates and
self-distillation. Gates, merging, heads, the mask's value and the losses follow SDT (Ma et al., 2023). Ours: the
kernel of 1 step, sinusoidal positions, the pooled mean over valid steps, the norm before the FFN; no bias in the key
(softmax cancels it) nor in the 1×1 convolution (batch normalisation cancels it); without the FFN the attended C itself
is added; without gates the modalities are averaged.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bibier.labels import EMOTIONS
from bibier.models.fusion import Fused
from bibier.models.layers import masked_mean, masked_softmax, never_empty, sinusoids

VARIANTS = ("frame", "utterance")


@dataclass(frozen=True)
class Distillation:
    """L = task·CE(p, q) + hard·Σ_m CE(p_m, q) + soft·Σ_m KL(p^τ ‖ p_m^τ); the weights are the paper's best row."""

    task: float = 1.5
    hard: float = 1.0
    soft: float = 0.3
    temperature: float = 1.0  # τ, in both; no τ² factor
    detach_teacher: bool = False  # True: the KL term teaches the branches only (SDT lets it move the teacher too)


@dataclass(frozen=True, kw_only=True)
class LPGNetConfig:
    """Dimensions of `LPGNet` and its loss; every field is JSON. `intra` to `gate` are the paper's ablations."""

    kind: str = "lpgnet"
    audio_dim: int
    text_dim: int
    variant: str = "frame"
    hidden: int = 256
    heads: int = 8
    feed: int = 2  # width of the FFN over H: the paper has 2 and 4
    kernel: int = 1  # of the local convolution, odd; SDT has 1, 3 sees the neighbours
    dropout: float = 0.5
    intra: bool = True  # streams within a modality
    inter: bool = True  # streams between the modalities
    ffn: bool = True
    gate: bool = True
    distillation: Distillation = Distillation()

    def __post_init__(self):
        if isinstance(self.distillation, dict):  # as JSON has it
            object.__setattr__(self, "distillation", Distillation(**self.distillation))


@dataclass(frozen=True)
class Distilled(Fused):
    """`Fused` with what the loss needs. In the utterance variant (B, …) is (B, N, …), with zeros at padding."""

    branches: Tensor  # (2, B, 7), logits of text and of audio
    mask: Tensor  # (B,), True where there is something to learn from


class UnimodalGate(nn.Module):
    """z ⊙ x with z = σ(W x)."""

    def __init__(self, hidden: int):
        super().__init__()
        self.fc = nn.Linear(hidden, hidden, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.fc(x)) * x


class MultimodalGate(nn.Module):
    """Σ_m w_m ⊙ x_m with w = softmax over the modalities of W x_m, per feature: (M, …, H) → (…, H)."""

    def __init__(self, hidden: int):
        super().__init__()
        self.fc = nn.Linear(hidden, hidden, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return (torch.softmax(self.fc(x), dim=0) * x).sum(0)


class Compression(nn.Module):
    """g = LeakyReLU(BN(Conv1×1(masked mean over time))): (B, N, H), (B, N) → (B, H)."""

    def __init__(self, hidden: int):
        super().__init__()
        self.conv = nn.Linear(hidden, hidden, bias=False)  # over one step, a 1×1 convolution is this
        self.norm = nn.BatchNorm1d(hidden)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = self.conv(masked_mean(x, mask))  # (B, H)
        if len(x) == 1:  # one sequence has no variance: the running statistics stand in, in training too
            n = self.norm
            x = F.batch_norm(x, n.running_mean, n.running_var, n.weight, n.bias, eps=n.eps)
        else:
            x = self.norm(x)
        return F.leaky_relu(x, 0.01)


class Stream(nn.Module):
    """What one modality's steps take from one modality's steps: attention, global compression, FFN, gate."""

    def __init__(self, config: LPGNetConfig):
        super().__init__()
        c = config
        self.heads = c.heads
        self.query = nn.Linear(c.hidden, c.hidden)
        self.key = nn.Linear(c.hidden, c.hidden, bias=False)
        self.value = nn.Linear(c.hidden, c.hidden)
        self.out = nn.Linear(c.hidden, c.hidden)
        self.compression = Compression(c.hidden)
        self.feed = None
        if c.ffn:
            self.feed = nn.Sequential(
                nn.LayerNorm(c.hidden),
                nn.Linear(c.hidden, c.feed * c.hidden),
                nn.GELU(),
                nn.Dropout(c.dropout),
                nn.Linear(c.feed * c.hidden, c.hidden),
                nn.Dropout(c.dropout),
            )
        self.gate = UnimodalGate(c.hidden) if c.gate else nn.Identity()
        self.dropout = nn.Dropout(c.dropout)

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, heads, N, H/heads)

    def forward(self, *, own: Tensor, own_mask: Tensor, source: Tensor, source_mask: Tensor) -> Tensor:
        """Return O' (B, Nq, H)."""
        q, k, v = (self._split(f(x)) for f, x in ((self.query, own), (self.key, source), (self.value, source)))
        rate = self.dropout.p if self.training else 0.0
        c = F.scaled_dot_product_attention(q, k, v, source_mask[:, None, None, :], dropout_p=rate)
        c = self.out(c.transpose(1, 2).flatten(2))  # (B, Nq, H)
        g = self.compression(c, own_mask).unsqueeze(1)  # (B, 1, H)
        fed = c if self.feed is None else self.feed(own + c)
        return self.gate(own + g + fed)  # (B, Nq, H)

    @torch.no_grad()
    def shares(self, *, own: Tensor, own_mask: Tensor, source: Tensor, source_mask: Tensor) -> Tensor:
        """Return each source step's share of the attention (B, Ns), the mean over heads and valid queries."""
        q, k = self._split(self.query(own)), self._split(self.key(source))
        scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5  # (B, heads, Nq, Ns)
        return masked_mean(masked_softmax(scores, source_mask[:, None, None, :]).mean(1), own_mask)


class LPGNet(nn.Module):
    """Parallel interaction attention with dual gates and self-distillation.

    forward(*, audio: (B, Na, Da), audio_mask, text: (B, Nt, Dt), text_mask) → Distilled.

    "frame": the steps are one utterance's frames and words, the result is (B, 7). Streams that ask with the same
    modality merge step by step; H_t and H_a, of different lengths, are then pooled by their masked mean before the
    multimodal gate, since no frame belongs to a word by its number.
    "utterance": the steps are a dialogue's utterances, the same in both modalities, and the result is (B, N, 7).

    `word_attention` is the audio's attention on the text steps; without inter streams the text's own.

    Raises
    ------
    ValueError
        A setting is out of its range, or both kinds of streams are off.
    """

    def __init__(self, config: LPGNetConfig):
        super().__init__()
        self.config = c = config
        if c.variant not in VARIANTS:
            raise ValueError(f"variant is {c.variant!r}: choose one of {', '.join(VARIANTS)}")
        if c.hidden % c.heads:
            raise ValueError(f"hidden is {c.hidden}: choose a multiple of heads, {c.heads}")
        if c.kernel < 1 or c.kernel % 2 == 0:
            raise ValueError(f"kernel is {c.kernel}: choose an odd number")
        if not (c.intra or c.inter):
            raise ValueError("intra and inter are both off: nothing would be attended to")

        def local(dim: int) -> nn.Conv1d:
            return nn.Conv1d(dim, c.hidden, c.kernel, padding=c.kernel // 2, bias=False)

        self.local = nn.ModuleDict({"audio": local(c.audio_dim), "text": local(c.text_dim)})
        # source_query
        pairs = [("text", "text"), ("audio", "audio")] * c.intra + [("audio", "text"), ("text", "audio")] * c.inter
        self.streams = nn.ModuleDict({f"{source}_{query}": Stream(c) for source, query in pairs})
        width = (c.intra + c.inter) * c.hidden
        self.merge = nn.ModuleDict({name: nn.Linear(width, c.hidden) for name in ("text", "audio")})
        self.fuse = MultimodalGate(c.hidden) if c.gate else None
        self.head = nn.Linear(c.hidden, len(EMOTIONS))
        self.heads = nn.ModuleDict({name: nn.Linear(c.hidden, len(EMOTIONS)) for name in ("text", "audio")})
        self.dropout = nn.Dropout(c.dropout)

    def _read(self, name: str, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        x, mask = never_empty(x, mask)
        x = self.local[name](x.transpose(1, 2)).transpose(1, 2)  # (B, N, H); nothing reads the padding from here on
        return self.dropout(x + sinusoids(x.shape[1], x.shape[2], like=x)), mask

    def forward(
        self,
        *,
        audio: Tensor,
        audio_mask: Tensor,
        text: Tensor,
        text_mask: Tensor,
        audio_log: Tensor | None = None,
        text_log: Tensor | None = None,
    ) -> Distilled:
        """Fuse two sequences; the branches' log-probabilities `audio_log` and `text_log` are not used."""
        dialogue = self.config.variant == "utterance"
        if dialogue:
            assert torch.equal(audio_mask, text_mask), "a dialogue's utterances are the same in both modalities"
        read = {"audio": self._read("audio", audio, audio_mask), "text": self._read("text", text, text_mask)}

        def sides(source: str, query: str) -> dict[str, Tensor]:
            (own, own_mask), (other, other_mask) = read[query], read[source]
            return {"own": own, "own_mask": own_mask, "source": other, "source_mask": other_mask}

        gated = {name: stream(**sides(*name.split("_"))) for name, stream in self.streams.items()}
        merged = {
            query: merge(torch.cat([x for name, x in gated.items() if name.endswith(f"_{query}")], dim=-1))
            for query, merge in self.merge.items()
        }  # (B, N, H) each
        if not dialogue:
            merged = {name: masked_mean(x, read[name][1]) for name, x in merged.items()}  # (B, H) each
        both = torch.stack((merged["text"], merged["audio"]))  # (2, B, …, H)
        logits = self.head(both.mean(0) if self.fuse is None else self.fuse(both))  # (B, …, K)
        branches = torch.stack([self.heads[name](self.dropout(torch.relu(merged[name]))) for name in ("text", "audio")])
        listener = "text_audio" if self.config.inter else "text_text"
        stream = self.streams[listener]
        assert isinstance(stream, Stream)
        attention = stream.shares(**sides(*listener.split("_"))) * text_mask  # (B, Nt)
        if not dialogue:
            return Distilled(logits, attention, branches, torch.ones_like(text_mask[:, 0]))
        here = text_mask.unsqueeze(-1)
        return Distilled(logits * here, attention, branches * here, text_mask)

    def loss(self, fused: Distilled, targets: Tensor, weights: Tensor) -> Tensor:
        """Return L for soft targets (B, …, 7) and class weights (7,); padding counts for nothing."""
        valid = fused.mask
        return distillation_loss(
            fused.logits[valid], fused.branches[:, valid], targets[valid], weights, self.config.distillation
        )


def distillation_loss(
    logits: Tensor, branches: Tensor, targets: Tensor, weights: Tensor, settings: Distillation
) -> Tensor:
    """Return the weighted sum of the three losses as a scalar.

    Parameters
    ----------
    logits
        (V, K) of the teacher, V valid items.
    branches
        (M, V, K) of the modalities.
    targets
        (V, K) distributions; they are trained on as they are.
    weights
        (K,) of the classes, in the two cross-entropies.
    """
    weighted = targets * weights

    def cross_entropy(x: Tensor) -> Tensor:
        return -(weighted * torch.log_softmax(x, dim=-1)).sum() / weighted.sum()

    teacher = logits.detach() if settings.detach_teacher else logits
    teacher = torch.log_softmax(teacher / settings.temperature, dim=-1)
    students = torch.log_softmax(branches / settings.temperature, dim=-1)  # (M, V, K)
    soft = F.kl_div(students, teacher.expand_as(students), reduction="sum", log_target=True) / len(logits)
    hard = sum(cross_entropy(x) for x in branches)
    return settings.task * cross_entropy(logits) + settings.hard * hard + settings.soft * soft
