"""Files by the names that people write: Windows paths, composed letters, and names that look the same."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bibier.i18n.messages import Message
from bibier.unicode_text import normalise

NAME_LENGTH = 40  # characters of a file's name in a message
_DRIVE = re.compile(r"[A-Za-z]:[\\/]|\\\\")  # C:\… and \\server\…
INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")  # signs that nobody sees, in names of files and columns
# Letters of Russian that look like Latin ones; names are compared in lower case.
_ALIKE = str.maketrans("авекмнорстухіјѕ", "abekmhopctyxijs")


def find_file(folder: Path, name: str) -> Path:
    """Return the path of a file that is written relative to a folder, or absolutely; where none is, what was written.

    Backslashes are separators where no file is called so. A letter with a mark is the same, composed or not.
    """
    written = folder / name
    spellings = [name, name.replace("\\", "/")] if "\\" in name else [name]
    for spelling in spellings:
        if is_there(path := folder / spelling):
            return path
    for spelling in spellings:
        if not spelling.isascii() and (path := _composed(folder / spelling)) is not None:
            return path
    return folder / spellings[-1] if not _DRIVE.match(name) else written


def is_there(path: Path, *, any_kind: bool = False) -> bool:
    """Whether there is a file at a path, or anything; no for a name that no file could have, such as a long text."""
    try:
        return path.exists() if any_kind else path.is_file()
    except (OSError, ValueError):
        return False


def printable(path: str) -> str:
    r"""Return a path that can be written down: of a name that is not UTF-8 the odd bytes as \xff."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def short_name(path: str | os.PathLike) -> str:
    """Return a file's base name as a message may show it: printable, at most `NAME_LENGTH` characters."""
    name = "".join(c if c.isprintable() else "?" for c in Path(path).name)
    if len(name) <= NAME_LENGTH:
        return name
    half = NAME_LENGTH // 2
    return f"{name[: half - 1]}…{name[-half:]}"


def is_text(path: Path) -> bool:
    """Whether a path can be written down: a name of another system may hold bytes that are no text."""
    try:
        str(path).encode()
    except UnicodeEncodeError:  # Python's stand-ins for such bytes
        return False
    return True


def missing(path: Path, name: str) -> Message:
    """Say that there is no file at `path`, written as `name`, and what might be meant."""
    if _DRIVE.match(name):
        return Message("file-elsewhere", {"name": name[:200]})
    if is_there(path, any_kind=True):
        return Message("file-kind", {"name": path.name[:200]})
    alike = _listed(path.parent).by_appearance.get(_appearance(path.name))
    if alike is not None and alike != path.name:
        return Message("file-alike", {"name": path.name[:200], "other": alike[:200]})
    return Message("file-missing", {"name": path.name[:200]})


def _composed(path: Path) -> Path | None:
    """Return the file whose path differs from this one by the composition of its letters alone."""
    here = Path(path.anchor)
    for part in path.parts[1:] if path.anchor else path.parts:
        if not is_there(here / part, any_kind=True) and part not in ("..", "."):
            composed = normalise("NFC", part)
            there = _listed(here).by_composition.get(composed)
            if there is None:
                return None
            part = there
        here = here / part
    return here if is_there(here) else None


@dataclass(frozen=True)
class _Listing:
    """The names in a folder, by what others that mean them may have in common with them."""

    by_composition: Mapping[str, str]
    by_appearance: Mapping[str, str]


@functools.lru_cache(maxsize=16)
def _listing(folder: Path, changed: int) -> _Listing:
    names = sorted(path.name for path in folder.iterdir())
    composed = {normalise("NFC", name): name for name in names if not name.isascii()}
    return _Listing(composed, {_appearance(name): name for name in reversed(names)})


def _listed(folder: Path) -> _Listing:
    """Return the names in a folder; each folder is read once as long as nothing changes in it."""
    try:
        return _listing(folder, folder.stat().st_mtime_ns)
    except (OSError, ValueError):
        return _Listing({}, {})


def _appearance(name: str) -> str:
    """Return what names that look the same have in common: no case, no invisible sign, no outer or double space."""
    plain = normalise("NFKC", INVISIBLE.sub("", name)).casefold()
    return " ".join(plain.translate(_ALIKE).split())
