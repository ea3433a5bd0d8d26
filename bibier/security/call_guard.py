"""What a request may touch: its own session's files, tabs and calls, and the functions that are open to it.

Files: an upload belongs to the session that sent it, an answer's file to the session that asked. A call may name only
files of its own session, so that no answer can hand over another's.

Functions: those that Gradio is told are public are open to programs by name; the page's own are not, and by number
only to a session that has come in through the page. Nothing can tell the page from a program that does all that the
page does; what such a program may send is checked where it is used, as is everything that a browser sends.
"""

from __future__ import annotations

import asyncio
import functools
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qs

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as ASGIMessage

from bibier.parsing import read_json
from bibier.security.login_throttle import network
from bibier.security.request_bodies import RequestBodies, RequestRefused, replay, with_length
from bibier.security.responses import API, header, refusal
from bibier.security.session import Visitor, visitor
from bibier.security.workers import in_thread

if TYPE_CHECKING:  # Gradio is imported by the page alone, in its own way
    from gradio.block_function import BlockFunction
    from gradio.blocks import Blocks

AWAY = 5.0  # s for which nobody need hear what a tab has asked for …
SETTLING = 1.0  # … and for a call that has just come, whose events are about to be asked for
FILE = re.compile(rf"{API}file[=/](.+)", re.S)
HALF = re.compile(rb"\\u[dD][89a-fA-F]")  # of a character beyond the first 65,536, as JSON escapes it
RUN = re.compile(rf"{API}(run|api|call|call/v2)/(\w+)/?")
DIRECT = ("run", "api")  # by which a function runs at once
RESULT = re.compile(rf"{API}call/(?:v2/)?\w+/(\w+)")
HEARTBEAT = re.compile(rf"{API}heartbeat/([\w-]+)")
JSON = "application/json"
SHORT = 4_000  # bytes of an answer that are read in the event loop: most hold the call's name alone
EVENTS_OF_ONE, EVENTS_TOGETHER = 24, 96  # in Gradio's queue, of a session and of its party
TEXTS = ("Textbox", "Dropdown")  # parts whose value is a text
OURS = "HTML"  # the one component with functions of ours; those of Gradio's own components are closed


def paths(data: object) -> Iterator[str]:
    """Find the files that a call names or an answer gives, at any depth: {"path": …}."""
    stack = [data]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            if isinstance(value.get("path"), str):
                yield value["path"]
            stack += value.values()
        elif isinstance(value, list):
            stack += value


def public(blocks: Blocks) -> list[str]:
    """Name the functions that are open to programs."""
    return sorted(str(fn.api_name) for fn in blocks.fns.values() if fn.api_visibility == "public" and fn.api_name)


def check_function(guest: Visitor, blocks: Blocks, path: str, body: dict[str, object]) -> BlockFunction:
    """Return the function that the call names. Raises RequestRefused unless the guest may run it.

    Gradio takes the name where one is called by "call", else the number, and without one the name; a number beside the
    name of a call is taken out, so that it can say nothing else.
    """
    match, number = RUN.fullmatch(path), body.get("fn_index")
    by_call = match is not None and match[1].startswith("call")
    if by_call:
        body.pop("fn_index", None)
    if match and (by_call or number is None):
        fn = next((fn for fn in blocks.fns.values() if fn.api_name == match[2]), None)
    else:
        fn = blocks.fns.get(number) if type(number) is int else None
    if fn is None:
        raise RequestRefused(404, "guard-closed")
    if fn.api_visibility != "public" and (not guest.known or by_call):
        raise RequestRefused(404, "guard-private", names=", ".join(f"/{name}" for name in public(blocks)))
    if fn.fn is None:  # what the browser does alone
        raise RequestRefused(404, "guard-closed")
    return fn


