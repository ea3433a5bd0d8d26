"""Any file or array → mono float32 at 16 kHz in [-1, 1], and what is wrong with the recording.

What is longer than `MAX_SECONDS` is read by `long_recording`.
"""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bibier.audio.channels import AUTO, EACH, number_of
from bibier.audio.decoding import SoundFile
from bibier.audio.format import FORMATS, LONG_SECONDS, MAX_CHANNELS, MAX_SECONDS, MIN_SECONDS, SAMPLE_RATE
from bibier.audio.quality import find_faults
from bibier.audio.reader import AudioReader, one_track
from bibier.audio.sandbox import SandboxedFile, open_sound
from bibier.errors import InputError
from bibier.file_names import short_name
from bibier.i18n.messages import Message
from bibier.pauses import pause, wait_alone

SLOW = 1.0  # s after which a file is no usual clip, however little sound it has given
BLOCK = 2**16  # frames of an array that are taken at a time


@dataclass(frozen=True)
class AudioClip:
    """A recording ready for the models.

    `samples` is (n,) float32 at `SAMPLE_RATE` in [-1, 1]; `notices` say what is wrong with it, the gravest first;
    `speech` is False when nobody can be heard, and then nothing must be transcribed. `channels` is how many the source
    has, and `channel` the number from 1 of the one that is here, None for the mean of all.
    """

    samples: np.ndarray
    duration: float  # seconds
    notices: tuple[Message, ...] = ()
    speech: bool = True
    channels: int = 1
    channel: int | None = 1

    @property
    def long_enough(self) -> bool:
        """Whether the clip can be judged at all."""
        return self.duration >= MIN_SECONDS


def load(
    source: str | os.PathLike | tuple[np.ndarray, int] | tuple[int, np.ndarray], *, channel: str = AUTO
) -> AudioClip:
    """Read a recording and judge it.

    Parameters
    ----------
    source
        A file's path, or samples and their rate in Hz (in either order): shape (n,), (n, channels) or (channels, n),
        floats in [-1, 1] or integers of 8, 16 or 32 bits.
    channel
        "auto" takes the channel in which somebody speaks, and says which; "left" or "1", "right" or "2", or another
        number takes that one; "mix" their mean.

    Raises
    ------
    InputError
        The source can't be read, holds no samples or NaN, lacks the channel, or is longer than `MAX_SECONDS`.
    """
    if isinstance(source, tuple):
        first, second = (np.asarray(part) for part in source)
        samples, rate = (second, first) if first.ndim == 0 else (first, second)
        return clip_of(_read_array(samples, int(rate)), channel)
    try:
        return clip_of(decode(Path(source), MAX_SECONDS), channel)
    except OSError as error:
        raise disk_error(error) from error


def disk_error(error: OSError) -> InputError:
    """Return what is said where there is no room for a long recording."""
    return InputError("recording-disk", folder=tempfile.gettempdir(), reason=error.strerror or str(error))


def clip_of(reader: AudioReader, channel: str) -> AudioClip:
    """Take one channel of what was read, centre it and judge it."""
    lost = reader.finish()
    chosen = reader.channel(channel)
    mono = one_track(reader.tracks(), chosen.number)  # (n,)
    mono -= mono.mean()
    loudest = float(np.abs(mono).max(initial=0.0))
    if loudest > 1:
        mono /= loudest
    faults, speech = find_faults(mono, reader.clipped)
    notices = (*faults, *lost, *chosen.notices)
    return AudioClip(mono, len(mono) / SAMPLE_RATE, notices, speech, reader.channels, chosen.number)


# ---------------------------------------------------------------------------------------------------------- sources


