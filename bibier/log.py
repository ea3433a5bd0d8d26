"""What the app does, as one JSON line per event on stderr: its name, its request's id, how long it took, how it ended.

A line holds nothing of a person by construction: only the keys of `FACTS` are written, and none of them takes a name,
an address, a file's name or words. Of an error its kind and the places in the code are written, not its text.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from pathlib import Path

from bibier.errors import InputError

LEVELS = ("debug", "info", "warning", "error", "off")
FACTS = {  # name → type
    "request": str,  # the id of the HTTP request that caused it
    "outcome": str,  # ok, refused, busy, cancelled, failed
    "ms": int,  # how long it took
    "waited_ms": int,  # of that in the queue
    "stage": str,  # of an analysis in which it ended
    "method": str,
    "route": str,  # an address without what is personal in it
    "status": int,
    "function": str,  # of the page, by its name in the code
    "reason": str,  # key of the sentence that was said
    "error": str,  # kind of an exception
    "where": list,  # file:line function, innermost last
    "task": str,  # of the background, by its name in the code
    "files": int,
    "kept": int,
}
DEEPEST = 12  # places of an error
LOG = logging.getLogger("bibier.log")
LOG.addHandler(logging.NullHandler())  # nothing is written unless a program asks: not in commands, not in tests
LOG.propagate = False


def begin(level: str) -> None:
    """Write from now on what is at least of this level. Raises InputError for a level that isn't there."""
    if level not in LEVELS:
        raise InputError("log-level", level=level, known=", ".join(LEVELS))
    LOG.handlers.clear()
    LOG.addHandler(logging.NullHandler() if level == "off" else logging.StreamHandler(sys.stderr))
    LOG.setLevel("CRITICAL" if level == "off" else level.upper())


def note(event: str, *, level: int = logging.INFO, **facts: object) -> None:
    """Write one line: time (UTC), level, event and the facts that are not None."""
    if not LOG.isEnabledFor(level):
        return
    for name, value in facts.items():
        assert value is None or isinstance(value, FACTS[name]), f"{name} of a line of the log is {type(value).__name__}"
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    line = {"time": stamp, "level": logging.getLevelName(level).lower(), "event": event}
    LOG.log(level, "%s", json.dumps(line | {name: value for name, value in facts.items() if value is not None}))


def told(error: BaseException) -> dict[str, object]:
    """Return the kind of an error and the places in the code through which it came."""
    places = traceback.extract_tb(error.__traceback__)[-DEEPEST:]
    return {
        "error": type(error).__name__,
        "where": [f"{Path(one.filename).name}:{one.lineno} {one.name}" for one in places],
    }
