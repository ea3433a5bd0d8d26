"""What the fusion is fitted on: hidden states of each fold, stitched together, and pairs of voice and words."""

import numpy as np
import torch

from train.experiment import stacking
from train.loop import batches


def test_stitching_recovers_a_linear_map():
    generator = torch.Generator().manual_seed(0)
    true, source = torch.randn(6, 4, generator=generator), [torch.randn(n, 6, generator=generator) for n in (30, 50)]
    weight, offset = stacking.stitch(source, [s @ true + 3 for s in source], ridge=1e-9)
    torch.testing.assert_close(weight, true, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(offset, torch.full((4,), 3.0), atol=1e-3, rtol=1e-3)


def test_out_of_fold_reads_each_item_with_the_encoder_that_did_not_see_it(tiny_bundle):
    """Each fold's encoder is marked by its bias: every item must carry the mark of its own fold."""
    import copy

    features = [np.random.default_rng(i).standard_normal((10, 2, 64)).astype(np.float32) for i in range(6)]
    folds = [np.array([0, 4]), np.array([1, 3]), np.array([2, 5])]

    def marked(number):
        encoder = copy.deepcopy(tiny_bundle.audio_encoder)
        with torch.no_grad():
            encoder.head.weight.zero_()
            encoder.head.bias.fill_(number)
        return encoder

    read = stacking.out_of_fold(features, np.arange(6), folds, tiny_bundle.audio_encoder, marked)
    assert read.logits[:, 0].tolist() == [0, 1, 2, 1, 0, 2]
    own, _ = batches.encode(tiny_bundle.audio_encoder, features)
    torch.testing.assert_close(torch.cat(read.hidden), torch.cat(own), atol=0.2, rtol=0)


def test_pairs_share_their_label_and_every_emotion_weighs_the_same():
    labels = np.array([0, 0, 1, 2, 3, 4, 5, 6, 6, 6])
    read = stacking.OutOfFold([], torch.zeros(0), labels)
    left, right = stacking.label_matched_pairs(read, read, 5, np.random.default_rng(0))
    assert (labels[left] == labels[right]).all()
    assert np.bincount(labels[left]).tolist() == [5] * 7
