"""The options of the commands that judge which say how they compute: --threads and --profile."""

from __future__ import annotations

import argparse

from bibier.process import PROFILES


def add_threads(parser: argparse.ArgumentParser) -> None:
    """Add the option to a command, which hands it to `bibier.process.limit_threads` before torch comes in."""
    parser.add_argument("--threads", metavar="N", help="that compute at once (default: $BIBIER_THREADS, else 1)")


def add_profile(parser: argparse.ArgumentParser) -> None:
    """Add the option to a command, which hands it to `bibier.process.choose_profile`."""
    parser.add_argument(
        "--profile",
        metavar="NAME",
        help=f"{' or '.join(PROFILES)}: how large encoders and Whisper compute (default: $BIBIER_PROFILE, else exact)",
    )
