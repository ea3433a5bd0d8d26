"""The loop against a plain one and against itself: in parts, killed, in two processes, and on bad input."""

import copy
import dataclasses
import io
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from small_fit import CLASS_WEIGHTS, ROWS, batches_of, fitted, net, rows

from bibier.errors import CorpusError
from train.loop.optim import Lion, parameter_groups
from train.loop.progress import FitProgress, LiveProgress, progress
from train.loop.settings import OPTIMISERS, SCHEDULES, FitSettings
from train.loop.trainer import class_weights, soft_cross_entropy
from train.metrics import selection


def same(a, b) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))


def close(a, b, atol=1e-5):
    for x, y in zip(a.parameters(), b.parameters(), strict=True):
        torch.testing.assert_close(x, y, atol=atol, rtol=0)


def scored(value: float) -> dict:
    return {"dev": dict.fromkeys(("UAR", "WAR", "MF1", "WF1"), value)}


class Rows(FitProgress):
    """Keeps the epochs' rows."""

    def __init__(self):
        super().__init__(lambda line: None)
        self.rows = []

    def epoch(self, row):
        self.rows.append(row)


def test_the_loss_equals_torch_s_on_one_hot_targets_and_trains_on_the_rest():
    logits, labels = torch.randn(9, 7), torch.randint(0, 7, (9,))
    weights = torch.rand(7) + 0.1
    hard = soft_cross_entropy(logits, torch.eye(7)[labels], weights)
    torch.testing.assert_close(hard, torch.nn.functional.cross_entropy(logits, labels, weight=weights))
    target = torch.tensor([[0.6, 0.4, 0, 0, 0, 0, 0]])
    best = torch.full((1, 7), -30.0)
    best[0, :2] = target[0, :2].log()
    changed = best.clone()
    changed[0, 1] -= 1  # same argmax, less of the second emotion: a loss that took the argmax would fall
    ones = torch.ones(7)
    assert soft_cross_entropy(best, target, ones) < soft_cross_entropy(changed, target, ones)


def test_class_weights_are_natural_at_0_and_balanced_at_1():
    targets = np.eye(7)[[0] * 6 + [1] * 3 + [2, 3, 4, 5, 6]]
    assert class_weights(targets, 0).tolist() == [1.0] * 7
    assert class_weights(targets, 1).tolist() == pytest.approx([14 / 7 / n for n in (6, 3, 1, 1, 1, 1, 1)])


def test_the_defaults_are_adamw_with_one_cycle_bit_for_bit():
    """A second implementation of the whole loop, in plain torch: no setting that was added may move a bit of it."""
    settings = FitSettings(epochs=4, batch=4, learning_rate=0.03, smoothing=0.1, average=0.8, clip=0.5)
    model = net(0.3)
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim == 1]
    optimiser = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 1e-2}, {"params": vectors, "weight_decay": 0.0}],
        lr=0.03,
        betas=(0.9, 0.999),
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.03, total_steps=4 * 4 + 1, pct_start=0.3)
    average = None
    for epoch in range(4):
        for inputs, targets in batches_of(4)(epoch, torch.Generator().manual_seed(3 * 100_003 + epoch)):
            weighted = (0.9 * targets + 0.1 / 7) * CLASS_WEIGHTS
            loss = -(weighted * model(**inputs).logits.log_softmax(-1)).sum() / weighted.sum()
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            optimiser.step()
            schedule.step()
            if average is None:
                average = copy.deepcopy(model)
            else:
                for mean, now in zip(average.parameters(), model.parameters(), strict=True):
                    mean.data.lerp_(now.data, 1 - 0.8)
    assert same(fitted(settings, net(0.3)), average)


def test_the_loop_learns_and_repeats_itself():
    settings = FitSettings(epochs=60, batch=7, learning_rate=0.1, average=0.5)
    first, second = fitted(settings), fitted(settings)
    features, targets = rows()
    assert first(features).logits.argmax(1).tolist() == targets.argmax(1).tolist()
    assert same(first, second) and not first.training


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_every_optimiser_learns(optimiser):
    rate = {"sgd": 0.5, "lion": 0.01}.get(optimiser, 0.03)
    said = Rows()
    settings = FitSettings(40, 7, rate, weight_decay=0, optimiser=optimiser, average=0, clip=0)
    fitted(settings, report=said)
    assert said.rows[-1].loss < 0.5 * said.rows[0].loss


