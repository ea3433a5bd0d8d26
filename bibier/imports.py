"""Exports read back: events and clips into a store, and tables as they were."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

from bibier.cells import plain
from bibier.events import Event
from bibier.exports import LONG
from bibier.labels import EMOTIONS
from bibier.messages import InputError
from bibier.standing import Clip
from bibier.store import Store


def read_events(path: Path) -> tuple[list[Clip], list[Event]]:
    """Read an export of events. Raises InputError that names the line."""
    clips, events = [], []
    for number, line in enumerate(_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
            if isinstance(found, dict) and set(found) == {"clip"}:
                clips.append(Clip(**found["clip"]))
            else:
                events.append(Event.from_json(found if isinstance(found, dict) else line))
        except (ValueError, TypeError, RecursionError) as error:
            raise InputError("import-line", file=path.name, line=number, reason=str(error)[:200]) from error
    return clips, events


def add_events(store: Store, project: str, path: Path) -> tuple[int, int]:
    """Add an export's clips and events to a project; returns how many events are new, and how many were there.

    The file is checked whole before anything is written. An event that is there already changes nothing; another one
    under its id is an InputError, and so is an event of a clip that neither the file nor the project has.
    """
    clips, events = read_events(path)
    known = {clip.sha256 for clip in store.clips(project)} if project in store.projects() else set()
    strange = {event.clip for event in events} - known - {clip.sha256 for clip in clips}
    if strange:
        raise InputError("store-no-clip", project=project, clip=min(strange)[:12])
    store.add_clips(project, [clip for clip in clips if clip.sha256 not in known])  # a known one keeps its place
    new = sum(store.append(replace(event, project=project)) for event in events)
    return new, len(events) - new


def read_table(path: Path) -> list[dict[str, str]]:
    """Read a CSV export: rows by column, the texts as they were given."""
    csv.field_size_limit(2**24)
    try:
        rows = list(csv.DictReader(io.StringIO(_text(path), newline=""), strict=True))
    except csv.Error as error:
        raise InputError("import-line", file=path.name, line=0, reason=str(error)) from error
    if any(None in row or None in row.values() for row in rows):
        raise InputError("import-line", file=path.name, line=0, reason="ragged rows")
    return [{plain(name): plain(cell) for name, cell in row.items()} for row in rows]


def read_long(path: Path) -> list[dict]:
    """Read a long CSV: numbers as numbers, `probs` and `before` by emotion."""
    found = []
    for row in read_table(path):
        if missing := [name for name in LONG if name not in row]:
            raise InputError("import-line", file=path.name, line=1, reason=f"no column {missing[0]}")
        before = {name: row[f"before_{name}"] for name in EMOTIONS}
        found.append(
            {name: row[name] for name in ("sha256", "path", "text", "language", "annotator", "note", "event")}
            | {"corpus_label": row["corpus_label"] or None, "seen": tuple(json.loads(row["seen"]))}
            | {"probs": {name: float(row[name]) for name in EMOTIONS}}
            | {"before": {name: float(v) for name, v in before.items()} if all(before.values()) else None}
            | {"confidence": float(row["confidence"]) if row["confidence"] else None, "seconds": float(row["seconds"])}
        )
    return found


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("import-line", file=path.name, line=0, reason=str(error)[:200]) from error
