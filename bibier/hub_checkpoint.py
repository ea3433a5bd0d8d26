"""Checkpoints of the Hub: `user/name` or `user/name@revision`, fetched whole and checked, kept in the Hub's own cache.

A revision that is a commit never changes, so that one which is here is used without asking anybody.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bibier.messages import InputError, Message

NAME = re.compile(r"([\w-][\w.-]*/[\w-][\w.-]*)(?:@([\w./-]+))?")
COMMIT = re.compile(r"[0-9a-f]{40}")
SHA256 = re.compile(r"[0-9a-f]{64}")
PATIENCE = 20.0  # s for the Hub to answer


def is_name(name: str) -> bool:
    """Whether a text can name a repository: one slash, no path. What lies on this computer goes before it."""
    return NAME.fullmatch(name) is not None and ".." not in name


def tell(message: Message) -> None:
    """Print on standard error what is fetched."""
    print(message.text("en"), file=sys.stderr, flush=True)


def fetch(
    name: str,
    files: Sequence[str],
    *,
    cache: Path | None = None,
    api=None,
    report: Callable[[Message], None] = tell,
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

    Raises
    ------
    InputError
        There is no such repository, revision or file; it can't be reached and is not here; what came is not what the
        Hub says it is; the disk is full.
    """
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.constants import HF_HUB_CACHE
    from huggingface_hub.errors import (
        GatedRepoError,
        HTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    repo, revision = NAME.fullmatch(name).groups()
    api = api or HfApi()
    where = {"cache_dir": cache, "allow_patterns": list(files), "endpoint": api.endpoint, "token": api.token}

    def known(wanted: str | None) -> Path | None:
        try:
            folder = Path(snapshot_download(repo, revision=wanted, local_files_only=True, **where))
        except LocalEntryNotFoundError:
            return None
        return folder if all((folder / file).is_file() for file in files) and not broken(folder, files) else None

    if revision and COMMIT.fullmatch(revision) and (found := known(revision)):
        return found
    try:
        info = api.model_info(repo, revision=revision, files_metadata=True, timeout=PATIENCE)
        there = {one.rfilename: one for one in info.siblings}
        if lacking := [file for file in files if file not in there]:
            raise InputError("hub-lacks", name=name, file=lacking[0])
        if found := known(info.sha):
            return found
        size = sum(there[file].size or 0 for file in files)
        place = str(cache or HF_HUB_CACHE)
        report(Message("hub-fetching", {"name": f"{repo}@{info.sha[:12]}", "megabytes": size / 1e6, "folder": place}))
        for attempt in (False, True):
            # by the branch's name, so that the cache knows its last state
            folder = Path(snapshot_download(repo, revision=revision, force_download=attempt, **where))
            if not broken(folder, files):
                return folder
        raise InputError("hub-broken", name=name, file=broken(folder, files)[0])
    except RevisionNotFoundError as error:
        raise InputError("hub-no-revision", name=repo, revision=revision) from error
    except (GatedRepoError, RepositoryNotFoundError) as error:
        raise InputError("hub-no-repo", name=repo) from error
    except (HTTPError, LocalEntryNotFoundError) as error:
        if found := known(revision):
            report(Message("hub-offline", {"name": name}))
            return found
        raise InputError("hub-unreachable", name=name, reason=str(error).splitlines()[0][:200]) from error
    except OSError as error:
        raise InputError("hub-disk", name=name, reason=error.strerror or str(error)) from error


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
            git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            right = not COMMIT.fullmatch(blob.name) or git == blob.name
        if not right:
            found.append(file)
    return found
