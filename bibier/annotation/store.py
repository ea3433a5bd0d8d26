"""Annotations in a database: an append-only log of events in SQLite (a file) or Postgres (a server), by URL.

Nothing is updated in place but a project's settings, a clip's place, and the stamps of what was saved before older
entries came back from a copy; nothing is removed but a clip on which nobody has worked. The current state is derived
from the log and brought forward with each event. An append is durable when it returns.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

import sqlalchemy as sql

from bibier.annotation import rows
from bibier.annotation.database import WAIT_SECONDS, Database, clips, projects, removals
from bibier.annotation.entries import LogEntry
from bibier.annotation.events import MAX_NAME, Event
from bibier.annotation.label_list import LabelList, label_list
from bibier.annotation.project_log import Derived, ProjectLog, forward
from bibier.annotation.project_settings import SETTINGS, check_name, check_settings, check_text
from bibier.annotation.state import Label, ProjectClip
from bibier.errors import InputError, StoreUnavailable
from bibier.i18n.messages import Message

T = TypeVar("T")


class Store:
    """Projects, their clips and the log of events behind one URL; may be shared by threads.

    Parameters
    ----------
    url
        "sqlite:///FILE" or "postgresql+psycopg://USER@HOST/NAME".
    journal_mode
        SQLite's journal_mode: "DELETE" on a network's file system, where WAL is not safe; there one program writes.
    skip_damaged
        Read past rows that are no longer what was written, instead of refusing their project.
    clock
        Seconds since 1970; it only pushes the stamps of entries forward.

    Raises
    ------
    InputError
        From every method, too: the URL can't be used, the database is of a newer schema.
    StoreUnavailable
        From every method, too: the database can't be opened, is locked, full, damaged.
    """

    def __init__(
        self,
        url: str,
        *,
        journal_mode: str = "WAL",
        skip_damaged: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.skip_damaged, self.clock, self.writer = skip_damaged, clock, uuid.uuid4().hex[:16]
        self.database = Database(url, journal_mode=journal_mode, writer=self.writer)
        self._lock = threading.RLock()
        self._states: dict[str, Derived] = {}
        self._generation = self.database.generation
        self._restoring: set[str] = set()

    def close(self) -> None:
        """Close every connection."""
        self.database.close()

    def stamp(self, event: Event, last: int) -> LogEntry:
        """Return the entry of an event that is saved now; `last` is the highest counter of its project."""
        return LogEntry(event, max(last + 1, int(self.clock() * 1000)), self.writer)

    # --- projects and clips ------------------------------------------------------------------------------------------

    def project(self, name: str, **settings: Any) -> dict[str, Any]:
        """Make a project or change some of its settings; returns all of them (`SETTINGS` has the defaults).

        Raises InputError for other labels than those in which people have spoken already.
        """
        check_text(name)
        check_settings(settings)
        with self.database.writing() as connection:
            row = connection.execute(sql.select(projects).where(projects.c.name == name).with_for_update()).first()
            if row is None:
                check_name(name)
                connection.execute(projects.insert().values(name=name, settings=json.dumps(settings)))
                return SETTINGS | settings
            before = rows.settings_of(name, row.settings)
            whole = before | settings
            names, wanted = (set(label_list(each.get("labels", ())).names) for each in (before, whole))
            if names != wanted and rows.has_labels(connection, name):
                raise InputError("store-labels-used", project=name, names=", ".join(sorted(names)))
            if settings:
                changed = projects.update().where(projects.c.name == name)
                connection.execute(changed.values(settings=json.dumps(whole)))
            return SETTINGS | whole

    def projects(self) -> dict[str, dict[str, Any]]:
        """Return every project's settings by name."""
        with self.database.reading() as connection:
            found = connection.execute(sql.select(projects).order_by(projects.c.name)).all()
        return {row.name: SETTINGS | rows.settings_of(row.name, row.settings) for row in found}

    def add_clips(self, project: str, added: Iterable[ProjectClip]) -> int:
        """Add clips after those that are there; returns how many are new.

        A known clip gets its new place; what the new list leaves empty of it stays. A project that isn't there is made
        with them, so that a list that can't be read leaves no empty project.
        """
        added = list({clip.sha256: clip for clip in added}.values())
        with self.writing(project, make=True) as log:
            state, connection = log.state, log.connection
            fresh = [clip for clip in added if clip.sha256 not in state.index]
            rows.insert_clips(connection, project, fresh)
            changed = [
                whole
                for clip in added
                if clip.sha256 in state.index
                and (whole := clip.over(before := state.clips[state.index[clip.sha256]])) != before
            ]
            for clip in changed:
                rows.update_clip(connection, project, clip)
            if changed:
                rows.mark_changed(connection, project)
            if fresh:
                again = removals.c.sha256.in_([clip.sha256 for clip in fresh])
                connection.execute(removals.delete().where((removals.c.project == project) & again))
        return len(fresh)

    def remove_clip(self, project: str, sha256: str) -> bool:
        """Remove a clip on which nobody has worked, with its words; returns whether it is gone.

        A clip with any act of a person stays, an undone one too: the log would speak of nothing. Models' proposals
        stay in the log, which is never cut: a hash and seven numbers. That it was removed is kept, so that no copy
        brings it back.
        """
        mine = (clips.c.project == project) & (clips.c.sha256 == sha256)
        with self.writing(project) as log:
            if sha256 in log.state.worked:
                return False
            if log.connection.execute(clips.delete().where(mine)).rowcount:
                log.connection.execute(removals.insert().values(project=project, sha256=sha256))
                rows.mark_changed(log.connection, project)
        self.database.empty_journal()
        return True

    def removed(self, project: str) -> set[str]:
        """Return the SHA-256 of the clips that were removed and have not been added again."""
        with self.database.reading() as connection:
            return set(connection.scalars(sql.select(removals.c.sha256).where(removals.c.project == project)))

    def labels(self, project: str) -> LabelList:
        """Return what people of a project may say of a clip; of a project that is not there, the seven emotions."""
        return label_list(self.projects().get(project, SETTINGS)["labels"])

    def clips(self, project: str) -> list[ProjectClip]:
        """Return a project's clips in the order in which they were added."""
        with self.reading(project) as log:
            return list(log.state.clips)

    # --- the log -----------------------------------------------------------------------------------------------------

    def append(self, event: Event) -> bool:
        """Write an event to the log; durable on return.

        Returns False when the same event is there already. Raises InputError for an unsound event, another event
        under its uuid, an unknown project or clip, and an undo or redo out of turn.
        """
        event.check()
        with self.writing(event.project) as log:
            return log.append(event)

    def append_all(self, project: str, new: Iterable[Event]) -> int:
        """Write events of one project to the log in one durable transaction, all or none.

        Returns how many were not there before. Raises InputError for the first that `append` would refuse.
        """
        new = list(new)
        if stranger := next((event for event in new if event.project != project), None):
            raise InputError("store-other-project", project=project, other=str(stranger.project)[:MAX_NAME])
        with self.writing(project) as log:
            return log.extend(new)

    def events(self, project: str, after: int = 0) -> list[tuple[int, Event]]:
        """Return the log after a running number, in the order of the saves."""
        return [(entry.number, entry.event) for entry in self.entries(project, after)]

    def entries(self, project: str, after: int = 0, *, skip_damaged: bool = False) -> list[LogEntry]:
        """Return the log after a running number with its stamps, in the order of the saves."""
        skip_damaged = skip_damaged or self.skip_damaged
        with self.database.reading() as connection:
            entries = rows.read_entries(connection, project, after, skip_damaged=skip_damaged)
        return sorted(entries, key=lambda entry: entry.order)

    def known(self, uuids: Iterable[str]) -> dict[str, Event]:
        """Return the events of all projects that have these uuids, by uuid."""
        with self.database.reading() as connection:
            return {entry.event.uuid: entry.event for entry in rows.known_entries(connection, uuids)}

    def check(self) -> None:
        """See that labels could be read and saved at this moment. Raises StoreUnavailable."""
        self.database.check()

    def damaged(self) -> list[tuple[str, str]]:
        """Return the rows that are no longer what was written, by project: "events 7" or "clips 7".

        Raises StoreUnavailable when the file as such is damaged.
        """
        if flaws := self.database.flaws():
            raise StoreUnavailable("store-malformed", reason=flaws)
        with self.database.reading() as connection:
            return rows.damaged(connection)

    def state(self, project: str) -> dict[tuple[str, str], Label]:
        """Return what stands by (clip, annotator), with undo and redo applied."""
        with self.reading(project) as log:
            return dict(log.state.labels)

    def proposals(self, project: str) -> dict[tuple[str, str], dict[str, float]]:
        """Return the machines' last proposals by (clip, source)."""
        with self.reading(project) as log:
            return dict(log.state.proposals)

    def next(
        self, project: str, annotator: str, order: str | None = None, excluding: str | None = None
    ) -> ProjectClip | None:
        """Return the clip that a person should label next, or None; `excluding` is the clip in hand."""
        if order is not None:
            check_settings({"order": order})
        with self.reading(project) as log:
            return log.next(annotator, order, () if excluding is None else (excluding,))

    def progress(self, project: str, annotator: str) -> tuple[int, int]:
        """Return how many clips a person has labelled, and of how many."""
        with self.reading(project) as log:
            return log.progress(annotator)

    def undo(self, project: str, annotator: str) -> Event | None:
        """Take back a person's last label or skip; returns the event, or None when nothing is left."""
        with self.writing(project) as log:
            return log.step(annotator, "undo")

    def redo(self, project: str, annotator: str) -> Event | None:
        """Do again what was undone last; returns the event, or None."""
        with self.writing(project) as log:
            return log.step(annotator, "redo")

    # --- transactions ------------------------------------------------------------------------------------------------

    @contextmanager
    def reading(self, project: str) -> Iterator[ProjectLog]:
        """One transaction that reads a project; writers of other programs go on meanwhile."""
        check_text(project)
        with self._locked(), self.database.reading() as connection:
            yield self._log(connection, project)

    @contextmanager
    def reading_whole(
        self, project: str, copied: Callable[[ProjectLog], T]
    ) -> Iterator[tuple[T, Callable[[], list[LogEntry]]]]:
        """One transaction for who reads all of a project's log: what `copied` took of it, and the entries.

        Both are of one moment. Only the copy keeps others from saving; the entries are read beside them.
        """
        check_text(project)
        with self.database.reading() as connection:
            with self._locked():  # the first look of the transaction, which is the moment that it sees
                log = self._log(connection, project)
                copy = copied(log)
            yield copy, log.entries

    @contextmanager
    def writing(self, project: str, *, make: bool = False) -> Iterator[ProjectLog]:
        """One transaction that may write to a project, durable when it is left; with `make`, the project is made.

        Nobody else writes to the project meanwhile, so that the running numbers grow in the order of the commits.
        """
        check_text(project)
        log = None
        with ExitStack() as lock:  # held until the commit is through: nobody sees in the state what is not durable
            try:
                with self.database.writing() as connection:
                    known = sql.select(projects.c.name).where(projects.c.name == project)
                    if make and connection.scalar(known) is None:
                        check_name(project)
                        connection.execute(projects.insert().values(name=project, settings="{}"))
                    connection.execute(known.with_for_update())
                    lock.enter_context(self._locked())  # after the turn to write, which others wait for without it
                    log = self._log(connection, project)
                    yield log
            except BaseException:
                if log and log.touched:
                    self._states.pop(project, None)  # it holds what was not written
                raise

    @contextmanager
    def holding(self, project: str) -> Iterator[sql.Connection]:
        """One transaction that writes to a project's rows without its state, which readers go on reading."""
        check_text(project)
        with self.database.writing() as connection:
            connection.execute(sql.select(projects.c.name).where(projects.c.name == project).with_for_update())
            yield connection

    @contextmanager
    def restoring(self, project: str) -> Iterator[None]:
        """While entries of before come into a project in many transactions: its state is derived anew at the end."""
        self._restoring.add(project)
        try:
            yield
        finally:
            with self._lock:
                self._restoring.discard(project)
                self._states.pop(project, None)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        if not self._lock.acquire(timeout=WAIT_SECONDS):
            raise StoreUnavailable("store-locked", seconds=WAIT_SECONDS)
        try:
            yield
        finally:
            self._lock.release()

    def _log(self, connection: sql.Connection, project: str) -> ProjectLog:
        """Bring the derived state to the end of the log."""
        row = connection.execute(sql.select(projects).where(projects.c.name == project)).first()
        if row is None:
            names = connection.scalars(sql.select(projects.c.name).order_by(projects.c.name).limit(20)).all()
            raise InputError("store-no-project", project=project, projects=", ".join(names) or "—")
        if self._generation != self.database.generation:
            self._states.clear()
            self._generation = self.database.generation
        settings = SETTINGS | rows.settings_of(project, row.settings)
        derived = self._states.get(project)
        if derived is None or row.moves > derived.moves:  # all anew: somebody moved or removed some clips
            derived = Derived(row.moves)
        restoring = project in self._restoring
        derived = forward(connection, project, derived, skip_damaged=self.skip_damaged, restoring=restoring)
        self._states[project] = derived
        return ProjectLog(connection, project, settings, derived, self.stamp, self.skip_damaged)


def damage_notice(damaged: Sequence[tuple[str, str]]) -> Message:
    """Say which rows are damaged, and what to do."""
    rows_named = ", ".join(f"{project}: {row}" for project, row in damaged[:5])
    return Message("store-rows-damaged", {"count": len(damaged), "rows": rows_named})
