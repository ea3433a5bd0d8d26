"""Files, downloads, the Hub and the database are interrupted: killed in the middle, slow, full, gone and back.

Beside `test_faults.py`; `docs/reliability.md` says which promise each of these tests shows.
"""

from __future__ import annotations

import hashlib
import http.server
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import pytest
from hub_server import served as hub_served
from huggingface_hub import HfApi
from served import EXAMPLE, act, served, visit

from bibier.annotation import exports, ingest
from bibier.annotation.state import ProjectClip
from bibier.annotation.store import Store
from bibier.asr import download
from bibier.checkpoint import bundle
from bibier.checkpoint import hub as hub_checkpoint
from bibier.errors import InputError
from bibier.inference.queue import InferenceQueue
from bibier.security.login_throttle import FREE, LoginThrottle
from bibier.security.rate_limits import SESSION, TokenBuckets
from bibier.soft_labels import cache as llm_cache
from tests.annotation.labelled import snapshot, store  # noqa: F401 (fixtures)
from train.publish import push

ROOT = Path(__file__).resolve().parent.parent
NAME = "anna/voice"


def started(code: str) -> subprocess.Popen:
    """Run Python in a process that can be killed."""
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def killed_once(process: subprocess.Popen, ready) -> None:
    """Wait until the work is in the middle, and kill the process."""
    deadline = time.monotonic() + 60
    while not ready():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.002)
    process.kill()
    assert process.wait() == -signal.SIGKILL


# ------------------------------------------------------------------------------------------------- exports and answers


def test_killed_during_an_export(snapshot, tmp_path):  # noqa: F811
    """The file of before stands whole; the next export replaces it, and takes the half one away."""
    out = tmp_path / "export" / "e.jsonl"
    before = exports.save(snapshot, "events", out).read_bytes()
    part = out.with_name(f".{out.stem}.part{out.suffix}")
    code = f"""
from dataclasses import replace
from bibier.annotation import exports
from bibier.annotation.store import Store
snapshot = exports.snapshot_of(Store("sqlite:///{tmp_path}/a.db"), "p")
many = replace(snapshot, events=list(snapshot.events) * 200_000)
exports.save(many, "events", __import__("pathlib").Path({str(out)!r}), replace=True)
"""
    killed_once(started(code), lambda: part.exists() and part.stat().st_size > 100_000)
    assert out.read_bytes() == before and part.exists()
    assert exports.save(snapshot, "events", out, replace=True).read_bytes() == before
    assert list(out.parent.iterdir()) == [out]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("kind", ["events", "long"])
def test_a_full_disk_leaves_the_export_of_before(snapshot, tmp_path, kind):  # noqa: F811
    """The system's own refusal, from a device that is always full."""
    out = tmp_path / "export" / "e"
    before = exports.save(snapshot, kind, out).read_bytes()
    out.with_name(".e.part").symlink_to("/dev/full")
    with pytest.raises(InputError, match="could not be written .No space left"):
        exports.save(snapshot, kind, out, replace=True)
    assert out.read_bytes() == before and list(out.parent.iterdir()) == [out]


def test_killed_between_answers_of_a_language_model(tmp_path):
    """What was kept is there after the kill, and the file is not taken for a damaged one."""
    path = tmp_path / "answers.db"
    code = f"""
from pathlib import Path
from bibier.soft_labels.cache import Cache
cache = Cache(Path({str(path)!r}))
for number in range(10**9):
    cache.put(str(number), {{"text": "x" * 1000}})
    print(number, flush=True)
"""
    process = started(code)
    told = [process.stdout.readline().strip() for _ in range(20)]
    process.kill()
    told += [line.strip() for line in process.stdout if line.endswith("\n")]
    assert process.wait() == -signal.SIGKILL
    cache = llm_cache.Cache(path)
    assert cache.broken is None and all(cache.get(message) for message in told) and len(told) >= 20
    cache.close()


# ------------------------------------------------------------------------------------------------------------ downloads


class Halting(http.server.BaseHTTPRequestHandler):
    """Gives half of a file and waits, or with `whole` all of it."""

    content, whole, release = bytes(3_000_000), threading.Event(), threading.Event()

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        self.wfile.write(self.content[:1_500_000])
        self.wfile.flush()
        if not self.whole.is_set():
            self.release.wait(30)
            return
        self.wfile.write(self.content[1_500_000:])

    def log_message(self, *_):
        pass


def test_killed_during_a_download(tmp_path):
    """Half a file is never taken for the whole; the next download fetches it, and in time removes the half one."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Halting)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    digest = hashlib.sha256(Halting.content).hexdigest()
    address, target = f"http://127.0.0.1:{server.server_port}/{digest}/base.pt", tmp_path / "base.pt"
    code = f"""
