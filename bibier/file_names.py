"""Files by the names that people write: Windows paths, composed letters, and names that look the same."""

from __future__ import annotations

import functools
import os
import re
import unicodedata
from pathlib import Path

from bibier.i18n.messages import Message

_DRIVE = re.compile(r"[A-Za-z]:[\\/]|\\\\")  # C:\… and \\server\…
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
# Letters of Russian that look like Latin ones; names are compared in lower case.
_ALIKE = str.maketrans("авекмнорстухіјѕ", "abekmhopctyxijs")


def find_file(folder: Path, name: str) -> Path:
    """Return the path of a file that is written relative to a folder, or absolutely; where none is, what was written.

    Backslashes are separators where no file is called so. A letter with a mark is the same, composed or not.
    """
    written = folder / name
    spellings = [name, name.replace("\\", "/")] if "\\" in name else [name]
    for spelling in spellings:
        if (path := folder / spelling).is_file():
            return path
    for spelling in spellings:
        if not spelling.isascii() and (path := _composed(folder / spelling)) is not None:
            return path
    return folder / spellings[-1] if not _DRIVE.match(name) else written


def printable(path: str) -> str:
    r"""Return a path that can be written down: of a name that is not UTF-8 the odd bytes as \xff."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def missing(path: Path, name: str) -> Message:
    """Say that there is no file at `path`, written as `name`, and what might be meant."""
    if _DRIVE.match(name):
        return Message("file-elsewhere", {"name": name[:200]})
    plain = _appearance(path.name)
    alike = next((name for name in _listed(path.parent) if _appearance(name) == plain), None)
    if alike is not None:
        return Message("file-alike", {"name": path.name[:200], "other": alike[:200]})
    return Message("file-missing", {"name": path.name[:200]})


def _composed(path: Path) -> Path | None:
    """Return the file whose path differs from this one by the composition of its letters alone."""
    here = Path(path.anchor)
    for part in path.parts[1:] if path.anchor else path.parts:
        if not (here / part).exists() and part not in ("..", "."):
            composed = unicodedata.normalize("NFC", part)
            there = _by_composition(here).get(composed)
            if there is None:
                return None
            part = there
        here = here / part
    return here if here.is_file() else None


def _by_composition(folder: Path) -> dict[str, str]:
    return {unicodedata.normalize("NFC", name): name for name in _listed(folder) if not name.isascii()}


@functools.lru_cache(maxsize=64)
def _names(folder: Path, changed: int) -> tuple[str, ...]:
    return tuple(sorted(path.name for path in folder.iterdir()))


def _listed(folder: Path) -> tuple[str, ...]:
    """Return the names in a folder; each folder is read once as long as nothing changes in it."""
    try:
        return _names(folder, folder.stat().st_mtime_ns)
    except OSError:
        return ()


def _appearance(name: str) -> str:
    """Return what names that look the same have in common: no case, no invisible sign, no outer or double space."""
    plain = unicodedata.normalize("NFKC", _INVISIBLE.sub("", name)).casefold()
    return " ".join(plain.translate(_ALIKE).split())
