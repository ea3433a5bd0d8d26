"""JSON and TOML that somebody else wrote: whatever is wrong with a text is one error.

Python's parsers raise three kinds: one for what is not the format, another for a number of thousands of digits, and a
third for lists in lists without end.
"""

from __future__ import annotations

import json
import tomllib
from typing import Any

from bibier.errors import ParseError, reason_of


def read_json(text: str | bytes, **options: Any) -> Any:
    """Return what a JSON text says; `options` as of `json.loads`. Raises ParseError.

    >>> read_json('{"happy": 0.5}')
    {'happy': 0.5}
    >>> read_json("9" * 5000)
    Traceback (most recent call last):
    ...
    bibier.errors.ParseError: a number has thousands of digits
    """
    try:
        return json.loads(text, **options)
    except (ValueError, RecursionError) as error:
        raise ParseError(reason_of(error)) from error


def read_toml(text: str) -> dict[str, Any]:
    """Return what a TOML text says. Raises ParseError.

    >>> read_toml('happy = ["joy"]')
    {'happy': ['joy']}
    """
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ParseError(reason_of(error)) from error
