"""Who took which recording to the annotations, on the disk: a restart forgets sessions, and a deletion is a promise."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bibier.files import atomic_write, refused_by_system
from bibier.parsing import read_json

ENDING = ".senders.jsonl"  # of a file beside the folder of recordings
Clip = tuple[str, str]  # project, SHA-256


class Senders:
    """A file with a line for each recording: its clip, and a digest of the session that sent it.

    A session's name has 256 random bits, so nothing can be told from its digest. One without a cookie is an address,
    which could be guessed: it is not written down. The file is read once; one running program writes to it.

    Parameters
    ----------
    folder
        Where the recordings are kept.
    """

    def __init__(self, folder: Path):
        self.file, self.lock = folder.with_name(folder.name + ENDING), threading.Lock()
        self.clips: dict[str, set[Clip]] = {}  # digest of a session → what it sent
        self.senders: dict[Clip, set[str]] = {}
        for sender, clip in self._read():
            self._note(sender, clip)

    def add(self, session: str, clip: Clip) -> None:
        """Write down who sent a clip. Raises InputError."""
        sender = _digest(session)
        if session.startswith("address ") or clip in self.clips.get(sender, ()):
            return
        with self.lock, _in_words():
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with self.file.open("a", encoding="utf-8") as file:
                file.write(f"\n{json.dumps([sender, *clip])}")  # begins anew after one that a kill has cut off
            self._note(sender, clip)

    def of(self, session: str) -> set[Clip]:
        """Return the clips that a session sent."""
        with self.lock:
            return set(self.clips.get(_digest(session), ()))

    def others(self, session: str, clip: Clip) -> bool:
        """Whether another session sent the very same."""
        with self.lock:
            return bool(self.senders.get(clip, set()) - {_digest(session)})

    def discard(self, session: str, clips: Iterable[Clip]) -> None:
        """Forget that a session sent these clips. Raises InputError, and then it is as before."""
        sender = _digest(session)
        with self.lock, _in_words():
            gone = self.clips.get(sender, set()).intersection(clips)
            if not gone:
                return
            pairs = ((who, clip) for who, sent in self.clips.items() for clip in sorted(sent))
            left = [json.dumps([who, *clip]) for who, clip in pairs if who != sender or clip not in gone]
            atomic_write(self.file, "\n".join(left))
            for clip in gone:
                self.clips[sender].discard(clip)
                self.senders[clip].discard(sender)

    def _note(self, sender: str, clip: Clip) -> None:
        self.clips.setdefault(sender, set()).add(clip)
        self.senders.setdefault(clip, set()).add(sender)

    def _read(self) -> Iterator[tuple[str, Clip]]:
        """Yield what the lines say, but for one that was cut off."""
        if not self.file.exists():
            return
        for line in self.file.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                sender, project, sha256 = read_json(line)
            except (ValueError, TypeError):
                continue
            yield str(sender), (str(project), str(sha256))


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise refused_by_system(error) from error


def _digest(session: str) -> str:
    return hashlib.sha256(session.encode()).hexdigest()
