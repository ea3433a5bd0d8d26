"""The selective scan against a plain Python loop over time: python -m benchmarks.scan

Dimension alphabet: B batch, T time, d channels, N states. Both scans take turns within one run, and the medians are
compared: on a busy machine only such ratios mean anything. To reach on the first shape, one thread: at least 12 times
forward and 20 times forward + backward.
"""

import argparse
import gc
import statistics
import time

import torch
from torch import Tensor

from bibier.models.ssm import selective_scan, warm

SHAPES = [(32, 95, 512, 16), (16, 300, 256, 16), (4, 1500, 512, 16)]  # (B, T, d, N)


def plain_loop(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    """The peer, as published: everything of (B, T, d, N) in memory, a loop over time, and torch's own backward."""
    decay = torch.exp(delta[..., None] * A)  # (B, T, d, N)
    drive = (delta * u)[..., None] * B[:, :, None, :]  # (B, T, d, N)
    h = torch.zeros_like(decay[:, 0])  # (B, d, N)
    states = []
    for a, x in zip(decay.unbind(1), drive.unbind(1), strict=True):
        h = a * h + x
        states.append(h)
    return torch.einsum("btdn,btn->btd", torch.stack(states, 1), C) + D * u


def inputs(shape: tuple[int, int, int, int]) -> list[Tensor]:
    """Inputs of the size that a fresh block gives: Δ about 0.05, A = -1..-N."""
    batch, steps, d, state = shape
    torch.manual_seed(0)
    u, B, C = (torch.randn(batch, steps, k) for k in (d, state, state))
    delta = torch.nn.functional.softplus(torch.randn(batch, steps, d) - 3)
    return [u, delta, -torch.arange(1.0, state + 1).repeat(d, 1), B, C, torch.ones(d)]


def forward(scan, args: list[Tensor]) -> None:
    with torch.no_grad():
        scan(*args)


def forward_and_backward(scan, args: list[Tensor]) -> None:
    leaves = [a.detach().requires_grad_() for a in args]
    scan(*leaves).backward(args[0])  # some gradient of y's shape


def seconds(work, scan, args: list[Tensor], threads: int) -> float:
    """Of one run: CPU time if there is one thread (other processes then matter little), else time on the wall."""
    clock = time.process_time if threads == 1 else time.perf_counter
    start = clock()
    work(scan, args)
    return clock() - start


def compare(work, args: list[Tensor], threads: int, repeats: int) -> tuple[float, float]:
    """Median seconds of the plain loop and of `selective_scan`, taking turns after one run each to warm up."""
    times: dict = {plain_loop: [], selective_scan: []}
    for repeat in range(repeats + 1):
        for scan, taken in times.items():
            gc.collect()
            elapsed = seconds(work, scan, args, threads)
            if repeat:
                taken.append(elapsed)
    return statistics.median(times[plain_loop]), statistics.median(times[selective_scan])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    start = time.perf_counter()
    numba = warm()
    print(f"{'numba kernel' if numba else 'no numba: reference loop'}, warm after {time.perf_counter() - start:.1f} s")
    print(f"{'B':>3} {'T':>5} {'d':>4} {'N':>3}  threads  {'pass':8}  {'loop ms':>8}  {'scan ms':>8}  speed-up")
    for shape in SHAPES:
        args = inputs(shape)
        for threads in options.threads:
            torch.set_num_threads(threads)
            for name, work in (("forward", forward), ("fwd+bwd", forward_and_backward)):
                loop, scan = compare(work, args, threads, options.repeats)
                size = "{:>3} {:>5} {:>4} {:>3}".format(*shape)
                print(f"{size}  {threads:>7}  {name:8}  {loop * 1e3:8.1f}  {scan * 1e3:8.1f}  {loop / scan:7.1f}x")


if __name__ == "__main__":
    main()
