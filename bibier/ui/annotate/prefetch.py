"""The model's proposals for the clips that are about to be labelled, made in the background and kept in the store."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as LateError
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bibier.annotation.proposals import propose
from bibier.errors import InputError
from bibier.inference.queue import InferenceQueue
from bibier.log import note, told
from bibier.pauses import interruptible

if TYPE_CHECKING:
    from bibier.annotation.state import ProjectClip
    from bibier.annotation.store import Store
    from bibier.checkpoint.library import ModelLibrary
    from bibier.inference.predictor import Predictor

PATIENCE = 15.0  # s that a reveal waits for a proposal


@dataclass(eq=False)
class _Job:
    """A proposal that is being made, or will be; it is given up when nobody wants it any more."""

    future: Future[None]
    wanted_by: set[str] = field(default_factory=set)  # annotators to whom the clip is about to be shown
    waiting: int = 0  # reveals that wait for it


class Prefetcher:
    """Asks the models for clips, one at a time; what is no longer about to be shown to anybody is not asked.

    Parameters
    ----------
    store
        Where a proposal is kept, as an event that belongs to nobody.
    reader
        Delivers a predictor by the name of a recogniser, when the models are loaded.
    source
        Names the proposals, as in "model:compact".
    queue
        The queue of the device; whoever analyses goes first.
    """

    def __init__(
        self, store: Store, reader: Future[ModelLibrary[Predictor]], source: str, queue: InferenceQueue | None = None
    ):
        self.store, self.reader, self.source, self.queue = store, reader, source, queue or InferenceQueue()
        self.pool = ThreadPoolExecutor(1, thread_name_prefix="prefetch")
        self.jobs: dict[tuple[str, str], _Job] = {}  # (project, clip's hash) → its proposal
        self.projects: dict[str, threading.Thread] = {}  # of which every clip is proposed for
        self.lock = threading.Lock()

    def __call__(self, project: str, clips: list[ProjectClip], *, annotator: str = "", wait: bool = False) -> None:
        """See to the proposals of `clips`; with `wait`, return when they are there or it takes too long.

        Without `wait`, they take the place of those that the same annotator was about to be shown in the project.
        Raises InputError, when it waits, if the store can't be asked.
        """
        wanted = {(project, clip.sha256): clip for clip in clips}
        with self.lock:
            for key, clip in wanted.items():
                if key not in self.jobs or self.jobs[key].future.done():
                    self.jobs[key] = _Job(self.pool.submit(self.propose, project, clip))
            mine = [self.jobs[key] for key in wanted]
            for key, job in list(self.jobs.items()):
                if key in wanted:
                    job.waiting += wait
                    job.wanted_by.add(annotator)
                elif key[0] == project and not wait:
                    job.wanted_by.discard(annotator)
                if not job.wanted_by and not job.waiting:
                    job.future.cancel()
                if job.future.done():
                    del self.jobs[key]
        if not wait:
            return
        try:
            for job in mine:
                job.future.result(PATIENCE)
        except LateError:
            pass
        finally:
            with self.lock:
                for job in mine:
                    job.waiting -= 1

    def propose_all(self, project: str) -> None:
        """See to the proposals of every clip of a project in the background; clips about to be shown go first."""
        with self.lock:
            if project not in self.projects or not self.projects[project].is_alive():
                self.projects[project] = threading.Thread(target=self._propose_all, args=(project,), daemon=True)
                self.projects[project].start()

    def _propose_all(self, project: str) -> None:
        try:
            known = self.store.proposals(project)
            for clip in self.store.clips(project):
                if (clip.sha256, self.source) not in known:
                    self.pool.submit(self.propose, project, clip).result()
        except InputError as error:  # of the store; the next visit begins again
            note("propose", level=logging.ERROR, outcome="failed", reason=error.key)

    def propose(self, project: str, clip: ProjectClip) -> None:
        """Let the model hear and read one clip, and keep what it says; a clip on which it fails has no proposal.

        Raises InputError if the store can't be asked.
        """
        with self.store.reading(project) as log:
            known = (clip.sha256, self.source) in log.state.proposals
        if known or self.reader.exception() is not None:
            return
        try:
            with (
                self.queue.ticket(background=True) as ticket,
                interruptible(ticket.pass_turn, check=ticket.check, background=True),
            ):
                propose(self.store, project, clip, self.reader.result()("none"), self.source)
        except (MemoryError, RuntimeError) as error:
            note("propose", level=logging.ERROR, outcome="failed", **told(error))
