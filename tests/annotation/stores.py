"""A store of either database with six clips, and events for it."""

from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sql

from bibier.annotation.events import Event
from bibier.annotation.state import ProjectClip
from bibier.annotation.store import Store
from bibier.labels import named

ROOT = Path(__file__).resolve().parents[2]


CLIPS = [ProjectClip(f"{i:064x}", f"{i}.wav") for i in range(6)]


COUNT = iter(range(10**9))


def label(clip=0, who="A", kind="label", uuid=None, at=0, **more):
    probs = named(np.eye(7)[at]) if kind in ("label", "propose") else None
    return Event(uuid or f"u{next(COUNT)}", "p", CLIPS[clip].sha256, who, kind, probs, **more)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/a.db"
    url = request.getfixturevalue("postgres")
    engine = sql.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE IF EXISTS removals, events, clips, projects, about")
    engine.dispose()
    return url


@pytest.fixture
def store(url):
    store = Store(url)
    store.project("p", wanted=2)
    store.add_clips("p", CLIPS)
    yield store
    store.close()
