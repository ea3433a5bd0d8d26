"""Votes of n-grams fitted by AdaGrad, one text at a time: the linear part of `TextEncoder` with a vocabulary.

A text holds a few hundred of the hundred thousand n-grams, and a step touches their rows alone: an epoch over 80,000
texts is a second of CPU, where the trainer's dense steps cost twenty times as much. `reference_epoch` says in numpy
what the compiled `_epoch` does.

N texts, W words of all texts, K slots of a word, V n-grams (row 0 is none), C corpora, 7 emotions.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bibier.features.char_ngrams import CharNgrams
from bibier.labels import EMOTIONS
from train.constraints import Count, NotNegative, PartialShare, Positive, Share, Whole, constrained

CONTEXT = CharNgrams.CONTEXT
MARK_SLOTS = CharNgrams.MARKS
KINDS = len(EMOTIONS)

# The biases see every text, the votes only theirs: they go slower.
BIAS_RATE, BIAS_ACCUMULATOR = 0.3, 10.0
CORPUS_BIAS_RATE = 0.01


@constrained
class AdaGradSettings:
    """How the votes are fitted; a recipe's `[text.fit]` with `kind = "adagrad"` names these fields."""

    kind: Literal["adagrad"] = "adagrad"
    epochs: Count = 5
    learning_rate: Positive = 0.6  # times √(1 − epoch / epochs)
    accumulator: Positive = 5.0  # what the sum of squared gradients starts at: a rare n-gram takes no full step
    smoothing: PartialShare = 0.05  # over the classes that the text's corpus has
    unpunctuated: Share = 0.4  # of the texts that are read without punctuation and capitals, drawn anew for every epoch
    least: Count = 4  # texts that hold an n-gram of the vocabulary
    words: Count = 64  # of a text that are read
    corpus_power: NotNegative = 0.6  # a corpus weighs as its number of texts to this power
    corpus_scale: dict[str, Positive] | None = None  # times this, by the corpus's name
    class_power: NotNegative = 0.4  # within a corpus classes weigh (N / (7 n))^power: 0 natural, 1 balanced
    cap: Positive = 5.0  # no text weighs more than so many times the mean
    corpus_bias: Literal["learnt", "fixed", "none"] = (
        "learnt"  # begins at a corpus's class shares; dropped after the fit
    )
    prior: NotNegative = 0.2  # strength of the mean of the corpora's class shares in the bias that is kept
    seeds: tuple[Whole, ...] = (0,)  # fits whose weights are averaged: the encoder is linear, so are its logits


@dataclass(frozen=True)
class Texts:
    """N texts as rows of the tables."""

    rows: np.ndarray  # (W, K) int32, 0 where a slot is empty or its n-gram unknown
    first: np.ndarray  # (N + 1,) int64, where each text's words begin


@dataclass(frozen=True)
class Examples:
    """What the votes are fitted on."""

    typed: Texts
    unpunctuated: Texts  # the same texts without punctuation
    rarity: np.ndarray  # (V,) float32
    targets: np.ndarray  # (N, 7)
    weights: np.ndarray  # (N,), 1 in the mean
    corpus: np.ndarray  # (N,) int64
    classes: np.ndarray  # (C, 7) bool, those that a corpus has
    corpus_bias: np.ndarray  # (C, 7), where they begin


@dataclass
class State:
    """What is fitted, with its sums of squared gradients; an epoch changes it in place."""

    votes: np.ndarray  # (V, 7) float32
    bias: np.ndarray  # (7,)
    corpus_bias: np.ndarray  # (C, 7)
    votes_squares: np.ndarray  # (V, 7) float32
    bias_squares: np.ndarray  # (7,)

    @classmethod
    def begun(cls, examples: Examples, settings: AdaGradSettings) -> State:
        """Return votes of zero, and sums of squared gradients that hold back the first steps."""
        shape = (len(examples.rarity), KINDS)
        return cls(
            np.zeros(shape, np.float32),
            np.zeros(KINDS),
            examples.corpus_bias.copy(),
            np.full(shape, settings.accumulator, np.float32),
            np.full(KINDS, BIAS_ACCUMULATOR),
        )


