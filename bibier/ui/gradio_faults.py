"""Faults inside of Gradio and of what it calls: told in the log by their kind and place, never in a visitor's words.

Gradio prints a traceback with the error's text for each, and uvicorn another. An error's text may hold what somebody
has said, a file's name or a password.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from html import escape

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from bibier.errors import InputError
from bibier.files import FULL, refused_by_system
from bibier.i18n.messages import Message
from bibier.log import note, told
from bibier.security.access_log import request_id
from bibier.security.responses import language, refusal
from bibier.ui.gradio_import import gradio as gr
from bibier.ui.gradio_import import gradio_utils, queueing, route_utils, routes

GONE = 499  # the client closed the request: as nginx counts it


class QuietTraceback:
    """Stands in for the module `traceback` inside of Gradio."""

    def __getattr__(self, name: str) -> object:
        return getattr(traceback, name)

    def print_exc(self, *_: object, **__: object) -> None:
        """Write a line of the log about the error that is being handled; a sentence for the visitor is no fault."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, gr.Error):
            note("fault", level=logging.ERROR, outcome="failed", **told(error))


def told_as(error: Exception, scope: Scope | None) -> gr.Error:
    """Return what a visitor is told of an error that ended a function of the page, in their language.

    A sentence for people is shown, a full disk too; of anything else they get the id by which the log tells more, and
    the page has a sentence of its own.
    """
    message = error.message if isinstance(error, InputError) else None
    if message is None:
        note("fault", level=logging.ERROR, outcome="failed", **told(error))
        if isinstance(error, OSError) and error.errno in FULL:
            message = refused_by_system(error).message
    spoken = "en" if scope is None else language(scope)
    if message is None:
        number = scope and request_id(scope)
        sentence = Message("guard-broken", {"request": number or "?"}).text(spoken)
        return gr.Error(sentence, print_exception=False, visible=False)
    return gr.Error(escape(message.text(spoken), quote=False), print_exception=False)  # Gradio shows it as HTML


class NoErrorTexts(logging.Filter):
    """Of what uvicorn logs: a line about an error instead of its traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether uvicorn is to write it itself."""
        error = record.exc_info[1] if record.exc_info else None
        if error is None:
            return True
        note("fault", level=logging.ERROR, outcome="failed", **told(error))
        return False


async def answer(request: Request, error: Exception) -> Response:
    """Answer a request in which something broke: a sentence, and the id by which the log tells where."""
    del error  # its text stays here
    sentence = Message("guard-broken", {"request": request_id(request.scope) or "?"})
    return refusal(request.scope, 500, sentence)


async def gone(_request: Request, _error: Exception) -> Response:
    """Close a request whose sender has left in the middle of it, which is no fault: nobody reads the answer."""
    return Response(status_code=GONE)


def thread_ended(ended: threading.ExceptHookArgs) -> None:
    """Tell of a thread that an error has ended."""
    if ended.exc_value is not None:
        note("fault", level=logging.ERROR, outcome="failed", **told(ended.exc_value))


def quiet_faults() -> None:
    """Have Gradio, uvicorn and threads tell faults in this way."""
    threading.excepthook = thread_ended
    for module in (queueing, routes, route_utils, gradio_utils):
        vars(module)["traceback"] = QuietTraceback()
    logger = logging.getLogger("uvicorn.error")
    if not any(isinstance(known, NoErrorTexts) for known in logger.filters):
        logger.addFilter(NoErrorTexts())
