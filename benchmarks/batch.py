"""Throughput and cost of `python -m bibier batch`: recordings one by one, in batches, and by workers of Ray Data.

    python -m benchmarks.batch FOLDER [--clips 480] [--workers 1 2] [--repeats 3] [--recogniser pocketsphinx]

Every line is a process of its own with one thread a worker, and the lines take turns. The rate leaves out the start
(imports, loading, Ray's own processes), which is given by itself; cost is the CPU time of all processes. Without
--recogniser no words are recognised: the voice alone is judged, or with --text all three, on fifteen words given.
"""

from __future__ import annotations

import os

os.environ.update(OMP_NUM_THREADS="1", NUMBA_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import argparse
import json
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

MANY = 300_000  # recordings for which the cost is worked out
WORDS = "I really did not expect to see you here tonight, what a wonderful surprise this is"


def cpu() -> float:
    """Return the CPU seconds of this process and of those below it, Ray's included while they live."""
    import psutil

    process = psutil.Process()
    spent = process.cpu_times()
    total = spent.user + spent.system + spent.children_user + spent.children_system
    for child in process.children(recursive=True):
        try:
            spent = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += spent.user + spent.system
    return total


def once(paths: list[str], text: str | None, recogniser: str, size: int, workers: int) -> dict:
    """Judge the recordings with so many workers of Ray, 0 for none; return seconds and counts."""
    began = time.perf_counter()
    import torch

    from bibier.asr import recognisers
    from bibier.checkpoint import bundle
    from bibier.inference import batch, batch_ray
    from bibier.inference.predictor import Predictor
    from bibier.process import keep_freed_memory

    torch.set_num_threads(1)
    keep_freed_memory()  # as the command does
    recordings = [batch.BatchInput(path, text) for path in paths]
    if workers:
        work = batch_ray.predict_rows(
            recordings, checkpoint="compact", recogniser=recogniser, size=size, workers=workers
        )
    else:
        heard = None if recogniser == "none" else recognisers.recogniser(recogniser)
        judge = batch.BatchPredictor(
            Predictor(bundle.load("compact"), heard), recognise=heard is not None, name="compact"
        )
        work = batch.predict_rows(judge, recordings, size)
    first = next(work)  # compiles and warms up
    started, spent, rows = time.perf_counter(), cpu(), 0
    spent_all = spent
    for group in work:
        rows += len(group)
        spent_all = cpu()  # Ray's processes are gone afterwards
    took = time.perf_counter() - started
    return {
        "start": started - began,
        "rate": rows / took,
        "cpu": (spent_all - spent) / rows,
        "rows": rows + len(first),
    }


def main() -> None:
    """Print a table in Markdown: medians over the repeats, with the smallest and the largest rate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clips", type=int, default=480)
    parser.add_argument("--text", action="store_true", help="give every recording 15 words, so that all three judge")
    parser.add_argument("--recogniser", default="none")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(once(**json.loads(options.one))))
        return
    from bibier.inference import batch

    listed = [source.path for source in batch.list_inputs(options.folder)]
    paths = random.Random(0).sample(listed, min(options.clips, len(listed)))
    shared = {"paths": paths, "text": WORDS if options.text else None, "recogniser": options.recogniser}
    lines = {"one by one": (1, 0), f"batches of {options.batch}": (options.batch, 0)}
    lines |= {f"Ray Data, {number} worker{'s' * (number > 1)}": (options.batch, number) for number in options.workers}
    results: dict[str, list[dict]] = {name: [] for name in lines}
    for _ in range(options.repeats):
        for name, (size, workers) in lines.items():
            call = json.dumps(shared | {"size": size, "workers": workers})
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.batch", str(options.folder), "--one", call],
                check=True,
                capture_output=True,
                text=True,
            )
            results[name].append(json.loads(done.stdout.splitlines()[-1]))
            print(name, results[name][-1], file=sys.stderr, flush=True)
    plain = list(lines)[1]
    print(f"| {len(paths)} recordings | per second | beside {plain} | start, s | CPU ms each | {MANY:,}: h | core h |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name, runs in results.items():
        rate, spent, start = (statistics.median(run[key] for run in runs) for key in ("rate", "cpu", "start"))
        ratio = statistics.median(
            run["rate"] / reference["rate"] for run, reference in zip(runs, results[plain], strict=True)
        )
        spread = f"{rate:.1f} ({min(run['rate'] for run in runs):.1f}–{max(run['rate'] for run in runs):.1f})"
        hours, cores = MANY / rate / 3600, MANY * spent / 3600
        print(f"| {name} | {spread} | {ratio:.2f} | {start:.1f} | {1000 * spent:.0f} | {hours:.1f} | {cores:.1f} |")


if __name__ == "__main__":
    main()
