"""The one format that everything computes with, and what is read into it."""

from __future__ import annotations

SAMPLE_RATE = 16_000  # Hz
MIN_SECONDS = 0.3  # s; anything shorter can't be judged
MAX_SECONDS = 600  # s; ten minutes that are judged as a whole
MAX_CHANNELS = 8
MIN_RATE, MAX_RATE = 4_000, 768_000  # Hz
FORMATS = ("wav", "flac", "mp3", "ogg", "opus", "m4a", "webm")
ENDINGS = {f".{name}" for name in FORMATS}  # of the files that a folder is searched for
