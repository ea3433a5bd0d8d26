"""Temporal encoders against the contract on sequences (DESIGN): neither the batch nor the padding is ever seen."""

import pytest
import torch
from torch.testing import assert_close

from bibier.models.ssm import MambaBlock
from bibier.models.temporal import KINDS, build_temporal

B, T, D = 4, 9, 6
LENGTHS = [9, 5, 0, 1]  # full, padded, empty, one step
VARIANTS = [
    ("none", True, 1),
    ("lstm", True, 1),
    ("lstm", True, 2),
    ("lstm", False, 1),
    ("mamba", True, 1),
    ("mamba", True, 2),
    ("mamba", False, 2),
]
every_variant = pytest.mark.parametrize(("kind", "bidirectional", "layers"), VARIANTS)


def build(kind, bidirectional, layers, **options):
    torch.manual_seed(0)
    return build_temporal(kind, D, bidirectional=bidirectional, layers=layers, **options).eval()


@pytest.fixture
def batch():
    torch.manual_seed(1)
    mask = torch.arange(T) < torch.tensor(LENGTHS)[:, None]
    return torch.randn(B, T, D), mask


@every_variant
def test_shape_zeros_at_padding_and_empty_row(kind, bidirectional, layers, batch):
    x, mask = batch
    model = build(kind, bidirectional, layers)
    y = model(x, mask)
    assert y.shape == (B, T, model.dim_out)
    assert torch.all(y[~mask] == 0)
    assert torch.all(y[mask].isfinite())


@every_variant
def test_each_item_alone_gives_the_same(kind, bidirectional, layers, batch):
    x, mask = batch
    model = build(kind, bidirectional, layers)
    y = model(x, mask)
    for i, n in enumerate(LENGTHS):
        alone = model(x[i : i + 1, :n], mask[i : i + 1, :n])
        assert_close(alone[0], y[i, :n], rtol=1e-5, atol=1e-6)


@every_variant
@pytest.mark.parametrize("junk", [0.0, 1e3, float("nan")])
def test_padding_and_its_content_change_nothing(kind, bidirectional, layers, junk, batch):
    x, mask = batch
    model = build(kind, bidirectional, layers)
    y = model(x, mask)
    more = torch.cat([x.masked_fill(~mask[..., None], junk), torch.full((B, 5, D), junk)], dim=1)
    longer = torch.cat([mask, torch.zeros(B, 5, dtype=torch.bool)], dim=1)
    assert_close(model(more, longer)[:, :T], y, rtol=1e-5, atol=1e-6)


@every_variant
def test_permuted_batch_permutes_the_result(kind, bidirectional, layers, batch):
    x, mask = batch
    model = build(kind, bidirectional, layers)
    order = torch.tensor([2, 0, 3, 1])
    assert_close(model(x[order], mask[order]), model(x, mask)[order], rtol=1e-5, atol=1e-6)


@every_variant
def test_every_parameter_gets_a_gradient_and_padding_none(kind, bidirectional, layers, batch):
    x, mask = batch
    model = build(kind, bidirectional, layers)
    x.requires_grad_()
    model(x, mask).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().max() > 0, name
    assert torch.all(x.grad[~mask] == 0)


@every_variant
@pytest.mark.parametrize("steps", [0, 1])
def test_shortest_inputs(kind, bidirectional, layers, steps):
    model = build(kind, bidirectional, layers)
    y = model(torch.randn(2, steps, D), torch.ones(2, steps, dtype=torch.bool))
    assert y.shape == (2, steps, model.dim_out) and y.isfinite().all()


@pytest.mark.parametrize("kind", ["lstm", "mamba"])
def test_one_direction_is_causal_and_two_are_not(kind, batch):
    x, _ = batch
    mask = torch.ones(B, T, dtype=torch.bool)
    changed = x.clone()
    changed[:, 6] += 1.0
    for bidirectional in (False, True):
        model = build(kind, bidirectional, 1)
        moved = (model(changed, mask) - model(x, mask)).abs().amax(dim=(0, 2)) > 1e-6  # (T,)
        assert moved[:6].any() == bidirectional
        assert moved[6:].all()


def test_backward_direction_is_the_valid_part_reversed():
    torch.manual_seed(2)
    block = MambaBlock(D)
    x, n = torch.randn(1, T, D), 5
    mask = torch.arange(T)[None] < n
    through_padding = block(x.flip(1), mask.flip(1)).flip(1)
    reversed_alone = block(x[:, :n].flip(1)).flip(1)
    assert_close(through_padding[:, :n], reversed_alone, rtol=1e-5, atol=1e-6)
    assert torch.all(through_padding[:, n:] == 0)


def test_dropout_acts_in_training_only(batch):
    x, mask = batch
    for kind in ("lstm", "mamba"):
        model = build(kind, True, 1, dropout=0.5)
        assert torch.equal(model(x, mask), model(x, mask))
        model.train()
        assert not torch.equal(model(x, mask), model(x, mask))


def test_published_sizes():
    """SPEC sections 2 and 4: the standard-Mamba text stack and the audio BiLSTM, without their heads."""

    def size(model):
        return sum(parameter.numel() for parameter in model.parameters())

    text = build_temporal("mamba", 1024, hidden=512, layers=2, bidirectional=False)
    assert size(text) == 3_276_807 - (1024 * 7 + 7)
    assert text.dim_out == 1024
    audio = build_temporal("lstm", 1024, hidden=128, layers=2)
    assert size(audio) == 1_578_759 - (256 * 7 + 7)
    assert audio.dim_out == 256
    assert size(build_temporal("none", 1024)) == 0


def test_lstm_refuses_a_mask_that_cannot_be_packed(batch):
    x, mask = batch
    with pytest.raises(AssertionError, match="True first"):
        build("lstm", True, 1)(x, mask.flip(1))


def test_unknown_kind_names_the_choices():
    with pytest.raises(ValueError, match="'gru'.*lstm, mamba, none"):
        build_temporal("gru", D)
    assert set(KINDS) == {"lstm", "mamba", "none"}
