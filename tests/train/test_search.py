"""Search: the paper's greedy order, the product, Optuna, and what a kill must not cost."""

import io
import json
from pathlib import Path

import pytest
from small_corpora import RECIPE, WORDS, write_csv

from bibier.errors import CorpusError
from train import __main__ as cli
from train.experiment import recipe, search
from train.experiment.grid import changed, load_grid
from train.metrics import MEASURES

GREEDY = '"text.fit.batch" = [4, 8, 16]\n"text.encoder.temporal" = ["lstm", "none"]\n"text.fit.epochs" = [12, 6]\n'


@pytest.fixture
def small(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the caches are relative to where the command runs
    (tmp_path / "small.toml").write_text(RECIPE.replace('["meld", "resd"]', '["meld"]'))
    return tmp_path / "small.toml"


@pytest.fixture
def folder(tmp_path):
    """A data folder of MELD's train and dev alone: a search that reached for the test split would end here."""
    for split, count in (("train", 6), ("dev", 2)):
        rows = [
            {"Utterance": f"{word} number{i}", "Speaker": "A", "Emotion": label, "Dialogue_ID": i, "Utterance_ID": n}
            for i in range(count)
            for n, (label, word) in enumerate(WORDS.items())
        ]
        write_csv(tmp_path / f"meld_{split}.csv", rows)
    return tmp_path


@pytest.fixture
def chosen(small):
    return recipe.load(small)


def grid_of(tmp_path, text: str):
    (tmp_path / "grid.toml").write_text(text)
    return tmp_path / "grid.toml"


class Bowl:
    """An objective whose best settings are known: batch 16, temporal none, epochs 6. It counts its calls."""

    def __init__(self, fail_at: int | None = None):
        self.seen, self.fail_at = [], fail_at

    def __call__(self, tried) -> dict[str, float]:
        if len(self.seen) == self.fail_at:
            raise KeyboardInterrupt
        fit = tried.text.fit
        self.seen.append((fit.batch, tried.text.encoder.temporal, fit.epochs, round(fit.learning_rate, 6)))
        score = fit.batch + 3 * (tried.text.encoder.temporal == "none") - fit.epochs / 12
        score -= abs(fit.learning_rate - 0.05)
        return {f"MELD dev {name}": score for name in MEASURES}


def searched(chosen, out, objective) -> search.Search:
    return search.Search(chosen, objective, lambda figures: search.dev_score("text", figures), out)


def settings(trial: search.Trial) -> list:
    return list(trial.values.values())


def test_greedy_goes_field_by_field_in_the_grid_s_order(chosen, tmp_path):
    """Step 1 tries all candidates, each later step only those that are not the incumbent's."""
    bowl = Bowl()
    outcome = searched(chosen, tmp_path, bowl)
    search.greedy(outcome, load_grid(grid_of(tmp_path, GREEDY), chosen, "greedy"))
    assert [seen[:3] for seen in bowl.seen] == [
        (4, "lstm", 12),
        (8, "lstm", 12),
        (16, "lstm", 12),
        (16, "none", 12),
        (16, "none", 6),
    ]
    assert settings(outcome.best) == [16, "none", 6]


def test_greedy_keeps_the_incumbent_where_nothing_is_better(chosen, tmp_path):
    text = '"text.fit.batch" = [16, 4]\n"text.encoder.temporal" = ["lstm"]\n"text.fit.epochs" = [24, 48]\n'
    outcome = searched(chosen, tmp_path, Bowl())
    search.greedy(outcome, load_grid(grid_of(tmp_path, text), chosen, "greedy"))
    assert outcome.best.values == {"text.fit.batch": 16}  # the recipe's 12 epochs stay
    assert len(outcome.trials) == 4


def test_exhaustive_is_the_product(chosen, tmp_path):
    bowl = Bowl()
    outcome = searched(chosen, tmp_path, bowl)
    search.exhaustive(outcome, load_grid(grid_of(tmp_path, GREEDY), chosen, "exhaustive"))
    assert len(set(bowl.seen)) == len(bowl.seen) == 3 * 2 * 2
    assert settings(outcome.best) == [16, "none", 6]


OPTUNA = (
    '"text.fit.batch" = [4, 8, 16]\n"text.fit.learning_rate" = {low = 1e-3, high = 1.0, log = true}\n'
    '"text.fit.epochs" = {low = 1, high = 9}\n"audio.encoder.channels" = [[4, 6, 8], [8, 8]]\n'
)


def test_optuna_searches_lists_and_ranges(chosen, tmp_path):
    bowl = Bowl()
    outcome = searched(chosen, tmp_path, bowl)
    search.tpe(outcome, load_grid(grid_of(tmp_path, OPTUNA), chosen, "optuna"), 40)
    batches, _, epochs, rates = zip(*bowl.seen, strict=True)
    assert set(batches) <= {4, 8, 16} and set(epochs) <= set(range(1, 10)) and all(type(n) is int for n in epochs)
    assert all(1e-3 <= rate <= 1 for rate in rates) and sum(rate < 0.03 for rate in rates) > 5  # log: not all are large
    assert outcome.best.values["text.fit.batch"] == 16
    assert {trial.values["audio.encoder.channels"] for trial in outcome.trials} == {(4, 6, 8), (8, 8)}


@pytest.mark.parametrize("method", ["greedy", "exhaustive", "optuna"])
def test_a_killed_search_goes_on_where_it_stopped(chosen, tmp_path, method):
    def run(objective, out):
        outcome = searched(chosen, out, objective)
        grid = load_grid(grid_of(tmp_path, GREEDY), chosen, method)
        if method == "optuna":
            search.tpe(outcome, grid, 9)
        else:
            getattr(search, method)(outcome, grid)
        return [(trial.key, trial.values, trial.score) for trial in outcome.trials]

    whole = Bowl()
    expected = run(whole, tmp_path / "whole")
    first, second = Bowl(fail_at=3), Bowl()
    with pytest.raises(KeyboardInterrupt):
        run(first, tmp_path / "killed")
    assert len((tmp_path / "killed" / "trials.jsonl").read_text().splitlines()) == 3
    assert run(second, tmp_path / "killed") == expected
    assert first.seen + second.seen == whole.seen
    third = Bowl()
    assert run(third, tmp_path / "killed") == expected and not third.seen


def test_a_line_that_a_kill_cut_off_is_run_again(chosen, tmp_path):
    log = tmp_path / "trials.jsonl"
    outcome = searched(chosen, tmp_path, Bowl())
    for batch in (4, 8):
        outcome.run({"text.fit.batch": batch})
    log.write_bytes(log.read_bytes()[:-25])
    bowl = Bowl()
    again = searched(chosen, tmp_path, bowl)
    for batch in (4, 8):
        again.run({"text.fit.batch": batch})
    assert [seen[0] for seen in bowl.seen] == [8]
    assert [json.loads(line)["values"]["text.fit.batch"] for line in log.read_text().splitlines()] == [4, 8]


def test_a_broken_log_is_refused_by_its_line(chosen, tmp_path):
    (tmp_path / "trials.jsonl").write_text('{"key": 1}\n')
    with pytest.raises(CorpusError, match=r"trials.jsonl, line 1"):
        searched(chosen, tmp_path, Bowl())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_one_sentence_with_the_remedy(chosen, tmp_path):
    outcome = searched(chosen, tmp_path, Bowl())
    outcome.log = Path("/dev/full")
    with pytest.raises(CorpusError, match="/dev/full can't be written.*finished trials are kept"):
        outcome.run({"text.fit.batch": 4})


def test_a_trial_of_another_recipe_does_not_count(chosen, tmp_path, small):
    searched(chosen, tmp_path, Bowl()).run({"text.fit.batch": 4})
    bowl = Bowl()
    searched(recipe.load(small, ["text.fit.learning_rate=0.01"]), tmp_path, bowl).run({"text.fit.batch": 4})
    assert len(bowl.seen) == 1


def test_a_loss_that_explodes_is_a_failed_trial_and_not_the_end(chosen, tmp_path):
    def objective(tried):
        if tried.text.fit.batch == 8:
            raise FloatingPointError("the loss is nan in epoch 1: lower learning_rate")
        return Bowl()(tried)

    outcome = searched(chosen, tmp_path, objective)
    search.greedy(outcome, load_grid(grid_of(tmp_path, GREEDY), chosen, "greedy"))
    assert settings(outcome.best) == [16, "none", 6]
    assert "failed" in search.table(outcome.trials) and "lower learning_rate" in search.table(outcome.trials)
    hopeless = searched(chosen, tmp_path / "b", objective)
    search.tpe(hopeless, {"text.fit.batch": (8,)}, 3)
    assert hopeless.best is None and len(hopeless.trials) == 1


BAD = {
    "unknown": ('"text.fit.lr" = [1]', r"unknown field 'text.fit.lr'; text.fit has .*learning_rate"),
    "unknown part": ('"words.fit.batch" = [1]', "unknown field 'words.fit.batch'; the recipe has .*text"),
    "below a value": ('"text.fit.batch.size" = [1]', "text.fit.batch is a value"),
    "a table": ('"text.fit" = [1]', "'text.fit' is a table.*text.fit.epochs"),
    "empty list": ('"text.fit.batch" = []', "text.fit.batch"),
    "twice": ('"text.fit.batch" = [4, 4]', "twice"),
    "no list": ('"text.fit.batch" = 4', "expected a list"),
    "another type": ('"text.fit.batch" = [4, "eight"]', "'eight' can't replace"),
    "a fraction": ('"text.fit.batch" = [4.5]', "4.5 can't replace"),
    "range upside down": ('"text.fit.batch" = {low = 4, high = 2}', "low < high"),
    "log of zero": ('"text.fit.weight_decay" = {low = 0, high = 2, log = true}', "above 0 if log"),
    "nothing": ("", "no fields"),
    "no TOML": ("a b", "not TOML"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_grid_is_refused_before_anything_runs(chosen, tmp_path, name):
    text, message = BAD[name]
    with pytest.raises(CorpusError, match=message):
        load_grid(grid_of(tmp_path, text), chosen, "optuna")


def test_a_range_needs_optuna(chosen, tmp_path):
    with pytest.raises(CorpusError, match="text.fit.learning_rate is a range"):
        load_grid(grid_of(tmp_path, OPTUNA), chosen, "greedy")


def test_toml_tables_are_fields_too_and_a_change_reaches_only_its_field(chosen, tmp_path):
    grid = load_grid(grid_of(tmp_path, "[text.fit]\nbatch = [4]\nlearning_rate = [1]\n"), chosen, "greedy")
    assert grid == {"text.fit.batch": (4,), "text.fit.learning_rate": (1,)}
    changed_recipe = changed(chosen, {"text.fit.batch": 4})
    assert changed_recipe.text.fit.batch == 4 and changed_recipe.audio == chosen.audio and chosen.text.fit.batch == 8


def test_the_score_is_of_dev_and_never_of_test():
    figures = {f"MELD dev {name}": 40.0 for name in MEASURES} | {f"MELD test {name}": 90.0 for name in MEASURES}
    assert search.dev_score("text", figures) == 40
    assert search.dev_score("text", figures | {f"RESD grouped {name}": 20.0 for name in MEASURES}) == 30
    assert search.dev_score("audio", dict.fromkeys(MEASURES, 12.0)) == 12


def test_the_command_searches_a_recipe_without_reading_the_test_split(small, folder, tmp_path, capsys):
    grid = grid_of(tmp_path, '"text.fit.epochs" = [1, 12]\n')
    command = ["search", str(small), "--grid", str(grid), "--method", "greedy", "--part", "text", "--data", str(folder)]
    assert cli.main([*command, "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr()
    assert "--set 'text.fit.epochs=12'" in printed.out and "trial 2 · best" in printed.err
    trials = [json.loads(line) for line in (tmp_path / "out" / "trials.jsonl").read_text().splitlines()]
    assert len(trials) == 2 and trials[1]["figures"]["MELD dev UAR"] > trials[0]["figures"]["MELD dev UAR"]
    assert not any("test" in name for trial in trials for name in trial["figures"])
    (folder / "meld_train.csv").unlink()  # finished trials need no data
    assert cli.main([*command, "--out", str(tmp_path / "out")]) == 0


def test_an_unknown_field_ends_the_command_with_one_sentence(small, tmp_path, capsys):
    grid = grid_of(tmp_path, '"text.fit.epoch" = [1]\n')
    command = ["search", str(small), "--grid", str(grid), "--method", "greedy", "--part", "text"]
    assert cli.main([*command, "--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "text.fit.epoch" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_on_a_terminal_the_table_is_drawn_in_place(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    stream, trial = Terminal(), search.Trial("k", {"a": 1}, 50.0, {}, 1.0)
    with search.SearchProgress(stream) as progress:
        progress.show([trial])
        before = stream.getvalue()
        progress.report("seed 0 fold 1")
        progress.show([trial, trial])
    assert "\x1b[1A" not in before and "1 trials" in before
    assert "\x1b[1A" in stream.getvalue() and "seed 0 fold 1" in stream.getvalue() and "2 trials" in stream.getvalue()
