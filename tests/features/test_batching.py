"""Padding and groups of like lengths, against what they are by definition."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bibier.features.batching import LONGER, buckets, budget_buckets, pad


@pytest.mark.parametrize("tail", [(), (3,), (2, 4)])
def test_padding_keeps_every_value_and_marks_the_rest(tail):
    generator = np.random.default_rng(0)
    rows = [generator.standard_normal((length, *tail)).astype(np.float32) for length in (5, 0, 2)]
    padded, mask = pad(rows, value=-1)
    assert padded.shape == (3, 5, *tail) and padded.dtype == torch.float32 and padded.is_contiguous()
    assert mask.sum(1).tolist() == [5, 0, 2]
    for row, valid, original in zip(padded, mask, rows, strict=True):
        assert np.array_equal(row[valid].numpy(), original) and (row[~valid] == -1).all()


def test_padding_has_a_least_length():
    padded, mask = pad([[4, 5], [6]], value=9, shortest=4)
    assert padded.tolist() == [[4, 5, 9, 9], [6, 9, 9, 9]] and mask.tolist()[1] == [True, False, False, False]
    assert pad([np.zeros((0, 2), np.float32)])[0].shape == (1, 1, 2)  # a text without words still is a row


def test_buckets_without_a_generator_are_sorted_and_stable():
    assert buckets([3.5, 1.25, 3.5, 0.0], 3) == [[3, 1, 0], [2]]
    assert buckets([], 3) == []


@settings(deadline=None)
@given(st.lists(st.integers(1, 50)), st.booleans())
def test_budget_buckets_hold_everything_once_within_the_budget(lengths, equal):
    groups = list(budget_buckets(lengths, budget=60, equal=equal))
    assert sorted(i for group in groups for i in group) == list(range(len(lengths)))
    for group in groups:
        sizes = [lengths[i] for i in group]
        assert len(group) == 1 or len(group) * max(sizes) <= 60
        assert max(sizes) <= LONGER * min(sizes)
        assert not equal or len(set(sizes)) == 1
