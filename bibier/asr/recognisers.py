"""Samples → Transcript: Whisper where its weights are, pocketsphinx without a download, or the person's own words."""

from __future__ import annotations

import importlib.util
import pickle
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bibier import process
from bibier.asr import pocketsphinx_worker
from bibier.asr.download import default_cache, download, matches, whole
from bibier.i18n.messages import InputError, Message

SAMPLE_RATE = 16_000  # Hz
NOTHING_HEARD = 1e-4  # of full scale, -80 dB: no sample is louder in silence
LANGUAGES = ("en", "ru")

# The file in Whisper's cache and its size in MB, the preferred first: the paper's `base`, then the better ones.
WHISPER_FILES = {
    "base": ("base.pt", 145),
    "small": ("small.pt", 484),
    "turbo": ("large-v3-turbo.pt", 1_618),
    "medium": ("medium.pt", 1_528),
    "large-v3": ("large-v3.pt", 3_087),
    "tiny": ("tiny.pt", 76),
}


@dataclass(frozen=True)
class Word:
    """A spoken word; `start` and `end` are seconds from the clip's start, None when unknown."""

    text: str
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True)
class Transcript:
    """What was said. `source` is "recogniser", "person" or "none"; `language` an ISO 639-1 code or "und"."""

    text: str
    language: str = "und"
    words: tuple[Word, ...] = ()
    source: str = "person"
    recogniser: str | None = None


class Whisper:
    """OpenAI's Whisper. The weights are loaded at the first call, or by `load`; calls from several threads take turns.

    Parameters
    ----------
    name
        One of `WHISPER_FILES`, or the path of a .pt file of Whisper's format.
    language
        "en" or "ru"; None lets Whisper detect it.
    download
        Whether `load` may fetch weights that are not in the cache (`announcement` says what, how large and where to).
    cache
        The folder of the weights; None is Whisper's own.
    timeout
        Seconds without progress after which a download is given up.
    progress
        Told the bytes received and the bytes in all (None when unknown) while downloading.
    urls
        Name → address, whose last folder is the file's SHA-256; None is Whisper's own table.

    Raises
    ------
    InputError
        The name is unknown, the package is not installed, or the weights are missing and `download` is False.
    """

    rough = False

    def __init__(
        self,
        name: str = "base",
        *,
        language: str | None = None,
        download: bool = False,
        cache: Path | None = None,
        device: str = "cpu",
        timeout: float = 30.0,
        progress: Callable[[int, int | None], None] | None = None,
        urls: dict[str, str] | None = None,
    ):
        assert language is None or language in LANGUAGES, f"language is {language!r}, expected one of {LANGUAGES}"
        self._own_file = Path(name) if name.endswith(".pt") else None
        if self._own_file is None and name not in WHISPER_FILES:
            names = ", ".join(f"whisper-{known}" for known in WHISPER_FILES)
            raise InputError("recogniser-unknown", name=name, names=names)
        if not _installed("whisper"):
            raise InputError("recogniser-not-installed", package="openai-whisper")
        self.size = self._own_file.stem if self._own_file else name
        self.name = f"whisper-{self.size}"
        self.language, self.device = language, device
        self._download, self._timeout, self._progress, self._urls = download, timeout, progress, urls
        self._folder = cache or default_cache()
        self._lock = threading.Lock()
        self._model = None
        if not self.ready and not download:
            if self._own_file:
                raise InputError("recogniser-no-file", path=self._own_file.name)
            raise InputError("recogniser-not-downloaded", **self._figures())

    @property
    def weights(self) -> Path:
        """Where the weights are, or will be."""
        return self._own_file or self._folder / WHISPER_FILES[self.size][0]

    @property
    def ready(self) -> bool:
        """Whether the weights are there."""
        if self._own_file:
            return self._own_file.is_file()
        return whole(self.weights, WHISPER_FILES[self.size][1])

    @property
    def announcement(self) -> Message:
        """What a download would fetch, how large it is and where it goes."""
        return Message("recogniser-download", self._figures())

    def _figures(self) -> dict[str, object]:
        return _size(self.size, WHISPER_FILES[self.size][1]) | {"folder": str(self._folder)}

    def load(self) -> None:
        """Bring the model into memory, downloading its weights first if that was allowed.

        Raises
        ------
        InputError
            The download failed, or the weights are damaged.
        """
        with self._lock:
            if self._model is None:
                self._model = self._load()

    def _load(self):
        import torch
        import whisper

        if self._own_file is None:
            address = (self._urls or whisper._MODELS)[self.size]  # the table has no public name
            if not self.ready:
                download(address, self.weights, timeout=self._timeout, progress=self._progress)
            elif not matches(self.weights, address):
                raise InputError("recogniser-damaged", path=str(self.weights))
        try:
            model = whisper.load_model(str(self.weights), device=self.device)
        except (RuntimeError, pickle.UnpicklingError, EOFError, KeyError, TypeError) as error:
            raise InputError("recogniser-damaged", path=str(self.weights)) from error
        if self._own_file is None and self._urls is None:  # the heads that follow the words, in Whisper's own weights
            model.set_alignment_heads(whisper._ALIGNMENT_HEADS[self.size])
        with process.kept():
            whisper.timing.dtw(torch.zeros(2, 2))  # compiles the alignment of words (3 s) now and not in the first clip
        return model

    def __call__(self, samples: np.ndarray) -> Transcript:
        """Recognise (n,) float32 samples at 16 kHz; nothing is invented for silence."""
        if _nothing_heard(samples):
            return Transcript("", source="none")
        self.load()
        import whisper

        with self._lock, process.kept():
            result = whisper.transcribe(
                self._model,
                np.asarray(samples, dtype=np.float32),
                language=self.language,
                word_timestamps=True,
                condition_on_previous_text=False,
                hallucination_silence_threshold=2.0,  # s
                fp16=self._model.device.type == "cuda",
            )
        kept = [segment for segment in result["segments"] if not _invented(segment)]
        text = "".join(segment["text"] for segment in kept).strip()
        if not text:
            return Transcript("", source="none")
        limit = len(samples) / SAMPLE_RATE  # seconds
        words = [
            Word(word["word"].strip(), min(float(word["start"]), limit), min(float(word["end"]), limit))
            for segment in kept
            for word in segment["words"]
            if word["word"].strip()
        ]
        return Transcript(text, result["language"], tuple(words), "recogniser", self.name)


