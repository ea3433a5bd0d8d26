"""Encoders that mix along time: (B, T, D) and a mask in, (B, T, dim_out) out.

Dimension alphabet: B batch, T time, D input width, H width of one LSTM direction.

Contract of every kind: masks are True where valid; what stands at padded positions never matters; the output is
exactly 0 there; a row without one valid position gives zeros; `dim_out` tells the width of the output.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable

import torch
from torch import Tensor, nn

from bibier.models.layers import TemporalEncoder, sinusoids
from bibier.models.ssm import MambaBlock, PublishedMambaBlock
from bibier.models.xlstm import XLSTM

RMS_EPS = 1e-8  # as published
POSITIONS = ("sinusoidal", "learned", "none")
NORMS = ("post", "pre")


class Identity(TemporalEncoder):
    """No mixing along time at all: the ablation's zero, and the way to pool features as they are. No parameters."""

    def __init__(self, dim: int):
        super().__init__()
        self.dim_out = dim

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        return x.masked_fill(~mask[..., None], 0.0)  # (B, T, D)


class LSTM(TemporalEncoder):
    """LSTM in one or both directions, for right-padded batches; either direction sees valid positions only.

    `hidden` is H, the width of one direction (by default such that the output is as wide as the input, up to an odd D);
    the output is 2 H wide when bidirectional. Dropout follows every layer.
    """

    def __init__(self, dim: int, *, hidden: int | None, layers: int, dropout: float, bidirectional: bool):
        super().__init__()
        directions = 2 if bidirectional else 1
        hidden = max(1, dim // directions) if hidden is None else hidden
        self.dim_out = directions * hidden
        widths = [dim] + [self.dim_out] * (layers - 1)
        self.ahead = nn.ModuleList(nn.LSTM(width, hidden, batch_first=True) for width in widths)
        self.back = nn.ModuleList(
            nn.LSTM(width, hidden, batch_first=True) for width in widths[: layers * (directions - 1)]
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        steps = x.shape[1]
        lengths = mask.sum(1, keepdim=True)  # (B, 1)
        position = torch.arange(steps, device=mask.device)
        assert torch.equal(mask, position < lengths), "the LSTM reads right-padded batches: True first, then False"
        if mask.numel() == 0:
            return x.new_zeros(*mask.shape, self.dim_out)
        # Padding follows the valid part, so the forward direction meets it too late to matter. For the other direction
        # each valid part is reversed by itself. Packed sequences would do the same at five times the time on a CPU,
        # where only the unpacked LSTM is fused.
        mirror = torch.where(mask, lengths - 1 - position, position)[..., None]  # (B, T, 1)
        for layer, ahead in enumerate(self.ahead):
            parts = [ahead(x.masked_fill(~mask[..., None], 0.0))[0]]  # (B, T, H)
            if self.back:
                reversed_x = x.gather(1, mirror.expand_as(x)).masked_fill(~mask[..., None], 0.0)
                y = self.back[layer](reversed_x)[0]
                parts.append(y.gather(1, mirror.expand_as(y)))
            x = self.dropout(torch.cat(parts, dim=-1)).masked_fill(~mask[..., None], 0.0)  # (B, T, dim_out)
        return x


class MambaLayer(nn.Module):
    """x + forward(norm(x)) + backward(norm(x)): one norm and one residual around one or two directions."""

    def __init__(
        self, dim: int, *, inner: int | None, state: int, rank: int | None, dropout: float, bidirectional: bool
    ):
        super().__init__()
        self.norm = nn.RMSNorm(dim, eps=RMS_EPS)
        self.ahead = MambaBlock(dim, inner=inner, state=state, rank=rank)
        self.back = MambaBlock(dim, inner=inner, state=state, rank=rank) if bidirectional else None
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        normed = self.norm(x)
        mixed = self.ahead(normed, mask)  # (B, T, D)
        if self.back is not None:
            # The flipped batch is padded on the left, and the block's state does not move over padding: each sequence
            # is thus read from its own last valid step to its first, as if its valid part alone had been reversed.
            mixed = mixed + self.back(normed.flip(1), mask.flip(1)).flip(1)
        return x + self.dropout(mixed)


def _residual(x: Tensor, mask: Tensor, encoder: nn.Module) -> Tensor:
    """Empty the padding, and take up the dtype of the weights: under autocast what is added up stays in float32, and
    RMSNorm, which autocast leaves alone, is not given two dtypes."""
    return x.masked_fill(~mask[..., None], 0.0).to(next(encoder.parameters(), x).dtype)


class Mamba(TemporalEncoder):
    """Pre-norm residual stack of Mamba layers; `dim_out` is D.

    `hidden` is the number of channels of each scan, 2 D by default; the published text encoder has D = 1024 and 512.
    """

    def __init__(
        self,
        dim: int,
        *,
        hidden: int | None,
        layers: int,
        dropout: float,
        bidirectional: bool,
        state: int,
        rank: int | None,
    ):
        super().__init__()
        self.dim_out = dim
        self.layers = nn.ModuleList(
            MambaLayer(dim, inner=hidden, state=state, rank=rank, dropout=dropout, bidirectional=bidirectional)
            for _ in range(layers)
        )

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = _residual(x, mask, self)
        for layer in self.layers:
            x = layer(x, mask)  # (B, T, D); padding stays 0, as the block adds 0 there
        return x


class PositionWise(TemporalEncoder):
    """The released audio "Mamba": a residual MLP on each step by itself, without any mixing in time.

    A block is z <- LayerNorm(z + Dropout(W_o ReLU(u + S_B u + S_C u))), u = W_i z, each W and S with a bias. What its
    names say of B and C is all that is left of a state-space model. Here for the published weights.
    """

    def __init__(self, dim: int, *, hidden: int | None, layers: int, dropout: float):
        super().__init__()
        hidden = dim if hidden is None else hidden
        self.dim_out = dim
        self.blocks = nn.ModuleList(
            nn.ModuleDict(
                {
                    "in_proj": nn.Linear(dim, hidden),
                    "s_B": nn.Linear(hidden, hidden),
                    "s_C": nn.Linear(hidden, hidden),
                    "out_proj": nn.Linear(hidden, dim),
                    "norm": nn.LayerNorm(dim),
                }
            )
            for _ in range(layers)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        # The published code leaves a constant at padded frames; but it encoded file by file, so none was ever read.
        x = x.masked_fill(~mask[..., None], 0.0)
        for block in self.blocks:
            assert isinstance(block, nn.ModuleDict)
            u = block["in_proj"](x)  # (B, T, H)
            u = torch.relu(u + block["s_B"](u) + block["s_C"](u))
            x = block["norm"](x + self.dropout(block["out_proj"](u)))  # (B, T, D)
        return x.masked_fill(~mask[..., None], 0.0)


class PublishedMamba(TemporalEncoder):
    """The published text encoder: x + Block(RMSNorm(x)) with the published scan, causal only.

    With `branch`, the published BiMamba's stack (section 3): x + RMSNorm(Block(x)).
    """

    def __init__(
        self,
        dim: int,
        *,
        hidden: int | None,
        layers: int,
        bidirectional: bool,
        state: int,
        rank: int | None,
        branch: bool = False,
    ):
        super().__init__()
        if bidirectional:
            raise ValueError("the published Mamba runs in one direction: set bidirectional to false")
        self.dim_out, self.branch = dim, branch
        self.blocks = nn.ModuleList(
            PublishedMambaBlock(dim, inner=hidden, state=state, rank=rank) for _ in range(layers)
        )
        self.norms = nn.ModuleList(nn.RMSNorm(dim, eps=RMS_EPS) for _ in range(layers))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = _residual(x, mask, self)
        for block, norm in zip(self.blocks, self.norms, strict=True):
            x = x + (norm(block(x, mask).to(x.dtype)) if self.branch else block(norm(x), mask))  # (B, T, D); padding: 0
        return x


class Transformer(TemporalEncoder):
    """Encoder layers of self-attention over the valid steps; `dim_out` is D.

    `hidden` is the width of the feed-forward part, 4 D by default. Positions are added once, before the first layer:
    "sinusoidal"; "learned", a table of `limit` vectors, of which the last serves all steps beyond; or "none". With
    `norm="pre"` a last norm follows the stack. The published text Transformer attends across the batch in place of the
    tokens, and to padding: a defect, not kept as a variant, as no weights of it are published.
    """

    def __init__(
        self,
        dim: int,
        *,
        hidden: int | None,
        layers: int,
        dropout: float,
        heads: int,
        positions: str,
        limit: int,
        norm: str,
    ):
        super().__init__()
        if dim % heads:
            raise ValueError(f"a Transformer's width must be a multiple of its heads: {dim} is none of {heads}")
        if positions not in POSITIONS:
            raise ValueError(f"unknown positions {positions!r}; choose one of {', '.join(POSITIONS)}")
        if norm not in NORMS:
            raise ValueError(f"unknown norm {norm!r}; choose one of {', '.join(NORMS)}")
        self.dim_out, self.positions = dim, positions
        if positions == "learned":
            self.table = nn.Parameter(0.02 * torch.randn(limit, dim))
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                dim, heads, 4 * dim if hidden is None else hidden, dropout, batch_first=True, norm_first=norm == "pre"
            )
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(dim) if norm == "pre" else nn.Identity()

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        if mask.numel() == 0:
            return x
        steps = x.shape[1]
        x = x.masked_fill(~mask[..., None], 0.0)
        if self.positions == "learned":
            x = x + self.table[torch.arange(steps, device=x.device).clamp_max(len(self.table) - 1)]  # (B, T, D)
        elif self.positions == "sinusoidal":
            x = x + sinusoids(steps, x.shape[2], like=x)
        x = self.dropout(x)
        # Softmax over no key at all is NaN; a row without a valid step reads its first, and is emptied in the end.
        hide = ~mask & (mask.any(1, keepdim=True) | (torch.arange(steps, device=mask.device) > 0))  # (B, T)
        for layer in self.layers:
            x = layer(x, src_key_padding_mask=hide)  # (B, T, D)
        return self.norm(x).masked_fill(~mask[..., None], 0.0)


KINDS: dict[str, Callable[..., TemporalEncoder]] = {
    "lstm": LSTM,
    "xlstm": XLSTM,
    "transformer": Transformer,
    "mamba": Mamba,
    "none": Identity,
    "position-wise": PositionWise,
    "mamba-published": PublishedMamba,
    "mamba-published-branch": functools.partial(PublishedMamba, branch=True),
}
# Every kind takes these or has no use for them. Any other option is refused by a kind that doesn't know it.
SHARED = ("hidden", "layers", "dropout", "bidirectional")


def build_temporal(
    kind: str,
    dim: int,
    *,
    hidden: int | None = None,
    layers: int = 1,
    dropout: float = 0.0,
    bidirectional: bool = True,
    heads: int = 4,
    positions: str = "sinusoidal",
    limit: int = 500,
    norm: str = "post",
    state: int = 16,
    rank: int | None = None,
    cells: str = "sm",
) -> TemporalEncoder:
    """Build the temporal encoder of a name.

    Parameters
    ----------
    kind : str
        A key of `KINDS`. "position-wise", "mamba-published" and "mamba-published-branch" are there for published
        weights.
    dim : int
        D, width of the input.
    hidden : int, optional
        Inner width: of one LSTM direction, of an xLSTM's memory, of a Transformer's feed-forward part, of each Mamba
        scan. Each kind has its own default.
    layers : int
        How many layers; of an xLSTM, how many times `cells`.
    dropout : float
        After every layer, and within those of a Transformer. None in the published Mamba.
    bidirectional : bool
        LSTM, xLSTM and Mamba only; a Transformer always sees both sides.
    heads : int
        Transformer and xLSTM.
    positions, limit, norm
        Transformer only: see there.
    state, rank : int
        Mamba only: states per channel; rank of Δ, by default a sixteenth of the channels.
    cells : str
        xLSTM only: "s" for an sLSTM block and "m" for an mLSTM block, from the input up.

    Returns
    -------
    TemporalEncoder
        forward(x: (B, T, D), mask: (B, T) bool, True where valid) -> (B, T, dim_out), with the attribute `dim_out`.

    Raises
    ------
    ValueError
        On an unknown kind, or an option that its kind doesn't know or can't fit to the width.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown temporal encoder {kind!r}; choose one of {', '.join(KINDS)}")
    options = {
        "hidden": hidden,
        "layers": layers,
        "dropout": dropout,
        "bidirectional": bidirectional,
        "heads": heads,
        "positions": positions,
        "limit": limit,
        "norm": norm,
        "state": state,
        "rank": rank,
        "cells": cells,
    }
    known = inspect.signature(KINDS[kind]).parameters
    defaults = inspect.signature(build_temporal).parameters
    for name, value in options.items():
        if name not in known and name not in SHARED and value != defaults[name].default:
            raise ValueError(f"the temporal encoder {kind!r} has no option {name}: leave {name} = {value!r} out")
    return KINDS[kind](dim, **{name: value for name, value in options.items() if name in known})
