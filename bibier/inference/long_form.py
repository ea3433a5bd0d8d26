"""A long recording → what its segments say one after the other, and the whole of it weighted by their length."""

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
from bibier.inference.predictor import MODALITIES, NOTHING_SAID, ModalityResult, Prediction, Predictor, as_json
from bibier.labels import named, vector
from bibier.log import note, told
from bibier.transcript import Transcript, Word

MOSTLY = 0.9  # of a recording; where less is judged, it is said how much


@dataclass(frozen=True)
class SegmentResult:
    """What one segment says, with its times counted from its own beginning; or why it says nothing."""

    segment: Segment
    prediction: Prediction | None
    error: Message | None = None


@dataclass(frozen=True)
class Timeline:
    """All segments of a recording, in order. `planned` is how many there are when none is left out by a stop."""

    duration: float  # seconds, with the silence
    segments: tuple[SegmentResult, ...]
    planned: int
    notices: tuple[Message, ...] = ()

    @property
    def judged(self) -> list[tuple[Segment, Prediction]]:
        """The segments that say something."""
        return [(result.segment, result.prediction) for result in self.segments if result.prediction is not None]

    @property
    def judged_seconds(self) -> float:
        """How much of it was judged, in seconds."""
        return sum(segment.duration for segment, _ in self.judged)

    @property
    def words(self) -> tuple[Word, ...]:
        """Every recognised word, with its times from the recording's beginning."""
        return tuple(
            Word(word.text, word.start + segment.start, word.end + segment.start)
            for segment, prediction in self.judged
            for word in prediction.transcript.words
            if word.start is not None and word.end is not None
        )

    @property
    def text(self) -> str:
        """Everything that was said."""
        texts = (prediction.transcript.text.strip() for _, prediction in self.judged)
        return " ".join(text for text in texts if text)

    def summary(self) -> Prediction:
        """Return the whole as one prediction: each modality's result is the mean of the segments' by their length."""
        conflicts = [
            (prediction.conflict, segment.duration)
            for segment, prediction in self.judged
            if prediction.conflict is not None
        ]
        conflict = None
        if conflicts:
            values, lengths = zip(*conflicts, strict=True)
            conflict = float(np.average(values, weights=lengths))
        means = {modality: self._mean(modality) for modality in MODALITIES}
        doubts = [means[modality].doubt for modality in ("audio", "text")]
        notices = (*self.notices, *(doubt for doubt in doubts if doubt))
        whole = len(self.segments) == self.planned and all(result.prediction for result in self.segments)
        if whole and self.judged_seconds < MOSTLY * self.duration:  # else more than the pauses is missing
            seconds = {"seconds": self.judged_seconds, "whole": self.duration}
            notices = (*notices, Message("timeline-judged", seconds))
        unlike = sum(prediction.audio.doubt is not None for _, prediction in self.judged)
        if unlike and not means["audio"].doubt:
            notices = (*notices, Message("stretches-unlike", {"count": unlike, "judged": len(self.judged)}))
        telephone = Message("audio-telephone")
        if 2 * sum(telephone in prediction.notices for _, prediction in self.judged) > len(self.judged):
            notices = (*notices, telephone)
        for notice in (notice for _, prediction in self.judged for notice in prediction.notices):
            if notice.key == "language-unsupported" and notice not in notices:
                notices = (*notices, notice)
        if len(self.segments) < self.planned:
            notices = (*notices, Message("timeline-stopped", {"done": len(self.segments), "planned": self.planned}))
        timings: dict[str, float] = {}
        for _, prediction in self.judged:
            for stage, seconds in prediction.timings.items():
                timings[stage] = timings.get(stage, 0.0) + seconds
        transcripts = (prediction.transcript for _, prediction in self.judged)
        first = next((transcript for transcript in transcripts if transcript.text.strip()), NOTHING_SAID)
        return Prediction(
            **means,
            transcript=replace(first, text=self.text, words=self.words),
            words=(),
            conflict=conflict,
            notices=notices,
            duration=self.duration,
            timings=timings,
        )

    def _mean(self, modality: str) -> ModalityResult:
        """Return one modality's mean by length over the segments that have it, or the first reason why none has.

        Segments that are unlike anything learnt from are left out, unless there are no others.
        """
        results: list[tuple[Segment, ModalityResult]] = [
            (segment, getattr(prediction, modality)) for segment, prediction in self.judged
        ]
        there = [(segment, result) for segment, result in results if result.probabilities]
        doubt = there[0][1].doubt if there and not any(result.reliable for _, result in there) else None
        counted = there if doubt else [(segment, result) for segment, result in there if result.reliable]
        if not counted:
            reasons = (result.reason for _, result in results if result.reason)
            return ModalityResult(None, next(reasons, Message("not-judged")))
        lengths = [segment.duration for segment, _ in counted]
        rows = [vector(result.probabilities) for _, result in counted if result.probabilities]
        mean = np.average(rows, axis=0, weights=lengths)  # (7,)
        scores = [result.ood for _, result in counted]
        known = None not in scores  # all of one checkpoint
        ood = float(np.average(np.array(scores, np.float64), weights=lengths)) if known else None
        return ModalityResult(named(mean / mean.sum()), ood=ood, doubt=doubt)


