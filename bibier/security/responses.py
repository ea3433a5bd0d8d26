"""Refusals: one sentence in the visitor's language, in the form that the asker reads."""

from __future__ import annotations

from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Scope

from bibier.i18n.messages import LANGUAGES, Message, in_every_language

COOKIE = "bibier_language"
API = "/gradio_api/"
LIVE = "/bibier/live"  # where speech is judged while it is spoken
MOST_COOKIES = 100  # read of a request
MOST_LANGUAGES = 20  # read of those that a browser accepts
LONGEST_LANGUAGES = 500  # characters of them


def read_cookies(text: str) -> dict[str, str]:
    """Return the cookies of a header by name, the first of each; what has no name is left out."""
    values: dict[str, str] = {}
    for part in text.split(";", MOST_COOKIES)[:MOST_COOKIES]:
        name, equals, value = part.partition("=")
        if equals and name.strip():
            values.setdefault(name.strip(), value.strip())
    return values


def weight(part: str) -> float:
    """Return the weight of an entry in a list of what is accepted: of "ru;q=0.8" it is 0.8, without one 1."""
    for parameter in part.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            digits = value.strip().replace(".", "", 1)
            return float(value) if digits.isascii() and digits.isdecimal() and len(digits) < 9 else 0.0
    return 1.0


def preferred(cookie: str, accepted: str) -> str:
    """Return "ru" or "en": the choice made on the page (its cookie), else the browser's first known language.

    Examples: `preferred("bibier_language=ru", "en")` is "ru"; `preferred("", "de, ru;q=0.8, en;q=0.5")` is "ru".
    """
    chosen = read_cookies(cookie).get(COOKIE)
    if chosen in LANGUAGES:
        return chosen
    parts = accepted[:LONGEST_LANGUAGES].split(",", MOST_LANGUAGES)[:MOST_LANGUAGES]
    for part in sorted(parts, key=weight, reverse=True):
        code = part.split(";")[0].split("-")[0].strip().lower()
        if code in LANGUAGES:
            return code
    return LANGUAGES[0]


def header(scope: Scope, name: str) -> str:
    """Return a request's header, the first if there are several, "" if there is none."""
    wanted = name.encode()
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == wanted), "")


def header_list(scope: Scope, name: str) -> list[str]:
    """Return the parts of a header that lists them with commas, of all its lines in their order."""
    wanted = name.encode()
    lines = [value.decode("latin-1") for key, value in scope["headers"] if key == wanted]
    return [part.strip() for part in ",".join(lines).split(",") if part.strip()]


def accepts_gzip(scope: Scope) -> bool:
    """Whether an answer may be sent compressed."""
    parts = header_list(scope, "accept-encoding")
    return any(part.partition(";")[0].strip() == "gzip" and weight(part) > 0 for part in parts)


def cookies(scope: Scope) -> dict[str, str]:
    """Return the request's cookies; those that can't be read are left out."""
    return read_cookies(header(scope, "cookie"))


def language(scope: Scope) -> str:
    """Return the language in which to answer a request."""
    return preferred(header(scope, "cookie"), header(scope, "accept-language"))


def refusal(scope: Scope, status: int, sentence: Message, headers: dict[str, str] | None = None) -> Response:
    """Say no: to programs with a JSON object, whose `detail` Gradio's page reads after a call."""
    texts = in_every_language(lambda code: sentence.text(code).encode("utf-8", "replace").decode())  # names without it
    text = texts[language(scope)]
    headers = {"cache-control": "no-store"} | (headers or {})
    path = scope["path"]
    if path.rstrip("/") in ("/login", "/config") or path.startswith((API, LIVE)):
        told: dict[str, object] = {"detail": text, "error": text}
        if path.startswith((LIVE, f"{API}upload")):  # the page goes on in whatever language it is switched to
            told["sentences"] = texts
        return JSONResponse(told, status, headers)
    return PlainTextResponse(text, status, headers)


def size(count: float) -> Message:
    """Write a number of bytes as people do, as in "100 MB" or "100 МБ"."""
    if count >= 1e6:
        return Message("size-mb", {"count": round(count / 1e6)})
    return Message("size-kb", {"count": round(count / 1e3)})
