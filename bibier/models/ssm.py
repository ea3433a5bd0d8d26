"""The selective state-space scan (Mamba) and the block around it.

Dimension alphabet: B batch, T time, D model width, d inner channels, N states per channel, R rank of Δ, K taps of the
causal convolution, S steps between two saved states.

The recurrence is the standard one (Gu & Dao 2023, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces",
section 3), per sequence and channel, with A negative and h_{-1} = 0:

    h_t = exp(Δ_t A) h_{t-1} + Δ_t B_t u_t
    y_t = <h_t, C_t> + D u_t

Three implementations of it: `scan_reference`, a loop to read; a numba kernel for the CPU, with its own backward; the
CUDA kernel of the package mamba_ssm. `selective_scan` chooses.
"""

import functools
import importlib.util
import math
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

CONV_TAPS = 4  # K, as published
DT_MIN, DT_MAX = 1e-3, 1e-1  # range of softplus(dt bias) at the start (Gu & Dao, section 3.6)
CHANNELS_PER_RANK = 16  # R = ceil(d / 16), as published

SAVE_EVERY = 16  # S: states kept for the backward are B T d N / S numbers, as many as u at N = 16
PART = 128  # channels in the backward's inner loops
LANES = 16  # channels are split between threads in multiples of one 512-bit vector of float32
WORK_PER_THREAD = 2_000_000  # state updates B T d N, about 1 ms: less is not worth a thread

# 2^r on [-1/2, 1/2] to 2e-7, by the polynomial of degree 5 through Chebyshev's nodes. Its constant is not taken but 1,
# so that a step of 0 leaves the state exactly as it was.
EXP2_POLYNOMIAL = np.polynomial.Chebyshev.interpolate(np.exp2, 5, domain=[-0.5, 0.5]).convert(
    kind=np.polynomial.Polynomial
)


