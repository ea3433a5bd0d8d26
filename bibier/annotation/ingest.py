"""Recordings → clips of a project: a folder, a manifest or one recording, known by the SHA-256 of its bytes."""

from __future__ import annotations

import csv
import hashlib
import math
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import soundfile

from bibier.annotation.state import ProjectClip
from bibier.annotation.store import Store
from bibier.audio.format import ENDINGS
from bibier.audio.io import short_name
from bibier.csv_safety import plain
from bibier.errors import InputError
from bibier.files import sha256
from bibier.labels import ALIASES, EMOTIONS, canonical

TOLERANCE = 0.01  # of a distribution's sum, for rounded figures
KNOWN = ("path", "text", "language", "label", "duration")


def add_folder(store: Store, project: str, folder: Path) -> int:
    """Add every recording under a folder, by name; returns how many are new."""
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in ENDINGS and p.is_file())
    if not found:
        raise InputError("clips-none", place=short_name(folder))
    return store.add_clips(project, [ProjectClip(sha256(path), str(path.resolve())) for path in found])


def add_manifest(store: Store, project: str, path: Path) -> int:
    """Add the rows of a CSV with the columns path and, by choice, text, language, label, duration (s).

    A column for each emotion is a distribution of the corpus (`Clip.soft`); it must sum to 1 within `TOLERANCE` and is
    divided by its sum. Other columns go to `Clip.extra`. Paths are relative to the manifest. All rows or none are
    added; returns how many are new. Raises InputError with the number of bad rows and what is wrong with the first.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [{name: _plain(cell) for name, cell in row.items()} for row in csv.DictReader(file)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError("clips-wrong", place=short_name(path), count=1, first=str(error)[:200]) from error
    if not rows or "path" not in rows[0]:
        raise InputError("clips-none", place=short_name(path))
    columns = _emotion_columns(rows[0])
    clips, bad, seen = [], [], {}
    for number, row in enumerate(rows, start=2):
        try:
            clip = _clip(row, number, path.parent, columns)
            if clip.sha256 in seen:
                raise _row(number, "path", row["path"], f"≠ {seen[clip.sha256]}")
            seen[clip.sha256] = number
            clips.append(clip)
        except InputError as error:
            bad.append(error)
    if bad:
        raise InputError("clips-wrong", place=short_name(path), count=len(bad), first=bad[0])
    return store.add_clips(project, clips)


def add_recording(store: Store, project: str, sound, media: Path, *, text: str = "", language: str = "") -> ProjectClip:
    """Copy one recording, a path or (samples in [-1, 1], rate in Hz), into `media` under its SHA-256 and add it."""
    media.mkdir(parents=True, exist_ok=True)
    ending = ".wav" if isinstance(sound, tuple) else Path(sound).suffix.lower()
    with tempfile.TemporaryDirectory(dir=media, prefix=".new-") as folder:
        part = Path(folder) / f"recording{ending}"
        if isinstance(sound, tuple):
            samples, rate = sound
            soundfile.write(part, samples, rate, subtype="FLOAT")
        else:
            shutil.copyfile(sound, part)
        name = sha256(part)
        goal = part.replace(media / f"{name}{ending}")
    clip = ProjectClip(name, str(goal.resolve()), text, language)
    store.add_clips(project, [clip])
    return clip


def keep(sound: bytes, ending: str, media: Path) -> tuple[str, Path]:
    """Write a file's bytes into `media` under their SHA-256, whole or not at all; returns that and the path."""
    name = hashlib.sha256(sound).hexdigest()
    goal = media / f"{name}{ending}"
    if not goal.exists():
        media.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=media, prefix=".new-") as folder:
            part = Path(folder) / goal.name
            part.write_bytes(sound)
            part.replace(goal)
    return name, goal


