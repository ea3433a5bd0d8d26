"""The real app in a process of its own, and visitors with cookies of their own."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from weakref import WeakKeyDictionary

import httpx
import psutil

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "happy_en.ogg"
START = "the-start-of-these-tests"  # the operator's secret
CONFIGS: WeakKeyDictionary[httpx.Client, dict] = WeakKeyDictionary()
PATIENCE = 180  # s; the machine may be busy


class Address(str):
    """Where an app answers, with its process."""

    process: subprocess.Popen


def free_port() -> int:
    """Return a port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def served(
    folder: Path,
    *options: str,
    port: int | None = None,
    within: tuple[str, ...] = (),
    program: Path = ROOT / "app.py",
    short: bool = False,
    **environ: str,
) -> Iterator[Address]:
    """Start `python app.py` in a folder of its own; give its address. No traceback may be in its log afterwards.

    `within` is a command that starts the app in surroundings of its own. `short`: its memory ends, which may hit
    any line of any library, so that the traceback of a MemoryError may be there.
    """
    address, log = Address(f"http://127.0.0.1:{port or free_port()}"), folder / "app.log"
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("BIBIER_", "GRADIO_", "SPACE", "OAUTH_"))
    }
    with log.open("ab") as file:
        app = address.process = subprocess.Popen(
            [*within, sys.executable, str(program), "--port", address.rsplit(":", 1)[1], *options],
            cwd=folder,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=environment
            | {"BIBIER_START_TOKEN": START, "GRADIO_TEMP_DIR": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
            | environ,
        )
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            if httpx.get(f"{address}/theme.css", timeout=5).status_code == 200:
                break
        except httpx.TransportError:
            pass
        assert app.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)
    try:
        yield address
    finally:
        app.terminate()
        app.wait(30)
    said = log.read_text()
    if short:
        said = re.sub(r"Traceback(?:(?!Traceback).)*?\n\S*MemoryError\b", "", said, flags=re.S)
        said = re.sub(r'.*"event": "fault".*"error": "MemoryError".*\n', "", said)
    # On a Space, Gradio looks for a package of the Space's own, and its thread ends without it.
    said = re.sub(r'.*"event": "fault".* watchfn_spaces"\]}\n', "", said)
    assert '"event": "fault"' not in said, said  # what Gradio would have written a traceback about
    assert "Traceback" not in said, said


def recognisers(address: Address) -> list[psutil.Process]:
    """Return the processes in which a running app recognises words."""
    return _children(address, "pocketsphinx_worker.py")


def decoders(address: Address) -> list[psutil.Process]:
    """Return the processes in which a running app decodes recordings."""
    return _children(address, "bibier.audio.decoder_worker")


def _children(address: Address, word: str) -> list[psutil.Process]:
    children = psutil.Process(address.process.pid).children(recursive=True)
    return [child for child in children if word in " ".join(child.cmdline())]


@contextmanager
def held_recogniser(address: Address) -> Iterator[None]:
    """Let no recognition of a running app end meanwhile, however slow whoever looks at its page is."""
    found = recognisers(address)
    assert found, "it is there when something was recognised"
    for recogniser in found:
        recogniser.suspend()
    try:
        yield
    finally:
        for recogniser in found:
            recogniser.resume()


@contextmanager
def visit(address: str, **settings) -> Iterator[httpx.Client]:
    """Open the page as a browser does: what follows carries its cookie."""
    with httpx.Client(base_url=address, timeout=PATIENCE, **settings) as guest:
        guest.get("/").raise_for_status()
        yield guest


def upload(guest: httpx.Client, name: str = "voice.ogg", data: bytes | None = None, **settings) -> httpx.Response:
    """Send a file as the page does."""
    sound = EXAMPLE.read_bytes() if data is None else data
    return guest.post("/gradio_api/upload", files={"files": (name, sound)}, **settings)


def file(guest: httpx.Client, path: str, **settings) -> httpx.Response:
    """Ask for a file by the address that the page uses."""
    return guest.get(f"/gradio_api/file={path}", **settings)


def function(guest: httpx.Client, name: str) -> dict:
    """Describe a function of the page by its name."""
    functions = _config(guest)["dependencies"]
    return next(entry for entry in functions if entry["api_name"] == name)


def _config(guest: httpx.Client) -> dict:
    """Return what Gradio tells of the page, as the page does: read once, however much is asked."""
    if guest not in CONFIGS:
        CONFIGS[guest] = guest.get("/config").json()
    return CONFIGS[guest]


def act(guest: httpx.Client, name: str, *, tab: str = "a-tab-of-mine", **sent: object) -> httpx.Response:
    """Call a function of the Annotate tab, as its page side does."""
    parts = _config(guest)["components"]
    number = next(part["id"] for part in parts if part["props"].get("elem_id") == "annotate")
    call = {"data": [sent], "component_id": number, "fn_name": name, "session_hash": tab}
    return guest.post("/gradio_api/component_server", json=call)


def sent_file(path: str) -> dict:
    """Name an uploaded file in a call."""
    return {"path": path, "meta": {"_type": "gradio.FileData"}}
