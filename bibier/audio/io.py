"""Any file or array → mono float32 at 16 kHz in [-1, 1], and what is wrong with the recording.

Nothing here grows with the input beyond `MAX_SECONDS`: blocks are decoded, resampled and kept one after the other.
What is longer is read by `recordings`, which keeps its blocks in a file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

import numpy as np
import soundfile
import soxr

from bibier.audio.format import FORMATS, MAX_CHANNELS, MAX_RATE, MAX_SECONDS, MIN_RATE, MIN_SECONDS, SAMPLE_RATE
from bibier.audio.quality import FLAT_TOP, FULL_SCALE, find_faults, mix_down
from bibier.errors import InputError
from bibier.i18n.messages import Message

if TYPE_CHECKING:
    from av.container import InputContainer

BLOCK = 4_096  # frames decoded at a time; small, since what a decoder fails in the middle of is lost
NAME_LENGTH = 40  # characters of a file's name in a message


# Containers that PyAV opens, told by their first bytes. FFmpeg is never left to guess: a playlist disguised as a
# sound file could make it open other files or addresses.
MAGIC = (
    (4, b"ftyp", "mov"),
    (0, b"\x1aE\xdf\xa3", "matroska"),
    (0, b"RIFF", "wav"),
    (0, b"OggS", "ogg"),
    (0, b"fLaC", "flac"),
    (0, b"ID3", "mp3"),
    (0, b"\xff\xfb", "mp3"),
    (0, b"\xff\xf1", "aac"),
    (0, b"\xff\xf9", "aac"),
    (0, b"#!AMR", "amr"),
    (0, b"caff", "caf"),
    (0, b"FORM", "aiff"),
)


@dataclass(frozen=True)
class AudioClip:
    """A recording ready for the models.

    `samples` is (n,) float32 at `SAMPLE_RATE` in [-1, 1]; `notices` say what is wrong with it, the gravest first;
    `speech` is False when nobody can be heard, and then nothing must be transcribed.
    """

    samples: np.ndarray
    duration: float  # seconds
    notices: tuple[Message, ...] = ()
    speech: bool = True

    @property
    def long_enough(self) -> bool:
        """Whether the clip can be judged at all."""
        return self.duration >= MIN_SECONDS


def load(source: str | os.PathLike | tuple[np.ndarray, int] | tuple[int, np.ndarray]) -> AudioClip:
    """Read a recording and judge it.

    Parameters
    ----------
    source
        A file's path, or samples and their rate in Hz (in either order): shape (n,), (n, channels) or (channels, n),
        floats in [-1, 1] or integers of 8, 16 or 32 bits.

    Raises
    ------
    InputError
        The source can't be read, holds no samples or NaN, or is longer than `MAX_SECONDS`.
    """
    if isinstance(source, tuple):
        first, second = (np.asarray(part) for part in source)
        samples, rate = (second, first) if first.ndim == 0 else (first, second)
        return _read_array(samples, int(rate))
    return decode(Path(source), AudioReader).clip()


class AudioReader:
    """Takes blocks at the source's rate, checks them, and keeps them at `SAMPLE_RATE`."""

    limit = MAX_SECONDS  # s

    def __init__(self, prefix: str, rate: int, channels: int, *, headroom: bool = False):
        if not MIN_RATE <= rate <= MAX_RATE:
            raise InputError("audio-rate", prefix=prefix, rate=rate, low=MIN_RATE, high=MAX_RATE)
        if not 1 <= channels <= MAX_CHANNELS:
            raise InputError("audio-channels", prefix=prefix, channels=channels, limit=MAX_CHANNELS)
        self.prefix, self.rate, self.channels = prefix, rate, channels
        self.headroom = headroom  # float files may exceed full scale without being clipped
        self.frames = 0  # at the source's rate
        self.flattened = 0  # samples at full scale or on a flat top
        self.peak = 0.0
        self.truncated = False
        self.resampled = 0  # frames at `SAMPLE_RATE`
        self._blocks: list[np.ndarray] = []
        self._stream = None
        if rate != SAMPLE_RATE:
            self._stream = soxr.ResampleStream(rate, SAMPLE_RATE, channels, dtype="float32")

    @property
    def seconds(self) -> float:
        return self.frames / self.rate

    def refuse_length(self, seconds: float) -> None:
        """Raise InputError if a recording of `seconds` is too long."""
        if seconds > self.limit + 0.5:
            minutes = self.limit // 60
            raise InputError("audio-too-long", prefix=self.prefix, found=seconds / 60, limit=minutes)

    def add(self, block: np.ndarray) -> None:
        """Keep a block of shape (n, channels), float32."""
        finite = np.isfinite(block).all(axis=1)
        if not finite.all():
            second = (self.frames + int(np.argmin(finite))) / self.rate
            raise InputError("audio-not-finite", prefix=self.prefix, second=second)
        self.frames += len(block)
        self.refuse_length(self.seconds)
        self.flattened += self._count_flattened(block)
        self._take(block if self._stream is None else self._stream.resample_chunk(block))

    def _take(self, block: np.ndarray) -> None:
        self.resampled += len(block)
        self.keep(block)

    def keep(self, block: np.ndarray) -> None:
        """Keep a block of shape (n, channels) at `SAMPLE_RATE`."""
        self._blocks.append(block)

    def _count_flattened(self, block: np.ndarray) -> int:
        height = np.abs(block)
        self.peak = max(self.peak, float(height.max(initial=0.0)))
        if self.peak < 0.05:
            return 0  # the rounding of a faint recording looks like flat tops
        at_peak = height[1:] >= 0.98 * self.peak
        flat = (np.diff(block, axis=0) == 0) & at_peak
        runs = flat[FLAT_TOP - 2 :].copy()  # runs[i]: samples i … i + FLAT_TOP - 1 are equal
        for shift in range(FLAT_TOP - 2):
            runs &= flat[shift : shift + len(runs)]
        flattened = int(runs.sum())
        if not self.headroom:
            flattened = max(flattened, int((height >= FULL_SCALE).sum()))
        return flattened

    @property
    def clipped(self) -> float:
        """The share of samples at full scale or on a flat top."""
        return self.flattened / (self.frames * self.channels)

    def finish(self) -> list[Message]:
        """Keep what the resampler still holds; say whether the file was cut off. Raises InputError when it is empty."""
        if self._stream is not None:
            self._take(self._stream.resample_chunk(np.zeros((0, self.channels), np.float32), last=True))
        if not self.resampled:
            raise InputError("audio-no-samples", prefix=self.prefix)
        if self.truncated and self.seconds < MIN_SECONDS:
            raise InputError("audio-damaged", prefix=self.prefix, seconds=self.seconds, least=MIN_SECONDS)
        return [Message("audio-cut", {"seconds": self.seconds})] if self.truncated else []

    def clip(self) -> AudioClip:
        """Mix down, centre and judge what was read."""
        notices = self.finish()
        tracks = np.concatenate(self._blocks)  # (n, channels)
        self._blocks.clear()
        mono, opposite = mix_down(tracks)  # (n,)
        if opposite:
            notices.append(Message("audio-opposite"))
        mono -= mono.mean()
        loudest = float(np.abs(mono).max(initial=0.0))
        if loudest > 1:
            mono /= loudest
        faults, speech = find_faults(mono, self.clipped)
        return AudioClip(mono, len(mono) / SAMPLE_RATE, (*faults, *notices), speech)


