"""How many calls of one party are made at once: each holds one of the threads that all visitors share, and in the row
before those threads whoever asks once would stand behind the hundreds that another has asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from bibier.errors import RequestError

T = TypeVar("T")
WAITING = 2000  # acts of a party that may wait for its threads: its rate allows no more at once


class Crowded(RequestError):
    """Too many of a party wait already."""


class InFlight:
    """Places by party; whoever finds none waits in the order of asking, in no thread.

    Parameters
    ----------
    most
        Calls of a party that are made at once.
    waiting
        That may wait besides.
    """

    def __init__(self, most: int, waiting: int):
        self.most, self.waiting = most, waiting
        self.parties: dict[str, tuple[asyncio.Semaphore, int]] = {}  # with how many are there, waiting or not

    @asynccontextmanager
    async def place(self, party: str) -> AsyncIterator[None]:
        """Wait for a place and hold it. Raises Crowded."""
        places, there = self.parties.get(party) or (asyncio.Semaphore(self.most), 0)
        if there >= self.most + self.waiting:
            raise Crowded
        self.parties[party] = (places, there + 1)
        try:
            async with places:
                yield
        finally:
            _, there = self.parties[party]
            if there == 1:
                del self.parties[party]
            else:
                self.parties[party] = (places, there - 1)


class SharedThreads:
    """Threads for one kind of work, of which a party has some.

    Parameters
    ----------
    threads
        Of all.
    of_a_party
        Of which so many.
    name
        Of the threads.
    """

    def __init__(self, threads: int, of_a_party: int, name: str):
        self.pool, self.places = ThreadPoolExecutor(threads, thread_name_prefix=name), InFlight(of_a_party, WAITING)

    def __enter__(self) -> SharedThreads:
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.shutdown()

    async def run(self, party: str, function: Callable[[], T]) -> T:
        """Run a function in a thread when the party's turn has come. Raises Crowded, and what the function does."""
        async with self.places.place(party):
            return await asyncio.get_running_loop().run_in_executor(self.pool, function)
