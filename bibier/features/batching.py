"""Sequences of different lengths → batches: padding with a mask, and groups of like lengths, so that little is padded.

B sequences, T steps.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

LONGER = 1.25  # of a group's shortest: on a CPU padding more costs more than company saves


def pad(
    sequences: Sequence[np.ndarray | Tensor | Sequence[int]], *, value: float = 0, shortest: int = 1
) -> tuple[Tensor, Tensor]:
    """Stack sequences with padding on the right.

    Parameters
    ----------
    sequences
        B of them, (Tᵢ, …) each, of one dtype.
    value
        What the padding holds.
    shortest
        The fewest steps T of the batch.

    Returns
    -------
    padded : Tensor
        (B, T, …)
    mask : Tensor
        (B, T), True where valid.

    Examples
    --------
    >>> padded, mask = pad([[7, 8, 9], [5]])
    >>> padded.tolist()
    [[7, 8, 9], [5, 0, 0]]
    >>> mask.sum(1).tolist()
    [3, 1]
    """
    tensors = [torch.as_tensor(sequence) for sequence in sequences]
    padded = pad_sequence(tensors, batch_first=True, padding_value=value)  # (B, T, …)
    if (missing := shortest - padded.shape[1]) > 0:
        padded = torch.cat((padded, padded.new_full((len(padded), missing, *padded.shape[2:]), value)), dim=1)
    lengths = torch.tensor([len(tensor) for tensor in tensors])
    return padded, torch.arange(padded.shape[1])[None] < lengths[:, None]


def buckets(lengths: Sequence[float], size: int, generator: torch.Generator | None = None) -> list[list[int]]:
    """Split the indices of sequences into batches of `size` of like lengths; the last may be smaller.

    Shuffled when there is a generator; without one the shortest come first, and equal ones keep their order.
    """
    sizes = torch.tensor(lengths, dtype=torch.float64 if any(isinstance(n, float) for n in lengths) else torch.int64)
    if generator is None:
        return [part.tolist() for part in sizes.argsort(stable=True).split(size)] if len(sizes) else []
    order = torch.randperm(len(sizes), generator=generator)
    parts = [part for chunk in order.split(size * 10) for part in chunk[sizes[chunk].argsort()].split(size)]
    return [parts[i].tolist() for i in torch.randperm(len(parts), generator=generator).tolist()]


def budget_buckets(lengths: Sequence[int], *, budget: int, equal: bool) -> Iterator[list[int]]:
    """Group the indices of sequences by length, the shortest first, for models that run as many as fit.

    A group's size times its longest is within the budget, or it is one; its longest is at most `LONGER` times its
    shortest. With `equal`, a group holds one length only, for models that padding would change.
    """
    order = sorted(range(len(lengths)), key=lambda i: lengths[i])
    for _, indices in itertools.groupby(order, key=lambda i: lengths[i] if equal else 0):
        group: list[int] = []
        for index in indices:
            too_many = (len(group) + 1) * lengths[index] > budget
            if group and (too_many or lengths[index] > LONGER * lengths[group[0]]):
                yield group
                group = []
            group.append(index)
        yield group