def check(store: Store, project: str) -> dict[str, list[ProjectClip]]:
    """Return the clips whose file is "missing" and those whose file is "changed" (another SHA-256)."""
    found: dict[str, list[ProjectClip]] = {"missing": [], "changed": []}
    for clip in store.clips(project):
        path = Path(clip.path)
        if not path.is_file():
            found["missing"].append(clip)
        elif sha256(path) != clip.sha256:
            found["changed"].append(clip)
    return found


def _clip(row: dict, number: int, folder: Path, columns: dict[str, str]) -> ProjectClip:
    if None in row or None in row.values():
        raise _row(number, "row", "", ", ".join(str(name) for name in row if name))
    path = folder / row["path"]
    if not row["path"] or not path.is_file():
        raise _row(number, "path", row["path"], "an existing file / существующий файл")
    label = row.get("label", "").strip()
    if label and label.lower() not in (*EMOTIONS, *ALIASES):
        raise _row(number, "label", label, ", ".join(EMOTIONS))
    try:
        duration = float(row.get("duration") or 0)
    except ValueError:
        duration = math.nan
    if not 0 <= duration < math.inf:
        raise _row(number, "duration", row["duration"], "s ≥ 0")
    extra = {name: value for name, value in row.items() if name not in KNOWN and name not in columns.values()}
    label = canonical(label) if label else None
    where = str(path.resolve())
    soft = _distribution(row, number, columns) if columns else None
    return ProjectClip(sha256(path), where, row.get("text", ""), row.get("language", ""), label, duration, extra, soft)


def _plain(cell: str | list[str] | None) -> str | list[str] | None:
    """Return the text of a cell that an export guarded; what a row has too much or too little stays."""
    return plain(cell) if isinstance(cell, str) else cell


def _emotion_columns(names: Iterable[str | None]) -> dict[str, str]:
    """Return the column of each emotion; none at all is fine, some of them is not."""
    found = defaultdict(list)
    for name in names:
        if name and name.strip().lower() in (*EMOTIONS, *ALIASES):
            found[canonical(name)].append(name)
    missing = [emotion for emotion in EMOTIONS if emotion not in found]
    twice = [name for several in found.values() if len(several) > 1 for name in several]
    if found and (missing or twice):
        raise InputError("clips-columns", missing=", ".join(missing) or "—", twice=", ".join(twice) or "—")
    return {emotion: several[0] for emotion, several in found.items()}


def _distribution(row: dict, number: int, columns: dict[str, str]) -> dict[str, float] | None:
    """Return a row's distribution; None when all its cells are empty."""
    if not any(row[name].strip() for name in columns.values()):
        return None
    found = {}
    for emotion in EMOTIONS:
        cell = row[columns[emotion]]
        try:
            found[emotion] = float(cell)
        except ValueError:
            found[emotion] = math.nan
        if not 0 <= found[emotion] <= 1 + TOLERANCE:  # NaN is refused too
            raise _row(number, columns[emotion], cell, "0 … 1")
    total = math.fsum(found.values())
    if abs(total - 1) > TOLERANCE:
        raise _row(number, ", ".join(columns.values()), f"Σ = {total:.4g}", f"Σ = 1 ± {TOLERANCE:g}")
    return {emotion: value / total for emotion, value in found.items()}


def _row(number: int, field: str, value: str, expected: str) -> InputError:
    return InputError("clips-row", row=number, field=field, value=value[:80], expected=expected)


# --- whatever a place holds

TEXTS = ("text", "transcript", "transcription", "sentence")  # columns of a dataset, the first that is there
LABELS = ("label", "emotion")
LANGUAGES = ("language", "lang", "locale")


