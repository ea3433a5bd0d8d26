"""What surrounds Gradio: the page's language, and a script that runs before Gradio's own.

Gradio's own `head` comes too late to patch the browser, so a middleware puts the script right after `<head>`.
"""

from __future__ import annotations

import json
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as ASGIMessage

from bibier.i18n.messages import LANGUAGES
from bibier.i18n.page import catalogue
from bibier.labels import COLOURS, COLOURS_DARK, EMOTIONS, NAMES
from bibier.security.responses import language as language_of

STATIC = Path(__file__).parent / "static"
SCRIPTS = (  # in this order
    "page.js",
    "capture.js",
    "recording.js",
    "analyse.js",
    "privacy.js",
    "timeline.js",
    "live.js",
    "editor.js",
    "player.js",
    "project.js",
    "annotate_api.js",
    "annotate_view.js",
    "annotate_keys.js",
    "annotate.js",
    "agreement.js",
    "models.js",
)


def script(language: str, hours: float | None) -> bytes:
    """Return the early script with the sentences of both languages in it; `<` is escaped against `</script>`.

    `hours` is how long recordings are kept, None without a limit.
    """
    facts = {
        "language": language,
        "hours": hours,
        "languages": {code: catalogue(code) for code in LANGUAGES},
        "emotions": EMOTIONS,
        "names": NAMES,
        "colours": COLOURS,
        "coloursDark": COLOURS_DARK,
    }
    data = json.dumps(facts, ensure_ascii=False).replace("<", "\\u003c")
    code = "\n".join((STATIC / name).read_text(encoding="utf-8") for name in SCRIPTS)
    return f"<script>window.bibier = {data};\n{code}</script>".encode()


class PageScript:
    """ASGI middleware: puts the early script into every HTML page.

    Parameters
    ----------
    hours
        How long recordings are kept, None without a limit.
    """

    def __init__(self, app: ASGIApp, *, hours: float | None):
        self.app = app
        self.scripts = {language: script(language, hours) for language in LANGUAGES}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        language = language_of(scope)
        start: ASGIMessage | None = None
        body = b""

        async def rewrite(message: ASGIMessage) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                kinds = [value for name, value in message["headers"] if name.lower() == b"content-type"]
                if kinds and kinds[0].startswith(b"text/html"):
                    start = message  # held back: the length changes
                    return
            if start is None or message["type"] != "http.response.body":
                await send(message)
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            page = body.replace(b"<head>", b"<head>" + self.scripts[language], 1)
            page = page.replace(b'lang="en"', f'lang="{language}"'.encode(), 1)
            headers = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
            headers += [
                (b"content-length", str(len(page)).encode()),
                (b"vary", b"Cookie, Accept-Language"),
            ]
            await send({**start, "headers": headers})
            await send({"type": "http.response.body", "body": page})

        await self.app(scope, receive, rewrite)
