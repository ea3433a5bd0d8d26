"""Whose turn it is on a device: one inference at a time, in the order of asking; how long to wait; a way to stop."""

from __future__ import annotations

import math
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bibier.errors import Cancelled, InputError

MOST = 16  # people who may wait; the next is told to come back
RECENT = 9  # works whose median duration is the estimate of the next
GUESS = 3.0  # s, of a work before any was seen


class Turn:
    """One work that waits or runs. `check` between its parts is what makes it stoppable.

    Parameters
    ----------
    turns
        The queue in which it stands.
    tab
        Who asked, for `Turns.stop`; "" for nobody in particular.
    background
        Nobody waits for it, so it lets everybody pass.
    """

    def __init__(self, turns: Turns, tab: str, background: bool):
        self.turns, self.tab, self.background = turns, tab, background
        self.stopped = False
        self.asked = turns.clock()
        self.began: float | None = None  # s of the clock

    def check(self) -> None:
        """Raise Cancelled when it is to end."""
        if self.stopped:
            raise Cancelled

    def come(self, seconds: float | None = None) -> bool:
        """Wait for the turn, at most so long; whether it has come. Raises Cancelled."""
        turns = self.turns
        with turns.changed:
            turns.changed.wait_for(lambda: self.stopped or turns.first() is self, seconds)
            self.check()
            if turns.first() is not self:
                return False
            turns.waiting.remove(self)
            turns.running, self.began = self, turns.clock()
        return True

    def before(self) -> tuple[int, float]:
        """Return how many works come before this one, and about how many seconds that is."""
        with self.turns.changed:
            return self.turns.ahead(self)

    def leave(self) -> None:
        """Give the device or the place in the queue back; may be called again."""
        turns = self.turns
        with turns.changed:
            if turns.running is self:
                turns.running = None
                if not self.stopped and not self.background:
                    turns.recent.append(turns.clock() - self.began)
            elif self in turns.waiting:
                turns.waiting.remove(self)
            turns.changed.notify_all()


class Turns:
    """The queue of one device; shared by all threads.

    Parameters
    ----------
    most
        How many may wait besides the one that runs; works in the background aren't counted.
    clock
        Seconds from anywhere that never go back: a changed wall clock changes no wait.
    """

    def __init__(self, most: int = MOST, clock: Callable[[], float] = time.monotonic):
        self.most, self.clock = most, clock
        self.changed = threading.Condition(threading.RLock())
        self.running: Turn | None = None
        self.waiting: list[Turn] = []
        self.recent: deque[float] = deque(maxlen=RECENT)  # s

    def ask(self, tab: str = "", *, background: bool = False) -> Turn:
        """Stand in the queue; `Turn.leave` must follow. Raises InputError when it is full, with the time to wait."""
        with self.changed:
            turn = Turn(self, tab, background)
            people = [one for one in self.waiting if not one.background]
            if not background and len(people) >= self.most:
                raise InputError("turn-full", waiting=len(people), seconds=rough(self.ahead(turn)[1]))
            self.waiting.append(turn)
            self.changed.notify_all()
        return turn

    @contextmanager
    def turn(self, tab: str = "", *, background: bool = False) -> Iterator[Turn]:
        """Wait for a turn and hold it. Raises InputError when the queue is full, Cancelled when it was stopped."""
        turn = self.ask(tab, background=background)
        try:
            turn.come()
            yield turn
        finally:
            turn.leave()

    def stop(self, tab: str) -> int:
        """Stop what a tab has asked for: what waits leaves at once, what runs at its next check. Return how many."""
        with self.changed:
            mine = [one for one in (self.running, *self.waiting) if one is not None and one.tab == tab and tab]
            for one in mine:
                one.stopped = True
            self.changed.notify_all()
        return len(mine)

    def first(self) -> Turn | None:
        """Return whose turn it is; None while one runs."""
        if self.running is not None:
            return None
        return min(self.waiting, key=lambda one: one.background, default=None)  # of equals, the first

    def ahead(self, turn: Turn) -> tuple[int, float]:
        """Count the works before one, and guess the seconds that they take, rest of the running one included."""
        usual = statistics.median(self.recent) if self.recent else GUESS
        at = self.waiting.index(turn) if turn in self.waiting else len(self.waiting)
        before = [one for one in self.waiting[:at] if turn.background or not one.background]
        seconds = usual * len(before)
        if self.running is not None:
            seconds += max(usual - (self.clock() - self.running.began), 0.2 * usual)
        return len(before) + (self.running is not None), seconds


def rough(seconds: float) -> int:
    """Round a guessed wait up, as one would say it: 1 to 10, then in fives, above a minute in half minutes."""
    step = 1 if seconds <= 10 else 5 if seconds <= 60 else 30
    return max(1, math.ceil(seconds / step) * step)
