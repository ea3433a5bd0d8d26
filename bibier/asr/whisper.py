"""OpenAI's Whisper, whose weights are fetched when that was asked for."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, cast

import numpy as np

from bibier.asr.download import default_cache, download, is_whole, matches
from bibier.audio.format import SAMPLE_RATE
from bibier.audio.quality import is_silent
from bibier.audio.voice_activity import has_speech
from bibier.errors import InputError
from bibier.i18n.messages import Message
from bibier.process import is_installed, preserve_torch_threads
from bibier.transcript import Transcript, Word

if TYPE_CHECKING:
    import whisper

LANGUAGES = ("en", "ru")
SHORTEST_WORD = 0.06  # s
SPOKEN_SHARE = 0.9  # of a repetition's words that take at least as long
LEFT_OUT = 300  # characters that are told of what was left out
# The file in Whisper's cache and its size in MB, the preferred first: the paper's `base`, then the better ones.
WHISPER_FILES = {
    "base": ("base.pt", 145),
    "small": ("small.pt", 484),
    "turbo": ("large-v3-turbo.pt", 1_618),
    "medium": ("medium.pt", 1_528),
    "large-v3": ("large-v3.pt", 3_087),
    "tiny": ("tiny.pt", 76),
}


class _WhisperWord(TypedDict):
    word: str
    start: float  # seconds
    end: float


class _WhisperSegment(TypedDict):
    text: str
    words: list[_WhisperWord]
    no_speech_prob: float
    avg_logprob: float  # nats a token
    compression_ratio: float


class _WhisperResult(TypedDict):
    language: str
    segments: list[_WhisperSegment]


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
    profile
        "exact", or "fast": see `fast_whisper`.
    urls
        Name → address, whose last folder is the file's SHA-256; None is Whisper's own table.

    Raises
    ------
    InputError
        The name or the language is unknown, the package is not installed, or the weights are missing and `download` is
        False.
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
        profile: str = "exact",
    ):
        if language is not None and language not in LANGUAGES:
            raise InputError("recogniser-language", language=language, known=", ".join(LANGUAGES))
        self._own_file = Path(name) if name.endswith(".pt") else None
        if self._own_file is None and name not in WHISPER_FILES:
            names = ", ".join(f"whisper-{known}" for known in WHISPER_FILES)
            raise InputError("recogniser-unknown", name=name, names=names)
        if not is_installed("whisper"):
            raise InputError("recogniser-not-installed", package="openai-whisper")
        self.size = self._own_file.stem if self._own_file else name
        self.name = f"whisper-{self.size}"
        self.language, self.device, self.profile = language, device, profile
        self._download, self._timeout, self._progress, self._urls = download, timeout, progress, urls
        self._folder = cache or default_cache()
        self._lock = threading.Lock()
        self._model: whisper.Whisper | None = None
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
        return is_whole(self.weights, WHISPER_FILES[self.size][1])

    @property
    def announcement(self) -> Message:
        """What a download would fetch, how large it is and where it goes."""
        return Message("recogniser-download", self._figures())

    def _figures(self) -> dict[str, object]:
        return size_of(self.size, WHISPER_FILES[self.size][1]) | {"folder": str(self._folder)}

    def load(self) -> None:
        """Bring the model into memory, downloading its weights first if that was allowed.

        Raises
        ------
        InputError
            The download failed, or the weights are damaged.
        """
        with self._lock:
            self._loaded()

    def _loaded(self) -> whisper.Whisper:
        if self._model is None:
            self._model = self._load()
        return self._model

    def _load(self) -> whisper.Whisper:
        import torch
        import whisper
        import whisper.timing

        if self._own_file is None:
            address = (self._urls or whisper._MODELS)[self.size]  # the table has no public name
            if not self.ready:
                download(address, self.weights, timeout=self._timeout, progress=self._progress)
            elif not matches(self.weights, address):
                raise InputError("recogniser-damaged", path=str(self.weights))
        try:
            model = whisper.load_model(str(self.weights), device="cpu")
        except (RuntimeError, pickle.UnpicklingError, EOFError, KeyError, TypeError) as error:
            raise InputError("recogniser-damaged", path=str(self.weights)) from error
        model = model.to(self.device)  # a device that has no room for it is no damage of the file
        if self._own_file is None and self._urls is None:  # the heads that follow the words, in Whisper's own weights
            model.set_alignment_heads(whisper._ALIGNMENT_HEADS[self.size])
        if self.profile == "fast":
            from bibier.asr.fast_whisper import quicken

            quicken(model)
        with preserve_torch_threads():
            whisper.timing.dtw(torch.zeros(2, 2))  # compiles the alignment of words (3 s) now and not in the first clip
        return model

    def __call__(self, samples: np.ndarray) -> Transcript:
        """Recognise (n,) float32 samples at 16 kHz in [-1, 1]; nothing is invented for silence.

        Raises
        ------
        InputError
            The weights had to be loaded, and could not be.
        """
        if is_silent(samples):
            return Transcript("", source="none")
        import whisper

        with self._lock, preserve_torch_threads():
            model = self._loaded()
            transcribed = whisper.transcribe(
                model,
                np.asarray(samples, dtype=np.float32),
                language=self.language,
                word_timestamps=True,
                condition_on_previous_text=False,
                hallucination_silence_threshold=2.0,  # s
                fp16=model.device.type == "cuda",
            )
        result = cast("_WhisperResult", transcribed)  # which Whisper declares as a dictionary of strings and lists
        credible: list[_WhisperSegment] = []
        invented: list[str] = []
        for segment in result["segments"]:
            if _invented(segment) and not _said_again(segment, samples):
                invented.append(segment["text"].strip())
            else:
                credible.append(segment)
        left_out = " ".join(invented)[:LEFT_OUT]
        text = "".join(segment["text"] for segment in credible).strip()
        if not text:
            return Transcript("", source="none", left_out=left_out)
        limit = len(samples) / SAMPLE_RATE  # seconds
        words = [
            Word(word["word"].strip(), min(float(word["start"]), limit), min(float(word["end"]), limit))
            for segment in credible
            for word in segment["words"]
            if word["word"].strip()
        ]
        return Transcript(text, result["language"], tuple(words), "recogniser", self.name, left_out)


def _invented(segment: _WhisperSegment) -> bool:
    """Whether a segment of Whisper's looks like words put into silence, or one phrase repeated over and over."""
    return _put_into_silence(segment) or segment["compression_ratio"] > 2.4


def _put_into_silence(segment: _WhisperSegment) -> bool:
    return segment["no_speech_prob"] > 0.6 and segment["avg_logprob"] < -0.7


def _said_again(segment: _WhisperSegment, samples: np.ndarray) -> bool:
    """Whether a person repeats herself ("No. No. No."): each word takes its time, and there is speech where they stand.

    Of a phrase that Whisper repeats by itself the words pile up at a few moments, or stand in noise.
    """
    words = segment["words"]
    if _put_into_silence(segment) or not words:
        return False
    spoken = sum(word["end"] - word["start"] >= SHORTEST_WORD for word in words)
    if spoken < SPOKEN_SHARE * len(words):
        return False
    start, end = (round(SAMPLE_RATE * seconds) for seconds in (words[0]["start"], words[-1]["end"]))
    return end > start and has_speech(np.asarray(samples[start:end], dtype=np.float32))


def size_of(name: str, megabytes: int) -> dict[str, object]:
    """Return the values of a sentence about weights: their name and size."""
    return {"size": name, "megabytes": megabytes}
