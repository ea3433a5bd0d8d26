"""The JSON of a result, short or long → its segments, checked: what every format is written from.

The JSON may come from a stranger, so each text, number and count in it has a bound.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, Field, ValidationError

from bibier.errors import InputError
from bibier.labels import NAMES
from bibier.transcript import Word

DAY = 86_400.0  # s; nothing that is exported lasts longer
MAX_SEGMENTS = 5_000
MAX_WORDS = 20_000  # of one segment
MAX_TEXT = 200_000  # characters
MODALITIES = ("bimodal", "audio", "text")  # the one that is named first where there is a choice
UNSURE = "?"  # stands where a modality can't tell
# C0 and C1 controls, what XML has no sign for, and what turns the direction of a line
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]+")

Emotion = Literal["anger", "disgust", "fear", "happy", "neutral", "sad", "surprise"]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0, le=DAY, allow_inf_nan=False)]
Text = Annotated[str, Field(max_length=MAX_TEXT)]


class SentWord(BaseModel):
    """A word as `as_json` gives it."""

    text: Text
    start: Seconds | None = None
    end: Seconds | None = None


class SentScores(BaseModel):
    """The out-of-distribution scores of voice and words."""

    audio: float | None = None
    text: float | None = None


class SentResult(BaseModel):
    """One clip's or segment's result as `as_json` gives it; what isn't exported is left out."""

    audio: dict[Emotion, Share] | None = None
    text: dict[Emotion, Share] | None = None
    bimodal: dict[Emotion, Share] | None = None
    audio_doubt: Text | None = None
    text_doubt: Text | None = None
    bimodal_doubt: Text | None = None
    ood: SentScores = SentScores()
    transcript: Text | None = None
    words: Annotated[list[SentWord], Field(max_length=MAX_WORDS)] = []
    conflict: Share | None = None


class SentSegment(SentResult):
    """A row of `segments` as `timeline_json` gives it."""

    start: Seconds
    end: Seconds
    error: Text = ""


class SentRecording(SentResult):
    """A whole result as `judged_json` gives it."""

    duration: Seconds | None = None
    segments: Annotated[list[SentSegment], Field(max_length=MAX_SEGMENTS)] | None = None


@dataclass(frozen=True)
class ExportedSegment:
    """What is written about one segment; times are seconds from the recording's beginning.

    `distributions` has a mapping by emotion for each of `MODALITIES` that said something; `doubted` names those that
    are not to be relied on.
    """

    start: float
    end: float
    transcript: str
    words: tuple[Word, ...]
    distributions: Mapping[str, Mapping[str, float]]
    doubted: frozenset[str]
    ood: Mapping[str, float | None]
    conflict: float | None
    error: str = ""

    def label(self, modality: str) -> str:
        """Return the likeliest emotion of a modality; "?" where it can't tell, "" where it says nothing."""
        distribution = self.distributions.get(modality)
        if not distribution:
            return ""
        return UNSURE if modality in self.doubted else max(distribution, key=distribution.__getitem__)

    @property
    def verdict(self) -> tuple[str, float] | None:
        """The likeliest emotion by both together, or else by what there is, with its probability."""
        for modality in MODALITIES:
            if self.label(modality) not in ("", UNSURE):
                emotion = self.label(modality)
                return emotion, self.distributions[modality][emotion]
        return None

    def headline(self, language: str = "en") -> str:
        """Say it for a person: "sadness 62%"; "?" where nobody can tell, "" where nothing was judged."""
        if self.verdict is None:
            return UNSURE if self.distributions else ""
        emotion, probability = self.verdict
        gap = "\u00a0" if language == "ru" else ""
        return f"{NAMES[language][emotion]} {100 * probability:.0f}{gap}%"

    def caption(self, language: str = "en") -> str:
        """Return the line of a subtitle: the headline in brackets, and what is said."""
        headline = self.headline(language)
        return " ".join(part for part in (f"[{headline}]" if headline else "", self.transcript) if part)


@dataclass(frozen=True)
class ExportedRecording:
    """The segments of a recording in their order; a short one is a single segment."""

    name: str
    duration: float
    segments: tuple[ExportedSegment, ...]


def plain_line(text: str) -> str:
    """Return a text in one line, without signs that can't be seen and with single spaces."""
    return " ".join(_UNSEEN.sub(" ", text).split())


def read_result(facts: object, *, name: str, duration: float | None = None) -> ExportedRecording:
    """Check the JSON of a result and return its segments.

    Parameters
    ----------
    facts
        What `judged_json` returns.
    name
        Of the recording's file.
    duration
        Of the recording, seconds; a long one's JSON states its own.

    Raises
    ------
    InputError
        It is no result, or one of words alone: those have no times.
    """
    try:
        result = SentRecording.model_validate(facts)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "JSON"
        raise InputError("exported-result", where=where[:80]) from error
    if result.segments is not None:
        segments = sorted((_segment(row, row.start, row.end) for row in result.segments), key=lambda row: row.start)
        last = max((segment.end for segment in segments), default=0.0)
        return ExportedRecording(plain_line(name), max(result.duration or 0.0, last), tuple(segments))
    length = duration or result.duration or max((word.end or 0.0 for word in result.words), default=0.0)
    if not 0 < length <= DAY:
        raise InputError("exported-silent")
    return ExportedRecording(plain_line(name), length, (_segment(result, 0.0, length),))


def _segment(row: SentResult, start: float, end: float) -> ExportedSegment:
    words = tuple(
        Word(text, max(start, word.start), min(max(start, word.end), max(start, end)))
        for word in row.words
        if word.start is not None and word.end is not None and (text := plain_line(word.text))
    )
    distributions = {modality: found for modality in MODALITIES if (found := getattr(row, modality))}
    return ExportedSegment(
        start=start,
        end=max(start, end),
        transcript=plain_line(row.transcript or ""),
        words=words,
        distributions=distributions,
        doubted=frozenset(modality for modality in MODALITIES if getattr(row, f"{modality}_doubt")),
        ood={"audio": row.ood.audio, "text": row.ood.text},
        conflict=row.conflict,
        error=plain_line(row.error) if isinstance(row, SentSegment) else "",
    )
