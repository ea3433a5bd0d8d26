"""What the Analyse page shows of an analysis, of an error, and of nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bibier.audio.channels import AUTO
from bibier.i18n.messages import LANGUAGES, in_every_language
from bibier.i18n.page import say
from bibier.ui.analyse.channel import channel_value
from bibier.ui.analyse.chart import chart, table
from bibier.ui.analyse.state import AnalysisState
from bibier.ui.analyse.summary import verdict
from bibier.ui.analyse.updates import AnalyseUpdate, Stage
from bibier.ui.analyse.words import author, words
from bibier.ui.client import Theme


def told(sentence: Callable[[str], str], language: str, *, still: bool = False) -> Stage:
    """Show what `sentence` gives in a language, and in the other when the page is switched to it; see `Stage`."""
    return {"text": sentence(language), "texts": in_every_language(sentence), "still": still}


def error_stage(sentence: Callable[[str], str], language: str) -> Stage:
    """Show as an error what `sentence` gives in a language, and in the other when the page is switched to it."""
    return told(sentence, language) | {"error": True}


def failure(sentence: Callable[[str], str], language: str) -> AnalyseUpdate:
    """Give the page such an error."""
    return {"stage": error_stage(sentence, language)}


def blank(theme: Theme) -> AnalyseUpdate:
    """Give the empty right side."""
    return {
        "verdict": {"key": "idle"},
        "chart": chart(None, theme.language),
        "table": table(None, theme.language),
        "words": words(None, None, theme.language),
        "author": "",
        "channel": channel_value(1, AUTO, theme.language),
    }


def results(state: AnalysisState, theme: Theme) -> AnalyseUpdate:
    """Draw an analysis."""
    prediction, language = state.prediction, theme.language
    judged = verdict(prediction, language, extra=state.extra, rough=state.rough)
    by = say("models_made", language, name=state.checkpoint_title) if state.checkpoint_title else ""
    own = state.example is not None and prediction.transcript.text == state.example.text
    sentences = {code: verdict(prediction, code, extra=state.extra, rough=state.rough).sentence for code in LANGUAGES}
    clip = state.name or (Path(state.clip).name if state.clip else "")
    return {
        "verdict": judged.value() | {"made": by, "clip": clip, "sentences": sentences},
        "chart": chart(prediction, language),
        "table": table(prediction, language),
        "words": words(prediction, state.clip, language),
        "author": author(prediction.transcript, language, example=own, rough=state.rough),
        "stage": {"text": judged.took, "still": True},
        "channel": channel_value(state.channels, state.channel, language),
    }
