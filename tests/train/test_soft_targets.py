"""Soft targets: what the tables say is trained on, the same at every call, and what they lack is counted."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from small_corpora import write_csv

from benchmarks.soft_targets import FIGURES, figures, from_tallies, tallies
from bibier.errors import CorpusError
from bibier.labels import EMOTIONS
from bibier.soft_labels.simplex import with_truth
from train.augment import soft_targets
from train.augment.soft_targets import Softening
from train.corpora import load
from train.corpora.load import Item
from train.experiment import recipe
from train.loop import batches

DATA = Path(os.environ.get("BIBIER_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
real = pytest.mark.skipif(not (DATA / "soft_labels").is_dir(), reason="the real corpora are not here")
JITTER = dict(zip(EMOTIONS, (-0.01, 0, 0, 1.51, 0, 0.5, 0), strict=True))


def items(labels) -> list[Item]:
    return [Item(f"x/train/clip{i}", "x", np.eye(7)[label], text="a") for i, label in enumerate(labels)]


def of(labels, distributions, **settings) -> soft_targets.SoftTargets:
    own = np.eye(7)[list(labels)]
    return soft_targets.SoftTargets(
        own, np.array(distributions), np.ones(len(own), dtype=bool), Softening("t.csv", **settings)
    )


def some(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(7), count)


def test_soft_targets_are_clipped_mixed_and_kept_normalised(tmp_path, folder):
    rows = load.read("meld", folder, "train")[:2]
    write_csv(tmp_path / "soft.csv", [{"video_name": "dia0_utt0"} | JITTER])
    softened = soft_targets.soft_targets(rows, Softening("soft.csv", weight=0.5), tmp_path)
    expected = 0.5 * rows[0].target + 0.5 * np.array([0, 0, 0, 1.51, 0, 0.5, 0]) / 2.01
    np.testing.assert_allclose(softened(0)[0], expected)
    np.testing.assert_array_equal(softened(0)[1], rows[1].target)
    assert "1 of 2 items, 1 not in the table" in softened.report()


def test_the_order_of_the_table_s_columns_does_not_matter(tmp_path):
    for name, order in (
        ("a.csv", EMOTIONS),
        ("b.csv", ("neutral", "happy", "sad", "anger", "surprise", "disgust", "fear")),
    ):
        write_csv(tmp_path / name, [{"video_name": "clip0"} | {emotion: JITTER[emotion] for emotion in order}])
    one, second = (soft_targets.read_distributions(tmp_path / name)["clip0"] for name in ("a.csv", "b.csv"))
    np.testing.assert_array_equal(one, second)
    assert one.min() >= 0 and one.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{n: v for n, v in JITTER.items() if n != "fear"}], "'fear'"),
        ([JITTER | {"fear": "much"}], "much"),
        ([JITTER | {"fear": "nan"}], "row 2: the probabilities have no finite"),
        ([JITTER | {"happy": 0, "sad": -0.5}], "row 2: the probabilities have no finite"),
        ([JITTER, JITTER | {"sad": 0}], "row 3: 'clip' was there before"),
    ],
)
def test_a_bad_table_is_refused_by_row(tmp_path, rows, message):
    write_csv(tmp_path / "soft.csv", [{"video_name": "clip"} | row for row in rows])
    with pytest.raises(CorpusError, match=f"soft.csv.*{message}"):
        soft_targets.read_distributions(tmp_path / "soft.csv")


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"wieght": 0.2}, "wieght"),
        ({"weight": 1.2}, "weight is 1.2"),
        ({"probability": -1}, "probability is -1"),
        ({"mode": "mix"}, "'mix'"),
        ({"mode": "replace", "weight": 0.5}, "replace has no weight"),
    ],
)
def test_a_wrong_setting_is_named(raw, message):
    with pytest.raises(CorpusError, match=message):
        soft_targets.settings(raw, "soft targets of meld")


def test_a_recipe_s_wrong_setting_is_named_before_anything_is_read():
    with pytest.raises(CorpusError, match="soft targets of meld.*'lambda'"):
        recipe.load(Path("train/recipes/compact.toml"), ["text.soft.meld.lambda=0.2"])


def test_replacement_is_by_row_by_epoch_and_repeats_itself():
    targets = of([0] * 4000, some(4000), mode="replace", probability=0.2)
    replaced = (targets(3) != targets.own).any(1)
    assert replaced.mean() == pytest.approx(0.2, abs=0.02)
    np.testing.assert_array_equal(targets(3)[replaced], targets.distributions[replaced])  # the distribution itself
    np.testing.assert_array_equal(targets(3), targets(3))
    other = (targets(4) != targets.own).any(1)
    assert (replaced & other).mean() == pytest.approx(0.04, abs=0.01)  # independent from epoch to epoch
    mean = np.mean([targets(epoch) for epoch in range(300)], axis=0)
    np.testing.assert_allclose(mean, targets.expected(), atol=0.15)
    assert targets.entropy() == pytest.approx(
        np.mean([soft_targets.mean_entropy(targets(e)) for e in range(50)]), rel=0.02
    )


def test_interpolation_is_replacement_in_the_mean():
    mixed = of([1, 2, 3], some(3), weight=0.3)
    replaced = of([1, 2, 3], some(3), mode="replace", probability=0.3)
    np.testing.assert_allclose(mixed(0), replaced.expected())
    np.testing.assert_array_equal(mixed(0), mixed(1))


def test_as_published_the_argmax_makes_soft_targets_hard_again():
    distributions = np.array([[0.6, 0.4, 0, 0, 0, 0, 0], [0.2, 0.8, 0, 0, 0, 0, 0]])
    targets = of([0, 0], distributions, mode="replace", argmax=True)
    assert targets(0).tolist() == np.eye(7)[[0, 1]].tolist()
    assert "1 have another argmax" in targets.report()


def test_the_truth_is_kept_by_the_smallest_change():
    distributions, labels = some(200), np.random.default_rng(1).integers(0, 7, 200)
    kept = with_truth(distributions, labels)
    assert (kept.argmax(1) == labels).all() and kept.min() >= 0
    np.testing.assert_allclose(kept.sum(1), 1)
    agreed = distributions.argmax(1) == labels
    np.testing.assert_array_equal(kept[agreed], distributions[agreed])
    # A second implementation: the projection as a quadratic programme.
    from scipy.optimize import minimize

    for row, label, mended in list(zip(distributions, labels, kept, strict=True))[:8]:
        rest = [c for c in range(7) if c != label]
        best = minimize(
            lambda q, row=row: ((q - row) ** 2).sum(),
            np.full(7, 1 / 7),
            method="SLSQP",
            constraints=[
                {"type": "eq", "fun": lambda q: q.sum() - 1},
                {"type": "ineq", "fun": lambda q, y=label, o=rest: q[y] - q[o]},
            ],
            options={"ftol": 1e-14, "maxiter": 500},
        )
        np.testing.assert_allclose(mended, best.x, atol=1e-4)
    targets = soft_targets.soft_targets(items([2]), Softening(weight=1, keep_truth=True), Path())
    assert targets(0).argmax(1).tolist() == [2]


def test_uniform_smoothing_is_pytorch_s_and_has_the_entropy_that_is_asked_for():
    logits = torch.randn(6, 7, generator=torch.Generator().manual_seed(0))
    targets = soft_targets.soft_targets(items(range(6)), Softening(weight=0.1), Path())(0)
    ours = -(torch.from_numpy(targets) * torch.log_softmax(logits, 1)).sum(1).mean()
    theirs = torch.nn.functional.cross_entropy(logits.double(), torch.arange(6), label_smoothing=0.1)
    torch.testing.assert_close(ours, theirs)
    for entropy in (0.1, 0.9, 1.9):
        smoothed = soft_targets.soft_targets(
            items([0, 4]), Softening(weight=soft_targets.uniform_weight(entropy)), Path()
        )
        assert smoothed.entropy() == pytest.approx(entropy)
    with pytest.raises(CorpusError, match="1.946"):
        soft_targets.uniform_weight(2.0)


def test_the_batches_hold_the_targets_of_their_epoch():
    targets = of([0] * 50, some(50), mode="replace", probability=0.5)
    ids = [np.full((1 + i % 5, 3), i) for i in range(50)]
    for epoch in (0, 1):
        learnt = np.zeros((50, 7))
        for inputs, wanted in batches.plain_batches(lambda number: (ids, targets(number)), 8)(
            epoch, torch.Generator().manual_seed(epoch)
        ):
            learnt[inputs["features"][:, 0, 0]] = wanted
        np.testing.assert_allclose(learnt, targets(epoch), atol=1e-6)


ORDER = ("neutral", "happy", "sad", "anger", "surprise", "disgust", "fear")  # of the published tables


@pytest.mark.corpora
@real
@pytest.mark.parametrize(("corpus", "wrong", "confidence"), [("meld", 124, 0.7214), ("resd", 56, 0.5910)])
def test_the_published_tables_are_read_as_published(corpus, wrong, confidence):
    """The published counts, with ties broken in the tables' own order."""
    rows = load.read(corpus, DATA, "train", need="text")
    targets = soft_targets.soft_targets(rows, Softening(f"soft_labels/qwen3-4b_{corpus}.csv", "replace"), DATA)
    assert targets.found.all()
    order = [EMOTIONS.index(name) for name in ORDER]
    best, truth = targets(0)[:, order].argmax(1), targets.own[:, order].argmax(1)
    assert (best != truth).sum() == wrong
    assert targets(0).max(1).mean() == pytest.approx(confidence, abs=5e-4)
    if corpus == "meld":
        assert np.bincount(best[truth == ORDER.index("fear")], minlength=7).tolist() == [8, 9, 14, 2, 1, 0, 234]


def test_the_bootstrap_s_tallies_are_the_metrics():
    generator = np.random.default_rng(0)
    truth, p = generator.integers(0, 7, 400), generator.dirichlet(np.ones(7), 400)
    groups = generator.integers(0, 30, 400)
    sums = tallies(truth, p, groups)
    expected = figures(truth, p)
    np.testing.assert_allclose(from_tallies(sums.sum(0)), [expected[name] for name in FIGURES])
    # A draw that takes some groups twice and some not at all is the metric of the items so repeated.
    counts = generator.multinomial(30, np.full(30, 1 / 30))
    rows = np.concatenate([np.flatnonzero(groups == g) for g in range(30) for _ in range(counts[g])])
    expected = figures(truth[rows], p[rows])
    np.testing.assert_allclose(from_tallies(counts @ sums), [expected[name] for name in FIGURES])
