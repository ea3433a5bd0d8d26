"""xLSTM: sLSTM and mLSTM cells, their blocks and a stack of them.

Dimension alphabet: B batch, T time, D model width, H heads, E width of the memory (all heads), e = E / H, L chunk.

Formulas as in Beck et al. 2024, "xLSTM: Extended Long Short-Term Memory", sections 2.2 and 2.3, with sigmoid forget
gates; the blocks as in its appendix: the sLSTM's with its projection after the cell (factor 4/3), the mLSTM's with its
projection before it (factor 2), both with a causal convolution and a norm for each head. The gates' exponentials are
kept finite by the stabiliser m, which changes no result; no gradient flows through it, as its true one is zero.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bibier.models.layers import TemporalEncoder
from bibier.models.ssm import CONV_TAPS, causal_conv

FEED_FACTOR = 4 / 3  # width of the sLSTM block's gated feed-forward part, over D
UP_FACTOR = 2  # width of the mLSTM block's memory by default, over D
QK_BLOCK = 4  # queries and keys are projected by blocks of so many channels
FORGET_BIAS = (3.0, 6.0)  # first to last head: at the start, memories of some 20 to 400 steps
CHUNK = 64  # L, steps that the mLSTM treats at once
NEVER = -1e30  # logarithm of the input gate at padding: finite, so that differences of it are


def mlstm_reference(q: Tensor, k: Tensor, v: Tensor, log_i: Tensor, log_f: Tensor) -> Tensor:
    """The mLSTM step by step, to read. The oracle of `mlstm`, whose parameters and result are its own.

        C_t = f_t C_{t-1} + i_t v_t k_tᵀ,  n_t = f_t n_{t-1} + i_t k_t,  h_t = C_t q_t / max(|n_tᵀ q_t|, 1)

    with k scaled by 1/√e, and all of C, n and 1 divided by exp(m_t), m_t = max(log f_t + m_{t-1}, log i_t).
    """
    batch, heads, steps, width = q.shape
    C = q.new_zeros(batch, heads, width, width)
    n = q.new_zeros(batch, heads, width)
    m = q.new_zeros(batch, heads)
    hs = []
    for t in range(steps):
        key = k[:, :, t] / math.sqrt(width)  # (B, H, e)
        top = torch.maximum(log_f[:, :, t] + m, log_i[:, :, t])
        f, i = (log_f[:, :, t] + m - top).exp(), (log_i[:, :, t] - top).exp()  # (B, H)
        m = top
        C = f[..., None, None] * C + i[..., None, None] * v[:, :, t, :, None] * key[..., None, :]  # (B, H, e, e)
        n = f[..., None] * n + i[..., None] * key  # (B, H, e)
        norm = (n * q[:, :, t]).sum(-1).abs().maximum((-m).exp())  # (B, H)
        hs.append((C @ q[:, :, t, :, None]).squeeze(-1) / norm[..., None])
    return torch.stack(hs, dim=2) if hs else torch.zeros_like(v)  # (B, H, T, e)


def mlstm(q: Tensor, k: Tensor, v: Tensor, log_i: Tensor, log_f: Tensor, chunk: int = CHUNK) -> Tensor:
    """Run the mLSTM memory, L steps at once: attention within a chunk, and the matrix memory from chunk to chunk.

    Parameters
    ----------
    q, k, v : Tensor (B, H, T, e)
        Queries, keys (not yet scaled) and values.
    log_i, log_f : Tensor (B, H, T)
        Logarithms of the input gate and of the forget gate, the latter at most 0. A step with log_i very low and
        log_f = 0 leaves the memory as it was.
    chunk : int
        L. With L >= T the whole is one parallel (quadratic) form; memory grows with T L, time with T (L + e).

    Returns
    -------
    Tensor (B, H, T, e)
    """
    batch, heads, steps, width = q.shape
    k = k / math.sqrt(width)
    C = q.new_zeros(batch, heads, width, width)  # (key, value)
    n = q.new_zeros(batch, heads, width)
    m = q.new_zeros(batch, heads)
    hs = []
    for start in range(0, steps, chunk):
        qs, ks, vs, i, f = (x[:, :, start : start + chunk] for x in (q, k, v, log_i, log_f))
        decay = f.cumsum(2)  # (B, H, L), of what the chunk received
        later = torch.ones(i.shape[2], i.shape[2], dtype=torch.bool, device=q.device).triu(1)
        within = (decay[..., :, None] - decay[..., None, :] + i[..., None, :]).masked_fill(later, NEVER)  # (B, H, L, L)
        before = decay + m[..., None]  # (B, H, L)
        top = within.amax(3).maximum(before).detach()  # m_t
        scores = (qs @ ks.transpose(2, 3)) * (within - top[..., None]).exp()  # (B, H, L, L)
        share = (before - top).exp()[..., None]  # (B, H, L, 1)
        summed = scores @ vs + share * (qs @ C)  # (B, H, L, e)
        norm = scores.sum(3) + (share * qs @ n[..., None]).squeeze(3)  # (B, H, L)
        hs.append(summed / norm.abs().maximum((-top).exp())[..., None])
        # The memory after the chunk, of which each step keeps what the later forget gates left.
        last, kept = decay[..., -1], decay[..., -1:] - decay + i  # (B, H), (B, H, L)
        top = kept.amax(2).maximum(last + m).detach()
        share, weight = (last + m - top).exp(), (kept - top[..., None]).exp()[..., None]
        weighted = weight * ks  # (B, H, L, e)
        C = share[..., None, None] * C + weighted.transpose(2, 3) @ vs
        n = share[..., None] * n + weighted.sum(2)
        m = top
    return torch.cat(hs, dim=2) if hs else torch.zeros_like(v)


def slstm(gates: Tensor, recurrent: Tensor, mask: Tensor) -> Tensor:
    """Run the sLSTM: a loop over time, as each step's gates read the state before it.

        c_t = f_t c_{t-1} + i_t tanh(z̃_t),  n_t = f_t n_{t-1} + i_t,  h_t = σ(õ_t) c_t / n_t

    with i_t = exp(ĩ_t), f_t = σ(f̃_t), both divided as by exp(m_t), m_t = max(log f_t + m_{t-1}, ĩ_t).

    Parameters
    ----------
    gates : Tensor (B, T, H, 4, e)
        What the input gives to ĩ, f̃, z̃ and õ.
    recurrent : Tensor (H, e, 4 e)
        What h_{t-1} adds to them, head by head.
    mask : Tensor (B, T) of bool
        Where False, the state stays as it was.

    Returns
    -------
    Tensor (B, T, H, e)
    """
    batch, _, heads, _, width = gates.shape
    h = c = n = gates.new_zeros(batch, heads, width)
    m = torch.full_like(h, -torch.inf)
    hs = []
    # Not by index: the gradient of an indexed step is as long as all steps.
    for gate, valid in zip(gates.unbind(1), mask.unbind(1), strict=True):
        back = torch.einsum("bhe,hek->bhk", h, recurrent).unflatten(-1, (4, width))
        log_i, raw_f, z, o = (gate + back).unbind(2)  # (B, H, e) each
        log_f = F.logsigmoid(raw_f)
        top = torch.maximum(log_f + m, log_i).detach()
        i, f = (log_i - top).exp(), (log_f + m - top).exp()
        here = valid[:, None, None]
        c = torch.where(here, f * c + i * torch.tanh(z), c)
        new_n = f * n + i  # at least 1: one of both exponentials is 1, and the n before was no less
        h = torch.where(here, torch.sigmoid(o) * c / new_n, h)
        n, m = torch.where(here, new_n, n), torch.where(here, top, m)
        hs.append(h)
    return torch.stack(hs, dim=1) if hs else gates.new_zeros(batch, 0, heads, width)


class HeadNorm(nn.Module):
    """Norm of each head by itself, with one scale per channel: (B, T, H, e) -> (B, T, E)."""

    def __init__(self, width: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, x.shape[-1:]).flatten(2) * self.weight


class CausalConv(nn.Module):
    """Depthwise causal convolution of K taps and SiLU: (B, T, d) -> (B, T, d)."""

    def __init__(self, width: int):
        super().__init__()
        bound = 1 / math.sqrt(CONV_TAPS)
        self.weight = nn.Parameter(torch.empty(CONV_TAPS, width).uniform_(-bound, bound))  # oldest step first
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        return F.silu(causal_conv(x, self.weight, self.bias))


def blocks(count: int, inputs: int, outputs: int) -> nn.Parameter:
    """Weights of a block-diagonal linear map: (count, inputs, outputs)."""
    bound = 1 / math.sqrt(inputs)
    return nn.Parameter(torch.empty(count, inputs, outputs).uniform_(-bound, bound))


def by_blocks(x: Tensor, weight: Tensor) -> Tensor:
    """Apply a block-diagonal linear map: (B, T, count · inputs) -> (B, T, count, outputs)."""
    return torch.einsum("btni,nio->btno", x.unflatten(-1, weight.shape[:2]), weight)


def _whole(width: int, parts: int, what: str) -> None:
    if width % parts:
        raise ValueError(f"an xLSTM's {what} must be a multiple of {parts}: {width} is not")


class SBlock(nn.Module):
    """sLSTM block, without norm and residual: convolution, cell, head norm, then a gated feed-forward part.

    The input and forget gates read the convolved input, z and o the input itself.
    """

    def __init__(self, dim: int, *, memory: int | None, heads: int):
        super().__init__()
        memory = dim if memory is None else memory
        _whole(dim, heads, "width")
        _whole(memory, heads, "memory")
        self.heads, self.memory = heads, memory
        each = memory // heads
        self.conv = CausalConv(dim)
        self.gates_if = blocks(heads, dim // heads, 2 * each)
        self.gates_zo = blocks(heads, dim // heads, 2 * each)
        self.recurrent = blocks(heads, each, 4 * each)
        bias = torch.zeros(heads, 4, each)
        bias[:, 1] = torch.linspace(*FORGET_BIAS, heads, device=bias.device)[:, None]
        self.bias = nn.Parameter(bias)
        self.norm = HeadNorm(memory)
        feed = math.ceil(FEED_FACTOR * dim)
        self.up = nn.Linear(memory, 2 * feed, bias=False)
        self.down = nn.Linear(feed, dim, bias=False)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        gates = torch.cat((by_blocks(self.conv(x), self.gates_if), by_blocks(x, self.gates_zo)), dim=-1)
        gates = gates.unflatten(-1, (4, -1)) + self.bias  # (B, T, H, 4, e)
        h = self.norm(slstm(gates, self.recurrent, mask))  # (B, T, E)
        gate, value = self.up(h).chunk(2, dim=-1)
        return self.down(F.gelu(gate) * value)  # (B, T, D)


class MBlock(nn.Module):
    """mLSTM block, without norm and residual: up, convolution, cell, head norm, skip and gate, down.

    Queries and keys read the convolved branch by blocks of four channels, the values the branch itself.
    """

    def __init__(self, dim: int, *, memory: int | None, heads: int):
        super().__init__()
        memory = UP_FACTOR * dim if memory is None else memory
        _whole(memory, heads, "memory")
        _whole(memory, QK_BLOCK, "memory")
        self.heads = heads
        self.up = nn.Linear(dim, 2 * memory, bias=False)
        self.conv = CausalConv(memory)
        self.query = blocks(memory // QK_BLOCK, QK_BLOCK, QK_BLOCK)
        self.key = blocks(memory // QK_BLOCK, QK_BLOCK, QK_BLOCK)
        self.gates = nn.Linear(memory, 2 * heads)  # ĩ and f̃, one of each for a head
        with torch.no_grad():
            bias = self.gates.bias.zero_()
            bias[heads:] = torch.linspace(*FORGET_BIAS, heads, device=bias.device)
        self.norm = HeadNorm(memory)
        self.skip = nn.Parameter(torch.ones(memory))
        self.down = nn.Linear(memory, dim, bias=False)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        a, gate = self.up(x).chunk(2, dim=-1)  # (B, T, E) each
        u = self.conv(a)
        parts = (by_blocks(u, self.query).flatten(2), by_blocks(u, self.key).flatten(2), a)
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)  # (B, H, T, e)
        log_i, raw_f = self.gates(a).transpose(1, 2).chunk(2, dim=1)  # (B, H, T) each
        here = mask[:, None]  # (B, 1, T)
        log_i = log_i.masked_fill(~here, NEVER)
        log_f = F.logsigmoid(raw_f).masked_fill(~here, 0.0)
        h = self.norm(mlstm(q, k, v, log_i, log_f).transpose(1, 2))  # (B, T, E)
        return self.down((h + self.skip * u) * F.silu(gate))  # (B, T, D)


class XLayer(nn.Module):
    """x + forward(norm(x)) + backward(norm(x)), of one or two blocks of one kind."""

    def __init__(
        self,
        block: type[SBlock | MBlock],
        dim: int,
        *,
        memory: int | None,
        heads: int,
        dropout: float,
        bidirectional: bool,
    ):
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.ahead = block(dim, memory=memory, heads=heads)
        self.back = block(dim, memory=memory, heads=heads) if bidirectional else None
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        # Zeros at padding: to the convolution, it is what lies before the first step.
        normed = self.norm(x).masked_fill(~mask[..., None], 0.0)
        mixed = self.ahead(normed, mask)  # (B, T, D)
        if self.back is not None:
            # Flipped, the padding comes first, and neither cell's state moves over it.
            mixed = mixed + self.back(normed.flip(1), mask.flip(1)).flip(1)
        return (x + self.dropout(mixed)).masked_fill(~mask[..., None], 0.0)


CELLS = {"s": SBlock, "m": MBlock}


class XLSTM(TemporalEncoder):
    """Pre-norm residual stack of xLSTM blocks, such as "sm" or "smm" from the input up; `dim_out` is D.

    `hidden` is the width of the memories, all heads together: by default D in an sLSTM block and 2 D in an mLSTM
    block. The layout is the xLSTM paper's. The published text xLSTM (8,147,131 parameters) is that of the package
    torchxlstm, whose memory is a product element by element rather than v kᵀ and whose normaliser mixes the batch:
    neither its figures nor its count are to be had from this one.
    """

    def __init__(
        self,
        dim: int,
        *,
        hidden: int | None,
        layers: int,
        dropout: float,
        bidirectional: bool,
        heads: int,
        cells: str,
    ):
        super().__init__()
        if not cells or set(cells) - CELLS.keys():
            raise ValueError(f'cells must be a row of "s" and "m", such as "sm"; {cells!r} is not')
        self.dim_out = dim
        self.layers = nn.ModuleList(
            XLayer(CELLS[cell], dim, memory=hidden, heads=heads, dropout=dropout, bidirectional=bidirectional)
            for cell in cells * layers
        )

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = x.masked_fill(~mask[..., None], 0.0)
        for layer in self.layers:
            x = layer(x, mask)  # (B, T, D)
        return x
