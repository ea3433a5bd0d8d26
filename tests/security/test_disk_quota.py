"""Room for uploads: a folder that is cleaned of what nobody uses, and what is reserved and counted, with real files."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from bibier.errors import InputError
from bibier.security.disk_quota import FILES, DiskQuota, NoRoom
from bibier.security.ownership import IDLE, SMALLEST, Ownership
from bibier.security.session import Visitor
from bibier.security.upload_cleanup import GRACE, LOCK, SHORT, Folder, UploadCleanup, claim, take

KB, MB = 1000, 1_000_000


# ------------------------------------------------------------------------------------------------------------ cleaning


def made(folder: Path, name: str, size: int = 10 * KB, *, age: float = 1000.0) -> str:
    """Write a file into a folder of its own, as Gradio does, last used `age` seconds ago."""
    path = folder / f"{name}-hash" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(os.urandom(size))
    then = time.time() - age
    os.utime(path, (then, then))
    return str(path)


@pytest.fixture
def folder(tmp_path):
    return take(tmp_path / "uploads")


def cleaner(folder: Folder, *, limit: int = 35 * KB, kept: tuple[str, ...] = (), **settings) -> UploadCleanup:
    return UploadCleanup(folder, Ownership(folder.path), lambda: frozenset(kept), limit=limit, **settings)


def test_the_longest_unused_goes_first(folder):
    """Room is made for 10 kB in 35: of four files the two oldest go, with the folders that they leave empty."""
    paths = [made(folder.path, name, age=age) for name, age in (("a", 900), ("b", 4000), ("c", 2000), ("d", 500))]
    work = cleaner(folder)
    work.ownership.owners.update({path: {"left"} for path in paths})
    assert work.room(10 * KB)
    assert [Path(path).exists() for path in paths] == [True, False, False, True]
    assert not Path(paths[1]).parent.exists()
    assert (folder.path / LOCK).exists()


def test_a_file_that_another_has_deleted_meanwhile_is_gone_and_nothing_breaks(folder):
    """An upload was told that something went wrong, since a request beside it had deleted the same old file."""
    paths = [made(folder.path, name, age=4000) for name in "ab"]
    work = cleaner(folder, limit=15 * KB)
    listed = work.files()
    (Path(paths[0])).unlink()
    Path(paths[0]).parent.rmdir()
    work.files = lambda: listed
    assert work.room(10 * KB) and not Path(paths[1]).exists()


def test_a_clip_in_use_is_never_touched(folder):
    """A clip of the store; a file of an open tab; one that is just being sent."""
    stored, opened, idle, coming = (
        made(folder.path, name, age=age) for name, age in (("s", 9e5), ("o", 9e5), ("i", 9e5), ("c", GRACE / 2))
    )
    work = cleaner(folder, limit=1, kept=(os.path.realpath(stored),), keep=0)
    for session, path in (("open", opened), ("idle", idle)):
        work.ownership.grant(session, path)
    work.ownership.used.clear()
    work.ownership.streams["open"] = 1
    work.ownership.seen["idle"] = time.time() - IDLE - 1
    assert not work.room(1)
    assert [Path(path).exists() for path in (stored, opened, idle, coming)] == [True, True, False, True]
    assert work.ownership.owners.keys() == {opened}
    del work.ownership.streams["open"]
    assert work.sweep()[1] == 1 and not Path(opened).exists()


def test_what_is_old_and_unused_goes_though_there_is_room(folder):
    old, young = made(folder.path, "old", age=500), made(folder.path, "young", age=300)
    work = cleaner(folder, limit=10**9, keep=400)
    work.ownership.owners.update({path: {"left"} for path in (old, young)})
    assert work.sweep() == (10 * KB, 1)
    assert not Path(old).exists() and Path(young).exists()


def test_what_is_nobody_s_goes_after_a_moment(folder):
    """What a killed program left, or an upload that broke off, was kept for a day."""
    broken, coming = made(folder.path, "broken", age=GRACE + 1), made(folder.path, "coming", age=GRACE / 2)
    work = cleaner(folder, limit=10**9, keep=9e4)
    work.ownership.grant("gone", kept := made(folder.path, "kept", age=0))
    assert work.sweep()[1] == 1
    assert [Path(path).exists() for path in (broken, coming, kept)] == [False, True, True]


def test_what_an_earlier_run_left_goes_at_the_start(folder):
    """Its sessions are forgotten, and so nobody could have it deleted."""
    left = made(folder.path, "left", age=1)
    work = cleaner(folder, limit=10**9, keep=9e4)
    work.start()
    work.stop()
    assert not Path(left).exists()


def test_where_there_is_no_room_closed_tabs_are_not_waited_for_long(folder):
    """Ten minutes kept everybody out after whoever had filled it had gone."""
    path = made(folder.path, "filled", age=1)
    work = cleaner(folder, limit=10 * KB)
    work.ownership.grant("gone", path)
    work.ownership.seen["gone"] = time.time() - SHORT - 1
    assert work.sweep() == (10 * KB, 0)
    assert work.room(5 * KB) and not Path(path).exists()


def test_a_folder_of_others_is_left_alone(tmp_path):
    """Whoever put the files there: used, never cleaned; nor is what a link leads to."""
    theirs = made(tmp_path / "shared", "theirs", age=9e6)
    shared = claim(str(tmp_path / "shared"))
    assert not shared.ours
    assert not cleaner(shared, limit=1, keep=0).room(1)
    assert Path(theirs).exists()
    ours = take(tmp_path / "ours")
    (ours.path / "link").symlink_to(tmp_path / "shared")
    (ours.path / "one").symlink_to(theirs)
    cleaner(ours, limit=1, keep=0).sweep(keep=-GRACE)
    assert Path(theirs).exists()


def test_two_programs_have_two_folders(tmp_path, monkeypatch):
    """And the next finds what a killed one left."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    first, second = claim(None), claim(None)
    assert first.ours and second.ours and first.path != second.path
    assert first.path.parent.stat().st_mode & 0o077 == 0
    made(first.path, "left", age=9e4)
    first.lock.release()
    again = claim(None)
    assert again.path == first.path and again.ours
    assert cleaner(again).sweep(keep=0) == (0, 1)
    assert not take(second.path)


