"""The same in training and in what training is judged by, in two corpora, or twice in one.

Texts are left out and counted, recordings refused: two copies of a file are a mistake of whoever made the corpus.

N texts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from bibier.errors import CorpusError
from bibier.features.normalise import normalise_text
from bibier.labels import EMOTIONS
from bibier.manifest import same_recordings
from train.corpora.items import Item

HELD_OUT_WORDS = 4  # of a dialogue's line: shorter ones ("What?") are everybody's
SHARED_WORDS = 3  # of a text that two corpora share
NEAR = 0.8  # cosine of character 4-grams above which two texts are nearly the same
WORD = re.compile(r"\w+")


def key(text: str) -> str:
    """Return what two texts have in common that differ in case, punctuation and ё alone: the words."""
    return " ".join(WORD.findall(normalise_text(text).lower().replace("ё", "е")))


def without_duplicates(
    items: Sequence[Item],
    held_out: Sequence[Item],
    near: Sequence[str] = (),
    report: Callable[[str], None] = lambda line: None,
) -> np.ndarray:
    """Return which training texts to keep: (N,) bool.

    Left out are, in this order: texts of the held-out parts, whatever their corpus; a text that stands twice with one
    label in its corpus; one that an earlier corpus has; near ones of both. The lines of dialogues repeat each other
    ("What?" is said many times): within their own corpus they stay, and short ones meet no held-out text.

    Parameters
    ----------
    items
        N training texts, the corpora in the order of their precedence.
    held_out
        The dev and test texts of the same corpora.
    near
        Languages in which texts that are nearly the same count too: those of translated corpora.
    report
        Is told how many were left out of each corpus, and why.
    """
    keys = [key(item.text or "") for item in items]
    words = np.array([len(text.split()) for text in keys])
    conversations = _conversations([*items, *held_out])
    spoken = np.array([item.corpus in conversations for item in items])
    keep = np.ones(len(items), dtype=bool)

    def drop(rows: np.ndarray, why: str) -> None:
        rows = rows & keep
        keep[rows] = False
        for corpus, count in Counter(item.corpus for item, gone in zip(items, rows, strict=True) if gone).items():
            report(f"{corpus}: {count} texts left out: {why}")

    written = {key(item.text or "") for item in held_out if item.corpus not in conversations}
    lines = {key(item.text or "") for item in held_out if item.corpus in conversations}
    in_written, in_lines = (np.array([text in known for text in keys], dtype=bool) for known in (written, lines))
    long = words >= HELD_OUT_WORDS
    drop(np.where(spoken, in_written & long, in_written | (in_lines & long)), "they stand in a held-out part")
    drop(~spoken & _repeated(items, keys, keep), "the same text and label twice")
    drop((words >= SHARED_WORDS) & _in_earlier_corpus(items, keys, keep), "an earlier corpus has them")
    for language in near:
        here = np.array([item.language == language for item in items])
        apart = [key(item.text or "") for item in held_out if item.language == language]
        held, earlier = _near(items, keys, keep & here, apart)
        drop(held & (words >= HELD_OUT_WORDS), "nearly the same stands in a held-out part")
        drop(earlier & (words >= SHARED_WORDS), "an earlier corpus has nearly the same")
    return keep


def refuse_shared_recordings(items: Sequence[Item]) -> None:
    """Refuse one recording in two corpora, in training and what it is judged by, or with two labels.

    `items` are all rows of the corpora that are trained on together. Recordings are known by the SHA-256 of their
    bytes. Raises CorpusError that names both rows.
    """
    for first, item in same_recordings((item, item.path) for item in items if item.path is not None):
        places = f"{first.place or first.id} and {item.place or item.id} are one recording"
        if first.corpus != item.corpus:
            raise CorpusError(f"{places} in two corpora: take it out of one of them")
        if first.split != item.split:
            raise CorpusError(f"{places} in two splits ({first.split}, {item.split}): keep one of them")
        if first.label != item.label:
            names = f"{EMOTIONS[first.label]}, {EMOTIONS[item.label]}"
            raise CorpusError(f"{places} with two labels ({names}): keep one of them")


def _conversations(items: Sequence[Item]) -> set[str]:
    """Return the corpora that have a dialogue of more than one line."""
    lines = Counter((item.corpus, item.dialogue) for item in items if item.dialogue)
    return {corpus for (corpus, _), count in lines.items() if count > 1}


def _repeated(items: Sequence[Item], keys: Sequence[str], keep: np.ndarray) -> np.ndarray:
    seen: set[tuple[str, str, int]] = set()
    repeated = np.zeros(len(items), dtype=bool)
    for row in np.flatnonzero(keep).tolist():
        identity = (items[row].corpus, keys[row], items[row].label)
        repeated[row] = identity in seen
        seen.add(identity)
    return repeated


def _in_earlier_corpus(items: Sequence[Item], keys: Sequence[str], keep: np.ndarray) -> np.ndarray:
    first: dict[str, str] = {}
    for row in np.flatnonzero(keep).tolist():
        first.setdefault(keys[row], items[row].corpus)
    return np.array(
        [first.get(text, item.corpus) != item.corpus for text, item in zip(keys, items, strict=True)], dtype=bool
    )


def _near(
    items: Sequence[Item], keys: Sequence[str], chosen: np.ndarray, apart: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Return which of the chosen texts are near one of `apart`, and which near one of an earlier corpus: (N,) each."""
    import scipy.sparse
    from sklearn.feature_extraction.text import TfidfVectorizer

    near_apart, near_earlier = np.zeros(len(items), dtype=bool), np.zeros(len(items), dtype=bool)
    rows = np.flatnonzero(chosen)
    if not len(rows):
        return near_apart, near_earlier
    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(4, 4), min_df=1)
    matrix = scipy.sparse.csr_array(vectors.fit_transform([keys[row] for row in rows.tolist()]))
    if apart:
        near_apart[rows] = (matrix @ scipy.sparse.csr_array(vectors.transform(apart)).T).max(1).toarray().ravel() > NEAR
    corpora = np.array([items[row].corpus for row in rows.tolist()])
    order = list(dict.fromkeys(corpora.tolist()))
    for number, name in enumerate(order[1:], start=1):
        ours, before = np.flatnonzero(corpora == name), np.flatnonzero(np.isin(corpora, order[:number]))
        near_earlier[rows[ours]] = (matrix[ours] @ matrix[before].T).max(1).toarray().ravel() > NEAR
    return near_apart, near_earlier
