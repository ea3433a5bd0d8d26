"""Gradio's components and events as the tabs use them, with types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, TypedDict, Unpack

from bibier.security.access_log import request_id
from bibier.security.session import visitor
from bibier.ui.client import ClientContext, read_context
from bibier.ui.gradio_import import Block, BlockContext, Component, Dependency
from bibier.ui.gradio_import import gradio as gr

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Scope


Part = Component | BlockContext  # of the page
Changes = dict[Block, object]  # what Gradio takes for an answer: new values by component
Listener = Callable[..., Dependency]  # what an event of a component is: called with a handler, it is wired


class EventOptions(TypedDict, total=False):
    """Options of an event that differ between those of a tab."""

    queue: bool
    trigger_mode: Literal["always_last"]
    concurrency_id: str
    concurrency_limit: int | None


class Unshown(TypedDict):
    """Options of an event of the page's own: programs don't see it, and Gradio shows no progress of its own."""

    show_progress: Literal["hidden"]
    api_visibility: Literal["private"]


HIDDEN: Unshown = {"show_progress": "hidden", "api_visibility": "private"}


class SlotOptions(TypedDict, total=False):
    """Options of a slot."""

    elem_id: str
    elem_classes: str


def slot(name: str, value: object = None, *, js: str = "", **options: Unpack[SlotOptions]) -> gr.HTML:
    """Make a part of the page that page.js fills. The template is constant: Gradio would run what is put into it."""
    return gr.HTML(
        value=value,  # pyright: ignore[reportArgumentType]  # any JSON: the part's own script draws it
        html_template='<div class="slot"></div>',
        js_on_load=f'bibier.mount("{name}", element, props, watch);{js}',
        apply_default_css=False,
        **options,
    )


def event_of(part: Block, name: str) -> Listener:
    """Return an event of a component by its name; Gradio makes those of a slot from the words in its script."""
    return getattr(part, name)


def request_under(request: gr.Request | Request) -> Request:
    """Return Starlette's request under one of Gradio's; a server function gets it, whatever it declares."""
    if isinstance(request, gr.Request):
        assert request.request is not None, "not a request over HTTP"
        return request.request
    return request


def scope_of(request: gr.Request | Request) -> Scope:
    """Return the ASGI scope under a request."""
    return request_under(request).scope


def context_of(raw: str | None, request: gr.Request | None) -> ClientContext:
    """Read what the browser says of itself from an event, or its language from the request's headers."""
    if request is None:
        return read_context(raw)
    headers = request.headers
    context = read_context(raw, headers.get("cookie", ""), headers.get("accept-language", ""))
    scope = scope_of(request)
    guest = visitor(scope)
    return replace(
        context,
        tab=request.session_hash or "",
        request=request_id(scope),
        owner=guest.owner,
        operator=guest.operator,
    )
