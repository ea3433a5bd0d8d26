"""python -m bibier export-onnx: a checkpoint as ONNX graphs, compared with torch."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def add(commands: argparse._SubParsersAction) -> None:
    """Describe the command to the parser."""
    export = commands.add_parser("export-onnx", help="write a checkpoint as ONNX graphs, for runtimes without torch")
    export.add_argument("checkpoint", help="name, folder or Hub repository")
    export.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="a new or empty folder")
    export.add_argument("--language", choices=("en", "ru"), default="en", help="language of the messages")
    export.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Export and compare; returns the exit status."""
    from bibier.checkpoint import bundle, onnx_export

    onnx_export.export(
        bundle.load(options.checkpoint),
        options.out,
        lambda notice: print(notice.text(options.language), file=sys.stderr, flush=True),
    )
    print(options.out)
    return 0
