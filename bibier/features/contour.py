"""How loud and how high a voice is over time, to be looked at: the level and the pitch of each fiftieth of a second.

The pitch is read off the map that the voice model hears (`LogMel.pitch_map`), where a voice is a line at its pitch and
at the octaves below: of the peaks nearly as high as the highest, the one of the highest pitch is taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bibier.audio.format import SAMPLE_RATE
from bibier.features.log_mel import HIGHEST_PITCH, LOWEST_PITCH, PITCH_WINDOW, LogMel, LogMelConfig

STEP = 0.02  # s
ROWS = 192  # of the map: steps of 1.2 per cent
LEAST_LEFT = 0.25  # of the window, that is made up for
NEARLY = 0.8  # of the highest peak, from which on a higher pitch is believed
VOICED = 0.4  # of the correlation at lag 0, from which on a frame is voiced
FAINT = 35.0  # dB under the loud frames, below which nothing is voiced
SMOOTH = 5  # frames of the median that takes single jumps out
SILENT = -90.0  # dBFS, the least level that is told
LOUD = 95  # percentile of the levels that counts as loud


@dataclass(frozen=True)
class Contour:
    """The `level` (T,) in dBFS and the `pitch` (T,) in Hz, NaN where no voice is heard, every `STEP` seconds."""

    level: np.ndarray
    pitch: np.ndarray

    def points(self, most: int) -> tuple[np.ndarray, np.ndarray]:
        """Return both as at most so many points: of each part the loudest level and the median pitch."""
        parts = np.array_split(np.arange(len(self.level)), min(most, len(self.level)))
        level = np.array([self.level[part].max() for part in parts])
        voiced = [self.pitch[part][~np.isnan(self.pitch[part])] for part in parts]
        return level, np.array([np.median(pitch) if len(pitch) else np.nan for pitch in voiced])


def contour(samples: np.ndarray) -> Contour:
    """Return the contour of (n,) float32 samples at 16 kHz in [-1, 1]."""
    config = LogMelConfig(pitch=ROWS, hop=STEP / 2)
    salience = LogMel(config).pitch_map(samples)  # (T, ROWS)
    hop = round(STEP * SAMPLE_RATE)
    padded = np.pad(np.square(np.asarray(samples, np.float64)), (hop, 2 * hop))
    sums = np.concatenate(([0.0], np.cumsum(padded)))
    begin = np.arange(len(salience)) * hop
    level = 10 * np.log10(np.maximum((sums[begin + 2 * hop] - sums[begin]) / (2 * hop), 10 ** (SILENT / 10)))

    hertz = np.geomspace(LOWEST_PITCH, HIGHEST_PITCH, ROWS)
    # the longer the lag, the less of the window is left to compare
    left = (1 + np.cos(2 * np.pi * SAMPLE_RATE / hertz / PITCH_WINDOW)) / 2  # (ROWS,)
    salience = salience / np.maximum(left, LEAST_LEFT)
    peaks = np.zeros_like(salience, bool)
    peaks[:, 1:-1] = (salience[:, 1:-1] >= salience[:, :-2]) & (salience[:, 1:-1] > salience[:, 2:])
    heights = np.where(peaks, salience, 0.0)
    highest = heights.max(axis=1)
    chosen = ROWS - 1 - np.argmax((heights >= NEARLY * highest[:, None])[:, ::-1], axis=1)  # (T,)
    loud = np.percentile(level, LOUD) if len(level) else SILENT
    voiced = (highest >= VOICED) & (level > max(loud - FAINT, SILENT))
    return Contour(level, _smooth(np.where(voiced, hertz[chosen], np.nan)))


def _smooth(pitch: np.ndarray) -> np.ndarray:
    """Return the running median (T,) over voiced frames; one that stands among unvoiced ones is no voice."""
    half = SMOOTH // 2
    padded = np.pad(pitch, half, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, SMOOTH)  # (T, SMOOTH)
    smooth = np.full(len(pitch), np.nan)
    enough = (~np.isnan(windows)).sum(axis=1) > half
    enough &= ~np.isnan(pitch)
    smooth[enough] = np.nanmedian(windows[enough], axis=1)
    return smooth
