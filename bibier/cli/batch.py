"""python -m bibier batch: a folder or a manifest of recordings → a table."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

SHOWN = 20  # failures that are printed


def add(commands) -> None:
    """Describe the command to the parser."""
    batch = commands.add_parser("batch", help="judge a folder or a manifest of recordings into a table")
    batch.add_argument("place", type=Path, metavar="PLACE", help="a folder, or a CSV with path and by choice text")
    batch.add_argument("-o", "--out", type=Path, required=True, metavar="FILE", help=".parquet, .csv or .jsonl")
    batch.add_argument("--replace", action="store_true", help="write over the table that is there")
    batch.add_argument("--checkpoint", default="compact", metavar="NAME", help="a folder, or a name in checkpoints/")
    batch.add_argument("--recogniser", metavar="NAME", help="whisper-base, pocketsphinx, none (default: the best here)")
    batch.add_argument("--batch", type=int, default=16, metavar="N", help="recordings in one pass (default: 16)")
    batch.add_argument("--engine", choices=("local", "ray"), default="local", help="ray: Ray Data, here or on many")
    batch.add_argument("--workers", type=int, default=2, metavar="N", help="of ray (default: 2)")
    batch.add_argument("--address", metavar="ADDRESS", help="of a ray cluster (default: one on this computer)")
    batch.add_argument("--language", choices=("en", "ru"), default="en", help="language of the messages")
    batch.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Judge everything; returns 1 when a recording could not be used."""
    from bibier.asr import recognisers
    from bibier.checkpoint import bundle as checkpoint
    from bibier.errors import InputError
    from bibier.i18n.messages import Message
    from bibier.inference import batch
    from bibier.inference.predictor import Predictor

    if options.batch < 1 or options.workers < 1:
        raise InputError("batch-number")
    given = batch.sources(options.place)
    recogniser = None if options.recogniser == "none" else recognisers.recogniser(options.recogniser)
    bundle = checkpoint.load(options.checkpoint)
    settings = batch.settings_of(options.checkpoint, bundle, getattr(recogniser, "name", None))
    judge = batch.Judge(
        Predictor(bundle, recogniser),
        recognise=recogniser is not None,
        name=options.checkpoint,
        language=options.language,
    )

    def local(left):
        return batch.rows(judge, left, options.batch)

    def spread(left):
        from bibier.inference import batch_ray

        return batch_ray.rows(
            left,
            checkpoint=options.checkpoint,
            recogniser=options.recogniser,
            size=options.batch,
            workers=options.workers,
            address=options.address,
            language=options.language,
        )

    work = spread if options.engine == "ray" else local
    count, failed = batch.run(given, options.out, settings, work, Progress(), replace=options.replace)
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)
    for row in failed[:SHOWN]:
        print(f"{row['path']}: {row['error']}", file=sys.stderr)
    told = {"count": count, "failed": len(failed), "file": str(options.out)}
    print(Message("batch-done", told).text(options.language), file=sys.stderr)
    return 1 if failed else 0


class Progress:
    """One line on standard error: how many are done, how fast, how long it takes yet; silent elsewhere."""

    def __init__(self):
        self.began, self.first = time.monotonic(), None

    def __call__(self, done: int, failed: int, total: int) -> None:
        self.first = done if self.first is None else self.first  # of an earlier run
        if not sys.stderr.isatty():
            return
        rate = (done - self.first) / max(1e-9, time.monotonic() - self.began)
        left = f"{(total - done) / rate / 60:.1f} min" if rate else "…"
        bar = "█" * round(30 * done / total)
        print(
            f"\r\x1b[K{bar:·<30} {done}/{total}, {failed} ✗, {rate:.1f}/s, {left}", end="", file=sys.stderr, flush=True
        )
