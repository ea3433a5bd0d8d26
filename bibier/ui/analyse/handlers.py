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
from bibier.ui.request_log import Account, broken
from bibier.ui.services import Example, Reader, Services
from bibier.ui.view import Look, View

if TYPE_CHECKING:  # the predictor brings torch, which the page does not wait for
    from bibier.inference.predictor import Heard, Prediction

Shown = dict[str, object]

SHELF_SIZE = 64  # results kept for a reload, over all tabs
SHELF_SECONDS = 3600
PACE = 0.5  # s between two looks at the queue


@dataclass(frozen=True)
class Moment:
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


class Shelf:
    """The last moment of each tab by its random token, so that changing the language loses nothing."""

    def __init__(self, size: int = SHELF_SIZE, seconds: float = SHELF_SECONDS):
        self.size, self.seconds = size, seconds
        self.kept: OrderedDict[str, tuple[float, Moment]] = OrderedDict()
        self.lock = threading.Lock()

    def put(self, token: str, moment: Moment | None) -> None:
        """Keep `moment` for `token`; None forgets it."""
        with self.lock:
            self.kept.pop(token, None)
            if token and moment is not None:
                self.kept[token] = (time.monotonic(), moment)
            while len(self.kept) > self.size:
                self.kept.popitem(last=False)

    def get(self, token: str) -> Moment | None:
        """Return what was kept, unless it is too old."""
        with self.lock:
            then, moment = self.kept.get(token, (0.0, None))
            return moment if moment is not None and time.monotonic() - then <= self.seconds else None


def failure(text: str) -> Shown:
    """Show a sentence as an error."""
    return {"stage": {"text": text, "error": True}}


def blank(look: Look, *, armed: bool = False) -> Shown:
    """Give the empty right side; `armed` when Analyse can be pressed."""
    return {
        "verdict": {"key": "armed" if armed else "idle"},
        "chart": figure(None, look),
        "table": table(None, look.language),
        "words": words(None, None, look.language),
        "author": "",
    }


def results(moment: Moment, look: Look) -> Shown:
    """Draw a moment."""
    prediction, language = moment.prediction, look.language
    judged = verdict(prediction, language, extra=moment.extra)
    given = moment.example is not None and prediction.transcript.text == moment.example.text
    return {
        "verdict": judged.value() | {"made": say("models_made", language, name=moment.made) if moment.made else ""},
        "chart": figure(prediction, look),
        "table": table(prediction, language),
        "words": words(prediction, moment.clip, language),
        "author": author(prediction.transcript, language, example=given, rough=moment.rough),
        "stage": {"text": judged.took, "still": True},
    }


