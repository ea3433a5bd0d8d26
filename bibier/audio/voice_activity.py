"""Is anybody speaking, and when? Silero VAD, for clips and for hours alike; its small model comes inside its package.

Everything here counts in its frames of 32 ms; F frames.
"""

from __future__ import annotations

import functools
import mmap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np

from bibier.audio.format import SAMPLE_RATE
from bibier.pauses import pause
from bibier.process import preserve_torch_threads

if TYPE_CHECKING:
    import torch

    from bibier.audio.silero import VoiceNetwork

FRAME = 512  # samples, 32 ms: what the model reads at a time
FRAMES_PER_SECOND = SAMPLE_RATE / FRAME

LOUD = 0.05  # RMS of the loud frames that the model is shown: far below, it hears nothing
LOUD_SHARE = 95  # per cent of the frames that are fainter than the loud ones
FAINTEST = 1e-4  # RMS; the rounding of 16 bits is not raised to a voice
BLOCK = 938  # frames, 30 s: as much of a recording is read at a time
STEP = 32  # frames, 1 s of a clip between two looks whether that is enough
BREATH = 0.1  # s; anything shorter is a closed consonant, not a pause

# A piano, a ringing telephone or a hum pass 0.5 for some frames and never 0.9; 598 of 600 clips of six corpora pass it
# within a word, and of the others one half-whispered sentence stays above 0.5 for a third of the time.
CERTAIN, CERTAIN_FRAMES = 0.9, 3  # probability, and the frames (0.1 s) that have it
LIKELY, LIKELY_SHARE = 0.5, 1 / 3  # probability, and the share of all frames that has it


class SileroVAD(Protocol):
    """What is used of Silero's model, a TorchScript module, which its package declares as another class."""

    def __call__(self, samples: torch.Tensor, rate: int, /) -> torch.Tensor: ...
    def reset_states(self) -> None: ...
    def state_dict(self) -> dict[str, torch.Tensor]: ...


def loud_level(samples: np.ndarray) -> float:
    """Level in dBFS that a twentieth of the frames of (n,) samples exceeds."""
    return float(20 * np.log10(np.percentile(loudness(samples), LOUD_SHARE) + 1e-10))


def loudness(samples: np.ndarray) -> np.ndarray:
    """Return the RMS (F,) of each frame of (n,) samples; the last frame may be shorter."""
    levels = []
    for block in _blocks(samples, BLOCK * FRAME):
        rest = len(block) % FRAME
        whole = block[: len(block) - rest].reshape(-1, FRAME)  # (frames, FRAME)
        levels.append(np.sqrt(np.square(whole).mean(axis=1)))
        if rest:
            levels.append(np.sqrt(np.square(block[-rest:]).mean(keepdims=True)))
    return np.concatenate(levels)


def has_speech(samples: np.ndarray) -> bool:
    """Whether (n,) samples hold speech and not only noise, music, tones or knocks. Stops at the first certain word."""
    level = loudness(samples)
    probabilities = np.zeros(len(level), np.float32)
    for start, outputs in _listen(samples, level, STEP):
        probabilities[start : start + len(outputs)] = outputs
        if (probabilities >= CERTAIN).sum() >= CERTAIN_FRAMES:
            return True
    return is_speech(probabilities)


def is_speech(probabilities: np.ndarray) -> bool:
    """Whether frames with the probabilities (F,) hold speech as a whole."""
    likely = LIKELY_SHARE * len(probabilities)
    return bool(
        (probabilities >= CERTAIN).sum() >= CERTAIN_FRAMES
        or (probabilities >= LIKELY).sum() > max(likely, CERTAIN_FRAMES)
    )


def voice_probabilities(samples: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Return how likely each frame (F,) holds speech, with the recording brought to one level first.

    `samples` is (n,) at 16 kHz: float32 in [-1, 1], or int16, which may lie in a file: some of it is read at a time.
    `level` is their `loudness`.
    """
    return np.concatenate([outputs for _, outputs in _listen(samples, level, BLOCK)])


def _listen(samples: np.ndarray, level: np.ndarray, step: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the first frame of each `step` and the probabilities of its frames (≤ step,), at the level that the model
    is shown, with silence after the end.
    """
    network, state, gain = voice_network(), None, _gain(level)
    for start in range(0, len(level), step):
        frames = np.zeros((min(step, len(level) - start), FRAME), np.float32)
        block = as_float(samples[start * FRAME : (start + len(frames)) * FRAME])
        frames.reshape(-1)[: len(block)] = np.clip(gain * block, -1, 1)
        release(samples)
        outputs, state = network(frames, state)
        yield start, outputs
        pause()


def _gain(level: np.ndarray) -> float:
    return LOUD / max(float(np.percentile(level, LOUD_SHARE)), FAINTEST)


def load_silero_vad() -> SileroVAD:
    """Return a model of one's own, which keeps a state: one thread at a time may use it. Torch's threads stay."""
    with preserve_torch_threads():
        import silero_vad
    return cast("SileroVAD", silero_vad.load_silero_vad())


@functools.cache
def voice_network() -> VoiceNetwork:
    """Return the network of Silero VAD for 16 kHz, which any thread may use."""
    from bibier.audio.silero import VoiceNetwork  # which brings torch

    weights = load_silero_vad().state_dict()  # also of a network for 8 kHz
    return VoiceNetwork({name.removeprefix("_model."): weight for name, weight in weights.items()})


def stretches(probabilities: np.ndarray, length: int) -> list[tuple[float, float]]:
    """Return the spoken stretches (start, end) in seconds of (F,) probabilities for `length` samples."""
    with preserve_torch_threads():
        from silero_vad import get_speech_timestamps_from_probs

    parts = get_speech_timestamps_from_probs(
        probabilities.tolist(),
        sampling_rate=SAMPLE_RATE,
        audio_length_samples=length,
        min_speech_duration_ms=round(BREATH * 1000),
        min_silence_duration_ms=round(BREATH * 1000),
        speech_pad_ms=0,
    )
    return [(part["start"] / SAMPLE_RATE, min(part["end"], length) / SAMPLE_RATE) for part in parts]


def as_float(samples: np.ndarray) -> np.ndarray:
    """Return (n,) float32 in [-1, 1] of the same or of int16."""
    if samples.dtype == np.int16:
        return samples.astype(np.float32) / 2**15
    return np.asarray(samples, dtype=np.float32)


def release(array: np.ndarray) -> None:
    """Give back the memory of what was read so far of an array that lies in a file; it is read again when wanted."""
    base: object = array
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):  # Windows has no such call
        base.madvise(mmap.MADV_DONTNEED)


def _blocks(samples: np.ndarray, length: int) -> Iterator[np.ndarray]:
    for start in range(0, len(samples), length):
        yield as_float(samples[start : start + length])
        release(samples)
