"""Exports read back: events and clips into a store, labels of a long table too, and tables as they were."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid5

from bibier import csv_reader
from bibier.annotation import rows
from bibier.annotation.entries import NAMESPACE, LogEntry, is_retold
from bibier.annotation.events import SHA256, Event, check_distribution
from bibier.annotation.exports import LATER, long_columns
from bibier.annotation.label_list import LabelList, check_same, is_sound, label_list, names_among, setting_of
from bibier.annotation.project_log import check_labels
from bibier.annotation.state import ProjectClip
from bibier.annotation.store import Store
from bibier.csv_safety import plain
from bibier.errors import InputError, reason_of
from bibier.i18n.messages import Message
from bibier.labels import EMOTIONS
from bibier.parsing import read_json

BATCH = 1000  # events of one transaction: saves go on between two
PAUSE = 0.11  # s between two: who waits for SQLite's lock asks for it every tenth of a second

Progress = Callable[[int, int], None]  # told how many are done, and of how many
Item = TypeVar("Item")


def no_progress(done: int, total: int) -> None:
    """Tell nobody."""


def told(items: Collection[Item], progress: Progress) -> Iterator[Item]:
    """Yield each item, and tell how many are done, and of how many, before it and after the last."""
    for done, item in enumerate(items):
        progress(done, len(items))
        yield item
    progress(len(items), len(items))


def batches(items: Sequence[Item]) -> Iterator[tuple[int, Sequence[Item]]]:
    """Yield what one transaction takes, with the index of its first, and let others write in between."""
    for start in range(0, len(items), BATCH):
        if start:
            time.sleep(PAUSE)
        yield start, items[start : start + BATCH]


def read_events(path: Path) -> tuple[list[ProjectClip], list[Event], list[Any]]:
    """Read an export of events, and the setting of its labels. Raises InputError that names the line."""
    clips, events, setting = [], [], list[Any]()
    for number, line in enumerate(_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = read_json(line)
            if isinstance(value, dict) and set(value) == {"clip"}:
                clips.append(clip_of(value["clip"]))
            elif isinstance(value, dict) and set(value) == {"labels"}:
                setting = sound_setting(value["labels"])
            else:
                events.append(LogEntry.from_json(value).event if isinstance(value, dict) else Event.from_json(line))
        except (ValueError, TypeError, RecursionError) as error:
            raise InputError("import-line", file=path.name, line=number, reason=reason_of(error)) from error
    return clips, events, setting


def sound_setting(labels: object) -> list[Any]:
    """Return the setting of a project's labels as it was exported. Raises ValueError."""
    if not isinstance(labels, list) or not is_sound(labels):
        raise ValueError(f"labels {str(labels)[:80]}")
    return labels


def add_events(store: Store, project: str, path: Path, progress: Progress = no_progress) -> tuple[int, int]:
    """Add an export's clips and events to a project; returns how many events are new, and how many were there.

    The file is checked whole before anything is written, then written in short transactions, so that saves go on
    meanwhile; `progress` is told how many events are in, and of how many. A clip that is there keeps its place unless
    its file is gone and that of the export is there. An event that is there already changes nothing; another one
    under its id is an InputError, and so is an event of a clip that neither the file nor the project has, and an undo
    or redo of what neither has.
    """
    clips, events, setting = read_events(path)
    return add(store, project, clips, events, progress, setting)


def add_long(store: Store, project: str, path: Path, progress: Progress = no_progress) -> tuple[int, int]:
    """Add a long CSV's clips and labels to a project; returns and raises what `add_events` does."""
    clips, events, setting = read_long_labels(path)
    return add(store, project, clips, events, progress, setting)


def read_long_labels(path: Path) -> tuple[list[ProjectClip], list[Event], list[Any]]:
    """Read a long CSV as clips and labels, and the setting of their list. Raises InputError that names the line."""
    clips: dict[str, ProjectClip] = {}
    events, setting = [], list[Any]()
    for number, row in enumerate(read_long(path), start=2):
        setting = setting_of(tuple(row["probs"]))
        facts = {name: row[name] for name in ("sha256", "path", "text", "language")} | {"label": row["corpus_label"]}
        label = {name: row[name] for name in ("probs", "before", "confidence", "note", "seen", "seconds", *LATER)}
        try:
            clips.setdefault(row["sha256"], clip_of(facts))
            events.append(Event(row["event"], "?", row["sha256"], row["annotator"], "label", **label).stamped().check())
        except (ValueError, TypeError) as error:
            raise InputError("import-line", file=path.name, line=number, reason=reason_of(error)) from error
    return list(clips.values()), events, setting


