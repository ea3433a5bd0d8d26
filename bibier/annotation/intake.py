"""Whatever a place holds into a project: recordings, lists, datasets, and labels that were exported.

An export is known by what is in it, so that a table of labels is never taken for a list of recordings.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bibier import csv_reader
from bibier.annotation import imports, ingest
from bibier.annotation.entries import NAMESPACE
from bibier.annotation.events import Event
from bibier.annotation.exports import PROPOSALS
from bibier.annotation.imports import Progress, no_progress
from bibier.annotation.label_studio import read_label_studio
from bibier.annotation.state import ProjectClip
from bibier.annotation.store import Store
from bibier.csv_safety import plain
from bibier.errors import InputError
from bibier.i18n.messages import Message
from bibier.labels import EMOTIONS

PERSON = re.compile(rf"({'|'.join(EMOTIONS)}) \((.*)\)", re.DOTALL)  # a column of a wide table
MARKS = {  # columns by which a table of this program is known
    "long": {"annotator", "event", "corpus_label"},
    "wide": {"sha256", "people", *(f"mean_{name}" for name in EMOTIONS)},
    "decisions": {"sha256", "decided_by"},
    "proposals": set(PROPOSALS),
}


@dataclass(frozen=True)
class Taken:
    """What came into a project: new recordings; and of labels, or other events, the new and those that were there."""

    clips: int = 0
    new: int = 0
    known: int = 0


def take_in(
    store: Store,
    project: str,
    place: str,
    media: Path,
    *,
    download: bool = False,
    labels: Path | None = None,
    report: Callable[[Message], None] = lambda notice: None,
    progress: Progress = no_progress,
) -> Taken:
    """Add recordings (`ingest.add_place`), or an export with its labels: events, long, wide, Label Studio's JSON.

    `progress` is told how many recordings are read, or labels are in, and of how many.

    Raises InputError with the reason when a file would be misread, before anything is written.
    """
    path = Path(place).expanduser()
    kind = kind_of(path) if path.is_file() else ""
    if not kind:
        clips = ingest.add_place(
            store, project, place, media, download=download, labels=labels, report=report, progress=progress
        )
        return Taken(clips)
    if kind in ("proposals", "decisions"):
        raise InputError("import-not-labels", file=path.name, kind=kind)
    before = len(store.clips(project)) if project in store.projects() else 0
    if kind == "events":
        new, known = imports.add_events(store, project, path, progress)
    elif kind == "long":
        new, known = imports.add_long(store, project, path, progress)
    elif kind == "wide":
        new, known = add_absent(store, project, *read_wide(path), progress)
        report(Message("import-wide", {"file": path.name}))
    else:
        new, known = add_absent(store, project, *read_label_studio(path), progress)
    return Taken(len(store.clips(project)) - before, new, known)


def kind_of(path: Path) -> str:
    """Return which export a file is: "events", "long", "wide", "proposals", "label-studio"; "" for none of them."""
    ending = path.suffix.lower()
    if ending in (".jsonl", ".json"):
        return "events" if ending == ".jsonl" else "label-studio"
    if ending not in (".csv", ".tsv", ".txt"):
        return ""
    try:
        columns = {plain(name) for name in csv_reader.read_table(path).columns}
    except InputError:
        return ""  # whoever reads it says why
    return next((kind for kind, marks in MARKS.items() if marks <= columns), "")


def read_wide(path: Path) -> tuple[list[ProjectClip], list[Event]]:
    """Read a wide CSV: each person's columns are a label, without confidence, note and time. Raises InputError."""
    clips, events = [], []
    for number, row in enumerate(imports.read_table(path, ("sha256", "path", "text", "language", "corpus_label")), 2):
        people = dict.fromkeys(match[2] for column in row if (match := PERSON.fullmatch(column)))
        try:
            facts = {name: row[name] for name in ("sha256", "path", "text", "language")}
            clips.append(imports.clip_of(facts | {"label": row["corpus_label"] or None}))
            events += [label for person in people if (label := _label(row, person)) is not None]
        except (ValueError, TypeError, KeyError) as error:
            raise InputError("import-line", file=path.name, line=number, reason=str(error)[:200]) from error
    return clips, events


def _label(row: dict[str, str], person: str) -> Event | None:
    cells = [row.get(f"{name} ({person})", "") for name in EMOTIONS]
    if not any(cells):
        return None
    identity = "\n".join((row["sha256"], person, *cells))
    probs = {name: float(cell) for name, cell in zip(EMOTIONS, cells, strict=True)}
    return Event(str(uuid.uuid5(NAMESPACE, identity)), "", row["sha256"], person, "label", probs)


def add_absent(
    store: Store,
    project: str,
    clips: Sequence[ProjectClip],
    events: Sequence[Event],
    progress: Progress = no_progress,
) -> tuple[int, int]:
    """Add labels where the person has none of the clip: what stands there may know more than such a table.

    Returns how many are new and how many were there. Raises what `imports.add_events` does.
    """
    standing = store.state(project) if project in store.projects() else {}
    fresh = [event for event in events if (event.clip, event.annotator) not in standing]
    fresh = [replace(event, project=project).check() for event in fresh]
    new, known = imports.add(store, project, clips, fresh, progress)
    return new, known + len(events) - len(fresh)
