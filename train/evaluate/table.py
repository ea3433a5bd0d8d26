"""Runs → one table: UAR, MF1, WAR, WF1 on each corpus, with the average rank of the papers and bootstrap intervals.

R rows of the table (systems), M measures.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bibier.errors import CorpusError
from bibier.files import atomic_write
from bibier.labels import EMOTIONS
from train.evaluate import comparison
from train.evaluate.comparison import PublishedComparison, PublishedTable, average_ranks, ranks
from train.evaluate.confusion_matrix import draw_confusion
from train.evaluate.runs import Place, Run
from train.metrics import MEASURES, Interval, bootstrap, confusion, measures


@dataclass(frozen=True)
class Measurement:
    """One measure of one system on one split, in per cent."""

    mean: float  # over seeds
    sd: float | None  # over seeds, with n − 1; None for a single seed
    low: float  # percentile interval of the mean over seeds
    high: float
    rank: float


@dataclass(frozen=True)
class Cell:
    """All measures of one system on one split."""

    figures: dict[str, Measurement]
    seeds: tuple[int, ...]
    utterances: int  # of one seed
    groups: int  # speakers that the interval draws from, and utterances without one
    without_speaker: int  # utterances of them
    counts: np.ndarray  # (7, 7), over all seeds: rows are the truth, columns the prediction


@dataclass(frozen=True)
class ResultsTable:
    """Systems by corpora."""

    places: tuple[Place, ...]
    systems: dict[str, dict[Place, Cell]]
    average_rank: dict[str, float]
    draws: int
    notes: tuple[str, ...]
    against: PublishedComparison | None = None


def make(
    runs: Mapping[Path, Run], draws: int = 10_000, seed: int = 0, against: PublishedTable | None = None
) -> ResultsTable:
    """Put runs into one table; runs of the same system on the same split are its seeds.

    Ranks are of the means as printed, with two decimals: what looks equal has the same rank. `against` is a published
    table to set the means beside.

    Raises
    ------
    CorpusError
        Two files hold the same system, seed and split, two files disagree about an utterance's label, or there are no
        draws.
    """
    if draws < 1:
        raise CorpusError(f"{draws} draws give no interval: ask for at least 1, better 10000")
    grouped: dict[str, dict[Place, list[Run]]] = {}
    _refuse_contradictions(runs)
    for run in runs.values():
        grouped.setdefault(run.system, {}).setdefault(run.place, []).append(run)
    places = tuple(dict.fromkeys(run.place for run in runs.values()))
    measured = {
        (system, place): _measured(sorted(seeds_runs, key=lambda run: run.seed), draws, seed)
        for system, cells in grouped.items()
        for place, seeds_runs in cells.items()
    }
    empty = np.full(len(MEASURES), np.nan)
    values = np.array(
        [
            np.concatenate([measured[key].means if (key := (system, place)) in measured else empty for place in places])
            for system in grouped
        ]
    )
    rank = ranks(values.round(2)).reshape(len(grouped), len(places), len(MEASURES))
    systems = {
        system: {
            place: measured[system, place].cell(rank[row, column])
            for column, place in enumerate(places)
            if place in grouped[system]
        }
        for row, system in enumerate(grouped)
    }
    averages = dict(zip(grouped, average_ranks(values.round(2)).tolist(), strict=True))
    means = {
        system: {place: {name: figure.mean for name, figure in cell.figures.items()} for place, cell in cells.items()}
        for system, cells in systems.items()
    }
    return ResultsTable(
        places,
        systems,
        averages,
        draws,
        tuple(_notes(grouped, systems, places, draws)),
        None if against is None else comparison.compare(against, means),
    )


def _refuse_contradictions(runs: Mapping[Path, Run]) -> None:
    owner: dict[tuple[str, int, Place], Path] = {}
    labels: dict[tuple[Place, str], tuple[str, Path]] = {}
    for path, run in runs.items():
        key = (run.system, run.seed, run.place)
        if (first_path := owner.setdefault(key, path)) != path:
            where = " ".join(run.place)
            raise CorpusError(
                f"{path} and {first_path} are both {run.system!r}, seed {run.seed}, on {where}: leave one of them out"
            )
        for row in run.rows:
            label, first = labels.setdefault((run.place, row.id), (row.label, path))
            if label != row.label:
                raise CorpusError(
                    f"{path}: the label of {row.id!r} is {row.label}, but {label} in {first}: not the same corpus"
                )


@dataclass(frozen=True)
class _Measured:
    """One system on one split before it is ranked; measures in the order of MEASURES."""

    means: np.ndarray  # (4,)
    deviations: np.ndarray | None  # (4,), None for a single seed
    intervals: dict[str, Interval]
    seeds: tuple[int, ...]
    utterances: int
    groups: int
    without_speaker: int
    counts: np.ndarray  # (7, 7)

    def cell(self, ranks: np.ndarray) -> Cell:
        """Return the cell, with the ranks (4,) of its measures."""
        figures = {
            name: Measurement(
                float(self.means[i]),
                None if self.deviations is None else float(self.deviations[i]),
                self.intervals[name].low,
                self.intervals[name].high,
                float(ranks[i]),
            )
            for i, name in enumerate(MEASURES)
        }
        return Cell(figures, self.seeds, self.utterances, self.groups, self.without_speaker, self.counts)


def _measured(runs: list[Run], draws: int, seed: int) -> _Measured:
    models = [run.predictions() for run in runs]
    counts = np.array([confusion(model.truth, model.probabilities) for model in models])  # (seeds, 7, 7)
    by_measure = measures(counts)
    each = np.array([by_measure[name] for name in MEASURES])  # (4, seeds)
    rows = [row for run in runs for row in run.rows]
    nameless = {row.id for row in rows if not row.speaker}
    return _Measured(
        each.mean(1),
        each.std(1, ddof=1) if len(runs) > 1 else None,
        bootstrap(models, draws=draws, seed=seed),
        tuple(run.seed for run in runs),
        utterances=len(runs[0].rows),
        groups=len({row.speaker for row in rows if row.speaker}) + len(nameless),
        without_speaker=len(nameless),
        counts=counts.sum(0),
    )


def _notes(
    grouped: dict[str, dict[Place, list[Run]]],
    systems: dict[str, dict[Place, Cell]],
    places: Sequence[Place],
    draws: int,
) -> Iterator[str]:
    yield (
        "Per cent; mean ± standard deviation (n − 1) over seeds; in brackets the 95 % interval of the mean, by "
        f"bootstrap over speakers with {draws:,} draws."
    )
    yield (
        "Average rank: systems are ranked in each column by the mean with two decimals, ties all get the smallest "
        "rank, and the ranks of the columns that a system has are averaged."
    )
    for place in places:
        where = " ".join(place)
        cells = {system: own_cells[place] for system, own_cells in systems.items() if place in own_cells}
        if any(cell.without_speaker for cell in cells.values()):
            total = all(cell.without_speaker == cell.groups for cell in cells.values())
            yield (
                f"{where}: {'no speaker is known' if total else 'some utterances have no known speaker'}, so "
                f"{'the intervals are' if total else 'those are drawn'} by utterance, which makes intervals too narrow "
                "if speakers differ."
            )
        if (
            len(
                {
                    frozenset(row.id for row in run.rows)
                    for own_cells in grouped.values()
                    for run in own_cells.get(place, ())
                }
            )
            > 1
        ):
            yield f"{where}: not all runs judged the same utterances, so their figures are not strictly comparable."
        if len({len(cell.seeds) for cell in cells.values()}) > 1:
            counts = ", ".join(f"{system} {len(cell.seeds)}" for system, cell in cells.items())
            yield f"{where}: the number of seeds differs ({counts})."


def markdown(table: ResultsTable) -> str:
    """Lay the table out in Markdown: a line a system, four columns a corpus, the best of each column in bold."""
    names = [f"{' '.join(place)} {name}" for place in table.places for name in MEASURES]
    lines = [
        "| system | seeds | " + " | ".join(names) + " | average rank |",
        "|---|---:" + "|---:" * (len(names) + 1) + "|",
    ]
    for system, cells in table.systems.items():
        values = [
            _text(cells[place].figures[name]) if place in cells else "—" for place in table.places for name in MEASURES
        ]
        seeds = "/".join(dict.fromkeys(str(len(cell.seeds)) for cell in cells.values()))
        plain = system.replace("|", "\\|")
        lines.append(f"| {plain} | {seeds} | {' | '.join(values)} | {table.average_rank[system]:.2f} |")
    text = "\n".join(lines) + "\n\n" + "\n".join(f"* {note}" for note in table.notes) + "\n"
    return text if table.against is None else f"{text}\n{comparison.markdown(table.against)}"


def _text(figure: Measurement) -> str:
    value = f"{figure.mean:.2f}" + ("" if figure.sd is None else f" ± {figure.sd:.2f}")
    value = f"**{value}**" if figure.rank == 1 else value
    return f"{value} [{figure.low:.1f}, {figure.high:.1f}]"


def records(table: ResultsTable) -> list[dict[str, object]]:
    """Return the table as one flat record for each system, split and measure."""
    return [
        {
            "system": system,
            "corpus": place[0],
            "split": place[1],
            "measure": name,
            "mean": figure.mean,
            "sd": figure.sd,
            "low": figure.low,
            "high": figure.high,
            "rank": figure.rank,
            "average_rank": table.average_rank[system],
            "seeds": len(cell.seeds),
            "utterances": cell.utterances,
            "groups": cell.groups,
            "without_speaker": cell.without_speaker,
        }
        for system, cells in table.systems.items()
        for place, cell in cells.items()
        for name, figure in cell.figures.items()
    ]


def as_csv(table: ResultsTable) -> str:
    """Lay the records out as CSV; beside published figures, the records of the comparison."""
    rows, out = records(table) if table.against is None else comparison.records(table.against), io.StringIO()
    writer = csv.DictWriter(out, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def as_json(table: ResultsTable) -> str:
    """Lay the records, the notes and the confusion counts (by name of truth, then of prediction) out as JSON."""
    tables = [
        {"system": system, "corpus": place[0], "split": place[1], "counts": _by_name(cell.counts)}
        for system, cells in table.systems.items()
        for place, cell in cells.items()
    ]
    whole = {"figures": records(table), "confusion": tables, "draws": table.draws, "notes": table.notes}
    if table.against is not None:
        whole["against"] = {"figures": comparison.records(table.against), "notes": table.against.notes}
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"


def _by_name(counts: np.ndarray) -> dict[str, dict[str, int]]:
    return {
        true: {name: int(n) for name, n in zip(EMOTIONS, row, strict=True)}
        for true, row in zip(EMOTIONS, counts, strict=True)
    }


FORMATS = {"markdown": ("md", markdown), "csv": ("csv", as_csv), "json": ("json", as_json)}


def save(table: ResultsTable, folder: Path, form: str, picture: str) -> list[Path]:
    """Write the table and one confusion matrix for each system and split; returns the files.

    `form` is a key of FORMATS, `picture` "png" or "svg".

    Raises
    ------
    CorpusError
        Two systems' names differ only in what a file's name can't hold, or the folder can't be written.
    """
    try:
        return _write(table, folder, form, picture)
    except OSError as error:
        raise CorpusError(f"{folder} can't be written: {error}; choose another folder, or free some space") from error


def _write(table: ResultsTable, folder: Path, form: str, picture: str) -> list[Path]:
    ending, lay_out = FORMATS[form]
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"table.{ending}"]
    atomic_write(files[0], lay_out(table))
    for system, cells in table.systems.items():
        for place, cell in cells.items():
            name = "-".join(re.sub(r"[^\w.+]+", "_", part) for part in (system, *place))
            file = folder / f"confusion-{name}.{picture}"
            if file in files:
                raise CorpusError(f"{file} would be written twice: give the systems names that differ in their letters")
            count = len(cell.seeds)
            title = f"{system} · {' '.join(place)}" + (f" · {count} seeds" if count > 1 else "")
            draw_confusion(cell.counts, title, file)
            files.append(file)
    return files
