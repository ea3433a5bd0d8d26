"""Events of the annotation: what somebody did to one clip, checked, and as JSON. Nothing of storage is known here.

The log of events is only ever added to: an undo is an event too. Three provenances never mix: what a person gave
("person"), a model's proposal ("model:NAME") and a language model's ("llm:NAME").
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar, NoReturn, get_type_hints

from pydantic import AfterValidator, ConfigDict, Field, SkipValidation, TypeAdapter, ValidationError

from bibier.annotation.label_list import FEWEST, MOST, is_name
from bibier.errors import InputError, reason_of
from bibier.i18n.messages import Message
from bibier.labels import EMOTIONS
from bibier.parsing import read_json

VERSION = 3  # of the event's fields; 2 has `fill`, `rest` and two kinds more, 3 labels of a project's own list
FILLS = ("", "proportion", "neutral", "even")  # how a person had open points given: by what is set, to neutral, evenly
KINDS = ("label", "skip", "reveal", "undo", "redo", "propose", "repeat", "decide")
SINCE_2 = ("repeat", "decide")  # a second label of the same person; a third person's decision, which is no label
SOURCES = ("person", "model:", "llm:")  # the last two are followed by a name

SUM_TOLERANCE = 1e-6  # of a distribution's sum from 1
MAX_NAME = 200  # characters of an id, a name or a source
MAX_NOTE = 100_000  # bytes of a note in UTF-8
MAX_SEEN = 64  # sources seen
MAX_SECONDS = 1e7  # s, about four months: more is a broken clock

SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Expected:
    """What a person is told of a field whose value is refused."""

    text: str | Message


def expected_in(cls: type) -> dict[str, str | Message]:
    """Return what is `Expected` in each field of a class."""
    return {
        name: expected.text
        for name, hint in get_type_hints(cls, include_extras=True).items()
        for expected in getattr(hint, "__metadata__", ())
        if isinstance(expected, Expected)
    }


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("not printable")
    return text


def _storable(note: str) -> str:
    if "\0" in note or len(note.encode()) > MAX_NOTE:
        raise ValueError("too long, or U+0000")
    return note


def _utc(time: str) -> str:
    if time and datetime.fromisoformat(time).utcoffset() != timedelta(0):
        raise ValueError("not UTC")
    return time


Text = Annotated[str, Field(max_length=MAX_NAME), AfterValidator(_printable)]  # one without lone surrogates
Name = Annotated[Text, Field(min_length=1)]
TEXT = Expected(Message("event-text", {"least": 0, "most": MAX_NAME}))
NAME = Expected(Message("event-text", {"least": 1, "most": MAX_NAME}))
SHARE = Expected("0 … 1")


@dataclass(frozen=True, slots=True)
class Event:
    """One act of one person on one clip, or one proposal of a model; what each field may hold stands at the field.

    `probs` and `before` are distributions by the name of an emotion, or of a label of the project's own list, each >= 0
    and 1 together (to `SUM_TOLERANCE`). Nothing is checked before `check`, so that an event can be put together first.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(strict=True, revalidate_instances="always")

    uuid: Annotated[Name, NAME]  # made by the client; a repeated save with one uuid is harmless
    project: Annotated[Name, NAME]
    clip: Annotated[str, Field(pattern=f"^{SHA256.pattern}$"), Expected("SHA-256: 64 × 0–9 a–f")]  # of its file's bytes
    annotator: Annotated[Text, TEXT]  # name; "" for proposals
    kind: Annotated[str, Field(pattern=f"^({'|'.join(KINDS)})$"), Expected(", ".join(KINDS))]
    probs: Annotated[dict[str, float] | None, SkipValidation] = None  # None for skip, reveal, undo, redo
    confidence: Annotated[float | None, Field(ge=0, le=1, allow_inf_nan=False), SHARE] = None
    note: Annotated[str, AfterValidator(_storable), Expected(Message("event-note", {"most": MAX_NOTE}))] = (
        ""  # note, or the reason of a skip
    )
    source: Annotated[Text, TEXT] = "person"  # "person", "model:<checkpoint>", "llm:<model>"
    seen: Annotated[tuple[Name, ...], Field(max_length=MAX_SEEN), Expected(f"≤ {MAX_SEEN}")] = ()  # before saving
    before: Annotated[dict[str, float] | None, SkipValidation] = (
        None  # what the same person had committed before seeing
    )
    target: Annotated[Text, TEXT] = ""  # uuid of the event that an undo or redo is about
    seconds: Annotated[float, Field(ge=0, le=MAX_SECONDS), Expected(f"0 … {MAX_SECONDS:g}")] = 0.0  # spent on the clip
    time: Annotated[Text, AfterValidator(_utc), Expected("2026-01-31T12:00:00+00:00")] = ""  # set by the store if empty
    version: Annotated[int, Field(ge=1, le=VERSION), Expected(str(VERSION))] = 1
    fill: Annotated[str, Field(pattern=f"^({'|'.join(FILLS)})$"), Expected(", ".join(FILLS[1:]))] = ""
    rest: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False), SHARE] = 0.0  # share of the points that were open

    def check(self) -> Event:
        """Return the event itself if every field is sound.

        Raises
        ------
        InputError
            The first field that is wrong, with its value and what is expected.
        """
        if type(self.version) is int and self.version > VERSION:
            raise InputError("event-newer", version=self.version, known=VERSION)
        try:
            _EVENT.validate_python(self)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            name = str(first["loc"][0])
            _refuse(name, first["input"], _EXPECTED[name])
        self._check_provenance()
        if self.kind in ("label", "propose", *SINCE_2):
            check_distribution("probs", self.probs, own=self.version > 2 and self.kind != "propose")
        elif self.probs is not None:
            _refuse("probs", self.probs, f"null ({self.kind})")
        if self.before is not None:
            check_distribution("before", self.before, own=self.version > 2)
        if (self.fill or self.kind in SINCE_2) and self.version < 2:
            _refuse("version", self.version, "2")
        if bool(self.fill) != bool(self.rest):
            _refuse("rest", self.rest, "> 0" if self.fill else "0")
        if (self.kind in ("undo", "redo")) != bool(self.target):
            _refuse("target", self.target, "uuid" if not self.target else "“”")
        return self

    def stamped(self) -> Event:
        """Return the event with the lowest version that has its fields, so that as many programs as can be read it."""
        if self.probs is not None and self.probs.keys() != set(EMOTIONS):
            return replace(self, version=VERSION)
        return replace(self, version=2 if self.fill or self.kind in SINCE_2 else 1)

    @property
    def distribution(self) -> dict[str, float]:
        """The distribution of a label or a proposal, which always has one."""
        assert self.probs is not None, f"an event of the kind {self.kind} has no distribution"
        return self.probs

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
            _refuse("annotator", self.annotator, NAME.text)

    def to_json(self) -> str:
        """Return one line of JSON with every field by name; numbers keep every digit.

        What the event's version does not have is left out, so that programs of that version read it.
        """
        return json.dumps(self.content(), ensure_ascii=False, allow_nan=False)

    def content(self) -> dict[str, Any]:
        """Return the fields that the event's version has, by name."""
        unknown = ("fill", "rest") if self.version < 2 else ()
        return {name: getattr(self, name) for name in self.__slots__ if name not in unknown}

    @classmethod
    def from_json(cls, line: str | Mapping[str, Any]) -> Event:
        """Read and check what `to_json` wrote; a mapping is taken as read already. Raises InputError."""
        content: object = line
        if isinstance(line, str):
            try:
                content = read_json(line)
            except ValueError as error:
                raise InputError("event-not-json", reason=reason_of(error)) from error
        if not isinstance(content, Mapping):
            raise InputError("event-not-json", reason=type(content).__name__)
        names = {field.name for field in fields(cls)}
        if type(content.get("version")) is int and content["version"] > VERSION:
            raise InputError("event-newer", version=content["version"], known=VERSION)
        if unknown := content.keys() - names:
            _refuse("event", ", ".join(sorted(map(str, unknown))), ", ".join(sorted(names)))
        if lacking := {"uuid", "project", "clip", "annotator", "kind"} - content.keys():
            _refuse("event", "—", ", ".join(sorted(lacking)))
        values = dict(content)
        if isinstance(values.get("seen"), list):
            values["seen"] = tuple(values["seen"])
        return cls(**values).check()


