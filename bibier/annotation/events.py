"""Events of the annotation: what somebody did to one clip, checked, and as JSON. Nothing of storage is known here.

The log of events is only ever added to: an undo is an event too. Three provenances never mix: what a person gave
("person"), a model's proposal ("model:NAME") and a language model's ("llm:NAME").
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from numbers import Real

from bibier.errors import InputError
from bibier.labels import EMOTIONS

VERSION = 1  # of the event's fields
KINDS = ("label", "skip", "reveal", "undo", "redo", "propose")
SOURCES = ("person", "model:", "llm:")  # the last two are followed by a name

SUM_TOLERANCE = 1e-6  # of a distribution's sum from 1
MAX_NAME = 200  # characters of an id, a name or a source
MAX_NOTE = 100_000  # bytes of a note in UTF-8
MAX_SEEN = 64  # sources seen
MAX_SECONDS = 1e7  # s, about four months: more is a broken clock

SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Event:
    """One act of one person on one clip, or one proposal of a model.

    `probs` and `before` are distributions by emotion name, each >= 0 and 1 together (to `SUM_TOLERANCE`).
    """

    uuid: str  # made by the client; a repeated save with one uuid is harmless
    project: str
    clip: str  # SHA-256 of the audio file's bytes, 64 hex digits
    annotator: str  # name; "" for proposals
    kind: str  # one of KINDS
    probs: dict[str, float] | None = None  # None for skip, reveal, undo, redo
    confidence: float | None = None  # [0, 1]
    note: str = ""  # note, or the reason of a skip
    source: str = "person"  # "person", "model:<checkpoint>", "llm:<model>"
    seen: tuple[str, ...] = ()  # sources of the proposals that the annotator had seen when saving
    before: dict[str, float] | None = None  # what the same person had committed before seeing
    target: str = ""  # uuid of the event that an undo or redo is about
    seconds: float = 0.0  # time spent on the clip, s
    time: str = ""  # ISO 8601 UTC; set by the store if empty
    version: int = VERSION

    def check(self) -> Event:
        """Return the event itself if every field is sound.

        Raises
        ------
        InputError
            The first field that is wrong, with its value and what is expected.
        """
        if type(self.version) is not int or self.version < 1:
            _refuse("version", self.version, str(VERSION))
        if self.version > VERSION:
            raise InputError("event-newer", version=self.version, known=VERSION)
        for name in ("uuid", "project"):
            _text(name, getattr(self, name), least=1)
        for name in ("annotator", "target", "time", "source"):
            _text(name, getattr(self, name))
        if not isinstance(self.clip, str) or not SHA256.fullmatch(self.clip):
            _refuse("clip", self.clip, "SHA-256: 64 × 0–9 a–f")
        if self.kind not in KINDS:
            _refuse("kind", self.kind, ", ".join(KINDS))
        self._check_provenance()
        if self.kind in ("label", "propose"):
            check_distribution("probs", self.probs)
        elif self.probs is not None:
            _refuse("probs", self.probs, f"null ({self.kind})")
        if self.before is not None:
            check_distribution("before", self.before)
        if self.confidence is not None:
            _number("confidence", self.confidence, 1.0)
        _number("seconds", self.seconds, MAX_SECONDS)
        if not isinstance(self.note, str):
            _refuse("note", self.note, "text")
        if "\0" in self.note or len(_bytes("note", self.note)) > MAX_NOTE:
            _refuse("note", self.note, f"≤ {MAX_NOTE} bytes, no U+0000")
        if not isinstance(self.seen, tuple) or len(self.seen) > MAX_SEEN:
            _refuse("seen", self.seen, f"≤ {MAX_SEEN}")
        for source in self.seen:
            _text("seen", source, least=1)
        if (self.kind in ("undo", "redo")) != bool(self.target):
            _refuse("target", self.target, "uuid" if not self.target else "“”")
        if self.time:
            _check_time(self.time)
        return self

    def _check_provenance(self) -> None:
        """A proposal is a machine's and nobody's; all else is a named person's."""
        machine = any(self.source.startswith(kind) and self.source != kind for kind in SOURCES[1:])
        if self.kind == "propose":
            if not machine:
                _refuse("source", self.source, "model:NAME, llm:NAME")
            if self.annotator:
                _refuse("annotator", self.annotator, "“”")
            return
        if self.source != "person":
            _refuse("source", self.source, "person")
        if not self.annotator.strip():
            _refuse("annotator", self.annotator, "name")

    def to_json(self) -> str:
        """Return one line of JSON with every field by name; numbers keep every digit."""
        return json.dumps(asdict(self), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str | Mapping) -> Event:
        """Read and check what `to_json` wrote; a mapping is taken as read already. Raises InputError."""
        if isinstance(text, str):
            try:
                text = json.loads(text)
            except (ValueError, RecursionError) as error:
                raise InputError("event-not-json", reason=str(error)[:MAX_NAME]) from error
        if not isinstance(text, Mapping):
            raise InputError("event-not-json", reason=type(text).__name__)
        names = {field.name for field in fields(cls)}
        if type(text.get("version")) is int and text["version"] > VERSION:
            raise InputError("event-newer", version=text["version"], known=VERSION)
        if unknown := text.keys() - names:
            _refuse("event", ", ".join(sorted(map(str, unknown))), ", ".join(sorted(names)))
        if lacking := {"uuid", "project", "clip", "annotator", "kind"} - text.keys():
            _refuse("event", "—", ", ".join(sorted(lacking)))
        values = dict(text)
        if isinstance(values.get("seen"), list):
            values["seen"] = tuple(values["seen"])
        return cls(**values).check()


def check_distribution(name: str, probs: object) -> None:
    """Raise InputError unless `probs` names every emotion with a finite number >= 0, together 1."""
    if not isinstance(probs, Mapping) or set(probs) != set(EMOTIONS):
        _refuse(name, probs, ", ".join(EMOTIONS))
    for emotion, value in probs.items():
        _number(f"{name}.{emotion}", value, 1 + SUM_TOLERANCE)
    if abs(math.fsum(probs.values()) - 1) > SUM_TOLERANCE:
        _refuse(name, math.fsum(probs.values()), "Σ = 1")


def now() -> str:
    """Return the time in UTC as ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _check_time(text: str) -> None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.utcoffset() is None or moment.utcoffset().total_seconds():
        _refuse("time", text, "2026-01-31T12:00:00+00:00")


def _number(name: str, value: object, most: float) -> None:
    """Refuse all but a finite real number in [0, `most`]."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= value <= most:  # NaN fails both
        _refuse(name, value, f"0 … {most:g}")


def _text(name: str, value: object, *, least: int = 0) -> None:
    if not isinstance(value, str) or not least <= len(value) <= MAX_NAME or not (value.isprintable()):
        _refuse(name, value, f"{least} … {MAX_NAME} printable characters")
    _bytes(name, value)


def _bytes(name: str, value: str) -> bytes:
    try:
        return value.encode()
    except UnicodeEncodeError:  # a lone surrogate, which no database takes
        _refuse(name, ascii(value), "Unicode")


def _refuse(name: str, value: object, expected: str) -> None:
    shown = str(value)
    shown = shown if len(shown) <= 80 else f"{shown[:79]}…"
    raise InputError("event-wrong", field=name, value=shown, expected=expected)