G = TypeVar("G", bound=AudioReader)


# ---------------------------------------------------------------------------------------------------------- sources


def _read_array(samples: np.ndarray, rate: int) -> AudioClip:
    if samples.ndim not in (1, 2) or samples.dtype.kind not in "iuf" or samples.dtype in (np.int64, np.uint64):
        raise InputError("audio-array", dtype=str(samples.dtype), shape=str(samples.shape))
    if not samples.size:
        raise InputError("audio-no-samples", prefix="")
    if samples.ndim == 1:
        samples = samples[:, None]
    elif samples.shape[0] <= MAX_CHANNELS and samples.shape[0] < samples.shape[1]:
        samples = samples.T
    reader = AudioReader("", rate, samples.shape[1], headroom=samples.dtype.kind == "f")  # samples: (n, channels)
    reader.refuse_length(len(samples) / reader.rate)
    for start in range(0, len(samples), BLOCK):
        reader.add(_as_float(samples[start : start + BLOCK]))
    return reader.clip()


def _as_float(block: np.ndarray) -> np.ndarray:
    """Scale integers of any width to float32 in [-1, 1]."""
    if block.dtype.kind == "f":
        with np.errstate(over="ignore"):  # what float32 can't hold becomes infinite and is refused as such
            return block.astype(np.float32)
    half = 2.0 ** (8 * block.dtype.itemsize - 1)
    middle = half if block.dtype.kind == "u" else 0.0
    return ((block.astype(np.float64) - middle) / half).astype(np.float32)