def add(
    store: Store,
    project: str,
    clips: Sequence[ProjectClip],
    events: Sequence[Event],
    progress: Progress,
    setting: Sequence[Any] = (),
) -> tuple[int, int]:
    """Add clips and events that were read; returns and raises what `add_events` does.

    A clip that was deleted here stays so, as when a copy is restored, unless the file has a person's work on it.

    `setting` are the labels over which the events are. A project is made with them; one that is there must have them.
    """
    made = project not in store.projects()
    known = {} if made else {clip.sha256: clip for clip in store.clips(project)}
    gone = set[str]().union(*(store.removed(name) for name in store.projects()))  # its words may not come by another
    gone -= {event.clip for event in events if event.annotator} | known.keys()
    clips = [clip.check() for clip in clips if clip.sha256 not in gone]
    kept = [replace(event, project=project) for event in events if event.clip not in gone]
    labels = label_list(setting) if made else store.labels(project)
    if kept:
        check_same(label_list(setting), labels, project)
    strange = {event.clip for event in kept} - known.keys() - {clip.sha256 for clip in clips}
    if strange:
        raise InputError("store-no-clip", project=project, clip=min(strange)[:12])
    kept = _without_stale(store, project, _with_own_ids(store, project, kept))
    earlier = _rehearse(store, kept, labels, project)
    if made and setting:
        store.project(project, labels=list(setting))
    store.add_clips(project, [clip for clip in clips if clip.sha256 not in known])
    _restate(store, project, earlier)
    store.add_clips(project, [moved for clip in clips if (moved := _moved(known.get(clip.sha256), clip))])
    new, places = 0, _places(store, project, kept)
    with store.restoring(project) if any(places) else nullcontext():
        for start, some in batches(kept):
            with store.writing(project) as log:
                new += log.extend(some, at=places[start : start + len(some)])
            progress(start + len(some), len(kept))
    return new, len(events) - new


def _with_own_ids(store: Store, project: str, events: Sequence[Event]) -> list[Event]:
    """Give the acts of a project that is copied into another of this store ids that follow from both."""
    ids = {uuid for event in events for uuid in (event.uuid, event.target) if uuid}
    there = {uuid for uuid, event in store.known(ids).items() if event.project != project}
    own = {uuid: str(uuid5(NAMESPACE, f"{project}\n{uuid}")) for uuid in there}
    return [
        replace(event, uuid=own.get(event.uuid, event.uuid), target=own.get(event.target, event.target))
        for event in events
    ]


def _without_stale(store: Store, project: str, events: Sequence[Event]) -> list[Event]:
    """Leave out what a table without times says of a clip of which its author has said something else here."""
    standing = store.state(project) if project in store.projects() else {}
    there = store.known([event.uuid for event in events if not event.time])
    return [
        event
        for event in events
        if event.time or event.uuid in there or not event.annotator or (event.clip, event.annotator) not in standing
    ]


def _restate(store: Store, project: str, events: Sequence[Event]) -> None:
    """Put an act as its own log tells it in the place of what a table told of it before, which stands as said later."""
    for _, some in batches(events):
        with store.holding(project) as connection:
            there = {entry.event.uuid: entry for entry in rows.known_entries(connection, (e.uuid for e in some))}
            changed = False
            for event in some:
                entry = there.get(event.uuid)
                if entry:
                    counter = min(entry.counter, max(1, _milliseconds(event.time)))
                    rows.update(connection, project, replace(entry, event=event, counter=counter))
                    changed = True
            if changed:
                rows.mark_changed(connection, project)


def _places(store: Store, project: str, events: Sequence[Event]) -> list[int]:
    """Return a counter for each event of which its author has said something newer of the same clip here, 0 for others.

    It stands under that then, in the order of the file, instead of taking its place.
    """
    standing = store.state(project)
    shared = standing.keys() & {(event.clip, event.annotator) for event in events}
    known = store.known([standing[key].event for key in shared])
    newest = {key: _milliseconds(known[label].time) for key in shared if (label := standing[key].event) in known}
    places, last = [], 0
    for event in events:
        late = bool(event.time) and _milliseconds(event.time) < newest.get((event.clip, event.annotator), 0)
        last = max(last + 1, _milliseconds(event.time)) if late else last
        places.append(last if late else 0)
    return places