def test_the_thread_cleans_after_a_database_that_failed(folder, monkeypatch):
    """It used to end at the first error, and the promise of 24 hours with it, in silence."""
    monkeypatch.setattr("bibier.security.upload_cleanup.PERIOD", 0.01)
    left = [InputError("disk-full"), OSError("gone")]

    def clips() -> set[str]:
        if left:
            raise left.pop()
        return set()

    path = Path(made(folder.path, "late"))
    work = UploadCleanup(folder, Ownership(folder.path), clips, limit=35 * KB, keep=10)
    work.task.start()
    deadline = time.monotonic() + 30
    while (path.exists() or work.task.error) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not path.exists() and not left and work.task.state().ok
    work.stop()


# -------------------------------------------------------------------------------------------------------- reservations


def test_what_is_coming_counts_before_it_is_there(folder):
    """Ten uploads at once find the room of one, of a session's share and of all; what has come is not counted twice."""
    work = cleaner(folder, limit=100 * KB)
    quota = DiskQuota(work, share=50 * KB)
    first = quota.reserve("ann", 60 * KB)
    with pytest.raises(NoRoom, match="guard-share"):
        quota.reserve("ann", 60 * KB)
    with pytest.raises(NoRoom, match="guard-full"):
        quota.reserve("bob", 60 * KB)
    path = made(folder.path, "first", 60 * KB)
    first.arrived(60 * KB)
    with pytest.raises(NoRoom, match="guard-share"):  # before the file is granted, too
        quota.reserve("ann", 60 * KB)
    work.ownership.grant("ann", path)
    work.ownership.alive("ann")
    second = quota.reserve("bob", 40 * KB)
    quota.release(first)
    with pytest.raises(NoRoom, match="guard-full"):
        quota.reserve("carl", 1)
    quota.release(second)
    assert quota.reserve("carl", 1) in quota.reserved


