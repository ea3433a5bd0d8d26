"""/bibier/live: sound goes in by blocks, each a request; its answer is what there is to say.

A request that failed on the way is sent again: a block says at which sample it begins, and what was heard is not heard
twice. So nothing is lost, and a visitor who is too fast, or a server that is too slow, is known by a late answer.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import numpy as np
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as ASGIMessage

from bibier.errors import InputError, LoadError
from bibier.log import note, told
from bibier.parsing import read_json
from bibier.security.access_log import request_id
from bibier.security.request_bodies import RequestBodies, RequestRefused
from bibier.security.responses import LIVE, refusal
from bibier.security.responses import language as language_of
from bibier.security.session import visitor
from bibier.ui.client import LONGEST
from bibier.ui.inference import broken
from bibier.ui.live.service import LiveService, as_json

if TYPE_CHECKING:  # it brings torch
    from bibier.inference.live import LiveView

PATIENCE = 10.0  # s for which the answer to an end waits for the last utterances
LOOK = 0.1  # s between two looks whether they are judged
STATUS = {"live-gone": 404, "live-gap": 409, "live-long": 413}
STATUS |= dict.fromkeys(("live-share", "live-share-together", "live-fast", "live-busy"), 429)
UNABLE = ("live-full", "live-gpu", "model-memory", "model-failed")
NO_STORE = {"cache-control": "no-store"}


class LiveRoute:
    """ASGI middleware: the address of live sessions.

    Parameters
    ----------
    service
        Opens and finds the sessions.
    """

    def __init__(self, app: ASGIApp, *, service: LiveService):
        self.app, self.service, self.bodies = app, service, RequestBodies()
        self.hearing: set[str] = set()  # sessions of which a block is on its way

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not (scope["path"] == LIVE or scope["path"].startswith(f"{LIVE}/")):
            await self.app(scope, receive, send)
            return
        try:
            response = await self.answer(scope, receive)
        except RequestRefused as refused:
            response = refusal(scope, refused.status, refused.message, refused.headers)
        except InputError as error:
            status = 503 if error.key in UNABLE else STATUS.get(error.key, 400)
            headers = {"retry-after": str(error.message.values.get("seconds", 1))} if status in (429, 503) else {}
            if error.key == "live-gap":
                response = JSONResponse(
                    {"detail": error.text(language_of(scope)), "heard": error.message.values["heard"]}, status, NO_STORE
                )
            else:
                response = refusal(scope, status, error.message, headers)
        except LoadError as error:
            response = JSONResponse({"detail": str(error)}, 503, NO_STORE)
        except (MemoryError, RuntimeError) as error:
            note("live", level=logging.ERROR, request=request_id(scope), outcome="failed", **told(error))
            response = refusal(scope, 503, broken(error).message)
        await response(scope, receive, send)

    async def answer(self, scope: Scope, receive: Receive) -> Response:
        """Answer a request. Raises what `__call__` makes a refusal of."""
        guest = visitor(scope)
        _, _, rest = scope["path"].removeprefix(LIVE).partition("/")
        name, _, act = rest.partition("/")
        if not name:
            async with self.bodies.read(scope, receive) as body:
                return await self.open(scope, body)
        sessions, session = self.service.find(name, guest.session)
        numbers = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        at, seen = (number(numbers.get(key, ["0"])[0]) for key in ("at", "seen"))
        if act == "leave":
            sessions.close(session)
            return JSONResponse({"heard": session.heard}, headers=NO_STORE)
        if name in self.hearing:
            raise InputError("live-busy", seconds=1)
        self.hearing.add(name)
        try:
            if act == "end":
                await asyncio.shield(asyncio.wrap_future(sessions.end(session)))
                left = PATIENCE
                while (view := session.view(seen)).waiting and not session.closed and left > 0:
                    await asyncio.sleep(LOOK)
                    left -= LOOK
                    self.service.find(name, guest.session)
            else:
                alive = noting(receive, lambda: self.service.find(name, guest.session))
                async with self.bodies.read(scope, alive) as body:
                    block = samples(body, session.rate)
                    new = len(block) - max(0, session.heard - at)
                    seconds = max(0, new) / session.rate
                    if pause := sessions.pause(session, seconds):
                        raise InputError("live-fast", seconds=math.ceil(pause))
                    view = await asyncio.shield(asyncio.wrap_future(sessions.hear(session, at, block, seen)))
        finally:
            self.hearing.discard(name)
        if not view.results:  # bars alone, as nearly always: too little for a thread, which on a busy computer waits
            return respond(view, language_of(scope))
        response = self.service.answers.submit(respond, view, language_of(scope))
        return await asyncio.wrap_future(response)

    async def open(self, scope: Scope, body: bytes) -> Response:
        """Begin a session as the JSON of the body says. Raises as `answer` does."""
        try:
            wanted = read_json(body or b"{}")
        except ValueError:
            raise RequestRefused(400, "guard-body") from None
        if not isinstance(wanted, dict):
            raise RequestRefused(400, "guard-body")
        rate, recogniser, checkpoint = (wanted.get(key) for key in ("rate", "recogniser", "checkpoint"))
        if type(rate) is not int or not all(
            text is None or (isinstance(text, str) and len(text) <= LONGEST) for text in (recogniser, checkpoint)
        ):
            raise RequestRefused(400, "guard-values")
        language, owner = language_of(scope), visitor(scope).owner
        future = self.service.open(rate, recogniser, checkpoint or "", language, owner)
        opened = await asyncio.shield(asyncio.wrap_future(future))
        choice = opened.choice
        facts = {"session": opened.session.name, "rate": rate, "recogniser": choice.name, "rough": choice.rough}
        return JSONResponse(facts, 201, NO_STORE)


def respond(view: LiveView, language: str) -> Response:
    """Write a view: its utterances in a thread, since whoever asks may ask for many again and again."""
    return JSONResponse(as_json(view, language), headers=NO_STORE)


def noting(receive: Receive, alive: Callable[[], object]) -> Receive:
    """Pass a body on, and note each part of it as a sign of life."""

    async def noted() -> ASGIMessage:
        message = await receive()
        alive()
        return message

    return noted


def number(text: str) -> int:
    """Read a count. Raises RequestRefused for anything else."""
    if not (text.isascii() and text.isdecimal() and len(text) < 12):
        raise RequestRefused(400, "guard-values")
    return int(text)


def samples(body: bytes, rate: int) -> np.ndarray:
    """Read 16-bit samples (n,), low byte first. Raises InputError for half a sample, and for too many."""
    from bibier.inference.live import LONGEST_BLOCK

    if len(body) % 2 or len(body) > 2 * LONGEST_BLOCK * rate:
        raise InputError("live-block", seconds=round(LONGEST_BLOCK))
    return np.frombuffer(body, "<i2")
