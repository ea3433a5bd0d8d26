"""Agreement: published examples, the `krippendorff` package, a slow direct reference, and what is undefined."""

from dataclasses import replace
from itertools import combinations

import krippendorff
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bibier import distributions
from bibier.annotation import agreement
from bibier.annotation.agreement import LabelTable
from bibier.annotation.state import Label
from bibier.distributions import jensen_shannon
from bibier.labels import EMOTIONS, named

NAN = np.nan
# Krippendorff (2011), "Computing Krippendorff's alpha-reliability", section D: 4 observers, 12 units, nominal 0.743
OBSERVERS = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
)


def slow(values, distance):
    """Alpha as it is written down: every pair within a unit over every pair of all."""
    units = [[v for v in row if not np.isnan(v).any()] for row in values]
    units = [unit for unit in units if len(unit) > 1]
    pool = [v for unit in units for v in unit]
    observed = sum(2 * distance(p, q) / (len(u) - 1) for u in units for p, q in combinations(u, 2)) / len(pool)
    expected = 2 * sum(distance(p, q) for p, q in combinations(pool, 2)) / len(pool) / (len(pool) - 1)
    return 1 - observed / expected


def table(seed=0, clips=30, people=4, concentration=0.5, missing=0.3):
    rng = np.random.default_rng(seed)
    labels = rng.dirichlet([concentration] * 7, (clips, people))
    labels[rng.random((clips, people)) < missing] = NAN
    return LabelTable(tuple(f"{i:064x}" for i in range(clips)), tuple("ABCDEFGH"[:people]), labels)


def test_the_worked_example():
    result = agreement.alpha(OBSERVERS.T[..., None], agreement.nominal)
    assert result.value == pytest.approx(0.743, abs=5e-4) and (result.labels, result.clips) == (40, 11)
    assert result.low < result.value < result.high
    assert agreement.alpha(OBSERVERS.T[..., None], agreement.interval).value == pytest.approx(0.849, abs=5e-4)


@pytest.mark.parametrize("seed", range(3))
def test_nominal_and_interval_are_those_of_the_package(seed):
    labels = table(seed)
    classes = np.where(np.isnan(labels.labels).any(-1), NAN, np.nan_to_num(labels.labels).argmax(-1))
    known = krippendorff.alpha(reliability_data=classes.T, level_of_measurement="nominal")
    assert agreement.nominal_alpha(labels, draws=0).value == pytest.approx(known, abs=1e-12)
    for name, result in agreement.emotion_alphas(labels, draws=0).items():
        data = labels.labels[..., EMOTIONS.index(name)].T
        known = krippendorff.alpha(reliability_data=data, level_of_measurement="interval")
        assert result.value == pytest.approx(known, abs=1e-12)


@pytest.mark.parametrize("distance", [distributions.jensen_shannon, distributions.half_manhattan])
def test_distributions_against_the_slow_reference(distance):
    labels = table(1)
    direct = jensen_shannon if distance is distributions.jensen_shannon else lambda p, q: abs(p - q).sum() / 2
    assert agreement.soft_alpha(labels, distance, draws=0).value == pytest.approx(
        slow(labels.labels, direct), abs=1e-12
    )


def test_random_pairs_come_near_all_pairs(monkeypatch):
    labels = table(2, clips=300)
    exact = agreement.soft_alpha(labels, draws=0).value
    monkeypatch.setattr(agreement, "ALL_PAIRS", 10)
    assert agreement.soft_alpha(labels, draws=0).value == pytest.approx(exact, abs=5e-3)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 5))
def test_neither_names_nor_order_matter(seed, people):
    labels, rng = table(seed, clips=8, people=people, missing=0.2), np.random.default_rng(seed)
    turned = labels.labels[rng.permutation(8)][:, rng.permutation(people)]
    permuted = replace(labels, labels=turned)
    for measure in (agreement.nominal_alpha, agreement.soft_alpha):
        first, second = measure(labels, draws=0), measure(permuted, draws=0)
        assert first.reason == second.reason and first.value == pytest.approx(second.value, abs=1e-9)


def test_all_agree_and_nobody_does():
    rng = np.random.default_rng(0)
    distribution = rng.dirichlet([0.5] * 7, 50)
    same = LabelTable(tuple("abc"), ("A", "B"), np.stack([distribution, distribution], 1))
    assert agreement.soft_alpha(same).value == 1 and agreement.nominal_alpha(same).value == 1
    assert all(result.value == 1 for result in agreement.emotion_alphas(same).values())
    guess = table(3, clips=2000, people=3, missing=0)
    for result in (
        agreement.nominal_alpha(guess),
        agreement.soft_alpha(guess),
        agreement.soft_alpha(guess, distributions.half_manhattan),
    ):
        assert abs(result.value) < 0.03 and result.low < 0 < result.high


