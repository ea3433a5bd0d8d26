"""What a fit says while it runs: plain lines anywhere, a bar and a live table on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:  # only a terminal needs it
    from rich.console import Group
    from rich.table import Table

SHOWN = ("UAR", "MF1", "WAR", "WF1")


@dataclass(frozen=True)
class Epoch:
    """What is known of one epoch at its end."""

    number: int  # from 1
    loss: float  # mean over the batches, nats
    rate: float  # learning rate at its end
    scores: dict[str, dict[str, float]] = field(default_factory=dict)  # of the dev corpora, in per cent
    best: bool = False

    def cells(self) -> list[str]:
        """Loss, rate and scores as they are shown."""
        shown = []
        for corpus, figures in self.scores.items():
            shown.append(" ".join([corpus, *(f"{name} {figures[name]:.1f}" for name in SHOWN if name in figures)]))
        return [f"{self.loss:.4f}", f"{self.rate:.1e}", " · ".join(shown) + (" *" if self.best else "")]


class FitProgress:
    """A line an epoch, to any callable that takes a line."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self.report = report
        self.epochs = 0

    def __call__(self, line: str) -> None:
        """Say something outside the table."""
        self.report(line)

    def begin(self, epochs: int, batches: int) -> None:
        """A fit of so many epochs starts, of at most so many batches each."""
        self.epochs = epochs

    def batch(self, epoch: int, done: int) -> None:
        """So many batches of an epoch (from 1) are done."""

    def epoch(self, row: Epoch) -> None:
        """Say how an epoch ended."""
        loss, rate, scores = row.cells()
        self(f"epoch {row.number}/{self.epochs} · loss {loss} · lr {rate}" + (f" · {scores}" if scores else ""))

    def end(self) -> None:
        """The fit is over, or failed."""


class LiveProgress(FitProgress):
    """A table of the epochs with a bar of the running epoch's batches below, redrawn in place."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console

        self.console = Console(file=stream)
        super().__init__(lambda line: self.console.print(line, markup=False, highlight=False))
        self.rows: list[Epoch] = []

    def begin(self, epochs: int, batches: int) -> None:
        """Draw the empty table and the bar."""
        from rich.live import Live
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        super().begin(epochs, batches)
        self.rows = []
        self.bar = Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self.task = self.bar.add_task("", total=batches)
        self.screen = Live(console=self.console, get_renderable=self._drawn, transient=True)
        self.screen.start()

    def _drawn(self) -> Group:
        from rich.console import Group

        return Group(self._table(self.rows[-max(self.console.height - 8, 3) :]), self.bar)

    def _table(self, rows: list[Epoch]) -> Table:
        from rich.table import Table

        table = Table("epoch", "loss", "lr", "dev (* best)")
        for row in rows:
            table.add_row(f"{row.number}/{self.epochs}", *row.cells())
        return table

    def batch(self, epoch: int, done: int) -> None:
        """Move the bar."""
        self.bar.update(self.task, description=f"epoch {epoch}/{self.epochs}", completed=done)

    def epoch(self, row: Epoch) -> None:
        """Add a row."""
        self.rows.append(row)

    def end(self) -> None:
        """Leave the whole table on the terminal."""
        self.screen.stop()
        if self.rows:
            self.console.print(self._table(self.rows))


def progress(stream: TextIO | None = None) -> FitProgress:
    """Return what suits a stream, standard error if none is given: live on a terminal, lines in a file or a pipe."""
    chosen = stream or sys.stderr
    return LiveProgress(chosen) if chosen.isatty() else FitProgress(lambda line: print(line, file=chosen, flush=True))


@contextmanager
def bar(description: str, total: int, stream: TextIO | None = None) -> Iterator[Callable[[int], None]]:
    """Draw a bar on a terminal while the block runs, nothing elsewhere; what it gives is called with what is done."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(file=stream or sys.stderr)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, disable=not total or not console.is_terminal) as drawn:
        task = drawn.add_task(description, total=total)
        yield lambda done: drawn.advance(task, done)
