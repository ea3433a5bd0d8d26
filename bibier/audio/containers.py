"""Which container a file is, where each part of it begins, and how much sound a part states and has.

Files are put together by `cat`, cut off by a full disk, and written by programs that can't go back and fill in the
length. So a header's length is a claim that is compared with the bytes, never the end of the sound.
"""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO, Literal

ByteOrder = Literal["little", "big"]

HEAD = 4_096  # bytes in which a signature must begin, after the tags
MAX_PARTS = 500  # of one file
MAX_CHUNKS = 1_000  # before the sound
SCAN = 2**20  # bytes searched at a time
LONGEST_SIGNATURE = 128  # bytes
STREAMING = 2**31 - 2**16  # bytes; from here on a length of 32 bits is a writer's "I don't know"
LEAST_PLACEHOLDER = 10**9  # bytes; a round number of that size is one too
TRAILER = 0.25  # of the stated sound; what follows it is a tag while it is shorter, else more sound

# The demuxers that are used, each with the bytes its files begin with. FFmpeg is never left to guess: a playlist
# disguised as a sound file could make it open other files or addresses.
SIGNATURES = {
    "wav": rb"(?:RIFF|RIFX|RF64|BW64).{4}WAVE",
    "avi": rb"RIFF.{4}AVI ",
    "w64": rb"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00",
    "aiff": rb"FORM.{4}AIF[FC]",
    "au": rb"\.snd\x00\x00[\x00-\xff]{2}.{4}\x00\x00\x00.",
    "caf": rb"caff\x00\x01\x00\x00desc",
    "flac": rb"fLaC[\x00\x80]\x00\x00\x22",
    "ogg": rb"OggS\x00[\x02\x06].{8}",
    "mov": rb"\x00\x00\x00.ftyp",
    "matroska": rb"\x1aE\xdf\xa3.{1,80}?(?:webm|matroska)",
    "asf": rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c",
    "amr": rb"#!AMR(?:-WB)?\n",
    "aac": rb"\xff[\xf0\xf1\xf8\xf9]",
    "mp3": rb"\xff[\xe2-\xe5\xf2-\xf5\xfa-\xfd]",
}
SIGNS = {name: re.compile(sign, re.DOTALL) for name, sign in SIGNATURES.items()}
ONE_STREAM = ("aac", "mp3", "avi")  # what follows in the file is read on by the demuxer itself
MPEG1_KILOBITS = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)  # a second, layer III
MPEG2_KILOBITS = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
FARTHEST = 2**42  # bytes; systems refuse to go behind some such place, which says nothing of the file
PCM_CONTAINERS = ("wav", "w64", "aiff", "au", "caf")  # one chunk holds the sound


class TooManyChunks(Exception):
    """A file has more chunks before its sound than any writer makes: each costs time, and none is needed."""


@dataclass(frozen=True)
class ContainerPart:
    """A container within a file, from `start` to `end` in bytes."""

    demuxer: str
    start: int
    end: int
    size: int | None = None  # bytes of sound that are there; None where the container doesn't tell
    stated: int | None = None  # bytes of sound that the header states; None where it states nothing that can be meant
    patches: tuple[tuple[int, bytes], ...] = ()  # (place from the start, bytes) that make the header true


def parts_of(file: BinaryIO) -> list[ContainerPart]:
    """Find the containers of a file, in order; empty when it is none that is known. Raises TooManyChunks."""
    length = file.seek(0, io.SEEK_END)
    start = _after_tags(file)
    head = read_at(file, start, HEAD)
    demuxer = next((name for name, sign in SIGNS.items() if sign.match(head)), None)
    if demuxer is None:
        return []
    starts = [start] if demuxer in ONE_STREAM else _starts(file, demuxer, start, length)
    edges = [*starts, length]
    return [_measured(file, demuxer, edges[i], edges[i + 1]) for i in range(len(starts))]


