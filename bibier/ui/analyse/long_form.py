"""A long recording in the Analyse tab: its stretches as they become ready, the one chosen, and the whole.

Like `session`, apart from Gradio: values in, values by component name out. What the browser draws is in timeline.js.
"""

from __future__ import annotations

import functools
import io
import shutil
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from bibier.annotation.ingest import keep
from bibier.audio.format import SAMPLE_RATE
from bibier.audio.long_recording import Recording, read_long
from bibier.audio.segmentation import Segment
from bibier.errors import Cancelled, InputError, LoadError
from bibier.i18n.page import say
from bibier.inference.queue import rough
from bibier.labels import EMOTIONS
from bibier.ui.analyse.handlers import (
    PACE,
    AnalyseHandlers,
    AnalysisState,
    ResultCache,
    Shown,
    blank,
    broken,
    failure,
    results,
)
from bibier.ui.analyse.summary import duration
from bibier.ui.client import ClientContext

if TYPE_CHECKING:  # these bring torch, which the page does not wait for
    from bibier.inference.long_form import Stretch, Timeline

KEPT = 16  # recordings at a time, over all tabs: an hour takes 115 MB of the disk
OFTEN = 0.5  # s between two pictures of the ribbon, and longer the longer it takes
PEAKS_PER_SECOND, FEWEST_PEAKS, MOST_PEAKS = 10, 600, 3_000
WHOLE = -1  # in place of a stretch's number


@dataclass(eq=False)
class Ribbon:
    """A long recording of one tab, filled while it is judged."""

    clip: str
    recording: Recording
    segments: list[Segment]
    recogniser: str | None = None
    rough: bool = False  # of the recogniser
    checkpoint: str = ""
    stretches: list[Stretch] = field(default_factory=list)
    room: str = field(default_factory=lambda: uuid.uuid4().hex)  # folder of the stretches' own files
    files: dict[str, int] = field(default_factory=dict)  # the stretches' own files → their numbers
    chosen: int = WHOLE
    running: bool = True
    stopping: threading.Event = field(default_factory=threading.Event)

    def timeline(self) -> Timeline:
        """Return what is known so far."""
        from bibier.inference.long_form import Timeline

        return Timeline(self.recording.duration, tuple(self.stretches), len(self.segments), self.recording.notices)

    def value(self, language: str) -> dict:
        """Return what the browser draws: shares in thousandths by `EMOTIONS`, times in seconds."""
        rows: list[dict] = [{"a": round(one.start, 2), "b": round(one.end, 2)} for one in self.segments]
        for row, stretch in zip(rows, self.stretches, strict=False):
            row |= _row(stretch, language)
        return {
            "path": self.clip,
            "seconds": self.recording.duration,
            "peaks": [round(100 * float(peak)) for peak in self.outline],
            "rows": rows,
            "chosen": self.chosen,
            "running": self.running,
        }

    @functools.cached_property
    def outline(self) -> np.ndarray:
        """The waveform's outline, in [0, 1]."""
        return self.recording.peaks(
            round(min(MOST_PEAKS, max(FEWEST_PEAKS, PEAKS_PER_SECOND * self.recording.duration)))
        )


def _row(stretch: Stretch, language: str) -> dict:
    if stretch.prediction is None:
        return {"error": stretch.error.text(language)}
    found = stretch.prediction
    return {
        "shares": {
            name: None if branch.probabilities is None else [round(1000 * branch.probabilities[e]) for e in EMOTIONS]
            for name, branch in (("audio", found.audio), ("text", found.text), ("bimodal", found.bimodal))
        },
        "text": found.transcript.text,
        "words": [
            [word.text, round(word.start + stretch.segment.start, 2), round(word.end + stretch.segment.start, 2)]
            for word in found.transcript.words
            if word.start is not None and word.end is not None
        ],
    }


