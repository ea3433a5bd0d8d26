"""A file → blocks of samples at its own rate, to the end of its bytes, and what of it was lost.

FFmpeg's libraries (PyAV) read every container that is known, and libsndfile the rest. A packet that can't be decoded is
left out and counted; decoding goes on behind it.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import soundfile

from bibier.audio.containers import (
    PCM_CONTAINERS,
    ContainerPart,
    TooManyChunks,
    Window,
    boxes_end,
    has_box,
    mp3_frame,
    mp3_seconds,
    ogg_ends,
    parts_of,
    read_at,
    segment_end,
)
from bibier.audio.ffmpeg import open_container
from bibier.audio.samples import as_packed

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet

VERSION = 2  # of what is read of a file; to be raised when the same bytes give other samples: features are kept by it
BLOCK = 16_384  # frames handed on at a time, and about as many in memory
DECODING = {"err_detect": "crccheck", "max_samples": str(2**20)}  # Apple's lossless format could have frames of an hour
FAILURES = 200  # reads in a row that fail before the rest of a part is given up
FAINT_GAP = 0.02  # s between two packets that is rounding
TAIL = 0.1  # s by which a header may be wrong
RAW = ("flac", "mp3", "aac", "amr")  # nothing but packets: bytes between them are damaged
TAGS = 0.05  # of a part's bytes, that may be tags
UNREAD = 4_096  # bytes that may be


@dataclass
class Losses:
    """What a file has and could not be read. Seconds; all 0 and False for a whole one."""

    damaged: float = 0.0  # packets that can't be decoded, and gaps where they should be
    missing: float = 0.0  # what the header states, and the file does not have
    cut: bool = False  # the file ends in the middle
    unread: float = 0.0  # the share of the file's bytes that is no sound, in [0, 1]


@dataclass
class _Progress:
    """How far a part was read."""

    seconds: float = 0.0
    rate: int = 0
    payload: int = 0  # bytes in packets
    first: int | None = None  # the place of the first packet
    bad: list[float] = field(default_factory=list)  # the lengths of packets that failed
    ended_badly: bool = False  # the last packet is not whole
    gaps: float = 0.0  # s
    due: float | None = None  # s, when the next packet begins


class SoundFile:
    """An open recording.

    Parameters
    ----------
    path
        A file that can be read.

    `stated` is its length in seconds as far as its header can be believed, None where it must be decoded to know;
    `losses` is complete once `blocks` has come to its end.
    """

    def __init__(self, path: Path):
        self.path = path
        self.losses = Losses()
        self.sounds = True  # False: a film without a sound track
        self.headroom = False  # float samples may exceed full scale without being clipped
        self.indexless = False  # an mp4 whose table of contents is missing
        self.readable = False  # some container could be opened
        self.endless = False  # nothing but chunks that hold no sound
        self._file: BinaryIO = path.open("rb")
        try:
            self.length = self._file.seek(0, io.SEEK_END)
            self.parts = parts_of(self._file)
        except TooManyChunks:
            self.parts, self.endless = [], True
        except OSError:
            self._file.close()
            raise

    def __enter__(self) -> SoundFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def blocks(self) -> Iterator[tuple[np.ndarray, int]]:
        """Yield blocks of shape (n, channels), float32, and their rate in Hz; either may change on the way."""
        heard = self.endless
        for part in self.parts:
            for block in _gathered(self._read(part)):
                heard = True
                yield block
        if not heard and self.sounds and not self.indexless:  # a container or codec that FFmpeg doesn't know
            losses, self.losses = self.losses, Losses()
            for block in _with_soundfile(self):
                heard = True
                yield block
            self.losses = self.losses if heard else losses

    def stated(self) -> float | None:
        """Return how long the file is where its header can be believed, without decoding it; None elsewhere."""
        from av.error import FFmpegError

        if not self.parts:
            return None if self.endless else _stated_by_soundfile(self.path)
        if len(self.parts) > 1 or self.parts[0].demuxer not in (*PCM_CONTAINERS, "mov"):
            return None
        part = self.parts[0]
        if part.stated is not None and part.size is not None and part.stated > part.size:
            return None
        try:
            with self._open(part) as container:
                streams = container.streams.audio
                if not streams or not streams[0].duration or not streams[0].time_base:
                    return None
                if part.demuxer == "mov" and (not streams[0].frames or boxes_end(self._file, part) > part.end):
                    return None
                return float(streams[0].duration * streams[0].time_base)
        except FFmpegError:
            return None

    def _open(self, part: ContainerPart) -> InputContainer:
        return open_container(Window(self._file, part.start, part.end, part.patches), part.demuxer)

    def channels(self) -> int | None:
        """Return how many channels the header states, the first that can be read; None where none can."""
        from av.error import FFmpegError

        if not self.parts:
            if self.endless:
                return None
            try:
                return soundfile.info(str(self.path)).channels
            except (soundfile.LibsndfileError, TypeError):
                return None
        for part in self.parts:  # what is damaged at its beginning may be read further on, as `blocks` does
            with contextlib.suppress(FFmpegError), self._open(part) as container:
                for stream in container.streams.audio[:1]:
                    if stream.codec_context is not None and stream.codec_context.channels:
                        return stream.codec_context.channels
        return None

    def _read(self, part: ContainerPart) -> Iterator[tuple[np.ndarray, int]]:
        """Decode one part, and add what it lacks to `losses`."""
        from av.error import FFmpegError

        progress = _Progress()
        try:
            container = self._open(part)
        except FFmpegError:
            self.indexless |= part.demuxer == "mov" and has_box(self._file, part, b"mdat")
            self.losses.unread += (part.end - part.start) / self.length
            return
        with container:
            if not container.streams.audio:
                self.sounds = False
                return
            stream = container.streams.audio[0]
            if stream.codec_context is None:  # nothing decodes what the header states, such as samples of 0 or 40 bits
                self.losses.unread += (part.end - part.start) / self.length
                return
            self.readable = True
            strict = {"err_detect": "crccheck+explode"} if stream.codec_context.name == "flac" else {}
            stream.codec_context.options = DECODING | strict
            self.headroom |= stream.codec_context.name.startswith(("pcm_f32", "pcm_f64"))
            stated = self._stated(part, container, stream)
            yield from _frames(container, stream, progress, part.demuxer)
        if part.demuxer == "mp3" and progress.rate:
            stated = mp3_seconds(self._file, part, progress.rate)
        self._judge(part, progress, stated)

    def _stated(self, part: ContainerPart, container: InputContainer, stream: AudioStream) -> float | None:
        """Return the seconds that a part's header states, None where the demuxer estimates them."""
        own = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else None
        match part.demuxer:
            case "flac":
                facts = int.from_bytes(read_at(self._file, part.start + 18, 8), "big")  # 20 bits rate, …, 36 bits count
                return (facts & (2**36 - 1)) / (facts >> 44) if facts >> 44 and facts & (2**36 - 1) else None
            case "mov":
                return own
            case "matroska":
                alone = len(container.streams) == 1  # a picture may go on for longer
                return container.duration / 1e6 if container.duration and alone else None  # microseconds
        return None

    def _judge(self, part: ContainerPart, progress: _Progress, stated: float | None) -> None:
        """Say what a part lacks."""
        losses, length = self.losses, part.end - part.start
        bad, gaps = progress.bad, progress.gaps
        if progress.ended_badly:  # the last packet is not whole
            losses.cut = True
            bad = bad[:-1]
        if stated is not None:  # a packet with two frames, the first of which is broken, seems to be a longer gap
            gaps = min(gaps, max(0.0, stated - progress.seconds))
        damaged = sum(bad) + gaps
        missing = 0.0
        if part.size is not None and part.stated is not None and part.stated > part.size:
            missing = progress.seconds * (part.stated - part.size) / max(1, part.size)
            if stated is not None:
                missing = max(0.0, stated - progress.seconds - damaged)
            losses.cut = True
        elif stated is not None and stated - progress.seconds - damaged > max(TAIL, 0.005 * stated):
            missing = stated - progress.seconds - damaged
            if part.stated is not None or (part.demuxer == "mov" and not _is_open(self._file, part)):
                damaged, missing = damaged + missing, 0.0  # the end is there
            else:
                losses.cut = True
        elif part.demuxer in ("mov", "ogg", "matroska"):
            losses.cut |= _is_open(self._file, part)
        losses.damaged += damaged
        losses.missing += missing
        if part.demuxer in RAW:
            unread = length - progress.payload - (progress.first or 0)
            if unread > max(UNREAD, TAGS * length):
                losses.unread += unread / self.length


