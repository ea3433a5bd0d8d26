"""Threads share one heap, where glibc would give them more; and as many compute as somebody said, or one."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bibier.__main__ import main
from bibier.errors import InputError
from bibier.process import (
    KERNEL_CACHES,
    choose_profile,
    give_back_memory,
    keep_freed_memory,
    limit_kernel_caches,
    limit_malloc_arenas,
    limit_threads,
)

CODE = """
import ctypes, threading
from bibier.process import limit_malloc_arenas
print(limit_malloc_arenas({environ}))
ready = threading.Barrier(13)
def work():
    blocks = [bytearray(2000) for _ in range(100)]
    ready.wait()
    ready.wait()
for _ in range(12):
    threading.Thread(target=work).start()
ready.wait()
ctypes.CDLL(None).malloc_stats()
ready.wait()
"""


@pytest.mark.skipif(not limit_malloc_arenas(), reason="not glibc")
@pytest.mark.parametrize("environ, done", [("{}", True), ("{'MALLOC_ARENA_MAX': '9'}", False)])
def test_threads_share_one_heap(environ, done):
    """By glibc's own account of its arenas."""
    code = CODE.format(environ=environ)
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]
    )
    heaps = len(re.findall(r"^Arena \d+:", run.stderr, re.M))
    assert run.stdout == f"{done}\n" and (heaps == 1 if done else heaps > 1)


@pytest.fixture
def torch_threads():
    import torch

    before = torch.get_num_threads()
    yield torch.get_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("asked", "environ", "threads"),
    [
        (None, {}, 1),
        (None, {"OMP_NUM_THREADS": "3"}, 3),
        (None, {"OMP_NUM_THREADS": "3", "BIBIER_THREADS": "2"}, 2),
        ("4", {"OMP_NUM_THREADS": "3", "BIBIER_THREADS": "2"}, 4),
        (None, {"BIBIER_THREADS": ""}, 1),
    ],
)
def test_threads_are_one_unless_somebody_says_otherwise(asked, environ, threads, torch_threads):
    assert limit_threads(asked, environ) == torch_threads() == threads
    assert environ["OMP_NUM_THREADS"] == environ["OPENBLAS_NUM_THREADS"] == str(threads)  # what child processes read


@pytest.mark.parametrize("asked", ["0", "-1", "two", "1.5", "", "٣", "9" * 5000, "1025"])
def test_what_is_no_number_of_threads_is_refused(asked):
    environ = {}
    with pytest.raises(InputError, match="whole numbers from 1 to 1024"):
        limit_threads(asked, environ)
    assert environ == {}


@pytest.mark.parametrize("call", ["predict a.wav", "batch . -o a.csv", "mic", "mic --list"])
def test_commands_that_judge_take_the_threads_first(call, capsys, monkeypatch):
    monkeypatch.setenv("BIBIER_THREADS", "many")
    assert main([*call.split(), "--language", "ru"]) == 2
    assert "BIBIER_THREADS — целые числа" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("asked", "environ", "profile"),
    [
        (None, {}, "exact"),
        (None, {"BIBIER_PROFILE": ""}, "exact"),
        (None, {"BIBIER_PROFILE": "fast"}, "fast"),
        ("exact", {"BIBIER_PROFILE": "fast"}, "exact"),
    ],
)
def test_the_profile_is_exact_unless_somebody_says_otherwise(asked, environ, profile):
    assert choose_profile(asked, environ) == profile


@pytest.mark.parametrize("call", ["predict a.wav", "batch . -o a.csv"])
def test_commands_refuse_a_profile_that_is_none(call, capsys, monkeypatch):
    monkeypatch.setenv("BIBIER_PROFILE", "turbo")
    assert main([*call.split(), "--language", "ru"]) == 2
    assert "BIBIER_PROFILE — одно из exact, fast, а не «turbo»" in capsys.readouterr().err


def test_the_app_refuses_a_profile_that_is_none(capsys):
    with pytest.raises(SystemExit):
        main(["app", "--profile", "turbo"])
    assert "one of exact, fast" in capsys.readouterr().err


