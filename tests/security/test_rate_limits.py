"""How much may be sent and kept: sizes, rates, and a folder that is cleaned of what nobody uses, with real files."""

from __future__ import annotations

import http.client
import os
import time
from pathlib import Path
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
from asgi import in_own_loop
from served import file, served, upload, visit

from bibier.errors import InputError
from bibier.security import ownership as ownership_module
from bibier.security.disk_quota import FILES, DiskQuota, NoRoom, Reservation
from bibier.security.ownership import IDLE, SMALLEST, Ownership
from bibier.security.rate_limits import ACT, LONGEST, PATIENCE, UPLOAD, Rate, RateLimits, TokenBuckets
from bibier.security.session import SCOPE, Visitor
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
    return UploadCleanup(folder, Ownership(folder.path), lambda: set(kept), limit=limit, **settings)


def test_the_longest_unused_goes_first(folder):
    """Room is made for 10 kB in 35: of four files the two oldest go, with the folders that they leave empty."""
    paths = [made(folder.path, name, age=age) for name, age in (("a", 900), ("b", 4000), ("c", 2000), ("d", 500))]
    work = cleaner(folder)
    work.ownership.owners.update({path: {"left"} for path in paths})
    assert work.room(10 * KB)
    assert [Path(path).exists() for path in paths] == [True, False, False, True]
    assert not Path(paths[1]).parent.exists()
    assert (folder.path / LOCK).exists()


def test_a_clip_in_use_is_never_touched(folder):
    """A clip of the store, however it is written; a file of an open tab; one that is just being sent."""
    stored, opened, idle, coming = (
        made(folder.path, name, age=age) for name, age in (("s", 9e5), ("o", 9e5), ("i", 9e5), ("c", GRACE / 2))
    )
    work = cleaner(folder, limit=1, kept=(f"{folder.path}/x/../s-hash/s",), keep=0)
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


def test_an_upload_that_trickles_is_given_up():
    """The longest holds its room for two hours, whatever its length."""
    clock = iter(np.linspace(0, LONGEST + PATIENCE + 1, 50))
    told, reserved = [], Reservation("s", 10**9)
    quota = SimpleNamespace(reserve=lambda *given: reserved, release=lambda given: told.append("released"))

    async def app(scope, receive, send):
        while (await receive()).get("more_body"):
            pass
        told.append("whole")

    async def receive():
        return {"type": "http.request", "body": bytes(10**6), "more_body": True}  # fast enough for its pace

    async def send(message):
        told.append(message.get("status"))

    guest = Visitor("s", "10.0.0.1", None, True, Ownership(Path("/nowhere")))
    headers = [(b"content-length", b"400000000")]
    scope = {"type": "http", "method": "POST", "path": UPLOAD, "headers": headers, SCOPE: guest}
    limits = RateLimits(app, largest=10**12, quota=quota, clock=lambda: next(clock))
    in_own_loop(limits.upload(scope, receive, send))
    assert told[0] == 408 and told[-1] == "released" and "whole" not in told


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


def test_connections_that_last_are_counted(folder, monkeypatch):
    """Each holds an open file: of a session, of an address, of all."""
    monkeypatch.setattr(ownership_module, "CONNECTIONS_OF_ONE", 3)
    monkeypatch.setattr(ownership_module, "CONNECTIONS_OF_ADDRESS", 5)
    monkeypatch.setattr(ownership_module, "open_files", lambda: 12)
    ownership = Ownership(folder.path)
    assert [ownership.connect("ann", "10.0.0.1") for _ in range(4)] == [True, True, True, False]
    assert [ownership.connect("bob", "10.0.0.1") for _ in range(3)] == [True, True, False]
    assert [ownership.connect("carl", "10.0.0.2") for _ in range(2)] == [True, False]
    ownership.disconnect("ann", "10.0.0.1")
    assert ownership.connect("bob", "10.0.0.1") and ownership.open("ann")
    ownership.disconnect("bob", "10.0.0.1")
    assert ownership.connect("bob", "10.0.0.1", "tab") and ownership.is_open_tab("tab")
    assert ownership.streams["ann"] == 2 and ownership.addresses["10.0.0.1"] == 5


