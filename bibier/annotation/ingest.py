"""Recordings → clips of a project: a folder, a manifest or a dataset, each clip known by the SHA-256 of its bytes."""

from __future__ import annotations

import csv
import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bibier.annotation.state import ProjectClip
from bibier.annotation.store import Store
from bibier.audio.format import ENDINGS
from bibier.audio.io import short_name
from bibier.csv_safety import plain
from bibier.errors import InputError
from bibier.files import atomic_write, sha256
from bibier.i18n.messages import Message
from bibier.labels import ALIASES, EMOTIONS, canonical

TOLERANCE = 0.01  # of a distribution's sum, for rounded figures
KNOWN = ("path", "text", "language", "label", "duration")


def add_folder(store: Store, project: str, folder: Path) -> int:
    """Add every recording under a folder, by name; returns how many are new. Raises InputError when there is none."""
    recordings = sorted(p for p in folder.rglob("*") if p.suffix.lower() in ENDINGS and p.is_file())
    if not recordings:
        raise InputError("clips-none", place=short_name(folder))
    return store.add_clips(project, [ProjectClip(sha256(path), str(path.resolve())) for path in recordings])


def add_manifest(store: Store, project: str, path: Path) -> int:
    """Add the rows of a CSV with the columns path and, by choice, text, language, label, duration (s).

    A column for each emotion is a distribution of the corpus (`ProjectClip.soft`); it must sum to 1 within `TOLERANCE`
    and is divided by its sum. Other columns go to `ProjectClip.extra`. Paths are relative to the manifest. All rows or
    none are added; returns how many are new. Raises InputError with the number of bad rows and what is wrong with the
    first.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [{name: _plain(cell) for name, cell in row.items()} for row in csv.DictReader(file)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError("clips-wrong", place=short_name(path), count=1, first=str(error)[:200]) from error
    if not rows or "path" not in rows[0]:
        raise InputError("clips-none", place=short_name(path))
    columns = _emotion_columns(rows[0])
    clips, errors, first_rows = [], [], {}
    for number, row in enumerate(rows, start=2):
        try:
            clip = _clip(row, number, path.parent, columns)
            if clip.sha256 in first_rows:
                raise _row_error(number, "path", str(row["path"]), f"≠ {first_rows[clip.sha256]}")
            first_rows[clip.sha256] = number
            clips.append(clip)
        except InputError as error:
            errors.append(error)
    if errors:
        raise InputError("clips-wrong", place=short_name(path), count=len(errors), first=errors[0])
    return store.add_clips(project, clips)


def keep(content: bytes, ending: str, media: Path) -> tuple[str, Path]:
    """Write a recording's bytes into the folder `media` under their SHA-256, whole or not at all.

    Returns that hash, 64 hex digits, and the file's path, which ends with `ending`. Raises OSError.
    """
    name = hashlib.sha256(content).hexdigest()
    path = media / f"{name}{ending}"
    if not path.exists():
        media.mkdir(parents=True, exist_ok=True)
        atomic_write(path, content, shared=True)
    return name, path


def check(store: Store, project: str) -> dict[str, list[ProjectClip]]:
    """Return the clips whose file is "missing" and those whose file is "changed" (another SHA-256)."""
    lost: dict[str, list[ProjectClip]] = {"missing": [], "changed": []}
    for clip in store.clips(project):
        path = Path(clip.path)
        if not path.is_file():
            lost["missing"].append(clip)
        elif sha256(path) != clip.sha256:
            lost["changed"].append(clip)
    return lost


def _clip(row: Mapping[str, Any], number: int, folder: Path, columns: Mapping[str, str]) -> ProjectClip:
    """Return the clip of a manifest's row; a cell is a text, or not one where the row has too many or too few."""
    if None in row or None in row.values():
        raise _row_error(number, "row", "", ", ".join(str(name) for name in row if name))
    path = folder / row["path"]
    if not row["path"] or not path.is_file():
        raise _row_error(number, "path", row["path"], Message("clips-file"))
    label = row.get("label", "").strip()
    if label and label.lower() not in (*EMOTIONS, *ALIASES):
        raise _row_error(number, "label", label, ", ".join(EMOTIONS))
    try:
        duration = float(row.get("duration") or 0)
    except ValueError:
        duration = math.nan
    if not 0 <= duration < math.inf:
        raise _row_error(number, "duration", row["duration"], Message("clips-seconds"))
    return ProjectClip(
        sha256(path),
        str(path.resolve()),
        row.get("text", ""),
        row.get("language", ""),
        canonical(label) if label else None,
        duration,
        {name: cell for name, cell in row.items() if name not in KNOWN and name not in columns.values()},
        _distribution(row, number, columns) if columns else None,
    )


