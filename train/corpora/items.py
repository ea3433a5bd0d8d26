"""What a corpus is made of: items with a target distribution, tables, splits, folds, and the check of the files.

N items, 7 emotions in the order of `EMOTIONS`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bibier import csv_reader
from bibier.errors import CorpusError, InputError
from bibier.file_names import is_there
from bibier.file_names import missing as missing_file
from bibier.labels import ALIASES, EMOTIONS, canonical, vector

LABEL_COLUMNS = ("label", "ground_truth", "emotion")
NEEDS = ("audio", "text", "both", "either")
LIMIT = 0.01  # share of a corpus that may be dropped for missing or broken files
SHOWN = 5  # names in one message


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
    place: str = ""  # file and row of the table that names it

    @property
    def label(self) -> int:
        """Index of the most probable emotion."""
        return int(self.target.argmax())


def one_hot(label: str) -> np.ndarray:
    """Return the (7,) one-hot distribution of a label or an alias of it."""
    return np.eye(len(EMOTIONS))[EMOTIONS.index(canonical(label))]


def emotion_columns(names: Iterable[str], place: str) -> dict[str, str]:
    """Return emotion → column among a table's columns; each emotion under any one of its names.

    Raises CorpusError when two columns are one emotion, or some emotions have a column and others have none.
    """
    columns: dict[str, str] = {}
    for name in names:
        lowered = name.strip().lower()
        if lowered not in EMOTIONS and lowered not in ALIASES:
            continue
        emotion = canonical(lowered)
        if emotion in columns:
            raise CorpusError(
                f"{place}: columns {columns[emotion]!r} and {name!r} are both {emotion}: keep one of them"
            )
        columns[emotion] = name
    if missing := [emotion for emotion in EMOTIONS if columns and emotion not in columns]:
        raise CorpusError(
            f"{place}: no column for {', '.join(missing)}: give one column per emotion, or a column label"
        )
    return columns


def label_of(row: Mapping[str, str]) -> str:
    """Return what a table's row has as its label, "" if it has none."""
    cells = {name.strip().lower(): value for name, value in row.items()}
    return next((cells[name] for name in LABEL_COLUMNS if cells.get(name)), "")


def target(row: Mapping[str, str], place: str) -> np.ndarray:
    """Return the (7,) distribution of a table's row: its label, or one column per emotion under any of its names.

    Raises CorpusError that names the place and what is unknown or missing.
    """
    try:
        if label := label_of(row):
            return one_hot(label)
        return vector({emotion: float(row[name]) for emotion, name in emotion_columns(row, place).items()})
    except CorpusError:
        raise
    except ValueError as error:
        raise CorpusError(f"{place}: give a label, or one number per emotion ({error})") from error


def repair(text: str) -> str:
    """Undo a cp1252 text that was read as Latin-1 (C1 control characters) and plain the spaces."""
    text = re.sub("[\x80-\x9f]", lambda c: c[0].encode("latin-1").decode("cp1252", "ignore"), text)
    return re.sub(r"\s+", " ", text).strip()


def read_table(path: Path, *needed: str, names: Sequence[str] = ()) -> list[dict[str, str]]:
    """Read a CSV with a header, as `csv_reader.read_table`: strictly, in whichever encoding and with any separator.

    Columns of `needed` and `names` are found by name, whatever their case and spaces. Raises CorpusError that names the
    file, the row and the remedy.
    """
    try:
        return [dict(row.cells) for row in csv_reader.read_table(path, names, needed).rows]
    except InputError as error:
        raise CorpusError(str(error)) from error


def select(items: Iterable[Item], split: str, report: Callable[[str], None] = lambda line: None) -> list[Item]:
    """Keep one split ("all" keeps everything).

    A manifest that names no split is trained on whole, and may be judged whole: `report` is told so. It has no dev
    split: what training is judged by must not be what it learns from.
    """
    items = list(items)
    if split != "all" and any(not item.split for item in items):
        first = next(item for item in items if not item.split)
        if split == "dev":
            raise CorpusError(f"{first.place or first.id}: no split is named: give the rows a split: train, dev, test")
        report(
            f"{first.corpus} names no split: all of it is taken as {split}; what is trained on and judged by may be "
            "the same rows: add a column split"
        )
    selected = items if split == "all" else [item for item in items if item.split in (split, "")]
    if not selected:
        splits = ", ".join(sorted({item.split for item in items}))
        raise CorpusError(f"the corpus has no split {split!r} here, only: {splits}")
    return selected


def folds(items: list[Item], count: int, by: str, seed: int = 0) -> list[np.ndarray]:
    """Split into `count` folds of whole groups: a list of index arrays that together hold every item once.

    `by` is "speaker" or "dialogue". The groups are shuffled by the seed and dealt to the smallest fold, largest first.
    """
    groups: dict[str, list[int]] = {}
    for index, item in enumerate(items):
        groups.setdefault(getattr(item, by), []).append(index)
    if len(groups) < count:
        first = items[0].place or items[0].id if items else "nothing"
        raise CorpusError(
            f"{count} folds need at least {count} values of {by!r}; there are {len(groups)} ({first}: "
            f"{next(iter(groups), '') or 'none'}): add a column {by}, or name fewer folds or another group"
        )
    names = sorted(groups)
    np.random.default_rng(seed).shuffle(names)
    names.sort(key=lambda name: -len(groups[name]))
    held: list[list[int]] = [[] for _ in range(count)]
    for name in names:
        min(held, key=len).extend(groups[name])
    return [np.array(sorted(fold)) for fold in held]


