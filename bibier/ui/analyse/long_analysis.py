"""A long recording of one tab as far as it is judged, and what the browser draws of it (timeline.js)."""

from __future__ import annotations

import functools
import threading
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bibier.audio.channels import AUTO
from bibier.audio.long_recording import Recording
from bibier.audio.segmentation import Segment
from bibier.i18n.page import say
from bibier.labels import EMOTIONS
from bibier.ui.analyse.channel import channel_value
from bibier.ui.analyse.chart import MODALITIES
from bibier.ui.analyse.summary import duration
from bibier.ui.analyse.updates import ChannelValue, RibbonValue

if TYPE_CHECKING:  # these bring torch, which the page does not wait for
    from bibier.inference.long_form import SegmentResult, Timeline
    from bibier.inference.predictor import ModalityResult

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
    took: float = 0.0  # s that it took
    stopping: threading.Event = field(default_factory=threading.Event)

    def timeline(self) -> Timeline:
        """Return what is known so far."""
        from bibier.inference.long_form import Timeline

        return Timeline(self.recording.duration, tuple(self.results), len(self.segments), self.recording.notices)

    def name(self, number: int) -> str:
        """Return what a segment is called: the recording's name, and from when to when."""
        segment = self.segments[number]
        seconds = (round(time) for time in (segment.start, segment.end))
        times = (f"{time // 60}:{time % 60:02}" for time in seconds)
        return f"{Path(self.clip).name} {'–'.join(times)}"

    def outcome(self, language: str) -> str:
        """Say how it ended."""
        done, planned = len(self.results), len(self.segments)
        if done < planned:
            return say("timeline_stopped", language, done=done, planned=planned)
        return say("timeline_done", language, planned=planned, took=duration(self.took, language))

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


def reason(result: SegmentResult, language: str) -> str:
    """Return why a segment says nothing."""
    return result.error.text(language) if result.error else say("no_value", language)


def _thousandths(branch: ModalityResult) -> list[int] | None:
    probabilities = branch.probabilities
    return None if probabilities is None else [round(1000 * probabilities[emotion]) for emotion in EMOTIONS]


def _row(result: SegmentResult, language: str) -> dict[str, object]:
    prediction = result.prediction
    if prediction is None:
        return {"error": reason(result, language)}
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
