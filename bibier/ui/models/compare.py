"""Two checkpoints on the clip that stands in Analyse: their bars, what each says, and how far apart they are."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bibier.audio.format import SAMPLE_RATE
from bibier.distributions import jensen_shannon
from bibier.errors import Cancelled, InputError, LoadError
from bibier.i18n.page import decimal, percent, say
from bibier.inference.queue import rough
from bibier.labels import NAMES, vector
from bibier.ui.analyse.chart import BRANCHES, figure, table
from bibier.ui.analyse.handlers import PACE, AnalysisState, Shown
from bibier.ui.analyse.summary import ranked
from bibier.ui.client import ClientContext, Theme
from bibier.ui.models.handlers import ModelHandlers, sentence
from bibier.ui.request_log import RequestLog, broken

if TYPE_CHECKING:  # these bring torch, which the page does not wait for
    from bibier.checkpoint.library import Entry
    from bibier.inference.predictor import Branch, Prediction

QUOTED = 200  # characters of a clip's words that are repeated


@dataclass(frozen=True)
class Comparison:
    """What two checkpoints said of one clip."""

    titles: tuple[str, str]
    predictions: tuple[Prediction, Prediction]


def distance(first: Branch, second: Branch) -> float | None:
    """Return the Jensen–Shannon divergence of two judgements in bits; None where one of them is missing."""
    if not (first.probabilities and second.probabilities):
        return None
    return jensen_shannon(vector(first.probabilities), vector(second.probabilities))


def _verdict(branch: Branch, language: str) -> str:
    if branch.probabilities is None:
        return branch.reason.text(language)
    winner, share = ranked(branch.probabilities)[0]
    return f"{NAMES[language][winner]} {percent(share)}"


def compared(pair: Comparison, language: str) -> dict:
    """Return the table of verdicts and distances, and both checkpoints' figures as tables."""
    rows = []
    for name in BRANCHES:
        one, other = (getattr(prediction, name) for prediction in pair.predictions)
        bits = distance(one, other)
        far = "—" if bits is None else decimal(bits, language)
        rows.append([say(f"panel_{name}", language), _verdict(one, language), _verdict(other, language), far])
    text = pair.predictions[0].transcript.text.strip()
    words = text if len(text) <= QUOTED else f"{text[:QUOTED]}…"
    return {
        "words": say("models_compared", language, text=words) if words else say("models_compared_none", language),
        "head": [say("models_modality", language), *pair.titles, say("models_distance", language)],
        "rows": rows,
        "numbers": [
            {"title": title} | table(prediction, language)
            for title, prediction in zip(pair.titles, pair.predictions, strict=True)
        ],
    }


def drawn(pair: Comparison, theme: Theme) -> Shown:
    """Return both figures with their headings: panels below each other, so that equal ones stand side by side."""
    high = replace(theme, narrow=True)
    out: Shown = {}
    for place, title, prediction in zip(("first", "second"), pair.titles, pair.predictions, strict=True):
        out |= {place: figure(prediction, high), f"{place}_name": title}
    return out


class CompareHandlers:
    """The handlers.

    Parameters
    ----------
    models
        Knows the shelf.
    """

    def __init__(self, models: ModelHandlers):
        self.models, self.turns = models, models.analysing.services.turns
        self.stopping: set[str] = set()  # tabs that want it no more while a checkpoint is being loaded

    def form(
        self, context: ClientContext, state: AnalysisState | None, chosen: tuple[str, ...] = (), **more: object
    ) -> dict:
        """Return what can be chosen; at first, the checkpoint in use and the next one."""
        language = context.theme.language
        entries = [entry for entry in self.models.shelf(language).entries() if entry.problem is None]
        keys = [entry.key for entry in entries]
        first = context.checkpoint if context.checkpoint in keys else ""
        chosen = chosen or (first, next((key for key in keys if key != first), first))
        why = say("models_one", language) if len(keys) < 2 else say("models_no_clip", language) if not state else ""
        choices = [[entry.key, entry.title] for entry in entries]
        return {"choices": choices, "chosen": list(chosen), "why": why} | more

    def tab(self, context: ClientContext) -> str:
        """Name this tab's comparisons in the queue, so that ending one ends no analysis."""
        return f"{context.tab} compare" if context.tab else ""

    def stop(self, context: ClientContext) -> None:
        """End the tab's comparison: at once what waits, after its present step what runs."""
        self.stopping.add(self.tab(context))
        self.turns.stop(self.tab(context))

    def compare(
        self, first: object, second: object, state: AnalysisState | None, context: ClientContext
    ) -> Iterator[Shown]:
        """Let two checkpoints judge the clip of `state`, one after the other."""
        language, chosen = (
            context.theme.language,
            tuple(key if isinstance(key, str) else "?" for key in (first, second)),
        )

        def told(text: str, **more: object) -> Shown:
            return {"comparing": self.form(context, state, chosen, said=text, **more)}

        if state is None or chosen[0] == chosen[1]:
            yield told(say("models_two" if state else "models_no_clip", language), error=True)
            return
        self.stopping.discard(self.tab(context))
        account = RequestLog("compare", context.request)
        predictions = []
        try:
            entries = [self.models.shelf(language).entry(key) for key in chosen]
            for entry in entries:
                for shown in self._judge(entry, state, context, account):
                    if isinstance(shown, str):
                        yield told(shown, busy=True)
                    else:
                        predictions.append(shown)
            account("ok")
        except Cancelled:
            account("cancelled")
            yield told(say("stopped", language))
            return
        except (InputError, LoadError) as error:
            if isinstance(error, InputError):
                account.refused(error)
            else:
                account.failed(error)
            yield told(sentence(error, language), error=True)
            return
        except (MemoryError, RuntimeError) as error:
            account.failed(error)
            yield told(broken(error).text(language), error=True)
            return
        except GeneratorExit:  # the page was closed
            account("cancelled")
            raise
        finally:
            self.stopping.discard(self.tab(context))
            account("failed", level=logging.ERROR)  # something else, which Gradio reports
        pair = Comparison((entries[0].title, entries[1].title), (predictions[0], predictions[1]))
        form = {"comparing": self.form(context, state, chosen, result=compared(pair, language))}
        yield form | drawn(pair, context.theme) | {"pair": pair}

    def _judge(
        self, entry: Entry, state: AnalysisState, context: ClientContext, account: RequestLog
    ) -> Iterator[str | Prediction]:
        """Say what is done, and at last what the checkpoint says of the clip and its words."""
        language = context.theme.language
        if entry.key == state.checkpoint:
            yield state.prediction
            return
        yield say("models_loading", language, name=entry.title)
        readers = self.models.shelf(language).of(entry.key)
        if self.tab(context) in self.stopping:
            raise Cancelled
        turn = self.turns.ask(self.tab(context))
        try:
            while not turn.come(PACE):
                before, seconds = turn.before()
                yield say("stage_place", language, before=before, seconds=rough(seconds))
            account.turn()
            yield say("models_reading", language, name=entry.title)
            reader, heard = readers("none"), state.heard
            if heard is not None:
                heard = reader.hear((heard.samples, SAMPLE_RATE))
                turn.check()
            prediction = reader.read(heard, state.prediction.transcript)
            turn.check()
        finally:
            turn.leave()
        yield prediction

    def redraw(self, pair: Comparison | None, context: ClientContext) -> Shown:
        """Draw the bars again for another theme."""
        return drawn(pair, context.theme) if pair is not None else {}
