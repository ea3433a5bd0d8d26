"""The same rows by Ray Data: an actor a worker loads the checkpoint once, on this computer or on a cluster."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from bibier.errors import InputError
from bibier.inference.batch import BATCH, Judge, Source, batches


class Worker:
    """Judges groups of recordings; one lives in each process of Ray's."""

    def __init__(self, checkpoint: str, recogniser: str | None, language: str):
        from bibier.asr import recognisers
        from bibier.checkpoint import bundle as checkpoints
        from bibier.inference.predictor import Predictor

        heard = None if recogniser == "none" else recognisers.recogniser(recogniser)
        predictor = Predictor(checkpoints.load(checkpoint), heard)
        self.judge = Judge(predictor, recognise=heard is not None, name=checkpoint, language=language)

    def __call__(self, groups: dict) -> dict:
        """Take groups of sources as JSON, give their rows as JSON."""
        found = []
        for group in groups["group"]:
            read = [self.judge.read(Source(**one)) for one in json.loads(group)]
            found.append(json.dumps(self.judge.judge(read), ensure_ascii=False))
        return {"rows": found}


def rows(
    given: Sequence[Source],
    *,
    checkpoint: str,
    recogniser: str | None = None,
    size: int = BATCH,
    workers: int = 2,
    address: str | None = None,
    language: str = "en",
) -> Iterator[list[dict]]:
    """Judge recordings in groups of like lengths by `workers` actors; yields each group's rows as it is ready.

    Paths must lead to the same files on every machine of the cluster. Raises InputError when Ray is missing.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anybody
    try:
        import ray
    except ImportError as error:
        raise InputError("batch-no-ray") from error
    ours = not ray.is_initialized()
    if ours:
        here = {} if address else {"num_cpus": workers, "include_dashboard": False}
        ray.init(address=address, log_to_driver=False, logging_level="error", **here)
    try:
        ray.data.DataContext.get_current().enable_progress_bars = False
        groups = [{"group": json.dumps([asdict(one) for one in group])} for group in batches(given, size)]
        made = ray.data.from_items(groups, override_num_blocks=len(groups)).map_batches(
            Worker,
            fn_constructor_args=(os.path.abspath(checkpoint) if os.path.isdir(checkpoint) else checkpoint,)
            + (recogniser, language),
            batch_size=1,
            concurrency=workers,
            num_cpus=1,
        )
        for row in made.iter_rows():
            yield json.loads(row["rows"])
    finally:
        if ours:
            ray.shutdown()
