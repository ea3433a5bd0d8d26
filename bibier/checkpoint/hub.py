"""Checkpoints of the Hub: `user/name` or `user/name@revision`, fetched whole and checked, kept in the Hub's own cache.

A revision that is a commit never changes, so that one which is here is used without asking anybody.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bibier import hub
from bibier.errors import InputError
from bibier.hub import COMMIT
from bibier.i18n.messages import Message
from bibier.parsing import read_json

if TYPE_CHECKING:
    from huggingface_hub import HfApi

NAME = re.compile(r"([\w-][\w.-]*/[\w-][\w.-]*)(?:@([\w./-]+))?")
SHA256 = re.compile(r"[0-9a-f]{64}")
PATIENCE = 20.0  # s for the Hub to answer


@dataclass(frozen=True)
class Offer:
    """What fetching a checkpoint would bring, asked of the Hub before anything is fetched."""

    name: str  # as it was asked for
    repo: str
    commit: str
    size: int  # bytes
    place: Path  # the cache
    here: bool  # nothing needs to be fetched

    @property
    def received(self) -> int:
        """Bytes of the repository that are in the cache now, those of other revisions and of halves included."""
        found = 0
        for file in (self.place / f"models--{self.repo.replace('/', '--')}" / "blobs").glob("*"):
            try:
                found += file.stat().st_size
            except FileNotFoundError:  # renamed in this moment, when it was whole
                continue
        return found


@dataclass(frozen=True)
class Kept:
    """A checkpoint that is in the Hub's cache."""

    repo: str
    commit: str
    folder: Path
    refs: tuple[str, ...]  # branches and tags that stand for it


def is_name(name: str) -> bool:
    """Whether a text can name a repository: one slash, no path. What lies on this computer goes before it."""
    return NAME.fullmatch(name) is not None and ".." not in name


def parse_name(name: str) -> tuple[str, str | None]:
    """Tell "user/name" and its revision, None where none is said. Raises InputError for what names no repository."""
    match = NAME.fullmatch(name) if is_name(name) else None
    if match is None:
        raise InputError("hub-no-name", name=name)
    return match[1], match[2]


def short(name: str) -> str:
    """Name a checkpoint for people: a commit by its first eight digits, anything else as it is."""
    repo, _, revision = name.partition("@")
    return f"{repo}@{revision[:8]}" if COMMIT.fullmatch(revision) else name


def tell(message: Message) -> None:
    """Print on standard error what is fetched."""
    print(message.text("en"), file=sys.stderr, flush=True)


def fetch(
    name: str,
    files: Sequence[str],
    *,
    cache: Path | None = None,
    api: HfApi | None = None,
    report: Callable[[Message], None] = tell,
    commit: str | None = None,
) -> Path:
    """Return the folder of a repository's files.

    Parameters
    ----------
    name
        "user/name", whose newest state is asked for and whose last known one is used without a connection, or
        "user/name@revision".
    files
        All that is fetched; nothing else of the repository, no pickle and no program.
    cache
        The Hub's cache; None is its usual place.
    report
        Told what is fetched, how large it is and where to, before it is.
    commit
        What the name is expected to stand for, as somebody was told; None if nobody was.

    Raises
    ------
    InputError
        There is no such repository, revision or file; it can't be reached and is not here; what came is not what the
        Hub says it is; the name stands for another commit; the disk is full.
    """
    repo, revision = parse_name(name)
    api = hub.client(api)

    def known(wanted: str | None) -> Path | None:
        folder = hub.cached_snapshot(repo, wanted, files, api=api, cache=cache)
        return folder if folder and whole(folder, files) else None

    if revision and COMMIT.fullmatch(revision) and (found := known(revision)):
        return found
    try:
        with _sentences(name):
            sha, size = _ask(api, name, files)
            if commit not in (None, sha):
                raise InputError("hub-moved", name=name)
            if found := known(sha):
                return found
            place = str(_place(cache))
            values = {"name": f"{repo}@{sha[:12]}", "megabytes": size / 1e6, "folder": place}
            report(Message("hub-fetching", values))
            for attempt in (False, True):
                # by the branch's name, so that the cache knows its last state
                folder = hub.snapshot(repo, revision, files, api=api, cache=cache, force=attempt)
                if not broken(folder, files):
                    return folder
            raise InputError("hub-broken", name=name, file=broken(folder, files)[0])
    except InputError as error:
        if error.message.key == "hub-unreachable" and (found := known(revision)):
            report(Message("hub-offline", {"name": name}))
            return found
        raise


