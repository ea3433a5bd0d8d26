"""The benchmark of temporal encoders: what is left out, and a table of those that were run."""

import small_corpora

from benchmarks import temporal
from train.evaluate import generalisation
from train.experiment import recipe, sources
from train.experiment.left_out import left_out

CHANGES = ['audio.corpora=["ravdess", "nemo"]', 'audio.encoder.temporal="lstm"']


def test_a_corpus_and_the_first_fold_s_speakers_are_left_out_and_the_table_has_them(small, tmp_path):
    data = small_corpora.make(tmp_path / "data")
    small_corpora.make_voices(data, "nemo", ("anger", "sad"))
    chosen = recipe.load(small, CHANGES)
    source = sources.audio_source(chosen, data)
    fold = temporal.split(source)
    trained = [source.items[row] for row in fold.train]
    assert {item.corpus for item in trained} == {"ravdess"}
    assert not {item.speaker for item in trained} & {source.items[row].speaker for row in source.folds[0]}
    assert sorted([*fold.train, *fold.test]) == list(range(len(source.items)))
    judged = left_out(chosen, source, "audio", [fold], (0,))
    figures = generalisation.figures(judged, temporal.KIND, draws=10)
    table = temporal.markdown({"lstm": figures, "mamba": figures}, {"lstm": 1234, "mamba": 5})
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
    assert "nemo, left out" in rows[0] and len({len(row) for row in rows}) == 1
    assert rows[2][:3] == ["LSTM", "1,234", "0"] and rows[2][-1] == rows[3][-1] == "1.00"  # ties share the first rank


def test_all_four_of_the_paper_can_be_set_in_the_embedded_recipe():
    encoders = [recipe.load(temporal.RECIPE, temporal.changes(name)).audio.encoder for name in temporal.ENCODERS]
    assert [encoder.temporal for encoder in encoders] == ["mamba", "lstm", "xlstm", "transformer"]
    assert {encoder.dim for encoder in encoders} == {64}
