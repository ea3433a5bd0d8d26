"""bibier app, also `python app.py`: the interface in a browser."""

from __future__ import annotations

import argparse
import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from bibier.cli import terminal
from bibier.cli.progress import TerminalProgress
from bibier.cli.threads import add_profile, add_threads
from bibier.log import LEVELS
from bibier.process import choose_profile, limit_kernel_caches, limit_threads


def add(commands: argparse._SubParsersAction) -> None:
    """Describe the command to the parser."""
    app = commands.add_parser("app", help="open the interface in a browser")
    describe(app)
    app.set_defaults(run=functools.partial(run, refuse=app.error))


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the options of the app to a parser."""
    parser.add_argument("--host", help="address to listen on (default: $GRADIO_SERVER_NAME, else 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port (default: $GRADIO_SERVER_PORT, else the first free from 7860)")
    parser.add_argument(
        "--checkpoint",
        default=os.environ.get("BIBIER_CHECKPOINT") or "compact",
        help="name, folder or Hub repository (default: $BIBIER_CHECKPOINT, else compact)",
    )
    parser.add_argument("--annotate", metavar="SOURCE", help="make a project of this folder or manifest to annotate")
    parser.add_argument("--language-model", metavar="NAME", help="asked in the editor: a folder, a name, or endpoint")
    parser.add_argument(
        "--database",
        metavar="URL",
        help="where annotations are kept (default: $BIBIER_DATABASE, else annotations/bibier.db)",
    )
    parser.add_argument(
        "--skip-damaged", action="store_true", help="read past rows of the database that are not what was written"
    )
    parser.add_argument("--auth", metavar="FILE", help="who may sign in: entries of `python -m bibier password`")
    parser.add_argument("--allowed-host", metavar="NAME", action="append", default=[], help="a name of this server")
    parser.add_argument("--retention", metavar="HOURS", help="how long recordings are kept unused (default: 24)")
    parser.add_argument(
        "--log-level", metavar="LEVEL", help=f"of the log on stderr: {', '.join(LEVELS)} (default: info)"
    )
    add_threads(parser)
    add_profile(parser)


def run(options: argparse.Namespace, refuse: Callable[[str], NoReturn]) -> int:
    """Serve the app until it is stopped; `refuse` is told of a setting that can't be used, and ends the program."""
    from bibier.errors import InputError

    try:
        limit_threads(options.threads)
        options.profile = choose_profile(options.profile)
        limit_kernel_caches()
        from bibier.ui.launch import launch
    except InputError as error:
        refuse(str(error))
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in ("bibier", "train"):
            raise
        refuse(str(InputError("extra-missing", package=error.name, extra="app")))

    @contextmanager
    def importing() -> Iterator[Callable[[int, int], None]]:
        with TerminalProgress(bar=True, remaining=True) as line:
            yield line.count

    try:
        launch(options, importing)
    except InputError as error:
        refuse(str(error))
    return 0


def main() -> None:
    """Run `python app.py`."""
    terminal.write_anything()
    parser = argparse.ArgumentParser(description="Open the interface in a browser.")
    describe(parser)
    raise SystemExit(run(parser.parse_args(), parser.error))
