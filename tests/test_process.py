"""Threads share two heaps, where glibc would give them more."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bibier.process import limit_malloc_arenas

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
def test_threads_share_two_heaps(environ, done):
    """By glibc's own account of its arenas."""
    code = CODE.format(environ=environ)
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]
    )
    heaps = len(re.findall(r"^Arena \d+:", run.stderr, re.M))
    assert run.stdout == f"{done}\n" and (heaps == 2 if done else heaps > 2)
