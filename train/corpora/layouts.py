"""The corpora's own layouts → items: MELD, RESD, RAVDESS, TESS, IEMOCAP, ESD.

Every reader takes the data folder and returns all its items, an empty list when nothing of it is there. A clip that a
table names and the folder lacks keeps its path, so that `items.check` counts it; a split that has no clips at all is
text only.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from bibier.audio.folder import recordings_in
from bibier.errors import CorpusError
from bibier.files import atomic_write
from train.corpora.items import Item, one_hot, read_table, repair, target

if TYPE_CHECKING:  # takes a second to import
    from datasets import DatasetDict

CLIPS = Path(".cache/corpora")  # where the clips of a saved dataset are written, once

RAVDESS_EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
RAVDESS_NAME = re.compile(r"\d\d-\d\d-0[1-8](-\d\d){4}")
RAVDESS_SPEECH = 1  # the vocal channel; 2 is song
RAVDESS_TRAINING_ACTORS = range(1, 21)  # the others are the test split

# One file of the release is called OA_bite_neutral.
TESS_NAME = re.compile(
    r"(?P<speaker>[OY])AF?_[^_]+_(?P<emotion>angry|disgust|fear|happy|neutral|ps|sad)", re.IGNORECASE
)

# The folders of clips in MELD.Raw as it is distributed, beside those that others name so.
MELD_FOLDERS = {"train": "train_splits", "dev": "dev_splits_complete", "test": "output_repeated_splits_test"}

# The four-class subset: anger 1103, happy with excited 1636, neutral 1708, sad 1084 turns, 5531 in all.
IEMOCAP_EMOTIONS = {"ang": "anger", "hap": "happy", "exc": "happy", "neu": "neutral", "sad": "sad"}
IEMOCAP_TEST = 5  # the session
IEMOCAP_LINE = re.compile(r"\[(?P<start>[\d.]+) - (?P<end>[\d.]+)\]\s+(?P<name>\S+)\s+(?P<emotion>\w+)\s+\[")
IEMOCAP_TEXT = re.compile(r"(?P<name>Ses\w+)\s+\[[\d.]+-[\d.]+\]:\s*(?P<text>.*)")

ESD_MANDARIN = range(1, 11)  # speakers 0001–0010; 0011–0020 speak English
ESD_SPLITS = {"train": "train", "evaluation": "dev", "test": "test"}
ESD_ENCODINGS = ("utf-8-sig", "utf-16", "gb18030")  # the speakers' text files differ


def _find(data: Path, *names: str) -> Path | None:
    """Return the first file of these names anywhere below the data folder."""
    for name in names:
        matches = sorted(data.rglob(name))
        if matches:
            return matches[0]
    return None


def recordings_below(folder: Path) -> list[Path]:
    """Return every recording below a folder, without the `._` files that some archives hold; each name once.

    Some archives hold their folder a second time within it: the place that is less deep counts.
    """
    by_name: dict[str, Path] = {}
    for path in sorted(recordings_in(folder).paths, key=lambda path: (len(path.parts), path)):
        by_name.setdefault(path.stem, path)
    return sorted(by_name.values())


def _clips(folders: Iterable[Path], names: Iterable[str]) -> dict[str, Path | None]:
    """Return each name's clip: None for all where no folder holds any, else the path where it is or should be."""
    with_clips = {folder: clips for folder in folders if folder.is_dir() and (clips := recordings_below(folder))}
    if not with_clips:
        return dict.fromkeys(names)
    by_name = {path.stem: path for clips in reversed(with_clips.values()) for path in clips}
    first = next(iter(with_clips))
    return {name: by_name.get(name, first / f"{name}.wav") for name in names}


def ravdess(data: Path) -> list[Item]:
    """RAVDESS speech, below `ravdess/` or by its names anywhere; actors 01–20 are the training split, others the test.

    Its two sentences are the same in every emotion, so the items carry no text: the words say nothing here.
    """
    corpus_folder = data / "ravdess"
    items = []
    for path in recordings_below(corpus_folder if corpus_folder.is_dir() else data):
        if not RAVDESS_NAME.fullmatch(path.stem):
            if corpus_folder.is_dir():
                raise CorpusError(f"{path.name} is not a RAVDESS name (seven numbers joined by hyphens): remove it")
            continue
        _, channel, emotion, _, _, _, actor = map(int, path.stem.split("-"))
        if channel != RAVDESS_SPEECH:
            continue
        items.append(
            Item(
                id=f"ravdess/{path.stem}",
                corpus="ravdess",
                target=one_hot(RAVDESS_EMOTIONS[emotion - 1]),
                path=path,
                split="train" if actor in RAVDESS_TRAINING_ACTORS else "test",
                speaker=f"ravdess/{actor:02d}",
            )
        )
    return items


