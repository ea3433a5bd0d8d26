"""Several corpora in one fit: which clip is drawn, and as which of its copies.

N clips, D draws.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from train.constraints import Count, NotNegative, PartialShare, Share, constrained


@constrained
class Sampling:
    """How clips are drawn from several corpora, and what each corpus teaches. CorpusError names what is out of range.

    Classes that a corpus lacks are left out of the softmax of its clips, so that it teaches nothing about them.
    """

    draws: Count  # of clips, in an epoch
    corpus_power: NotNegative = 0.5  # a corpus is drawn in proportion to the number of its clips to this power
    classes: Literal["even", "natural"] = "even"  # within a corpus: each class as often, or as often as it is there
    clean: Share = 0.5  # share of the draws that take the clip as it is; the others take one of its copies
    corpus_bias: Literal["learnt", "none"] = "learnt"  # added to the logits of a corpus's clips, dropped after the fit
    smoothing: PartialShare = 0.0  # of single labels, over the classes of their corpus; votes stay as they are


def draw(
    corpora: np.ndarray, labels: np.ndarray, copies: int, options: Sampling, count: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw clips: which one, and as which copy, 0 for the clip as it is; (D,) each.

    A class's clips come in whole permutations one after the other, so that each comes as often as the others, over all
    draws and not only in the mean.

    Parameters
    ----------
    corpora, labels
        (N,) the number of each clip's corpus and class.
    copies
        That each clip has beside itself.
    count, seed
        D, and what decides the draws.
    """
    generator = np.random.default_rng(seed)
    sizes = np.bincount(corpora)
    shares = np.where(sizes > 0, sizes.astype(float) ** options.corpus_power, 0)
    chosen = generator.choice(len(sizes), count, p=shares / shares.sum())  # (D,) corpora
    kinds = labels if options.classes == "even" else np.zeros_like(labels)
    clips = np.empty(count, dtype=np.int64)
    for corpus in np.unique(chosen):
        inside = corpora == corpus
        places = np.flatnonzero(chosen == corpus)
        kind = generator.choice(np.unique(kinds[inside]), len(places))
        for each in np.unique(kind):
            wanted, pool = places[kind == each], np.flatnonzero(inside & (kinds == each))
            rounds = [generator.permutation(pool) for _ in range(-(-len(wanted) // len(pool)))]
            clips[wanted] = np.concatenate(rounds)[: len(wanted)]
    if not copies:
        return clips, np.zeros(count, dtype=np.int64)
    clean = generator.random(count) < options.clean
    return clips, np.where(clean, 0, generator.integers(1, copies + 1, count))
