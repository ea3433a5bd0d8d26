"""Annotations copied to a private dataset on the Hub, and brought back at a start.

Every copy is a new file, `events/<hash of the project>/<time>-<random>.jsonl`, in the form of an export of events;
nothing there is ever changed or deleted. Events are known by their uuid, so that bringing them back twice changes
nothing.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import threading
import uuid
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bibier.annotation.imports import add_events, read_events
from bibier.annotation.store import Store
from bibier.errors import InputError
from bibier.hub import hub_errors, snapshot
from bibier.i18n.messages import Message

if TYPE_CHECKING:
    from huggingface_hub import HfApi

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
        self.store, self.dataset, self.api, self.every = store, dataset, api, every
        self.uuids: set[str] = set()  # uuids of the events in the dataset
        self.read: dict[str, int] = {}  # by project, the last running number that was copied
        self.restored = False
        self.success: datetime | None = None
        self.failure: tuple[datetime, InputError] | None = None
        self._stop, self._lock, self._thread = threading.Event(), threading.Lock(), None

    def step(self) -> bool:
        """Bring back what hasn't been, then copy what is new; returns whether that went well. Never raises
        InputError: it is kept in `failure`, and the next step tries again."""
        with self._lock:
            try:
                if not self.restored:
                    self._restore()
                    self.restored = True
                if self._copy():
                    self.success = datetime.now(UTC)
                self.failure = None
            except InputError as error:
                self.failure = (datetime.now(UTC), error)
            return self.failure is None

    def message(self) -> list[Message]:
        """Say when the last copy was made, and what failed since."""
        moment = "%Y-%m-%d %H:%M"
        done = Message("backup-done", {"time": f"{self.success:{moment}}"}) if self.success else Message("backup-never")
        messages = [done]
        if self.failure:
            when, error = self.failure
            messages.append(Message("backup-last-failed", {"time": f"{when:{moment}}", "reason": error}))
        return messages

    def start(self) -> None:
        """Go on by itself, a step after each `every` seconds."""

        def loop() -> None:
            while not self._stop.wait(self.every):
                self.step()

        self._thread = threading.Thread(target=loop, name="backup", daemon=True)
        self._thread.start()

    def close(self) -> bool:
        """Stop, and copy what is new for the last time; returns whether that went well."""
        self._stop.set()
        if self._thread:
            self._thread.join()
        return self.step()

    def _restore(self) -> None:
        """Read the dataset's files into the store."""
        from huggingface_hub.errors import RepositoryNotFoundError

        with tempfile.TemporaryDirectory(prefix="bibier-backup-") as place, hub_errors("backup-failed"):
            try:
                info = self.api.repo_info(self.dataset, repo_type="dataset")
            except RepositoryNotFoundError:
                return  # the first copy makes it
            snapshot(self.dataset, info.sha, [f"{ROOM}/*"], api=self.api, repo_type="dataset", folder=Path(place))
            for folder in sorted((Path(place) / ROOM).glob("*")):
                # one after another in the order of time, as they were done
                lines = [p.read_text(encoding="utf-8") for p in sorted(folder.glob("*.jsonl"))]
                whole = Path(place) / "whole.jsonl"
                whole.write_text("".join(lines), encoding="utf-8")
                _, events = read_events(whole)
                if events:
                    add_events(self.store, events[0].project, whole)
                self.uuids |= {event.uuid for event in events}

    def _copy(self) -> bool:
        """Commit the events that the dataset lacks as new files; returns whether there were any."""
        from huggingface_hub import CommitOperationAdd

        acts, copied, read = [], set(), {}
        for project in self.store.projects():
            events = self.store.events(project, after=self.read.get(project, 0))
            fresh = [event for _, event in events if event.uuid not in self.uuids]
            read |= {project: events[-1][0]} if events else {}
            if not fresh:
                continue
            named = {event.clip for event in fresh}
            clips = [clip for clip in self.store.clips(project) if clip.sha256 in named]
            lines = [json.dumps({"clip": asdict(clip)}, ensure_ascii=False) for clip in clips]
            lines += [event.to_json() for event in fresh]
            name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{uuid.uuid4().hex}.jsonl"
            folder = hashlib.sha256(project.encode()).hexdigest()[:16]  # the name itself may be no path; events hold it
            text = "".join(f"{line}\n" for line in lines)
            acts.append(CommitOperationAdd(f"{ROOM}/{folder}/{name}", text.encode()))
            copied |= {event.uuid for event in fresh}
        if acts:
            with hub_errors("backup-failed"):
                self.api.create_repo(self.dataset, repo_type="dataset", private=True, exist_ok=True)
                if not self.api.repo_info(self.dataset, repo_type="dataset").private:
                    raise InputError("backup-open", name=self.dataset)
                self.api.create_commit(self.dataset, acts, repo_type="dataset", commit_message=f"{len(copied)} events")
        self.uuids |= copied
        self.read |= read
        return bool(acts)