def _plain(cell: str | list[str] | None) -> str | list[str] | None:
    """Return the text of a cell that an export guarded; what a row has too much or too little stays."""
    return plain(cell) if isinstance(cell, str) else cell


def _emotion_columns(names: Iterable[str | None]) -> dict[str, str]:
    """Return the column of each emotion; none at all is fine, some of them is not."""
    columns: dict[str, list[str]] = defaultdict(list)
    for name in names:
        if name and name.strip().lower() in (*EMOTIONS, *ALIASES):
            columns[canonical(name)].append(name)
    missing = [emotion for emotion in EMOTIONS if emotion not in columns]
    twice = [name for several in columns.values() if len(several) > 1 for name in several]
    if columns and (missing or twice):
        raise InputError("clips-columns", missing=", ".join(missing) or "—", twice=", ".join(twice) or "—")
    return {emotion: several[0] for emotion, several in columns.items()}


def _distribution(row: Mapping[str, str], number: int, columns: Mapping[str, str]) -> dict[str, float] | None:
    """Return a row's distribution by emotion, which sums to 1; None when all its cells are empty."""
    if not any(row[name].strip() for name in columns.values()):
        return None
    shares: dict[str, float] = {}
    for emotion in EMOTIONS:
        cell = row[columns[emotion]]
        try:
            shares[emotion] = float(cell)
        except ValueError:
            shares[emotion] = math.nan
        if not 0 <= shares[emotion] <= 1 + TOLERANCE:  # NaN is refused too
            raise _row_error(number, columns[emotion], cell, "0 … 1")
    total = math.fsum(shares.values())
    if abs(total - 1) > TOLERANCE:
        raise _row_error(number, ", ".join(columns.values()), f"Σ = {total:.4g}", f"Σ = 1 ± {TOLERANCE:g}")
    return {emotion: share / total for emotion, share in shares.items()}


def _row_error(number: int, field: str, value: str, expected: str | Message) -> InputError:
    return InputError("clips-row", row=number, field=field, value=value[:80], expected=expected)


# --- whatever a place holds

TEXTS = ("text", "transcript", "transcription", "sentence")  # columns of a dataset, the first that is there
LABELS = ("label", "emotion")
LANGUAGES = ("language", "lang", "locale")


def add_place(store: Store, project: str, place: str, media: Path, *, download: bool = False) -> int:
    """Add the clips of a folder, a CSV or a dataset, told apart by what lies there; returns how many are new.

    The recordings of a dataset are copied into `media`; a dataset of the Hub is fetched only with `download`.
    Raises InputError when nothing is there, or it can't be read.
    """
    path = Path(place).expanduser()
    if path.is_dir() and not _is_dataset(path):
        return add_folder(store, project, path)
    if path.is_file() and path.suffix.lower() != ".parquet":
        return add_manifest(store, project, path)
    if not path.exists() and not download:
        raise InputError("clips-no-place", place=place[:200])
    return add_dataset(store, project, read_dataset(place), media, place=place)


