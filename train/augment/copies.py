"""Copies of a clip as other rooms, microphones and lines would have recorded it, made of its samples.

They take longer than a training step has time for, so each is made once and kept (`experiment.feature_cache`). What a
copy is depends on the clip and a seed alone: nothing of another clip comes in, so no fold hears of the others.

n samples at 16 kHz, F frequencies.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from typing import cast

import numpy as np
import scipy.fft
import scipy.signal
import soundfile
import soxr

from bibier.audio.format import SAMPLE_RATE
from train.augment.channels import TELEPHONE, TELEPHONE_RATE, through
from train.constraints import Whole, constrained

VERSION = 1  # of how copies are made; another one makes them anew
SPEEDS = (0.85, 0.9, 0.95, 1.0, 1.0, 1.05, 1.1, 1.18)
SHORTEST = 512  # samples, to which a clip is filled up
TAIL = 4800  # samples of a room's response
COSINES = 5  # of an equaliser over log-frequency
SPEAKERS = 4  # of babble
MU = 255.0  # of the µ-law

Draw = np.random.Generator


@constrained
class Copies:
    """How many copies of each kind a clip has. CorpusError names a field that is out of range."""

    rooms: Whole = 0  # at another speed, in a room, with noise or babble, equalised, band-limited, clipped
    telephone: Whole = 0  # through GSM 06.10, or G.711 in 300–3400 Hz
    compressed: Whole = 0  # through MP3 or Vorbis at a low rate
    seed: Whole = 0  # of what is drawn for them

    def kinds(self) -> list[tuple[str, int]]:
        """Return kind and number of each copy."""
        return [(kind, number) for kind in MAKERS for number in range(getattr(self, kind))]


def copy(samples: np.ndarray, kind: str, number: int, seed: int) -> np.ndarray:
    """Return a clip's copy (n',) float32 of a kind of `MAKERS`; the same for the same samples, number and seed."""
    samples = np.pad(np.asarray(samples, dtype=np.float32), (0, max(SHORTEST - len(samples), 0)))
    digest = hashlib.sha256(samples.tobytes() + f"{kind} {number} {seed}".encode()).digest()
    if not samples.any():
        return samples
    return MAKERS[kind](samples, np.random.default_rng(np.frombuffer(digest, np.uint32))).astype(np.float32)


# --------------------------------------------------------------------------------------------------------------- rooms


def in_a_room(samples: np.ndarray, draw: Draw) -> np.ndarray:
    """Speed, room, equaliser, noise, band and clipping, each at random."""
    samples = at_speed(samples, float(draw.choice(SPEEDS)))
    n = len(samples)
    length = cast(int, scipy.fft.next_fast_len(n + TAIL, real=True))
    frequency = scipy.fft.rfftfreq(length, 1 / SAMPLE_RATE).astype(np.float32)  # (F,)
    response = _equaliser(frequency, draw)
    if draw.random() < 0.35:
        response = response * (1 + np.asarray(scipy.fft.rfft(_reverberation(draw), length)))
    heard = _filtered(samples, response, length)
    if draw.random() < 0.5:
        noise = _babble(samples, draw) if draw.random() < 0.3 else _noise(frequency, length, draw)[:n]
        level = np.sqrt(np.mean(heard**2)) / max(np.sqrt(np.mean(noise**2)), 1e-7)
        heard = heard + noise * level * 10 ** (-draw.uniform(4, 30) / 20)
    kind = draw.random()
    if kind < 0.5:  # half of these are a telephone's
        low, high = ((150, 400), (3000, 3800)) if kind < 0.25 else ((20, 250), (3200, 7600))
        heard = _filtered(heard, _band(frequency, draw.uniform(*low), draw.uniform(*high)), length)
    heard = heard / max(np.abs(heard).max(), 1e-7)
    if kind < 0.25 and draw.random() < 0.7:
        quantised = _quantised(heard * draw.uniform(0.05, 0.9))
        return _filtered(quantised, _sigmoid((TELEPHONE_RATE / 2 - frequency) / 60), length)
    return np.tanh(heard * draw.uniform(1.5, 6)) if draw.random() < 0.12 else heard


def at_speed(samples: np.ndarray, factor: float) -> np.ndarray:
    """Change pitch and tempo together, as a tape does: (n,) → (n / factor,)."""
    return samples if factor == 1 else soxr.resample(samples, SAMPLE_RATE * factor, SAMPLE_RATE)


def _filtered(samples: np.ndarray, response: np.ndarray, length: int) -> np.ndarray:
    spectrum = np.asarray(scipy.fft.rfft(samples, length))
    return np.asarray(scipy.fft.irfft(spectrum * response, length))[: len(samples)].astype(np.float32)


def _band(frequency: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return the response (F,) of a band from `low` to `high` in Hz, with soft edges."""
    return _sigmoid((frequency - low) / (0.08 * low)) * _sigmoid((high - frequency) / (0.02 * high))


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(x, -40, 40)))


