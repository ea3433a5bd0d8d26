"""What bodies may hold: bounds by route, in time and in all, however they are cut into pieces."""

from __future__ import annotations

import asyncio
import threading

import pytest
from asgi import Inner, ask, guest, in_own_loop, scope_of
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException

from bibier.security import request_bodies
from bibier.security.call_guard import AnswerListener
from bibier.security.login import FORM, MOST_AT_ONCE, Login, one_token
from bibier.security.passwords import Passwords
from bibier.security.request_bodies import HELD_BY_ONE, LEAST, LOGIN_LIMIT, RequestBodies, RequestRefused, replay
from bibier.security.session import visitor
from bibier.security.workers import in_thread


async def read(bodies: RequestBodies, scope: dict, chunks, **more) -> bytes:
    inner = Inner()

    async def app(scope, receive, send):
        async with bodies.read(scope, receive) as body:
            await inner(scope, replay(body, receive), send)

    await ask(app, scope, chunks, **more)
    return inner.bodies[0]


def to(path: str, tmp_path, **more) -> dict:
    return scope_of(path, "POST", **guest(tmp_path, **more))


@pytest.mark.parametrize(
    "path, limit",
    [("/login", LOGIN_LIMIT), ("/gradio_api/component_server", 64_000), ("/gradio_api/queue/join", 4_000_000)],
)
def test_each_route_has_its_bound(tmp_path, path, limit):
    bodies = RequestBodies()
    assert in_own_loop(read(bodies, to(path, tmp_path), [b"x" * limit])) == b"x" * limit
    with pytest.raises(RequestRefused) as refused:
        in_own_loop(read(bodies, to(path, tmp_path), [b"x" * limit, b"x"]))
    assert refused.value.status == 413 and not bodies.held


