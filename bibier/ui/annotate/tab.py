"""The Annotate tab: one component whose page side is annotate.js, and the calls that it makes to the server.

The calls bypass Gradio's queue: a save must not wait behind an analysis.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from starlette.responses import FileResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from bibier.errors import InputError
from bibier.files import sha256
from bibier.security.responses import refusal
from bibier.security.session import visitor
from bibier.ui.annotate.handlers import AnnotateHandlers
from bibier.ui.client import read_context
from bibier.ui.gradio_import import gradio as gr

ACTS = ("open", "enter", "save", "skip", "reveal", "visit", "step", "settle", "export", "ask")
ROUTE = "/bibier/clip/"
THREADS = 4  # that wait for the database and the disk


def answering(act: Callable[[dict], dict], name: str) -> Callable[[dict, gr.Request], dict]:
    """Make a call of the page's out of an act: errors become sentences in the page's language."""

    def answer(sent: dict, request: gr.Request) -> dict:
        sent = sent[0] if isinstance(sent, list) and sent else sent
        sent = sent if isinstance(sent, dict) else {}
        guest = visitor(request.scope)
        if guest.user:  # nobody writes under another's name
            sent = sent | {"annotator": guest.user}
        headers = request.headers
        language = read_context(None, headers.get("cookie", ""), headers.get("accept-language", "")).theme.language
        try:
            found = act(sent)
        except InputError as error:
            return {"error": error.text(language)}
        if name == "open" and act.__self__.kept:
            text, warns = act.__self__.kept(language)
            found["kept"] = {"text": text, "warns": warns}
        # the other acts have refused what is no project
        if project := (found if name in ("open", "enter") else sent).get("project"):
            guest.enter(project)
        return found

    answer.__name__ = name
    return answer


def build(handlers: AnnotateHandlers) -> gr.HTML:
    """Lay the tab out in the open `gr.Tab`. The template is constant: Gradio would run what is put into it."""
    return gr.HTML(
        html_template='<div class="studio"></div>',
        js_on_load='bibier.createAnnotator(element.querySelector(".studio"), server);',
        apply_default_css=False,
        elem_id="annotate",
        server_functions=[answering(getattr(handlers, act), act) for act in ACTS],
    )


class ClipFiles:
    """ASGI middleware: the sound of a clip by its hash, for sessions that annotate a project with it.

    Only files of the store are given, and only unchanged. The database and the disk are asked in threads of their own:
    neither a lock on the one nor a slow other holds up the rest of the page.

    Parameters
    ----------
    find
        Looks a clip up: (SHA-256, names of projects) → where it lies, None when there is none. Raises InputError when
        the database can't be asked.
    """

    def __init__(self, app: ASGIApp, find: Callable[[str, Collection[str]], str | None]):
        self.app, self.find = app, find
        self.checked: dict[tuple[str, int, int], str] = {}  # (path, size, time of change) → SHA-256
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="clips")

    def hash_of(self, path: Path) -> str:
        """Return the SHA-256 of a file; an unchanged file is read once. Raises OSError."""
        facts = path.stat()
        key = (str(path), facts.st_size, facts.st_mtime_ns)
        if key not in self.checked:
            self.checked[key] = sha256(path)
        return self.checked[key]

    def answer(self, scope: Scope) -> Response:
        """Answer a request for a clip; waits for the database and the disk."""
        digest = scope["path"].removeprefix(ROUTE)
        try:
            place = self.find(digest, visitor(scope).projects())
        except InputError as error:
            return refusal(scope, 503, error.key, **error.message.values)
        try:
            unchanged = place is not None and self.hash_of(Path(place)) == digest
        except OSError:  # moved or removed
            place = None
        if place is None:
            return refusal(scope, 404, "guard-clip-gone")
        if not unchanged:
            return refusal(scope, 409, "guard-clip-changed")
        return FileResponse(place, headers={"cache-control": "private, max-age=3600", "etag": f'"{digest}"'})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(ROUTE):
            await self.app(scope, receive, send)
            return
        response = await asyncio.get_running_loop().run_in_executor(self.threads, self.answer, scope)
        await response(scope, receive, send)