Epoch = Callable[[Examples, State, np.ndarray, np.ndarray, float, int, bool], None]


def fit_votes(examples: Examples, settings: AdaGradSettings, seed: int, epoch: Epoch | None = None) -> State:
    """Fit the votes of one seed."""
    generator, state = np.random.default_rng(seed), State.begun(examples, settings)
    run = epoch or compiled_epoch
    for number in range(settings.epochs):
        order = generator.permutation(len(examples.targets))
        bare = generator.random(len(order)) < settings.unpunctuated
        rate = settings.learning_rate * (1 - number / settings.epochs) ** 0.5
        run(examples, state, order, bare, rate, settings.words, settings.corpus_bias == "learnt")
    return state


def row_weights(
    targets: np.ndarray, corpus: np.ndarray, names: list[str], settings: AdaGradSettings
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Balance corpora and classes.

    Parameters
    ----------
    targets, corpus
        (N, 7) distributions and (N,) numbers of the corpora, whose C names are `names`.

    Returns
    -------
    weights : np.ndarray
        (N,), 1 in the mean.
    shares : np.ndarray
        (C, 7) weighted class shares of each corpus.
    classes : np.ndarray
        (C, 7) bool, the classes that a corpus has.
    """
    weights, shares = np.zeros(len(targets)), np.zeros((len(names), KINDS))
    for number, name in enumerate(names):
        ours = corpus == number
        count = targets[ours].sum(0)  # (7,)
        if not count.any():
            continue
        there = count > 0
        balance = np.where(there, (count.sum() / (there.sum() * np.where(there, count, 1))) ** settings.class_power, 0)
        own = targets[ours] @ balance
        scale = (settings.corpus_scale or {}).get(name, 1.0)
        weights[ours] = own / own.sum() * ours.sum() ** settings.corpus_power * scale
        shares[number] = count * balance / (count * balance).sum()
    weights = np.minimum(weights * len(weights) / weights.sum(), settings.cap)
    return weights * len(weights) / weights.sum(), shares, shares > 0


def reference_epoch(
    examples: Examples, state: State, order: np.ndarray, bare: np.ndarray, rate: float, longest: int, learnt: bool
) -> None:
    """Do what an epoch does, one text after the other, as it is meant: (N,) order, (N,) whether each is read bare."""
    for row, is_bare in zip(order, bare, strict=True):
        texts = examples.unpunctuated if is_bare else examples.typed
        begin, end = texts.first[row : row + 2]
        ngrams, weights = _weighed(texts.rows[begin : min(end, begin + longest)], examples.rarity)
        corpus = examples.corpus[row]
        has = examples.classes[corpus]
        logits = state.bias + state.corpus_bias[corpus] + weights @ state.votes[ngrams]
        scores = np.where(has, np.exp(logits - logits[has].max()), 0)
        gradient = np.where(has, scores / scores.sum() - examples.targets[row], 0) * examples.weights[row]  # (7,)
        state.bias_squares += gradient**2
        state.bias -= BIAS_RATE * rate * gradient / np.sqrt(state.bias_squares)
        if learnt:
            state.corpus_bias[corpus] -= CORPUS_BIAS_RATE * gradient
        for ngram, weight in zip(ngrams, weights, strict=True):  # one n-gram may stand in a text several times
            state.votes_squares[ngram] += (weight * gradient) ** 2
            state.votes[ngram] -= rate * weight * gradient / np.sqrt(state.votes_squares[ngram])


def _weighed(rows: np.ndarray, rarity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the n-grams of a text (n,) and their weights: those of `TextEncoder`, of words (T, K)."""
    known = rows > 0
    weights = rarity[rows] * known
    weights[:, CONTEXT:] /= np.sqrt(np.maximum(1, known[:, CONTEXT:].sum(1, keepdims=True)))
    marks = np.isin(np.arange(rows.shape[1]), MARK_SLOTS)
    letters = np.arange(rows.shape[1]) >= CONTEXT
    for group in (marks, letters, ~marks & ~letters):
        weights[:, group] /= max(1.0, float(np.sqrt((weights[:, group] ** 2).sum())))
    return rows[known], weights[known]


def compiled_epoch(
    examples: Examples, state: State, order: np.ndarray, bare: np.ndarray, rate: float, longest: int, learnt: bool
) -> None:
    """Do what `reference_epoch` does, compiled."""
    _compiled()(
        examples.typed.rows,
        examples.typed.first,
        examples.unpunctuated.rows,
        examples.unpunctuated.first,
        examples.rarity,
        examples.targets,
        examples.weights,
        examples.corpus,
        examples.classes,
        state.votes,
        state.votes_squares,
        state.bias,
        state.bias_squares,
        state.corpus_bias,
        order,
        bare,
        rate,
        longest,
        learnt,
    )


@functools.cache
def _compiled() -> Callable[..., None]:
    import numba

    return numba.njit(fastmath=True)(_epoch)


def _epoch(
    typed,
    typed_first,
    plain,
    plain_first,
    rarity,
    targets,
    row_weight,
    corpus,
    classes,
    votes,
    votes_squares,
    bias,
    bias_squares,
    corpus_bias,
    order,
    bare,
    rate,
    longest,
    learnt,
):
    slots, kinds = typed.shape[1], targets.shape[1]
    ngrams = np.empty(longest * slots, np.int64)
    group = np.empty(longest * slots, np.int64)
    weights = np.empty(longest * slots, np.float64)
    gradient = np.empty(kinds)
    for place in range(len(order)):
        row = order[place]
        rows, first = (plain, plain_first) if bare[place] else (typed, typed_first)
        begin = first[row]
        end = min(first[row + 1], begin + longest)
        count = 0
        squares = np.zeros(3)
        for word in range(begin, end):
            letters = 0
            for slot in range(CONTEXT, slots):
                letters += rows[word, slot] > 0
            share = 1 / np.sqrt(max(1, letters))
            for slot in range(slots):
                ngram = rows[word, slot]
                if ngram > 0:
                    kind = 2 if slot >= CONTEXT else 0
                    if slot == MARK_SLOTS[0] or slot == MARK_SLOTS[1]:
                        kind = 1
                    weight = rarity[ngram] * (share if kind == 2 else 1.0)
                    ngrams[count], group[count], weights[count] = ngram, kind, weight
                    squares[kind] += weight * weight
                    count += 1
        c = corpus[row]
        for k in range(kinds):
            gradient[k] = bias[k] + corpus_bias[c, k]
        for i in range(count):
            weights[i] /= np.sqrt(max(1.0, squares[group[i]]))
            for k in range(kinds):
                gradient[k] += weights[i] * votes[ngrams[i], k]
        highest = -1e30
        for k in range(kinds):
            if classes[c, k]:
                highest = max(highest, gradient[k])
        total = 0.0
        for k in range(kinds):
            gradient[k] = np.exp(gradient[k] - highest) if classes[c, k] else 0.0
            total += gradient[k]
        for k in range(kinds):
            gradient[k] = (gradient[k] / total - targets[row, k]) * row_weight[row] if classes[c, k] else 0.0
            bias_squares[k] += gradient[k] ** 2
            bias[k] -= BIAS_RATE * rate * gradient[k] / np.sqrt(bias_squares[k])
            if learnt:
                corpus_bias[c, k] -= CORPUS_BIAS_RATE * gradient[k]
        for i in range(count):
            for k in range(kinds):
                step = weights[i] * gradient[k]
                votes_squares[ngrams[i], k] += step * step
                votes[ngrams[i], k] -= rate * step / np.sqrt(votes_squares[ngrams[i], k])
