"""A recording of up to an hour, kept as 16-bit samples in a temporary file, so that memory doesn't grow with it.

The bound: an hour takes 115 MB of the disk, four times that and more for a moment while it is read (its channels as
float32), and some MB of memory.
"""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

from bibier.audio.format import SAMPLE_RATE
from bibier.audio.io import AudioReader, decode
from bibier.audio.quality import CLIPPED_SHARE, QUIET_LEVEL, SILENT_LEVEL, WINDOW_SECONDS, cancel
from bibier.audio.voice_activity import loud_level
from bibier.errors import InputError
from bibier.i18n.messages import Message

LONG_SECONDS = 20  # s; above, one judgement for the whole clip says little
LIMIT = 3_600  # s; an hour
FULL = 2**15 - 1  # the largest 16-bit sample
WINDOW = WINDOW_SECONDS * SAMPLE_RATE  # samples in memory at a time


@dataclass(frozen=True, eq=False)
class Recording:
    """A long recording. `samples` is (n,) int16 at `SAMPLE_RATE` and lies in `file`, which goes with the object.

    `notices` say what is wrong with it as a whole, the gravest first; `silent` is True where nothing can be heard.
    """

    samples: np.ndarray
    file: BinaryIO
    notices: tuple[Message, ...] = ()
    silent: bool = False

    @property
    def duration(self) -> float:
        """Its length in seconds."""
        return len(self.samples) / SAMPLE_RATE

    def part(self, start: float, end: float) -> np.ndarray:
        """Return the samples (n,) from `start` to `end` in seconds, float32 in [-1, 1]."""
        return self.samples[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)].astype(np.float32) / FULL

    def peaks(self, count: int) -> np.ndarray:
        """Return the largest absolute sample (count,) of equal parts, in [0, 1]: the waveform's outline."""
        edges = np.linspace(0, len(self.samples), count + 1).astype(int)
        parts = (self.samples[a:b].astype(np.float32) for a, b in itertools.pairwise(edges))
        return np.array([np.abs(part).max(initial=0) for part in parts], np.float32) / FULL


def stated_seconds(path: str | os.PathLike) -> float | None:
    """Return how long a file says it is, without reading it; None where it doesn't say, or can't be read so."""
    try:
        info = soundfile.info(str(path))
    except (soundfile.LibsndfileError, TypeError):
        return None
    return info.frames / info.samplerate if info.frames < 2**62 else None


def read(path: str | os.PathLike) -> Recording:
    """Read a recording of any length up to `LIMIT`.

    Raises
    ------
    InputError
        It can't be read, is longer, or there is no room for it on the disk.
    """
    try:
        return decode(Path(path), DiskBackedReader).recording()
    except OSError as error:
        raise InputError("recording-disk", folder=tempfile.gettempdir(), reason=error.strerror or str(error)) from error


def read_long(path: str | os.PathLike) -> Recording | None:
    """Read a recording if it is longer than `LONG_SECONDS`; None for a shorter one.

    Raises InputError as `read` does.
    """
    stated = stated_seconds(path)
    if stated is not None and stated <= LONG_SECONDS:
        return None
    recording = read(path)
    return recording if recording.duration > LONG_SECONDS else None


class DiskBackedReader(AudioReader):
    """A reader that keeps its blocks in a temporary file."""

    limit = LIMIT

    def __init__(self, prefix: str, rate: int, channels: int, *, headroom: bool = False):
        super().__init__(prefix, rate, channels, headroom=headroom)
        self.file = tempfile.TemporaryFile()  # noqa: SIM115  # gone with this object
        self.energy = np.zeros(self.channels + 1)  # of the channels and of their mean: sums of squares
        self.total = np.zeros(self.channels + 1)  # sums
        self.least = np.full(self.channels + 1, np.inf)
        self.most = np.full(self.channels + 1, -np.inf)

    def keep(self, block: np.ndarray) -> None:
        """Write a block (n, channels), and remember what decides how it is mixed."""
        if not len(block):
            return
        self.file.write(np.ascontiguousarray(block, dtype=np.float32).tobytes())
        mixed = np.column_stack([block, block.mean(axis=1)]).astype(np.float64)  # (n, channels + 1)
        self.energy += np.square(mixed).sum(axis=0)
        self.total += mixed.sum(axis=0)
        self.least = np.minimum(self.least, mixed.min(axis=0))
        self.most = np.maximum(self.most, mixed.max(axis=0))

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield what was read as (n, channels) float32, `WINDOW` frames at a time."""
        self.file.seek(0)
        while raw := self.file.read(WINDOW * self.channels * 4):
            yield np.frombuffer(raw, np.float32).reshape(-1, self.channels)

    def recording(self) -> Recording:
        """Mix down, centre and judge what was read, as `AudioReader.clip` does in memory."""
        notices = self.finish()
        mean = self.total / self.resampled
        variance = self.energy / self.resampled - np.square(mean)
        chosen = self.channels  # the mean
        if self.channels > 1 and cancel(variance[:-1], float(variance[-1])):
            chosen = int(variance[:-1].argmax())
            notices.append(Message("audio-opposite"))
        highest = max(self.most[chosen] - mean[chosen], mean[chosen] - self.least[chosen], 1.0)
        mono = tempfile.TemporaryFile()  # noqa: SIM115  # gone with the recording
        level = -np.inf  # dBFS
        for block in self.blocks():
            track = block.mean(axis=1) if chosen == self.channels else block[:, chosen]  # (n,)
            track = (track - np.float32(mean[chosen])) / np.float32(highest)
            level = max(level, loud_level(track, SAMPLE_RATE))
            mono.write(np.round(track * FULL).astype(np.int16).tobytes())
        self.file.close()
        mono.flush()
        samples = np.memmap(mono, np.int16, "r")
        if level < SILENT_LEVEL:
            return Recording(samples, mono, (Message("audio-silent", {"level": max(level, -120.0)}), *notices), True)
        if level < QUIET_LEVEL:
            notices.insert(0, Message("audio-quiet", {"level": level}))
        if self.clipped > CLIPPED_SHARE:
            notices.insert(0, Message("audio-clipped", {"share": 100 * self.clipped}))
        return Recording(samples, mono, tuple(notices))
