"""Signing in: a page of our own (Gradio's says nothing of waiting), wrong tries, and nothing for who is outside."""

from __future__ import annotations

import html
import math
from pathlib import Path
from string import Template
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse

from bibier.security.call_guard import RequestRefused, read, replay
from bibier.security.login_throttle import LoginThrottle
from bibier.security.passwords import LONGEST, NAME_LIMIT
from bibier.security.responses import language, refusal
from bibier.security.routes import PUBLIC
from bibier.security.session import visitor

PAGE = Template(Path(__file__).with_name("login.html").read_text(encoding="utf-8"))
SCRIPT = Path(__file__).with_name("login.js").read_text(encoding="utf-8")
WORDS = {
    "en": {
        "lead": "What the voice says, what the words say, and both together.",
        "name": "Name",
        "password": "Password",
        "enter": "Sign in",
        "broken": "The server can't be reached. Try again.",
        "other": "Русский",
    },
    "ru": {
        "lead": "Что говорит голос, что говорят слова и что — вместе.",
        "name": "Имя",
        "password": "Пароль",
        "enter": "Войти",
        "broken": "Сервер недоступен. Попробуйте ещё раз.",
        "other": "English",
    },
}


def page(code: str) -> HTMLResponse:
    """Return the sign-in page in a language."""
    words = {key: html.escape(text) for key, text in WORDS[code].items()}
    return HTMLResponse(PAGE.substitute(words, language=code, script=SCRIPT), headers={"cache-control": "no-store"})


class Login:
    """ASGI middleware, inside `Visitors`; without `wanted` it does nothing: nobody needs to sign in."""

    def __init__(self, app, *, wanted: bool, throttle: LoginThrottle | None = None):
        self.app, self.wanted, self.throttle = app, wanted, throttle or LoginThrottle()

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http" or not self.wanted:
            await self.app(scope, receive, send)
            return
        path, user = scope["path"], visitor(scope).user
        if scope["method"] == "POST" and path.rstrip("/") == "/login":
            await self.enter(scope, receive, send)
        elif user is None and path == "/" and scope["method"] == "GET":
            await page(language(scope))(scope, receive, send)
        elif user is None and not PUBLIC.fullmatch(path):
            await refusal(scope, 401, "guard-sign-in")(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def enter(self, scope, receive, send):
        """Let a try through to Gradio, which asks the passwords, unless the name or the address has to wait."""
        try:
            body = await read(receive)
        except RequestRefused as no:
            await refusal(scope, no.status, no.key, **no.values)(scope, receive, send)
            return
        try:
            form = await Request(scope, replay(body, receive)).form(max_files=0, max_fields=8)
        except HTTPException:
            form = {}
        name, password = form.get("username"), form.get("password")
        fits = isinstance(name, str) and isinstance(password, str)
        if not fits or len(name) > NAME_LIMIT or len(password) > LONGEST:
            await refusal(scope, 400, "guard-form", limit=LONGEST)(scope, receive, send)
            return
        name, address = name.strip(), visitor(scope).address
        if pause := self.throttle.begin(name, address):
            seconds = math.ceil(pause)
            again = {"retry-after": str(seconds)}
            await refusal(scope, 429, "guard-wait", headers=again, seconds=seconds)(scope, receive, send)
            return
        held: list[dict] = []

        async def hold(message):
            held.append(message)

        # Gradio reads the form from the same bytes, so what was counted is what is checked
        form = f"grant_type=password&username={quote(name, safe='')}&password={quote(password, safe='')}".encode()
        kept = [(key, value) for key, value in scope["headers"] if key not in (b"content-type", b"content-length")]
        kept += [
            (b"content-type", b"application/x-www-form-urlencoded"),
            (b"content-length", str(len(form)).encode()),
        ]
        await self.app(scope | {"headers": kept}, replay(form, receive), hold)
        if held[0]["status"] == 200:
            self.throttle.right(name, address)
            for message in held:
                await send(message)
        else:
            await refusal(scope, 400, "guard-wrong")(scope, receive, send)