def rates(schedule: str, epochs: int, scores=None, **changes) -> list[float]:
    """The learning rate after each epoch, of one step."""
    said = Rows()
    settings = FitSettings(epochs, ROWS, 0.1, schedule=schedule, average=0, **changes)
    dev_scores = iter(scores or [])
    fitted(settings, report=said, validate=(lambda model: scored(next(dev_scores))) if scores else None)
    return [row.rate for row in said.rows]


def test_schedules_have_the_published_shapes():
    assert set(SCHEDULES) == {"onecycle", "plateau", "cosine", "linear", "cosine-warmup", "none"}
    assert rates("none", 3) == [0.1] * 3
    # The rate after step n is that of the next; the first tenth rises.
    assert rates("linear", 20)[:3] == pytest.approx([0.05, 0.1, 0.1 * 17 / 18])
    assert rates("linear", 20)[-1] == 0
    turn = 0.05 * (1 + np.cos(np.pi * np.arange(19) / 18))
    assert rates("cosine-warmup", 20) == pytest.approx([0.05, *turn])
    # By epoch, the row holds the epoch's own rate.
    assert rates("cosine", 5) == pytest.approx(1e-6 + (0.1 - 1e-6) * (1 + np.cos(np.pi * np.arange(5) / 5)) / 2)
    assert rates("plateau", 6, [50, 60, 60, 59, 58, 57]) == pytest.approx([0.1] * 5 + [0.05])
    one = rates("onecycle", 10)
    assert max(one) == pytest.approx(0.1, rel=0.03) and np.argmax(one) == 2 and one[-1] < 1e-5


def test_warm_up_is_a_setting():
    assert np.argmax(rates("linear", 20, warm_up=0.5)) == 9


def test_lion_equals_its_paper_in_numpy_and_does_not_see_the_gradient_s_size():
    generator = np.random.default_rng(0)
    start, gradients = generator.standard_normal(6), generator.standard_normal((5, 6))
    p, m = start.copy(), np.zeros(6)
    for g in gradients:
        p = p - 0.1 * (np.sign(0.9 * m + 0.1 * g) + 0.2 * p)
        m = 0.99 * m + 0.01 * g
    for scale in (1, 1000):
        parameter = torch.nn.Parameter(torch.from_numpy(start.copy()))
        lion = Lion([parameter], lr=0.1, weight_decay=0.2)
        for g in gradients:
            parameter.grad = torch.from_numpy(scale * g)
            lion.step()
        np.testing.assert_allclose(parameter.detach().numpy(), p, atol=1e-12)


def test_selection_is_the_mean_over_corpora_of_four_figures():
    a = {"UAR": 10.0, "WAR": 20.0, "MF1": 30.0, "WF1": 40.0, "n": 1000}
    assert selection({"a": a, "b": scored(50)["dev"]}) == pytest.approx((25 + 50) / 2)


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_patience_returns_the_strictly_best_epoch(average):
    dev_scores, seen = [10.0, 30.0, 20.0, 30.0, 99.0], []

    def validate(model):
        assert not model.training and not torch.is_grad_enabled()
        seen.append(copy.deepcopy(model))
        return scored(dev_scores[len(seen) - 1])

    settings = FitSettings(9, 7, 0.05, patience=2, average=average)
    best = fitted(settings, validate=validate)
    assert len(seen) == 4  # 30 again is not better
    assert same(best, seen[1]) and not same(best, seen[3])


def test_without_patience_the_scores_are_only_said():
    lines, plain = [], fitted(FitSettings(3, 7))
    fitted_model = fitted(FitSettings(3, 7), validate=lambda model: scored(12.3), report=lines.append)
    assert same(plain, fitted_model)
    assert len(lines) == 3 and "epoch 1/3 · loss" in lines[0] and "dev UAR 12.3" in lines[0]


