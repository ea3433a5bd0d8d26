import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from bibier.audio.io import load
from bibier.checkpoint import bundle
from bibier.inference.predictor import Predictor
from bibier.labels import EMOTIONS, vector
from bibier.ui.analyse.summary import badge
from scripts import examples

FOLDER = Path(__file__).parents[2] / "examples"
SHOWN = {  # what both together are to say, as the titles promise
    "happy_en.ogg": "happy",
    "sad_en.ogg": "sad",
    "anger_en.ogg": "anger",
    "stop_en.ogg": "anger",
    "meeting_en.ogg": "happy",
    "disagree_en.ogg": None,
    "happy_ru.ogg": "happy",
    "fear_ru.ogg": "fear",
    "neutral_ru.ogg": "neutral",
    "disagree_ru.ogg": None,
}
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


@pytest.fixture(scope="module")
def predictor():
    return Predictor(bundle.load("compact"))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["file"])
def test_an_example_is_judged_as_its_title_says(entry, predictor):
    """Both together give the emotion; in those at odds voice and words do contradict each other."""
    prediction = predictor(FOLDER / entry["file"], entry["transcript"])
    assert prediction.audio.reliable and prediction.text.reliable and prediction.bimodal.reliable
    compared = badge(prediction, "en")
    assert compared is not None
    if (shown := SHOWN[entry["file"]]) is None:
        assert compared.kind == "disagree"
    else:
        assert EMOTIONS[int(np.argmax(vector(prediction.bimodal.probabilities)))] == shown


def test_the_list_and_the_folder_agree():
    assert SHOWN.keys() == {entry["file"] for entry in ENTRIES}
    assert {entry["file"] for entry in ENTRIES} == {path.name for path in FOLDER.glob("*.ogg")}
    assert {entry["language"] for entry in ENTRIES} == {"en", "ru"}


def test_the_licence_is_stated():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert "CC0" in text and "Open Database License" in text


def test_the_list_is_what_the_script_says():
    listed = [(example.file, example.transcript, example.language) for example in examples.EXAMPLES]
    assert [(entry["file"], entry["transcript"], entry["language"]) for entry in ENTRIES] == listed


@pytest.mark.skipif(not (shutil.which("espeak-ng") and shutil.which("flite")), reason="needs espeak-ng and flite")
def test_the_script_makes_them_anew(tmp_path):
    examples.make(tmp_path)
    assert (tmp_path / "examples.json").read_bytes() == (FOLDER / "examples.json").read_bytes()
    spoken = [example.file for example in examples.EXAMPLES if not isinstance(example.voice, examples.Recording)]
    assert len(spoken) == 8
    for file in spoken:
        assert load(tmp_path / file).duration == pytest.approx(load(FOLDER / file).duration, abs=0.5)
