"""Words → features, by the extractor's kind: char-ngrams here, with no weights; encoders from the Hub join by name.

T words, K slots of a word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from zlib import crc32

import numpy as np

from bibier.features import normalise as normalisation
from bibier.features.text_encoders import HubText, HubTextConfig
from bibier.features.tokens import WordSpan, words
from bibier.i18n.messages import Message

_REPEATED = re.compile(r"(.)\1{2,}", re.DOTALL)
_DIGIT = re.compile(r"\d")
_PLAIN = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "`": "'", "ё": "е", "–": "-", "—": "-", "…": "..."})
_TAIL = re.compile(r"[^.,!?:;()\-]")

LONGEST_WORD = 32  # characters of a word that are looked at; the rest of a "word" of 10,000 letters tells nothing
LONGEST_MARKS = 100  # characters of punctuation that are looked at
LONGEST_TAIL = 3  # characters of the punctuation after a word: "?!!!!" is "?!"


@dataclass(frozen=True)
class CharNgramsConfig:
    """Settings of `CharNgrams`; every field is JSON."""

    buckets: int = 65536  # ids run from 1 to buckets − 1; 0 is padding
    slots: int = 24  # K
    shortest: int = 3  # characters of an n-gram, the boundary marks < and > included
    longest: int = 5
    normalisation: int = 0  # version of `features.normalise` that a text goes through first; 0: none
    kind: str = "char-ngrams"


class CharNgrams:
    """Hashed features of each word: itself, what stands around it, and its character n-grams.

    The first `CharNgrams.CONTEXT` slots hold one kind of feature each, in a fixed order (the word, the word with its
    punctuation, the pair and the triple that it ends, …: see `__call__`); an absent kind is 0. The character n-grams
    follow, the shortest first, and as many as there are slots. Ids are CRC-32 modulo the number of buckets: the same in
    every process and on every platform.
    """

    modality = "text"
    CONTEXT = 8
    MARKS = (4, 7)  # of these, the kinds that are punctuation alone

    def __init__(self, config: CharNgramsConfig | None = None):
        self.config = config = config or CharNgramsConfig()
        self.dim = config.slots
        if config.slots < self.CONTEXT or config.buckets < 2:
            raise ValueError(f"char-ngrams needs at least {self.CONTEXT} slots and 2 buckets; got {config}")
        if config.normalisation not in (0, normalisation.VERSION):
            raise ValueError(f"normalisation {config.normalisation} is not known; choose 0 or {normalisation.VERSION}")
        # A text repeats its words: the n-grams of a word are hashed once.
        self._ngrams = lru_cache(maxsize=20_000)(self._hash_ngrams)

    def prepare(self, text: str) -> str:
        """Return the text that is read: the spans of its words are those that count."""
        return normalisation.normalise_text(text) if self.config.normalisation else text

    def __call__(self, spans: Sequence[WordSpan] | str) -> np.ndarray:
        """Return the ids of a text.

        Parameters
        ----------
        spans : sequence of WordSpan, or str
            What `words` returned of a prepared text, perhaps with some words left out (occlusion), or the text itself.

        Returns
        -------
        np.ndarray
            (T, K) int64, 0 where a word has fewer features than there are slots.
        """
        if isinstance(spans, str):
            spans = words(self.prepare(spans))
        ids = np.zeros((len(spans), self.config.slots), dtype=np.int64)  # (T, K)
        names = [normalise(span.text) for span in spans]
        tails = [_tail((span.after if span.is_word else span.text)[:LONGEST_MARKS]) for span in spans]
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

    def owners(self, spans: Sequence[WordSpan] | str) -> np.ndarray:
        """Return the word (T,) int64 that each row belongs to: one row a word."""
        return np.arange(len(words(self.prepare(spans)) if isinstance(spans, str) else spans))

    def batch(self, texts: Sequence[Sequence[WordSpan] | str]) -> list[np.ndarray]:
        """Return the ids (Tᵢ, K) of each text."""
        return [self(text) for text in texts]

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
    return _normalise(word[: 10 * LONGEST_WORD])


@lru_cache(maxsize=5_000)  # a text is read once for each of its words (occlusion), and repeats them
def _normalise(word: str) -> str:
    word = unicodedata.normalize("NFC", word).casefold().translate(_PLAIN)
    return _DIGIT.sub("0", _REPEATED.sub(r"\1\1", word))[:LONGEST_WORD]


@lru_cache(maxsize=1_000)
def _tail(punctuation: str) -> str:
    """Return the punctuation that is hashed: quotes and symbols dropped, a run of one mark cut at two (dots: three)."""
    marks = _TAIL.sub("", punctuation.translate(_PLAIN))
    return re.sub(r"([^.])\1{2,}", r"\1\1", marks)[:LONGEST_TAIL]


def build_text_features(
    config: CharNgramsConfig | HubTextConfig,
    *,
    device: str = "cpu",
    allow_download: bool = False,
    cache: Path | None = None,
    report: Callable[[Message], None] | None = None,
) -> CharNgrams | HubText:
    """Return the extractor of a config. Nothing is loaded before the first use; for the rest see `HubText`."""
    if isinstance(config, CharNgramsConfig):
        return CharNgrams(config)
    return HubText(config, device=device, allow_download=allow_download, cache=cache, report=report)
