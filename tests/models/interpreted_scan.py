"""The oracles of the scan on Triton's kernels: a program for a process of its own, as the interpreter must be chosen
before triton is imported. Its path holds the repository and this folder.
Prints what went wrong with each oracle by name, as JSON: nothing where it holds.
"""

import functools
import json
import traceback
from unittest import mock

import test_ssm as oracles
import torch
from torch.testing import assert_close

from bibier.models import scan_triton, ssm
from bibier.models.ssm import scan_reference

scan = oracles.selective_scan = scan_triton.scan
# (B, T, d, N), with few steps, as each takes milliseconds: one step; odd channels and states; a whole tile; one of
# everything; three blocks of channels
SHAPES = [(2, 1, 5, 16), (1, 6, 33, 3), (1, 8, 16, 16), (1, 4, 1, 1), (1, 3, 40, 16)]


def gradcheck():
    assert torch.autograd.gradcheck(scan, [a.requires_grad_() for a in oracles.inputs((1, 2, 1, 2))])


def stretches():
    """Every cut of the time into stretches gives the same gradients, the last stretch short or whole."""
    args = oracles.inputs((1, 9, 5, 3))
    upstream = torch.randn_like(args[0])
    expected = oracles.outputs_and_gradients(scan_reference, args, upstream)
    before = scan_triton.STRETCH
    for scan_triton.STRETCH in (1, 4, 9):
        y, grads = oracles.outputs_and_gradients(scan, args, upstream)
        assert_close(y, expected[0], rtol=0, atol=1e-12)
        for name, grad, wanted in zip(oracles.NAMES, grads, expected[1], strict=True):
            assert_close(grad, wanted, rtol=0, atol=1e-11, msg=f"{name}, stretches of {scan_triton.STRETCH}")
    scan_triton.STRETCH = before


def half(dtype):
    """Read in half precision, computed in float32, rounded once at the end: outputs and gradients."""
    rounded = [a.to(dtype) for a in oracles.inputs((1, 5, 8, 4))]
    upstream = torch.randn_like(rounded[0])
    y, grads = oracles.outputs_and_gradients(scan, rounded, upstream)
    exact, exact_grads = oracles.outputs_and_gradients(scan, [a.float() for a in rounded], upstream)
    # The interpreter cuts bfloat16 off where a GPU rounds: the last bit may differ.
    bit = {torch.bfloat16: 2**-7, torch.float16: 0}[dtype]
    for name, a, b in zip(("y", *oracles.NAMES), (y, *grads), (exact, *exact_grads), strict=True):
        assert_close(a, b.to(dtype), rtol=bit, atol=0, msg=name)


def mixed():
    """Under autocast u, B and C are bfloat16 and A and D stay float32: each gradient has the dtype of its input."""
    u, delta, A, B, C, D = oracles.inputs((1, 2, 4, 2), torch.float32)
    args = [u.bfloat16(), delta.bfloat16(), A, B.bfloat16(), C.bfloat16(), D]
    _, grads = oracles.outputs_and_gradients(scan, args, torch.ones_like(u))
    assert [g.dtype for g in grads] == [a.dtype for a in args]


def lengths():
    """Padding with Δ = 0, on either side and of any content, leaves a sequence as it is alone, gradients too."""
    for place in (slice(0, 3), slice(2, 5)):  # before padding on the right, and after padding on the left
        args = oracles.inputs((2, 5, 4, 3), torch.float32)
        steps = args[1][1, place].clone()
        args[1][1] = 0
        args[1][1, place] = steps
        alone = [a[1:, place] if a.ndim == 3 else a for a in args]
        y, grads = oracles.outputs_and_gradients(scan, alone, torch.ones_like(alone[0]))
        upstream = torch.zeros_like(args[0])
        upstream[1, place] = 1
        padded, padded_grads = oracles.outputs_and_gradients(scan, args, upstream)
        assert torch.equal(padded[1, place], y[0])
        for name, a, b in zip(oracles.NAMES, padded_grads, grads, strict=True):
            assert torch.equal(a[1, place] if a.ndim == 3 else a, b[0] if b.ndim == 3 else b), name


def repeatable():
    args = oracles.inputs((2, 3, 40, 16), torch.float32)  # three blocks of channels
    first, again = (oracles.outputs_and_gradients(scan, args, torch.ones_like(args[0])) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip((first[0], *first[1]), (again[0], *again[1]), strict=True))


def block():
    """A whole block with padding, in float32 and under autocast: `selective_scan` hands over what `kernel` chose."""
    torch.manual_seed(0)
    layer, x = ssm.MambaBlock(4, inner=6, state=3), torch.randn(2, 5, 4)
    mask = torch.arange(5) < torch.tensor([[5], [3]])
    for half, tolerance in ((False, 1e-5), (True, 3e-2)):
        results = []
        for name in ("reference", "triton"):
            with mock.patch.object(ssm, "kernel", lambda *_, name=name: ssm.ScanKernel(name, "asked for")):
                with torch.autocast("cpu", torch.bfloat16, enabled=half):
                    y = layer(x, mask)
                results.append([y, *torch.autograd.grad(y.float().square().sum(), list(layer.parameters()))])
        for a, b in zip(*results, strict=True):
            assert a.dtype == b.dtype
            assert_close(a, b, rtol=tolerance, atol=tolerance * float(b.abs().max()))


def no_gradient():
    args = oracles.inputs((1, 3, 5, 3), torch.float32)
    tracked = scan(*[a.requires_grad_() for a in args])
    with torch.no_grad():
        assert torch.equal(scan(*args), tracked)
    assert tracked.requires_grad


ORACLES = {
    **{
        f"float64 loop, {str(dtype).removeprefix('torch.')} {shape}": functools.partial(
            oracles.test_kernel_equals_the_float64_loop, shape, dtype, tolerance
        )
        for shape in SHAPES
        for dtype, tolerance in ((torch.float32, 2e-5), (torch.float64, 1e-12))
    },
    "finite differences": gradcheck,
    "geometric series": functools.partial(oracles.test_constant_input_is_a_geometric_series, scan, steps=8),
    "a step of zero": functools.partial(oracles.test_step_of_zero_keeps_the_state_exactly, steps=8),
    "large steps": functools.partial(oracles.test_large_steps_forget_and_stay_finite, steps=6),
    "not a number": oracles.test_not_a_number_is_not_hidden,
    "not contiguous": oracles.test_arguments_need_not_be_contiguous,
    "stretches": stretches,
    "bfloat16": functools.partial(half, torch.bfloat16),
    "float16": functools.partial(half, torch.float16),
    "mixed dtypes": mixed,
    "lengths": lengths,
    "repeatable": repeatable,
    "no gradient": no_gradient,
    "block": block,
}


def main() -> None:
    results = {}
    for name, oracle in ORACLES.items():
        try:
            oracle()
            results[name] = ""
        except (AssertionError, RuntimeError):
            results[name] = traceback.format_exc()
    print(json.dumps(results))


if __name__ == "__main__":
    main()
