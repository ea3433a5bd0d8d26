"""What happens at each event of the Analyse page, apart from Gradio: values in, values by component name out.

A handler gives (or yields, when it has stages to show) an `AnalyseUpdate`; what it does not name stays as it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bibier.asr.recognisers import Choice
from bibier.audio.channels import AUTO
from bibier.checkpoint.hub import short
from bibier.errors import Cancelled, InputError, LoadError
from bibier.i18n.messages import Message
from bibier.i18n.page import say
from bibier.transcript import Transcript
from bibier.ui.analyse.page_values import blank, failure, results, told
from bibier.ui.analyse.state import Analyses, AnalysisState, lead
from bibier.ui.analyse.updates import AnalyseUpdate
from bibier.ui.analyse.words import author, corrected
from bibier.ui.client import ClientContext
from bibier.ui.inference import NO_FAULT, PACE, Inference, inference, sentence
from bibier.ui.services import Example, Services

if TYPE_CHECKING:  # the predictor brings torch, which the page does not wait for
    from bibier.checkpoint.library import ModelLibrary
    from bibier.inference.predictor import Predictor

Steps = Callable[
    [Inference], Generator[AnalyseUpdate, None, AnalyseUpdate]
]  # yields stages, returns what stands at the end


class AnalyseHandlers:
    """The handlers of the Analyse page. One per app; what belongs to a tab is in its `AnalysisState`.

    Parameters
    ----------
    services
        What the page is built on.
    """

    def __init__(self, services: Services):
        self.services = services
        self.cache = Analyses()

    def models(self, language: str) -> ModelLibrary[Predictor]:
        """Wait for the models. Raises InputError with the loader's own reason, or `LoadError` with a general one."""
        self.services.opened()  # a program shows no page, and need not wait for one
        error = self.services.reader.exception()
        if error is None:
            return self.services.reader.result()
        if isinstance(error, InputError):
            raise error
        raise LoadError(say("failed_models", language)) from error

    def reader(self, language: str, checkpoint: str = "") -> Callable[[str], Predictor]:
        """Wait for the models; a checkpoint that is not in memory is loaded. Raises as `models` does."""
        models = self.models(language)
        return models.of(checkpoint) if checkpoint else models

    def title(self, checkpoint: str) -> str:
        """Return what people call a checkpoint."""
        return short(checkpoint) or self.services.start

    def choice(self, name: str | None) -> Choice:
        """Find a recogniser by name; an unknown name is the last choice, typing the words."""
        choices = self.services.recognisers()
        return next((choice for choice in choices if choice.name == name), choices[-1])

    def choices(self, language: str, chosen: str | None = None) -> AnalyseUpdate:
        """List the recognisers; without a choice, the first that is ready and knows the page's language is chosen."""
        choices = self.services.recognisers()
        first = next(choice.name for choice in choices if choice.ready and choice.knows(language))
        return {
            "recogniser": {
                "choices": [(choice.label.text(language), choice.name) for choice in choices],
                "value": chosen or first,
            },
            "options": {"recogniser": chosen or first},
        }

    def unheard(self, language: str) -> tuple[Message, ...]:
        """Say why nobody writes the words down: no recogniser that is ready knows the page's language."""
        ready = [choice for choice in self.services.recognisers() if choice.ready and choice.name != "none"]
        if not ready or any(choice.knows(language) for choice in ready):
            return ()
        return (Message("recogniser-no-language"),)

    def choose(self, name: str | None, context: ClientContext) -> AnalyseUpdate:
        """Ask before anything is downloaded."""
        choice = self.choice(name)
        chosen: AnalyseUpdate = {"options": {"recogniser": choice.name}}
        if choice.ready or not choice.megabytes:
            return chosen | {"fetching": False, "ask": ""}
        return chosen | {"fetching": True, "ask": self.services.announce(choice.name).text(context.theme.language)}

    def download(self, name: str | None, context: ClientContext) -> Iterator[AnalyseUpdate]:
        """Fetch a recogniser, telling how far it is."""
        language, choice = context.theme.language, self.choice(name)
        received = 0

        def progress(so_far: int, _total: int | None) -> None:
            nonlocal received
            received = so_far

        with ThreadPoolExecutor(1, thread_name_prefix="download") as pool:
            job = pool.submit(self.services.fetch, choice.name, progress)
            while not job.done():
                so_far = {"name": choice.name, "received": received // 10**6, "megabytes": choice.megabytes}
                yield {"stage": told(partial(say, "stage_fetching", **so_far), language)}
                wait([job], timeout=0.5)
            try:
                job.result()
            except InputError as error:
                yield failure(error.text, language)
                return
        done = told(partial(say, "stage_fetched", name=choice.name), language, still=True)
        fetched: AnalyseUpdate = {"stage": done, "fetching": False}
        yield fetched | self.choices(language, choice.name)

    def arrived(
        self, clip: str | None, text: str, state: AnalysisState | None, context: ClientContext
    ) -> AnalyseUpdate:
        """Make room for a new clip, or for none: words that belonged to the last clip leave with it."""
        shown: AnalyseUpdate = {"state": None, "stage": None}
        if state is not None and state.clip is not None and text == state.prediction.transcript.text:
            text = shown["transcript"] = ""  # otherwise the words stay: they may be being typed at this moment
        self.cache.put(context.token, None)
        shown["analyse"] = bool(clip or text.strip())
        return blank(context.theme) | shown

    def analyse(
        self,
        clip: str | None,
        text: str,
        recogniser: str | None,
        state: AnalysisState | None,
        context: ClientContext,
        *,
        channel: str = AUTO,
        example: Example | None = None,
    ) -> Iterator[AnalyseUpdate]:
        """Wait for the turn, hear the clip, recognise its words unless they were typed, show what both say."""

        def after_error(at_fault: bool) -> AnalyseUpdate:
            return blank(context.theme) | {"state": None} if at_fault else {}

        def steps(run: Inference) -> Generator[AnalyseUpdate, None, AnalyseUpdate]:
            return self.clip_steps(run, clip, text, recogniser, state, context, channel=channel, example=example)

        yield from self.guarded(context, steps, after_error)

    def guarded(
        self, context: ClientContext, steps: Steps, after_error: Callable[[bool], AnalyseUpdate]
    ) -> Iterator[AnalyseUpdate]:
        """Take the steps of an analysis; whatever ends it is said.

        `after_error` gives what changes on the page besides: True when what was brought can't be used, False for a full
        queue and a model that failed, which leave what stands there.
        """
        language = context.theme.language
        try:
            with inference(self.services.queue, context, "analyse") as run:
                shown = yield from steps(run)
            yield shown
        except Cancelled:
            yield {"stage": told(partial(say, "stopped"), language, still=True), "analyse": True}
        except (InputError, LoadError) as error:
            at_fault = isinstance(error, InputError) and error.key not in NO_FAULT
            yield after_error(at_fault) | failure(partial(sentence, error), language)

    def queued(self, run: Inference) -> Iterator[AnalyseUpdate]:
        """Wait for the turn, saying which it is."""
        for place in run.places():
            yield {"stage": {"text": place, "stop": True}}

    def unready(self, run: Inference, choice: Choice) -> AnalyseUpdate:
        """Refuse to recognise by what would have to be downloaded first."""
        run.log("refused", reason="fetch_first")
        return failure(partial(say, "fetch_first", name=choice.name), run.language)

    def clip_steps(
        self,
        run: Inference,
        clip: str | None,
        text: str,
        recogniser: str | None,
        state: AnalysisState | None,
        context: ClientContext,
        *,
        channel: str = AUTO,
        example: Example | None = None,
        begun: Callable[[], AnalyseUpdate] = lambda: {},
    ) -> Generator[AnalyseUpdate, None, AnalyseUpdate]:
        """Take the steps of one clip's analysis; `begun` gives what leaves the page once the turn has come."""
        language = context.theme.language
        if not clip and not text.strip():
            run.log("refused", reason="nothing")
            return failure(partial(say, "nothing"), language)

        def stage(key: str, **values: object) -> AnalyseUpdate:
            run.stage(key.removeprefix("stage_"))
            return {"stage": told(partial(say, key, **values), language) | {"stop": True}}

        choice = self.choice(recogniser)
        if state is not None and state.clip != clip:
            state = None
        last = state.prediction.transcript if state else None
        same = last is not None and text == last.text
        moved = state is not None and state.channel != channel
        # untouched words of one recogniser, or of one channel, are no answer to the question for another's
        changed = moved or (state is not None and state.recogniser != recogniser)
        by_other = last is not None and same and last.source == "recogniser" and changed
        listen = not text.strip() or by_other
        if listen and clip:
            run.listen(choice)
        yield from self.queued(run)
        if leaving := begun():
            yield leaving
        if not self.services.reader.done():
            yield stage("stage_loading")
            while not wait([self.services.reader], PACE).done:
                run.check()
        if context.checkpoint:
            yield stage("models_loading", name=self.title(context.checkpoint))
        readers = self.reader(language, context.checkpoint)
        if listen and clip and not choice.ready:
            return self.unready(run, choice)
        # when nothing is to be recognised, a recogniser that is not there yet is not asked for
        reader = readers(choice.name if listen else "none")

        # what another checkpoint heard means nothing to this one
        encoding = state.encoding if state and not moved and state.checkpoint == context.checkpoint else None
        if encoding is None and clip:
            yield stage("stage_hearing")
            with run.interruptible():
                encoding = reader.encode_audio(clip, channel=channel)
        spoken = encoding is not None and encoding.speech
        extra: tuple[Message, ...] = self.unheard(language) if listen and spoken and choice.name == "none" else ()
        original = Transcript(example.transcript, example.language) if example else state.example if state else None
        seconds = None
        transcript: Transcript | str
        if listen and choice.name != "none" and encoding is not None and encoding.speech:
            yield stage("stage_transcribing", name=choice.name)
            began = time.perf_counter()
            try:
                with run.interruptible():
                    transcript = reader.transcribe(encoding)
            except InputError as error:  # the voice can be judged all the same
                transcript, extra = Transcript("", source="none"), (error.message,)
            seconds = time.perf_counter() - began
        elif original is not None and text == original.text:
            transcript = original
        elif last is not None and same:
            transcript = last
        else:
            transcript = "" if listen else text
        yield stage("stage_reading")
        with run.interruptible():
            prediction = reader.classify(encoding, transcript)
        run.check()
        if seconds is not None and "transcribe" not in prediction.timings:
            prediction = replace(prediction, timings=prediction.timings | {"transcribe": seconds})
        title = self.title(context.checkpoint)
        channels = encoding.channels if encoding is not None else 1
        state = AnalysisState(
            clip,
            lead(encoding),
            prediction,
            recogniser,
            original,
            choice.rough,
            extra,
            context.checkpoint,
            title,
            channel=channel,
            channels=channels,
        )
        self.cache.put(context.token, state, context.owner)
        shown = results(state, context.theme) | {"state": state, "analyse": True}
        if prediction.transcript.text != text:
            shown["transcript"] = prediction.transcript.text
        return shown

    def edited(self, text: str, state: AnalysisState | None, context: ClientContext) -> AnalyseUpdate:
        """Read corrected words: the voice is heard again only where that wasn't kept, and its bars stay as they are.

        The checkpoint is the one that heard it, whatever was chosen meanwhile.
        """
        language = context.theme.language
        if state is None:  # nothing analysed yet: the text will be used by Analyse
            return {"author": author(Transcript(text), language) if text.strip() else ""}
        if text == state.prediction.transcript.text or (state.clip is None and not text.strip()):
            return {}
        original = state.example
        transcript = original if original and text == original.text else corrected(text, state.prediction.transcript)
        try:
            with inference(self.services.queue, context, "edit") as run:
                run.wait()
                reader, encoding = self.reader(language, state.checkpoint)("none"), state.encoding
                with run.interruptible():
                    if encoding is None and state.clip is not None:
                        encoding = reader.encode_audio(state.clip, channel=state.channel)
                    prediction = reader.classify(encoding, transcript)
        except Cancelled:
            return {}
        except (InputError, LoadError) as error:
            return failure(partial(sentence, error), language)
        state = replace(state, heard=lead(encoding), prediction=prediction, extra=())
        self.cache.put(context.token, state, context.owner)
        return results(state, context.theme) | {"state": state}

    def restore(self, context: ClientContext) -> AnalyseUpdate:
        """Show a tab's last result again after a reload, or the empty page."""
        self.services.opened()
        state = self.cache.get(context.token, context.owner)
        if state is None:
            return blank(context.theme)
        clip = state.clip if state.clip and Path(state.clip).exists() else None
        return results(state, context.theme) | {
            "voice": clip,
            "transcript": state.prediction.transcript.text,
            "state": state,
            "analyse": True,
        }

    def predict(self, clip: str | None, text: str | None, context: ClientContext) -> dict[str, object]:
        """Answer a program as `predict --json` does: what a text, no text and an empty one mean is `judge`'s rule.

        Raises Cancelled, InputError and LoadError as `inference` does, ValueError when there is nothing to judge.
        """
        from bibier.inference.judge import as_whole, given, in_segments
        from bibier.inference.long_form import analyse, timeline_json

        language = context.theme.language
        if not clip and not (text or "").strip():
            raise ValueError(say("nothing", language))
        with inference(self.services.queue, context, "predict") as run:
            ready = next(choice for choice in self.services.recognisers() if choice.ready)
            if clip and text is None:
                run.listen(ready)
            run.wait()
            reader = self.reader(language)(ready.name)
            with run.interruptible():
                recording = in_segments(clip, text) if clip else None
            if recording is not None:
                with run.interruptible():
                    timeline = analyse(reader, recording, transcript=given(text), progress=lambda *_: run.pass_turn())
                return timeline_json(timeline, language)
            try:
                with run.interruptible():
                    encoding = reader.encode_audio(clip) if clip else None
            except InputError as error:
                raise as_whole(error, text) from error
            transcript = given(text)
            with run.interruptible():
                if transcript is None:
                    transcript = reader.transcribe(encoding) if encoding is not None else ""
                prediction = reader.classify(encoding, transcript)
            return self.services.as_json(prediction, language)

    def stop(self, context: ClientContext) -> None:
        """End what the tab has asked for: at once what waits, after its present step what runs."""
        self.services.queue.stop(context.tab)

    def clear(self, context: ClientContext) -> AnalyseUpdate:
        """Forget a tab's recording: what runs for it ends, and nothing of it is kept in memory."""
        self.stop(context)
        self.cache.put(context.token, None)
        gone: AnalyseUpdate = {"voice": None, "transcript": "", "state": None, "stage": None, "analyse": False}
        return blank(context.theme) | gone
