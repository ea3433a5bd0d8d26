"""Rows of the tables ↔ clips and entries, each with a hash that tells whether it is still what was written.

Rows of databases from before there were hashes have none, and are read as they are.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sql

from bibier.annotation.database import clips, events, projects
from bibier.annotation.entries import UNSTAMPED, LogEntry, checksum
from bibier.annotation.events import VERSION, Event
from bibier.annotation.state import ProjectClip
from bibier.errors import InputError, StoreUnavailable
from bibier.parsing import read_json

SHARED = ("project", "clip", "sha256", "annotator", "kind", "source", "fill", "language", "label")
DISTRIBUTIONS = ("probs", "before", "soft")
WHOLE_POINTS = {point / 100: point / 100 for point in range(101)}  # shares that people give, each once in memory
AT_ONCE = 500  # rows that one statement asks for


def read_entries(
    connection: sql.Connection,
    project: str,
    after: int = 0,
    counter: int = 0,
    *,
    skip_damaged: bool = False,
    writer: str = "",
) -> list[LogEntry]:
    """Return a project's entries after a running number, by that number; with `writer`, those of that writer.

    What has no stamp, because an older program wrote it, stands after all that was there then: `counter` is the
    highest before. Raises StoreUnavailable for a damaged row.
    """
    entries = []
    query = sql.select(events).where((events.c.project == project) & (events.c.number > after))
    query = query.where(events.c.writer == writer) if writer else query
    for row in connection.execute(query.order_by(events.c.number)):
        event = _event_of(row)
        if event is not None:
            counter = max(counter, row.counter or 0)
            stamp = (counter, UNSTAMPED) if row.counter is None else (row.counter, row.writer)
            entries.append(LogEntry(event, *stamp, row.number))
        elif not skip_damaged:
            raise _damaged(project, f"events {row.number}")
    return entries


def known_entries(connection: sql.Connection, uuids: Iterable[str]) -> list[LogEntry]:
    """Return the entries with these uuids, of whatever project. A damaged one is left out, and not replaced."""
    entries = []
    for some in _batches(uuids):
        for row in connection.execute(sql.select(events).where(events.c.uuid.in_(some))):
            if (event := _event_of(row)) is not None:
                entries.append(LogEntry(event, row.counter or 0, row.writer or UNSTAMPED, row.number))
    return entries


def bodies(connection: sql.Connection, uuids: Iterable[str]) -> dict[str, str | Event]:
    """Return the JSON of the events with these uuids, of whatever project, by uuid."""
    known: dict[str, str | Event] = {}
    for some in _batches(uuids):
        found = connection.execute(sql.select(events.c.uuid, events.c.body).where(events.c.uuid.in_(some)))
        known |= {row.uuid: row.body for row in found}
    return known


def insert(connection: sql.Connection, project: str, entries: Sequence[LogEntry]) -> int:
    """Add entries to the log; returns the running number of the last."""
    if not entries:
        return 0
    connection.execute(events.insert(), [_row_of(project, entry) for entry in entries])
    last = sql.select(events.c.number).where(events.c.uuid == entries[-1].event.uuid)
    return connection.scalars(last).one()


def update(connection: sql.Connection, project: str, entry: LogEntry) -> None:
    """Put another entry, or the same with another stamp, in the place of the one with its running number."""
    connection.execute(events.update().where(events.c.number == entry.number).values(**_row_of(project, entry)))


def read_clips(
    connection: sql.Connection, project: str, after: int = 0, *, skip_damaged: bool = False
) -> list[tuple[int, ProjectClip]]:
    """Return a project's clips after a running number, with theirs. Raises StoreUnavailable for a damaged row."""
    added = []
    query = sql.select(clips).where((clips.c.project == project) & (clips.c.number > after))
    for row in connection.execute(query.order_by(clips.c.number)):
        clip = _clip_of(row)
        if clip is not None:
            added.append((row.number, clip))
        elif not skip_damaged:
            raise _damaged(project, f"clips {row.number}")
    return added


def insert_clips(connection: sql.Connection, project: str, added: Sequence[ProjectClip]) -> None:
    """Add clips that the project has not, in the place of rows that are damaged."""
    for some in _batches(clip.sha256 for clip in added):
        connection.execute(clips.delete().where((clips.c.project == project) & clips.c.sha256.in_(some)))
    if added:
        connection.execute(clips.insert(), [_clip_row(project, clip) for clip in added])


def update_clip(connection: sql.Connection, project: str, clip: ProjectClip) -> None:
    """Write down what is now known of a clip of the project."""
    known = (clips.c.project == project) & (clips.c.sha256 == clip.sha256)
    connection.execute(clips.update().where(known).values(**_clip_row(project, clip)))


