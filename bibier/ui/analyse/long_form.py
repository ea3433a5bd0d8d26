"""A long recording in the Analyse tab: its segments as they become ready, the one chosen, and the whole.

Like `handlers`, apart from Gradio: values in, values by component name out. What the browser draws is in timeline.js.
"""

from __future__ import annotations

import io
import shutil
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import soundfile

from bibier.annotation.ingest import keep
from bibier.audio.channels import AUTO
from bibier.audio.format import SAMPLE_RATE
from bibier.audio.long_recording import Recording, may_be_long, read, read_long
from bibier.audio.segmentation import Segment
from bibier.errors import Cancelled, InputError, PlaceLost
from bibier.i18n.page import say
from bibier.security.disk_quota import DiskQuota
from bibier.ui.analyse import after_live
from bibier.ui.analyse.after_live import LiveResults
from bibier.ui.analyse.handlers import AnalyseHandlers
from bibier.ui.analyse.long_analysis import WHOLE, LongAnalysis, reason
from bibier.ui.analyse.page_values import blank, failure, results, told
from bibier.ui.analyse.state import AnalysisState, ResultCache
from bibier.ui.analyse.updates import AnalyseUpdate
from bibier.ui.client import ClientContext
from bibier.ui.inference import Inference
from bibier.ui.live.service import LiveService
from bibier.ui.services import Example

if TYPE_CHECKING:  # these bring torch, which the page does not wait for
    from bibier.inference.long_form import SegmentResult
    from bibier.inference.predictor import Prediction

