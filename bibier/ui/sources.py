"""A folder of recordings or a manifest, given at the start or in the Annotate tab, as a project's clips."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

from bibier.audio import FORMATS
from bibier.labels import canonical
from bibier.messages import InputError
from bibier.store import Clip, Store

SOUNDS = {f".{name}" for name in FORMATS}


def enlist(store: Store, name: str, source: str) -> str:
    """Make a project of a source, or add what is new of it; return its name (by default the source's own).

    A folder gives every recording in it, at any depth, in the order of their paths. A manifest is a .csv, .tsv or
    .jsonl with a column `path` (from the manifest's folder), and perhaps `text`, `language`, `label`.

    Raises
    ------
    InputError
        Nothing is there, nothing in it can be heard, or a row names a missing file or a foreign label.
    """
    path = Path(source).expanduser()
    if not path.exists():
        raise InputError("annotate-source-missing", path=source)
    clips = read_folder(path) if path.is_dir() else read_manifest(path)
    if not clips:
        raise InputError("annotate-source-empty", path=source)
    name = name or path.resolve().stem
    store.project(name)
    store.add_clips(name, clips)
    return name


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, by which a clip is known wherever it lies."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_folder(folder: Path) -> list[Clip]:
    """Return a clip for each recording in a folder."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SOUNDS and path.is_file())
    return [Clip(sha256(path), str(path.resolve())) for path in found]


def read_manifest(manifest: Path) -> list[Clip]:
    """Return a clip for each row of a manifest."""
    with manifest.open(encoding="utf-8-sig", newline="") as file:
        try:
            if manifest.suffix.lower() == ".jsonl":
                rows = [json.loads(line) for line in file if line.strip()]
            else:
                rows = list(csv.DictReader(file, delimiter="\t" if manifest.suffix.lower() == ".tsv" else ","))
        except ValueError as error:
            raise InputError("annotate-source-row", path=manifest.name, row="?", reason=str(error)[:120]) from error
    return [_clip(manifest, number, row) for number, row in enumerate(rows, 1)]


def _clip(manifest: Path, number: int, row: object) -> Clip:
    def refuse(reason: str) -> InputError:
        return InputError("annotate-source-row", path=manifest.name, row=number, reason=reason)

    if not isinstance(row, dict) or not isinstance(row.get("path"), str) or not row["path"].strip():
        raise refuse("path?")
    path = manifest.parent / row["path"].strip()
    if not path.is_file():
        raise refuse(f"{row['path'][:80]}?")
    try:
        label = canonical(row["label"]) if row.get("label") else None
    except (ValueError, AttributeError) as error:
        raise refuse(str(error)[:120]) from error
    return Clip(sha256(path), str(path.resolve()), str(row.get("text") or ""), str(row.get("language") or ""), label)
