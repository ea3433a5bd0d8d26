"""Words that deny what they are judged for: which negations are overlooked, and what is said then."""

from dataclasses import replace

import numpy as np
import pytest

from bibier.checkpoint import bundle
from bibier.features.tokens import words
from bibier.inference.batch import BatchPredictor
from bibier.inference.batch_inputs import BatchInput
from bibier.inference.negation import MOST, NEUTRAL, unread
from bibier.inference.prediction import denies
from bibier.inference.predictor import Predictor
from bibier.labels import EMOTIONS
from bibier.ui.analyse.summary import verdict
from bibier.ui.analyse.words import words as shown_words
from bibier.ui.results.handlers import headline
from tests.ui.test_verdict import unlike

SAD, HAPPY = EMOTIONS.index("sad"), EMOTIONS.index("happy")


def certain(emotion: int, p: float = 0.9) -> np.ndarray:
    row = np.full(len(EMOTIONS), (1 - p) / (len(EMOTIONS) - 1))
    row[emotion] = p
    return row


def quoted(text: str, judge) -> str | None:
    spans = words(text)
    return unread([spans], np.array([judge(spans)]), lambda texts: np.array([judge(one) for one in texts]))[0]


def deaf(spans):
    """Hear "sad" whatever stands before it."""
    return certain(SAD if "sad" in {span.text.lower() for span in spans} else NEUTRAL)


def attentive(spans):
    """Hear that it is denied."""
    named = [span.text.lower() for span in spans]
    return certain(NEUTRAL if "sad" not in named else HAPPY if "not" in named else SAD)


def test_overlooked_is_what_changes_nothing_where_what_is_denied_decides():
    assert quoted("I am not very sad today", deaf) == "not very sad today"
    assert quoted("I am not very sad today", attentive) is None  # the negation was read
    assert quoted("I am not here. So sad!", deaf) is None  # something else decides
    assert quoted("I am sad. No", deaf) is None  # nothing is denied
    assert quoted("I am very sad", deaf) is None
    assert quoted("I am not at home", deaf) is None  # neutral words deny nothing of interest
    assert quoted("He isn’t sad, I guess", deaf) == "isn’t sad"
    assert quoted("not sad", deaf) == "not sad"


def test_a_text_of_negations_costs_little():
    asked = []
    unread(
        [words("not sad " * 200)],
        np.array([certain(SAD)]),
        lambda texts: asked.extend(texts) or np.array([certain(SAD)] * len(texts)),
    )
    assert len(asked) == 2 * MOST


@pytest.fixture(scope="module")
def predictor():
    return Predictor(bundle.load("compact"))


@pytest.mark.parametrize("text", ["I'm not sad at all.", "I'm not scared", "Мне не грустно", "Я не боюсь", "Я не рад"])
@pytest.mark.parametrize("language", ["en", "ru"])
def test_who_denies_an_emotion_is_never_told_to_have_it(predictor, text, language):
    prediction = predictor(None, text)
    judged = verdict(prediction, language)
    assert denies(prediction.text) and judged.winner is None and judged.notices == ()
    assert {"en": "can't tell", "ru": "не берётся судить"}[language] in judged.sentence
    assert judged.sure.startswith({"en": "Don't rely", "ru": "Не полагайтесь"}[language])


@pytest.mark.parametrize("text", ["I am so sad.", "I don't like it.", "I can't believe it!", "Мне грустно"])
def test_what_is_read_stays(predictor, text):
    assert predictor(None, text).text.reliable


def test_the_voice_decides_and_the_table_of_many_says_the_same(predictor):
    path = "examples/happy_en.ogg"
    prediction = predictor(path, "I'm not sad at all.")
    judged = verdict(prediction, "en")
    assert judged.sentence.startswith("The voice alone: ") and "“not sad at all”" in judged.notices[0]
    assert (
        prediction.conflict is None
        and prediction.bimodal.doubt
        and "voice on its own" in prediction.bimodal.doubt.text("en")
    )
    assert shown_words(prediction, None, "en")["emotion"] == "sadness"  # of what the words say: “sad” speaks for it
    weights = {word.text: word.occlusion for word in prediction.words}
    assert weights["sad"] == max(weights.values()) > 0.5
    batch = BatchPredictor(predictor, recognise=True, name="compact")
    row, plain = (
        batch.predict([batch.prepare(BatchInput(path, text))])[0] for text in ("I'm not sad at all.", "I am sad")
    )
    assert row["words_negated"] is True and plain["words_negated"] is False
    assert (
        [headline(row, column, "en")[:1] for column in ("words", "both")] == ["?", "?"] != headline(row, "voice", "en")
    )
    assert prediction.text.doubt.text("en") in row["warnings"] and row["conflict"] is None
    both = replace(prediction, audio=unlike(prediction.audio), bimodal=unlike(prediction.bimodal, "unlike-negated"))
    assert "voice is unlike" in verdict(both, "en").sentence and "отрицания" in verdict(both, "ru").sentence
