"""Corpora → items: one clip or one text each, with its target distribution and where it comes from.

Every reader takes the data folder and returns all its items; `select` picks a split. A file that a table names and the
folder lacks is an error that lists what is missing, never a silently shorter corpus.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bibier.labels import ALIASES, EMOTIONS, canonical, vector

RAVDESS_EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
RAVDESS_NAME = re.compile(r"\d\d-\d\d-0[1-8](-\d\d){4}")
RAVDESS_SPEECH = 1  # the vocal channel; 2 is song
RAVDESS_TRAINING_ACTORS = range(1, 21)  # the others are the test split
AUDIO_ENDINGS = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".webm")


class CorpusError(ValueError):
    """A corpus can't be read; the sentence names the file and the remedy."""


@dataclass(frozen=True)
class Item:
    """One clip, one text, or both."""

    id: str
    corpus: str
    target: np.ndarray  # (7,) distribution over EMOTIONS
    text: str | None = None
    path: Path | None = None
    language: str = "en"
    split: str = "train"
    speaker: str = ""
    dialogue: str = ""

    @property
    def label(self) -> int:
        """Index of the most probable emotion."""
        return int(self.target.argmax())


def one_hot(label: str) -> np.ndarray:
    """Return the (7,) one-hot distribution of a label or an alias of it."""
    return np.eye(len(EMOTIONS))[EMOTIONS.index(canonical(label))]


def target(row: dict[str, str]) -> np.ndarray:
    """Return the (7,) distribution of a table's row: its label, or one column per emotion under any of its names.

    Raises ValueError that names what is unknown or missing.
    """
    for name in ("label", "ground_truth", "emotion", "Emotion"):
        if row.get(name):
            return one_hot(row[name])
    named = {}
    for name, value in row.items():
        known = (name or "").strip().lower()
        if known in EMOTIONS or known in ALIASES:
            named[canonical(known)] = float(value)
    return vector(named)


def repair(text: str) -> str:
    """Undo a cp1252 text that was read as Latin-1 (C1 control characters) and plain the spaces."""
    text = re.sub("[\x80-\x9f]", lambda c: c[0].encode("latin-1").decode("cp1252", "ignore"), text)
    return re.sub(r"\s+", " ", text).strip()


def read_table(path: Path) -> list[dict[str, str]]:
    """Read a CSV with a header, in UTF-8 with or without a byte-order mark."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))
    except UnicodeDecodeError as error:
        raise CorpusError(f"{path.name} is not UTF-8 ({error}): save it as UTF-8") from error


def _find(data: Path, *names: str) -> Path | None:
    """Return the first file of these names anywhere below the data folder."""
    for name in names:
        found = sorted(data.rglob(name))
        if found:
            return found[0]
    return None


def _sound(folder: Path, stem: str) -> Path | None:
    """Return `folder/stem` with whichever audio ending exists."""
    return next((p for ending in AUDIO_ENDINGS if (p := folder / f"{stem}{ending}").is_file()), None)


def ravdess(data: Path) -> list[Item]:
    """RAVDESS speech, below `ravdess/` or by its names anywhere; actors 01–20 are the training split, others the test.

    Its two sentences are the same in every emotion, so the items carry no text: the words say nothing here.
    """
    own = data / "ravdess"
    items = []
    for path in sorted(p for p in (own if own.is_dir() else data).rglob("*") if p.suffix.lower() in AUDIO_ENDINGS):
        if not RAVDESS_NAME.fullmatch(path.stem):
            if own.is_dir():
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
    """TESS: `{OAF,YAF}_word_emotion`, two actresses. No part is trained on by default: all of it is its test split."""
    items = []
    for path in sorted(p for p in (data / "tess").rglob("*") if p.suffix.lower() in AUDIO_ENDINGS):
        speaker, _, emotion = path.stem.split("_", 2)
        items.append(
            Item(
                id=f"tess/{path.stem}",
                corpus="tess",
                target=one_hot(emotion),
                path=path,
                split="test",
                speaker=f"tess/{speaker}",
            )
        )
    return items


def meld(data: Path) -> list[Item]:
    """MELD's official CSVs (`meld_{split}.csv` or `{split}_sent_emo.csv`); clips `dia{D}_utt{U}` where they exist."""
    items = []
    for split in ("train", "dev", "test"):
        table = _find(data, f"meld_{split}.csv", f"{split}_sent_emo.csv")
        if table is None:
            continue
        for row in read_table(table):
            name = f"dia{row['Dialogue_ID']}_utt{row['Utterance_ID']}"
            folders = (table.parent / split, table.parent / f"{split}_wavs", data / "meld" / split)
            items.append(
                Item(
                    id=f"meld/{split}/{name}",
                    corpus="meld",
                    target=target(row),
                    text=repair(row["Utterance"]),
                    path=next((p for folder in folders if (p := _sound(folder, name))), None),
                    split=split,
                    speaker=f"meld/{row['Speaker']}",
                    dialogue=f"meld/{split}/{row['Dialogue_ID']}",
                )
            )
    return items


