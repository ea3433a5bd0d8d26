"""Several corpora in one fit: what is drawn, and what a corpus teaches."""

import numpy as np
import pytest
import torch

from bibier.labels import EMOTIONS
from bibier.models.audio_encoder import AudioEncoder, AudioEncoderConfig
from train.augment.sampling import Sampling, draw
from train.corpora.items import Item, one_hot
from train.experiment.across_corpora import AcrossCorpora, Corpora, drawn_clips
from train.loop.trainer import soft_cross_entropy

# Corpus 0 has 90 clips of class 4 and 10 of class 5, corpus 1 four clips of class 0.
CORPORA = np.array([0] * 100 + [1] * 4)
LABELS = np.array([4] * 90 + [5] * 10 + [0] * 4)


def test_corpora_are_drawn_by_the_power_of_their_size_and_classes_evenly():
    clips, copy = draw(CORPORA, LABELS, 3, Sampling(draws=1, clean=0.4), 60_000, seed=0)
    assert abs((CORPORA[clips] == 0).mean() - 10 / 12) < 0.01
    assert abs((LABELS[clips] == 5).sum() / (CORPORA[clips] == 0).sum() - 0.5) < 0.01
    assert abs((copy == 0).mean() - 0.4) < 0.01 and set(copy) == {0, 1, 2, 3}
    natural = draw(CORPORA, LABELS, 0, Sampling(draws=1, corpus_power=1, classes="natural"), 10_000, seed=0)
    assert abs((LABELS[natural[0]] == 5).mean() - 10 / 104) < 0.01 and not natural[1].any()


def test_a_class_comes_in_whole_rounds():
    clips, _ = draw(CORPORA, LABELS, 0, Sampling(draws=1), 5000, seed=1)
    for corpus, label in ((0, 4), (0, 5), (1, 0)):
        counts = np.bincount(clips, minlength=104)[(corpus == CORPORA) & (label == LABELS)]
        assert counts.max() - counts.min() <= 1


def rows() -> tuple[list[Item], np.ndarray]:
    votes = np.array([0.1, 0.0, 0.0, 0.2, 0.7, 0.0, 0.0])
    items = [Item("a", "acted", one_hot("anger")), Item("b", "acted", one_hot("sad")), Item("c", "voted", votes)]
    return items, np.stack([item.target for item in items])


def test_votes_stay_and_labels_are_smoothed_over_what_their_corpus_has():
    items, targets = rows()
    corpora = Corpora.of(items, targets)
    smoothed = corpora.smoothed(targets, 0.1)
    np.testing.assert_allclose(smoothed[0], [0.95, 0, 0, 0, 0, 0.05, 0])
    np.testing.assert_array_equal(smoothed[2], targets[2])
    assert corpora.classes[1].tolist() == [True, False, False, True, True, False, False]


def test_every_epoch_draws_other_clips_and_the_same_ones_again():
    items, targets = rows()
    raw = [np.full((2, 3), float(i)) for i in range(3)]
    copies = [[np.full((2, 3), i + 0.5)] for i in range(3)]

    def epochs(seed):
        return drawn_clips(raw, copies, targets, Corpora.of(items, targets), Sampling(draws=40), 2, seed)

    drawn = epochs(0)
    arrays, wanted, corpus = drawn(1)
    for array, target, number in zip(arrays, wanted, corpus, strict=True):
        clip = int(array[0, 0])
        assert number == (clip == 2)
        np.testing.assert_array_equal(target, targets[clip])
    assert {float(array[0, 0]) % 1 for array in arrays} == {0.0, 0.5}
    again, other, third = epochs(0)(1), epochs(1)(1), drawn(2)

    def values(drawn):
        return [float(array[0, 0]) for array in drawn[0]]

    assert values(again) == values(drawn(1)) != values(other)
    assert len(third[0]) == 40  # for BatchNorm's statistics


def model(bias: bool = True) -> AcrossCorpora:
    torch.manual_seed(0)
    encoder = AudioEncoder(AudioEncoderConfig(bins=16, channels=(4, 6), dim=8, hidden=6))
    items, targets = rows()
    return AcrossCorpora(encoder, Corpora.of(items, targets).classes, bias=bias)


def batch(corpus: list[int]) -> dict[str, torch.Tensor]:
    features = torch.randn(len(corpus), 12, 2, 16, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(features.shape[:2], dtype=torch.bool)
    return {"features": features, "mask": mask, "corpus": torch.tensor(corpus)}


def unnamed(inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: value for name, value in inputs.items() if name != "corpus"}


def test_a_class_that_a_corpus_lacks_is_taught_nothing():
    wrapped = model()
    logits = wrapped(**batch([0, 0])).logits
    loss = soft_cross_entropy(logits, torch.eye(7)[[0, 5]], torch.ones(7))
    loss.backward()
    gradient = wrapped.encoder.head.weight.grad
    assert gradient is not None
    lacks = [EMOTIONS.index(name) for name in ("disgust", "fear", "happy", "neutral", "surprise")]
    assert gradient[lacks].abs().max() == 0 and (gradient[[0, 5]].abs().sum(1) > 0).all()
    assert torch.softmax(logits, -1)[:, lacks].max() == 0


@pytest.mark.parametrize("bias", [True, False])
def test_a_corpus_s_bias_is_its_own_and_the_encoder_knows_none(bias):
    wrapped = model(bias).eval()
    with torch.no_grad():
        before = wrapped(**batch([1])).logits
        wrapped.corpus_bias[7 + 4] += 2.0
        after = wrapped(**batch([1])).logits
        assert torch.equal(wrapped(**batch([0])).logits[:, 0], wrapped.encoder(**unnamed(batch([0]))).logits[:, 0])
    assert float((after - before)[0, 4]) == pytest.approx(2.0, abs=1e-5)
    assert wrapped.corpus_bias.requires_grad == bias and wrapped.corpus_bias.ndim == 1  # never decayed
    assert not any("corpus" in name for name in wrapped.encoder.state_dict())
