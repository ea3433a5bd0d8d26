"""Four mixed users for an hour against the running app: `python -m benchmarks.soak [--minutes 60] [--every 30]`.

Two work as on the page (send, analyse, correct, take to Annotate, label; after five recordings they delete theirs and
another comes), one looks in and leaves, one is a program that calls /predict with gradio_client. All pause between two
acts. A line at each interval: minutes, resident memory and the part of it that is the app's own (the rest are files of
libraries, which the system drops when it needs room), open files, threads, and what lies in the folders of uploads and
of temporary files. At the end the growth an hour after the first part, a sixth of the time and at most ten minutes.
With `--labelled 10000` there is a project of so many labelled clips, and a fifth user who labels some more; with
`--acts 400` it ends after so many acts. An answer of "busy" is waited for; any other wrong answer is an error, and ends
the command with 1.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import psutil
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from benchmarks.labelled import PROJECT, make_project
from benchmarks.load import log_of, started
from benchmarks.memory import resident
from benchmarks.visitors import EVEN, EXAMPLE, Busy, Page, SimulatedAnnotator, SimulatedVisitor, Wrong, recordings

PAUSE = (1.0, 6.0)  # s between two acts of a user
STAY = 5  # recordings of a visit
FIRST = 10.0  # min that memory may take to fill, at most
UNLABELLED = 1000  # clips beside those that are labelled at the begin
LONE = "I am so happy to see you"
FAILURES = (Wrong, AppError, httpx.HTTPError, LookupError, ValueError, TypeError)


@dataclass(frozen=True)
class Sample:
    """What the app takes at a moment: minutes since the begin, MB resident and own, counts, MB of both folders."""

    minutes: float
    memory: float
    own: float
    files: int
    threads: int
    uploads: float
    temporary: float


@dataclass
class Soak:
    """All users' work and what comes of it."""

    page: Page
    ends: float  # s of the clock
    acts: float = float("inf")  # after which it ends too
    labelled: bool = False  # whether there is a project to label
    done: int = 0
    errors: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def going(self) -> bool:
        return time.monotonic() < self.ends and self.done < self.acts

    def rest(self, seconds: float) -> None:
        """Wait so long, or until the end."""
        until = time.monotonic() + seconds
        while self.going and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 1.0))

    def repeat(self, name: str, number: int, visit: Callable[[np.random.Generator], Iterator[None]]) -> None:
        """Be one visitor after another, with a pause after each act."""
        rng = np.random.default_rng(number)
        while self.going:
            try:
                for _ in visit(rng):
                    with self.lock:
                        self.done += 1
                    if not self.going:
                        break
                    time.sleep(rng.uniform(*PAUSE))
            except Busy:
                time.sleep(PAUSE[1])
            except FAILURES as error:
                with self.lock:
                    self.errors.append(f"{name}: {type(error).__name__}: {str(error)[:300]}")
                time.sleep(PAUSE[1])

    def work(self, rng: np.random.Generator) -> Iterator[None]:
        """Work as a person does on the page."""
        visitor, sounds = SimulatedVisitor(self.page, f"person {rng.integers(10**6)}"), recordings(rng)
        try:
            visitor.enter()
            for _ in range(STAY):
                sound = next(sounds)
                visitor.analyse(visitor.send(sound), LONE)
                yield
                visitor.correct(f"I am so sad to leave you {rng.integers(1000)}")
                yield
                facts = visitor.take(hashlib.sha256(sound).hexdigest())
                visitor.hear(facts, sound)
                visitor.label(facts, str(uuid.uuid4()))
                yield
            visitor.erase()
        finally:
            visitor.leave()

    def look_in(self, rng: np.random.Generator) -> Iterator[None]:
        """Come, have one recording analysed, and leave."""
        visitor = SimulatedVisitor(self.page, "nobody")
        try:
            visitor.enter()
            visitor.analyse(visitor.send(next(recordings(rng))), LONE)
            yield
        finally:
            visitor.leave()

    def program(self, rng: np.random.Generator) -> Iterator[None]:
        """Call as a program does."""
        client = Client(self.page.address, verbose=False)
        try:
            for _ in range(STAY):
                client.predict(handle_file(str(EXAMPLE)), f"{LONE} {rng.integers(1000)}", api_name="/predict")
                yield
        finally:
            client.close()

    def annotate(self, rng: np.random.Generator) -> Iterator[None]:
        """Label clips of the project that was there before."""
        person = SimulatedAnnotator(self.page, f"person {rng.integers(10**6)}", PROJECT)
        try:
            person.enter()
            person.begin()
            for _ in range(STAY):
                person.label_next(EVEN)
                yield
        finally:
            person.leave()

    def begin(self) -> list[threading.Thread]:
        """Let all begin."""
        roles = {"person": self.work, "another": self.work, "guest": self.look_in, "program": self.program}
        if self.labelled:
            roles["annotator"] = self.annotate
        threads = [
            threading.Thread(target=self.repeat, args=(name, number, visit), daemon=True)
            for number, (name, visit) in enumerate(roles.items())
        ]
        for thread in threads:
            thread.start()
        return threads


