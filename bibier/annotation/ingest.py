"""Recordings → clips of a project: a folder, a manifest or a dataset, each clip known by the SHA-256 of its bytes."""

from __future__ import annotations

import functools
import hashlib
import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bibier.annotation.imports import Progress, no_progress, told
from bibier.annotation.state import ProjectClip
from bibier.annotation.store import Store
from bibier.audio.folder import may_be_taken, recordings_in
from bibier.csv_reader import number, plain_name
from bibier.errors import InputError
from bibier.file_names import is_there, missing, short_name
from bibier.files import FULL, atomic_write, refused_by_system, sha256
from bibier.i18n.messages import Message
from bibier.labels import ALIASES, EMOTIONS, canonical
from bibier.manifest import SYNONYMS, Manifest, ManifestRow, read_labels, read_manifest

TOLERANCE = 0.01  # of a distribution's sum, for rounded figures
KNOWN = ("path", "text", "language", "label", "duration")


def add_folder(
    store: Store,
    project: str,
    folder: Path,
    *,
    report: Callable[[Message], None] = lambda notice: None,
    progress: Progress = no_progress,
) -> int:
    """Add every recording under a folder, by name; returns how many are new.

    `report` is told what else lies there and was left out, `progress` how many are read, and of how many. Raises
    InputError when there is no recording.
    """
    recordings = recordings_in(folder).with_names()
    if notice := recordings.notice(short_name(folder)):
        report(notice)
    if not recordings.paths:
        raise InputError("clips-none", place=short_name(folder))
    clips = [ProjectClip(sha256(path), str(path.resolve())) for path in told(recordings.paths, progress)]
    return store.add_clips(project, clips)


def add_manifest(
    store: Store,
    project: str,
    path: Path,
    *,
    labels: Path | None = None,
    report: Callable[[Message], None] = lambda notice: None,
    progress: Progress = no_progress,
) -> int:
    """Add the rows of a manifest (`bibier.manifest`): path and, by choice, text, language, label, duration (s).

    A column for each emotion is a distribution of the corpus (`ProjectClip.soft`); it must sum to 1 within `TOLERANCE`
    and is divided by its sum. Other columns go to `ProjectClip.extra`. Paths are relative to the manifest. `labels` is
    a file that says what labels of another naming are (else NAME.labels.toml beside the manifest). All rows or none are
    added; returns how many are new. `report` is told what was found out of the file, `progress` how many rows are read,
    and of how many. Raises InputError with the number of bad rows and what is wrong with the first.
    """
    try:
        table = read_manifest(path, labels)
    except InputError as error:
        first = _row_wrong(error.message.values["row"], error) if "row" in error.message.values else error
        raise InputError("clips-wrong", place=short_name(path), count=1, first=first) from error
    if not table.rows:
        raise InputError("clips-none", place=short_name(path))
    if "path" not in table.columns:
        there = ", ".join(table.columns)[:300]
        first = InputError("csv-column", file=path.name, column="path", columns=there)
        raise InputError("clips-wrong", place=short_name(path), count=1, first=first)
    columns = _emotion_columns(table.emotions)
    clips, errors, first_rows = [], [], {}
    hash_of = functools.cache(sha256)  # a recording may stand in every row
    for row in told(table.rows, progress):
        try:
            clip = _clip(row, table, columns, path.parent, hash_of)
            if clip.sha256 in first_rows:
                expected = Message("clips-same", {"row": first_rows[clip.sha256]})
                raise _row_error(row.number, "path", row.written, expected)
            first_rows[clip.sha256] = row.number
            clips.append(clip)
        except InputError as error:
            errors.append(error)
    if errors:
        raise InputError("clips-wrong", place=short_name(path), count=len(errors), first=errors[0])
    for notice in table.notices:
        report(notice)
    return store.add_clips(project, [clip.check() for clip in clips])


def keep(content: bytes, ending: str, media: Path) -> tuple[str, Path]:
    """Write a recording's bytes into the folder `media` under their SHA-256, whole or not at all.

    Returns that hash, 64 hex digits, and the file's path, which ends with `ending`. Raises InputError when the disk is
    full, OSError for anything else.
    """
    name = hashlib.sha256(content).hexdigest()
    path = media / f"{name}{ending}"
    if not path.exists():
        try:
            media.mkdir(parents=True, exist_ok=True)
            atomic_write(path, content, shared=True)
        except OSError as error:
            if error.errno in FULL:
                raise refused_by_system(error) from error
            raise
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