def resd(data: Path) -> list[Item]:
    """RESD's tables (`name, emotion, text`, or the pipeline's CSV); the soft-label file has its train texts too."""
    items = []
    for split in ("train", "test"):
        table = _find(data, f"resd_{split}.csv", f"resd_{split}_labels.csv", f"resd/{split}.csv")
        if table is None and split == "train":
            table = _find(data, "*_resd.csv")
        if table is None:
            continue
        for row in read_table(table):
            name = Path(row.get("video_name") or row["name"]).stem
            folders = (table.parent / split, table.parent / "wav", data / "resd" / split, data / "resd" / "wav")
            items.append(
                Item(
                    id=f"resd/{split}/{name}",
                    corpus="resd",
                    target=target(row),
                    text=repair(row["text"]),
                    path=next((p for folder in folders if (p := _sound(folder, name))), None),
                    language="ru",
                    split=split,
                    # 50 dialogues, each acted out in two emotions: folds must never divide one (see `folds`).
                    dialogue=f"resd/{name.split('_')[0]}",
                )
            )
    return items


def manifest(path: Path) -> list[Item]:
    """Read a plain manifest: CSV columns path and/or text, label or one column per emotion, and optionally
    language, split, speaker, dialogue. Paths are relative to the manifest."""
    items, missing = [], []
    for number, row in enumerate(read_table(path), start=2):
        place = f"{path.name}, line {number}"
        try:
            found = target(row)
        except ValueError as error:
            raise CorpusError(f"{place}: give a label, or one column per emotion ({error})") from error
        if not np.isfinite(found).all() or found.min() < 0 or not 0.99 < found.sum() < 1.01:
            raise CorpusError(f"{place}: the probabilities must be non-negative and sum to 1")
        clip = None
        if row.get("path"):
            clip = path.parent / row["path"]
            if not clip.is_file():
                missing.append(row["path"])
        if clip is None and not row.get("text"):
            raise CorpusError(f"{place}: neither a path nor a text")
        items.append(
            Item(
                id=f"{path.stem}/{number - 1}",
                corpus=path.stem,
                target=found / found.sum(),
                text=repair(row["text"]) if row.get("text") else None,
                path=clip,
                language=row.get("language") or "en",
                split=row.get("split") or "",
                speaker=row.get("speaker") or "",
                dialogue=row.get("dialogue") or "",
            )
        )
    if missing:
        shown = ", ".join(missing[:5]) + (" …" if len(missing) > 5 else "")
        raise CorpusError(f"{path.name}: {len(missing)} of {len(items)} files are missing ({shown})")
    return items


READERS: dict[str, Callable[[Path], list[Item]]] = {"meld": meld, "ravdess": ravdess, "resd": resd, "tess": tess}


def read(corpus: str, data: Path | None = None, split: str | None = None) -> list[Item]:
    """Read a corpus by name (below `data`) or a manifest by path, and keep one split.

    Raises
    ------
    CorpusError
        The corpus is unknown, its folder has nothing of it, or nothing of the split.
    """
    if corpus in READERS:
        if data is None:
            raise CorpusError(f"corpus {corpus!r} needs --data, the folder that holds it")
        items = READERS[corpus](data)
        if not items:
            raise CorpusError(f"nothing of {corpus!r} was found below {data}: check --data")
    elif Path(corpus).suffix == ".csv":
        if not Path(corpus).is_file():
            raise CorpusError(f"no such manifest: {corpus}")
        items = manifest(Path(corpus))
    else:
        raise CorpusError(f"unknown corpus {corpus!r}: use {', '.join(READERS)} or a manifest ending in .csv")
    return select(items, split) if split else items


def select(items: Iterable[Item], split: str) -> list[Item]:
    """Keep one split ("all" keeps everything); items of a manifest that names no split belong to every split."""
    items = list(items)
    kept = items if split == "all" else [item for item in items if item.split in (split, "")]
    if not kept:
        there = ", ".join(sorted({item.split for item in items}))
        raise CorpusError(f"the corpus has no split {split!r} here, only: {there}")
    return kept


def soften(items: Iterable[Item], table: Path, weight: float) -> list[Item]:
    """Mix each target with the LS-LLM distribution of its clip: (1 − weight) · target + weight · distribution.

    The published files hold negative values and values above 1 (tie jitter): they are clipped and renormalised. A clip
    that the table lacks keeps its target.
    """
    rows = {}
    for row in read_table(table):
        probabilities = np.clip([float(row[emotion]) for emotion in EMOTIONS], 0, None)
        rows[row["video_name"]] = probabilities / probabilities.sum()
    return [
        replace(item, target=(1 - weight) * item.target + weight * rows[name])
        if (name := item.id.split("/")[-1]) in rows
        else item
        for item in items
    ]


def folds(items: list[Item], count: int, by: str, seed: int = 0) -> list[np.ndarray]:
    """Split into `count` folds of whole groups: a list of index arrays that together hold every item once.

    `by` is "speaker" or "dialogue". The groups are shuffled by the seed and dealt to the smallest fold, largest first.
    """
    groups: dict[str, list[int]] = {}
    for index, item in enumerate(items):
        groups.setdefault(getattr(item, by), []).append(index)
    if len(groups) < count:
        raise CorpusError(f"{count} folds need at least {count} values of {by!r}; there are {len(groups)}")
    names = sorted(groups)
    np.random.default_rng(seed).shuffle(names)
    names.sort(key=lambda name: -len(groups[name]))
    held: list[list[int]] = [[] for _ in range(count)]
    for name in names:
        min(held, key=len).extend(groups[name])
    return [np.array(sorted(fold)) for fold in held]
