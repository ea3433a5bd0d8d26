"""One project within one transaction: the state that stands there, brought forward, and what is written to it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sql

from bibier.annotation import rows
from bibier.annotation.entries import LogEntry, is_retold, is_same_act
from bibier.annotation.events import Event, now
from bibier.annotation.label_list import LabelList, label_list
from bibier.annotation.state import AnnotationState, ProjectClip
from bibier.errors import InputError

FIRST_ORDER = (-1, "", 0, "")  # before that of every entry


@dataclass
class Derived:
    """A project's state, and up to where it was derived."""

    moves: int
    state: AnnotationState = field(default_factory=AnnotationState)
    event: int = 0  # running numbers of the last rows
    clip: int = 0
    order: tuple[int, str, int, str] = FIRST_ORDER  # of the last entry
    counter: int = 0  # the highest


class ProjectLog:
    """One project within one transaction: what stands there, and, where the transaction writes, `append`."""

    def __init__(
        self,
        connection: sql.Connection,
        project: str,
        settings: dict[str, Any],
        derived: Derived,
        stamp: Callable[[Event, int], LogEntry],
        skip_damaged: bool = False,
    ):
        self.connection, self.project, self.settings, self.state = connection, project, settings, derived.state
        self.touched = False  # the state holds what the transaction has not made durable yet
        self._derived, self._stamp, self._skip_damaged = derived, stamp, skip_damaged

    @property
    def version(self) -> tuple[int, int, int]:
        """What is another as soon as anything of the project is: what was changed, its last event and clip."""
        return self._derived.moves, self._derived.event, self._derived.clip

    @property
    def labels(self) -> LabelList:
        """What people may say of a clip."""
        return label_list(self.settings["labels"])

    def entries(self) -> list[LogEntry]:
        """Return the whole log with its stamps, in the order of the saves."""
        entries = rows.read_entries(self.connection, self.project, skip_damaged=self._skip_damaged)
        return sorted(entries, key=lambda entry: entry.order)

    def append(self, event: Event) -> bool:
        """Write an event to the log: durable when the transaction ends. Returns and raises what `Store.append` does."""
        return self.extend([event]) == 1

    def has(self, event: Event) -> bool:
        """Whether this act was saved before; what the server knew of it then may have been less, as a proposal."""
        return any(is_same_act(entry.event, event) for entry in rows.known_entries(self.connection, [event.uuid]))

    def extend(self, new: Iterable[Event], *, at: Sequence[int] | None = None) -> int:
        """Write events to the log in their order, all or none; returns how many were not there before.

        `at` gives a counter for each that was saved elsewhere, by which it takes its place among those that are here,
        and 0 for what comes after all; an undo or redo out of turn is kept then, as in a log that was put together
        from several. What belongs before others is no part of the state until it is derived anew (`Store.restoring`).
        """
        new, labels = [event.check() for event in new], self.labels
        known = rows.bodies(self.connection, [event.uuid for event in new])
        entries = []
        for event, counter in zip(new, at or [0] * len(new), strict=True):
            if (body := known.get(event.uuid)) is not None:
                there = Event.from_json(body) if isinstance(body, str) else body
                same = replace(event, time=event.time or there.time) == there
                if not same and (at is None or not is_retold(event, there)):
                    raise InputError("event-other", uuid=event.uuid)
                continue
            if event.clip not in self.state.index:
                raise InputError("store-no-clip", project=self.project, clip=event.clip[:12])
            check_labels(event, labels, self.project)
            if at is None and not self.state.is_next_undo(event):
                raise InputError("event-target", kind=event.kind, uuid=event.target)
            entry = self._stamp(replace(event, time=event.time or now()), self._derived.counter)
            if 0 < counter < entry.counter:
                entry = replace(entry, counter=counter)
            known[event.uuid] = entry.event
            entries.append(entry)
            if entry.order < self._derived.order:
                continue
            self.touched = True
            self._derived.order, self._derived.counter = entry.order, entry.counter
            self.state.apply(entry.event)
        if entries:
            self._derived.event = rows.insert(self.connection, self.project, entries)
        return len(entries)

    def next(
        self,
        annotator: str,
        order: str | None = None,
        excluding: Collection[str] = (),
        held: Sequence[Mapping[str, int]] = (),
    ) -> ProjectClip | None:
        """Return the clip that a person should label next, or None; `excluding` are the clips in hand.

        `held` as in `AnnotationState.next`.
        """
        return self.state.next(
            annotator,
            wanted=self.settings["wanted"],
            order=order or self.settings["order"],
            random_fraction=self.settings["share"],
            seed=self.settings["seed"],
            excluding=excluding,
            held=held,
        )

    def repeat(self, annotator: str, turn: int, excluding: Collection[str]) -> ProjectClip | None:
        """Return a clip that a person should label again at one of their turns, or None."""
        return self.state.repeat(annotator, turn, self.settings["repeats"], self.settings["seed"], excluding)

    def progress(self, annotator: str) -> tuple[int, int]:
        """Return how many clips a person has labelled, and of how many."""
        return self.state.progress(annotator, self.settings["wanted"])

    def step(self, annotator: str, kind: str) -> Event | None:
        """Undo or redo a person's last act; returns the event, or None when nothing is left."""
        person = self.state.people.get(annotator)
        path = [] if person is None else person.done if kind == "undo" else person.undone
        if not path:
            return None
        event = Event(str(uuid.uuid4()), self.project, path[-1].clip, annotator, kind, target=path[-1].uuid)
        self.append(event)
        return event


def check_labels(event: Event, labels: LabelList, project: str) -> None:
    """Raise InputError when an event says what its project's list has not; a proposal is over the seven."""
    if event.kind == "propose":
        if labels.is_own:
            raise InputError("labels-no-proposals", project=project)
        return
    for probs in (event.probs, event.before):
        if probs is not None:
            labels.check(probs, project)


def forward(
    connection: sql.Connection, project: str, derived: Derived, *, skip_damaged: bool = False, restoring: bool = False
) -> Derived:
    """Return the state with what came since; all anew when some of it belongs before what is known.

    While a copy is `restoring`, what belongs before is left out until it is through: the state stays that of the saves.
    """
    added = rows.read_clips(connection, project, derived.clip, skip_damaged=skip_damaged)
    entries = rows.read_entries(connection, project, derived.event, derived.counter, skip_damaged=skip_damaged)
    entries.sort(key=lambda entry: entry.order)
    if entries and entries[0].order < derived.order and not restoring:
        return forward(connection, project, Derived(derived.moves), skip_damaged=skip_damaged)
    for number, clip in added:
        derived.state.add(clip)
        derived.clip = number
    for entry in entries:
        derived.event, derived.counter = max(derived.event, entry.number), max(derived.counter, entry.counter)
        if entry.order > derived.order:
            derived.state.apply(entry.event)
            derived.order = entry.order
    return derived