def find_segments(recording: Recording, transcript: Transcript | None = None) -> list[Segment]:
    """Cut a recording into its segments; `transcript` is what is known to be said, with the words' times.

    Raises
    ------
    InputError
        Nobody speaks in it, or the transcript's words have no times.
    """
    if transcript is not None and transcript.text.strip() and not transcript.words:
        raise InputError("timeline-no-times")
    segments = [] if recording.silent else cut(recording.samples, transcript.words if transcript else ())
    if not segments:
        silence = next((notice for notice in recording.notices if notice.key == "audio-silent"), None)
        if silence:
            raise InputError(silence.key, **silence.values)
        raise InputError("timeline-no-speech", minutes=recording.duration / 60)
    return segments


def iter_segments(
    predictor: Predictor,
    recording: Recording,
    segments: Sequence[Segment],
    *,
    transcript: Transcript | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[SegmentResult]:
    """Judge one segment after the other, until `cancelled()`; one that fails doesn't take the others with it.

    `transcript=None` recognises the words; an empty one leaves the voice alone; else its words go by their times.
    """
    for segment in segments:
        if cancelled():
            return
        words = None if transcript is None else within(transcript, segment)
        yield judge_segment(predictor, recording.part(segment.start, segment.end), segment, words)


def judge_segment(
    predictor: Predictor, samples: np.ndarray, segment: Segment, transcript: Transcript | None
) -> SegmentResult:
    """Judge one segment, (n,) float32 at 16 kHz; why it says nothing is in the result too.

    `transcript=None` recognises the words; where that fails, the voice is judged all the same.
    """
    try:
        return SegmentResult(segment, _judge(predictor, samples, transcript))
    except InputError as error:
        return SegmentResult(segment, None, error.message)
    except (RuntimeError, MemoryError) as error:  # torch's own, as when a device has no memory left
        note("stretch", level=logging.ERROR, outcome="failed", **told(error))
        return SegmentResult(segment, None, Message("timeline-failed", {"reason": type(error).__name__}))


def _judge(predictor: Predictor, samples: np.ndarray, transcript: Transcript | None) -> Prediction:
    encoding = predictor.encode_audio((samples, SAMPLE_RATE))
    if transcript is not None:
        return predictor.classify(encoding, transcript)
    try:
        recognised = predictor.transcribe(encoding)
    except InputError as error:  # the voice can be judged all the same
        prediction = predictor.classify(encoding, NOTHING_SAID)
        return replace(prediction, notices=(error.message, *prediction.notices))
    return predictor.classify(encoding, recognised)


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
    predictor: Predictor,
    recording: Recording,
    *,
    transcript: Transcript | None = None,
    progress: Callable[[SegmentResult, int, int], None] = lambda result, done, planned: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Timeline:
    """Judge a whole recording.

    Parameters
    ----------
    transcript
        What is known to be said, as `iter_segments` takes it.
    progress
        Told each segment's result when it is ready, its number from 1 and how many there are.
    cancelled
        Asked before each segment; when it is true, the rest is left out.

    Raises
    ------
    InputError
        As `find_segments` does.
    """
    segments = find_segments(recording, transcript)
    results: list[SegmentResult] = []
    for result in iter_segments(predictor, recording, segments, transcript=transcript, cancelled=cancelled):
        results.append(result)
        progress(result, len(results), len(segments))
    return Timeline(recording.duration, tuple(results), len(segments), recording.notices)


def timeline_json(timeline: Timeline, language: str = "en") -> dict:
    """Return a timeline for a program: the whole as `predictor.as_json` does, and each of its `segments`.

    All times are seconds from the recording's beginning.
    """
    lengths = {"duration": timeline.duration, "judged_seconds": timeline.judged_seconds}
    rows = [segment_json(result, language) for result in timeline.segments]
    return as_json(timeline.summary(), language) | lengths | {"segments": rows}


def segment_json(result: SegmentResult, language: str = "en") -> dict:
    """Return what one segment says for a program, or its `error`; times are seconds from the recording's beginning."""
    row: dict = {"start": result.segment.start, "end": result.segment.end}
    if result.prediction is None:
        return row | {"error": result.error.text(language) if result.error else ""}
    row |= as_json(result.prediction, language)
    row["words"] = [_shifted(word, result.segment.start) for word in row["words"]]
    return row


def _shifted(word: dict, seconds: float) -> dict:
    """Return a word's values with its times, where it has them, `seconds` later."""
    return word | {edge: None if word[edge] is None else word[edge] + seconds for edge in ("start", "end")}
