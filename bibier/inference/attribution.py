"""How much each word mattered: by the model's attention, and by leaving the word out.

n words, T rows of the text's features (words, or the tokens they are made of).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import SequenceMatcher

import numpy as np

from bibier.features.char_ngrams import WordSpan, normalise
from bibier.transcript import Word


def per_word(attention: np.ndarray, owners: np.ndarray, count: int) -> np.ndarray:
    """Return each word's share (count,) of the attention: the sum over its rows, special tokens dropped.

    Parameters
    ----------
    attention
        (T,) ≥ 0.
    owners
        (T,) the word that each row belongs to, −1 for special tokens.
    count
        The number of words. A word without a row of its own gets 0; all sum to 1.
    """
    owned = owners >= 0
    share = np.bincount(owners[owned], weights=attention[: len(owners)][owned], minlength=count)
    return share / share.sum() if share.sum() > 0 else np.full(count, 1 / count)


def occlusion(
    spans: Sequence[WordSpan],
    probability: Callable[[list[tuple[WordSpan, ...]]], np.ndarray],
    whole: float,
    batch: int = 64,
) -> np.ndarray:
    """How far a probability falls when each word is deleted: (n,) in [-1, 1].

    Parameters
    ----------
    spans
        The n words of the text.
    probability
        Called with texts as spans; returns the probability of the predicted emotion for each.
    whole
        That probability for the whole text.

    Notes
    -----
    The word is really deleted, with its punctuation, and its neighbours become neighbours. With one word, nothing is
    left to read, and the fall is taken against the empty text.
    """
    falls = np.zeros(len(spans))
    for begin in range(0, len(spans), batch):
        positions = range(begin, min(begin + batch, len(spans)))
        shortened = [tuple(spans[:i]) + tuple(spans[i + 1 :]) for i in positions]
        falls[begin : begin + len(shortened)] = whole - probability(shortened)
    return falls


def align(spans: Sequence[WordSpan], words: Sequence[Word]) -> list[tuple[float | None, float | None]]:
    """Give each word of a text the times of the recognised word that it is, (None, None) where a person changed it."""
    times: list[tuple[float | None, float | None]] = [(None, None)] * len(spans)
    edited = [normalise(span.text) for span in spans]
    recognised = [normalise(word.text.strip(" \t.,!?;:…\"'«»()[]")) for word in words]
    for block in SequenceMatcher(None, edited, recognised, autojunk=False).get_matching_blocks():
        for offset in range(block.size):
            word = words[block.b + offset]
            times[block.a + offset] = (word.start, word.end)
    return times
