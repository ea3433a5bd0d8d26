"""The selective scan on a GPU: two Triton kernels, which are compiled when they are first needed, without nvcc.

Dimension alphabet: B batch, T time, d inner channels, N states per channel, S steps of a stretch. The recurrence is
that of `ssm`. Importing this module imports triton.

One program is one sequence and one block of channels; it keeps their states, (channels, N), in registers and walks
through time. Inputs are read in their own dtype, states are float32 (float64 if u is). The backward takes stretches of
S steps, the last first: the forward kernel makes the states of the stretch again from the one that was kept before it,
then the backward kernel reads them from the end. Two launches a stretch, so that no program reads what it wrote itself;
and what several programs add to is written apart and summed by torch, so that the same input gives the same gradients.

The tests run the kernels in Triton's interpreter. After a change here also compile them, which needs no GPU:
`python -m benchmarks.gpu --compile 75 80 90`.
"""

# Triton reads the kernels, not pyright:
# pyright: reportCallIssue=false, reportGeneralTypeIssues=false, reportArgumentType=false

import contextlib
import math

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.autograd.function import once_differentiable

STRETCH = 128  # S: the backward holds B S d N states; kept between forward and backward are B T d N / S
TILE = 256  # channels times states of a program of one warp: eight of each tensor in a thread's registers
COMPILER = {"num_warps": 1, "enable_fp_fusion": True}  # multiply-adds in one, whatever Triton's default is
STAGES = tl.constexpr(3)  # steps whose rows are on their way while one is worked on


