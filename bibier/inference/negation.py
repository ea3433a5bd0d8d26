"""Whether a text denies the words that decide: "I am not sad" is not sad.

An encoder of words and their neighbours reads most negations past: with the "not" and without it, it answers the same.
That can be seen without knowing any emotion's words: take the negation away, and the same emotion wins; take away what
is denied too, and it doesn't. How often such answers are right: `python -m benchmarks.negation`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from bibier.features.tokens import WordSpan
from bibier.labels import EMOTIONS

ENGLISH = {"not", "no", "never", "nothing", "nobody", "none", "without", "cannot", "neither", "nor", "hardly"}
RUSSIAN = {"не", "нет", "ни", "никогда", "ничего", "ничто", "никто", "без", "нельзя"}
NEGATIONS = frozenset(ENGLISH | RUSSIAN)
REACH = 3  # words that a negation denies at most, within its clause
MOST = 8  # negations of a text that are looked at
KEPT = 0.7  # of the emotion's probability stays without the negation that is overlooked
CARRIED = 0.5  # of it goes with what is denied, if another emotion doesn't win anyway
NEUTRAL = EMOTIONS.index("neutral")

Text = tuple[WordSpan, ...]


def negations(spans: Text) -> list[tuple[int, int]]:
    """Return where a text denies something: the position of the negation, and where what it denies stops.

    >>> from bibier.features.tokens import words
    >>> negations(words("No, I'm not very sad. He isn't."))
    [(0, 1), (2, 5), (6, 7)]
    """
    found = []
    for place, span in enumerate(spans):
        word = span.text.lower().replace("’", "'")
        if word not in NEGATIONS and not word.endswith("n't"):
            continue
        stop = place + 1
        while stop < min(len(spans), place + 1 + REACH) and not spans[stop - 1].after:
            stop += 1
        found.append((place, stop))
    return found[:MOST]


def unread(
    texts: Sequence[Text], distributions: np.ndarray, judge: Callable[[list[Text]], np.ndarray]
) -> list[str | None]:
    """Quote for each text what it denies and its answer rests on; None where there is no such thing.

    Parameters
    ----------
    texts
        N texts as spans.
    distributions
        (N, 7) what the encoder says of them.
    judge
        Returns the distributions (M, 7) of other texts.
    """
    asked: list[Text] = []
    places: list[tuple[int, int, int]] = []
    for row, spans in enumerate(texts):
        if distributions[row].argmax() == NEUTRAL:
            continue
        for place, stop in negations(spans):
            if len(spans) > 1 and stop > place + 1:
                places.append((row, place, stop))
                asked += [spans[:place] + spans[place + 1 :], spans[:place] + spans[stop:]]
    read = [text for text in asked if text]
    answers = iter(judge(read) if read else ())
    by_text = [next(answers) if text else np.zeros(len(EMOTIONS)) for text in asked]
    quotes: list[str | None] = [None] * len(texts)
    for (row, place, stop), affirmed, rest in zip(places, by_text[::2], by_text[1::2], strict=True):
        winner = distributions[row].argmax()
        overlooked = affirmed.argmax() == winner and affirmed[winner] >= KEPT * distributions[row][winner]
        decides = rest.argmax() != winner or rest[winner] < CARRIED * affirmed[winner]
        if overlooked and decides and quotes[row] is None:
            quotes[row] = " ".join(span.text for span in texts[row][place:stop])
    return quotes
