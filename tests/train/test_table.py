"""Runs and tables: round trips, ranks as published, intervals over speakers, refusals that name file and row."""

import csv
import io
import json
import re

import numpy as np
import pytest
from scipy.stats import rankdata
from small_runs import N, make_run

from bibier.errors import CorpusError
from bibier.labels import EMOTIONS
from train import __main__ as cli
from train.evaluate import table
from train.evaluate.runs import Row, Run, read_run, write_run
from train.metrics import MEASURES, scores


def compared(*runs: Run, draws=50) -> table.ResultsTable:
    return table.make({f"{i}.json": run for i, run in enumerate(runs)}, draws=draws)


@pytest.mark.parametrize("name", ["run.json", "run.jsonl"])
def test_a_run_reads_back_as_it_was_written(tmp_path, name):
    run = make_run(system="Би|Former")
    write_run(tmp_path / "new" / name, run)
    assert read_run(tmp_path / "new" / name) == run
    assert [file.name for file in (tmp_path / "new").iterdir()] == [name]  # no half-written file is left


def test_the_order_of_labels_in_a_file_does_not_matter(tmp_path):
    run = make_run()
    shuffled = [
        Row(row.id, row.speaker, row.label, dict(sorted(row.probabilities.items(), reverse=True))) for row in run.rows
    ]
    write_run(tmp_path / "a.json", Run(run.system, run.seed, run.corpus, run.split, tuple(shuffled)))
    assert list(json.loads((tmp_path / "a.json").read_text())["rows"][0]["probabilities"]) == list(EMOTIONS)[::-1]
    np.testing.assert_array_equal(
        read_run(tmp_path / "a.json").predictions().probabilities, run.predictions().probabilities
    )


def spoilt(change) -> str:
    run = make_run(n=3)
    whole = {"system": run.system, "seed": run.seed, "corpus": run.corpus, "split": run.split}
    whole["rows"] = [
        {"id": r.id, "speaker": r.speaker, "label": r.label, "probabilities": dict(r.probabilities)} for r in run.rows
    ]
    change(whole)
    return json.dumps(whole)


