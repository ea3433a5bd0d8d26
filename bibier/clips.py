"""Recordings → clips of a project: a folder, a manifest or one recording, known by the SHA-256 of its bytes."""

from __future__ import annotations

import csv
import hashlib
import math
import shutil
from pathlib import Path

import soundfile

from bibier.audio import short_name
from bibier.labels import ALIASES, EMOTIONS, canonical
from bibier.messages import InputError
from bibier.standing import Clip
from bibier.store import Store

ENDINGS = {".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".webm"}
KNOWN = ("path", "text", "language", "label", "duration")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def add_folder(store: Store, project: str, folder: Path) -> int:
    """Add every recording under a folder, by name; returns how many are new."""
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in ENDINGS and p.is_file())
    if not found:
        raise InputError("clips-none", place=short_name(folder))
    return store.add_clips(project, [Clip(sha256(path), str(path.resolve())) for path in found])


def add_manifest(store: Store, project: str, path: Path) -> int:
    """Add the rows of a CSV with the columns path and, by choice, text, language, label, duration (s).

    Other columns go to `Clip.extra`. Paths are relative to the manifest. All rows or none are added; returns how many
    are new. Raises InputError with the number of bad rows and what is wrong with the first.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError("clips-wrong", place=short_name(path), count=1, first=str(error)[:200]) from error
    if not rows or "path" not in rows[0]:
        raise InputError("clips-none", place=short_name(path))
    clips, bad, seen = [], [], {}
    for number, row in enumerate(rows, start=2):
        try:
            clip = _clip(row, number, path.parent)
            if clip.sha256 in seen:
                raise _row(number, "path", row["path"], f"≠ {seen[clip.sha256]}")
            seen[clip.sha256] = number
            clips.append(clip)
        except InputError as error:
            bad.append(error)
    if bad:
        raise InputError("clips-wrong", place=short_name(path), count=len(bad), first=bad[0])
    return store.add_clips(project, clips)


def add_recording(store: Store, project: str, sound, media: Path, *, text: str = "", language: str = "") -> Clip:
    """Copy one recording, a path or (samples in [-1, 1], rate in Hz), into `media` under its SHA-256 and add it."""
    media.mkdir(parents=True, exist_ok=True)
    if isinstance(sound, tuple):
        samples, rate = sound
        part = media / ".new.wav"
        soundfile.write(part, samples, rate, subtype="FLOAT")
        ending = ".wav"
    else:
        part, ending = media / ".new", Path(sound).suffix.lower()
        shutil.copyfile(sound, part)
    name = sha256(part)
    goal = part.replace(media / f"{name}{ending}")
    clip = Clip(name, str(goal.resolve()), text, language)
    store.add_clips(project, [clip])
    return clip


def check(store: Store, project: str) -> dict[str, list[Clip]]:
    """Return the clips whose file is "missing" and those whose file is "changed" (another SHA-256)."""
    found: dict[str, list[Clip]] = {"missing": [], "changed": []}
    for clip in store.clips(project):
        path = Path(clip.path)
        if not path.is_file():
            found["missing"].append(clip)
        elif sha256(path) != clip.sha256:
            found["changed"].append(clip)
    return found


def _clip(row: dict, number: int, folder: Path) -> Clip:
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
    extra = {name: value for name, value in row.items() if name not in KNOWN}
    label = canonical(label) if label else None
    where = str(path.resolve())
    return Clip(sha256(path), where, row.get("text", ""), row.get("language", ""), label, duration, extra)


def _row(number: int, field: str, value: str, expected: str) -> InputError:
    return InputError("clips-row", row=number, field=field, value=value[:80], expected=expected)
