"""Long work that lets others in: whoever computes for long calls `pause` between two parts, and knows no queue.

Who has the work done says with `interruptible` what happens in a pause: others get the device, or the work ends. Where
nobody says so, as in a command or in training, a pause is nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

PART = 0.25  # s of work after which a pause lets others in
LOOK = 0.005  # s between two looks whether a long recording may be kept, with the device in hand
LONG = threading.Lock()  # one long recording at a time is kept in parts that are done: they take memory and disk


class _Work:
    """Work of one thread in parts."""

    def __init__(self, pass_turn: Callable[[], None], check: Callable[[], None], background: bool):
        self.pass_turn, self.check, self.background = pass_turn, check, background
        self.begun, self.alone = time.monotonic(), False

    def pause(self) -> None:
        if time.monotonic() - self.begun >= PART:
            self.pass_turn()
            self.begun = time.monotonic()

    def wait_alone(self) -> None:
        while not (self.alone or self.background):
            self.alone = LONG.acquire(blocking=False)
            if not self.alone:
                self.pass_turn()
                time.sleep(LOOK)

    def end_alone(self) -> None:
        if self.alone:
            self.alone = False
            LONG.release()


_WORK: ContextVar[_Work | None] = ContextVar("work", default=None)


@contextmanager
def interruptible(
    pass_turn: Callable[[], None], *, check: Callable[[], None] = lambda: None, background: bool = False
) -> Iterator[None]:
    """Have the pauses of what is done inside call `pass_turn`, once a part has taken `PART`; what it raises ends the
    work, and so does what `check` raises where nobody can be let in. A generator must not yield inside: another thread
    may go on with it.

    Work in the `background` keeps no other from a long recording: for who waits for that, nobody gives way to it.
    """
    work = _Work(pass_turn, check, background)
    token = _WORK.set(work)
    try:
        yield
    finally:
        _WORK.reset(token)
        work.end_alone()


def pause() -> None:
    """End a part of long work, at a moment when nothing is locked."""
    if work := _WORK.get():
        work.pause()


def check() -> None:
    """End long work where it is to end, at a moment when nobody can be let in."""
    if work := _WORK.get():
        work.check()


def wait_alone() -> None:
    """Wait until no other long recording is worked on in parts; this is the one then, until its work is done or
    `end_alone`.
    """
    if work := _WORK.get():
        work.wait_alone()


def end_alone() -> None:
    """Let another long recording be worked on: of this one nothing large is kept in memory any more."""
    if work := _WORK.get():
        work.end_alone()
