"""A batch over fifty odd files ends with fifty rows, each right or with its reason."""

import json
import re

import odd_files
import pytest

from bibier import __main__ as command
from bibier.file_names import printable
from bibier.labels import EMOTIONS

LOSSY = 0.35  # of a probability, that a codec may move it


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    folder = tmp_path_factory.mktemp("odd")
    kinds = odd_files.make(folder)
    out = folder / "out.jsonl"
    assert command.main(["batch", str(folder), "-o", str(out), "--recogniser", "none"]) == 1
    rows = {row["path"]: row for row in map(json.loads, out.read_text(encoding="utf-8").split("\n")[:-1])}
    return {name: (kind, rows.pop(printable(str(folder / name)))) for name, kind in kinds.items()}, rows


def test_every_file_has_its_row(batch):
    judged, others = batch
    assert len(judged) == 50 and not others


def test_what_is_whole_is_judged_as_the_recording_is(batch):
    judged, _ = batch
    reference = judged["pcm.wav"][1]
    for name, (kind, row) in judged.items():
        if kind == "damaged":
            continue
        assert not row["error"], (name, row["error"])
        assert row["duration"] == pytest.approx(odd_files.SECONDS, abs=0.2), name  # AAC fills its last frames
        moved = max(abs(row[f"voice_{emotion}"] - reference[f"voice_{emotion}"]) for emotion in EMOTIONS)
        assert moved < (1e-9 if kind == "name" and "title" not in name else LOSSY), (name, moved)


def test_what_is_damaged_has_its_reason(batch):
    judged, _ = batch
    for name, (kind, row) in judged.items():
        if kind != "damaged" or name in ("twice.mp3", "twice.opus", "wrong ending.mp3"):
            continue
        assert row["error"] or row["warnings"], name
        reason = " ".join([row["error"], *row["warnings"]])
        assert not re.search(r"Error\b|Traceback|the program failed", reason), (name, reason)
    for name in ("twice.mp3", "twice.opus"):
        assert judged[name][1]["duration"] == pytest.approx(2 * odd_files.SECONDS, abs=0.3), name
    assert not judged["wrong ending.mp3"][1]["error"]
    assert all(judged[name][1]["error"] for name in ("empty.mp3", "page.wav", "text.m4a", "noise.ogg", "header.wav"))
