"""Corpora: the layouts, the manifest, splits and folds, and what is said of every bad input."""

import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from small_corpora import write_csv
from tiny import voice

from bibier.errors import CorpusError
from bibier.labels import EMOTIONS
from train.corpora import layouts, load

DATA = Path(os.environ.get("BIBIER_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
real = pytest.mark.skipif(not (DATA / "text").is_dir(), reason="the real corpora are not here")

# Published counts in the order neutral, happy, surprise, anger, sad, disgust, fear.
MELD_ORDER = ("neutral", "happy", "surprise", "anger", "sad", "disgust", "fear")
MELD = {
    "train": (4710, 1743, 1205, 1109, 683, 271, 268),
    "dev": (470, 163, 150, 153, 111, 22, 40),
    "test": (1256, 402, 281, 345, 208, 68, 50),
}
RESD = {"fear": 178, "anger": 175, "happy": 174, "surprise": 158, "neutral": 153, "disgust": 148, "sad": 130}


def labels(items) -> Counter:
    return Counter(EMOTIONS[item.label] for item in items)


def clip(path: Path, seconds: float = 0.3) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, voice(seconds), 16_000)
    return path


@pytest.mark.corpora
@real
@pytest.mark.parametrize("split", MELD)
def test_meld_has_its_published_counts(split):
    items = labels(load.read("meld", DATA, split, need="text"))
    assert items == dict(zip(MELD_ORDER, MELD[split], strict=True))


@pytest.mark.corpora
@real
def test_resd_has_its_published_counts_and_fifty_dialogues():
    items = load.read("resd", DATA, "train", need="text")
    assert labels(items) == RESD
    assert len({item.dialogue for item in items}) == 50


def test_no_actor_and_no_dialogue_is_on_both_sides(folder):
    for corpus, by, count in (("ravdess", "speaker", 3), ("resd", "dialogue", 5)):
        items = load.read(corpus, folder, "train")
        parts = load.folds(items, count, by)
        assert sorted(np.concatenate(parts)) == list(range(len(items)))
        groups = [{getattr(items[i], by) for i in part} for part in parts]
        assert sum(map(len, groups)) == len(set.union(*groups))


def test_ravdess_test_split_is_the_actors_never_trained_on(folder):
    assert {item.speaker for item in load.read("ravdess", folder, "test")} == {"ravdess/21"}
    assert not any(item.speaker == "ravdess/21" for item in load.read("ravdess", folder, "train"))


def test_ravdess_is_found_by_its_names_where_it_has_no_folder(folder):
    assert len(load.read("ravdess", folder / "ravdess", "all")) == 28


def test_every_corpus_weighs_the_same_in_a_balanced_draw():
    names = ["large"] * 9000 + ["small"] * 1000
    drawn = load.balanced(names, torch.Generator().manual_seed(0))
    assert len(drawn) == 10_000
    assert (drawn >= 9000).float().mean() == pytest.approx(0.5, abs=0.02)
    assert torch.equal(drawn, load.balanced(names, torch.Generator().manual_seed(0)))


IEMOCAP_SHEET = """% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]

[6.2901 - 8.2357]\t{turn}_F000\tneu\t[2.5000, 2.5000, 2.5000]
C-E2:\tNeutral;\t()
[10.01 - 11.39]\t{turn}_M000\texc\t[4.0000, 3.0000, 3.0000]
[12.01 - 13.39]\t{turn}_F001\thap\t[4.0000, 3.0000, 3.0000]
[14.01 - 15.39]\t{turn}_M001\txxx\t[3.0000, 3.0000, 3.0000]
[16.01 - 17.39]\t{turn}_F002\tfru\t[2.0000, 3.0000, 3.0000]
[18.01 - 19.39]\t{turn}_M002\tang\t[2.0000, 3.0000, 3.0000]
[20.01 - 21.39]\t{turn}_F003\tsad\t[2.0000, 3.0000, 3.0000]
"""


def test_iemocap_is_four_classes_with_session_5_as_the_test(tmp_path):
    for session in (1, 5):
        root, turn = tmp_path / "IEMOCAP_full_release" / f"Session{session}", f"Ses0{session}F_impro01"
        dialog = root / "dialog"
        (dialog / "EmoEvaluation" / "Categorical").mkdir(parents=True)
        (dialog / "transcriptions").mkdir()
        (dialog / "EmoEvaluation" / f"{turn}.txt").write_text(IEMOCAP_SHEET.format(turn=turn))
        (dialog / "EmoEvaluation" / f"._{turn}.txt").write_text("archive rubbish")
        turns = [f"{turn}_{who}" for who in ("F000", "M000", "F001", "M001", "F002", "M002", "F003")]
        lines = [f"{name} [006.2901-008.2357]: Said {name}." for name in turns]
        (dialog / "transcriptions" / f"{turn}.txt").write_text("\n".join(lines))
        for name in turns:
            clip(root / "sentences" / "wav" / turn / f"{name}.wav", 0.1)
    items = load.read("iemocap", tmp_path)
    assert labels(items) == {"neutral": 2, "happy": 4, "anger": 2, "sad": 2}
    test = load.read("iemocap", tmp_path, "test")
    assert {item.id.split("/")[1][:5] for item in test} == {"Ses05"}
    man = next(item for item in test if item.id.endswith("M000"))
    assert man.speaker == "iemocap/5M" and man.dialogue == "iemocap/Ses05F_impro01"
    assert man.text == "Said Ses05F_impro01_M000." and EMOTIONS[man.label] == "happy"


def test_esd_has_two_languages_and_keeps_surprise(tmp_path):
    for speaker, encoding in (("0001", "gb18030"), ("0011", "utf-8")):
        rows = []
        for number, (emotion, part) in enumerate(
            (("Angry", "train"), ("Surprise", "evaluation"), ("Sad", "test"), ("Happy", "train"), ("Neutral", "train"))
        ):
            name = f"{speaker}_{number:06d}"
            clip(tmp_path / speaker / emotion / part / f"{name}.wav", 0.1)
            rows.append(f"{name}\t{'打远一看' if speaker == '0001' else 'The nine, the eggs'}\t{emotion}")
        (tmp_path / speaker / f"{speaker}.txt").write_text("\n".join(rows), encoding=encoding)
    items = load.read("esd", tmp_path)
    assert labels(items) == {"anger": 2, "surprise": 2, "sad": 2, "happy": 2, "neutral": 2}
    assert {(item.speaker, item.language, item.text) for item in items} == {
        ("esd/0001", "zh", "打远一看"),
        ("esd/0011", "en", "The nine, the eggs"),
    }
    assert labels(load.read("esd", tmp_path, "dev")) == {"surprise": 2}
    assert labels(load.read("esd", tmp_path, "test")) == {"sad": 2}
    with (tmp_path / "0011" / "0011.txt").open("a", encoding="utf-8") as file:
        file.write("\n0011_000999\tGone.\tSad\n")
    with pytest.raises(CorpusError, match="0011_000999.wav is missing"):
        load.read("esd", tmp_path)


def saved_resd(tmp_path: Path):
    """RESD as the Hub keeps it: clips as bytes in a column."""
    import pyarrow
    from datasets import Audio, Dataset, DatasetDict, DatasetInfo, Features, Value

    text = Value("string")
    features = Features(
        {"name": text, "path": text, "emotion": text, "speech": Audio(decode=False, sampling_rate=16_000), "text": text}
    )
    parts = {}
    for split, emotions in (("train", ("happiness", "enthusiasm", "fear")), ("test", ("sadness",))):
        rows = []
        for number, emotion in enumerate(emotions):
            name = f"{number:02d}_{emotion}_anger_h_010"
            sound = clip(tmp_path / "source" / f"{name}.wav").read_bytes()
            speech = {"bytes": sound, "path": f"{name}.wav"}
            rows.append({"name": name, "path": f"x/{name}.wav", "emotion": emotion, "speech": speech, "text": "да"})
        # Not Dataset.from_list: to encode a sound it wants torchcodec, which bytes don't need.
        cells = pyarrow.Table.from_pylist(rows, schema=features.arrow_schema)
        parts[split] = Dataset(cells, info=DatasetInfo(features=features))
    return DatasetDict(parts)


def test_clips_of_another_version_are_not_taken_for_these(tmp_path, monkeypatch):
    """Of one name and one size: the content decides the name in the cache."""
    first, second = (layouts._written(content, tmp_path, "01_anger", ".wav") for content in (b"one", b"two"))
    assert first.read_bytes() == b"one" and second.read_bytes() == b"two"
    assert layouts._written(b"one", tmp_path, "01_anger", ".wav") == first and first.name.startswith("01_anger-")


@pytest.mark.parametrize("kept", ["save_to_disk", "parquet"])
def test_resd_is_read_from_a_saved_dataset(tmp_path, kept, monkeypatch):
    monkeypatch.setattr(layouts, "CLIPS", tmp_path / "cache")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "hf"))
    saved, folder = saved_resd(tmp_path), tmp_path / "data" / "resd"
    if kept == "save_to_disk":
        saved.save_to_disk(str(folder))
    else:
        for split, rows in saved.items():
            (folder / "data").mkdir(parents=True, exist_ok=True)
            rows.to_parquet(str(folder / "data" / f"{split}-00000-of-00001.parquet"))
    found = load.read("resd", tmp_path / "data")
    assert labels(found) == {"happy": 1, "surprise": 1, "fear": 1, "sad": 1}
    (test,) = load.select(found, "test")
    assert test.id == "resd/test/00_sadness_anger_h_010" and test.dialogue == "resd/00" and test.language == "ru"
    assert test.path.read_bytes() == (tmp_path / "source" / "00_sadness_anger_h_010.wav").read_bytes()
    before = test.path.stat().st_mtime_ns
    load.read("resd", tmp_path / "data")
    assert test.path.stat().st_mtime_ns == before  # written once


