"""How much may be kept: room for an upload is reserved before its first byte is let in, and counted with all else.

Without a reservation, many uploads at once would each find the room that is there for one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from bibier.errors import InputError, RequestError
from bibier.i18n.messages import Message
from bibier.security.ownership import Ownership
from bibier.security.responses import size as in_words

FILES = 1000  # of one session
NETWORK = 2  # shares that the uploads on their way from one network may reserve: sessions cost nothing there
SLACK = 64_000  # bytes of a form around the files


class NoRoom(RequestError):
    """There is no room for an upload; the sentence says whose share is used up."""

    def __init__(self, key: str, **values: object):
        self.message = Message(key, values)
        super().__init__(key)


class Reservation:
    """Room for one upload: `size` bytes of a session and a network, of which `left` have not arrived yet."""

    def __init__(self, session: str, size: int, network: str = ""):
        self.session, self.network, self.size, self.left = session, network, size, size

    def arrived(self, count: int) -> None:
        """Count bytes that lie on the disk now, and are counted there."""
        self.left = max(0, self.left - count)


class DiskQuota:
    """Reserves room for uploads.

    Parameters
    ----------
    ownership
        Which files are whose.
    room
        Makes room for so many bytes in the folder of uploads, and says whether it could.
    share
        Bytes that one session's files may take in all; what is on its way from one network may reserve twice that.
    """

    def __init__(self, ownership: Ownership, room: Callable[[int], bool], *, share: int):
        self.ownership, self.room, self.share = ownership, room, share
        self.reserved: set[Reservation] = set()
        self.lock = threading.Lock()

    def reserve(self, session: str, size: int, network: str = "") -> Reservation:
        """Reserve bytes; `release` must follow. Waits for the disk. Raises NoRoom; InputError of the store."""
        with self.lock:
            files, weight = self.ownership.weight(session)
            # Whole: what has arrived is the session's file only when the upload is through.
            own = [other.size for other in tuple(self.reserved) if other.session == session]
            if files + len(own) >= FILES:
                raise NoRoom("guard-files", limit=FILES)
            if weight + sum(own) + size > self.share + SLACK:
                raise NoRoom("guard-share", limit=in_words(self.share))
            coming = sum(other.left for other in tuple(self.reserved) if network and other.network == network)
            if coming and coming + size > NETWORK * self.share + SLACK:
                raise NoRoom("guard-coming")
            if not self.room(size + sum(other.left for other in tuple(self.reserved))):
                raise NoRoom("guard-full")
            reservation = Reservation(session, size, network)
            self.reserved.add(reservation)
        return reservation

    def release(self, reservation: Reservation) -> None:
        """Give back what has not arrived."""
        self.reserved.discard(reservation)

    def write(self, owner: tuple[str, str], size: int, write: Callable[[], Path]) -> Path:
        """Have a file of so many bytes written into the folder for a visitor, whose own it is from then on.

        `owner` is the session and the network of its address. Raises InputError when there is no room.
        """
        session, network = owner
        try:
            reservation = self.reserve(session, size, network)
        except NoRoom as full:
            raise InputError(full.message.key, **full.message.values) from full
        try:
            path = write()
            self.ownership.grant(session, str(path))
        finally:
            self.release(reservation)
        return path