def speaker_folds(items: Sequence[Item], count: int = 5) -> list[np.ndarray]:
    """Split several corpora at once into folds of whole speakers: index arrays that together hold every item once.

    The speakers of each corpus are dealt by size, the largest first, to the fold that has the fewest items of their
    corpus; so every fold has its share of every corpus, whatever the seed.
    """
    held: list[list[int]] = [[] for _ in range(count)]
    for corpus in sorted({item.corpus for item in items}):
        speakers: dict[str, list[int]] = {}
        for index, item in enumerate(items):
            if item.corpus == corpus:
                speakers.setdefault(item.speaker, []).append(index)
        if len(speakers) < count:
            raise CorpusError(f"{count} folds need at least {count} speakers of {corpus}; there are {len(speakers)}")
        sizes = [0] * count
        for name in sorted(speakers, key=lambda name: (-len(speakers[name]), name)):
            smallest = sizes.index(min(sizes))
            sizes[smallest] += len(speakers[name])
            held[smallest] += speakers[name]
    return [np.array(sorted(fold)) for fold in held]


def balanced(corpora: Sequence[str], generator: torch.Generator) -> Tensor:
    """Draw an epoch's items so that every corpus weighs the same: (N,) indices, with replacement.

    `corpora` names each item's corpus. An item of a corpus of n is drawn with a probability in proportion to 1 / n.
    """
    sizes = Counter(corpora)
    weights = torch.tensor([1 / sizes[name] for name in corpora], dtype=torch.float64)
    return torch.multinomial(weights, len(weights), replacement=True, generator=generator)


@dataclass(frozen=True)
class Checked:
    """The items that can be used, and (file and row, or else id; reason) of those that can't."""

    items: list[Item]
    dropped: list[tuple[str, str]]


def check(
    items: Sequence[Item],
    *,
    need: str = "either",
    limit: float = LIMIT,
    report: Callable[[str], None] = lambda line: None,
) -> Checked:
    """Leave out the items whose clip is missing or broken; every one is listed and counted.

    Parameters
    ----------
    items
        Of one corpus or several.
    need
        "audio", "text" or "both" of every item; "either" takes what an item has. Clips are not looked at for "text".
    limit
        Largest share of the items that may be left out, in [0, 1].
    report
        Called with a line for every item that is left out, and one with their number.

    Raises
    ------
    CorpusError
        More is missing than the limit allows; the sentence names the first ones.
    """
    if need not in NEEDS:
        raise ValueError(f"need is {need!r}: use one of {', '.join(NEEDS)}")
    usable, dropped = [], []
    for item in items:
        reason = _unusable(item, need)
        if reason is None:
            usable.append(item)
        else:
            dropped.append((item.place or item.id, reason))
    if not dropped:
        return Checked(usable, dropped)
    counted = f"{len(dropped)} of {len(items)} items can't be used"
    if len(dropped) > limit * len(items):
        shown = "; ".join(f"{name}: {reason}" for name, reason in dropped[:SHOWN])
        raise CorpusError(
            f"{counted}, more than {100 * limit:g} % ({shown}{'; …' if len(dropped) > SHOWN else ''}): "
            "add the files, take their rows out of the table, or raise the limit"
        )
    for name, reason in dropped:
        report(f"left out {name}: {reason}")
    report(counted)
    return Checked(usable, dropped)


def _unusable(item: Item, need: str) -> str | None:
    """Say why an item can't be used, None if it can."""
    if need in ("text", "both") and not item.text:
        return "no text"
    if need in ("audio", "both") and item.path is None:
        return "no clip"
    if need == "text" or item.path is None:
        return None
    if not is_there(item.path):
        return missing_file(item.path, item.path.name).text()
    return _broken(item.path)


def _broken(path: Path) -> str | None:
    """Say what is wrong with a sound file, None if its beginning can be decoded."""
    from bibier.audio import io
    from bibier.errors import InputError

    try:
        io.check(path)
    except InputError as error:
        return f"{path.name} can't be read ({error})"
    return None


def check_variety(items: Sequence[Item], by: str, report: Callable[[str], None] = lambda line: None) -> None:
    """Refuse a corpus from which nothing can be learnt, and tell what it can't show.

    `items` are one corpus's training rows, `by` is what folds must not divide ("speaker" or "dialogue"). Raises
    CorpusError when all have one label; `report` is told of a single group, or of none.
    """
    if not items:
        raise CorpusError("the corpus has no rows to train on")
    corpus, rows = items[0].corpus, _span(items)
    if len({item.label for item in items}) == 1:
        raise CorpusError(
            f"{corpus}: every row is {EMOTIONS[items[0].label]} ({rows}): nothing can be learnt from one class; "
            "add rows of another, or leave the corpus out"
        )
    groups = {getattr(item, by) for item in items}
    if groups == {""}:
        report(f"{corpus}: no {by} is named ({rows}): all of it is one fold; add a column {by}")
    elif len(groups) == 1:
        report(f"{corpus}: one {by} alone, {min(groups)} ({rows}): what is learnt may be true of nobody else")


def _span(items: Sequence[Item]) -> str:
    first, last = (item.place or item.id for item in (items[0], items[-1]))
    return first if first == last else f"{first} to {last}"


def absent(items: Iterable[Item]) -> list[str]:
    """Return the emotions that no item has as its label."""
    present = {item.label for item in items}
    return [emotion for number, emotion in enumerate(EMOTIONS) if number not in present]
