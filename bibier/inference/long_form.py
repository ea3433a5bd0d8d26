"""A long recording → what its stretches say one after the other, and the whole of it weighted by their length."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bibier.audio.format import SAMPLE_RATE
from bibier.audio.long_recording import Recording
from bibier.audio.segmentation import Segment, cut
from bibier.errors import InputError
from bibier.i18n.messages import Message
from bibier.inference.predictor import NOTHING_SAID, ModalityResult, Prediction, Predictor, as_json
from bibier.labels import named, vector
from bibier.log import note, told
from bibier.transcript import Transcript, Word

MODALITIES = ("audio", "text", "bimodal")


@dataclass(frozen=True)
class SegmentResult:
    """What one stretch says, with its times counted from its own beginning; or why it says nothing."""

    segment: Segment
    prediction: Prediction | None
    error: Message | None = None


@dataclass(frozen=True)
class Timeline:
    """All stretches of a recording, in order. `planned` is how many there are when none is left out by a stop."""

    duration: float  # seconds, with the silence
    segments: tuple[SegmentResult, ...]
    planned: int
    notices: tuple[Message, ...] = ()

    @property
    def words(self) -> tuple[Word, ...]:
        """Every recognised word, with its times from the recording's beginning."""
        return tuple(
            Word(word.text, word.start + one.segment.start, word.end + one.segment.start)
            for one in self.segments
            if one.prediction
            for word in one.prediction.transcript.words
            if word.start is not None and word.end is not None
        )

    @property
    def text(self) -> str:
        """Everything that was said."""
        said = (one.prediction.transcript.text.strip() for one in self.segments if one.prediction)
        return " ".join(text for text in said if text)

    def summary(self) -> Prediction:
        """Return the whole as one prediction: each branch is the mean of the stretches' by their length."""
        shares = {name: self._mean(name) for name in MODALITIES}
        clashes = [
            (one.prediction.conflict, one.segment.duration)
            for one in self.segments
            if one.prediction and one.prediction.conflict is not None
        ]
        conflict = None
        if clashes:
            values, lengths = zip(*clashes, strict=True)
            conflict = float(np.average(values, weights=lengths))
        notices = self.notices
        if len(self.segments) < self.planned:
            notices = (*notices, Message("timeline-stopped", {"done": len(self.segments), "planned": self.planned}))
        timings: dict[str, float] = {}
        for one in self.segments:
            for stage, seconds in one.prediction.timings.items() if one.prediction else ():
                timings[stage] = timings.get(stage, 0.0) + seconds
        source = next(
            (one.prediction.transcript for one in self.segments if one.prediction and _said(one)), NOTHING_SAID
        )
        transcript = replace(source, text=self.text, words=self.words)
        return Prediction(
            **shares,
            transcript=transcript,
            words=(),
            conflict=conflict,
            notices=notices,
            duration=self.duration,
            timings=timings,
        )

    def _mean(self, name: str) -> ModalityResult:
        """Return one branch's mean by length over the stretches that have it, or the first reason why none has."""
        judged = [
            (vector(branch.probabilities), one.segment.duration)
            for one in self.segments
            if one.prediction and (branch := getattr(one.prediction, name)).probabilities
        ]
        if not judged:
            reasons = (getattr(one.prediction, name).reason for one in self.segments if one.prediction)
            return ModalityResult(None, next((reason for reason in reasons if reason), Message("not-judged")))
        rows, lengths = zip(*judged, strict=True)
        mean = np.average(rows, axis=0, weights=lengths)  # (7,)
        return ModalityResult(named(mean / mean.sum()))


def _said(stretch: SegmentResult) -> bool:
    return bool(stretch.prediction.transcript.text.strip())