def offer(name: str, files: Sequence[str], *, cache: Path | None = None, api: HfApi | None = None) -> Offer:
    """Ask the Hub what a name stands for and how large it is; nothing is fetched. Raises InputError as `fetch` does."""
    repo, _ = parse_name(name)
    with _sentences(name):
        sha, size = _ask(hub.client(api), name, files)
    place = _place(cache)
    folder = place / f"models--{repo.replace('/', '--')}" / "snapshots" / sha
    return Offer(name, repo, sha, size, place, whole(folder, files))


def kept(files: Sequence[str], *, cache: Path | None = None) -> tuple[Kept, ...]:
    """List the checkpoints of this program in the cache, by name; models of other programs are passed over."""
    from huggingface_hub import scan_cache_dir

    place = _place(cache)
    if not place.is_dir():
        return ()
    found = [
        Kept(repo.repo_id, revision.commit_hash, revision.snapshot_path, tuple(sorted(revision.refs)))
        for repo in scan_cache_dir(place).repos
        if repo.repo_type == "model"
        for revision in repo.revisions
        if {file.file_name for file in revision.files} >= set(files) and _ours(revision.snapshot_path / files[0])
    ]
    return tuple(sorted(found, key=lambda kept: (kept.repo, kept.commit)))


def _ours(config: Path) -> bool:
    """Whether a config.json describes a checkpoint of this program, a broken one perhaps."""
    try:
        found = read_json(config.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and {"format", "labels", "sample_rate"} <= found.keys()


def _place(cache: Path | None) -> Path:
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(cache or HF_HUB_CACHE)


def _ask(api: HfApi, name: str, files: Sequence[str]) -> tuple[str, int]:
    """Return the commit that a name stands for, and the bytes of the files. Raises InputError when one is not there."""
    repo, revision = parse_name(name)
    info = api.model_info(repo, revision=revision, files_metadata=True, timeout=PATIENCE)
    there = {file.rfilename: file for file in info.siblings or ()}
    if lacking := [file for file in files if file not in there]:
        raise InputError("hub-lacks", name=name, file=lacking[0])
    assert info.sha is not None, "the Hub tells a repository's commit"
    return info.sha, sum(there[file].size or 0 for file in files)


def _sentences(name: str) -> AbstractContextManager[None]:
    """Say what went wrong between here and the Hub."""
    repo, _, revision = name.partition("@")
    return hub.hub_errors(
        "hub-unreachable",
        no_name="hub-no-name",
        no_revision="hub-no-revision",
        no_repo="hub-no-repo",
        disk="hub-disk",
        name=name,
        repo=repo,
        revision=revision,
    )


def whole(folder: Path, files: Sequence[str]) -> bool:
    """Whether a folder of the cache has all files, and all are what their names say."""
    return all((folder / file).is_file() for file in files) and not broken(folder, files)


def broken(folder: Path, files: Sequence[str]) -> list[str]:
    """Return the files that are not what the cache's name for them says: the SHA-256 of large ones, the Git hash of
    small ones.
    """
    found = []
    for file in files:
        blob = (folder / file).resolve()
        content = blob.read_bytes()
        if SHA256.fullmatch(blob.name):
            right = hashlib.sha256(content).hexdigest() == blob.name
        else:
            right = not COMMIT.fullmatch(blob.name) or hub.git_hash(content) == blob.name
        if not right:
            found.append(file)
    return found