@triton.jit
def _forward(
    u, delta, rates, B, C, D, start, y, saved, first, last, T, d, N,
    START: tl.constexpr, OUTPUT: tl.constexpr, EVERY: tl.constexpr,
    STATE: tl.constexpr, CHANNELS: tl.constexpr, STATES: tl.constexpr,
):  # fmt: skip
    """Steps first..last: with OUTPUT y (B, T, d); with EVERY h before each such step, saved (steps / EVERY, B, d, N).

    rates is A (d, N) times log2 e; h begins at start (B, d, N) with START, else at 0.
    """
    b, batch = tl.program_id(0).to(tl.int64), tl.num_programs(0)
    c = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    n = tl.arange(0, STATES)
    in_row, in_map = c < d, n < N
    tile, in_tile = c[:, None] * N + n[None, :], in_row[:, None] & in_map[None, :]  # of one (d, N)
    rate = tl.load(rates + tile, mask=in_tile, other=0.0)
    skip = tl.load(D + c, mask=in_row, other=0.0).to(STATE)
    h = tl.zeros([CHANNELS, STATES], STATE)
    if START:
        h = tl.load(start + b * d * N + tile, mask=in_tile, other=0.0)
    for t in tl.range(first, last, num_stages=STAGES):
        if EVERY:
            place = ((t - first) // EVERY * batch + b) * d * N
            due = (t - first) % EVERY == tl.zeros([CHANNELS, STATES], tl.int32)
            tl.store(saved + place + tile, h, mask=in_tile & due)
        row, at = (b * T + t) * d + c, (b * T + t) * N + n
        x = tl.load(u + row, mask=in_row, other=0.0).to(STATE)
        dt = tl.load(delta + row, mask=in_row, other=0.0).to(STATE)
        drive = tl.load(B + at, mask=in_map, other=0.0).to(STATE)
        h = tl.exp2(dt[:, None] * rate) * h + (dt * x)[:, None] * drive[None, :]  # (channels, N)
        if OUTPUT:
            read = tl.load(C + at, mask=in_map, other=0.0).to(STATE)
            tl.store(y + row, tl.sum(h * read[None, :], axis=1) + skip * x, mask=in_row)


@triton.jit
def _backward(
    u, delta, rates, B, C, D, gy, states, carry, gu, gdelta, gA, gB, gC, gD, first, last, T, d, N,
    STRETCH: tl.constexpr, STATE: tl.constexpr, CHANNELS: tl.constexpr, STATES: tl.constexpr,
):  # fmt: skip
    """Gradients of steps first..last, the last first; states (S, B, d, N) holds h before each.

    With g_t = dL/dh_t: g_t = gy_t C_t + a_{t+1} g_{t+1}, and dL/d(Δ_t A) = g_t a_t h_{t-1}. carry (B, d, N) brings
    a_{t+1} g_{t+1} from one stretch to the one before it. Added to are gA (B, d, N) and gD (B, d), this program's own;
    gB and gC (blocks, B, S, N), this program's own too, are written.
    """
    b, batch = tl.program_id(0).to(tl.int64), tl.num_programs(0)
    c = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    n = tl.arange(0, STATES)
    in_row, in_map = c < d, n < N
    tile, in_tile = c[:, None] * N + n[None, :], in_row[:, None] & in_map[None, :]
    own = b * d * N + tile
    rate = tl.load(rates + tile, mask=in_tile, other=0.0)
    skip = tl.load(D + c, mask=in_row, other=0.0).to(STATE)
    ahead = tl.load(carry + own, mask=in_tile, other=0.0)
    grate = tl.load(gA + own, mask=in_tile, other=0.0)
    gskip = tl.load(gD + b * d + c, mask=in_row, other=0.0)
    for step in tl.range(0, last - first, num_stages=STAGES):
        t = last - 1 - step
        row, at = (b * T + t) * d + c, (b * T + t) * N + n
        x = tl.load(u + row, mask=in_row, other=0.0).to(STATE)
        dt = tl.load(delta + row, mask=in_row, other=0.0).to(STATE)
        up = tl.load(gy + row, mask=in_row, other=0.0).to(STATE)
        drive = tl.load(B + at, mask=in_map, other=0.0).to(STATE)
        read = tl.load(C + at, mask=in_map, other=0.0).to(STATE)
        before = tl.load(states + ((t - first) * batch + b) * d * N + tile, mask=in_tile, other=0.0)
        decay = tl.exp2(dt[:, None] * rate)  # (channels, N), as all until the sums
        kept = decay * before
        pushed = (dt * x)[:, None]
        h = kept + pushed * drive[None, :]
        g = ahead + up[:, None] * read[None, :]
        turned = g * kept
        ahead = g * decay
        grate += turned * dt[:, None]
        gskip += up * x
        gdrive = tl.sum(g * drive[None, :], axis=1)  # (channels,)
        gdt = tl.sum(turned * rate, axis=1) * 0.6931471805599453  # ln 2: rates are times log2 e
        tl.store(gu + row, gdrive * dt + up * skip, mask=in_row)
        tl.store(gdelta + row, gdrive * x + gdt, mask=in_row)
        part = ((tl.program_id(1) * batch + b) * STRETCH + t - first) * N + n
        tl.store(gB + part, tl.sum(g * pushed, axis=0), mask=in_map)
        tl.store(gC + part, tl.sum(h * up[:, None], axis=0), mask=in_map)
    tl.store(carry + own, ahead, mask=in_tile)
    tl.store(gA + own, grate, mask=in_tile)
    tl.store(gD + b * d + c, gskip, mask=in_row)


def _layout(u: Tensor, state: int) -> tuple[tuple[int, int], dict]:
    """Return the grid (B, blocks of channels), and what every launch is given by name."""
    batch, _, d = u.shape
    states = triton.next_power_of_2(state)
    channels = min(triton.next_power_of_2(d), max(1, TILE // states))
    kept_in = tl.float64 if u.dtype == torch.float64 else tl.float32
    grid = (batch, triton.cdiv(d, channels))
    return grid, {"STATE": kept_in, "CHANNELS": channels, "STATES": states, **COMPILER}


def _inputs(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> list[Tensor]:
    """Return what both kernels take first, each as it lies in memory: A times log2 e, as exp(Δ A) = 2^(Δ A log2 e)."""
    rates = A.detach().to(_state(u)) * math.log2(math.e)
    return [t.detach().contiguous() for t in (u, delta, rates, B, C, D)]


def _state(u: Tensor) -> torch.dtype:
    return torch.float64 if u.dtype == torch.float64 else torch.float32


def _on(u: Tensor) -> contextlib.AbstractContextManager:
    """Launch on the GPU that holds u, which need not be the current one."""
    return torch.cuda.device(u.device) if u.is_cuda else contextlib.nullcontext()


def _launch_forward(inputs: list[Tensor], *, save: bool) -> tuple[Tensor, Tensor]:
    """Return y (B, T, d), and the states before each stretch, (stretches, B, d, N); none of them without `save`."""
    u, (d, state) = inputs[0], inputs[2].shape
    grid, named = _layout(u, state)
    y = torch.empty_like(u)
    saved = inputs[2].new_empty(math.ceil(u.shape[1] / STRETCH) if save else 0, u.shape[0], d, state)
    every = STRETCH if save else 0
    with _on(u):
        _forward[grid](
            *inputs, y, y, saved, 0, u.shape[1], u.shape[1], d, state, START=False, OUTPUT=True, EVERY=every, **named
        )
    return y, saved


def scan(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    """Run the kernels: as `ssm.selective_scan`, with inputs of any floating dtype; `u` must not be empty."""
    args = (u, delta, A, B, C, D)
    if torch.is_grad_enabled() and any(t.requires_grad for t in args):
        return _TritonScan.apply(*args)
    return _launch_forward(_inputs(*args), save=False)[0]


class _TritonScan(torch.autograd.Function):
    @staticmethod
    def forward(ctx, u, delta, A, B, C, D):
        y, saved = _launch_forward(_inputs(u, delta, A, B, C, D), save=True)
        ctx.save_for_backward(u, delta, A, B, C, D, saved)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx, gy):  # pyright: ignore[reportIncompatibleMethodOverride] one output, so one gradient
        *args, saved = ctx.saved_tensors
        inputs, gy = _inputs(*args), gy.contiguous()
        u, rates, (batch, steps, d) = inputs[0], inputs[2], inputs[0].shape
        state = rates.shape[1]
        grid, named = _layout(u, state)
        most = min(steps, STRETCH)
        states = rates.new_empty(most, batch, d, state)
        carry, gA = rates.new_zeros(batch, d, state), rates.new_zeros(batch, d, state)
        gD = rates.new_zeros(batch, d)
        gu, gdelta = torch.empty_like(u), torch.empty_like(inputs[1])
        gB, gC = rates.new_empty(batch, steps, state), rates.new_empty(batch, steps, state)
        parts = rates.new_empty(2, grid[1], batch, STRETCH, state)  # of gB and gC, by block of channels
        with _on(u):
            for k in range(len(saved) - 1, -1, -1):
                first, last = k * STRETCH, min((k + 1) * STRETCH, steps)
                extent = (first, last, steps, d, state)
                _forward[grid](*inputs, saved[k], u, states, *extent, START=True, OUTPUT=False, EVERY=1, **named)
                gradients = (gu, gdelta, gA, parts[0], parts[1], gD)
                _backward[grid](*inputs, gy, states, carry, *gradients, *extent, STRETCH=STRETCH, **named)
                gB[:, first:last], gC[:, first:last] = parts[..., : last - first, :].sum(1)
        made = (gu, gdelta, gA.sum(0), gB, gC, gD.sum(0))
        return tuple(g.to(t.dtype) for g, t in zip(made, args, strict=True))
