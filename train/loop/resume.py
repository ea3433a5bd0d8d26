"""A run on disk: a killed run that is started again ends with the weights that it would have had.

One file, written whole or not at all after every epoch, read back as tensors and plain values only (no pickled code).
"""

from __future__ import annotations

import errno
import hashlib
import io
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object

from bibier.errors import CorpusError
from bibier.files import atomic_write

DIGEST = hashlib.sha256().digest_size  # bytes at the file's head, of what follows


class Stateful(Protocol):
    """A model, an optimiser, a schedule."""

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` takes."""
        ...

    def load_state_dict(self, state: dict[str, Any], /) -> object:
        """Go on from what `state_dict` gave."""
        ...


def _random_state() -> dict:
    name, keys, *rest = np.random.get_state()
    keys = np.asarray(keys)
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": (name, keys.tolist(), *rest),
        "python": random.getstate(),
    }


def _restore_random_state(state: dict) -> None:
    torch.set_rng_state(state["torch"])
    if state["cuda"]:
        torch.cuda.set_rng_state_all(state["cuda"])
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, np.array(keys, dtype=np.uint32), *rest))
    random.setstate(state["python"])


def write(
    path: Path, parts: Mapping[str, Stateful], key: dict[str, str], epochs: int, accelerator: Accelerator
) -> None:
    """Keep the run as it is after so many epochs; every process must call, the main one writes.

    Raises
    ------
    CorpusError
        The file can't be written; the one of the epoch before is still there.
    """
    states = gather_object([_random_state()])
    if not accelerator.is_main_process:
        return
    content = {name: part.state_dict() for name, part in parts.items()}
    buffer = io.BytesIO()
    torch.save(content | {"key": key, "epochs": epochs, "random": states}, buffer)
    raw = buffer.getvalue()
    raw = hashlib.sha256(raw).digest() + raw
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, raw)
    except OSError as error:
        size = f"{len(raw) / 1e6:.1f} MB"
        remedy = f"free {size} there" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "choose a folder that can be"
        still_there = f"; epoch {epochs - 1} is kept, and the run goes on from it" if path.exists() else ""
        raise CorpusError(
            f"{path} can't be written ({size}): {error.strerror}; {remedy} and start again{still_there}"
        ) from error


def read(path: Path, parts: Mapping[str, Stateful], key: dict[str, str], accelerator: Accelerator) -> int:
    """Take up a run where its file left it; returns how many epochs are done, 0 where there is no file.

    Raises
    ------
    CorpusError
        The file can't be read, is broken, or is of a run with another key; names what differs.
    """
    if not path.exists():
        return 0
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise CorpusError(f"{path} can't be read: {error.strerror}; give another file") from error
    digest, content = raw[:DIGEST], raw[DIGEST:]
    if hashlib.sha256(content).digest() != digest:
        raise CorpusError(f"{path} is not the whole state of a run: delete it to start anew")
    state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    saved = state["key"]
    changed = [name for name in {**saved, **key} if saved.get(name) != key.get(name)]
    if changed:
        differences = "; ".join(f"{name} was {saved.get(name)}, is {key.get(name)}" for name in changed)
        raise CorpusError(
            f"{path} is the state of another run: {differences}. Go on with what it was, or delete it to start anew"
        )
    for name, part in parts.items():
        part.load_state_dict(state[name])
    _restore_random_state(state["random"][accelerator.process_index])
    return state["epochs"]


def remove(path: Path, accelerator: Accelerator) -> None:
    """The run is done: nothing is left to take up."""
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        path.unlink(missing_ok=True)
