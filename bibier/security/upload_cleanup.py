"""The folder of uploads: it is ours alone, has a limit, and is cleaned of what nobody uses, the oldest first.

A file is in use when it is a clip of the store, or when a session that uploaded or received it is open. Only a folder
that this program made or found empty is cleaned: it holds a lock file of ours, and one running program holds the lock.
"""

from __future__ import annotations

import math
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from bibier.periodic import PeriodicTask
from bibier.security.ownership import IDLE, Ownership, charge

LOCK = ".bibier-uploads"
GRACE = 120.0  # s in which a file that belongs to no session is still being sent or made; then it goes
SHORT = 60.0  # s, of IDLE, that a session without an open tab is waited for where there is no room
PERIOD = 60.0  # s between two cleanings
KEEP = 24 * 3600.0  # s that an unused file is kept
RESERVE = 1_000_000  # bytes that an upload leaves free: annotations may lie on the same disk
TARGET = 0.9  # of the limit, to which a cleaning goes down: not every upload should cause one


@dataclass(frozen=True)
class Folder:
    """Where uploads lie; `ours`: it may be cleaned. The lock is held as long as the program runs."""

    path: Path
    ours: bool
    lock: FileLock | None = None


def take(path: Path) -> Folder | None:
    """Take a folder for this program alone; None when another runs on it.

    A folder in which others have put files is used, but is not ours.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (path / LOCK).exists() and any(path.iterdir()):
        return Folder(path, ours=False)
    lock = FileLock(path / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return None
    return Folder(path, ours=True, lock=lock)


def claim(chosen: str | None) -> Folder:
    """Take the folder that was chosen ($GRADIO_TEMP_DIR), else the first free one of this user's.

    The latter lies in the system's place for temporary files. What a killed program left there is found and cleaned by
    the next.
    """
    if chosen:
        path = Path(chosen).expanduser().absolute()
        return take(path) or Folder(path, ours=False)
    place = Path(tempfile.gettempdir()) / f"bibier-{os.getuid() if hasattr(os, 'getuid') else 'user'}"
    place.mkdir(mode=0o700, exist_ok=True)
    if hasattr(os, "getuid") and (place.is_symlink() or place.stat().st_uid != os.getuid()):
        place = Path(tempfile.mkdtemp(prefix="bibier-"))  # someone else was there first
    number = 1
    while (folder := take(place / f"uploads-{number}")) is None:
        number += 1
    return folder


class UploadCleanup:
    """Cleans the folder of uploads, in a thread of its own once `start` was called, and before each upload.

    Parameters
    ----------
    folder, ownership
        The place, and what is in use there.
    protected
        Gives the store's clips, as real paths: they are never touched.
    limit
        Bytes that the folder may hold.
    keep
        Seconds for which an unused file is kept when there is room.
    """

    def __init__(
        self,
        folder: Folder,
        ownership: Ownership,
        protected: Callable[[], frozenset[str]],
        *,
        limit: int,
        keep: float = KEEP,
    ):
        self.folder, self.ownership, self.protected, self.limit, self.keep = folder, ownership, protected, limit, keep
        self.running = threading.Lock()  # one cleaning at a time
        self.task = PeriodicTask("cleaning", self.sweep, PERIOD)

    def files(self) -> list[tuple[float, int, str]]:
        """List the files as (last use in s since 1970, bytes, real path), the longest unused first."""
        files = []
        for place, _, names in os.walk(self.ownership.folder):  # symbolic links are not followed
            for name in names:
                file = Path(place, name)
                try:
                    facts = file.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue  # it went meanwhile
                if name != LOCK:
                    used = max(facts.st_mtime, self.ownership.used.get(str(file), 0.0))
                    files.append((used, charge(facts.st_size), str(file)))
        return sorted(files)

    def sweep(self, *, needed: int = 0, keep: float | None = None, grace: float = GRACE) -> tuple[int, int]:
        """Delete what is unused: all that is older than `keep` or nobody's, and further until `needed` bytes fit.

        Returns
        -------
        Bytes that are there afterwards, and how many files were deleted.
        """
        keep = self.keep if keep is None else keep
        with self.running:
            files = self.files()
            total, gone = sum(size for _, size, _ in files), 0
            crowded = total + needed > self.limit
            goal = max(0, TARGET * self.limit - needed) if crowded else math.inf
            now, owners = time.time(), self.ownership.owners
            old = {path for used, _, path in files if now - used > (keep if path in owners else min(keep, grace))}
            if not self.folder.ours or not (crowded or old):
                return total, 0
            listed = self.protected()
            for _, size, path in files:
                if (total <= goal and path not in old) or path in listed:
                    continue
                if self.delete(path, now, grace=grace, idle=SHORT if crowded else IDLE):
                    total, gone = total - size, gone + 1
        return total, gone

    def delete(self, path: str, now: float, *, grace: float = GRACE, idle: float = IDLE) -> bool:
        """Delete a file unless it is in use; its folder too, when it was the last in it.

        A session whose tabs are all closed is waited for `idle` seconds, a file that is nobody's yet `grace`. One that
        somebody else has deleted since it was listed is gone too.
        """
        with self.ownership.lock:  # nobody may begin to use it in between
            try:
                fresh = path not in self.ownership.owners and now - Path(path).stat().st_mtime < grace
            except FileNotFoundError:
                fresh = False
            if fresh or self.ownership.in_use(path, idle):
                return False
            Path(path).unlink(missing_ok=True)
            self.ownership.forget(path)
        self.remove_if_empty(Path(path).parent)
        return True

    def remove_if_empty(self, folder: Path) -> None:
        """Remove a folder in the folder of uploads, once nothing is in it."""
        if str(folder) != self.ownership.folder:
            with suppress(OSError):  # something is in it, or it is gone already
                folder.rmdir()

    def erase(self, session: str) -> tuple[int, int]:
        """Delete a session's files at once, also while it is open.

        Returns
        -------
        How many are gone, and how many stay since another session sent the very same or a project lists them.
        """
        gone, stay = 0, 0
        with self.running:
            own = self.ownership.of(session)
            listed = self.protected() if own else frozenset()
            for path in own:
                with self.ownership.lock:
                    if self.ownership.give_up(session, path) or path in listed:
                        stay += 1
                        continue
                    self.ownership.forget(path)
                    Path(path).unlink(missing_ok=True)
                gone += 1
                self.remove_if_empty(Path(path).parent)
        return gone, stay

    def room(self, size: int) -> bool:
        """Make room for so many bytes; whether they fit: into the limit, and onto the disk with something left over."""
        total, _ = self.sweep(needed=size)
        return total + size <= self.limit and shutil.disk_usage(self.ownership.folder).free >= size + RESERVE

    def trim(self, party: str, most: int) -> int:
        """Delete what a party's sessions no longer use, the longest unused first, until they have at most these bytes.

        Returns
        -------
        Bytes that they have then.
        """
        files = self.ownership.files_of(party)
        total = sum(size for _, size, _ in files)
        if total <= most or not self.folder.ours:
            return total
        with self.running:
            listed, now = self.protected(), time.time()
            for _, size, path in files:
                if total <= most:
                    break
                if path not in listed and Path(path).exists() and self.delete(path, now, idle=SHORT):
                    total -= size
        return total

    def start(self) -> None:
        """Delete what an earlier run left, which is nobody's now, and clean from now on every minute."""
        self.task.start()
        self.sweep(keep=0.0, grace=0.0)

    def stop(self) -> None:
        """End the thread."""
        self.task.stop()
