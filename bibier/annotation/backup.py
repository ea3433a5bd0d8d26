"""Annotations copied to a private dataset on the Hub, and brought back at a start.

Every copy is a new file, `events/<hash of the project>/<counter>-<writer>-<random>.jsonl`: the clips on which a person
has worked, and entries of the log with their stamps (`entries.py`), whose order is not that of any clock. Nothing there
is ever changed or deleted; of a clip that was deleted a line says so. Entries are known by their uuid, so that bringing
them back twice changes nothing, and several stores may copy to one dataset.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import threading
import uuid
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bibier.annotation.entries import LogEntry
from bibier.annotation.merging import Copy, merge, removal_line
from bibier.annotation.store import Store
from bibier.errors import InputError
from bibier.hub import hub_errors, snapshot
from bibier.i18n.messages import Message
from bibier.periodic import PeriodicTask

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, HfApi

EVERY = 240.0  # s between copies, when something is new: the promise is five minutes
ROOM = "events"


class Backup:
    """Copies of a store's events in a dataset.

    Parameters
    ----------
    store
        Whose events are copied, and into which they are brought back.
    dataset
        "user/name"; made when it isn't there, and refused when it is open to everybody.
    api
        A `huggingface_hub.HfApi` with a token that may write there.
    """

    def __init__(self, store: Store, dataset: str, api: HfApi, *, every: float = EVERY):
        self.store, self.dataset, self.api = store, dataset, api
        self.uuids: set[str] = set()  # uuids of the events in the dataset
        self.words: set[tuple[str, str]] = set()  # (project, SHA-256) of the clips in the dataset
        self.buried: set[tuple[str, str]] = set()  # (project, SHA-256) of those that the dataset says were deleted
        self.read: dict[str, int] = {}  # by project, the last running number that was looked at
        self.held: dict[str, list[LogEntry]] = defaultdict(list)  # by project, proposals for what nobody has worked on
        self.unread = 0  # lines of the dataset that can't be used
        self.restored = False
        self.success: datetime | None = None
        self.failure: tuple[datetime, InputError] | None = None
        self.task = PeriodicTask("backup", self._step_or_raise, every)
        self._lock = threading.Lock()

    def step(self) -> bool:
        """Bring back what hasn't been, and copy what is new whatever came of that; returns whether both went well.

        Never raises InputError: the first is kept in `failure`, and the next step tries again.
        """
        with self._lock:
            errors = [] if self.restored else self._restore()
            self.restored = not errors
            copied, failed = self._copy()
            if copied:
                self.success = datetime.now(UTC)
            errors += failed
            self.failure = (datetime.now(UTC), errors[0]) if errors else None
            return not errors

    def message(self) -> list[Message]:
        """Say when the last copy was made, and what failed since."""
        moment = "%Y-%m-%d %H:%M"
        done = Message("backup-done", {"time": f"{self.success:{moment}}"}) if self.success else Message("backup-never")
        messages = [done]
        if self.unread:
            messages.append(Message("backup-unread", {"count": self.unread, "name": self.dataset}))
        if self.failure:
            when, error = self.failure
            messages.append(Message("backup-last-failed", {"time": f"{when:{moment}}", "reason": error}))
        return messages

    def start(self) -> None:
        """Go on by itself, a step after each `every` seconds, whatever goes wrong in one."""
        self.task.start()

    def close(self) -> bool:
        """Stop, and copy what is new for the last time; returns whether that went well."""
        self.task.stop()
        return self.step()

    def _step_or_raise(self) -> None:
        if not self.step() and self.failure:
            raise self.failure[1]

    def _restore(self) -> list[InputError]:
        """Read the dataset's files into the store, each project by itself; returns what went wrong."""
        try:
            return self._restore_projects()
        except OSError as error:  # of this computer's disk
            return [InputError("backup-failed", reason=error.strerror or type(error).__name__)]

    def _restore_projects(self) -> list[InputError]:
        from huggingface_hub.errors import RepositoryNotFoundError

        errors: list[InputError] = []
        unread = 0
        with tempfile.TemporaryDirectory(prefix="bibier-backup-") as place:
            try:
                with hub_errors("backup-failed"):
                    try:
                        info = self.api.repo_info(self.dataset, repo_type="dataset")
                    except RepositoryNotFoundError:
                        return []  # the first copy makes it
                    pattern = [f"{ROOM}/*"]
                    snapshot(self.dataset, info.sha, pattern, api=self.api, repo_type="dataset", folder=Path(place))
            except InputError as error:
                return [error]
            for folder in sorted((Path(place) / ROOM).glob("*")):
                copy = read_folder(folder)
                try:
                    unread += self.take(copy)
                except InputError as error:
                    errors.append(error)
                self.words |= {(copy.project, clip) for clip in copy.clips}
                self.buried |= {(copy.project, clip) for clip in copy.removed}
        self.unread = unread
        return errors

    def take(self, copy: Copy) -> int:
        """Take what the dataset holds of a project into the store; returns how many lines can't be used.

        An act that stands here under an earlier stamp than there is copied once more, so that it does everywhere.
        Raises InputError of the store.
        """
        stands: set[str] = set()
        try:
            return merge(self.store, copy, unseen_by=self.store.writer, stands=stands)
        finally:
            self.uuids |= {entry.event.uuid for entry in copy.entries} - stands

    def _copy(self) -> tuple[bool, list[InputError]]:
        """Commit what the dataset lacks as new files; returns whether there was any, and what went wrong."""
        from huggingface_hub import CommitOperationAdd

        acts, copied, read, held, errors = [], set(), {}, {}, []
        try:
            projects = list(self.store.projects())
        except InputError as error:
            return False, [error]
        buried = set(self.buried)
        for project in projects:
            try:
                lines, fresh, held[project], read[project] = self._fresh(project, buried)
            except InputError as error:
                errors.append(error)
                continue
            if not lines:
                continue
            first = fresh[0].counter if fresh else 0
            name = f"{first:016d}-{self.store.writer}-{uuid.uuid4().hex}.jsonl"
            folder = hashlib.sha256(project.encode()).hexdigest()[:16]  # the name itself may be no path; events hold it
            text = "".join(f"{line}\n" for line in lines)
            acts.append(CommitOperationAdd(f"{ROOM}/{folder}/{name}", text.encode()))
            copied |= {entry.event.uuid for entry in fresh}
        if acts:
            try:
                self._commit(acts, f"{len(copied)} events")
            except InputError as error:
                return False, [*errors, error]
        self.uuids |= copied
        self.buried, self.read, self.held = buried, self.read | read, self.held | held
        return bool(acts), errors

    def _fresh(
        self, project: str, buried: set[tuple[str, str]]
    ) -> tuple[list[str], list[LogEntry], list[LogEntry], int]:
        """Return what the dataset lacks of a project: its lines, the entries in them, those held back, up to where.

        Held back are proposals for clips on which nobody has worked: their words may still have to be deleted. `buried`
        is brought up to date.
        """
        entries = self.store.entries(project, after=self.read.get(project, 0), skip_damaged=True)
        removed = {
            clip
            for clip in self.store.removed(project)
            if (project, clip) not in buried and ((project, clip) in self.words or not self.restored)
        }
        with self.store.reading(project) as log:
            worked, labels = set(log.state.worked), log.settings["labels"] if log.labels.is_own else []
            clips = list(log.state.clips)
        waiting = [*self.held[project], *(entry for entry in entries if entry.event.uuid not in self.uuids)]
        fresh = [entry for entry in waiting if entry.event.clip in worked]
        named = {entry.event.clip for entry in fresh}
        lines = [json.dumps({"clip": clip.content()}, ensure_ascii=False) for clip in clips if clip.sha256 in named]
        lines = [json.dumps({"labels": labels}, ensure_ascii=False)] * bool(labels and fresh) + lines
        lines += [entry.to_json() for entry in fresh] + [removal_line(clip) for clip in sorted(removed)]
        buried |= {(project, clip) for clip in removed}
        held = [entry for entry in waiting if entry.event.clip not in worked]
        last = max((entry.number for entry in entries), default=self.read.get(project, 0))
        return lines, fresh, held, last

    def _commit(self, acts: Sequence[CommitOperationAdd], message: str) -> None:
        with hub_errors("backup-failed"):
            self.api.create_repo(self.dataset, repo_type="dataset", private=True, exist_ok=True)
            if not self.api.repo_info(self.dataset, repo_type="dataset").private:
                raise InputError("backup-open", name=self.dataset)
            self.api.create_commit(self.dataset, acts, repo_type="dataset", commit_message=message)


def read_folder(folder: Path) -> Copy:
    """Read all files of one project in a dataset; what can't be read is counted."""
    copy = Copy()
    for path in sorted(folder.glob("*.jsonl")):
        # "\n" alone ends a line: others may stand in a text
        copy.read(path.read_text(encoding="utf-8", errors="replace").split("\n"))
    return copy