def _invented(segment: dict) -> bool:
    """Whether a segment of Whisper's looks like words put into silence, or one phrase repeated over and over."""
    silent = segment["no_speech_prob"] > 0.6 and segment["avg_logprob"] < -0.7
    return silent or segment["compression_ratio"] > 2.4


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
        if not _installed("pocketsphinx"):
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
        if _nothing_heard(samples):
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


def cut_in_pauses(samples: np.ndarray, shortest: int, longest: int) -> list[tuple[int, int]]:
    """Cut (n,) samples into pieces of `shortest` to `longest` samples at the faintest 0.2 s; the last is the rest."""
    width = SAMPLE_RATE // 5  # samples, 0.2 s
    pieces, start = [], 0
    while len(samples) - start > longest:
        stretch = np.square(samples[start + shortest : start + longest], dtype=np.float64)
        energy = np.cumsum(np.concatenate([[0.0], stretch]))  # (longest - shortest + 1,)
        stop = start + shortest + int(np.argmin(energy[width:] - energy[:-width])) + width // 2
        pieces.append((start, stop))
        start = stop
    return [*pieces, (start, len(samples))]


def _nothing_heard(samples: np.ndarray) -> bool:
    return not len(samples) or float(np.abs(samples).max()) < NOTHING_HEARD


# --------------------------------------------------------------------------------------------------------- the choice


@dataclass(frozen=True)
class Choice:
    """A recogniser that can be chosen. `megabytes` is what choosing it downloads, 0 when nothing is missing."""

    name: str
    label: Message
    ready: bool
    rough: bool = False
    megabytes: int = 0


def available(cache: Path | None = None) -> tuple[Choice, ...]:
    """List every recogniser, the preferred first; "none" at the end stands for words typed by the person."""
    folder = cache or default_cache()
    installed = _installed("whisper")
    choices = []
    for name, (file, megabytes) in WHISPER_FILES.items():
        here = whole(folder / file, megabytes)
        label = Message("recogniser-whisper" if here else "recogniser-whisper-missing", _size(name, megabytes))
        choices.append(Choice(f"whisper-{name}", label, installed and here, megabytes=0 if here else megabytes))
    rough = Choice("pocketsphinx", Message("recogniser-pocketsphinx"), _installed("pocketsphinx"), rough=True)
    return (*choices, rough, Choice("none", Message("recogniser-none"), ready=True))


def recogniser(
    name: str | None = None, *, cache: Path | None = None, language: str | None = None, device: str = "cpu"
) -> Whisper | PocketSphinx | None:
    """Return a recogniser by the name of its `Choice`; without one, the first that is ready.

    Nothing is downloaded: that is `Whisper(name, download=True)`. The models are loaded at the first call.

    Returns
    -------
    Whisper, PocketSphinx or None
        None when the words have to be typed: "none" was asked for, or nothing is ready.

    Raises
    ------
    InputError
        The one asked for is unknown, or its weights or package are missing.
    """
    choices = available(cache)
    if name is None:
        name = next(choice.name for choice in choices if choice.ready)
    if name == "none":
        return None
    if name == "pocketsphinx":
        return PocketSphinx()
    if name.startswith("whisper-"):
        return Whisper(name.removeprefix("whisper-"), cache=cache, language=language, device=device)
    raise InputError("recogniser-unknown", name=name, names=", ".join(choice.name for choice in choices))


def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _size(name: str, megabytes: int) -> dict[str, object]:
    return {"size": name, "megabytes": megabytes}
