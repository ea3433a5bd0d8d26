"""python -m bibier batch: a folder or a manifest of recordings → a table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bibier.cli.progress import TerminalProgress
from bibier.cli.threads import add_profile, add_threads
from bibier.files import check_replaceable
from bibier.process import choose_profile, collector_paused, keep_freed_memory, limit_kernel_caches, limit_threads

if TYPE_CHECKING:
    from bibier.inference.batch_inputs import BatchInput

SHOWN = 20  # failures that are printed


def add(commands: argparse._SubParsersAction) -> None:
    """Describe the command to the parser."""
    batch = commands.add_parser("batch", help="judge a folder or a manifest of recordings into a table")
    batch.add_argument("place", type=Path, metavar="PLACE", help="a folder, or a CSV with path and by choice text")
    batch.add_argument("-o", "--out", type=Path, required=True, metavar="FILE", help=".parquet, .csv or .jsonl")
    batch.add_argument("--replace", action="store_true", help="write over the table that is there")
    batch.add_argument("--excel", action="store_true", help="begin a CSV with the mark by which Excel knows UTF-8")
    batch.add_argument("--embeddings", type=Path, metavar="FILE", help="the encoders' vectors too: .npz or .parquet")
    batch.add_argument("--checkpoint", default="compact", metavar="NAME", help="a folder, or a name in checkpoints/")
    batch.add_argument("--recogniser", metavar="NAME", help="whisper-base, pocketsphinx, none (default: the best here)")
    batch.add_argument("--channel", default="auto", metavar="NAME", help="auto, left, right, mix, each, or a number")
    batch.add_argument("--batch", type=int, default=16, metavar="N", help="recordings in one pass (default: 16)")
    batch.add_argument("--engine", choices=("local", "ray"), default="local", help="ray: Ray Data, here or on many")
    batch.add_argument("--workers", type=int, default=2, metavar="N", help="of ray (default: 2)")
    batch.add_argument("--address", metavar="ADDRESS", help="of a ray cluster (default: one on this computer)")
    batch.add_argument("--language", choices=("en", "ru"), default="en", help="language of the messages")
    add_threads(batch)
    add_profile(batch)
    batch.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Judge everything; returns 1 when a recording could not be used."""
    limit_threads(options.threads)
    profile = choose_profile(options.profile)
    limit_kernel_caches()
    keep_freed_memory()
    with collector_paused():
        from bibier.asr import recognisers
        from bibier.audio.ffmpeg import bound_allocations
        from bibier.checkpoint import bundle as checkpoint
        from bibier.errors import InputError
        from bibier.i18n.messages import Message
        from bibier.inference import batch
        from bibier.inference.batch_inputs import with_channel
        from bibier.inference.predictor import Predictor

    bound_allocations()
    if options.batch < 1 or options.workers < 1:
        raise InputError("batch-number")
    notices: list[Message] = []
    inputs = with_channel(batch.list_inputs(options.place, notices.append), options.channel)
    outputs = [path for path in (options.out, options.embeddings) if path is not None]
    for path in outputs:
        check_replaceable(path, options.place, *(one.path for one in inputs if Path(one.path).name == path.name))
    if len({path.resolve() for path in outputs}) < len(outputs):
        raise InputError("batch-one-file", file=str(options.out))
    recogniser = None
    if options.recogniser != "none":
        recogniser = recognisers.recogniser(options.recogniser, profile=profile)
    bundle = checkpoint.load(options.checkpoint, profile=profile)
    settings = batch.run_settings(
        options.checkpoint,
        bundle,
        recogniser.name if recogniser else None,
        embedded=bool(options.embeddings),
        channel=options.channel,
        language=options.language,
        profile=profile,
    )
    predictor = batch.BatchPredictor(
        Predictor(bundle, recogniser),
        recognise=recogniser is not None,
        name=options.checkpoint,
        language=options.language,
        embedded=bool(options.embeddings),
    )

    def local(left: Sequence[BatchInput]) -> Iterator[list[dict]]:
        return batch.predict_rows(predictor, left, options.batch)

    def spread(left: Sequence[BatchInput]) -> Iterator[list[dict]]:
        from bibier.inference import batch_ray

        return batch_ray.predict_rows(
            left,
            checkpoint=options.checkpoint,
            recogniser=options.recogniser,
            size=options.batch,
            workers=options.workers,
            address=options.address,
            language=options.language,
            embedded=bool(options.embeddings),
            profile=profile,
        )

    work = spread if options.engine == "ray" else local
    with TerminalProgress(bar=True, remaining=True) as line:

        def progress(done: int, failed: int, total: int) -> None:
            counts = {"done": done, "failed": failed, "total": total}
            line(Message("batch-progress", counts).text(options.language), done, total)

        count, failed = batch.run(
            inputs,
            options.out,
            settings,
            work,
            progress,
            replace=options.replace,
            excel=options.excel,
            embeddings_out=options.embeddings,
        )
    for notice in notices:
        print(notice.text(options.language), file=sys.stderr)
    for row in failed[:SHOWN]:
        print(f"{row['path']}: {row['error']}", file=sys.stderr)
    summary = {"count": count, "failed": len(failed), "file": str(options.out)}
    print(Message("batch-done", summary).text(options.language), file=sys.stderr)
    return 1 if failed else 0