def add_place(store: Store, project: str, place: str, media: Path, *, download: bool = False) -> int:
    """Add the clips of a folder, a CSV or a dataset, told apart by what lies there; returns how many are new.

    The recordings of a dataset are copied into `media`; a dataset of the Hub is fetched only with `download`.
    """
    path = Path(place).expanduser()
    if path.is_dir() and not _is_dataset(path):
        return add_folder(store, project, path)
    if path.is_file() and path.suffix.lower() != ".parquet":
        return add_manifest(store, project, path)
    if not path.exists() and not download:
        raise InputError("clips-no-place", place=place[:200])
    return add_dataset(store, project, read_dataset(place), media, place=place)


def add_dataset(store: Store, project: str, dataset, media: Path, *, place: str = "dataset") -> int:
    """Add each row of a `datasets.Dataset` that has an Audio column; returns how many are new.

    The file's bytes are kept as they are, undecoded, in `media`. Text, label (a class or a name) and language are
    taken from the columns `TEXTS`, `LABELS` and `LANGUAGES`; other plain columns go to `Clip.extra`. All rows or none.
    """
    datasets = _datasets()
    audio = next((n for n, kind in dataset.features.items() if isinstance(kind, datasets.Audio)), None)
    if audio is None:
        raise InputError("clips-no-audio", place=place[:200], columns=", ".join(dataset.features)[:200])
    chosen = [next((n for n in names if n in dataset.features), None) for names in (TEXTS, LABELS, LANGUAGES)]
    found, bad = [], []
    for number, row in enumerate(dataset.cast_column(audio, datasets.Audio(decode=False)), start=1):
        try:
            found.append(_dataset_clip(row, number, audio, chosen, dataset.features, media))
        except InputError as error:
            bad.append(error)
    if bad:
        raise InputError("clips-wrong", place=place[:200], count=len(bad), first=bad[0])
    return store.add_clips(project, found)


def read_dataset(place: str):
    """Return a dataset's rows, all splits after one another: of a folder by save_to_disk, of Parquet, or of the Hub."""
    datasets, path = _datasets(), Path(place).expanduser()
    try:
        if path.is_file() or (path.is_dir() and any(path.rglob("*.parquet"))):
            files = [path] if path.is_file() else sorted(path.rglob("*.parquet"))
            return datasets.Dataset.from_parquet([str(file) for file in files])
        whole = datasets.load_from_disk(str(path)) if path.is_dir() else datasets.load_dataset(place)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise InputError("clips-dataset", place=place[:200], reason=reason) from error
    return datasets.concatenate_datasets(list(whole.values())) if isinstance(whole, datasets.DatasetDict) else whole


def _dataset_clip(row: dict, number: int, audio: str, chosen: list, features, media: Path) -> ProjectClip:
    text, label, language = chosen
    sound = row[audio] or {}
    source = Path(sound.get("path") or "")
    content = sound.get("bytes") or (source.read_bytes() if source.is_file() else None)
    if not content:
        raise _row(number, audio, str(source), "an existing file / существующий файл")
    sha256, kept = keep(content, source.suffix.lower() or ".wav", media)
    extra = {n: v for n, v in row.items() if n not in (audio, *chosen) and isinstance(v, str | int | float | bool)}
    given = _label(row[label], features[label], number, label) if label else None
    words = [str(row[name]) if name and row[name] is not None else "" for name in (text, language)]
    return ProjectClip(sha256, str(kept.resolve()), words[0], words[1], given, 0.0, extra)


def _label(value, kind, number: int, column: str) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool) and hasattr(kind, "int2str"):
        value = None if value < 0 else kind.int2str(value)  # -1 is "unlabelled" in `datasets`
    if value is None or value == "":
        return None
    if not isinstance(value, str) or value.strip().lower() not in (*EMOTIONS, *ALIASES):
        raise _row(number, column, str(value), ", ".join(EMOTIONS))
    return canonical(value)


def _is_dataset(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("state.json", "dataset_dict.json")) or any(
        folder.rglob("*.parquet")
    )


def _datasets():
    try:
        import datasets  # late: seconds, and only researchers have it
    except ImportError as error:
        raise InputError("clips-no-datasets") from error
    return datasets
