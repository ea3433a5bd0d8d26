"""What surrounds Gradio: the page's language, its title for links, and a script that runs before Gradio's own.

Gradio's own `head` comes too late to patch the browser, so a middleware puts the script right after `<head>`.

The page is sent compressed. That tells nobody anything by its length: it holds no secret (the session is a cookie, and
whoever started the app is known by one), and nothing of what a visitor sends comes back in it.
"""

from __future__ import annotations

import functools
import gzip
import html
import json
import re
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as ASGIMessage

from bibier.i18n.messages import LANGUAGES
from bibier.i18n.page import catalogue
from bibier.labels import COLOURS, COLOURS_DARK, EMOTIONS, NAMES
from bibier.security.responses import accepts_gzip
from bibier.security.responses import language as language_of
from bibier.security.routes import PREVIEW
from bibier.security.workers import in_thread
from bibier.ui.gradio_chunks import GradioChunks
from bibier.ui.vendor import STYLES

STATIC = Path(__file__).parent / "static"
SCRIPTS = (  # in this order
    "page.js",
    "results_batch.js",
    "capture.js",
    "chart.js",
    "shell.js",
    "analyse.js",
    "words.js",
    "contour.js",
    "recorder.js",
    "results.js",
    "privacy.js",
    "ribbon_player.js",
    "timeline.js",
    "live.js",
    "label_bars.js",
    "points.js",
    "editor.js",
    "player.js",
    "project.js",
    "annotate_api.js",
    "annotate_outbox.js",
    "annotate_labels.js",
    "annotate_lists.js",
    "annotate_view.js",
    "annotate_keys.js",
    "annotate.js",
    "annotate_tab.js",
    "agreement.js",
    "models.js",
)


def script(language: str, hours: float | None, locale: str | None = None) -> bytes:
    """Return the early script with the sentences of both languages in it; `<` is escaped against `</script>`.

    `hours` is how long recordings are kept, None without a limit; `locale` the script of Gradio's that changes the
    language of its labels.
    """
    facts = {
        "language": language,
        "hours": hours,
        "locale": f"./assets/{locale}" if locale else None,
        "languages": {code: catalogue(code) for code in LANGUAGES},
        "emotions": EMOTIONS,
        "names": NAMES,
        "colours": COLOURS,
        "coloursDark": COLOURS_DARK,
    }
    data = json.dumps(facts, ensure_ascii=False).replace("<", "\\u003c")
    code = "\n".join((STATIC / name).read_text(encoding="utf-8") for name in SCRIPTS)
    return f"<script>window.bibier = {data};\n{code}</script>".encode()


# What Gradio says of itself to whoever shows a link to the page.
_GRADIO_META = re.compile(rb'<meta\s+(?:property="og:|name="twitter:)[^>]*>\s*')
PREVIEW_SIZE = (1200, 630)  # pixels
# In the page, so that it isn't asked for: three bars on the page's violet.
ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect width='32' height='32' "
    "rx='8' fill='%234b45c6'/%3E%3Cpath stroke='%23fff' stroke-width='4' stroke-linecap='round' "
    "d='M9 18v5M16 9v14M23 14v9'/%3E%3C/svg%3E"
)


def meta(language: str, address: str) -> bytes:
    """Return what a link to the page shows: title, description and picture; `address` is the page's own."""
    sentences = catalogue(language)
    title, description = html.escape(sentences["link_title"]), html.escape(sentences["tagline"])
    picture = html.escape(f"{address.rstrip('/')}{PREVIEW}")
    width, height = PREVIEW_SIZE
    tags = {
        "name": {"description": description, "twitter:card": "summary_large_image"},
        "property": {
            "og:type": "website",
            "og:title": title,
            "og:description": description,
            "og:url": html.escape(address),
            "og:locale": {"en": "en_US", "ru": "ru_RU"}[language],
            "og:image": picture,
            "og:image:width": width,
            "og:image:height": height,
            "og:image:alt": html.escape(sentences["link_picture"]),
        },
    }
    return (
        f'<link rel="icon" href="{ICON}">'.encode()
        + "".join(
            f'<meta {kind}="{name}" content="{content}">'
            for kind, named in tags.items()
            for name, content in named.items()
        ).encode()
    )


@functools.lru_cache(maxsize=8)
def compressed(page: bytes) -> bytes:
    """Return a page as gzip; it is the same for all visitors of a language, so it is made once."""
    return gzip.compress(page, 9, mtime=0)


class PageScript:
    """ASGI middleware: puts the early script into every HTML page, which it compresses; serves the page's picture.

    Parameters
    ----------
    hours
        How long recordings are kept, None without a limit.
    chunks
        The files of Gradio that the page needs.
    """

    def __init__(self, app: ASGIApp, *, hours: float | None, chunks: GradioChunks):
        self.app = app
        self.scripts = {language: script(language, hours, chunks.locale) for language in LANGUAGES}
        self.own_sheet, self.sheets = b"", b""
        if chunks.styles:
            self.own_sheet = f'<link rel="stylesheet" crossorigin href="./assets/{chunks.styles[0]}">'.encode()
            self.sheets = chunks.head(f".{STYLES}").encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if scope["path"] == PREVIEW:
            headers = {"cache-control": "public, max-age=86400"}
            await FileResponse(STATIC / "preview.png", headers=headers)(scope, receive, send)
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
            address = str(Request(scope).base_url)
            page = _GRADIO_META.sub(b"", body)
            page = page.replace(b"<head>", b"<head>" + meta(language, address) + self.scripts[language], 1)
            if self.own_sheet:
                page = page.replace(self.own_sheet, self.sheets, 1)
            page = page.replace(b'lang="en"', f'lang="{language}"'.encode(), 1)
            headers = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
            if accepts_gzip(scope):
                page = await in_thread(compressed, page)
                headers.append((b"content-encoding", b"gzip"))
            headers += [
                (b"content-length", str(len(page)).encode()),
                (b"vary", b"Cookie, Accept-Language, Accept-Encoding"),
            ]
            await send({**start, "headers": headers})
            await send({"type": "http.response.body", "body": page})

        await self.app(scope, receive, rewrite)
