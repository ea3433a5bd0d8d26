"""Recordings that are made for tests of what reads them, and what is asked of every one."""

import struct
from pathlib import Path

import av
import numpy as np
import pytest

from bibier.audio.io import load
from bibier.errors import InputError

RATE = 16_000  # Hz
FRAMES = 2**20  # of a frame that is encoded


def keys(clip) -> list[str]:
    for message in clip.notices:
        for language in ("en", "ru"):
            assert message.text(language)
    return [message.key for message in clip.notices]


def refused(source) -> InputError:
    """Load what must be refused; both sentences can be written and differ."""
    with pytest.raises(InputError) as caught:
        load(source)
    assert caught.value.text("en") != caught.value.text("ru")
    assert any("а" <= letter <= "я" for letter in caught.value.text("ru"))
    if isinstance(source, Path):
        assert str(source.parent) not in str(caught.value), "only the base name is shown"
    return caught.value


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Largest normalised correlation of two recordings of one voice, over shifts of up to 0.1 s."""
    size = 2 ** int(np.ceil(np.log2(len(a) + len(b))))
    products = np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)), size)
    near = np.concatenate([products[:1600], products[-1600:]])
    return float(near.max() / np.sqrt(np.square(a).sum() * np.square(b).sum()))


def stretched(samples: np.ndarray, rate: int) -> np.ndarray:
    """Resample by linear interpolation: a second, independent implementation, with some aliasing."""
    count = round(len(samples) * rate / RATE)
    return np.interp(np.arange(count) / rate, np.arange(len(samples)) / RATE, samples).astype(np.float32)


def wave_bytes(
    samples: np.ndarray, *, size: int | None = None, fmt: bytes | None = None, body: bytes | None = None
) -> bytes:
    """Write a wav by hand, with the data size that its header states."""
    body = (samples * 32767).astype("<i2").tobytes() if body is None else body
    fmt = fmt or struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16)
    size = len(body) if size is None else size
    whole = min(2**32 - 1, 20 + len(fmt) + size)
    return (
        b"RIFF"
        + struct.pack("<I", whole)
        + b"WAVEfmt "
        + struct.pack("<I", len(fmt))
        + fmt
        + b"data"
        + struct.pack("<I", size)
        + body
    )


def encoded(path: Path, samples: np.ndarray, codec: str, container: str, rate: int = 48_000, options=None) -> Path:
    """Encode with PyAV."""
    with av.open(str(path), "w", format=container, options=options or {}) as file:
        stream = file.add_stream(codec, rate=rate, layout="mono")
        resampler = av.AudioResampler(format=stream.format, layout="mono", rate=rate, frame_size=stream.frame_size)
        sound, parts = stretched(samples, rate), []
        for start in range(0, len(sound), FRAMES):  # a test before may have bounded what FFmpeg takes at once
            frame = av.AudioFrame.from_ndarray(sound[None, start : start + FRAMES], format="flt", layout="mono")
            frame.sample_rate, frame.pts = rate, start
            parts += resampler.resample(frame)
        for part in (*parts, *resampler.resample(None), None):
            for packet in stream.encode(part):
                file.mux(packet)
    return path