def test_unfinished_bodies_hold_no_more_than_their_share(tmp_path):
    """Hundreds of beginnings, none of which ends: refused beyond the share of an address, others are served."""
    bodies = RequestBodies()

    async def attack() -> list[int]:
        begun = [
            asyncio.create_task(read(bodies, to("/login", tmp_path), [b"username="], finishes=False))
            for _ in range(HELD_BY_ONE // LEAST + 50)
        ]
        done, waiting = await asyncio.wait(begun, timeout=0.1)
        assert bodies.held.total() <= HELD_BY_ONE and len(waiting) == HELD_BY_ONE // LEAST
        assert await read(bodies, to("/login", tmp_path, address="10.9.9.9"), [b"mine"]) == b"mine"
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
        return [task.exception().status for task in done]

    assert set(in_own_loop(attack())) == {503}
    assert not bodies.held


def test_a_body_that_does_not_come_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(request_bodies, "PATIENCE", 0.01)
    with pytest.raises(RequestRefused) as refused:
        in_own_loop(read(RequestBodies(), to("/login", tmp_path), [b"user"], finishes=False))
    assert refused.value.status == 408


def test_an_answer_in_bytes_one_by_one_costs_in_proportion(tmp_path):
    """Each piece used to copy all that had come before: what is kept was another object after each."""

    async def buffers(count: int) -> list[bytearray]:
        async def send(message):
            pass

        listener = AnswerListener(visitor(to("/", tmp_path)), send, "stream")
        seen = []
        for _ in range(count):
            await listener({"type": "http.response.body", "body": b"x" * 16, "more_body": True})
            seen.append(listener.rest)
        return seen

    seen = in_own_loop(buffers(1_000))
    assert len(set(map(id, seen))) == 1 and len(seen[0]) == 16_000


def test_passwords_that_wait_hold_no_other_thread(monkeypatch):
    """A flood of sign-ins waited in the threads of uploads."""
    going = threading.Event()
    people = Passwords({})
    monkeypatch.setattr(people, "matches", lambda name, password: going.wait(60))

    async def flood() -> None:
        tries = [asyncio.create_task(people.check("x", "y")) for _ in range(60)]
        await asyncio.sleep(0)
        assert await asyncio.wait_for(in_thread(lambda: 1), 30) == 1
        assert await asyncio.wait_for(asyncio.to_thread(lambda: 1), 30) == 1
        going.set()
        await asyncio.wait(tries)

    in_own_loop(flood())


def test_a_password_that_nobody_has_checked_was_not_wrong(tmp_path):
    """Who came during a flood of sign-ins had to wait for it, with the right password in hand."""
    login = Login(Inner(), wanted=True, bodies=RequestBodies())
    scope = to("/login", tmp_path, name="eve") | {"headers": [(b"content-type", FORM.encode())]}
    login.trying = MOST_AT_ONCE
    tries = [in_own_loop(ask(login, scope, [b"username=ann&password=right"])).status for _ in range(9)]
    assert tries == [503] * 9 and not login.throttle.records
    login.trying = 0
    assert in_own_loop(ask(login, scope, [b"username=ann&password=right"])).status == 200


def test_the_token_travels_once():
    """Over HTTPS never without Secure; over HTTP the browser would drop the other."""
    safe = (b"set-cookie", b"access-token-x=1; HttpOnly; SameSite=none; Secure")
    other = (b"set-cookie", b"access-token-unsecure-x=1; HttpOnly")
    rest = (b"set-cookie", b"bibier_session=1")
    assert one_token([safe, other, rest], secure=True) == [safe, rest]
    (kept, _) = one_token([safe, other, rest], secure=False)
    assert kept[1].startswith(b"access-token-unsecure-x=1") and b"SameSite=lax" in kept[1]


# ------------------------------------------------------------------------------------------------------------- uploads


class Progress:
    """Stands in for Gradio's, which is told how much of a file has come."""

    def set_done(self, upload):
        pass


def form(*parts: tuple[bytes, bytes]) -> bytes:
    return b"".join(
        b"--x\r\ncontent-disposition: form-data; " + head + b"\r\n\r\n" + body + b"\r\n" for head, body in parts
    )


def parsed(tmp_path, body: bytes, boundary: str = "x", **more):
    from bibier.ui.gradio_upload import BoundedMultiPartParser

    async def stream():
        for begin in range(0, len(body), 1000):
            yield body[begin : begin + 1000]

    headers = Headers({"content-type": f"multipart/form-data; boundary={boundary}"})
    parser = BoundedMultiPartParser(headers, stream(), upload_dir=tmp_path, max_file_size=10**6, **more)
    return in_own_loop(parser.parse())


def test_a_field_without_a_file_name_is_no_way_into_memory(tmp_path):
    with pytest.raises(MultiPartException, match="A field has more than 4000 bytes"):
        parsed(tmp_path, form((b'name="files"', b"x" * 100_000)) + b"--x--\r\n")
    with pytest.raises(MultiPartException, match="Too many fields"):
        parsed(tmp_path, form(*[(b'name="files"', b"x")] * 9) + b"--x--\r\n")
    with pytest.raises(MultiPartException, match="Too many files"):
        parsed(tmp_path, form(*[(b'name="files"; filename="a"', b"x")] * 21) + b"--x--\r\n")
    assert not list(tmp_path.iterdir())
    assert parsed(tmp_path, form((b'name="files"; filename="a"', b"x" * 5000)) + b"--x--\r\n")["files"].size == 5000


@pytest.mark.parametrize("end", [OSError(27, "File too large"), TimeoutError(), asyncio.CancelledError()])
def test_nothing_of_an_upload_that_ends_early_is_left(tmp_path, end):
    """The disk's error, a sender who is too slow or leaves: Gradio left a file that nobody had and nobody removed."""
    from bibier.ui.gradio_upload import BoundedMultiPartParser

    async def stream():
        yield form((b'name="files"; filename="a"', b"x" * 5000))
        raise end

    headers = Headers({"content-type": "multipart/form-data; boundary=x"})
    with pytest.raises(type(end)):
        in_own_loop(BoundedMultiPartParser(headers, stream(), upload_dir=tmp_path, max_file_size=10**6).parse())
    assert not list(tmp_path.iterdir())


def test_a_boundary_that_can_be_none_is_refused(tmp_path):
    with pytest.raises(MultiPartException, match="Boundary"):
        parsed(tmp_path, form((b'name="files"', b"x")), boundary="B" * 3_000)


def test_a_field_in_an_upload_whose_progress_is_asked(tmp_path):
    """Gradio asks the field for its file's name and fails."""
    assert parsed(tmp_path, form((b'name="note"', b"x")) + b"--x--\r\n", upload_progress=Progress())["note"] == "x"
