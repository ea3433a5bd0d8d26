"""Datasets → clips: the bytes stay as they are, labels get their names, all rows or none."""

import numpy as np
import pytest
import soundfile

from bibier.annotation.ingest import add_dataset, add_manifest, add_place
from bibier.annotation.state import MOST_TEXT
from bibier.annotation.store import Store
from bibier.errors import InputError
from bibier.files import sha256

datasets = pytest.importorskip("datasets")
NAMES = ["sadness", "joy"]


@pytest.fixture
def place(tmp_path):
    store = Store(f"sqlite:///{tmp_path}/a.db")
    store.project("p")
    files = [tmp_path / f"{i}.flac" for i in range(3)]
    for i, file in enumerate(files):
        soundfile.write(file, np.full(1600, i / 10), 16000)
    yield store, files, tmp_path
    store.close()


def made(files):
    columns = {"speech": [str(file) for file in files], "sentence": ["да", "", "x"]}
    columns |= {"emotion": [0, 1, -1], "n": [1, 2, 3]}
    dataset = datasets.Dataset.from_dict(columns).cast_column("speech", datasets.Audio())
    return dataset.cast_column("emotion", datasets.ClassLabel(names=NAMES))


@pytest.mark.parametrize("way", ["memory", "disk", "splits", "parquet"])
def test_a_dataset_is_taken_in_whole_and_twice_doubles_nothing(place, way):
    store, files, folder = place
    dataset, goal = made(files), folder / "dataset"
    if way == "disk":
        dataset.save_to_disk(goal)
    elif way == "splits":
        datasets.DatasetDict(train=dataset.select([0]), test=dataset.select([1, 2])).save_to_disk(goal)
    elif way == "parquet":
        goal.mkdir()
        dataset.to_parquet(goal / "data.parquet")
    for new in (3, 0):
        if way == "memory":
            assert add_dataset(store, "p", dataset, folder / "media") == new
        else:
            assert add_place(store, "p", str(goal), folder / "media") == new
    clips = {clip.sha256: clip for clip in store.clips("p")}
    assert set(clips) == {sha256(file) for file in files}  # undecoded
    first, second, third = (clips[sha256(file)] for file in files)
    assert (first.text, first.label, first.extra) == ("да", "sad", {"n": 1})
    assert (second.label, third.label) == ("happy", None)
    assert all(sha256(folder / "media" / f"{name}.flac") == name for name in clips)


def test_a_dataset_that_does_not_fit_adds_nothing(place):
    store, files, folder = place
    mute = datasets.Dataset.from_dict({"text": ["a"]})
    with pytest.raises(InputError, match="no audio column.*text"):
        add_dataset(store, "p", mute, folder / "media")
    bored = datasets.Dataset.from_dict({"audio": [str(files[0])], "label": ["bored"]})
    with pytest.raises(InputError, match="Row 1.*bored"):
        add_dataset(store, "p", bored.cast_column("audio", datasets.Audio()), folder / "media")
    files[1].unlink()
    with pytest.raises(InputError, match="1 rows.*Row 2"):
        add_dataset(store, "p", made(files), folder / "media")
    assert store.clips("p") == []


def test_a_broken_or_absent_place_is_said_in_words(place):
    store, _, folder = place
    (folder / "x.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(InputError, match="can't be read"):
        add_place(store, "p", str(folder / "x.parquet"), folder / "media")
    with pytest.raises(InputError, match="--download"):
        add_place(store, "p", "somebody/dataset", folder / "media")


def described(files, **columns):
    columns = {"audio": [str(file) for file in files], **columns}
    return datasets.Dataset.from_dict(columns).cast_column("audio", datasets.Audio())


def test_columns_are_found_whatever_their_case(place):
    store, files, folder = place
    dataset = described(files[:1], Emotion=["joy"], Transcript=["да"], Lang=["ru"])
    assert add_dataset(store, "p", dataset, folder / "media") == 1
    (clip,) = store.clips("p")
    assert (clip.label, clip.text, clip.language, clip.extra) == ("happy", "да", "ru", {})


def test_a_recording_twice_with_two_labels_is_refused_and_named(place):
    store, files, folder = place
    twice = [files[0], files[1], files[0]]
    with pytest.raises(InputError, match="Row 3: the recording is there twice.*in row 1"):
        add_dataset(store, "p", described(twice, label=["joy", "sad", "sad"]), folder / "media")
    assert not list((folder / "media").iterdir()), "a refused dataset leaves a copy of a recording"
    assert add_dataset(store, "p", described(twice, label=["joy", "sad", "joy"]), folder / "media") == 2
    assert sorted(str(file) for file in (folder / "media").iterdir()) == sorted(clip.path for clip in store.clips("p"))


def test_labels_of_another_naming_are_read_by_a_file(place):
    store, files, folder = place
    dataset = described(files, label=["exc", "boredom", "Sad"])
    with pytest.raises(InputError, match="2 rows.*Row 1.*exc.*--labels FILE.toml"):
        add_dataset(store, "p", dataset, folder / "media")
    (folder / "labels.toml").write_text('happy = ["exc"]\nnone = ["boredom"]\n')
    assert add_dataset(store, "p", dataset, folder / "media", labels=folder / "labels.toml") == 3
    assert [clip.label for clip in store.clips("p")] == ["happy", None, "sad"]
    (folder / "labels.toml").write_text('bored = ["exc"]\n')
    with pytest.raises(InputError, match=r"labels\.toml: unknown emotion 'bored'"):
        add_dataset(store, "p", dataset, folder / "media", labels=folder / "labels.toml")


def test_words_that_no_visitor_could_be_sent_are_refused(place):
    """A cell of 200 MB came in, and each opening of the project was an answer of 200 MB."""
    store, _, folder = place
    table = folder / "list.csv"
    table.write_text(f"path,text\n0.flac,{'x' * MOST_TEXT}\n")
    assert add_manifest(store, "p", table) == 1
    for columns, cells in (("text", "x" * (MOST_TEXT + 1)), ("text,more", f"x,{'y' * MOST_TEXT}")):
        table.write_text(f"path,{columns}\n0.flac,{cells}\n")
        with pytest.raises(InputError, match="Nothing was added.*0.flac"):
            add_manifest(store, "q", table)
    assert "q" not in store.projects()
