"""What a setting may be, so that a wrong one is refused when it is written and not hours later."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Range:
    """The finite numbers from `low` to `high`; an infinite `high` is no limit."""

    low: float
    high: float = math.inf
    whole: bool = False
    above: bool = False  # `low` itself is out
    below: bool = False  # `high` itself is out
    absent: bool = False  # None is allowed

    def __contains__(self, value: object) -> bool:
        if value is None:
            return self.absent
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            return False
        if not math.isfinite(value) or value < self.low or value > self.high:
            return False
        return not (self.above and value == self.low or self.below and value == self.high)

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        if math.isinf(self.high):
            return f"{kind} {'above' if self.above else 'of at least'} {self.low:g}"
        return f"{kind} in {'(' if self.above else '['}{self.low:g}, {self.high:g}{')' if self.below else ']'}"


PART = Range(0, 1, below=True)  # of dropout: 1 would leave nothing
COUNT = Range(1, whole=True)
POSITIVE = Range(0, above=True)
NOT_NEGATIVE = Range(0)


def check(settings: object, allowed: Mapping[str, Range | tuple[str, ...]]) -> None:
    """Refuse the first field of `settings` that is out of its range; a tuple's values are looked at one by one.

    `allowed` maps a field to its range or to the words it may be; fields that `settings` lacks are passed over.

    Raises
    ------
    ValueError
        Names the field, its value and what it may be.
    """
    for name, range_ in allowed.items():
        if not hasattr(settings, name):
            continue
        value = getattr(settings, name)
        for single in value if isinstance(value, tuple) else (value,):
            if single not in range_:
                wanted = range_ if isinstance(range_, Range) else f"one of {', '.join(range_)}"
                which = "each" if isinstance(value, tuple) else "it"
                raise ValueError(f"{name} is {value!r}: {which} must be {wanted}")
