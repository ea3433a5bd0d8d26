"""What a training step costs as sequences and batches grow, for every temporal encoder and fusion model.

    python -m benchmarks.costs [--quick] [--only NAME ...] [--out benchmarks]

Dimension alphabet: B batch, T time steps, D input width, K classes.

A step is forward, backward and AdamW on one thread, in seconds of CPU time; all sequences are T long. The models take
turns within one run, and each figure is the median of five rounds after one to warm up: on a busy machine, compare
within a table, not with another run. Peak memory is of a fresh process: what one step adds to model and inputs.
"""

from __future__ import annotations

import os

os.environ.update(OMP_NUM_THREADS="1", NUMBA_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import argparse
import gc
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import Tensor, nn

from bibier.labels import EMOTIONS
from bibier.models.fusion import FusionConfig, build_fusion
from bibier.models.layers import masked_mean
from bibier.models.lpgnet import LPGNet, LPGNetConfig
from bibier.models.memocmt import MemoCMT, MemoCMTConfig
from bibier.models.temporal import build_temporal

LENGTHS = (50, 100, 200, 400, 800, 1600)  # T, at B = BATCH
BATCHES = (1, 4, 8, 16, 64)  # B, at T = LENGTH
BATCH, LENGTH = 8, 100
ROUNDS = 5
WIDTH = 128  # D of all inputs
EPOCH = 9989  # utterances of MELD's training split, taken as LENGTH long
MIB = 2**20

Point = tuple[int, int]  # B, T


@dataclass(frozen=True)
class ComparedModel:
    """One model of the comparison: how it is made, and what it is given at a batch and a length."""

    name: str
    family: str
    make: Callable[[], nn.Module]
    inputs: Callable[[int, int], dict[str, Tensor]]  # (B, T) → keyword arguments


class Classifier(nn.Module):
    """A temporal encoder with a masked mean and a linear head, so that it can be trained."""

    def __init__(self, kind: str):
        super().__init__()
        self.temporal = build_temporal(kind, WIDTH)
        self.head = nn.Linear(self.temporal.dim_out, len(EMOTIONS))

    def forward(self, *, x: Tensor, mask: Tensor) -> SimpleNamespace:
        """Read x (B, T, D) with mask (B, T); the result has `logits` (B, K)."""
        return SimpleNamespace(logits=self.head(masked_mean(self.temporal(x, mask), mask)))


def sequence(batch: int, length: int) -> dict[str, Tensor]:
    """One modality: x (B, T, D), every step valid."""
    return {"x": torch.randn(batch, length, WIDTH), "mask": torch.ones(batch, length, dtype=torch.bool)}


def pair(batch: int, length: int) -> dict[str, Tensor]:
    """Both modalities, T steps of width D each, and their log-probabilities (B, K)."""
    mask = torch.ones(batch, length, dtype=torch.bool)
    inputs = {"audio_mask": mask, "text_mask": mask}
    for name in ("audio", "text"):
        inputs[name] = torch.randn(batch, length, WIDTH)
        inputs[f"{name}_log"] = torch.log_softmax(torch.randn(batch, len(EMOTIONS)), dim=-1)
    return inputs


TEMPORAL = (
    "lstm",
    "xlstm",
    "transformer",
    "mamba",
    "none",
)  # those of KINDS that are compared: variants for published weights are not

FUSIONS = {
    "BiFormer": "biformer",
    "BiGraphFormer": "bigraphformer",
    "BiGatedGraphFormer": "bigatedgraphformer",
    "BiMamba": "bimamba",
}
WIDTHS = {"audio_dim": WIDTH, "text_dim": WIDTH}
HIDDEN = 64


def fusion(kind: str, wpf: bool = False) -> nn.Module:
    """A fusion model of the default dimensions."""
    return build_fusion(FusionConfig(**WIDTHS, hidden=HIDDEN, kind=kind, wpf=wpf, pool=False))


# The models, in the order of the tables; the first of a family is what the others are compared with. A model's forward
# takes what `inputs` gives and returns an object with `logits` (B, K).
MODELS = [
    *(ComparedModel(kind, "temporal", lambda kind=kind: Classifier(kind), sequence) for kind in TEMPORAL),
    *(ComparedModel(name, "fusion", lambda kind=kind: fusion(kind), pair) for name, kind in FUSIONS.items()),
    ComparedModel("WPF", "fusion", lambda: fusion("wpf", wpf=True), pair),
    ComparedModel("MemoCMT", "fusion", lambda: MemoCMT(MemoCMTConfig(**WIDTHS, hidden=HIDDEN, heads=4)), pair),
    ComparedModel("LPGNet", "fusion", lambda: LPGNet(LPGNetConfig(**WIDTHS, hidden=HIDDEN, heads=4)), pair),
]


class Step:
    """A model, its optimiser and one batch: calling it trains once."""

    def __init__(self, entry: ComparedModel, batch: int, length: int):
        torch.manual_seed(0)
        self.model = entry.make().train()
        self.inputs = entry.inputs(batch, length)
        self.labels = torch.arange(batch) % len(EMOTIONS)
        # A learning rate of 0 leaves the weights as they are, so that each round costs the same.
        self.optimiser = torch.optim.AdamW(self.model.parameters(), lr=0.0)

    def __call__(self) -> None:
        self.optimiser.zero_grad()
        nn.functional.cross_entropy(self.model(**self.inputs).logits, self.labels).backward()
        self.optimiser.step()


def measure(entries: Sequence[ComparedModel], point: Point, rounds: int) -> dict[str, float]:
    """Median CPU seconds of one step for each model at (B, T), the models taking turns."""
    steps = {entry.name: Step(entry, *point) for entry in entries}
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(rounds + 1):
        for name, step in steps.items():
            gc.collect()
            start = time.process_time()
            step()
            if turn:
                taken[name].append(time.process_time() - start)
    return {name: statistics.median(values) for name, values in taken.items()}


def exponent(costs: Mapping[float, float]) -> float:
    """Return x of cost ≈ size^x, between the largest size and the size nearest to a quarter of it."""
    largest = max(costs)
    smaller = min((size for size in costs if size < largest), key=lambda size: abs(math.log(4 * size / largest)))
    return math.log(costs[largest] / costs[smaller]) / math.log(largest / smaller)


def peak_of_this_process(entry: ComparedModel, point: Point) -> float:
    """MiB that one step adds at its peak; to be called in a fresh process (Linux only)."""
    Step(entry, 1, 2)()  # loads whatever is loaded at the first call
    step = Step(entry, *point)
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts again from here
    before = _status("VmRSS")
    step()
    return (_status("VmHWM") - before) / MIB


def _status(field: str) -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return 1024 * int(line.split()[1])


def peak(entry: ComparedModel, point: Point) -> float | None:
    """MiB that one step adds at its peak in a process of its own; None where the system does not tell."""
    if not Path("/proc/self/clear_refs").exists():
        return None
    command = [sys.executable, "-m", "benchmarks.costs", "--peak", entry.name, *map(str, point)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


@dataclass(frozen=True)
class Costs:
    """All figures of one family."""

    entries: list[ComparedModel]
    seconds: dict[Point, dict[str, float]]  # (B, T) → model → CPU seconds of a step
    peaks: dict[Point, dict[str, float | None]]  # (B, T) → model → MiB

    def along(self, name: str, axis: int) -> dict[int, float]:
        """Return a model's seconds by B (axis 0, at T = LENGTH) or by T (axis 1, at B = BATCH)."""
        fixed = (BATCH, LENGTH)[1 - axis]
        return {point[axis]: row[name] for point, row in sorted(self.seconds.items()) if point[1 - axis] == fixed}


def tables(costs: Costs) -> str:
    """Lay one family's figures out in Markdown."""
    first, names = costs.entries[0].name, [entry.name for entry in costs.entries]
    lengths, batches = (sorted(costs.along(first, axis)) for axis in (1, 0))
    points = sorted(costs.peaks)
    head = ["model", "parameters", *(f"T {length}" for length in lengths), "grows as", f"over {first}"]
    longest = {name: costs.along(name, 1)[lengths[-1]] for name in names}
    lines = [f"B = {BATCH}, milliseconds of a step; the last column at T = {lengths[-1]}.", "", *_header(head)]
    for entry in costs.entries:
        along = costs.along(entry.name, 1)
        count = sum(p.numel() for p in entry.make().parameters())
        cells = [entry.name, f"{count:,}", *(f"{1000 * value:.1f}" for value in along.values())]
        lines.append(_line([*cells, f"T^{exponent(along):.2f}", f"{longest[entry.name] / longest[first]:.2f}"]))
    head = ["model", *(f"B {batch}" for batch in batches), "grows as", "an epoch, s"]
    head += [f"peak MiB, B {batch} T {length}" for batch, length in points]
    steps = -(-EPOCH // batches[-1])
    epoch = f"an epoch is {EPOCH:,} utterances in {steps:,} steps of {batches[-1]}, were they all as long"
    lines += ["", f"T = {LENGTH}, milliseconds of a step; {epoch}.", "", *_header(head)]
    for name in names:
        along = costs.along(name, 0)
        cells = [name, *(f"{1000 * value:.1f}" for value in along.values()), f"B^{exponent(along):.2f}"]
        cells.append(f"{steps * along[batches[-1]]:.1f}")
        found = [costs.peaks[point][name] for point in points]
        lines.append(_line([*cells, *("—" if value is None else f"{value:.0f}" for value in found)]))
    return "\n".join(lines) + "\n"


def _header(cells: list[str]) -> list[str]:
    return [_line(cells), _line(["---", *["---:"] * (len(cells) - 1)])]


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def draw(families: Mapping[str, Costs], file: Path) -> None:
    """Draw seconds of a step against T (left) and B (right), a row for each family, both axes logarithmic."""
    from matplotlib import rc_context, style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # Colours that differ to colour-blind eyes, and a marker each for who sees none.
    with rc_context(style.library["tableau-colorblind10"] | {"svg.hashsalt": "costs"}):
        figure = Figure(figsize=(10, 4 * len(families)), layout="constrained")
        FigureCanvasAgg(figure)
        grid = figure.subplots(len(families), 2, squeeze=False)
        for row, (family, costs) in zip(grid, families.items(), strict=True):
            for axes, axis, label in zip(row, (1, 0), (f"T, at B = {BATCH}", f"B, at T = {LENGTH}"), strict=True):
                for number, entry in enumerate(costs.entries):
                    along = costs.along(entry.name, axis)
                    axes.plot(*zip(*along.items(), strict=True), "osD^vPX*<>"[number % 10] + "-", label=entry.name)
                axes.set_xscale("log", base=2)
                axes.set_yscale("log")
                axes.set_xticks(list(along), list(map(str, along)))
                axes.set_xlabel(label)
                axes.set_ylabel("CPU seconds of a step")
                axes.grid(alpha=0.3)
            row[0].set_title(f"{family} models")
            row[0].legend()
        figure.savefig(file, metadata={"Date": None})


def main(arguments: list[str] | None = None) -> None:
    """Measure, print the tables, and write costs.md and costs.svg."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes, one round, no memory: does everything run?")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="some of the models")
    parser.add_argument("--out", type=Path, help="folder for costs.md and costs.svg (default: benchmarks; quick: none)")
    parser.add_argument("--peak", nargs=3, metavar=("NAME", "B", "T"), help="print one model's peak memory in MiB")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    if options.peak:
        name, batch, length = options.peak
        entry = next(entry for entry in MODELS if entry.name == name)
        print(peak_of_this_process(entry, (int(batch), int(length))))
        return
    if unknown := set(options.only or ()) - {entry.name for entry in MODELS}:
        parser.error(f"no model {unknown.pop()}; there are {', '.join(entry.name for entry in MODELS)}")
    entries = [entry for entry in MODELS if not options.only or entry.name in options.only]
    lengths = LENGTHS[:2] if options.quick else LENGTHS
    points = [(BATCH, length) for length in lengths]
    points += [(batch, LENGTH) for batch in (BATCHES[:3] if options.quick else BATCHES) if batch != BATCH]
    measured_peaks = [] if options.quick else [(BATCH, LENGTH), (BATCH, LENGTHS[-1])]
    families = {}
    version, rounds = torch.__version__.split("+")[0], 1 if options.quick else ROUNDS
    text = f"`python -m benchmarks.costs`, PyTorch {version}, one thread, D = {WIDTH}, all sequences T long. "
    text += f"CPU time, median of {rounds} rounds in which the models take turns.\n"
    for family in dict.fromkeys(entry.family for entry in entries):
        own = [entry for entry in entries if entry.family == family]
        peaks = {point: {entry.name: peak(entry, point) for entry in own} for point in measured_peaks}
        seconds = {point: measure(own, point, rounds) for point in points}
        families[family] = Costs(own, seconds, peaks)
        text += f"\n## {family.capitalize()} models\n\n{tables(families[family])}"
    print(text)
    out = options.out or (None if options.quick else Path(__file__).parent)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        draw(families, out / "costs.svg")
        (out / "costs.md").write_text(f"# Costs of a training step\n\n{text}\n![costs](costs.svg)\n", encoding="utf-8")


if __name__ == "__main__":
    main()
