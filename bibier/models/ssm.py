"""The selective state-space scan (Mamba) and the block around it.

Dimension alphabet: B batch, T time, D model width, d inner channels, N states per channel, R rank of Δ, K taps of the
causal convolution.

The recurrence is the standard one (Gu & Dao 2023, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces",
section 3), per sequence and channel, with A negative and h_{-1} = 0:

    h_t = exp(Δ_t A) h_{t-1} + Δ_t B_t u_t
    y_t = <h_t, C_t> + D u_t

Four implementations of it: `scan_reference`, a loop to read; a numba kernel for the CPU and Triton kernels for a GPU,
each with its own backward; the CUDA kernel of the package mamba_ssm. `selective_scan` chooses, and `kernel` says which.
"""

import functools
import importlib
import math
import os
import shutil
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bibier.models import scan_kernel
from bibier.process import is_installed

CONV_TAPS = 4  # K, as published
DT_MIN, DT_MAX = 1e-3, 1e-1  # range of softplus(dt bias) at the start (Gu & Dao, section 3.6)
CHANNELS_PER_RANK = 16  # R = ceil(d / 16), as published
DOUBLINGS = 13  # of an exported graph: 8,192 steps, five minutes of voice
OLDEST_GPU = (7, 0)  # compute capability that Triton still compiles for


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


