"""How many threads torch computes with is the choice of whoever runs it; some libraries set it in passing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept() -> Iterator[None]:
    """Put torch's number of threads back: importing silero_vad sets one, numba's parallel loops set all cores."""
    import torch

    threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(threads)
