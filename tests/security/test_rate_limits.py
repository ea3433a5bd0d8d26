"""How much may be sent: sizes, rates and connections, also of a running server."""

from __future__ import annotations

import http.client
import os
from pathlib import Path
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
from asgi import in_own_loop, scope_of
from served import file, served, upload, visit

from bibier.security import ownership as ownership_module
from bibier.security.disk_quota import Reservation
from bibier.security.ownership import Ownership
from bibier.security.rate_limits import (
    ACT,
    ADDRESS,
    LONGEST,
    PATIENCE,
    SESSION,
    UPLOAD,
    Rate,
    RateLimits,
    TokenBuckets,
    kind_of,
)
from bibier.security.session import SCOPE, Visitor

KB, MB = 1000, 1_000_000


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


def test_connections_that_last_are_counted(tmp_path, monkeypatch):
    """Each holds an open file: of a session, of an address, of all."""
    monkeypatch.setattr(ownership_module, "CONNECTIONS_OF_ONE", 3)
    monkeypatch.setattr(ownership_module, "CONNECTIONS_OF_ADDRESS", 5)
    monkeypatch.setattr(ownership_module, "open_files", lambda: 12)
    ownership = Ownership(tmp_path)
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
    hours = 3
    for tenth in range(hours * 36_000):
        now += 0.1
        taken += 16_000 * (save(f"made up {tenth}", 16_000) == 0)
    a_day = (taken - ADDRESS["written"].burst) * 24 / hours
    assert taken > 100_000_000 and a_day < 900_000_000  # as the documentation says
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
        assert answer.status_code == 413 and "не больше 1 МБ" in answer.json()["detail"]
        said = answer.json()["sentences"]  # the page may be switched while it stands there
        assert "at most 1 MB" in said["en"] and "не больше 1 МБ" in said["ru"]
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


@pytest.mark.parametrize(
    ("disposition", "status"),
    [
        ('name="files"; filename=".."', 200),
        ('name="files"; filename="a/.."', 200),
        ('name="files"; filename="."', 200),
        ('name="files"; filename="***"', 200),
        ('name="files"; filename=""', 200),
        ('name="files"; filename="a\x01b.wav"', 200),
        ('name="files"; filename="' + "я" * 900 + '"', 200),
        ("name=\"files\"; filename*=utf-8''..%2f..%2fx.wav", 400),
        ('name="other"; filename="a.wav"', 400),
        ('filename="a.wav"', 400),
    ],
)
def test_every_file_of_an_upload_is_somebody_s_or_gone(address, place, disposition, status):
    """Files with such names were refused after they had been kept: for two minutes they counted to nobody."""
    part = b"--x\r\nContent-Disposition: form-data; "
    whole = part + b'name="files"; filename="first.wav"\r\n\r\n' + os.urandom(50_000)
    whole += b"\r\n" + part + disposition.encode() + b"\r\n\r\n" + os.urandom(50_000) + b"\r\n--x--\r\n"
    before = held(place)
    with visit(address, headers={"x-forwarded-for": f"10.1.8.{len(disposition) % 256}"}) as guest:
        kind = {"content-type": "multipart/form-data; boundary=x"}
        answer = guest.post("/gradio_api/upload", content=whole, headers=kind)
        assert answer.status_code == status, answer.text
        assert held(place) - before == (100_000 if status == 200 else 0)
        if status == 200:
            assert [len(file(guest, path).content) for path in answer.json()] == [50_000, 50_000]
        else:
            assert "can't be read" in answer.text


def test_a_form_without_an_end_is_refused_and_gone(address, place):
    """It was called good, without its file, which lay on the disk for two minutes and counted to nobody."""
    before = held(place)
    part = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.wav"\r\n\r\n' + os.urandom(90_000)
    with visit(address, headers={"x-forwarded-for": "10.1.9.1"}) as guest:
        for whole, status in ((part, 400), (part + b"\r\n" + part, 400), (part + b"\r\n--x\r\nContent-D", 200)):
            kind = {"content-type": "multipart/form-data; boundary=x"}
            answer = guest.post("/gradio_api/upload", content=whole, headers=kind)
            assert answer.status_code == status, answer.text
            assert held(place) - before == (90_000 if status == 200 else 0)
        assert len(answer.json()) == 1, "what ends at a boundary is whole, and the session's"


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
    assert 429 in codes and 429 not in codes[:150]


def test_a_flood_of_pages_is_refused_before_it_holds_others_up(address):
    """To write the page takes 20 ms in which the server does nothing else; without a cookie each is a new session."""
    limits = httpx.Limits(max_connections=1)
    with httpx.Client(base_url=address, headers={"x-forwarded-for": "10.1.0.7"}, limits=limits) as flood:
        for path in ("/", "/config", "/gradio_api/info"):
            codes = []
            for _ in range(400):
                flood.cookies.clear()
                codes.append(flood.get(path).status_code)
                if codes[-20:] == [429] * 20:
                    break
            assert codes[-20:] == [429] * 20, path
        refused = flood.get("/", headers={"accept-language": "ru"})
        assert refused.status_code == 429 and int(refused.headers["retry-after"]) >= 1 and "через" in refused.text
        with httpx.Client(base_url=address, headers={"x-forwarded-for": "10.1.0.8"}) as other:
            assert other.get("/").status_code == 200
        assert flood.get("/theme.css").status_code == 200  # what is cheap has a room of its own


def test_every_kind_of_request_has_a_rate():
    """A route that Gradio adds is counted too."""
    scopes = [scope_of(path, method) for path in ("/", "/config", "/anything/new") for method in ("GET", "HEAD", "PUT")]
    kinds = [kind_of(scope) for scope in scopes]
    assert kinds == ["page"] * 6 + ["read"] * 3
    assert all(kind in rates for kind in kinds for rates in (SESSION, ADDRESS))
