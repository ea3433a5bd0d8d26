"""The database behind a store: its tables, its transactions, and its failures in words. Nothing of events is known.

SQLite (a file) or Postgres (a server), by URL. Reading takes no lock that a writer needs.
"""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path

import sqlalchemy as sql
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.event import listen
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from bibier.annotation.journal import WriteAheadLog, check_not_alone
from bibier.annotation.location import without_password
from bibier.annotation.writer_lease import WriterLease, keeps_locks
from bibier.errors import InputError, StoreUnavailable
from bibier.file_names import short_name
from bibier.i18n.messages import Message

SCHEMA = 1
WAIT_SECONDS = 10  # s, for another writer
CONNECTIONS = 40  # to SQLite: more than threads of the app, so that none is short of one while others wait for the lock
CACHE = 512  # kB of pages that each of them keeps, of a file that the system keeps too; by itself SQLite keeps 2000
LEAST_FREE = 100_000  # bytes on the disk of a file: a save takes some pages of 4 kB
DETAIL = 120  # characters of a reason that are told

_tables = sql.MetaData()
_number = sql.BigInteger().with_variant(sql.Integer, "sqlite")  # SQLite counts up only an INTEGER key
about = sql.Table("about", _tables, sql.Column("version", sql.Integer, nullable=False))
projects = sql.Table(
    "projects",
    _tables,
    sql.Column("name", sql.Text, primary_key=True),
    sql.Column("settings", sql.Text),
    sql.Column("moves", sql.Integer, nullable=False, server_default="0"),  # how often something known was changed
)
clips = sql.Table(
    "clips",
    _tables,
    sql.Column("number", _number, primary_key=True),
    sql.Column("project", sql.ForeignKey("projects.name"), nullable=False),
    sql.Column("sha256", sql.Text, nullable=False),
    sql.Column("body", sql.Text, nullable=False),  # the ProjectClip as JSON
    sql.Column("hash", sql.Text),  # of the row; NULL in databases of before
    sql.UniqueConstraint("project", "sha256"),
)
events = sql.Table(
    "events",
    _tables,
    sql.Column("number", _number, primary_key=True),
    sql.Column("uuid", sql.Text, nullable=False, unique=True),
    sql.Column("project", sql.ForeignKey("projects.name"), nullable=False, index=True),
    sql.Column("body", sql.Text, nullable=False),  # the Event as JSON
    sql.Column("counter", sql.BigInteger),  # its stamp; NULL in databases of before
    sql.Column("writer", sql.Text),
    sql.Column("hash", sql.Text),  # of the row; NULL in databases of before
)
removals = sql.Table(  # clips that were deleted, so that no copy brings them back
    "removals",
    _tables,
    sql.Column("number", _number, primary_key=True),
    sql.Column("project", sql.ForeignKey("projects.name"), nullable=False),
    sql.Column("sha256", sql.Text, nullable=False),
    sql.UniqueConstraint("project", "sha256"),
)


