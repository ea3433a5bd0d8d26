"""What visitors take to the annotations stays for good, and so has a share."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from bibier.errors import InputError
from bibier.security.ownership import Ownership
from bibier.security.session import Visitor
from bibier.ui.analyse.erasure import KEPT_SHARE, Erasure
from bibier.ui.analyse.senders import Senders

SIZE = 10_000


def untouched(project):
    """Read a project on which nobody has worked."""
    return nullcontext(SimpleNamespace(state=SimpleNamespace(worked=set())))


def test_a_restart_forgets_no_deletion(tmp_path):
    """Sessions live in memory: after a restart "you have no recordings" was said, and the clip stayed for all."""
    (kept := tmp_path / "clips").mkdir()
    (recording := tmp_path / "voice.wav").write_bytes(bytes(SIZE))
    gone = []
    store = SimpleNamespace(
        projects=lambda: ["analysed"],
        clips=lambda project: [],
        reading=untouched,
        remove_clip=lambda *clip: not gone.append(clip),
    )

    def started():
        cleanup = SimpleNamespace(limit=10**9, erase=lambda session: (0, 0))
        return Erasure(store, cleanup, kept), Ownership(tmp_path)

    def guest(owners, name="ann"):
        return Visitor(name, "10.0.0.1", None, True, owners)

    first, owners = started()
    for name, clip in (("ann", "a"), ("ann", "both"), ("bob", "both"), ("address 10.0.0.1 ", "c")):
        first.take(guest(owners, name), recording, lambda clip=clip: {"project": "analysed", "clip": clip})
    with Senders(kept).file.open("a") as file:
        file.write('\n["cut o')  # by a kill
    first.take(guest(owners, "dora"), recording, lambda: {"project": "analysed", "clip": "after it"})
    assert "ann" not in Senders(kept).file.read_text() and "10.0.0.1" not in Senders(kept).file.read_text()
    again, owners = started()
    erased = again.erase(guest(owners))
    assert gone == [("analysed", "a")] and (erased.clips, erased.shared) == (1, 1)
    assert again.erase(guest(owners, "carl")).clips == 0
    again.erase(guest(owners, "bob"))
    again.erase(guest(owners, "dora"))
    assert gone == [("analysed", "a"), ("analysed", "both"), ("analysed", "after it")]
    third, owners = started()
    assert [third.erase(guest(owners, name)).clips for name in ("ann", "bob", "dora")] == [0, 0, 0]


def test_a_recording_that_another_takes_while_it_is_deleted_is_whole_or_gone(tmp_path):
    """One deleted, another took the same bytes: the clip had no file, or was gone though promised."""
    (kept := tmp_path / "clips").mkdir()
    (recording := tmp_path / "voice.wav").write_bytes(bytes(SIZE))
    listed, owners, taking = [], Ownership(tmp_path), []

    def receive():
        (kept / "a.wav").write_bytes(bytes(SIZE))
        if not listed:
            listed.append(SimpleNamespace(sha256="a", path=str(kept / "a.wav")))
        return {"project": "analysed", "clip": "a"}

    def remove_clip(*clip):
        second = threading.Thread(target=lambda: privacy.take(guest("bob"), recording, receive))
        second.start()
        second.join(0.3)  # without a lock it is through by now
        taking.append(second)
        listed.clear()
        return True

    def guest(name):
        return Visitor(name, "10.0.0.1", None, True, owners)

    store = SimpleNamespace(
        projects=lambda: ["analysed"], clips=lambda project: listed, reading=untouched, remove_clip=remove_clip
    )
    privacy = Erasure(store, SimpleNamespace(limit=10**9, erase=lambda session: (0, 0)), kept)
    privacy.take(guest("ann"), recording, receive)
    assert privacy.erase(guest("ann")).clips == 1
    taking[0].join(10)
    assert [Path(clip.path).exists() for clip in listed] == [True]
    assert privacy.erase(guest("bob")).clips == 1


def test_who_comes_again_and_again_has_two_shares_of_what_is_kept(tmp_path):
    """Labelled clips outlive the session that sent them: ever new ones used all the room up."""
    (recording := tmp_path / "voice.wav").write_bytes(bytes(SIZE))
    removable = SimpleNamespace(projects=lambda: [], clips=lambda project: [], remove_clip=lambda *clip: True)
    privacy = Erasure(removable, SimpleNamespace(limit=KEPT_SHARE * 2 * SIZE, erase=lambda session: (0, 0)), tmp_path)
    numbers = iter(range(100))

    def visit(number, address, user=None):
        guest = Visitor(f"cookie {number}", address, user, True, owners)
        privacy.take(guest, recording, lambda: {"project": "analysed", "clip": f"{next(numbers)}"})
        return guest

    owners = Ownership(tmp_path)
    guests = [visit(number, "10.0.0.1") for number in range(4)]
    with pytest.raises(InputError, match="the limit for one"):
        visit(5, "10.0.0.1")
    visit(6, "10.0.0.2")
    visit(7, "10.0.0.1", "ann")  # a person who signed in is nobody's neighbour
    privacy.erase(guests[0])
    visit(8, "10.0.0.1")


def test_what_is_taken_to_annotate_has_a_share(tmp_path):
    """Of a session, and of all; the operator's own disk is theirs."""
    (kept := tmp_path / "clips").mkdir()
    (recording := tmp_path / "voice.wav").write_bytes(bytes(SIZE))
    (kept / "dataset.wav").write_bytes(bytes(4 * KEPT_SHARE * SIZE))  # the operator's own: no visitor's room
    listed = SimpleNamespace(
        projects=lambda: ["analysed"],
        clips=lambda project: [SimpleNamespace(path=str(kept / name)) for name in map(str, range(3 * KEPT_SHARE))],
    )
    privacy = Erasure(listed, SimpleNamespace(limit=KEPT_SHARE * 2 * SIZE), kept)
    guest = Visitor("ann", "10.0.0.1", None, True, Ownership(tmp_path))
    numbers = iter(range(10**6))

    def receive():
        name = f"{next(numbers)}"
        (kept / name).write_bytes(bytes(SIZE))
        return {"project": "analysed", "clip": name}

    for _ in range(2):
        privacy.take(guest, recording, receive)
    with pytest.raises(InputError, match="the limit"):
        privacy.take(guest, recording, receive)
    guest.ownership.sent["ann"].pop()  # deleted by its owner
    assert privacy.take(guest, recording, receive)["clip"] == "2"
    with pytest.raises(InputError, match="all the room"):
        for number in range(2 * KEPT_SHARE):
            privacy.take(replace(guest, session=f"cookie {number}", address=f"10.0.{number}.1"), recording, receive)
    assert len(list(kept.iterdir())) == 2 * KEPT_SHARE + 1
    assert privacy.take(replace(guest, operator=True), recording, receive)
