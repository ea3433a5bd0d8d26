"""The commands' one line of progress: on a terminal only, never on standard output, gone when something is printed."""

import io
import sys

from bibier.cli.progress import TerminalProgress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_line_on_a_terminal_is_redrawn_and_removed(monkeypatch, capsys):
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    progress = TerminalProgress(bar=True, remaining=True)
    progress("[one.wav]", 1, 2)  # no markup
    progress.print("sad")
    progress("two.wav", 2, 2)
    progress.clear()
    shown = terminal.getvalue()
    assert "[one.wav]" in shown and "two.wav" in shown and "━" in shown
    assert shown.rstrip().endswith("\x1b[2K") and shown.count("\x1b[?25l") == shown.count("\x1b[?25h") == 2
    assert capsys.readouterr().out == "sad\n"


def test_elsewhere_nothing_is_written(capsys):
    progress = TerminalProgress()
    progress("one.wav", 1, 2)
    progress.print("sad")
    progress.clear()
    assert capsys.readouterr() == ("sad\n", "")
