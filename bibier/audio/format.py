"""The one format that everything computes with, and what is read into it."""

from __future__ import annotations

SAMPLE_RATE = 16_000  # Hz
MIN_SECONDS = 0.3  # s; anything shorter can't be judged
LONG_SECONDS = 20  # s; above, one judgement for the whole clip says little
MAX_SECONDS = 600  # s; ten minutes that are judged as a whole
MAX_CHANNELS = 8
MIN_RATE, MAX_RATE = 4_000, 768_000  # Hz
FORMATS = ("wav", "flac", "mp3", "ogg", "opus", "m4a", "webm")  # as a sentence names them: the usual ones
ENDINGS = {  # of the files that a folder is searched for: what `containers` and libsndfile read
    *(".wav", ".wave", ".rf64", ".bwf", ".w64", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf"),
    *(".flac", ".mp3", ".mp2", ".mpga", ".ogg", ".oga", ".ogv", ".opus", ".spx", ".aac", ".amr", ".awb"),
    *(".m4a", ".m4b", ".mp4", ".m4v", ".mov", ".3gp", ".3g2", ".3ga", ".qt"),
    *(".webm", ".weba", ".mkv", ".mka", ".avi", ".wma", ".wmv", ".asf"),
    *(".voc", ".sph", ".nist"),
}
