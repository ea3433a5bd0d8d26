"""The selective scan and the text Mamba against their peers, one thread: python -m benchmarks.scan [--quick]

Dimension alphabet: B batch, T time, d channels, N states.

All that a line compares takes turns within one run, in CPU time, and medians are divided: on a busy machine only such
ratios mean anything. Memory is the growth of the resident peak in a fresh process (Linux). Prints Markdown.
"""

import argparse
import functools
import gc
import importlib.util
import multiprocessing
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from bibier.models.sequence_encoder import SequenceEncoder, SequenceEncoderConfig
from bibier.models.ssm import kernel, scan_reference, selective_scan, warm
from bibier.process import keep_freed_memory

SHAPES = [(32, 95, 512, 16), (16, 300, 256, 16), (4, 1500, 512, 16)]  # (B, T, d, N)
EXACT = [(2, 95, 64, 16), (2, 300, 64, 16), (1, 1500, 64, 16)]  # for errors, small enough for a loop in float64
QUICK = [(2, 95, 64, 16)]
WIDTH = 1024  # features of the text models

# The text models of Table 7, the Mamba with its published widths, and a Transformer of about the Mamba's size: 3.68 M
# parameters beside 3.28 M, where that of Table 7 has 1.58 M, less than half the Mamba's multiplications at any speed.
TEXT = {
    "Mamba": dict(temporal="mamba", hidden=512, layers=2, state=16, bidirectional=False),
    "Mamba, published loop": dict(temporal="mamba-published", hidden=512, layers=2, state=16, bidirectional=False),
    "Transformer of Table 7": dict(
        dim=256, temporal="transformer", hidden=256, layers=3, heads=8, positions="learned", limit=1500
    ),
    "Transformer of its size": dict(dim=512, temporal="transformer", hidden=512, layers=2, heads=8),
    "LSTM of Table 7": dict(temporal="lstm", hidden=512, layers=2, pooling="last"),
}
RATED = ("Mamba", "Transformer of Table 7", "Transformer of its size")
LONG = 10  # s of CPU: warming up is nothing beside it
AIMS = {95: 1.0, 300: 1.1, 1500: 0.45}  # a step of the Mamba over one of a Transformer, at most


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