def scan_by_doubling(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    """The recurrence without a loop over time (Hillis & Steele, 1986): what an exported graph runs, of any length up to
    2**DOUBLINGS steps. Each pass adds to a step's state what came 1, 2, 4 … steps before it.

    Parameters and the result are those of `selective_scan`.
    """
    steps = u.shape[1]
    decay = torch.exp(delta[..., None] * A)  # (B, T, d, N)
    h = (delta * u)[..., None] * B[:, :, None, :]  # (B, T, d, N)
    for power in range(DOUBLINGS):
        before = (0, 0, 0, 0, 2**power, 0)  # of time
        h = h + decay * F.pad(h, before)[:, :steps]
        decay = decay * F.pad(decay, before)[:, :steps]  # 0 before the first step: nothing comes from there
    return (h * C[:, :, None, :]).sum(-1) + D * u


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
    `kernel` says which implementation runs. Tests run Triton's kernels in its interpreter; neither they nor mamba_ssm
    have been run on a GPU by the project: `benchmarks/gpu.py` does that where there is one.
    """
    batch, steps, d = u.shape
    state = A.shape[1]
    assert delta.shape == u.shape, f"delta {tuple(delta.shape)} and u {tuple(u.shape)} differ"
    assert A.shape[0] == d and D.shape == (d,), f"A {tuple(A.shape)} and D {tuple(D.shape)} want d = {d} channels"
    assert B.shape == C.shape == (batch, steps, state), f"B {tuple(B.shape)}, C {tuple(C.shape)} want (B, T, N)"
    if torch.onnx.is_in_onnx_export():  # a loop over time would be unrolled over the steps of the example
        return scan_by_doubling(u, delta, A, B, C, D)
    name = kernel(u.device, u.dtype).name if u.numel() else "reference"
    if name == "triton":  # which reads every dtype as it is
        from bibier.models import scan_triton

        return scan_triton.scan(u, delta, A, B, C, D)
    work = torch.float64 if u.dtype == torch.float64 else torch.float32
    args = [t.to(work) for t in (u, delta, A, B, C, D)]
    return {"mamba-ssm": _scan_mamba_ssm, "numba": scan_kernel.scan, "reference": scan_reference}[name](*args).to(
        u.dtype
    )


@dataclass(frozen=True)
class ScanKernel:
    """An implementation of the scan, "mamba-ssm", "triton", "numba" or "reference", and why it is this one."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name} ({self.reason})"


def kernel(device: torch.device | str | None = None, dtype: torch.dtype = torch.float32) -> ScanKernel:
    """Say which implementation of the scan runs on a device for inputs of a dtype, and why.

    On CUDA mamba_ssm if it can be imported, which has no float64; else Triton, which needs a GPU of compute capability
    7.0, a C compiler and Python's headers, but no nvcc. On the CPU numba. Everything else takes the reference loop.

    Parameters
    ----------
    device : torch.device or str, optional
        By default the GPU where there is one, else the CPU.
    """
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    if place.type == "cpu":
        if scan_kernel.kernels() is None:
            return ScanKernel("reference", "numba is not installed")
        return ScanKernel("numba", "on the CPU")
    if place.type != "cuda":
        return ScanKernel("reference", f"no kernel is written for {place.type}")
    index = torch.cuda.current_device() if place.index is None else place.index
    return _kernel_on_gpu(index, double=dtype == torch.float64)


@functools.cache
def _kernel_on_gpu(index: int, *, double: bool) -> ScanKernel:
    lacking = "mamba-ssm has no float64" if double else _fault("mamba_ssm", "ops.selective_scan_interface")
    if lacking is None:
        return ScanKernel("mamba-ssm", f"on {torch.cuda.get_device_name(index)}")
    without = _triton_fault(index)
    if without is None:
        return ScanKernel("triton", f"on {torch.cuda.get_device_name(index)}; {lacking}")
    return ScanKernel("reference", f"slow; {lacking}; {without}")


def _fault(package: str, module: str = "") -> str | None:
    """Why a package can't be used, or None. What was built for another torch is there and can't be imported."""
    if not is_installed(package):
        return f"{package} is not installed"
    try:
        importlib.import_module(f"{package}.{module}" if module else package)
    except (ImportError, OSError, RuntimeError) as error:
        return f"{package} can't be imported: {error}"
    return None


def _triton_fault(index: int) -> str | None:
    """Why Triton's kernels can't run on a GPU, or None. Triton builds a launcher in C on the first call."""
    fault = _fault("triton")
    if fault is not None:
        return fault
    capability = torch.cuda.get_device_capability(index)
    if torch.version.hip is None and capability < OLDEST_GPU:
        return "triton needs a GPU of compute capability {}.{}".format(*OLDEST_GPU) + ", this has {}.{}".format(
            *capability
        )
    if os.name == "posix":  # on Windows the package has a compiler of its own
        if not (os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")):
            return "triton needs a C compiler: install gcc"
        if not Path(sysconfig.get_paths()["include"], "Python.h").is_file():
            return "triton needs Python's headers: install python3-dev"
    return None


def warm() -> bool:
    """Compile the CPU kernel, or load it from numba's disk cache, by running forward and backward once.

    Takes seconds the first time, well under one from the cache. Call it from a thread while the interface starts; a
    scan that comes meanwhile waits for it.

    Returns
    -------
    bool
        False if numba is not there, and the reference loop serves instead.
    """
    if scan_kernel.kernels() is None:
        return False
    u, A, B = torch.ones(1, 2, 4, requires_grad=True), -torch.ones(4, 2), torch.ones(1, 2, 2)
    selective_scan(u, torch.ones(1, 2, 4), A, B, B, torch.ones(4)).sum().backward()
    with torch.no_grad():
        selective_scan(u, torch.ones(1, 2, 4), A, B, B, torch.ones(4))
    return True


_has = functools.cache(is_installed)


def _scan_mamba_ssm(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    """mamba_ssm's kernel, which wants time last. Not run by the project's tests: it needs a GPU and the package."""
    from mamba_ssm.ops.selective_scan_interface import selective_scan_fn  # pyright: ignore[reportMissingImports] CUDA only

    u, delta, B, C = (t.transpose(1, 2).contiguous() for t in (u, delta, B, C))  # (B, d, T) twice, (B, N, T) twice
    return selective_scan_fn(u, delta, A.contiguous(), B, C, D).transpose(1, 2)  # (B, T, d)


def causal_conv(a: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Depthwise causal convolution: (B, T, d), weight (K, d) with the oldest step first, bias (d,) -> (B, T, d).

    K shifted multiply-adds: on a CPU faster than Conv1d and its transposes. On CUDA the package causal_conv1d is called
    where it is installed; that call has not been run by the project's tests.
    """
    if a.is_cuda and _has("causal_conv1d"):
        from causal_conv1d import causal_conv1d_fn  # pyright: ignore[reportMissingImports] CUDA only

        return causal_conv1d_fn(a.transpose(1, 2).contiguous(), weight.T.contiguous(), bias).transpose(1, 2)
    taps, steps = len(weight), a.shape[1]
    padded = F.pad(a, (0, 0, taps - 1, 0))  # (B, T + K - 1, d)
    out = bias
    for k in range(taps):
        out = torch.addcmul(out, padded[:, k : k + steps], weight[k])  # (B, T, d)
    return out


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
        u = F.silu(causal_conv(a, self.conv_weight, self.conv_bias))  # (B, T, d)
        dt, b, c = self.x_proj(u).split([self.rank, self.state, self.state], dim=-1)  # (B, T, R), (B, T, N) twice
        delta = F.softplus(self.dt_proj(dt))  # (B, T, d)
        if mask is not None:
            delta = delta.masked_fill(~mask[..., None], 0.0)
        y = selective_scan(u, delta, -torch.exp(self.A_log), b, c, self.D)  # (B, T, d)
        return self.out_proj(y * F.silu(z))  # (B, T, D); SiLU(0) = 0 keeps padding at 0


def published_scan(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    """The recurrence of the published text encoder, whose decay is Δ exp(-A) in place of exp(Δ A).

        h_t = Δ_t exp(-A) h_{t-1} + Δ_t B_t u_t
        y_t = <h_t, C_t> + D u_t

    No discretisation of a continuous system: Δ = 0 forgets everything, and the state grows without bound where
    Δ > exp(A), with A = 1 from Δ > 2.718. Parameters and the result are those of `selective_scan`, but for A, which
    stands here for itself. For published weights only: a loop over time, differentiated by torch.
    """
    decay = torch.exp(-A)  # (d, N)
    h = u.new_zeros(u.shape[0], u.shape[2], A.shape[1])  # (B, d, N)
    ys = []
    for t in range(u.shape[1]):
        h = delta[:, t, :, None] * (decay * h + u[:, t, :, None] * B[:, t, None, :])  # (B, d, N)
        ys.append((h * C[:, t, None, :]).sum(-1))  # (B, d)
    y = torch.stack(ys, dim=1) if ys else torch.zeros_like(u)  # (B, T, d)
    return y + D * u


class PublishedMambaBlock(nn.Module):
    """The block of the published text encoder: `published_scan`, with D also the bias of Δ. Causal.

    Parameters are those of `MambaBlock`; there are d fewer weights, as Δ has no bias of its own.
    """

    def __init__(self, dim: int, *, inner: int | None = None, state: int = 16, rank: int | None = None):
        super().__init__()
        like = MambaBlock(dim, inner=inner, state=state, rank=rank)
        self.state, self.rank = like.state, like.rank
        self.in_proj, self.x_proj, self.out_proj = like.in_proj, like.x_proj, like.out_proj
        self.conv_weight, self.conv_bias = like.conv_weight, like.conv_bias
        inner = len(self.conv_bias)
        self.dt_proj = nn.Linear(self.rank, inner, bias=False)
        self.A = nn.Parameter(torch.arange(1.0, state + 1).repeat(inner, 1))  # (d, N)
        self.D = nn.Parameter(torch.ones(inner))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Mix along time: (B, T, D), right-padded mask (B, T) -> (B, T, D), exactly 0 at padding."""
        x = x.masked_fill(~mask[..., None], 0.0)
        a, z = self.in_proj(x).chunk(2, dim=-1)  # (B, T, d) each
        u = F.silu(causal_conv(a, self.conv_weight, self.conv_bias))  # (B, T, d)
        dt, b, c = self.x_proj(u).split([self.rank, self.state, self.state], dim=-1)  # (B, T, R), (B, T, N) twice
        delta = F.softplus(self.D + self.dt_proj(dt))  # (B, T, d)
        y = published_scan(u, delta, self.A, b, c, self.D)  # (B, T, d)
        # The gate is 0 at padding already, but a state that diverges over it would make that 0 a NaN.
        return self.out_proj(y * F.silu(z)).masked_fill(~mask[..., None], 0.0)  # (B, T, D)
