"""One warm clip by one thread and by as many as there are cores, on an idle and on a busy computer.

    python -m benchmarks.latency_threads [--runs 20] [--busy N]

Each number of threads has a process of its own, and they take turns, so the ratio is of one run. A busy computer has a
process on each core that never rests. Wall time, as that is what one waits for; the clip is that of benchmarks.latency.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

from benchmarks.latency import TEXT, clip
from bibier.audio.format import SAMPLE_RATE
from bibier.process import limit_threads


def serve(pipe: Connection, threads: int) -> None:
    """Analyse the clip each time anything arrives, and answer with the seconds it took; None ends it."""
    limit_threads(threads)
    import torch  # and what brings it

    from bibier.checkpoint import bundle
    from bibier.inference.predictor import Predictor

    predictor, sound = Predictor(bundle.load("compact")), (clip(), SAMPLE_RATE)
    for _ in range(3):
        predictor(sound, TEXT)
    pipe.send(torch.get_num_threads())
    while pipe.recv() is not None:
        start = time.perf_counter()
        predictor(sound, TEXT)
        pipe.send(time.perf_counter() - start)


def spin() -> None:
    """Never rest."""
    while True:
        pass


@contextmanager
def load(processes: int) -> Iterator[None]:
    """Keep as many cores busy."""
    context = multiprocessing.get_context("spawn")
    spinning = [context.Process(target=spin, daemon=True) for _ in range(processes)]
    for process in spinning:
        process.start()
    try:
        yield
    finally:
        for process in spinning:
            process.terminate()
            process.join()


def alternate(pipes: dict[int, Connection], runs: int) -> dict[int, list[float]]:
    """Have each in turn do its work, `runs` times; returns the seconds of each."""
    taken: dict[int, list[float]] = {threads: [] for threads in pipes}
    for _ in range(runs):
        for threads, pipe in pipes.items():
            pipe.send("go")
            taken[threads].append(pipe.recv())
    return taken


def row(title: str, taken: dict[int, list[float]]) -> str:
    """Lay out medians, the worst, and what the last costs over the first."""
    medians = [statistics.median(seconds) for seconds in taken.values()]
    cells = [f"{1e3 * statistics.median(s):.0f} ms, worst {1e3 * max(s):.0f}" for s in taken.values()]
    return "| " + " | ".join([title, *cells, f"{medians[-1] / medians[0]:.1f}"]) + " |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cores = os.cpu_count() or 1
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--busy", type=int, default=cores, help="processes that never rest (default: one a core)")
    parser.add_argument("--threads", type=int, default=cores, help="against one (default: one a core)")
    options = parser.parse_args()
    context, pipes, workers = multiprocessing.get_context("spawn"), {}, []
    for threads in (1, options.threads):
        pipes[threads], theirs = context.Pipe()
        workers.append(context.Process(target=serve, args=(theirs, threads), daemon=True))
        workers[-1].start()
    for threads, pipe in pipes.items():
        assert pipe.recv() == threads
    print(f"| {cores} cores | 1 thread | {options.threads} threads | ratio |\n|---|---:|---:|---:|")
    print(row("idle", alternate(pipes, options.runs)), flush=True)
    with load(options.busy):
        print(row(f"{options.busy} processes that never rest", alternate(pipes, options.runs)))
    for worker in workers:
        worker.terminate()


if __name__ == "__main__":
    main()
