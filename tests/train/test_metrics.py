"""Metrics: identities, the same figures by another way, and what a bootstrap must do."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix, f1_score

from train import metrics
from train.metrics import (
    MEASURES,
    Predictions,
    bootstrap,
    confusion,
    ece,
    measures,
    scores,
    selection_score,
    soft_cross_entropy,
)


def judged(seed=0, n=500, *, groups=None, skill=0.0) -> Predictions:
    """A model whose predictions are better than chance by `skill`; the same seed has the same truth."""
    truth = np.random.default_rng(0).choice(7, n, p=[0.13, 0.03, 0.02, 0.15, 0.48, 0.08, 0.11])
    logits = np.random.default_rng(seed + 1).standard_normal((n, 7)) + skill * np.eye(7)[truth]
    p = np.exp(logits)
    return Predictions(truth, p / p.sum(1, keepdims=True), groups)


def table(predictions: Predictions) -> np.ndarray:
    return np.array(confusion(predictions.truth, predictions.probabilities))


def test_the_four_measures_are_what_their_names_say():
    predictions = judged(skill=1.0)
    counts, predicted = table(predictions), predictions.probabilities.argmax(1)
    measured = measures(counts)
    recall, precision = np.diag(counts) / counts.sum(1), np.diag(counts) / counts.sum(0)
    f1 = 2 * precision * recall / (precision + recall)
    assert measured["WAR"] == pytest.approx(100 * accuracy_score(predictions.truth, predicted))
    assert measured["UAR"] == pytest.approx(100 * balanced_accuracy_score(predictions.truth, predicted))
    assert measured["MF1"] == pytest.approx(100 * f1.mean())
    assert measured["MF1"] == pytest.approx(100 * f1_score(predictions.truth, predicted, average="macro"))
    assert measured["WF1"] == pytest.approx(100 * (counts.sum(1) / counts.sum() * f1).sum())
    # MF1 is the mean of the classes' F1, not the F1 of the mean precision and recall.
    assert measured["MF1"] != pytest.approx(
        200 * precision.mean() * recall.mean() / (precision.mean() + recall.mean()), rel=1e-3
    )


@pytest.mark.parametrize("weights", [range(7), (0, 3), (4,)])
def test_measures_of_counts_equal_the_scores_of_items(weights):
    predictions = judged(skill=0.5)
    rows = np.isin(predictions.truth, list(weights))
    truth, p = predictions.truth[rows], predictions.probabilities[rows]
    expected = scores(truth, p)
    assert measures(confusion(truth, p)) == pytest.approx({name: expected[name] for name in MEASURES})


def test_on_balanced_supports_uar_is_war():
    counts = np.random.default_rng(0).multinomial(20, np.full(7, 1 / 7), size=7)
    assert measures(counts)["UAR"] == pytest.approx(measures(counts)["WAR"])


def test_a_class_that_neither_side_has_stays_in_the_table():
    truth, p = [0, 0, 3], np.eye(7)[[0, 3, 3]]
    assert np.array(confusion(truth, p)).shape == (7, 7)
    assert measures(confusion(truth, p))["MF1"] == pytest.approx(100 * 2 * (2 / 3) / 7)
    assert scores(truth, p)["MF1"] == pytest.approx(100 * 2 * (2 / 3) / 7)


def test_the_language_model_s_published_uar():
    """Qwen's labels of MELD train, in the order neutral, happy, sad, anger, surprise, disgust, fear."""
    counts = [
        [4710, 0, 0, 0, 0, 0, 0],
        [0, 1743, 0, 0, 0, 0, 0],
        [0, 1, 682, 0, 0, 0, 0],
        [0, 12, 10, 1087, 0, 0, 0],
        [4, 25, 4, 1, 1171, 0, 0],
        [2, 3, 8, 16, 4, 238, 0],
        [8, 9, 14, 2, 1, 0, 234],
    ]
    assert measures(counts)["UAR"] == pytest.approx(95.741, abs=5e-4)
    assert measures(counts)["WAR"] == pytest.approx(100 * (1 - 124 / 9989))


@pytest.mark.parametrize(
    ("values", "average"), [((36.17, 36.76, 56.44, 55.27), 46.16), ((37.20, 37.18, 37.50, 37.36), 37.31)]
)
def test_the_selection_score_is_the_published_average(values, average):
    """Text Mamba on MELD and RESD as in the published repository (LEYA-HSE/BiBiER, text-based_experiments)."""
    assert selection_score(dict(zip(MEASURES, values, strict=True))) == pytest.approx(average, abs=0.005)
    prefixed = {f"MELD dev {name}": value for name, value in zip(MEASURES, values, strict=True)}
    assert selection_score(prefixed, "MELD dev ") == pytest.approx(average, abs=0.005)


