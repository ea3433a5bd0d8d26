"""What a branch is fitted on: the rows of an epoch, merged or balanced, and the weights of their classes."""

import json

import numpy as np
import pytest

from bibier.errors import CorpusError
from train.experiment import recipe, sources


def test_merged_rows_are_trained_on_anew_in_every_epoch_and_logged(small, folder, tmp_path):
    """SDS by the recipe: chains of one label and corpus, drawn among the rows of the fit alone."""
    changes = ["audio.merge = {probability = 1.0, seconds = 2.0}", "text.merge = {probability = 1.0, seconds = 3.0}"]
    chosen = recipe.load(small, changes)
    for source, part in (
        (sources.audio_source(chosen, folder), chosen.audio),
        (sources.text_source(chosen, folder), chosen.text),
    ):
        rows, log = source.all_but(0), tmp_path / "log.jsonl"
        epochs = source.epochs(part, rows, 0, log=log)
        (raw, targets), _ = epochs(0), epochs(1)
        assert len(raw) == len(rows) == len(targets)
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        assert {line["epoch"] for line in lines} == {0, 1}
        labels = {item.id: (item.label, item.corpus) for item in source.items}
        inside = {source.items[row].id for row in rows}
        assert all(len({labels[name] for name in line["parts"]}) == 1 for line in lines)
        assert all(set(line["parts"]) <= inside for line in lines)
        orders = [[line["parts"] for line in lines if line["epoch"] == epoch] for epoch in (0, 1)]
        assert part is chosen.audio or orders[0] != orders[1]  # of the clips there are only two of a label
        lengths = {item.id: len(part) for item, part in zip(source.items, source.raw, strict=True)}
        first = {line["row"]: line for line in lines if line["epoch"] == 0}
        for row, joined in zip(rows, raw, strict=True):
            if line := first.get(source.items[row].id):
                assert len(joined) == sum(lengths[name] for name in line["parts"])
        log.unlink()


def test_balanced_corpora_count_the_same(small, folder):
    chosen = recipe.load(small, ["text.balance = true", 'text.corpora = ["meld", "resd"]'])
    source = sources.text_source(chosen, folder)
    rows = source.all_but()
    names = {id(raw): item.corpus for raw, item in zip(source.raw, source.items, strict=True)}
    drawn = [names[id(raw)] for epoch in range(40) for raw in source.epochs(chosen.text, rows, 0)(epoch)[0]]
    assert drawn.count("meld") / len(drawn) == pytest.approx(0.5, abs=0.03)


def test_merged_clips_without_sound_cannot_be_transcribed(small, folder):
    chosen = recipe.load(small, ['text.merge = {text = "transcribe"}'])
    with pytest.raises(CorpusError, match="no sound to transcribe"):
        sources.text_source(chosen, folder)


def test_each_corpus_has_class_weights_of_its_own(small, folder):
    chosen = recipe.load(small)
    source = sources.text_source(chosen, folder)
    weighted = sources.weighted_targets(chosen, source)
    corpus = np.array([item.corpus for item in source.items])
    for name in ("meld", "resd"):
        np.testing.assert_allclose(weighted[corpus == name].sum(0), (corpus == name).sum() / 7, rtol=1e-5)
