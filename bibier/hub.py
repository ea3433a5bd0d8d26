"""One client of the Hugging Face Hub: files of a repository, and its failures as sentences.

The token is that of the `HfApi` which is passed in; without one, that of `hf auth login` or $HF_TOKEN.
"""

from __future__ import annotations

import errno
import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bibier.errors import BibierError, InputError

if TYPE_CHECKING:  # the client takes half a second to import
    from huggingface_hub import HfApi

COMMIT = re.compile(r"[0-9a-f]{40}")  # of a repository; Git's hash of a file looks the same


def client(api: HfApi | None = None) -> HfApi:
    """Return the client that was passed in, or one with this computer's own token."""
    from huggingface_hub import HfApi

    return api or HfApi()


def snapshot(
    repo: str,
    revision: str | None,
    patterns: Sequence[str],
    *,
    api: HfApi | None = None,
    repo_type: str = "model",
    cache: Path | None = None,
    folder: Path | None = None,
    force: bool = False,
) -> Path:
    """Fetch the files of a repository that match `patterns`, and return their folder.

    Parameters
    ----------
    revision
        A commit, a branch or a tag; None is the main branch.
    cache, folder
        The Hub's cache (None is its usual place), or a folder of one's own in its place.
    force
        Fetch again what is here.

    Raises
    ------
    Exception
        What the Hub's client raises: call it within `hub_errors`.
    """
    from huggingface_hub import snapshot_download

    asked = client(api)
    path = snapshot_download(
        repo,
        repo_type=repo_type,
        revision=revision,
        allow_patterns=list(patterns),
        cache_dir=cache,
        local_dir=folder,
        force_download=force,
        endpoint=asked.endpoint,
        token=asked.token,
    )
    return Path(path)


def cached_snapshot(
    repo: str, revision: str | None, patterns: Sequence[str], *, api: HfApi | None = None, cache: Path | None = None
) -> Path | None:
    """Return the folder of a model repository in the cache, without asking the Hub; None when it is not there."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        path = snapshot_download(
            repo,
            revision=revision,
            allow_patterns=list(patterns),
            cache_dir=cache,
            endpoint=client(api).endpoint,
            local_files_only=True,
        )
    except LocalEntryNotFoundError:
        return None
    return Path(path)


def git_hash(content: bytes) -> str:
    """Return the hash under which Git, and the Hub, keep a small file: 40 hex digits."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def failures() -> tuple[type[Exception], ...]:
    """Return what the Hub's client raises when something goes wrong between here and there."""
    from huggingface_hub.errors import (
        HFValidationError,
        HTTPError,  # pyright: ignore[reportPrivateImportUsage] that of whichever HTTP library the client uses
        LocalTokenNotFoundError,
    )

    # A large file's upload fails with a RuntimeError, a card that the Hub doesn't take with a ValueError.
    return (HTTPError, HFValidationError, LocalTokenNotFoundError, OSError, RuntimeError, ValueError)


def reason_of(error: Exception) -> str:
    """Return the first line of what the Hub's client or the system says: at most 200 characters, no full stop.

    Where the client was told not to ask, the setting alone: what it says of that is English advice with an address.
    """
    from huggingface_hub.errors import OfflineModeIsEnabled

    if isinstance(error, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE=1"
    said = getattr(error, "strerror", None) or str(error).strip() or type(error).__name__
    return said.splitlines()[0][:200].rstrip(".")


@contextmanager
def hub_errors(
    key: str,
    *,
    no_repo: str = "",
    no_revision: str = "",
    no_name: str = "",
    disk: str = "",
    full: str = "",
    **values: object,
) -> Iterator[None]:
    """Turn what the Hub's client raises in the block into an InputError with the sentence `key`.

    Parameters
    ----------
    key
        The sentence; its values are `values` and `reason`, the first line of what the client said.
    no_repo, no_revision, no_name, disk, full
        More exact sentences: no such repository or none for this token, no such revision, a text that can be no
        repository, a file of this computer that can't be written, a full disk. "" is `key`.
    """
    from huggingface_hub.errors import (
        HFValidationError,
        HTTPError,  # pyright: ignore[reportPrivateImportUsage] as above
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    # an OSError too, but of the way to the Hub; so is the word that the client was told not to go ($HF_HUB_OFFLINE)
    away = (HTTPError, LocalEntryNotFoundError, ConnectionError, TimeoutError)
    try:
        yield
    except BibierError:
        raise
    except failures() as error:
        if isinstance(error, HFValidationError):
            exact = no_name
        elif isinstance(error, RevisionNotFoundError):
            exact = no_revision
        elif isinstance(error, RepositoryNotFoundError):
            exact = no_repo
        elif isinstance(error, OSError) and not isinstance(error, away):
            exact = full if full and error.errno in (errno.ENOSPC, errno.EDQUOT) else disk
        else:
            exact = ""
        raise InputError(exact or key, **values | {"reason": reason_of(error)}) from error
