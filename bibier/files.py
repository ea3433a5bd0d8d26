"""Files written whole or not at all, and known by what is in them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, 64 hex digits. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path beside `path` to write to; it takes its place when the block ends, and is removed when that fails.

    The name ends as `path` does, for libraries that tell a format by it. Raises OSError.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem[:100]}-", suffix=path.suffix)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        umask = os.umask(0)
        os.umask(umask)
        part.chmod(0o666 & ~umask)  # as a file written in place would have it; mkstemp gives 0o600
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def atomic_write(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all, durably; text as UTF-8. Raises OSError, and what stood there stands."""
    with replacing(path) as part:
        part.write_bytes(content.encode() if isinstance(content, str) else content)


def bundled(name: str) -> Path:
    """Return a folder that comes with the project, "checkpoints" or "examples".

    An installed wheel has it inside the package, a checkout beside it.
    """
    inside = Path(__file__).resolve().parent / name
    return inside if inside.is_dir() else inside.parents[1] / name
