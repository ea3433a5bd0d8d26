"""Annotations in a database: an append-only log of events in SQLite (a file) or Postgres (a server), by URL.

Nothing is updated in place but a project's settings and a clip's place; nothing is removed but a clip on which nobody
has worked. The current state is derived from the log and
brought forward with each event. An append is durable when it returns.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import sqlalchemy as sql
from pydantic import ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.event import listen
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from bibier.annotation.events import SHARE, Event, Expected, expected_in, now
from bibier.annotation.location import without_password
from bibier.annotation.state import ORDERS, AnnotationState, Label, Order, ProjectClip
from bibier.errors import InputError
from bibier.i18n.messages import Message

SCHEMA = 1
WAIT_SECONDS = 10  # s, for another writer


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class ProjectSettings:
    """What can be set of a project; what each field may hold stands at the field."""

    proposals: Annotated[Literal["hidden", "shown"], Expected("hidden, shown")] = "hidden"
    wanted: Annotated[int, Field(ge=1), Expected("1, 2, …")] = 1  # annotators per clip
    order: Annotated[Order, Expected(", ".join(ORDERS))] = "given"
    share: Annotated[int | float, Field(ge=0, le=1, allow_inf_nan=False), SHARE] = 0.0  # of random turns
    seed: Annotated[int, Expected("0, 1, …")] = 0  # of the random turns


SETTINGS = asdict(ProjectSettings())

_tables = sql.MetaData()
_number = sql.BigInteger().with_variant(sql.Integer, "sqlite")  # SQLite counts up only an INTEGER key
_about = sql.Table("about", _tables, sql.Column("version", sql.Integer, nullable=False))
_projects = sql.Table(
    "projects",
    _tables,
    sql.Column("name", sql.Text, primary_key=True),
    sql.Column("settings", sql.Text),
    sql.Column("moves", sql.Integer, nullable=False, server_default="0"),  # how often known clips changed their place
)
_clips = sql.Table(
    "clips",
    _tables,
    sql.Column("number", _number, primary_key=True),
    sql.Column("project", sql.ForeignKey("projects.name"), nullable=False),
    sql.Column("sha256", sql.Text, nullable=False),
    sql.Column("body", sql.Text, nullable=False),  # the Clip as JSON
    sql.UniqueConstraint("project", "sha256"),
)
_events = sql.Table(
    "events",
    _tables,
    sql.Column("number", _number, primary_key=True),
    sql.Column("uuid", sql.Text, nullable=False, unique=True),
    sql.Column("project", sql.ForeignKey("projects.name"), nullable=False, index=True),
    sql.Column("body", sql.Text, nullable=False),  # the Event as JSON
)


class Store:
    """Projects, their clips and the log of events behind one URL; may be shared by threads.

    Parameters
    ----------
    url
        "sqlite:///FILE" or "postgresql+psycopg://USER@HOST/NAME".
    journal_mode
        SQLite's journal_mode: "DELETE" on a network's file system, where WAL is not safe.

    Raises
    ------
    InputError
        From every method, too: the database can't be opened, is locked, full, or of a newer schema.
    """

    def __init__(self, url: str, *, journal_mode: str = "WAL") -> None:
        self._lock = threading.RLock()
        self._states: dict[str, tuple[AnnotationState, int, int, int]] = {}  # with the last event, clip and move
        self._file: tuple[Path, int] | None = None  # of SQLite: where it lies, and its inode
        try:
            self._engine = _engine_of(url, journal_mode)
            lite = self._engine.dialect.name == "sqlite"
            if lite and (name := self._engine.url.database) and not name.startswith((":memory:", "file:")):
                self._file = (Path(name).absolute(), 0)
            with self._transaction() as connection:
                if not lite:
                    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7203114)")  # one creates the tables
                _tables.create_all(connection)
                version = connection.scalar(sql.select(_about.c.version))
                if version is None:
                    connection.execute(_about.insert().values(version=SCHEMA))
                elif version > SCHEMA:
                    raise InputError("store-newer", version=version, known=SCHEMA)
        except (ArgumentError, NoSuchModuleError, ImportError) as error:
            reason = str(error).splitlines()[0].replace(url, without_password(url))[:120]
            raise InputError("store-url", url=without_password(url), reason=reason) from error
        except ValueError as error:  # of int() or float(); its text may hold a part of the password
            if isinstance(error, InputError):
                raise
            raise InputError("store-url", url=without_password(url), reason=Message("store-url-number")) from None
        if self._file:
            self._file = (self._file[0], self._file[0].stat().st_ino)

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def project(self, name: str, **settings: Any) -> dict[str, Any]:
        """Make a project or change some of its settings; returns all of them (`SETTINGS` has the defaults)."""
        _check_settings(settings)
        with self._lock, self._transaction() as connection:
            row = connection.execute(sql.select(_projects).where(_projects.c.name == name).with_for_update()).first()
            if row is None:
                connection.execute(_projects.insert().values(name=name, settings=json.dumps(settings)))
                return SETTINGS | settings
            whole = json.loads(row.settings) | settings
            if settings:
                changed = _projects.update().where(_projects.c.name == name)
                connection.execute(changed.values(settings=json.dumps(whole)))
            return SETTINGS | whole

    def projects(self) -> dict[str, dict[str, Any]]:
        """Return every project's settings by name."""
        with self._transaction() as connection:
            rows = connection.execute(sql.select(_projects).order_by(_projects.c.name)).all()
        return {row.name: SETTINGS | json.loads(row.settings) for row in rows}

    def add_clips(self, project: str, clips: Iterable[ProjectClip]) -> int:
        """Add clips after those that are there; returns how many are new. A known clip gets its new place.

        A project that isn't there is made with them, so that a list that can't be read leaves no empty project.
        """
        clips, new = list({clip.sha256: clip for clip in clips}.values()), 0
        with self._lock, self._transaction() as connection:
            if connection.scalar(sql.select(_projects.c.name).where(_projects.c.name == project)) is None:
                connection.execute(_projects.insert().values(name=project, settings="{}"))
            self._hold(connection, project)
            state, moved = self._forward(connection, project), 0
            for clip in clips:
                body = json.dumps(asdict(clip), ensure_ascii=False)
                if clip.sha256 not in state.index:
                    connection.execute(_clips.insert().values(project=project, sha256=clip.sha256, body=body))
                    new += 1
                elif state.clips[state.index[clip.sha256]] != clip:
                    known = (_clips.c.project == project) & (_clips.c.sha256 == clip.sha256)
                    connection.execute(_clips.update().where(known).values(body=body))
                    moved = 1
            if moved:
                mine = _projects.update().where(_projects.c.name == project)
                connection.execute(mine.values(moves=_projects.c.moves + 1))
        return new

    def remove_clip(self, project: str, sha256: str) -> bool:
        """Remove a clip on which nobody has worked, with its words; returns whether it is gone.

        A clip with any act of a person stays, an undone one too: the log would speak of nothing. Models' proposals
        stay in the log, which is never cut: a hash and seven numbers.
        """
        mine = (_clips.c.project == project) & (_clips.c.sha256 == sha256)
        with self._lock, self._transaction() as connection:
            self._hold(connection, project)
            if any(event.clip == sha256 and event.annotator for _, event in self._read(connection, project, 0, sha256)):
                return False
            if connection.execute(_clips.delete().where(mine)).rowcount:
                moved = _projects.update().where(_projects.c.name == project)
                connection.execute(moved.values(moves=_projects.c.moves + 1))
        if self._file:
            self._empty_journal()
        return True

    def _empty_journal(self) -> None:
        """Move SQLite's write-ahead log into the file, so that nothing deleted is left there."""
        with closing(self._engine.raw_connection()) as connection:
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def clips(self, project: str) -> list[ProjectClip]:
        """Return a project's clips in the order in which they were added."""
        with self._current(project) as state:
            return list(state.clips)

    def append(self, event: Event) -> bool:
        """Write an event to the log; durable on return.

        Returns False when the same event is there already. Raises InputError for an unsound event, another event
        under its uuid, an unknown project or clip, and an undo or redo out of turn.
        """
        event.check()
        with self._lock, self._transaction() as connection:
            self._hold(connection, event.project)
            body = connection.scalar(sql.select(_events.c.body).where(_events.c.uuid == event.uuid))
            if body is not None:
                known = Event.from_json(body)
                if replace(event, time=event.time or known.time) != known:
                    raise InputError("event-other", uuid=event.uuid)
                return False
            state = self._forward(connection, event.project)
            if event.clip not in state.index:
                raise InputError("store-no-clip", project=event.project, clip=event.clip[:12])
            if not state.is_next_undo(event):
                raise InputError("event-target", kind=event.kind, uuid=event.target)
            whole = replace(event, time=event.time or now())
            connection.execute(_events.insert().values(uuid=event.uuid, project=event.project, body=whole.to_json()))
        return True

    def events(self, project: str, after: int = 0) -> list[tuple[int, Event]]:
        """Return the log after a running number, in order."""
        with self._transaction() as connection:
            return self._read(connection, project, after)

    def state(self, project: str) -> dict[tuple[str, str], Label]:
        """Return what stands by (clip, annotator), with undo and redo applied."""
        with self._current(project) as state:
            return dict(state.labels)

    def proposals(self, project: str) -> dict[tuple[str, str], dict[str, float]]:
        """Return the machines' last proposals by (clip, source)."""
        with self._current(project) as state:
            return dict(state.proposals)

    def next(
        self, project: str, annotator: str, order: str | None = None, excluding: str | None = None
    ) -> ProjectClip | None:
        """Return the clip that a person should label next, or None; `excluding` is the clip in hand."""
        if order is not None:
            _check_settings({"order": order})
        with self._current(project) as state:
            settings = self._settings
            return state.next(
                annotator,
                wanted=settings["wanted"],
                order=order or settings["order"],
                random_fraction=settings["share"],
                seed=settings["seed"],
                excluding=excluding,
            )

    def progress(self, project: str, annotator: str) -> tuple[int, int]:
        """Return how many clips a person has labelled, and of how many."""
        with self._current(project) as state:
            return state.progress(annotator, self._settings["wanted"])

    def undo(self, project: str, annotator: str) -> Event | None:
        """Take back a person's last label or skip; returns the event, or None when nothing is left."""
        return self._step(project, annotator, "undo")

    def redo(self, project: str, annotator: str) -> Event | None:
        """Do again what was undone last; returns the event, or None."""
        return self._step(project, annotator, "redo")

    def _step(self, project: str, annotator: str, kind: str) -> Event | None:
        with self._lock:
            with self._current(project) as state:
                person = state.people[annotator]
                path = list(person.done if kind == "undo" else person.undone)
            if not path:
                return None
            event = Event(str(uuid.uuid4()), project, path[-1].clip, annotator, kind, target=path[-1].uuid)
            self.append(event)
            return event

    @contextmanager
    def _current(self, project: str) -> Iterator[AnnotationState]:
        with self._lock, self._transaction() as connection:
            self._settings = SETTINGS | json.loads(self._project_row(connection, project))
            yield self._forward(connection, project)

    def _hold(self, connection: sql.Connection, project: str) -> str:
        """Let nobody else write to a project, so that the running numbers grow in the order of the commits."""
        return self._project_row(connection, project, lock=True)

    def _project_row(self, connection: sql.Connection, project: str, lock: bool = False) -> str:
        query = sql.select(_projects.c.settings).where(_projects.c.name == project)
        settings = connection.scalar(query.with_for_update() if lock else query)
        if settings is None:
            names = connection.scalars(sql.select(_projects.c.name).order_by(_projects.c.name).limit(20)).all()
            raise InputError("store-no-project", project=project, projects=", ".join(names) or "—")
        return settings

    def _forward(self, connection: sql.Connection, project: str) -> AnnotationState:
        """Bring the derived state to the end of the log."""
        moves: int = connection.scalars(sql.select(_projects.c.moves).where(_projects.c.name == project)).one()
        state, event, clip, known = self._states.get(project) or (AnnotationState(), 0, 0, moves)
        if moves != known:
            state, event, clip = AnnotationState(), 0, 0  # read all anew: somebody moved or removed some clips
        rows = sql.select(_clips).where((_clips.c.project == project) & (_clips.c.number > clip))
        for row in connection.execute(rows.order_by(_clips.c.number)):
            state.add(ProjectClip(**json.loads(row.body)))
            clip = row.number
        for number, whole in self._read(connection, project, event):
            state.apply(whole)
            event = number
        self._states[project] = (state, event, clip, moves)
        return state

    def _read(self, connection: sql.Connection, project: str, after: int, naming: str = "") -> list[tuple[int, Event]]:
        """Read a project's events after a number; with `naming`, only those whose text holds it."""
        rows = sql.select(_events.c.number, _events.c.body)
        rows = rows.where((_events.c.project == project) & (_events.c.number > after)).order_by(_events.c.number)
        if naming:
            rows = rows.where(_events.c.body.contains(naming, autoescape=True))
        return [(row.number, Event.from_json(row.body)) for row in connection.execute(rows)]

    @contextmanager
    def _transaction(self) -> Iterator[sql.Connection]:
        """A transaction whose failures are said in words."""
        self._look()
        try:
            with self._engine.begin() as connection:
                yield connection
        except DBAPIError as error:
            reason = str(error.orig).splitlines()[0][:120] if str(error.orig) else type(error.orig).__name__
            if secret := self._engine.url.password:
                reason = reason.replace(secret, "***")
            if "is locked" in reason or "lock timeout" in reason:
                raise InputError("store-locked", seconds=WAIT_SECONDS) from error
            if "disk is full" in reason or "No space left" in reason:
                raise InputError("store-full") from error
            if "readonly" in reason or "read-only" in reason:
                raise InputError("store-read-only") from error
            raise InputError("store-closed", reason=reason) from error

    def _look(self) -> None:
        """See that the file is still the one that is open: SQLite would go on writing to a deleted one.

        Another file in its place, such as a restored copy, is opened anew and read from its beginning.
        """
        if not self._file or not self._file[1]:
            return
        path, inode = self._file
        with self._lock:
            if not path.exists():
                raise InputError("store-gone", file=str(path))
            if (current := path.stat().st_ino) != inode:
                self._engine.dispose()
                self._states.clear()
                self._file = (path, current)


