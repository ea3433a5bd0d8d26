"""Published tables: every published rank comes out of the published values; ours stand beside them."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from small_runs import make_run

from bibier.errors import CorpusError
from bibier.soft_labels.local_model import Local
from train import __main__ as cli
from train.corpora.items import read_table
from train.evaluate import comparison, table
from train.evaluate.runs import write_run

RANKED = {"table6": 10, "table8": 13, "table10": 16}


@pytest.mark.parametrize("name", RANKED)
def test_the_published_ranks_come_out_of_the_published_values(name):
    published = comparison.read_published(comparison.find(name))
    assert len(published.systems) == RANKED[name]
    ranks = comparison.average_ranks(published.values)
    np.testing.assert_allclose(ranks, published.ranks, atol=0.005 + 1e-9)  # printed with two decimals


def test_thirty_nine_ranks_are_published():
    assert sum(RANKED.values()) == 39


def test_a_table_with_a_row_for_each_corpus_gives_a_system_one_line():
    published = comparison.read_published(comparison.find("table11"))
    assert published.columns == (("resd", "WAR"), ("resd", "WF1"), ("meld", "WAR"), ("meld", "WF1"))
    values = dict(zip(published.systems, published.values.tolist(), strict=True))
    assert values["Wav2Vec2.0- and Jina-v3-Mamba, BiFormer · AT"] == [83.93, 84.88, 64.64, 67.98]
    assert np.isnan(values["RoBERTa, Data2vec, Attention-based modality shifting fusion [146] · AT"][2])


def test_the_language_models_go_by_their_real_names():
    rows = read_table(comparison.find("table3"))
    assert len(rows) == 8
    assert [Local(row["name"]).model for row in rows] == [row["hub"] for row in rows]
    with pytest.raises(CorpusError, match="no figures"):
        comparison.read_published(comparison.find("table3"))


def rows_of(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]


def test_ours_stand_beside_the_published_and_are_ranked_with_them(tmp_path, capsys):
    write_run(tmp_path / "ours.json", make_run("Ours", skill=9))  # of MELD's test split, and better than all
    write_run(tmp_path / "dev.json", make_run("Dev", split="dev"))
    runs = [str(tmp_path / "ours.json"), str(tmp_path / "dev.json")]
    assert cli.main(["table", *runs, "--draws", "5", "--against", "table10"]) == 0
    printed = capsys.readouterr().out
    lines = {row[0]: row for row in rows_of(printed.split("| system | meld UAR")[1])}
    assert lines["**Ours**"][-1] == "1.00" and lines["**Ours**"][5] == "—"  # first in all it has; nothing of RESD
    assert lines["**Dev**"][-1] == "—" and "meld dev: left out" in printed
    first = lines["Wav2Vec2.0 · Mamba"]
    assert first[-2] == "14.50" and float(first[-1]) == 15.0  # one place down in MELD's four columns, none in RESD's


def test_the_comparison_in_the_other_formats(tmp_path, capsys):
    write_run(tmp_path / "ours.json", make_run("Ours"))
    printed = {}
    for form in ("csv", "json"):
        arguments = ["table", str(tmp_path / "ours.json"), "--draws", "5", "--format", form, "--against", "table6"]
        assert cli.main(arguments) == 0
        printed[form] = capsys.readouterr().out
    lines = list(csv.DictReader(io.StringIO(printed["csv"])))
    whole = json.loads(printed["json"])["against"]["figures"]
    assert [line["system"] for line in lines if line["source"] == "ours"] == ["Ours"] * 4
    assert [float(line["value"]) for line in lines] == [record["value"] for record in whole]


WRONG = {
    "no figures": ("system,rank\nA,1\n", "no figures"),
    "no system": ("meld_uar\n40\n", "no figures of systems"),
    "no rows": ("system,meld_uar\n", "no figures"),
    "a word for a figure": ("system,meld_uar\nA,high\n", "row 2, meld_uar.*'high'"),
    "a share for a per cent": ("system,meld_uar\nA,140\n", "row 2, meld_uar.*100"),
    "a system twice": ("system,meld_uar\nA,40\nA,41\n", "row 3.*'A'.*already"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_table_is_refused_by_its_row(tmp_path, name):
    text, message = WRONG[name]
    file = tmp_path / "published.csv"
    file.write_text(text)
    with pytest.raises(CorpusError, match=f"published.csv.*{message}"):
        comparison.read_published(file)


def test_a_table_that_is_not_there_names_those_that_are(capsys):
    with pytest.raises(CorpusError, match="table10, table11, table3, table6, table8"):
        comparison.find("table7")
    with pytest.raises(CorpusError, match=r"no such published table: gone.csv"):
        comparison.read_published(Path("gone.csv"))


def test_a_system_without_a_figure_has_no_rank():
    assert np.isnan(comparison.average_ranks(np.array([[np.nan, np.nan], [1.0, 2]]))).tolist() == [True, False]
    assert table.ranks is comparison.ranks