def scan_reference(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    """The recurrence word for word: a loop over time, differentiated by torch. Slow; the oracle of the fast kernels.

    Parameters and the result are those of `selective_scan`.
    """
    h = u.new_zeros(u.shape[0], u.shape[2], A.shape[1])  # (B, d, N)
    ys = []
    for t in range(u.shape[1]):
        decay = torch.exp(delta[:, t, :, None] * A)  # (B, d, N)
        drive = (delta[:, t] * u[:, t])[..., None] * B[:, t, None, :]  # (B, d, N)
        h = decay * h + drive  # (B, d, N)
        ys.append((h * C[:, t, None, :]).sum(-1))  # (B, d)
    y = torch.stack(ys, dim=1) if ys else torch.zeros_like(u)  # (B, T, d)
    return y + D * u


def selective_scan(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    """Run the selective scan.

    Parameters
    ----------
    u : Tensor (B, T, d)
        Input of the recurrence.
    delta : Tensor (B, T, d)
        Step size, after softplus, >= 0. A step of 0 leaves the state as it was.
    A : Tensor (d, N)
        Continuous-time decay rates, negative for a stable system: -exp(A_log).
    B, C : Tensor (B, T, N)
        Input and output maps of each step.
    D : Tensor (d,)
        Skip connection.

    Returns
    -------
    Tensor (B, T, d)
        Same dtype as `u`. Computed in float64 if `u` is float64, else in float32.

    Notes
    -----
    On CUDA with mamba_ssm installed its kernel is called; on the CPU the numba kernel if numba can be imported;
    everything else takes the reference loop. The CUDA call has not been run by the project's tests.
    """
    batch, steps, d = u.shape
    state = A.shape[1]
    assert delta.shape == u.shape, f"delta {tuple(delta.shape)} and u {tuple(u.shape)} differ"
    assert A.shape[0] == d and D.shape == (d,), f"A {tuple(A.shape)} and D {tuple(D.shape)} want d = {d} channels"
    assert B.shape == C.shape == (batch, steps, state), f"B {tuple(B.shape)}, C {tuple(C.shape)} want (B, T, N)"
    work = torch.float64 if u.dtype == torch.float64 else torch.float32
    args = [t.to(work) for t in (u, delta, A, B, C, D)]
    if u.is_cuda and work == torch.float32 and _has_mamba_ssm():
        y = _scan_cuda(*args)
    elif u.device.type == "cpu" and u.numel() and _kernels() is not None:
        tracked = torch.is_grad_enabled() and any(t.requires_grad for t in args)
        y = _KernelScan.apply(*args) if tracked else _kernel_forward(*args)[0]
    else:
        y = scan_reference(*args)
    return y.to(u.dtype)


def warm() -> bool:
    """Compile the CPU kernel, or load it from numba's disk cache, by running forward and backward once.

    Takes seconds the first time, well under one from the cache. Call it from a thread while the interface starts; a
    scan that comes meanwhile waits for it.

    Returns
    -------
    bool
        False if numba is not there, and the reference loop serves instead.
    """
    if _kernels() is None:
        return False
    u, A, B = torch.ones(1, 2, 4, requires_grad=True), -torch.ones(4, 2), torch.ones(1, 2, 2)
    selective_scan(u, torch.ones(1, 2, 4), A, B, B, torch.ones(4)).sum().backward()
    with torch.no_grad():
        selective_scan(u, torch.ones(1, 2, 4), A, B, B, torch.ones(4))
    return True


@functools.cache
def _has_mamba_ssm() -> bool:
    return importlib.util.find_spec("mamba_ssm") is not None


def _scan_cuda(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    """mamba_ssm's kernel, which wants time last. Not run by the project's tests: it needs a GPU and the package."""
    from mamba_ssm.ops.selective_scan_interface import selective_scan_fn

    u, delta, B, C = (t.transpose(1, 2).contiguous() for t in (u, delta, B, C))  # (B, d, T) twice, (B, N, T) twice
    return selective_scan_fn(u, delta, A.contiguous(), B, C, D).transpose(1, 2)  # (B, T, d)


# The numba kernel. One task is one sequence and one block of channels: all of them, unless there are more threads than
# sequences. Memory decides its shape as much as arithmetic. Channels lie innermost: rows of u, Δ, y are read whole, as
# they lie (a part of each row at a time was half as fast: the hardware no longer foresees it), loops vectorise without
# horizontal sums, B_t and C_t are scalars. States go in fours (N is padded with states of zeros), so that a row is
# loaded once for four. Rows are copied to buffers indexed from 0, as numba's test for negative indices stops the
# vectoriser; and buffers are few, as LLVM tests each pair that it cannot tell apart before every inner loop.
# The backward's inner loops take PART channels, so that its many buffers stay in the first-level cache.


def _exp2(x):
    """2^x. In the kernels `_register_exp2` replaces it by code that LLVM vectorises."""
    return 2.0**x


def _forward(u, delta, A, B, C, D, y, saved, save, width, first, last):
    """Tasks first..last. A is (N, d), times log2 e; saved (B, ceil(T / S), N, d) gets h before each S-th step."""
    _, T, d = u.shape
    N = A.shape[0]
    blocks = (d + width - 1) // width
    h, a = np.empty((N, width), u.dtype), np.empty((N, width), u.dtype)
    dt, drive, out = np.empty(width, u.dtype), np.empty(width, u.dtype), np.empty(width, u.dtype)
    for task in range(first, last):
        i, c0 = task // blocks, task % blocks * width
        w = min(width, d - c0)
        for n in range(N):
            for c in range(w):
                h[n, c] = 0
                a[n, c] = A[n, c0 + c]
        for t in range(T):
            if save and t % SAVE_EVERY == 0:
                for n in range(N):
                    for c in range(w):
                        saved[i, t // SAVE_EVERY, n, c0 + c] = h[n, c]
            for c in range(w):
                x = u[i, t, c0 + c]
                dt[c] = delta[i, t, c0 + c]
                drive[c] = dt[c] * x
                out[c] = D[c0 + c] * x
            for n in range(0, N, 4):
                b0, b1, b2, b3 = B[i, t, n], B[i, t, n + 1], B[i, t, n + 2], B[i, t, n + 3]
                r0, r1, r2, r3 = C[i, t, n], C[i, t, n + 1], C[i, t, n + 2], C[i, t, n + 3]
                for c in range(w):
                    h0 = _exp2(dt[c] * a[n, c]) * h[n, c] + drive[c] * b0
                    h1 = _exp2(dt[c] * a[n + 1, c]) * h[n + 1, c] + drive[c] * b1
                    h2 = _exp2(dt[c] * a[n + 2, c]) * h[n + 2, c] + drive[c] * b2
                    h3 = _exp2(dt[c] * a[n + 3, c]) * h[n + 3, c] + drive[c] * b3
                    h[n, c], h[n + 1, c], h[n + 2, c], h[n + 3, c] = h0, h1, h2, h3
                    out[c] += (h0 * r0 + h1 * r1) + (h2 * r2 + h3 * r3)
            for c in range(w):
                y[i, t, c0 + c] = out[c]


# Layout of the backward's buffers, in runs of PART channels: constants, so that LLVM sees that runs do not overlap.
P1, P2, P3 = PART, 2 * PART, 3 * PART
DT, DRIVE, GY, GDT, GDRIVE, ROW = (k * PART for k in range(6))  # of one step
RATE, STATE, GSTATE, GRATE, CARRY = (4 * k * PART for k in range(5))  # of four states
DECAY, KEPT, BOTH = (4 * k * PART for k in range(3))  # of four states at one step: a_t, and a_t h_{t-1}


def _backward(u, delta, A, B, C, D, saved, gy, gu, gdelta, gA, gB, gC, gD, width, first, last):
    """Gradients of tasks first..last, a stretch of S steps at a time, from the last stretch back.

    With g_t = dL/dh_t: g_t = gy_t C_t + a_{t+1} g_{t+1}, and dL/d(Δ_t A) = g_t a_t h_{t-1}. Added to: gA (N, d) and
    gD (d,), this thread's own, and gB and gC (blocks, B, T, N), which are to be summed over blocks.
    """
    _, T, d = u.shape
    N = A.shape[0]
    blocks, parts, fours = (d + width - 1) // width, (width + PART - 1) // PART, N // 4
    zero = u.dtype.type(0)
    ln2 = u.dtype.type(0.6931471805599453)  # A holds rates times log2 e
    rows = np.empty((SAVE_EVERY, parts, ROW), u.dtype)
    carries = np.empty((parts, fours, CARRY), u.dtype)
    stretch = np.empty((SAVE_EVERY, fours, BOTH), u.dtype)
    for task in range(first, last):
        i, block = task // blocks, task % blocks
        c0 = block * width
        c1 = min(c0 + width, d)
        parts = (c1 - c0 + PART - 1) // PART
        carries[:] = 0
        for p in range(parts):
            p0 = c0 + p * PART
            for n in range(N):
                for c in range(min(PART, c1 - p0)):
                    carries[p, n // 4, RATE + n % 4 * PART + c] = A[n, p0 + c]
        for s in range(saved.shape[1] - 1, -1, -1):
            t0, t1 = s * SAVE_EVERY, min((s + 1) * SAVE_EVERY, T)
            for t in range(t0, t1):
                for p in range(parts):
                    row, p0 = rows[t - t0, p], c0 + p * PART
                    for c in range(min(PART, c1 - p0)):
                        row[DT + c] = delta[i, t, p0 + c]
                        row[DRIVE + c] = row[DT + c] * u[i, t, p0 + c]
                        row[GY + c] = gy[i, t, p0 + c]
                        row[GDT + c] = 0
                        row[GDRIVE + c] = 0
            for p in range(parts):
                p0 = c0 + p * PART
                w = min(PART, c1 - p0)
                for n in range(N):
                    for c in range(w):
                        carries[p, n // 4, STATE + n % 4 * PART + c] = saved[i, s, n, p0 + c]
                for t in range(t0, t1):  # the states of the stretch again, and what needs only them
                    row = rows[t - t0, p]
                    for q in range(fours):
                        n, carry, kept = 4 * q, carries[p, q], stretch[t - t0, q]
                        b0, b1, b2, b3 = B[i, t, n], B[i, t, n + 1], B[i, t, n + 2], B[i, t, n + 3]
                        gr0, gr1, gr2, gr3 = zero, zero, zero, zero
                        for c in range(w):
                            a0 = _exp2(row[DT + c] * carry[RATE + c])
                            a1 = _exp2(row[DT + c] * carry[RATE + P1 + c])
                            a2 = _exp2(row[DT + c] * carry[RATE + P2 + c])
                            a3 = _exp2(row[DT + c] * carry[RATE + P3 + c])
                            k0 = a0 * carry[STATE + c]
                            k1 = a1 * carry[STATE + P1 + c]
                            k2 = a2 * carry[STATE + P2 + c]
                            k3 = a3 * carry[STATE + P3 + c]
                            h0 = k0 + row[DRIVE + c] * b0
                            h1 = k1 + row[DRIVE + c] * b1
                            h2 = k2 + row[DRIVE + c] * b2
                            h3 = k3 + row[DRIVE + c] * b3
                            gr0 += row[GY + c] * h0
                            gr1 += row[GY + c] * h1
                            gr2 += row[GY + c] * h2
                            gr3 += row[GY + c] * h3
                            kept[DECAY + c], kept[DECAY + P1 + c] = a0, a1
                            kept[DECAY + P2 + c], kept[DECAY + P3 + c] = a2, a3
                            kept[KEPT + c], kept[KEPT + P1 + c] = k0, k1
                            kept[KEPT + P2 + c], kept[KEPT + P3 + c] = k2, k3
                            carry[STATE + c], carry[STATE + P1 + c] = h0, h1
                            carry[STATE + P2 + c], carry[STATE + P3 + c] = h2, h3
                        gC[block, i, t, n] += gr0
                        gC[block, i, t, n + 1] += gr1
                        gC[block, i, t, n + 2] += gr2
                        gC[block, i, t, n + 3] += gr3
                for t in range(t1 - 1, t0 - 1, -1):
                    row = rows[t - t0, p]
                    for q in range(fours):
                        n, carry, kept = 4 * q, carries[p, q], stretch[t - t0, q]
                        b0, b1, b2, b3 = B[i, t, n], B[i, t, n + 1], B[i, t, n + 2], B[i, t, n + 3]
                        r0, r1, r2, r3 = C[i, t, n], C[i, t, n + 1], C[i, t, n + 2], C[i, t, n + 3]
                        gb0, gb1, gb2, gb3 = zero, zero, zero, zero
                        for c in range(w):
                            g0 = carry[GSTATE + c] + row[GY + c] * r0
                            g1 = carry[GSTATE + P1 + c] + row[GY + c] * r1
                            g2 = carry[GSTATE + P2 + c] + row[GY + c] * r2
                            g3 = carry[GSTATE + P3 + c] + row[GY + c] * r3
                            x0 = g0 * kept[KEPT + c]
                            x1 = g1 * kept[KEPT + P1 + c]
                            x2 = g2 * kept[KEPT + P2 + c]
                            x3 = g3 * kept[KEPT + P3 + c]
                            gb0 += g0 * row[DRIVE + c]
                            gb1 += g1 * row[DRIVE + c]
                            gb2 += g2 * row[DRIVE + c]
                            gb3 += g3 * row[DRIVE + c]
                            row[GDRIVE + c] += (g0 * b0 + g1 * b1) + (g2 * b2 + g3 * b3)
                            row[GDT + c] += x0 * carry[RATE + c] + x1 * carry[RATE + P1 + c]
                            row[GDT + c] += x2 * carry[RATE + P2 + c] + x3 * carry[RATE + P3 + c]
                            carry[GRATE + c] += x0 * row[DT + c]
                            carry[GRATE + P1 + c] += x1 * row[DT + c]
                            carry[GRATE + P2 + c] += x2 * row[DT + c]
                            carry[GRATE + P3 + c] += x3 * row[DT + c]
                            carry[GSTATE + c] = g0 * kept[DECAY + c]
                            carry[GSTATE + P1 + c] = g1 * kept[DECAY + P1 + c]
                            carry[GSTATE + P2 + c] = g2 * kept[DECAY + P2 + c]
                            carry[GSTATE + P3 + c] = g3 * kept[DECAY + P3 + c]
                        gB[block, i, t, n] += gb0
                        gB[block, i, t, n + 1] += gb1
                        gB[block, i, t, n + 2] += gb2
                        gB[block, i, t, n + 3] += gb3
            for t in range(t0, t1):
                for p in range(parts):
                    row, p0 = rows[t - t0, p], c0 + p * PART
                    for c in range(min(PART, c1 - p0)):
                        x = u[i, t, p0 + c]
                        gu[i, t, p0 + c] = row[GDRIVE + c] * row[DT + c] + row[GY + c] * D[p0 + c]
                        gdelta[i, t, p0 + c] = row[GDRIVE + c] * x + row[GDT + c] * ln2
                        gD[p0 + c] += row[GY + c] * x
        for p in range(parts):
            p0 = c0 + p * PART
            for n in range(N):
                for c in range(min(PART, c1 - p0)):
                    gA[n, p0 + c] += carries[p, n // 4, GRATE + n % 4 * PART + c]


FAST = {"reassoc", "contract", "nsz", "arcp", "afn"}  # LLVM's fast-math but for NaN and infinity, which stay themselves
_compiling = threading.Lock()


def _kernels():
    """The compiled (forward, backward), or None without numba."""
    with _compiling:
        return _compile()


@functools.cache
def _compile():
    try:
        import numba
    except ImportError:
        return None
    _register_exp2(numba)

    def jit(function):
        options = dict(nogil=True, fastmath=FAST, error_model="numpy")
        try:
            return numba.njit(cache=True, **options)(function)
        except RuntimeError:  # no place that numba may write its cache to
            return numba.njit(**options)(function)

    return jit(_forward), jit(_backward)


def _register_exp2(numba) -> None:
    """Teach numba an `_exp2` without a call or a branch: libm's would keep the loops scalar."""
    one = np.float32(1)
    c1, c2, c3, c4, c5 = (np.float32(c) for c in EXP2_POLYNOMIAL.coef[1:])
    lowest, highest = np.float32(-126), np.float32(127)  # exponents of normal numbers
    magic = np.float32(1.5 * 2**23)

    # Not "reassoc": x - (k - 1024) turned into (x + 1024) - k would lose ten bits.
    @numba.extending.overload(_exp2, jit_options={"fastmath": {"contract", "nsz"}})
    def _(x):
        if x != numba.float32:
            return lambda x: np.exp2(x)

        def exp2(x):
            x = min(max(x, lowest), highest)
            rounded = np.float32(x + magic)
            r = x - (rounded - magic)
            power = np.float32(one + r * (c1 + r * (c2 + r * (c3 + r * (c4 + r * c5)))))
            return np.int32(power.view(np.int32) + np.int32(rounded.view(np.int32) << np.int32(23))).view(np.float32)

        return exp2


def _tasks(u: Tensor, state: int) -> tuple[int, int, list[tuple[int, int]]]:
    """Channels of a block, number of blocks, and each thread's range of tasks."""
    batch, steps, d = u.shape
    threads = max(1, min(torch.get_num_threads(), batch * steps * d * state // WORK_PER_THREAD))
    blocks = math.ceil(threads / batch)
    width = math.ceil(d / blocks / LANES) * LANES
    blocks = math.ceil(d / width)
    edges = [batch * blocks * k // threads for k in range(threads + 1)]
    return width, blocks, [(p, q) for p, q in zip(edges, edges[1:], strict=False) if p < q]


def _run(kernel, ranges) -> None:
    """Call kernel(k, first, last) for the k-th range. The kernels hold no GIL, so threads run side by side."""
    if len(ranges) == 1:
        kernel(0, *ranges[0])
        return
    with ThreadPoolExecutor(len(ranges)) as pool:
        list(pool.map(lambda k: kernel(k, *ranges[k]), range(len(ranges))))


def _arrays(*tensors: Tensor) -> list[np.ndarray]:
    return [t.detach().contiguous().numpy() for t in tensors]


def _kernel_inputs(u, delta, A, B, C, D) -> list[np.ndarray]:
    """What both kernels take first: N a multiple of four; A as (N, d) times log2 e, as exp(Δ A) = 2^(Δ A log2 e)."""
    more = -A.shape[1] % 4
    rates = F.pad(A.detach() * math.log2(math.e), (0, more)).t()  # (N, d)
    return _arrays(u, delta, rates, F.pad(B.detach(), (0, more)), F.pad(C.detach(), (0, more)), D)


def _kernel_forward(u, delta, A, B, C, D, *, save: bool = False) -> tuple[Tensor, Tensor]:
    """y (B, T, d), and the states before each S-th step, (B, ceil(T / S), N, d), none unless they are to be saved."""
    forward, _ = _kernels()
    inputs = _kernel_inputs(u, delta, A, B, C, D)
    states = inputs[2].shape[0]
    y = torch.empty(u.shape, dtype=u.dtype)
    saved = u.new_empty(u.shape[0], math.ceil(u.shape[1] / SAVE_EVERY) if save else 0, states, u.shape[2])
    outputs = _arrays(y, saved)
    width, _, ranges = _tasks(u, states)
    _run(lambda k, first, last: forward(*inputs, *outputs, save, width, first, last), ranges)
    return y, saved


class _KernelScan(torch.autograd.Function):
    @staticmethod
    def forward(ctx, u, delta, A, B, C, D):
        y, saved = _kernel_forward(u, delta, A, B, C, D, save=True)
        ctx.save_for_backward(u, delta, A, B, C, D, saved)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx, gy):
        *args, saved = ctx.saved_tensors
        _, backward = _kernels()
        inputs = _kernel_inputs(*args)
        u, state, states = args[0], args[2].shape[1], inputs[2].shape[0]
        width, blocks, ranges = _tasks(u, states)
        gu, gdelta = torch.empty(u.shape, dtype=u.dtype), torch.empty(u.shape, dtype=u.dtype)
        gB, gC = (u.new_zeros(blocks, *u.shape[:2], states) for _ in range(2))
        gA, gD = u.new_zeros(len(ranges), states, u.shape[2]), u.new_zeros(len(ranges), u.shape[2])
        inputs += _arrays(saved, gy)
        shared, per_thread = _arrays(gu, gdelta), [_arrays(gA[k], gB, gC, gD[k]) for k in range(len(ranges))]
        _run(lambda k, first, last: backward(*inputs, *shared, *per_thread[k], width, first, last), ranges)
        return gu, gdelta, gA.sum(0)[:state].t(), gB.sum(0)[..., :state], gC.sum(0)[..., :state], gD.sum(0)


class MambaBlock(nn.Module):
    """One Mamba block (Gu & Dao, figure 3), without the norm and the residual, which belong to the stack.

    Parameters
    ----------
    dim : int
        D, width of input and output.
    inner : int, optional
        d, channels of the scan; 2 D by default.
    state : int
        N, states per channel.
    rank : int, optional
        R, rank of the projection that makes Δ; ceil(d / 16) by default.
    """

    def __init__(self, dim: int, *, inner: int | None = None, state: int = 16, rank: int | None = None):
        super().__init__()
        inner = 2 * dim if inner is None else inner
        self.state = state
        self.rank = math.ceil(inner / CHANNELS_PER_RANK) if rank is None else rank
        self.in_proj = nn.Linear(dim, 2 * inner, bias=False)
        bound = 1 / math.sqrt(CONV_TAPS)  # Conv1d's own start for a depthwise kernel
        self.conv_weight = nn.Parameter(torch.empty(CONV_TAPS, inner).uniform_(-bound, bound))  # oldest step first
        self.conv_bias = nn.Parameter(torch.empty(inner).uniform_(-bound, bound))
        self.x_proj = nn.Linear(inner, self.rank + 2 * state, bias=False)
        self.dt_proj = nn.Linear(self.rank, inner)
        self.A_log = nn.Parameter(torch.arange(1.0, state + 1).log().repeat(inner, 1))  # (d, N)
        self.D = nn.Parameter(torch.ones(inner))
        self.out_proj = nn.Linear(inner, dim, bias=False)
        self._init_dt()

    @torch.no_grad()
    def _init_dt(self) -> None:
        """Spread the first step sizes log-uniformly over [DT_MIN, DT_MAX], so that channels differ in memory length."""
        nn.init.uniform_(self.dt_proj.weight, -(self.rank**-0.5), self.rank**-0.5)
        log_dt = torch.empty_like(self.dt_proj.bias).uniform_(math.log(DT_MIN), math.log(DT_MAX))
        dt = log_dt.exp()
        self.dt_proj.bias.copy_(dt + torch.log(-torch.expm1(-dt)))  # softplus⁻¹(dt)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Mix along time.

        Parameters
        ----------
        x : Tensor (B, T, D)
        mask : Tensor (B, T) of bool, optional
            True where valid. What stands at the other positions, wherever they lie, changes nothing elsewhere: they
            enter the convolution as zeros and leave the state as it was (Δ = 0).

        Returns
        -------
        Tensor (B, T, D)
            Exactly 0 where the mask is False.
        """
        if mask is not None:
            x = x.masked_fill(~mask[..., None], 0.0)
        a, z = self.in_proj(x).chunk(2, dim=-1)  # (B, T, d) each; 0 at padding, as there is no bias
        u = F.silu(self._causal_conv(a))  # (B, T, d)
        dt, b, c = self.x_proj(u).split([self.rank, self.state, self.state], dim=-1)  # (B, T, R), (B, T, N) twice
        delta = F.softplus(self.dt_proj(dt))  # (B, T, d)
        if mask is not None:
            delta = delta.masked_fill(~mask[..., None], 0.0)
        y = selective_scan(u, delta, -torch.exp(self.A_log), b, c, self.D)  # (B, T, d)
        return self.out_proj(y * F.silu(z))  # (B, T, D); SiLU(0) = 0 keeps padding at 0

    def _causal_conv(self, a: Tensor) -> Tensor:
        """Depthwise causal convolution as K shifted multiply-adds: on a CPU faster than Conv1d and its transposes."""
        steps = a.shape[1]
        padded = F.pad(a, (0, 0, CONV_TAPS - 1, 0))  # (B, T + K - 1, d)
        out = self.conv_bias
        for k in range(CONV_TAPS):
            out = torch.addcmul(out, padded[:, k : k + steps], self.conv_weight[k])  # (B, T, d)
        return out
