"""Temporal encoders against the contract on sequences: neither the batch nor the padding is ever seen."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from bibier.models.ssm import MambaBlock, PublishedMambaBlock
from bibier.models.temporal import KINDS, build_temporal, sinusoids

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
    ("transformer", True, 2),
    ("transformer-learned-pre", True, 1),
    ("xlstm", True, 1),
    ("xlstm", False, 2),
    ("position-wise", True, 2),
    ("mamba-published", False, 2),
    ("mamba-published-branch", False, 2),
]
every_variant = pytest.mark.parametrize(("kind", "bidirectional", "layers"), VARIANTS)
OPTIONS = {
    "transformer": {"heads": 2},
    "transformer-learned-pre": {"heads": 2, "positions": "learned", "limit": 7, "norm": "pre"},
    "xlstm": {"heads": 2},
}


def build(kind, bidirectional, layers, **options):
    torch.manual_seed(0)
    options = OPTIONS.get(kind, {}) | options
    kind = "transformer" if kind.startswith("transformer") else kind
    return build_temporal(kind, D, bidirectional=bidirectional, layers=layers, **options).eval()


@pytest.fixture
def batch():
    torch.manual_seed(1)
    mask = torch.arange(T) < torch.tensor(LENGTHS)[:, None]
    return torch.randn(B, T, D), mask


@pytest.mark.parametrize("kind", ["mamba", "mamba-published", "mamba-published-branch"])
def test_a_residual_stays_float32_under_autocast(kind, batch):
    """A projection before it gives bfloat16; what the layers add up keeps the weights' precision."""
    x, mask = batch
    model = build(kind, bidirectional=False, layers=2)
    with torch.autocast("cpu", torch.bfloat16):
        y = model(x.bfloat16(), mask)
    assert y.dtype == torch.float32
    assert_close(y, model(x, mask), rtol=0.05, atol=0.05)


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


@pytest.mark.parametrize("kind", ["lstm", "mamba", "xlstm"])
def test_one_direction_is_causal_and_two_are_not(kind, batch):
    x, _ = batch
    mask = torch.ones(B, T, dtype=torch.bool)
    changed = x.clone()
    changed[:, 6, 0] += 1.0  # one feature: a norm would not see the same step in all
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
    for kind in ("lstm", "mamba", "transformer", "xlstm", "position-wise"):
        model = build(kind, True, 1, dropout=0.5)
        assert torch.equal(model(x, mask), model(x, mask))
        model.train()
        assert not torch.equal(model(x, mask), model(x, mask))


def test_published_sizes():
    """The standard-Mamba text stack and the audio BiLSTM, without their heads."""

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
    with pytest.raises(ValueError, match="'gru'.*lstm, xlstm, transformer, mamba, none"):
        build_temporal("gru", D)
    assert "gru" not in KINDS


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("transformer", {"heads": 4}, "multiple of its heads: 6"),
        ("transformer", {"heads": 2, "positions": "rotary"}, "'rotary'.*sinusoidal, learned"),
        ("transformer", {"heads": 2, "norm": "both"}, "'both'.*post, pre"),
        ("xlstm", {"heads": 4}, "multiple of 4: 6"),
        ("xlstm", {"heads": 2, "hidden": 6, "cells": "m"}, "memory must be a multiple of 4: 6"),
        ("xlstm", {"heads": 2, "cells": "sx"}, "'sx'"),
        ("mamba-published", {}, "one direction"),
    ],
)
def test_options_that_do_not_fit_are_told(kind, options, message):
    with pytest.raises(ValueError, match=message):
        build_temporal(kind, D, **options)


def test_attention_runs_over_the_tokens_and_not_over_the_batch(batch):
    """The published text Transformer lacks batch_first: there, another text of the batch changes this one."""
    x, _ = batch
    mask = torch.ones(B, T, dtype=torch.bool)
    changed = x.clone()
    changed[1, 3] += 1.0
    moved = (build("transformer", True, 1)(changed, mask) - build("transformer", True, 1)(x, mask)).abs().amax(2) > 1e-6
    assert moved[1].all() and not moved[[0, 2, 3]].any()


