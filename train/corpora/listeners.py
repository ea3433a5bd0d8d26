"""Corpora as they are distributed whose labels are the votes of listeners: CREMA-D, Dusha, MSP-Podcast; and EMO-DB.

A target is the share of a clip's listeners who chose each emotion; votes for what is none of the seven are left out,
and so is a clip that has no other. V votes of a clip.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from bibier.errors import CorpusError, InputError
from bibier.labels import EMOTIONS, canonical
from bibier.manifest import LABEL_FILE, read_labels
from train.corpora import voices
from train.corpora.items import Item, one_hot, read_table, repair
from train.corpora.layouts import recordings_below

CREMAD_NAME = re.compile(r"(?P<actor>\d{4})_[A-Z]{3}_(?P<emotion>ANG|DIS|FEA|HAP|NEU|SAD)_[A-Z]{2}")
CREMAD_EMOTIONS = {"A": "anger", "D": "disgust", "F": "fear", "H": "happy", "N": "neutral", "S": "sad"}
CREMAD_VOICE = "1"  # first digit of a row's number in tabulatedVotes.csv: who heard the voice alone

EMODB_NAME = re.compile(r"(?P<speaker>\d\d)[abz]\d\d(?P<emotion>[WLEAFTN])[a-z]")
EMODB_EMOTIONS = {"W": "anger", "L": "boredom", "E": "disgust", "A": "fear", "F": "happy", "T": "sad", "N": "neutral"}
EMODB_TEST = ("15", "16")  # speakers

DUSHA_EMOTIONS = {"angry": "anger", "neutral": "neutral", "positive": "happy", "sad": "sad"}  # "other" is none

MSP_EMOTIONS = {"A": "anger", "D": "disgust", "F": "fear", "H": "happy", "N": "neutral", "S": "sad", "U": "surprise"}
MSP_SPLITS = {"train": "train", "development": "dev", "validation": "dev"}  # the others, Test1 to Test3, are the test


def shares(votes: Mapping[str, float]) -> np.ndarray | None:
    """Return the (7,) shares of votes by emotion; None where there are none."""
    counts = np.array([votes.get(emotion, 0) for emotion in EMOTIONS], dtype=float)
    return counts / counts.sum() if counts.sum() > 0 else None


def cremad(data: Path) -> list[Item]:
    """CREMA-D: `1001_DFA_ANG_XX.wav` below `AudioWAV` or anywhere; or the folder with a manifest, see `voices`.

    The target is what those chose who heard the voice alone (`tabulatedVotes.csv`, else the winners of
    `summaryTable.csv`); without either, what the actor was told. Clips without votes are left out where others have
    some. Its twelve sentences are the same in every emotion, so the items carry no text.
    """
    if items := voices.read("cremad", data):
        return items
    folder = next((path for path in (data / "cremad", data / "CREMA-D") if path.is_dir()), data)
    sound = next(iter(sorted(folder.rglob("AudioWAV"))), folder)
    votes = _cremad_votes(folder)
    items = []
    for path in recordings_below(sound):
        if (match := CREMAD_NAME.fullmatch(path.stem)) is None:
            continue
        target = votes.get(path.stem) if votes else one_hot(CREMAD_EMOTIONS[match["emotion"][0]])
        if target is not None:
            items.append(_item("cremad", path, target, match["actor"]))
    return items


def _cremad_votes(folder: Path) -> dict[str, np.ndarray]:
    table = next(iter(sorted(folder.rglob("tabulatedVotes.csv"))), None)
    if table is not None:
        targets = {}
        for number, row in enumerate(read_table(table, "fileName", *CREMAD_EMOTIONS), start=2):
            if not next(iter(row.values())).startswith(CREMAD_VOICE):
                continue
            try:
                counts = {emotion: float(row[letter]) for letter, emotion in CREMAD_EMOTIONS.items()}
            except ValueError as error:
                raise CorpusError(f"{table.name}, row {number}: votes are whole numbers ({error})") from error
            if (target := shares(counts)) is not None:
                targets[row["fileName"]] = target
        return targets
    table = next(iter(sorted(folder.rglob("summaryTable.csv"))), None)
    if table is None:
        return {}
    targets = {}
    for number, row in enumerate(read_table(table, "FileName", "VoiceVote"), start=2):
        winners = row["VoiceVote"].split(":")  # "A:D" where two emotions have as many votes
        if unknown := [letter for letter in winners if letter not in CREMAD_EMOTIONS]:
            raise CorpusError(f"{table.name}, row {number}: unknown vote {unknown[0]!r}")
        targets[row["FileName"]] = np.mean([one_hot(CREMAD_EMOTIONS[letter]) for letter in winners], axis=0)
    return targets


def emodb(data: Path) -> list[Item]:
    """EMO-DB: `03a01Fa.wav` below `emodb/` or by its names anywhere; German, ten speakers, the last two are the test.

    Boredom is none of the seven and left out, unless `emodb.labels.toml` in the data folder says what it is, such as
    `neutral = ["boredom"]`. Its ten sentences are the same in every emotion, so the items carry no text.
    """
    label_file = data / f"emodb{LABEL_FILE}"
    try:
        labels = read_labels(label_file) if label_file.is_file() else {}
    except InputError as error:
        raise CorpusError(str(error)) from error
    folder = data / "emodb"
    items = []
    for path in recordings_below(folder if folder.is_dir() else data):
        if (match := EMODB_NAME.fullmatch(path.stem)) is None:
            continue
        emotion = EMODB_EMOTIONS[match["emotion"]]
        emotion = labels.get(emotion, "" if emotion == "boredom" else emotion)
        if emotion:
            split = "test" if match["speaker"] in EMODB_TEST else "train"
            items.append(_item("emodb", path, one_hot(emotion), match["speaker"], split, language="de"))
    return items


def dusha(data: Path) -> list[Item]:
    """Dusha: `raw_{crowd,podcast}_{train,test}.tsv`, a row for each listener, with `wavs/HASH.wav` beside each."""
    items = []
    for table in sorted(data.rglob("raw_*_t*.tsv")):
        if (match := re.fullmatch(r"raw_(crowd|podcast)_(train|test)", table.stem)) is None:
            continue
        names = ("audio_path", "speaker_text", "source_id")
        votes: dict[str, Counter[str]] = defaultdict(Counter)
        first: dict[str, dict[str, str]] = {}
        for row in read_table(table, "hash_id", "annotator_emo", names=names):
            clip = row["hash_id"]
            first.setdefault(clip, row)
            votes[clip][DUSHA_EMOTIONS.get(row["annotator_emo"].strip().lower(), "other")] += 1
        for clip, counts in votes.items():
            if (target := shares(counts)) is None:
                continue
            row = first[clip]
            path = table.parent / (row.get("audio_path") or f"wavs/{clip}.wav")
            speaker, text = row.get("source_id") or clip, repair(row.get("speaker_text") or "") or None
            items.append(_item("dusha", path, target, f"{match[1]}-{speaker}", match[2], text, "ru"))
    return items


def msp_podcast(data: Path) -> list[Item]:
    """MSP-Podcast: `Labels/labels_consensus.csv`, and `labels_detailed.csv` for the votes; `Audios/*.wav`.

    Without the votes the consensus is the target. Test1 to Test3 are one test split. `Transcripts/*.txt` give the
    words where they are there.
    """
    table = next(iter(sorted(data.rglob("labels_consensus.csv"))), None)
    if table is None:
        return []
    root = table.parent.parent
    clips = {path.stem: path for name in ("Audios", "Audio") for path in recordings_below(root / name)}
    texts = {path.stem: path for path in root.rglob("Transcripts/**/*.txt")}
    votes = _msp_votes(table.with_name("labels_detailed.csv"))
    items = []
    for row in read_table(table, "FileName", "EmoClass", "Split_Set", names=("SpkrID",)):
        name = Path(row["FileName"]).stem
        emotion = MSP_EMOTIONS.get(row["EmoClass"].strip().upper())
        target = shares(votes.get(name, {})) if votes else one_hot(emotion) if emotion else None
        if target is None:
            continue
        path = clips.get(name, root / "Audios" / row["FileName"])
        speaker = row.get("SpkrID") or ""
        speaker = name if speaker.lower() in ("", "unknown") else speaker
        text = repair(texts[name].read_text(encoding="utf-8", errors="replace")) if name in texts else ""
        split = MSP_SPLITS.get(row["Split_Set"].strip().lower(), "test")
        items.append(_item("msp-podcast", path, target, speaker, split, text or None))
    return items


def _msp_votes(table: Path) -> dict[str, Counter[str]]:
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for row in read_table(table, "FileName", "EmoClass_Major") if table.is_file() else ():
        votes[Path(row["FileName"]).stem][_known(row["EmoClass_Major"])] += 1
    return votes


def _known(label: str) -> str:
    try:
        return canonical(label)
    except ValueError:
        return "other"  # contempt, and what listeners wrote themselves


def _item(
    corpus: str,
    path: Path,
    target: np.ndarray,
    speaker: str,
    split: str = "train",
    text: str | None = None,
    language: str = "en",
) -> Item:
    return Item(f"{corpus}/{path.stem}", corpus, target, text, path, language, split, speaker=f"{corpus}/{speaker}")


READERS: dict[str, Callable[[Path], list[Item]]] = {
    "cremad": cremad,
    "dusha": dusha,
    "emodb": emodb,
    "msp-podcast": msp_podcast,
}