def megabytes(folder: Path) -> float:
    """Return what lies in a folder, while its files come and go."""
    sizes = []
    for place, _, names in os.walk(folder):  # folders that went meanwhile are passed over
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                sizes.append(Path(place, name).stat().st_size)
    return sum(sizes) / 1e6


def sample(pid: int, folder: Path, began: float) -> Sample | None:
    """Return what the app takes now; None when it has ended."""
    memory = resident(pid)
    if memory is None:
        return None
    app = psutil.Process(pid)
    minutes = (time.monotonic() - began) / 60
    uploads, temporary = megabytes(folder / "uploads"), megabytes(folder / "tmp")
    own = app.memory_full_info().uss / 1e6
    return Sample(minutes, memory, own, app.num_fds(), app.num_threads(), uploads, temporary)


def growth(samples: list[Sample]) -> float | None:
    """Return MB an hour after the first part; None when there are fewer than four samples after it."""
    first = min(FIRST, samples[-1].minutes / 6) if samples else 0.0
    late = [(one.minutes, one.memory) for one in samples if one.minutes >= first]
    if len(late) < 4:
        return None
    return 60 * float(np.polyfit(*np.array(late).T, 1)[0])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0, help="length of the run (default: 60)")
    parser.add_argument("--every", type=float, default=30.0, help="seconds between two lines (default: 30)")
    parser.add_argument("--labelled", type=int, default=0, help="clips of a labelled project (default: none)")
    parser.add_argument("--acts", type=float, default=float("inf"), help="acts after which it ends (default: no end)")
    options = parser.parse_args()
    samples: list[Sample] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "tmp").mkdir()
        os.environ["TMPDIR"] = str(folder / "tmp")
        if options.labelled:
            make_project(folder, options.labelled + UNLABELLED, options.labelled)
        with started(folder) as (address, app):
            began = time.monotonic()
            soak = Soak(Page(address), began + 60 * options.minutes, options.acts, bool(options.labelled))
            threads = soak.begin()
            print("minutes\tMB\town MB\tfiles\tthreads\tuploads MB\ttemporary MB\tacts\terrors", flush=True)
            while soak.going and (now := sample(app.pid, folder, began)):
                samples.append(now)
                print(
                    f"{now.minutes:.1f}\t{now.memory:.0f}\t{now.own:.0f}\t{now.files}\t{now.threads}\t{now.uploads:.1f}"
                    f"\t{now.temporary:.1f}\t{soak.done}\t{len(soak.errors)}",
                    flush=True,
                )
                soak.rest(options.every)
            for thread in threads:
                thread.join(60)
            if app.poll() is not None:
                soak.errors.append(f"the app ended by itself ({app.returncode})")
        soak.errors += log_of(folder)
    slope = growth(samples)
    print(
        f"{soak.done} acts, {len(soak.errors)} errors, growth " + ("unknown" if slope is None else f"{slope:+.0f} MB/h")
    )
    for error in soak.errors:
        print(error, file=sys.stderr)
    sys.exit(int(bool(soak.errors)))


if __name__ == "__main__":
    main()
