"""What a command costs that judges one clip and ends, beside importing torch alone; CPU time of whole processes.

    python -m benchmarks.start [--runs 5]

The processes take turns; each has been started once before, so that files are in memory and modules are compiled.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CLIP = "examples/happy_en.ogg"
PEER = "import torch"
COMMANDS = {
    PEER: ["-c", "import torch"],
    "import bibier": ["-c", "import bibier"],
    "bibier --help": ["-m", "bibier", "--help"],
    "bibier predict, words given": ["-m", "bibier", "predict", CLIP, "--transcript", "I am so happy to see you!"],
    "bibier predict --json, voice alone": ["-m", "bibier", "predict", CLIP, "--transcript", "", "--json"],
}


def measure(command: list[str]) -> tuple[float, float, float]:
    """Return the CPU time and wall time in seconds and the peak memory in MB of one process."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    watch = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)"
    watch += "; print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    run = [sys.executable, "-c", watch, sys.executable, *command]
    peak = subprocess.run(run, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall, int(peak) / 1000


def main() -> None:
    """Print a table of medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    results: dict[str, list[tuple[float, float, float]]] = {name: [] for name in COMMANDS}
    for turn in range(options.runs + 1):
        for name, command in COMMANDS.items():
            result = measure(command)
            if turn:
                results[name].append(result)
    peer = statistics.median(cpu for cpu, *_ in results[PEER])
    print(f"| process | CPU, s | over `{PEER}` | wall, s | peak, MB |\n|---|---:|---:|---:|---:|")
    for name, rows in results.items():
        cpu, wall, peak = (statistics.median(column) for column in zip(*rows, strict=True))
        print(f"| `{name}` | {cpu:.2f} | {cpu / peer:.2f} | {wall:.2f} | {peak:.0f} |")


if __name__ == "__main__":
    main()
