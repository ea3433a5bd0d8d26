"""Ray Data gives the same table as one process, with two workers on this computer."""

import json

import pytest

from tests.inference.test_batch import place, rows_of  # noqa: F401, a fixture

pytest.importorskip("ray", reason="ray is not installed: pip install -r requirements-ray.txt")


def test_two_workers_give_the_same_table(place, tmp_path):  # noqa: F811
    tables = []
    for engine in ("local", "ray"):
        status, out = rows_of(place / "list.csv", tmp_path / f"{engine}.jsonl", "--engine", engine, "--batch", "4")
        assert status == 1
        tables.append([json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()])
    assert tables[0] == tables[1]
