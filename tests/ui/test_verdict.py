"""What the page says of a prediction: the verdict, the chart, the words; nothing surer than it is."""

import json
from dataclasses import replace

import pytest

from bibier.i18n.messages import LANGUAGES, Message
from bibier.i18n.page import percent
from bibier.inference.predictor import ModalityResult, Prediction, WordWeight
from bibier.labels import EMOTIONS, NAMES
from bibier.transcript import Transcript, Word
from bibier.ui.analyse.chart import chart, table
from bibier.ui.analyse.summary import verdict
from bibier.ui.analyse.words import author, corrected, words
from tests.ui.test_ui import NONE, sure_of


def prediction(audio=NONE, text=NONE, bimodal=NONE, spoken="so happy", conflict=None, weights=()) -> Prediction:
    return Prediction(
        audio, text, bimodal, Transcript(spoken, "en"), tuple(weights), conflict, (), 1.0, {"audio": 0.0123}
    )


@pytest.mark.parametrize(
    "value, shown", [(0.617, "62\u00a0%"), (0.0, "0\u00a0%"), (0.002, "<1\u00a0%"), (1, "100\u00a0%")]
)
def test_percent(value, shown):
    assert percent(value, "ru") == shown
    assert percent(value, "en") == shown.replace("\u00a0", "")


@pytest.mark.parametrize(
    "branch, language, sentence",
    [
        (sure_of("happy", 0.8), "en", "Both together: clearly happiness."),
        (sure_of("happy", 0.5), "en", "Both together: most likely happiness."),
        (sure_of("happy", 0.42, "surprise", 0.38), "en", "Both together: happiness, just ahead of surprise."),
        (
            sure_of("sad", 0.2, "fear", 0.19),
            "en",
            "Both together: the model can't tell; closest are sadness and fear.",
        ),
        (
            sure_of("happy", 0.42, "surprise", 0.38),
            "ru",
            "Голос и слова вместе: радость, чуть меньше — удивление.",
        ),
    ],
)
def test_uncertain_is_said_as_uncertain(branch, language, sentence):
    judged = verdict(prediction(branch, branch, branch, conflict=0.0), language)
    assert judged.sentence == sentence
    assert judged.badge.kind == "agree"


def unlike(result: ModalityResult, key: str = "voice-unlike") -> ModalityResult:
    return replace(result, ood=1.5, doubt=Message(key))


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_unlike_anything_learnt_is_never_sure(language):
    surest = sure_of("happy", 0.99)
    voice, text = unlike(surest), unlike(surest, "words-unlike")
    for case in (prediction(voice), prediction(text=text), prediction(voice, text, unlike(surest, "both-unlike"))):
        case = replace(case, notices=tuple(branch.doubt for branch in (case.audio, case.text) if branch.doubt))
        judged = verdict(case, language)
        assert {"en": "can't tell", "ru": "не берётся судить"}[language] in judged.sentence
        whole = judged.sentence + judged.sure
        assert NAMES[language]["happy"] not in whole and {"en": "is sure", "ru": "уверена"}[language] not in whole
        assert (judged.winner, judged.badge, judged.notices) == (None, None, ())


def test_who_cannot_tell_leaves_the_verdict_to_the_other_and_contradicts_nobody():
    both = unlike(sure_of("anger", 0.9), "one-unlike")
    case = prediction(unlike(sure_of("anger", 0.9)), sure_of("happy", 0.8), both)
    judged = verdict(replace(case, notices=(Message("voice-unlike"),)), "en")
    assert judged.sentence == "The words alone: clearly happiness."
    assert judged.badge is None and judged.notices == (Message("voice-unlike").text("en"),)
    case = prediction(sure_of("sad", 0.8), unlike(sure_of("anger", 0.9), "words-unlike"), both)
    assert verdict(case, "en").sentence == "The voice alone: clearly sadness."


def test_two_vague_branches_are_no_verdict():
    vague = sure_of("happy", 0.3)
    judged = verdict(prediction(vague, vague, sure_of("happy", 0.7), conflict=0.0), "en")
    assert judged.sentence.startswith("Both together: the model can't tell;") and judged.winner is None


def test_below_one_half_it_is_never_called_sure():
    judged = verdict(prediction(text=sure_of("happy", 0.49)), "en")
    assert (judged.sentence, judged.sure[:22]) == ("The words alone: most likely happiness.", "The model is not sure:")


