"""A run: what one system, fitted with one seed, said of one split of a corpus; written, read, checked.

A run's file is JSON, one object with the fields `system`, `seed`, `corpus`, `split` and `rows`; or JSON lines, where
the first line has all fields but `rows` and every other line is a row:
{"id": text, "speaker": text or null, "label": emotion, "probabilities": {emotion: p}}.

N rows.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import numpy as np
from pydantic import AfterValidator, Field

from bibier.errors import CorpusError
from bibier.files import atomic_write
from bibier.labels import EMOTIONS, named, vector
from bibier.parsing import read_json
from train.constraints import constrained
from train.metrics import Predictions

SUM_TOLERANCE = 1e-3  # how far a distribution's sum may be from 1: float32 and rounding to four places
HEAD = ("system", "seed", "corpus", "split")

Place = tuple[str, str]  # corpus and split


def _label(name: str) -> str:
    if name not in EMOTIONS:
        raise ValueError(f"unknown label {name!r}; expected one of {', '.join(EMOTIONS)}")
    return name


def _distribution(p: Mapping[str, float]) -> Mapping[str, float]:
    if missing := [name for name in EMOTIONS if name not in p]:
        raise ValueError(f"no probability for {missing[0]}; give all of {', '.join(EMOTIONS)}")
    if unknown := sorted(p.keys() - set(EMOTIONS)):
        raise ValueError(f"unknown emotion {unknown[0]!r}; expected {', '.join(EMOTIONS)}")
    for name, value in p.items():
        if not 0 <= value <= 1 + SUM_TOLERANCE:
            raise ValueError(f"the probability of {name} is {value!r}; expected a number from 0 to 1")
    if abs(sum(p.values()) - 1) > SUM_TOLERANCE:
        raise ValueError(f"the probabilities sum to {sum(p.values()):.4f}, not 1; normalise them")
    return p


Made = TypeVar("Made", "Row", "Run")
Text = Annotated[str, Field(min_length=1, description="text")]


@constrained
class Row:
    """One utterance as a system judged it. Raises CorpusError, which names the field and its value."""

    id: Text
    speaker: Annotated[str | None, Field(description="text, or null if nobody knows")]
    label: Annotated[str, Field(description="the name of an emotion"), AfterValidator(_label)]  # the truth
    probabilities: Annotated[  # sums to 1
        Mapping[str, float], Field(description="numbers by their emotions' names"), AfterValidator(_distribution)
    ]


@constrained
class Run:
    """What one system, fitted with one seed, said of one split. Raises CorpusError, which names the field."""

    system: Text
    seed: Annotated[int, Field(description="a whole number")]
    corpus: Text
    split: Text
    rows: tuple[Row, ...]

    @property
    def place(self) -> Place:
        """Corpus and split."""
        return self.corpus, self.split

    def predictions(self) -> Predictions:
        """Return truth and probabilities as arrays; an utterance without a speaker is a group of its own."""
        return Predictions(
            np.array([EMOTIONS.index(row.label) for row in self.rows]),
            np.stack([vector(row.probabilities) for row in self.rows]),
            [("speaker", row.speaker) if row.speaker else ("id", row.id) for row in self.rows],
        )


def run_of(
    truth: Sequence[int],
    probabilities: np.ndarray,
    *,
    system: str,
    seed: int,
    corpus: str,
    split: str,
    ids: Sequence[str],
    speakers: Sequence[str | None] | None = None,
) -> Run:
    """Make a run of class indices (N,) and probabilities (N, 7) in the order of EMOTIONS."""
    speakers = [None] * len(ids) if speakers is None else speakers
    rows = tuple(
        Row(str(i), speaker or None, EMOTIONS[y], named(p))
        for i, speaker, y, p in zip(ids, speakers, truth, probabilities, strict=True)
    )
    return Run(system, seed, corpus, split, rows)


def write_run(path: Path, run: Run) -> None:
    """Write a run as JSON lines if the path ends in .jsonl, else as JSON; whole or not at all.

    Raises
    ------
    CorpusError
        As `read_run`: what could not be read back is not written. Or the file can't be written, such as on a full disk.
    """
    path = Path(path)
    _refuse_repeats(path, [(f"row {number}", row) for number, row in enumerate(run.rows, start=1)])
    head = {name: getattr(run, name) for name in HEAD}
    rows = [dataclasses.asdict(row) for row in run.rows]
    if path.suffix == ".jsonl":
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in (head, *rows))
    else:
        text = json.dumps(head | {"rows": rows}, ensure_ascii=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, text)
    except OSError as error:
        raise CorpusError(f"{path} can't be written: {error}; choose another folder, or free some space") from error


def check_place(path: Path) -> None:
    """Raise CorpusError where a file lies that is no run: it was not written as one."""
    if Path(path).exists():
        try:
            read_run(path)
        except CorpusError as error:
            raise CorpusError(f"{path} is there and no run, so it is left as it is: choose another name") from error


def read_run(path: Path) -> Run:
    """Read a run.

    Raises
    ------
    CorpusError
        The file is missing or no JSON, a field is missing or unknown, an id occurs twice, a label is unknown, or a
        distribution lacks an emotion, has a number that is none or negative, or does not sum to 1. The sentence names
        the file and the row.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise CorpusError(f"no such run: {path}; `python -m train evaluate … --save-run FILE` writes one") from error
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path} can't be read as text: {error}") from error
    if path.suffix == ".jsonl":
        lines = [(f"line {n}", _json(path, f"line {n}", line)) for n, line in enumerate(text.split("\n"), 1) if line]
        head, listed = (lines[0][1], lines[1:]) if lines else ({}, [])
    else:
        whole = _json(path, "the file", text)
        rows = whole.get("rows") if isinstance(whole, dict) else None
        if not isinstance(whole, dict) or not isinstance(rows, list):
            raise CorpusError(f"{path} has no list `rows`: expected one object with {', '.join(HEAD)} and rows")
        listed = [(f"row {number}", row) for number, row in enumerate(rows, start=1)]
        head = {name: value for name, value in whole.items() if name != "rows"}
    rows = [(place, _made(Row, f"{path}, {place}", row)) for place, row in listed]
    if not isinstance(head, dict):
        raise CorpusError(f"{path}, the head: expected an object with {', '.join(HEAD)}")
    run = _made(Run, str(path), head | {"rows": tuple(row for _, row in rows)})
    _refuse_repeats(path, rows)
    return run


def _made(cls: type[Made], place: str, values: object) -> Made:
    """Make a row or a run of a JSON object; a refusal begins with the place."""
    if not isinstance(values, dict):
        raise CorpusError(f"{place}: expected an object with {', '.join(f.name for f in dataclasses.fields(cls))}")
    try:
        return cls(**values)
    except CorpusError as error:
        raise CorpusError(f"{place}: {error}") from error


def _refuse_repeats(path: Path, rows: Sequence[tuple[str, Row]]) -> None:
    if not rows:
        raise CorpusError(f"{path} has no rows: there is nothing to measure")
    places: dict[str, str] = {}
    for place, row in rows:
        if (first := places.setdefault(row.id, place)) != place:
            raise CorpusError(f"{path}, {place}: the id {row.id!r} is in {first} already; every row needs its own")


def _json(path: Path, place: str, text: str) -> object:
    try:
        return read_json(text)
    except ValueError as error:
        raise CorpusError(f"{path}, {place}: not JSON ({error}); was the file written to its end?") from error
