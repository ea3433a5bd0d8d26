"""A long recording in the Analyse tab: its segments as they become ready, the one chosen, and the whole.

Like `handlers`, apart from Gradio: values in, values by component name out. What the browser draws is in timeline.js.
"""

from __future__ import annotations

import functools
import io
import shutil
import threading
import time
import uuid
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from bibier.annotation.ingest import keep
from bibier.audio.channels import AUTO
from bibier.audio.format import SAMPLE_RATE
from bibier.audio.long_recording import Recording, may_be_long, read_long
from bibier.audio.segmentation import Segment
from bibier.errors import Cancelled, InputError
from bibier.i18n.page import say
from bibier.labels import EMOTIONS
from bibier.security.disk_quota import DiskQuota
from bibier.ui.analyse.channel import channel_value
from bibier.ui.analyse.chart import MODALITIES
from bibier.ui.analyse.handlers import AnalyseHandlers, blank, failure, results
from bibier.ui.analyse.state import AnalysisState, ResultCache
from bibier.ui.analyse.summary import duration
from bibier.ui.analyse.updates import AnalyseUpdate, ChannelValue, RibbonValue
from bibier.ui.client import ClientContext
from bibier.ui.inference import Inference
from bibier.ui.services import Example

if TYPE_CHECKING:  # these bring torch, which the page does not wait for
    from bibier.inference.long_form import SegmentResult, Timeline
    from bibier.inference.predictor import ModalityResult, Prediction

CACHE_SIZE = 16  # recordings at a time, over all tabs: an hour takes 115 MB of the disk
OFTEN = 0.5  # s between two pictures of the ribbon, and longer the longer it takes
PEAKS_PER_SECOND, FEWEST_PEAKS, MOST_PEAKS = 10, 600, 3_000
WHOLE = -1  # in place of a segment's number


@dataclass(eq=False)
class LongAnalysis:
    """A long recording of one tab, filled while it is judged."""

    clip: str
    recording: Recording
    segments: list[Segment]
    recogniser: str | None = None
    rough: bool = False  # of the recogniser
    checkpoint: str = ""
    channel: str = AUTO  # that was asked for
    results: list[SegmentResult] = field(default_factory=list)
    folder: str = field(default_factory=lambda: uuid.uuid4().hex)  # folder of the segments' own files
    files: dict[str, int] = field(default_factory=dict)  # the segments' own files → their numbers
    chosen: int = WHOLE
    running: bool = True
    stopping: threading.Event = field(default_factory=threading.Event)

    def timeline(self) -> Timeline:
        """Return what is known so far."""
        from bibier.inference.long_form import Timeline

        return Timeline(self.recording.duration, tuple(self.results), len(self.segments), self.recording.notices)

    def channels(self, language: str) -> ChannelValue:
        """Return the choice of its channels."""
        return channel_value(self.recording.channels, self.channel, language)

    def value(self, language: str) -> RibbonValue:
        """Return what the browser draws: shares in thousandths by `EMOTIONS`, times in seconds."""
        rows: list[dict[str, object]] = [
            {"a": round(segment.start, 2), "b": round(segment.end, 2)} for segment in self.segments
        ]
        for row, result in zip(rows, self.results, strict=False):
            row |= _row(result, language)
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


def _reason(result: SegmentResult, language: str) -> str:
    """Return why a segment says nothing."""
    return result.error.text(language) if result.error else say("no_value", language)


def _thousandths(branch: ModalityResult) -> list[int] | None:
    probabilities = branch.probabilities
    return None if probabilities is None else [round(1000 * probabilities[emotion]) for emotion in EMOTIONS]


def _row(result: SegmentResult, language: str) -> dict[str, object]:
    prediction = result.prediction
    if prediction is None:
        return {"error": _reason(result, language)}
    return {
        "shares": {
            "audio": _thousandths(prediction.audio),
            "text": _thousandths(prediction.text),
            "bimodal": _thousandths(prediction.bimodal),
        },
        "unlike": [name for name in MODALITIES if getattr(prediction, name).doubt],
        "text": prediction.transcript.text,
        "words": [
            [word.text, round(word.start + result.segment.start, 2), round(word.end + result.segment.start, 2)]
            for word in prediction.transcript.words
            if word.start is not None and word.end is not None
        ],
    }