def _clip(
    row: ManifestRow,
    table: Manifest,
    columns: Mapping[str, str],
    folder: Path,
    hash_of: Callable[[Path], str],
) -> ProjectClip:
    if row.path is not None and not may_be_taken(row.path, [folder]):
        raise _row_error(row.number, "path", row.written, Message("clips-outside"))
    if row.path is None or not is_there(row.path):
        reason = missing(row.path, row.written) if row.path is not None else None
        if reason is not None and reason.key != "file-missing":
            raise _row_wrong(row.number, reason)
        raise _row_error(row.number, "path", row.written, Message("clips-file"))
    cell = row.cells.get("duration", "")
    try:
        duration = (float if table.separator == "," else number)(cell or "0")
    except ValueError:
        duration = math.nan
    if not 0 <= duration < math.inf:
        raise _row_error(row.number, "duration", cell, Message("clips-seconds"))
    own = (*KNOWN, *columns.values(), *(name for names in SYNONYMS.values() for name in names))
    return ProjectClip(
        hash_of(row.path),
        str(row.path.resolve()),
        row.text or "",
        row.cells.get("language", ""),
        _emotion(row.label, table.labels, row.number, "label", table.label_file.name),
        duration,
        {name: cell for name, cell in (dict(row.cells) | _split(row)).items() if name.strip() and name not in own},
        _distribution(row.cells, row.number, columns) if columns else None,
    )


def _split(row: ManifestRow) -> dict[str, str]:
    return {"split": row.split} if "split" in row.cells else {}


def _emotion(label: str, labels: Mapping[str, str], row: int, column: str, file: str) -> str | None:
    """Return the emotion of a label, None for an empty one or one that the label file gives to none."""
    lowered = label.strip().lower()
    lowered = labels.get(lowered, lowered)
    if lowered and lowered not in (*EMOTIONS, *ALIASES):
        expected = Message("labels-unknown", {"emotions": ", ".join(EMOTIONS), "file": file})
        raise _row_error(row, column, label, expected)
    return canonical(lowered) if lowered else None


def _emotion_columns(columns: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the column of each emotion; none at all is fine, some of them is not."""
    absent = [emotion for emotion in EMOTIONS if emotion not in columns]
    twice = [name for several in columns.values() if len(several) > 1 for name in several]
    if columns and (absent or twice):
        raise InputError("clips-columns", missing=", ".join(absent) or "—", twice=", ".join(twice) or "—")
    return {emotion: several[0] for emotion, several in columns.items()}


def _distribution(row: Mapping[str, str], row_number: int, columns: Mapping[str, str]) -> dict[str, float] | None:
    """Return a row's distribution by emotion, which sums to 1; None when all its cells are empty."""
    if not any(row[name] for name in columns.values()):
        return None
    shares: dict[str, float] = {}
    for emotion in EMOTIONS:
        cell = row[columns[emotion]]
        try:
            shares[emotion] = number(cell)
        except ValueError:
            shares[emotion] = math.nan
        if not 0 <= shares[emotion] <= 1 + TOLERANCE:  # NaN is refused too
            raise _row_error(row_number, columns[emotion], cell, "0 … 1")
    total = math.fsum(shares.values())
    if abs(total - 1) > TOLERANCE:
        raise _row_error(row_number, ", ".join(columns.values()), f"Σ = {total:.4g}", f"Σ = 1 ± {TOLERANCE:g}")
    return {emotion: share / total for emotion, share in shares.items()}


def _row_error(number: int, field: str, value: str, expected: str | Message) -> InputError:
    return InputError("clips-row", row=number, field=field, value=value[:80], expected=expected)


def _row_wrong(number: object, reason: Message | InputError) -> InputError:
    return InputError("clips-row-wrong", row=number, reason=reason)


# --- whatever a place holds

TEXTS = ("text", "transcript", "transcription", "sentence")  # columns of a dataset, the first that is there
LABELS = ("label", "emotion")
LANGUAGES = ("language", "lang", "locale")
DATASET_COLUMNS = (TEXTS, LABELS, LANGUAGES)


def add_place(
    store: Store,
    project: str,
    place: str,
    media: Path,
    *,
    download: bool = False,
    labels: Path | None = None,
    report: Callable[[Message], None] = lambda notice: None,
    progress: Progress = no_progress,
) -> int:
    """Add the clips of a folder, a CSV or a dataset, told apart by what lies there; returns how many are new.

    The recordings of a dataset are copied into `media`; a dataset of the Hub is fetched only with `download`.
    `labels`, `report` and `progress` as of `add_manifest`. Raises InputError when nothing is there, or it can't be
    read.
    """
    path = Path(place).expanduser()
    if path.is_dir() and not _is_dataset(path):
        return add_folder(store, project, path, report=report, progress=progress)
    if path.is_file() and path.suffix.lower() != ".parquet":
        return add_manifest(store, project, path, labels=labels, report=report, progress=progress)
    if not path.exists() and not download:
        raise InputError("clips-no-place", place=place[:200])
    folders = [path if path.is_dir() else path.parent] if path.exists() else _caches()
    rows = read_dataset(place)
    return add_dataset(store, project, rows, media, place=place, labels=labels, folders=folders, progress=progress)


def add_dataset(
    store: Store,
    project: str,
    dataset: Any,
    media: Path,
    *,
    place: str = "dataset",
    labels: Path | None = None,
    folders: Sequence[Path] | None = None,
    progress: Progress = no_progress,
) -> int:
    """Add each row of a `datasets.Dataset` that has an Audio column; returns how many are new.

    The file's bytes are kept as they are, undecoded, in `media`. Text, label (a class or a name) and language are
    taken from the columns `TEXTS`, `LABELS` and `LANGUAGES`, whatever their case; other plain columns go to
    `ProjectClip.extra`. `labels` is a file that says what labels of another naming are. A row that has no bytes but
    names a file may name one of `folders`, and elsewhere a recording; None is any file, for a program's own dataset.
    All rows or none. Raises InputError when there is no such column, and with the first of the rows that can't be
    used; a recording that is there twice is one of them unless its label and text are the same.
    """
    datasets = import_datasets()
    audio = next((name for name, kind in dataset.features.items() if isinstance(kind, datasets.Audio)), None)
    if audio is None:
        raise InputError("clips-no-audio", place=place[:200], columns=", ".join(dataset.features)[:200])
    by_plain_name = {plain_name(name): name for name in reversed(list(dataset.features))}
    columns = [next((by_plain_name[n] for n in names if n in by_plain_name), None) for names in DATASET_COLUMNS]
    emotions = read_labels(labels) if labels else {}
    clips: dict[str, tuple[int, ProjectClip]] = {}
    errors = []
    rows = dataset.cast_column(audio, datasets.Audio(decode=False))
    media.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".import-", dir=media) as staged:  # nothing of a refused dataset stays
        for row_number, row in enumerate(told(rows, progress), start=1):
            try:
                _check_place(row[audio], row_number, audio, folders)
                clip = _dataset_clip(row, row_number, audio, columns, dataset.features, emotions, Path(staged))
                first, same = clips.setdefault(clip.sha256, (row_number, clip))
                if (same.label, same.text) != (clip.label, clip.text):
                    raise _row_wrong(row_number, Message("clips-two-labels", {"first": first}))
            except InputError as error:
                errors.append(error)
        if errors:
            raise InputError("clips-wrong", place=place[:200], count=len(errors), first=errors[0])
        sized = [clip.check() for _, clip in clips.values()]
        whole = [replace(clip, path=str(_moved(Path(clip.path), media))) for clip in sized]
    return store.add_clips(project, whole)


