"""Signing in: a page of our own (Gradio's says nothing of waiting), wrong tries, and nothing for who is outside."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable
from pathlib import Path
from string import Template
from urllib.parse import quote

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as ASGIMessage

from bibier.i18n.messages import Message
from bibier.security.login_throttle import LoginThrottle
from bibier.security.passwords import LONGEST, NAME_LIMIT
from bibier.security.request_bodies import RequestBodies, RequestRefused, replay, with_length
from bibier.security.responses import language, refusal
from bibier.security.routes import PUBLIC
from bibier.security.session import visitor

PAGE = Template(Path(__file__).with_name("login.html").read_text(encoding="utf-8"))
SCRIPT = Path(__file__).with_name("login.js").read_text(encoding="utf-8")
FORM = "application/x-www-form-urlencoded"
MOST_AT_ONCE = 16  # passwords that are checked or wait for it: one takes a core for some tenths of a second
WORDS = ("lead", "name", "password", "enter", "broken", "other")  # of the page


def page(code: str) -> HTMLResponse:
    """Return the sign-in page in a language."""
    words = {name: html.escape(Message(f"login-{name}").text(code)) for name in WORDS}
    return HTMLResponse(PAGE.substitute(words, language=code, script=SCRIPT), headers={"cache-control": "no-store"})


class Login:
    """ASGI middleware, inside `Visitors`: the sign-in page, and nothing else for those who are outside.

    Parameters
    ----------
    wanted
        Whether one has to sign in; otherwise every request is let through.
    bodies
        Reads the bodies of requests.
    throttle
        Counts wrong passwords; one of its own by default.
    """

    def __init__(self, app: ASGIApp, *, wanted: bool, bodies: RequestBodies, throttle: LoginThrottle | None = None):
        self.app, self.wanted, self.bodies, self.throttle = app, wanted, bodies, throttle or LoginThrottle()
        self.trying = 0  # passwords that are being checked, or wait for that

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self.wanted:
            await self.app(scope, receive, send)
            return
        path, user = scope["path"], visitor(scope).user
        if scope["method"] == "POST" and path.rstrip("/") == "/login":
            await self.enter(scope, receive, send)
        elif user is None and path == "/":  # whatever the method: HEAD too would be given the app's own page
            await page(language(scope))(scope, receive, send)
        elif user is None and not PUBLIC.fullmatch(path):
            await refusal(scope, 401, Message("guard-sign-in"))(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def enter(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a try through to Gradio, which asks the passwords, unless the name or the address has to wait."""
        try:
            async with self.bodies.read(scope, receive) as body:
                await self.attempt(scope, body, receive, send)
        except RequestRefused as refused:
            await refusal(scope, refused.status, refused.message, refused.headers)(scope, receive, send)

    async def attempt(self, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        """Try a name and a password. Raises RequestRefused when so many are being tried that this one would wait."""
        try:
            form = await Request(scope, replay(body, receive)).form(max_files=0, max_fields=8)
        except HTTPException:
            form = FormData()
        name, password = form.get("username"), form.get("password")
        if (
            not isinstance(name, str)
            or not isinstance(password, str)
            or len(name) > NAME_LIMIT
            or len(password) > LONGEST
        ):
            await refusal(scope, 400, Message("guard-form", {"limit": LONGEST}))(scope, receive, send)
            return
        if self.trying >= MOST_AT_ONCE:  # before it counts as a try: what nobody checks was not wrong
            raise RequestRefused(503, "guard-busy")
        name, address = name.strip(), visitor(scope).address
        if pause := self.throttle.begin(name, address):
            seconds = math.ceil(pause)
            again = {"retry-after": str(seconds)}
            await refusal(scope, 429, Message("guard-wait", {"seconds": seconds}), again)(scope, receive, send)
            return
        held: list[ASGIMessage] = []

        async def hold(message: ASGIMessage) -> None:
            held.append(message)

        # Gradio reads the form from the same bytes, so what was counted is what is checked
        checked = f"grant_type=password&username={quote(name, safe='')}&password={quote(password, safe='')}".encode()
        self.trying += 1
        try:
            await self.app(with_length(scope, checked, FORM), replay(checked, receive), hold)
        finally:
            self.trying -= 1
        if held[0]["status"] == 200:
            self.throttle.right(name, address)
            held[0] = {**held[0], "headers": one_token(held[0]["headers"], secure=scope.get("scheme") == "https")}
            for message in held:
                await send(message)
        else:
            await refusal(scope, 400, Message("guard-wrong"))(scope, receive, send)


def one_token(headers: Iterable[tuple[bytes, bytes]], *, secure: bool) -> list[tuple[bytes, bytes]]:
    """Return an answer's headers with one of the two cookies that Gradio sets for one token.

    Over HTTPS that with Secure, so that the token never travels in the open; over HTTP the other.
    """
    kept = []
    for name, value in headers:
        if name.lower() == b"set-cookie" and value.startswith(b"access-token-"):
            if value.startswith(b"access-token-unsecure-") == secure:
                continue
            if not secure and b"samesite" not in value.lower():
                value += b"; SameSite=lax"
        kept.append((name, value))
    return kept
