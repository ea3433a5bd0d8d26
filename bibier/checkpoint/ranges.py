"""What a setting of a checkpoint's part may be: a config is foreign input, refused before anything is built of it.

A range bounds the time and the memory of building and of running a part; what fits together is the part's own matter.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

ROWS = 2**24
WIDTH = (1, 4096)  # of layers: one matrix of the widest is 67 MB, four of an LSTM's 268
RANGES: dict[str, tuple[float, float]] = {
    # whole numbers
    "audio_dim": WIDTH,
    "average": (1, 64),
    "bins": (1, 512),
    "buckets": (2, 2**33),  # without a vocabulary the encoder bounds them further, as each has a row of the weights
    "channels": (1, 2048),
    "classes": (2, 1000),
    "dim": (0, WIDTH[1]),  # 0: none of its own
    "feed": (1, 16),
    "graph_heads": (1, 64),
    "heads": (1, 64),
    "hidden": WIDTH,
    "kernel": (1, 31),
    "layer": (-1, 64),
    "layers": (1, 48),
    "length": (1, 2000),
    "limit": (1, 100_000),
    "longest": (1, 16),
    "members": (1, 8),
    "normalisation": (0, 100),
    "pitch": (0, 256),
    "rank": (1, 1024),
    "rows": (0, ROWS),
    "shortest": (1, 16),
    "slots": (1, 256),
    "state": (1, 256),
    "text_dim": WIDTH,
    "vocabulary": (0, ROWS),
    # others
    "above": (0, 200),  # dB
    "context": (0, 100),
    "dropout": (0, 1),
    "floor": (1e-12, 1e3),
    "high": (1, 8000),  # Hz
    "hop": (1e-3, 1),  # s
    "level": (1e-6, 1),
    "low": (0, 8000),  # Hz
    "ngram_dropout": (0, 1),
    "share": (0, 1),
    "stand_out": (0, 200),  # dB
    "trim": (0, 200),  # dB
    "window": (1e-3, 0.032),  # s, the length of the transform
}
COUNT, NUMBER = (-1, 2**16), (-1e6, 1e6)  # of a field that has none of its own
LONGEST = 16  # entries of a list


def check_kinds(raw: Mapping[str, Any]) -> None:
    """Raise TypeError for what a config says besides its parts, where it is of another kind than expected."""
    for name in ("name", "licence"):
        if not isinstance(raw.get(name, ""), str):
            raise TypeError(f"{name} must be a text")
    for name in ("recipe", "data", "metrics"):
        if not isinstance(raw.get(name, {}), dict):
            raise TypeError(f"{name} must be an object")
    languages, prior, calibration = raw.get("languages", []), raw.get("text_prior", [1]), raw.get("calibration", {})
    if not isinstance(languages, list) or not all(isinstance(language, str) for language in languages):
        raise TypeError("languages must be a list of texts")
    if not isinstance(prior, list) or not all(_is_number(share) and 0 <= share <= 1 for share in prior):
        raise TypeError("text_prior must be a list of numbers from 0 to 1")
    if not isinstance(calibration, dict) or not all(
        _is_number(temperature) and 1e-3 <= temperature <= 1e3 for temperature in calibration.values()
    ):
        raise TypeError("calibration must be an object of numbers from 0.001 to 1000")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def check_ranges(part: str, config: type, settings: Mapping[str, Any]) -> None:
    """Raise ValueError, naming part, setting and range, for a number that is none or out of its range.

    Parameters
    ----------
    part, config
        Of the bundle, and the dataclass of its settings, whose annotations say which are numbers.
    settings
        As they were read.
    """
    kinds = {field.name: str(field.type) for field in fields(config)}
    for name, value in settings.items():
        kind = kinds.get(name, "")
        whole = "int" in kind
        if not whole and "float" not in kind:
            continue
        if value is None and "None" in kind:
            continue
        least, most = RANGES.get(name, COUNT if whole else NUMBER)
        entries = list(value) if isinstance(value, list | tuple) and "tuple" in kind else [value]
        sound = all(
            isinstance(entry, int if whole else int | float)
            and not isinstance(entry, bool)
            and math.isfinite(entry)
            and least <= entry <= most
            for entry in entries
        )
        if not sound or not 1 <= len(entries) <= LONGEST:
            raise ValueError(f"{part}.{name} is {str(value)[:40]}, and must be {least:g} … {most:g}")
