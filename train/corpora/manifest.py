"""A plain manifest → items: a CSV with path and/or text, and a label or a distribution."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from bibier.csv_safety import plain
from bibier.errors import CorpusError
from bibier.labels import EMOTIONS, canonical
from train.corpora.items import LABEL_COLUMNS, Item, emotion_columns, label_of, one_hot, read_table, repair

TOLERANCE = 0.01  # of a distribution's sum, for rounded figures


def manifest(path: Path) -> list[Item]:
    """Read a manifest.

    Columns path and/or text; label, or one column per emotion under any of its names (a row with both is trained on
    its distribution); optionally id (LS-LLM tables are matched by it; else the row's number), language, split,
    speaker, dialogue. Paths are relative to the manifest. A cell that an export guarded with an apostrophe is read as
    it was. Labels that the project doesn't know are read through NAME.labels.toml beside it, such as
    `happy = ["gioia", "amore"]`.

    Raises
    ------
    CorpusError
        Names the file, the row and the remedy.
    """
    rows = [{name: plain(cell) for name, cell in row.items()} for row in read_table(path)]
    if not rows:
        raise CorpusError(f"{path.name} has no rows: give a header and one line per item")
    names = {name.strip().lower() for name in rows[0]}
    if not names & {"path", "text"}:
        raise CorpusError(f"{path.name}: no column path and no column text; there are {', '.join(sorted(names))}")
    columns = emotion_columns(rows[0], path.name)
    if not columns and not names & set(LABEL_COLUMNS):
        raise CorpusError(f"{path.name}: no column label, and no column per emotion ({', '.join(EMOTIONS)}): add one")
    label_file = path.with_suffix(".labels.toml")
    labels = label_map(_toml(label_file), label_file.name) if label_file.is_file() else {}
    items = []
    for number, row in enumerate(rows, start=2):
        place = f"{path.name}, row {number}"
        if not row.get("path") and not row.get("text"):
            raise CorpusError(f"{place}: neither a path nor a text: give one")
        items.append(
            Item(
                id=f"{path.stem}/{row.get('id') or number - 1}",
                corpus=path.stem,
                target=_target(row, columns, labels, place),
                text=repair(row["text"]) if row.get("text") else None,
                path=path.parent / row["path"] if row.get("path") else None,
                language=row.get("language") or "en",
                split=row.get("split") or "",
                speaker=row.get("speaker") or "",
                dialogue=row.get("dialogue") or "",
            )
        )
    return items


def _target(row: Mapping[str, str], columns: Mapping[str, str], labels: Mapping[str, str], place: str) -> np.ndarray:
    """Return the (7,) distribution of a row: its own where the cells are filled, else its label."""
    cells = {emotion: row[name].strip() for emotion, name in columns.items()}
    if any(cells.values()):
        return distribution(cells, place)
    label = label_of(row).strip()
    if not label:
        raise CorpusError(f"{place}: no label: write one of {', '.join(EMOTIONS)}, or one probability per emotion")
    try:
        return one_hot(labels.get(label.lower(), label))
    except ValueError as error:
        raise CorpusError(f"{place}: {error}; labels of your own go into a file beside it, NAME.labels.toml") from error


def distribution(cells: Mapping[str, str], place: str) -> np.ndarray:
    """Return the (7,) distribution of cells by emotion; each must be a probability, and their sum 1 within 0.01.

    Raises CorpusError that names the place, the emotion and the value.
    """
    probabilities = []
    for emotion in EMOTIONS:
        try:
            value = float(cells[emotion])
        except ValueError as error:
            raise CorpusError(f"{place}: {cells[emotion]!r} for {emotion} is no number: write it as 0.25") from error
        if not math.isfinite(value) or value < 0:
            raise CorpusError(f"{place}: the probability of {emotion} is {cells[emotion]}: give a number from 0 to 1")
        probabilities.append(value)
    total = sum(probabilities)
    if abs(total - 1) > TOLERANCE:
        raise CorpusError(f"{place}: the probabilities sum to {total:.3f}: divide them by their sum")
    return np.array(probabilities) / total


def label_map(raw: Mapping[str, str | list[str]], place: str) -> dict[str, str]:
    """Return label → emotion from emotion → its labels, one or a list: several labels of one emotion are listed there.

    Raises CorpusError for an emotion that nobody knows or that is there twice, and for a label of two emotions.
    """
    emotion_of: dict[str, str] = {}
    seen: dict[str, str] = {}
    for name, listed in raw.items():
        try:
            emotion = canonical(name)
        except ValueError as error:
            raise CorpusError(f"{place}: {error}") from error
        if emotion in seen:
            raise CorpusError(
                f"{place}: {seen[emotion]!r} and {name!r} are both {emotion}: list all labels of it under one of them"
            )
        seen[emotion] = name
        for label in [listed] if isinstance(listed, str) else listed:
            lowered = str(label).strip().lower()
            if emotion_of.get(lowered, emotion) != emotion:
                raise CorpusError(
                    f"{place}: the label {label!r} is given to {emotion_of[lowered]} and to {emotion}: keep one"
                )
            emotion_of[lowered] = emotion
    return emotion_of


def _toml(path: Path) -> dict:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path.name} is not TOML: {error}") from error
