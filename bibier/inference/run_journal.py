"""Finished rows of a batch: kept in a journal while it runs, then written as a table; a killed run goes on from it."""

from __future__ import annotations

import codecs
import csv
import io
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bibier.audio.channels import EACH
from bibier.csv_safety import guard
from bibier.errors import InputError, ParseError
from bibier.files import atomic_write
from bibier.inference.batch_inputs import row_key
from bibier.labels import EMOTIONS
from bibier.parsing import read_json

COLUMN_MODALITIES = {"voice": "audio", "words": "text", "both": "bimodal"}  # name of the columns → modality
COLUMNS = (
    *("path", "sha256", "duration", "transcript", "transcript_by", "language"),
    *(f"{column}_{emotion}" for column in COLUMN_MODALITIES for emotion in EMOTIONS),
    *("conflict", "warnings", "error", "checkpoint"),
    *("voice_ood", "words_ood"),  # above 1: unlike anything learnt from
    "channel",  # that was judged: its number from 1, or mix
    "words_negated",  # whether the words deny what they are judged for
)
FORMATS = (".parquet", ".csv", ".jsonl")
INPUT, DIGEST = "input", "digest"  # cells of the journal alone: which input a row is of, and what decided it
INNER = (INPUT, DIGEST, "embeddings")


class RunJournal:
    """Finished rows, on the disk after each batch: one line a row, below a line that says what the run is."""

    def __init__(self, out: Path, settings: dict[str, str]):
        self.path = out.with_name(f".{out.name}.journal")
        head = json.dumps(settings, sort_keys=True, ensure_ascii=False)
        self._each = settings.get("channel") == EACH
        self.rows: dict[str, dict] = {}
        whole = 0  # bytes of lines that end
        if self.path.exists():
            content = self.path.read_bytes()
            lines = content[: content.rfind(b"\n") + 1].splitlines(keepends=True)  # a broken last line is no row
            if lines and lines[0] != f"{head}\n".encode("utf-8", "backslashreplace"):
                raise InputError("batch-other", file=str(self.path))
            for line in lines[1:]:
                if (row := _row(line, self._each)) is not None:
                    self.rows[self._key(row)] = row
            whole = sum(map(len, lines))
        with writing(self.path):
            self._file = self.path.open("ab")
            self._file.truncate(whole)
            if not whole:
                self._write(head)

    def add(self, rows: Iterable[dict]) -> None:
        """Keep rows; they are on the disk when this returns."""
        with writing(self.path):
            for row in rows:
                self._write(json.dumps(row, ensure_ascii=False))
                self.rows[self._key(row)] = row
            self._file.flush()
            os.fsync(self._file.fileno())

    def finished(self, key: str, digest: str) -> bool:
        """Whether the row of an input is there, and its words and file are still those that were judged."""
        row = self.rows.get(key)
        return row is not None and row.get(DIGEST, digest) == digest  # older journals don't say

    def _key(self, row: dict) -> str:
        return row.get(INPUT) or row_key(row["path"], row["channel"] if self._each else None)

    def _write(self, line: str) -> None:
        self._file.write(f"{line}\n".encode("utf-8", "backslashreplace"))  # which is how JSON escapes, too

    def close(self, *, finished: bool) -> None:
        """Close the file, and remove it when the table stands."""
        self._file.close()
        if finished:
            self.path.unlink()


def _row(line: bytes, each: bool) -> dict | None:
    """Read a row; None for a line that a power cut has damaged: it is judged again."""
    try:
        row = read_json(line)
    except ParseError:
        return None
    sound = isinstance(row, dict) and {"path", "error"} <= row.keys() <= {*COLUMNS, *INNER}
    return row if sound and isinstance(row["path"], str) and ("channel" in row or not each) else None


def write_table(rows: Sequence[dict], out: Path, *, excel: bool = False) -> None:
    """Write the table, whole or not at all, in the format of its ending, one of `FORMATS`.

    With `excel` a CSV begins with a byte-order mark. Raises InputError.
    """
    with writing(out):
        mark = codecs.BOM_UTF8 if excel and out.suffix.lower() == ".csv" else b""
        atomic_write(out, mark + _table(rows, out.suffix.lower()))


def csv_lines(rows: Iterable[dict]) -> list[str]:
    """Return the table as CSV: the header and a line for each row, with their ends; no cell is run by a spreadsheet."""
    lines = []
    for row in (None, *rows):
        text = io.StringIO(newline="")
        table = csv.DictWriter(text, COLUMNS, lineterminator="\r\n")
        if row is None:
            table.writeheader()
        else:
            flat = row | {"warnings": " ".join(row["warnings"])}
            table.writerow({name: guard(value) if isinstance(value, str) else value for name, value in flat.items()})
        lines.append(text.getvalue())
    return lines


def _table(rows: Sequence[dict], ending: str) -> bytes:
    if ending == ".jsonl":
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    if ending == ".csv":
        return "".join(csv_lines(rows)).encode()
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise InputError("batch-no-parquet") from error
    number, text = pa.float64(), pa.string()
    texts = {"path", "sha256", "transcript", "transcript_by", "language", "error", "checkpoint", "channel"}
    other = dict.fromkeys(texts, text) | {"warnings": pa.list_(text), "words_negated": pa.bool_()}
    kinds = {name: other.get(name, number) for name in COLUMNS}
    parquet = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows), pa.schema(kinds.items())), parquet)
    return parquet.getvalue()


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say in words what can't be written."""
    try:
        yield
    except OSError as error:
        raise InputError("export-failed", file=str(path), reason=error.strerror or str(error)) from error
