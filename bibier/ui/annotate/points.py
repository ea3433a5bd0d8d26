"""What the soft-label editor of the browser (editor.js) sends, checked: whole numbers that sum to 100, one a label.

L: the labels of the project, the seven emotions unless it has a list of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bibier.annotation.events import FILLS
from bibier.errors import InputError
from bibier.labels import EMOTIONS

WHOLE = 100


def probabilities(points: object, names: Sequence[str] = EMOTIONS) -> dict[str, float]:
    """Return the distribution that points mean, by name; they come from a browser and are checked as such.

    Parameters
    ----------
    points
        (L,) whole numbers in [0, 100] that sum to 100, or None for an untouched editor.
    names
        Of the L labels.

    Raises
    ------
    InputError
        Untouched, or anything but such a list; a bool is no number.

    Examples
    --------
    `probabilities([70, 0, 0, 0, 0, 30, 0])` is anger 0.7, sad 0.3 and 0 for the rest.
    """
    if points is None:
        raise InputError("annotate-untouched")
    numbers = [point for point in points if type(point) is int] if isinstance(points, list) else []
    complete = isinstance(points, list) and len(points) == len(numbers) == len(names)
    if not complete or min(numbers) < 0 or sum(numbers) != WHOLE:
        raise InputError("annotate-points", value=repr(points)[:80], count=len(names))
    return {name: number / WHOLE for name, number in zip(names, numbers, strict=True)}


def points(distribution: Mapping[str, float], names: Sequence[str] = EMOTIONS) -> list[int]:
    """Return a distribution as (L,) whole numbers that sum to 100, by the largest remainder.

    The inverse of `probabilities`; ties go to the earlier label.
    """
    exact = np.array([distribution[name] for name in names]) * WHOLE  # (L,)
    whole = np.floor(exact + 1e-9).astype(int)  # (L,)
    for index in np.argsort(whole - exact, kind="stable")[: WHOLE - int(whole.sum())]:
        whole[index] += 1
    return whole.tolist()


def share(value: object, name: str) -> float | None:
    """Return a number in [0, 1] or None as it is; anything else raises InputError naming the field."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:  # NaN is refused too
        raise InputError("annotate-field", name=name)
    return float(value)


def filling(rule: object, rest: object) -> tuple[str, float]:
    """Return by which rule open points were given, and their share in [0, 1); "" and 0 when none were.

    Raises InputError for anything else, a share that no rule gave included.
    """
    if rule is None or rule == "":
        if rest is not None and (isinstance(rest, bool) or rest != 0):
            raise InputError("annotate-field", name="rest")
        return "", 0.0
    if not isinstance(rule, str) or rule not in FILLS:
        raise InputError("annotate-field", name="fill")
    if isinstance(rest, bool) or not isinstance(rest, int | float) or not 0 < rest < 1:  # NaN is refused too
        raise InputError("annotate-field", name="rest")
    return rule, float(rest)
