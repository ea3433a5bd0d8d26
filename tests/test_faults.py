"""Faults that happen: the app is killed in each step, disks fill, memory ends, clocks jump, caches are damaged.

`docs/reliability.md` says which promise each of these tests shows.
"""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import threading
import time
import uuid
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile
from gradio_client import Client, handle_file
from served import EXAMPLE, ROOT, act, decoders, free_port, sent_file, served, upload, visit

from bibier.annotation import ingest
from bibier.annotation.events import Event
from bibier.annotation.state import ProjectClip
from bibier.annotation.store import Store
from bibier.checkpoint import bundle as checkpoint
from bibier.errors import InputError
from bibier.inference.predictor import Predictor
from bibier.labels import EMOTIONS
from bibier.security.ownership import Ownership
from bibier.security.session import Visitor
from bibier.security.upload_cleanup import GRACE, UploadCleanup, take
from bibier.soft_labels import cache as llm_cache
from bibier.ui.analyse.erasure import Erased, Erasure
from bibier.ui.annotate.handlers import AnnotateHandlers
from bibier.ui.annotate.prefetch import Prefetcher

UNIFORM = {name: 1 / len(EMOTIONS) for name in EMOTIONS}
EVEN = [16, 14, 14, 14, 14, 14, 14]


def predict(guest: httpx.Client, path: str, words: str = "so happy") -> str:
    """Ask for a prediction as a program without a client does; give the last message of the answer."""
    call = guest.post("/gradio_api/call/predict", json={"data": [sent_file(path), words]})
    call.raise_for_status()
    return guest.get(f"/gradio_api/call/predict/{call.json()['event_id']}").text


# -------------------------------------------------------------------------------------------------------------- kill −9


