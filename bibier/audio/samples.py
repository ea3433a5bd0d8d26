"""A decoded frame of PyAV → its samples; FFmpeg's converter, which takes longer than decoding, only where needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.resampler import AudioResampler

# What is read as it is, by FFmpeg's names.
PLAIN = {"flt": np.float32, "fltp": np.float32, "s16": np.int16, "s16p": np.int16}
PLANES = 8  # that PyAV gives of a frame


def as_packed(frame: AudioFrame, converter: AudioResampler) -> list[np.ndarray]:
    """Return a frame's samples as (n, channels) float32, converted where they are of another kind than `PLAIN`."""
    channels = frame.layout.nb_channels
    kind = PLAIN.get(frame.format.name)
    if kind is None or channels > PLANES:
        return [piece.to_ndarray().reshape(-1, channels) for piece in converter.resample(frame)]
    if frame.format.is_planar and channels > 1:
        samples = np.stack([np.frombuffer(memoryview(plane), kind, frame.samples) for plane in frame.planes], axis=1)
    else:
        samples = np.frombuffer(memoryview(frame.planes[0]), kind, frame.samples * channels).reshape(-1, channels)
    return [samples * np.float32(2**-15) if samples.dtype == np.int16 else samples]
