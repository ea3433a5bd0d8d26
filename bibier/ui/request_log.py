"""How an inference of the page ended, for the log."""

from __future__ import annotations

import logging
import time

from bibier.errors import InputError
from bibier.inference.queue import BUSY
from bibier.log import note, told


class RequestLog:
    """Notes how an inference ended, once.

    Parameters
    ----------
    event
        What it is called in the log.
    request
        The request's id.
    """

    def __init__(self, event: str, request: str | None):
        self.event, self.request, self.began = event, request, time.perf_counter()
        self.stage, self.waited, self.written = "queue", 0.0, False

    def __call__(self, outcome: str, *, level: int = logging.INFO, **facts: object) -> None:
        """Write the line; an earlier one stands."""
        if self.written:
            return
        self.written = True
        note(
            self.event,
            level=level,
            request=self.request,
            outcome=outcome,
            ms=round(1000 * (time.perf_counter() - self.began)),
            waited_ms=round(1000 * self.waited),
            stage=self.stage,
            **facts,
        )

    def refused(self, error: InputError) -> None:
        """Write that the request was refused, for the reason that was said."""
        self("busy" if error.key in BUSY else "refused", reason=error.key)

    def failed(self, error: BaseException) -> None:
        """Write where it broke."""
        self("failed", level=logging.ERROR, **told(error))

    def turn(self) -> None:
        """The queue is behind it."""
        self.waited, self.stage = time.perf_counter() - self.began, "start"
