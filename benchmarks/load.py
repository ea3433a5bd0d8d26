"""Eight people at once against the running app: `python -m benchmarks.load [--minutes 5] [--users 8] [--runs 1]`.

Over loopback HTTP, as the page does it, each of them sends a recording, has it analysed, corrects the words, takes it
to Annotate, hears it there and labels it: one cycle. There are no pauses; after ten cycles a visitor deletes the
recordings and leaves, and another comes. A run lasts so many minutes, longer until an hour's worth of cycles is done.
An answer of "busy" (queue full, too many requests) is counted and tried again; all else that is not the right answer is
an error: the clip that is heard must be the recording's bytes, every label that was called saved must stand once in the
log of events, and the app's log must tell of no failure. With any error the command ends with 1.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np

from benchmarks.memory import BLOCKS, Watch, resident
from benchmarks.visitors import PATIENCE, RATE, SECONDS, Busy, Page, SimulatedVisitor, Wrong, recordings
from bibier.annotation.store import Store

ROOT = Path(__file__).parents[1]
OUT = Path(__file__).with_suffix(".md")
HOUR = 60  # cycles of one person in an hour: who records, listens, corrects and labels takes a minute
STAY = 10  # cycles of a visit
LISTEN = 4  # of so many analyses one recognises the words, the others are given them
LONGEST = 3600.0  # s of a run
ENOUGH = 50  # errors after which nothing more is learnt
REST = 10.0  # s after the last visitor left
TABS = 200  # that Gradio remembers (`state_session_capacity`): so many are opened before, and memory no longer fills
STEPS = (
    "open the page",
    "send the recording",
    "analyse, words given",
    "analyse, words recognised",
    "correct the words",
    "take to Annotate",
    "show and hear the clip",
    "label, durable on return",
    "delete my recordings",
)


@dataclass
class Load:
    """All visitors' work and what comes of it.

    Parameters
    ----------
    going
        Whether to begin another cycle, told how many are done.
    """

    page: Page
    seed: int
    going: Callable[[int], bool]
    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))  # s by step
    errors: list[str] = field(default_factory=list)
    saved: list[str] = field(default_factory=list)  # labels that were called saved
    busy: int = 0
    cycles: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def timed(self, step: str, work: Callable, *arguments: object):
        """Do a step, again while the app is busy; the time is that of the answer that came."""
        while True:
            began = time.perf_counter()
            try:
                answer = work(*arguments)
            except Busy:
                with self.lock:
                    self.busy += 1
                time.sleep(1)
                continue
            except (Wrong, httpx.HTTPError, LookupError, ValueError, TypeError) as error:
                raise Wrong(f"{step}: {type(error).__name__}: {error}") from error
            with self.lock:
                self.times[step].append(time.perf_counter() - began)
            return answer

    def cycle(self, visitor: SimulatedVisitor, number: int, sound: bytes) -> None:
        """Do all that a person does with one recording."""
        clip = self.timed("send the recording", visitor.send, sound)
        listen = number % LISTEN == LISTEN - 1
        words = "" if listen else f"I am so happy to see you {number}"
        self.timed(f"analyse, words {'recognised' if listen else 'given'}", visitor.analyse, clip, words)
        self.timed("correct the words", visitor.correct, f"I am so sad to leave you {number}")
        facts = self.timed("take to Annotate", visitor.take, hashlib.sha256(sound).hexdigest())
        self.timed("show and hear the clip", visitor.hear, facts, sound)
        self.timed("label, durable on return", visitor.label, facts, name := str(uuid.uuid4()))
        with self.lock:
            self.saved.append(name)

    def visit(self, name: str, recordings: Iterator[bytes]) -> None:
        """Come, work, delete, leave. Raises Wrong."""
        visitor = SimulatedVisitor(self.page, name)
        try:
            self.timed("open the page", visitor.enter)
            for number in range(STAY):
                if not self.going(self.cycles):
                    break
                self.cycle(visitor, number, next(recordings))
                with self.lock:
                    self.cycles += 1
            else:
                self.timed("delete my recordings", visitor.erase)
        finally:
            visitor.leave()

    def work(self, user: int) -> None:
        """Be one visitor after another."""
        clips = recordings(np.random.default_rng((self.seed, user)))
        while self.going(self.cycles) and len(self.errors) < ENOUGH:
            try:
                self.visit(f"person {user}", clips)
            except Wrong as error:
                with self.lock:
                    self.errors.append(str(error))

    def run(self, users: int) -> None:
        """Let them all work; returns when each has ended the last cycle."""
        with ThreadPoolExecutor(users) as pool:
            list(pool.map(self.work, range(users)))

    def look_in(self, number: int) -> None:
        """Come, have one recording analysed and leave: Gradio remembers as much of such a tab as of one that works."""
        visitor = SimulatedVisitor(self.page, "nobody")
        sound = next(recordings(np.random.default_rng((self.seed, TABS, number))))
        try:
            self.timed("look in", visitor.enter)
            clip = self.timed("look in", visitor.send, sound)
            self.timed("look in", visitor.analyse, clip, "I am so happy to see you")
            self.timed("look in", visitor.correct, "I am so sad to leave you")
        except Wrong as error:
            self.errors.append(str(error))
        finally:
            visitor.leave()


@contextmanager
def started(folder: Path, *options: str) -> Iterator[tuple[str, subprocess.Popen]]:
    """Start the app in a folder of its own; give its address once it answers, and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address, deadline = f"http://127.0.0.1:{port}", time.monotonic() + PATIENCE
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("BIBIER_", "GRADIO_"))}
    with (folder / "app.log").open("wb") as log:
        app = subprocess.Popen(
            [sys.executable, str(ROOT / "app.py"), "--port", str(port), *options],
            cwd=folder,
            stdout=log,
            stderr=log,
            env=environ | {"GRADIO_TEMP_DIR": str(folder / "uploads")},
        )
    try:
        while True:
            try:
                httpx.get(f"{address}/theme.css", timeout=5).raise_for_status()
                break
            except httpx.HTTPError:
                if app.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"the app did not start:\n{(folder / 'app.log').read_text()}") from None
                time.sleep(0.2)
        yield address, app
    finally:
        app.terminate()
        app.wait(60)


