"""Entries of the log: an event with its place in the order of the saves, for the database and for copies of it.

Stores that copy to one dataset don't see each other's saves at once, and their clocks may be wrong. So each entry is
stamped with its writer and a counter that is above all that the writer had seen (a hybrid logical clock: Kulkarni et
al., 2014, "Logical physical clocks"): time pushes the counter forward but never back. Whoever has the same entries has
the same order, in whatever order they came.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bibier.annotation.events import Event
from bibier.errors import InputError

UNSTAMPED = "~"  # the writer of entries from before there were stamps; it sorts after every other
WRITER = re.compile(r"[0-9a-f]{1,32}|~")
DIGITS = 1e-6  # of a share, within which it is the same
HIGHEST = 2**53  # of a counter that is read: what is above can't be counted on exactly everywhere
NAMESPACE = uuid.UUID("0f7c2c1d-6a55-4a58-9d0b-5f8e4f6f0b52")  # of ids that two different acts laid claim to


@dataclass(frozen=True)
class LogEntry:
    """An event, and where it stands in the order of the saves.

    Parameters
    ----------
    counter
        Above that of every entry that its writer had seen; 0 before there were stamps.
    writer
        Who wrote it, as hexadecimal digits, or `UNSTAMPED`.
    number
        Running number in the database, 0 outside; it orders what is unstamped.
    """

    event: Event
    counter: int = 0
    writer: str = UNSTAMPED
    number: int = 0

    @property
    def order(self) -> tuple[int, str, int, str]:
        """What entries are sorted by: the same in every store for what is stamped."""
        return self.counter, self.writer, self.number if self.writer == UNSTAMPED else 0, self.event.uuid

    def to_json(self) -> str:
        """Return one line of JSON, which `from_json` reads."""
        content = {"event": self.event.content(), "counter": self.counter, "writer": self.writer}
        return json.dumps(content, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> LogEntry:
        """Read an entry, or an event alone, which is unstamped. Raises InputError."""
        if set(content) != {"event", "counter", "writer"}:
            return cls(Event.from_json(content))
        counter, writer = content["counter"], content["writer"]
        if type(counter) is not int or not 0 <= counter < HIGHEST:
            raise InputError("event-wrong", field="counter", value=str(counter)[:80], expected=f"0 … {HIGHEST}")
        if not isinstance(writer, str) or not WRITER.fullmatch(writer):
            raise InputError("event-wrong", field="writer", value=str(writer)[:80], expected="0–9 a–f")
        return cls(Event.from_json(content["event"]), counter, writer)


def checksum(*parts: object) -> str:
    """Return 32 hexadecimal digits that tell whether a row of the database is still what was written."""
    return hashlib.sha256("\n".join(map(str, parts)).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def is_same_act(event: Event, other: Event) -> bool:
    """Whether one act was saved twice, as by a page that got no answer: only what the server added may differ."""
    plain = {"time": "", "seconds": 0.0, "seen": (), "before": None}
    return replace(event, **plain) == replace(other, **plain)


def is_retold(event: Event, other: Event) -> bool:
    """Whether one act is told twice, perhaps by a table, which knows less of it: not when, nor what was seen before or
    filled up, and shares not to their last digit.
    """
    plain: dict[str, Any] = {"time": "", "seconds": 0.0, "seen": (), "before": None, "probs": None}
    plain |= {"fill": "", "rest": 0.0, "version": 1}
    if replace(event, **plain) != replace(other, **plain):
        return False
    first, second = event.probs or {}, other.probs or {}
    return first.keys() == second.keys() and all(abs(first[name] - second[name]) < DIGITS for name in first)


def reconcile(entries: Iterable[LogEntry]) -> list[LogEntry]:
    """Return each act once, in the order of the saves, whatever the order in which the entries came.

    Of one act under several stamps the first stands. Of different acts under one id the first keeps it, and the others
    get ids that follow from what they are, so that every store gives them the same.
    """
    by_uuid: dict[str, LogEntry] = {}
    for entry in sorted(entries, key=lambda entry: (entry.writer == UNSTAMPED, entry.order)):
        event = entry.event
        first = by_uuid.setdefault(event.uuid, entry).event
        if first is not event and not is_same_act(first, event):
            other = renamed(entry)
            by_uuid.setdefault(other.event.uuid, other)
    return sorted(by_uuid.values(), key=lambda entry: entry.order)


def renamed(entry: LogEntry) -> LogEntry:
    """Return an entry under an id that follows from what it is."""
    content = replace(entry.event, time="").to_json()
    return replace(entry, event=replace(entry.event, uuid=str(uuid.uuid5(NAMESPACE, content))))