def test_disagreement_is_named_with_its_figure():
    judged = verdict(
        prediction(sure_of("anger", 0.7), sure_of("happy", 0.7), sure_of("anger", 0.5), conflict=0.416), "ru"
    )
    assert (judged.badge.kind, judged.badge.text) == ("disagree", "Голос и слова расходятся")
    assert judged.sentence == "Слова радостные, а голос злой."
    assert judged.below == "Голос и слова вместе: скорее всего злость."
    assert judged.badge.technical.endswith("0,42\u00a0бит")


def test_words_of_a_rough_recogniser_contradict_nobody():
    odds = prediction(sure_of("sad", 0.8), sure_of("happy", 0.8), sure_of("sad", 0.5), conflict=0.5)
    heard = replace(odds, transcript=Transcript("so happy", "en", source="recogniser"))
    judged = verdict(heard, "en", rough=True)
    assert (judged.badge, judged.rough.text) == (None, "Rough words")
    assert judged.sentence == "Both together: most likely sadness."
    assert verdict(odds, "en", rough=True).sentence == "Happy words in a sad voice."  # typed, whoever recognised before


def test_an_unclear_branch_does_not_contradict():
    judged = verdict(prediction(sure_of("anger", 0.9), sure_of("sad", 0.2), sure_of("anger", 0.8), conflict=0.4), "en")
    assert (judged.badge.kind, judged.badge.text) == ("differ", "The words alone are unclear")


def test_one_branch_alone():
    assert verdict(prediction(audio=sure_of("sad", 0.9)), "en").sentence == "The voice alone: clearly sadness."
    assert verdict(prediction(text=sure_of("sad", 0.9)), "en").sentence == "The words alone: clearly sadness."
    assert verdict(prediction(), "en").sentence == "There is nothing to judge here."


def test_the_chart_gets_shares_and_reasons():
    case = prediction(unlike(sure_of("anger", 0.9)), bimodal=sure_of("anger", 0.8))
    shown = chart(case, "en")
    assert [row["name"] for row in shown["rows"]] == list(EMOTIONS) and shown["rows"][0]["label"] == "anger"
    assert (shown["rows"][0]["audio"], shown["rows"][0]["text"], shown["rows"][0]["bimodal"]) == (0.9, None, 0.8)
    assert shown["reasons"] == {"text": Message("no-words").text("en")} and list(shown["doubts"]) == ["audio"]
    assert all(row["audio"] is None for row in chart(None, "ru")["rows"])
    json.dumps(shown)
    assert table(case, "en")["head"][1:3] == ["What the voice says (unreliable)", "What the words say"]


def test_table_holds_the_same_numbers():
    shown = table(prediction(audio=sure_of("sad", 0.9)), "en")
    assert [row[0] for row in shown["rows"]] == list(NAMES["en"].values())
    assert shown["rows"][EMOTIONS.index("sad")] == ["sadness", "90%", "none", "none"]


def test_word_values():
    weights = [
        WordWeight("so", 0, 2, 0.25, -0.02, 0.1, 0.3),
        WordWeight("happy", 3, 8, 0.75, 0.31),
    ]
    shown = words(prediction(text=sure_of("happy", 0.7), weights=weights), "/clip.wav", "en")
    first, second = shown["words"]
    assert (first["occlusion"], second["occlusion"], second["attention"]) == (-0.02, 0.31, 0.75)  # of no other word's
    assert first["occlusion_text"] == "Without “so”, “happiness” rises by 2.0 points"
    assert second["occlusion_text"] == "Without “happy”, “happiness” falls by 31 points"
    assert second["attention_text"] == "“happy”: 75% of the attention"
    assert (first["start"], second["start"], shown["path"]) == (0.1, None, "/clip.wav")
    json.dumps(shown)


def test_author():
    heard = Transcript("so happy", "en", (Word("so", 0, 1),), "recogniser", "pocketsphinx")
    assert author(heard, "en", rough=True) == "Recognised by pocketsphinx (rough), English"
    assert author(Transcript("так рада", "ru"), "ru") == "Введено вами, русский"
    assert author(Transcript("so"), "en") == "Typed by you"
    assert author(Transcript("", source="none"), "en") == "No words"
    assert corrected("so very happy", heard).words == heard.words
    assert corrected("так рада", heard).language == "und"
    assert corrected("typed", Transcript("typde")) == "typed"
