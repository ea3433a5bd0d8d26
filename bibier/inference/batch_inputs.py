"""A folder or a manifest → the recordings of a batch, each with its words and channel, in groups of like lengths."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bibier.audio import long_recording
from bibier.audio.channels import AUTO, EACH, number_of
from bibier.audio.folder import recordings_in
from bibier.audio.format import MAX_CHANNELS
from bibier.audio.io import expand_channels
from bibier.errors import InputError
from bibier.features.batching import buckets
from bibier.file_names import printable
from bibier.i18n.messages import Message
from bibier.manifest import read_manifest

BATCH = 16  # recordings


@dataclass(frozen=True)
class BatchInput:
    """A recording to be judged; `text` is what was said, None where that is to be recognised.

    `channel` is which one is judged, as `audio.io.load` takes it; `each` that it is one of the recording's several.
    """

    path: str
    text: str | None = None
    channel: str = AUTO
    each: bool = False

    @property
    def key(self) -> str:
        """What tells it from the run's other inputs."""
        return row_key(self.shown, self.channel if self.each else None)

    @property
    def digest(self) -> str:
        """What decides the row beside the run's settings: the words that were given, and the file's size and time."""
        try:
            status = Path(self.path).stat()
            file = (status.st_size, status.st_mtime_ns)
        except (OSError, ValueError):
            file = None
        facts = json.dumps([self.text, self.channel, file])
        return hashlib.sha256(facts.encode()).hexdigest()[:16]

    @property
    def shown(self) -> str:
        """The path as a row has it: bytes that are no letters are written out."""
        return printable(self.path)


def row_key(path: str, channel: str | None) -> str:
    return path if channel is None else f"{path}\0{channel}"


def list_inputs(place: Path, report: Callable[[Message], None] = lambda notice: None) -> list[BatchInput]:
    """List the recordings of a folder, or of a CSV with a column path and by choice text; each path once.

    `report` is told what was found out and might be wrong. Raises InputError when there are none, or the CSV can't be
    read.
    """
    if place.is_dir():
        listed = recordings_in(place)
        inputs = [BatchInput(str(path)) for path in listed.paths]
        if notice := listed.notice(str(place)):
            report(notice)
    else:
        inputs = _of_manifest(place, report)
    if not inputs:
        raise InputError("clips-none", place=str(place))
    return list({item.path: item for item in inputs}.values())


def _of_manifest(path: Path, report: Callable[[Message], None]) -> list[BatchInput]:
    """List a manifest's recordings. Of rows of one path the one with a text counts; two texts are refused."""
    table = read_manifest(path)
    for notice in table.notices:
        report(notice)
    if "path" not in table.columns:
        raise InputError("csv-column", file=path.name, column="path", columns=", ".join(table.columns)[:300] or "—")
    inputs: dict[str, BatchInput] = {}
    for row in table.rows:
        if row.path is None:
            raise InputError("manifest-no-path", file=path.name, row=row.number)
        if not (row.text == "" and str(row.path) in inputs):
            inputs[str(row.path)] = BatchInput(str(row.path), row.text)
    return list(inputs.values())


def with_channel(inputs: Sequence[BatchInput], channel: str) -> list[BatchInput]:
    """Have one channel of each recording judged, or with "each" all of them, one row each.

    Raises InputError where there is no channel of this name.
    """
    if channel != EACH:
        number_of(channel, MAX_CHANNELS)
        return [replace(item, channel=channel) for item in inputs]
    expanded: list[BatchInput] = []
    for item in inputs:
        try:
            expanded += [replace(item, channel=one, each=True) for one in expand_channels(item.path, EACH)]
        except (InputError, OSError, ValueError):  # its row says why
            expanded.append(item)
    return expanded


def group_inputs(inputs: Sequence[BatchInput], size: int = BATCH) -> list[list[BatchInput]]:
    """Group recordings of like lengths, as far as the files state them: little is padded."""

    def length(item: BatchInput) -> float:
        try:
            return long_recording.stated_seconds(item.path) or Path(item.path).stat().st_size / 32_000
        except (InputError, OSError, ValueError, RuntimeError):  # the row will say what is wrong with it
            return 0.0

    ordered = sorted(inputs, key=lambda item: item.path)
    return [[ordered[i] for i in group] for group in buckets([length(item) for item in ordered], size)]
