import json
import shutil
from pathlib import Path

import pytest

from bibier.audio.io import load
from scripts import examples

FOLDER = Path(__file__).parents[2] / "examples"
ENTRIES = json.loads((FOLDER / "examples.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["file"])
def test_an_example_is_small_and_speaks(entry):
    path = FOLDER / entry["file"]
    assert path.stat().st_size < 60_000  # bytes
    clip = load(path)
    assert 1 <= clip.duration <= 8  # seconds
    assert clip.speech
    assert clip.notices == ()
    assert entry["transcript"] and set(entry["shows"]) == {"en", "ru"}


def test_the_list_and_the_folder_agree():
    assert {entry["file"] for entry in ENTRIES} == {path.name for path in FOLDER.glob("*.ogg")}
    assert {entry["language"] for entry in ENTRIES} == {"en", "ru"}


def test_the_licence_is_stated():
    assert "CC0" in (FOLDER / "README.md").read_text(encoding="utf-8")


def test_the_list_is_what_the_script_says():
    listed = [(example.file, example.transcript, example.language) for example in examples.EXAMPLES]
    assert [(entry["file"], entry["transcript"], entry["language"]) for entry in ENTRIES] == listed


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="needs espeak-ng")
def test_the_script_makes_them_anew(tmp_path):
    examples.make(tmp_path)
    assert (tmp_path / "examples.json").read_bytes() == (FOLDER / "examples.json").read_bytes()
    for entry in ENTRIES:
        assert load(tmp_path / entry["file"]).duration == pytest.approx(load(FOLDER / entry["file"]).duration, abs=0.5)
