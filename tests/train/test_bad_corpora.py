"""Corpora that must not be trained on: one recording in two places, one class, nobody's voice; each by file and row."""

import shutil

import pytest
import soundfile
from small_corpora import write_csv
from tiny import voice

from bibier.errors import CorpusError
from train.corpora import load
from train.corpora.duplicates import refuse_shared_recordings
from train.corpora.items import check_variety
from train.experiment import recipe, sources


@pytest.fixture
def clips(tmp_path):
    for number in range(4):
        soundfile.write(tmp_path / f"{number}.wav", voice(0.4, seed=number), 16_000)
    return tmp_path


def corpus(folder, name, *rows):
    columns = ("path", "label", "split", "speaker")
    write_csv(folder / name, [dict(zip(columns, row, strict=True)) for row in rows])
    return str(folder / name)


def source(small, folder, *names):
    listed = ", ".join(f'"{name}"' for name in names)
    return sources.audio_source(recipe.load(small, [f"audio.corpora = [{listed}]"]), folder)


def test_a_recording_of_two_corpora_is_refused(clips, small):
    shutil.copy(clips / "0.wav", clips / "copy.wav")
    one = corpus(clips, "one.csv", ("0.wav", "sad", "train", "a"), ("1.wav", "fear", "train", "b"))
    two = corpus(clips, "two.csv", ("2.wav", "sad", "train", "a"), ("copy.wav", "sad", "test", "c"))
    with pytest.raises(CorpusError, match=r"one\.csv, row 2 and two\.csv, row 3 are one recording in two corpora"):
        source(small, clips, one, two)


def test_a_recording_of_two_splits_or_labels_is_refused(clips):
    def items(*rows):
        return load.all_items(corpus(clips, "one.csv", *rows))

    train = items(("0.wav", "sad", "train", "a"))
    refuse_shared_recordings([*train, *train])  # the same row, read twice
    with pytest.raises(CorpusError, match=r"row 2 and one\.csv, row 2 are .* in two splits \(train, dev\)"):
        refuse_shared_recordings([*train, *items(("0.wav", "sad", "dev", "a"))])
    with pytest.raises(CorpusError, match=r"with two labels \(sad, fear\)"):
        refuse_shared_recordings([*train, *items(("0.wav", "fear", "train", "a"))])


def test_one_class_is_refused_and_one_speaker_or_none_is_said(clips, small):
    rows = [(f"{number}.wav", "sad", "train", f"{number}") for number in range(4)]
    with pytest.raises(CorpusError, match=r"every row is sad \(same\.csv, row 2 to same\.csv, row 5\)"):
        source(small, clips, corpus(clips, "same.csv", *rows))
    for speaker, message in (("anna", "one speaker alone, anna"), ("", "no speaker is named")):
        rows = [(f"{number}.wav", ("sad", "fear")[number % 2], "train", speaker) for number in range(4)]
        lines = []
        name = corpus(clips, "one.csv", *rows)
        check_variety(load.read(name), "speaker", lines.append)
        assert len(lines) == 1 and message in lines[0] and "one.csv, row 2 to one.csv, row 5" in lines[0]
        with pytest.raises(CorpusError, match=rf"3 folds need .*one\.csv, row 2: {speaker or 'none'}"):
            source(small, clips, name)


def test_a_manifest_without_splits_has_no_dev_split_and_is_said_to_have_none(clips):
    write_csv(clips / "list.csv", [{"path": "0.wav", "label": "sad"}, {"path": "1.wav", "label": "fear"}])
    with pytest.raises(CorpusError, match=r"list\.csv, row 2: no split is named"):
        load.read(str(clips / "list.csv"), split="dev")
    for split in ("train", "test"):
        lines = []
        assert len(load.read(str(clips / "list.csv"), split=split, report=lines.append)) == 2
        assert any(f"all of it is taken as {split}" in line for line in lines)
