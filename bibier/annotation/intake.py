"""Whatever a place holds into a project: recordings, lists, datasets, and labels that were exported.

An export is known by what is in it, so that a table of labels is never taken for a list of recordings.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bibier import csv_reader
from bibier.annotation import imports, ingest
from bibier.annotation.entries import NAMESPACE
from bibier.annotation.events import Event
from bibier.annotation.exports import CLIP, PROPOSALS
from bibier.annotation.imports import Progress, no_progress
from bibier.annotation.label_list import LabelList, check_same, label_list, names_among, setting_of
from bibier.annotation.label_studio import read_label_studio
from bibier.annotation.project_settings import check_settings
from bibier.annotation.state import ProjectClip
from bibier.annotation.store import Store
from bibier.csv_safety import plain
from bibier.errors import InputError, reason_of
from bibier.i18n.messages import Message
from bibier.labels import EMOTIONS

MARKS = {  # columns by which a table of this program is known
    "long": {"annotator", "event", "corpus_label"},
    "wide": {"sha256", "people", "corpus_label"},
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
    own: object = None,
    report: Callable[[Message], None] = lambda notice: None,
    progress: Progress = no_progress,
) -> Taken:
    """Add recordings (`ingest.add_place`), or an export with its labels: events, long, wide, Label Studio's JSON.

    `own` is the setting of the project's labels, None for what stands there or what the file says. `progress` is told
    how many recordings are read, or labels are in, and of how many. Raises InputError with the reason when a file would
    be misread, or doesn't fit the project, before anything is written.
    """
    path = Path(place).expanduser()
    kind = kind_of(path) if path.is_file() else ""
    if kind in ("proposals", "decisions"):
        raise InputError("import-not-labels", file=path.name, kind=kind)
    there = project in store.projects()
    if own is not None:
        check_settings({"labels": own})
        if there:
            store.project(project, labels=own)
    if not kind:
        clips = ingest.add_place(
            store, project, place, media, download=download, labels=labels, report=report, progress=progress
        )
        if own is not None:
            store.project(project, labels=own)
        return Taken(clips)
    before = len(store.clips(project)) if there else 0
    wanted = store.labels(project) if there else label_list(own) if isinstance(own, list) else None
    recordings, events, setting = READERS[kind](path, wanted)
    if wanted and events:
        check_same(label_list(setting), wanted, project)
    add_all = add_absent if kind in ("wide", "label-studio") else imports.add
    new, known = add_all(store, project, recordings, events, progress, own if isinstance(own, list) else setting)
    if kind == "wide":
        report(Message("import-wide", {"file": path.name}))
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


def read_wide(path: Path) -> tuple[list[ProjectClip], list[Event], list[Any]]:
    """Read a wide CSV: each person's columns are a label, without confidence, note and time.

    The setting of the labels is told too. Raises InputError.
    """
    clips, events, names = [], [], EMOTIONS
    for number, row in enumerate(imports.read_table(path, CLIP), 2):
        names = names_among([column.removeprefix("mean_") for column in row if column.startswith("mean_")])
        person_column = re.compile(rf"({'|'.join(map(re.escape, names))}) \((.*)\)", re.DOTALL)
        people = dict.fromkeys(match[2] for column in row if (match := person_column.fullmatch(column)))
        try:
            facts = {name: row[name] for name in ("sha256", "path", "text", "language")}
            clips.append(imports.clip_of(facts | {"label": row["corpus_label"] or None}))
            events += [label for person in people if (label := _label(row, person, names)) is not None]
        except (ValueError, TypeError, KeyError) as error:
            raise InputError("import-line", file=path.name, line=number, reason=reason_of(error)) from error
    return clips, events, setting_of(names)


def _label(row: dict[str, str], person: str, names: Sequence[str]) -> Event | None:
    cells = [row.get(f"{name} ({person})", "") for name in names]
    if not any(cells):
        return None
    identity = "\n".join((row["sha256"], person, *cells))
    probs = {name: float(cell) for name, cell in zip(names, cells, strict=True)}
    return Event(str(uuid.uuid5(NAMESPACE, identity)), "", row["sha256"], person, "label", probs)


READERS: dict[str, Callable[[Path, LabelList | None], tuple[list[ProjectClip], list[Event], list[Any]]]] = {
    "events": lambda path, labels: imports.read_events(path),
    "long": lambda path, labels: imports.read_long_labels(path),
    "wide": lambda path, labels: read_wide(path),
    "label-studio": read_label_studio,
}


def add_absent(
    store: Store,
    project: str,
    clips: Sequence[ProjectClip],
    events: Sequence[Event],
    progress: Progress = no_progress,
    setting: Sequence[Any] = (),
) -> tuple[int, int]:
    """Add labels where the person has none of the clip: what stands there may know more than such a table.

    Returns how many are new and how many were there. Raises what `imports.add_events` does.
    """
    standing = store.state(project) if project in store.projects() else {}
    fresh = [event for event in events if (event.clip, event.annotator) not in standing]
    fresh = [replace(event, project=project).stamped().check() for event in fresh]
    new, known = imports.add(store, project, clips, fresh, progress, setting)
    return new, known + len(events) - len(fresh)
