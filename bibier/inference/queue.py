"""The queue of a device: one inference at a time, parties by turns and each in the order of asking; how long to wait;
a way to stop. Beside it, in a lane of its own, one at a time of those whose words another process recognises.
"""

from __future__ import annotations

import math
import statistics
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from bibier.errors import Cancelled, InputError, PlaceLost

MAX_WAITING = 16  # people who may wait; the next is told to come back
BUSY = ("turn-full", "turn-share", "turn-share-together")  # refusals after which the same may be asked again
SHARES = (4, 2)  # a session may take the fourth part of that, a party half: who signed in, or a network
RECENT = 9  # inferences whose median duration is the estimate of the next
FIRST_ESTIMATE = 3.0  # s, of an inference before any was seen
PARTIES = 1000  # whose turns are remembered before those that are not here are forgotten
# Lanes: who needs the models alone waits for no recognition, which takes as long as a hundred of their inferences.
DEVICE, APART = "device", "apart"


class Lane:
    """What runs in one lane, and whose turn it is there."""

    def __init__(self) -> None:
        self.running: Ticket | None = None
        self.recent: deque[float] = deque(maxlen=RECENT)  # s
        self.turn = 0  # of the ticket that ran last; a party has one inference in each
        self.turns: dict[str, int] = {}  # the turn after a party's last ticket


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
    lane
        `DEVICE` or `APART`.
    """

    def __init__(
        self,
        queue: InferenceQueue,
        tab: str,
        background: bool,
        owner: tuple[str, str] = ("", ""),
        lane: str = DEVICE,
    ):
        self.queue, self.tab, self.background, self.owner, self.lane = queue, tab, background, owner, lane
        self.stopped = False
        self.lost: PlaceLost | None = None
        self.started: float | None = None  # s of the clock
        self.turn = queue.next_turn(owner[1], lane)

    @property
    def ended(self) -> bool:
        """Whether `check` raises."""
        return self.stopped or self.lost is not None

    def check(self) -> None:
        """Raise Cancelled when it is to end: PlaceLost where its place went to somebody else."""
        if self.lost is not None:
            raise self.lost
        if self.stopped:
            raise Cancelled

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until it may run, at most so long; whether it may. Raises Cancelled."""
        queue = self.queue
        with queue.changed:
            queue.changed.wait_for(lambda: self.ended or queue.first(self.lane) is self, seconds)
            self.check()
            if queue.first(self.lane) is not self:
                return False
            queue.waiting.remove(self)
            lane = queue.lanes[self.lane]
            lane.running, lane.turn, self.started = self, self.turn, queue.clock()
        return True

    def pass_turn(self) -> None:
        """Let whoever waits have the device first, then go on: between the parts of a long inference.

        Each part counts as an inference of its own, in the estimates too. Nothing happens while nobody waits. Raises
        Cancelled; the place in the queue is kept until `release`.
        """
        queue, lane = self.queue, self.queue.lanes[self.lane]
        with queue.changed:
            self.check()
            others = queue.waiting_in(self.lane)
            if lane.running is not self or not any(self.background or not other.background for other in others):
                return
            self._count()
            lane.running, self.turn = None, queue.next_turn(self.owner[1], self.lane)
            queue.waiting.append(self)
            queue.changed.notify_all()
        self.wait()

    def _count(self) -> None:
        if self.started is not None and not self.stopped and not self.background:
            self.queue.lanes[self.lane].recent.append(self.queue.clock() - self.started)

    def position(self) -> tuple[int, float]:
        """Return how many inferences come before this one, and about how many seconds that is."""
        with self.queue.changed:
            return self.queue.ahead(self)

    def release(self) -> None:
        """Give the device or the place in the queue back; may be called again."""
        queue, lane = self.queue, self.queue.lanes[self.lane]
        with queue.changed:
            if lane.running is self:
                lane.running = None
                self._count()
            elif self in queue.waiting:
                queue.waiting.remove(self)
            queue.changed.notify_all()


