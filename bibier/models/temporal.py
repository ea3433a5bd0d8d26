"""Encoders that mix along time: (B, T, D) and a mask in, (B, T, dim_out) out.

Dimension alphabet: B batch, T time, D input width, H width of one LSTM direction.

Contract of every kind: masks are True where valid; what stands at padded positions never matters; the output is
exactly 0 there; a row without one valid position gives zeros; `dim_out` tells the width of the output.
"""

import torch
from torch import Tensor, nn

from bibier.models.ssm import MambaBlock

RMS_EPS = 1e-8  # as published (SPEC section 2)


class Identity(nn.Module):
    """No mixing along time at all: the ablation's zero, and the way to pool features as they are. No parameters."""

    def __init__(self, dim: int, **_):
        super().__init__()
        self.dim_out = dim

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        return x.masked_fill(~mask[..., None], 0.0)  # (B, T, D)


class LSTM(nn.Module):
    """LSTM in one or both directions, for right-padded batches; either direction sees valid positions only.

    `hidden` is H, the width of one direction (by default such that the output is as wide as the input, up to an odd D);
    the output is 2 H wide when bidirectional. Dropout follows every layer.
    """

    def __init__(self, dim: int, *, hidden: int | None, layers: int, dropout: float, bidirectional: bool, **_):
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

    def __init__(self, dim: int, *, inner: int | None, state: int, dropout: float, bidirectional: bool):
        super().__init__()
        self.norm = nn.RMSNorm(dim, eps=RMS_EPS)
        self.ahead = MambaBlock(dim, inner=inner, state=state)
        self.back = MambaBlock(dim, inner=inner, state=state) if bidirectional else None
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        normed = self.norm(x)
        mixed = self.ahead(normed, mask)  # (B, T, D)
        if self.back is not None:
            # The flipped batch is padded on the left, and the block's state does not move over padding: each sequence
            # is thus read from its own last valid step to its first, as if its valid part alone had been reversed.
            mixed = mixed + self.back(normed.flip(1), mask.flip(1)).flip(1)
        return x + self.dropout(mixed)


class Mamba(nn.Module):
    """Pre-norm residual stack of Mamba layers; `dim_out` is D.

    `hidden` is the number of channels of each scan, 2 D by default; the published text encoder has D = 1024 and 512.
    """

    def __init__(
        self, dim: int, *, hidden: int | None, layers: int, dropout: float, bidirectional: bool, state: int, **_
    ):
        super().__init__()
        self.dim_out = dim
        self.layers = nn.ModuleList(
            MambaLayer(dim, inner=hidden, state=state, dropout=dropout, bidirectional=bidirectional)
            for _ in range(layers)
        )

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = x.masked_fill(~mask[..., None], 0.0)
        for layer in self.layers:
            x = layer(x, mask)  # (B, T, D); padding stays 0, as the block adds 0 there
        return x


KINDS = {"lstm": LSTM, "mamba": Mamba, "none": Identity}


def build_temporal(
    kind: str,
    dim: int,
    *,
    hidden: int | None = None,
    layers: int = 1,
    dropout: float = 0.0,
    bidirectional: bool = True,
    state: int = 16,
) -> nn.Module:
    """Build the temporal encoder of a name.

    Parameters
    ----------
    kind : str
        A key of `KINDS`: "lstm", "mamba" or "none".
    dim : int
        D, width of the input.
    hidden : int, optional
        Inner width: of one LSTM direction, or of each Mamba scan. Each kind has its own default.
    layers : int
    dropout : float
        After every layer.
    bidirectional : bool
    state : int
        States per channel (Mamba only).

    Returns
    -------
    nn.Module
        forward(x: (B, T, D), mask: (B, T) bool, True where valid) -> (B, T, dim_out), with the attribute `dim_out`.

    Raises
    ------
    ValueError
        On an unknown kind.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown temporal encoder {kind!r}; choose one of {', '.join(KINDS)}")
    return KINDS[kind](dim, hidden=hidden, layers=layers, dropout=dropout, bidirectional=bidirectional, state=state)
