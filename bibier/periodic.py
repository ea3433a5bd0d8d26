"""Work that is done again and again in a thread of its own, and outlives whatever goes wrong in it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from bibier.log import note, told

LATE = 3  # periods without a success after which a task counts as failing


@dataclass(frozen=True)
class TaskState:
    """How a task is doing: `seconds` since its last success or its start, `error` the kind of the last failure."""

    ok: bool
    seconds: int
    error: str | None


class PeriodicTask:
    """Work that is done every so many seconds.

    A step that fails is written to the log and tried again at its next time; nothing that it raises ends the task.

    Parameters
    ----------
    name
        Of the task, in the log and on the health page.
    step
        Does the work once.
    every
        Seconds between two steps.
    clock
        Seconds from anywhere that never go back.
    """

    def __init__(
        self, name: str, step: Callable[[], object], every: float, *, clock: Callable[[], float] = time.monotonic
    ):
        self.name, self.step, self.every, self.clock = name, step, every, clock
        self.succeeded = clock()
        self.error: str | None = None
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; the first step is a period from now."""
        self.succeeded = self.clock()
        self._thread = threading.Thread(target=self._work, name=self.name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the step that is running."""
        self._stopped.set()

    def state(self) -> TaskState:
        """Say how it is doing: well, unless it is late or its last step failed."""
        passed = self.clock() - self.succeeded
        alive = self._thread is None or self._stopped.is_set() or self._thread.is_alive()
        return TaskState(alive and self.error is None and passed < LATE * self.every + LATE, round(passed), self.error)

    def once(self, pool: ThreadPoolExecutor) -> None:
        """Do a step, and note how it went; the future catches all that it may raise."""
        error: BaseException | None
        try:
            error = pool.submit(self.step).exception()
        except RuntimeError as refused:  # there is no memory for a thread: the next step may have it
            error = refused
        if error is None:
            self.succeeded, self.error = self.clock(), None
            return
        self.error = type(error).__name__
        note("task", level=logging.ERROR, task=self.name, outcome="failed", **told(error))

    def _work(self) -> None:
        with ThreadPoolExecutor(1, thread_name_prefix=self.name) as pool:
            while not self._stopped.wait(self.every):
                self.once(pool)