# ------------------------------------------------------------------------------------------------------------ packets


def _packets(container: InputContainer, stream: AudioStream) -> Iterator[Packet]:
    """Yield the packets of a stream; what the demuxer fails at is stepped over."""
    from av.error import FFmpegError

    failures = 0
    while failures < FAILURES:
        try:
            for packet in container.demux(stream):
                failures = 0
                yield packet
            return
        except FFmpegError:
            failures += 1


def _frames(
    container: InputContainer, stream: AudioStream, progress: _Progress, demuxer: str
) -> Iterator[tuple[np.ndarray, int]]:
    """Yield what each packet decodes to as (n, channels) float32 and its rate; count those that don't."""
    import av
    from av.error import FFmpegError

    converter, shape = av.AudioResampler(format="flt"), None  # packed: of planes PyAV reads no more than 8
    tick = float(stream.time_base or 0)  # s; of a packet's own Fraction each product takes longer than its decoding
    usual = 0.0  # s, the length of a packet
    usual_size: int | None = None  # bytes, of an mp3's frame
    for packet in _packets(container, stream):
        if not packet.size:  # the end: what the decoder still holds
            with contextlib.suppress(FFmpegError):
                for frame in packet.decode():
                    progress.seconds += frame.samples / frame.sample_rate
                    for block in as_packed(frame, converter):
                        yield block, frame.sample_rate
            continue
        length = (packet.duration or 0) * tick or usual
        frame_size = mp3_frame(bytes(packet)[:4]) if demuxer == "mp3" else None
        usual_size = frame_size or usual_size
        progress.payload += min(packet.size, usual_size or packet.size)  # with an mp3's frame comes what is none
        if progress.first is None and packet.pos is not None:
            progress.first = packet.pos
        decoded = 0.0  # s
        try:
            frames = packet.decode()
        except FFmpegError:
            # at a splice of two mp3 files the first frame refers to bits that aren't there: no sound is lost
            if demuxer != "mp3" or progress.ended_badly:
                progress.bad.append(length)
            progress.ended_badly = True
        else:
            progress.ended_badly = packet.size < (frame_size or 0)
            for frame in frames:
                found = (frame.format.name, frame.layout.name, frame.sample_rate)
                if found != shape:
                    if shape is not None:
                        converter = av.AudioResampler(format="flt")
                    shape = found
                progress.rate = frame.sample_rate
                decoded += frame.samples / frame.sample_rate
                for block in as_packed(frame, converter):
                    yield block, frame.sample_rate
        progress.seconds += decoded
        usual = decoded or usual
        if demuxer in ("ogg", "flac") and packet.pts is not None:
            begins = packet.pts * tick
            if progress.due is not None and begins - progress.due > FAINT_GAP:
                progress.gaps += begins - progress.due
            progress.due = begins + max(length, decoded)


