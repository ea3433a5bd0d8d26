"""The commands' one line of progress: on a terminal only, never on standard output, gone when something is printed."""

import io
import os
import subprocess
import sys

import pytest
from served import EXAMPLE, ROOT, free_port

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


def test_an_error_leaves_no_line_and_no_hidden_cursor(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with pytest.raises(OSError), TerminalProgress() as progress:
        progress.count(1, 2)
        raise OSError
    assert "1/2" in terminal.getvalue() and terminal.getvalue().rstrip().endswith("\x1b[2K")
    assert terminal.getvalue().count("\x1b[?25l") == terminal.getvalue().count("\x1b[?25h")


def test_the_app_says_how_far_it_is_with_a_folder(tmp_path):
    """Before its page opens, and then the line is gone."""
    pty = pytest.importorskip("pty")
    folder, read, write = tmp_path / "voices", *pty.openpty()
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.ogg").write_bytes(EXAMPLE.read_bytes() + bytes(number))
    command = [sys.executable, ROOT / "app.py", "--port", str(free_port()), "--annotate", folder]
    environ = os.environ | {"TERM": "xterm", "GRADIO_TEMP_DIR": str(tmp_path / "cache")}
    with subprocess.Popen(command, cwd=tmp_path, stdout=write, stderr=write, env=environ) as app:
        os.close(write)
        said = b""
        try:
            while b"Annotations" not in said:  # where they are kept: said when all is read
                said += os.read(read, 4096)
        finally:
            app.terminate()
            os.close(read)
    assert b"voices; the page opens" in said and b"3/3" in said
    assert said.count(b"\x1b[?25l") == said.count(b"\x1b[?25h") > 0
