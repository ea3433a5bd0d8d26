"""Corpora by name → items: the one door to the layouts and to manifests.

`read` checks the files that a table names: what is missing or broken is listed, counted, and refused beyond a limit.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bibier.errors import CorpusError
from train.corpora import layouts, listeners, texts, voices
from train.corpora.annotations import PREFIXES, annotated
from train.corpora.items import (
    LIMIT,
    Checked,
    Item,
    absent,
    balanced,
    check,
    folds,
    one_hot,
    read_table,
    repair,
    select,
    speaker_folds,
)
from train.corpora.layouts import resd_hub
from train.corpora.manifest import manifest

READERS = layouts.READERS | texts.READERS | voices.READERS | listeners.READERS
HUB = {"Aniemore/resd": resd_hub}

__all__ = [
    "READERS",
    "Checked",
    "CorpusError",
    "Item",
    "balanced",
    "check",
    "folds",
    "one_hot",
    "read",
    "read_table",
    "repair",
    "select",
    "speaker_folds",
]


def read(
    corpus: str,
    data: Path | None = None,
    split: str | None = None,
    *,
    need: str = "either",
    limit: float = LIMIT,
    report: Callable[[str], None] = lambda line: None,
) -> list[Item]:
    """Read a corpus by name (below `data`, or `Aniemore/resd` from the Hub) or a manifest by path; keep one split.

    Parameters
    ----------
    need, limit, report
        As of `items.check`. A line is reported too for the emotions that have no example.

    Raises
    ------
    CorpusError
        The corpus is unknown, its folder has nothing of it or nothing of the split, a table is wrong, or more files are
        missing than the limit allows.
    """
    items = all_items(corpus, data, report)
    if split:
        items = select(items, split, report)
    usable = check(items, need=need, limit=limit, report=report).items
    if missing := absent(usable):
        report(f"{corpus}: no example of {', '.join(missing)}: a model can't learn what it never sees")
    return usable


def all_items(corpus: str, data: Path | None = None, report: Callable[[str], None] = lambda line: None) -> list[Item]:
    """Read every row of a corpus, without a look at its clips. Raises CorpusError, as `read`."""
    if corpus in READERS:
        if data is None:
            raise CorpusError(f"corpus {corpus!r} needs --data, the folder that holds it")
        if items := READERS[corpus](data):
            return items
        raise CorpusError(f"nothing of {corpus!r} was found below {data}: check --data")
    if corpus.startswith(PREFIXES):
        return annotated(corpus)
    if corpus in HUB:
        return HUB[corpus]()
    if Path(corpus).suffix.lower() in (".csv", ".tsv"):
        if not Path(corpus).is_file():
            raise CorpusError(f"no such manifest: {corpus}")
        return manifest(Path(corpus), report)
    raise CorpusError(f"unknown corpus {corpus!r}: use {', '.join(READERS)}, a manifest ending in .csv or URL#PROJECT")
