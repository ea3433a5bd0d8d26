"""The part of the Analyse tab whose page side is results.js, and the calls that it makes to the server.

A call bypasses Gradio's queue; a recording stands in our own, as everywhere.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial

from starlette.types import Scope

from bibier.errors import Cancelled, InputError
from bibier.i18n.messages import Message, in_every_language
from bibier.i18n.page import say
from bibier.inference.queue import BUSY
from bibier.security.access_log import request_id
from bibier.security.in_flight import Crowded, SharedThreads
from bibier.security.responses import header
from bibier.security.session import visitor
from bibier.ui.analyse.deletion import Deletion
from bibier.ui.client import ClientContext, read_context
from bibier.ui.components import request_under
from bibier.ui.gradio_import import gradio as gr
from bibier.ui.results.handlers import ResultHandlers

Act = Callable[[Mapping[str, object], ClientContext, Scope], Mapping[str, object]]
THREADS = 16  # that wait for their turn on the device, as many as may wait there; fewer would let some hold up all
WRITERS = 4  # threads that write exports
LOOK = 0.5  # s between two looks whether somebody still waits for the answer


def answering(
    name: str, act: Act, threads: SharedThreads, deletion: Deletion
) -> Callable[..., Awaitable[Mapping[str, object]]]:
    """Make a call of the page's out of an act, done in one of the `threads`; errors become sentences, and so does that
    the visitor's recordings were deleted meanwhile.

    What stands in the queue under the request's id is stopped when nobody waits for the answer any more.
    """

    def work(sent: object, scope: Scope) -> Mapping[str, object]:
        first = sent[0] if isinstance(sent, list) and sent else sent
        values = first if isinstance(first, dict) else {}
        context = read_context(values.get("view"), header(scope, "cookie"), header(scope, "accept-language"))
        owner = visitor(scope).owner
        context = replace(context, owner=owner, tab=context.token, request=request_id(scope))
        with deletion.working(owner[0]) as deleted:
            answer = told(values, context, scope)
            return (
                {"error": in_every_language(partial(say, "erased_running")), "passing": False} if deleted() else answer
            )

    def told(values: Mapping[str, object], context: ClientContext, scope: Scope) -> Mapping[str, object]:
        try:
            return act(values, context, scope)
        except InputError as error:
            return {"error": in_every_language(error.text), "passing": error.key in BUSY}
        except Cancelled:
            return {"error": in_every_language(lambda _: ""), "passing": False}  # nobody reads it

    async def answer(sent: object, request: gr.Request) -> Mapping[str, object]:
        here, asked = contextvars.copy_context(), request_under(request)
        party = visitor(asked.scope).party
        result = asyncio.ensure_future(threads.run(party, lambda: here.run(work, sent, asked.scope)))
        while not (await asyncio.wait((result,), timeout=LOOK))[0]:
            if await asked.is_disconnected():
                deletion.analysing.services.queue.stop(request_id(asked.scope) or "")
        try:
            return await result
        except Crowded:
            return {"error": in_every_language(Message("annotate-many-wait").text), "passing": True}

    answer.__name__ = name
    return answer


def build(deletion: Deletion) -> gr.HTML:
    """Lay the part out where the column is open, for what `deletion` deletes. The template is constant: Gradio would
    run what is put into it.
    """
    handlers = ResultHandlers(deletion.analysing, deletion.long)

    def export(values: Mapping[str, object], context: ClientContext, scope: Scope) -> Mapping[str, object]:
        return handlers.export(values.get("format"), context)

    def judge(values: Mapping[str, object], context: ClientContext, scope: Scope) -> Mapping[str, object]:
        guest, path = visitor(scope), values.get("path")
        if not isinstance(path, str) or not guest.ownership.owns(guest.session, path):
            raise InputError("guard-file")
        return handlers.judge(path, values.get("name"), context)

    def contour(values: Mapping[str, object], context: ClientContext, scope: Scope) -> Mapping[str, object]:
        guest, path = visitor(scope), values.get("path")
        if not isinstance(path, str) or not guest.ownership.may_read(guest.session, path):
            raise InputError("guard-file")
        return handlers.contour(path, context)

    writing = SharedThreads(WRITERS, WRITERS // 2, "exports")
    judging = SharedThreads(THREADS, THREADS // 2, "several")
    return gr.HTML(
        html_template='<div class="outlets"></div>',
        js_on_load='bibier.createOutlets(element.querySelector(".outlets"), server);',
        apply_default_css=False,
        elem_id="outlets",
        server_functions=[
            answering("export", export, writing, deletion),
            answering("judge", judge, judging, deletion),
            answering("contour", contour, judging, deletion),
        ],
    )
