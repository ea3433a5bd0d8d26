"""A plain manifest → items: a CSV with path and/or text, and a label or a distribution."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from bibier.csv_reader import number
from bibier.errors import CorpusError, InputError
from bibier.labels import EMOTIONS
from bibier.manifest import SYNONYMS, read_manifest
from bibier.manifest import label_map as read_label_map
from train.corpora.items import LABEL_COLUMNS, Item, emotion_columns, one_hot, repair

TOLERANCE = 0.01  # of a distribution's sum, for rounded figures


def manifest(path: Path, report: Callable[[str], None] = lambda line: None) -> list[Item]:
    """Read a manifest, as `bibier.manifest`.

    Columns path and/or text; label, or one column per emotion under any of its names (a row with both is trained on
    its distribution); optionally id (LS-LLM tables are matched by it; else the row's number), language, split,
    speaker, dialogue. Paths are relative to the manifest. A cell that an export guarded with an apostrophe is read as
    it was. Labels that the project doesn't know are read through NAME.labels.toml beside it, such as
    `happy = ["gioia", "amore"]`; rows whose label is listed under `none` are left out. `report` is told how many, and
    what was found out of the file.

    Raises
    ------
    CorpusError
        Names the file, the row and the remedy.
    """
    try:
        table = read_manifest(path, several_texts=True)
    except InputError as error:
        raise CorpusError(str(error)) from error
    for notice in table.notices:
        report(notice.text())
    if not table.rows:
        raise CorpusError(f"{path.name} has no rows: give a header and one line per item")
    names = {name.strip().lower() for name in table.columns}
    if not names & {"path", "text", *SYNONYMS["text"]}:
        raise CorpusError(f"{path.name}: no column path and no column text; there are {', '.join(sorted(names))}")
    columns = emotion_columns(table.columns, path.name)
    if not columns and not names & set(LABEL_COLUMNS):
        raise CorpusError(f"{path.name}: no column label, and no column per emotion ({', '.join(EMOTIONS)}): add one")
    items, strange = [], 0
    for row in table.rows:
        place = f"{path.name}, row {row.number}"
        if row.path is None and not row.text:
            raise CorpusError(f"{place}: neither a path nor a text: give one")
        target = _target(row.cells, columns, table.labels, place)
        if target is None:
            strange += 1
            continue
        items.append(
            Item(
                id=f"{path.stem}/{row.cells.get('id') or row.number - 1}",
                corpus=path.stem,
                target=target,
                text=repair(row.text) if row.text else None,
                path=row.path,
                language=row.cells.get("language") or "en",
                split=row.split,
                speaker=row.cells.get("speaker") or "",
                dialogue=row.cells.get("dialogue") or "",
                place=place,
            )
        )
    if strange:
        report(f"{path.name}: {strange} rows left out: {table.label_file.name} says that their label is none of these")
    return items


def _target(
    row: Mapping[str, str], columns: Mapping[str, str], labels: Mapping[str, str], place: str
) -> np.ndarray | None:
    """Return a row's (7,) distribution: its own where the cells are filled, else its label's; None for no emotion."""
    cells = {emotion: row[name] for emotion, name in columns.items()}
    if any(cells.values()):
        return distribution(cells, place)
    label = row.get("label", "")
    if not label:
        raise CorpusError(f"{place}: no label: write one of {', '.join(EMOTIONS)}, or one probability per emotion")
    emotion = labels.get(label.lower(), label)
    if not emotion:
        return None
    try:
        return one_hot(emotion)
    except ValueError as error:
        raise CorpusError(f"{place}: {error}; labels of your own go into a file beside it, NAME.labels.toml") from error


def distribution(cells: Mapping[str, str], place: str) -> np.ndarray:
    """Return the (7,) distribution of cells by emotion; each must be a probability, and their sum 1 within 0.01.

    Raises CorpusError that names the place, the emotion and the value.
    """
    probabilities = []
    for emotion in EMOTIONS:
        try:
            value = number(cells[emotion])
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
    """Return label → emotion, as `bibier.manifest.label_map`. Raises CorpusError."""
    try:
        return read_label_map(raw, place)
    except InputError as error:
        raise CorpusError(str(error)) from error
