"""The selective scan against its reference, closed forms and finite differences."""

import math
import sys
import threading

import pytest
import torch
from torch.testing import assert_close

from bibier.models import scan_kernel, ssm
from bibier.models.ssm import MambaBlock, scan_by_doubling, scan_reference, selective_scan, warm

NAMES = ("u", "delta", "A", "B", "C", "D")
# (B, T, d, N): one step; odd channels and states; the published state; below one vector; stretches cut short
SHAPES = [(2, 1, 5, 16), (3, 19, 33, 3), (2, 40, 16, 16), (1, 8, 1, 1), (4, 9, 70, 6)]


def inputs(shape, dtype=torch.float64, seed=0):
    batch, steps, d, state = shape
    torch.manual_seed(seed)
    u, B, C = (torch.randn(batch, steps, k, dtype=dtype) for k in (d, state, state))
    delta = torch.nn.functional.softplus(torch.randn(batch, steps, d, dtype=dtype) - 1)
    A = -torch.rand(d, state, dtype=dtype) * state
    return [u, delta, A, B, C, torch.randn(d, dtype=dtype)]


def outputs_and_gradients(scan, args, upstream):
    args = [a.clone().requires_grad_() for a in args]
    y = scan(*args)
    y.backward(upstream.to(y.dtype))
    return y.detach(), [a.grad for a in args]