def test_a_name_that_is_no_tess_clip_is_said(tmp_path):
    clip(tmp_path / "tess" / "readme.wav")
    with pytest.raises(CorpusError, match="readme.wav"):
        load.read("tess", tmp_path)


def test_a_folder_of_voices_is_a_corpus_by_its_name(tmp_path):
    for name in ("cremad", "turev"):
        (tmp_path / name).mkdir()
        soundfile.write(tmp_path / name / "clip.wav", np.zeros(800), 16_000)
    votes = dict(zip(EMOTIONS, (0.0, 0.1, 0.0, 0.0, 0.7, 0.2, 0.0), strict=True))
    row = {"path": "clip.wav", "language": "en", "split": "train", "speaker": "7", "text": "It's eleven o'clock."}
    write_csv(tmp_path / "cremad" / "manifest.csv", [row | votes])
    write_csv(tmp_path / "turev" / "manifest.csv", [row | {"label": "sad"}])
    (item,) = load.read("cremad", tmp_path, "train", need="audio")
    assert (item.id, item.corpus, item.speaker, item.text) == ("cremad/clip", "cremad", "cremad/7", None)
    np.testing.assert_allclose(item.target, list(votes.values()))
    assert [item.split for item in load.read("turev", tmp_path)] == ["test"]
    with pytest.raises(CorpusError, match="nothing of 'nemo'"):
        load.read("nemo", tmp_path)


