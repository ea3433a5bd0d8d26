"""Files written whole or not at all, and known by what is in them."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import os
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from bibier.errors import InputError
from bibier.file_names import printable, short_name

# What a system says of a disk that is full, or of somebody's share of it, or of a file that may not grow.
DATABASE = b"SQLite format 3\0"  # how its file begins
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def refused_by_system(error: OSError) -> InputError:
    """Return what is said when the system can't do what was asked of a file: its name, the reason and the remedy."""
    if error.errno in FULL:
        return InputError("disk-full")
    place = short_name(os.fsdecode(error.filename or "")) or "—"
    return InputError("place-closed", place=place, reason=error.strerror or str(error))


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, 64 hex digits. Raises OSError, also for a device, which never ends."""
    if not path.is_file():
        raise OSError(errno.EINVAL, "Not a regular file", str(path))
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_replaceable(path: Path, *read: str | os.PathLike[str]) -> None:
    """Raise InputError where a file to be replaced is what is `read`, or a database: neither was written as output."""
    if not path.is_file():
        return
    base = str(path)
    for ending in ("-wal", "-shm", "-journal"):
        if base.endswith(ending) and Path(base.removesuffix(ending)).is_file():
            base = base.removesuffix(ending)
    with Path(base).open("rb") as file:
        database = file.read(len(DATABASE)) == DATABASE
    if database or any(Path(source).exists() and path.samefile(source) for source in read):
        raise InputError("export-input", file=printable(str(path)))


@contextlib.contextmanager
def replacing(path: Path, *, shared: bool = False) -> Iterator[Path]:
    """Give a path beside `path` to write to; it takes its place when the block ends, and is removed when that fails.

    Its name is always the same, so that the half file of a program that was killed goes when the next one writes; where
    several programs may write the same file at once, say `shared`: each has its own. It ends as `path` does, for
    libraries that tell a format by it. Raises OSError, also where a device, a pipe or a link to one stands: the system
    would lose it.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "Not a regular file", str(path))
    own = f".{os.getpid()}" if shared else ""
    part = path.with_name(f".{path.stem}{own}.part{path.suffix}")
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):  # there may be no such place at all
            part.unlink(missing_ok=True)
        raise


def atomic_write(path: Path, content: str | bytes, *, shared: bool = False) -> None:
    """Write a file whole or not at all, durably; text as UTF-8. `shared` as in `replacing`.

    Raises OSError, and what stood there stands.
    """
    with replacing(path, shared=shared) as part:
        part.write_bytes(content.encode() if isinstance(content, str) else content)


def bundled(name: str) -> Path:
    """Return a folder that comes with the project, "checkpoints" or "examples".

    An installed wheel has it inside the package, a checkout beside it.
    """
    inside = Path(__file__).resolve().parent / name
    return inside if inside.is_dir() else inside.parents[1] / name


def carry_over(folder: Path, part: Path, names: Collection[str]) -> None:
    """Give the new folder `part` what else lies in the old one, besides `names`."""
    for entry in folder.iterdir():
        if entry.name in names:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.copytree(entry, part / entry.name, symlinks=True)
        else:
            shutil.copy2(entry, part / entry.name, follow_symlinks=False)


def replace_folder(new: Path, folder: Path) -> None:
    """Put the folder `new` in the place of `folder`, which is removed, at once: nobody finds a mixture or nothing.

    Both are on one file system. Where the system can't exchange two names (Linux can), the old folder is renamed out of
    the way first, and a kill between the two renames leaves it beside, as `.NAME.old`. Raises OSError.
    """
    if not folder.exists():
        new.rename(folder)
        return
    try:
        _exchange(new, folder)
        old = new
    except (OSError, AttributeError):
        old = folder.with_name(f".{folder.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
        new.rename(folder)
    shutil.rmtree(old)


def _exchange(first: Path, second: Path) -> None:
    """Let two paths change places in one step. OSError where the file system can't, AttributeError where the system."""
    here, exchange = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux
    if ctypes.CDLL(None, use_errno=True).renameat2(here, os.fsencode(first), here, os.fsencode(second), exchange):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(first), None, str(second))
