"""The text encoder's votes, fitted on several corpora at once: vocabulary, targets, balance, the mean over seeds.

N texts, T words, K slots, V n-grams of the vocabulary.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Callable, Sequence

import numpy as np
import torch

from bibier.errors import CorpusError
from bibier.features.char_ngrams import CharNgrams
from bibier.models.text_encoder import KEY_OFFSET, TextEncoder, TextEncoderConfig
from train.corpora.items import Item
from train.loop.adagrad import AdaGradSettings, Examples, State, Texts, fit_votes, row_weights

NEVER = -30.0  # logit of a class that a corpus lacks
RAREST = 1e-3  # share of a class that no corpus has, in the prior
# Punctuation, and hyphens and apostrophes that join no letters: what a recogniser doesn't write.
_PUNCTUATION = re.compile(r"[^\w\s'\-]|(?<!\w)['\-]|['\-](?!\w)")


def unpunctuated(text: str) -> str:
    """Return a text as a recogniser writes it, lower case without punctuation; one of punctuation alone as it is."""
    return " ".join(_PUNCTUATION.sub(" ", text).lower().split()) or text


def fit(
    items: Sequence[Item],
    features: Sequence[np.ndarray],
    targets: np.ndarray,
    extractor: CharNgrams,
    config: TextEncoderConfig,
    settings: AdaGradSettings,
    seed: int,
    report: Callable[[str], None] = lambda line: None,
) -> tuple[TextEncoder, dict[str, list[float]]]:
    """Fit the encoder; the vocabulary is what at least `settings.least` of the texts hold.

    Parameters
    ----------
    items, features
        N training texts, and the ids (Tᵢ, K) of each.
    targets
        (N, 7), softened.
    config
        Of the encoder, without the size of its vocabulary.
    seed
        Is added to each of the settings' seeds.

    Returns
    -------
    encoder : TextEncoder
    shifts : dict of str to list of float
        By corpus, what is added to the encoder's logits (7,) where the texts are known to be of that corpus: its bias
        in the place of the prior.
    """
    names = sorted({item.corpus for item in items})
    corpus = np.array([names.index(item.corpus) for item in items], dtype=np.int64)
    keys, count, typed = _vocabulary(features, settings.least)
    if not len(keys):
        raise CorpusError(f"no n-gram stands in {settings.least} texts: lower text.fit.least, or give more texts")
    bare = [extractor(unpunctuated(extractor.prepare(item.text or ""))) for item in items]
    report(f"{len(items)} texts of {len(names)} corpora, {len(keys)} n-grams")
    own = np.stack([item.target for item in items])
    weights, shares, classes = row_weights(own, corpus, names, settings)
    examples = Examples(
        typed,
        _texts(bare, keys),
        np.concatenate(([0.0], 1 + np.log((1 + len(items)) / (1 + count)))).astype(np.float32),
        _smoothed(targets, classes[corpus], settings.smoothing),
        weights,
        corpus,
        classes,
        np.log(shares, out=np.zeros_like(shares), where=classes & (settings.corpus_bias != "none")),
    )
    states = [fit_votes(examples, settings, seed + own_seed) for own_seed in settings.seeds]
    plain_shares = np.stack([own[corpus == number].mean(0) for number in range(len(names))])
    prior = settings.prior * np.log(np.maximum(plain_shares.mean(0), RAREST))
    shifts = np.mean([state.corpus_bias for state in states], axis=0) - prior
    shifts = np.where(classes, shifts, NEVER)
    return _encoder(config, keys, examples.rarity, states, prior), dict(zip(names, shifts.tolist(), strict=True))


def _encoder(
    config: TextEncoderConfig, keys: np.ndarray, rarity: np.ndarray, states: Sequence[State], prior: np.ndarray
) -> TextEncoder:
    """Make the encoder of the mean over seeds; what all classes have in common is taken out."""
    encoder = TextEncoder(dataclasses.replace(config, vocabulary=len(keys)))
    votes, bias = (np.mean([getattr(state, name) for state in states], axis=0) for name in ("votes", "bias"))
    bias = bias + prior
    with torch.no_grad():
        encoder.keys.copy_(torch.from_numpy((keys - KEY_OFFSET).astype(np.int32)))
        encoder.rarity.copy_(torch.from_numpy(rarity))
        encoder.ngram_votes.copy_(torch.from_numpy(votes - votes.mean(1, keepdims=True)))
        encoder.bias.copy_(torch.from_numpy(bias - bias.mean()))
    return encoder.eval()


def _smoothed(targets: np.ndarray, classes: np.ndarray, smoothing: float) -> np.ndarray:
    """Smooth targets (N, 7) over the classes (N, 7) of their corpora; what lies on others is taken out."""
    inside = targets * classes
    inside /= inside.sum(1, keepdims=True)
    return (1 - smoothing) * inside + smoothing * classes / classes.sum(1, keepdims=True)


def _vocabulary(features: Sequence[np.ndarray], least: int) -> tuple[np.ndarray, np.ndarray, Texts]:
    """Return the ids that at least so many texts hold (V − 1,), how many do, and the texts as rows of the tables."""
    first = _first(features)
    stacked = np.concatenate(list(features))  # (W, K)
    ids, rows = np.unique(stacked, return_inverse=True)
    rows = rows.reshape(stacked.shape)
    held = np.zeros(len(ids), dtype=np.int64)
    for begin, end in itertools.pairwise(first):
        held[np.unique(rows[begin:end])] += 1
    chosen = (held >= least) & (ids > 0)
    place = np.where(chosen, np.cumsum(chosen), 0).astype(np.int32)
    return ids[chosen], held[chosen], Texts(place[rows], first)


def _texts(features: Sequence[np.ndarray], keys: np.ndarray) -> Texts:
    """Return texts as rows of the tables of sorted keys."""
    stacked = np.concatenate(list(features))
    place = np.minimum(np.searchsorted(keys, stacked), len(keys) - 1)
    return Texts(np.where(keys[place] == stacked, place + 1, 0).astype(np.int32), _first(features))


def _first(features: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate(([0], np.cumsum([len(ids) for ids in features]))).astype(np.int64)


def prior_shares(encoder: TextEncoder, temperature: float) -> np.ndarray:
    """Return the (7,) distribution of a text that says nothing: what the encoder's bias alone gives."""
    return torch.softmax(encoder.bias.detach().double() / temperature, dim=0).numpy()
