"""Ray Data gives the same table as one process, with two workers on this computer, also when one of them dies."""

import json
import threading

import psutil
import pytest

from tests.inference.test_batch import place, rows_of  # noqa: F401, a fixture

pytest.importorskip("ray", reason="ray is not installed: pip install -r requirements-ray.txt")


class Killer(threading.Thread):
    """Kills the first worker that judges something, as a machine does that runs out of memory."""

    def __init__(self):
        super().__init__(daemon=True)
        self.over, self.killed = threading.Event(), 0

    def run(self):
        while not self.killed and not self.over.wait(0.01):
            for process in psutil.Process().children(recursive=True):
                try:
                    busy = process.name().startswith("ray::") and "Worker)).submit" in " ".join(process.cmdline())
                    if busy:
                        process.kill()
                        self.killed = process.pid
                        break
                except psutil.NoSuchProcess:
                    continue


def test_two_workers_give_the_same_table_though_one_is_killed(place, tmp_path):  # noqa: F811
    """The group that a dead worker had is judged again by another: no row is missing, and none is there twice."""
    status, out = rows_of(place / "list.csv", tmp_path / "local.jsonl", "--engine", "local", "--batch", "4")
    table = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    killer = Killer()
    killer.start()
    try:
        again, out = rows_of(place / "list.csv", tmp_path / "ray.jsonl", "--engine", "ray", "--batch", "4")
    finally:
        killer.over.set()
        killer.join()
    assert killer.killed, "no worker was killed"
    assert status == again == 1
    assert [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()] == table
