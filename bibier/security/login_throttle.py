"""How often a password may be guessed: after a few wrong tries each next one must wait, longer and longer.

Kept in memory: a restart of the server forgets it.
"""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

FREE = 5  # wrong tries before the first wait
FIRST_WAIT = 5.0  # s, doubled with each further wrong try
LONGEST_WAIT = {"name": 60.0, "address": 900.0}  # s; a name's is short, so that nobody can lock another out for long
FORGOTTEN_AFTER = 3600.0  # s without a wrong try
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052
MOST = 20_000  # names and addresses remembered


@dataclass
class Record:
    """Wrong tries of a name or an address."""

    wrong: int = 0
    last: float = -math.inf  # s of the clock


def network(address: str) -> str:
    """Return what is counted as one visitor: an IPv4 address, or an IPv6 /56, the least that a household is given.

    An IPv6 address that stands for an IPv4 one (::ffff:…, 64:ff9b::…, 6to4, Teredo) is that one.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    inner = parsed.ipv4_mapped or parsed.sixtofour or (parsed.teredo[1] if parsed.teredo else None)
    if inner is None and parsed in NAT64:
        inner = ipaddress.IPv4Address(int(parsed) & 0xFFFF_FFFF)
    return str(inner or ipaddress.ip_network((parsed, 56), strict=False))


class LoginThrottle:
    """Counts wrong tries per name and per address.

    A try is counted before it is checked, so that many at once gain nothing, and is taken back when it was right.

    Parameters
    ----------
    clock
        Seconds from anywhere that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self.clock = clock
        self.records: OrderedDict[tuple[str, str], Record] = OrderedDict()
        self.lock = threading.Lock()

    def wait(self, key: tuple[str, str]) -> float:
        """Return the seconds until this name or address may try again."""
        record = self.records.get(key)
        if record is None or record.wrong < FREE:
            return 0.0
        pause = min(FIRST_WAIT * 2 ** min(record.wrong - FREE, 20), LONGEST_WAIT[key[0]])
        return max(0.0, record.last + pause - self.clock())

    def begin(self, name: str, address: str) -> float:
        """Count a try; return 0, or the seconds to wait, and then the try is not to be made."""
        keys = (("name", name), ("address", network(address)))
        with self.lock:
            now = self.clock()
            for key in keys:
                if key in self.records and now - self.records[key].last > FORGOTTEN_AFTER:
                    del self.records[key]
            if (pause := max(map(self.wait, keys))) > 0:
                return pause
            for key in keys:
                record = self.records.setdefault(key, Record())
                record.wrong, record.last = record.wrong + 1, now
                self.records.move_to_end(key)
            while len(self.records) > MOST:
                self.records.popitem(last=False)
        return 0.0

    def right(self, name: str, address: str) -> None:
        """Forget the name's wrong tries, and of the address's only the one that was right.

        Otherwise an attacker with a password of their own could reset the count with it.
        """
        with self.lock:
            self.records.pop(("name", name), None)
            if record := self.records.get(("address", network(address))):
                record.wrong = max(0, record.wrong - 1)
