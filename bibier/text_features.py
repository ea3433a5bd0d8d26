"""char-ngrams: words → hashed n-gram ids, one row a word, and the words' spans in the text.

T words, K slots of a word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from zlib import crc32

import numpy as np

# Letters, digits and combining marks (a decomposed й is и + U+0306); apostrophes and hyphens only between two of them.
_LETTER = r"(?:[^\W_]|[\u0300-\u036f])"
_WORD = rf"{_LETTER}+(?:['’‘ʼ`-]{_LETTER}+)*"
# Pictographs with their variation selectors, skin tones and joiners: 👩‍👩‍👧 is one token, and so is a flag.
_PICTURE = r"[\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff][\ufe0f\U0001f3fb-\U0001f3ff]*"
_EMOJI = rf"[\U0001f1e6-\U0001f1ff]{{2}}|{_PICTURE}(?:\u200d{_PICTURE})*"
_TOKEN = re.compile(rf"{_WORD}|{_EMOJI}")
_NOT_SPACE = re.compile(r"\S+")
_REPEATED = re.compile(r"(.)\1{2,}", re.DOTALL)
_DIGIT = re.compile(r"\d")
_PLAIN = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "`": "'", "ё": "е", "–": "-", "—": "-", "…": "..."})
_TAIL = re.compile(r"[^.,!?:;()\-]")

LONGEST_WORD = 32  # characters of a word that are looked at; the rest of a "word" of 10,000 letters tells nothing
LONGEST_TAIL = 3  # characters of the punctuation after a word: "?!!!!" is "?!"


@dataclass(frozen=True)
class WordSpan:
    """One word (or emoji) and where it stands; `original[begin:stop] == text`."""

    text: str
    begin: int
    stop: int
    after: str = ""  # the punctuation up to the next word, as written; deleting the word deletes it too
    is_word: bool = True  # False only in a text without any word, such as "?!"


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
    found = list(_TOKEN.finditer(text))
    if not found:
        return tuple(WordSpan(m.group(), m.start(), m.end(), is_word=False) for m in _NOT_SPACE.finditer(text))
    stops = [m.start() for m in found[1:]] + [len(text)]
    return tuple(
        WordSpan(m.group(), m.start(), m.end(), after="".join(text[m.end() : stop].split()))
        for m, stop in zip(found, stops, strict=True)
    )


@dataclass(frozen=True)
class CharNgramsConfig:
    """Settings of `CharNgrams`; every field is JSON."""

    buckets: int = 65536  # ids run from 1 to buckets − 1; 0 is padding
    slots: int = 24  # K
    shortest: int = 3  # characters of an n-gram, the boundary marks < and > included
    longest: int = 5
    kind: str = "char-ngrams"


class CharNgrams:
    """Hashed features of each word: itself, what stands around it, and its character n-grams.

    The first `CharNgrams.CONTEXT` slots hold one kind of feature each, in a fixed order (the word, the word with its
    punctuation, the pair and the triple that it ends, …: see `__call__`); an absent kind is 0. The character n-grams
    follow, the shortest first, and as many as there are slots. Ids are CRC-32 modulo the number of buckets: the same in
    every process and on every platform.
    """

    CONTEXT = 8
    MARKS = (4, 7)  # of these, the kinds that are punctuation alone

    def __init__(self, config: CharNgramsConfig | None = None):
        self.config = config = config or CharNgramsConfig()
        if config.slots < self.CONTEXT or config.buckets < 2:
            raise ValueError(f"char-ngrams needs at least {self.CONTEXT} slots and 2 buckets; got {config}")
        # A text repeats its words: the n-grams of a word are hashed once.
        self._ngrams = lru_cache(maxsize=20_000)(self._hash_ngrams)

    def __call__(self, spans: Sequence[WordSpan] | str) -> np.ndarray:
        """Return the ids of a text.

        Parameters
        ----------
        spans : sequence of WordSpan, or str
            What `words` returned, perhaps with some words left out (occlusion), or the text itself.

        Returns
        -------
        np.ndarray
            (T, K) int64, 0 where a word has fewer features than there are slots.
        """
        if isinstance(spans, str):
            spans = words(spans)
        ids = np.zeros((len(spans), self.config.slots), dtype=np.int64)  # (T, K)
        names = [normalise(span.text) for span in spans]
        tails = [_tail(span.after if span.is_word else span.text) for span in spans]
        end = tails[-1] if tails else ""
        before, before_that = "<", ""
        for row, name, tail, last in zip(ids, names, tails, [False] * (len(names) - 1) + [True], strict=False):
            row[0] = self._id("w:" + name)
            row[1] = self._id(f"p:{name} {tail}") if tail else 0
            row[2] = self._id(f"b:{before} {name}")
            row[3] = self._id(f"t:{before_that} {before} {name}") if before_that else 0
            row[4] = self._id("m:" + tail) if tail else 0
            row[5] = self._id(f"s:{name} {end}")
            row[6] = self._id(f"e:{before} {name} {tail}") if last else 0
            row[7] = self._id("f:" + tail) if last else 0
            ngrams = self._ngrams(name)
            row[self.CONTEXT : self.CONTEXT + len(ngrams)] = ngrams
            before, before_that = name, before
        return ids

    def _id(self, feature: str) -> int:
        # "surrogatepass": a lone surrogate is ill-formed text, not an error.
        return crc32(feature.encode("utf-8", "surrogatepass")) % (self.config.buckets - 1) + 1

    def _hash_ngrams(self, name: str) -> tuple[int, ...]:
        marked = f"<{name}>"
        ngrams = [
            marked[i : i + n]
            for n in range(self.config.shortest, self.config.longest + 1)
            for i in range(len(marked) - n + 1)
        ]
        return tuple(self._id(ngram) for ngram in ngrams[: self.config.slots - self.CONTEXT])


def normalise(word: str) -> str:
    """Return the form of a word that is hashed: composed, lower case, straight apostrophes, е for ё, any digit as 0,
    a letter at most twice in a row ("Nooooo" → "noo"), cut at `LONGEST_WORD` characters."""
    # Cut before the costly steps too: ten combining marks a letter are still generous.
    word = unicodedata.normalize("NFC", word[: 10 * LONGEST_WORD]).casefold().translate(_PLAIN)
    return _DIGIT.sub("0", _REPEATED.sub(r"\1\1", word))[:LONGEST_WORD]


def _tail(punctuation: str) -> str:
    """Return the punctuation that is hashed: quotes and symbols dropped, a run of one mark cut at two (dots: three)."""
    marks = _TAIL.sub("", punctuation[:100].translate(_PLAIN))
    return re.sub(r"([^.])\1{2,}", r"\1\1", marks)[:LONGEST_TAIL]