def decode(path: Path, kind: type[G]) -> G:
    """Read a file into a reader of the given kind. Raises InputError where it can't be read."""
    prefix = f"{short_name(path)}: "
    try:
        if path.is_dir():
            raise InputError("audio-directory", prefix=prefix)
        if not path.is_file():  # nor a pipe, which would never end
            raise InputError("audio-missing", prefix=prefix)
        with path.open("rb") as file:
            head = file.read(16)
            size = os.fstat(file.fileno()).st_size  # bytes
    except OSError as error:
        raise InputError("audio-closed", prefix=prefix, reason=error.strerror or str(error)) from error
    if not size:
        raise InputError("audio-empty-file", prefix=prefix)
    reader = _with_soundfile(path, prefix, kind) or _with_av(path, prefix, head, kind)
    if reader is None:
        raise InputError("audio-not-audio", prefix=prefix, formats=", ".join(FORMATS))
    reader.truncated = reader.truncated or _ends_early(path, head, size)
    return reader


def _with_soundfile(path: Path, prefix: str, kind: type[G]) -> G | None:
    """Read with libsndfile; None if it can't open the file or finds no frames in it."""
    try:
        file = soundfile.SoundFile(path)
    except (soundfile.LibsndfileError, TypeError):  # TypeError: a name that ends in .raw promises headerless samples
        return None
    with file:
        reader = kind(prefix, file.samplerate, file.channels, headroom=file.subtype in ("FLOAT", "DOUBLE"))
        stated = file.frames if file.frames < 2**62 else None  # libsndfile's "unknown" is the largest count
        reader.refuse_length((stated or 0) / file.samplerate)
        try:
            while len(block := file.read(BLOCK, dtype="float32", always_2d=True)):
                reader.add(block)
        except soundfile.LibsndfileError:
            reader.truncated = True
        if stated is not None and reader.frames < 0.98 * stated:
            reader.truncated = True
    return reader if reader.frames else None


def _with_av(path: Path, prefix: str, head: bytes, kind: type[G]) -> G | None:
    """Read with FFmpeg's libraries; None if the file is none of `MAGIC`'s containers."""
    container_format = next((name for at, magic, name in MAGIC if head[at:].startswith(magic)), None)
    if container_format is None:
        return None
    import av  # only here: most recordings don't need it
    from av.error import FFmpegError

    reader = None
    try:
        with av.open(str(path), format=container_format) as container:
            if not container.streams.audio:
                raise InputError("audio-no-sound", prefix=prefix)
            stated = (container.duration or 0) / av.time_base  # seconds
            try:
                for block, rate in _av_blocks(container):
                    if reader is None:
                        reader = kind(prefix, rate, block.shape[1])
                        reader.refuse_length(stated)
                    if (rate, block.shape[1]) != (reader.rate, reader.channels):
                        reader.truncated = True
                        break
                    reader.add(block)
            except FFmpegError:
                if reader is None:
                    raise
                reader.truncated = True
    except FFmpegError:
        return None
    if reader is None:
        raise InputError("audio-no-samples", prefix=prefix)
    reader.truncated = reader.truncated or reader.seconds < 0.9 * stated - 0.1
    return reader


def _av_blocks(container: InputContainer) -> Iterator[tuple[np.ndarray, int]]:
    """Yield blocks of shape (n, channels), float32, and their rate, which a stream's header need not tell."""
    import av

    converter, shape = av.AudioResampler(format="fltp"), None
    for frame in container.decode(audio=0):
        if (frame.format.name, frame.layout.name, frame.sample_rate) != shape:
            if shape is not None:
                converter = av.AudioResampler(format="fltp")
            shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        for part in converter.resample(frame):
            yield part.to_ndarray().T.copy(), frame.sample_rate


def _ends_early(path: Path, head: bytes, size: int) -> bool:
    """Whether a wav or ogg file is shorter than it says: the decoders don't tell."""
    with path.open("rb") as file:
        if head.startswith(b"RIFF"):
            at = 12
            while len(chunk := _read_at(file, at, 8)) == 8:
                length = int.from_bytes(chunk[4:], "little")
                if chunk[:4] == b"data":
                    return length < 2**31 - 2**16 and at + 8 + length > size  # streaming writers leave 0 or the largest
                at += 8 + length + length % 2
        if head.startswith(b"OggS"):
            tail = _read_at(file, max(0, size - 2**17), 2**17)
            flags = tail.rfind(b"OggS") + 5
            return flags >= len(tail) or not tail[flags] & 4  # 4: last page of the stream
    return False


def _read_at(file: BinaryIO, offset: int, length: int) -> bytes:
    file.seek(offset)
    return file.read(length)


def short_name(path: str | os.PathLike) -> str:
    """Return a file's base name as a message may show it: printable, at most `NAME_LENGTH` characters."""
    name = "".join(c if c.isprintable() else "?" for c in Path(path).name)
    if len(name) <= NAME_LENGTH:
        return name
    half = NAME_LENGTH // 2
    return f"{name[: half - 1]}…{name[-half:]}"
