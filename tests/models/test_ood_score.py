"""The out-of-distribution score is the larger of two that NumPy computes as well, whatever the batch."""

import numpy as np
import pytest
import torch

from bibier.models.ood_score import OODScore, OODScoreConfig


def random_score() -> OODScore:
    torch.manual_seed(0)
    score = OODScore(OODScoreConfig(dim=6, classes=3))
    for name, buffer in score.named_buffers():
        positive = name in ("spread", "reach")
        buffer.copy_(torch.rand_like(buffer) + 0.5 if positive else torch.randn_like(buffer))
    return score


def test_it_is_the_larger_of_the_linear_score_and_the_distance():
    score, pooled = random_score(), torch.randn(9, 6)
    s = {name: buffer.double().numpy() for name, buffer in score.named_buffers()}
    for row, got in zip(pooled.double().numpy(), score(pooled), strict=True):
        x = (row - s["centre"]) / s["spread"]
        distance = min(np.sum((x @ s["whitening"] - mean) ** 2) for mean in s["means"])
        parts = (np.array([x @ s["weight"] + s["bias"][0], np.log(distance)]) - s["median"]) / s["reach"]
        assert got.item() == pytest.approx(max(parts), abs=1e-4)


def test_a_clip_scores_the_same_alone_and_in_a_batch():
    score, pooled = random_score(), torch.randn(9, 6)
    torch.testing.assert_close(torch.cat([score(row[None]) for row in pooled]), score(pooled))
