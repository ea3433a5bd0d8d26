"""Blocks at any rate → tracks at 16 kHz, checked on the way, in memory or in a temporary file; C channels.

The bound: what is kept in memory is `IN_MEMORY`, however long the recording is and however small its file; the rest
lies on the disk, 64 kB for each second and channel.
"""

from __future__ import annotations

import tempfile
from typing import BinaryIO

import numpy as np
import soxr

from bibier.audio.channels import AUTO, MIX, ChosenChannel, choose, number_of
from bibier.audio.decoding import Losses
from bibier.audio.format import MAX_CHANNELS, MAX_RATE, MIN_RATE, MIN_SECONDS, SAMPLE_RATE
from bibier.audio.quality import FLAT_TOP, FULL_SCALE
from bibier.errors import InputError
from bibier.i18n.messages import Message

IN_MEMORY = 2**25  # bytes of tracks
DENSITY = 384_000  # values a second that a recording of the full length may have: 8 channels of 48 kHz, 2 of 192 kHz
TOLD = 0.01  # s that are lost and told


class AudioReader:
    """Takes blocks at the source's rate, checks them, and keeps them at `SAMPLE_RATE`.

    Parameters
    ----------
    prefix
        The file's name, for messages.
    limit
        Of the recording's length, in seconds.
    """

    def __init__(self, prefix: str, limit: float):
        self.prefix, self.limit = prefix, limit
        self.headroom = False  # float files may exceed full scale without being clipped
        self.losses = Losses()
        self.rate, self.channels = 0, 0  # of the source; the channels are those of its beginning
        self.seconds = 0.0
        self.values = 0  # frames times channels, as decoded
        self.flattened = 0  # samples at full scale or on a flat top
        self.peak = 0.0
        self.resampled = 0  # frames at `SAMPLE_RATE`
        self._blocks: list[np.ndarray] = []
        self._file: BinaryIO | None = None
        self._stream: soxr.ResampleStream | None = None
        self._products, self._total = np.zeros((0, 0)), np.zeros(0)

    def refuse_length(self, seconds: float) -> None:
        """Raise InputError if a recording of `seconds` is too long."""
        if seconds > self.limit + 0.5:
            minutes = self.limit // 60
            raise InputError("audio-too-long", prefix=self.prefix, found=seconds / 60, limit=minutes)

    def add(self, block: np.ndarray, rate: int) -> None:
        """Keep a block of shape (n, channels), float32; where they change on the way, it is fitted to the first."""
        self._begin(rate, block.shape[1])
        finite = np.isfinite(block).all(axis=1)
        if not finite.all():
            second = self.seconds + int(np.argmin(finite)) / rate
            raise InputError("audio-not-finite", prefix=self.prefix, second=second)
        self.seconds += len(block) / rate
        self.values += block.size
        self.refuse_length(self.seconds)
        if self.values > DENSITY * self.limit:
            raise InputError("audio-too-dense", prefix=self.prefix, rate=rate, channels=block.shape[1])
        self.flattened += self._count_flattened(block)
        block = self._fitted(block)
        self._keep(block if self._stream is None else self._stream.resample_chunk(block))

    def _begin(self, rate: int, channels: int) -> None:
        if not 1 <= channels <= MAX_CHANNELS:
            raise InputError("audio-channels", prefix=self.prefix, channels=channels, limit=MAX_CHANNELS)
        if self.channels and rate == self.rate:
            return
        if not MIN_RATE <= rate <= MAX_RATE:
            raise InputError("audio-rate", prefix=self.prefix, rate=rate, low=MIN_RATE, high=MAX_RATE)
        self._flush()
        if not self.channels:
            self.channels = channels
            self._products, self._total = np.zeros((channels, channels)), np.zeros(channels)
        self.rate = rate
        self._stream = None
        if rate != SAMPLE_RATE:
            self._stream = soxr.ResampleStream(rate, SAMPLE_RATE, self.channels, dtype="float32")

    def _fitted(self, block: np.ndarray) -> np.ndarray:
        """Give a block (n, channels) the number of channels that the recording began with."""
        if block.shape[1] == self.channels:
            return np.ascontiguousarray(block)
        if block.shape[1] == 1 or self.channels == 1:
            return np.repeat(block.mean(axis=1, keepdims=True), self.channels, axis=1)
        fitted = np.zeros((len(block), self.channels), np.float32)
        shared = min(block.shape[1], self.channels)
        fitted[:, :shared] = block[:, :shared]
        return fitted

    def _flush(self) -> None:
        if self._stream is not None:
            self._keep(self._stream.resample_chunk(np.zeros((0, self.channels), np.float32), last=True))
            self._stream = None

    def _keep(self, block: np.ndarray) -> None:
        """Keep a block (n, C) at `SAMPLE_RATE`, and what decides which channel is judged."""
        if not len(block):
            return
        self.resampled += len(block)
        wide = block.astype(np.float64)
        self._products += np.einsum("nc,nd->cd", wide, wide)  # not by BLAS, which wakes its threads for so little
        self._total += wide.sum(axis=0)
        if self._file is None and self.resampled * self.channels * 4 > IN_MEMORY:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115  # gone with this object
            for earlier in self._blocks:
                self._file.write(earlier.tobytes())
            self._blocks.clear()
        block = np.ascontiguousarray(block, np.float32)
        if self._file is None:
            self._blocks.append(block)
        else:
            self._file.write(block.tobytes())

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
        return self.flattened / max(1, self.values)

    def finish(self) -> list[Message]:
        """Keep what the resampler still holds; say what was lost. Raises InputError where nothing is left to judge."""
        self._flush()
        if not self.resampled:
            raise InputError("audio-no-samples", prefix=self.prefix)
        losses, seconds = self.losses, self.seconds
        if losses.cut and seconds < MIN_SECONDS:
            raise InputError("audio-damaged", prefix=self.prefix, seconds=seconds, least=MIN_SECONDS)
        notices = []
        if losses.cut:
            whole = seconds + losses.missing + losses.damaged
            of = Message("audio-cut-of", {"whole": whole}) if losses.missing > TOLD else ""
            notices.append(Message("audio-cut", {"seconds": seconds, "of": of}))
        if losses.damaged > TOLD:
            notices.append(Message("audio-lost", {"seconds": losses.damaged}))
        if losses.unread:
            notices.append(Message("audio-unread", {"share": 100 * losses.unread}))
        return notices

    def tracks(self) -> np.ndarray:
        """Return everything that was kept: (n, C) float32 at `SAMPLE_RATE`, which may lie in the file."""
        if self._file is None:
            tracks = np.concatenate(self._blocks)
            self._blocks = [tracks]
            return tracks
        self._file.flush()
        return np.memmap(self._file, np.float32, "r").reshape(-1, self.channels)

    def channel(self, wanted: str) -> ChosenChannel:
        """Say which channel is judged, after `finish`: the `wanted` one, or with "auto" the one with speech.

        Raises InputError where there is no such channel.
        """
        number = number_of(wanted, self.channels, self.prefix)
        if wanted == AUTO:
            return choose(self.tracks(), self._products, self._total, SAMPLE_RATE)
        return ChosenChannel(None if wanted == MIX else number)


def one_track(tracks: np.ndarray, number: int | None) -> np.ndarray:
    """Return one channel (n,) of (n, C) samples by its number from 1, or the mean of all; a copy."""
    if number is None:
        return tracks.mean(axis=1, dtype=np.float32)
    return np.array(tracks[:, number - 1])
