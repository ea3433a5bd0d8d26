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
from bibier.ui.analyse.handlers import PACE, Desk, Moment, Shelf, Shown, blank, broken, failure, results
from bibier.ui.analyse.summary import duration
from bibier.ui.view import View

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


class Long:
    """The handlers of long recordings, beside the `Desk` that sees to clips.

    Parameters
    ----------
    desk
        Sees to everything that is no long recording.
    folder
        Where stretches that are looked at get files of their own; the browser must be allowed to fetch them.
    """

    def __init__(self, desk: Desk, folder: Path):
        self.desk, self.folder = desk, folder
        self.shelf = Shelf(KEPT)

    def analyse(self, clip, text, recogniser, moment: Moment | None, view: View) -> Iterator[Shown]:
        """Judge a long recording stretch by stretch; whatever else there is goes to the desk.

        Words that were typed belong to the recording as a whole.
        """
        old = self.shelf.get(view.token)
        own = old is not None and old.clip == clip and moment is not None and moment.clip in old.files
        if not clip or (text.strip() and not (own and text == moment.prediction.transcript.text)):
            yield from self._clip(clip, text, recogniser, moment, view)
            return
        language = view.look.language
        try:
            if moment is None or own:
                yield {"stage": {"text": say("stage_hearing", language)}}
                recording = read_long(clip)
                if recording is not None:
                    yield from self._steps(clip, recording, recogniser, view, "" if own else text)
                    return
        except InputError as error:
            self.forget(view)
            yield blank(view.look) | failure(error.text(language)) | {"moment": None, "ribbon": None}
            return
        except LoadError as error:
            yield failure(str(error))
            return
        yield from self._clip(clip, text, recogniser, moment, view)

    def _clip(self, clip, text, recogniser, moment, view: View) -> Iterator[Shown]:
        yield self.forget(view)
        yield from self.desk.analyse(clip, text, recogniser, moment, view)

    def _steps(self, clip: str, recording: Recording, recogniser, view: View, text: str) -> Iterator[Shown]:
        """Wait for the turn, and judge the recording; its own Stop ends it after a stretch."""
        language = view.look.language
        turn = self.desk.services.turns.ask(view.tab)
        try:
            while not turn.come(PACE):
                before, seconds = turn.before()
                place = say("stage_place", language, before=before, seconds=rough(seconds))
                yield {"stage": {"text": place, "stop": True}}
            yield from self._judged(clip, recording, recogniser, view, text)
        except Cancelled:
            yield {"stage": {"text": say("stopped", language), "still": True}, "analyse": True}
        except (MemoryError, RuntimeError) as error:
            yield failure(broken(error).text(language))
        finally:
            turn.leave()

    def _judged(self, clip: str, recording: Recording, recogniser, view: View, text: str) -> Iterator[Shown]:
        language, choice = view.look.language, self.desk.choice(recogniser)
        if not choice.ready:
            yield failure(say("fetch_first", language, name=choice.name))
            return
        if not self.desk.services.reader.done():
            yield {"stage": {"text": say("stage_loading", language)}}
        if view.checkpoint:
            yield {"stage": {"text": say("models_loading", language, name=self.desk.made(view.checkpoint))}}
        reader = self.desk.reader(language, view.checkpoint)(choice.name)
        from bibier.inference.long_form import stretches, walk
        from bibier.inference.predictor import NOTHING_SAID

        began = time.perf_counter()
        ribbon = Ribbon(clip, recording, [], choice.name, choice.rough, view.checkpoint)
        self.forget(view)
        self.shelf.put(view.token, ribbon)
        self.desk.shelf.put(view.token, None)
        yield blank(view.look) | {
            "stage": {"text": say("timeline_pauses", language)},
            "ribbon": ribbon.value(language),
            "moment": None,
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
        if self.shelf.get(view.token) is not ribbon and view.token:
            return  # another recording took its place meanwhile
        done = len(ribbon.stretches)
        if done < planned:
            stage = say("timeline_stopped", language, done=done, planned=planned)
        else:
            took = duration(time.perf_counter() - began, language)
            stage = say("timeline_done", language, planned=planned, took=took)
        out: Shown = {"ribbon": ribbon.value(language), "stage": {"text": stage, "still": True}, "analyse": True}
        if ribbon.chosen == WHOLE and done:
            out = self._whole(ribbon, view) | out
        yield out

    def _progress(self, ribbon: Ribbon, language: str) -> Shown:
        done = min(len(ribbon.stretches) + 1, len(ribbon.segments))
        key = "timeline_stopping" if ribbon.stopping.is_set() else "timeline_stretch"
        text = say(key, language, done=done, planned=len(ribbon.segments))
        return {"ribbon": ribbon.value(language), "stage": {"text": text}}

    def _whole(self, ribbon: Ribbon, view: View) -> Shown:
        """Show the whole recording where a clip's bars stand; its words are in the ribbon."""
        from bibier.inference.predictor import NOTHING_SAID

        summary = replace(ribbon.timeline().summary(), transcript=NOTHING_SAID)
        shown = results(Moment(None, None, summary, made=self.desk.made(ribbon.checkpoint)), view.look)
        return shown | {"moment": None, "transcript": "", "author": ""}

    def pick(self, number: object, view: View) -> Shown:
        """Show one stretch by its number as if it were a clip, or with `WHOLE` all of them."""
        language = view.look.language
        ribbon = self.shelf.get(view.token)
        if ribbon is None:
            return failure(say("timeline_gone", language))
        if type(number) is not int or not WHOLE <= number < len(ribbon.stretches):
            return {}
        if number == WHOLE:
            ribbon.chosen = WHOLE
            shown = self._whole(ribbon, view) if ribbon.stretches else {}
            shown.pop("stage", None)
            return shown | {"ribbon": ribbon.value(language)}
        stretch = ribbon.stretches[number]
        ribbon.chosen = number
        if stretch.prediction is None:
            shown = blank(view.look) | failure(stretch.error.text(language))
            return shown | {"moment": None, "transcript": "", "ribbon": ribbon.value(language)}
        try:
            moment = self._moment(ribbon, number)
        except InputError as error:
            return failure(error.text(language))
        shown = results(moment, view.look)
        if ribbon.running:
            shown.pop("stage")
        return shown | {
            "moment": moment,
            "transcript": moment.prediction.transcript.text,
            "ribbon": ribbon.value(language),
        }

    def _moment(self, ribbon: Ribbon, number: int) -> Moment:
        """Return a stretch as the last analysis: with its own file, and heard again so that its words can change."""
        stretch = ribbon.stretches[number]
        samples = ribbon.recording.part(stretch.segment.start, stretch.segment.end)
        sound = io.BytesIO()
        soundfile.write(sound, samples, SAMPLE_RATE, format="WAV", subtype="PCM_16")
        _, path = keep(sound.getvalue(), ".wav", self.folder / ribbon.room)
        ribbon.files[str(path)] = number
        heard = self.desk.reader("en", ribbon.checkpoint)("none").hear((samples, SAMPLE_RATE))
        of = {"checkpoint": ribbon.checkpoint, "made": self.desk.made(ribbon.checkpoint)}
        return Moment(str(path), heard, stretch.prediction, ribbon.recogniser, None, ribbon.rough, **of)

    def corrected(self, shown: Shown, view: View) -> Shown:
        """Keep a stretch's corrected words in the ribbon too."""
        moment, ribbon = shown.get("moment"), self.shelf.get(view.token)
        number = ribbon.files.get(moment.clip) if ribbon and moment else None
        if number is None:
            return shown
        ribbon.stretches[number] = replace(ribbon.stretches[number], prediction=moment.prediction)
        return shown | {"ribbon": ribbon.value(view.look.language)}

    def stop(self, view: View) -> None:
        """End the analysis after the stretch that is being judged; the page has said so, and the analysis says when."""
        ribbon = self.shelf.get(view.token)
        if ribbon is not None and ribbon.running:
            ribbon.stopping.set()

    def forget(self, view: View) -> Shown:
        """Let the tab's recording go; one that is being judged is stopped."""
        ribbon = self.shelf.get(view.token)
        if ribbon is not None:
            ribbon.stopping.set()
            self.shelf.put(view.token, None)
            shutil.rmtree(self.folder / ribbon.room, ignore_errors=True)
        return {"ribbon": None}

    def here(self, view: View) -> bool:
        """Whether the tab shows a long recording."""
        return self.shelf.get(view.token) is not None

    def redraw(self, moment: Moment | None, view: View) -> Shown:
        """Draw the bars again for another theme or width."""
        ribbon = self.shelf.get(view.token)
        if moment is None and ribbon is not None and ribbon.stretches and ribbon.chosen == WHOLE and not ribbon.running:
            return {"chart": self._whole(ribbon, view)["chart"]}
        return self.desk.redraw(moment, view)

    def restore(self, view: View) -> Shown:
        """Show a tab's long recording again after a reload."""
        ribbon = self.shelf.get(view.token)
        if ribbon is None or not ribbon.stretches:
            return {}
        ribbon.chosen = WHOLE
        clip = ribbon.clip if Path(ribbon.clip).exists() else None
        return self._whole(ribbon, view) | {"ribbon": ribbon.value(view.look.language), "voice": clip, "analyse": True}
