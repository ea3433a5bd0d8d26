"""xLSTM cells against their formulas as the paper writes them, without the stabiliser, in float64."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from bibier.models.xlstm import MBlock, mlstm, mlstm_reference, slstm

B, H, T, E = 2, 3, 23, 4


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def cell_inputs(dtype=torch.float64, scale=1.0):
    torch.manual_seed(0)
    q, k, v = (torch.randn(B, H, T, E, dtype=dtype) for _ in range(3))
    log_i = scale * torch.randn(B, H, T, dtype=dtype)
    log_f = torch.nn.functional.logsigmoid(scale * torch.randn(B, H, T, dtype=dtype) + 1)
    return [q, k, v, log_i, log_f]


def plain_mlstm(q, k, v, log_i, log_f):
    """C = f C + i v kᵀ, n = f n + i k, h = C q / max(|nᵀ q|, 1), for one head."""
    C, n, hs = np.zeros((E, E)), np.zeros(E), []
    for t in range(T):
        key = k[t] / np.sqrt(E)
        C = np.exp(log_f[t]) * C + np.exp(log_i[t]) * np.outer(v[t], key)
        n = np.exp(log_f[t]) * n + np.exp(log_i[t]) * key
        hs.append(C @ q[t] / max(abs(n @ q[t]), 1))
    return np.stack(hs)


@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_the_recurrent_mlstm_is_the_paper_s(scale):
    args = cell_inputs(scale=scale)
    y = mlstm_reference(*args)
    for b in range(B):
        for h in range(H):
            expected = plain_mlstm(*(a[b, h].numpy() for a in args))
            assert_close(y[b, h], torch.from_numpy(expected), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("chunk", [1, 5, 23, 64])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 2e-4)])
def test_chunks_and_recurrence_agree_in_outputs_and_gradients(chunk, dtype, tolerance):
    """One step at a time, uneven chunks, one whole chunk, and a chunk larger than the sequence."""
    expected, results = cell_inputs(), []
    for cell, args in (
        (mlstm_reference, expected),
        (lambda *a: mlstm(*a, chunk=chunk), [a.to(dtype) for a in expected]),
    ):
        args = [a.clone().requires_grad_() for a in args]
        y = cell(*args)
        (y.double() * torch.linspace(-1, 1, E)).sum().backward()
        results.append([y, *(a.grad for a in args)])
    for ours, reference in zip(results[1], results[0], strict=True):
        assert_close(ours.double(), reference, rtol=tolerance, atol=tolerance)


def test_large_gates_stay_finite():
    """exp(500) is beyond any float: the stabiliser keeps it out."""
    args = [a.requires_grad_() for a in cell_inputs(torch.float32, scale=500.0)]
    y = mlstm(*args, chunk=5)
    y.sum().backward()
    assert y.isfinite().all() and all(a.grad.isfinite().all() for a in args)
    gates = (500 * torch.randn(B, T, H, 4, E)).requires_grad_()
    h = slstm(gates, torch.randn(H, E, 4 * E), torch.ones(B, T, dtype=torch.bool))
    h.sum().backward()
    assert h.abs().max() <= 1 and gates.grad.isfinite().all()


def test_the_slstm_is_the_paper_s():
    torch.manual_seed(0)
    gates, recurrent = torch.randn(B, T, H, 4, E).double(), torch.randn(H, E, 4 * E).double()
    y = slstm(gates, recurrent, torch.ones(B, T, dtype=torch.bool))
    g, r = gates.numpy(), recurrent.numpy()
    for b in range(B):
        for head in range(H):
            h = c = n = np.zeros(E)
            for t in range(T):
                i, f, z, o = g[b, t, head] + (h @ r[head]).reshape(4, E)
                c = sigmoid(f) * c + np.exp(i) * np.tanh(z)
                n = sigmoid(f) * n + np.exp(i)
                h = sigmoid(o) * c / n
                assert_close(y[b, t, head], torch.from_numpy(h), rtol=1e-9, atol=1e-12)


def test_a_hole_is_as_if_steps_stood_still():
    torch.manual_seed(0)
    gates, recurrent = torch.randn(1, T, H, 4, E), torch.randn(H, E, 4 * E)
    mask = torch.ones(1, T, dtype=torch.bool)
    mask[:, :2] = mask[:, 7:12] = False
    holed = slstm(gates, recurrent, mask)[mask]
    assert_close(holed, slstm(gates[mask][None], recurrent, mask[mask][None])[0])


def test_no_sample_reads_another_s_normaliser():
    """The package torchxlstm divides by a product over the whole batch."""
    torch.manual_seed(0)
    block = MBlock(8, memory=None, heads=2)
    x, mask = torch.randn(2, T, 8), torch.ones(2, T, dtype=torch.bool)
    changed = x.clone()
    changed[1] *= 3
    assert torch.equal(block(x, mask)[0], block(changed, mask)[0])