class LongFormHandlers:
    """The handlers of long recordings, beside the `Desk` that sees to clips.

    Parameters
    ----------
    analysing
        Sees to everything that is no long recording.
    folder
        Where stretches that are looked at get files of their own; the browser must be allowed to fetch them.
    """

    def __init__(self, analysing: AnalyseHandlers, folder: Path):
        self.analysing, self.folder = analysing, folder
        self.shelf = ResultCache(KEPT)

    def analyse(self, clip, text, recogniser, state: AnalysisState | None, context: ClientContext) -> Iterator[Shown]:
        """Judge a long recording stretch by stretch; whatever else there is goes to the analysing.

        Words that were typed belong to the recording as a whole.
        """
        old = self.shelf.get(context.token)
        own = old is not None and old.clip == clip and state is not None and state.clip in old.files
        if not clip or (text.strip() and not (own and text == state.prediction.transcript.text)):
            yield from self._clip(clip, text, recogniser, state, context)
            return
        language = context.theme.language
        try:
            if state is None or own:
                yield {"stage": {"text": say("stage_hearing", language)}}
                recording = read_long(clip)
                if recording is not None:
                    yield from self._steps(clip, recording, recogniser, context, "" if own else text)
                    return
        except InputError as error:
            self.forget(context)
            yield blank(context.theme) | failure(error.text(language)) | {"state": None, "ribbon": None}
            return
        except LoadError as error:
            yield failure(str(error))
            return
        yield from self._clip(clip, text, recogniser, state, context)

    def _clip(self, clip, text, recogniser, state, context: ClientContext) -> Iterator[Shown]:
        yield self.forget(context)
        yield from self.analysing.analyse(clip, text, recogniser, state, context)

    def _steps(
        self, clip: str, recording: Recording, recogniser: str | None, context: ClientContext, text: str
    ) -> Iterator[Shown]:
        """Wait for the turn, and judge the recording; its own Stop ends it after a stretch."""
        language = context.theme.language
        turn = self.analysing.services.turns.ask(context.tab)
        try:
            while not turn.come(PACE):
                before, seconds = turn.before()
                place = say("stage_place", language, before=before, seconds=rough(seconds))
                yield {"stage": {"text": place, "stop": True}}
            yield from self._judged(clip, recording, recogniser, context, text)
        except Cancelled:
            yield {"stage": {"text": say("stopped", language), "still": True}, "analyse": True}
        except (MemoryError, RuntimeError) as error:
            yield failure(broken(error).text(language))
        finally:
            turn.leave()

    def _judged(
        self, clip: str, recording: Recording, recogniser: str | None, context: ClientContext, text: str
    ) -> Iterator[Shown]:
        language, choice = context.theme.language, self.analysing.choice(recogniser)
        if not choice.ready:
            yield failure(say("fetch_first", language, name=choice.name))
            return
        if not self.analysing.services.reader.done():
            yield {"stage": {"text": say("stage_loading", language)}}
        if context.checkpoint:
            yield {"stage": {"text": say("models_loading", language, name=self.analysing.made(context.checkpoint))}}
        reader = self.analysing.reader(language, context.checkpoint)(choice.name)
        from bibier.inference.long_form import stretches, walk
        from bibier.inference.predictor import NOTHING_SAID

        began = time.perf_counter()
        ribbon = Ribbon(clip, recording, [], choice.name, choice.rough, context.checkpoint)
        self.forget(context)
        self.shelf.put(context.token, ribbon)
        self.analysing.shelf.put(context.token, None)
        yield blank(context.theme) | {
            "stage": {"text": say("timeline_pauses", language)},
            "ribbon": ribbon.value(language),
            "state": None,
            "transcript": "",
        }
        try:
            ribbon.segments = stretches(recording)
            planned, shown = len(ribbon.segments), 0.0
            given = NOTHING_SAID if choice.name == "none" else None
            judged = walk(reader, recording, ribbon.segments, transcript=given, cancelled=ribbon.stopping.is_set)
            yield self._progress(ribbon, language)
            for stretch in judged:
                ribbon.stretches.append(stretch)
                now = time.perf_counter()
                if now - shown >= max(OFTEN, 0.02 * (now - began)) and len(ribbon.stretches) < planned:
                    shown = now
                    yield self._progress(ribbon, language)
        finally:
            ribbon.running = False
        if self.shelf.get(context.token) is not ribbon and context.token:
            return  # another recording took its place meanwhile
        done = len(ribbon.stretches)
        if done < planned:
            stage = say("timeline_stopped", language, done=done, planned=planned)
        else:
            took = duration(time.perf_counter() - began, language)
            stage = say("timeline_done", language, planned=planned, took=took)
        out: Shown = {"ribbon": ribbon.value(language), "stage": {"text": stage, "still": True}, "analyse": True}
        if ribbon.chosen == WHOLE and done:
            out = self._whole(ribbon, context) | out
        yield out

    def _progress(self, ribbon: Ribbon, language: str) -> Shown:
        done = min(len(ribbon.stretches) + 1, len(ribbon.segments))
        key = "timeline_stopping" if ribbon.stopping.is_set() else "timeline_stretch"
        text = say(key, language, done=done, planned=len(ribbon.segments))
        return {"ribbon": ribbon.value(language), "stage": {"text": text}}

    def _whole(self, ribbon: Ribbon, context: ClientContext) -> Shown:
        """Show the whole recording where a clip's bars stand; its words are in the ribbon."""
        from bibier.inference.predictor import NOTHING_SAID

        summary = replace(ribbon.timeline().summary(), transcript=NOTHING_SAID)
        shown = results(AnalysisState(None, None, summary, made=self.analysing.made(ribbon.checkpoint)), context.theme)
        return shown | {"state": None, "transcript": "", "author": ""}

    def pick(self, number: object, context: ClientContext) -> Shown:
        """Show one stretch by its number as if it were a clip, or with `WHOLE` all of them."""
        language = context.theme.language
        ribbon = self.shelf.get(context.token)
        if ribbon is None:
            return failure(say("timeline_gone", language))
        if type(number) is not int or not WHOLE <= number < len(ribbon.stretches):
            return {}
        if number == WHOLE:
            ribbon.chosen = WHOLE
            shown = self._whole(ribbon, context) if ribbon.stretches else {}
            shown.pop("stage", None)
            return shown | {"ribbon": ribbon.value(language)}
        stretch = ribbon.stretches[number]
        ribbon.chosen = number
        if stretch.prediction is None:
            shown = blank(context.theme) | failure(stretch.error.text(language))
            return shown | {"state": None, "transcript": "", "ribbon": ribbon.value(language)}
        try:
            state = self._state_of(ribbon, number)
        except InputError as error:
            return failure(error.text(language))
        shown = results(state, context.theme)
        if ribbon.running:
            shown.pop("stage")
        return shown | {
            "state": state,
            "transcript": state.prediction.transcript.text,
            "ribbon": ribbon.value(language),
        }

    def _state_of(self, ribbon: Ribbon, number: int) -> AnalysisState:
        """Return a stretch as the last analysis: with its own file, and heard again so that its words can change."""
        stretch = ribbon.stretches[number]
        samples = ribbon.recording.part(stretch.segment.start, stretch.segment.end)
        sound = io.BytesIO()
        soundfile.write(sound, samples, SAMPLE_RATE, format="WAV", subtype="PCM_16")
        _, path = keep(sound.getvalue(), ".wav", self.folder / ribbon.room)
        ribbon.files[str(path)] = number
        heard = self.analysing.reader("en", ribbon.checkpoint)("none").hear((samples, SAMPLE_RATE))
        of = {"checkpoint": ribbon.checkpoint, "made": self.analysing.made(ribbon.checkpoint)}
        return AnalysisState(str(path), heard, stretch.prediction, ribbon.recogniser, None, ribbon.rough, **of)

    def corrected(self, shown: Shown, context: ClientContext) -> Shown:
        """Keep a stretch's corrected words in the ribbon too."""
        state, ribbon = shown.get("state"), self.shelf.get(context.token)
        number = ribbon.files.get(state.clip) if ribbon and state else None
        if number is None:
            return shown
        ribbon.stretches[number] = replace(ribbon.stretches[number], prediction=state.prediction)
        return shown | {"ribbon": ribbon.value(context.theme.language)}

    def stop(self, context: ClientContext) -> None:
        """End the analysis after the stretch that is being judged; the page has said so, and the analysis says when."""
        ribbon = self.shelf.get(context.token)
        if ribbon is not None and ribbon.running:
            ribbon.stopping.set()

    def forget(self, context: ClientContext) -> Shown:
        """Let the tab's recording go; one that is being judged is stopped."""
        ribbon = self.shelf.get(context.token)
        if ribbon is not None:
            ribbon.stopping.set()
            self.shelf.put(context.token, None)
            shutil.rmtree(self.folder / ribbon.room, ignore_errors=True)
        return {"ribbon": None}

    def here(self, context: ClientContext) -> bool:
        """Whether the tab shows a long recording."""
        return self.shelf.get(context.token) is not None

    def redraw(self, state: AnalysisState | None, context: ClientContext) -> Shown:
        """Draw the bars again for another theme or width."""
        ribbon = self.shelf.get(context.token)
        if state is None and ribbon is not None and ribbon.stretches and ribbon.chosen == WHOLE and not ribbon.running:
            return {"chart": self._whole(ribbon, context)["chart"]}
        return self.analysing.redraw(state, context)

    def restore(self, context: ClientContext) -> Shown:
        """Show a tab's long recording again after a reload."""
        ribbon = self.shelf.get(context.token)
        if ribbon is None or not ribbon.stretches:
            return {}
        ribbon.chosen = WHOLE
        clip = ribbon.clip if Path(ribbon.clip).exists() else None
        return self._whole(ribbon, context) | {
            "ribbon": ribbon.value(context.theme.language),
            "voice": clip,
            "analyse": True,
        }
