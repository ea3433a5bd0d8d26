"""Where the clips of all projects lie: asked before a file is deleted, so each change is looked at once."""

from __future__ import annotations

import os
import threading

from bibier.annotation.store import Store

Changes = tuple[int, int, int]  # of the database's file, of what is known of a project's clips, its last clip


class ClipPaths:
    """The real paths of all clips of a store; calling it looks only at the projects that changed since.

    Parameters
    ----------
    store
        Where they are listed.
    """

    def __init__(self, store: Store):
        self.store, self.lock = store, threading.Lock()
        self.by_project: dict[str, tuple[Changes, frozenset[str]]] = {}
        self.all: frozenset[str] = frozenset()

    def __call__(self) -> frozenset[str]:
        """Return the paths, links followed. Raises InputError of the store."""
        names = self.store.projects()
        with self.lock:
            now = {name: self._of(name) for name in names}
            if now != self.by_project:
                self.by_project, self.all = now, frozenset().union(*(paths for _, paths in now.values()))
            return self.all

    def _of(self, name: str) -> tuple[Changes, frozenset[str]]:
        """Return a project's paths, those that are known where nothing has changed."""
        with self.store.reading(name) as log:
            moves, _, last = log.version
            changes = (self.store.database.generation, moves, last)
            if (known := self.by_project.get(name)) and known[0] == changes:
                return known
            paths = [clip.path for clip in log.state.clips]
        return changes, frozenset(map(os.path.realpath, paths))
