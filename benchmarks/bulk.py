"""python -m benchmarks.bulk [COUNT] [--out FILE.md]: many events at once, beside the same events one by one.

In one run, on a new SQLite file each: COUNT labelled events (default 9900) appended one by one (a sample, times the
rest), in one transaction, imported from an export, and brought back from a copy, with saves of another thread
meanwhile; and a save of the page with the next clip of 10,000. Ratios count; seconds are those of this computer.
"""

import argparse
import functools
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bibier.annotation import exports, imports
from bibier.annotation.entries import LogEntry
from bibier.annotation.events import Event
from bibier.annotation.merging import Copy, merge
from bibier.annotation.state import ProjectClip
from bibier.annotation.store import Store
from bibier.labels import named
from bibier.ui.annotate.handlers import AnnotateHandlers

SAMPLE = 200  # events that are appended one by one
SAVES = 200  # of the page
QUEUE = 10_000  # clips from which the next is chosen


def events(count: int) -> tuple[list[ProjectClip], list[Event]]:
    clips = [ProjectClip(f"{i:064x}", f"{i}.wav", f"words {i}") for i in range(count)]
    probs = [named(np.eye(7)[i]) for i in range(7)]
    return clips, [Event(f"e{i}", "p", clip.sha256, f"P{i % 8}", "label", probs[i % 7]) for i, clip in enumerate(clips)]


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds that a call took, and those of this process's CPU."""
    began, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - cpu


def saves_meanwhile(store: Store, clips: list[ProjectClip], work: Callable[[], object]) -> tuple[float, float, int]:
    """Time a call while another thread saves each 20 ms; returns its seconds, the slowest save, the number of saves."""
    stop, times = threading.Event(), []

    def save() -> None:
        while not stop.wait(0.02):
            event = Event(f"s{len(times)}", "p", clips[0].sha256, "Eve", "label", named(np.eye(7)[0]))
            times.append(timed(functools.partial(store.append, event))[0])

    store.add_clips("p", clips[:1])
    thread = threading.Thread(target=save)
    thread.start()
    seconds, _ = timed(work)
    stop.set()
    thread.join()
    return seconds, max(times, default=0.0), len(times)


def rows(
    count: int, place: Path, *, sample: int = SAMPLE, saves: int = SAVES, queue: int = QUEUE
) -> list[tuple[str, float, str]]:
    """Return each way's name, its seconds for all events, and what else is to be said."""
    clips, log = events(count)

    def fresh(name: str, filled: bool = True) -> Store:
        store = Store(f"sqlite:///{place}/{name}.db")
        if filled:
            store.add_clips("p", clips)
        return store

    single, whole = fresh("single"), fresh("whole")
    seconds, _ = timed(lambda: [single.append(event) for event in log[:sample]])
    one_by_one = seconds / sample * count
    at_once, _ = timed(lambda: whole.append_all("p", log))
    file = exports.save(exports.snapshot_of(whole, "p"), "events", place / "events.jsonl")
    target, copy = fresh("import", filled=False), Copy()
    imported = saves_meanwhile(target, clips, lambda: imports.add_events(target, "p", file))
    lines = file.read_text(encoding="utf-8").split("\n")
    copy.read(line for line in lines if line.startswith('{"clip"'))
    copy.read(entry.to_json() for entry in whole.entries("p"))
    back = fresh("back", filled=False)
    restored = saves_meanwhile(back, clips, lambda: merge(back, copy, unseen_by=back.writer))
    assert len(back.events("p")) == count + restored[2] and len(target.events("p")) == count + imported[2]
    assert isinstance(whole.entries("p")[0], LogEntry)
    whole.add_clips("p", [ProjectClip(f"{i:064x}", f"{i}.wav") for i in range(count, count + queue)])
    page, save = AnnotateHandlers(whole), 0

    def label() -> None:
        nonlocal save
        save += 1
        points = [100, 0, 0, 0, 0, 0, 0]
        name = f"00000000-0000-4000-8000-{save:012}"
        sent = {"project": "p", "annotator": "Ann", "uuid": name, "clip": f"{count + save:064x}"}
        page.save(sent | {"points": points, "note": "", "seconds": 1})

    label()
    seconds, cpu = timed(lambda: [label() for _ in range(saves)])
    meanwhile = "{2} saves meanwhile, the slowest {1:.2f} s"
    return [
        ("one by one", one_by_one, f"{sample} of them"),
        ("`Store.append_all`, one transaction", at_once, ""),
        ("import of an export", imported[0], meanwhile.format(*imported)),
        ("restore of a copy", restored[0], meanwhile.format(*restored)),
        (f"a save of the page with the next of {queue} clips", seconds / saves, f"{1000 * cpu / saves:.1f} ms of CPU"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("count", nargs="?", type=int, default=9900)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bibier-bulk-") as place:
        table = rows(options.count, Path(place))
    first = table[0][1]
    command = (__doc__ or "").partition(":")[0]
    text = f"{options.count} labelled events, SQLite {sqlite3.sqlite_version}; `{command}`.\n\n"
    text += "| way | s | of one by one | |\n|---|---|---|---|\n"
    text += "".join(f"| {name} | {seconds:.3g} | {seconds / first:.4f} | {note} |\n" for name, seconds, note in table)
    print(text, end="")
    if options.out:
        options.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
