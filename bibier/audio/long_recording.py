"""A recording of up to an hour, kept as 16-bit samples in a temporary file, so that memory doesn't grow with it.

The bound: an hour takes 115 MB of the disk, twice that for each channel and for a moment while it is read, and some
ten MB of memory.
"""

from __future__ import annotations

import itertools
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from bibier.audio.channels import AUTO
from bibier.audio.format import LONG_SECONDS, SAMPLE_RATE
from bibier.audio.io import AudioClip, clip_of, decode, disk_error
from bibier.audio.quality import CLIPPED_SHARE, QUIET_LEVEL, SILENT_LEVEL, WINDOW_SECONDS
from bibier.audio.reader import AudioReader, one_track
from bibier.audio.sandbox import open_sound
from bibier.audio.voice_activity import loud_level, release
from bibier.i18n.messages import Message
from bibier.pauses import end_alone, pause

LIMIT = 3_600  # s; an hour
FULL = 2**15 - 1  # the largest 16-bit sample
WINDOW = WINDOW_SECONDS * SAMPLE_RATE  # samples in memory at a time


@dataclass(frozen=True, eq=False)
class Recording:
    """A long recording. `samples` is (n,) int16 at `SAMPLE_RATE` and lies in `file`, which goes with the object.

    `notices` say what is wrong with it as a whole, the gravest first; `silent` is True where nothing can be heard.
    `channels` is how many the source has, and `channel` the number from 1 of this one, None for the mean of all.
    """

    samples: np.ndarray
    file: BinaryIO
    notices: tuple[Message, ...] = ()
    silent: bool = False
    channels: int = 1
    channel: int | None = 1

    @property
    def duration(self) -> float:
        """Its length in seconds."""
        return len(self.samples) / SAMPLE_RATE

    def part(self, start: float, end: float) -> np.ndarray:
        """Return the samples (n,) from `start` to `end` in seconds, float32 in [-1, 1]."""
        part = self.samples[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)].astype(np.float32) / FULL
        release(self.samples)
        return part

    def peaks(self, count: int) -> np.ndarray:
        """Return the largest absolute sample (count,) of equal parts, in [0, 1]: the waveform's outline."""
        edges = np.linspace(0, len(self.samples), count + 1).astype(int)
        outline = np.zeros(count, np.float32)
        for i, (a, b) in enumerate(itertools.pairwise(edges)):
            outline[i] = np.abs(self.samples[a:b].astype(np.float32)).max(initial=0)
            release(self.samples)
        return outline / FULL


def stated_seconds(path: str | os.PathLike) -> float | None:
    """Return how long a file says it is, without decoding it; None where it can't be believed, or can't be read."""
    try:
        with open_sound(Path(path)) as file:
            return file.stated()
    except OSError:
        return None


def may_be_long(path: str | os.PathLike) -> bool:
    """Whether a file may hold more than `LONG_SECONDS`, as far as can be told without decoding it."""
    stated = stated_seconds(path)
    return stated is None or stated > LONG_SECONDS


def read(path: str | os.PathLike, *, channel: str = AUTO, limit: float = LIMIT) -> Recording:
    """Read a recording of any length up to `limit` seconds; `channel` as `io.load` takes it.

    Raises
    ------
    InputError
        It can't be read, is longer, lacks the channel, or there is no room for it on the disk.
    """
    try:
        return _recording(decode(Path(path), limit), channel)
    except OSError as error:
        raise disk_error(error) from error


def read_long(path: str | os.PathLike, *, channel: str = AUTO) -> Recording | None:
    """Read a recording if it is longer than `LONG_SECONDS`; None for a shorter one.

    Raises InputError as `read` does.
    """
    if not may_be_long(path):
        return None
    recording = read_any(path, channel=channel)
    return recording if isinstance(recording, Recording) else None


def read_any(path: str | os.PathLike, *, channel: str = AUTO) -> Recording | AudioClip:
    """Read a recording of any length, decoding it once: one of up to `LONG_SECONDS` is a clip in memory.

    Raises InputError as `read` does.
    """
    try:
        reader = decode(Path(path), LIMIT)
        return _recording(reader, channel) if reader.seconds > LONG_SECONDS else clip_of(reader, channel)
    except OSError as error:
        raise disk_error(error) from error


def _recording(reader: AudioReader, channel: str) -> Recording:
    """Take one channel, centre it and judge it, as `io.load` does in memory."""
    notices = reader.finish()
    chosen = reader.channel(channel)
    notices += chosen.notices
    tracks = reader.tracks()  # (n, channels), which may lie in a file
    total, least, most = 0.0, np.inf, -np.inf
    for start in range(0, len(tracks), WINDOW):
        track = one_track(tracks[start : start + WINDOW], chosen.number)  # (n,)
        total += float(track.sum(dtype=np.float64))
        least, most = min(least, float(track.min())), max(most, float(track.max()))
        release(tracks)
        pause()
    mean = total / len(tracks)
    highest = max(most - mean, mean - least, 1.0)
    mono = tempfile.TemporaryFile()  # noqa: SIM115  # gone with the recording
    level = -np.inf  # dBFS
    for start in range(0, len(tracks), WINDOW):
        track = one_track(tracks[start : start + WINDOW], chosen.number)  # (n,)
        track = (track - np.float32(mean)) / np.float32(highest)
        level = max(level, loud_level(track))
        mono.write(np.round(track * FULL).astype(np.int16).tobytes())
        release(tracks)
        pause()
    mono.flush()
    samples = np.memmap(mono, np.int16, "r")
    end_alone()
    if level < SILENT_LEVEL:
        silence = Message("audio-silent", {"level": max(level, -120.0)})
        return Recording(samples, mono, (silence, *notices), True, reader.channels, chosen.number)
    if level < QUIET_LEVEL:
        notices.insert(0, Message("audio-quiet", {"level": level}))
    if reader.clipped > CLIPPED_SHARE:
        notices.insert(0, Message("audio-clipped", {"share": 100 * reader.clipped}))
    return Recording(samples, mono, tuple(notices), False, reader.channels, chosen.number)