SPOILT = {
    "no system": (lambda w: w.pop("system"), "'system'"),
    "a strange field": (lambda w: w.update(epoch=3), "'epoch'"),
    "seed as text": (lambda w: w.update(seed="one"), "seed.*whole number"),
    "no rows": (lambda w: w.update(rows=[]), "no rows"),
    "rows that are none": (lambda w: w.update(rows={}), "list `rows`"),
    "no label": (lambda w: w["rows"][1].pop("label"), "row 2.*'label'"),
    "an unknown label": (lambda w: w["rows"][1].update(label="bored"), "row 2.*'bored'"),
    "an id twice": (lambda w: w["rows"][2].update(id="dia0_utt0"), "row 3.*row 1"),
    "a list of numbers": (lambda w: w["rows"][0].update(probabilities=[1, 0, 0, 0, 0, 0, 0]), "row 1.*names"),
    "one emotion short": (lambda w: w["rows"][0]["probabilities"].pop("fear"), "row 1.*fear"),
    "one too many": (lambda w: w["rows"][0]["probabilities"].update(calm=0.0), "row 1.*'calm'"),
    "not a number": (lambda w: w["rows"][2]["probabilities"].update(sad=float("nan")), "row 3.*sad.*nan"),
    "negative": (lambda w: w["rows"][2]["probabilities"].update(sad=-0.1), "row 3.*sad.*-0.1"),
    "sums to 0.9": (
        lambda w: w["rows"][1].update(probabilities=dict.fromkeys(EMOTIONS, 0.9 / 7)),
        "row 2.*sum to 0.9000.*normalise",
    ),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_run_is_refused_by_file_and_row(tmp_path, name):
    change, message = SPOILT[name]
    (tmp_path / "bad.json").write_text(spoilt(change))
    with pytest.raises(CorpusError, match=f"bad.json.*{message}"):
        read_run(tmp_path / "bad.json")


def test_a_run_that_was_cut_off_is_refused_by_its_line(tmp_path):
    write_run(tmp_path / "run.jsonl", make_run(n=5))
    text = (tmp_path / "run.jsonl").read_text()
    (tmp_path / "run.jsonl").write_text(text[:-40])
    with pytest.raises(CorpusError, match=r"run.jsonl, line 6.*written to its end"):
        read_run(tmp_path / "run.jsonl")


def test_a_run_that_is_not_there_or_empty(tmp_path, capsys):
    assert cli.main(["table", str(tmp_path / "gone.json")]) == 2
    assert "gone.json" in capsys.readouterr().err
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(CorpusError, match="empty.jsonl"):
        read_run(tmp_path / "empty.jsonl")


def test_nothing_is_written_that_could_not_be_read_back(tmp_path):
    run = make_run(n=2)
    broken = Run(run.system, run.seed, run.corpus, run.split, (run.rows[0], run.rows[0]))
    with pytest.raises(CorpusError, match="row 2"):
        write_run(tmp_path / "run.json", broken)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    with pytest.raises(CorpusError, match="run.json can't be written"):
        write_run(tmp_path / "file" / "run.json", make_run())
    write_run(tmp_path / "run.json", make_run())
    assert cli.main(["table", str(tmp_path / "run.json"), "--draws", "9", "--out", str(tmp_path / "file")]) == 2
    assert "file can't be written" in capsys.readouterr().err


def test_a_line_separator_within_an_id_is_no_new_line(tmp_path):
    run = make_run(n=1)
    strange = Run(run.system, 0, "meld", "test", (Row("a\u2028b", None, "sad", run.rows[0].probabilities),))
    write_run(tmp_path / "run.jsonl", strange)
    assert read_run(tmp_path / "run.jsonl") == strange


def test_ties_get_the_smallest_rank():
    values = np.array([[30.0, 10], [40, 10], [40, 20], [50, 5]])
    assert table.ranks(values).tolist() == [[4, 2], [2, 2], [2, 1], [1, 4]]
    assert table.average_ranks(values).tolist() == [3, 2, 1.5, 2.5]


def test_ranks_equal_scipy_s_minimum_ranks():
    values = np.random.default_rng(0).integers(0, 6, (9, 8)).astype(float)
    assert (table.ranks(values) == rankdata(-values, method="min", axis=0)).all()
    assert (table.ranks(values) != rankdata(-values, method="average", axis=0)).any()


def test_a_missing_measure_has_no_rank_and_moves_nobody():
    values = np.array([[30.0, np.nan], [40, 10], [20, 20]])
    assert table.average_ranks(values).tolist() == [2, 1.5, 2]


def test_a_row_is_the_mean_over_its_seeds():
    runs = [make_run(seed=seed) for seed in (2, 0, 1)]
    cell = compared(*runs).systems["A"]["meld", "test"]
    each = [scores(run.predictions().truth, run.predictions().probabilities) for run in runs]
    assert cell.seeds == (0, 1, 2) and cell.utterances == N and cell.groups == 9 and cell.without_speaker == 0
    for name in MEASURES:
        values = [found[name] for found in each]
        figure = cell.figures[name]
        assert figure.mean == pytest.approx(np.mean(values)) and figure.sd == pytest.approx(np.std(values, ddof=1))
        assert figure.low < figure.mean < figure.high
    assert cell.counts.sum() == 3 * N


def test_systems_are_ranked_over_all_corpora_that_they_have():
    runs = [make_run("good", skill=2.5), make_run("bad", skill=0.2), make_run("good", corpus="resd", skill=2.5)]
    comparison = compared(*runs)
    assert comparison.places == (("meld", "test"), ("resd", "test"))
    assert comparison.average_rank == {"good": 1.0, "bad": 2.0}
    assert [figure.rank for figure in comparison.systems["bad"]["meld", "test"].figures.values()] == [2, 2, 2, 2]
    assert "| — |" in table.markdown(comparison)


def test_equal_systems_share_the_first_rank():
    comparison = compared(make_run("one"), make_run("two"), make_run("three", skill=0.1))
    assert comparison.average_rank == {"one": 1.0, "two": 1.0, "three": 3.0}


def test_without_speakers_the_interval_is_by_utterance_and_says_so():
    comparison = compared(make_run(speakers=False))
    assert comparison.systems["A"]["meld", "test"].groups == N
    assert any("by utterance" in note for note in comparison.notes)
    assert not any("by utterance" in note for note in compared(make_run()).notes)


def test_the_table_says_when_systems_saw_different_utterances_or_seeds():
    notes = " ".join(compared(make_run("A"), make_run("A", 1), make_run("B", n=N - 1)).notes)
    assert "same utterances" in notes and "seeds differs (A 2, B 1)" in notes


def test_the_same_run_twice_and_contradicting_labels_are_refused():
    with pytest.raises(CorpusError, match=r"1.json and 0.json.*seed 0.*meld test"):
        compared(make_run(), make_run())
    second_run = make_run("B")
    flipped = Row(
        "dia0_utt0",
        None,
        EMOTIONS[(EMOTIONS.index(second_run.rows[0].label) + 1) % 7],
        second_run.rows[0].probabilities,
    )
    with pytest.raises(CorpusError, match=r"1.json.*dia0_utt0.*0.json"):
        compared(make_run(), Run("B", 0, "meld", "test", (flipped, *second_run.rows[1:])))


@pytest.fixture
def files(tmp_path) -> list[str]:
    paths = []
    for system, seed, ending in (("Mamba", 0, "json"), ("Mamba", 1, "jsonl"), ("LSTM + WPF", 0, "json")):
        paths.append(tmp_path / f"{system}{seed}.{ending}")
        write_run(paths[-1], make_run(system, seed, skill=2.0 if system == "Mamba" else 0.5))
    return [str(path) for path in paths]


def test_the_command_prints_the_table_and_writes_it_with_pictures(files, tmp_path, capsys):
    out = tmp_path / "out"
    assert cli.main(["table", *files, "--draws", "50", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert (out / "table.md").read_text() == printed
    lines = [line for line in printed.splitlines() if line.startswith("|")]
    assert len(lines) == 4 and len({line.count("|") for line in lines}) == 1
    assert lines[2].startswith("| Mamba | 2 | **") and lines[2].endswith("| 1.00 |") and lines[3].endswith("| 2.00 |")
    pictures = sorted(file.name for file in out.glob("*.png"))
    assert pictures == ["confusion-LSTM_+_WPF-meld-test.png", "confusion-Mamba-meld-test.png"]
    assert (out / pictures[0]).read_bytes().startswith(b"\x89PNG")


def test_all_formats_hold_the_same_figures(files, tmp_path, capsys):
    collected = {}
    for form in ("csv", "json"):
        assert cli.main(["table", *files, "--draws", "50", "--format", form]) == 0
        collected[form] = capsys.readouterr().out
    rows = list(csv.DictReader(io.StringIO(collected["csv"])))
    whole = json.loads(collected["json"])
    assert len(rows) == 2 * len(MEASURES)
    assert [float(row["mean"]) for row in rows] == [row["mean"] for row in whole["figures"]]
    assert sum(sum(row.values()) for row in whole["confusion"][0]["counts"].values()) == 2 * N
    assert list(whole["confusion"][0]["counts"]["sad"]) == list(EMOTIONS)


def test_a_picture_carries_every_count_and_empty_rows_stay_empty(tmp_path):
    from train.evaluate.confusion_matrix import draw_confusion

    counts = np.arange(49).reshape(7, 7) + 1000
    counts[2] = 0
    draw_confusion(counts, "title", tmp_path / "a.svg")
    draw_confusion(counts, "title", tmp_path / "b.svg")
    text = (tmp_path / "a.svg").read_text()
    shown = set(re.findall(r"<!-- (.*?) -->", text, re.S))  # matplotlib notes each text that it draws
    words = {word for line in shown for word in line.split()}
    assert {str(n) for n in counts[counts > 0]} | set(EMOTIONS) <= words and "1014" not in words
    assert text == (tmp_path / "b.svg").read_text()  # nothing but the counts decides the file


def test_several_matrices_stand_in_one_picture(tmp_path):
    from train.evaluate.confusion_matrix import draw_confusions

    tables = {name: np.full((7, 7), 100 + number) for number, name in enumerate(("nemo", "urdu"))}
    draw_confusions(tables, "left out", tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text()
    assert {"nemo", "urdu", "left out"} <= set(re.findall(r"<!-- (.*?) -->", text)) and "100" in text and "101" in text


def test_no_draws_are_refused(files, capsys):
    assert cli.main(["table", *files, "--draws", "0"]) == 2
    assert "0 draws" in capsys.readouterr().err