def test_the_interval_covers_as_often_as_it_says():
    """Noisy labels of one truth: the interval of 60 clips covers the value of 20,000 in most of 60 draws."""

    def noisy(rng, clips):
        truth = rng.dirichlet([0.4] * 7, clips)
        labels = np.stack([rng.dirichlet(p) for p in np.repeat(truth * 4 + 0.05, 2, 0)]).reshape(clips, 2, 7)
        return LabelTable(tuple(map(str, range(clips))), ("A", "B"), labels)

    whole = agreement.soft_alpha(noisy(np.random.default_rng(0), 20_000), distributions.half_manhattan, draws=0).value
    hits = 0
    for seed in range(1, 61):
        result = agreement.soft_alpha(noisy(np.random.default_rng(seed), 60), distributions.half_manhattan, draws=200)
        hits += result.low <= whole <= result.high
    assert 48 <= hits <= 60


def key(result):
    return result.value, result.reason.key


def test_the_undefined_has_a_reason():
    eye = np.eye(7)
    alone = LabelTable(("a",), ("A",), eye[None, :1])
    assert key(agreement.soft_alpha(alone)) == (None, "agreement-alone")
    apart = np.full((2, 2, 7), NAN)
    apart[0, 0], apart[1, 1] = eye[0], eye[1]
    assert key(agreement.nominal_alpha(LabelTable(("a", "b"), ("A", "B"), apart))) == (
        None,
        "agreement-no-pairs",
    )
    same = LabelTable(("a", "b"), ("A", "B"), np.tile(eye[0], (2, 2, 1)))
    assert key(agreement.soft_alpha(same)) == (None, "agreement-one-value")
    assert key(agreement.soft_alpha(agreement.unanchored_labels({}))) == (None, "agreement-alone")
    assert agreement.most_disputed(alone) == [] == agreement.most_disputed(agreement.unanchored_labels({}))


def test_a_tie_names_no_class():
    labels = np.tile(np.eye(7)[[0, 1]], (3, 1, 1)).transpose(0, 1, 2).copy()
    labels[0, 0] = [0.5, 0.5, 0, 0, 0, 0, 0]
    result = agreement.nominal_alpha(LabelTable(("a", "b", "c"), ("A", "B"), labels))
    assert result.left_out == 1 and result.clips == 2


def label(at, seen=(), before=None):
    probs = named(np.eye(7)[at])
    return Label(probs, None, "", seen, None if before is None else named(np.eye(7)[before]), 0.0, "u")


def test_only_what_was_said_blind_counts_and_moves_are_told():
    by_person = {
        ("a", "A"): label(0),
        ("a", "B"): label(2, seen=("model:m",), before=1),
        ("b", "A"): label(3, seen=("model:m",)),  # shown from the start
    }
    arranged = agreement.unanchored_labels(by_person)
    assert arranged.clips == ("a",) and arranged.sighted == 1 and arranged.people == ("A", "B")
    assert arranged.labels[0].argmax(-1).tolist() == [0, 1]
    proposals = {("a", "model:m"): named(np.eye(7)[2]), ("b", "model:m"): named(np.eye(7)[2])}
    (move,) = agreement.shifts_after_proposal(by_person, proposals)
    assert (move.person, move.distance, move.nearer) == ("B", 1.0, 1.0)
    assert agreement.most_disputed(arranged) == [("a", 1.0, 2)]


def test_every_pair_of_people():
    labels = table(4)
    pairs = agreement.pair_alphas(labels, draws=0)
    assert set(pairs) == set(combinations("ABCD", 2))
    some = replace(labels, people=("A", "C"), labels=labels.labels[:, [0, 2]])
    assert pairs["A", "C"].value == agreement.soft_alpha(some, draws=0).value


def test_confusion_is_what_another_says_of_the_same_clip():
    """Against the sums over all ordered pairs, written out; each row sums to 1."""
    rng = np.random.default_rng(5)
    labels = rng.dirichlet([0.5] * 7, (6, 3))
    labels[0, 1], labels[3, :2] = np.nan, np.nan  # one clip of two people, one of one
    table = agreement.LabelTable(tuple("abcdef"), ("x", "y", "z"), labels)
    sums = np.zeros((7, 7))
    for clip in labels:
        there = [label for label in clip if not np.isnan(label).any()]
        for i, one in enumerate(there):
            for j, another in enumerate(there):
                if i != j:
                    sums += np.outer(one, another) / (len(there) - 1)
    assert np.allclose(agreement.confusion(table), sums / sums.sum(1, keepdims=True))
    alone = agreement.LabelTable(("a",), ("x",), labels[1:2, :1])
    assert not agreement.confusion(alone).any()