class Database:
    """Transactions on one URL; may be shared by threads.

    Parameters
    ----------
    url
        "sqlite:///FILE" or "postgresql+psycopg://USER@HOST/NAME".
    journal_mode
        SQLite's journal_mode: "DELETE" on a network's file system, where WAL is not safe. There, and wherever locks
        keep nobody apart, one program at a time may write (`writer_lease.py`).
    writer
        What this program is called there.

    Attributes
    ----------
    generation
        Grows when another file lies in the place of the one that was open.

    Raises
    ------
    InputError
        For a URL that can't be used, and a database of a newer schema.
    StoreUnavailable
        From every method, too: the database can't be opened, is locked, full, or read-only.
    """

    def __init__(self, url: str, *, journal_mode: str = "WAL", writer: str = "") -> None:
        self.generation = 0
        self._lock = threading.Lock()
        self._file: tuple[Path, int] | None = None  # of SQLite: where it lies, and its inode
        self._journal: WriteAheadLog | None = None
        self._lease: WriterLease | None = None
        self._opened = False
        try:
            path = _file_of(url)
            if path:
                check_not_alone(path)
            if path and (journal_mode == "DELETE" or not keeps_locks(path.parent)):
                journal_mode, self._lease = "DELETE", WriterLease(path, writer)
            self.engine = _engine_of(url, journal_mode)
            options: dict[str, object] = {"reading": True}
            if not self.is_file:
                options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
            self._reader = self.engine.execution_options(**options)
            self._file = (path, 0) if path else None
            self._prepare()
        except (ArgumentError, NoSuchModuleError, ImportError) as error:
            reason = str(error).splitlines()[0].replace(url, without_password(url))[:DETAIL]
            raise InputError("store-url", url=without_password(url), reason=reason) from error
        except ValueError as error:  # of int() or float(); its text may hold a part of the password
            if isinstance(error, InputError):
                raise
            raise InputError("store-url", url=without_password(url), reason=Message("store-url-number")) from None
        if self._file:
            self._file = (self._file[0], self._file[0].stat().st_ino)
            if journal_mode == "WAL":
                self._journal = WriteAheadLog(self.engine, self._file[0])
                self._journal.hold()
        self._opened = True

    @property
    def is_file(self) -> bool:
        """Whether this is SQLite."""
        return self.engine.dialect.name == "sqlite"

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()
        if self._journal:
            self._journal.close()
        if self._lease:
            self._lease.release()

    def reading(self) -> AbstractContextManager[sql.Connection]:
        """A transaction that reads, all of it from one moment, and keeps no writer from its work."""
        return self._transaction(self._reader)

    def writing(self) -> AbstractContextManager[sql.Connection]:
        """A transaction that holds the lock of writers from its beginning, durable when it is left."""
        return self._transaction(self.engine, self._lease)

    def empty_journal(self) -> None:
        """Move SQLite's write-ahead log into the file, so that nothing deleted is left there.

        Where another program reads at this moment, that is left to SQLite's own next time.
        """
        if not self.is_file:
            return
        with suppress(DBAPIError, sqlite3.Error), closing(self.engine.raw_connection()) as connection:
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def flaws(self) -> str:
        """Return what SQLite finds wrong in its file, in its words; nothing for a sound one, or a server."""
        if not self.is_file:
            return ""
        with self.reading() as connection:
            verdict = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar())
        return "" if verdict == "ok" else verdict[:DETAIL]

    def check(self) -> None:
        """See that rows could be read and written at this moment; nothing is changed, and no row is looked through.

        Where a lease says who writes, it is not asked for: a program that only looks keeps no other from writing.
        """
        self._look()
        if self._file and shutil.disk_usage(self._file[0].parent).free < LEAST_FREE:
            raise StoreUnavailable("store-full")
        with self.reading() if self._lease else self.writing() as connection:
            if connection.scalar(sql.select(about.c.version)) is None:
                raise StoreUnavailable("store-closed", reason=about.name)

    def _prepare(self) -> None:
        """Make the tables that are missing, and the columns that a database of before lacks."""
        with self.reading() as connection:
            if not self.is_file and (encoding := connection.exec_driver_sql("SHOW server_encoding").scalar()) != "UTF8":
                raise InputError("store-encoding", encoding=encoding)
            version, complete = _version_of(connection), not _missing_columns(connection)
            if version is not None and (lost := _lost_table(connection)):
                raise StoreUnavailable("store-malformed", reason=lost)
        if version is not None and complete:
            return
        with self.writing() as connection:
            if not self.is_file:
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7203114)")  # one creates the tables
            version = _version_of(connection)
            _tables.create_all(connection)
            for table, column in _missing_columns(connection):
                kind = column.type.compile(connection.dialect)
                connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {column.name} {kind}")
            if version is None:
                connection.execute(about.insert().values(version=SCHEMA))

    @contextmanager
    def _transaction(self, engine: sql.Engine, lease: WriterLease | None = None) -> Iterator[sql.Connection]:
        """A transaction whose failures are said in words."""
        self._look()
        if lease:
            lease.hold()
        try:
            with engine.begin() as connection:
                yield connection
        except PoolTimeout as error:  # all connections wait for the lock
            raise StoreUnavailable("store-locked", seconds=WAIT_SECONDS) from error
        except DBAPIError as error:
            raise self._unavailable(error) from error
        except SQLAlchemyError as error:
            if isinstance(error, ArgumentError | NoSuchModuleError):
                raise
            raise StoreUnavailable("store-closed", reason=type(error).__name__) from error

    def _unavailable(self, error: DBAPIError) -> StoreUnavailable:
        """Say what a driver's error means. What a server says may name it, so it is told only who starts a program."""
        reason = str(error.orig).splitlines()[0][:DETAIL] if str(error.orig) else type(error.orig).__name__
        if secret := self.engine.url.password:
            reason = reason.replace(secret, "***")
        if "is locked" in reason or "lock timeout" in reason:
            return StoreUnavailable("store-locked", seconds=WAIT_SECONDS)
        if "disk is full" in reason or "No space left" in reason:
            return StoreUnavailable("store-full")
        if "readonly" in reason or "read-only" in reason:
            return StoreUnavailable("store-read-only")
        if "malformed" in reason or "not a database" in reason:
            return StoreUnavailable("store-malformed", reason=reason)
        if self._opened and not self.is_file:
            reason = " ".join(filter(None, (type(error.orig).__name__, getattr(error.orig, "sqlstate", None))))
        return StoreUnavailable("store-closed", reason=reason)

    def _look(self) -> None:
        """See that the file is still the one that is open: SQLite would go on writing to a deleted one.

        Another file in its place, such as a restored copy, is opened anew, and so is one whose log was deleted.
        """
        if not self._file or not self._file[1]:
            return
        with self._lock:
            path, inode = self._file
            try:
                current = path.stat().st_ino
            except OSError as error:
                raise StoreUnavailable("store-gone", file=short_name(path)) from error
            replaced = current != inode
            if replaced or (self._journal and self._journal.is_lost()):
                if self._journal:
                    self._journal.settle(replaced=replaced)
                self.engine.dispose()
                self.generation += 1
                self._file = (path, current)
                if self._journal:
                    self._journal.hold()