# --------------------------------------------------------------------------------------------------------------- rates


def test_what_costs_more_takes_more():
    """Of the bytes of calls: the longest is always possible once, and waits its time after that."""
    buckets = TokenBuckets(lambda: 0.0)
    key, rate = ("bytes", "ann"), Rate(100, 10)
    assert buckets.take({key: rate}, {key: 60}) == 0
    assert buckets.take({key: rate}, {key: 60}) == 2
    assert buckets.take({key: rate}, {key: 10_000}) == 6


def test_buckets_fill_again():
    """Three at once, then one each two seconds; a refused one costs nothing, of any key."""
    now = 0.0
    buckets = TokenBuckets(lambda: now)
    one, all_ = {("s", "1"): Rate(3, 0.5), ("a", "x"): Rate(4, 10)}, {("a", "x"): Rate(4, 10)}
    assert [buckets.take(one) for _ in range(5)] == [0, 0, 0, 2, 2]
    assert buckets.take(all_) == 0 and buckets.take(all_) == 0.1
    now = 2.0
    assert [buckets.take(one) for _ in range(2)] == [0, 2]


# ---------------------------------------------------------------------------------------------------------- the server


def test_what_is_written_for_good_is_written_at_people_s_pace():
    """Notes of 16 kB at the rate of clicks filled 4.5 GB an hour; ever new sessions don't help."""
    now = 0.0
    limits = RateLimits(None, largest=10**6, quota=None, clock=lambda: now)

    def save(session: str, size: int) -> float:
        guest = Visitor(session, "10.0.0.1", None, True, Ownership(Path("/nowhere")))
        headers = [(b"content-length", str(size).encode())]
        scope = {"type": "http", "method": "POST", "path": ACT, "headers": headers, SCOPE: guest}
        return limits.pause(scope, "act")

    for second in range(300):  # an annotator who is fast, with a note to each clip
        now += 1
        assert save("ann", 1500) == 0, second
    taken = 0
    for tenth in range(36_000):
        now += 0.1
        taken += 16_000 * (save(f"made up {tenth}", 16_000) == 0)
    assert taken < 160_000_000
    assert save("bob", 16_000) > 0  # a neighbour waits too, who is told for how long


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("quota")


@pytest.fixture(scope="module")
def address(place):
    """Start the app with small limits: 1 MB an upload, 8 MB in all, 2 MB a session; each test has its address."""
    with limited(place) as address:
        yield address


def limited(place: Path):
    return served(place, BIBIER_UPLOAD_MB="1", BIBIER_DISK_MB="8", BIBIER_PROXIES="1")


def held(place: Path) -> int:
    return sum(path.stat().st_size for path in (place / "cache").rglob("*") if path.is_file())


def test_too_large_an_upload(address, place):
    """413 with a sentence, in the visitor's language, before anything is kept; also when no length is told."""
    before = held(place)
    with visit(address, headers={"x-forwarded-for": "10.1.0.1"}) as guest:
        answer = upload(guest, data=bytes(2_000_000))
        assert answer.status_code == 413 and "at most 1 MB" in answer.text
        answer = upload(guest, data=bytes(1_100_000), headers={"accept-language": "ru"})
        assert answer.status_code == 413 and "не больше 1 МБ" in answer.text
        assert upload(guest, data=bytes(900_000)).status_code == 200
        cookie = f"bibier_session={guest.cookies['bibier_session']}"
    assert held(place) < before + 1_000_000
    host = address.removeprefix("http://")
    unsaid = http.client.HTTPConnection(host, timeout=60)
    head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n'
    parts = iter([head, *[bytes(100_000)] * 30])
    kind = {"content-type": "multipart/form-data; boundary=x", "cookie": cookie, "x-forwarded-for": "10.1.0.1"}
    try:
        unsaid.request("POST", "/gradio_api/upload", body=parts, headers=kind, encode_chunked=True)
        answer = unsaid.getresponse()
        assert answer.status == 413 and b"at most 1 MB" in answer.read()
    except (BrokenPipeError, ConnectionResetError):
        pass  # the server had hung up before all was sent
    assert held(place) < before + 3_000_000