@torch.no_grad()
@pytest.mark.parametrize("norm", ["post", "pre"])
def test_the_transformer_equals_its_formula_in_float64(norm, batch):
    """A layer written out in numpy, post- and pre-norm (Vaswani et al. 2017; Xiong et al. 2020)."""
    x, _ = batch
    model = build("transformer", True, 1, norm=norm)
    layer, heads = model.layers[0], 2
    w = {name: p.double().numpy() for name, p in layer.named_parameters()}

    def norm_of(z, name):
        z = (z - z.mean(-1, keepdims=True)) / np.sqrt(z.var(-1, keepdims=True) + 1e-5)
        return z * w[f"{name}.weight"] + w[f"{name}.bias"]

    def attend(z):
        packed = z @ w["self_attn.in_proj_weight"].T + w["self_attn.in_proj_bias"]
        q, k, v = (p.reshape(*p.shape[:-1], heads, -1).swapaxes(0, 1) for p in np.split(packed, 3, axis=-1))
        scores = np.exp(q @ k.swapaxes(1, 2) / np.sqrt(D / heads))
        mixed = (scores / scores.sum(-1, keepdims=True) @ v).swapaxes(0, 1).reshape(z.shape)
        return mixed @ w["self_attn.out_proj.weight"].T + w["self_attn.out_proj.bias"]

    def feed(z):
        inner = np.maximum(z @ w["linear1.weight"].T + w["linear1.bias"], 0)
        return inner @ w["linear2.weight"].T + w["linear2.bias"]

    position = np.arange(T)[:, None] / 10_000 ** (np.arange(0, D, 2) / D)
    z = x[0].double().numpy() + np.stack((np.sin(position), np.cos(position)), -1).reshape(T, D)
    if norm == "post":
        z = norm_of(z + attend(z), "norm1")
        z = norm_of(z + feed(z), "norm2")
    else:
        z = z + attend(norm_of(z, "norm1"))
        z = z + feed(norm_of(z, "norm2"))
        z = (z - z.mean(-1, keepdims=True)) / np.sqrt(z.var(-1, keepdims=True) + 1e-5)  # the stack's own norm
    assert_close(model(x[:1], torch.ones(1, T, dtype=torch.bool))[0].double(), torch.from_numpy(z), rtol=0, atol=2e-6)


def test_the_last_learned_position_serves_all_beyond():
    model = build("transformer-learned-pre", True, 1)  # seven positions
    x = torch.zeros(1, T, D)
    y = model(x, torch.ones(1, T, dtype=torch.bool))[0]
    assert_close(y[7], y[6])
    assert not torch.allclose(y[5], y[6])
    assert sinusoids(3, 5, like=torch.zeros(1)).shape == (3, 5)


def test_the_position_wise_encoder_sees_no_time(batch):
    x, _ = batch
    mask, order = torch.ones(B, T, dtype=torch.bool), torch.randperm(T)
    model = build("position-wise", True, 2)
    assert_close(model(x[:, order], mask), model(x, mask)[:, order], rtol=1e-5, atol=1e-6)


@torch.no_grad()
@pytest.mark.parametrize(("steep", "grows"), [(3.2, True), (2.0, False)])
def test_the_published_scan_diverges_beyond_e_and_the_standard_one_never(steep, grows):
    """Δ exp(-A) with A = 1 exceeds 1 once Δ = softplus(D) > e."""
    torch.manual_seed(0)
    published, standard = PublishedMambaBlock(D, state=1), MambaBlock(D, state=1)
    x, sizes = torch.randn(1, 1500, D), []
    mask = torch.ones(1, 1500, dtype=torch.bool)
    for block, bias in ((published, published.D), (standard, standard.dt_proj.bias)):
        block.dt_proj.weight.zero_()
        bias.fill_(np.log(np.expm1(steep)))  # softplus⁻¹
        sizes.append(block(x, mask).abs().nan_to_num(torch.inf).max())
    assert (sizes[0] > 1e6) == grows
    assert sizes[1] < 1e2


@torch.no_grad()
@pytest.mark.parametrize("kind", ["transformer", "xlstm", "position-wise", "lstm", "mamba"])
def test_a_minute_runs_beside_a_moment(kind):
    """60 s of wav2vec2 frames and 0.3 s in one batch; the moment gets what it gets alone."""
    model = build_temporal(kind, 8, layers=1, bidirectional=False).eval()
    x, mask = torch.randn(2, 2999, 8), torch.arange(2999) < torch.tensor([[2999], [14]])
    y = model(x, mask)
    assert y.isfinite().all()
    assert_close(y[1, :14], model(x[1:, :14], mask[1:, :14])[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "option"),
    [("lstm", {"heads": 2}), ("mamba", {"cells": "m"}), ("transformer", {"state": 8}), ("none", {"norm": "pre"})],
)
def test_an_option_of_another_kind_is_refused(kind, option):
    (name,) = option
    with pytest.raises(ValueError, match=f"{kind}.* has no option {name}"):
        build_temporal(kind, D, **option)
