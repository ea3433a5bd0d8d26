"""Encoders that mix along time: (B, T, D) and a mask in, (B, T, dim_out) out.

Dimension alphabet: B batch, T time, D input width, H width of one LSTM direction.

Contract of every kind: masks are True where valid; what stands at padded positions never matters; the output is
exactly 0 there; a row without one valid position gives zeros; `dim_out` tells the width of the output.
"""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

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
    """Packed LSTM, so that either direction sees valid positions only; for right-padded batches.

    `hidden` is H, the width of one direction (by default such that the output is as wide as the input, up to an odd D);
    the output is 2 H wide when bidirectional. Dropout follows every layer.
    """

    def __init__(self, dim: int, *, hidden: int | None, layers: int, dropout: float, bidirectional: bool, **_):
        super().__init__()
        directions = 2 if bidirectional else 1
        hidden = max(1, dim // directions) if hidden is None else hidden
        self.dim_out = directions * hidden
        between = dropout if layers > 1 else 0.0  # torch puts it between layers only
        self.lstm = nn.LSTM(dim, hidden, layers, batch_first=True, dropout=between, bidirectional=bidirectional)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        steps = x.shape[1]
        lengths = mask.sum(1)  # (B,)
        right_padded = torch.arange(steps, device=mask.device) < lengths[:, None]  # (B, T)
        assert torch.equal(mask, right_padded), "the LSTM packs sequences: every mask must be True first, then False"
        if mask.numel() == 0:
            return x.new_zeros(*mask.shape, self.dim_out)
        x = x.masked_fill(~mask[..., None], 0.0)
        # Packing refuses length 0: such a row runs over one zero step, and is cleared at the end.
        packed = pack_padded_sequence(x, lengths.clamp(min=1).cpu(), batch_first=True, enforce_sorted=False)
        y, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=steps)  # (B, T, dim_out)
        return self.dropout(y).masked_fill(~mask[..., None], 0.0)


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
