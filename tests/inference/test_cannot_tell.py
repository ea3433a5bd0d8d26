"""The embedded checkpoint is sure of no sound that is no speech, and refuses hardly any example."""

import json
from pathlib import Path

import numpy as np
import pytest

from bibier.checkpoint import bundle
from bibier.i18n.messages import LANGUAGES
from bibier.inference.predictor import Predictor
from bibier.ui.analyse.summary import verdict

EXAMPLES = Path(__file__).parents[2] / "examples"
RATE = 16_000
TIME = np.arange(2 * RATE) / RATE


@pytest.fixture(scope="module")
def predictor():
    return Predictor(bundle.load("compact"))


def struck(pitch: float) -> np.ndarray:
    """Return half a second of a piano's string."""
    time = TIME[: RATE // 2]
    return sum(np.sin(2 * np.pi * number * pitch * time) / number**1.5 for number in range(1, 9)) * np.exp(-3 * time)


def key(low: float, high: float) -> np.ndarray:
    """Return a telephone's key and a pause."""
    time = TIME[: RATE // 6]
    return np.concatenate((np.sin(2 * np.pi * low * time) + np.sin(2 * np.pi * high * time), np.zeros(RATE // 12)))


SOUNDS = {
    "piano": np.concatenate([struck(pitch) for pitch in (262, 330, 392, 523)]),
    "chirp": np.sin(2 * np.pi * (200 * TIME + 500 * TIME**2)),
    "white noise": np.random.default_rng(0).standard_normal(2 * RATE),
    "keys": np.concatenate([key(*pair) for pair in ((697, 1209), (770, 1336), (852, 1477), (941, 1336))] * 2),
}


@pytest.mark.parametrize("name", SOUNDS)
def test_no_sound_that_is_no_speech_is_judged_surely(predictor, name):
    sound = 0.3 * SOUNDS[name] / np.abs(SOUNDS[name]).max()
    said = predictor((sound.astype(np.float32), RATE), "")
    sure = {"en": ("is sure", "is fairly sure", "clearly"), "ru": ("Модель уверена", "довольно уверена", "явно")}
    for language in LANGUAGES:
        judged = verdict(said, language)
        assert not any(word in judged.sentence + judged.sure for word in sure[language]), judged


def test_hardly_any_example_is_refused(predictor):
    entries = json.loads((EXAMPLES / "examples.json").read_text(encoding="utf-8"))
    said = [predictor(EXAMPLES / entry["file"], entry["transcript"]) for entry in entries]
    assert all(one.text.reliable for one in said)
    assert sum(one.audio.reliable for one in said) >= len(said) - 2
