"""SQLite's write-ahead log, held open: what is in it is not lost, nor taken for another file's, when somebody moves
files under a running app.

SQLite itself leaves the log of a file that was moved where it was, and reads it into whatever lies there next; and what
is written after the log was deleted goes with the program.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

import sqlalchemy as sql
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SQLAlchemyError

from bibier.errors import StoreUnavailable
from bibier.file_names import short_name
from bibier.log import note

ENDINGS = ("-wal", "-shm")  # of the log, and of its index
HEAD = 32  # bytes of a log in which nothing is written


def check_not_alone(path: Path) -> None:
    """Raise StoreUnavailable where a database is not there and a log of it is, which a new one would overwrite."""
    if path.exists():
        return
    for ending in ("-wal", "-journal"):
        log = path.with_name(path.name + ending)
        if log.is_file() and log.stat().st_size > HEAD:
            raise StoreUnavailable("store-log-alone", file=short_name(path), log=short_name(log))


class WriteAheadLog:
    """The log of one database file, by a connection that does nothing else.

    Parameters
    ----------
    engine
        Of the database; its connections are set to WAL.
    path
        Of its file.
    """

    def __init__(self, engine: sql.Engine, path: Path):
        self.engine, self.path = engine, path
        self._connection: DBAPIConnection | None = None
        self._inodes: dict[str, int | None] = {}

    def file(self, ending: str) -> Path:
        """Where the log lies, or its index."""
        return self.path.with_name(self.path.name + ending)

    def hold(self) -> None:
        """Keep the log from now on; where it can't be, as in a folder that is read-only, nothing is kept."""
        with suppress(SQLAlchemyError, sqlite3.Error, OSError):
            fairy = self.engine.raw_connection()
            fairy.detach()  # the pool may close all of its own
            self._connection = fairy.dbapi_connection
            fairy.cursor().execute("SELECT 1 FROM sqlite_master").fetchall()  # SQLite opens the log with the first look
            self._inodes = {ending: self._now(ending) for ending in ENDINGS}

    def _now(self, ending: str) -> int | None:
        try:
            return self.file(ending).stat().st_ino
        except OSError:
            return None

    def is_lost(self) -> bool:
        """Whether another log or index than that which is held lies beside the file, or none."""
        return any(self._now(ending) != inode for ending, inode in self._inodes.items())

    def _is_others(self, now: Mapping[str, int | None], own: Collection[str]) -> bool:
        """Whether another program has read the log into an index of its own, or written to a log of its own."""
        if "-wal" in own:
            return now["-shm"] is not None and "-shm" not in own
        try:
            return self.file("-wal").stat().st_size > HEAD
        except OSError:
            return False

    def settle(self, *, replaced: bool) -> None:
        """Write the log into the file that it belongs to, and let both go.

        Where that file was `replaced` by another, nothing of the log stays beside the new one. Where another program
        goes on with the log, or has written to one of its own, nothing is done: it would be laid over what that one
        says.
        """
        if self._connection is None:
            return
        now, whole = {ending: self._now(ending) for ending in ENDINGS}, False
        own = [ending for ending in ENDINGS if now[ending] is not None and now[ending] == self._inodes.get(ending)]
        if replaced or not self._is_others(now, own):
            with suppress(sqlite3.Error):  # nobody is waited for who still reads a file that was replaced
                cursor = self._connection.cursor()
                cursor.execute(f"PRAGMA wal_checkpoint({'PASSIVE' if replaced else 'TRUNCATE'})")
                _, pages, written = cursor.fetchone() or (0, 1, 0)
                whole = pages == written
        for ending in own if replaced else ():
            file = self.file(ending)
            with suppress(OSError):
                file.unlink() if whole else file.replace(file.with_name(f"{file.name}.of-{self._inodes[ending]}"))
        self.close()
        note("store", level=logging.WARNING, outcome="replaced" if replaced else "journal-lost")

    def close(self) -> None:
        """Let the log go; may be called again."""
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
        self._connection, self._inodes = None, {}