class LongFormHandlers:
    """The handlers of long recordings, beside those of clips.

    Parameters
    ----------
    clips
        Sees to everything that is no long recording.
    folder
        Where segments that are looked at get files of their own; the browser must be allowed to fetch them.
    quota
        Reserves room for these files; None: they are not counted.
    """

    def __init__(self, clips: AnalyseHandlers, folder: Path, quota: DiskQuota | None = None):
        self.clips, self.folder, self.quota = clips, folder, quota
        self.cache: ResultCache[LongAnalysis] = ResultCache(CACHE_SIZE)

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
        """Judge a long recording segment by segment; whatever else there is goes to `clips`.

        Words that were typed belong to the recording as a whole.
        """
        last = self.cache.get(context.token)
        picked = state if last is not None and last.clip == clip and state and state.clip in last.files else None
        untouched = picked is not None and text == picked.prediction.transcript.text
        bare = (not text.strip() or untouched) and (state is None or picked is not None)

        def steps(run: Inference) -> Generator[AnalyseUpdate, None, AnalyseUpdate]:
            if clip and bare and may_be_long(clip):
                yield from self.clips.queued(run)  # one at a time: while it is decoded, it takes most of the disk
                run.stage("hearing")
                yield {"stage": {"text": say("stage_hearing", run.language)}}
                recording = read_long(clip, channel=channel)
                if recording is not None:
                    return (yield from self._steps(run, clip, recording, recogniser, context, channel))
            forget = functools.partial(self.forget, context)
            return (
                yield from self.clips.clip_steps(
                    run,
                    clip,
                    text,
                    recogniser,
                    state,
                    context,
                    channel=AUTO if picked is not None else channel,  # a segment has one
                    example=example,
                    begun=forget,
                )
            )

        def after_error(at_fault: bool) -> AnalyseUpdate:
            if at_fault:
                return self.forget(context) | blank(context.theme) | {"state": None}
            known = self.cache.get(context.token)
            return {"ribbon": known.value(context.theme.language)} if known is not None else {}

        yield from self.clips.guarded(context, steps, after_error)

    def _steps(
        self,
        run: Inference,
        clip: str,
        recording: Recording,
        recogniser: str | None,
        context: ClientContext,
        channel: str,
    ) -> Generator[AnalyseUpdate, None, AnalyseUpdate]:
        """Judge the recording, whose turn it is; its own Stop ends it after a segment."""
        language, choice = run.language, self.clips.choice(recogniser)
        if not choice.ready:
            return self.clips.unready(run, choice)
        if not self.clips.services.reader.done():
            yield {"stage": {"text": say("stage_loading", language)}}
        if context.checkpoint:
            yield {"stage": {"text": say("models_loading", language, name=self.clips.title(context.checkpoint))}}
        reader = self.clips.reader(language, context.checkpoint)(choice.name)
        from bibier.inference.long_form import find_segments, iter_segments
        from bibier.inference.predictor import NOTHING_SAID

        run.stage("reading")
        began = time.perf_counter()
        analysis = LongAnalysis(clip, recording, [], choice.name, choice.rough, context.checkpoint, channel=channel)
        self.forget(context)
        self.cache.put(context.token, analysis, context.owner)
        self.clips.cache.put(context.token, None)
        yield blank(context.theme) | {
            "stage": {"text": say("timeline_pauses", language)},
            "ribbon": analysis.value(language),
            "state": None,
            "transcript": "",
            "channel": analysis.channels(language),
        }
        try:
            analysis.segments = find_segments(recording)
            planned, shown = len(analysis.segments), 0.0
            silence = NOTHING_SAID if choice.name == "none" else None
            stopped = analysis.stopping.is_set
            yield self._progress(analysis, language)
            for result in iter_segments(reader, recording, analysis.segments, transcript=silence, cancelled=stopped):
                analysis.results.append(result)
                now = time.perf_counter()
                if now - shown >= max(OFTEN, 0.02 * (now - began)) and len(analysis.results) < planned:
                    shown = now
                    yield self._progress(analysis, language)
                if len(analysis.results) < planned:
                    try:
                        run.pass_turn()
                    except Cancelled:
                        break
        finally:
            analysis.running = False
        done = len(analysis.results)
        if done < planned:
            run.log("cancelled")
        if self.cache.get(context.token) is not analysis and context.token:
            return {}  # another recording took its place meanwhile
        if done < planned:
            text = say("timeline_stopped", language, done=done, planned=planned)
        else:
            text = say("timeline_done", language, planned=planned, took=duration(time.perf_counter() - began, language))
        whole = self._whole(analysis, context) if analysis.chosen == WHOLE and done else AnalyseUpdate()
        return whole | {"ribbon": analysis.value(language), "stage": {"text": text, "still": True}, "analyse": True}

    def _progress(self, analysis: LongAnalysis, language: str) -> AnalyseUpdate:
        done = min(len(analysis.results) + 1, len(analysis.segments))
        key = "timeline_stopping" if analysis.stopping.is_set() else "timeline_stretch"
        text = say(key, language, done=done, planned=len(analysis.segments))
        return {"ribbon": analysis.value(language), "stage": {"text": text}}

    def _summary(self, analysis: LongAnalysis) -> Prediction:
        from bibier.inference.predictor import NOTHING_SAID

        return replace(analysis.timeline().summary(), transcript=NOTHING_SAID)

    def _whole(self, analysis: LongAnalysis, context: ClientContext) -> AnalyseUpdate:
        """Show the whole recording where a clip's bars stand; its words are in the ribbon."""
        title = self.clips.title(analysis.checkpoint)
        shown = results(AnalysisState(None, None, self._summary(analysis), checkpoint_title=title), context.theme)
        return shown | {
            "state": None,
            "transcript": "",
            "author": "",
            "channel": analysis.channels(context.theme.language),
        }

    def pick(self, number: object, context: ClientContext) -> AnalyseUpdate:
        """Show one segment by its number as if it were a clip, or with `WHOLE` all of them."""
        language = context.theme.language
        analysis = self.cache.get(context.token)
        if analysis is None:
            return failure(say("timeline_gone", language))
        if type(number) is not int or not WHOLE <= number < len(analysis.results):
            return {}
        if number == WHOLE:
            analysis.chosen = WHOLE
            shown = self._whole(analysis, context) if analysis.results else AnalyseUpdate()
            shown.pop("stage", None)
            return shown | {"ribbon": analysis.value(language)}
        result = analysis.results[number]
        analysis.chosen = number
        if result.prediction is None:
            shown = blank(context.theme) | failure(_reason(result, language))
            nothing: AnalyseUpdate = {"state": None, "transcript": "", "channel": analysis.channels(language)}
            return shown | nothing | {"ribbon": analysis.value(language)}
        try:
            state = self._state_of(analysis, number, result.prediction, context)
        except InputError as error:
            return failure(error.text(language))
        shown = results(state, context.theme)
        if analysis.running:
            shown.pop("stage", None)
        return shown | {
            "state": state,
            "transcript": state.prediction.transcript.text,
            "channel": analysis.channels(language),
            "ribbon": analysis.value(language),
        }

    def _state_of(
        self, analysis: LongAnalysis, number: int, prediction: Prediction, context: ClientContext
    ) -> AnalysisState:
        """Return a segment as the last analysis, with a file of its own: it is heard again if its words change."""
        segment = analysis.results[number].segment
        sound = io.BytesIO()
        samples = analysis.recording.part(segment.start, segment.end)
        soundfile.write(sound, samples, SAMPLE_RATE, format="WAV", subtype="PCM_16")
        content, folder = sound.getvalue(), self.folder / analysis.folder

        def write() -> Path:
            return keep(content, ".wav", folder)[1]

        path = write() if self.quota is None else self.quota.write(context.owner, len(content), write)
        analysis.files[str(path)] = number
        return AnalysisState(
            str(path),
            None,
            prediction,
            analysis.recogniser,
            rough=analysis.rough,
            checkpoint=analysis.checkpoint,
            checkpoint_title=self.clips.title(analysis.checkpoint),
        )

    def corrected(self, shown: AnalyseUpdate, context: ClientContext) -> AnalyseUpdate:
        """Keep a segment's corrected words in the ribbon too."""
        state, analysis = shown.get("state"), self.cache.get(context.token)
        if analysis is None or state is None or state.clip not in analysis.files:
            return shown
        number = analysis.files[state.clip]
        analysis.results[number] = replace(analysis.results[number], prediction=state.prediction)
        return shown | {"ribbon": analysis.value(context.theme.language)}

    def stop(self, context: ClientContext) -> None:
        """End the analysis after the segment that is being judged; the page has said so, and the analysis says when."""
        analysis = self.cache.get(context.token)
        if analysis is not None and analysis.running:
            analysis.stopping.set()

    def forget(self, context: ClientContext) -> AnalyseUpdate:
        """Let the tab's recording go; one that is being judged is stopped."""
        analysis = self.cache.get(context.token)
        if analysis is not None:
            analysis.stopping.set()
            self.cache.put(context.token, None)
            shutil.rmtree(self.folder / analysis.folder, ignore_errors=True)
        return {"ribbon": None}

    def here(self, context: ClientContext) -> bool:
        """Whether the tab shows a long recording."""
        return self.cache.get(context.token) is not None

    def restore(self, context: ClientContext) -> AnalyseUpdate:
        """Show a tab's long recording again after a reload."""
        analysis = self.cache.get(context.token)
        if analysis is None or not analysis.results:
            return {}
        analysis.chosen = WHOLE
        clip = analysis.clip if Path(analysis.clip).exists() else None
        return self._whole(analysis, context) | {
            "ribbon": analysis.value(context.theme.language),
            "voice": clip,
            "analyse": True,
        }
