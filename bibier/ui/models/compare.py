"""Two checkpoints on the clip that stands in Analyse: what each says on one axis, and how far apart they are."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import TYPE_CHECKING, Unpack

from bibier.audio.format import SAMPLE_RATE
from bibier.distributions import jensen_shannon
from bibier.errors import Cancelled, InputError, LoadError
from bibier.i18n.page import decimal, percent, say
from bibier.labels import EMOTIONS, NAMES, vector
from bibier.ui.analyse.chart import MODALITIES, table
from bibier.ui.analyse.state import AnalysisState
from bibier.ui.analyse.summary import ranked
from bibier.ui.client import ClientContext
from bibier.ui.inference import Inference, inference, sentence
from bibier.ui.models.handlers import ModelHandlers
from bibier.ui.models.updates import (
    ComparedAxis,
    ComparedRow,
    CompareResult,
    CompareValue,
    Comparison,
    ModelsUpdate,
    failed,
)

if TYPE_CHECKING:  # these bring torch, which the page does not wait for
    from bibier.checkpoint.library import Entry
    from bibier.inference.predictor import ModalityResult, Prediction

QUOTED = 200  # characters of a clip's words that are repeated


def distance(first: ModalityResult, second: ModalityResult) -> float | None:
    """Return the Jensen–Shannon divergence of two judgements in bits; None where one of them is missing."""
    if not (first.probabilities and second.probabilities):
        return None
    return float(jensen_shannon(vector(first.probabilities), vector(second.probabilities)))


def _verdict(branch: ModalityResult, language: str) -> str:
    if branch.probabilities is None:
        return branch.reason.text(language) if branch.reason else say("no_value", language)
    if branch.doubt:
        return say("unreliable", language)
    winner, share = ranked(branch.probabilities)[0]
    return f"{NAMES[language][winner]} {percent(share, language)}"


def compared(pair: Comparison, language: str) -> CompareResult:
    """Return the table of verdicts and distances, and both checkpoints' figures as tables."""
    rows = []
    for name in MODALITIES:
        first, second = (getattr(prediction, name) for prediction in pair.predictions)
        bits = distance(first, second)
        far = "—" if bits is None else decimal(bits, language)
        rows.append([say(f"panel_{name}", language), _verdict(first, language), _verdict(second, language), far])
    marks = axes(pair, language)
    shares = [share for axis in marks for row in axis["rows"] for share in row["shares"] if share is not None]
    text = pair.predictions[0].transcript.text.strip()
    words = text if len(text) <= QUOTED else f"{text[:QUOTED]}…"
    return {
        "words": say("models_compared", language, text=words) if words else say("models_compared_none", language),
        "head": [say("models_modality", language), *pair.titles, say("models_distance", language)],
        "rows": rows,
        "titles": list(pair.titles),
        "axes": marks,
        "most": min(1.0, math.ceil(10 * max(shares, default=1.0)) / 10),
        "numbers": [
            {"title": title, **table(prediction, language)}
            for title, prediction in zip(pair.titles, pair.predictions, strict=True)
        ],
    }


def axes(pair: Comparison, language: str) -> list[ComparedAxis]:
    """Return both judgements side by side, by modality and emotion."""
    drawn: list[ComparedAxis] = []
    for name in MODALITIES:
        both = [getattr(prediction, name).probabilities for prediction in pair.predictions]
        rows: list[ComparedRow] = [
            {
                "emotion": emotion,
                "shares": [one[emotion] if one else None for one in both],
                "texts": [percent(one[emotion], language) if one else "—" for one in both],
            }
            for emotion in EMOTIONS
        ]
        drawn.append({"title": say(f"panel_{name}", language), "rows": rows})
    return drawn


class CompareHandlers:
    """The handlers.

    Parameters
    ----------
    models
        Of the same tab; knows the checkpoints.
    """

    def __init__(self, models: ModelHandlers):
        self.models, self.queue = models, models.analysing.services.queue
        self.stopping: set[str] = set()  # tabs that were stopped while a checkpoint is being loaded

    def form(
        self,
        context: ClientContext,
        state: AnalysisState | None,
        asked: tuple[str, ...] = (),
        **more: Unpack[CompareValue],
    ) -> CompareValue:
        """Return what can be chosen; at first, the checkpoint in use and the next one."""
        language = context.theme.language
        entries = [entry for entry in self.models.library(language).entries() if entry.problem is None]
        keys = [entry.key for entry in entries]
        first = context.checkpoint if context.checkpoint in keys else ""
        chosen = asked or (first, next((key for key in keys if key != first), first))
        why = say("models_one", language) if len(keys) < 2 else say("models_no_clip", language) if not state else ""
        choices = [[entry.key, entry.title] for entry in entries]
        whole: CompareValue = {"choices": choices, "chosen": list(chosen), "why": why}
        return whole | more

    def tab(self, context: ClientContext) -> str:
        """Name this tab's comparisons in the queue, so that ending one ends no analysis."""
        return f"{context.tab} compare" if context.tab else ""

    def stop(self, context: ClientContext) -> None:
        """End the tab's comparison: at once what waits, after its present step what runs."""
        self.stopping.add(self.tab(context))
        self.queue.stop(self.tab(context))

    def compare(
        self, first: object, second: object, state: AnalysisState | None, context: ClientContext
    ) -> Iterator[ModelsUpdate]:
        """Let two checkpoints judge the clip of `state`, one after the other."""
        language = context.theme.language
        chosen = tuple(key if isinstance(key, str) else "?" for key in (first, second))

        def part(**more: Unpack[CompareValue]) -> ModelsUpdate:
            return {"comparing": self.form(context, state, chosen, **more)}

        def busy(text: str) -> ModelsUpdate:
            return part(said=text, busy=True)

        if state is None or chosen[0] == chosen[1]:
            yield part(**failed(partial(say, "models_two" if state else "models_no_clip"), language))
            return
        tab = self.tab(context)
        self.stopping.discard(tab)
        try:
            with inference(self.queue, context, "compare", tab=tab) as run:
                entries = [self.models.library(language).entry(key) for key in chosen]
                predictions: list[Prediction] = []
                for entry in entries:
                    predictions.append((yield from self._judge(run, entry, state, busy)))
        except Cancelled:
            yield part(said=say("stopped", language))
            return
        except (InputError, LoadError) as error:
            yield part(**failed(partial(sentence, error), language))
            return
        finally:
            self.stopping.discard(tab)
        pair = Comparison((entries[0].title, entries[1].title), (predictions[0], predictions[1]))
        yield part(result=compared(pair, language))

    def _judge(
        self, run: Inference, entry: Entry, state: AnalysisState, busy: Callable[[str], ModelsUpdate]
    ) -> Generator[ModelsUpdate, None, Prediction]:
        """Say what is done by `busy`, and return what the checkpoint says of the clip and its words."""
        if entry.key == state.checkpoint:
            return state.prediction
        yield busy(say("models_loading", run.language, name=entry.title))
        readers = self.models.library(run.language).of(entry.key)
        if run.tab in self.stopping:
            raise Cancelled
        for place in run.places():
            yield busy(place)
        yield busy(say("models_reading", run.language, name=entry.title))
        reader, encoding = readers("none"), None
        samples = state.encoding.samples if state.encoding is not None else None
        with run.interruptible():
            if samples is not None:
                encoding = reader.encode_audio((samples, SAMPLE_RATE))
            elif state.clip is not None:
                encoding = reader.encode_audio(state.clip, channel=state.channel)
            run.check()
            prediction = reader.classify(encoding, state.prediction.transcript)
        run.check()
        run.leave()
        return prediction