def check_values(fn: BlockFunction, body: dict[str, object]) -> None:
    """Raise RequestRefused if the values don't fit the function's parts: Gradio would log them with its traceback."""
    data = body.get("data")
    counts = {len(fn.inputs), sum(not part.skip_api for part in fn.inputs)}
    if not isinstance(data, list) or len(data) not in counts:
        raise RequestRefused(400, "guard-values")
    parts = fn.inputs if len(data) == len(fn.inputs) else [part for part in fn.inputs if not part.skip_api]
    for part, value in zip(parts, data, strict=True):
        if value is None:
            continue
        model = getattr(part, "data_model", None)  # of a component; a block that only lays out has none
        if model is not None:
            try:
                model.model_validate(value)
            except ValidationError:
                raise RequestRefused(400, "guard-values") from None
        elif type(part).__name__ in TEXTS and not isinstance(value, str):
            raise RequestRefused(400, "guard-values")


@functools.lru_cache(maxsize=1)
def described(blocks: Blocks) -> Mapping[str, Any]:
    """Return what Gradio tells programs of the functions that are open to them, by name; it takes 20 ms to find out."""
    return blocks.get_api_info()["named_endpoints"]


def in_order(blocks: Blocks, fn: BlockFunction, body: dict[str, object]) -> dict[str, object]:
    """Return a call by named values as one by values in their order. Raises RequestRefused for names that don't fit."""
    values = {
        parameter["parameter_name"]: parameter["parameter_default"] if parameter["parameter_has_default"] else ...
        for parameter in described(blocks)[f"/{fn.api_name}"]["parameters"]
    }
    given = {name: value for name, value in body.items() if name != "oauth_token"}  # which Gradio leaves out
    if not given.keys() <= values.keys() or ... in (values := values | given).values():
        raise RequestRefused(400, "guard-values")
    return {"data": list(values.values())}


def events(blocks: Blocks) -> list[Any]:
    """Return the calls that wait in Gradio's queue or are being answered."""
    queue = blocks._queue
    waiting = [event for kind in list(queue.event_queue_per_concurrency_id.values()) for event in list(kind.queue)]
    return waiting + [event for job in list(queue.active_jobs) for event in job or ()]


def check_queue(guest: Visitor, blocks: Blocks) -> None:
    """Raise RequestRefused if the session or its party has its share of the events that wait in Gradio's queue."""
    owners = [guest.ownership.owner(event.session_hash or "") for event in events(blocks)]
    session, party = guest.owner
    if sum(owner[0] == session for owner in owners) >= EVENTS_OF_ONE:
        raise RequestRefused(429, "guard-events")
    if sum(owner[1] == party for owner in owners) >= EVENTS_TOGETHER:
        raise RequestRefused(429, "guard-events-together")


def check_component(guest: Visitor, blocks: Blocks, body: dict[str, object]) -> None:
    """Raise RequestRefused unless the call is for a function of our own component, from a session that has the page."""
    number = body.get("component_id")
    block = blocks.blocks.get(number) if type(number) is int else None
    if block is None or type(block).__name__ != OURS or not isinstance(body.get("fn_name"), str):
        raise RequestRefused(404, "guard-closed")
    if not guest.known:
        raise RequestRefused(404, "guard-private", names=", ".join(f"/{name}" for name in public(blocks)))


def check_files(guest: Visitor, data: object) -> None:
    """Raise RequestRefused if a call names a file that is not the session's."""
    for path in paths(data):
        if re.match(r"\s*[a-z][a-z0-9+.-]*://", path, re.I):
            raise RequestRefused(403, "guard-url")
        if not guest.ownership.owns(guest.session, path):
            raise RequestRefused(403, "guard-file")


def check_tab(guest: Visitor, tab: object) -> None:
    """Raise RequestRefused if a tab, a call or an upload by this name is another session's."""
    if tab is None:
        return
    if not isinstance(tab, str) or not 0 < len(tab) <= 200:
        raise RequestRefused(400, "guard-body")
    if not guest.ownership.claim(tab, guest.session):
        raise RequestRefused(403, "guard-session")


