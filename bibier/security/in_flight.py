"""How many calls of one party are made at once: each holds one of the threads that all visitors share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bibier.errors import RequestError


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