def find_segments(recording: Recording, transcript: Transcript | None = None) -> list[Segment]:
    """Cut a recording into its stretches; `transcript` is what is known to be said, with the words' times.

    Raises
    ------
    InputError
        Nobody speaks in it, or the transcript's words have no times.
    """
    if transcript is not None and transcript.text.strip() and not transcript.words:
        raise InputError("timeline-no-times")
    found = [] if recording.silent else cut(recording.samples, transcript.words if transcript else ())
    if not found:
        silence = next((notice for notice in recording.notices if notice.key == "audio-silent"), None)
        if silence:
            raise InputError(silence.key, **silence.values)
        raise InputError("timeline-no-speech", minutes=recording.duration / 60)
    return found


def iter_segments(
    reader: Predictor,
    recording: Recording,
    segments: Sequence[Segment],
    *,
    transcript: Transcript | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[SegmentResult]:
    """Judge one stretch after the other, until `cancelled()`; one that fails doesn't take the others with it.

    `transcript=None` recognises the words; an empty one leaves the voice alone; else its words go by their times.
    """
    for segment in segments:
        if cancelled():
            return
        try:
            yield SegmentResult(segment, _judge(reader, recording, segment, transcript))
        except InputError as error:
            yield SegmentResult(segment, None, error.message)
        except (RuntimeError, MemoryError) as error:  # torch's own, as when a device has no memory left
            note("stretch", level=logging.ERROR, outcome="failed", **told(error))
            reason = type(error).__name__
            yield SegmentResult(segment, None, Message("timeline-failed", {"reason": reason}))


def _judge(reader: Predictor, recording: Recording, segment: Segment, transcript: Transcript | None) -> Prediction:
    heard = reader.encode_audio((recording.part(segment.start, segment.end), SAMPLE_RATE))
    if transcript is not None:
        return reader.classify(heard, within(transcript, segment))
    try:
        said = reader.transcribe(heard)
    except InputError as error:  # the voice can be judged all the same
        prediction = reader.classify(heard, NOTHING_SAID)
        return replace(prediction, notices=(error.message, *prediction.notices))
    return reader.classify(heard, said)


def within(transcript: Transcript, segment: Segment) -> Transcript:
    """Return the part of a transcript whose words have their middle in `segment`, with times from its beginning."""
    words = tuple(
        Word(word.text, max(0.0, word.start - segment.start), min(segment.duration, word.end - segment.start))
        for word in transcript.words
        if word.start is not None and word.end is not None
        if segment.start <= (word.start + word.end) / 2 < segment.end
    )
    if not words:
        return NOTHING_SAID
    return replace(transcript, text=" ".join(word.text for word in words), words=words)


def analyse(
    reader: Predictor,
    recording: Recording,
    *,
    transcript: Transcript | None = None,
    progress: Callable[[SegmentResult, int, int], None] = lambda stretch, done, planned: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Timeline:
    """Judge a whole recording. `progress` is told each stretch when it is ready, its number and how many there are.

    Raises InputError as `find_segments` does.
    """
    segments = find_segments(recording, transcript)
    found = []
    for stretch in iter_segments(reader, recording, segments, transcript=transcript, cancelled=cancelled):
        found.append(stretch)
        progress(stretch, len(found), len(segments))
    return Timeline(recording.duration, tuple(found), len(segments), recording.notices)


def timeline_json(timeline: Timeline, language: str = "en") -> dict:
    """Return a timeline for a program: the whole as `predictor.as_json` does, and each of its `segments`.

    All times are seconds from the recording's beginning.
    """
    rows = []
    for one in timeline.segments:
        row: dict = {"start": one.segment.start, "end": one.segment.end}
        if one.prediction is None:
            rows.append(row | {"error": one.error.text(language)})
            continue
        row |= as_json(one.prediction, language)
        row["words"] = [_shifted(word, one.segment.start) for word in row["words"]]
        rows.append(row)
    return as_json(timeline.summary(), language) | {"duration": timeline.duration, "segments": rows}


def _shifted(word: dict, seconds: float) -> dict:
    """Return a word's values with its times, where it has them, `seconds` later."""
    return word | {edge: None if word[edge] is None else word[edge] + seconds for edge in ("start", "end")}