def add_dataset(store: Store, project: str, dataset: Any, media: Path, *, place: str = "dataset") -> int:
    """Add each row of a `datasets.Dataset` that has an Audio column; returns how many are new.

    The file's bytes are kept as they are, undecoded, in `media`. Text, label (a class or a name) and language are
    taken from the columns `TEXTS`, `LABELS` and `LANGUAGES`; other plain columns go to `ProjectClip.extra`. All rows
    or none. Raises InputError when there is no such column, and with the first of the rows that can't be used.
    """
    datasets = import_datasets()
    audio = next((name for name, kind in dataset.features.items() if isinstance(kind, datasets.Audio)), None)
    if audio is None:
        raise InputError("clips-no-audio", place=place[:200], columns=", ".join(dataset.features)[:200])
    columns = [next((n for n in names if n in dataset.features), None) for names in (TEXTS, LABELS, LANGUAGES)]
    clips, errors = [], []
    for number, row in enumerate(dataset.cast_column(audio, datasets.Audio(decode=False)), start=1):
        try:
            clips.append(_dataset_clip(row, number, audio, columns, dataset.features, media))
        except InputError as error:
            errors.append(error)
    if errors:
        raise InputError("clips-wrong", place=place[:200], count=len(errors), first=errors[0])
    return store.add_clips(project, clips)


def read_dataset(place: str) -> Any:
    """Return a `datasets.Dataset`, all splits after one another: of save_to_disk's folder, of Parquet, or of the Hub.

    Raises InputError when it can't be read.
    """
    datasets, path = import_datasets(), Path(place).expanduser()
    try:
        if path.is_file() or (path.is_dir() and any(path.rglob("*.parquet"))):
            files = [path] if path.is_file() else sorted(path.rglob("*.parquet"))
            return datasets.Dataset.from_parquet([str(file) for file in files])
        whole = datasets.load_from_disk(str(path)) if path.is_dir() else datasets.load_dataset(place)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise InputError("clips-dataset", place=place[:200], reason=reason) from error
    return datasets.concatenate_datasets(list(whole.values())) if isinstance(whole, datasets.DatasetDict) else whole


def import_datasets() -> Any:
    """Return the library `datasets`. Raises InputError where it is not installed.

    It is `Any`, and so are its datasets: only researchers have it, and a module that is imported late has no type.
    """
    try:
        import datasets  # late: it takes seconds
    except ImportError as error:
        raise InputError("clips-no-datasets") from error
    return datasets


def _dataset_clip(
    row: Mapping[str, Any],
    number: int,
    audio: str,
    columns: Sequence[str | None],
    features: Mapping[str, Any],
    media: Path,
) -> ProjectClip:
    text, label, language = columns
    sound = row[audio] or {}
    source = Path(sound.get("path") or "")
    content = sound.get("bytes") or (source.read_bytes() if source.is_file() else None)
    if not content:
        raise _row_error(number, audio, str(source), Message("clips-file"))
    name, path = keep(content, source.suffix.lower() or ".wav", media)
    return ProjectClip(
        name,
        str(path.resolve()),
        "" if text is None or row[text] is None else str(row[text]),
        "" if language is None or row[language] is None else str(row[language]),
        _label(row[label], features[label], number, label) if label else None,
        extra={n: v for n, v in row.items() if n not in (audio, *columns) and isinstance(v, str | int | float | bool)},
    )


def _label(value: object, kind: Any, number: int, column: str) -> str | None:
    """Return the emotion of a dataset's cell: a name, or the number of one of the classes of `kind`, its feature."""
    if isinstance(value, int) and not isinstance(value, bool) and hasattr(kind, "int2str"):
        value = None if value < 0 else kind.int2str(value)  # -1 is "unlabelled" in `datasets`
    if value is None or value == "":
        return None
    if not isinstance(value, str) or value.strip().lower() not in (*EMOTIONS, *ALIASES):
        raise _row_error(number, column, str(value), ", ".join(EMOTIONS))
    return canonical(value)


def _is_dataset(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("state.json", "dataset_dict.json")) or any(
        folder.rglob("*.parquet")
    )
