"""The Annotate tab: one component whose page side is annotate.js, and the calls that it makes to the server.

The calls bypass Gradio's queue: a save must not wait behind an analysis.
"""

from __future__ import annotations

import contextvars
import functools
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from starlette.responses import FileResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from bibier.errors import InputError, StoreUnavailable
from bibier.files import FULL, refused_by_system, sha256
from bibier.i18n.messages import Message, in_every_language
from bibier.security.in_flight import Crowded, SharedThreads
from bibier.security.responses import language as language_of
from bibier.security.responses import refusal
from bibier.security.session import visitor
from bibier.ui.annotate.handlers import AnnotateHandlers, Sent
from bibier.ui.components import scope_of
from bibier.ui.gradio_import import gradio as gr

ACTS = (
    "open",
    "enter",
    "save",
    "skip",
    "reveal",
    "visit",
    "step",
    "settle",
    "export",
    "ask",
    "hold",
    "repeat",
    "decide",
)
ACTS = (*ACTS, "clips", "people", "browse", "making", "take")
QUICK = (
    "open",
    "save",
    "skip",
    "visit",
    "step",
    "hold",
    "repeat",
    "decide",
)  # in threads of their own: nothing else keeps a save waiting
KEPT = ("save", "skip", "repeat", "decide")  # a browser keeps them until they are taken
ROUTE = "/bibier/clip/"
Answering = Callable[[object, gr.Request], Awaitable[Mapping[str, object]]]
Render = Callable[[str, str], list[Any]]
GONE = Message("guard-clip-gone")
ALONE = ("export", "ask")  # acts that are done one after the other, each kind in a thread of its own
MOST_ALONE = 8  # parties that may wait for one of a kind
CHECKED = 10_000  # files whose hash is remembered
THREADS = 8  # of a pool, that wait for the database and the disk …
OF_A_PARTY = 3  # … of which a party has some


def no_rendering(text: str, language: str) -> list[Any]:
    """Give a text as it is."""
    return [text] if text else []


def storage_line(notice: Callable[[str], tuple[str, bool]], more: Sequence[Message]) -> dict[str, object]:
    """Say where annotations live and what else there is to say, in every language, and whether it is a warning."""
    texts = in_every_language(
        lambda language: " ".join([notice(language)[0], *(message.text(language) for message in more)])
    )
    return {"texts": texts, "warns": notice("en")[1]}


def answering(
    handlers: AnnotateHandlers, name: str, threads: SharedThreads, render: Render = no_rendering
) -> Answering:
    """Make a call of the page's out of an act, done in one of the `threads`: errors become sentences in its language.

    What takes long (`ALONE`) is done one after the other, and of one party none waits behind its own: an export reads a
    whole project, and a language model may be silent for long.
    """
    asking: set[str] = set()  # parties
    act: Callable[[Sent], Mapping[str, object]] = getattr(handlers, name)
    visitors_act: Callable[[Sent], Mapping[str, object]] = getattr(handlers.for_visitors(), name)

    def work(sent: object, scope: Scope) -> Mapping[str, object]:
        first = sent[0] if isinstance(sent, list) and sent else sent
        values: dict[str, object] = dict(first) if isinstance(first, dict) else {}
        guest = visitor(scope)
        values["signed"] = bool(guest.user)
        language, author = language_of(scope), values.get("annotator")
        if guest.user:  # nobody writes under another's name
            values["annotator"] = guest.user
            if name in KEPT and author not in (None, "", guest.user):  # it waited in the browser
                return {"error": in_every_language(Message("annotate-others").text), "passing": True, "others": True}
        path = values.get("path")
        if name == "take" and not (isinstance(path, str) and guest.ownership.owns(guest.session, path)):
            return {"error": in_every_language(Message("guard-file").text), "passing": False}
        try:
            shown = dict((act if guest.operator else visitors_act)(values))
        except InputError as error:
            return {"error": in_every_language(error.text), "passing": isinstance(error, StoreUnavailable)}
        except OSError as error:  # of a place that was named, or a disk that is full
            return {"error": in_every_language(refused_by_system(error).text), "passing": error.errno in FULL}
        if name == "open" and handlers.storage_notice:
            closed = handlers.create_project is not None and not guest.operator
            shown["kept"] = storage_line(handlers.storage_notice, [Message("start-needed")] if closed else [])
        notices = shown.pop("notices", None)
        if isinstance(notices, list):
            shown["told"] = " ".join(notice.text(language) for notice in notices)
        settings = shown.get("settings")
        if isinstance(settings, dict):
            shown["guide"] = render(str(settings["guidelines"]), language)
        # the other acts have refused what is no project
        project = (shown if name in ("open", "enter", "take") else values).get("project")
        if isinstance(project, str) and project:
            guest.enter(project)
        return shown

    def alone(party: str, sent: object, scope: Scope) -> Mapping[str, object]:
        try:
            return work(sent, scope)
        finally:
            asking.discard(party)

    async def answer(sent: object, request: gr.Request) -> Mapping[str, object]:
        here, scope = contextvars.copy_context(), scope_of(request)
        do = functools.partial(work, sent, scope)
        if name in ALONE:
            if (party := visitor(scope).party) in asking or len(asking) >= MOST_ALONE:
                key = f"annotate-{name}-waits" if party in asking else "annotate-many-wait"
                return {"error": in_every_language(Message(key).text), "passing": True}
            asking.add(party)
            do = functools.partial(alone, party, sent, scope)
        try:
            return await threads.run(visitor(scope).party, lambda: here.run(do))
        except Crowded:
            return {"error": in_every_language(Message("annotate-many-wait").text), "passing": True}

    answer.__name__ = name
    return answer