def _reverberation(draw: Draw) -> np.ndarray:
    """Return a room's tail: noise that falls by 60 dB in 0.12 to 0.7 s, +2 to −16 dB beside the direct sound."""
    time = np.arange(TAIL) / SAMPLE_RATE
    tail = draw.standard_normal(TAIL) * np.exp(-np.log(1000) * time / draw.uniform(0.12, 0.7))
    tail = tail * (time > draw.uniform(0.001, 0.012))
    return tail / max(np.linalg.norm(tail), 1e-9) * 10 ** (-draw.uniform(-2, 16) / 20)


def _equaliser(frequency: np.ndarray, draw: Draw) -> np.ndarray:
    """Return a smooth response (F,) of a few random cosines over log-frequency, the widest of ±8 dB."""
    place = np.clip(np.log2(np.maximum(frequency, 60) / 60) / 7, 0, 1)
    orders = np.arange(1, COSINES + 1)
    decibels = (draw.uniform(-8, 8, COSINES) / np.sqrt(orders)) @ np.cos(np.pi * np.outer(orders, place))
    return 10 ** (decibels / 20)


def _noise(frequency: np.ndarray, length: int, draw: Draw) -> np.ndarray:
    """Return white to brown noise (length,)."""
    tilt = (np.maximum(frequency, 50) / 1000) ** -draw.uniform(0, 1.2)
    white = np.asarray(scipy.fft.rfft(draw.standard_normal(length).astype(np.float32)))
    return np.asarray(scipy.fft.irfft(white * tilt, length))


def _babble(samples: np.ndarray, draw: Draw) -> np.ndarray:
    """Return babble (n,) of the clip itself: backwards, at other speeds, from other places, several at once."""
    babble = np.zeros(len(samples), dtype=np.float32)
    for _ in range(SPEAKERS):
        voice = np.resize(at_speed(samples[::-1].copy(), float(draw.uniform(0.75, 1.3))), len(samples))
        babble += np.roll(voice, int(draw.integers(len(samples))))
    return babble


def _quantised(samples: np.ndarray) -> np.ndarray:
    """Round samples in [−1, 1] to the 8 bits of the µ-law."""
    code = np.sign(samples) * np.log1p(MU * np.abs(samples)) / np.log1p(MU)
    code = np.round(code * 127) / 127
    return np.sign(code) * ((1 + MU) ** np.abs(code) - 1) / MU


# -------------------------------------------------------------------------------------------------------------- codecs


def by_telephone(samples: np.ndarray, draw: Draw) -> np.ndarray:
    """Through GSM 06.10, or the line's band and G.711 in one of its two laws."""
    codec = str(draw.choice(("GSM610", "GSM610", "ULAW", "ALAW")))
    if codec != "GSM610":
        band = scipy.signal.butter(4, TELEPHONE, "band", fs=SAMPLE_RATE, output="sos")
        samples = np.asarray(scipy.signal.sosfilt(band, samples))
    return through(_levelled(samples, draw), codec)


def compressed(samples: np.ndarray, draw: Draw) -> np.ndarray:
    """Through MP3 or Vorbis, at a low rate."""
    levelled = _levelled(samples, draw)
    if draw.random() < 1 / 3:
        level = {"format": "MP3", "subtype": "MPEG_LAYER_III", "compression_level": draw.uniform(0.7, 0.99)}
    else:
        level = {"format": "OGG", "subtype": "VORBIS", "compression_level": draw.uniform(0.8, 1.0)}
    file = io.BytesIO()
    soundfile.write(file, levelled, SAMPLE_RATE, **level)
    file.seek(0)
    decoded = soundfile.read(file, dtype="float32")[0][: len(samples)]
    return np.pad(decoded, (0, len(samples) - len(decoded)))


def _levelled(samples: np.ndarray, draw: Draw) -> np.ndarray:
    return (samples / max(np.abs(samples).max(), 1e-6) * draw.uniform(0.1, 0.9)).astype(np.float32)


MAKERS: dict[str, Callable[[np.ndarray, Draw], np.ndarray]] = {
    "rooms": in_a_room,
    "telephone": by_telephone,
    "compressed": compressed,
}
