"""What a GPU makes of the scan, the models and the whole pipeline, in at most six minutes: python -m benchmarks.gpu

    python -m benchmarks.gpu [--minutes 6] [--only scan models steps pipeline] [--out FILE]

Dimension alphabet: B batch, T time, d channels, N states.

Needs CUDA. First what is right: the scan against a float64 loop, forward and backward, and every model alone against in
a batch. Then what is fast: the scan, a training step of the text Mamba beside its Transformers, the pipeline of the
paper at full size with random weights. Works take turns within one run; times are medians after one call to warm up.
What no time was left for is named. Without a GPU: `--device cpu --tiny` shows whether the program runs (its times mean
nothing), and `--compile 75 80 90` whether Triton's kernels compile for GPUs of these compute capabilities.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import costs, scan
from benchmarks.gpu_pipeline import PAPER, TINY, Pipeline
from bibier.audio.format import SAMPLE_RATE
from bibier.models import ssm
from bibier.models.ssm import ScanKernel, scan_reference, selective_scan

NO_CUDA = "There is no CUDA here: torch {version} sees no GPU. This benchmark needs one; the CPU has benchmarks.scan."
ERROR = 1e-4  # of the scan against float64, over the largest magnitude
INVARIANCE = 1e-3  # of a logit, alone against in a batch: float32 sums in another order
DTYPES = {torch.float32: ERROR, torch.bfloat16: 1e-2, torch.float16: 2e-3}  # what rounding the output costs
STEP_SHAPES = [(32, 95), (16, 300), (4, 1500)]  # (B, T)
AIM = 0.01  # real-time factor; the paper has 0.11 on an RTX 4080
SECONDS = (5, 20)
BATCH = 16  # clips of 5 s at once
LENGTHS = (50, 7, 1, 31)  # valid steps of a batch of four


@dataclass
class Budget:
    """The time that is left, and what it did not suffice for."""

    seconds: float
    skipped: list[str] = field(default_factory=list)
    clock: Callable[[], float] = time.perf_counter

    def __post_init__(self) -> None:
        self.end = self.clock() + self.seconds

    def allows(self, name: str) -> bool:
        """Whether there is time left; what is asked for without is kept by its name."""
        if self.clock() < self.end:
            return True
        self.skipped.append(name)
        return False


def medians(works: Mapping[str, Callable[[], object]], device: torch.device, repeats: int) -> dict[str, float]:
    """Median seconds of each, taking turns after one call each to warm up."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(repeats + 1):
        for name, work in works.items():
            _wait(device)
            start = time.perf_counter()
            work()
            _wait(device)
            if turn:
                taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in taken.items()}


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def peak(work: Callable[[], object], device: torch.device) -> float | None:
    """MiB that are allocated at most while work runs, weights and inputs included; None without CUDA."""
    if device.type != "cuda":
        return None
    torch.cuda.reset_peak_memory_stats(device)
    work()
    _wait(device)
    return torch.cuda.max_memory_allocated(device) / 2**20


@contextlib.contextmanager
def forced(name: str) -> Iterator[None]:
    """Have `selective_scan` take this implementation."""
    before = ssm.kernel
    ssm.kernel = lambda *_: ScanKernel(name, "asked for")
    try:
        yield
    finally:
        ssm.kernel = before


def implementations(device: torch.device) -> list[str]:
    """Return the names of all that run on the device, the best first; the slow loop last."""
    if device.type == "cpu":
        return [ssm.kernel(device).name]
    names = ["mamba-ssm"] if ssm.kernel(device).name == "mamba-ssm" else []
    if ssm.kernel(device, torch.float64).name == "triton":  # for which mamba-ssm is no candidate
        names.append("triton")
    return [*names, "reference"]