class Desk:
    """The handlers of the Analyse page. One per app; what belongs to a tab is in its `Moment`."""

    def __init__(self, services: Services):
        self.services = services
        self.shelf = Shelf()

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

    def choose(self, name: str | None, view: View) -> Shown:
        """Ask before anything is downloaded."""
        choice = self.choice(name)
        if choice.ready or not choice.megabytes:
            return {"fetching": False, "ask": ""}
        return {"fetching": True, "ask": self.services.announce(choice.name).text(view.look.language)}

    def download(self, name: str | None, view: View) -> Iterator[Shown]:
        """Fetch a recogniser, telling how far it is."""
        language, choice = view.look.language, self.choice(name)
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

    def arrived(self, clip: str | None, text: str, moment: Moment | None, view: View) -> Shown:
        """Make room for a new clip, or for none: words that belonged to the last clip leave with it."""
        shown: Shown = {"moment": None, "stage": None}
        if moment is not None and moment.heard is not None and text == moment.prediction.transcript.text:
            text = shown["transcript"] = ""  # otherwise the words stay: they may be being typed at this moment
        self.shelf.put(view.token, None)
        armed = bool(clip or text.strip())
        return blank(view.look, armed=armed) | shown | {"analyse": armed}

    def analyse(
        self,
        clip: str | None,
        text: str,
        recogniser: str | None,
        moment: Moment | None,
        view: View,
        *,
        example: Example | None = None,
    ) -> Iterator[Shown]:
        """Wait for the turn, hear the clip, recognise its words unless they were typed, show what both say."""
        language = view.look.language
        if not clip and not text.strip():
            yield failure(say("nothing", language))
            return
        account, turn = Account("analyse", view.request), None
        try:
            turn = self.services.turns.ask(view.tab)
            while not turn.come(PACE):
                before, seconds = turn.before()
                place = say("stage_place", language, before=before, seconds=rough(seconds))
                yield {"stage": {"text": place, "stop": True}}
            account.turn()
            yield from self._steps(clip, text, recogniser, moment, view, example, turn, account)
        except Cancelled:
            account("cancelled")
            yield {"stage": {"text": say("stopped", language), "still": True}, "analyse": True}
        except InputError as error:
            account.refused(error)
            gone = {} if error.message.key == "turn-full" else blank(view.look) | {"moment": None}
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

    def _steps(self, clip, text, recogniser, moment, view, example, turn: Turn, account: Account) -> Iterator[Shown]:
        language = view.look.language

        def stage(key: str, **values: object) -> Shown:
            turn.check()
            account.stage = key.removeprefix("stage_")
            return {"stage": {"text": say(key, language, **values), "stop": True}}

        if not self.services.reader.done():
            yield stage("stage_loading")
            while not wait([self.services.reader], PACE).done:
                turn.check()
        if view.checkpoint:
            yield stage("models_loading", name=self.made(view.checkpoint))
        readers, choice = self.reader(language, view.checkpoint), self.choice(recogniser)
        if moment is not None and moment.clip != clip:
            moment = None
        said = moment.prediction.transcript if moment else None
        same = said is not None and text == said.text
        # untouched words of one recogniser are no answer to the question for another's
        listen = not text.strip() or (same and said.source == "recogniser" and moment.recogniser != recogniser)
        if listen and clip and not choice.ready:
            account("refused", reason="fetch_first")
            yield failure(say("fetch_first", language, name=choice.name))
            return
        # when nothing is to be recognised, a recogniser that is not there yet is not asked for
        reader = readers(choice.name if listen else "none")

        # what another checkpoint heard means nothing to this one
        heard = moment.heard if moment and moment.checkpoint == view.checkpoint else None
        if heard is None and clip:
            yield stage("stage_hearing")
            heard = reader.hear(clip)
        extra: tuple[Message, ...] = ()
        given = Transcript(example.transcript, example.language) if example else moment.example if moment else None
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
        made = self.made(view.checkpoint)
        moment = Moment(clip, heard, prediction, recogniser, given, choice.rough, extra, view.checkpoint, made)
        self.shelf.put(view.token, moment)
        shown = results(moment, view.look) | {"moment": moment, "analyse": True}
        if prediction.transcript.text != text:
            shown["transcript"] = prediction.transcript.text
        account("ok")
        yield shown

    def edited(self, text: str, moment: Moment | None, view: View) -> Shown:
        """Read corrected words: the voice is not heard again, and its bars stay as they are.

        The checkpoint is the one that heard it, whatever was chosen meanwhile.
        """
        language = view.look.language
        if moment is None:  # nothing analysed yet: the text will be used by Analyse
            return {"author": author(Transcript(text), language) if text.strip() else ""}
        if text == moment.prediction.transcript.text or (moment.heard is None and not text.strip()):
            return {}
        given = moment.example
        transcript = given if given and text == given.text else corrected(text, moment.prediction.transcript)
        account = Account("edit", view.request)
        try:
            with self.services.turns.turn(view.tab):
                account.turn()
                prediction = self.reader(language, moment.checkpoint)("none").read(moment.heard, transcript)
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
        moment = replace(moment, prediction=prediction, extra=())
        self.shelf.put(view.token, moment)
        return results(moment, view.look) | {"moment": moment}

    def redraw(self, moment: Moment | None, view: View) -> Shown:
        """Draw the chart again for another theme or width."""
        return {"chart": figure(moment.prediction if moment else None, view.look)}

    def restore(self, view: View) -> Shown:
        """Show a tab's last result again after a reload, or the empty page."""
        self.services.opened()
        moment = self.shelf.get(view.token)
        if moment is None:
            return blank(view.look)
        clip = moment.clip if moment.clip and Path(moment.clip).exists() else None
        return results(moment, view.look) | {
            "voice": clip,
            "transcript": moment.prediction.transcript.text,
            "moment": moment,
            "analyse": True,
        }

    def predict(self, clip: str | None, text: str | None, view: View) -> dict:
        """Answer a program: every probability by its label's name, every sentence in the view's language."""
        language = view.look.language
        if not clip and not (text or "").strip():
            raise ValueError(say("nothing", language))
        account = Account("predict", view.request)
        try:
            with self.services.turns.turn(view.tab):
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

    def stop(self, view: View) -> None:
        """End what the tab has asked for: at once what waits, after its present step what runs."""
        self.services.turns.stop(view.tab)

    def clear(self, view: View) -> Shown:
        """Forget a tab's recording: what runs for it ends, and nothing of it is kept in memory."""
        self.stop(view)
        self.shelf.put(view.token, None)
        gone = {"voice": None, "transcript": "", "moment": None, "stage": None, "analyse": False}
        return blank(view.look) | gone