from pathlib import Path
from bibier.asr.download import download
download({address!r}, Path({str(target)!r}), timeout=30)
"""
    killed_once(started(code), lambda: sum(one.stat().st_size for one in tmp_path.iterdir()) > 1_000_000)
    (half,) = tmp_path.iterdir()
    assert half.name.endswith(".part")
    Halting.whole.set()
    download.download(address, target, timeout=30)
    assert target.read_bytes() == Halting.content and half.exists()  # somebody might still be writing it
    os.utime(half, (then := time.time() - 2 * download.ABANDONED, then))
    download.download(address, target, timeout=30)
    assert list(tmp_path.iterdir()) == [target]
    Halting.release.set()
    server.shutdown()
    server.server_close()


# -------------------------------------------------------------------------------------------------------------- the Hub


@pytest.fixture
def hub(monkeypatch, tiny_bundle, tmp_path):
    """A Hub with a checkpoint."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    run = bundle.save(tiny_bundle, tmp_path / "run", "# tiny\n")
    with hub_served() as server:
        push.to_hub(run, NAME, api=HfApi(endpoint=server.address, token="hf_secret"))
        yield server


def test_a_hub_that_is_slow_is_waited_for_and_one_that_hangs_is_given_up(hub, tmp_path, monkeypatch):
    """Then the last known state is used, and said; without one, one sentence tells it."""
    reported, api = [], HfApi(endpoint=hub.address, token="hf_secret")

    def get(cache: str):
        reported.clear()
        return hub_checkpoint.fetch(NAME, push.FILES, cache=tmp_path / cache, api=api, report=reported.append)

    hub.wait = 0.3
    assert bundle.load(get("cache")) and [message.key for message in reported] == ["hub-fetching"]
    hub.wait = 3.0
    monkeypatch.setattr(hub_checkpoint, "PATIENCE", 0.5)
    began = time.monotonic()
    assert bundle.load(get("cache")) and [message.key for message in reported] == ["hub-offline"]
    with pytest.raises(InputError, match="can't be reached"):
        get("empty")
    assert time.monotonic() - began < 10


# --------------------------------------------------------------------------------------------------------- the database


def test_the_database_restarts_while_the_app_runs(postgres_server, tmp_path):  # noqa: F811
    """A save meanwhile is refused in words; sent again with its uuid, as the page does, it stands once."""
    url, stop, start = postgres_server
    base, project = Store(url), f"restarted-{uuid.uuid4()}"
    name, path = ingest.keep(EXAMPLE.read_bytes(), EXAMPLE.suffix, tmp_path / "clips")
    clip = ProjectClip(name, str(path))
    base.add_clips(project, [clip])
    facts = {"project": project, "annotator": "Ann", "clip": clip.sha256, "points": [16, 14, 14, 14, 14, 14, 14]}
    with served(tmp_path, "--database", url) as address, visit(address) as guest:
        act(guest, "open", **facts)
        first, two = str(uuid.uuid4()), str(uuid.uuid4())
        assert act(guest, "save", uuid=first, **facts).json()["saved"] == first
        stop()
        try:
            refused = act(guest, "save", uuid=two, **facts).json()
            assert "database" in refused["error"]["en"] and "saved" not in refused
        finally:
            start()
        assert act(guest, "save", uuid=two, **facts).json()["saved"] == two
    labels = [event.uuid for _, event in base.events(project) if event.kind == "label"]
    base.close()
    assert labels == [first, two]


# ---------------------------------------------------------------------------------------------------------------- clock


@pytest.mark.parametrize("jump", [-400 * 86400, 400 * 86400])
def test_a_clock_that_jumps_lengthens_no_wait(monkeypatch, jump):
    """Quotas, waits after wrong passwords and the queue's guesses are of a clock that can't be set."""
    buckets, tries, queue = TokenBuckets(), LoginThrottle(), InferenceQueue()
    rate = {("upload", "one"): SESSION["upload"]}
    for _ in range(int(SESSION["upload"].burst)):
        assert buckets.take(rate) == 0
    for _ in range(FREE):
        assert tries.begin("Ann", "10.0.0.1") == 0
    first, second = queue.enqueue(), queue.enqueue()
    first.wait(0)
    before = buckets.take(rate), tries.begin("Ann", "10.0.0.1"), second.position()[1]
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + jump)
    after = buckets.take(rate), tries.begin("Ann", "10.0.0.1"), second.position()[1]
    assert all(0 < b <= a for a, b in zip(before, after, strict=True))
    assert after == pytest.approx(before, abs=1)
