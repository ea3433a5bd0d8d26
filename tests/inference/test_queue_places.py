"""A full queue: who has many places gives one up for who has fewer."""

from __future__ import annotations

import pytest

from bibier.errors import InputError, PlaceLost
from bibier.inference.queue import InferenceQueue


def test_two_parties_do_not_take_all_places_from_a_third():
    """Two addresses with nine tabs each kept every short analysis of everybody else out as long as they went on."""
    queue = InferenceQueue(limit=16)
    waiting = [queue.enqueue(owner=(f"session {n}", f"party {n % 2}")) for n in range(16)]
    ann = queue.enqueue(owner=("ann", "home"))
    assert [ticket for ticket in waiting if ticket.ended] == [waiting[14]] and len(queue.waiting) == 16
    with pytest.raises(PlaceLost) as lost:
        waiting[14].wait(1)
    assert lost.value.reason.key == "turn-full" and queue.in_order().index(ann) <= 2  # by turns
    for party in ("party 0", "party 1"):
        with pytest.raises(InputError):
            queue.enqueue(owner=("another", party))
    houses = [queue.enqueue(owner=(f"session {n}", f"house {n}")) for n in range(13)]
    left = [sum(ticket.owner[1] == party for ticket in queue.waiting) for party in ("party 0", "party 1")]
    assert left == [1, 1] and not any(ticket.ended for ticket in (ann, *houses))
    with pytest.raises(InputError, match="busy"):
        queue.enqueue(owner=("late", "far away"))


def test_a_place_is_given_up_by_who_has_not_begun():
    queue = InferenceQueue(limit=3)
    begun, late = (queue.enqueue(owner=(name, "")) for name in "ab")
    queue.enqueue(owner=("c", "home"))
    begun.started = 1.0
    begun.owner = late.owner = ("", "house")
    queue.enqueue(owner=("d", "away"))
    assert late.ended and not begun.ended
