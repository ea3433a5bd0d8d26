"""A guard asked without a server: one request in, what it answers or passes on out."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from bibier.security.ownership import Ownership
from bibier.security.session import SCOPE, Visitor

T = TypeVar("T")


def scope_of(path: str = "/", method: str = "GET", headers: Iterable[tuple[str, str]] = (), **more) -> dict:
    """Return the scope of a request from 127.0.0.1."""
    return {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "scheme": "http",
        "client": ("127.0.0.1", 1),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
        **more,
    }


def guest(folder, name: str = "ann", address: str = "10.0.0.1", ownership: Ownership | None = None) -> dict:
    """Return what `Visitors` puts into the scope of a visitor."""
    return {SCOPE: Visitor(name, address, None, True, ownership or Ownership(folder))}


@dataclass
class Inner:
    """Stands in for Gradio: reads the body, keeps what came, and answers 200."""

    scopes: list[dict] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    async def __call__(self, scope, receive, send):
        self.scopes.append(scope)
        parts, more = [], scope["method"] == "POST"
        while more:
            message = await receive()
            parts.append(message.get("body", b""))
            more = message.get("more_body", False)
        self.bodies.append(b"".join(parts))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})


@dataclass
class Answer:
    """What a guard answered."""

    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""


async def ask(app, scope: dict, chunks: Iterable[bytes] = (b"",), *, finishes: bool = True) -> Answer:
    """Send one request in chunks; one that does not finish waits for ever after its last."""
    waiting = list(chunks)

    async def receive():
        if not waiting:
            await asyncio.Event().wait()
        body = waiting.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(waiting) or not finishes}

    answer = Answer()

    async def send(message):
        if message["type"] == "http.response.start":
            answer.status, answer.headers = message["status"], message["headers"]
        else:
            answer.body += message.get("body", b"")

    await app(scope, receive, send)
    return answer


def in_own_loop(coroutine: Coroutine[object, object, T]) -> T:
    """Run a coroutine in a thread of its own: this one may have a loop already, that of the browser tests."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()
