"""What a search goes through: the fields of a recipe and their candidates, read from TOML and tried on the recipe.

A grid's fields stand in the order in which the greedy search goes through them:

    "text.encoder.temporal" = ["mamba", "lstm"]
    "text.fit.learning_rate" = { low = 1e-3, high = 1e-1, log = true }    # a range: for Optuna only
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bibier.errors import CorpusError
from bibier.parsing import read_settings, read_toml
from train.constraints import Number, constrained
from train.experiment.recipe import Recipe

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@constrained
class SearchRange:
    """A range of numbers for Optuna; whole numbers if both ends are. CorpusError for one that is empty."""

    low: Number
    high: Number
    log: bool = False

    def __post_init__(self) -> None:
        if self.low >= self.high:
            raise CorpusError(f"low is {self.low}, and high is {self.high}")
        if self.log and self.low <= 0:
            raise CorpusError(f"low is {self.low}")


Candidates = tuple[Any, ...] | SearchRange
Grid = dict[str, Candidates]  # field → candidates, in the file's order


def load_grid(path: Path, recipe: Recipe, method: str) -> Grid:
    """Read a grid; every candidate is tried on the recipe before anything runs.

    Raises
    ------
    CorpusError
        The file is missing, no TOML or empty, a field is unknown or a table, a list is empty, a candidate is of
        another type than the recipe's value or refused by its settings, or a range is wrong or not for this method.
    """
    try:
        raw = read_toml(read_settings(Path(path)))
    except FileNotFoundError as error:
        raise CorpusError(f"no such grid: {path}") from error
    except ValueError as error:
        raise CorpusError(f"{path} is not TOML: {error}") from error
    grid: Grid = {}
    for field, listed in _flat(raw):
        current = _current(recipe, field, path)
        grid[field] = candidates = _candidates(path, field, listed)
        ends = (candidates.low, candidates.high) if isinstance(candidates, SearchRange) else candidates
        for value in ends:
            if not _fits(value, current):
                raise CorpusError(f"{path}: {field} is {current!r} in the recipe, so {value!r} can't replace it")
            try:
                changed(recipe, {field: value})
            except (AssertionError, ValueError) as error:
                raise CorpusError(f"{path}: {field} = {value!r} is refused: {error}") from error
    if method != "optuna":
        lists(grid, path)
    if not grid:
        raise CorpusError(f'{path} has no fields; give for example "text.fit.epochs" = [4, 8]')
    return grid


def _flat(raw: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield field and candidates of quoted names, and of TOML tables alike."""
    for name, value in raw.items():
        if isinstance(value, dict) and not {"low", "high"} & value.keys():
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _current(recipe: Recipe, field: str, path: Path) -> object:
    value: object = recipe
    seen: list[str] = []
    for name in field.split("."):
        fields = [f.name for f in dataclasses.fields(value)] if dataclasses.is_dataclass(value) else []
        if name not in fields:
            where = ".".join(seen) or "the recipe"
            has = f"{where} has {', '.join(sorted(fields))}" if fields else f"{where} is a value, not a table"
            raise CorpusError(f"{path}: unknown field {field!r}; {has}")
        value = getattr(value, name)
        seen.append(name)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        raise CorpusError(f"{path}: {field!r} is a table; name one of its fields, such as {_example(field, value)}")
    return value


def _example(field: str, table: DataclassInstance) -> str:
    return f"{field}.{dataclasses.fields(table)[0].name}"


def _candidates(path: Path, field: str, listed: object) -> Candidates:
    if isinstance(listed, list) and listed:
        candidates = tuple(tuple(value) if isinstance(value, list) else value for value in listed)
        if len(set(map(repr, candidates))) < len(candidates):
            raise CorpusError(f"{path}: {field} lists a candidate twice; leave one out")
        return candidates
    if isinstance(listed, dict):
        try:
            return SearchRange(**listed)
        except CorpusError as error:
            needed = "{low, high} or {low, high, log} with low < high, above 0 if log"
            raise CorpusError(f"{path}: {field} needs {needed} ({error})") from error
    raise CorpusError(f"{path}: {field} is {listed!r}; expected a list of candidates, or {{low, high, log}}")


def _fits(value: object, current: object) -> bool:
    """Is a value of the kind that the recipe has there? A whole number fits a fraction, but not the other way."""
    if current is None or isinstance(current, bool) or isinstance(value, bool):
        return current is None or type(value) is type(current)
    return isinstance(value, int | float if isinstance(current, float) else type(current))


def changed(recipe: Recipe, values: Mapping[str, object]) -> Recipe:
    """Return the recipe with some fields ("part.table.field") set to other values."""
    for field, value in values.items():
        recipe = _replaced(recipe, field.split("."), value)
    return recipe


def _replaced(table: Any, names: Sequence[str], value: object) -> Any:
    first, *rest = names
    return dataclasses.replace(table, **{first: _replaced(getattr(table, first), rest, value) if rest else value})


def lists(grid: Grid, path: Path | str = "the grid") -> dict[str, tuple[Any, ...]]:
    """Return a grid of lists alone. Raises CorpusError where it has a range, which only Optuna can search."""
    for field, candidates in grid.items():
        if isinstance(candidates, SearchRange):
            raise CorpusError(f"{path}: {field} is a range, which only optuna can search: give a list")
    return {field: candidates for field, candidates in grid.items() if isinstance(candidates, tuple)}
