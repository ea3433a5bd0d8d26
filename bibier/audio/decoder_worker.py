"""Decodes files in a process of its own, as `python -P -m bibier.audio.decoder_worker`; `sandbox` has the other end.

FFmpeg takes memory for every sample that an index names, and time with the square of the number of tags: 65 kB of mp4
made it take 9 GB, 16 MB of tags take it an hour. Here the system bounds both, and a crash takes nobody along.
"""

from __future__ import annotations

import json
import math
import os
import signal
import struct
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import numpy as np

from bibier.audio.decoding import SoundFile
from bibier.audio.ffmpeg import bound_allocations

HEAD = struct.Struct("<II")  # bytes of JSON and of samples that follow
MEMORY = 2**28  # bytes that decoding may take
SECONDS = 3  # of CPU for a file, and as much more …
BYTES_A_SECOND = 2e7  # … for its length: twice what a damaged one takes, in which sound is looked for
SHARE = 0.1  # … and of the sound that was decoded: ten times what the slowest codec takes

Block = tuple[np.ndarray, int]


def send(pipe: IO[bytes], message: Mapping[str, Any], samples: bytes = b"") -> None:
    """Write a message and the samples that belong to it."""
    text = json.dumps(message).encode()
    pipe.write(HEAD.pack(len(text), len(samples)) + text)
    pipe.write(samples)
    pipe.flush()


def receive(pipe: IO[bytes], most: int) -> tuple[dict[str, Any], bytes] | None:
    """Read a message and its samples; None where the other end is gone, or says more than `most` bytes."""
    head = pipe.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    lengths = HEAD.unpack(head)
    if max(lengths) > most:
        return None
    text, samples = (pipe.read(length) for length in lengths)
    return (json.loads(text), samples) if (len(text), len(samples)) == lengths else None


class Limits:
    """What the system lets this process take; where it has no such limits (Windows), nothing."""

    def __init__(self, seconds: float):
        self.seconds = seconds
        try:
            import resource
        except ImportError:
            self._resource = None
            return
        self._resource = resource
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def memory(self, most: int) -> None:
        """Bound the memory to what is taken now and so much more."""
        if self._resource is not None and Path("/proc/self/statm").exists():
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            whole = pages * self._resource.getpagesize() + most
            self._resource.setrlimit(self._resource.RLIMIT_AS, (whole, whole))

    def processor(self, begun: float, length: int, decoded: float) -> None:
        """Bound the CPU time of a file of `length` bytes, of which `decoded` seconds have been read."""
        if self._resource is not None:
            allowed = self.seconds + length / BYTES_A_SECOND + SHARE * decoded
            hard = self._resource.getrlimit(self._resource.RLIMIT_CPU)[1]
            self._resource.setrlimit(self._resource.RLIMIT_CPU, (math.ceil(begun + allowed), hard))


class Session:
    """One file after the other, each asked for by several requests."""

    def __init__(self, limits: Limits):
        self.limits = limits
        self.file: SoundFile | None = None
        self.blocks: Iterator[Block] = iter(())
        self.begun = self.decoded = 0.0  # s: CPU time when the file was opened, sound read

    def answer(self, request: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Do what is asked for: "open", "stated", "channels", "block" or "close"."""
        if request["do"] == "open":
            self.close()
            path = Path(request["path"])
            self.begun, self.decoded = time.process_time(), 0.0
            self.limits.processor(self.begun, path.stat().st_size, 0.0)
            self.file = SoundFile(path)
            self.blocks = self.file.blocks()
            return {"length": self.file.length}, b""
        if self.file is None:
            return {}, b""
        self.limits.processor(self.begun, self.file.length, self.decoded)
        match request["do"]:
            case "stated":
                return {"stated": self.file.stated()}, b""
            case "channels":
                return {"channels": self.file.channels()}, b""
            case "block":
                return self._block(self.file)
        self.close()
        return {}, b""

    def _block(self, file: SoundFile) -> tuple[dict[str, Any], bytes]:
        block, rate = next(self.blocks, (None, 0))
        names = ("sounds", "headroom", "indexless", "readable")
        state = {"losses": asdict(file.losses)} | {name: getattr(file, name) for name in names}
        if block is None:
            return {"state": state}, b""
        self.decoded += len(block) / rate
        return {"state": state, "shape": block.shape, "rate": rate}, block.astype("<f4", copy=False).tobytes()

    def close(self) -> None:
        """Close the file."""
        if self.file is not None:
            self.blocks = iter(())
            self.file.__exit__()
            self.file = None


def silence_libraries() -> None:
    """Have what C libraries print go nowhere: one prints a line for each of the million odd tags that a file may have.

    What Python prints goes on to where it went.
    """
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    for printed in (1, 2):
        os.dup2(nowhere, printed)
    os.close(nowhere)
    sys.stderr = os.fdopen(kept, "w", buffering=1, errors="backslashreplace")


def main() -> None:
    """Answer requests until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the program that started this one
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    bound_allocations()
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    silence_libraries()
    limits = Limits(float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS)
    limits.memory(MEMORY)
    session = Session(limits)
    while (request := receive(requests, 2**20)) is not None:
        try:
            send(answers, *session.answer(request[0]))
        except OSError as error:
            send(answers, {"errno": error.errno, "reason": error.strerror})


if __name__ == "__main__":
    main()
