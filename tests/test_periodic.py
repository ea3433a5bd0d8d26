"""Work in the background outlives what goes wrong in it, and says how it is doing."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from unittest.mock import Mock

import pytest
from starlette.testclient import TestClient

from bibier.annotation.store import Store
from bibier.asr.recognisers import Choice
from bibier.i18n.messages import Message
from bibier.periodic import LATE, PeriodicTask
from bibier.ui.health import Health
from bibier.ui.services import Services


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def pool():
    with ThreadPoolExecutor(1) as threads:
        yield threads


def test_a_failure_is_told_and_the_next_step_is_done(pool):
    clock, ends = Clock(), [KeyError("x"), None, SystemExit()]

    def step():
        if end := ends.pop(0):
            raise end

    task = PeriodicTask("work", step, 10, clock=clock)
    for ok, error in ((False, "KeyError"), (True, None), (False, "SystemExit")):
        task.once(pool)
        assert (task.state().ok, task.state().error) == (ok, error)


def test_a_step_for_which_there_is_no_thread_is_told_and_the_next_is_done(pool, monkeypatch):
    task = PeriodicTask("work", lambda: None, 10)
    with monkeypatch.context() as short:
        short.setattr("threading.Thread.start", Mock(side_effect=RuntimeError("can't start new thread")))
        task.once(pool)
        assert task.state().error == "RuntimeError"
    task.once(pool)
    assert task.state().ok


def test_a_step_that_never_ends_is_noticed():
    clock = Clock()
    task = PeriodicTask("work", lambda: None, 10, clock=clock)
    assert task.state().ok
    clock.now = LATE * 10 + LATE + 1
    assert not task.state().ok and task.state().seconds == round(clock.now)


def test_the_health_page_says_what_is_wrong(pool):
    def step():
        raise ValueError("what I said to nobody")

    async def app(scope, receive, send):
        raise AssertionError("not asked")

    models: Future = Future()
    typed = Choice("none", Message("recogniser-none"), ready=True)
    services = Services(models, lambda: (typed,), None, None, lambda prediction, _: {})
    good, bad = PeriodicTask("cleaning", lambda: None, 60), PeriodicTask("backup", step, 60)
    client = TestClient(Health(app, services=services, tasks=[good, bad]))
    answer = client.get("/bibier/health")
    assert answer.status_code == 200 and answer.json()["models"] == "loading"
    bad.once(pool)
    models.set_result(None)
    answer = client.get("/bibier/health")
    assert answer.status_code == 503 and answer.json()["models"] == "ready"
    assert answer.json()["tasks"]["backup"]["error"] == "ValueError" and answer.json()["tasks"]["cleaning"]["ok"]
    assert "nobody" not in answer.text


def test_the_health_page_says_that_labels_can_not_be_saved(pool, tmp_path):
    store = Store(f"sqlite:///{tmp_path}/a.db")
    models: Future = Future()
    models.set_result(None)
    services = Services(models, lambda: (), None, None, lambda prediction, _: {})
    task = PeriodicTask("annotations", store.check, 15)
    client = TestClient(Health(None, services=services, tasks=[task]))
    task.once(pool)
    assert client.get("/bibier/health").status_code == 200
    for part in tmp_path.glob("a.db*"):
        part.unlink()
    task.once(pool)
    answer = client.get("/bibier/health")
    assert answer.status_code == 503 and answer.json()["tasks"]["annotations"]["error"] == "StoreUnavailable"
    (tmp_path / "a.db").touch()  # another in its place
    task.once(pool)
    assert client.get("/bibier/health").status_code == 503
    store.close()
