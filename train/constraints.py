"""What a setting may be, written at its field, so that a wrong one is refused when it is read and not hours later.

    @constrained
    class Settings:
        epochs: Count
        rate: Positive = 1e-3

A value out of its range is a `CorpusError` of one sentence: "epochs is 0: it must be a whole number of at least 1".
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping
from dataclasses import field, fields
from types import GenericAlias
from typing import Annotated, Any, Literal, TypeVar, dataclass_transform, get_args, get_origin

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from bibier.errors import CorpusError

# Each says in words what its bounds are, for the sentence. A number written without a point stays a whole one.
Number = int | float
Count = Annotated[int, Field(ge=1, description="a whole number of at least 1")]
Whole = Annotated[int, Field(ge=0, description="a whole number of at least 0")]
Positive = Annotated[Number, Field(gt=0, description="a number above 0")]
NotNegative = Annotated[Number, Field(ge=0, description="a number of at least 0")]
Share = Annotated[Number, Field(ge=0, le=1, description="a number in [0, 1]")]
PartialShare = Annotated[Number, Field(ge=0, lt=1, description="a number in [0, 1)")]  # 1 would leave nothing

# A text is no number and True no 1. The configs of models are dataclasses of their own, which are taken as they are.
STRICT = ConfigDict(strict=True, allow_inf_nan=False, extra="forbid", arbitrary_types_allowed=True)

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def constrained(cls: type[T]) -> type[T]:
    """Make a frozen dataclass whose fields' types say what they may be.

    Its constructor raises CorpusError, which names the field, its value and what it may be.
    """
    made: Any = dataclass(frozen=True, config=STRICT)(cls)
    checked = made.__init__

    @functools.wraps(checked)
    def refusing(self: T, *args: object, **values: object) -> None:
        try:
            checked(self, *args, **values)
        except ValidationError as error:
            raise CorpusError(sentence(error, cls)) from error

    made.__init__ = refusing
    return made


def check(settings: object, allowed: Mapping[str, Any]) -> None:
    """Refuse the first field of a dataclass that is not of the type that `allowed` gives it; None is left open.

    For the configs of models, which are plain dataclasses; the values of a tuple are looked at one by one.

    Raises
    ------
    CorpusError
        Names the field, its value and what it may be.
    """
    for name, kind in allowed.items():
        value = getattr(settings, name)
        try:
            _adapter(kind).validate_python(value)
        except ValidationError as error:
            which = "each" if isinstance(value, tuple) else "it"
            raise CorpusError(f"{name} is {value!r}: {which} must be {description(kind)}") from error


@functools.cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    # A type that is made while it runs, which a checker can't follow.
    values: Any = functools.reduce(operator.or_, (kind, GenericAlias(tuple, (kind, ...)), None))
    return TypeAdapter(values, config=ConfigDict(strict=True, allow_inf_nan=False))


def description(kind: Any) -> str | None:
    """Return what an annotated type may be, in words; of a union, what its first described member may be."""
    if get_origin(kind) is Literal:
        return f"one of {', '.join(map(str, get_args(kind)))}"
    for note in getattr(kind, "__metadata__", ()):
        if getattr(note, "description", None):
            return note.description
    return next(filter(None, map(description, get_args(kind))), None)


def sentence(error: ValidationError, cls: type) -> str:
    """Say in one sentence what a dataclass refused: the field, its value, and what it may be."""
    first = error.errors()[0]
    if reason := first.get("ctx", {}).get("error"):
        return str(reason)
    name, *steps = first["loc"]
    steps = [step for step in steps if step not in ("int", "float")]  # the members of a union that were tried
    where = str(name) + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    if first["type"] == "missing":
        return f"the field {where!r} is missing: give it"
    if first["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        return f"unknown field {where!r}" + ("" if steps else f"; known are {', '.join(f.name for f in fields(cls))}")
    own = cls.__pydantic_fields__[name]
    words = None if steps else own.description or description(own.annotation)
    wanted = f"be {words}" if words else first["msg"].removeprefix("Input should ")
    return f"{where} is {first['input']!r}: it must {wanted}"