def _file_of(url: str) -> Path | None:
    """Return the file of an SQLite URL, None of any other and of a database in memory. Raises what SQLAlchemy does."""
    address = sql.make_url(url)
    name = (address.database or "").removeprefix("file:").partition("?")[0]
    if address.get_backend_name() != "sqlite" or not name or name.startswith(":") or "mode=memory" in url:
        return None
    return Path(name).absolute()


def _version_of(connection: sql.Connection) -> int | None:
    """Return the schema's version, None in an empty database. Raises InputError for a newer one."""
    if not sql.inspect(connection).has_table(about.name):
        return None
    version = connection.scalar(sql.select(about.c.version))
    if not isinstance(version, int | None):
        raise StoreUnavailable("store-malformed", reason=about.name)
    if version is not None and version > SCHEMA:
        raise InputError("store-newer", version=version, known=SCHEMA)
    return version


def _lost_table(connection: sql.Connection) -> str:
    """Return a table that every database has and this one lacks, or nothing: it is damaged, and not new."""
    there = set(sql.inspect(connection).get_table_names())
    return next((table.name for table in (projects, clips, events) if table.name not in there), "")


def _missing_columns(connection: sql.Connection) -> list[tuple[sql.Table, sql.Column]]:
    """Return the columns that the database lacks, with their tables; all of a table that isn't there."""
    inspector = sql.inspect(connection)
    tables = set(inspector.get_table_names())
    known = {
        (table.name, column["name"])
        for table in _tables.sorted_tables
        if table.name in tables
        for column in inspector.get_columns(table.name)
    }
    return [
        (table, column)
        for table in _tables.sorted_tables
        for column in table.columns
        if (table.name, column.name) not in known
    ]


def _engine_of(url: str, journal_mode: str) -> sql.Engine:
    """Return the engine of a URL, with what every connection is set to. Raises InputError and what SQLAlchemy does."""
    address = sql.make_url(url)
    kind = address.get_backend_name()
    if kind not in ("sqlite", "postgresql"):
        raise InputError("store-url", url=without_password(url), reason=kind)
    server = {"connect_timeout": WAIT_SECONDS, "client_encoding": "UTF8"}
    waiting = {"timeout": WAIT_SECONDS} if kind == "sqlite" else server
    pool = {"pool_timeout": WAIT_SECONDS} if kind == "postgresql" or _file_of(url) else {}
    if kind == "sqlite" and pool:
        pool["pool_size"] = CONNECTIONS
    engine = sql.create_engine(url, connect_args=waiting, pool_pre_ping=True, **pool)
    listen(engine, "connect", _setting_up_sqlite(journal_mode) if kind == "sqlite" else _set_up_postgres)
    if kind == "sqlite":
        listen(engine, "begin", _begin_sqlite)
    return engine


def _begin_sqlite(connection: sql.Connection) -> None:
    # The driver's own transactions begin late, after a read; those that write take the lock at once.
    reading = connection.get_execution_options().get("reading")
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _setting_up_sqlite(journal_mode: str) -> Callable[[DBAPIConnection, object], None]:
    def set_up(connection: DBAPIConnection, record: object) -> None:
        connection.isolation_level = None  # we begin and commit ourselves
        for pragma in (
            f"journal_mode = {journal_mode}",
            "synchronous = FULL",
            "foreign_keys = ON",
            "secure_delete = ON",
            f"cache_size = -{CACHE}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    return set_up


def _set_up_postgres(connection: DBAPIConnection, record: object) -> None:
    with closing(connection.cursor()) as cursor:
        cursor.execute(f"SET synchronous_commit = on; SET lock_timeout = '{WAIT_SECONDS}s'")
    connection.commit()
