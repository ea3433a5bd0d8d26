"""How much a visitor may send: the size of an upload, and how many uploads and calls in a while."""

from __future__ import annotations

import asyncio
import math
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as ASGIMessage

from bibier.errors import InputError, RequestError
from bibier.files import FULL
from bibier.i18n.messages import Message
from bibier.security.disk_quota import SLACK, DiskQuota, NoRoom
from bibier.security.in_flight import Crowded, InFlight
from bibier.security.login_throttle import network
from bibier.security.request_bodies import limit_of
from bibier.security.responses import LIVE, header, refusal, size
from bibier.security.session import visitor
from bibier.security.workers import alone

UPLOAD = "/gradio_api/upload"
ACT = "/gradio_api/component_server"
CALLS = tuple(f"/gradio_api/{name}" for name in ("queue/join", "run/", "api/", "call", "cancel", "reset"))
DIRECT = ("/gradio_api/run/", "/gradio_api/api/")  # calls that wait in no queue of Gradio's
AT_ONCE, WAITING = 3, 60  # of them of one party: a thread for each, of the 40 that all visitors share
PAGE = re.compile(r"/|/config/?|/gradio_api/info/?")
CLOSING = {"connection": "close"}  # what has not been read of a refused upload is not waited for
PATIENCE = 60.0  # s for the beginning of an upload, and between two parts of it …
PACE = 20_000  # … and so many bytes a second from then on …
LONGEST = 7_200.0  # … but never longer than this: an upload holds room that nobody else gets
MOST = 20_000  # sessions and addresses remembered


@dataclass(frozen=True)
class Rate:
    """At most `burst` at once, and `each_second` on and on."""

    burst: float
    each_second: float


# "bytes" of calls: reading JSON holds all threads up. "act" is a save, a skip or another act of the Annotate tab.
# "written" are the bytes of acts: labels and notes are kept for good, so a program fills the disk only as slowly as
# people would: one address sends 0.9 GB a day, which is 1.3 GB of the database. "live" is a block of sound, of which
# there are four a second; how much sound it holds is bounded where it is heard. "page" is the page or Gradio's
# description of it, which takes 20 ms of the event loop to write; "read" is whatever else is read: a first visit asks
# for some 45 files.
# A "call" takes 4 to 13 ms of a core before anything is judged. The page makes two when it opens, two for an analysis,
# one for a correction, two to take a recording to Annotate; several people may share an address.
SESSION = {
    "upload": Rate(20, 0.5),
    "call": Rate(150, 8),
    "act": Rate(300, 2),
    "written": Rate(1_000_000, 2_000),
    "live": Rate(60, 20),
    "page": Rate(30, 1),
    "read": Rate(600, 30),
    "bytes": Rate(8_000_000, 200_000),
}
ADDRESS = {
    "upload": Rate(100, 3),
    "call": Rate(800, 60),
    "act": Rate(1500, 20),
    "written": Rate(8_000_000, 10_000),
    "live": Rate(240, 80),
    "page": Rate(60, 3),
    "read": Rate(3000, 150),
    "bytes": Rate(32_000_000, 2_000_000),
}
COUNTED_TOO = {"call": ("bytes",), "act": ("bytes", "written")}