def test_proposals_take_the_threads_first(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("BIBIER_THREADS", "many")
    store = ["--store", f"sqlite:///{tmp_path}/a.db"]
    assert main(["annotations", "propose", "project", *store]) == 2
    assert "BIBIER_THREADS" in capsys.readouterr().err


def test_the_app_takes_the_threads_first(capsys):
    with pytest.raises(SystemExit):
        main(["app", "--threads", "0"])
    assert "whole numbers from 1" in capsys.readouterr().err


GROWTH = """
import os, resource, sys
from bibier import process
process.limit_threads(1)
process.limit_malloc_arenas()
if sys.argv[1] == "limited":
    process.limit_kernel_caches()
import torch
encode = torch.nn.LSTM(96, 96, bidirectional=True)
pages = lambda: int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 1e6
with torch.inference_mode():
    for length in range(20, 53):
        encode(torch.zeros(length, 1, 96))
    before = pages()
    for length in range(60, 200):
        encode(torch.zeros(length, 1, 96))
print(pages() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_clips_of_many_lengths_take_no_more_memory():
    """Twice in one run, with the limit and without: what torch keeps for each length is the difference."""
    environment = {name: value for name, value in os.environ.items() if name not in KERNEL_CACHES}
    running = {
        how: subprocess.Popen(
            [sys.executable, "-c", GROWTH, how],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[1],
            env=environment,
        )
        for how in ("limited", "free")
    }
    grown = {how: float(process.communicate()[0]) for how, process in running.items()}
    assert grown["limited"] < 0.5 * grown["free"], grown


def test_the_deployer_s_kernel_caches_come_first():
    environ = {KERNEL_CACHES[0]: "7"}
    limit_kernel_caches(environ)
    assert environ[KERNEL_CACHES[0]] == "7" and int(environ[KERNEL_CACHES[1]]) < 1024


SCATTERED = """
import resource
from bibier.process import give_back_memory
pages = lambda: int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
blocks = [bytearray(50_000) for _ in range(2000)]
full = pages()
del blocks[:-1]  # what is left stands above all that is free
free = pages()
print(full - free, give_back_memory(), free - pages())
"""


@pytest.mark.skipif(not limit_malloc_arenas(), reason="not glibc")
def test_memory_below_what_is_in_use_is_given_back():
    """100 MB are freed below a block that stays: the C library keeps them, and gives them back when it is asked."""
    run = subprocess.run(
        [sys.executable, "-c", SCATTERED], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]
    )
    kept_back, done, given = run.stdout.split()
    assert done == "True" and int(given) > 50e6 > int(kept_back), run.stdout


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_other_systems_give_memory_back_by_themselves(system, monkeypatch):
    monkeypatch.setattr(sys, "platform", system)
    assert give_back_memory() is False and limit_malloc_arenas({}) is False


FAULTS = """
import resource
import numpy as np
from bibier.process import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(8):
        np.empty(2**23).fill(1.0)  # 64 MB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

given_back = faults()
assert keep_freed_memory({})
faults()
print(given_back, faults())
"""


@pytest.mark.skipif(not limit_malloc_arenas(), reason="not glibc")
def test_what_a_step_frees_is_kept_for_the_next():
    done = subprocess.run(
        [sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]
    )
    given_back, kept = map(int, done.stdout.split())
    assert kept * 10 < given_back, done.stdout


def test_the_memory_of_freed_arrays_is_left_to_who_set_it():
    assert not keep_freed_memory({"MALLOC_TRIM_THRESHOLD_": "1000000"})


LEAN = """
import sys
from bibier.process import complete_torch, import_lean_torch
import_lean_torch()
import torch

def transformed():
    try:
        return tuple(torch.fft.fft(torch.empty(2, 3, device="meta")).shape)
    except NotImplementedError:
        return None

print("torch._decomp" in sys.modules, "torch._meta_registrations" in sys.modules, transformed())
{then}
there = sys.modules["torch._meta_registrations"]
print("torch._decomp" in sys.modules, torch._meta_registrations is there, transformed())
"""


@pytest.mark.parametrize(
    "then",
    ["complete_torch(); complete_torch()", "torch._meta_registrations.meta_index_Tensor"],
)
def test_a_lean_torch_is_complete_once_it_has_to_be(then):
    """Asked for, or by whoever uses a name of what was left out."""
    told = subprocess.run([sys.executable, "-c", LEAN.format(then=then)], capture_output=True, text=True, check=True)
    assert told.stdout.splitlines() == ["False False None", "True True (2, 3)"]


JUDGED = """
import json, sys
from bibier.process import import_lean_torch, limit_threads
limit_threads(1)
if sys.argv[1] == "lean":
    import_lean_torch()
import bibier
result = bibier.load()("examples/happy_en.ogg", "I am so happy to see you!")
print("torch._decomp" in sys.modules)
print(json.dumps([result.audio.probabilities, result.text.probabilities, result.bimodal.probabilities]))
"""


def test_a_lean_torch_judges_the_same():
    root = Path(__file__).parents[1]
    told = [
        subprocess.run([sys.executable, "-c", JUDGED, how], cwd=root, capture_output=True, text=True, check=True).stdout
        for how in ("lean", "whole")
    ]
    assert [text.splitlines()[0] for text in told] == ["False", "True"]
    assert told[0].splitlines()[1] == told[1].splitlines()[1]


def test_the_page_brings_nothing_for_a_terminal():
    """httpx has a program of its own, and with it rich and pygments."""
    code = "import bibier.ui.launch, sys; print([name for name in ('httpx._main', 'pygments') if name in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
