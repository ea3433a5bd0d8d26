"""The selective scan on the CPU: a numba kernel with its own backward, compiled when it is first needed.

Dimension alphabet: B batch, T time, d inner channels, N states per channel, S steps between two saved states. The
recurrence is that of `ssm`.

The numba kernel. One task is one sequence and one block of channels: all of them, unless there are more threads than
sequences. Memory decides its shape as much as arithmetic. Channels lie innermost: rows of u, Δ, y are read whole, as
they lie (a part of each row at a time was half as fast: the hardware no longer foresees it), loops vectorise without
horizontal sums, B_t and C_t are scalars. States go in fours (N is padded with states of zeros), so that a row is
loaded once for four. Rows are copied to buffers indexed from 0, as numba's test for negative indices stops the
vectoriser; and buffers are few, as LLVM tests each pair that it cannot tell apart before every inner loop.
The backward's inner loops take PART channels, so that its many buffers stay in the first-level cache.
"""

import functools
import itertools
import math
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

SAVE_EVERY = 16  # S: states kept for the backward are B T d N / S numbers, as many as u at N = 16
PART = 128  # channels in the backward's inner loops
LANES = 16  # channels are split between threads in multiples of one 512-bit vector of float32
WORK_PER_THREAD = 2_000_000  # state updates B T d N, about 1 ms: less is not worth a thread

# 2^r on [-1/2, 1/2] to 2e-7, by the polynomial of degree 5 through Chebyshev's nodes. Its constant is not taken but 1,
# so that a step of 0 leaves the state exactly as it was.
EXP2_POLYNOMIAL = np.polynomial.Chebyshev.interpolate(np.exp2, 5, domain=[-0.5, 0.5]).convert(
    kind=np.polynomial.Polynomial
)


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


def kernels():
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
        try:
            return numba.njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")(function)
        except RuntimeError:  # no place that numba may write its cache to
            return numba.njit(nogil=True, fastmath=FAST, error_model="numpy")(function)

    return jit(_forward), jit(_backward)


def _compiled() -> tuple[Callable, Callable]:
    """Return the kernels where they are known to be there."""
    both = kernels()
    assert both is not None, "numba is missing: ask kernels() first"
    return both


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
    return width, blocks, [(p, q) for p, q in itertools.pairwise(edges) if p < q]


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
    forward, _ = _compiled()
    inputs = _kernel_inputs(u, delta, A, B, C, D)
    states = inputs[2].shape[0]
    y = torch.empty(u.shape, dtype=u.dtype)
    saved = u.new_empty(u.shape[0], math.ceil(u.shape[1] / SAVE_EVERY) if save else 0, states, u.shape[2])
    outputs = _arrays(y, saved)
    width, _, ranges = _tasks(u, states)
    _run(lambda k, first, last: forward(*inputs, *outputs, save, width, first, last), ranges)
    return y, saved


def scan(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    """Run the kernel on CPU tensors of one dtype, float32 or float64; `kernels()` must not be None, nor `u` empty."""
    args = (u, delta, A, B, C, D)
    tracked = torch.is_grad_enabled() and any(t.requires_grad for t in args)
    return _KernelScan.apply(*args) if tracked else _kernel_forward(*args)[0]


class _KernelScan(torch.autograd.Function):
    @staticmethod
    def forward(ctx, u, delta, A, B, C, D):
        y, saved = _kernel_forward(u, delta, A, B, C, D, save=True)
        ctx.save_for_backward(u, delta, A, B, C, D, saved)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx, gy):  # pyright: ignore[reportIncompatibleMethodOverride] one output, so one gradient
        *args, saved = ctx.saved_tensors
        _, backward = _compiled()
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