CACHE_SIZE = 16  # recordings at a time, over all tabs
ROOM = 8 * 3600.0  # s of them in all: an hour takes 115 MB of the disk
OFTEN = 0.5  # s between two pictures of the ribbon, and longer the longer it takes


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
    live
        Has heard the recordings that were judged while they were spoken.
    """

    def __init__(
        self,
        clips: AnalyseHandlers,
        folder: Path,
        quota: DiskQuota | None = None,
        live: LiveService | None = None,
    ):
        self.clips, self.folder, self.quota, self.live = clips, folder, quota, live
        self.cache = ResultCache[LongAnalysis](CACHE_SIZE, weight=lambda kept: kept.recording.duration, room=ROOM)

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
        last = self.cache.get(context.token, context.owner)
        picked = state if last is not None and last.clip == clip and state and state.clip in last.files else None
        untouched = picked is not None and text == picked.prediction.transcript.text
        bare = (not text.strip() or untouched) and (state is None or picked is not None)

        def steps(run: Inference) -> Generator[AnalyseUpdate, None, AnalyseUpdate]:
            if clip and bare and (taken := after_live.take(self.live, context)):
                try:
                    yield from self.clips.queued(run)
                    with run.interruptible():
                        recording = read(clip, channel=channel)
                    run.leave()  # the session's last utterances are judged in turns of its own
                    if taken.seconds <= recording.duration + after_live.SLACK:
                        return (yield from self._heard_steps(run, clip, recording, taken, context))
                finally:
                    taken.close()
            if clip and bare and may_be_long(clip):
                run.listen(self.clips.choice(recogniser))
                yield from self.clips.queued(run)
                run.stage("hearing")
                yield {"stage": told(partial(say, "stage_hearing"), run.language)}
                with run.interruptible():
                    recording = read_long(clip, channel=channel)
                if recording is not None:
                    return (yield from self._steps(run, clip, recording, recogniser, context, channel))
            forget = partial(self.forget, context)
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
            known = self.cache.get(context.token, context.owner)
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
            yield {"stage": told(partial(say, "stage_loading"), language)}
        if context.checkpoint:
            loading = partial(say, "models_loading", name=self.clips.title(context.checkpoint))
            yield {"stage": told(loading, language)}
        reader = self.clips.reader(language, context.checkpoint)(choice.name)
        from bibier.inference.long_form import find_segments, iter_segments
        from bibier.inference.predictor import NOTHING_SAID

        run.stage("reading")
        analysis = LongAnalysis(clip, recording, [], choice.name, choice.rough, context.checkpoint, channel=channel)
        yield self._begun(analysis, context)
        silence = NOTHING_SAID if choice.name == "none" else None
        stopped = analysis.stopping.is_set

        def judged() -> Iterator[SegmentResult]:
            return iter_segments(reader, recording, analysis.segments, transcript=silence, cancelled=stopped)

        return (yield from self._fill(run, analysis, lambda: find_segments(recording), judged, context))

    def _heard_steps(
        self, run: Inference, clip: str, recording: Recording, taken: LiveResults, context: ClientContext
    ) -> Generator[AnalyseUpdate, None, AnalyseUpdate]:
        """Show what was judged while it was spoken; judge what was not."""
        run.stage("reading")
        choice = self.clips.choice(taken.session.recogniser)
        run.listen(choice)
        analysis = LongAnalysis(clip, recording, [], choice.name, choice.rough, taken.session.checkpoint)
        yield self._begun(analysis, context)
        rest = taken.unheard(recording)
        shown = yield from self._fill(
            run,
            analysis,
            lambda: taken.segments() + rest,
            lambda: after_live.judged(taken, run, recording, rest, analysis.stopping.is_set),
            context,
        )
        if shown and len(analysis.results) == 1:  # nothing to choose among
            only = self.pick(0, context)
            only.pop("stage", None)
            return shown | only
        return shown

    def _begun(self, analysis: LongAnalysis, context: ClientContext) -> AnalyseUpdate:
        """Put a recording in the place of what the tab showed before."""
        self.forget(context)
        self.cache.put(context.token, analysis, context.owner)
        self.clips.cache.put(context.token, None)
        language = context.theme.language
        return blank(context.theme) | {
            "stage": told(partial(say, "timeline_pauses"), language),
            "ribbon": analysis.value(language),
            "state": None,
            "transcript": "",
            "channel": analysis.channels(language),
        }

    def _fill(
        self,
        run: Inference,
        analysis: LongAnalysis,
        plan: Callable[[], list[Segment]],
        judged: Callable[[], Iterator[SegmentResult]],
        context: ClientContext,
    ) -> Generator[AnalyseUpdate, None, AnalyseUpdate]:
        """Take results as they are ready, letting others have the device between two; show all of it at the end."""
        language, began = run.language, time.perf_counter()
        try:
            try:
                with run.interruptible():
                    analysis.segments = plan()
            except PlaceLost:
                raise
            except Cancelled:
                gone = self.forget(context) if self._shows(analysis, context) else AnalyseUpdate()
                run.log("cancelled")
                return gone | {"stage": told(partial(say, "timeline_cancelled"), language, still=True), "analyse": True}
            planned, shown = len(analysis.segments), 0.0
            yield self._progress(analysis, language)
            coming = judged()
            while True:
                try:
                    if 0 < len(analysis.results) < planned:
                        run.pass_turn()
                    with run.interruptible():
                        result = next(coming, None)
                except PlaceLost:
                    raise
                except Cancelled:
                    break
                if result is None:
                    break
                analysis.results.append(result)
                now = time.perf_counter()
                if now - shown >= max(OFTEN, 0.02 * (now - began)) and len(analysis.results) < planned:
                    shown = now
                    yield self._progress(analysis, language)
        finally:
            analysis.running = False
        done = len(analysis.results)
        if done < planned:
            run.log("cancelled")
        if not self._shows(analysis, context):
            return {}
        analysis.took = time.perf_counter() - began
        ended = told(analysis.outcome, language, still=True)
        whole = self._whole(analysis, context) if analysis.chosen == WHOLE and done else AnalyseUpdate()
        return whole | {"ribbon": analysis.value(language), "stage": ended, "analyse": True}

    def _shows(self, analysis: LongAnalysis, context: ClientContext) -> bool:
        """Whether no other recording has taken its place meanwhile."""
        return self.cache.get(context.token, context.owner) is analysis or not context.token

    def _progress(self, analysis: LongAnalysis, language: str) -> AnalyseUpdate:
        done = min(len(analysis.results) + 1, len(analysis.segments))
        key = "timeline_stopping" if analysis.stopping.is_set() else "timeline_stretch"
        far = partial(say, key, done=done, planned=len(analysis.segments))
        return {"ribbon": analysis.value(language), "stage": told(far, language)}

    def _summary(self, analysis: LongAnalysis) -> Prediction:
        from bibier.inference.predictor import NOTHING_SAID

        return replace(analysis.timeline().summary(), transcript=NOTHING_SAID)

    def _whole(self, analysis: LongAnalysis, context: ClientContext) -> AnalyseUpdate:
        """Show the whole recording where a clip's bars stand; its words are in the ribbon."""
        title = self.clips.title(analysis.checkpoint)
        name = Path(analysis.clip).name
        whole = AnalysisState(None, None, self._summary(analysis), checkpoint_title=title, name=name)
        shown = results(whole, context.theme)
        return shown | {
            "state": None,
            "transcript": "",
            "author": "",
            "channel": analysis.channels(context.theme.language),
        }

    def pick(self, number: object, context: ClientContext) -> AnalyseUpdate:
        """Show one segment by its number as if it were a clip, or with `WHOLE` all of them."""
        language = context.theme.language
        analysis = self.cache.get(context.token, context.owner)
        if analysis is None:
            return failure(partial(say, "timeline_gone"), language)
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
            shown = blank(context.theme) | failure(partial(reason, result), language)
            nothing: AnalyseUpdate = {"state": None, "transcript": "", "channel": analysis.channels(language)}
            return shown | nothing | {"ribbon": analysis.value(language)}
        try:
            state = self._state_of(analysis, number, result.prediction, context)
        except InputError as error:
            return failure(error.text, language)
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
            name=analysis.name(number),
        )

    def corrected(self, shown: AnalyseUpdate, context: ClientContext) -> AnalyseUpdate:
        """Keep a segment's corrected words in the ribbon too."""
        state, analysis = shown.get("state"), self.cache.get(context.token, context.owner)
        if analysis is None or state is None or state.clip not in analysis.files:
            return shown
        number = analysis.files[state.clip]
        analysis.results[number] = replace(analysis.results[number], prediction=state.prediction)
        return shown | {"ribbon": analysis.value(context.theme.language)}

    def stop(self, context: ClientContext) -> None:
        """End the analysis after the segment that is being judged; the page has said so, and the analysis says when."""
        analysis = self.cache.get(context.token, context.owner)
        if analysis is not None and analysis.running:
            analysis.stopping.set()

    def forget(self, context: ClientContext) -> AnalyseUpdate:
        """Let the tab's recording go; one that is being judged is stopped."""
        analysis = self.cache.get(context.token, context.owner)
        if analysis is not None:
            analysis.stopping.set()
            self.cache.put(context.token, None)
            shutil.rmtree(self.folder / analysis.folder, ignore_errors=True)
        return {"ribbon": None}

    def here(self, context: ClientContext) -> bool:
        """Whether the tab shows a long recording."""
        return self.cache.get(context.token, context.owner) is not None

    def respoken(self, state: AnalysisState | None, recogniser: str | None, context: ClientContext) -> AnalyseUpdate:
        """Say what the tab shows in another language; what was typed, was chosen or runs stays as it is."""
        language = context.theme.language
        known = self.clips.choice(recogniser).name
        shown = self.clips.choices(language, known) | self.clips.choose(known, context)
        analysis = self.cache.get(context.token, context.owner)
        if state is not None:
            shown |= results(state, context.theme)
        elif analysis is not None and analysis.results and not analysis.running:
            shown |= self._whole(analysis, context) | {"stage": told(analysis.outcome, language, still=True)}
            del shown["state"], shown["transcript"]
        if analysis is not None:
            shown |= {"ribbon": analysis.value(language), "channel": analysis.channels(language)}
        return shown

    def restore(self, context: ClientContext) -> AnalyseUpdate:
        """Show a tab's long recording again after a reload."""
        analysis = self.cache.get(context.token, context.owner)
        if analysis is None or not analysis.results:
            return {}
        analysis.chosen = WHOLE
        clip = analysis.clip if Path(analysis.clip).exists() else None
        return self._whole(analysis, context) | {
            "ribbon": analysis.value(context.theme.language),
            "voice": clip,
            "analyse": True,
        }
