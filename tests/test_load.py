"""The instrument of `make load`: it counts what happened, sees what breaks, and finds the growth that is there."""

import threading
import time

import numpy as np
import pytest

from benchmarks import load
from benchmarks.memory import Watch, growth
from benchmarks.visitors import Busy, Page, Wrong, right


def test_two_at_once_and_then_the_app_is_killed(tmp_path, monkeypatch, capsys):
    """Whole cycles without an error; when the app is killed, errors, no label lost, and the command ends with 1."""
    monkeypatch.setattr(load, "STAY", 2)  # so that a visit ends
    with load.started(tmp_path) as (address, app):
        page = Page(address)
        whole = load.Load(page, 1, lambda done: done < 4)
        with Watch(app.pid, lambda: whole.cycles) as watch:
            whole.run(2)
        assert whole.errors == [] and whole.cycles >= 4 and len(whole.saved) == whole.cycles
        assert set(whole.times) == set(load.STEPS) - {"analyse, words recognised"}  # which come later in a visit
        assert len(whole.times["send the recording"]) == whole.cycles
        assert max(watch.memory) > 100
        outcome = load.Found(1, 1.0, {}, whole, watch, watch.memory[-1])
        # now in the middle
        broken = load.Load(page, 2, lambda _: app.poll() is None)
        threading.Thread(target=lambda: (wait(lambda: broken.cycles > 0), app.kill())).start()
        broken.run(2)
    assert len(broken.errors) >= 2 and broken.cycles >= 1
    assert load.log_of(tmp_path) == []
    assert load.unsaved(tmp_path, whole.saved + broken.saved) == []
    assert load.unsaved(tmp_path, ["x"]) == ["the label x stands 0 times in the log"]

    for result, code in ((outcome, 0), (load.Found(2, 1.0, {}, broken, watch, 0.0), 1)):
        monkeypatch.setattr(load, "measure", lambda *_, result=result: result)
        monkeypatch.setattr("sys.argv", ["load", "--users", "2", "--out", str(tmp_path / "load.md")])
        with pytest.raises(SystemExit) as ended:
            load.main()
        assert ended.value.code == code
        printed = capsys.readouterr()
        assert f"| {result.seed} | 0.0 | {result.load.cycles} | {len(result.load.errors)} | 0 |" in printed.out
        assert all(error in printed.err for error in result.load.errors)
        assert (tmp_path / "load.md").read_text() in printed.out


def wait(for_what, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not for_what() and time.monotonic() < deadline:
        time.sleep(0.01)


def test_busy_is_no_error_and_anything_else_is():
    right(True, "whatever")
    for message in (
        "The app is busy: 16 analyses are waiting already.",
        "429 Too many uploads in a row.",
        "Queue is full.",
    ):
        with pytest.raises(Busy):
            right(False, message)
    with pytest.raises(Wrong, match="failed"):
        right(False, {"error": True, "text": "The model failed on this recording"})


def test_a_step_is_tried_again_while_the_app_is_busy(monkeypatch):
    monkeypatch.setattr(load.time, "sleep", lambda _: None)
    work = load.Load(None, 0, lambda _: True)
    answers = [Busy, Busy, "there"]

    def step():
        answer = answers.pop(0)
        if answer is Busy:
            raise Busy
        return answer

    assert work.timed("edit", step) == "there"
    assert work.busy == 2 and len(work.times["edit"]) == 1
    with pytest.raises(Wrong, match="edit: IndexError"):
        work.timed("edit", step)


@pytest.mark.parametrize("slope", [0.0, 0.05, 0.5])
def test_the_growth_that_is_there_is_found(slope):
    """A line with slow waves, as collectors make them: the interval holds the slope in nearly all of 200 runs."""
    rng, held = np.random.default_rng(0), 0
    for _ in range(200):
        done = np.sort(rng.integers(0, 500, 400)).astype(float)
        waves = np.convolve(rng.normal(0, 3, 410), np.ones(11) / 11, "valid")
        growing = growth(done, 800 + slope * done + waves)
        held += abs(growing.slope - slope) <= growing.half
    assert held >= 180


def test_no_growth_is_told_of_a_short_run():
    assert growth(np.arange(20.0), np.ones(20)) is None
    assert growth(np.array([]), np.array([])) is None
    assert growth(np.array([0.0, 100.0]), np.ones(2)) is None
