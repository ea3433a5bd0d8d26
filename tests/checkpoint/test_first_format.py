"""A checkpoint written before there were vocabularies, normalisation or a pool says what it always said."""

import json
from pathlib import Path

import numpy as np
import pytest

from bibier.checkpoint import bundle
from bibier.inference.predictor import Predictor

FOLDER = Path(__file__).with_name("first_format")


def tone(seconds: float, rate: int = 16_000) -> np.ndarray:
    """What was judged when the expectation was written: a gliding tone, swelling and fading four times a second."""
    generator = np.random.default_rng(0)
    t = np.arange(round(seconds * rate)) / rate
    pitch = 140 + 40 * np.sin(2 * np.pi * 0.7 * t) + generator.normal(0, 1)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    harmonics = sum(np.sin(k * phase) / k for k in range(1, 20))
    envelope = np.clip(np.sin(2 * np.pi * 4 * t), 0, None) ** 0.5
    return 0.2 * harmonics / np.abs(harmonics).max() * envelope + 1e-4 * generator.standard_normal(len(t))


def test_a_checkpoint_of_the_first_format_predicts_what_it_did(monkeypatch):
    monkeypatch.setattr("bibier.audio.quality.has_speech", lambda samples: True)  # a tone passed for a voice then
    config = json.loads((FOLDER / "config.json").read_text(encoding="utf-8"))
    assert "vocabulary" not in config["text_encoder"] and "normalisation" not in config["text_features"]
    expected = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))
    prediction = Predictor(bundle.load(FOLDER))((tone(1.5).astype(np.float32), 16_000), "Don’t you «dare», ёлка?! 12")
    for name in ("audio", "text", "bimodal"):
        # Bit for bit where it was written; another processor rounds the last bit elsewhere.
        assert getattr(prediction, name).probabilities == pytest.approx(expected[name], rel=1e-5, abs=1e-7)
    assert prediction.conflict == pytest.approx(expected["conflict"], rel=1e-4)
    assert prediction.transcript.text == "Don’t you «dare», ёлка?! 12"
    words = [(word.text, word.begin, word.stop) for word in prediction.words]
    assert words == [tuple(word[:3]) for word in expected["words"]]
    weights = [(word.attention, word.occlusion) for word in prediction.words]
    np.testing.assert_allclose(weights, [word[3:] for word in expected["words"]], rtol=1e-4, atol=1e-6)