def _milliseconds(moment: str) -> int:
    """Return a time of an event as the counter of one that is saved then."""
    return int(datetime.fromisoformat(moment).timestamp() * 1000)


def _moved(known: ProjectClip | None, clip: ProjectClip) -> ProjectClip | None:
    """Return a known clip at its new place, None unless its file is gone and that of the import is there."""
    if known is None or Path(known.path).is_file() or not Path(clip.path).is_file():
        return None
    return replace(known, path=clip.path)


def _rehearse(store: Store, events: list[Event], labels: LabelList, project: str) -> list[Event]:
    """Raise what appending the events would raise, before one of them is written; return those that are here as said
    later.

    An undo may stand out of turn, as it does in a log that was put together from several; it may not name nothing.
    """
    ids, earlier = [event.uuid for event in events], list[Event]()
    known = store.known([*ids, *(event.target for event in events if event.target)])
    for event in events:
        same = known.setdefault(event.uuid, event)
        if not is_retold(event, same):
            raise InputError("event-other", uuid=event.uuid)
        if event.time and same is not event and _milliseconds(event.time) < _milliseconds(same.time):
            earlier.append(event)
        if event.target and event.target not in known:
            raise InputError("event-target", kind=event.kind, uuid=event.target)
        if same is event:  # what is there already stands
            check_labels(event, labels, project)
    return earlier


def clip_of(facts: dict[str, Any]) -> ProjectClip:
    """Return a clip of sound fields. Raises TypeError or ValueError."""
    clip = ProjectClip(**facts)
    texts = (clip.sha256, clip.path, clip.text, clip.language)
    if not all(isinstance(text, str) and "\0" not in text for text in texts) or not SHA256.fullmatch(clip.sha256):
        raise ValueError(f"clip {str(clip.sha256)[:80]}")
    if clip.label is not None and clip.label not in EMOTIONS:
        raise ValueError(f"label {str(clip.label)[:80]}")
    if isinstance(clip.duration, bool) or not 0 <= clip.duration < math.inf:
        raise ValueError(f"duration {str(clip.duration)[:80]}")
    if not isinstance(clip.extra, dict):
        raise ValueError("extra")
    for name, value in clip.extra.items():  # one in another, a thousand deep, could never be written again
        if not isinstance(value, str | int | float | bool | None):
            raise ValueError(f"extra {name[:80]}: {type(value).__name__}")
    if clip.soft is not None:
        check_distribution("soft", clip.soft)
    if not clip.is_text():
        raise ValueError(f"clip {clip.sha256}: half a character, as a cut through an emoji leaves")
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
    rows = read_table(path, long_columns(EMOTIONS))
    names = names_in(rows[0]) if rows else EMOTIONS
    wanted = long_columns(names)
    if rows and (missing := [name for name in wanted if name not in rows[0]]):
        raise InputError("import-line", file=path.name, line=1, reason=Message("import-column", {"column": missing[0]}))
    values = []
    for number, row in enumerate(rows, start=2):
        try:
            values.append(_long(row, names))
        except (ValueError, TypeError, RecursionError) as error:
            raise InputError("import-line", file=path.name, line=number, reason=reason_of(error)) from error
    return values


def names_in(columns: Iterable[str]) -> tuple[str, ...]:
    """Return the labels of a long table: what stands in it twice, as it is and as it was before."""
    there = dict.fromkeys(columns)
    return names_among([name for name in there if f"before_{name}" in there])


def _long(row: dict[str, str], names: Sequence[str]) -> dict[str, Any]:
    before = {name: row[f"before_{name}"] for name in names}
    return (
        {name: row[name] for name in ("sha256", "path", "text", "language", "annotator", "note", "event")}
        | {"corpus_label": row["corpus_label"] or None, "seen": tuple(read_json(row["seen"]))}
        | {"probs": {name: float(row[name]) for name in names}}
        | {"before": {name: float(v) for name, v in before.items()} if any(before.values()) else None}
        | {"confidence": float(row["confidence"]) if row["confidence"] else None, "seconds": float(row["seconds"])}
        | {"fill": row.get("fill", ""), "rest": float(row.get("rest") or 0), "time": row.get("time", "")}
    )


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("import-line", file=path.name, line=0, reason=reason_of(error)) from error
