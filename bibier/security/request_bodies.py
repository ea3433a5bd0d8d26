"""The bodies of calls and sign-ins: bounded in length, in time and in what all of them together hold in memory."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import Message as ASGIMessage
from starlette.types import Receive, Scope

from bibier.errors import RequestError
from bibier.i18n.messages import Message
from bibier.security.login_throttle import network
from bibier.security.responses import API, LIVE, header, size
from bibier.security.routes import LIVE_BLOCK
from bibier.security.session import visitor

LOGIN_LIMIT = 4_000  # bytes of a sign-in: name and password, escaped
ACT_LIMIT = 64_000  # bytes of an act of the Annotate tab, of a cancelling, of a reset
LIVE_LIMIT = 2_000_000  # bytes of a block of live sound: ten seconds at 96 kHz
BODY_LIMIT = 4_000_000  # bytes of a call: the longest transcript, escaped, fits twice
LEAST = 64_000  # bytes that an unfinished body counts for: the server buffers so much of each
HELD = 128_000_000  # bytes of all bodies that are not done with
HELD_BY_ONE = HELD // 8  # of one address
PATIENCE = 15.0  # s for a body …
PACE = 20_000  # … and a second more for so many bytes of its limit


class RequestRefused(RequestError):
    """The request is not allowed; says how to answer: the HTTP status, and the sentence by its key."""

    def __init__(self, status: int, key: str, **values: object):
        self.status, self.message = status, Message(key, values)
        # what has not been read of the request is not waited for
        self.headers = {"connection": "close"} if status in (408, 413, 503) else {}
        super().__init__(key)


def limit_of(path: str) -> int:
    """Return how many bytes the body of a request may have."""
    if path.rstrip("/") == "/login":
        return LOGIN_LIMIT
    if LIVE_BLOCK.fullmatch(path):
        return LIVE_LIMIT
    return ACT_LIMIT if path.startswith((LIVE, f"{API}component_server", f"{API}cancel", f"{API}reset")) else BODY_LIMIT


class RequestBodies:
    """Reads bodies whole, and counts what they hold until they are done with."""

    def __init__(self) -> None:
        self.held: Counter[str] = Counter()  # network of an address → bytes
        self.lock = threading.Lock()

    def take(self, key: str, count: int) -> bool:
        """Count bytes as held; False when there is no room for them, and then they are not counted."""
        with self.lock:
            if self.held[key] + count > HELD_BY_ONE or self.held.total() + count > HELD:
                return False
            self.held[key] += count
        return True

    def give_back(self, key: str, count: int) -> None:
        """Count bytes as done with."""
        with self.lock:
            self.held[key] -= count
            if self.held[key] <= 0:
                del self.held[key]

    @asynccontextmanager
    async def read(self, scope: Scope, receive: Receive) -> AsyncIterator[bytes]:
        """Read a request's body; its bytes count as held inside of the block.

        Raises RequestRefused when it is too large (413), too slow (408), or when too much is held already (503).
        """
        limit, key = limit_of(scope["path"]), network(visitor(scope).address)
        told = header(scope, "content-length")
        if told.isdecimal() and int(told[:20]) > limit:
            raise RequestRefused(413, "guard-body-too-large", limit=size(limit))
        body, counted = bytearray(), 0
        try:
            try:
                async with asyncio.timeout(PATIENCE + limit / PACE):
                    more = True
                    while more:
                        if len(body) >= counted:
                            if not self.take(key, LEAST):
                                raise RequestRefused(503, "guard-busy")
                            counted += LEAST
                        message = await receive()
                        if message["type"] == "http.disconnect":
                            raise RequestRefused(400, "guard-body")
                        body += message.get("body", b"")
                        more = message.get("more_body", False)
                        if len(body) > limit:
                            raise RequestRefused(413, "guard-body-too-large", limit=size(limit))
            except TimeoutError:
                raise RequestRefused(408, "guard-slow") from None
            yield bytes(body)
        finally:
            self.give_back(key, counted)


def replay(body: bytes, receive: Receive) -> Receive:
    """Give the body again, then whatever comes."""
    is_given = False

    async def again() -> ASGIMessage:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def with_length(scope: Scope, body: bytes, kind: str) -> Scope:
    """Return the scope of a request whose body was written anew."""
    ours = (b"content-length", b"content-type", b"transfer-encoding")
    headers = [(name, value) for name, value in scope["headers"] if name not in ours]
    headers += [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
    return {**scope, "headers": headers}