class InferenceQueue:
    """The queue of one device; shared by all threads.

    Parameters
    ----------
    limit
        How many may wait in a lane besides the one that runs; those in the background aren't counted.
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
        self.lanes = {DEVICE: Lane(), APART: Lane()}
        self.waiting: list[Ticket] = []

    @property
    def running(self) -> Ticket | None:
        """What runs, that of the device first."""
        return next(iter(self._running()), None)

    def _running(self) -> list[Ticket]:
        return [lane.running for lane in self.lanes.values() if lane.running is not None]

    def waiting_in(self, lane: str) -> list[Ticket]:
        """Return the tickets that wait in a lane, as they came."""
        return [ticket for ticket in self.waiting if ticket.lane == lane]

    def enqueue(
        self, tab: str = "", *, background: bool = False, owner: tuple[str, str] = ("", ""), lane: str = DEVICE
    ) -> Ticket:
        """Stand in the queue; `Ticket.release` must follow.

        Raises InputError when the share of the owner is full, a quarter of the places for a session, half of them for
        its party, and when the lane is, with the wait. A full lane has room for a party that has fewer places than
        another: the one with the most gives one up, that of who came last.
        """
        with self.changed:
            people = [waiting for waiting in self.waiting_in(lane) if not waiting.background]
            for place, part in enumerate(SHARES):
                own = sum(waiting.owner[place] == owner[place] for waiting in people)
                if owner[place] and own >= max(1, self.limit // part):
                    raise InputError(("turn-share", "turn-share-together")[place], waiting=own)
            if not background and len(people) >= self.limit:
                full = InputError("turn-full", waiting=len(people), seconds=rounded_up(self.ahead(lane=lane)[1]))
                if (last := _last_of_most(people, owner[1])) is None:
                    raise full
                last.lost = PlaceLost(full)
                self.waiting.remove(last)
            ticket = Ticket(self, tab, background, owner, lane)
            self.waiting.append(ticket)
            self.changed.notify_all()
        return ticket

    def next_turn(self, party: str, lane: str = DEVICE) -> int:
        """Give a party's next ticket a turn: many of one party don't come before the first of another."""
        own = self.lanes[lane]
        turn = max(own.turn, own.turns.get(party, 0))
        if len(own.turns) > PARTIES:
            present = {other.owner[1] for other in (own.running, *self.waiting_in(lane)) if other}
            own.turns = {name: after for name, after in own.turns.items() if name in present}
        own.turns[party] = turn + 1
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
            return [ticket for ticket in (*self._running(), *self.waiting) if tab and ticket.tab == tab]

    def of_session(self, session: str) -> list[Ticket]:
        """Return what a session has asked for in all its tabs: what runs, and what waits."""
        with self.changed:
            here = (*self._running(), *self.waiting)
            return [ticket for ticket in here if session and ticket.owner[0] == session]

    def end(self, tickets: Iterable[Ticket]) -> None:
        """Stop inferences: what waits leaves at once, what runs at its next check."""
        with self.changed:
            for ticket in tickets:
                ticket.stopped = True
            self.changed.notify_all()

    def in_order(self, lane: str = DEVICE) -> list[Ticket]:
        """Return the tickets that wait in a lane as they will run; of equals, who asked first."""
        return sorted(self.waiting_in(lane), key=lambda ticket: (ticket.background, ticket.turn))

    def first(self, lane: str = DEVICE) -> Ticket | None:
        """Return the ticket that may run next in a lane; None while one runs there."""
        return None if self.lanes[lane].running is not None else next(iter(self.in_order(lane)), None)

    def ahead(self, ticket: Ticket | None = None, *, lane: str = DEVICE) -> tuple[int, float]:
        """Count the inferences before one (None: before another that may come in a `lane`), and guess the seconds that
        they take, the rest of the running one included.
        """
        name = ticket.lane if ticket is not None else lane
        own, order = self.lanes[name], self.in_order(name)
        usual = statistics.median(own.recent) if own.recent else FIRST_ESTIMATE
        if ticket in order:
            before = order[: order.index(ticket)]
        else:
            before = [other for other in order if not other.background and other is not ticket]
        seconds = usual * len(before)
        if own.running is not None and own.running.started is not None:
            seconds += max(usual - (self.clock() - own.running.started), 0.2 * usual)
        return len(before) + (own.running is not None), seconds


def _last_of_most(waiting: Sequence[Ticket], party: str) -> Ticket | None:
    """Return who gives a place up for a party: of the party with the most, the last that has not begun, or else the
    last. None where none has two places more.
    """
    largest = largest_party((ticket.owner[1] for ticket in waiting), party)
    theirs = [ticket for ticket in waiting if ticket.owner[1] == largest]
    return next((ticket for ticket in reversed(theirs) if ticket.started is None), theirs[-1] if theirs else None)


def largest_party(places: Iterable[str], party: str) -> str | None:
    """Return whose turn it is to give up one of the `places` for a party: who has most of them, and would not have
    fewer then than that party. None where nobody has two more.

    >>> largest_party(["a", "b", "a"], "c")
    'a'
    """
    held = Counter(places)
    largest = max(held, key=held.__getitem__, default=None)
    return largest if largest is not None and held[largest] >= held[party] + 2 else None


def rounded_up(seconds: float) -> int:
    """Round a guessed wait up, as one would say it: 1 to 10, then in fives, above a minute in half minutes."""
    step = 1 if seconds <= 10 else 5 if seconds <= 60 else 30
    return max(1, math.ceil(seconds / step) * step)
