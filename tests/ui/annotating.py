"""A project of three clips, and what a browser sends about them."""

import pytest

from bibier.annotation.events import Event
from bibier.annotation.state import ProjectClip
from bibier.annotation.store import Store
from bibier.labels import EMOTIONS, named

UUID = "00000000-0000-4000-8000-{:012d}"


SAD = [0, 0, 0, 0, 0, 100, 0]


@pytest.fixture
def store(tmp_path):
    """Make a store with a project of three clips."""
    store = Store(f"sqlite:///{tmp_path / 'store.db'}")
    store.project("voices")
    clips = []
    for number in range(3):
        path = tmp_path / f"{number}.wav"
        path.write_bytes(bytes([number]))
        clips.append(ProjectClip(f"{number:064x}", str(path), f"words {number}", "en", None, 1.0, {}))
    store.add_clips("voices", clips)
    return store


def sent(number: int = 1, clip: object = 0, **facts) -> dict:
    return {
        "project": "voices",
        "annotator": "Ann",
        "uuid": UUID.format(number),
        "clip": f"{clip:064x}" if isinstance(clip, int) else clip,
        "points": SAD,
        "confidence": 0.5,
        "note": "",
        "seconds": 2.5,
    } | facts


def propose(store, number: int = 90, clip: int = 0) -> None:
    probs = named([1 / len(EMOTIONS)] * len(EMOTIONS))
    event = Event(UUID.format(number), "voices", f"{clip:064x}", "", "propose", probs, source="model:tiny")
    store.append(event)