_EVENT = TypeAdapter(Event)
_EXPECTED = expected_in(Event)


def check_distribution(name: str, probs: object, *, own: bool = False) -> None:
    """Raise InputError unless `probs` names every emotion with a finite number >= 0, together 1.

    With `own` other names than those of the emotions will do: whether they are a project's is known to the project.
    """
    if not isinstance(probs, Mapping):
        _refuse(name, probs, ", ".join(EMOTIONS))
    if set(probs) != set(EMOTIONS) and not (own and FEWEST <= len(probs) <= MOST and all(map(is_name, probs))):
        _refuse(name, probs, ", ".join(EMOTIONS))
    for emotion, share in probs.items():
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1 + SUM_TOLERANCE:
            _refuse(f"{name}.{emotion}", share, SHARE.text)  # NaN too: it compares as false
    if abs(math.fsum(probs.values()) - 1) > SUM_TOLERANCE:
        _refuse(name, math.fsum(probs.values()), "Σ = 1")


def now() -> str:
    """Return the time in UTC as ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _refuse(name: str, value: object, expected: str | Message) -> NoReturn:
    shown = str(value).encode("utf-8", "backslashreplace").decode()  # a lone surrogate can't be shown
    shown = shown if len(shown) <= 80 else f"{shown[:79]}…"
    raise InputError("event-wrong", field=name, value=shown, expected=expected)
