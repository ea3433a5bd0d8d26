"""SQLite's write-ahead log, held open: what is in it is not lost, nor taken for another file's, when somebody moves
files under a running app.

SQLite itself leaves the log of a file that was moved where it was, and reads it into whatever lies there next; and what
is written after the log was deleted goes with the program.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import suppress
from pathlib import Path

import sqlalchemy as sql
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SQLAlchemyError

from bibier.log import note

ENDINGS = ("-wal", "-shm")  # of the log, and of its index


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
        self._inode: int | None = None

    @property
    def log(self) -> Path:
        """Where the log lies."""
        return self.path.with_name(self.path.name + ENDINGS[0])

    def hold(self) -> None:
        """Keep the log from now on; where it can't be, as in a folder that is read-only, nothing is kept."""
        with suppress(SQLAlchemyError, sqlite3.Error, OSError):
            fairy = self.engine.raw_connection()
            fairy.detach()  # the pool may close all of its own
            self._connection = fairy.dbapi_connection
            fairy.cursor().execute("SELECT 1 FROM sqlite_master").fetchall()  # SQLite opens the log with the first look
            self._inode = self.log.stat().st_ino

    def is_lost(self) -> bool:
        """Whether another log than that which is held lies beside the file, or none."""
        if self._inode is None:
            return False
        try:
            return self.log.stat().st_ino != self._inode
        except OSError:
            return True

    def settle(self, *, replaced: bool) -> None:
        """Write the log into the file that it belongs to, and let both go.

        Where that file was `replaced` by another, nothing of the log stays beside the new one. Where another program
        began a log of its own meanwhile, this one is given up.
        """
        if self._connection is None:
            return
        beside, whole = self.log.exists() and not self.is_lost(), False
        if replaced or not self.log.exists():
            with suppress(sqlite3.Error):  # nobody is waited for who still reads a file that was replaced
                cursor = self._connection.cursor()
                cursor.execute(f"PRAGMA wal_checkpoint({'PASSIVE' if replaced else 'TRUNCATE'})")
                _, pages, written = cursor.fetchone() or (0, 1, 0)
                whole = pages == written
        if replaced and beside:
            for ending in ENDINGS:
                file = self.path.with_name(self.path.name + ending)
                with suppress(OSError):
                    file.unlink() if whole else file.replace(file.with_name(f"{file.name}.of-{self._inode}"))
        self.close()
        note("store", level=logging.WARNING, outcome="replaced" if replaced else "journal-lost")

    def close(self) -> None:
        """Let the log go; may be called again."""
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
        self._connection = self._inode = None
