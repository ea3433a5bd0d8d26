"""Sixty plain sentences whose emotion nobody would dispute, read by the words of the embedded checkpoint."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from benchmarks.words import SENTENCES, accuracies, judged, judged_by, read_sentences
from bibier.checkpoint import bundle
from bibier.inference.predictor import Predictor
from bibier.labels import EMOTIONS
from train.experiment import recipe

RECIPE = Path(__file__).parents[2] / "train" / "recipes" / "compact.toml"


@pytest.fixture(scope="module")
def rows():
    return judged(Predictor(bundle.load("compact")), read_sentences(SENTENCES))


def test_there_are_thirty_of_each_language_and_all_emotions():
    sentences = read_sentences(SENTENCES)
    assert Counter(sentence.language for sentence in sentences) == {"en": 30, "ru": 30}
    assert Counter(sentence.written for sentence in sentences) == {"before": 30, "after": 30}
    assert {sentence.emotion for sentence in sentences} == set(EMOTIONS)
    assert len({sentence.text for sentence in sentences}) == 60


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_words_say_what_anybody_would(rows, language):
    right = [row.right for row in rows if row.sentence.language == language]
    assert np.mean(right) >= 0.8


def test_a_wrong_answer_is_not_a_sure_one(rows):
    wrong = [max(row.probabilities.values()) for row in rows if not row.right]
    assert max(wrong, default=0) < 0.6


def test_a_recipe_s_words_are_read_as_the_checkpoint_reads_them(rows):
    model, part = bundle.load("compact"), recipe.load(RECIPE).text
    again = judged_by(model.text_encoder, part, read_sentences(SENTENCES), bare=False)
    assert [row.right for row in again] == [row.right for row in rows]
    shares = accuracies(again, rows)
    assert shares["all"] == shares["without punctuation"] == (60, pytest.approx(100 * np.mean([r.right for r in rows])))
    assert sum(count for count, _ in (shares["en"], shares["ru"])) == 60
