"""Visitors of the running app without a browser: they ask over HTTP what the page asks, and check what comes back."""

from __future__ import annotations

import io
import json
import re
import secrets
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import soundfile

EXAMPLE = Path(__file__).parents[1] / "examples" / "happy_en.ogg"
SECONDS, RATE = 5, 44_100  # of a recording, as Chromium's arrive: 16-bit mono wav, 441 kB
PATIENCE = 600.0  # s for one answer, on a computer that is busy
AGAIN = 1.0  # s until what was not answered is sent again
EVEN = [16, 14, 14, 14, 14, 14, 14]  # a label's points
BUSY = re.compile(r"The app is busy|waiting already|Too many|Queue is full")


class Busy(Exception):
    """The app said that it is busy."""


class Wrong(Exception):
    """The app refused, failed, or gave another answer than the right one."""


def right(sound: bool, answer: object) -> None:
    """Raise Busy or Wrong unless the answer is sound."""
    if not sound:
        text = str(answer)
        raise Busy if BUSY.search(text) else Wrong(text[:400])


class Page:
    """What the page knows of itself: its functions and parts."""

    def __init__(self, address: str):
        config = httpx.get(f"{address}/config", timeout=PATIENCE).raise_for_status().json()
        self.address = address
        self.functions = {component["api_name"]: component for component in config["dependencies"]}
        self.names = {component["id"]: component["props"].get("elem_id") for component in config["components"]}
        self.studio = next(number for number, name in self.names.items() if name == "annotate")


class SimulatedVisitor:
    """One visitor's browser, without the browser: a cookie and an open tab."""

    def __init__(self, page: Page, name: str):
        self.page, self.name, self.tab = page, name, secrets.token_hex(6)
        self.view = json.dumps({"language": "en", "token": secrets.token_hex(16)})
        # The server closes a connection that has waited for five seconds: one that is used just then is lost.
        kept = httpx.Limits(keepalive_expiry=3)
        self.http = httpx.Client(base_url=page.address, timeout=PATIENCE, limits=kept)

    def enter(self) -> None:
        """Come in as the page does."""
        right((answer := self.http.get("/")).status_code == 200, answer.text)
        alive = self.http.build_request("GET", f"/gradio_api/heartbeat/{self.tab}")
        self.heartbeat = self.http.send(alive, stream=True)  # open until the tab is closed
        right(self.heartbeat.status_code == 200, self.heartbeat.status_code)
        self.direct("restore")
        self.call("ready")
        self.act("open", annotator=self.name)

    def leave(self) -> None:
        """Close the tab."""
        self.http.close()

    def post(self, path: str, **sent) -> httpx.Response:
        answer = self.http.post(f"/gradio_api/{path}", **sent)
        right(answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}")
        return answer

    def body(self, name: str, values: tuple[object, ...]) -> dict:
        function = self.page.functions[name]
        assert len(values) + 1 == len(function["inputs"]), name
        return {"data": [*values, self.view], "fn_index": function["id"], "session_hash": self.tab}

    def shown(self, name: str, answer: dict) -> dict[str, object]:
        """Give an answer's values by the names of the page's parts."""
        right("data" in answer, answer)
        parts = (self.page.names[number] for number in self.page.functions[name]["outputs"])
        shown = dict(zip(parts, answer["data"], strict=True))
        stage = shown.get("stage")
        right(not (isinstance(stage, dict) and stage.get("error")), stage)
        return shown

    def call(self, name: str, *values: object) -> dict[str, object]:
        """Call a function of the page through Gradio's queue; give what the page shows in the end."""
        event = self.post("queue/join", json=self.body(name, values)).json()["event_id"]
        with self.http.stream("GET", "/gradio_api/queue/data", params={"session_hash": self.tab}) as stream:
            for line in stream.iter_lines():
                if line.startswith("data:") and '"process_completed"' in line and event in line:
                    message = json.loads(line.removeprefix("data:"))
                    right(message["success"], message["output"])
                    return self.shown(name, message["output"])
        raise Wrong(f"{name}: the stream ended without an answer")

    def direct(self, name: str, *values: object) -> dict[str, object]:
        """Call a function that doesn't wait in Gradio's queue."""
        return self.shown(name, self.post("run/predict", json=self.body(name, values)).json())

    def act(self, name: str, **sent: object) -> dict:
        """Call a function of the Annotate tab."""
        body = {"data": [sent], "component_id": self.page.studio, "fn_name": name, "session_hash": self.tab}
        answer = self.post("component_server", json=body).json()
        if answer.get("passing"):  # the page tries it again
            raise Busy(answer["error"])
        right("error" not in answer, answer)
        return answer

    def send(self, sound: bytes) -> dict:
        """Upload a recording; Analyse can be pressed then."""
        (path,) = self.post("upload", files={"files": ("recording.wav", sound, "audio/wav")}).json()
        clip = {"path": path, "meta": {"_type": "gradio.FileData"}}
        shown = self.call("arrived", clip, "", None)
        right(shown["analyse"]["interactive"] is True, shown)
        return clip

    def analyse(self, clip: dict, words: str) -> None:
        """Press Analyse; a verdict is shown, and words where none were given."""
        shown = self.call("analyse", clip, words, "none" if words else "pocketsphinx", None, None)
        right(bool(shown["judgement"].get("sentence")), shown)
        right(bool(words or shown["transcript"]), shown)

    def correct(self, words: str) -> None:
        """Change the words; the verdict is of the new ones."""
        right(bool(self.call("edit", words, None)["judgement"].get("sentence")), "edit")

    def take(self, sha256: str) -> dict:
        """Take the recording to Annotate; give what names it there."""
        config = next(
            part for part in self.direct("relabel", None).values() if isinstance(part, dict) and "clip" in part
        )
        right(config["clip"] == sha256, config)
        return {**config, "annotator": self.name}

    def hear(self, facts: dict, sound: bytes) -> None:
        """Have the clip shown and played."""
        shown = self.act("open", **facts)["now"]
        right(shown["clip"] == facts["clip"], shown)
        heard = self.http.get(f"/bibier/clip/{facts['clip']}")
        right(heard.status_code == 200 and heard.content == sound, f"{heard.status_code}, {len(heard.content)} bytes")

    def label(self, facts: dict, name: str) -> None:
        answer = self.act("save", uuid=name, points=EVEN, **facts)
        right(answer["saved"] == name and answer["new"] is True, answer)

    def erase(self) -> None:
        said = self.direct("erase")["privacy"]
        right(said["text"].startswith("Deleted from the disk"), said)


