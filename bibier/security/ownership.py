"""What belongs to whom: uploaded and received files, open tabs, projects entered. Kept in memory.

A session is a browser (its cookie) with the person signed in; a program that keeps no cookies is known by its address.
"""

from __future__ import annotations

import filecmp
import os
import threading
import time
from collections import Counter, OrderedDict, defaultdict
from pathlib import Path

MOST = 100_000  # tabs and calls remembered
IDLE = 600.0  # s after the last sign of life during which a session counts as open


class Ownership:
    """Whose files, tabs and projects. All paths are real ones: no symbolic link, no `..`.

    Parameters
    ----------
    folder
        Where uploads and received files lie.
    public
        Folders whose files anybody may read.
    """

    def __init__(self, folder: Path, public: tuple[Path, ...] = ()):
        self.folder = os.path.realpath(folder)
        self.public = tuple(os.path.realpath(path) for path in public)
        self.owners: dict[str, set[str]] = {}  # file → sessions
        self.used: dict[str, float] = {}  # file → time of the last use, s since 1970
        self.tabs: OrderedDict[str, str] = OrderedDict()  # tab, call or upload by its random name → session
        self.projects: defaultdict[str, set[str]] = defaultdict(set)  # session → projects it entered
        self.sent: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)  # session → (project, clip's hash)
        self.streams: Counter[str] = Counter()  # session → open connections that say a tab is there
        self.seen: dict[str, float] = {}  # session → last sign of life, s since 1970
        self.lock = threading.RLock()  # of files; held while one is deleted, so the event loop never waits for it
        self.tabs_lock = threading.Lock()  # of tabs and sessions; nothing is done on the disk under it

    def inside(self, path: str) -> bool:
        """Whether a real path lies in the folder of uploads."""
        return path.startswith(self.folder + os.sep)

    # --- sessions --------------------------------------------------------------------------------------------------

    def alive(self, session: str) -> None:
        """Note a sign of life."""
        with self.tabs_lock:
            self.seen[session] = time.time()
            if len(self.seen) > MOST:
                for idle in [known for known in self.seen if not self.open(known)]:
                    del self.seen[idle]
                    self.projects.pop(idle, None)
                    self.sent.pop(idle, None)

    def open(self, session: str) -> bool:
        """Whether a tab of the session is open, or was until a short while ago."""
        return self.streams[session] > 0 or time.time() - self.seen.get(session, 0.0) < IDLE

    def claim(self, tab: str, session: str) -> bool:
        """Take a tab, call or upload by its random name; False when it is another session's."""
        with self.tabs_lock:
            owner = self.tabs.setdefault(tab, session)
            self.tabs.move_to_end(tab)
            while len(self.tabs) > MOST:
                self.tabs.popitem(last=False)
        return owner == session

    # --- files -----------------------------------------------------------------------------------------------------

    def grant(self, session: str, path: str) -> None:
        """Let a session read a file of the folder; another place is not given away by this."""
        path = os.path.realpath(path)
        if self.inside(path):
            with self.lock:
                self.owners.setdefault(path, set()).add(session)
                self.used[path] = time.time()

    def owns(self, session: str, path: str) -> bool:
        """Whether a file is the session's own; notes its use."""
        path = os.path.realpath(path)
        with self.lock:
            if session not in self.owners.get(path, ()):
                return False
            self.used[path] = time.time()
        return True

    def may_read(self, session: str, path: str) -> bool:
        """Whether a session may read a file: its own, or a public one."""
        real = os.path.realpath(path)
        return self.owns(session, real) or any(real.startswith(place + os.sep) for place in self.public)

    def in_use(self, path: str) -> bool:
        """Whether a session that may come back for the file is open."""
        with self.lock:
            return any(self.open(session) for session in self.owners.get(path, ()))

    def weight(self, session: str) -> int:
        """Return the bytes of a session's files."""
        with self.lock:
            mine = [path for path, sessions in self.owners.items() if session in sessions]
        return sum(file.stat().st_size for file in map(Path, mine) if file.exists())

    def of(self, session: str) -> list[str]:
        """Return a session's files, without copies of public ones."""
        with self.lock:
            mine = sorted(path for path, sessions in self.owners.items() if session in sessions)
        return [path for path in mine if not self.copied(path)]

    def copied(self, path: str) -> bool:
        """Whether a file is a copy of a public one of its name."""
        copy = Path(path)
        originals = [Path(place, copy.name) for place in self.public]
        return copy.exists() and any(
            original.exists() and filecmp.cmp(original, copy, shallow=False) for original in originals
        )

    def forget(self, path: str) -> None:
        """Drop a file that was deleted."""
        with self.lock:
            self.owners.pop(path, None)
            self.used.pop(path, None)
