"""What was said: the words, when each was said, and who wrote them down."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Word:
    """A spoken word; `start` and `end` are seconds from the clip's start, None when unknown.

    >>> Word("hello", 0.2, 0.55)
    Word(text='hello', start=0.2, end=0.55)
    """

    text: str
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True)
class Transcript:
    """What was said. `source` is "recogniser", "person" or "none"; `language` an ISO 639-1 code or "und".

    >>> Transcript("I'm fine.", "en").source
    'person'
    """

    text: str
    language: str = "und"
    words: tuple[Word, ...] = ()
    source: str = "person"
    recogniser: str | None = None
    left_out: str = ""  # what the recogniser wrote and was taken for invented