def test_the_bootstrap_s_values_are_the_metrics():
    predictions = judged(skill=0.7, groups=np.arange(500) // 9)
    estimates = bootstrap([predictions], (*MEASURES, "ECE", "soft_cross_entropy"), draws=10)
    expected = scores(predictions.truth, predictions.probabilities)
    for name in (*MEASURES, "ECE"):
        assert estimates[name].value == pytest.approx(expected[name])
    one_hot = np.eye(7)[predictions.truth]
    assert estimates["soft_cross_entropy"].value == pytest.approx(
        soft_cross_entropy(one_hot, predictions.probabilities)
    )
    assert estimates["ECE"].value == pytest.approx(ece(predictions.truth, predictions.probabilities))
    assert estimates["UAR"].groups == 56


def test_the_bootstrap_equals_a_plain_loop_over_draws():
    """A second implementation: draw speakers, put their items together, score them with scikit-learn."""
    speakers = np.random.default_rng(3).integers(0, 12, 200)
    model = judged(1, 200, groups=speakers, skill=0.5)
    estimates = bootstrap([model], ("WF1", "WAR", "ECE"), draws=4000)
    generator, plain = np.random.default_rng(9), []
    for _ in range(1000):
        rows = np.concatenate([np.flatnonzero(speakers == s) for s in generator.integers(0, 12, 12)])
        y, p = model.truth[rows], model.probabilities[rows]
        wf1 = 100 * f1_score(y, p.argmax(1), labels=range(7), average="weighted", zero_division=0)
        plain.append((wf1, 100 * (p.argmax(1) == y).mean(), ece(y, p)))
    for name, draws in zip(("WF1", "WAR", "ECE"), np.array(plain).T, strict=True):
        spread = draws.std()
        assert estimates[name].low == pytest.approx(np.quantile(draws, 0.025), abs=0.25 * spread)
        assert estimates[name].high == pytest.approx(np.quantile(draws, 0.975), abs=0.25 * spread)


def test_the_interval_of_accuracy_is_the_binomial_s():
    truth = np.zeros(2000, dtype=int)
    p = np.eye(7)[np.repeat([0, 4], [1200, 800])]
    estimates = bootstrap([Predictions(truth, p)], ["WAR"])["WAR"]
    half = 1.96 * 100 * (0.6 * 0.4 / 2000) ** 0.5
    assert (estimates.low, estimates.high) == pytest.approx((60 - half, 60 + half), abs=0.15)


def test_items_of_one_speaker_are_no_independent_evidence():
    """Each speaker's items are all right or all wrong: drawing items would claim an interval three times too narrow."""
    right = np.repeat(np.random.default_rng(0).random(50) < 0.6, 10)
    p = np.eye(7)[np.where(right, 0, 4)]
    by_speaker = bootstrap([Predictions(np.zeros(500, int), p, np.arange(500) // 10)], ["WAR"])["WAR"]
    by_item = bootstrap([Predictions(np.zeros(500, int), p)], ["WAR"])["WAR"]
    ratio = (by_speaker.high - by_speaker.low) / (by_item.high - by_item.low)
    assert ratio == pytest.approx(10**0.5, rel=0.1)


def test_seeds_are_averaged():
    models = [judged(i, skill=1.0) for i in range(5)]
    estimates = bootstrap(models, ["UAR"], draws=50)["UAR"]
    assert estimates.value == pytest.approx(
        np.mean([scores(model_judged.truth, model_judged.probabilities)["UAR"] for model_judged in models])
    )


def test_the_same_seed_draws_the_same_and_another_seed_does_not():
    predictions = judged(groups=np.arange(500) // 5)
    first, again, differently = (bootstrap([predictions], draws=100, seed=seed)["WF1"] for seed in (1, 1, 2))
    assert first == again and first != differently


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bootstrap([judged()], ["F2"]), "F2"),
        (lambda: bootstrap([]), "no items"),
        (lambda: bootstrap([judged(n=20), judged(n=30)]), "same items"),
    ],
)
def test_what_cannot_be_drawn_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_confusion_s_order_is_truth_then_prediction():
    truth, p = [2, 2, 5], np.eye(7)[[5, 2, 5]]
    assert confusion(truth, p) == confusion_matrix(truth, [5, 2, 5], labels=range(7)).tolist()
    assert confusion(truth, p)[2][5] == 1 and confusion(truth, p)[5][2] == 0


def test_metric_identities():
    generator = np.random.default_rng(0)
    truth, p = generator.integers(0, 7, 500), generator.dirichlet(np.ones(7), 500)
    measured, predicted = metrics.scores(truth, p), p.argmax(1)
    assert measured["UAR"] == pytest.approx(100 * balanced_accuracy_score(truth, predicted))
    assert measured["WAR"] == pytest.approx(100 * (truth == predicted).mean())
    recalls = np.diag(metrics.confusion(truth, p)) / np.bincount(truth)
    assert measured["UAR"] == pytest.approx(100 * recalls.mean())
    assert metrics.soft_cross_entropy(np.eye(7)[truth], p) == pytest.approx(-np.log(p[range(500), truth]).mean())


def test_ece_is_the_gap_between_confidence_and_accuracy():
    sure = np.tile([0.9, 0.1, 0, 0, 0, 0, 0], (10, 1))
    assert metrics.ece([0] * 9 + [1], sure) == pytest.approx(0)
    assert metrics.ece([0] * 5 + [1] * 5, sure) == pytest.approx(0.4)


def test_uar_leaves_out_classes_that_the_truth_lacks():
    assert metrics.uar([0, 0, 3], [0, 6, 3]) == pytest.approx(75)


def test_the_temperature_undoes_a_known_one():
    generator = np.random.default_rng(0)
    logits = 2 * generator.standard_normal((20_000, 7))
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    truth = (p.cumsum(1) > generator.random((len(p), 1))).argmax(1)
    assert metrics.fit_temperature(3 * logits, truth) == pytest.approx(3, rel=0.05)
