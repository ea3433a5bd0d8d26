"""What is remembered of visitors is forgotten when it says nothing any more: counted, over many of them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from bibier.security import ownership as ownership_module
from bibier.security.ownership import REMEMBERED, Ownership
from bibier.security.rate_limits import SESSION, Rate, TokenBuckets

MANY = 200


@pytest.fixture
def clock(monkeypatch):
    """Give both clocks of ownership as one that the test sets."""
    now = SimpleNamespace(seconds=1000.0)
    both = SimpleNamespace(time=lambda: now.seconds, monotonic=lambda: now.seconds)
    monkeypatch.setattr(ownership_module, "time", both)
    return now


def test_tabs_and_calls_are_forgotten_unless_they_are_open(clock, tmp_path):
    ownership = Ownership(tmp_path)
    ownership.alive("ann", "net")
    assert ownership.connect("ann", "net", "open") and ownership.claim("open", "ann")
    for number in range(MANY):
        clock.seconds += REMEMBERED / 10
        assert ownership.claim(f"call {number}", "ann")
    assert len(ownership.tabs) == 12  # of the last while, and the open one
    assert not ownership.claim("open", "bob") and not ownership.claim(f"call {MANY - 1}", "bob")
    assert ownership.owner("open") == ("ann", "net")
    assert ownership.claim("call 0", "bob")  # forgotten long ago


def test_a_tab_that_is_used_is_not_forgotten(clock, tmp_path):
    ownership = Ownership(tmp_path)
    for _ in range(MANY):
        clock.seconds += 0.9 * REMEMBERED
        assert ownership.claim("tab", "ann") and not ownership.claim("tab", "bob")


def test_sessions_are_forgotten_unless_they_have_something(clock, tmp_path):
    """Who has entered a project or sent a recording finds it the next day, and a file counts to its party as long as it
    is there; who listens counts as there.
    """
    ownership = Ownership(tmp_path)
    assert ownership.connect("listener", "net")
    for session in ("listener", "annotator", "sender", "uploader"):
        ownership.alive(session, "net")
    ownership.projects["annotator"].add("demo")
    ownership.sent["sender"].add(("analysed", "hash"))
    ownership.grant("uploader", file := f"{ownership.folder}/file")
    for number in range(MANY):
        clock.seconds += REMEMBERED / 10
        ownership.alive(f"guest {number}", "net")
        assert not ownership.sent[f"guest {number}"]  # looked up, and so there
        ownership.grant(f"guest {number}", gone := f"{ownership.folder}/{number}")
        ownership.forget(gone)
    assert len(ownership.seen) == 12 and ownership.seen.keys() == ownership.parties.keys() - {
        "annotator",
        "sender",
        "uploader",
    }
    assert ownership.open("listener") and not ownership.open("sender")
    assert list(ownership.away) == ["annotator", "sender", "uploader"] and ownership.parties["uploader"] == "net"
    assert ownership.projects == {"annotator": {"demo"}}
    assert len(ownership.sent) == 12 and ownership.sent["sender"] == {("analysed", "hash")}
    ownership.alive("sender", "net")
    assert list(ownership.away) == ["annotator", "uploader"] and ownership.open("sender")
    assert ownership.held == {"uploader": 1}
    ownership.forget(file)  # deleted by the cleaning
    assert list(ownership.away) == ["annotator"] and not ownership.held and "uploader" not in ownership.parties


def test_of_too_many_sessions_those_away_are_forgotten_first(clock, tmp_path, monkeypatch):
    monkeypatch.setattr(ownership_module, "MOST", 3)
    ownership = Ownership(tmp_path)
    for session in ("a", "b"):
        ownership.alive(session)
        ownership.projects[session].add("demo")
    clock.seconds += REMEMBERED + 1
    for session in ("c", "d"):
        ownership.alive(session)
    assert ownership.projects.keys() == {"b"} and ownership.seen.keys() == {"c", "d"}


def test_a_bucket_that_is_full_again_is_forgotten():
    """It allows as much as one that was never used."""
    now = 0.0
    buckets = TokenBuckets(lambda: now)
    slow, quick = Rate(10, 0.5), Rate(10, 2)
    for number in range(MANY):
        assert buckets.take({("call", f"guest {number}"): slow, ("call from", f"{number}"): quick}) == 0
        now += 1
    assert len(buckets.left) <= 4  # a token of the slow one takes 2 s
    for _ in range(10):
        assert buckets.take({("upload", "ann"): slow}) == 0
    now += 19
    assert [buckets.take({("upload", "ann"): slow}) == 0 for _ in range(10)] == [True] * 9 + [False]


def test_all_buckets_of_a_visit_are_forgotten_within_minutes():
    now = 0.0
    buckets = TokenBuckets(lambda: now)
    visit = {(kind, "ann"): rate for kind, rate in SESSION.items()}
    while buckets.take(visit) == 0:
        pass
    assert len(buckets.left) == len(SESSION)
    now += max(rate.burst / rate.each_second for rate in SESSION.values())
    buckets.take({("call", "bob"): SESSION["call"]})
    assert buckets.left.keys() == {("call", "bob")}
