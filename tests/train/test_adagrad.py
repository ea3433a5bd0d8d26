"""The votes' own fit: the compiled epoch is the readable one, corpora are balanced, what a corpus lacks is masked."""

import dataclasses

import numpy as np
import pytest

from train.loop.adagrad import AdaGradSettings, Examples, State, Texts, fit_votes, reference_epoch, row_weights

NGRAMS, SLOTS = 30, 12


def texts(generator, lengths):
    rows = generator.integers(0, NGRAMS, (sum(lengths), SLOTS)).astype(np.int32)
    return Texts(rows, np.concatenate(([0], np.cumsum(lengths))).astype(np.int64))


@pytest.fixture
def examples():
    """Texts of nothing, one word, and more words than are read; the second corpus lacks two classes."""
    generator = np.random.default_rng(0)
    lengths = [0, 1, 5, 3, 40, 2, 7, 4]
    corpus = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    classes = np.ones((2, 7), dtype=bool)
    classes[1, [1, 6]] = False
    targets = generator.dirichlet(np.ones(7), len(lengths)) * classes[corpus]
    return Examples(
        texts(generator, lengths),
        texts(generator, lengths),
        np.concatenate(([0], generator.uniform(1, 8, NGRAMS - 1))).astype(np.float32),
        targets / targets.sum(1, keepdims=True),
        generator.uniform(0.5, 2, len(lengths)),
        corpus,
        classes,
        np.where(classes, generator.normal(size=(2, 7)), 0),
    )


@pytest.mark.parametrize("bias", ["learnt", "fixed"])
def test_the_compiled_epoch_does_what_the_readable_one_says(examples, bias):
    settings = AdaGradSettings(epochs=4, unpunctuated=0.5, words=20, corpus_bias=bias)
    plain = fit_votes(examples, settings, seed=3, epoch=reference_epoch)
    compiled = fit_votes(examples, settings, seed=3)
    for field in dataclasses.fields(State):
        np.testing.assert_allclose(
            getattr(compiled, field.name), getattr(plain, field.name), rtol=2e-3, atol=2e-5, err_msg=field.name
        )
    assert np.abs(plain.votes).max() > 0.05 and (plain.votes[0] == 0).all()
    moved = np.abs(plain.corpus_bias - examples.corpus_bias)
    assert bool(moved.max() > 1e-3) is (bias == "learnt")
    assert (moved[1, [1, 6]] == 0).all()  # a class that the corpus lacks teaches nothing


def test_the_gradient_is_that_of_the_loss(examples):
    """One text, one step from zero: the votes move against the numerical gradient of its cross-entropy."""
    row = 2
    state = State.begun(examples, AdaGradSettings(accumulator=1e12))  # the step is the gradient, scaled
    state.bias_squares[:] = 1e12
    reference_epoch(examples, state, np.array([row]), np.array([False]), 1e6, 64, False)
    part = dataclasses.replace(
        examples, typed=Texts(examples.typed.rows[1:6], np.array([0, 5])), targets=examples.targets[row : row + 1]
    )

    def loss(votes):
        from train.loop.adagrad import _weighed

        ngrams, weights = _weighed(part.typed.rows, examples.rarity)
        logits = examples.corpus_bias[0] + weights @ votes[ngrams]
        logits -= np.log(np.exp(logits).sum())
        return -examples.weights[row] * (part.targets[0] * logits).sum()

    ngram = int(part.typed.rows.max())
    for k in range(7):
        step = np.zeros((NGRAMS, 7))
        step[ngram, k] = 1e-5
        slope = (loss(step) - loss(-step)) / 2e-5
        assert state.votes[ngram, k] == pytest.approx(-slope, rel=2e-3, abs=1e-6)


def test_corpora_and_classes_weigh_as_the_settings_say():
    corpus = np.repeat([0, 1], [100, 25])
    label = np.concatenate((np.repeat([0, 1], [80, 20]), np.repeat([0, 2], [20, 5])))
    settings = AdaGradSettings(corpus_power=0.5, class_power=1.0, cap=100.0, corpus_scale={"b": 3.0})
    weights, shares, classes = row_weights(np.eye(7)[label], corpus, ["a", "b"], settings)
    total = [weights[corpus == number].sum() for number in (0, 1)]
    assert total[1] / total[0] == pytest.approx(3 * 5 / 10)
    assert weights.mean() == pytest.approx(1)
    for number, names in ((0, (0, 1)), (1, (0, 2))):  # fully balanced: each class weighs the same
        ours = [weights[(corpus == number) & (label == name)].sum() for name in names]
        assert ours[0] == pytest.approx(ours[1])
        assert shares[number, list(names)] == pytest.approx(0.5)
        assert set(np.flatnonzero(classes[number])) == set(names)
    capped, *_ = row_weights(np.eye(7)[label], corpus, ["a", "b"], dataclasses.replace(settings, cap=1.5))
    assert capped.max() / capped.min() < weights.max() / weights.min()
