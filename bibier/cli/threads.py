"""The option --threads of the commands that judge."""

from __future__ import annotations

import argparse


def add_threads(parser: argparse.ArgumentParser) -> None:
    """Add the option to a command, which hands it to `bibier.process.limit_threads` before torch comes in."""
    parser.add_argument("--threads", metavar="N", help="that compute at once (default: $BIBIER_THREADS, else 1)")
