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

from bibier.process import open_files

MOST = 100_000  # tabs, calls and sessions remembered
CONNECTIONS_OF_ONE = 24  # whose answer lasts, of a session: two of each tab
CONNECTIONS_OF_ADDRESS = 120
SMALLEST = 8192  # bytes that a file takes at least: a block, and one of its folder
IDLE = 600.0  # s after the last sign of life during which a session counts as open
REMEMBERED = 2 * IDLE  # s that a closed tab, a call and a session that has nothing are remembered unused


def charge(size: int) -> int:
    """Return the bytes that a file of this size takes of the disk with the folder that it lies in."""
    return max(size, SMALLEST)


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
        self.held: Counter[str] = Counter()  # session → how many files it has
        self.used: dict[str, float] = {}  # file → time of the last use, s since 1970
        # tab, call or upload by its random name → session, last use in s of the clock; the last last
        self.tabs: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self.projects: defaultdict[str, set[str]] = defaultdict(set)  # session → projects it entered
        self.sent: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)  # session → (project, clip's hash)
        self.streams: Counter[str] = Counter()  # session → open connections whose answer lasts
        self.addresses: Counter[str] = Counter()  # network of an address → the same
        self.seen: OrderedDict[str, float] = OrderedDict()  # session → last sign of life, s since 1970; the last last
        self.away: OrderedDict[str, None] = OrderedDict()  # sessions that were not seen for long, and have something
        self.connections = open_files() // 2  # of all visitors
        self.beating: Counter[str] = Counter()  # tab → connections by which it says that it is there
        self.parties: dict[str, str] = {}  # session → who it is, or the network of its last address
        self.lock = threading.RLock()  # of files; held while one is deleted, so the event loop never waits for it
        self.tabs_lock = threading.Lock()  # of tabs and sessions; nothing is done on the disk under it

    def inside(self, path: str) -> bool:
        """Whether a real path lies in the folder of uploads."""
        return path.startswith(self.folder + os.sep)

    # --- sessions --------------------------------------------------------------------------------------------------

    def alive(self, session: str, party: str = "") -> None:
        """Note a sign of life, and who gives it: a person signed in, or the network of an address."""
        now = time.time()
        with self.tabs_lock:
            if party:
                self.parties[session] = party
            self.away.pop(session, None)
            self.seen[session] = now
            self.seen.move_to_end(session)
            while now - self.seen[oldest := next(iter(self.seen))] > REMEMBERED:
                del self.seen[oldest]
                if self.streams.get(oldest):  # it says nothing, but it listens
                    self.seen[oldest] = now
                else:
                    self.away[oldest] = None
                    self._leave(oldest)
            while len(self.seen) + len(self.away) > MOST:
                gone, _ = (self.away or self.seen).popitem(last=False)
                self._drop(gone)

    def _leave(self, session: str) -> None:
        """Forget a session that is away, unless it has something to come back for, or that counts to its party."""
        if session in self.away and not any(of.get(session) for of in (self.projects, self.sent, self.held)):
            del self.away[session]
            self._drop(session)

    def _drop(self, session: str) -> None:
        for table in (self.projects, self.sent, self.parties):
            table.pop(session, None)

    def open(self, session: str, idle: float = IDLE) -> bool:
        """Whether a tab of the session is open, or was until so many seconds ago."""
        return self.streams.get(session, 0) > 0 or time.time() - self.seen.get(session, 0.0) < idle

    def is_open_tab(self, tab: str) -> bool:
        """Whether a tab has a connection by which it says that it is there."""
        return self.beating.get(tab, 0) > 0

    def connect(self, session: str, address: str, tab: str | None = None) -> bool:
        """Count a connection whose answer lasts, of a tab that says by it that it is there.

        False when there are too many, and then it is not counted.
        """
        with self.tabs_lock:
            if (
                self.streams[session] >= CONNECTIONS_OF_ONE
                or self.addresses[address] >= CONNECTIONS_OF_ADDRESS
                or self.streams.total() >= self.connections
            ):
                return False
            self.streams[session] += 1
            self.addresses[address] += 1
            if tab is not None:
                self.beating[tab] += 1
        return True

    def disconnect(self, session: str, address: str, tab: str | None = None) -> None:
        """Count a connection as ended; until a while later the session still counts as open."""
        with self.tabs_lock:
            counters = [(self.streams, session), (self.addresses, address)]
            if tab is not None:
                counters.append((self.beating, tab))
            for counter, key in counters:
                counter[key] -= 1
                if counter[key] <= 0:
                    del counter[key]
        self.alive(session)

    def claim(self, tab: str, session: str) -> bool:
        """Take a tab, call or upload by its random name; False when it is another session's."""
        now = time.monotonic()
        with self.tabs_lock:
            owner, _ = self.tabs.get(tab, (session, now))
            self.tabs[tab] = (owner, now)
            self.tabs.move_to_end(tab)
            while now - self.tabs[oldest := next(iter(self.tabs))][1] > REMEMBERED:
                whose, _ = self.tabs.pop(oldest)
                if self.is_open_tab(oldest):
                    self.tabs[oldest] = (whose, now)
            while len(self.tabs) > MOST:
                self.tabs.popitem(last=False)
        return owner == session

    def owner(self, tab: str) -> tuple[str, str]:
        """Return the session whose a tab is and its party; "" where nobody's."""
        session, _ = self.tabs.get(tab, ("", 0.0))
        return session, self.parties.get(session, "")

    # --- files -----------------------------------------------------------------------------------------------------

    def grant(self, session: str, path: str) -> None:
        """Let a session read a file of the folder; another place is not given away by this."""
        path = os.path.realpath(path)
        if self.inside(path):
            with self.lock:
                sessions = self.owners.setdefault(path, set())
                self.held[session] += session not in sessions
                sessions.add(session)
                self.used[path] = time.time()

    def owns(self, session: str, path: str) -> bool:
        """Whether a file is the session's own; notes its use."""
        path = real_path(path)
        with self.lock:
            if session not in self.owners.get(path, ()):
                return False
            self.used[path] = time.time()
        return True

    def may_read(self, session: str, path: str) -> bool:
        """Whether a session may read a file: its own, or a public one."""
        real = real_path(path)
        return self.owns(session, real) or any(real.startswith(place + os.sep) for place in self.public)

    def in_use(self, path: str, idle: float = IDLE) -> bool:
        """Whether a session that may come back for the file is open, or was until so many seconds ago."""
        with self.lock:
            return any(self.open(session, idle) for session in self.owners.get(path, ()))

    def weight(self, session: str) -> tuple[int, int]:
        """Return how many files a session has, and what they take of the disk in bytes."""
        with self.lock:
            mine = [path for path, sessions in self.owners.items() if session in sessions]
        sizes = [charge(file.stat().st_size) for file in map(Path, mine) if file.exists()]
        return len(sizes), sum(sizes)

    def files_of(self, party: str) -> list[tuple[float, int, str]]:
        """List the files of all of a party's sessions: last use in s since 1970, bytes of the disk, path; oldest first.

        The sessions of one person, or those from one network.
        """
        with self.tabs_lock:
            members = {session for session, other in self.parties.items() if other == party}
        with self.lock:
            theirs = [
                (self.used.get(path, 0.0), path)
                for path, sessions in self.owners.items()
                if not members.isdisjoint(sessions)
            ]
        files = [(used, Path(path)) for used, path in sorted(theirs)]
        return [(used, charge(file.stat().st_size), str(file)) for used, file in files if file.exists()]

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

    def give_up(self, session: str, path: str) -> bool:
        """Take a file from a session; whether another one has it too."""
        with self.lock:
            sessions = self.owners[path]
            sessions.discard(session)
            self._let_go(session)
            return bool(sessions)

    def forget(self, path: str) -> None:
        """Drop a file that was deleted."""
        with self.lock:
            for session in self.owners.pop(path, ()):
                self._let_go(session)
            self.used.pop(path, None)

    def _let_go(self, session: str) -> None:
        self.held[session] -= 1
        if self.held[session] <= 0:
            del self.held[session]
            with self.tabs_lock:
                self._leave(session)


def real_path(path: str) -> str:
    """Return where a path leads; nowhere, an empty one, if it holds signs that no path can."""
    try:
        return os.path.realpath(path)
    except ValueError:
        return ""