def mark_changed(connection: sql.Connection, project: str) -> None:
    """Have every store read a project anew: something that was known is another."""
    mine = projects.update().where(projects.c.name == project)
    connection.execute(mine.values(moves=projects.c.moves + 1))


def settings_of(project: str, text: str) -> dict[str, Any]:
    """Return a project's own settings. Raises StoreUnavailable when they are damaged."""
    try:
        settings = read_json(text)
    except ValueError:
        settings = None
    if not isinstance(settings, dict):
        raise _damaged(project, "settings")
    return settings


def has_labels(connection: sql.Connection, project: str) -> bool:
    """Whether a person has ever given a distribution in a project, an undone one too."""
    entries = read_entries(connection, project, skip_damaged=True)
    return any(entry.event.annotator and entry.event.probs is not None for entry in entries)


def damaged(connection: sql.Connection) -> list[tuple[str, str]]:
    """Return every row that is no longer what was written, or that no project holds: (project, "events 7")."""
    names = set(connection.scalars(sql.select(projects.c.name)))
    bad = []
    for table, parts, read in ((clips, _clip_parts, _clip_of), (events, _event_parts, _event_of)):
        query = sql.select(table).order_by(table.c.number).execution_options(yield_per=AT_ONCE)
        for row in connection.execute(query):
            sound = read(row) is not None if row.hash is None else row.hash == checksum(*parts(row))
            if row.project not in names or not sound:
                bad.append((str(row.project), f"{table.name} {row.number}"))
    return bad


def _event_parts(row: sql.Row) -> tuple[object, ...]:
    return row.uuid, row.project, row.counter, row.writer, row.body


def _clip_parts(row: sql.Row) -> tuple[object, ...]:
    return row.project, row.sha256, row.body


def _row_of(project: str, entry: LogEntry) -> dict[str, Any]:
    stamp = (None, None) if (entry.counter, entry.writer) == (0, UNSTAMPED) else (entry.counter, entry.writer)
    body = entry.event.to_json()
    row = {"uuid": entry.event.uuid, "project": project, "counter": stamp[0], "writer": stamp[1], "body": body}
    return row | {"hash": checksum(*row.values())}


def _clip_row(project: str, clip: ProjectClip) -> dict[str, Any]:
    row = {"project": project, "sha256": clip.sha256, "body": json.dumps(clip.content(), ensure_ascii=False)}
    return row | {"hash": checksum(*row.values())}


def _event_of(row: sql.Row) -> Event | None:
    """Return a row's event, None for a damaged one. Raises InputError for one of a newer program."""
    if row.hash is not None and row.hash != checksum(*_event_parts(row)):
        return None
    try:
        if row.hash is None:
            event = Event.from_json(row.body)
            return event if (event.uuid, event.project) == (row.uuid, row.project) else None
        content = read_json(row.body)  # as it was checked before it was written
        if content["version"] > VERSION:
            raise InputError("event-newer", version=content["version"], known=VERSION)
        content["seen"] = tuple(content["seen"])
        return Event(**_sharing(content))
    except InputError as error:
        if error.key == "event-newer":
            raise
        return None
    except (ValueError, TypeError, KeyError):
        return None


def _sharing(content: dict[str, Any]) -> dict[str, Any]:
    """Have what was read name things by the texts, and shares by the numbers, that are in memory already: ten thousand
    labels, each with a clip's hash, a person's name, seven emotions and shares of its own, would take 10 MB more.
    """
    for name in SHARED:
        if isinstance(text := content.get(name), str):
            content[name] = sys.intern(text)
    for name in DISTRIBUTIONS:
        if isinstance(by_name := content.get(name), dict):
            content[name] = {
                sys.intern(label): WHOLE_POINTS.get(share, share) if type(share) is float else share
                for label, share in by_name.items()
            }
    return content


def _clip_of(row: sql.Row) -> ProjectClip | None:
    """Return a row's clip, None for a damaged one."""
    if row.hash is not None and row.hash != checksum(*_clip_parts(row)):
        return None
    try:
        clip = ProjectClip(**_sharing(read_json(row.body)))
    except (ValueError, TypeError):
        return None
    return clip if clip.sha256 == row.sha256 else None


def _batches(names: Iterable[str]) -> Iterable[Sequence[str]]:
    unique = list(dict.fromkeys(names))
    return (unique[start : start + AT_ONCE] for start in range(0, len(unique), AT_ONCE))


def _damaged(project: str, row: str) -> StoreUnavailable:
    return StoreUnavailable("store-damaged", project=project, row=row)