def _gathered(pieces: Iterator[tuple[np.ndarray, int]]) -> Iterator[tuple[np.ndarray, int]]:
    """Join small pieces to blocks of about `BLOCK` frames, each of one rate and number of channels."""
    waiting: list[np.ndarray] = []
    count, shape = 0, (0, 0)
    for piece, rate in pieces:
        if waiting and ((rate, piece.shape[1]) != shape or count >= BLOCK):
            yield np.concatenate(waiting), shape[0]
            waiting, count = [], 0
        shape = (rate, piece.shape[1])
        waiting.append(piece)
        count += len(piece)
    if waiting:
        yield np.concatenate(waiting), shape[0]


def _is_open(file: BinaryIO, part: ContainerPart) -> bool:
    """Whether an mp4, a Matroska or an Ogg ends in the middle."""
    if part.demuxer == "mov":
        return boxes_end(file, part) > part.end
    if part.demuxer == "matroska":
        return (segment_end(file, part) or 0) > part.end
    return not ogg_ends(file, part)


# --------------------------------------------------------------------------------------------- what FFmpeg isn't given


def _stated_by_soundfile(path: Path) -> float | None:
    try:
        info = soundfile.info(str(path))
    except (soundfile.LibsndfileError, TypeError):
        return None
    return info.frames / info.samplerate if info.frames < 2**62 else None


def _with_soundfile(sound: SoundFile) -> Iterator[tuple[np.ndarray, int]]:
    """Read with libsndfile; nothing where it can't open the file."""
    try:
        file = soundfile.SoundFile(sound.path)
    except (soundfile.LibsndfileError, TypeError):  # TypeError: a name that ends in .raw promises headerless samples
        return
    with file:
        sound.headroom = file.subtype in ("FLOAT", "DOUBLE")
        stated = file.frames if file.frames < 2**62 else None  # libsndfile's "unknown" is the largest count
        count = 0
        try:
            while len(block := file.read(BLOCK, dtype="float32", always_2d=True)):
                count += len(block)
                yield block, file.samplerate
        except soundfile.LibsndfileError:
            sound.losses.cut = True
        if stated is not None and count < 0.98 * stated:
            sound.losses.cut = True
            sound.losses.missing = (stated - count) / file.samplerate
