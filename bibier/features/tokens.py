"""A text → its words and where they stand; and words, perhaps fewer, → their text again.

T words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

# Letters, digits and combining marks (a decomposed й is и + U+0306); apostrophes and hyphens only between two of them.
_LETTER = r"(?:[^\W_]|[\u0300-\u036f])"
_WORD = rf"{_LETTER}+(?:['’‘ʼ`-]{_LETTER}+)*"
# Pictographs with their variation selectors, skin tones and joiners: 👩‍👩‍👧 is one token, and so is a flag.
_PICTURE = r"[\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff][\ufe0f\U0001f3fb-\U0001f3ff]*"
_EMOJI = rf"[\U0001f1e6-\U0001f1ff]{{2}}|{_PICTURE}(?:\u200d{_PICTURE})*"
_TOKEN = re.compile(rf"{_WORD}|{_EMOJI}")
_NOT_SPACE = re.compile(r"\S+")


@dataclass(frozen=True)
class WordSpan:
    """One word (or emoji) and where it stands; `original[begin:stop] == text`."""

    text: str
    begin: int
    stop: int
    gap: str = ""  # all that stands up to the next word, as written; deleting the word deletes it too
    is_word: bool = True  # False only in a text without any word, such as "?!"
    lead: str = ""  # what stands before the first word of the text, as written

    @property
    def after(self) -> str:
        """The punctuation up to the next word, without white space."""
        return "".join(self.gap.split())


def words(text: str) -> tuple[WordSpan, ...]:
    """Split a text into words.

    A word is a run of letters and digits of any script, with the apostrophes and hyphens inside it; an emoji is a word.
    Punctuation belongs to the word before it. A text of punctuation alone gives its runs, with `is_word` False.

    Parameters
    ----------
    text : str

    Returns
    -------
    tuple of WordSpan
        In the order of the text; empty when the text has nothing but white space.
    """
    matches = list(_TOKEN.finditer(text))
    is_word = bool(matches)
    matches = matches or list(_NOT_SPACE.finditer(text))
    stops = [m.start() for m in matches[1:]] + [len(text)] * bool(matches)
    return tuple(
        WordSpan(m.group(), m.start(), m.end(), text[m.end() : stop], is_word, lead=text[: m.start()] if i == 0 else "")
        for i, (m, stop) in enumerate(zip(matches, stops, strict=True))
    )


def joined(spans: Sequence[WordSpan]) -> tuple[str, list[int]]:
    """Write words as one text again, without the white space around it.

    Parameters
    ----------
    spans : sequence of WordSpan
        What `words` returned, perhaps with some words left out.

    Returns
    -------
    text : str
        The original text where no word was left out.
    starts : list of int
        Where the stretch of each of the T words begins: the word, and before the first what leads it. A stretch ends
        where the next begins.
    """
    parts, starts, length = [], [], 0
    for span in spans:
        part = span.lead + span.text + span.gap
        part = part if parts else part.lstrip()
        starts.append(length)
        parts.append(part)
        length += len(part)
    return "".join(parts).rstrip(), starts