class Work(Protocol):
    """Where calls wait and run: the queue of the device."""

    def of(self, tab: str) -> list[Any]:
        """Return what a tab has asked for."""
        ...

    def end(self, tickets: Iterable[Any]) -> None:
        """Stop it."""
        ...


class CallGuard:
    """ASGI middleware, inside `Visitors`: lets through what the asking session may do.

    Parameters
    ----------
    bodies
        Reads the bodies of calls.
    work
        Where calls wait and run.
    """

    def __init__(self, app: ASGIApp, *, bodies: RequestBodies, work: Work | None = None):
        self.app, self.bodies, self.work = app, bodies, work
        self.heard: Counter[str] = Counter()  # streams of events that are open, by tab

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(API):
            await self.app(scope, receive, send)
            return
        try:
            await self.pass_on(scope, receive, send)
        except RequestRefused as refused:
            await refusal(scope, refused.status, refused.message, refused.headers)(scope, receive, send)

    async def pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check a request and let it through. Raises RequestRefused before anything is answered."""
        guest, path = visitor(scope), scope["path"]
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        for name in ("session_hash", "upload_id"):
            for tab in query.get(name, ()):
                check_tab(guest, tab)
        if match := FILE.fullmatch(path):
            if not await in_thread(guest.ownership.may_read, guest.session, match[1]):
                raise RequestRefused(404, "guard-file")
            await self.app(scope, receive, send)
        elif path == f"{API}upload":
            await self.app(scope, receive, AnswerListener(guest, send, "list"))
        elif scope["method"] == "POST":
            async with self.bodies.read(scope, receive) as body:
                await self.call(guest, scope, body, receive, send)
        elif match := HEARTBEAT.fullmatch(path):
            check_tab(guest, match[1])
            await self.connection(guest, scope, receive, send, match[1])
        else:
            if match := RESULT.fullmatch(path):
                check_tab(guest, match[1])
            if path == f"{API}queue/data":
                await self.stream(guest, scope, receive, send, query.get("session_hash", [""])[0])
            elif match:
                await self.connection(guest, scope, receive, AnswerListener(guest, send, "stream"))
            else:
                await self.app(scope, receive, send)

    async def call(self, guest: Visitor, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        """Check a call, and pass on what was read of it: Gradio might read the same bytes in another way."""
        path, call, match = scope["path"], parse(body, scope), None
        check_tab(guest, call.get("session_hash"))
        check_tab(guest, call.get("event_id"))
        blocks, listener = scope["app"].get_blocks(), send
        if path.startswith(f"{API}component_server"):
            check_component(guest, blocks, call)
        elif path == f"{API}queue/join" or (match := RUN.fullmatch(path)):
            fn = check_function(guest, blocks, path, call)
            if match and match[1] in DIRECT and fn.queue:  # else it would run beside the queue, as often as one likes
                raise RequestRefused(404, "guard-queued", name=fn.api_name)
            check_queue(guest, blocks)
            if next(paths(call), None) is not None:  # the disk is looked at
                await in_thread(check_files, guest, call)
            named = match is not None and match[1] == "call/v2"
            check_values(fn, await in_thread(in_order, blocks, fn, call) if named else call)
            listener = AnswerListener(guest, send, "object")
        plain = json.dumps(call).encode()
        await self.app(with_length(scope, plain, JSON), replay(plain, receive), listener)

    async def stream(self, guest: Visitor, scope: Scope, receive: Receive, send: Send, tab: str) -> None:
        """Pass on the events of a tab; where it leaves in the middle, what it has asked for ends soon afterwards."""
        ended = False

        async def watched(message: ASGIMessage) -> None:
            nonlocal ended
            ended = ended or (message["type"] == "http.response.body" and not message.get("more_body"))
            await send(message)

        self.heard[tab] += 1
        try:
            await self.connection(guest, scope, receive, AnswerListener(guest, watched, "stream"))
        finally:
            self.heard[tab] -= 1
            if not self.heard[tab]:
                del self.heard[tab]
            if not ended and self.work is not None:
                asyncio.get_running_loop().call_later(AWAY, self.look, tab, self.work)

    def look(self, tab: str, work: Work) -> None:
        """Look for what a tab has asked for that nobody hears; it ends unless somebody does soon."""
        if tab in self.heard or not (asked := work.of(tab)):
            return
        asyncio.get_running_loop().call_later(SETTLING, lambda: tab in self.heard or work.end(asked))

    async def connection(
        self, guest: Visitor, scope: Scope, receive: Receive, send: Send, tab: str | None = None
    ) -> None:
        """Pass on a request whose answer lasts: the sign of life of an open `tab`, or the events of its calls.

        Raises RequestRefused when the session, its address or all have too many: each holds an open file.
        """
        ownership, address = guest.ownership, network(guest.address)
        if not ownership.connect(guest.session, address, tab):
            raise RequestRefused(429, "guard-connections")
        try:
            await self.app(scope, receive, send)
        except RuntimeError as error:  # Starlette's, about one that Gradio raised in the middle of its answer
            if not isinstance(error.__cause__, HTTPException):
                raise
            # a tab or a call that is not known (any longer): the answer says so already, and this ends it
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            ownership.disconnect(guest.session, address, tab)


def parse(body: bytes, scope: Scope) -> dict[str, object]:
    """Read a call. A form is refused too: another site's page may send one without asking. Raises RequestRefused."""
    if header(scope, "content-type").partition(";")[0].strip().lower() != JSON:
        raise RequestRefused(415, "guard-body")
    try:
        call = read_json(body.decode(), parse_float=finite, parse_constant=finite)
        if HALF.search(body):
            json.dumps(call, ensure_ascii=False).encode()  # half a character has no UTF-8, and no answer could name it
    except ValueError:
        raise RequestRefused(400, "guard-body") from None
    if not isinstance(call, dict):
        raise RequestRefused(400, "guard-body")
    return call


