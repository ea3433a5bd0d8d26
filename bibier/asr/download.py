"""Weights that are fetched only when the person asks: whole or not at all, checked, and never waited for in vain."""

from __future__ import annotations

import functools
import http.client
import os
import shutil
import ssl
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from bibier.errors import InputError
from bibier.files import sha256

PART = 2**18  # bytes read at a time
LEAST_PROGRESS = 2**16  # bytes within the time-out; less counts as hanging
ABANDONED = 3600.0  # s without a change, after which a part is of a program that was killed


def default_cache() -> Path:
    """Return the folder where Whisper itself keeps its weights."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "whisper"


def is_whole(path: Path, megabytes: int) -> bool:
    """Whether a file is there and has about its size; an interrupted download doesn't."""
    return path.is_file() and path.stat().st_size > 0.95e6 * megabytes


def matches(path: Path, address: str) -> bool:
    """Whether a file has the SHA-256 that its address carries as the last folder."""
    return sha256(path) == _digest(address)


def _digest(address: str) -> str:
    return urlsplit(address).path.split("/")[-2]


def _opened(address: str, timeout: float) -> http.client.HTTPResponse:
    secure = certificates() if address.startswith("https:") else None
    return urllib.request.urlopen(address, timeout=timeout, context=secure)


@functools.cache
def certificates() -> ssl.SSLContext:
    """Return the certificates that are believed: reading them takes 50 ms, in which nothing else of Python runs."""
    return ssl.create_default_context()


def download(
    address: str,
    target: Path,
    *,
    timeout: float,
    progress: Callable[[int, int | None], None] | None = None,
) -> None:
    """Fetch `address` to `target`, which appears only when it is whole and its SHA-256 is right.

    Parameters
    ----------
    address
        The file's http(s) address; its last folder is the SHA-256.
    timeout
        Seconds without progress after which the download is given up.
    progress
        Told the bytes received and the bytes in all (None when unknown).

    Raises
    ------
    InputError
        The connection failed, broke or hung, the disk is full, or the checksum is wrong.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f"{target.name}.", suffix=".part", dir=target.parent)
    except OSError as error:
        raise _failure(address, str(target.parent), error) from error
    partial = Path(name)
    try:
        with os.fdopen(handle, "wb") as file, _opened(address, timeout) as source:
            _copy(source, file, address, target, timeout, progress)
        if not matches(partial, address):
            raise InputError("recogniser-checksum", host=_host(address))
        partial.replace(target)
        for part in target.parent.glob(f"{target.name}.*.part"):
            if time.time() - part.stat().st_mtime > ABANDONED:
                part.unlink(missing_ok=True)
    except TimeoutError as error:
        raise InputError("recogniser-timeout", host=_host(address), seconds=timeout) from error
    except (OSError, http.client.HTTPException) as error:
        if isinstance(getattr(error, "reason", None), TimeoutError):  # urllib's wrapping while it connects
            raise InputError("recogniser-timeout", host=_host(address), seconds=timeout) from error
        raise _failure(address, _host(address), error) from error
    finally:
        partial.unlink(missing_ok=True)


def _copy(
    source: http.client.HTTPResponse,
    file: BinaryIO,
    address: str,
    target: Path,
    timeout: float,
    progress: Callable[[int, int | None], None] | None,
) -> None:
    total = int(source.headers["Content-Length"]) if source.headers["Content-Length"] else None
    if total and total > shutil.disk_usage(target.parent).free:
        raise InputError("recogniser-no-space", folder=str(target.parent), megabytes=total / 1e6)
    received, marked, mark = 0, 0, time.monotonic()
    while part := source.read1(PART):
        file.write(part)
        received += len(part)
        if progress:
            progress(received, total)
        if time.monotonic() - mark > timeout:
            if received - marked < LEAST_PROGRESS:
                raise TimeoutError
            marked, mark = received, time.monotonic()
    if total and received < total:
        raise InputError("recogniser-broke", host=_host(address), received=received / 1e6, total=total / 1e6)


def _host(address: str) -> str:
    return urlsplit(address).netloc


def _failure(address: str, where: str, error: Exception) -> InputError:
    reason = getattr(error, "reason", None) or error
    return InputError("recogniser-download-failed", where=where, reason=str(reason))