@dataclass(frozen=True)
class Found:
    """What a run showed; memory in MB."""

    seed: int
    seconds: float
    alone: dict[str, list[float]]  # s by step, of one visitor before the others came
    load: Load
    watch: Watch
    left: float  # after all have left


def log_of(folder: Path) -> list[str]:
    """Say what the app's log tells of failures."""
    said = (folder / "app.log").read_text()
    found = [f"in the log: {line[:300]}" for line in said.splitlines() if '"failed"' in line]
    _, broken, rest = said.partition("Traceback")
    return [*found, f"in the log: {broken}{rest[:2000]}"] if broken else found


def unsaved(folder: Path, saved: list[str], project: str = "analysed") -> list[str]:
    """Say which labels that were called saved do not stand exactly once in the log."""
    store = Store(f"sqlite:///{folder}/annotations/bibier.db")
    stand = Counter(event.uuid for _, event in store.events(project)) if project in store.projects() else {}
    store.close()
    return [f"the label {name} stands {stand.get(name, 0)} times in the log" for name in saved if stand.get(name) != 1]


def measure(minutes: float, users: int, seed: int, cycles: int, tabs: int = TABS) -> Found:
    """Start the app, warm it, load it, and return what was found; `cycles` is the least of them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with started(folder) as (address, app):
            page = Page(address)
            warm = Load(page, seed, lambda done: done < STAY)
            warm.work(users)  # models, recogniser and project are there then
            with ThreadPoolExecutor(users) as pool:
                list(pool.map(warm.look_in, range(tabs)))
            began = time.monotonic()

            def going(done: int) -> bool:
                passed = time.monotonic() - began
                return app.poll() is None and passed < LONGEST and (passed < 60 * minutes or done < cycles)

            load = Load(page, seed, going)
            with Watch(app.pid, lambda: load.cycles) as watch:
                load.run(users)
            seconds, left = time.monotonic() - began, None
            if app.poll() is None:
                time.sleep(REST)
                left = resident(app.pid)
        load.errors[:0] = warm.errors
        load.errors += log_of(folder) + unsaved(folder, warm.saved + load.saved)
        if left is None:
            load.errors.append(f"the app ended by itself ({app.returncode})")
    return Found(seed, seconds, warm.times, load, watch, left or 0.0)


def processor() -> str:
    """Name the processor, as far as the system tells."""
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def table(outcomes: list[Found], users: int, command: str) -> str:
    """Write the figures as a document."""
    hour = HOUR * users
    out = [
        "# Eight people at once" if users == 8 else f"# {users} people at once",
        "",
        f"    {command}",
        "",
        f"{processor()}, {os.cpu_count()} cores, on which the visitors run too; Python {platform.python_version()}, "
        f"no GPU. A cycle: send {SECONDS} s of sound ({2 * SECONDS * RATE // 1000} kB), analyse, correct the words, "
        "take it to Annotate, show and hear it, label it. No pauses; after ten cycles a visitor deletes the recordings "
        f"and leaves, and another comes. An hour's worth is {hour} cycles: {users} people who take a minute for each.",
        "",
        "| seed | minutes | cycles | errors | answers of busy | requests a second |",
        "| ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for outcome in outcomes:
        load = outcome.load
        asked = sum(map(len, load.times.values()))
        out.append(
            f"| {outcome.seed} | {outcome.seconds / 60:.1f} | {load.cycles} | {len(load.errors)} | {load.busy} "
            f"| {asked / outcome.seconds:.1f} |"
        )
    out += [
        "",
        "Seconds to the answer, over all runs; alone: of the one visitor who came before the others, in ten cycles.",
        "",
        f"| step | alone, p50 | {users} at once: times | p50 | p95 | most |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for step in STEPS:
        alone = [seconds for outcome in outcomes for seconds in outcome.alone.get(step, ())]
        all_ = [seconds for outcome in outcomes for seconds in outcome.load.times.get(step, ())]
        if all_:
            p50, p95 = np.percentile(all_, (50, 95))
            first = f"{np.median(alone):.2f}" if alone else ""
            out.append(f"| {step} | {first} | {len(all_)} | {p50:.2f} | {p95:.2f} | {max(all_):.2f} |")
    out += [
        "",
        "Resident memory of all the app's processes, MB; its growth is the slope of a line through the second half of "
        f"a run (means of {BLOCKS} blocks of cycles, 95 % interval), put to an hour's worth of cycles. Before it, one "
        f"visitor worked for ten cycles, and {TABS} had one recording analysed: so many tabs the app remembers. "
        "Nothing was outcomes or trimmed by hand.",
        "",
        f"| seed | before | most | after | {REST:.0f} s after all left | growth in an hour's worth |",
        "| ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for outcome in outcomes:
        line, memory = outcome.watch.growth(), outcome.watch.memory
        grew = f"{hour * line.slope:+.1f} ± {hour * line.half:.1f}" if line else "the run was too short"
        out.append(
            f"| {outcome.seed} | {memory[0]:.0f} | {max(memory):.0f} | {memory[-1]:.0f} | {outcome.left:.0f} | {grew} |"
        )
    return "\n".join(out) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5.0, help="length of a run (default: 5)")
    parser.add_argument("--users", type=int, default=8, help="who work at once (default: 8)")
    parser.add_argument("--cycles", type=int, help=f"fewest cycles of a run (default: {HOUR} for each user)")
    parser.add_argument("--runs", type=int, default=1, help="runs, each with an app of its own (default: 1)")
    parser.add_argument("--seed", type=int, default=0, help="of the first run (default: 0)")
    parser.add_argument("--out", type=Path, default=OUT, help=f"where the table goes (default: {OUT.name} beside)")
    options = parser.parse_args()
    least = HOUR * options.users if options.cycles is None else options.cycles
    outcomes = []
    for seed in range(options.seed, options.seed + options.runs):
        outcomes.append(measure(options.minutes, options.users, seed, least))
        for error in outcomes[-1].load.errors:
            print(f"seed {seed}: {error}", file=sys.stderr)
    command = " ".join(["python -m benchmarks.load", *sys.argv[1:]])
    text = table(outcomes, options.users, command)
    options.out.write_text(text, encoding="utf-8")
    print(text)
    sys.exit(int(any(outcome.load.errors for outcome in outcomes)))


if __name__ == "__main__":
    main()
