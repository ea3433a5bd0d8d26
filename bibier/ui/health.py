"""The health page: whether the server does all that it should, for whoever watches over it and for the curious.

It says nothing of anybody: threads by their names, the models' state, how many wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from bibier.periodic import PeriodicTask
from bibier.security.routes import HEALTH
from bibier.ui.services import Services


class Health:
    """ASGI middleware: answers /bibier/health with JSON, 200 when all is well and 503 when something is not.

    Parameters
    ----------
    services
        What the page is built on: the models and their queue.
    tasks
        What runs in the background.
    """

    def __init__(self, app: ASGIApp, *, services: Services, tasks: Sequence[PeriodicTask]):
        self.app, self.services, self.tasks = app, services, tasks

    def report(self) -> dict[str, object]:
        """Return what the page says."""
        reader, queue = self.services.reader, self.services.queue
        broken = reader.done() and reader.exception() is not None
        states = {task.name: task.state() for task in self.tasks}
        return {
            "ok": not broken and all(state.ok for state in states.values()),
            "models": "failed" if broken else "ready" if reader.done() else "loading",
            "running": queue.running is not None,
            "waiting": len(queue.waiting),
            "tasks": {name: asdict(state) for name, state in states.items()},
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != HEALTH:
            await self.app(scope, receive, send)
            return
        report = self.report()
        answer = JSONResponse(report, 200 if report["ok"] else 503, {"cache-control": "no-store"})
        await answer(scope, receive, send)