def _moved(path: Path, media: Path) -> Path:
    """Move a file into the folder `media`; returns its path there. What lies there under its hash is the same."""
    return path.replace(media.resolve() / path.name)


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
    emotions: Mapping[str, str],
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
        _label(row[label], features[label], emotions, number, label) if label else None,
        extra={n: v for n, v in row.items() if n not in (audio, *columns) and isinstance(v, str | int | float | bool)},
    )


def _check_place(sound: Mapping[str, Any] | None, number: int, audio: str, folders: Sequence[Path] | None) -> None:
    """Raise InputError when a dataset's row names a file of this computer that it may not bring in."""
    if folders is None or not sound or sound.get("bytes") or not sound.get("path"):
        return
    if not may_be_taken(Path(sound["path"]), folders):
        raise _row_error(number, audio, str(sound["path"]), Message("clips-outside"))


def _caches() -> list[Path]:
    """Return where `datasets` and the Hub's client keep what they fetch."""
    from huggingface_hub.constants import HF_HUB_CACHE

    config = import_datasets().config
    return [Path(config.HF_DATASETS_CACHE), Path(config.DOWNLOADED_DATASETS_PATH), Path(HF_HUB_CACHE)]


def _label(value: object, kind: Any, emotions: Mapping[str, str], row: int, column: str) -> str | None:
    """Return the emotion of a dataset's cell: a name, or the number of one of the classes of `kind`, its feature."""
    if isinstance(value, int) and not isinstance(value, bool) and hasattr(kind, "int2str"):
        value = None if value < 0 else kind.int2str(value)  # -1 is "unlabelled" in `datasets`
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise _row_error(row, column, str(value), ", ".join(EMOTIONS))
    return _emotion(value, emotions, row, column, "--labels FILE.toml")


def _is_dataset(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("state.json", "dataset_dict.json")) or any(
        folder.rglob("*.parquet")
    )
