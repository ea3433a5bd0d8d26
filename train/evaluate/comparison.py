"""Runs beside the tables of the paper: published figures read from CSV, and ranks over both.

`published/` holds Tables 3, 6, 8, 10 and 11 as they are printed. R rows, C columns of a corpus and measure each.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bibier.errors import CorpusError
from train.corpora.items import read_table
from train.metrics import MEASURES

PUBLISHED = Path(__file__).with_name("published")
SPLIT = "test"  # that published figures are of
RANK = "rank"
COLUMN = re.compile(rf"(?P<corpus>\w+)_(?P<measure>{'|'.join(MEASURES)})", re.IGNORECASE)

Column = tuple[str, str]  # a corpus in lower case, and a measure


@dataclass(frozen=True)
class PublishedTable:
    """A table of figures in per cent, as printed."""

    name: str  # of its file
    systems: tuple[str, ...]  # R
    columns: tuple[Column, ...]  # C
    values: np.ndarray  # (R, C), NaN where nothing was published
    ranks: np.ndarray  # (R,), NaN where none was published


@dataclass(frozen=True)
class PublishedComparison:
    """Published systems and ours, ranked together."""

    published: PublishedTable
    ours: dict[str, np.ndarray]  # by system (C,), NaN where there is no run
    average_ranks: np.ndarray  # (R + systems of ours,), NaN for a system without a figure
    notes: tuple[str, ...]

    @property
    def rows(self) -> list[tuple[str, str, np.ndarray, float, float]]:
        """Return source, system, values (C,), rank over all, and published rank of each system."""
        table = self.published
        sources = [("published", *row) for row in zip(table.systems, table.values, table.ranks, strict=True)]
        sources += [("ours", system, values, np.nan) for system, values in self.ours.items()]
        return [
            (source, system, values, float(rank), float(published_rank))
            for (source, system, values, published_rank), rank in zip(sources, self.average_ranks, strict=True)
        ]


def ranks(values: np.ndarray) -> np.ndarray:
    """Rank (R, M) values over the rows: 1 is the largest of a column, ties all get the smallest rank.

    A value that is missing (NaN) has no rank (NaN) and takes no part.
    """
    values = np.asarray(values, dtype=np.float64)
    larger = (values[None] > values[:, None]).sum(1)  # (R, M), how many rows are above; NaN is above nothing
    return np.where(np.isnan(values), np.nan, larger + 1.0)


def average_ranks(values: np.ndarray) -> np.ndarray:
    """Mean over the available measures of the ranks of (R, M) values: (R,), as in Tables 6, 8 and 10 of the paper.

    A row without a value has no rank (NaN).
    """
    each = ranks(values)
    count = (~np.isnan(each)).sum(1)
    return np.where(count > 0, np.nansum(each, axis=1) / np.maximum(count, 1), np.nan)


def find(table: str) -> Path:
    """Return the file of a published table: a path, or the beginning of a name in `published/`, such as table10.

    Raises CorpusError where there is none, or several.
    """
    if Path(table).suffix == ".csv":
        return Path(table)
    files = sorted(PUBLISHED.glob(f"{table}_*.csv")) or sorted(PUBLISHED.glob(f"{table}.csv"))
    if len(files) != 1:
        names = ", ".join(file.stem.split("_")[0] for file in sorted(PUBLISHED.glob("*.csv")))
        raise CorpusError(f"no published table {table!r}: use a file ending in .csv, or one of {names}")
    return files[0]


def read_published(path: Path) -> PublishedTable:
    """Read a published table.

    Figures stand in columns such as meld_uar; or in columns such as war beside a column corpus, a row for each corpus.
    An empty cell was not published. `rank` is the published rank; the other columns together name the system.

    Raises
    ------
    CorpusError
        There is no such file, it holds no figures or no system, or a figure is no per cent; the row is named.
    """
    if not path.is_file():
        raise CorpusError(f"no such published table: {path}")
    rows = read_table(path)
    names = list(rows[0]) if rows else []
    figures = [name for name in names if COLUMN.fullmatch(name) or ("corpus" in names and name.upper() in MEASURES)]
    described = [name for name in names if name not in (*figures, "corpus", RANK)]
    if not figures or not described:
        raise CorpusError(
            f"{path.name} has no figures of systems: give a column that names the system, and columns such as meld_uar"
        )
    cells: dict[str, dict[Column, float]] = {}
    published_ranks: dict[str, float] = {}
    for number, row in enumerate(rows, start=2):
        place = f"{path.name}, row {number}"
        system = " · ".join(row[name] for name in described if row[name])
        published_ranks.setdefault(system, _number(row.get(RANK, ""), f"{place}, {RANK}"))
        by_column = cells.setdefault(system, {})
        for name in figures:
            column = _column(name, row.get("corpus", ""))
            if column in by_column:
                raise CorpusError(f"{place}: {system!r} has a figure of {' '.join(column)} already: leave one out")
            by_column[column] = _number(row[name], f"{place}, {name}", largest=100)
    columns = tuple(dict.fromkeys(column for by_column in cells.values() for column in by_column))
    values = np.array([[by_column.get(column, np.nan) for column in columns] for by_column in cells.values()])
    return PublishedTable(path.stem, tuple(cells), columns, values, np.array(list(published_ranks.values())))


def _column(name: str, corpus: str) -> Column:
    match = COLUMN.fullmatch(name)
    return (match["corpus"].lower(), match["measure"].upper()) if match else (corpus.lower(), name.upper())


def _number(cell: str, place: str, largest: float = np.inf) -> float:
    if not cell.strip():
        return np.nan
    try:
        value = float(cell)
    except ValueError as error:
        raise CorpusError(f"{place}: {cell!r} is no number: write it as 57.25, or leave the cell empty") from error
    if not 0 <= value <= largest:
        raise CorpusError(f"{place}: {cell} is out of range: give a number from 0 to {largest:g}")
    return value


def compare(
    published: PublishedTable, means: Mapping[str, Mapping[tuple[str, str], Mapping[str, float]]]
) -> PublishedComparison:
    """Set means beside published figures: of each system, corpus and split, the measures in per cent.

    Published figures are of the test split; means of another are left out, and a note says so.
    """
    ours = {
        system: np.array(
            [places.get((corpus, SPLIT), {}).get(measure, np.nan) for corpus, measure in published.columns]
        )
        for system, places in means.items()
    }
    all_values = np.vstack([published.values, *ours.values()])
    everywhere = {place for places in means.values() for place in places}
    return PublishedComparison(
        published, ours, average_ranks(all_values.round(2)), tuple(_notes(published, everywhere))
    )


def _notes(published: PublishedTable, places: set[tuple[str, str]]) -> Sequence[str]:
    known = {corpus for corpus, _ in published.columns}
    notes = [
        f"Figures of {published.name} as printed, in per cent; the rank is over all rows: in each column ties get the "
        "smallest rank, and the ranks of the columns that a system has are averaged."
    ]
    for corpus, split in sorted(places):
        if corpus not in known:
            notes.append(f"{corpus} {split}: nothing was published of this corpus in that table.")
        elif split != SPLIT:
            notes.append(f"{corpus} {split}: left out, since the published figures are of the {SPLIT} split.")
    return notes


def markdown(comparison: PublishedComparison) -> str:
    """Lay a comparison out in Markdown: published systems first, then ours in bold."""
    names = [f"{corpus} {measure}" for corpus, measure in comparison.published.columns]
    lines = [
        f"| system | {' | '.join(names)} | published rank | rank |",
        "|---" + "|---:" * (len(names) + 2) + "|",
    ]
    for source, system, values, rank, published_rank in comparison.rows:
        plain = system.replace("|", "\\|")
        shown = " | ".join(_cell(value) for value in (*values, published_rank, rank))
        lines.append(f"| {plain if source == 'published' else f'**{plain}**'} | {shown} |")
    return "\n".join(lines) + "\n\n" + "\n".join(f"* {note}" for note in comparison.notes) + "\n"


def _cell(value: float) -> str:
    return "—" if np.isnan(value) else f"{value:.2f}"


def records(comparison: PublishedComparison) -> list[dict[str, object]]:
    """Return a comparison as one flat record for each system, corpus and measure that it has."""
    return [
        {
            "source": source,
            "system": system,
            "corpus": corpus,
            "split": SPLIT,
            "measure": measure,
            "value": float(value),
            "rank": rank,
            "published_rank": None if np.isnan(published_rank) else published_rank,
        }
        for source, system, values, rank, published_rank in comparison.rows
        for (corpus, measure), value in zip(comparison.published.columns, values, strict=True)
        if not np.isnan(value)
    ]
