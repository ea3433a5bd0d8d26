"""Exports read back: events and clips into a store, labels of a long table too, and tables as they were."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bibier import csv_reader
from bibier.annotation.events import SHA256, Event, check_distribution
from bibier.annotation.exports import LONG
from bibier.annotation.state import AnnotationState, ProjectClip
from bibier.annotation.store import Store
from bibier.csv_safety import plain
from bibier.errors import InputError
from bibier.i18n.messages import Message
from bibier.labels import EMOTIONS


def read_events(path: Path) -> tuple[list[ProjectClip], list[Event]]:
    """Read an export of events. Raises InputError that names the line."""
    clips, events = [], []
    for number, line in enumerate(_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
            if isinstance(value, dict) and set(value) == {"clip"}:
                clips.append(_clip(value["clip"]))
            else:
                events.append(Event.from_json(value if isinstance(value, dict) else line))
        except (ValueError, TypeError, RecursionError) as error:
            raise InputError("import-line", file=path.name, line=number, reason=str(error)[:200]) from error
    return clips, events


def add_events(store: Store, project: str, path: Path) -> tuple[int, int]:
    """Add an export's clips and events to a project; returns how many events are new, and how many were there.

    The file is checked whole before anything is written. An event that is there already changes nothing; another one
    under its id is an InputError, and so is an event of a clip that neither the file nor the project has, and an undo
    or redo out of turn.
    """
    return _add(store, project, *read_events(path))


def add_long(store: Store, project: str, path: Path) -> tuple[int, int]:
    """Add a long CSV's clips and labels to a project; returns and raises what `add_events` does."""
    clips: dict[str, ProjectClip] = {}
    events = []
    for number, row in enumerate(read_long(path), start=2):
        facts = {name: row[name] for name in ("sha256", "path", "text", "language")} | {"label": row["corpus_label"]}
        label = {name: row[name] for name in ("probs", "before", "confidence", "note", "seen", "seconds")}
        try:
            clips.setdefault(row["sha256"], _clip(facts))
            events.append(Event(row["event"], project, row["sha256"], row["annotator"], "label", **label).check())
        except (ValueError, TypeError) as error:
            raise InputError("import-line", file=path.name, line=number, reason=str(error)[:200]) from error
    return _add(store, project, list(clips.values()), events)


def is_long(path: Path) -> bool:
    """Tell a long CSV from a list of recordings, by its header."""
    try:
        return set(LONG) <= set(csv_reader.read_table(path, LONG).columns)
    except InputError:
        return False


def _add(store: Store, project: str, clips: list[ProjectClip], events: list[Event]) -> tuple[int, int]:
    known = {clip.sha256 for clip in store.clips(project)} if project in store.projects() else set()
    strange = {event.clip for event in events} - known - {clip.sha256 for clip in clips}
    if strange:
        raise InputError("store-no-clip", project=project, clip=min(strange)[:12])
    fresh = list({clip.sha256: clip for clip in clips if clip.sha256 not in known}.values())  # others keep their place
    events = [replace(event, project=project) for event in events]
    _rehearse(store, project, fresh, events)
    store.add_clips(project, fresh)
    new = sum(store.append(event) for event in events)
    return new, len(events) - new


def _rehearse(store: Store, project: str, clips: list[ProjectClip], events: list[Event]) -> None:
    """Raise what appending the events would raise, before one of them is written."""
    known = {event.uuid: event for name in store.projects() for _, event in store.events(name)}
    state = AnnotationState()
    for clip in [*(store.clips(project) if project in store.projects() else []), *clips]:
        state.add(clip)
    for event in known.values():
        if event.project == project:
            state.apply(event)
    for event in events:
        if (same := known.get(event.uuid)) is not None:
            if replace(event, time=event.time or same.time) != same:
                raise InputError("event-other", uuid=event.uuid)
            continue
        if not state.is_next_undo(event):
            raise InputError("event-target", kind=event.kind, uuid=event.target)
        state.apply(event)
        known[event.uuid] = event


def _clip(facts: dict[str, Any]) -> ProjectClip:
    """Return a clip of sound fields. Raises TypeError or ValueError."""
    clip = ProjectClip(**facts)
    texts = (clip.sha256, clip.path, clip.text, clip.language)
    if not all(isinstance(text, str) and "\0" not in text for text in texts) or not SHA256.fullmatch(clip.sha256):
        raise ValueError(f"clip {str(clip.sha256)[:80]}")
    if clip.label is not None and clip.label not in EMOTIONS:
        raise ValueError(f"label {str(clip.label)[:80]}")
    if isinstance(clip.duration, bool) or not 0 <= clip.duration < math.inf or not isinstance(clip.extra, dict):
        raise ValueError(f"duration {str(clip.duration)[:80]}, extra {str(clip.extra)[:80]}")
    if clip.soft is not None:
        check_distribution("soft", clip.soft)
    return clip


def read_table(path: Path, names: Sequence[str] = ()) -> list[dict[str, str]]:
    """Read a CSV export: rows by column, the texts as they were given. Raises InputError when it is none."""
    try:
        table = csv_reader.read_table(path, names)
    except InputError as error:
        line = error.message.values.get("row", 0)
        raise InputError("import-line", file=path.name, line=line, reason=error) from error
    return [{plain(name): plain(cell) for name, cell in row.cells.items()} for row in table.rows]


def read_long(path: Path) -> list[dict[str, Any]]:
    """Read a long CSV: numbers as numbers, `probs` and `before` by emotion. Raises InputError that names the line."""
    rows = read_table(path, LONG)
    if rows and (missing := [name for name in LONG if name not in rows[0]]):
        raise InputError("import-line", file=path.name, line=1, reason=Message("import-column", {"column": missing[0]}))
    values = []
    for number, row in enumerate(rows, start=2):
        try:
            values.append(_long(row))
        except (ValueError, TypeError, RecursionError) as error:
            raise InputError("import-line", file=path.name, line=number, reason=str(error)[:200]) from error
    return values


def _long(row: dict[str, str]) -> dict[str, Any]:
    before = {name: row[f"before_{name}"] for name in EMOTIONS}
    return (
        {name: row[name] for name in ("sha256", "path", "text", "language", "annotator", "note", "event")}
        | {"corpus_label": row["corpus_label"] or None, "seen": tuple(json.loads(row["seen"]))}
        | {"probs": {name: float(row[name]) for name in EMOTIONS}}
        | {"before": {name: float(v) for name, v in before.items()} if any(before.values()) else None}
        | {"confidence": float(row["confidence"]) if row["confidence"] else None, "seconds": float(row["seconds"])}
    )


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("import-line", file=path.name, line=0, reason=str(error)[:200]) from error
