"""Makes a project of many short clips, most of them labelled, as the app finds it when it starts."""

from __future__ import annotations

import uuid
from pathlib import Path

import numpy as np

from benchmarks.annotate import make
from bibier.annotation.events import Event
from bibier.annotation.store import Store
from bibier.labels import named
from bibier.ui.launch import create_project

PROJECT = "clips"  # the folder's name
PEOPLE = 8  # who labelled


def database(folder: Path) -> str:
    """Return the address of the database of an app that is started in a folder."""
    return f"sqlite:///{folder}/annotations/bibier.db"


def label_events(clips: list[str], count: int, seed: int = 0) -> list[Event]:
    """Return a label of each of the first `count` clips, by SHA-256: whole points, as people give them."""
    rng = np.random.default_rng(seed)
    points = rng.multinomial(100, np.ones(7) / 7, count) / 100
    return [
        Event(
            str(uuid.UUID(bytes=rng.bytes(16))), PROJECT, clip, f"P{turn % PEOPLE}", "label", named(given), seconds=3.0
        )
        for turn, (clip, given) in enumerate(zip(clips[:count], points, strict=True))
    ]


def make_project(folder: Path, clips: int, labelled: int) -> None:
    """Write clips into `folder`/clips and make a project of them, the first `labelled` with one label each."""
    (folder / PROJECT).mkdir()
    (folder / "annotations").mkdir()
    make(folder / PROJECT, clips)
    store = Store(database(folder))
    create_project(store, PROJECT, str(folder / PROJECT))
    store.append_all(PROJECT, label_events([clip.sha256 for clip in store.clips(PROJECT)], labelled))
    store.close()