def _after_tags(file: BinaryIO) -> int:
    """Return where the sound's own format begins: behind the ID3v2 tags, whichever format follows them."""
    at = 0
    for _ in range(16):
        tag = read_at(file, at, 10)
        if len(tag) < 10 or not tag.startswith(b"ID3") or max(tag[6:10]) > 127:
            break
        size = 0
        for seven_bits in tag[6:10]:
            size = size << 7 | seven_bits
        following = at + 10 + size + (10 if tag[5] & 0x10 else 0)  # a footer is as long as the head
        block = read_at(file, following, SCAN)
        at = following + len(block) - len(block.lstrip(b"\0"))  # less the padding that the tag doesn't count
    return at


def _starts(file: BinaryIO, demuxer: str, start: int, length: int) -> list[int]:
    """Return where each container of this kind begins, at most `MAX_PARTS`."""
    starts: list[int] = []
    pages_end = -1  # Ogg begins with the first page of each of its streams, one behind the other
    at = start
    while at < length and len(starts) < MAX_PARTS:
        block = read_at(file, at, SCAN + LONGEST_SIGNATURE)
        for match in SIGNS[demuxer].finditer(block):
            place = at + match.start()
            if match.start() >= SCAN or len(starts) == MAX_PARTS:
                break
            if demuxer == "ogg":
                segments = read_at(file, place + 26, 256)
                joined = place == pages_end
                pages_end = place + 27 + segments[0] + sum(segments[1 : 1 + segments[0]]) if segments else 0
                if joined:
                    continue
            starts.append(place)
        at += SCAN
    return starts


# ------------------------------------------------------------------------------------------------ the length of sound


@dataclass(frozen=True)
class _Layout:
    """How a container's chunks are laid out; sizes in bytes."""

    first: int
    name: int  # of a chunk's name
    size: int  # of a chunk's size
    order: ByteOrder
    counts_itself: bool  # the size is that of the chunk with its head
    align: int
    sound: bytes  # the name of the chunk that holds it


_GUID = b"\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
LAYOUTS = {
    "wav": _Layout(12, 4, 4, "little", False, 2, b"data"),
    "aiff": _Layout(12, 4, 4, "big", False, 2, b"SSND"),
    "caf": _Layout(8, 4, 8, "big", False, 1, b"data"),
    "w64": _Layout(40, 16, 8, "little", True, 8, b"data" + _GUID),
}


def _measured(file: BinaryIO, demuxer: str, start: int, end: int) -> ContainerPart:
    """Compare what a part's header states with what is there."""
    if demuxer in ("avi", "asf", "mp3"):
        stated = _stated_bytes(file, demuxer, start)
        return ContainerPart(
            demuxer, start, end, end - start, None if stated is None or is_placeholder(stated) else stated
        )
    if demuxer not in PCM_CONTAINERS:
        return ContainerPart(demuxer, start, end)
    patches: list[tuple[int, bytes]] = []
    order: ByteOrder
    head = read_at(file, start, 32)
    if demuxer == "au":
        begin, field, width, order, extra = start + int.from_bytes(head[4:8], "big"), start + 8, 4, "big", 0
        claim = int.from_bytes(head[8:12], "big")
        follows = False
    else:
        layout = LAYOUTS[demuxer]
        order = "big" if head.startswith(b"RIFX") else layout.order
        found = _sound_chunk(file, layout, order, start, end)
        if found is None:
            return ContainerPart(demuxer, start, end)
        field, begin, claim = found
        width, extra = layout.size, layout.name + layout.size if layout.counts_itself else 0
        if head.startswith((b"RF64", b"BW64")):
            if claim == 2**32 - 1 and head[12:16] == b"ds64":
                claim = int.from_bytes(head[28:32] + read_at(file, start + 32, 4), "little")
            patches.append((0, b"RIFF"))  # and its size is true below
        follows = begin + claim < end and _is_chunk(file, layout, order, begin + claim, end)
    there = max(0, end - begin)
    unknown = claim == 0 or is_placeholder(claim)
    ends = claim <= there and (follows or there - claim <= TRAILER * claim)
    size = claim if ends and not unknown else there
    if size + extra >= 2 ** (8 * width):
        patches = []  # more than 4 GB, which only RF64's own head can tell
    elif unknown or size > claim or patches:
        if demuxer in ("aiff", "w64"):  # whose whole size must be true too
            place, whole = (4, end - start - 8) if demuxer == "aiff" else (16, end - start)
            patches.append((place, whole.to_bytes(width, order)))
        patches.append((field - start, (size - size % 2 + extra).to_bytes(width, order)))
    if demuxer == "wav" and follows:
        end = begin + size  # what follows describes: FFmpeg would look at every chunk of it
    return ContainerPart(demuxer, start, end, size, None if unknown else claim, tuple(patches))