def scan_errors(device: torch.device, shapes: list, budget: Budget) -> tuple[str, bool]:
    """Largest deviation from a float64 loop over the largest magnitude, of y and six gradients; whether all are in."""
    rows, good = [], True
    for name in implementations(device):
        for shape in shapes:
            if not budget.allows(f"errors of {name} at {shape}"):
                continue
            for dtype, bound in DTYPES.items():
                u, delta, A, B, C, D = (a.to(device) for a in scan.inputs(shape))  # A and D stay float32, as weights do
                args = [u.to(dtype), delta.to(dtype), A, B.to(dtype), C.to(dtype), D]
                exact = scan.forward_and_backward(scan_reference, [a.double() for a in args])
                with forced(name):
                    ours = scan.forward_and_backward(selective_scan, args)
                off = [float((a - b).abs().max() / b.abs().max()) for a, b in zip(ours, exact, strict=True)]
                good = good and max(off) <= bound
                verdict = "" if max(off) <= bound else " **too far**"
                kind = str(dtype).removeprefix("torch.")
                rows.append([f"{name} {kind} {_size(shape)}", *(f"{x:.1e}" for x in off), f"{bound:.0e}{verdict}"])
    return scan.table(["error", "y", *(f"∂{name}" for name in ("u", "Δ", "A", "B", "C", "D")), "at most"], rows), good


def scan_speed(device: torch.device, shapes: list, repeats: int, budget: Budget) -> str:
    """Milliseconds of each implementation, the published loop beside them."""
    names, rows = implementations(device), []
    for shape in shapes:
        args = [a.to(device) for a in scan.inputs(shape)]
        for title, work in (("forward", scan.forward), ("forward + backward", scan.forward_and_backward)):
            if not budget.allows(f"scan {title} at {shape}"):
                continue
            times = {"published loop": functools.partial(work, scan.plain_loop, args)}
            times |= {name: functools.partial(_with, name, work, args) for name in names}
            taken = medians(times, device, repeats)
            rows.append([_size(shape), title, *(f"{1e3 * seconds:.2f}" for seconds in taken.values())])
    return scan.table(["scan, ms", "", "published loop", *names], rows)


def _with(name: str, work: Callable, args: list[Tensor]) -> None:
    with forced(name):
        work(selective_scan, args)


def invariance(entry: costs.ComparedModel, device: torch.device, lengths: tuple[int, ...] = LENGTHS) -> float:
    """Largest deviation of a logit between sequences of these lengths alone and in one padded batch."""
    torch.manual_seed(0)
    model = entry.make().to(device).eval()
    longest = max(lengths)
    batch = {name: value.to(device) for name, value in entry.inputs(len(lengths), longest).items()}
    valid = torch.arange(longest, device=device) < torch.tensor(lengths, device=device)[:, None]  # (B, T)
    batch = {name: valid if value.dtype == torch.bool else value for name, value in batch.items()}
    with torch.inference_mode():
        together = model(**batch).logits
        worst = 0.0
        for i, length in enumerate(lengths):
            timed = {name: value.shape[1:2] == (longest,) for name, value in batch.items()}
            alone = {name: v[i : i + 1, :length] if timed[name] else v[i : i + 1] for name, v in batch.items()}
            worst = max(worst, float((model(**alone).logits[0] - together[i]).abs().max()))
    return worst


def invariances(device: torch.device, budget: Budget) -> tuple[str, bool]:
    """Every model of `benchmarks.costs`, alone against in a batch; whether all are in bounds."""
    off = {e.name: invariance(e, device) for e in costs.MODELS if budget.allows(f"invariance of {e.name}")}
    rows = [[name, f"{x:.1e}{'' if x <= INVARIANCE else ' **too far**'}"] for name, x in off.items()]
    return scan.table([f"alone against in a batch, at most {INVARIANCE:.0e}", "logits"], rows), all(
        x <= INVARIANCE for x in off.values()
    )