def tess(data: Path) -> list[Item]:
    """TESS: `{OAF,YAF}_word_emotion`, two actresses, below `tess/` or by its names anywhere.

    No part is trained on by default: all of it is its test split.
    """
    corpus_folder = data / "tess"
    items = []
    for path in recordings_below(corpus_folder if corpus_folder.is_dir() else data):
        match = TESS_NAME.fullmatch(path.stem)
        if match is None:
            if corpus_folder.is_dir():
                raise CorpusError(f"{path.name} is not a TESS name (speaker_word_emotion): remove it")
            continue
        items.append(
            Item(
                id=f"tess/{path.stem}",
                corpus="tess",
                target=one_hot(match["emotion"]),
                path=path,
                split="test",
                speaker=f"tess/{match['speaker'].upper()}AF",
            )
        )
    return items


def meld(data: Path) -> list[Item]:
    """MELD's official CSVs (`meld_{split}.csv` or `{split}_sent_emo.csv`); clips `dia{D}_utt{U}` where they exist.

    Clips of any format, in the folders of MELD.Raw (`train_splits`, `dev_splits_complete`,
    `output_repeated_splits_test`), or in `{split}` or `{split}_wavs` beside the CSV.
    """
    items = []
    for split in ("train", "dev", "test"):
        table = _find(data, f"meld_{split}.csv", f"{split}_sent_emo.csv")
        if table is None:
            continue
        rows = read_table(table, "Utterance", "Speaker", "Emotion", "Dialogue_ID", "Utterance_ID")
        names = [f"dia{row['Dialogue_ID']}_utt{row['Utterance_ID']}" for row in rows]
        usual = (table.parent / split, table.parent / f"{split}_wavs", data / "meld" / split)
        clips = _clips((*usual, *sorted(data.rglob(MELD_FOLDERS[split]))), names)
        for number, (row, name) in enumerate(zip(rows, names, strict=True), start=2):
            items.append(
                Item(
                    id=f"meld/{split}/{name}",
                    corpus="meld",
                    target=target(row, f"{table.name}, row {number}"),
                    text=repair(row["Utterance"]),
                    path=clips[name],
                    split=split,
                    speaker=f"meld/{row['Speaker']}",
                    dialogue=f"meld/{split}/{row['Dialogue_ID']}",
                )
            )
    return items


def resd(data: Path) -> list[Item]:
    """RESD's tables (`name, emotion, text`, or the pipeline's CSV), or the dataset of the Hub saved in `resd/`.

    The soft-label file has the train texts too, and is read where there is nothing else.
    """
    if (saved := data / "resd").is_dir() and (items := _resd_dataset(saved)):
        return items
    items = []
    for split in ("train", "test"):
        table = _find(data, f"resd_{split}.csv", f"resd_{split}_labels.csv", f"resd/{split}.csv")
        if table is None and split == "train":
            table = _find(data, "*_resd.csv")
        if table is None:
            continue
        rows = read_table(table, "text", names=("name", "video_name", "emotion", "label"))
        names = [Path(row.get("video_name") or row.get("name") or "").stem for row in rows]
        if "" in names:
            raise CorpusError(f"{table.name}, row {names.index('') + 2}: no video_name and no name: give one")
        folders = (table.parent / split, table.parent / "wav", data / "resd" / split, data / "resd" / "wav")
        clips = _clips(folders, names)
        for number, (row, name) in enumerate(zip(rows, names, strict=True), start=2):
            distribution = target(row, f"{table.name}, row {number}")
            items.append(_resd_item(name, split, distribution, row["text"], clips[name]))
    return items


def _resd_item(name: str, split: str, distribution: np.ndarray, text: str, path: Path | None) -> Item:
    return Item(
        id=f"resd/{split}/{name}",
        corpus="resd",
        target=distribution,
        text=repair(text),
        path=path,
        language="ru",
        split=split,
        # 50 dialogues, each acted out in two emotions: folds must never divide one (see `items.folds`).
        dialogue=f"resd/{name.split('_')[0]}",
    )


def _resd_dataset(folder: Path) -> list[Item]:
    """Read `Aniemore/resd` as `datasets` saved it (`save_to_disk`) or as the Hub keeps it (`data/{split}-*.parquet`).

    Columns name, path, emotion, speech (Audio), text. The clips are written below `CLIPS` the first time.
    """
    parquet = {split: sorted(map(str, folder.rglob(f"{split}-*.parquet"))) for split in ("train", "test")}
    if (folder / "dataset_dict.json").is_file():
        from datasets import DatasetDict

        parts = DatasetDict.load_from_disk(str(folder))
    elif any(parquet.values()):
        from datasets import load_dataset

        parts = load_dataset("parquet", data_files={split: files for split, files in parquet.items() if files})
    else:
        return []
    return _resd_rows(parts)


def resd_hub(name: str = "Aniemore/resd") -> list[Item]:
    """Fetch RESD from the Hub through `datasets` (about 500 MB, into its own cache) and read it."""
    from datasets import load_dataset

    return _resd_rows(load_dataset(name))