@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
@pytest.mark.parametrize("size", [1, 3, 5])
def test_small_batches_that_make_one_step_are_one_large_batch(optimiser, size):
    """Rows weigh between 0.25 and 3: a plain mean over the batches would be another gradient."""
    settings = FitSettings(3, ROWS, 0.05, optimiser=optimiser)
    many = FitSettings(3, size, 0.05, optimiser=optimiser, accumulate=-(-ROWS // size))
    close(fitted(settings, batches=batches_of(ROWS)), fitted(many))


def test_a_padded_row_is_neither_smoothed_nor_learnt():
    features, targets = rows()
    padded = torch.cat([features, features[:3]]), torch.cat([targets, torch.zeros(3, 7)])
    settings = FitSettings(3, ROWS, 0.05, smoothing=0.3)
    plain, more = (lambda *_, pair=pair: [({"features": pair[0]}, pair[1])] for pair in ((features, targets), padded))
    close(fitted(settings, batches=plain), fitted(settings, batches=more))


def test_bf16_is_near_and_keeps_weights_and_loss_in_float32():
    said, exact = Rows(), Rows()
    model = fitted(FitSettings(20, 7, 0.05, precision="bf16"), report=said)
    fitted(FitSettings(20, 7, 0.05), report=exact)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    losses, wanted = ([row.loss for row in rows.rows] for rows in (said, exact))
    assert losses != wanted and losses == pytest.approx(wanted, rel=0.03)
    logits, targets = torch.randn(5, 7).bfloat16(), torch.softmax(torch.randn(5, 7), 1)
    ones = torch.ones(7)
    assert torch.equal(soft_cross_entropy(logits, targets, ones), soft_cross_entropy(logits.float(), targets, ones))


def test_the_loss_is_the_argument_s_else_the_model_s_own():
    def half(output, targets, weights):
        return 0.5 * soft_cross_entropy(output.logits, targets, weights)

    settings = FitSettings(3, 7, 0.1, optimiser="sgd", schedule="none", clip=0, weight_decay=0)
    model = net()
    model.loss = half
    assert same(fitted(settings, loss=half), fitted(settings, model))
    close(fitted(settings, loss=half), fitted(FitSettings(**(vars(settings) | {"learning_rate": 0.05}))))
    assert not same(fitted(settings, loss=half), fitted(settings))


def test_a_class_without_examples_weighs_nothing_and_is_said():
    targets, lines = np.eye(7)[[0, 0, 1, 3, 4, 5, 6]], []
    weights = class_weights(targets, 1)
    assert weights.tolist() == pytest.approx([0.5, 1, 0, 1, 1, 1, 1])
    fitted(FitSettings(1, 7), weights=weights, report=lines.append)
    assert lines[0] == "no training example of fear: it weighs nothing and is not learnt"
    with pytest.raises(CorpusError, match="class weights"):
        fitted(FitSettings(1, 7), weights=class_weights(np.zeros((0, 7)), 1))


def single(**inputs):
    return lambda epoch, generator: [({"features": torch.ones(2, 7)} | inputs, torch.eye(7)[:2])]


@pytest.mark.parametrize(
    "batches, settings, error, message",
    [
        (lambda *_: [], {}, CorpusError, "epoch 1 has no batch"),
        (
            lambda *_: [({"features": torch.ones(0, 7)}, torch.ones(0, 7))],
            {},
            CorpusError,
            "batch 1 of epoch 1 is empty",
        ),
        (batches_of(1), {}, CorpusError, "more batches than the 2"),
        (lambda *_: [({"features": torch.ones(2, 7)}, torch.zeros(2, 7))], {}, CorpusError, "no target"),
        (
            single(features=torch.full((2, 7), torch.nan)),
            {},
            FloatingPointError,
            "features holds NaN in epoch 1, batch 1",
        ),
        (None, {"learning_rate": 1e30, "epochs": 3}, FloatingPointError, "lower learning_rate"),
        (None, {"learning_rate": 1e30, "schedule": "none", "weight_decay": 1e3}, FloatingPointError, "learning_rate"),
        (None, {"schedule": "plateau"}, CorpusError, "plateau.*dev split"),
        (None, {"patience": 3}, CorpusError, "patience = 3.*dev split"),
    ],
)
def test_what_can_t_be_fitted_is_said(batches, settings, error, message):
    with pytest.raises(error, match=message):
        fitted(FitSettings(**({"epochs": 1, "batch": 7} | settings)), batches=batches)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_is_lines_in_a_file_and_a_live_table_on_a_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    file, terminal = io.StringIO(), Terminal()
    assert isinstance(progress(terminal), LiveProgress) and not isinstance(progress(file), LiveProgress)
    for stream in (file, terminal):
        fitted(FitSettings(2, 4), report=progress(stream), validate=lambda model: scored(41.5))
    lines = file.getvalue().splitlines()
    assert [line[:11] for line in lines] == ["epoch 1/2 ·", "epoch 2/2 ·"] and "\x1b" not in file.getvalue()
    shown = terminal.getvalue()
    assert "4/4" in shown and "\x1b[" in shown  # the bar, redrawn in place
    final = shown[shown.rindex("epoch") :]
    assert "1/2" in final and "2/2" in final and "UAR 41.5" in final and final.count(" *") == 1


def test_the_terminal_is_left_in_order_when_a_fit_fails(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    with pytest.raises(CorpusError):
        fitted(FitSettings(1, 7), report=progress(terminal), batches=lambda *_: [])
    assert terminal.getvalue().rstrip().endswith("\x1b[?25h") or "\x1b[?25h" in terminal.getvalue()


def test_groups_take_the_parameters_that_they_name():
    model = torch.nn.ModuleDict({"votes": torch.nn.Linear(3, 2), "rest": torch.nn.Linear(3, 2)})
    settings = FitSettings(
        epochs=1, learning_rate=0.1, groups=({"match": "votes.weight", "learning_rate": 0.5, "epsilon": 1e-3},)
    )
    votes, matrices, vectors = parameter_groups(model, settings)
    assert votes["params"] == [model["votes"].weight] and (votes["lr"], votes["eps"]) == (0.5, 1e-3)
    assert matrices["params"] == [model["rest"].weight] and matrices["weight_decay"] > 0
    assert len(vectors["params"]) == 2 and vectors["weight_decay"] == 0
    with pytest.raises(CorpusError, match="nothing.*votes.weight"):
        parameter_groups(model, FitSettings(epochs=1, groups=({"match": "nothing"},)))


def test_an_average_that_warms_up_forgets_the_first_steps():
    """Against the sum written out; and the plain average is far behind it after a few steps."""
    settings = FitSettings(epochs=3, batch=7, learning_rate=0.05, average=0.99, average_warm_up=True)
    seen = []

    class Watched(torch.nn.Linear):
        def forward(self, features):
            seen.append(self.weight.detach().clone())
            return SimpleNamespace(logits=super().forward(features))

    torch.manual_seed(0)
    model = fitted(settings, Watched(7, 7))
    torch.manual_seed(0)
    last = fitted(dataclasses.replace(settings, average=0.0), Watched(7, 7)).weight
    trajectory = [*seen[1:6], last.detach()]  # after each of the six steps
    expected = trajectory[0]
    for step, weight in enumerate(trajectory[1:], start=1):
        share = min(0.99, (1 + step) / (10 + step))
        expected = share * expected + (1 - share) * weight
    torch.testing.assert_close(model.weight, expected, atol=1e-5, rtol=0)


def test_statistics_are_those_of_the_last_batches_and_nothing_else_moves():
    class Normed(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.last = torch.nn.BatchNorm1d(7), torch.nn.Linear(7, 7)
            self.dropout = torch.nn.Dropout(0.5)

        def forward(self, features):
            return SimpleNamespace(logits=self.last(self.dropout(self.norm(features))))

    def made(statistics):
        torch.manual_seed(0)
        return fitted(FitSettings(epochs=2, batch=7, statistics=statistics), Normed())

    plain, anew = made(0), made(5)
    assert same(plain, anew) and not anew.training
    features = rows()[0]  # an epoch has two batches of seven, which together are all rows
    torch.testing.assert_close(anew.norm.running_mean, features.mean(0))
    assert not torch.allclose(plain.norm.running_mean, features.mean(0), atol=1e-3)
    assert anew.norm.momentum == plain.norm.momentum == 0.1
