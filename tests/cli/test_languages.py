"""What a person reads of a command is in the language that was asked for."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest

from bibier.cli import predict
from bibier.i18n.messages import Message, filled
from bibier.inference.predictor import NOTHING_SAID, ModalityResult, Prediction, WordWeight
from bibier.labels import named

COMMANDS = sorted((Path(__file__).parents[2] / "bibier" / "cli").glob("*.py"))


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: path.stem)
def test_no_sentence_stands_in_the_code(path):
    """Outside the options' help, which is read before a language is chosen, no text of a command has two words."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    printed = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "print"]
    texts = [c.value for call in printed for c in ast.walk(call) if isinstance(c, ast.Constant)]
    assert not [text for text in texts if isinstance(text, str) and re.search(r"[A-Za-zА-я]{2,} [A-Za-zА-я]{2,}", text)]
    assert not re.search("[а-яё]", path.read_text(encoding="utf-8"), re.I)


def test_bars_are_told_in_russian():
    distribution = ModalityResult(named(np.full(7, 1 / 7)))
    words = (WordWeight("ужас", 0, 4, 1.0, 0.25),)
    prediction = Prediction(distribution, distribution, distribution, NOTHING_SAID, words, 0.5, (), 1.0, {})
    text = predict.as_text("a.wav", prediction, "ru")
    assert "голос" in text and "важные слова (потеря в пунктах без них): ужас +25" in text
    assert text.endswith("голос против слов: 0,50 бит")


def test_fractions_are_written_as_the_language_writes_them():
    """And nothing else is changed: neither whole numbers nor names with dots."""
    texts = ("{file}: {part:.1f} of {whole}, {count}", "{file}: {part:.1f} из {whole}, {count}")
    values = {"file": "a.wav", "part": np.float32(32.94), "whole": 44.5, "count": 1200}
    assert filled(texts, "en", values) == "a.wav: 32.9 of 44.5, 1200"
    assert filled(texts, "ru", values) == "a.wav: 32,9 из 44,5, 1200"
    assert Message("timeline-judged", {"seconds": 32.94, "whole": 44.8}).text("ru").count(",") >= 2


@pytest.mark.parametrize("stage", ["load", "encode_audio", "transcribe", "classify"])
def test_each_stage_has_its_sentence(stage):
    assert Message(f"stage-{stage}").text("ru") != Message(f"stage-{stage}").text("en")
