"""Merging of short clips: who may stand beside whom, how many there are, and that a draw repeats itself."""

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest

from bibier.errors import CorpusError
from bibier.labels import EMOTIONS, canonical
from train.augment import concatenate
from train.augment.concatenate import Merger, Merging

DATA = Path(os.environ.get("BIBIER_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))


def corpus(count: int = 600, seed: int = 0) -> dict:
    generator = np.random.default_rng(seed)
    return {
        "lengths": generator.gamma(2, 1.5, count),
        "labels": generator.integers(0, 7, count),
        "corpora": ["a" if flag else "b" for flag in generator.random(count) < 0.7],
    }


def draw(rows, target=4.0, p=0.4, seed=(0, 0)):
    return concatenate.chains(**rows, target=target, p=p, seed=seed)


def test_a_chain_is_of_one_label_and_corpus_starts_with_its_row_and_never_repeats():
    rows = corpus()
    chains = draw(rows)
    assert [chain[0] for chain in chains] == list(range(600))
    for chain in chains:
        assert len({rows["labels"][row] for row in chain}) == 1
        assert len({rows["corpora"][row] for row in chain}) == 1
        assert len(set(chain)) == len(chain)
        length = rows["lengths"][list(chain)]
        if len(chain) > 1:
            assert length[0] < 4 <= length.sum()
            assert length[:-1].sum() < 4  # it stops as soon as it is long enough


def test_a_share_of_each_corpus_is_merged_until_the_short_ones_are_all_used():
    rows = corpus()
    names = np.array(rows["corpora"])
    for p in (0, 0.2, 0.4, 1):
        merged = np.array([len(chain) > 1 for chain in draw(rows, p=p)])
        for name in ("a", "b"):
            short = (rows["lengths"][names == name] < 4).sum()
            assert merged[names == name].sum() == min(int(p * (names == name).sum()), short)


def test_a_draw_is_of_its_seed_and_epoch_and_of_no_other_corpus():
    rows = corpus()
    assert draw(rows) == draw(rows)
    assert draw(rows, seed=(0, 1)) != draw(rows) != draw(rows, seed=(1, 0))
    merger = Merger(**rows, settings=Merging())
    assert merger(3) == draw(rows, seed=(0, 3))
    alone = np.flatnonzero(np.array(rows["corpora"]) == "a")
    only = {"lengths": rows["lengths"][alone], "labels": rows["labels"][alone], "corpora": ["a"] * len(alone)}
    together = draw(rows)
    assert [tuple(alone[list(chain)]) for chain in draw(only)] == [together[row] for row in alone]


def test_a_clip_that_fills_the_gap_is_preferred_and_any_of_them_is_as_likely():
    rows = {"lengths": np.array([1.0, 3.0, 3.5, 2.9, 9.0]), "labels": np.zeros(5, int), "corpora": ["a"] * 5}
    seconds = [chain[1] for seed in range(600) for chain in draw(rows, p=1, seed=(seed,))[:1]]
    counts = np.bincount(seconds, minlength=5)
    assert counts[[0, 3]].sum() == 0 and (counts[[1, 2, 4]] > 150).all()


def test_without_one_that_fills_it_one_of_the_ten_longest_is_drawn():
    rows = {"lengths": np.arange(1, 21) / 20, "labels": np.zeros(20, int), "corpora": ["a"] * 20}
    seconds = {draw(rows, p=1, seed=(seed,))[0][1] for seed in range(120)}
    assert seconds == set(range(10, 20))


def test_a_chain_stays_short_when_its_label_is_used_up():
    rows = {"lengths": np.array([0.5, 0.5, 3.0]), "labels": np.array([0, 0, 1]), "corpora": ["a"] * 3}
    assert draw(rows, p=1) == [(0, 1), (1, 0), (2,)]


def test_what_is_learnt_of_a_chain():
    drawn = [(0, 2), (1,), (2, 0)]
    targets = np.random.default_rng(0).dirichlet(np.ones(7), 3)
    np.testing.assert_array_equal(concatenate.joined_targets(targets, drawn), targets)
    mean = concatenate.joined_targets(targets, drawn, "mean")
    np.testing.assert_allclose(mean[0], (targets[0] + targets[2]) / 2)
    np.testing.assert_allclose(mean.sum(1), 1)


def test_every_merged_row_is_logged_with_its_parts():
    lines = [json.loads(line) for line in concatenate.log([(0, 2), (1,)], ["x", "y", "z"], np.array([1.0, 5.0, 3.5]))]
    assert lines == [{"row": "x", "parts": ["x", "z"], "length": 4.5}]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"probability": 1.5}, "probability is 1.5"),
        ({"seconds": 0}, "seconds is 0"),
        ({"text": "guess"}, "'guess'"),
        ({"target": "last"}, "'last'"),
    ],
)
def test_a_wrong_setting_is_named(change, message):
    with pytest.raises(CorpusError, match=message):
        Merging(**change)


def seconds(stamp: str) -> float:
    hours, minutes, rest = stamp.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(rest.replace(",", "."))


@pytest.mark.corpora
@pytest.mark.skipif(not (DATA / "text").is_dir(), reason="the real corpora are not here")
def test_meld_saturates_where_the_papers_did():
    """7,564 of MELD's 9,989 rows are shorter than 4 s: a share of 0.4 is 3,995 merges, from 0.758 on it is 7,564."""
    with (DATA / "text" / "meld_train.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    rows = {
        "lengths": np.array([seconds(row["EndTime"]) - seconds(row["StartTime"]) for row in table]),
        "labels": np.array([EMOTIONS.index(canonical(row["Emotion"])) for row in table]),
        "corpora": ["meld"] * len(table),
    }
    for p, expected in ((0.4, 3995), (0.758, 7564), (1, 7564)):
        assert sum(len(chain) > 1 for chain in draw(rows, p=p)) == expected
