"""Whose turn it is to be forgotten when there is no room for more: of who has the most, the longest unused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

Owner = tuple[str, str]  # session, its party


def first_to_go(keys: Iterable[str], owner: Callable[[str], Owner]) -> str:
    """Return the key that is to be forgotten.

    Parameters
    ----------
    keys
        At least one, the longest unused first.
    owner
        Whose a key is. The party with the most keys gives one up, and of its sessions that with the most: neither
        many tabs nor many cookies make anybody else forgotten.
    """
    listed = [(key, *owner(key)) for key in keys]
    parties = Counter(party for _, _, party in listed)
    most = max(parties.values())
    listed = [row for row in listed if parties[row[2]] == most]
    sessions = Counter(session for _, session, _ in listed)
    most = max(sessions.values())
    return next(key for key, session, _ in listed if sessions[session] == most)
