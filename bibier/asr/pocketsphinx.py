"""CMU PocketSphinx: English, rough, and no download."""

from __future__ import annotations

import re
import threading

import numpy as np

from bibier.asr import pocketsphinx_worker
from bibier.audio.format import SAMPLE_RATE
from bibier.audio.quality import is_silent
from bibier.audio.segmentation import cut_in_pauses
from bibier.errors import InputError
from bibier.process import is_installed
from bibier.transcript import Transcript, Word


class PocketSphinx:
    """CMU PocketSphinx with the English model of its package: no download, and rough.

    Long recordings are cut in pauses, so that the time grows linearly (about 0.2 s per second of speech).

    Raises
    ------
    InputError
        The package is not installed.
    """

    name = "pocketsphinx"
    rough = True
    language = "en"
    FRAME_RATE = 100  # Hz, of the segments' times
    LEVEL = 0.1  # RMS that the samples are brought to
    SHORTEST, LONGEST = 10, 20  # s, of the pieces

    def __init__(self):
        if not is_installed("pocketsphinx"):
            raise InputError("recogniser-not-installed", package="pocketsphinx")
        self._lock = threading.Lock()
        self._decoder = pocketsphinx_worker.Sphinx()

    def load(self) -> None:
        """Start the process that brings the models into memory (about a second)."""
        with self._lock:
            self._decoder.start()

    def __call__(self, samples: np.ndarray) -> Transcript:
        """Recognise (n,) float32 samples at 16 kHz; nothing is invented for silence. Raises InputError when the
        recogniser's process ends in the middle; the next call starts another.
        """
        if is_silent(samples):
            return Transcript("", source="none")
        gain = self.LEVEL / np.sqrt(np.mean(np.square(samples, dtype=np.float64)))
        pcm = np.round(np.clip(samples * gain, -1, 1) * 32767).astype("<i2")  # (n,)
        words = []
        with self._lock:
            for start, stop in cut_in_pauses(samples, self.SHORTEST * SAMPLE_RATE, self.LONGEST * SAMPLE_RATE):
                words += self._piece(pcm[start:stop], start / SAMPLE_RATE)
        if not words:
            return Transcript("", source="none")
        limit = len(samples) / SAMPLE_RATE  # seconds
        words = [Word(word.text, min(word.start, limit), min(word.end, limit)) for word in words]
        return Transcript(" ".join(word.text for word in words), self.language, tuple(words), "recogniser", self.name)

    def _piece(self, pcm: np.ndarray, offset: float) -> list[Word]:
        """Recognise one piece (n,) that begins at `offset` seconds."""
        try:
            segments = self._decoder(pcm.tobytes())
        except pocketsphinx_worker.Ended as error:
            raise InputError("recogniser-ended", name=self.name) from error
        found = []
        for word, first, last in segments:
            if word[0] in "<[+":  # <s>, <sil>, [NOISE], ++SMACK++
                continue
            text = re.sub(r"\(\d+\)$", "", word)  # the(2): another pronunciation
            start, end = first / self.FRAME_RATE, (last + 1) / self.FRAME_RATE
            found.append(Word(text, offset + start, offset + end))
        return found
