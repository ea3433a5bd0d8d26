"""Calls of one party at once: no more than its threads, the rest in order, and nothing is remembered afterwards."""

import asyncio
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from asgi import in_own_loop

from bibier.security.in_flight import Crowded, InFlight, SharedThreads
from bibier.security.ownership import Ownership
from bibier.security.rate_limits import AT_ONCE, WAITING, RateLimits
from bibier.security.session import SCOPE, Visitor


def test_a_party_has_its_places_and_the_others_theirs():
    async def act():
        places, go, made = InFlight(2, 3), asyncio.Event(), []

        async def call(party, number):
            async with places.place(party):
                made.append((party, number))
                await go.wait()
                if number == 1:
                    raise ValueError

        calls = [asyncio.create_task(call("a", number)) for number in range(5)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert made == [("a", 0), ("a", 1)]
        with pytest.raises(Crowded):
            await call("a", 9)
        other = asyncio.create_task(call("b", 0))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert made[-1] == ("b", 0)
        calls[2].cancel()  # whoever leaves gives the place in the row back
        go.set()
        await asyncio.gather(*calls, other, return_exceptions=True)
        assert made[3:] == [("a", 3), ("a", 4)] and not places.parties

    in_own_loop(act())


def test_many_calls_at_once_are_made_in_turn_or_refused():
    """Forty deletions at once held the threads in which everybody's analyses are made."""
    statuses, running, most = [], 0, 0

    async def app(scope, receive, send):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        await send({"type": "http.response.start", "status": 200})

    async def send(message):
        if "status" in message:
            statuses.append(message["status"])

    limits = RateLimits(app, largest=1, quota=SimpleNamespace())

    def call(number):
        guest = Visitor(f"s{number}", "10.0.0.1", None, True, Ownership(Path("/nowhere")))
        path = f"/gradio_api/{('run', 'api')[number % 2]}/predict"
        return limits(
            {"type": "http", "method": "POST", "path": path, "headers": [(b"content-length", b"2")], SCOPE: guest},
            None,
            send,
        )

    async def act():
        await asyncio.gather(*(call(number) for number in range(AT_ONCE + WAITING + 9)))

    in_own_loop(act())
    assert most == AT_ONCE and statuses.count(200) == AT_ONCE + WAITING and statuses.count(429) == 9


def test_who_asks_once_is_not_behind_the_hundreds_of_another():
    """Acts stood in one row before the threads: a save came after the 1,500 that an address may send at once."""

    async def act():
        done = []
        with SharedThreads(2, 1, "test") as threads:

            async def ask(party, number):
                await threads.run(party, lambda: time.sleep(0.002))
                done.append((party, number))

            many = [asyncio.create_task(ask("a", number)) for number in range(200)]
            await asyncio.sleep(0.01)
            await ask("b", 0)
            assert len(done) < 100
            await asyncio.gather(*many)
        assert [number for party, number in done if party == "a"] == list(range(200)) and not threads.places.parties

    in_own_loop(act())
