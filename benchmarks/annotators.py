"""Eight people label 400 clips: `python -m benchmarks.annotators [--clips 400] [--people 8] [--seeds 3] [--out FILE]`.

The app is started with `--annotate` on a folder of short clips, one label wanted of each; over HTTP, as the page does
it, eight people give as many labels as there are clips, whoever is free the next one: in the given order and in a
random one, without pauses and with pauses of 0.5 to 2 s. Each of these four has a project of its own, each seed an app
and a database. Each tenth act is sent twice, as by a page that the answer didn't reach. Counted is how many clips have
a label; an act that was called saved must stand exactly once in the log. With any that doesn't, or any other error, the
command ends with 1.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import psutil

from benchmarks.annotate import make
from benchmarks.labelled import database
from benchmarks.load import log_of, processor, started, unsaved
from benchmarks.visitors import EVEN, Busy, Page, SimulatedAnnotator, Wrong
from bibier.annotation.store import Store
from bibier.ui.launch import create_project

OUT = Path(__file__).with_suffix(".md")
TWICE = 10  # of so many acts of a person one is sent again


@dataclass(frozen=True)
class Kind:
    """In which order people get the clips, and the pause before each act: the least and the most, s."""

    order: str
    least: float
    most: float

    @property
    def pause(self) -> str:
        return f"{self.least}–{self.most}" if self.most else "none"

    @property
    def project(self) -> str:
        return f"{self.order}, pause {self.pause}"


KINDS = tuple(Kind(order, *pause) for order in ("given", "random") for pause in ((0.0, 0.0), (0.5, 2.0)))


@dataclass
class Team:
    """Everybody's work and what comes of it."""

    page: Page
    kind: Kind
    seed: int
    labels: int  # to be given in all
    saved: list[tuple[str, str]] = field(default_factory=list)  # clip and uuid of what was called saved
    errors: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    tries: int = 0  # sends that had no answer, and were sent again
    given: itertools.count = field(default_factory=itertools.count)

    def come(self, number: int) -> SimulatedAnnotator:
        """Open the page and the project as one person."""
        person = SimulatedAnnotator(self.page, f"person {number}", self.kind.project)
        person.enter()
        person.begin()
        return person

    def work(self, number: int, person: SimulatedAnnotator) -> None:
        """Be one person until enough labels are given or nothing is left."""
        rng = np.random.default_rng((self.seed, number))
        try:
            for turn in itertools.count():
                if person.current is None or next(self.given) >= self.labels:
                    break
                time.sleep(rng.uniform(self.kind.least, self.kind.most))
                act = person.label_next(EVEN, again=turn % TWICE == 0)
                with self.lock:
                    self.saved.append(act)
        except (Busy, Wrong, httpx.HTTPError) as error:
            with self.lock:
                self.errors.append(f"{person.name}: {type(error).__name__}: {error}")
        finally:
            with self.lock:
                self.tries += person.tries
            person.leave()


@dataclass(frozen=True)
class Outcome:
    """What one run showed."""

    kind: Kind
    seed: int
    labels: int  # given
    distinct: int  # clips that have a label
    tries: int  # sends that had no answer, and were sent again
    wrong: list[str]  # acts that don't stand exactly once, and errors
    seconds: float
    cpu: float  # s of the app's processes


def label_all(address: str, pid: int, folder: Path, people: int, clips: int, kind: Kind, seed: int) -> Outcome:
    """Have the project of one kind labelled, and count."""
    team = Team(Page(address), kind, seed, clips)
    with ThreadPoolExecutor(people) as pool:
        members = list(pool.map(team.come, range(people)))
        before, began = psutil.Process(pid).cpu_times(), time.monotonic()
        list(pool.map(team.work, range(people), members))
    seconds, after = time.monotonic() - began, psutil.Process(pid).cpu_times()
    wrong = team.errors + unsaved(folder, [act for _, act in team.saved], kind.project)
    store = Store(database(folder))
    labelled = [event.clip for _, event in store.events(kind.project) if event.kind == "label"]
    store.close()
    if len(labelled) != len(team.saved):
        wrong.append(f"{len(labelled)} labels stand in the log, {len(team.saved)} were called saved")
    cpu = after.user + after.system - before.user - before.system
    return Outcome(kind, seed, len(labelled), len(set(labelled)), team.tries, wrong, seconds, cpu)


def measure(clips: int, people: int, seed: int) -> list[Outcome]:
    """Start the app on new clips and a new database, and have a project of each kind labelled."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "clips").mkdir()
        (folder / "annotations").mkdir()
        make(folder / "clips", clips)
        store = Store(database(folder))
        for kind in KINDS:
            create_project(store, kind.project, str(folder / "clips"))
            store.project(kind.project, order=kind.order, seed=seed)
        store.close()
        with started(folder, "--annotate", "clips") as (address, app):
            outcomes = [label_all(address, app.pid, folder, people, clips, kind, seed) for kind in KINDS]
        outcomes[-1].wrong.extend(log_of(folder))
    return outcomes


def table(outcomes: list[Outcome], clips: int, people: int, command: str) -> str:
    """Write the figures as a document."""
    out = [
        f"# {people} people label {clips} clips",
        "",
        f"    {command}",
        "",
        f"{processor()}; people and app share its cores. One label is wanted of each clip, and {clips} are given in "
        "all, each tenth act sent twice. `Again` counts what had no answer, or that of a busy app, and was sent again; "
        "`wrong` are acts that were lost or doubled, and errors of any kind. Time is from when all have the first clip "
        "until the last label; CPU is that of the app's process, in which the model hears the clips that come next.",
        "",
        "| order | pause, s | seed | labels | clips with a label | again | wrong | saves a second | CPU ms a save |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for one in outcomes:
        facts = (one.kind.order, one.kind.pause, one.seed, one.labels, one.distinct, one.tries, len(one.wrong))
        rate, cpu = one.labels / one.seconds, 1000 * one.cpu / max(1, one.labels)
        out.append("".join(f"| {fact} " for fact in facts) + f"| {rate:.1f} | {cpu:.0f} |")
    return "\n".join(out) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.annotators", description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=400, help="clips, and labels in all (default: 400)")
    parser.add_argument("--people", type=int, default=8, help="who label at once (default: 8)")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each kind (default: 3)")
    parser.add_argument("--seed", type=int, default=0, help="of the first run (default: 0)")
    parser.add_argument("--out", type=Path, default=OUT, help=f"where the table goes (default: {OUT.name} beside)")
    options = parser.parse_args()
    command = " ".join(["python -m benchmarks.annotators", *sys.argv[1:]])
    outcomes: list[Outcome] = []
    for seed in range(options.seed, options.seed + options.seeds):
        for one in measure(options.clips, options.people, seed):
            outcomes.append(one)
            for line in one.wrong:
                print(f"{one.kind.project}, seed {seed}: {line}", file=sys.stderr)
        outcomes.sort(key=lambda one: (KINDS.index(one.kind), one.seed))
        text = table(outcomes, options.clips, options.people, command)
        options.out.write_text(text, encoding="utf-8")  # after each seed: a run is long
    print(text)
    sys.exit(int(any(one.wrong for one in outcomes)))


if __name__ == "__main__":
    main()
