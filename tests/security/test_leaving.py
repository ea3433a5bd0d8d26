"""Who leaves while an analysis of theirs waits or runs: it ends, unless somebody hears of it again."""

import asyncio

import pytest
from asgi import guest, in_own_loop, scope_of

from bibier.inference.queue import InferenceQueue
from bibier.security import call_guard
from bibier.security.call_guard import CallGuard
from bibier.security.request_bodies import RequestBodies


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(call_guard, "AWAY", 0.05)
    monkeypatch.setattr(call_guard, "SETTLING", 0.05)


async def gradio(scope, receive, send):
    """Tell of events until the visitor leaves, or to the end."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while (await receive())["type"] == "http.request":
        await send({"type": "http.response.body", "body": b"data: {}\n\n", "more_body": True})
    if scope["state"] == "whole":
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def stream(guard: CallGuard, place, *, whole: bool, open_for: float = 0.0):
    scope = scope_of("/gradio_api/queue/data", query_string=b"session_hash=tab1", state="whole" if whole else "")

    async def receive():
        await asyncio.sleep(open_for)
        return {"type": "http.disconnect"}

    async def send(message):
        pass

    return guard(scope | guest(place), receive, send)


@pytest.fixture
def queue():
    return InferenceQueue()


@pytest.fixture
def guard(queue):
    return CallGuard(gradio, bodies=RequestBodies(), work=queue)


def test_what_a_tab_has_asked_for_ends_with_it(guard, queue, tmp_path):
    running, waiting, other = queue.enqueue("tab1"), queue.enqueue("tab1"), queue.enqueue("tab2")
    assert running.wait(1)

    async def leave():
        await stream(guard, tmp_path, whole=False)
        await asyncio.sleep(0.3)

    in_own_loop(leave())
    assert (running.stopped, waiting.stopped, other.stopped) == (True, True, False)


@pytest.mark.parametrize("comes", ["the stream ended", "another stream", "only now"])
def test_what_somebody_hears_of_goes_on(guard, queue, tmp_path, comes):
    """An answer that is whole, a connection that comes again, a call whose stream is about to be opened."""
    tickets = [] if comes == "only now" else [queue.enqueue("tab1")]

    async def leave():
        await stream(guard, tmp_path, whole=comes == "the stream ended")
        if comes == "another stream":
            await stream(guard, tmp_path, whole=True, open_for=0.3)
        elif comes == "only now":
            await asyncio.sleep(0.06)  # a first look is through
            tickets.append(queue.enqueue("tab1"))
            await stream(guard, tmp_path, whole=True, open_for=0.2)
        else:
            await asyncio.sleep(0.3)

    in_own_loop(leave())
    assert [ticket.stopped for ticket in tickets] == [False] and not guard.heard
