"""Who took which recording to the annotations, on the disk: a restart forgets sessions, and a deletion is a promise."""

from __future__ import annotations

import hashlib
import json
import threading
from pathlib import Path

from bibier.files import atomic_write

ENDING = ".senders.jsonl"  # of a file beside the folder of recordings
Clip = tuple[str, str]  # project, SHA-256


class Senders:
    """A file with a line for each recording: its clip, and a digest of the session that sent it.

    A session's name has 256 random bits, so nothing can be told from its digest. One without a cookie is an address,
    which could be guessed: it is not written down.

    Parameters
    ----------
    folder
        Where the recordings are kept.
    """

    def __init__(self, folder: Path):
        self.file, self.lock = folder.with_name(folder.name + ENDING), threading.Lock()

    def add(self, session: str, clip: Clip) -> None:
        """Write down who sent a clip. Raises OSError."""
        if session.startswith("address "):
            return
        with self.lock:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with self.file.open("a", encoding="utf-8") as file:
                file.write(json.dumps([_digest(session), *clip]) + "\n")

    def of(self, session: str) -> set[Clip]:
        """Return the clips that a session sent."""
        own = _digest(session)
        return {clip for sender, clip in self._read() if sender == own}

    def others(self, session: str, clip: Clip) -> bool:
        """Whether another session sent the very same."""
        own = _digest(session)
        return any(sender != own and sent == clip for sender, sent in self._read())

    def discard(self, session: str, clip: Clip) -> None:
        """Forget that a session sent a clip. Raises OSError."""
        own = _digest(session)
        with self.lock:
            rows = self._read()
            left = [(sender, sent) for sender, sent in rows if (sender, sent) != (own, clip)]
            if len(left) < len(rows):
                atomic_write(self.file, "".join(json.dumps([sender, *sent]) + "\n" for sender, sent in left))

    def _read(self) -> list[tuple[str, Clip]]:
        """Return the lines, without one that was cut off by a kill."""
        rows = []
        try:
            lines = self.file.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        for line in lines:
            try:
                sender, project, sha256 = json.loads(line)
            except ValueError:
                continue
            rows.append((str(sender), (str(project), str(sha256))))
        return rows


def _digest(session: str) -> str:
    return hashlib.sha256(session.encode()).hexdigest()
