"""Potato (`potato-annotation`), to be measured beside the app: a task of clips, its server, and one annotator of it.

The annotator asks what Potato's page asks: a save (`/updateinstance`), the step to the next clip (`/annotate`), and the
page of that clip.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from bibier.annotation.events import Event
from bibier.labels import EMOTIONS

PATIENCE = 600.0  # s for a start or an answer
SCHEME = "emotion"
KEY = "benchmark"  # of its administrator
CONFIG = """\
annotation_task_name: clips
task_dir: .
output_annotation_dir: out
require_password: false
admin_api_key: {key}
data_files: [data.jsonl]
item_properties: {{id_key: id, text_key: audio}}
instance_display: {{fields: [{{key: audio, type: audio}}]}}
user_config: {{allow_all_users: true, users: []}}
site_dir: default
max_annotations_per_item: 1
assignment_strategy: fixed_order
annotation_schemes:
  - annotation_type: constant_sum
    name: {scheme}
    description: What is heard
    labels: [{labels}]
    total_points: 100
"""


def make_task(folder: Path, clips: list[str], labels: list[Event]) -> None:
    """Write a task of `clips`, by SHA-256, with the states of the people who gave `labels`."""
    folder.mkdir()
    (folder / "config.yaml").write_text(CONFIG.format(key=KEY, scheme=SCHEME, labels=", ".join(EMOTIONS)))
    items = [{"id": clip, "audio": f"/clips/{clip}.wav"} for clip in clips]
    (folder / "data.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    for person in sorted({event.annotator for event in labels}):
        given = [event for event in labels if event.annotator == person]
        state = {
            "user_id": person,
            "instance_id_ordering": [event.clip for event in given],
            "current_instance_index": len(given) - 1,
            "current_phase_and_page": ["annotation", None],
            "completed_phase_and_pages": [],
            "max_assignments": -1,
            "instance_id_to_behavioral_data": {},
            "instance_id_to_label_to_value": {event.clip: values(event) for event in given},
            "instance_id_to_span_to_value": {},
            "phase_to_page_to_label_to_value": {},
            "phase_to_page_to_span_to_value": {},
        }
        (folder / "out" / person).mkdir(parents=True)
        (folder / "out" / person / "user_state.json").write_text(json.dumps(state))


def values(event: Event) -> list[list[object]]:
    """Return a label as a state has it."""
    shares = event.distribution.items()
    return [[{"schema": SCHEME, "name": emotion}, round(100 * share)] for emotion, share in shares]


@contextmanager
def started(python: Path, folder: Path) -> Iterator[tuple[str, subprocess.Popen]]:
    """Start the server on a task; give its address once it answers, and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address, deadline = f"http://127.0.0.1:{port}", time.monotonic() + PATIENCE
    command = [str(python.absolute()), "-m", "potato", "start", "config.yaml", "-p", str(port), "--host", "127.0.0.1"]
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        while True:
            try:
                httpx.get(address, timeout=30)
                break
            except httpx.HTTPError:
                if server.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"Potato did not start:\n{(folder / 'server.log').read_text()[-2000:]}") from None
                time.sleep(0.5)
        yield address, server
    finally:
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()


class PotatoAnnotator:
    """One annotator of a task, as its page asks."""

    def __init__(self, address: str, name: str):
        self.http = httpx.Client(base_url=address, timeout=PATIENCE, follow_redirects=True)
        self.take_in(self.http.post("/auth", data={"email": name, "pass": ""}))

    def take_in(self, answer: httpx.Response) -> None:
        """Note which clip a page shows."""
        found = re.search(r"\b[0-9a-f]{64}\b", answer.raise_for_status().text)
        assert found, answer.text[-1000:]
        self.current = found[0]

    def label_next(self, points: list[int]) -> None:
        """Save a label, and have the next clip's page."""
        clip = self.current
        given = {f"{SCHEME}:{emotion}": value for emotion, value in zip(EMOTIONS, points, strict=True)}
        saved = self.http.post(
            "/updateinstance", json={"instance_id": clip, "annotations": given, "span_annotations": []}
        )
        assert saved.raise_for_status().json()["status"] == "success", saved.text
        step = {"action": "next_instance", "instance_id": clip}
        self.http.post("/annotate", json=step, headers={"X-Potato-Navigation": "1"}).raise_for_status()
        self.take_in(self.http.get("/annotate"))
        assert self.current != clip, "the page shows the same clip again"

    def export(self) -> int:
        """Have everybody's labels exported; return how many."""
        answer = self.http.post("/admin/api/export", json={"format": "jsonl"}, headers={"X-API-Key": KEY})
        said = answer.raise_for_status().json()
        assert said["success"], said
        return sum(len(Path(file).read_text().splitlines()) for file in said["files_written"] if file.endswith("jsonl"))
