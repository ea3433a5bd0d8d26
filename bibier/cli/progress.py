"""What a command is doing, in one line on standard error."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

from bibier.cli.terminal import OutputEnded

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class TerminalProgress:
    """One line that is redrawn in place, by rich; nothing where standard error is not a terminal. For any thread.

    As a context it is gone at the end, also when an error ends it: else the terminal's cursor would stay hidden.

    Parameters
    ----------
    bar
        Whether a bar shows how much is done.
    remaining
        Whether the time that is left is guessed.

    Examples
    --------
    >>> with TerminalProgress(bar=True) as progress:
    ...     progress("reading", done=1, total=3)
    ...     progress.print("one.wav")
    one.wav
    """

    def __init__(self, *, bar: bool = False, remaining: bool = False):
        self.shown = sys.stderr.isatty()
        self._bar, self._remaining = bar, remaining
        self._line: tuple[Progress, TaskID] | None = None
        self._lock = threading.RLock()

    def __enter__(self) -> TerminalProgress:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def __call__(self, text: str, done: int = 0, total: int | None = None) -> None:
        """Show a text, and `done` of `total`."""
        if not self.shown:
            return
        with self._lock:
            if self._line is None:
                progress = self._open()
                self._line = progress, progress.add_task(text, completed=done, total=total)
                progress.start()
            else:
                progress, task = self._line
                progress.update(task, description=text, completed=done, total=total)

    def count(self, done: int, total: int) -> None:
        """Show how much of it is done, in numbers too."""
        self(f"{done}/{total}", done, total)

    def print(self, text: str) -> None:
        """Print on standard output, with the line out of the way. Raises OutputEnded, which no file is to blame for."""
        with self._lock:
            self.clear()
            try:
                print(text, flush=True)
            except OSError as error:
                raise OutputEnded(error) from error

    def clear(self) -> None:
        """Remove the line; the next call shows it again."""
        with self._lock:
            if self._line is not None:
                self._line[0].stop()
                self._line = None

    def _open(self) -> Progress:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn

        columns: list[ProgressColumn] = [TextColumn("{task.description}", markup=False)]
        if self._bar:
            columns.append(BarColumn(30))
        if self._remaining:
            columns.append(TimeRemainingColumn())
        # Standard output is left alone: it may be a file, and rich would write it to the terminal.
        return Progress(*columns, console=Console(file=sys.stderr), transient=True, redirect_stdout=False)
