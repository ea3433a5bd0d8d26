"""How much may be kept: room for an upload is reserved before its first byte is let in, and counted with all else.

Without a reservation, many uploads at once would each find the room that is there for one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from bibier.errors import InputError, RequestError
from bibier.i18n.messages import Message
from bibier.security.responses import size as in_words
from bibier.security.upload_cleanup import UploadCleanup

FILES = 1000  # of one session
TOGETHER = 2  # shares that all sessions of one person, or from one network, may take: a session costs nothing
SLACK = 64_000  # bytes of a form around the files


class NoRoom(RequestError):
    """There is no room for an upload; the sentence says whose share is used up."""

    def __init__(self, key: str, **values: object):
        self.message = Message(key, values)
        super().__init__(key)


class Reservation:
    """Room for one upload: `size` bytes of a session and its party, of which `left` have not arrived yet."""

    def __init__(self, session: str, size: int, party: str = ""):
        self.session, self.party, self.size, self.left = session, party, size, size

    def arrived(self, count: int) -> None:
        """Count bytes that lie on the disk now, and are counted there."""
        self.left = max(0, self.left - count)


class DiskQuota:
    """Reserves room for uploads.

    Parameters
    ----------
    cleanup
        Makes room in the folder of uploads.
    share
        Bytes that one session's files may take in all. All sessions of a person who signed in, or from one network
        where nobody does, may take twice that together.
    """

    def __init__(self, cleanup: UploadCleanup, *, share: int):
        self.cleanup, self.ownership, self.share = cleanup, cleanup.ownership, share
        self.reserved: set[Reservation] = set()
        self.lock = threading.Lock()

    def reserve(self, session: str, size: int, party: str = "") -> Reservation:
        """Reserve bytes; `release` must follow. Waits for the disk. Raises NoRoom; InputError of the store."""
        with self.lock:
            files, weight = self.ownership.weight(session)
            # Whole: what has arrived is the session's file only when the upload is through.
            own = [other.size for other in tuple(self.reserved) if other.session == session]
            if files + len(own) >= FILES:
                raise NoRoom("guard-files", limit=FILES)
            if weight + sum(own) + size > self.share + SLACK:
                raise NoRoom("guard-share", limit=in_words(self.share))
            if party:
                together = TOGETHER * self.share
                coming = sum(other.size for other in tuple(self.reserved) if other.party == party)
                if coming and coming + size > together + SLACK:
                    raise NoRoom("guard-coming")
                if self.cleanup.trim(party, max(0, together - coming - size)) + coming + size > together + SLACK:
                    raise NoRoom("guard-together", limit=in_words(together))
            if not self.cleanup.room(size + sum(other.left for other in tuple(self.reserved))):
                raise NoRoom("guard-full")
            reservation = Reservation(session, size, party)
            self.reserved.add(reservation)
        return reservation

    def release(self, reservation: Reservation) -> None:
        """Give back what has not arrived."""
        self.reserved.discard(reservation)

    def write(self, owner: tuple[str, str], size: int, write: Callable[[], Path]) -> Path:
        """Have a file of so many bytes written into the folder for a visitor, whose own it is from then on.

        `owner` is the session and its party. Raises InputError when there is no room.
        """
        session, party = owner
        try:
            reservation = self.reserve(session, size, party)
        except NoRoom as full:
            raise InputError(full.message.key, **full.message.values) from full
        try:
            path = write()
            self.ownership.grant(session, str(path))
        finally:
            self.release(reservation)
        return path
