"""Where annotations live: a database server, a mounted bucket, a dataset that they are copied to, or this disk."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bibier.errors import InputError
from bibier.i18n.messages import Message

LOCAL = Path("annotations")
CLIPS = LOCAL / "clips"  # recordings that were sent to the editor, or came with a dataset
DEFAULT = f"sqlite:///{LOCAL / 'bibier.db'}"
BUCKET = Path("/data")  # where a Space mounts one


@dataclass(frozen=True)
class StorageLocation:
    """Where annotations live.

    Parameters
    ----------
    url
        Of the store.
    folder
        For recordings that were sent to the editor: this database's alone, since what is deleted from it is deleted
        there.
    kind
        "server", "bucket", "backup", "disk", or "forgets": a Space's own disk, lost when it restarts.
    journal_mode
        Of SQLite: WAL needs memory shared on one machine, which a network's file system does not have.
    place
        What a person is told: a file, or nothing; never a server's address, which may hold a password.
    """

    url: str
    folder: Path
    kind: str
    journal_mode: str = "WAL"
    place: str = ""

    @property
    def answers(self) -> Path:
        """The file of what a language model answered, so that nothing is asked twice; on no network's file system."""
        return (LOCAL if may_write(LOCAL) else self.folder.parent) / "answers.db"

    def message(self) -> Message:
        """Say it."""
        return Message(f"keeping-{self.kind}", {"place": self.place})


def resolve_location(environ: Mapping[str, str], url: str | None = None, bucket: Path = BUCKET) -> StorageLocation:
    """Choose where annotations live: the app and every command ask this.

    It is what the command line (`url`) or $BIBIER_DATABASE names, on a Space a writable bucket, else a file here.
    Raises InputError for a database in memory, which would be lost at once.
    """
    space, url = bool(environ.get("SPACE_ID")), url or environ.get("BIBIER_DATABASE")
    if url and re.fullmatch(r"sqlite(\+\w+)?:/{0,3}(:memory:)?(\?.*)?|sqlite.*mode=memory.*", url):
        raise InputError("store-url", url=url[:80], reason=Message("store-memory"))
    if url and not url.startswith("sqlite"):
        return StorageLocation(url, _local_folder() / f"{_server_name(url)}.clips", "server")
    mounted = space and os.path.ismount(bucket) and os.access(bucket, os.W_OK)
    if not url and mounted:
        file = bucket / "bibier.db"
        return StorageLocation(f"sqlite:///{file}", bucket / "clips", "bucket", "DELETE", str(file))
    url = url or DEFAULT
    file = Path(url.partition(":///")[2].removeprefix("file:").partition("?")[0])
    folder = file.parent / f"{file.name}.clips"
    if mounted and bucket in file.parents:
        folder = bucket / "clips" if file == bucket / "bibier.db" else folder
        return StorageLocation(url, folder, "bucket", "DELETE", str(file))
    if file.absolute() == Path(DEFAULT.removeprefix("sqlite:///")).absolute():
        folder = _local_folder() / "clips"
    kind = "backup" if environ.get("BIBIER_BACKUP") else "forgets" if space else "disk"
    place = environ["BIBIER_BACKUP"] if kind == "backup" else str(file)
    return StorageLocation(url, folder, kind, place=place)


def _server_name(url: str) -> str:
    """Name a server's database for a folder: two of one name on two servers are two."""
    place = without_password(url).rpartition("@")[2]
    name = re.sub(r"[^\w-]", "_", place.partition("?")[0].rpartition("/")[2])[:40]
    return f"{name}-{hashlib.sha256(place.encode()).hexdigest()[:8]}"


def make_folder(home: StorageLocation) -> None:
    """Make the folder of the default database. Raises InputError where that can't be, with the remedy."""
    if home.url != DEFAULT:
        return
    try:
        LOCAL.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError("app-read-only", place=str(Path.cwd()), reason=error.strerror or str(error)) from error


def may_write(folder: Path) -> bool:
    """Whether files can be made in a folder, which need not be there yet."""
    there = next((place for place in (folder, *folder.absolute().parents) if place.exists()), folder)
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def _local_folder() -> Path:
    """Return where the app's own files go: a folder here, or else of the user.

    The first that can be written to; where none can, the one here.
    """
    own = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "bibier"
    return next((place for place in (LOCAL, own / LOCAL) if may_write(place)), LOCAL)


def without_password(url: str) -> str:
    """Return a database's URL with *** for its password, wherever one may stand in it, at most 200 characters.

    What is malformed is taken for a password rather than shown: all from the first ":" of what stands before the last
    "@", a "port" that is no number, and the value of `password=`.
    """
    head, separator, rest = url.partition("://") if "://" in url else ("", "", url)
    credentials, at, place = rest.rpartition("@")
    user, colon, _ = credentials.partition(":")
    place = re.sub(r"^([^:/?]+):(?!\d*([/?]|$)).*", r"\1:***", place)
    hidden = f"{head}{separator}{user}{colon and ':***'}{at}{place}"
    return re.sub(r"(?i)(password=)[^&]*", r"\1***", hidden)[:200]