def test_folds_of_speakers_give_every_fold_its_share_of_every_corpus():
    def spoken(corpus, sizes):
        return [
            load.Item("", corpus, load.one_hot("sad"), speaker=f"{corpus}/{speaker}")
            for speaker, size in enumerate(sizes)
            for _ in range(size)
        ]

    items = spoken("a", (1, 4, 2, 3, 1)) + spoken("b", (9, 8, 7, 6, 5, 4))
    folds = load.speaker_folds(items, 3)
    assert sorted(np.concatenate(folds)) == list(range(len(items)))
    speakers = [{items[row].speaker for row in fold} for fold in folds]
    assert not speakers[0] & speakers[1] and not speakers[1] & speakers[2] and not speakers[0] & speakers[2]
    sizes = {name: [sum(items[row].corpus == name for row in fold) for fold in folds] for name in "ab"}
    assert sizes == {"a": [4, 4, 3], "b": [13, 13, 13]}
    with pytest.raises(CorpusError, match="there are 5"):
        load.speaker_folds(items, 6)


def test_meld_is_found_as_it_is_distributed(folder, tmp_path):
    clips = {"train": "train_splits", "dev": "dev_splits_complete", "test": "output_repeated_splits_test"}
    for split, name in clips.items():
        table = (folder / f"meld_{split}.csv").read_text(encoding="utf-8")
        (tmp_path / f"{split}_sent_emo.csv").write_text(table, encoding="utf-8")
        clip(tmp_path / split / name / "dia0_utt0.wav").rename(tmp_path / split / name / "dia0_utt0.mp4")
        (tmp_path / split / name / "._dia0_utt1.mp4").write_text("archive rubbish")
    for split, name in clips.items():
        first, second, *_ = [item for item in layouts.meld(tmp_path) if item.split == split]
        assert first.path == tmp_path / split / name / "dia0_utt0.mp4" and first.path.is_file()
        assert second.path.name == "dia0_utt1.wav" and not second.path.is_file()  # counted as missing


def test_resd_has_capital_endings(folder, tmp_path):
    shutil.copy(folder / "resd_train.csv", tmp_path)
    clip(tmp_path / "train" / "0_a_b_0.wav").rename(tmp_path / "train" / "0_a_b_0.WAV")
    assert layouts.resd(tmp_path)[0].path == tmp_path / "train" / "0_a_b_0.WAV"


@pytest.mark.parametrize(
    ("corpus", "name", "nested"),
    [
        ("ravdess", "Actor_01/03-01-05-01-01-01-01.wav", "audio_speech_actors_01-24"),
        ("tess", "OAF_angry/OAF_back_angry.wav", "TESS Toronto emotional speech set data"),
    ],
)
def test_an_archive_within_itself_counts_once(tmp_path, corpus, name, nested):
    for place in (tmp_path / "a", tmp_path / "a" / nested):
        clip(place / name)
    (item,) = load.read(corpus, tmp_path)
    assert item.path == tmp_path / "a" / name


def test_the_misspelt_clip_of_tess_is_of_the_older_actress(tmp_path):
    clip(tmp_path / "tess" / "OA_bite_neutral.wav")
    assert [item.speaker for item in load.read("tess", tmp_path)] == ["tess/OAF"]
