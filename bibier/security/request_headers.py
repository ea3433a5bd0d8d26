"""A request's headers, bounded before anything looks at them, and reduced to one reading for all that comes behind.

Gradio, Starlette and the guards each read headers in their own way, and some of these ways take time that grows with
the square of the length, or find another value than the guard has checked. What is passed on has one reading: the first
of each header that may stand once, and of the cookies those that something here reads, in characters that need no
decoding.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from bibier.i18n.messages import Message
from bibier.security.responses import header_list, read_cookies, refusal

LONGEST = 8_000  # bytes of one header, and of the address with its query
LONGEST_ALL = 32_000  # bytes of all headers
MOST = 100  # headers
ONCE = frozenset(
    b"accept-language content-length content-type cookie host origin range sec-fetch-mode sec-fetch-site".split()
)
# Of a file in one request; where it is asked for in another way, the whole is sent, as RFC 9110 allows.
RANGE = re.compile(rb"bytes=\s*\d{0,15}-\d{0,15}(\s*,\s*\d{0,15}-\d{0,15}){0,7}\s*", re.I)
UNHEARD = frozenset([b"x-gradio-server"])  # what Gradio's own proxy says; there is none before this server
READ = ("bibier_", "access-token-", "session")  # beginnings of the cookies of the page, the sign-in and the Hub's
OCTETS = frozenset(string.ascii_letters + string.digits + "!#$%&'()*+-./:<=>?@[]^_`{|}~")  # RFC 6265

Headers = list[tuple[bytes, bytes]]


def bounded(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Return the headers that are within the bounds, none beyond the first `MOST`."""
    within: Headers = []
    total = 0
    for name, value in headers:
        total += len(name) + len(value)
        if len(within) == MOST or total > LONGEST_ALL:
            break
        if len(name) + len(value) <= LONGEST:
            within.append((name, value))
    return within


def one_reading(headers: Headers) -> Headers:
    """Return headers with the first of each that may stand once, and the cookies that something here reads."""
    seen: set[bytes] = set()
    passed: Headers = []
    for name, value in headers:
        if name in ONCE:
            if name in seen:
                continue
            seen.add(name)
        if name in UNHEARD or (name == b"range" and not RANGE.fullmatch(value)):
            continue
        if name == b"cookie":
            pairs = read_cookies(value.decode("latin-1")).items()
            value = "; ".join(
                f"{cookie}={content}"
                for cookie, content in pairs
                if cookie.startswith(READ) and OCTETS.issuperset(cookie) and OCTETS.issuperset(content)
            ).encode("latin-1")
        passed.append((name, value))
    return passed


class RequestHeaders:
    """ASGI middleware, before all that reads a header: too long ones are refused, the others have one reading."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = bounded(scope["headers"])
        address = len(scope.get("raw_path") or scope["path"]) + len(scope.get("query_string", b""))
        cleaned = {**scope, "headers": one_reading(headers)}
        if len(headers) < len(scope["headers"]) or address > LONGEST:
            closing = {"connection": "close"}
            await refusal(cleaned, 431, Message("guard-headers"), closing)(cleaned, receive, send)
            return
        # A proxy that ends TLS says so; whoever else says it changes only the cookies of their own answer.
        if header_list(cleaned, "x-forwarded-proto")[-1:] == ["https"]:
            cleaned["scheme"] = "https"
        await self.app(cleaned, receive, send)
