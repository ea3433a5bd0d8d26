"""How FFmpeg's libraries (PyAV) are opened: for sound alone, by a demuxer of ours, within bounds."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.container import InputContainer

# Else FFmpeg looks through megabytes of PCM for a film's surround sound, and gives it out in pieces of 2 kB.
DEMUXING = {"wav": {"probesize": "16384", "max_size": "32768"}}  # bytes
MAX_STREAMS = 16  # of a file; FFmpeg's own 1,000 may have an index each
MAX_ALLOCATION = 2**24  # bytes at once: the index of four hours of sound; else a header may state any number of samples


def open_container(window: io.RawIOBase, demuxer: str) -> InputContainer:
    """Open what a window shows with a demuxer of this name. Raises FFmpegError."""
    import av

    options = {"codec_whitelist": _audio_decoders(), "max_streams": str(MAX_STREAMS)} | DEMUXING.get(demuxer, {})
    return av.open(window, "r", format=demuxer, options=options, metadata_errors="ignore")


@functools.cache
def bound_allocations() -> None:
    """Let FFmpeg take no more than `MAX_ALLOCATION` at once, where its library can be reached (not on Windows).

    It holds for all that the process does with PyAV, so that it is a program that asks for it, and no library.
    """
    import av._core

    with contextlib.suppress(OSError, AttributeError):
        bound = ctypes.CDLL(av._core.__file__).av_max_alloc  # PyAV has no name for it
        bound.argtypes, bound.restype = [ctypes.c_size_t], None
        bound(MAX_ALLOCATION)


@functools.cache
def _audio_decoders() -> str:
    """Return the names of FFmpeg's decoders of sound: no picture in a file is looked at."""
    import av

    readable = (av.Codec(name, "r") for name in av.codecs_available if _is_decoder(name))
    return ",".join(codec.name for codec in readable if codec.type == "audio")


def _is_decoder(name: str) -> bool:
    import av

    try:
        av.Codec(name, "r")
    except ValueError:
        return False
    return True
