"""Answers of language models that were paid for once: a small SQLite file, durable after each answer."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bibier.errors import InputError
from bibier.parsing import read_json


def key(**parts: object) -> str:
    """Return the SHA-256 of everything that an answer depends on."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode("ascii")).hexdigest()


class Cache:
    """Answers by key. Raises InputError when the file can't be used; `None` as the path keeps them in memory.

    A damaged file is set aside under `broken`, since some answers may be saved from it, and a new one begun.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path, self._lock = path, threading.Lock()
        self.broken: Path | None = None
        with self._failing():
            try:
                self._base = self._open()
            except sqlite3.OperationalError:  # it can't be opened or is locked: nothing is known against what is in it
                raise
            except sqlite3.DatabaseError:
                if path is None:
                    raise
                self.broken = _free(path)
                path.rename(self.broken)
                self._base = self._open()

    def _open(self) -> sqlite3.Connection:
        """Open the file and look through it. Raises sqlite3.DatabaseError when it is damaged."""
        base = sqlite3.connect(self.path or ":memory:", timeout=30, check_same_thread=False)
        try:
            base.execute("CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer TEXT NOT NULL)")
            (verdict,) = base.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise sqlite3.DatabaseError(verdict)
        except sqlite3.Error:
            base.close()
            raise
        return base

    def get(self, key: str) -> dict[str, Any] | None:
        """Return the answer that was kept, None if there is none. Raises InputError."""
        with self._lock, self._failing():
            row = self._base.execute("SELECT answer FROM answers WHERE key = ?", (key,)).fetchone()
        return read_json(row[0]) if row else None

    def put(self, key: str, answer: Mapping[str, object]) -> None:
        """Keep an answer; it is on the disk when this returns. Raises InputError."""
        with self._lock, self._failing(), self._base:
            self._base.execute("INSERT OR REPLACE INTO answers VALUES (?, ?)", (key, json.dumps(answer)))

    def close(self) -> None:
        """Close the file."""
        self._base.close()

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Say in a sentence what SQLite raises."""
        try:
            yield
        except sqlite3.Error as error:
            raise InputError("llm-cache", file=str(self.path), reason=str(error)) from error


def _free(path: Path) -> Path:
    """Return a name beside a file that isn't taken."""
    number = 1
    while (name := path.with_name(f"{path.name}.broken-{number}")).exists():
        number += 1
    return name
