"""The same rows by Ray Data: an actor a worker loads the checkpoint once, on this computer or on a cluster."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from bibier.errors import InputError
from bibier.inference.batch import BatchPredictor
from bibier.inference.batch_inputs import BATCH, BatchInput, group_inputs
from bibier.parsing import read_json


class Worker:
    """Judges groups of recordings; one lives in each process of Ray's."""

    def __init__(
        self,
        checkpoint: str,
        recogniser: str | None,
        language: str,
        embedded: bool = False,
        profile: str = "exact",
    ):
        from bibier.asr import recognisers
        from bibier.checkpoint import bundle
        from bibier.inference.predictor import Predictor
        from bibier.process import keep_freed_memory

        keep_freed_memory()
        recognise = None if recogniser == "none" else recognisers.recogniser(recogniser, profile=profile)
        predictor = Predictor(bundle.load(checkpoint, profile=profile), recognise)
        self.predictor = BatchPredictor(
            predictor, recognise=recognise is not None, name=checkpoint, language=language, embedded=embedded
        )

    def __call__(self, groups: dict[str, Sequence[str]]) -> dict[str, list[str]]:
        """Take groups of inputs as JSON, give their rows as JSON."""
        answers = []
        for group in groups["group"]:
            prepared = [self.predictor.prepare(BatchInput(**facts)) for facts in read_json(group)]
            answers.append(json.dumps(self.predictor.predict(prepared), ensure_ascii=False))
        return {"rows": answers}


def predict_rows(
    inputs: Sequence[BatchInput],
    *,
    checkpoint: str,
    recogniser: str | None = None,
    size: int = BATCH,
    workers: int = 2,
    address: str | None = None,
    language: str = "en",
    embedded: bool = False,
    profile: str = "exact",
) -> Iterator[list[dict]]:
    """Judge recordings in groups of like lengths by `workers` actors; yields each group's rows as it is ready.

    Paths must lead to the same files on every machine of the cluster. Raises InputError when Ray is missing.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anybody
    try:
        import ray
    except ImportError as error:
        raise InputError("batch-no-ray") from error
    own = not ray.is_initialized()
    if own:
        here = {} if address else {"num_cpus": workers, "include_dashboard": False}
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **here)
    try:
        folder = Path(checkpoint)
        ray.data.DataContext.get_current().enable_progress_bars = False
        groups = [{"group": json.dumps([asdict(item) for item in group])} for group in group_inputs(inputs, size)]
        answers = ray.data.from_items(groups, override_num_blocks=len(groups)).map_batches(
            Worker,
            fn_constructor_args=(
                str(folder.resolve()) if folder.is_dir() else checkpoint,
                recogniser,
                language,
                embedded,
                profile,
            ),
            batch_size=1,
            concurrency=workers,
            num_cpus=1,
        )
        for row in answers.iter_rows():
            yield read_json(row["rows"])
    finally:
        if own:
            ray.shutdown()
