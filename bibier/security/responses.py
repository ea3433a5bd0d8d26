"""Refusals: one sentence in the visitor's language, in the form that the asker reads."""

from __future__ import annotations

import re
from http.cookies import CookieError, SimpleCookie

from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Scope

from bibier.i18n.messages import LANGUAGES, Message

COOKIE = "bibier_language"
API = "/gradio_api/"


def preferred(cookie: str, accepted: str) -> str:
    """Return "ru" or "en": the choice made on the page (its cookie), else the browser's first known language.

    Examples: `preferred("bibier_language=ru", "en")` is "ru"; `preferred("", "de, ru;q=0.8, en;q=0.5")` is "ru".
    """
    try:
        chosen = SimpleCookie(cookie).get(COOKIE)
    except CookieError:
        chosen = None
    if chosen is not None and chosen.value in LANGUAGES:
        return chosen.value

    def weight(part: str) -> float:
        match = re.search(r";\s*q=(\S+)\s*$", part)
        try:
            return float(match[1]) if match else 1.0
        except ValueError:
            return 0.0

    for part in sorted(accepted.split(","), key=weight, reverse=True):
        code = part.strip().split(";")[0].split("-")[0].lower()
        if code in LANGUAGES:
            return code
    return LANGUAGES[0]


def header(scope: Scope, name: str) -> str:
    """Return a request's header, the first if there are several, "" if there is none."""
    wanted = name.encode()
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == wanted), "")


def cookies(scope: Scope) -> dict[str, str]:
    """Return the request's cookies; those that can't be read are left out."""
    values: dict[str, str] = {}
    for part in header(scope, "cookie").split(";"):
        name, equals, value = part.strip().partition("=")
        if equals:
            values.setdefault(name, value)
    return values


def language(scope: Scope) -> str:
    """Return the language in which to answer a request."""
    return preferred(header(scope, "cookie"), header(scope, "accept-language"))


def refusal(scope: Scope, status: int, sentence: Message, headers: dict[str, str] | None = None) -> Response:
    """Say no. Gradio's page reads plain text after an upload, and `detail` of a JSON object after a call."""
    text = sentence.text(language(scope))
    headers = {"cache-control": "no-store"} | (headers or {})
    path = scope["path"]
    if path.rstrip("/") in ("/login", "/config") or (path.startswith(API) and not path.startswith(f"{API}upload")):
        return JSONResponse({"detail": text, "error": text}, status, headers)
    return PlainTextResponse(text, status, headers)


def size(count: float) -> Message:
    """Write a number of bytes as people do, as in "100 MB" or "100 МБ"."""
    if count >= 1e6:
        return Message("size-mb", {"count": round(count / 1e6)})
    return Message("size-kb", {"count": round(count / 1e3)})
