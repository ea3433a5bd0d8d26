"""What breaks is told by its kind and place: no traceback, no word of the visitor, and a sentence to them."""

from __future__ import annotations

import io
import json
import logging

import pytest
from asgi import in_own_loop, scope_of
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.routing import Route

from bibier import log
from bibier.security.access_log import AccessLog
from bibier.ui import gradio_faults
from bibier.ui.gradio_import import gradio as gr
from bibier.ui.gradio_import import queueing

SECRET = "what I said to nobody"


@pytest.fixture
def lines():
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    log.LOG.addHandler(handler)
    log.LOG.setLevel(logging.DEBUG)
    yield lambda: [json.loads(line) for line in out.getvalue().splitlines()]
    log.LOG.removeHandler(handler)
    log.LOG.setLevel(logging.NOTSET)


def test_gradio_s_tracebacks_say_nothing_of_what_was_said(lines, capsys, monkeypatch):
    monkeypatch.setattr(queueing, "traceback", gradio_faults.QuietTraceback())
    try:
        raise KeyError(SECRET)
    except KeyError:
        queueing.traceback.print_exc()
    (line,) = lines()
    assert (line["event"], line["error"]) == ("fault", "KeyError") and "test_faults_told.py" in line["where"][-1]
    assert SECRET not in json.dumps(line) and SECRET not in capsys.readouterr().err


def test_a_value_that_the_page_does_not_offer_is_no_fault(lines):
    """Of a Dropdown, Gradio refuses what is not among its choices by an error of its own, and printed a traceback."""
    with pytest.raises(gr.Error) as refused:
        gr.Dropdown(["none", "pocketsphinx"]).preprocess("whisper-huge")
    try:
        raise refused.value
    except gr.Error:
        gradio_faults.QuietTraceback().print_exc()
    assert lines() == []


def test_uvicorn_s_tracebacks_say_nothing_either(lines):
    shown = gradio_faults.NoErrorTexts()
    try:
        raise ValueError(SECRET)
    except ValueError as error:
        record = logging.LogRecord("uvicorn.error", 40, "x", 1, "Exception", (), (ValueError, error, None))
    assert not shown.filter(record) and lines()[-1]["error"] == "ValueError"
    assert shown.filter(logging.LogRecord("uvicorn.error", 20, "x", 1, "started", (), None))


@pytest.mark.parametrize("language, words", [("en", "Something went wrong"), ("ru", "Что-то пошло не так")])
def test_a_visitor_gets_a_sentence_and_the_number_of_the_request(lines, language, words):
    def broken(request):
        raise RuntimeError(SECRET)

    app = Starlette(
        routes=[Route("/gradio_api/info", broken)],
        middleware=[Middleware(AccessLog)],
        exception_handlers={Exception: gradio_faults.answer},
    )
    answers = []

    async def send(message):
        answers.append(message)

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    with pytest.raises(RuntimeError):  # Starlette's outermost passes it on for uvicorn to write
        in_own_loop(app(scope_of("/gradio_api/info", headers=[("accept-language", language)]), receive, send))
    detail = json.loads(answers[-1]["body"])["detail"]
    assert answers[0]["status"] == 500 and detail.startswith(words) and SECRET not in detail
    assert lines()[0]["request"] in detail


def test_who_leaves_in_the_middle_of_an_upload_is_no_fault(lines):
    async def taken(request):
        await request.body()

    app = Starlette(
        routes=[Route("/gradio_api/upload", taken, methods=["POST"])],
        middleware=[Middleware(AccessLog)],
        exception_handlers={Exception: gradio_faults.answer, ClientDisconnect: gradio_faults.gone},
    )

    async def send(message):
        pass

    async def receive():
        return {"type": "http.disconnect"}

    in_own_loop(app(scope_of("/gradio_api/upload", method="POST"), receive, send))
    assert [(line["status"], line["outcome"]) for line in lines()] == [(gradio_faults.GONE, "refused")]
