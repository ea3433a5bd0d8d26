"""Corpora of voices that come as a folder with a manifest.csv: CREMA-D, nEMO, URDU, TurEV.

Their sentences are the same in every emotion, so the items carry no text: the words say nothing here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from train.corpora.items import Item
from train.corpora.manifest import manifest

CORPORA = ("cremad", "nemo", "turev", "urdu")
NOT_TRAINED_ON = ("turev",)  # its licence allows no derivatives: all of it is its test split, as TESS is


def read(name: str, data: Path) -> list[Item]:
    """Read one of `CORPORA`, `NAME/manifest.csv` below the data folder; an empty list where that isn't there.

    CREMA-D's targets are the votes of listeners, as they are.
    """
    table = data / name / "manifest.csv"
    return [
        replace(
            item,
            id=f"{name}/{item.path.stem}" if item.path else item.id,
            corpus=name,
            text=None,
            speaker=f"{name}/{item.speaker}",
            split="test" if name in NOT_TRAINED_ON else item.split,
        )
        for item in (manifest(table) if table.is_file() else ())
    ]


READERS: dict[str, Callable[[Path], list[Item]]] = {name: partial(read, name) for name in CORPORA}
