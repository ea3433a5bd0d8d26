"""Deleting what a visitor has recorded: files of the session, and clips that it took to the annotations."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from bibier.annotation.state import ProjectClip
from bibier.annotation.store import Store
from bibier.errors import InputError
from bibier.i18n.page import say
from bibier.security.disk_quota import TOGETHER
from bibier.security.ownership import charge
from bibier.security.responses import size as in_words
from bibier.security.session import Visitor
from bibier.security.upload_cleanup import UploadCleanup
from bibier.ui.analyse.senders import Clip, Senders
from bibier.ui.annotate.answers import ClipAddress
from bibier.ui.annotate.handlers import SENT

COUNTED = 10.0  # s for which what visitors' recordings take up is not counted anew
KEPT_SHARE = 20  # a session may have the twentieth part of the room for uploads kept for good, its party two of them


@dataclass(frozen=True)
class Erased:
    """What was deleted, and what was not for which reason; counts of recordings."""

    files: int = 0  # uploads and recordings, from the disk
    clips: int = 0  # taken to the annotations, from there and from the disk
    labelled: int = 0  # kept: people have worked on it
    shared: int = 0  # kept: another visitor sent the same

    def text(self, language: str) -> str:
        """Say it."""
        if self == Erased():
            return say("erased_nothing", language)
        parts = [("erased_files", self.files), ("erased_clips", self.clips)]
        parts += [("erased_labelled", self.labelled), ("erased_shared", self.shared)]
        return " ".join(say(key, language, count=count) for key, count in parts if count)


class Erasure:
    """Deletes for a visitor.

    Parameters
    ----------
    store
        Where clips are listed.
    cleanup
        Of the folder of uploads.
    folder
        Where recordings that were taken to the annotations are kept; nothing is deleted elsewhere.
    """

    def __init__(self, store: Store, cleanup: UploadCleanup, folder: Path):
        self.store, self.cleanup, self.folder = store, cleanup, folder
        self.sent: dict[tuple[str, str], tuple[str, int]] = {}  # (project, clip's hash) → party, bytes
        self.senders = Senders(folder)
        self.counted: tuple[float, int] | None = None  # s of the clock, bytes that are kept
        self.changing = threading.Lock()  # one takes or deletes at a time: many at once find no more room than one

    def take(self, guest: Visitor, recording: Path, receive: Callable[[], ClipAddress]) -> ClipAddress:
        """Have a visitor's recording taken to the annotations, where no cleaning reaches it.

        Raises InputError when it is no longer there, the visitor's share of what is kept in Annotate is used up, that
        of all sessions of the same person or network (labelled clips stay there when their session is over), or the
        room for all.
        """
        with self.changing:
            if not recording.is_file():  # deleted since: what is taken a moment later would outlive its deletion
                raise InputError("guard-file")
            size = charge(recording.stat().st_size)
            if not guest.operator:
                own = sum(self.sent[clip][1] for clip in guest.ownership.sent[guest.session] if clip in self.sent)
                share = self.cleanup.limit // KEPT_SHARE
                if own + size > share:
                    raise InputError("relabel-share", limit=in_words(share))
                together = sum(taken for party, taken in self.sent.values() if party == guest.party)
                if together + size > TOGETHER * share:
                    raise InputError("relabel-together", limit=in_words(TOGETHER * share))
                if self.kept() + size > self.cleanup.limit:
                    raise InputError("relabel-full", limit=in_words(self.cleanup.limit))
            address = receive()
            clip = (address["project"], address["clip"])
            if self.counted and clip not in self.sent:
                self.counted = (self.counted[0], self.counted[1] + size)
            guest.ownership.sent[guest.session].add(clip)
            self.sent.setdefault(clip, (guest.party, size))
            self.senders.add(guest.session, clip)
        return address

    def is_own(self, guest: Visitor, clip: tuple[str, str]) -> bool:
        """Whether a visitor sent a clip (project and hash) to the annotations, and nobody else did."""
        own = clip in guest.ownership.sent.get(guest.session, ()) or clip in self.senders.of(guest.session)
        return own and not self.senders.others(guest.session, clip)

    def kept(self) -> int:
        """Return how much visitors' recordings take up, in bytes; a dataset that the operator keeps here is no part.

        Each is looked at every ten seconds at most: what was taken since then is added, what was deleted stays counted.
        """
        now = time.monotonic()
        if self.counted is None or now - self.counted[0] > COUNTED:
            there = SENT in self.store.projects()
            names = {Path(clip.path).name for clip in self.store.clips(SENT)} if there else set()
            files = [file for file in self.folder.glob("*") if file.name in names and file.is_file()]
            self.counted = (now, sum(file.stat().st_size for file in files))
        return self.counted[1]

    def erase(self, guest: Visitor) -> Erased:
        """Delete everything of a session that nobody else needs, also what it sent before the server was restarted.

        Raises InputError of the store. A clip goes from the list before its file does, so that a repeated call deletes
        what is left.
        """
        with self.changing:  # what another takes or deletes meanwhile is the same clip before or after, never between
            erased = self._erase_clips(guest)
            files, stay = self.cleanup.erase(guest.session)
        return replace(erased, files=files, shared=erased.shared + stay)

    def _erase_clips(self, guest: Visitor) -> Erased:
        ownership, clips, labelled, shared, gone = guest.ownership, 0, 0, 0, list[tuple[str, str]]()
        sent = ownership.sent[guest.session] | self.senders.of(guest.session)
        listing = Listing(self.store, sent)
        for clip in sorted(sent):
            others = any(clip in theirs for session, theirs in list(ownership.sent.items()) if session != guest.session)
            if others or self.senders.others(guest.session, clip):
                shared += 1
            elif not self.remove(*clip, listing):
                labelled += 1
                continue  # it stays with whoever sent it, and is said again at the next call
            else:
                clips += 1
                self.sent.pop(clip, None)
            ownership.sent[guest.session].discard(clip)
            gone.append(clip)
        self.senders.discard(guest.session, gone)
        return Erased(0, clips, labelled, shared)

    def remove(self, project: str, sha256: str, listing: Listing) -> bool:
        """Remove a clip from a project, and its file if no project lists it; False when people have worked on it."""
        if (project, sha256) in listing.worked:
            return False
        # asked before the clip goes from the list: whatever fails then, a repeated call begins anew
        own, listed = self.folder.resolve(), listing.clips.get(project, ())
        paths = [path for clip in listed if clip.sha256 == sha256 and (path := Path(clip.path)).parent == own]
        paths = [path for path in paths if not listing.elsewhere(project, path)]
        if project in listing.clips and not self.store.remove_clip(project, sha256):
            return False
        for path in paths:
            path.unlink(missing_ok=True)
        return True


class Listing:
    """What is listed when a deletion begins; read once for all of its clips, and the clips when one can go.

    Parameters
    ----------
    store
        Where they are listed.
    clips
        That may be deleted.

    Attributes
    ----------
    worked
        Those of them on which people have worked.
    """

    def __init__(self, store: Store, clips: Collection[Clip]):
        self.store, self.worked = store, set[Clip]()
        names = {project for project, _ in clips}
        for project in names and names & set(store.projects()):
            with store.reading(project) as log:
                self.worked |= {clip for clip in clips if clip[0] == project and clip[1] in log.state.worked}

    @cached_property
    def clips(self) -> dict[str, list[ProjectClip]]:
        """All clips by project."""
        return {name: self.store.clips(name) for name in self.store.projects()}

    def elsewhere(self, project: str, path: Path) -> bool:
        """Whether another project lists a file too."""
        return self._projects.get(str(path), set()) - {project} != set()

    @cached_property
    def _projects(self) -> dict[str, set[str]]:
        projects = defaultdict(set)
        for name, clips in self.clips.items():
            for clip in clips:
                projects[clip.path].add(name)
        return projects