def _read_array(samples: np.ndarray, rate: int) -> AudioReader:
    if samples.ndim not in (1, 2) or samples.dtype.kind not in "iuf" or samples.dtype in (np.int64, np.uint64):
        raise InputError("audio-array", dtype=str(samples.dtype), shape=str(samples.shape))
    if not samples.size:
        raise InputError("audio-no-samples", prefix="")
    if samples.ndim == 1:
        samples = samples[:, None]
    elif samples.shape[0] <= MAX_CHANNELS and samples.shape[0] < samples.shape[1]:
        samples = samples.T
    reader = AudioReader("", MAX_SECONDS)  # samples: (n, channels)
    reader.headroom = samples.dtype.kind == "f"
    if rate > 0:
        reader.refuse_length(len(samples) / rate)
    for start in range(0, len(samples), BLOCK):
        reader.add(_as_float(samples[start : start + BLOCK]), rate)
    return reader


def _as_float(block: np.ndarray) -> np.ndarray:
    """Scale integers of any width to float32 in [-1, 1]."""
    if block.dtype.kind == "f":
        with np.errstate(over="ignore"):  # what float32 can't hold becomes infinite and is refused as such
            return block.astype(np.float32)
    half = 2.0 ** (8 * block.dtype.itemsize - 1)
    middle = half if block.dtype.kind == "u" else 0.0
    return ((block.astype(np.float64) - middle) / half).astype(np.float32)


def decode(path: Path, limit: float) -> AudioReader:
    """Read a file of at most `limit` seconds to the end of its bytes.

    Raises
    ------
    InputError
        It can't be read.
    OSError
        There is no room for a long one in the folder of temporary files.
    """
    prefix = f"{short_name(path)}: "
    with _opened(path, prefix) as file:
        reader = AudioReader(prefix, limit)
        reader.refuse_length(file.stated() or 0)
        begun = time.monotonic()
        for block, rate in file.blocks():
            reader.headroom = file.headroom
            reader.add(block, rate)
            if reader.seconds > LONG_SECONDS or time.monotonic() - begun > SLOW:
                wait_alone()  # each that is decoded has a process of its own
                pause()
    reader.losses = file.losses
    if reader.resampled or reader.seconds:
        return reader
    raise _refusal(file, prefix)


def _refusal(file: SoundFile | SandboxedFile, prefix: str) -> InputError:
    """Say why a file that was decoded gave no sound."""
    if not file.sounds:
        return InputError("audio-no-sound", prefix=prefix)
    if file.indexless:
        return InputError("audio-no-index", prefix=prefix)
    if file.readable:
        return InputError("audio-no-samples", prefix=prefix)
    return InputError("audio-not-audio", prefix=prefix, formats=", ".join(FORMATS))


def count_channels(path: str | os.PathLike) -> int:
    """Return how many channels a file's header states. Raises InputError where it can't be read."""
    prefix = f"{short_name(path)}: "
    with _opened(Path(path), prefix) as file:
        channels = file.channels()
    if not channels:
        raise InputError("audio-not-audio", prefix=prefix, formats=", ".join(FORMATS))
    if channels > MAX_CHANNELS:
        raise InputError("audio-channels", prefix=prefix, channels=channels, limit=MAX_CHANNELS)
    return channels


def expand_channels(path: str | os.PathLike, channel: str) -> list[str]:
    """Return the channels that are judged one by one: of "each", all that the file has; else the one that is given.

    Raises InputError where the file can't be read, or there is no channel of this name.
    """
    if channel != EACH:
        number_of(channel, MAX_CHANNELS)
        return [channel]
    return [str(number) for number in range(1, count_channels(path) + 1)]


def check(path: Path) -> None:
    """Raise InputError, as `load` does, where not even a file's beginning can be decoded."""
    prefix = f"{short_name(path)}: "
    with _opened(path, prefix) as file:
        if next(file.blocks(), None) is None:
            raise _refusal(file, prefix)


def _opened(path: Path, prefix: str) -> SoundFile | SandboxedFile:
    try:
        if path.is_dir():
            raise InputError("audio-directory", prefix=prefix)
        if not path.is_file():  # nor a pipe, which would never end
            raise InputError("audio-missing", prefix=prefix)
        file = open_sound(path)
    except OSError as error:
        raise InputError("audio-closed", prefix=prefix, reason=error.strerror or str(error)) from error
    if not file.length:
        raise InputError("audio-empty-file", prefix=prefix)
    return file
