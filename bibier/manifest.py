"""A manifest: a CSV of recordings or texts, read alike by `train`, by `batch` and by the import of annotations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bibier.csv_reader import Table, TableRow, near_name, read_table
from bibier.csv_safety import plain
from bibier.errors import InputError, reason_of
from bibier.file_names import find_file
from bibier.files import sha256
from bibier.i18n.messages import Message
from bibier.labels import ALIASES, EMOTIONS, canonical
from bibier.parsing import read_settings, read_toml

NAMES = ("path", "text", "label", "id", "language", "split", "speaker", "dialogue", "duration")
# Names that are read as one of these, the first that has a cell. The order of `label` is that of the LS-LLM tables.
SYNONYMS = {
    "text": ("transcript", "transcription", "sentence", "utterance"),
    "label": ("ground_truth", "emotion"),
    "language": ("lang", "locale"),
}
# What others call these columns; refused, since such a column may hold something else.
OTHERS = {
    "path": ("file", "filename", "filepath", "audio", "audiopath", "audiofile", "wav", "wavpath", "clip", "recording"),
    "label": ("class", "target"),
    "split": ("subset", "partition"),
    "dialogue": ("dialog", "conversation"),
}
SPLITS = ("train", "dev", "test")
NONE = "none"  # in a label file: labels that are no emotion of these
LABEL_FILE = ".labels.toml"

T = TypeVar("T")  # whatever names a recording


@dataclass(frozen=True)
class ManifestRow:
    """One row: cells as they were before an export guarded them, without outer spaces."""

    number: int  # as a spreadsheet counts
    cells: Mapping[str, str]
    path: Path | None = None  # where the recording is, or should be
    written: str = ""  # the path as it was written
    text: str | None = None  # None: there is no such column
    label: str = ""  # as it was written
    split: str = ""


@dataclass(frozen=True)
class Manifest:
    """A manifest's rows and columns, and which of the columns are an emotion's probability."""

    name: str
    columns: tuple[str, ...]
    emotions: Mapping[str, Sequence[str]]  # emotion → columns under any of its names
    rows: tuple[ManifestRow, ...]
    labels: Mapping[str, str]  # label → emotion, of the label file; "" for none of the seven
    label_file: Path
    separator: str = ","
    notices: tuple[Message, ...] = ()


def read_manifest(path: Path, label_file: Path | None = None, *, several_texts: bool = False) -> Manifest:
    """Read a manifest strictly, see docs/formats.md.

    `label_file` says what labels of another naming are; without it NAME.labels.toml beside the manifest, if any.

    Raises InputError that names file, row and remedy: what `csv_reader.read_table` refuses, columns and splits that are
    misspelt, splits that only some rows have, and a recording that stands twice in two splits, with two labels or,
    without `several_texts`, with two texts. Recordings are known by the SHA-256 of their bytes.
    """
    table = read_table(path, (*NAMES, *(name for names in SYNONYMS.values() for name in names)))
    _check_names(table)
    emotions: dict[str, list[str]] = defaultdict(list)
    for column in table.columns:
        if column.strip().lower() in (*EMOTIONS, *ALIASES):
            emotions[canonical(column)].append(column)
    beside = label_file or path.with_suffix(LABEL_FILE)
    labels = read_labels(beside) if label_file or beside.is_file() else {}
    rows = tuple(_row(row, table, path.parent) for row in table.rows)
    manifest = Manifest(path.name, table.columns, emotions, rows, labels, beside, table.separator, table.notices)
    _check_splits(manifest)
    _check_recordings(manifest, several_texts)
    return manifest


def _row(row: TableRow, table: Table, folder: Path) -> ManifestRow:
    cells = {name: plain(cell).strip() for name, cell in row.cells.items()}

    def first_filled(name: str) -> str | None:
        filled = [cells[column] for column in (name, *SYNONYMS.get(name, ())) if column in cells]
        return next((cell for cell in filled if cell), "") if filled else None

    written = cells.get("path", "")
    text = cells["text"] if "text" in cells else first_filled("text")
    path = find_file(folder, written) if written else None
    cells |= {name: cell for name in ("label", "language") if (cell := first_filled(name)) is not None}
    split = cells.get("split", "").casefold()
    return ManifestRow(row.number, cells, path, written, text, cells.get("label", ""), split)


# --- what is refused -------------------------------------------------------------------------------------------------


def _check_names(table: Table) -> None:
    right_names = {wrong: name for name, names in OTHERS.items() for wrong in names}
    for column in table.columns:
        right = right_names.get(column.casefold().replace("_", "").replace(" ", "").replace("-", ""))
        if right and not {right, *SYNONYMS.get(right, ())} & set(table.columns):
            raise InputError("manifest-other-name", file=table.name, column=column, right=right)


def _check_splits(manifest: Manifest) -> None:
    if not any(row.split for row in manifest.rows):
        return
    for row in manifest.rows:
        if not row.split:
            raise InputError("manifest-no-split", file=manifest.name, row=row.number)
        if row.split not in SPLITS and (right := near_name(row.split, SPLITS)):
            raise InputError("manifest-near-split", file=manifest.name, row=row.number, split=row.split, right=right)


def _check_recordings(manifest: Manifest, several_texts: bool) -> None:
    for first, row in same_recordings((row, row.path) for row in manifest.rows if row.path):
        where = {"file": manifest.name, "row": row.number, "first": first.number, "name": row.written[:200]}
        if first.split != row.split:
            raise InputError("manifest-two-splits", **where, split=row.split, other=first.split)
        label, first_label = _label(manifest, row), _label(manifest, first)
        if label and first_label and label != first_label:
            soft = Message("manifest-distribution")
            names = {"label": label if isinstance(label, str) else soft}
            raise InputError(
                "manifest-two-labels", **where, **names, other=first_label if isinstance(first_label, str) else soft
            )
        if not several_texts and row.text and first.text and row.text != first.text:
            raise InputError("manifest-two-texts", **where)


def _label(manifest: Manifest, row: ManifestRow) -> str | tuple[str, ...]:
    """Return what tells a row's label from another's: its probabilities as they are written, else its emotion."""
    shares = tuple(row.cells[column] for columns in manifest.emotions.values() for column in columns)
    if any(shares):
        return shares
    label = row.label.casefold()
    return manifest.labels.get(label) or ALIASES.get(label, label)


def same_recordings(recordings: Iterable[tuple[T, Path]]) -> list[tuple[T, T]]:
    """Return the pairs of whatever names a recording that is there twice, the first beside each later one.

    Only files of one length are read, each once. Files that aren't there are not compared.
    """
    by_size: dict[int, list[tuple[T, Path]]] = defaultdict(list)
    for name, path in recordings:
        try:
            by_size[path.stat().st_size].append((name, path))
        except (OSError, ValueError):
            continue
    pairs = []
    for several in by_size.values():
        if len(several) == 1:
            continue
        first_of: dict[str, T] = {}
        hashes: dict[Path, str] = {}
        for name, path in several:
            try:
                content = hashes.get(path) or hashes.setdefault(path, sha256(path))
            except OSError:
                continue
            if content in first_of:
                pairs.append((first_of[content], name))
            first_of.setdefault(content, name)
    return pairs


# --- labels of another naming ----------------------------------------------------------------------------------------


def read_labels(path: Path) -> dict[str, str]:
    """Read a label file: emotion = its labels, one or a list, and by choice none = those that are no emotion of these.

    Returns label, in lower case → emotion, or "". Raises InputError.
    """
    try:
        raw = read_toml(read_settings(path, "utf-8-sig"))
    except (OSError, ValueError) as error:
        raise InputError("labels-toml", file=path.name, reason=reason_of(error)) from error
    return label_map(raw, path.name)


def label_map(raw: Mapping[str, str | list[str]], place: str) -> dict[str, str]:
    """Return label → emotion from emotion → its labels, one or a list: several labels of one emotion are listed there.

    Raises InputError for an emotion that nobody knows or that is there twice, and for a label of two emotions.
    """
    emotion_of: dict[str, str] = {}
    seen: dict[str, str] = {}
    for name, listed in raw.items():
        if name.strip().lower() not in (*EMOTIONS, *ALIASES, NONE):
            raise InputError("labels-emotion", file=place, name=name, emotions=", ".join(EMOTIONS))
        emotion = "" if name.strip().lower() == NONE else canonical(name)
        if emotion in seen:
            raise InputError("labels-twice", file=place, first=seen[emotion], name=name, emotion=emotion or NONE)
        seen[emotion] = name
        if not isinstance(listed, str | list):
            raise InputError("labels-listed", file=place, name=name)
        for label in [listed] if isinstance(listed, str) else listed:
            lowered = str(label).strip().lower()
            if emotion_of.get(lowered, emotion) != emotion:
                names = {"first": emotion_of[lowered] or NONE, "emotion": emotion or NONE}
                raise InputError("labels-two-emotions", file=place, label=label, **names)
            emotion_of[lowered] = emotion
    return emotion_of