def _stated_bytes(file: BinaryIO, demuxer: str, start: int) -> int | None:
    """Return how long an avi, asf or mp3 says that it is, None where it was written without going back."""
    head = read_at(file, start, HEAD)
    if demuxer == "avi":
        return int.from_bytes(head[4:8], "little") + 8
    if demuxer == "mp3":
        table = max(head[:256].find(b"Xing"), head[:256].find(b"Info"))
        if table < 0 or not head[table + 7] & 2:
            return None
        place = table + (12 if head[table + 7] & 1 else 8)
        return int.from_bytes(head[place : place + 4], "big") or None
    place = head.find(ASF_PROPERTIES)
    if place < 0 or len(head) < place + 92 or head[place + 88] & 1:  # 1: a broadcast
        return None
    return int.from_bytes(head[place + 40 : place + 48], "little")


def _sound_chunk(
    file: BinaryIO, layout: _Layout, order: ByteOrder, start: int, end: int
) -> tuple[int, int, int] | None:
    """Return where the chunk with the sound has its size, where its content begins, and the stated size.

    None where there is none. Raises TooManyChunks.
    """
    at = start + layout.first
    for number in itertools.count():
        if number == MAX_CHUNKS:
            raise TooManyChunks
        head = read_at(file, at, layout.name + layout.size) if at < end else b""
        if len(head) < layout.name + layout.size:
            return None
        size = int.from_bytes(head[layout.name :], order) - (len(head) if layout.counts_itself else 0)
        if head[: layout.name] == layout.sound:
            return at + layout.name, at + len(head), max(0, size)
        at += len(head) + max(0, size)
        at += (start - at) % layout.align


def _is_chunk(file: BinaryIO, layout: _Layout, order: ByteOrder, at: int, end: int) -> bool:
    """Whether a chunk that fits stands at a place, or at the next even one, so that the sound really ends there."""
    for place in (at, at + at % layout.align):
        head = read_at(file, place, layout.name + layout.size)
        if len(head) < layout.name + layout.size:
            continue
        size = int.from_bytes(head[layout.name :], order)
        if all(32 <= byte < 127 for byte in head[:4]) and place + len(head) + size <= end + 1:
            return True
    return False


def is_placeholder(size: int) -> bool:
    """Whether a stated size in bytes is what a writer puts that doesn't know it yet.

    Such are the largest numbers of 32 bits, and round ones from a gigabyte on, with or without the header's bytes.
    """
    if size >= STREAMING:
        return size <= 2**32 + 2**16 or size >= 2**62
    if size < LEAST_PLACEHOLDER:
        return False
    return any(min(size % step, -size % step) <= near for step, near in ((10**7, 128), (2**28, 2**16)))


# ---------------------------------------------------------------------------------------- where compressed sound ends


def boxes_end(file: BinaryIO, part: ContainerPart) -> int:
    """Return where an mp4's boxes say that they end: behind the file's end where it was cut off."""
    at = part.start
    for _ in range(100_000):
        head = read_at(file, at, 16) if at < part.end else b""
        if len(head) < 8:
            break
        size = int.from_bytes(head[:4], "big")
        if size == 1:
            size = int.from_bytes(head[8:16], "big")
        if size == 0:  # to the end
            return part.end
        if size < 8 or not head[4:8].isascii():
            break
        at += size
    return at


def has_box(file: BinaryIO, part: ContainerPart, name: bytes) -> bool:
    """Whether an mp4 has such a box on the first level, among its first ones."""
    at = part.start
    for _ in range(100):
        head = read_at(file, at, 16) if at < part.end else b""
        size = int.from_bytes(head[8:16] if head[:4] == b"\0\0\0\1" else head[:4], "big")
        if head[4:8] == name:
            return True
        if size < 8:
            break
        at += size
    return False


