"""The recordings of a folder: what the decoder knows by the names' endings, and a count of what was left out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bibier.audio.format import ENDINGS
from bibier.file_names import is_text, is_there
from bibier.i18n.messages import Message

SHOWN = 8  # kinds of files in one notice


@dataclass(frozen=True)
class FolderRecordings:
    """The recordings below a folder, by name, and how many other files there are, by their ending in lower case."""

    paths: tuple[Path, ...]
    skipped: Counter[str]  # "" counts files without an ending, "." hidden ones, such as the `._x.wav` of some archives,
    # "→" links that lead out of the folder to what is no recording, and "?" names that are no text

    def with_names(self) -> FolderRecordings:
        """Leave out what has bytes in its path that are no text: no database could name it."""
        named = tuple(path for path in self.paths if is_text(path.resolve()))
        return FolderRecordings(named, self.skipped + Counter({"?": len(self.paths) - len(named)}))

    def notice(self, place: str) -> Message | None:
        """Say what was left out; None if nothing was."""
        if not self.skipped:
            return None
        kinds = [f"{ending or '—'} {count}" for ending, count in self.skipped.most_common(SHOWN)]
        kinds += ["…"] * (len(self.skipped) > SHOWN)
        return Message("clips-skipped", {"place": place, "count": self.skipped.total(), "kinds": ", ".join(kinds)})


def recordings_in(folder: Path) -> FolderRecordings:
    """List every recording below a folder. Raises OSError where the folder itself can't be read."""
    paths, skipped = [], Counter[str]()
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not is_there(path):  # a link that leads where nobody may look is none either
            continue
        if hidden or path.suffix.lower() not in ENDINGS:
            skipped["." if hidden else path.suffix.lower()[:20]] += 1
        elif not may_be_taken(path, [folder]):
            skipped["→"] += 1
        else:
            paths.append(path)
    return FolderRecordings(tuple(paths), skipped)


def may_be_taken(path: Path, folders: Iterable[Path]) -> bool:
    """Whether a list or folder may bring a file in: one of these folders, links followed, and elsewhere a recording by
    its name.

    Lists and folders come from others, and what is in them is served and published.
    """
    whole = Path(os.path.realpath(path))  # Path.resolve breaks on a link to itself
    below = any(whole.is_relative_to(os.path.realpath(folder.expanduser())) for folder in folders)
    return below or whole.suffix.lower() in ENDINGS