def steps(device: torch.device, shapes: list, repeats: int, budget: Budget, names: list[str] | None = None) -> str:
    """Training step of the text Mamba by each kernel, and over its peers; operations are of matrix products alone."""
    peers = [name for name in names or scan.TEXT if name not in ("Mamba", "Mamba, published loop")]
    kernels = [name for name in implementations(device) if name != "reference"] or ["reference"]
    rows = []
    for batch, length in shapes:
        for half in (False, True):
            title = f"B{batch} T{length} {'bf16' if half else 'fp32'}"
            if not budget.allows(f"training step at {title}"):
                continue
            make = functools.partial(scan.training_step, batch=batch, steps=length, device=device, half=half)
            ours = {name: functools.partial(_step_with, name, make("Mamba")) for name in kernels}
            works = ours | {name: make(name) for name in peers}
            taken = medians(works, device, repeats)
            rates = {name: operations(work) / taken[name] / 1e12 for name, work in works.items()}
            best = taken[kernels[0]]
            cells = [f"{1e3 * taken[name]:.1f} ms, {rates[name]:.1f} TFLOP/s" for name in kernels]
            cells += [f"{best / taken[name]:.2f}, {rates[name]:.1f} TFLOP/s" for name in peers]
            memory = peak(works[kernels[0]], device)
            rows.append([title, *cells, "—" if memory is None else f"{memory:.0f}"])
    aims = ", ".join(f"{aim} at T{length}" for length, aim in scan.AIMS.items())
    heads = [*(f"Mamba by {name}" for name in kernels), *(f"over {name}" for name in peers)]
    return scan.table(["training step", *heads, "MiB"], rows) + f"\nAimed at, over a Transformer: at most {aims}.\n"


def _step_with(name: str, step: Callable[[], None]) -> None:
    with forced(name):
        step()


def operations(work: Callable[[], object]) -> int:
    """Multiplications and additions of all matrix products of one call, backward included."""
    counter = FlopCounterMode(display=False)
    with counter:
        work()
    return counter.get_total_flops()


