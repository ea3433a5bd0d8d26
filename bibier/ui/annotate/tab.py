"""The Annotate tab: one component whose page side is annotate.js, and the calls that it makes to the server.

The calls bypass Gradio's queue: a save must not wait behind an analysis.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from pathlib import Path

from starlette.responses import FileResponse, PlainTextResponse

from bibier.errors import InputError
from bibier.security.session import visitor
from bibier.ui import view
from bibier.ui.annotate.handlers import Annotating
from bibier.ui.gradio_import import gradio as gr

ACTS = ("open", "enter", "save", "skip", "reveal", "visit", "step", "settle", "export", "ask")
ROUTE = "/bibier/clip/"


def answering(act: Callable[[dict], dict], name: str) -> Callable[[dict, gr.Request], dict]:
    """Make a call of the page's out of an act: errors become sentences in the page's language."""

    def answer(sent: dict, request: gr.Request) -> dict:
        sent = sent[0] if isinstance(sent, list) and sent else sent
        sent = sent if isinstance(sent, dict) else {}
        guest = visitor(request.scope)
        if guest.user:  # nobody writes under another's name
            sent = sent | {"annotator": guest.user}
        look = view.view(None, request.headers.get("cookie", ""), request.headers.get("accept-language", "")).look
        try:
            found = act(sent)
        except InputError as error:
            return {"error": error.text(look.language)}
        if name == "open" and act.__self__.kept:
            text, warns = act.__self__.kept(look.language)
            found["kept"] = {"text": text, "warns": warns}
        # the other acts have refused what is no project
        if project := (found if name in ("open", "enter") else sent).get("project"):
            guest.enter(project)
        return found

    answer.__name__ = name
    return answer


def build(desk: Annotating) -> gr.HTML:
    """Lay the tab out in the open `gr.Tab`. The template is constant: Gradio would run what is put into it."""
    return gr.HTML(
        html_template='<div class="studio"></div>',
        js_on_load='bibier.createAnnotator(element.querySelector(".studio"), server);',
        apply_default_css=False,
        elem_id="annotate",
        server_functions=[answering(getattr(desk, act), act) for act in ACTS],
    )


class Clips:
    """ASGI middleware: the sound of a clip by its hash, for sessions that annotate a project with it.

    Only files of the store are given, and only unchanged.
    """

    def __init__(self, app, find: Callable[[str, Collection[str]], str | None]):
        self.app, self.find = app, find
        self.checked: dict[tuple[str, int, int], str] = {}  # (path, size, time of change) → SHA-256

    def hash_of(self, path: Path) -> str:
        """Return the SHA-256 of a file; an unchanged file is read once."""
        facts = path.stat()
        key = (str(path), facts.st_size, facts.st_mtime_ns)
        if key not in self.checked:
            with path.open("rb") as file:
                self.checked[key] = hashlib.file_digest(file, "sha256").hexdigest()
        return self.checked[key]

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http" or not scope["path"].startswith(ROUTE):
            await self.app(scope, receive, send)
            return
        sha256 = scope["path"].removeprefix(ROUTE)
        found = self.find(sha256, visitor(scope).projects())
        path = Path(found) if found else None
        if path is None or not path.is_file():
            answer = PlainTextResponse("no such clip", 404)
        elif self.hash_of(path) != sha256:
            answer = PlainTextResponse("the file is not the one that was listed", 409)
        else:
            answer = FileResponse(path, headers={"cache-control": "private, max-age=3600", "etag": f'"{sha256}"'})
        await answer(scope, receive, send)