def _resd_rows(parts: DatasetDict) -> list[Item]:
    from datasets import Audio

    items = []
    for name, rows in parts.items():
        split = str(name)
        needed = {"name", "emotion", "speech", "text"}
        if missing := sorted(needed - set(rows.column_names)):
            raise CorpusError(f"RESD's dataset, split {split}: no column {missing[0]!r}; expected Aniemore/resd's own")
        rows = rows.cast_column("speech", Audio(decode=False))  # the bytes as they are
        for number, row in enumerate(cast(Iterable[dict[str, Any]], rows)):
            sound, stem = row["speech"], Path(row["name"]).stem
            path = Path(sound["path"]) if sound["path"] else Path(f"{stem}.wav")
            if sound["bytes"] is not None:
                path = _written(sound["bytes"], CLIPS / "resd" / split, stem, path.suffix or ".wav")
            distribution = target({"emotion": row["emotion"]}, f"RESD's dataset, {split}, row {number}")
            items.append(_resd_item(stem, split, distribution, row["text"], path))
    return items


def _written(content: bytes, folder: Path, stem: str, suffix: str) -> Path:
    """Write a clip once, whole or not at all, under a name that its content decides: versions keep apart."""
    path = folder / f"{stem}-{hashlib.sha256(content).hexdigest()[:16]}{suffix}"
    if not path.is_file() or path.stat().st_size != len(content):
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, content)
    return path


def iemocap(data: Path) -> list[Item]:
    """IEMOCAP's release (`Session1` … `Session5`): turns labelled ang, hap, exc, neu or sad; Session 5 is the test.

    Excited counts as happy. Turns with another label or with none that raters agreed on (xxx) are outside the subset of
    the papers. A dialogue is one recording, a speaker one person of a session.
    """
    items = []
    for sheet in sorted(data.rglob("Session[1-5]/dialog/EmoEvaluation/Ses*.txt")):
        session = sheet.parents[2]
        number = int(session.name.removeprefix("Session"))
        lines = session / "dialog" / "transcriptions" / sheet.name
        if not lines.is_file():
            raise CorpusError(f"{session.name}: no transcriptions/{sheet.name}: the release is not complete")
        texts = {m["name"]: m["text"] for m in map(IEMOCAP_TEXT.match, _lines(lines, ("utf-8", "cp1252"))) if m}
        turns = [m for m in map(IEMOCAP_LINE.match, _lines(sheet, ("utf-8", "cp1252"))) if m]
        if not turns:
            raise CorpusError(f"{sheet.name}: no line of the form '[start - end] name emotion [v, a, d]'")
        for match in turns:
            name, emotion = match["name"], match["emotion"].lower()
            if emotion not in IEMOCAP_EMOTIONS:
                continue
            clip = session / "sentences" / "wav" / sheet.stem / f"{name}.wav"
            items.append(
                Item(
                    id=f"iemocap/{name}",
                    corpus="iemocap",
                    target=one_hot(IEMOCAP_EMOTIONS[emotion]),
                    text=repair(texts.get(name, "")) or None,
                    path=clip,
                    split="test" if number == IEMOCAP_TEST else "train",
                    # The turn's own letter: Ses01F_impro01_M003 is said by the man of session 1.
                    speaker=f"iemocap/{number}{name.split('_')[-1][0]}",
                    dialogue=f"iemocap/{sheet.stem}",
                )
            )
    return items


def esd(data: Path) -> list[Item]:
    """ESD: `0011/Angry/{train,evaluation,test}/0011_000001.wav` and `0011/0011.txt` (id, text, emotion by tabs).

    Speakers 0001–0010 speak Mandarin, 0011–0020 English; Surprise is kept. Clips that stand directly in the emotion's
    folder are of the training split. A clip that only the text file names is kept as missing.
    """
    items = []
    for sheet in sorted(data.rglob("00[0-2][0-9].txt")):
        speaker = sheet.stem
        if sheet.parent.name != speaker:
            continue
        clips = {path.stem: path for path in recordings_below(sheet.parent)}
        for number, line in enumerate(_lines(sheet, ESD_ENCODINGS), start=1):
            if not line.strip():
                continue
            cells = [cell.strip() for cell in line.split("\t")]
            if len(cells) != 3:
                raise CorpusError(f"{sheet.name}, line {number}: expected id, text and emotion with tabs between")
            name, text, emotion = cells
            path = clips.get(name, sheet.parent / emotion / f"{name}.wav")
            items.append(
                Item(
                    id=f"esd/{name}",
                    corpus="esd",
                    target=target({"emotion": emotion}, f"{sheet.name}, line {number}"),
                    text=repair(text) or None,
                    path=path,
                    language="zh" if int(speaker) in ESD_MANDARIN else "en",
                    split=ESD_SPLITS.get(path.parent.name, "train"),
                    speaker=f"esd/{speaker}",
                )
            )
    return items


def _lines(path: Path, encodings: tuple[str, ...]) -> list[str]:
    """Read a text file in the first of the encodings that fits it."""
    content = path.read_bytes()
    for encoding in encodings:
        try:
            return content.decode(encoding).splitlines()
        except UnicodeError:
            continue
    raise CorpusError(f"{path.name} is in none of {', '.join(encodings)}: save it as UTF-8")


READERS: dict[str, Callable[[Path], list[Item]]] = {
    "esd": esd,
    "iemocap": iemocap,
    "meld": meld,
    "ravdess": ravdess,
    "resd": resd,
    "tess": tess,
}
