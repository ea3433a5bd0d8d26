"""Evaluation: what the app gives, of one modality too, and what `table` reads of it."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from small_corpora import WORDS, write_csv

from bibier.checkpoint import bundle
from bibier.checkpoint.bundle import Bundle, BundleConfig, load
from bibier.inference.predictor import Predictor
from train import __main__ as cli


def write_rows(folder: Path, manifest: Path, count: int) -> list[dict[str, str]]:
    """Write so many clips of the small corpus, each with words and a label, every label in turn."""
    clips = sorted((folder / "ravdess").rglob("*.wav"))[:count]
    labels = itertools.cycle(WORDS.items())
    rows = [
        {"path": str(clip), "text": f"{word} it", "label": label}
        for clip, (label, word) in zip(clips, labels, strict=False)
    ]
    assert len(rows) == count
    write_csv(manifest, rows)
    return rows


def test_evaluation_and_the_predictor_agree(fitted, folder, tmp_path, capsys):
    """The batched evaluation must give what the app gives, item by item."""
    rows = write_rows(folder, tmp_path / "both.csv", len(WORDS))
    capsys.readouterr()
    assert cli.main(["evaluate", str(fitted), "--corpus", str(tmp_path / "both.csv"), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    predictor = Predictor(load(fitted))
    for branch in ("audio", "text", "bimodal"):
        losses = [
            -np.log(getattr(predictor(row["path"], row["text"]), branch).probabilities[row["label"]]) for row in rows
        ]
        assert figures[branch]["soft_cross_entropy"] == pytest.approx(np.mean(losses), abs=1e-4)


@pytest.fixture
def single(tiny_bundle, tmp_path):
    """Checkpoints of one modality each, as published weights give them."""
    folders = {}
    for modality in ("audio", "text"):
        parts = {
            f"{modality}_{part}": getattr(tiny_bundle.config, f"{modality}_{part}") for part in ("features", "encoder")
        }
        folders[modality] = bundle.save(Bundle(BundleConfig(name=modality, **parts)), tmp_path / modality, "# one\n")
    return folders


def test_a_checkpoint_of_one_modality_is_evaluated_by_what_it_has(single, folder, tmp_path, capsys):
    write_rows(folder, tmp_path / "both.csv", len(WORDS))
    for modality, missing in (("audio", "text"), ("text", "audio")):
        command = ["evaluate", str(single[modality]), "--corpus", str(tmp_path / "both.csv")]
        assert cli.main([*command, "--json"]) == 0
        figures = json.loads(capsys.readouterr().out)
        assert figures[modality]["n"] == 7 and figures[missing] is None and figures["bimodal"] is None
        assert cli.main(command) == 0
        assert capsys.readouterr().out.count("the checkpoint has nothing for it") == 2
    assert cli.main(["evaluate", str(single["audio"]), "--corpus", "meld", "--data", str(folder)]) == 2
    assert "this checkpoint needs clips, and the corpus has none" in capsys.readouterr().err


def test_what_evaluate_saves_is_what_table_reads(single, tiny_bundle, folder, tmp_path, capsys):
    write_rows(folder, tmp_path / "both.csv", 2 * len(WORDS))
    whole = bundle.save(tiny_bundle, tmp_path / "whole", "# whole\n")
    command = ["--corpus", str(tmp_path / "both.csv"), "--split", "test"]
    saved = [tmp_path / "voice.json", tmp_path / "both.jsonl", tmp_path / "words.jsonl"]
    assert cli.main(["evaluate", str(single["audio"]), *command, "--json", "--save-run", str(saved[0])]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert cli.main(["evaluate", str(whole), *command, "--system", "compact", "--save-run", str(saved[1])]) == 0
    assert cli.main(["evaluate", str(whole), *command, "--branch", "text", "--save-run", str(saved[2])]) == 0
    capsys.readouterr()
    assert cli.main(["table", *map(str, saved), "--draws", "20", "--format", "json"]) == 0
    records = json.loads(capsys.readouterr().out)["figures"]
    assert {record["system"] for record in records} == {"audio, audio", "compact", f"{tiny_bundle.config.name}, text"}
    assert {(record["corpus"], record["split"], record["utterances"]) for record in records} == {("both", "test", 14)}
    means = {record["measure"]: record["mean"] for record in records if record["system"] == "audio, audio"}
    assert means == pytest.approx({name: figures["audio"][name] for name in means})
    assert cli.main(["evaluate", str(single["audio"]), *command, "--branch", "text", "--save-run", str(saved[0])]) == 2
    assert "text judged nothing" in capsys.readouterr().err