def test_a_form_that_is_broken_is_not_called_too_large(address):
    """Gradio answers 413 to a part's broken header, and to a field that is no file and too long."""
    part = b"--x\r\nContent-Disposition: form-data; "
    bodies = (
        b"no form at all",
        b"--x\r\nbad header without a colon\r\n\r\nsound\r\n--x--\r\n",
        part + b'name="files"\r\n\r\n' + bytes(5_000) + b"\r\n--x--\r\n",
    )
    with visit(address, headers={"x-forwarded-for": "10.1.0.7"}) as guest:
        for body in bodies:
            kind = {"content-type": "multipart/form-data; boundary=x"}
            answer = guest.post("/gradio_api/upload", content=body, headers=kind)
            assert (answer.status_code, "can't be read" in answer.text) == (400, True), (body[:30], answer.text)


def test_a_session_s_share(address):
    """Lest one session fill the room of all."""
    with visit(address, headers={"x-forwarded-for": "10.1.0.2"}) as guest:
        answers = [upload(guest, f"{number}.wav", os.urandom(900_000)) for number in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 507, 507]
        assert "the limit" in answers[-1].text
        assert file(guest, answers[0].json()[0]).status_code == 200


def test_the_disk_s_limit_holds_and_open_sessions_keep_theirs(tmp_path):
    """Eight sessions that stay open fill it; a further upload is refused, and nobody loses a file.

    On a server of its own: nobody else could upload to one whose disk is full.
    """
    with limited(tmp_path) as address:
        accepted, refused = [], []
        for number in range(8):
            with visit(address, headers={"x-forwarded-for": f"10.1.1.{number}"}) as guest:
                answer = upload(guest, "full.wav", os.urandom(950_000))
                if answer.status_code == 200:
                    accepted.append((dict(guest.cookies), answer.json()[0]))
                else:
                    refused.append(answer)
        assert len(accepted) >= 7 and held(tmp_path) <= 8_000_000
        with visit(address, headers={"x-forwarded-for": "10.1.1.9"}) as guest:
            refused.append(upload(guest, "full.wav", os.urandom(950_000)))
        assert all(answer.status_code == 507 and "full of recordings in use" in answer.text for answer in refused)
        for cookies, path in accepted:
            with httpx.Client(base_url=address, cookies=cookies) as again:
                assert file(again, path).status_code == 200


def test_the_rate_of_uploads(address):
    """20 at once; then one every two seconds, and the wait is told. Another visitor is not held up."""
    with visit(address, headers={"x-forwarded-for": "10.1.0.3"}) as guest:
        answers = [upload(guest, data=b"") for _ in range(40)]
        late = [answer for answer in answers if answer.status_code == 429]
        assert 0 < len(late) <= 20 and all(answer.status_code != 429 for answer in answers[:20])
        seconds = int(late[-1].headers["retry-after"])
        assert 1 <= seconds <= 2 and f"again in {seconds} s" in late[-1].text
    with visit(address, headers={"x-forwarded-for": "10.1.0.4"}) as guest:
        assert upload(guest, data=b"").status_code != 429


def test_new_cookies_don_t_help(address):
    """A visitor who forgets the cookie is held by the address."""
    codes = []
    with httpx.Client() as program:  # one connection: the limit is by time
        for _ in range(130):
            program.cookies.clear()
            codes.append(
                program.post(
                    f"{address}/gradio_api/upload",
                    files={"files": ("e", b"")},
                    headers={"x-forwarded-for": "10.1.0.5", "cookie": f"bibier_session={os.urandom(16).hex():x<43}"},
                ).status_code
            )
    assert codes.count(429) > 0 and 429 not in codes[:100]


def test_the_rate_of_calls(address):
    with visit(address, headers={"x-forwarded-for": "10.1.0.6"}) as guest:
        codes = [guest.post("/gradio_api/queue/join", json={"data": []}).status_code for _ in range(700)]
    assert 429 in codes and 429 not in codes[:200]
