"""How much a visitor may send: the size of an upload, and how many uploads and calls in a while."""

from __future__ import annotations

import asyncio
import errno
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as ASGIMessage

from bibier.errors import RequestError
from bibier.i18n.messages import Message
from bibier.security.login_throttle import network
from bibier.security.responses import header, refusal, size
from bibier.security.session import visitor

UPLOAD = "/gradio_api/upload"
CALLS = ("/gradio_api/queue/join", "/gradio_api/run/", "/gradio_api/api/", "/gradio_api/call", "/gradio_api/component")
FULL = (errno.ENOSPC, errno.EDQUOT)
ENVELOPE = 64_000  # bytes of a form around the file
MOST = 20_000  # sessions and addresses remembered


@dataclass(frozen=True)
class Rate:
    """At most `burst` at once, and `each_second` on and on."""

    burst: float
    each_second: float


# A person who corrects a transcript or drags a bar makes a few calls a second; several people may share an address.
SESSION = {"upload": Rate(20, 0.5), "call": Rate(200, 20)}
ADDRESS = {"upload": Rate(100, 3), "call": Rate(1000, 120)}


class TokenBuckets:
    """Token buckets by key; `take` returns 0, or the seconds until there is one again.

    Parameters
    ----------
    clock
        Seconds from anywhere that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self.clock, self.lock = clock, threading.Lock()
        self.left: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()  # key → (tokens, time)

    def take(self, wanted: dict[tuple[str, str], Rate]) -> float:
        """Take one token of each key, or none of any."""
        with self.lock:
            now, left = self.clock(), {}
            for key, rate in wanted.items():
                tokens, then = self.left.get(key, (rate.burst, now))
                left[key] = min(rate.burst, tokens + (now - then) * rate.each_second)
            pause = max((1 - left[key]) / rate.each_second for key, rate in wanted.items())
            if pause > 0:
                return pause
            for key, tokens in left.items():
                self.left[key] = (tokens - 1, now)
                self.left.move_to_end(key)
            while len(self.left) > MOST:
                self.left.popitem(last=False)
        return 0.0


class RequestTooLarge(RequestError):
    """More came than was allowed."""


class RateLimits:
    """ASGI middleware: refuses uploads that are too large, and too many uploads or calls in a row.

    Parameters
    ----------
    largest
        Bytes of an upload.
    share
        Bytes that one session's uploads may take in all, so that no one fills the room of everybody.
    room
        Makes room for so many bytes in the folder of uploads, and says whether it could.
    """

    def __init__(self, app: ASGIApp, *, largest: int, share: int, room: Callable[[int], bool]):
        self.app, self.largest, self.share, self.room = app, largest, share, room
        self.buckets = TokenBuckets()

    def pause(self, scope: Scope, kind: str) -> float:
        """Count a request; return 0, or the seconds to wait."""
        guest = visitor(scope)
        return self.buckets.take(
            {
                (kind, guest.session): SESSION[kind],
                (f"{kind} from", network(guest.address)): ADDRESS[kind],
            }
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        kind = "upload" if scope["path"] == UPLOAD else "call" if scope["path"].startswith(CALLS) else None
        if kind and (pause := self.pause(scope, kind)):
            seconds = math.ceil(pause)
            again = {"retry-after": str(seconds)}
            sentence = Message(f"guard-too-many-{kind}s", {"seconds": seconds})
            await refusal(scope, 429, sentence, again)(scope, receive, send)
        elif kind == "upload":
            await self.upload(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let an upload through, as far as it is not too large: by what it says of itself, and by what comes."""
        length = header(scope, "content-length")
        expected = int(length) if length.isdecimal() else self.largest
        closing = {"connection": "close"}
        too_large = refusal(scope, 413, Message("guard-too-large", {"limit": size(self.largest)}), closing)
        if expected > self.largest + ENVELOPE:
            await too_large(scope, receive, send)
            return
        guest = visitor(scope)
        stored = await asyncio.to_thread(guest.ownership.weight, guest.session)
        if stored + expected > self.share + ENVELOPE:
            await refusal(scope, 507, Message("guard-share", {"limit": size(self.share)}))(scope, receive, send)
            return
        if not await asyncio.to_thread(self.room, expected):
            await refusal(scope, 507, Message("guard-full"))(scope, receive, send)
            return
        received, started = 0, False

        async def counted() -> ASGIMessage:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.largest + ENVELOPE:
                raise RequestTooLarge
            return message

        async def watched(message: ASGIMessage) -> None:
            nonlocal started
            if message["type"] == "http.response.start" and message["status"] == 413 and not started:
                raise RequestTooLarge  # what lies behind counts too; the sentence is ours
            started = True
            await send(message)

        try:
            await self.app(scope, counted, watched)
        except RequestTooLarge:
            if not started:
                await too_large(scope, receive, send)
        except OSError as error:
            if error.errno not in FULL or started:
                raise
            await refusal(scope, 507, Message("disk-full"), closing)(scope, receive, send)
