"""Prediction → what the chart draws: the shares of the voice, the words, both together, as plain data for chart.js."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bibier.i18n.page import percent, say
from bibier.labels import EMOTIONS, NAMES
from bibier.ui.analyse.updates import ChartRow, ChartValue
from bibier.ui.figure import TextTable

if TYPE_CHECKING:  # the predictor brings torch, which the page does not wait for
    from bibier.inference.predictor import ModalityResult, Prediction

MODALITIES: Final = ("audio", "text", "bimodal")


def chart(prediction: Prediction | None, language: str) -> ChartValue:
    """Return what chart.js draws: a row for each emotion with its shares, and what is said of a modality."""
    rows: list[ChartRow] = []
    for emotion in EMOTIONS:
        row: ChartRow = {
            "name": emotion,
            "label": NAMES[language][emotion],
            "audio": None,
            "text": None,
            "bimodal": None,
        }
        for modality in MODALITIES if prediction else ():
            probabilities = getattr(prediction, modality).probabilities
            row[modality] = probabilities[emotion] if probabilities else None
        rows.append(row)
    reasons: dict[str, str] = {}
    doubts: dict[str, str] = {}
    for modality in MODALITIES if prediction else ():
        result: ModalityResult = getattr(prediction, modality)
        if result.probabilities is None:
            reasons[modality] = result.reason.text(language) if result.reason else say("no_value", language)
        elif result.doubt is not None:
            doubts[modality] = result.doubt.text(language)
    return {"rows": rows, "reasons": reasons, "doubts": doubts}


def _column(modality: str, prediction: Prediction | None, language: str) -> str:
    title = say(f"panel_{modality}", language)
    doubtful = prediction is not None and getattr(prediction, modality).doubt is not None
    return f"{title} ({say('unreliable', language)})" if doubtful else title


def table(prediction: Prediction | None, language: str) -> TextTable:
    """Return the same figures as a table, for readers who do not see the chart."""
    columns = [_column(modality, prediction, language) for modality in MODALITIES]
    rows = []
    for emotion in EMOTIONS if prediction else ():
        cells = [getattr(prediction, modality).probabilities for modality in MODALITIES]
        none = say("no_value", language)
        rows.append([NAMES[language][emotion], *(percent(cell[emotion], language) if cell else none for cell in cells)])
    return {"head": [say("emotion", language), *columns], "rows": rows}