def _engine_of(url: str, journal_mode: str) -> sql.Engine:
    """Return the engine of a URL, with what every connection is set to. Raises InputError and what SQLAlchemy does."""
    kind = sql.make_url(url).get_backend_name()
    if kind not in ("sqlite", "postgresql"):
        raise InputError("store-url", url=without_password(url), reason=kind)
    waiting = {"timeout": WAIT_SECONDS} if kind == "sqlite" else {"connect_timeout": WAIT_SECONDS}
    engine = sql.create_engine(url, connect_args=waiting, pool_pre_ping=True)
    listen(engine, "connect", _setting_up_sqlite(journal_mode) if kind == "sqlite" else _set_up_postgres)
    if kind == "sqlite":
        # The driver's own transactions begin late, after a read; ours take the write lock at once.
        listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def _setting_up_sqlite(journal_mode: str) -> Callable[[DBAPIConnection, object], None]:
    def set_up(connection: DBAPIConnection, record: object) -> None:
        connection.isolation_level = None  # we begin and commit ourselves
        for pragma in (
            f"journal_mode = {journal_mode}",
            "synchronous = FULL",
            "foreign_keys = ON",
            "secure_delete = ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    return set_up


def _set_up_postgres(connection: DBAPIConnection, record: object) -> None:
    with closing(connection.cursor()) as cursor:
        cursor.execute(f"SET synchronous_commit = on; SET lock_timeout = '{WAIT_SECONDS}s'")
    connection.commit()


def _check_settings(settings: dict[str, Any]) -> None:
    """Raise InputError for the first setting that a project can't have."""
    try:
        ProjectSettings(**settings)
    except ValidationError as error:
        key = str(error.errors()[0]["loc"][0])
        known = expected_in(ProjectSettings)
        expected = known.get(key, ", ".join(known))
        raise InputError("store-setting", setting=key, value=str(settings[key])[:80], expected=expected) from error
