"""Resident memory of a program that works, and by how much it grows with the work."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import psutil
from scipy import stats

PERIOD = 1.0  # s between two samples
BLOCKS = 10  # of equally much work, whose mean memories the line goes through


@dataclass(frozen=True)
class Growth:
    """MB per unit of work, with half the width of its 95 % interval."""

    slope: float
    half: float


class Watch:
    """Samples the resident memory of a process and all that it started, in MB, while it is entered.

    Parameters
    ----------
    pid
        The process; sampling ends with it.
    work
        Tells how much work is done.
    """

    def __init__(self, pid: int, work: Callable[[], int]):
        self.pid, self.work = pid, work
        self.done: list[int] = []
        self.memory: list[float] = []
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._sample)

    def __enter__(self) -> Watch:
        self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.ended.set()
        self.thread.join()

    def _sample(self) -> None:
        while (now := resident(self.pid)) is not None:
            self.done.append(self.work())
            self.memory.append(now)
            if self.ended.wait(PERIOD):
                return

    def growth(self) -> Growth | None:
        """See `growth`."""
        return growth(np.array(self.done, dtype=float), np.array(self.memory))


def resident(pid: int) -> float | None:
    """Return the resident memory of a process and all that it started, in MB; None when it has ended."""
    try:
        app = psutil.Process(pid)
        return sum(one.memory_info().rss for one in (app, *app.children(recursive=True))) / 1e6 or None
    except psutil.NoSuchProcess:
        return None


def growth(done: np.ndarray, memory: np.ndarray) -> Growth | None:
    """Fit a line to the second half of the work.

    Neighbouring samples depend on each other, so the line goes through the means of ten blocks, whose scatter gives
    the interval (Student's t, 8 degrees of freedom). None when there is no work for ten blocks of two.

    Parameters
    ----------
    done
        (n,), never falling.
    memory
        (n,) MB.
    """
    if not len(done) or done[-1] < 4 * BLOCKS:
        return None
    edges = np.linspace(done[-1] / 2, done[-1], BLOCKS + 1)
    late = done >= edges[0]
    block = np.digitize(done[late], edges[1:-1])
    if len(set(block)) < BLOCKS:
        return None
    x, y = (
        np.array([of[late][block == block_number].mean() for block_number in range(BLOCKS)]) for of in (done, memory)
    )
    line = stats.linregress(x, y)
    return Growth(line.slope, line.stderr * stats.t.ppf(0.975, BLOCKS - 2))
