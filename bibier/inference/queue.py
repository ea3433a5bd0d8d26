"""The queue of a device: one inference at a time, parties by turns and each in the order of asking; how long to wait;
a way to stop.
"""

from __future__ import annotations

import math
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from bibier.errors import Cancelled, InputError

MAX_WAITING = 16  # people who may wait; the next is told to come back
BUSY = ("turn-full", "turn-share", "turn-share-together")  # refusals after which the same may be asked again
SHARES = (4, 2)  # a session may take the fourth part of that, a party half: who signed in, or a network
RECENT = 9  # inferences whose median duration is the estimate of the next
FIRST_ESTIMATE = 3.0  # s, of an inference before any was seen
PARTIES = 1000  # whose turns are remembered before those that are not here are forgotten


class Ticket:
    """One inference that waits or runs. `check` between its parts is what makes it stoppable.

    Parameters
    ----------
    queue
        The queue in which it stands.
    tab
        Who asked, for `InferenceQueue.stop`; "" for nobody in particular.
    background
        Nobody waits for it, so it lets everybody pass.
    owner
        Session and party of who asked; "" for nobody in particular.
    """

    def __init__(self, queue: InferenceQueue, tab: str, background: bool, owner: tuple[str, str] = ("", "")):
        self.queue, self.tab, self.background, self.owner = queue, tab, background, owner
        self.stopped = False
        self.started: float | None = None  # s of the clock
        self.turn = queue.next_turn(owner[1])

    def check(self) -> None:
        """Raise Cancelled when it is to end."""
        if self.stopped:
            raise Cancelled

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until it may run, at most so long; whether it may. Raises Cancelled."""
        queue = self.queue
        with queue.changed:
            queue.changed.wait_for(lambda: self.stopped or queue.first() is self, seconds)
            self.check()
            if queue.first() is not self:
                return False
            queue.waiting.remove(self)
            queue.running, queue.turn, self.started = self, self.turn, queue.clock()
        return True

    def pass_turn(self) -> None:
        """Let whoever waits have the device first, then go on: between the parts of a long inference.

        Each part counts as an inference of its own, in the estimates too. Nothing happens while nobody waits. Raises
        Cancelled; the place in the queue is kept until `release`.
        """
        queue = self.queue
        with queue.changed:
            self.check()
            if queue.running is not self or not any(self.background or not other.background for other in queue.waiting):
                return
            self._count()
            queue.running, self.turn = None, queue.next_turn(self.owner[1])
            queue.waiting.append(self)
            queue.changed.notify_all()
        self.wait()

    def _count(self) -> None:
        if self.started is not None and not self.stopped and not self.background:
            self.queue.recent.append(self.queue.clock() - self.started)

    def position(self) -> tuple[int, float]:
        """Return how many inferences come before this one, and about how many seconds that is."""
        with self.queue.changed:
            return self.queue.ahead(self)

    def release(self) -> None:
        """Give the device or the place in the queue back; may be called again."""
        queue = self.queue
        with queue.changed:
            if queue.running is self:
                queue.running = None
                self._count()
            elif self in queue.waiting:
                queue.waiting.remove(self)
            queue.changed.notify_all()


class InferenceQueue:
    """The queue of one device; shared by all threads.

    Parameters
    ----------
    limit
        How many may wait besides the one that runs; those in the background aren't counted.
    clock
        Seconds from anywhere that never go back: a changed wall clock changes no wait.

    Examples
    --------
    >>> queue = InferenceQueue()
    >>> with queue.ticket() as ticket:
    ...     later = queue.enqueue()
    ...     later.position()[0]
    1
    >>> later.wait()
    True
    >>> later.release()
    """

    def __init__(self, limit: int = MAX_WAITING, clock: Callable[[], float] = time.monotonic):
        self.limit, self.clock = limit, clock
        self.changed = threading.Condition(threading.RLock())
        self.running: Ticket | None = None
        self.waiting: list[Ticket] = []
        self.recent: deque[float] = deque(maxlen=RECENT)  # s
        self.turn = 0  # of the ticket that ran last; a party has one inference in each
        self.turns: dict[str, int] = {}  # the turn after a party's last ticket

    def enqueue(self, tab: str = "", *, background: bool = False, owner: tuple[str, str] = ("", "")) -> Ticket:
        """Stand in the queue; `Ticket.release` must follow.

        Raises InputError when it is full, with the wait, and when the share of the owner is: a quarter of the places
        for a session, half of them for its party.
        """
        with self.changed:
            people = [waiting for waiting in self.waiting if not waiting.background]
            if not background and len(people) >= self.limit:
                raise InputError("turn-full", waiting=len(people), seconds=rounded_up(self.ahead()[1]))
            for place, part in enumerate(SHARES):
                own = sum(waiting.owner[place] == owner[place] for waiting in people)
                if owner[place] and own >= max(1, self.limit // part):
                    raise InputError(("turn-share", "turn-share-together")[place], waiting=own)
            ticket = Ticket(self, tab, background, owner)
            self.waiting.append(ticket)
            self.changed.notify_all()
        return ticket

    def next_turn(self, party: str) -> int:
        """Give a party's next ticket a turn: many of one party don't come before the first of another."""
        turn = max(self.turn, self.turns.get(party, 0))
        if len(self.turns) > PARTIES:
            present = {other.owner[1] for other in (self.running, *self.waiting) if other}
            self.turns = {name: after for name, after in self.turns.items() if name in present}
        self.turns[party] = turn + 1
        return turn

    @contextmanager
    def ticket(self, tab: str = "", *, background: bool = False) -> Iterator[Ticket]:
        """Wait for the device and hold it. Raises InputError when the queue is full, Cancelled when it was stopped."""
        ticket = self.enqueue(tab, background=background)
        try:
            ticket.wait()
            yield ticket
        finally:
            ticket.release()

    def stop(self, tab: str) -> int:
        """Stop what a tab has asked for: what waits leaves at once, what runs at its next check. Return how many."""
        with self.changed:
            self.end(own := self.of(tab))
        return len(own)

    def of(self, tab: str) -> list[Ticket]:
        """Return what a tab has asked for: what runs, and what waits."""
        with self.changed:
            return [ticket for ticket in (self.running, *self.waiting) if ticket and tab and ticket.tab == tab]

    def of_session(self, session: str) -> list[Ticket]:
        """Return what a session has asked for in all its tabs: what runs, and what waits."""
        with self.changed:
            here = (self.running, *self.waiting)
            return [ticket for ticket in here if ticket and session and ticket.owner[0] == session]

    def end(self, tickets: Iterable[Ticket]) -> None:
        """Stop inferences: what waits leaves at once, what runs at its next check."""
        with self.changed:
            for ticket in tickets:
                ticket.stopped = True
            self.changed.notify_all()

    def in_order(self) -> list[Ticket]:
        """Return the tickets that wait as they will run."""
        return sorted(self.waiting, key=lambda ticket: (ticket.background, ticket.turn))  # of equals, who asked first

    def first(self) -> Ticket | None:
        """Return the ticket that may run next; None while one runs."""
        return None if self.running is not None or not self.waiting else self.in_order()[0]

    def ahead(self, ticket: Ticket | None = None) -> tuple[int, float]:
        """Count the inferences before one (None: before another that may come), and guess the seconds that they take,
        the rest of the running one included.
        """
        usual = statistics.median(self.recent) if self.recent else FIRST_ESTIMATE
        order = self.in_order()
        if ticket in order:
            before = order[: order.index(ticket)]
        else:
            before = [other for other in order if not other.background and other is not ticket]
        seconds = usual * len(before)
        if self.running is not None and self.running.started is not None:
            seconds += max(usual - (self.clock() - self.running.started), 0.2 * usual)
        return len(before) + (self.running is not None), seconds


def rounded_up(seconds: float) -> int:
    """Round a guessed wait up, as one would say it: 1 to 10, then in fives, above a minute in half minutes."""
    step = 1 if seconds <= 10 else 5 if seconds <= 60 else 30
    return max(1, math.ceil(seconds / step) * step)
