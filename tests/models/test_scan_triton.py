"""Triton's kernels of the scan in its interpreter, against the oracles of the CPU kernel; and which kernel is chosen.

No GPU is needed, and none is used: what the compiler makes of the kernels runs in `benchmarks/gpu.py`.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bibier.models import scan_kernel, ssm
from bibier.models.ssm import ScanKernel, kernel

PROGRAM = Path(__file__).with_name("interpreted_scan.py")


@pytest.fixture(scope="module")
def faults():
    if importlib.util.find_spec("triton") is None:
        pytest.skip("triton is not installed: it comes with torch for CUDA")
    path = os.pathsep.join([str(PROGRAM.parents[2]), str(PROGRAM.parent)])
    environ = os.environ | {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    run = subprocess.run([sys.executable, PROGRAM], env=environ, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


def test_every_shape_and_dtype_is_within_the_float64_loop(faults):
    compared = {name: fault for name, fault in faults.items() if name.startswith("float64 loop")}
    assert len(compared) == 10
    assert not any(compared.values()), "\n".join(filter(None, compared.values()))


@pytest.mark.parametrize(
    "oracle",
    [
        "finite differences",
        "geometric series",
        "a step of zero",
        "large steps",
        "not a number",
        "not contiguous",
        "stretches",
        "bfloat16",
        "float16",
        "mixed dtypes",
        "lengths",
        "repeatable",
        "no gradient",
        "block",
    ],
)
def test_oracle_of_the_scan_holds(oracle, faults):
    assert not faults[oracle], faults[oracle]


# Which kernel is chosen


@pytest.fixture
def gpu(monkeypatch):
    """Let a test say what a GPU and its packages are like; returns a function that sets it and gives the choice."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: "a GPU")
    monkeypatch.setattr(ssm.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(ssm.sysconfig, "get_paths", lambda: {"include": str(Path(__file__).parent)})
    monkeypatch.setattr(ssm, "Path", lambda *parts: Path(__file__))  # Python.h is there
    monkeypatch.delenv("CC", raising=False)

    def choose(*, faults=(), capability=(8, 9), dtype=torch.float32):
        known = dict(faults)
        monkeypatch.setattr(ssm, "_fault", lambda package, module="": known.get(package))
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda index: capability)
        ssm._kernel_on_gpu.cache_clear()
        return kernel(dtype=dtype)

    yield choose
    ssm._kernel_on_gpu.cache_clear()


NO_MAMBA = ("mamba_ssm", "mamba_ssm is not installed")


def test_on_a_gpu_mamba_ssm_comes_before_triton(gpu):
    assert gpu() == ScanKernel("mamba-ssm", "on a GPU")
    assert gpu(faults=[NO_MAMBA]) == ScanKernel("triton", "on a GPU; mamba_ssm is not installed")
    assert str(gpu(faults=[NO_MAMBA])) == "triton (on a GPU; mamba_ssm is not installed)"


def test_mamba_ssm_has_no_float64(gpu):
    assert gpu(dtype=torch.float64).name == "triton"


def test_what_triton_lacks_is_told(gpu, monkeypatch):
    assert gpu(faults=[NO_MAMBA, ("triton", "triton is not installed")]).reason.endswith("triton is not installed")
    old = gpu(faults=[NO_MAMBA], capability=(6, 1))
    assert old.name == "reference" and "needs a GPU of compute capability 7.0, this has 6.1" in old.reason
    monkeypatch.setattr(ssm.shutil, "which", lambda name: None)
    bare = gpu(faults=[NO_MAMBA])
    if os.name == "posix":
        assert bare.name == "reference" and bare.reason.endswith("install gcc")


def test_a_package_built_for_another_torch_is_as_good_as_none(tmp_path, monkeypatch):
    (tmp_path / "mamba_ssm").mkdir()
    (tmp_path / "mamba_ssm" / "__init__.py").write_text("raise ImportError('undefined symbol: _ZN3c10')")
    monkeypatch.syspath_prepend(tmp_path)
    assert ssm._fault("mamba_ssm") == "mamba_ssm can't be imported: undefined symbol: _ZN3c10"
    assert ssm._fault("a_package_that_is_nowhere") == "a_package_that_is_nowhere is not installed"


def test_on_the_cpu_numba_or_the_loop(monkeypatch):
    monkeypatch.setattr(scan_kernel, "kernels", lambda: (None, None))
    assert kernel("cpu").name == "numba"
    monkeypatch.setattr(scan_kernel, "kernels", lambda: None)
    assert kernel("cpu") == ScanKernel("reference", "numba is not installed")
    assert kernel("meta").name == "reference"