def finite(text: str) -> float:
    """Read a number. Raises ValueError for one that is none, or too large: no answer could name it."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


class AnswerListener:
    """Notes what an answer hands over: the files in it, and the call's name. An answer is listened to, never changed.

    Parameters
    ----------
    guest
        Who asked.
    send
        Passes the answer on.
    kind
        "list" of paths (an upload), "object" (a call's answer) or "stream" of events.
    """

    def __init__(self, guest: Visitor, send: Send, kind: str):
        self.guest, self.send, self.kind, self.rest = guest, send, kind, bytearray()

    async def __call__(self, message: ASGIMessage) -> None:
        if message["type"] == "http.response.body":
            body = message.get("body", b"")
            self.rest += body
            if self.kind == "stream" and b"\n" in body:
                *lines, self.rest = self.rest.split(b"\n")
                for line in lines:
                    if line.startswith(b"data:") and b'"path"' in line:
                        await in_thread(self.note, bytes(line.removeprefix(b"data:")))
            elif self.kind != "stream" and not message.get("more_body"):
                if b'"path"' in self.rest or self.kind == "list" or len(self.rest) > SHORT:  # the disk may be asked
                    await in_thread(self.note, bytes(self.rest))
                else:
                    self.note(bytes(self.rest))
        await self.send(message)

    def note(self, text: bytes) -> None:
        """Grant what a piece of JSON names."""
        try:
            answer = read_json(text)
        except ValueError:
            return  # Gradio's refusal in plain words
        files: Iterable[str]
        if self.kind == "list":
            files = [path for path in answer if isinstance(path, str)] if isinstance(answer, list) else []
        else:
            files = paths(answer)
        if self.kind == "object" and isinstance(answer, dict) and isinstance(answer.get("event_id"), str):
            self.guest.ownership.claim(answer["event_id"], self.guest.session)
        for path in files:
            self.guest.ownership.grant(self.guest.session, path)