class SimulatedAnnotator(SimulatedVisitor):
    """One person who labels a project, clip after clip: the next one is on the page before the server has answered."""

    def __init__(self, page: Page, name: str, project: str):
        super().__init__(page, name)
        self.who = {"project": project, "annotator": name}
        self.current: str | None = None  # the clip on the page, by its SHA-256
        self.tries = 0  # sends that had no answer
        self.coming: list[str] = []  # those that the page knows to come after it

    def begin(self) -> None:
        """Choose the project; the first clip is shown."""
        self.take_in(self.act("open", **self.who))

    def take_in(self, answer: dict) -> None:
        """Note what comes next; the clip on the page stays."""
        views = (answer["now"], answer["after"], *answer["later"])
        self.coming = [view["clip"] for view in views if view and view["clip"] != self.current]
        if self.current is None and self.coming:
            self.current = self.coming.pop(0)

    def label_next(self, points: list[int], again: bool = False) -> tuple[str, str]:
        """Label the clip that is shown; return its SHA-256 and the act's uuid.

        What was not answered is sent again under the same id, as the page does; with `again` it is sent twice anyway.
        """
        clip, name, sent = self.current, str(uuid.uuid4()), 0
        self.current = self.coming.pop(0) if self.coming else None
        while sent < 1 + again:
            try:
                answer = self.act("save", uuid=name, clip=clip, points=points, **self.who)
            except (Busy, httpx.TransportError):
                self.tries += 1
                again = True  # it may have arrived
                time.sleep(AGAIN)
                continue
            right(answer["saved"] == name and (answer["new"] or again), answer)
            sent += 1
        self.take_in(answer)
        return clip, name


def recordings(rng: np.random.Generator) -> Iterator[bytes]:
    """Give wav files without end, each one its own: an example's voice with a little noise."""
    sound, rate = soundfile.read(EXAMPLE, dtype="float32")
    samples = np.interp(np.arange(SECONDS * RATE) * rate / RATE, np.arange(len(sound)), sound, period=len(sound))
    while True:
        out = io.BytesIO()
        soundfile.write(out, samples + rng.normal(0, 1e-3, len(samples)), RATE, format="WAV", subtype="PCM_16")
        yield out.getvalue()
