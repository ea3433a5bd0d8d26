"""The vectors that a checkpoint's encoders make of recordings, to a file: N recordings, D numbers of an encoder."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from bibier.errors import InputError
from bibier.files import atomic_write
from bibier.models.encoder_output import EncoderOutput

FORMATS = (".npz", ".parquet")
COLUMNS = ("voice", "words")
KEY = "embeddings"  # of a batch's row: column → D numbers


def pooled(output: EncoderOutput) -> Tensor:
    """Return one vector a sequence (B, D): what the head reads, else the mean of the hidden states that are valid."""
    if output.pooled is not None:
        return output.pooled
    valid = output.mask[..., None].to(output.hidden.dtype)  # (B, T, 1)
    return (output.hidden * valid).sum(1) / valid.sum(1).clamp(min=1)


def check_format(out: Path, *, replace: bool) -> None:
    """Raise InputError where a file of embeddings can't be written under this name."""
    if out.suffix.lower() not in FORMATS:
        raise InputError("batch-format", file=str(out), formats=", ".join(FORMATS))
    if out.exists() and not replace:
        raise InputError("export-exists", file=str(out))


def write(rows: Sequence[Mapping], out: Path) -> int:
    """Write the embeddings of a batch's rows, whole or not at all; returns how many rows have none.

    `.npz` holds path (N,), sha256 (N,), voice (N, D) and words (N, D), NaN where a row has none; `.parquet` a row each,
    with lists. Raises InputError.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(out, _npz(rows) if out.suffix.lower() == ".npz" else _parquet(rows))
    except OSError as error:
        raise InputError("export-failed", file=str(out), reason=error.strerror or str(error)) from error
    return sum(not row.get(KEY) for row in rows)


def _npz(rows: Sequence[Mapping]) -> bytes:
    arrays = {name: np.array([row[name] or "" for row in rows], dtype=str) for name in ("path", "sha256")}
    for column in COLUMNS:
        vectors = [row.get(KEY, {}).get(column) for row in rows]
        width = max((len(vector) for vector in vectors if vector), default=0)
        empty = np.full(width, np.nan, dtype=np.float32)
        filled = [np.asarray(vector, dtype=np.float32) if vector else empty for vector in vectors]
        arrays[column] = np.stack(filled) if filled else np.zeros((0, 0), dtype=np.float32)  # (N, D)
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays)
    return content.getvalue()


def _parquet(rows: Sequence[Mapping]) -> bytes:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise InputError("batch-no-parquet") from error
    kinds = {"path": pa.string(), "sha256": pa.string()} | dict.fromkeys(COLUMNS, pa.list_(pa.float32()))
    flat = [{"path": row["path"], "sha256": row["sha256"]} | dict(row.get(KEY, {})) for row in rows]
    content = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(flat, pa.schema(kinds.items())), content)
    return content.getvalue()
