"""A small project with labels of two people, proposals and odd notes."""

import numpy as np
import pytest

from bibier.annotation import exports
from bibier.annotation.events import Event
from bibier.annotation.state import ProjectClip
from bibier.annotation.store import Store
from bibier.labels import named

CLIPS = [
    ProjectClip(f"{0:064x}", "/clips/a.wav", "=1+1, “so”", "en", "happy", 1.5, {"speaker": "7", "split": "dev"}),
    ProjectClip(f"{1:064x}", "/clips/b.wav", "да\r\nнет", "ru"),
    ProjectClip(f"{2:064x}", "-c.wav", "", ""),
]


NASTY = '@SUM(A1)\n"x",${y}\u2028<script>'


@pytest.fixture
def store(tmp_path):
    store, rng = Store(f"sqlite:///{tmp_path}/a.db"), np.random.default_rng(0)
    store.add_clips("p", CLIPS)
    for i, clip in enumerate(CLIPS[:2]):
        for who in ("Anna", "+Б, «Q»"):
            probs = named(rng.dirichlet([0.5] * 7))
            more = {"note": NASTY, "confidence": 0.75, "seconds": 1 / 3}
            store.append(Event(f"={who}{i}", "p", clip.sha256, who, "label", probs, **more))
    store.append(Event("m", "p", CLIPS[0].sha256, "", "propose", named(np.eye(7)[6]), source="llm:=x"))
    before = store.state("p")[CLIPS[0].sha256, "Anna"].probs
    more = {"seen": ("llm:=x",), "before": before}
    store.append(Event("again", "p", CLIPS[0].sha256, "Anna", "label", named(np.eye(7)[6]), **more))
    store.append(Event("gone", "p", CLIPS[2].sha256, "Anna", "label", named(np.eye(7)[0])))
    store.undo("p", "Anna")
    store.append(Event("skip", "p", CLIPS[2].sha256, "Anna", "skip", note="шум"))
    yield store
    store.close()


@pytest.fixture
def snapshot(store):
    return exports.snapshot_of(store, "p")
