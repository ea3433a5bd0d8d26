"""What an LS-LLM table holds: rows, what is wrong with them, the confusion with the truth; and the table made clean.

N rows, 7 emotions in `ORDER`, that of the published tables.
"""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bibier import csv_reader
from bibier.errors import InputError
from bibier.files import replacing
from bibier.i18n.messages import Message
from bibier.labels import EMOTIONS, canonical
from bibier.soft_labels.parsing import ORDER, parse
from bibier.soft_labels.simplex import with_truth

COLUMNS = (
    *("video_name", "start_time", "end_time", "sentiment", "text", "ground_truth", "llm_best_label"),
    *ORDER,
    *("sum_of_emotions", "response_clean"),
)
TOLERANCE = 1e-4  # of a row's sum: seven values of five decimals
KINDS = ("missing", "not-a-number", "negative", "above-one", "sum", "unknown-label", "answer")


def read(path: Path) -> list[dict[str, str]]:
    """Read a CSV with a header, as `csv_reader.read_table`. Raises InputError when it is missing, none, or ragged."""
    try:
        table = csv_reader.read_table(path, ("video_name", "text", "ground_truth", *ORDER))
    except InputError as error:
        if error.key in ("csv-more", "csv-fewer"):
            raise InputError("table-ragged", file=path.name, row=error.message.values["row"]) from error
        raise InputError("table-unreadable", file=str(path), reason=error) from error
    return [dict(row.cells) for row in table.rows]


def write(path: Path, rows: Iterable[Mapping[str, object]], columns: Sequence[str] = COLUMNS) -> None:
    """Write a table, whole or not at all. Raises InputError when it can't be written."""
    try:
        with replacing(path) as part, part.open("w", encoding="utf-8", errors="replace", newline="") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n", extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        raise InputError("table-not-written", file=str(path), reason=str(error)[:200]) from error


def check_columns(path: Path, rows: Sequence[Mapping[str, str]], needed: Sequence[str]) -> None:
    """Raise InputError when the table has no rows or lacks a column."""
    if not rows:
        raise InputError("table-empty", file=path.name)
    if missing := [name for name in needed if name not in rows[0]]:
        raise InputError("table-column", file=path.name, column=missing[0])


def values_of(row: Mapping[str, str]) -> np.ndarray:
    """Return a row's (7,) values in ORDER; NaN where there is nothing or no number."""
    values = []
    for emotion in ORDER:
        try:
            values.append(float(row[emotion]))
        except ValueError:
            values.append(math.nan)
    return np.array(values)


def truth_of(row: Mapping[str, str]) -> int | None:
    """Return the index in ORDER of a row's true label; None when it has none or an unknown one."""
    try:
        return ORDER.index(canonical(row.get("ground_truth") or ""))
    except ValueError:
        return None


def faults(row: Mapping[str, str]) -> list[str]:
    """Return those of `KINDS` that a row has; empty when it is a distribution with its answer and label."""
    kinds = []
    if any(not row[emotion].strip() for emotion in ORDER):
        kinds.append("missing")
    values = values_of(row)
    if not np.isfinite(values).all():
        if "missing" not in kinds:
            kinds.append("not-a-number")
    else:
        kinds += ["negative"] * bool(values.min() < 0) + ["above-one"] * bool(values.max() > 1)
        kinds += ["sum"] * bool(abs(values.sum() - 1) > TOLERANCE)
    if row.get("ground_truth") and truth_of(row) is None:
        kinds.append("unknown-label")
    # An answer by scoring is JSON of ours and needs no parsing; a row without an answer has nothing to check.
    answer = row.get("response_clean") or ""
    if answer and not answer.startswith("{") and parse(answer).invalid:
        kinds.append("answer")
    return kinds