def test_what_is_on_its_way_from_one_network_has_a_bound_whatever_its_sessions(folder):
    """Sessions cost nothing: slow uploads of many held all the room for most of a day."""
    work = cleaner(folder, limit=400 * MB)
    quota = DiskQuota(work, share=100 * MB)
    first = [quota.reserve(f"made up {number}", 100 * MB, "10.0.0.1") for number in range(2)]
    with pytest.raises(NoRoom, match="guard-coming"):
        quota.reserve("made up 3", 100 * MB, "10.0.0.1")
    assert quota.reserve("ann", 100 * MB, "10.0.0.2").left == 100 * MB
    quota.release(first[0])
    quota.reserve("made up 4", 100 * MB, "10.0.0.1")


def test_what_lies_here_counts_to_the_network_or_the_person_whatever_the_session(folder):
    """Twenty-seven made-up sessions of one address filled the room of all, and each counted as open for ten minutes."""
    work = cleaner(folder, limit=400 * KB)
    quota = DiskQuota(work, share=100 * KB)
    owner = work.ownership

    def upload(session: str, party: str, *, age: float = 0.0) -> str:
        owner.alive(session, party)
        reservation = quota.reserve(session, 90 * KB, party)
        path = made(folder.path, f"{session} {len(owner.owners)}", 90 * KB, age=age)
        owner.grant(session, path)
        quota.release(reservation)
        return path

    paths = [upload(f"made up {number}", "10.0.0.1") for number in range(2)]
    with pytest.raises(NoRoom, match="guard-together"):
        upload("made up 3", "10.0.0.1")
    upload("bob", "10.0.0.2")
    assert all(map(os.path.exists, paths))
    # as soon as nobody uses them any more they go, of that party alone, though there would be room
    owner.seen["made up 0"] = owner.seen["bob"] = 0.0
    upload("made up 3", "10.0.0.1")
    assert [os.path.exists(path) for path in paths] == [False, True]
    assert len(owner.of("bob")) == 1


def test_who_signs_in_is_one_party_wherever_and_no_colleague_s():
    """An office has one address: there it is the names that have shares."""

    def guest(user, address):
        return Visitor(f"cookie {user}", address, user, True, Ownership(Path("/nowhere")))

    assert guest("ann", "10.0.0.1").party == guest("ann", "10.9.0.1").party != guest("bob", "10.0.0.1").party
    assert guest(None, "10.0.0.1").party == guest(None, "10.0.0.1").party != guest(None, "10.9.0.1").party


def test_a_file_that_is_written_for_a_visitor_takes_the_visitor_s_room(folder):
    """A stretch of a long recording: reserved before it is written, the session's own from then on."""
    work = cleaner(folder, limit=400 * KB)
    quota = DiskQuota(work, share=100 * KB)
    path = quota.write(("ann", "10.0.0.1"), 90 * KB, lambda: Path(made(folder.path, "a", 90 * KB, age=0)))
    assert work.ownership.owns("ann", str(path)) and not quota.reserved
    with pytest.raises(InputError, match="the limit"):
        quota.write(("ann", "10.0.0.1"), 90 * KB, lambda: pytest.fail("it was written"))
    with pytest.raises(OSError, match="gone"):
        quota.write(("bob", "10.0.0.1"), KB, lambda: (_ for _ in ()).throw(OSError("gone")))
    assert not quota.reserved


def test_tiny_files_take_blocks_and_are_counted(folder):
    """Twenty thousand files of a byte were nothing."""
    work = cleaner(folder, limit=10 * SMALLEST)
    for number in range(10):
        work.ownership.grant("ann", made(folder.path, f"tiny{number}", 1, age=0))
    work.ownership.alive("ann")
    assert work.ownership.weight("ann") == (10, 10 * SMALLEST)
    quota = DiskQuota(work, share=10**9)
    with pytest.raises(NoRoom, match="guard-full"):
        quota.reserve("bob", 1)
    work.limit = 10**9
    for _ in range(FILES):
        quota.reserved.add(quota.reserve("bob", 1))
    with pytest.raises(NoRoom, match="guard-files"):
        quota.reserve("bob", 1)