def test_killed_during_an_upload(tmp_path):
    """Half a file is no file: the next run serves, takes the whole one, and deletes the half."""
    port, whole = free_port(), EXAMPLE.read_bytes()
    with served(tmp_path, port=port) as address, visit(address) as guest:
        head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="half.ogg"\r\n\r\n'
        with socket.create_connection(("127.0.0.1", port)) as line:
            ask = (
                f"POST /gradio_api/upload HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
                f"Cookie: bibier_session={guest.cookies['bibier_session']}\r\n"
                f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {len(head) + len(whole) + 9}\r\n\r\n"
            )
            line.sendall(ask.encode() + head + whole[: len(whole) // 2])
            time.sleep(1)
            address.process.kill()
            address.process.wait()
    for path in (tmp_path / "cache").rglob("*"):
        if path.is_file():
            os.utime(path, (then := time.time() - 2 * GRACE, then))
    with served(tmp_path, port=port) as address, visit(address) as guest:
        for _ in range(300):  # the cleaning has a thread of its own
            left = [one for one in (tmp_path / "cache").rglob("*") if one.is_file() and one.name != ".bibier-uploads"]
            if not left:
                break
            time.sleep(0.1)
        assert left == []
        assert '"bimodal"' in predict(guest, upload(guest).json()[0])


def test_killed_during_an_analysis(tmp_path):
    """The next run serves at once; the recording of before has to be sent again, and the refusal says so."""
    sound, rate = soundfile.read(EXAMPLE, dtype="float32")
    soundfile.write(tmp_path / "long.wav", np.resize(sound, 120 * rate), rate)
    port = free_port()
    with served(tmp_path, port=port) as address, visit(address) as guest:
        predict(guest, upload(guest).json()[0])  # the models are loaded
        path = upload(guest, "long.wav", (tmp_path / "long.wav").read_bytes()).json()[0]
        call = guest.post("/gradio_api/call/predict", json={"data": [sent_file(path), None]})
        time.sleep(1)
        address.process.kill()
        address.process.wait()
        cookies = dict(guest.cookies)
    assert call.status_code == 200
    log = [json.loads(line) for line in (tmp_path / "app.log").read_text().splitlines() if line.startswith("{")]
    assert [line["event"] for line in log].count("predict") == 1  # the second was under way
    with served(tmp_path, port=port) as address, visit(address, cookies=cookies) as guest:
        again = guest.post("/gradio_api/call/predict", json={"data": [sent_file(path), None]})
        assert again.status_code == 403 and "Upload it again" in again.text
        assert '"bimodal"' in predict(guest, upload(guest).json()[0])


def test_killed_during_saves(tmp_path):
    """Saves one after another until the app is killed: what was called saved is there, once, after a restart.

    The one that was under way is sent again by the page with its uuid, and then stands once.
    """
    (tmp_path / "annotations").mkdir()
    url, port = f"sqlite:///{tmp_path}/annotations/bibier.db", free_port()
    store = Store(url)
    name, path = ingest.keep(EXAMPLE.read_bytes(), EXAMPLE.suffix, tmp_path / "clips")
    store.add_clips("work", [ProjectClip(name, str(path))])
    (clip,) = store.clips("work")
    store.close()
    facts = {"project": "work", "annotator": "Ann", "clip": clip.sha256, "points": EVEN}
    sent, saved = [], []
    with served(tmp_path, port=port) as address, visit(address) as guest:
        act(guest, "open", **facts)
        threading.Timer(2.0, address.process.kill).start()
        try:
            while True:
                sent.append(str(uuid.uuid4()))
                answer = act(guest, "save", uuid=sent[-1], **facts)
                assert answer.json().get("saved") == sent[-1], answer.text
                saved.append(sent[-1])
                time.sleep(0.005)  # a session may act 300 times at once
        except httpx.TransportError:
            address.process.wait()
    store = Store(url)
    labels = [event.uuid for _, event in store.events("work") if event.kind == "label"]
    assert len(saved) > 3 and labels[: len(saved)] == saved and labels in (saved, sent)
    with served(tmp_path, port=port) as address, visit(address) as guest:
        act(guest, "open", **facts)
        assert act(guest, "save", uuid=sent[-1], **facts).json()["saved"] == sent[-1]
    assert [event.uuid for _, event in store.events("work") if event.kind == "label"] == [*saved, sent[-1]]
    store.close()


# --------------------------------------------------------------------------------------------------------- disk, memory


def test_the_disk_of_uploads_is_full(tmp_path):
    """A real disk of 6 MB: refused with the remedy, and what fits is taken; the annotations go on."""
    room = tmp_path / "disk"
    room.mkdir()
    within = ("unshare", "-rm", "sh", "-c", f'mount -t tmpfs -o size=6m tmpfs "{room}" && exec "$@"', "sh")
    if subprocess.run([*within, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no small disk can be made here: unshare -rm is not allowed")
    with served(tmp_path, within=within, GRADIO_TEMP_DIR=str(room)) as address, visit(address) as guest:
        refused = upload(guest, "large.wav", bytes(5_500_000))
        assert refused.status_code == 507 and "the disk is" in refused.text
        assert '"bimodal"' in predict(guest, upload(guest).json()[0])
        # and while an upload is under way, somebody else fills the disk
        begun, filled = threading.Event(), threading.Event()
        inside = Path(f"/proc/{address.process.pid}/root{room}")

        head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.wav"\r\n\r\n' + bytes(200_000)
        tail = bytes(900_000) + b"\r\n--x--\r\n"

        def parts():
            yield head
            begun.set()
            filled.wait(60)
            yield tail

        def fill():
            begun.wait(60)
            time.sleep(2)  # the server found room for it and took its head
            with suppress(OSError), (inside / "filler").open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))
            filled.set()

        threading.Thread(target=fill).start()
        kind = {"content-type": "multipart/form-data; boundary=x", "content-length": str(len(head + tail))}
        refused = guest.post("/gradio_api/upload", content=parts(), headers=kind)
        assert refused.status_code == 507 and "disk" in refused.text
        (inside / "filler").unlink()
        assert '"bimodal"' in predict(guest, upload(guest).json()[0])
        assert act(guest, "open").json()["projects"] == []


def test_memory_ends_in_an_analysis(tmp_path):
    """The limit of the process is lowered while it runs: one analysis is refused in words, the next works."""
    sound, rate = soundfile.read(EXAMPLE, dtype="float32")
    soundfile.write(tmp_path / "long.wav", np.resize(sound, 500 * rate), rate, subtype="PCM_16")
    with served(tmp_path, short=True) as address, visit(address) as guest:
        small, large = upload(guest).json()[0], upload(guest, "l.wav", (tmp_path / "long.wav").read_bytes()).json()[0]
        assert '"bimodal"' in predict(guest, small)
        pid = address.process.pid
        resident = int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        resource.prlimit(pid, resource.RLIMIT_AS, (resident + 30_000_000, resource.RLIM_INFINITY))
        answer = predict(guest, large)
        resource.prlimit(pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert "event: error" in answer and "not enough memory" in answer, answer[-500:]
        assert '"bimodal"' in predict(guest, small)


def test_a_decoder_that_dies_costs_one_recording(tmp_path):
    """Recordings are decoded by another process: when that is killed in one, this one is refused, and the next read."""
    with served(tmp_path) as address, visit(address) as guest:
        path = upload(guest).json()[0]
        assert '"bimodal"' in predict(guest, path)
        (decoder,) = decoders(address)

        def kill_in_the_middle():
            ends = time.monotonic() + 1
            while time.monotonic() < ends:  # the app has it go on after each look
                decoder.suspend()
            decoder.kill()

        decoder.suspend()
        killing = threading.Thread(target=kill_in_the_middle)
        killing.start()
        assert "event: error" in predict(guest, path)
        killing.join()
        assert '"bimodal"' in predict(guest, path)
        (other,) = decoders(address)
        assert other.pid != decoder.pid
    other.wait(20)  # it ends with the app


def test_a_model_that_fails_on_a_proposal_does_not_stop_annotating(tmp_path):
    """Bytes that are no sound, and a reader that can't be: the clip has no proposal, and nothing is raised."""
    store = Store(f"sqlite:///{tmp_path}/a.db")
    store.add_clips("work", [ProjectClip("0" * 64, str(tmp_path / "gone.wav"))])
    bundle = checkpoint.load("compact")
    name, path = ingest.keep(EXAMPLE.read_bytes(), EXAMPLE.suffix, tmp_path / "clips")
    clip = ProjectClip(name, str(path), "so happy")
    store.add_clips("work", [clip])
    weight = next(tensor for tensor in bundle.text_encoder.parameters() if tensor.dim() == 2)
    weight.data = weight.data[:1]
    reader = Future()
    reader.set_result(lambda name: Predictor(bundle))
    prefetch = Prefetcher(store, reader, "model:compact")
    prefetch("work", store.clips("work"), wait=True)
    assert store.proposals("work") == {} and clip in store.clips("work")
    assert prefetch.queue.running is None


# ---------------------------------------------------------------------------------------------------------------- clock


@pytest.mark.parametrize("jump", [-400 * 86400, 400 * 86400])
def test_a_clock_that_jumps_loses_no_recording_in_use(tmp_path, monkeypatch, jump):
    """A year back or forth: the file of an open tab and a clip of the store stay; cleaning goes on afterwards."""
    folder = take(tmp_path / "uploads")
    paths = [folder.path / name for name in ("open", "stored", "idle")]
    for path in paths:
        path.write_bytes(b"sound")
    work = UploadCleanup(folder, Ownership(folder.path), lambda: {str(paths[1])}, limit=10**9)
    work.ownership.grant("tab", str(paths[0]))
    work.ownership.streams["tab"] = 1
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + jump)
    work.sweep()
    assert paths[0].exists() and paths[1].exists()
    assert paths[2].exists() == (jump < 0)  # unused for more than a year, as far as anybody can tell
    monkeypatch.setattr(time, "time", lambda: real() + abs(jump) + 2 * 86400)
    work.sweep()
    assert paths[0].exists() and paths[1].exists() and not paths[2].exists()


def test_a_clock_that_jumps_changes_no_order_of_annotations(tmp_path):
    """The log's order is that of the saves, whatever their times say."""
    store = Store(f"sqlite:///{tmp_path}/a.db")
    store.add_clips("work", [ProjectClip("0" * 64, "a.wav")])
    for number, moment in enumerate(("2031-01-01T00:00:00Z", "1999-01-01T00:00:00Z", "2026-01-01T00:00:00Z")):
        probs = dict.fromkeys(EMOTIONS, 0.0) | {EMOTIONS[number]: 1.0}
        store.append(Event(str(uuid.uuid4()), "work", "0" * 64, "Ann", "label", probs=probs, time=moment))
    (label,) = store.state("work").values()
    assert label.probs[EMOTIONS[2]] == 1
    store.undo("work", "Ann")
    (label,) = store.state("work").values()
    assert label.probs[EMOTIONS[1]] == 1


# --------------------------------------------------------------------------------------------------------------- caches


@pytest.mark.parametrize("left", [0, 100, 5000])
def test_a_cut_file_of_answers_is_set_aside(tmp_path, left):
    """Cut anywhere: a new one is begun, and the old one stays beside it."""
    path = tmp_path / "answers.db"
    cache = llm_cache.Cache(path)
    for number in range(200):
        cache.put(f"key {number}", {"text": "x" * 100})
    cache.close()
    path.write_bytes(path.read_bytes()[:left])
    cache = llm_cache.Cache(path)
    assert cache.get("key 1") is None
    cache.put("key 1", {"text": "new"})
    cache.close()
    if left:
        assert cache.broken == tmp_path / "answers.db.broken-1" and cache.broken.stat().st_size == left
    assert llm_cache.Cache(path).get("key 1") == {"text": "new"}


def test_a_locked_file_of_answers_is_not_taken_for_a_damaged_one(tmp_path):
    (tmp_path / "answers.db").mkdir()
    with pytest.raises(InputError, match="answers"):
        llm_cache.Cache(tmp_path / "answers.db")
    assert (tmp_path / "answers.db").is_dir()


# ------------------------------------------------------------------------------------------------------------- deleting


def test_deleting_is_deleting(tmp_path):
    """Words and sound of a clip are neither in the database's files nor on the disk; labelled ones stay, and it's said.

    Another session's file of the same bytes stays for it.
    """
    store = Store(f"sqlite:///{tmp_path}/a.db")
    folder = take(tmp_path / "uploads")
    ownership = Ownership(folder.path)
    cleaner = UploadCleanup(folder, ownership, lambda: set(), limit=10**9)
    annotating = AnnotateHandlers(store, folder=tmp_path / "clips")
    privacy = Erasure(store, cleaner, annotating.folder)
    first, two = (Visitor(name, "10.0.0.1", None, True, ownership) for name in ("one", "two"))
    collected = []
    for number, owners in enumerate(((first,), (first,), (first, two))):
        path = folder.path / f"{number}.wav"
        soundfile.write(path, np.full(800, number / 10, dtype=np.float32), 16000)
        collected.append(annotating.receive(str(path), f"very private words {number}", "en", 0.05))
        for owner in owners:
            ownership.grant(owner.session, str(path))
            privacy.take(owner, path, lambda: collected[-1])
    event = Event(str(uuid.uuid4()), "analysed", collected[1]["clip"], "Ann", "label", probs=UNIFORM)
    store.append(event)
    store.append(
        Event(str(uuid.uuid4()), "analysed", collected[0]["clip"], "", "propose", probs=UNIFORM, source="model:a")
    )
    assert privacy.erase(first) == Erased(files=2, clips=1, labelled=1, shared=2)
    assert [path.name for path in folder.path.glob("*.wav")] == ["2.wav"]
    assert {path.stem for path in (tmp_path / "clips").iterdir()} == {collected[1]["clip"], collected[2]["clip"]}
    raw = b"".join(path.read_bytes() for path in tmp_path.glob("a.db*"))
    assert b"very private words 1" in raw and b"very private words 0" not in raw
    again = Store(f"sqlite:///{tmp_path}/a.db")
    for base in (store, again):  # the one that knew the clip, and one that never did
        assert [clip.sha256 for clip in base.clips("analysed")] == [collected[1]["clip"], collected[2]["clip"]]
        assert base.next("analysed", "Bob").sha256 == collected[2]["clip"]
    assert privacy.erase(two) == Erased(files=1, clips=1)
    assert privacy.erase(first) == Erased(labelled=1)
    assert "1" in privacy.erase(first).text("ru") and Erased().text("en") == "You have no recordings on the disk."


def test_deleting_reaches_only_one_s_own(tmp_path):
    """Over HTTP: a visitor deletes; the file of another stays, and the own is gone at once."""
    with served(tmp_path) as address, visit(address) as mine, visit(address) as theirs:
        paths = [upload(mine, "mine.ogg", EXAMPLE.read_bytes() + b"1").json()[0]]
        paths.append(upload(theirs, "theirs.ogg", EXAMPLE.read_bytes() + b"2").json()[0])
        number = next(part["id"] for part in mine.get("/config").json()["dependencies"] if part["api_name"] == "erase")
        call = {"data": [None], "fn_index": number, "session_hash": "mytab"}
        answer = mine.post("/gradio_api/run/predict", json=call)
        assert answer.status_code == 200 and "Deleted from the disk: 1." in answer.text
        assert [os.path.exists(path) for path in paths] == [False, True]
        assert mine.get(f"/gradio_api/file={paths[0]}").status_code == 404
        assert theirs.get(f"/gradio_api/file={paths[1]}").status_code == 200


def test_a_client_of_gradio_is_told_in_words_that_it_failed(tmp_path):
    """What programs hear of a file that can't be read: our sentence, not null."""
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF")
    with served(tmp_path) as address:
        client = Client(address, verbose=False)
        with pytest.raises(Exception, match="[Ff]ile|sound|read"):
            client.predict(handle_file(broken), "", api_name="/predict")
        assert client.predict(handle_file(EXAMPLE), "so happy", api_name="/predict")["bimodal"]


def test_it_starts_though_a_look_at_its_own_page_takes_too_long(tmp_path):
    """Gradio looks at the page before it says that all is well, and gives it three seconds."""
    program = tmp_path / "busy.py"
    program.write_text(
        f"import runpy, sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "import httpx\n"
        "def late(*_, **__): raise httpx.ReadTimeout('three seconds are over')\n"
        "httpx.head = late\n"
        f"runpy.run_path({str(ROOT / 'app.py')!r}, run_name='__main__')\n",
        encoding="utf-8",
    )
    with served(tmp_path, program=program) as address, visit(address) as guest:
        assert guest.get("/config").is_success
