"""The event loop goes on while the database is locked by another process: no visitor waits for another's clip."""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import sys
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest
from served import EXAMPLE, act, served, visit

from bibier.annotation.state import ProjectClip
from bibier.annotation.store import Store
from bibier.security.ownership import Ownership
from bibier.security.session import SCOPE, Visitor
from bibier.ui.annotate.handlers import AnnotateHandlers
from bibier.ui.annotate.tab import ROUTE, ClipFiles

CLIP = hashlib.sha256(EXAMPLE.read_bytes()).hexdigest()
ROUNDS = 20  # of the loop, or answers of the server, while something waits
PATIENCE = 30  # s, for what does not come on the old code
HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
connection.execute("ROLLBACK")
"""


@contextmanager
def locked(database):
    """Let another process hold the database's lock until this ends; gives a call that ends it earlier."""
    command = [sys.executable, "-c", HOLDER, database]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def release():
        holder.stdin.close()
        holder.wait()

    try:
        assert holder.stdout.readline() == "held\n"
        yield release
    finally:
        holder.kill()
        holder.wait()


async def rounds_during(work, came_round: threading.Event) -> object:
    """Await `work`, and say when the loop has come round often meanwhile."""
    task, rounds = asyncio.ensure_future(work), 0
    while not task.done():
        await asyncio.sleep(0.001)
        rounds += 1
        if rounds == ROUNDS:
            came_round.set()
    return await task


def ask_for_clip(tmp_path, find, came_round):
    """Ask `ClipFiles` for the clip, in a loop of its own."""
    guest = Visitor("s", "127.0.0.1", None, True, Ownership(tmp_path))
    guest.enter("work")
    clips = ClipFiles(None, find)

    async def ask():
        async def app(scope, receive, send):
            await clips(scope | {SCOPE: guest}, receive, send)

        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
            return await client.get(f"{ROUTE}{CLIP}")

    with ThreadPoolExecutor(1) as pool:  # this thread may have a loop already: that of the browser tests
        return pool.submit(lambda: asyncio.run(rounds_during(ask(), came_round))).result()


def test_a_clip_is_looked_up_beside_the_loop(tmp_path):
    """The database answers only when the loop has come round meanwhile."""
    came_round = threading.Event()

    def find(sha256, projects):
        return [str(EXAMPLE)] if came_round.wait(PATIENCE) else []

    answer = ask_for_clip(tmp_path, find, came_round)
    assert answer.status_code == 200 and answer.content == EXAMPLE.read_bytes()


def test_a_clip_comes_while_another_program_writes(tmp_path):
    """Who only reads waits for no writer: the lock is held until all is answered."""
    store = Store(f"sqlite:///{tmp_path}/a.db")
    store.add_clips("work", [ProjectClip(CLIP, str(EXAMPLE))])
    with locked(tmp_path / "a.db"):
        answer = ask_for_clip(tmp_path, AnnotateHandlers(store).paths, threading.Event())
        assert store.next("work", "Ann").sha256 == CLIP and store.projects() and store.state("work") == {}
    assert answer.status_code == 200
    store.close()


def test_what_every_request_does_waits_for_no_deletion(tmp_path):
    """While a large file is deleted, sessions and tabs are noted all the same: that is done in the loop itself."""
    ownership = Ownership(tmp_path)
    with ThreadPoolExecutor(1) as pool, ownership.lock:  # as it is held while a file goes
        pool.submit(ownership.alive, "session").result(5)
        assert pool.submit(ownership.claim, "tab", "session").result(5)


@pytest.mark.parametrize("language, sentence", [("en", "There is no such clip"), ("ru", "такого фрагмента нет")])
def test_a_clip_that_is_gone_is_said_in_the_page_s_language(tmp_path, language, sentence):
    guest = Visitor("s", "127.0.0.1", None, True, Ownership(tmp_path))
    clips = ClipFiles(None, lambda sha256, projects: [str(tmp_path / "gone.wav")])
    path = f"{ROUTE}{CLIP}"
    scope = {"type": "http", "path": path, "headers": [(b"accept-language", language.encode())], SCOPE: guest}
    answer = clips.answer(scope)
    assert answer.status_code == 404 and sentence in answer.body.decode()


def test_the_app_answers_while_the_database_is_locked(tmp_path):
    """Saves and undos wait for the lock; clips and the page's own files come at once, for a whole class of calls."""
    (tmp_path / "voices").mkdir()
    (tmp_path / "voices" / "voice.ogg").write_bytes(EXAMPLE.read_bytes())
    with served(tmp_path, "--annotate", str(tmp_path / "voices")) as address, visit(address) as guest:
        entered = act(guest, "open", project="voices", annotator="Ann").json()
        assert entered["now"]["clip"] == CLIP
        guest.get("/theme.css").raise_for_status()
        with ThreadPoolExecutor(8) as pool, locked(tmp_path / "annotations" / "bibier.db") as release:
            mine = {"project": "voices", "annotator": "Ann", "clip": CLIP, "points": [100, 0, 0, 0, 0, 0, 0]}
            waiting = [pool.submit(act, guest, "save", uuid=str(uuid.uuid4()), **mine) for i in range(4)]
            waiting += [pool.submit(act, guest, name, uuid=str(uuid.uuid4()), **mine) for name in ("skip", "step")]
            assert guest.get(f"{ROUTE}{CLIP}").status_code == 200
            for _ in range(ROUNDS):
                guest.get("/theme.css").raise_for_status()
            # Had one of these waited for the lock, the acts before it would have been answered: they wait at most
            # WAIT_SECONDS.
            assert not any(job.done() for job in waiting), "the page's files waited, or the database was not locked"
            release()
            assert [job.result(60).status_code for job in waiting] == [200] * 6
