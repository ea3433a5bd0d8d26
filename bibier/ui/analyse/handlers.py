"""What happens at each event of the Analyse page, apart from Gradio: values in, values by component name out.

A handler gives (or yields, when it has stages to show) a mapping from a component's name to its new value; what it
does not name stays as it is.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bibier.asr.recognisers import Choice
from bibier.checkpoint.hub import short
from bibier.errors import Cancelled, InputError, LoadError
from bibier.i18n.messages import Message
from bibier.i18n.page import say
from bibier.inference.queue import Turn, rough
from bibier.transcript import Transcript
from bibier.ui.analyse.chart import figure, table
from bibier.ui.analyse.summary import verdict
from bibier.ui.analyse.words import author, corrected, words
from bibier.ui.client import ClientContext, Theme
from bibier.ui.request_log import RequestLog, broken
from bibier.ui.services import Example, Reader, Services

if TYPE_CHECKING:  # the predictor brings torch, which the page does not wait for
    from bibier.inference.predictor import Heard, Prediction

Shown = dict[str, object]

CACHE_SIZE = 64  # results kept for a reload, over all tabs
CACHE_SECONDS = 3600
PACE = 0.5  # s between two looks at the queue


@dataclass(frozen=True)
class AnalysisState:
    """The last analysis of a tab: enough to read edited words, and to draw it all again."""

    clip: str | None
    heard: Heard | None
    prediction: Prediction
    recogniser: str | None = None
    example: Transcript | None = None  # the words that came with an example
    rough: bool = False  # of the recogniser: its words need correcting as a rule
    extra: tuple[Message, ...] = ()
    checkpoint: str = ""  # the key of the one that judged
    made: str = ""  # … and what people call it


class ResultCache:
    """The last state of each tab by its random token, so that changing the language loses nothing."""

    def __init__(self, size: int = CACHE_SIZE, seconds: float = CACHE_SECONDS):
        self.size, self.seconds = size, seconds
        self.kept: OrderedDict[str, tuple[float, AnalysisState]] = OrderedDict()
        self.lock = threading.Lock()

    def put(self, token: str, state: AnalysisState | None) -> None:
        """Keep `state` for `token`; None forgets it."""
        with self.lock:
            self.kept.pop(token, None)
            if token and state is not None:
                self.kept[token] = (time.monotonic(), state)
            while len(self.kept) > self.size:
                self.kept.popitem(last=False)

    def get(self, token: str) -> AnalysisState | None:
        """Return what was kept, unless it is too old."""
        with self.lock:
            then, state = self.kept.get(token, (0.0, None))
            return state if state is not None and time.monotonic() - then <= self.seconds else None


def failure(text: str) -> Shown:
    """Show a sentence as an error."""
    return {"stage": {"text": text, "error": True}}


def blank(theme: Theme, *, armed: bool = False) -> Shown:
    """Give the empty right side; `armed` when Analyse can be pressed."""
    return {
        "verdict": {"key": "armed" if armed else "idle"},
        "chart": figure(None, theme),
        "table": table(None, theme.language),
        "words": words(None, None, theme.language),
        "author": "",
    }


def results(state: AnalysisState, theme: Theme) -> Shown:
    """Draw a state."""
    prediction, language = state.prediction, theme.language
    judged = verdict(prediction, language, extra=state.extra)
    given = state.example is not None and prediction.transcript.text == state.example.text
    return {
        "verdict": judged.value() | {"made": say("models_made", language, name=state.made) if state.made else ""},
        "chart": figure(prediction, theme),
        "table": table(prediction, language),
        "words": words(prediction, state.clip, language),
        "author": author(prediction.transcript, language, example=given, rough=state.rough),
        "stage": {"text": judged.took, "still": True},
    }


class AnalyseHandlers:
    """The handlers of the Analyse page. One per app; what belongs to a tab is in its `AnalysisState`."""

    def __init__(self, services: Services):
        self.services = services
        self.shelf = ResultCache()

    def reader(self, language: str, checkpoint: str = "") -> Callable[[str], Reader]:
        """Wait for the models; a checkpoint that is not in memory is loaded.

        Raises InputError with the loader's own reason, or `LoadError` with a general one.
        """
        self.services.opened()  # a program shows no page, and need not wait for one
        error = self.services.reader.exception()
        if error is None:
            readers = self.services.reader.result()
            return readers.of(checkpoint) if checkpoint else readers
        if isinstance(error, InputError):
            raise error
        raise LoadError(say("failed_models", language)) from error

    def made(self, checkpoint: str) -> str:
        """Return what people call a checkpoint."""
        return short(checkpoint) or self.services.start

    def choice(self, name: str | None) -> Choice:
        """Find a recogniser by name; an unknown name is the last choice, typing the words."""
        choices = self.services.recognisers()
        return next((one for one in choices if one.name == name), choices[-1])

    def choices(self, language: str, chosen: str | None = None) -> Shown:
        """List the recognisers; without a choice, the first that is ready is chosen."""
        choices = self.services.recognisers()
        first = next(one.name for one in choices if one.ready)
        return {
            "recogniser": {
                "choices": [(one.label.text(language), one.name) for one in choices],
                "value": chosen or first,
            }
        }

    def choose(self, name: str | None, context: ClientContext) -> Shown:
        """Ask before anything is downloaded."""
        choice = self.choice(name)
        if choice.ready or not choice.megabytes:
            return {"fetching": False, "ask": ""}
        return {"fetching": True, "ask": self.services.announce(choice.name).text(context.theme.language)}

    def download(self, name: str | None, context: ClientContext) -> Iterator[Shown]:
        """Fetch a recogniser, telling how far it is."""
        language, choice = context.theme.language, self.choice(name)
        received = 0

        def progress(so_far: int, _total: int | None) -> None:
            nonlocal received
            received = so_far

        with ThreadPoolExecutor(1, thread_name_prefix="download") as pool:
            job = pool.submit(self.services.fetch, choice.name, progress)
            while not job.done():
                text = say(
                    "stage_fetching", language, name=choice.name, received=received // 10**6, megabytes=choice.megabytes
                )
                yield {"stage": {"text": text}}
                wait([job], timeout=0.5)
            try:
                job.result()
            except InputError as error:
                yield failure(error.text(language))
                return
        done = {"text": say("stage_fetched", language, name=choice.name), "still": True}
        yield {"stage": done, "fetching": False} | self.choices(language, choice.name)

    def arrived(self, clip: str | None, text: str, state: AnalysisState | None, context: ClientContext) -> Shown:
        """Make room for a new clip, or for none: words that belonged to the last clip leave with it."""
        shown: Shown = {"state": None, "stage": None}
        if state is not None and state.heard is not None and text == state.prediction.transcript.text:
            text = shown["transcript"] = ""  # otherwise the words stay: they may be being typed at this moment
        self.shelf.put(context.token, None)
        armed = bool(clip or text.strip())
        return blank(context.theme, armed=armed) | shown | {"analyse": armed}

    def analyse(
        self,
        clip: str | None,
        text: str,
        recogniser: str | None,
        state: AnalysisState | None,
        context: ClientContext,
        *,
        example: Example | None = None,
    ) -> Iterator[Shown]:
        """Wait for the turn, hear the clip, recognise its words unless they were typed, show what both say."""
        language = context.theme.language
        if not clip and not text.strip():
            yield failure(say("nothing", language))
            return
        account, turn = RequestLog("analyse", context.request), None
        try:
            turn = self.services.turns.ask(context.tab)
            while not turn.come(PACE):
                before, seconds = turn.before()
                place = say("stage_place", language, before=before, seconds=rough(seconds))
                yield {"stage": {"text": place, "stop": True}}
            account.turn()
            yield from self._steps(clip, text, recogniser, state, context, example, turn, account)
        except Cancelled:
            account("cancelled")
            yield {"stage": {"text": say("stopped", language), "still": True}, "analyse": True}
        except InputError as error:
            account.refused(error)
            gone = {} if error.message.key == "turn-full" else blank(context.theme) | {"state": None}
            yield gone | failure(error.text(language))
        except LoadError as error:
            account.failed(error)
            yield failure(str(error))
        except (MemoryError, RuntimeError) as error:
            account.failed(error)
            yield failure(broken(error).text(language))
        except GeneratorExit:  # the page was closed
            account("cancelled")
            raise
        finally:
            if turn is not None:
                turn.leave()
            account("failed", level=logging.ERROR)  # something else, which Gradio reports

    def _steps(
        self, clip, text, recogniser, state, context, example, turn: Turn, account: RequestLog
    ) -> Iterator[Shown]:
        language = context.theme.language

        def stage(key: str, **values: object) -> Shown:
            turn.check()
            account.stage = key.removeprefix("stage_")
            return {"stage": {"text": say(key, language, **values), "stop": True}}

        if not self.services.reader.done():
            yield stage("stage_loading")
            while not wait([self.services.reader], PACE).done:
                turn.check()
        if context.checkpoint:
            yield stage("models_loading", name=self.made(context.checkpoint))
        readers, choice = self.reader(language, context.checkpoint), self.choice(recogniser)
        if state is not None and state.clip != clip:
            state = None
        said = state.prediction.transcript if state else None
        same = said is not None and text == said.text
        # untouched words of one recogniser are no answer to the question for another's
        listen = not text.strip() or (same and said.source == "recogniser" and state.recogniser != recogniser)
        if listen and clip and not choice.ready:
            account("refused", reason="fetch_first")
            yield failure(say("fetch_first", language, name=choice.name))
            return
        # when nothing is to be recognised, a recogniser that is not there yet is not asked for
        reader = readers(choice.name if listen else "none")

        # what another checkpoint heard means nothing to this one
        heard = state.heard if state and state.checkpoint == context.checkpoint else None
        if heard is None and clip:
            yield stage("stage_hearing")
            heard = reader.hear(clip)
        extra: tuple[Message, ...] = ()
        given = Transcript(example.transcript, example.language) if example else state.example if state else None
        seconds = None
        if listen and choice.name != "none" and heard.speech:
            yield stage("stage_transcribing", name=choice.name)
            began = time.perf_counter()
            try:
                transcript = reader.transcribe(heard)
            except InputError as error:  # the voice can be judged all the same
                transcript, extra = Transcript("", source="none"), (error.message,)
            seconds = time.perf_counter() - began
        elif given is not None and text == given.text:
            transcript = given
        elif same:
            transcript = said
        else:
            transcript = "" if listen else text
        yield stage("stage_reading")
        prediction = reader.read(heard, transcript)
        turn.check()
        if seconds is not None and "transcribe" not in prediction.timings:
            prediction = replace(prediction, timings=prediction.timings | {"transcribe": seconds})
        made = self.made(context.checkpoint)
        state = AnalysisState(clip, heard, prediction, recogniser, given, choice.rough, extra, context.checkpoint, made)
        self.shelf.put(context.token, state)
        shown = results(state, context.theme) | {"state": state, "analyse": True}
        if prediction.transcript.text != text:
            shown["transcript"] = prediction.transcript.text
        account("ok")
        yield shown

    def edited(self, text: str, state: AnalysisState | None, context: ClientContext) -> Shown:
        """Read corrected words: the voice is not heard again, and its bars stay as they are.

        The checkpoint is the one that heard it, whatever was chosen meanwhile.
        """
        language = context.theme.language
        if state is None:  # nothing analysed yet: the text will be used by Analyse
            return {"author": author(Transcript(text), language) if text.strip() else ""}
        if text == state.prediction.transcript.text or (state.heard is None and not text.strip()):
            return {}
        given = state.example
        transcript = given if given and text == given.text else corrected(text, state.prediction.transcript)
        account = RequestLog("edit", context.request)
        try:
            with self.services.turns.turn(context.tab):
                account.turn()
                prediction = self.reader(language, state.checkpoint)("none").read(state.heard, transcript)
        except Cancelled:
            account("cancelled")
            return {}
        except InputError as error:
            account.refused(error)
            return failure(error.text(language))
        except (MemoryError, RuntimeError) as error:
            account.failed(error)
            return failure(broken(error).text(language))
        account("ok")
        state = replace(state, prediction=prediction, extra=())
        self.shelf.put(context.token, state)
        return results(state, context.theme) | {"state": state}

    def redraw(self, state: AnalysisState | None, context: ClientContext) -> Shown:
        """Draw the chart again for another theme or width."""
        return {"chart": figure(state.prediction if state else None, context.theme)}

    def restore(self, context: ClientContext) -> Shown:
        """Show a tab's last result again after a reload, or the empty page."""
        self.services.opened()
        state = self.shelf.get(context.token)
        if state is None:
            return blank(context.theme)
        clip = state.clip if state.clip and Path(state.clip).exists() else None
        return results(state, context.theme) | {
            "voice": clip,
            "transcript": state.prediction.transcript.text,
            "state": state,
            "analyse": True,
        }

    def predict(self, clip: str | None, text: str | None, context: ClientContext) -> dict:
        """Answer a program: every probability by its label's name, every sentence in the context's language."""
        language = context.theme.language
        if not clip and not (text or "").strip():
            raise ValueError(say("nothing", language))
        account = RequestLog("predict", context.request)
        try:
            with self.services.turns.turn(context.tab):
                account.turn()
                reader = self.reader(language)(next(one.name for one in self.services.recognisers() if one.ready))
                heard = reader.hear(clip) if clip else None
                transcript = text or reader.transcribe(heard)
                found = self.services.as_json(reader.read(heard, transcript), language)
        except InputError as error:
            account.refused(error)
            raise
        except LoadError as error:
            account.failed(error)
            raise
        except (MemoryError, RuntimeError) as error:
            account.failed(error)
            raise broken(error) from error
        account("ok")
        return found

    def stop(self, context: ClientContext) -> None:
        """End what the tab has asked for: at once what waits, after its present step what runs."""
        self.services.turns.stop(context.tab)

    def clear(self, context: ClientContext) -> Shown:
        """Forget a tab's recording: what runs for it ends, and nothing of it is kept in memory."""
        self.stop(context)
        self.shelf.put(context.token, None)
        gone = {"voice": None, "transcript": "", "state": None, "stage": None, "analyse": False}
        return blank(context.theme) | gone
