"""The words coloured by their weight, and whose words they are, as plain values for the browser.

Transcripts are hostile input: the browser builds the page from these values with `textContent` alone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bibier.i18n.page import decimal, language_name, percent, say
from bibier.inference.prediction import weighed_for
from bibier.labels import NAMES
from bibier.transcript import Transcript
from bibier.ui.analyse.summary import ranked
from bibier.ui.analyse.updates import WordsValue, WordValue

if TYPE_CHECKING:  # the predictor brings torch, which the page does not wait for
    from bibier.inference.predictor import Prediction

FAINT = 0.0005  # a change of probability that is not worth a number


def _occlusion(weight: float, word: str, emotion: str, language: str) -> str:
    if abs(weight) < FAINT:
        return say("word_same", language, word=word, emotion=emotion)
    points = 100 * abs(weight)
    value = decimal(points, language, 0 if points >= 10 else 1)
    return say("word_falls" if weight > 0 else "word_rises", language, word=word, emotion=emotion, value=value)


def words(prediction: Prediction | None, clip: str | None, language: str) -> WordsValue:
    """Return what the browser needs to draw, explain and play each word.

    `text` is the whole transcript and each word's `begin` and `stop` its place in it, so that what stands between
    words is shown as it was written. `path` is the clip's path on the server, None when no word has its time.
    """
    if prediction is None or not prediction.words:
        return {"words": []}
    said = weighed_for(prediction.text, prediction.bimodal).probabilities
    emotion = NAMES[language][ranked(said)[0][0] if said else "neutral"]
    rows: list[WordValue] = []
    for weight in prediction.words:
        start, end, time = None, None, ""
        if weight.start is not None and weight.end is not None:
            start, end = weight.start, weight.end
            time = say("word_from", language, start=decimal(start, language, 1), end=decimal(end, language, 1))
        rows.append(
            {
                "begin": weight.begin,
                "stop": weight.stop,
                "attention": weight.attention,
                "occlusion": weight.occlusion,
                "attention_text": say(
                    "word_attention", language, word=weight.text, value=percent(weight.attention, language)
                ),
                "occlusion_text": _occlusion(weight.occlusion, weight.text, emotion, language),
                "start": start,
                "end": end,
                "time": time,
            }
        )
    playable = clip is not None and any(row["start"] is not None for row in rows)
    return {
        "words": rows,
        "text": prediction.transcript.text,
        "emotion": emotion,
        "path": clip if playable else None,
    }


def author(transcript: Transcript | None, language: str, *, example: bool = False, rough: bool = False) -> str:
    """Say who wrote the words: a recogniser, the person, or the example's file."""
    if transcript is None:
        return ""
    if not transcript.text.strip():
        return say("by_none", language)
    spoken = "" if transcript.language == "und" else f", {language_name(transcript.language, language)}"
    if transcript.source == "recogniser":
        name = say("rough", language, name=transcript.recogniser) if rough else transcript.recogniser
        return say("by_recogniser", language, name=name, language=spoken)
    return say("by_example" if example else "by_person", language, language=spoken)


def corrected(text: str, known: Transcript) -> Transcript | str:
    """Give a corrected text the recogniser's word times and, while the script is the same, its language.

    The predictor aligns the times with the words that the correction left alone.
    """
    if not known.words:
        return text
    cyrillic = re.search("[а-яё]", text, re.IGNORECASE) is not None
    language = known.language if cyrillic == (known.language == "ru") else "und"
    return Transcript(text, language, known.words, source="person" if text.strip() else "none")
