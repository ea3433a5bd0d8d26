"""Entries of other stores taken into one: what fits is applied, what doesn't stays where it came from.

Any stores that have taken in the same entries say the same of every clip, in whatever order they did so.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bibier.annotation import rows
from bibier.annotation.entries import LogEntry, reconcile, renamed
from bibier.annotation.events import SHA256
from bibier.annotation.imports import Progress, batches, clip_of, no_progress, sound_setting
from bibier.annotation.label_list import LabelList
from bibier.annotation.state import ProjectClip
from bibier.annotation.store import Store
from bibier.parsing import read_json

LAST = 2**62  # running numbers of what has none: unstamped entries stand after those of the store itself


@dataclass
class Copy:
    """What copies hold of one project.

    Attributes
    ----------
    removed
        SHA-256 of clips that were deleted.
    labels
        The setting of a list of its own; [] for the seven emotions.
    unread
        How many lines can't be used; they stay where they are.
    """

    project: str = ""
    clips: dict[str, ProjectClip] = field(default_factory=dict)
    entries: list[LogEntry] = field(default_factory=list)
    removed: set[str] = field(default_factory=set)
    unread: int = 0
    labels: list[Any] = field(default_factory=list)

    def read(self, lines: Iterable[str]) -> None:
        """Take in the lines of one file."""
        for line in lines:
            if not line.strip():
                continue
            try:
                content = read_json(line)
                if not isinstance(content, dict):
                    raise ValueError(type(content).__name__)
                if set(content) == {"clip"}:
                    clip = clip_of(content["clip"])
                    self.clips[clip.sha256] = clip
                elif set(content) == {"labels"}:
                    self.labels = sound_setting(content["labels"])
                elif set(content) == {"removed"}:
                    if not isinstance(content["removed"], str) or not SHA256.fullmatch(content["removed"]):
                        raise ValueError("removed")
                    self.removed.add(content["removed"])
                else:
                    entry = replace(LogEntry.from_json(content), number=LAST + len(self.entries))
                    self.project = self.project or entry.event.project
                    self.entries.append(entry)
            except (ValueError, TypeError, RecursionError):
                self.unread += 1


def removal_line(sha256: str) -> str:
    """Return the line that says of a clip that it was deleted."""
    return json.dumps({"removed": sha256})


def merge(
    store: Store,
    copy: Copy,
    *,
    unseen_by: str = "",
    progress: Progress = no_progress,
    stands: set[str] | None = None,
) -> int:
    """Take a copy into its project; returns how many of its lines can't be used, which stay in the copy.

    Each transaction is short, so that saves go on meanwhile. A clip that was deleted stays so unless a person has
    worked on it. What the writer `unseen_by` saved and the copy lacks was said by people who could not see what comes
    back: it is stamped anew, after it. `stands` gets the uuids of acts that the copy has under another stamp than the
    one that stands here: whoever has the copy alone does not know it. Raises InputError of the store.
    """
    project = copy.project
    if not project:
        return copy.unread
    entries = reconcile(replace(e, event=replace(e.event, project=project)) for e in copy.entries)
    if copy.labels and project not in store.projects():
        store.project(project, labels=copy.labels)
    gone = copy.removed - {entry.event.clip for entry in entries if entry.event.annotator}
    store.add_clips(project, _missing(store, project, copy.clips, gone))
    known = {clip.sha256 for clip in store.clips(project)}
    there, labels = known - gone, store.labels(project)
    strange = {entry.event.uuid for entry in entries if not fits(entry, labels)}
    usable = [entry for entry in entries if entry.event.clip in there and entry.event.uuid not in strange]
    copied = {entry.event.uuid for entry in usable}
    if usable:
        with store.restoring(project):
            _restamp(store, project, usable[-1], copied, unseen_by)
            for start, some in batches(usable):
                _merge_some(store, project, some, set() if stands is None else stands)
                progress(start + len(some), len(usable))
            _restamp(store, project, usable[-1], copied, unseen_by)  # what was saved meanwhile
    for sha256 in sorted(gone & known):
        store.remove_clip(project, sha256)  # unless a person has worked on it here
    named = known | gone
    lost = sum(entry.event.clip not in named or entry.event.uuid in strange for entry in entries)
    return copy.unread + lost


def fits(entry: LogEntry, labels: LabelList) -> bool:
    """Whether what an entry says is over the labels of its project; a proposal may be of before it had its own."""
    probs = entry.event.probs
    return probs is None or entry.event.kind == "propose" or probs.keys() == set(labels.names)


def _missing(store: Store, project: str, clips: dict[str, ProjectClip], gone: Collection[str]) -> list[ProjectClip]:
    """Return the clips that a project lacks and that nobody has deleted; those that are there keep their place."""
    there: set[str] = set(gone)
    if project in store.projects():
        there |= {clip.sha256 for clip in store.clips(project)} | store.removed(project)
    return [clip for name, clip in clips.items() if name not in there]


def _merge_some(store: Store, project: str, entries: Sequence[LogEntry], stands: set[str]) -> None:
    with store.holding(project) as connection:
        there = rows.known_entries(connection, (entry.event.uuid for entry in entries))
        local = {entry.event.uuid: entry for entry in there if entry.event.project == project}
        elsewhere = {entry.event.uuid for entry in there} - local.keys()  # ids of other projects' entries
        incoming = [renamed(entry) if entry.event.uuid in elsewhere else entry for entry in entries]
        stamps = {entry.event.uuid: (entry.counter, entry.writer) for entry in incoming}
        fresh, changed = [], False
        # What is here comes first, so that nothing is written where both are as good.
        for entry in reconcile([*local.values(), *incoming]):
            before = local.get(entry.event.uuid)
            if before is None:
                fresh.append(entry)
            elif entry is not before:
                rows.update(connection, project, replace(entry, number=before.number))
                changed = True
            elif stamps.get(entry.event.uuid, (entry.counter, entry.writer)) != (entry.counter, entry.writer):
                stands.add(entry.event.uuid)
        again = rows.bodies(connection, (entry.event.uuid for entry in fresh))  # renamed before
        rows.insert(connection, project, [entry for entry in fresh if entry.event.uuid not in again])
        if changed:
            rows.mark_changed(connection, project)


def _restamp(store: Store, project: str, newest: LogEntry, copied: Collection[str], writer: str) -> None:
    """Put what a writer saved without having seen a copy after the newest entry of it."""
    if not writer:
        return
    with store.holding(project) as connection:
        own = [
            entry
            for entry in rows.read_entries(connection, project, skip_damaged=True, writer=writer)
            if entry.event.uuid not in copied
        ]
        if not own or min(entry.order for entry in own) > newest.order:
            return
        highest = max(newest.counter, *(entry.counter for entry in own))
        for counter, entry in enumerate(sorted(own, key=lambda entry: entry.order), start=highest + 1):
            rows.update(connection, project, replace(entry, counter=counter))
        rows.mark_changed(connection, project)
