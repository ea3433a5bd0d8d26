"""Batches: each row once."""

import numpy as np
import torch

from bibier.features.batching import buckets


def test_every_row_of_an_epoch_is_in_exactly_one_batch():
    lengths = np.random.default_rng(0).integers(1, 50, 101)
    parts = buckets(lengths, 8, torch.Generator().manual_seed(0))
    assert sorted(i for part in parts for i in part) == list(range(101))
    assert parts != buckets(lengths, 8, torch.Generator().manual_seed(1))
