"""One line of the log for each request: what was asked, how long it took, how it was answered; nothing of who asked."""

from __future__ import annotations

import logging
import re
import secrets
import time

from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as ASGIMessage

from bibier.log import note
from bibier.security.responses import API, LIVE
from bibier.security.routes import LIVE_BLOCK, is_open

SCOPE = "bibier.request"
# What an address may hold of a person: a file's name, a tab's random name, a clip's hash.
HIDDEN = (
    (re.compile(rf"({API}file[=/]).+", re.S), r"\1…"),
    (re.compile(rf"({API}heartbeat/).+", re.S), r"\1…"),
    (re.compile(rf"({API}call/(?:v2/)?\w+/)\w+/?"), r"\1…"),
    (re.compile(r"(/bibier/clip/).+", re.S), r"\1…"),
    (re.compile(rf"({LIVE}/)[\w-]{{32}}"), r"\1…"),
    (re.compile(r"/(assets|static|svelte)/.+", re.S), r"/\1/…"),
)
OUTCOMES = {503: "busy", 507: "refused"}  # a full server is no fault
QUIET = ("GET", "HEAD")  # methods whose success is told at the level of debugging


def request_id(scope: Scope) -> str | None:
    """Return the id of a request; None where nobody has given it one."""
    return scope.get(SCOPE)


def route(method: str, path: str) -> str:
    """Return an address as the log may show it; one that does not exist is whatever the asker wrote, and not shown."""
    if not is_open(method, path):
        return "…"
    for pattern, plain in HIDDEN:
        path = pattern.sub(plain, path)
    return path


class AccessLog:
    """ASGI middleware, the outermost: gives each request its id, tells it in `x-request-id`, and writes the line."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, request, status = time.perf_counter(), secrets.token_hex(8), 500

        async def watched(message: ASGIMessage) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message["headers"], (b"x-request-id", request.encode())]}
            await send(message)

        try:
            scope[SCOPE] = request  # in place: Starlette's outermost, which answers what broke, sees it too
            await self.app(scope, receive, watched)
        finally:
            outcome = "ok" if status < 400 else OUTCOMES.get(status, "refused" if status < 500 else "failed")
            often = scope["method"] in QUIET or LIVE_BLOCK.fullmatch(scope["path"]) is not None
            quiet = often and outcome == "ok"
            note(
                "request",
                level=logging.DEBUG if quiet else logging.INFO if outcome != "failed" else logging.ERROR,
                request=request,
                method=scope["method"] if scope["method"] in ("GET", "HEAD", "POST") else "…",
                route=route(scope["method"], scope["path"]),
                status=status,
                outcome=outcome,
                ms=round(1000 * (time.perf_counter() - began)),
            )
