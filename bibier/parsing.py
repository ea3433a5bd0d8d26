"""JSON and TOML that somebody else wrote: whatever is wrong with a text is one error.

Python's parsers raise three kinds: one for what is not the format, another for a number of thousands of digits, and a
third for lists in lists without end.
"""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from bibier.errors import ParseError, reason_of
from bibier.i18n.messages import Message

LONGEST_FILE = 1_000_000  # bytes of a file of settings
DEEPEST_KEY = 100  # dots in one key: Python's reader takes memory by their square. As many in one phrase are too many
BETWEEN_KEYS = re.compile(r"[=,{}\[\]\n#]")


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
    if any(part.count(".") > DEEPEST_KEY for part in BETWEEN_KEYS.split(text)):
        raise ParseError(Message("nested-deep"))
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ParseError(reason_of(error)) from error


def read_settings(path: Path, encoding: str = "utf-8") -> str:
    """Return the text of a file of settings, with its end of line. Raises ParseError for a device, a pipe, one without
    an end or no text, and OSError.
    """
    if path.exists() and not path.is_file():
        raise ParseError(Message("file-odd"))
    with path.open("rb") as file:
        content = file.read(LONGEST_FILE + 1)
    if len(content) > LONGEST_FILE:
        raise ParseError(Message("file-long", {"megabytes": LONGEST_FILE // 10**6}))
    try:
        return content.decode(encoding).replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise ParseError(reason_of(error)) from error
