"""What this process asks of the machine: torch's threads and what of torch is imported, how exactly it computes, how
freed memory is kept.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType

from bibier.errors import InputError

ARENA_MAX = -8  # M_ARENA_MAX of glibc's malloc.h
ARENAS = 1
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD
KEPT = 2**30  # bytes
MOST_FILES = 4096  # open at once that are asked for
MOST_THREADS = 1024
SHAPES_ALONE = "torch._meta_registrations"  # torch's kernels for tensors that have a shape and no numbers
THREADS = "BIBIER_THREADS"
PROFILE = "BIBIER_PROFILE"
PROFILES = ("exact", "fast")
# What libraries read when they are loaded: OpenMP (torch and the MKL in it), numpy's BLAS, numba.
LIBRARY_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")

# oneDNN's kernels, and torch's own list of them: one for each length of a clip, some 0.3 MB, of which both keep 1024.
KERNEL_CACHES = ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY")
KERNELS = "32"


def limit_threads(asked: int | str | None = None, environ: MutableMapping[str, str] = os.environ) -> int:
    """Set how many threads compute at once; to be called before torch is imported, and good for child processes.

    The models are small: on an idle computer a second thread brings them little, and on a busy one each of their many
    short steps waits for a thread that has no core (a clip took 1.7 to 4 s in place of 0.05).

    Parameters
    ----------
    asked
        By default $BIBIER_THREADS, else $OMP_NUM_THREADS, else 1.

    Returns
    -------
    The number.

    Raises
    ------
    InputError
        It is no whole number from 1 to 1024.
    """
    text = str(asked if asked is not None else environ.get(THREADS) or environ.get("OMP_NUM_THREADS") or 1).strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= MOST_THREADS):
        raise InputError("threads-number", value=text[:40], most=MOST_THREADS)
    for name in LIBRARY_THREADS:
        if name != "NUMBA_NUM_THREADS" or "numba" not in sys.modules:  # which refuses another number afterwards
            environ[name] = text
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(int(text))
    return int(text)


def choose_profile(asked: str | None = None, environ: Mapping[str, str] = os.environ) -> str:
    """Return the profile of a run: "exact", or "fast", which computes large encoders and Whisper in bfloat16 where the
    processor gains by it and cuts Whisper's window of 30 s to the sound. Small models are the same in both.

    Parameters
    ----------
    asked
        By default $BIBIER_PROFILE, else "exact".

    Raises
    ------
    InputError
        There is no such profile.
    """
    name = asked or environ.get(PROFILE) or PROFILES[0]
    if name not in PROFILES:
        raise InputError("profile-unknown", value=name[:40], known=", ".join(PROFILES))
    return name


def gains_by_bfloat16(device: str = "cpu") -> bool:
    """Whether a device multiplies in bfloat16 faster than in float32: a GPU, or a processor that has it."""
    if device != "cpu":
        return True
    import torch

    capabilities = getattr(torch.cpu, "get_capabilities", dict)()  # since torch 2.10
    return any(present is True for name, present in capabilities.items() if name.endswith("bf16"))


@contextmanager
def preserve_torch_threads() -> Iterator[None]:
    """Put torch's number of threads back: importing silero_vad sets one, numba's parallel loops set all cores."""
    import torch

    threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def limit_kernel_caches(environ: MutableMapping[str, str] = os.environ) -> None:
    """Have torch forget kernels for lengths of clips that it met long ago: each clip has a length of its own, and what
    was kept for them grew by 150 MB in 600 clips. To be called before the first model runs; making a kernel again takes
    no time that could be measured. Variables of the one who deploys come first.
    """
    for name in KERNEL_CACHES:
        environ.setdefault(name, KERNELS)


@contextmanager
def collector_paused() -> Iterator[None]:
    """Have the garbage collector wait: while torch is imported it looks through all that is there again and again, and
    finds nothing.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class _ImportedWhenAsked(ModuleType):
    """Stands in for a module until something is asked of it."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(importlib.import_module(self.__name__), name)


def import_lean_torch() -> None:
    """Import torch, unless it is there, without its kernels for tensors that have a shape and no numbers: 18 MB, and a
    third of the time of the import. Models that judge need none. Whoever puts a model together on the device "meta", as
    transformers does, or has torch compile or export one, calls `complete_torch` before: torch's own modules for that
    import each other in a circle, which has to begin there.
    """
    if "torch" in sys.modules:
        return
    stand_in = _ImportedWhenAsked(SHAPES_ALONE)
    stand_in.__spec__ = ModuleSpec(SHAPES_ALONE, None)
    sys.modules[SHAPES_ALONE] = stand_in
    try:
        import torch  # noqa: F401  # pyright: ignore[reportUnusedImport]
    finally:
        if sys.modules.get(SHAPES_ALONE) is stand_in:
            del sys.modules[SHAPES_ALONE]


def complete_torch() -> None:
    """Import what `import_lean_torch` has left out; nothing happens where it is there."""
    importlib.import_module(SHAPES_ALONE)


def limit_malloc_arenas(environ: Mapping[str, str] = os.environ) -> bool:
    """Have glibc keep one heap instead of eight for each core, each of which in time takes what the largest analysis
    took; to be called before threads are there. One thread computes at a time here, so none waits for another's heap.
    $MALLOC_ARENA_MAX of the one who deploys comes first.

    Returns
    -------
    Whether it was done; other systems have nothing of the kind.
    """
    return "MALLOC_ARENA_MAX" not in environ and _set_malloc({ARENA_MAX: ARENAS})


def give_back_memory() -> bool:
    """Have glibc give the pages of its heaps on which nothing is left back to the system: by itself it does so only
    above the last thing that is in use. It takes milliseconds.

    Returns
    -------
    Whether any were given back; other systems have nothing of the kind.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    return trim is not None and trim(0) == 1


def keep_freed_memory(environ: Mapping[str, str] = os.environ) -> bool:
    """Have glibc keep the memory of arrays of megabytes when they are freed, up to a gigabyte. By itself it gives it
    back, and the system zeroes every page anew for the next: a tenth of a step of training, a fifth of the models' time
    in a batch. For programs that do one thing and end. $MALLOC_TRIM_THRESHOLD_ of who runs them comes first.

    Returns
    -------
    Whether it was done; other systems have nothing of the kind.
    """
    wanted = {MMAP_THRESHOLD: KEPT, TRIM_THRESHOLD: KEPT}
    return "MALLOC_TRIM_THRESHOLD_" not in environ and _set_malloc(wanted)


def _set_malloc(options: Mapping[int, int]) -> bool:
    """Set options of glibc's malloc; whether all were. Other systems, and other C libraries of Linux, have none."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    return mallopt is not None and all(mallopt(option, value) == 1 for option, value in options.items())


def is_installed(package: str) -> bool:
    """Whether a package can be imported, by its name of the first level; nothing is imported."""
    return importlib.util.find_spec(package) is not None


def require(package: str, extra: str) -> None:
    """Raise InputError, which says what to install, where a package of one of BiBiER's extras is missing."""
    if not is_installed(package):
        raise InputError("extra-missing", package=package, extra=extra)


def keep_files_private() -> None:
    """Have files and folders that are made from now on be the user's alone, unless the umask says so already."""
    os.umask(os.umask(0o077) | 0o077)


def open_files() -> int:
    """Return how many files the program may have open; on Unix it asks for as many as it may, up to `MOST_FILES`."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return MOST_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MOST_FILES
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(soft, wanted)