@dataclass(frozen=True)
class Audit:
    """What `audit` found; the confusion's rows are the truth, its columns the largest value, both in ORDER."""

    rows: int
    invalid: int  # rows with any fault
    kinds: dict[str, int]  # of KINDS; a row may have several
    confusion: np.ndarray  # (7, 7) counts of the rows with a truth and seven numbers
    entropy: float  # mean, in nats, of the rows clipped at 0 and normalised
    maximum: float  # mean of the largest value, of the same
    truth: float  # mean value of the truth, of the same

    @property
    def wrong(self) -> int:
        """Rows whose largest value is not the truth's."""
        return int(self.confusion.sum() - np.trace(self.confusion))

    @property
    def uar(self) -> float:
        """Mean recall over the labels that occur; NaN when none does."""
        totals = self.confusion.sum(1)
        present = totals > 0
        return float((np.diag(self.confusion)[present] / totals[present]).mean()) if present.any() else math.nan

    def text(self, language: str = "en") -> str:
        """Lay the audit out for a terminal; labels and kinds keep the names that they have in tables."""

        def line(key: str, **values: object) -> str:
            return Message(f"audit-{key}", values).text(language)

        lines = [line("rows", count=self.rows), line("invalid", count=self.invalid)]
        lines += [f"  {kind} {count}" for kind, count in self.kinds.items() if count]
        lines.append(f"{line('corner'):18}" + "".join(f"{name:>10}" for name in ORDER))
        for name, row in zip(ORDER, self.confusion, strict=True):
            lines.append(f"{name:18}" + "".join(f"{count:10d}" for count in row))
        lines.append(line("wrong", count=self.wrong, total=self.confusion.sum()))
        lines.append(f"UAR {self.uar:.5f}")
        lines.append(line("entropy", value=self.entropy))
        lines.append(line("maximum", value=self.maximum))
        lines.append(line("truth", value=self.truth))
        return "\n".join(lines)


def audit(path: Path) -> Audit:
    """Examine an LS-LLM table: see `Audit`. Raises InputError when it is none."""
    rows = read(path)
    check_columns(path, rows, ("video_name", *ORDER))
    kinds: Counter[str] = Counter()
    invalid = 0
    confusion = np.zeros((len(ORDER), len(ORDER)), dtype=int)
    distributions: list[np.ndarray] = []
    truths: list[float] = []
    for row in rows:
        row_faults = faults(row)
        kinds.update(row_faults)
        invalid += bool(row_faults)
        values, truth = values_of(row), truth_of(row)
        if not np.isfinite(values).all():
            continue
        clipped = np.clip(values, 0, None)
        if clipped.sum() <= 0:
            continue
        if truth is not None:
            confusion[truth, values.argmax()] += 1
        distributions.append(clipped / clipped.sum())
        if truth is not None:
            truths.append(float(distributions[-1][truth]))
    p = np.array(distributions) if distributions else np.full((1, len(ORDER)), math.nan)
    safe = np.where(p > 0, p, 1)
    return Audit(
        rows=len(rows),
        invalid=invalid,
        kinds={kind: kinds[kind] for kind in KINDS},
        confusion=confusion,
        entropy=float(-(safe * np.log(safe)).sum(1).mean()) if distributions else math.nan,
        maximum=float(p.max(1).mean()),
        truth=float(np.mean(truths)) if truths else math.nan,
    )


def filled(row: Mapping[str, object], probabilities: Mapping[str, float] | None) -> dict[str, object]:
    """Return a row with a distribution by name, its largest label and its sum; with None, these cells stay empty."""
    if probabilities is None:
        return dict(row) | {emotion: "" for emotion in ORDER} | {"llm_best_label": "", "sum_of_emotions": ""}
    return (
        dict(row)
        | {emotion: repr(float(probabilities[emotion])) for emotion in ORDER}
        | {
            "llm_best_label": max(ORDER, key=lambda emotion: probabilities[emotion]),
            "sum_of_emotions": repr(math.fsum(probabilities[emotion] for emotion in EMOTIONS)),
        }
    )


def clean(path: Path, target: Path, *, keep_argmax: bool = False) -> tuple[int, list[str]]:
    """Write a table with only distributions: from the model's own answer where it can be read, without jitter.

    Parameters
    ----------
    keep_argmax
        Leave rows whose largest value is not the truth; else they are projected (`with_truth`).

    Returns
    -------
    The number of rows written and the names of those left out, which held no distribution at all. Raises InputError.
    """
    rows = read(path)
    check_columns(path, rows, ("video_name", *ORDER))
    distributions, lost = [], []
    for row in rows:
        answer = parse(row.get("response_clean") or "")
        values = values_of(row)
        unread = "answer" in faults(row)  # its numbers were made up for an answer that could not be read
        if not answer.invalid:
            values = np.array(answer.numbers) / sum(answer.numbers)
        elif np.isfinite(values).all() and not unread and 0 < np.clip(values, 0, None).sum() < math.inf:
            values = np.clip(values, 0, None)
            values = values / values.sum()
        else:
            lost.append(row["video_name"])
            continue
        truth = truth_of(row)
        if row.get("ground_truth") and truth is None:
            lost.append(row["video_name"])
            continue
        if truth is not None and not keep_argmax:
            values = with_truth(values[None], np.array([truth]))[0]
        distributions.append(filled(row, dict(zip(ORDER, values, strict=True))))
    write(target, distributions, list(rows[0]))
    return len(distributions), lost
