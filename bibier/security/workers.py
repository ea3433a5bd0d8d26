"""Threads in which the guards wait for the disk, so that the event loop never does.

They are the guards' own: asyncio's default ones are few, and whatever waits in them would hold every upload up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

THREADS = 4

P = ParamSpec("P")
T = TypeVar("T")

POOL = ThreadPoolExecutor(THREADS, thread_name_prefix="guard")
ALONE = ThreadPoolExecutor(1, thread_name_prefix="guard-room")


async def in_thread(function: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """Run a function that waits for the disk in a thread of the guards'."""
    return await asyncio.get_running_loop().run_in_executor(POOL, lambda: function(*args, **options))


async def alone(function: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """Run a function of which one runs at a time: those that wait for it hold up no other."""
    return await asyncio.get_running_loop().run_in_executor(ALONE, lambda: function(*args, **options))
