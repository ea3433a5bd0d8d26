"""Search over a recipe's fields: greedy and exhaustive as in the paper, and Optuna's TPE.

Settings are chosen by dev figures; nothing here reads a test split. Every trial is appended to OUT/trials.jsonl the
moment it is finished: the same call later takes finished trials from there and goes on where it stopped.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from bibier.errors import BibierError, CorpusError
from bibier.parsing import read_json
from train.experiment import cross_validate
from train.experiment.grid import Candidates, Grid, SearchRange, changed, lists
from train.experiment.recipe import Recipe
from train.metrics import selection_score

if TYPE_CHECKING:
    import optuna

SHOWN = 10  # trials of the live table

# Cross-validation part → prefixes of its dev figures, one a corpus. The score is their mean.
DEV = {"audio": ("",), "text": ("MELD dev ", "RESD grouped "), "bimodal": ("bimodal ",)}


@dataclass(frozen=True)
class Trial:
    """One recipe that was tried."""

    key: str  # of everything that decides the figures
    values: dict[str, Any]  # field → value
    score: float | None  # None: it failed
    figures: dict[str, float]
    seconds: float
    failure: str | None = None


def dev_score(part: str, figures: Mapping[str, float]) -> float:
    """Mean over a part's corpora of the mean of UAR, MF1, WAR and WF1 on dev; corpora without figures do not count."""
    have = [prefix for prefix in DEV[part] if f"{prefix}UAR" in figures]
    return sum(selection_score(figures, prefix) for prefix in have) / len(have)


def cross_validated(
    part: str, folder: Path, seeds: int, report: Callable[[str], None]
) -> Callable[[Recipe], dict[str, float]]:
    """Return the objective of a part ("audio", "text", "bimodal"): its cross-validated dev figures, mean over seeds."""
    # The test split is not even read.
    options = {"splits": ("dev",)} if part == "text" else {}

    def objective(recipe: Recipe) -> dict[str, float]:
        rows = list(cross_validate.PARTS[part](recipe, folder, range(seeds), report, **options))
        return {name: float(np.mean([row[name] for row in rows])) for name in rows[0] if name != "seed"}

    return objective


class Search:
    """Runs trials one by one, each at most once, and keeps them in OUT/trials.jsonl."""

    def __init__(
        self,
        recipe: Recipe,
        objective: Callable[[Recipe], Mapping[str, float]],
        score: Callable[[Mapping[str, float]], float],
        out: Path,
        *,
        about: str = "",
        show: Callable[[list[Trial]], None] = lambda trials: None,
    ) -> None:
        """Open the log.

        Parameters
        ----------
        recipe
            What the grid's values are put into.
        objective
            Runs one trial: a recipe → its dev figures.
        score
            The figures → one number; the largest wins.
        about
            What else decides the figures (part, seeds, data): a logged trial counts only where this is the same.
        show
            Called with all trials of this search after each, those from the log included.

        Raises
        ------
        CorpusError
            A line of the log, other than a last one that was cut off, can't be read.
        """
        self.recipe, self.objective, self.score, self.about, self.show = recipe, objective, score, about, show
        self.log = Path(out) / "trials.jsonl"
        self.known = _read_log(self.log)
        self.trials: list[Trial] = []

    def run(self, values: Mapping[str, object]) -> Trial:
        """Try some values, or take the trial from the log if the very same was finished before.

        A loss that explodes or a setting that the model refuses makes a failed trial, and the search goes on.
        """
        recipe = changed(self.recipe, values)
        key = _key(recipe, self.about)
        if key not in self.known:
            start, figures, score, failure = time.perf_counter(), {}, None, None
            try:
                figures = dict(self.objective(recipe))
                score = self.score(figures)
                if not math.isfinite(score):
                    score, failure = None, f"the score is {score}"
            except BibierError:
                raise
            except (FloatingPointError, AssertionError, ValueError) as error:
                failure = f"{type(error).__name__}: {error}"
            self._keep(Trial(key, dict(values), score, figures, time.perf_counter() - start, failure))
        trial = dataclasses.replace(self.known[key], values=dict(values))
        if key not in [known.key for known in self.trials]:
            self.trials.append(trial)
            self.show(self.trials)
        return trial

    def _keep(self, trial: Trial) -> None:
        line = json.dumps(dataclasses.asdict(trial), ensure_ascii=False) + "\n"
        try:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            with self.log.open("a", encoding="utf-8") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            remedy = "free some space and call again: finished trials are kept"
            raise CorpusError(f"{self.log} can't be written: {error}; {remedy}") from error
        self.known[trial.key] = trial

    @property
    def best(self) -> Trial | None:
        """The trial with the largest score, the first of equals; None if all have failed."""
        scored = [(trial.score, trial) for trial in self.trials if trial.score is not None]
        return max(scored, key=lambda pair: pair[0])[1] if scored else None


