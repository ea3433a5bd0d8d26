"""What a telephone does to a voice: codecs of the wire, by libsndfile."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import soundfile
import soxr
from scipy.signal import butter, sosfiltfilt

from bibier.audio.format import SAMPLE_RATE

TELEPHONE = (300, 3400)  # Hz
TELEPHONE_RATE = 8_000  # Hz


def band(samples: np.ndarray) -> np.ndarray:
    """Pass 300–3400 Hz (fourth order)."""
    return sosfiltfilt(butter(4, TELEPHONE, btype="band", fs=SAMPLE_RATE, output="sos"), samples)


def through(samples: np.ndarray, subtype: str) -> np.ndarray:
    """Go through 8 kHz and a codec of libsndfile; samples and result are float32 at 16 kHz of one length."""
    narrow = np.clip(soxr.resample(samples, SAMPLE_RATE, TELEPHONE_RATE), -1, 1)
    file = io.BytesIO()
    soundfile.write(file, narrow, TELEPHONE_RATE, format="WAV", subtype=subtype)
    file.seek(0)
    decoded, _ = soundfile.read(file, dtype="float32")
    return _widened(decoded, len(samples))


def _widened(narrow: np.ndarray, length: int) -> np.ndarray:
    """Return samples at 8 kHz as float32 at 16 kHz, so many of them."""
    wide = soxr.resample(narrow, TELEPHONE_RATE, SAMPLE_RATE)[:length]
    return np.pad(wide, (0, length - len(wide))).astype(np.float32)


def telephone(samples: np.ndarray) -> np.ndarray:
    """Pass the band and go through 8 kHz, without a codec."""
    return _widened(soxr.resample(band(samples), SAMPLE_RATE, TELEPHONE_RATE), len(samples))


def gsm(samples: np.ndarray) -> np.ndarray:
    """GSM 06.10 full rate, 13 kbit/s: a mobile telephone of the second generation."""
    return through(samples, "GSM610")


def g711(samples: np.ndarray) -> np.ndarray:
    """G.711 (µ-law, 64 kbit/s) of 300–3400 Hz: a fixed line."""
    return through(band(samples), "ULAW")


CHANNELS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"gsm": gsm, "g711": g711}
