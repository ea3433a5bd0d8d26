"""A run: what one system, fitted with one seed, said of one split of a corpus; written, read, checked.

A run's file is JSON, one object with the fields `system`, `seed`, `corpus`, `split` and `rows`; or JSON lines, where
the first line has all fields but `rows` and every other line is a row:
{"id": text, "speaker": text or null, "label": emotion, "probabilities": {emotion: p}}.

N rows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bibier.errors import CorpusError
from bibier.labels import EMOTIONS, named, vector
from train.metrics import Predictions

SUM_TOLERANCE = 1e-3  # how far a distribution's sum may be from 1: float32 and rounding to four places
HEAD = {"system": str, "seed": int, "corpus": str, "split": str}
ROW = ("id", "speaker", "label", "probabilities")

Place = tuple[str, str]  # corpus and split


@dataclass(frozen=True)
class Row:
    """One utterance as a system judged it."""

    id: str
    speaker: str | None
    label: str  # the truth, one of EMOTIONS
    probabilities: Mapping[str, float]  # by emotion, sums to 1


@dataclass(frozen=True)
class Run:
    """What one system, fitted with one seed, said of one split."""

    system: str
    seed: int
    corpus: str
    split: str
    rows: tuple[Row, ...]

    @property
    def place(self) -> Place:
        """Corpus and split."""
        return self.corpus, self.split

    def judged(self) -> Predictions:
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
    head = {name: getattr(run, name) for name in HEAD}
    rows = [{name: getattr(row, name) for name in ROW} for row in run.rows]
    _checked(path, head, [(f"row {number}", row) for number, row in enumerate(rows, start=1)])
    if path.suffix == ".jsonl":
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in (head, *rows))
    else:
        text = json.dumps(head | {"rows": rows}, ensure_ascii=False)
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise CorpusError(f"{path} can't be written: {error}; choose another folder, or free some space") from error


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
        raise CorpusError(f"no such run: {path}; `train.evaluate.runs.write_run` writes one") from error
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path} can't be read as text: {error}") from error
    if path.suffix == ".jsonl":
        lines = [(f"line {n}", _json(path, f"line {n}", line)) for n, line in enumerate(text.split("\n"), 1) if line]
        head, rows = (lines[0][1], lines[1:]) if lines else ({}, [])
    else:
        head = _json(path, "the file", text)
        listed = head.get("rows") if isinstance(head, dict) else None
        if not isinstance(listed, list):
            raise CorpusError(f"{path} has no list `rows`: expected one object with {', '.join(HEAD)} and rows")
        rows = [(f"row {number}", row) for number, row in enumerate(listed, start=1)]
        head = {name: value for name, value in head.items() if name != "rows"}
    return _checked(path, head, rows)


def _json(path: Path, place: str, text: str):
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise CorpusError(f"{path}, {place}: not JSON ({error}); was the file written to its end?") from error


def _fields(path: Path, place: str, found, wanted: Sequence[str]) -> None:
    if not isinstance(found, dict):
        raise CorpusError(f"{path}, {place}: expected an object with {', '.join(wanted)}")
    if missing := [name for name in wanted if name not in found]:
        raise CorpusError(f"{path}, {place}: the field {missing[0]!r} is missing; give {', '.join(wanted)}")
    if unknown := sorted(found.keys() - set(wanted)):
        raise CorpusError(f"{path}, {place}: unknown field {unknown[0]!r}; known are {', '.join(wanted)}")


def _checked(path: Path, head, rows: Sequence[tuple[str, object]]) -> Run:
    _fields(path, "the head", head, tuple(HEAD))
    for name, kind in HEAD.items():
        if not isinstance(head[name], kind) or isinstance(head[name], bool) or head[name] == "":
            wanted = "text" if kind is str else "a whole number"
            raise CorpusError(f"{path}: {name} is {head[name]!r}; expected {wanted}")
    if not rows:
        raise CorpusError(f"{path} has no rows: there is nothing to measure")
    made, seen = [], {}
    for place, row in rows:
        made.append(_row(path, place, row))
        if (first := seen.setdefault(made[-1].id, place)) != place:
            raise CorpusError(f"{path}, {place}: the id {made[-1].id!r} is in {first} already; every row needs its own")
    return Run(**head, rows=tuple(made))


def _row(path: Path, place: str, row) -> Row:
    _fields(path, place, row, ROW)
    if not isinstance(row["id"], str) or not row["id"]:
        raise CorpusError(f"{path}, {place}: id is {row['id']!r}; expected text")
    if row["speaker"] is not None and not isinstance(row["speaker"], str):
        raise CorpusError(f"{path}, {place}: speaker is {row['speaker']!r}; expected text, or null if nobody knows")
    if row["label"] not in EMOTIONS:
        raise CorpusError(f"{path}, {place}: unknown label {row['label']!r}; expected one of {', '.join(EMOTIONS)}")
    p = row["probabilities"]
    if not isinstance(p, Mapping):
        raise CorpusError(f"{path}, {place}: probabilities need their emotions' names: {{emotion: p}}, not a list")
    if missing := [name for name in EMOTIONS if name not in p]:
        raise CorpusError(f"{path}, {place}: no probability for {missing[0]}; give all of {', '.join(EMOTIONS)}")
    if unknown := sorted(p.keys() - set(EMOTIONS)):
        raise CorpusError(f"{path}, {place}: unknown emotion {unknown[0]!r}; expected {', '.join(EMOTIONS)}")
    for name, value in p.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1 + SUM_TOLERANCE:
            raise CorpusError(f"{path}, {place}: the probability of {name} is {value!r}; expected a number from 0 to 1")
    if abs(sum(p.values()) - 1) > SUM_TOLERANCE:
        raise CorpusError(f"{path}, {place}: the probabilities sum to {sum(p.values()):.4f}, not 1; normalise them")
    return Row(row["id"], row["speaker"], row["label"], dict(p))
