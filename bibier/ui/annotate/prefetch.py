"""The model's proposals for the clips that are about to be labelled, made in the background and kept in the store."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as LateError
from typing import TYPE_CHECKING

from bibier.annotation.proposals import propose
from bibier.inference.queue import Turns
from bibier.log import note, told
from bibier.ui.services import Reader

if TYPE_CHECKING:
    from bibier.annotation.store import Clip, Store

PATIENCE = 15.0  # s that a reveal waits for a proposal


class Foresight:
    """Asks the models for clips, one at a time; what is no longer about to be shown is not asked.

    Parameters
    ----------
    store
        Where a proposal is kept, as an event that belongs to nobody.
    reader
        Delivers a predictor by the name of a recogniser, when the models are loaded.
    source
        Names the proposals, as in "model:compact".
    turns
        The queue of the device; whoever analyses goes first.
    """

    def __init__(self, store: Store, reader: Future[Callable[[str], Reader]], source: str, turns: Turns | None = None):
        self.store, self.reader, self.source, self.turns = store, reader, source, turns or Turns()
        self.pool = ThreadPoolExecutor(1, thread_name_prefix="foresight")
        self.jobs: dict[tuple[str, str], Future] = {}
        self.surveys: dict[str, threading.Thread] = {}
        self.lock = threading.Lock()

    def __call__(self, project: str, clips: list[Clip], *, wait: bool = False) -> None:
        """See to the proposals of `clips`; with `wait`, return when they are there or it takes too long."""
        with self.lock:
            wanted = {(project, clip.sha256): clip for clip in clips}
            for key, job in list(self.jobs.items()):
                if job.done() or (key[0] == project and key not in wanted and job.cancel()):
                    del self.jobs[key]
            for key, clip in wanted.items():
                if key not in self.jobs:
                    self.jobs[key] = self.pool.submit(self.propose, project, clip)
            mine = [self.jobs[key] for key in wanted]
        for job in mine if wait else ():
            try:
                job.result(PATIENCE)
            except LateError:
                return

    def survey(self, project: str) -> None:
        """See to the proposals of every clip of a project in the background; clips about to be shown go first."""
        with self.lock:
            if project not in self.surveys or not self.surveys[project].is_alive():
                self.surveys[project] = threading.Thread(target=self._survey, args=(project,), daemon=True)
                self.surveys[project].start()

    def _survey(self, project: str) -> None:
        for clip in self.store.clips(project):
            if (clip.sha256, self.source) not in self.store.proposals(project):
                self.pool.submit(self.propose, project, clip).result()

    def propose(self, project: str, clip: Clip) -> None:
        """Let the model hear and read one clip, and keep what it says; a clip on which it fails has no proposal."""
        if (clip.sha256, self.source) in self.store.proposals(project) or self.reader.exception() is not None:
            return
        try:
            with self.turns.turn(background=True):
                propose(self.store, project, clip, self.reader.result()("none"), self.source)
        except (MemoryError, RuntimeError) as error:
            note("propose", level=logging.ERROR, outcome="failed", **told(error))
