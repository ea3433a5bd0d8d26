"""One writer at a time for a SQLite file in a place whose locks keep nobody apart, such as a bucket or a share.

Two containers may have mounted one bucket while a new version is deployed, and neither sees the other's locks. So who
writes there says so in a file beside the database, and says it again and again; who finds another's word there writes
only when it has not changed for a while.
"""

from __future__ import annotations

import errno
import json
import os
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from bibier.errors import StoreUnavailable
from bibier.file_names import short_name
from bibier.files import atomic_write

ENDING = ".writer"  # after the database's name
LEASE = 30.0  # s after which a word that has not changed is that of a program that ended; a transaction is shorter
IDLE = 120.0  # s of age after which it is, also for a program that has just begun
RENEWED = 5.0  # s after which one's own word is said again
MOUNTS = Path("/proc/self/mounts")
APART = ("nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "afs", "ncpfs")  # file systems of several computers
LOCAL_FUSE = ("fuse.fuse-overlayfs", "fuse.overlayfs", "fuse.lxcfs")  # of FUSE's, those of one


class WriterLease:
    """The right to write to a database file.

    Parameters
    ----------
    database
        The file.
    writer
        Who wants to write.
    clock
        Seconds that never go back.
    """

    def __init__(self, database: Path, writer: str, clock: Callable[[], float] = time.monotonic):
        self.place, self.writer, self.clock = database.with_name(f"{database.name}{ENDING}"), writer, clock
        self._beat, self._said = 0, -RENEWED  # when one's own word was said last
        self._other: tuple[str, float] | None = None  # another's word, and since when it is known
        self._lock = threading.Lock()

    def hold(self) -> None:
        """See that nobody else writes. Raises StoreUnavailable while somebody does."""
        with self._lock:
            word, now = self._word(), self.clock()
            if word and not self._is_mine(word):
                if self._other is None or self._other[0] != word:
                    self._other = (word, now)
                if now - self._other[1] < LEASE and self._age() < IDLE:
                    raise self._taken()
            if not word or not self._is_mine(word) or now - self._said >= RENEWED:
                self._say(now)

    def release(self) -> None:
        """Let others write at once."""
        with self._lock:
            if self._is_mine(self._word()):
                self.place.unlink(missing_ok=True)

    def _say(self, now: float) -> None:
        self._beat += 1
        try:
            atomic_write(self.place, json.dumps({"writer": self.writer, "beat": self._beat}), shared=True)
        except OSError as error:
            raise StoreUnavailable("store-closed", reason=error.strerror or type(error).__name__) from error
        if not self._is_mine(self._word()):  # two took it at once
            raise self._taken()
        self._said = now

    def _taken(self) -> StoreUnavailable:
        return StoreUnavailable("store-other-writer", place=short_name(self.place.parent), seconds=IDLE)

    def _age(self) -> float:
        """Return the seconds since the word there was said, by that place's own clock: this computer's may be wrong."""
        try:
            with tempfile.NamedTemporaryFile(dir=self.place.parent, prefix=".now-") as probe:
                return Path(probe.name).stat().st_mtime - self.place.stat().st_mtime
        except OSError:
            return 0.0

    def _word(self) -> str:
        try:
            return self.place.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise StoreUnavailable("store-closed", reason=error.strerror or type(error).__name__) from error

    def _is_mine(self, word: str) -> bool:
        return f'"writer": "{self.writer}"' in word


def keeps_locks(folder: Path) -> bool:
    """Whether SQLite's locks keep programs apart in a folder: on this computer, and on others that have it mounted."""
    kind = file_system(folder)
    if kind in APART or (kind.startswith("fuse.") and kind not in LOCAL_FUSE):
        return False
    return _locks_work(folder)


def file_system(folder: Path, mounts: Path = MOUNTS) -> str:
    """Return the type of the file system of a folder as Linux names it, "" where that is not known."""
    try:
        lines = [line.split() for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines()]
    except OSError:
        return ""
    whole = folder.resolve()
    kinds = {Path(line[1].replace("\\040", " ")): line[2] for line in lines if len(line) > 2}  # the last mounted counts
    above = [place for place in kinds if whole.is_relative_to(place)]
    return kinds[max(above, key=lambda place: len(place.parts))] if above else ""


def _locks_work(folder: Path) -> bool:
    """Whether a lock on a file keeps another opening of it out. True where that can't be tried."""
    if sys.platform != "linux":
        return True
    import fcntl  # no other system has these locks

    wanted = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 1, 0)
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".lock-") as first, Path(first.name).open("rb+") as second:
            fcntl.fcntl(first, fcntl.F_OFD_SETLK, wanted)
            try:
                fcntl.fcntl(second, fcntl.F_OFD_SETLK, wanted)
            except OSError as error:
                return error.errno in (errno.EAGAIN, errno.EACCES)
            return False
    except OSError as error:
        return error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # else: no such folder, read-only, …