def segment_end(file: BinaryIO, part: ContainerPart) -> int | None:
    """Return where a Matroska's segment says that it ends, None where it was written without knowing."""
    at = part.start
    for name in (b"\x1aE\xdf\xa3", b"\x18\x53\x80\x67"):
        head = read_at(file, at, 12)
        if not head.startswith(name) or len(head) < 12 or not head[4]:
            return None
        width = 9 - head[4].bit_length()  # bytes of the size; the first one's highest bit tells
        unknown = 2 ** (7 * width) - 1
        size = int.from_bytes(head[4 : 4 + width], "big") & unknown
        if size == unknown:
            return None
        at += 4 + width + size
    return at


def ogg_ends(file: BinaryIO, part: ContainerPart) -> bool:
    """Whether the last page of an Ogg says that it is the last."""
    tail = read_at(file, max(part.start, part.end - 2**17), min(2**17, part.end - part.start))
    flags = tail.rfind(b"OggS") + 5
    return flags < len(tail) and bool(tail[flags] & 4)


def mp3_frame(header: bytes) -> int | None:
    """Return the bytes of a frame of MPEG layer III with this header (4,); None for another or a free bit rate.

    >>> mp3_frame(bytes.fromhex("fffb9064"))  # 128 kbit/s at 44.1 kHz: 144 * 128000 / 44100
    417
    """
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return None
    version = header[1] >> 3 & 3  # 3: MPEG-1, 2: MPEG-2, 0: MPEG-2.5
    bits, rate, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or bits in (0, 15) or rate == 3:
        return None
    kilobits = MPEG1_KILOBITS[bits] if version == 3 else MPEG2_KILOBITS[bits]
    hertz = (44_100, 48_000, 32_000)[rate] // {3: 1, 2: 2, 0: 4}[version]
    return (144 if version == 3 else 72) * kilobits * 1000 // hertz + padding


def mp3_seconds(file: BinaryIO, part: ContainerPart, rate: int) -> float | None:
    """Return the seconds that an mp3's table states, None where it has none."""
    head = read_at(file, part.start, 256)
    samples = 1152 if head[1] >> 3 & 3 == 3 else 576  # a frame
    for mark, at, flagged in ((b"Xing", 8, True), (b"Info", 8, True), (b"VBRI", 14, False)):
        place = head.find(mark)
        if place < 0 or (flagged and not head[place + 7] & 1):
            continue
        frames = int.from_bytes(head[place + at : place + at + 4], "big")
        padding = int.from_bytes(head[place + 141 : place + 144], "big") if flagged else 0  # 12 bits before, 12 behind
        return max(0, frames * samples - (padding >> 12) - (padding & 0xFFF)) / rate
    return None


# ------------------------------------------------------------------------------------------------------------- bytes


def read_at(file: BinaryIO, offset: int, length: int) -> bytes:
    """Read `length` bytes from a place, or fewer at the end; none behind it, however far a header points."""
    if length <= 0 or offset > FARTHEST:
        return b""
    file.seek(offset)
    return file.read(length)


class Window(io.RawIOBase):
    """The bytes of a file from `start` to `end`, some of them replaced: what a demuxer is given to read."""

    def __init__(self, file: BinaryIO, start: int, end: int, patches: Iterable[tuple[int, bytes]] = ()):
        self._file, self._start, self._length, self._patches = file, start, end - start, tuple(patches)
        self._at = 0

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """Every place can be gone to."""
        return True

    def tell(self) -> int:
        """Return the place in bytes from the window's beginning."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, which may lie behind the end."""
        self._at = max(0, offset + (0, self._at, self._length)[whence])
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Read up to `size` bytes; without it, to the end."""
        left = max(0, self._length - self._at)
        size = left if size is None or size < 0 else min(size, left)
        content = read_at(self._file, self._start + self._at, size)
        for place, replacement in self._patches:
            first, last = max(place, self._at), min(place + len(replacement), self._at + len(content))
            if first < last:
                inner = bytearray(content)
                inner[first - self._at : last - self._at] = replacement[first - place : last - place]
                content = bytes(inner)
        self._at += len(content)
        return content
