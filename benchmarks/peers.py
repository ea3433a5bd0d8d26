"""Beside other annotation tools, in one run: `python -m benchmarks.peers [--potato VENV/bin/python] [--clips 10000]`.

Over HTTP, as each page asks it: a person saves a distribution over the seven emotions, and the next of 10,000 clips is
there; first with no label, then with 9,900 clips labelled by eight others. Both servers run, and take turns in blocks
of saves, the order turned about each time. Printed are medians with the middle half, ratios, CPU of each server's
processes, and their memory after the saves; and the export of all labels. Which tools take part: see `peers.md`.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks import potato
from benchmarks.labelled import PROJECT, database, label_events, make_project
from benchmarks.load import processor, started
from benchmarks.visitors import EVEN, Page, SimulatedAnnotator
from bibier.annotation.store import Store

LEFT = 100  # clips without a label in the second state
WARM = 2  # saves of each before the first turn


@dataclass
class Server:
    """One tool's server, and what was measured of it."""

    name: str
    pid: int
    save: Callable[[], object]  # saves a label and has the next clip shown
    export: Callable[[], int]  # how many labels it gave
    seconds: list[float] = field(default_factory=list)  # of each save
    cpu: float = 0.0  # s of all saves
    exported: tuple[int, float, float] = (0, 0.0, 0.0)  # labels, s, s of CPU
    resident: float = 0.0  # MB
    own: float = 0.0  # MB, without files of libraries

    def processes(self) -> list[psutil.Process]:
        """Return the server's process and those that it started."""
        one = psutil.Process(self.pid)
        return [one, *one.children(recursive=True)]

    def worked(self) -> float:
        """Return the seconds of CPU until now."""
        times = [one.cpu_times() for one in self.processes()]
        return sum(one.user + one.system for one in times)

    def block(self, saves: int) -> None:
        """Save so many labels."""
        before = self.worked()
        for _ in range(saves):
            began = time.perf_counter()
            self.save()
            self.seconds.append(time.perf_counter() - began)
        self.cpu += self.worked() - before

    def weigh(self) -> None:
        """Note the memory."""
        self.resident = sum(one.memory_info().rss for one in self.processes()) / 1e6
        self.own = sum(one.memory_full_info().uss for one in self.processes()) / 1e6

    def give(self) -> None:
        """Time the export."""
        before, began = self.worked(), time.perf_counter()
        count = self.export()
        self.exported = count, time.perf_counter() - began, self.worked() - before


def ours(stack: ExitStack, folder: Path, person: str) -> Server:
    """Start the app on the project of a folder, and come in as who started it."""
    address, app = stack.enter_context(started(folder))
    annotator = SimulatedAnnotator(Page(address), person, PROJECT)
    start = re.search(r"\?start=\S+", (folder / "app.log").read_text())
    assert start, "the app did not say at which address it starts"
    annotator.http.get(f"/{start[0]}")
    annotator.enter()
    annotator.begin()
    stack.callback(annotator.leave)

    def export() -> int:
        lines = annotator.act("export", format="events", **annotator.who)["text"].splitlines()
        return sum('"kind": "label"' in line for line in lines)

    return Server("BiBiER", app.pid, lambda: annotator.label_next(EVEN), export)


def measure(folder: Path, python: Path | None, labelled: int, rounds: int, saves: int) -> list[Server]:
    """Start all on the folder's project, of which so many clips are labelled; take turns; return what was found."""
    store = Store(database(folder))
    clips = [clip.sha256 for clip in store.clips(PROJECT)]
    labels = label_events(clips, labelled)
    store.append_all(PROJECT, labels)
    store.close()
    with ExitStack() as stack:
        servers = [ours(stack, folder, f"new {labelled}")]
        if python:
            task = folder / f"potato-{labelled}"
            potato.make_task(task, clips, labels)
            address, process = stack.enter_context(potato.started(python, task))
            annotator = potato.PotatoAnnotator(address, "new")
            servers.append(Server("Potato", process.pid, lambda: annotator.label_next(EVEN), annotator.export))
        for server in servers:
            for _ in range(WARM):
                server.save()
        for number in range(rounds):
            for server in servers[:: -1 if number % 2 else 1]:
                server.block(saves)
        for server in servers:
            server.weigh()
            server.give()
    return servers


def table(found: dict[int, list[Server]], clips: int) -> str:
    """Write the figures, the first server's beside each other's."""
    out = [
        "| clips labelled before | tool | saves | save and next, ms: median (middle half) | × | CPU ms | × "
        "| resident MB | own MB | export: labels, s, CPU s |",
        "| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for labelled, servers in found.items():
        first = servers[0]
        for one in servers:
            low, middle, high = (1000 * value for value in statistics.quantiles(one.seconds, n=4))
            ratio = middle / 1000 / statistics.median(first.seconds)
            cpu = one.cpu / len(one.seconds)
            count, seconds, worked = one.exported
            out.append(
                f"| {labelled} of {clips} | {one.name} | {len(one.seconds)} | {middle:.0f} ({low:.0f}–{high:.0f}) "
                f"| {ratio:.1f} | {1000 * cpu:.0f} | {cpu / (first.cpu / len(first.seconds)):.1f} "
                f"| {one.resident:.0f} | {one.own:.0f} | {count}, {seconds:.2f}, {worked:.2f} |"
            )
    return "\n".join(out) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__.splitlines()[0])
    parser.add_argument("--potato", type=Path, metavar="PYTHON", help="of a venv with potato-annotation")
    parser.add_argument("--clips", type=int, default=10_000, help="clips of the project (default: 10,000)")
    parser.add_argument("--rounds", type=int, default=5, help="blocks of saves of each (default: 5)")
    parser.add_argument("--saves", type=int, default=4, help="saves of a block (default: 4)")
    parser.add_argument("--out", type=Path, help="a file for the table too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        make_project(folder := Path(name), options.clips, 0)
        found = {
            labelled: measure(folder, options.potato, labelled, options.rounds, options.saves)
            for labelled in (0, options.clips - LEFT)
        }
    command = " ".join(["python -m benchmarks.peers", *sys.argv[1:]])
    text = f"`{command}`; {processor()}, Python {sys.version.split()[0]}.\n\n{table(found, options.clips)}"
    print(text, end="")
    if options.out:
        options.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