class TokenBuckets:
    """Token buckets by key; `take` returns 0, or the seconds until there is one again.

    Parameters
    ----------
    clock
        Seconds from anywhere that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self.clock, self.lock = clock, threading.Lock()
        # key → tokens, their time, when the bucket is full again: then it says as much as one that is not there
        self.left: OrderedDict[tuple[str, str], tuple[float, float, float]] = OrderedDict()

    def take(self, wanted: dict[tuple[str, str], Rate], costs: Mapping[tuple[str, str], float] | None = None) -> float:
        """Take one token of each key, or as many as it costs, or none of any."""
        with self.lock:
            now, left, cost = self.clock(), {}, {}
            while self.left and self.left[oldest := next(iter(self.left))][2] <= now:
                del self.left[oldest]
            for key, rate in wanted.items():
                tokens, then, _ = self.left.get(key, (rate.burst, now, now))
                left[key] = min(rate.burst, tokens + (now - then) * rate.each_second)
                cost[key] = min((costs or {}).get(key, 1.0), rate.burst)
            pause = max((cost[key] - left[key]) / rate.each_second for key, rate in wanted.items())
            if pause > 0:
                return pause
            for key, tokens in left.items():
                lacking = wanted[key].burst - tokens + cost[key]
                self.left[key] = (tokens - cost[key], now, now + lacking / wanted[key].each_second)
                self.left.move_to_end(key)
            while len(self.left) > MOST:
                self.left.popitem(last=False)
        return 0.0


class RequestTooLarge(RequestError):
    """More came than was allowed."""


class BadForm(RequestError):
    """The body of an upload is no form of files."""


class TooSlow(RequestError):
    """An upload came too slowly: others wait for its room."""


class RateLimits:
    """ASGI middleware: refuses uploads that are too large, and too many uploads or calls in a row.

    Parameters
    ----------
    largest
        Bytes of an upload.
    quota
        Reserves the room that an upload takes.
    clock
        Seconds from anywhere that never go back.
    """

    def __init__(self, app: ASGIApp, *, largest: int, quota: DiskQuota, clock: Callable[[], float] = time.monotonic):
        self.app, self.largest, self.quota, self.clock = app, largest, quota, clock
        self.buckets = TokenBuckets(clock)
        self.direct = InFlight(AT_ONCE, WAITING)

    def pause(self, scope: Scope, kind: str) -> float:
        """Count a request; return 0, or the seconds to wait."""
        guest = visitor(scope)
        wanted: dict[tuple[str, str], Rate] = {}
        costs: dict[tuple[str, str], float] = {}
        for counted in (kind, *COUNTED_TOO.get(kind, ())):
            session, address = (counted, guest.session), (f"{counted} from", network(guest.address))
            wanted[session], wanted[address] = SESSION[counted], ADDRESS[counted]
            if counted in ("bytes", "written"):
                costs[session] = costs[address] = expected(scope, limit_of(scope["path"]))
        return self.buckets.take(wanted, costs)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = kind_of(scope)
        if kind and (pause := self.pause(scope, kind)):
            seconds = math.ceil(pause)
            again = {"retry-after": str(seconds)}
            sentence = Message(f"guard-too-many-{'uploads' if kind == 'upload' else 'calls'}", {"seconds": seconds})
            await refusal(scope, 429, sentence, again)(scope, receive, send)
        elif kind == "upload":
            await self.upload(scope, receive, send)
        elif kind == "call" and scope["path"].startswith(DIRECT):
            try:
                async with self.direct.place(visitor(scope).party):
                    await self.app(scope, receive, send)
            except Crowded:
                await refusal(scope, 429, Message("guard-too-many-calls", {"seconds": 1}), {"retry-after": "1"})(
                    scope, receive, send
                )
        else:
            await self.app(scope, receive, send)

    async def upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let an upload through, as far as there is room: for what it says of itself, and for what comes."""
        length = expected(scope, self.largest)
        too_large = refusal(scope, 413, Message("guard-too-large", {"limit": size(self.largest)}), CLOSING)
        if length > self.largest + SLACK:
            await too_large(scope, receive, send)
            return
        guest = visitor(scope)
        try:
            reservation = await alone(self.quota.reserve, guest.session, length, guest.party)
        except NoRoom as full:
            await refusal(scope, 507, full.message, CLOSING)(scope, receive, send)
            return
        except InputError as error:  # the database, which knows what may be deleted
            await refusal(scope, 503, error.message, CLOSING)(scope, receive, send)
            return
        received, started, begun = 0, False, self.clock()

        async def counted() -> ASGIMessage:
            nonlocal received
            try:
                message = await asyncio.wait_for(receive(), PATIENCE)
            except TimeoutError:
                raise TooSlow from None
            count = len(message.get("body", b""))
            received += count
            reservation.arrived(count)
            if received > self.largest + SLACK:
                raise RequestTooLarge
            if message.get("more_body") and self.clock() - begun > PATIENCE + min(received / PACE, LONGEST):
                raise TooSlow
            return message

        async def watched(message: ASGIMessage) -> None:
            nonlocal started
            if message["type"] == "http.response.start" and message["status"] == 413 and not started:
                raise RequestTooLarge  # what lies behind counts too; the sentence is ours
            if message["type"] == "http.response.start" and message["status"] == 400 and not started:
                raise BadForm
            started = True
            await send(message)

        try:
            await self.app(scope, counted, watched)
        except RequestTooLarge:
            if not started:
                await too_large(scope, receive, send)
        except BadForm:
            await refusal(scope, 400, Message("guard-upload"), CLOSING)(scope, receive, send)
        except TooSlow:
            if not started:
                await refusal(scope, 408, Message("guard-slow"), CLOSING)(scope, receive, send)
        except OSError as error:
            if error.errno not in FULL or started:
                raise
            await refusal(scope, 507, Message("disk-full"), CLOSING)(scope, receive, send)
        finally:
            self.quota.release(reservation)


def kind_of(scope: Scope) -> str | None:
    """Return what a request is counted as, None for what is not."""
    if scope["type"] != "http":
        return None
    if scope["method"] != "POST":
        return "page" if PAGE.fullmatch(scope["path"]) else "read"
    if scope["path"] == UPLOAD:
        return "upload"
    if scope["path"].startswith(LIVE):
        return "live"
    return "act" if scope["path"].startswith(ACT) else "call" if scope["path"].startswith(CALLS) else None


def expected(scope: Scope, most: int) -> int:
    """Return how many bytes a request's body has by its own word; `most` when it does not say."""
    length = header(scope, "content-length")
    return int(length[:20]) if length.isdecimal() else most