@pytest.fixture
def threads():
    """Let a test set the number of threads."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_warm_works_from_a_thread_beside_a_scan():
    pytest.importorskip("numba")
    result = []
    thread = threading.Thread(target=lambda: result.append(warm()))
    thread.start()
    args = inputs((1, 3, 4, 2))
    assert_close(selective_scan(*args), scan_reference(*args))
    thread.join()
    assert result == [True]


@pytest.mark.parametrize("shape", [*SHAPES, (1, 700, 2, 3)])
def test_the_scan_of_exported_graphs_equals_the_loop(shape):
    args = inputs(shape)
    assert_close(scan_by_doubling(*args), scan_reference(*args), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-5), (torch.float64, 1e-12)])
def test_kernel_equals_the_float64_loop(shape, dtype, tolerance):
    args = inputs(shape)
    upstream = torch.randn_like(args[0])
    expected, expected_grads = outputs_and_gradients(scan_reference, args, upstream)
    y, grads = outputs_and_gradients(selective_scan, [a.to(dtype) for a in args], upstream)
    assert y.dtype == dtype
    assert (y - expected).abs().max() <= tolerance * expected.abs().max().clamp(min=1)
    for name, grad, wanted in zip(NAMES, grads, expected_grads, strict=True):
        assert (grad - wanted).abs().max() <= tolerance * wanted.abs().max().clamp(min=1), name


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_threads_change_nothing(batch, threads, monkeypatch):
    """Fewer sequences than threads split the channels, more split the batch."""
    monkeypatch.setattr(scan_kernel, "WORK_PER_THREAD", 1)
    args = inputs((batch, 11, 50, 5))
    upstream = torch.randn_like(args[0])
    threads(1)
    y, grads = outputs_and_gradients(selective_scan, args, upstream)
    threads(3)
    y3, grads3 = outputs_and_gradients(selective_scan, args, upstream)
    assert_close(y3, y)
    for name, alone, three in zip(NAMES, grads, grads3, strict=True):
        assert_close(three, alone, msg=name)


def test_gradcheck():
    args = [a.requires_grad_() for a in inputs((2, scan_kernel.SAVE_EVERY + 2, 3, 3))]  # two stretches of the backward
    assert torch.autograd.gradcheck(selective_scan, args)
    assert torch.autograd.gradcheck(scan_reference, args)


@pytest.mark.parametrize("scan", [scan_reference, selective_scan])
def test_constant_input_is_a_geometric_series(scan, steps=30):
    """h_t = δ b u (1 - e^{δ a (t + 1)}) / (1 - e^{δ a}) per state, hence y in closed form."""
    u, delta, skip = 0.7, 0.2, 0.5
    a, b, c = torch.tensor([-1.0, -2.0, -5.0]), torch.tensor([1.0, -0.5, 2.0]), torch.tensor([0.3, 1.0, -1.0])
    ones = torch.ones(1, steps, 1)
    y = scan(u * ones, delta * ones, a[None], b * ones, c * ones, torch.tensor([skip]))
    t = torch.arange(1.0, steps + 1)[:, None]
    h = delta * b * u * (1 - torch.exp(delta * a * t)) / (1 - torch.exp(delta * a))  # (T, N)
    assert_close(y[0, :, 0], (h * c).sum(-1) + skip * u, rtol=1e-5, atol=1e-6)


def test_step_of_zero_keeps_the_state_exactly(steps=1000):
    """One real step, then many of Δ = 0 with any input: the state is read unchanged at the end."""
    u, delta, A, B, C, D = inputs((2, steps, 8, 4), torch.float32)
    delta[:, 1:] = 0
    C[:] = C[:, :1]
    y = selective_scan(u, delta, A, B, C, 0 * D)
    assert torch.equal(y, y[:, :1].expand_as(y))


def test_large_steps_forget_and_stay_finite(steps=50):
    u, delta, A, B, C, D = inputs((2, steps, 8, 4), torch.float32)
    A, delta = A - 1, delta + 1e4
    y, grads = outputs_and_gradients(selective_scan, (u, delta, A, B, C, D), torch.ones_like(u))
    now = (delta * u) * (B * C).sum(-1, keepdim=True) + D * u  # nothing is left of earlier steps
    assert_close(y, now, rtol=1e-4, atol=1.0)
    assert all(g.isfinite().all() for g in grads)


def test_not_a_number_is_not_hidden():
    args = inputs((1, 6, 8, 4), torch.float32)
    args[0][0, 2, 3] = math.nan
    y = selective_scan(*args)
    assert y[0, 2:, 3].isnan().all() and y.isnan().sum() == 4


def test_half_precision_is_computed_in_float32():
    args = inputs((2, 12, 8, 4), torch.bfloat16)
    y = selective_scan(*args)
    assert y.dtype == torch.bfloat16
    assert torch.equal(y, selective_scan(*[a.float() for a in args]).bfloat16())


def test_arguments_need_not_be_contiguous():
    args = inputs((2, 7, 6, 4))
    strided = [torch.stack([a, a], dim=-1)[..., 0] for a in args]
    assert not strided[0].is_contiguous()
    assert_close(selective_scan(*strided), selective_scan(*args))


@pytest.mark.parametrize("shape", [(0, 5, 4, 2), (2, 0, 4, 2)])
def test_empty_batch_and_empty_sequence(shape):
    assert selective_scan(*inputs(shape)).shape == shape[:3]


def test_without_numba_the_loop_serves(monkeypatch):
    args = inputs((2, 7, 6, 4), torch.float32)
    expected = selective_scan(*args)
    monkeypatch.setitem(sys.modules, "numba", None)  # makes `import numba` raise ImportError
    scan_kernel._compile.cache_clear()
    try:
        assert not warm()
        assert torch.equal(selective_scan(*args), scan_reference(*args))
    finally:
        scan_kernel._compile.cache_clear()
    assert_close(expected, scan_reference(*args), rtol=1e-5, atol=1e-5)


def test_wrong_shapes_are_named():
    u, delta, A, B, C, D = inputs((2, 7, 6, 4))
    with pytest.raises(AssertionError, match="delta .* differ"):
        selective_scan(u, delta[:, :6], A, B, C, D)
    with pytest.raises(AssertionError, match="d = 6"):
        selective_scan(u, delta, A.t(), B, C, D)


# The block


def test_first_step_sizes_and_rates_are_as_published():
    torch.manual_seed(0)
    block = MambaBlock(32, inner=2048)
    dt = torch.nn.functional.softplus(block.dt_proj.bias)
    assert dt.min() >= ssm.DT_MIN * 0.999 and dt.max() <= ssm.DT_MAX * 1.001
    assert abs(dt.log().mean() - math.log(1e-2)) < 0.1  # log-uniform: the mean is the geometric middle
    assert_close(block.A_log.exp()[7], torch.arange(1.0, 17.0))
    assert torch.all(block.D == 1)


def test_convolution_is_the_depthwise_causal_one():
    torch.manual_seed(0)
    block, a = MambaBlock(4), torch.randn(2, 9, 8)
    conv = torch.nn.Conv1d(8, 8, ssm.CONV_TAPS, groups=8, padding=ssm.CONV_TAPS - 1)
    conv.weight.data = block.conv_weight.data.t()[:, None]
    conv.bias.data = block.conv_bias.data
    expected = conv(a.transpose(1, 2))[..., :9].transpose(1, 2)
    assert_close(ssm.causal_conv(a, block.conv_weight, block.conv_bias), expected, rtol=1e-5, atol=1e-6)


def test_padding_in_the_middle_is_as_if_steps_stood_still():
    """A hole has no influence by what it holds, nor do its steps wear the state down."""
    torch.manual_seed(0)
    block, x = MambaBlock(4), torch.randn(1, 12, 4)
    mask = torch.ones(1, 12, dtype=torch.bool)
    mask[:, 3:9] = False
    y = block(x, mask)
    changed = x.masked_fill(~mask[..., None], 1e3)
    assert torch.equal(block(changed, mask), y)
    # The last step is beyond the convolution's reach of the hole; a hole of another length leaves it the same.
    shorter, its_mask = torch.cat([x[:, :7], x[:, 9:]], 1), torch.cat([mask[:, :7], mask[:, 9:]], 1)
    assert_close(block(shorter, its_mask)[:, -1], y[:, -1], rtol=1e-5, atol=1e-7)