def sliced_loop(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    """What transformers' slow path does: time as the third axis, a slice of it and a product with C at each step.

    The gradient of each slice is as large as all of (B, d, T, N): that is where its backward spends its time.
    """
    delta, u = delta.transpose(1, 2), u.transpose(1, 2)  # (B, d, T)
    decay = torch.exp(delta[..., None] * A[:, None])  # (B, d, T, N)
    drive = (delta * u)[..., None] * B[:, None]  # (B, d, T, N)
    h = torch.zeros_like(decay[:, :, 0])  # (B, d, N)
    ys = []
    for t in range(u.shape[2]):
        h = decay[:, :, t] * h + drive[:, :, t]
        ys.append((h @ C[:, t, :, None])[..., 0])  # (B, d)
    return (torch.stack(ys, dim=2) + D[:, None] * u).transpose(1, 2)


def mambapy_scan(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    """Run the parallel scan of the package mambapy."""
    from mambapy.pscan import pscan

    h = pscan(torch.exp(delta[..., None] * A), (delta * u)[..., None] * B[:, :, None])  # (B, T, d, N)
    return (h @ C[..., None])[..., 0] + D * u


SCANS: dict[str, Callable] = {"published loop": plain_loop, "transformers' slow path": sliced_loop}
if importlib.util.find_spec("mambapy"):
    SCANS["mambapy pscan"] = mambapy_scan
SCANS["ours"] = selective_scan


def inputs(shape: tuple[int, int, int, int], dtype: torch.dtype = torch.float32) -> list[Tensor]:
    """Inputs of the size that a fresh block gives: Δ about 0.05, A = -1..-N."""
    batch, steps, d, state = shape
    torch.manual_seed(0)
    u, B, C = (torch.randn(batch, steps, k) for k in (d, state, state))
    delta = torch.nn.functional.softplus(torch.randn(batch, steps, d) - 3)
    return [t.to(dtype) for t in (u, delta, -torch.arange(1.0, state + 1).repeat(d, 1), B, C, torch.ones(d))]


def forward(scan: Callable, args: list[Tensor]) -> None:
    with torch.no_grad():
        scan(*args)


def forward_and_backward(scan: Callable, args: list[Tensor]) -> list[Tensor]:
    """Return the output and the gradients of all inputs."""
    leaves = [a.detach().requires_grad_() for a in args]
    y = scan(*leaves)
    y.backward(args[0])  # some gradient of y's shape
    return [y.detach(), *(leaf.grad for leaf in leaves)]


def training_step(
    name: str, batch: int, steps: int, device: torch.device | str = "cpu", *, half: bool = False
) -> Callable[[], None]:
    """Return a training step of a text model: forward (under autocast to bfloat16 if half), loss, backward, AdamW."""
    torch.manual_seed(0)
    model = SequenceEncoder(SequenceEncoderConfig(inputs=WIDTH, dropout=0.0, **TEXT[name])).to(device).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4)
    x, mask, labels = (
        torch.randn(batch, steps, WIDTH, device=device),
        torch.ones(batch, steps, dtype=torch.bool, device=device),
        torch.arange(batch, device=device) % 7,
    )

    def step() -> None:
        optimiser.zero_grad()
        with torch.autocast(x.device.type, torch.bfloat16, enabled=half):
            logits = model(features=x, mask=mask).logits
        torch.nn.functional.cross_entropy(logits.float(), labels).backward()
        optimiser.step()

    return step


def medians(works: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median CPU seconds of each, taking turns after one run each to warm up; one run is all where it is long."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for repeat in range(repeats + 1):
        for name, work in works.items():
            if taken[name] and taken[name][0] > LONG:
                continue
            gc.collect()
            start = time.process_time()
            work()
            seconds = time.process_time() - start
            if repeat or seconds > LONG:
                taken[name].append(seconds)
    return {name: statistics.median(times) for name, times in taken.items()}


def _grown(make: Callable[[], Callable[[], object]]) -> float:
    """Run in a fresh process: MiB by which its resident peak grew while what `make` returns ran for the first time."""
    torch.set_num_threads(1)
    warm()
    work = make()
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew; getrusage's would hold the parent's
    before = _resident("VmRSS")
    work()
    return _resident("VmHWM") - before


def _resident(field: str) -> float:
    """MiB of a line of the process's status, as Linux tells it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 1024


def _scan_work(name: str, shape: tuple[int, int, int, int]) -> Callable[[], object]:
    return functools.partial(forward_and_backward, SCANS[name], inputs(shape))


def peak(make: Callable, *args) -> float:
    """MiB that the work of `make(*args)` needs beyond its inputs and weights."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_grown, (functools.partial(make, *args),))


def table(head: list[str], rows: list[list[str]]) -> str:
    """Markdown, the first column to the left and the numbers to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def scans(shapes: list, repeats: int) -> str:
    """Speed-up of each scan over the published loop, and memory."""
    rows = []
    for shape in shapes:
        args = inputs(shape)
        for name, work in (("forward", forward), ("forward + backward", forward_and_backward)):
            times = medians({scan: functools.partial(work, SCANS[scan], args) for scan in SCANS}, repeats)
            base = times["published loop"]
            cells = [f"{base / t:.2f}" for t in times.values()]
            rows.append([_size(shape), name, f"{base * 1e3:.0f} ms", *cells[1:]])
        grown = [f"{peak(_scan_work, scan, shape):.0f}" for scan in SCANS]
        rows.append([_size(shape), "memory, MiB", *grown])
    return table(["bare scan", "", *SCANS], rows)


def steps(shapes: list, repeats: int) -> str:
    """Training step of the two-layer text Mamba over those of its peers."""
    rows = []
    for batch, length, *_ in shapes:
        works = {name: training_step(name, batch, length) for name in TEXT}
        times = medians(works, repeats)
        del works
        ours = times["Mamba"]
        ratios = [f"{ours / times[name]:.2f}" for name in TEXT if name != "Mamba"]
        rows.append([f"B{batch} T{length}", "time of the Mamba, and over", f"{ours * 1e3:.0f} ms", *ratios])
        grown = [f"{peak(training_step, name, batch, length):.0f}" for name in TEXT]
        rows.append([f"B{batch} T{length}", "memory, MiB", *grown])
    aims = ", ".join(f"{aim} at T{length}" for length, aim in AIMS.items())
    return table(["training step", "", *TEXT], rows) + f"\nAimed at, over a Transformer: at most {aims}.\n"


def precisions(shapes: list, repeats: int) -> str:
    """Training steps in float32 and under autocast to bfloat16, with the rate of their matrix products."""
    rows = []
    for batch, length, *_ in shapes:
        works = {
            (name, half): training_step(name, batch, length, half=half) for half in (False, True) for name in RATED
        }
        products = {}
        for key, work in works.items():
            with FlopCounterMode(display=False) as counter:
                work()
            products[key] = counter.get_total_flops()
        times = medians({f"{name}, {half}": work for (name, half), work in works.items()}, repeats)
        plain = times[f"{RATED[1]}, False"]
        for half in (False, True):
            taken = {name: times[f"{name}, {half}"] for name in RATED}
            cells = [f"{1e3 * taken[name]:.0f} ms, {products[name, half] / taken[name] / 1e9:.0f}" for name in RATED]
            over = [f"{taken[RATED[0]] / taken[name]:.2f}" for name in RATED[1:]]
            kind = "bfloat16" if half else "float32"
            rows.append([f"B{batch} T{length}", kind, *cells, *over, f"{taken[RATED[0]] / plain:.2f}"])
        del works
    heads = ["training step", "precision", *(f"{name}; GFLOP/s" for name in RATED)]
    return table([*heads, *(f"Mamba over {name}" for name in RATED[1:]), f"over {RATED[1]} in float32"], rows)


def errors(shapes: list) -> str:
    """Largest deviation from a float64 loop, over the largest magnitude of the tensor, of outputs and gradients."""
    rows = []
    for shape in shapes:
        exact = forward_and_backward(scan_reference, inputs(shape, torch.float64))
        ours = forward_and_backward(selective_scan, inputs(shape))
        off = [float((a - b).abs().max() / b.abs().max()) for a, b in zip(ours, exact, strict=True)]
        rows.append([_size(shape), *(f"{x:.1e}" for x in off)])
    return table(["error, at most 1e-4", "y", *(f"∂{name}" for name in ("u", "Δ", "A", "B", "C", "D"))], rows)


def _size(shape: tuple[int, int, int, int]) -> str:
    return "B{} T{} d{} N{}".format(*shape)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one small shape, once: whether it runs at all")
    parser.add_argument("--precisions", action="store_true", help="only the steps in float32 and bfloat16")
    options = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()  # as training does
    start = time.perf_counter()
    warm()
    ready = time.perf_counter() - start
    print(f"One thread, {kernel('cpu')}, ready after {ready:.1f} s. Scans: speed-up over the loop.\n")
    shapes, exact, repeats = (QUICK, QUICK, 1) if options.quick else (SHAPES, EXACT, options.repeats)
    if options.precisions:
        print(precisions(shapes, repeats), flush=True)
        return
    print(scans(shapes, repeats), flush=True)
    print(steps(shapes, repeats), flush=True)
    print(precisions(shapes, repeats), flush=True)
    print(errors(exact), flush=True)


if __name__ == "__main__":
    main()
