"""CMU PocketSphinx: English, rough, and no download."""

from __future__ import annotations

import contextlib
import json
import re
import select
import subprocess
import sys
import threading
import weakref
from typing import IO

import numpy as np

from bibier.asr import pocketsphinx_worker
from bibier.audio.format import SAMPLE_RATE
from bibier.audio.quality import SILENT_PEAK, is_silent
from bibier.audio.segmentation import cut_in_pauses
from bibier.errors import InputError, RecogniserEnded
from bibier.pauses import check, pause
from bibier.process import is_installed
from bibier.transcript import Transcript, Word

END_SECONDS = 5.0  # for the process to end by itself
LOOK = 0.05  # s between two looks whether an answer begins
BEFORE = SAMPLE_RATE // 10  # samples of silence that stay before a piece


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
    SHORTEST, LONGEST = 4, 8  # s, of the pieces, between which others have their turn

    def __init__(self):
        if not is_installed("pocketsphinx"):
            raise InputError("recogniser-not-installed", package="pocketsphinx")
        self._lock = threading.Lock()
        self._process = PocketSphinxProcess()

    def load(self) -> None:
        """Start the process that brings the models into memory (about a second)."""
        with self._lock:
            self._process.start()

    def __call__(self, samples: np.ndarray) -> Transcript:
        """Recognise (n,) float32 samples at 16 kHz in [-1, 1]; nothing is invented for silence.

        Raises
        ------
        InputError
            The recogniser's process ended in the middle; the next call starts another.
        """
        if is_silent(samples):
            return Transcript("", source="none")
        gain = self.LEVEL / np.sqrt(np.mean(np.square(samples, dtype=np.float64)))
        pcm = np.round(np.clip(samples * gain, -1, 1) * 32767).astype("<i2")  # (n,)
        duration = len(samples) / SAMPLE_RATE  # seconds
        words: list[Word] = []
        for start, stop in cut_in_pauses(samples, self.SHORTEST * SAMPLE_RATE, self.LONGEST * SAMPLE_RATE):
            loud = np.flatnonzero(np.abs(samples[start:stop]) > SILENT_PEAK)
            if not len(loud):
                continue
            start += max(0, int(loud[0]) - BEFORE)  # in silence before it, a word would be invented
            with self._lock:
                words += self._recognise(pcm[start:stop], start / SAMPLE_RATE, duration)
            pause()
        if not words:
            return Transcript("", source="none")
        return Transcript(" ".join(word.text for word in words), self.language, tuple(words), "recogniser", self.name)

    def _recognise(self, pcm: np.ndarray, offset: float, duration: float) -> list[Word]:
        """Recognise one piece (n,) that begins at `offset` seconds of a recording of `duration` seconds."""
        try:
            segments = self._process(pcm.tobytes())
        except RecogniserEnded as error:
            raise InputError("recogniser-ended", name=self.name) from error
        words = []
        for entry, first, last in segments:
            if entry[0] in "<[+":  # <s>, <sil>, [NOISE], ++SMACK++
                continue
            text = re.sub(r"\(\d+\)$", "", entry)  # the(2): another pronunciation
            start, end = offset + first / self.FRAME_RATE, offset + (last + 1) / self.FRAME_RATE
            words.append(Word(text, min(start, duration), min(end, duration)))
        return words


class PocketSphinxProcess:
    """The decoder in a process of its own, which the first call or `start` starts.

    It ends with this object or this program, also when that is killed. Not for several threads at once.
    """

    def __init__(self):
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes] | None:
        """The process, once it was started."""
        return self._process

    def start(self) -> subprocess.Popen[bytes]:
        """Start the process, unless it runs; its models take about a second."""
        if self._process is None or self._process.poll() is not None:
            # -P: this folder is no place to look for modules in
            command = [sys.executable, "-P", pocketsphinx_worker.__file__]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            weakref.finalize(self, _end, self._process)
        return self._process

    def __call__(self, pcm: bytes) -> list[tuple[str, int, int]]:
        """Recognise 16-bit samples.

        Returns
        -------
        Words as the dictionary has them, fillers included, with the first and the last frame of each, 100 in a second.

        Raises
        ------
        RecogniserEnded
            The process was killed or has crashed.
        Cancelled
            It was stopped (`pauses.check`), and the process with it.
        """
        process = self.start()
        requests, answers = _pipes(process)
        try:
            requests.write(pocketsphinx_worker.LENGTH.pack(len(pcm)) + pcm)
            requests.flush()
            _wait(answers)
            answer = answers.readline()
        except BrokenPipeError:
            answer = b""
        except BaseException:  # it was stopped, and its answer would be taken for the next one
            process.kill()
            _end(process)
            raise
        if not answer.endswith(b"\n"):
            _end(process)
            raise RecogniserEnded(f"pocketsphinx ended with {process.returncode}")
        return [(entry, first, last) for entry, first, last in json.loads(answer)]


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    if process.stdin is None or process.stdout is None:
        raise RecogniserEnded("pocketsphinx was started without pipes")
    return process.stdin, process.stdout


def _wait(answers: IO[bytes]) -> None:
    """Wait for an answer to begin. Raises what `pauses.check` does."""
    if not hasattr(select, "poll"):  # Windows asks no pipe
        return
    poll = select.poll()
    poll.register(answers, select.POLLIN)
    while not poll.poll(1000 * LOOK):
        check()


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process: it goes when nothing more can come."""
    requests, answers = _pipes(process)
    with contextlib.suppress(BrokenPipeError):  # it is gone, and what was not yet sent with it
        requests.close()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    answers.close()