def pipeline(device: torch.device, sizes, repeats: int, budget: Budget, seconds=SECONDS, batch: int = BATCH) -> str:
    """Real-time factor of one clip by stage, and clips a second of a batch, in float32 and in half precision."""
    rows = []
    for half in (False, True):
        kind = "half" if half else "fp32"
        if not budget.allows(f"pipeline in {kind}"):
            continue
        whole = Pipeline(sizes, device, half=half)
        for length in seconds:
            if not budget.allows(f"pipeline of {length} s in {kind}"):
                continue
            stages = whole.stages(torch.randn(1, length * SAMPLE_RATE, device=device) / 10)
            taken, memory = medians(stages, device, repeats), peak(stages["all"], device)
            cells = [f"{1e3 * taken[name]:.1f}" for name in stages]
            rows.append([f"{length} s, {kind}", *cells, f"RTF {taken['all'] / length:.4f}", _mib(memory)])
        if budget.allows(f"batches in {kind}"):
            stages = whole.stages(torch.randn(batch, seconds[0] * SAMPLE_RATE, device=device) / 10)
            taken, memory = medians(stages, device, max(1, repeats // 2)), peak(stages["all"], device)
            cells = [f"{1e3 * taken[name]:.1f}" for name in stages]
            rows.append(
                [f"{batch} × {seconds[0]} s, {kind}", *cells, f"{batch / taken['all']:.1f} clips/s", _mib(memory)]
            )
        del whole
    head = ["pipeline, ms", "Whisper", "wav2vec2", "Jina", "encoders and fusion", "all", f"aim: RTF ≤ {AIM}", "MiB"]
    return scan.table(head, rows)


def _mib(memory: float | None) -> str:
    return "—" if memory is None else f"{memory:.0f}"


def _size(shape: tuple[int, int, int, int]) -> str:
    return "B{} T{} d{} N{}".format(*shape)


def machine(device: torch.device) -> str:
    """Name what the figures belong to."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "the CPU"
    return f"{name}, torch {torch.__version__}. Scan: {ssm.kernel(device)}.\n"


def compiled(capability: int) -> str:
    """Compile the scan's kernels as for a GPU of this compute capability, for every dtype; no GPU is needed."""
    import triton
    from triton import language as tl
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from bibier.models import scan_triton

    done = []
    sizes = {"CHANNELS": 16, "STATES": 16}
    variants = [
        (scan_triton._forward, {"START": False, "OUTPUT": True, "EVERY": 0}),
        (scan_triton._forward, {"START": False, "OUTPUT": True, "EVERY": scan_triton.STRETCH}),
        (scan_triton._forward, {"START": True, "OUTPUT": False, "EVERY": 1}),
        (scan_triton._backward, {"STRETCH": scan_triton.STRETCH}),
    ]
    for kind, state in (("fp32", tl.float32), ("bf16", tl.float32), ("fp16", tl.float32), ("fp64", tl.float64)):
        for kernel, own in variants:
            constants = own | sizes | {"STATE": state}
            kept = "*fp64" if kind == "fp64" else "*fp32"  # rates, states and sums are never in half precision
            types = {name: f"*{kind}" for name in ("u", "delta", "B", "C", "D", "y", "gy", "gu", "gdelta")}
            types |= dict.fromkeys(("first", "last", "T", "d", "N"), "i32") | dict.fromkeys(constants, "constexpr")
            signature = {name: types.get(name, kept) for name in kernel.arg_names}
            source = ASTSource(kernel, signature=signature, constexprs=constants)
            triton.compile(source, target=GPUTarget("cuda", capability, 32), options=scan_triton.COMPILER)
        done.append(kind)
    return f"compute capability {capability / 10}: forward and backward compile for {', '.join(done)}"


def main(arguments: list[str] | None = None) -> int:
    """Run the parts that time allows and print their tables; 1 where something is not right, 2 without a GPU."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=6)
    parser.add_argument("--only", nargs="+", choices=("scan", "models", "steps", "pipeline"))
    parser.add_argument("--device", default="cuda", help="default: cuda")
    parser.add_argument("--tiny", action="store_true", help="small sizes, once: whether it runs at all")
    parser.add_argument("--out", type=Path, metavar="FILE", help="Markdown to write as well")
    parser.add_argument(
        "--compile", nargs="+", type=int, metavar="CC", help="compile for these, such as 75 80 90, and end"
    )
    options = parser.parse_args(arguments)
    for capability in options.compile or ():
        print(compiled(capability), flush=True)
    if options.compile:
        return 0
    device = torch.device(options.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        print(NO_CUDA.format(version=torch.__version__), file=sys.stderr)
        return 2
    # Whether it is right is asked of full float32; the times in fp32 are of the same.
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    tiny, budget, good = options.tiny, Budget(60 * options.minutes), True
    parts = options.only or ("scan", "models", "steps", "pipeline")
    repeats, text = 1 if tiny else 5, []

    def show(table: str) -> None:
        text.append(table)
        print(table, flush=True)

    show(machine(device))
    if "scan" in parts:
        table, right = scan_errors(device, scan.QUICK if tiny else scan.EXACT, budget)
        good = good and right
        show(table)
    if "models" in parts:
        table, right = invariances(device, budget)
        good = good and right
        show(table)
    if "scan" in parts:
        show(scan_speed(device, scan.QUICK if tiny else scan.SHAPES, repeats, budget))
    if "steps" in parts:
        show(steps(device, [(1, 5)] if tiny else STEP_SHAPES, repeats, budget))
    if "pipeline" in parts:
        sizes, seconds, batch = (TINY, (1,), 2) if tiny else (PAPER, SECONDS, BATCH)
        show(pipeline(device, sizes, repeats, budget, seconds, batch))
    if budget.skipped:
        show("No time was left for: " + "; ".join(budget.skipped) + ".\n")
    show("Everything is in bounds." if good else "**Something is out of bounds: see above.**")
    if options.out:
        options.out.write_text("# On a GPU\n\n" + "\n".join(text) + "\n", encoding="utf-8")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
