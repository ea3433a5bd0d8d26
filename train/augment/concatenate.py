"""Short clips merged into longer ones (SDS): a row becomes a chain of clips of the same label and corpus.

As run for the papers a merged row replaces its first component, and no row is added; the target length is
4 s. There the draw was unseeded and made once; here it is seeded and made anew for every epoch, a chain never holds a
clip twice, corpora don't disturb each other's draws, and the components are logged.

N rows, 7 emotions.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from zlib import crc32

import numpy as np

from train.constraints import Positive, Share, constrained

LONGEST = 10  # where no single clip fills the gap, one of so many longest is drawn

Chain = tuple[int, ...]  # rows in the order they are heard; a row that isn't merged is a chain of itself


@constrained
class Merging:
    """How rows are merged; a recipe's table names these fields. CorpusError names a field that is out of range."""

    probability: Share = 0.4  # share of a corpus's rows that are merged, as far as there are short ones
    seconds: Positive = 4.0  # rows shorter than this are short, and a chain ends when it is as long
    text: Literal["join", "transcribe"] = "join"  # a merged row's: its parts' texts, or what a recogniser hears
    target: Literal["first", "mean"] = (
        "first"  # a merged row's: its first part's distribution, or that of all its parts
    )


def chains(
    *,
    lengths: np.ndarray,
    labels: np.ndarray,
    corpora: Sequence[str],
    target: float,
    p: float,
    seed: Sequence[int],
) -> list[Chain]:
    """Draw the chain of every row.

    Of a corpus of n rows int(p · n) are merged, drawn from the short ones; all short ones, where there are no more. A
    chain grows until it is `target` long: by a clip that fills the gap, drawn evenly among all that do, or else by one
    of the 10 longest; it stays short when no clip of its label is left.

    Parameters
    ----------
    lengths
        (N,) in the unit of `target`: seconds, samples or frames.
    labels
        (N,) classes.
    corpora
        N names.
    target
        The length that a chain is to reach.
    p
        Share of a corpus's rows, in [0, 1].
    seed
        Non-negative numbers, such as (seed, epoch). A corpus draws the same whatever others there are.

    Returns
    -------
    list of tuple
        N chains; the first of chain i is i. Rows that are not merged are (i,).
    """
    lengths, labels, names = np.asarray(lengths, dtype=float), np.asarray(labels), np.asarray(corpora)
    drawn: list[Chain] = [(row,) for row in range(len(lengths))]
    for name in sorted(set(names.tolist())):
        draw = np.random.default_rng((*seed, crc32(name.encode())))
        rows = np.flatnonzero(names == name)
        short = rows[lengths[rows] < target]
        count = min(int(p * len(rows)), len(short))
        alike = {label: rows[labels[rows] == label] for label in set(labels[rows].tolist())}
        for row in sorted(draw.choice(short, count, replace=False).tolist()):
            drawn[row] = _chain(row, alike[labels[row].item()], lengths, target, draw)
    return drawn


def _chain(first: int, alike: np.ndarray, lengths: np.ndarray, target: float, draw: np.random.Generator) -> Chain:
    """Grow one chain from its first row with rows of `alike`."""
    chain, length = [first], lengths[first]
    while length < target:
        free = alike[~np.isin(alike, chain)]
        if not len(free):
            break
        filling = free[lengths[free] >= target - length]
        if not len(filling):
            filling = free[np.argsort(-lengths[free], kind="stable")[:LONGEST]]
        chain.append(int(draw.choice(filling)))
        length += lengths[chain[-1]]
    return tuple(chain)


def joined_targets(targets: np.ndarray, drawn: Sequence[Chain], how: Literal["first", "mean"] = "first") -> np.ndarray:
    """Return the (N, 7) targets of chains: "first" keeps the first part's, as published; "mean" is that of the parts.

    All parts have one label, so that hard targets are the same either way.
    """
    if how == "first":
        return targets[[chain[0] for chain in drawn]]
    return np.stack([targets[list(chain)].mean(0) for chain in drawn])


@dataclass(frozen=True)
class Merger:
    """The chains of every epoch: `merger(epoch)` draws N chains, the same at each call."""

    lengths: np.ndarray  # (N,) seconds
    labels: np.ndarray  # (N,)
    corpora: Sequence[str]
    settings: Merging
    seed: int = 0

    def __call__(self, epoch: int) -> list[Chain]:
        """Return the N chains of an epoch."""
        return chains(
            lengths=self.lengths,
            labels=self.labels,
            corpora=self.corpora,
            target=self.settings.seconds,
            p=self.settings.probability,
            seed=(self.seed, epoch),
        )


def log(drawn: Sequence[Chain], names: Sequence[str], lengths: np.ndarray) -> list[str]:
    """Return one JSON line for every merged row: its components by name, and the length in the unit of `lengths`."""
    merged = [list(chain) for chain in drawn if len(chain) > 1]
    return [
        json.dumps({"row": parts[0], "parts": parts, "length": length}, ensure_ascii=False)
        for parts, length in (([names[row] for row in rows], float(sum(lengths[rows]))) for rows in merged)
    ]