def build(handlers: AnnotateHandlers, render: Render = no_rendering) -> gr.HTML:
    """Lay the tab out in the open `gr.Tab`. The template is constant: Gradio would run what is put into it.

    `render` makes nodes of a project's guidelines: (Markdown, language) → text, or lists of a tag and nodes.
    """
    quick, slow = (SharedThreads(THREADS, OF_A_PARTY, name) for name in ("labels", "studio"))
    threads = dict.fromkeys(QUICK, quick) | {act: SharedThreads(1, 1, act) for act in ALONE}
    functions = [answering(handlers, act, threads.get(act, slow), render) for act in ACTS]
    return gr.HTML(
        html_template='<div class="studio"></div>',
        js_on_load='bibier.createAnnotator(element.querySelector(".studio"), server);',
        apply_default_css=False,
        elem_id="annotate",
        server_functions=functions,
    )


class ClipFiles:
    """ASGI middleware: the sound of a clip by its hash, for sessions that annotate a project with it.

    Only files of the store are given, and only unchanged. The database and the disk are asked in threads of their own:
    neither a lock on the one nor a slow other holds up the rest of the page.

    Parameters
    ----------
    find
        Looks a clip up: (SHA-256, names of projects) → where it lies, by each project's word. Raises InputError when
        the database can't be asked.
    """

    def __init__(self, app: ASGIApp, find: Callable[[str, Collection[str]], list[str]]):
        self.app, self.find = app, find
        self.checked: OrderedDict[tuple[str, int, int], str] = OrderedDict()  # (path, size, time of change) → SHA-256
        self.checking = threading.Lock()
        self.threads = SharedThreads(THREADS, OF_A_PARTY, "clips")

    def hash_of(self, path: Path) -> str:
        """Return the SHA-256 of a file; an unchanged file is read once. Raises OSError."""
        facts = path.stat()
        key = (str(path), facts.st_size, facts.st_mtime_ns)
        with self.checking:
            digest = self.checked.pop(key, None)
        digest = digest or sha256(path)
        with self.checking:
            self.checked[key] = digest
            if len(self.checked) > CHECKED:
                self.checked.popitem(last=False)
        return digest

    def answer(self, scope: Scope) -> Response:
        """Answer a request for a clip; waits for the database and the disk."""
        digest = scope["path"].removeprefix(ROUTE)
        try:
            places = self.find(digest, visitor(scope).projects())
        except InputError as error:
            return refusal(scope, 503, error.message)
        changed = False
        for place in places:
            try:
                if self.hash_of(Path(place)) == digest:
                    headers = {"cache-control": "private, max-age=3600", "etag": f'"{digest}"'}
                    return FileResponse(place, headers=headers)
                changed = True
            except OSError:  # moved or removed
                continue
        return refusal(scope, 409, Message("guard-clip-changed")) if changed else refusal(scope, 404, GONE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(ROUTE):
            await self.app(scope, receive, send)
            return
        try:
            response = await self.threads.run(visitor(scope).party, functools.partial(self.answer, scope))
        except Crowded:
            response = refusal(scope, 429, Message("guard-too-many-calls", {"seconds": 1}), {"retry-after": "1"})
        await response(scope, receive, send)
