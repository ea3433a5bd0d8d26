"""python -m benchmarks.durability [URL]: saves while the process is killed, and eight annotators at once.

Prints what was acknowledged and lost. The URL is of an empty database (default: a new SQLite file).
"""

import random
import subprocess
import sys
import tempfile
import time

import numpy as np

from bibier.annotation.events import Event
from bibier.annotation.state import ProjectClip
from bibier.annotation.store import Store
from bibier.labels import named

CLIPS = [ProjectClip(f"{i:064x}", f"{i}.wav") for i in range(200)]


def save(url: str, who: str, start: int, stop: int) -> None:
    """Save events one by one, and say each one's number when it is durable."""
    store = Store(url)
    for turn in range(start, stop):
        probs = named(np.eye(7)[turn % 7])
        clip = CLIPS[turn % len(CLIPS)].sha256
        store.append(Event(f"{who}/{turn}", "durability", clip, who, "label", probs, note=f"{who}/{turn}"))
        print(turn, flush=True)


def saver(url: str, who: str, start: int, stop: int) -> subprocess.Popen:
    command = [sys.executable, "-m", "benchmarks.durability", url, who, str(start), str(stop)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def killed(url: str, saves: int, rng: random.Random) -> tuple[set[str], int]:
    """Have `saves` acknowledged while the process is killed again and again; returns their ids and the kills."""
    acknowledged, start, kills = set(), 0, 0
    while len(acknowledged) < saves:
        process, lines, count = saver(url, "killed", start, 10**6), [], rng.randint(5, 60)
        while len(lines) < count and (line := process.stdout.readline()):
            lines.append(line)
        time.sleep(rng.random() * 0.01)
        process.kill()
        lines += [line for line in process.stdout if line.endswith("\n")]
        process.wait()
        kills += 1
        acknowledged |= {f"killed/{int(line)}" for line in lines}
        start = max(int(line) for line in lines) + 2  # the next one may be there, unacknowledged
    return acknowledged, kills


def main(url: str) -> int:
    store = Store(url)
    store.project("durability", wanted=100)
    store.add_clips("durability", CLIPS)
    acknowledged, kills = killed(url, 500, random.Random(0))
    stored = [event.uuid for _, event in store.events("durability")]
    lost = acknowledged - set(stored)
    doubled = len(stored) - len(set(stored))
    print(f"{len(acknowledged)} acknowledged saves, {kills} kills: {len(lost)} lost, {doubled} doubled")
    people = [saver(url, f"P{i}", 0, 200) for i in range(8)]
    for process in people:
        process.communicate()
    by_people = [event for _, event in store.events("durability") if event.annotator != "killed"]
    expected = {f"P{i}/{turn}" for i in range(8) for turn in range(200)}
    mixed = sum(event.uuid != event.note or event.uuid.split("/")[0] != event.annotator for event in by_people)
    missing = len(expected - {event.uuid for event in by_people})
    print(f"8 annotators, 200 saves each: {missing} lost, {len(by_people) - len(expected)} doubled, {mixed} mixed")
    return int(bool(lost or missing or mixed or len(stored) > len(set(stored)) or len(by_people) > len(expected)))


if __name__ == "__main__":
    if len(sys.argv) == 5:
        sys.exit(save(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{folder}/a.db"))