def _key(recipe: Recipe, about: str) -> str:
    whole = json.dumps([dataclasses.asdict(recipe), about], sort_keys=True, default=str)
    return hashlib.sha256(whole.encode()).hexdigest()[:20]


def _read_log(path: Path) -> dict[str, Trial]:
    if not path.exists():
        return {}
    lines = path.read_bytes().split(b"\n")
    if cut := lines.pop():
        # The last line was cut off by a kill: that trial is not finished, and the next one needs a fresh line.
        os.truncate(path, path.stat().st_size - len(cut))
    trials: dict[str, Trial] = {}
    for number, line in enumerate(lines, start=1):
        try:
            trial = Trial(**read_json(line))
        except (ValueError, TypeError) as error:
            raise CorpusError(f"{path}, line {number} is no trial ({error}); remove the line") from error
        trials[trial.key] = trial
    return trials


def greedy(search: Search, grid: Grid) -> None:
    """Field by field in the grid's order: keep the best candidate, and go on from there.

    The first step tries all candidates of the first field. Each later step starts from the incumbent, whose result is
    known, and tries the field's other candidates; only a better score replaces it. A field that has not had its turn
    has the recipe's value.
    """
    incumbent: dict[str, object] = {}
    best = -math.inf
    for field, candidates in lists(grid).items():
        winner = incumbent
        for value in candidates:
            trial = search.run(incumbent | {field: value})
            if trial.score is not None and trial.score > best:
                best, winner = trial.score, trial.values
        incumbent = winner


def exhaustive(search: Search, grid: Grid) -> None:
    """Every combination of candidates, the last field fastest."""
    for values in product(*lists(grid).values()):
        search.run(dict(zip(grid, values, strict=True)))


def tpe(search: Search, grid: Grid, trials: int, seed: int = 0) -> None:
    """Optuna's TPE over lists and ranges, `trials` suggestions; the same seed and figures suggest the same again.

    So a search that was killed goes through its finished trials once more, from the log, and then on.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    for _ in range(trials):
        suggested = study.ask()
        trial = search.run({field: _suggestion(suggested, field, candidates) for field, candidates in grid.items()})
        if trial.score is None:
            study.tell(suggested, state=optuna.trial.TrialState.FAIL)
        else:
            study.tell(suggested, trial.score)


def _suggestion(trial: optuna.Trial, field: str, candidates: Candidates) -> object:
    if not isinstance(candidates, SearchRange):
        # By position: a candidate may be a tuple, which Optuna does not store.
        return candidates[trial.suggest_categorical(field, list(range(len(candidates))))]
    if isinstance(candidates.low, int) and isinstance(candidates.high, int):
        return trial.suggest_int(field, candidates.low, candidates.high, log=candidates.log)
    return trial.suggest_float(field, candidates.low, candidates.high, log=candidates.log)


def table(trials: Sequence[Trial]) -> str:
    """Lay out the best trials, the best first, and count all."""
    ranked = sorted(trials, key=lambda trial: -math.inf if trial.score is None else trial.score, reverse=True)
    lines = [f"{'score':>8}  {'seconds':>8}  settings"]
    for trial in ranked[:SHOWN]:
        settings = " ".join(f"{field}={json.dumps(value)}" for field, value in trial.values.items())
        score = "failed" if trial.score is None else f"{trial.score:.2f}"
        lines.append(f"{score:>8}  {trial.seconds:8.1f}  {settings}" + (f"  {trial.failure}" if trial.failure else ""))
    failed = sum(trial.score is None for trial in trials)
    lines.append(f"{len(trials)} trials" + (f", {failed} of them failed" if failed else ""))
    return "\n".join(lines)


class SearchProgress:
    """What a search says while it runs: on a terminal its table in place with the latest message, else a line a trial.

    On a terminal it is used in a `with` block, in which the table is redrawn.
    """

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live

        self.console, self.table = Console(file=stream), ""
        self.screen = Live(console=self.console, auto_refresh=False)

    def __enter__(self) -> SearchProgress:
        if self.console.is_terminal:
            self.screen.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.screen.stop()

    def show(self, trials: Sequence[Trial]) -> None:
        """Show all trials so far."""
        self.table = table(trials)
        if self.console.is_terminal:
            self._draw(self.table)
        else:
            best = max((trial.score for trial in trials if trial.score is not None), default=math.nan)
            line = f"trial {len(trials)} · best {best:.2f} · {table(trials[-1:]).splitlines()[1]}"
            self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def report(self, line: str) -> None:
        """Show what the trial that runs has to say; only on a terminal."""
        if self.console.is_terminal:
            self._draw(f"{self.table}\n{line}" if self.table else line)

    def _draw(self, text: str) -> None:
        from rich.text import Text

        self.screen.update(Text(text, no_wrap=True, overflow="ellipsis"), refresh=True)
