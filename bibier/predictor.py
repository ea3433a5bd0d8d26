"""Predictor(audio, transcript=None) → Prediction: the one object that users meet.

`Predictor.hear` does the work that depends on the sound alone, `Predictor.read` what depends on the words;
an edited transcript needs only the second.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bibier.asr import Transcript
from bibier.messages import Message


@dataclass(frozen=True)
class Branch:
    """One branch's distribution over `labels.EMOTIONS` by name, or None with the reason."""

    probabilities: dict[str, float] | None
    reason: Message | None = None


@dataclass(frozen=True)
class WordWeight:
    """How much one word mattered.

    `attention` is its share of the attention (≥ 0, all words sum to 1). `occlusion` is how far the probability of the
    predicted emotion falls when the word is deleted (in [-1, 1], negative when the word spoke against it).
    `begin` and `stop` are character offsets in the transcript, `start` and `end` seconds in the clip or None.
    """

    text: str
    begin: int
    stop: int
    attention: float
    occlusion: float
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True)
class Heard:
    """What the sound alone gave; kept so that an edit of the words need not listen again."""

    samples: np.ndarray | None  # (n,) float32 at 16 kHz in [-1, 1]; None when there is no sound
    duration: float  # seconds
    audio: Branch
    notices: tuple[Message, ...]
    speech: bool  # False for silence: nothing is transcribed and nothing is invented
    hidden: object  # the audio encoder's Encoded, batch of one, or None
    timings: dict[str, float]  # seconds per stage


@dataclass(frozen=True)
class Prediction:
    """Everything a person is shown about one clip."""

    audio: Branch
    text: Branch
    bimodal: Branch
    transcript: Transcript
    words: tuple[WordWeight, ...]
    conflict: float | None  # Jensen–Shannon divergence between voice and words, bits in [0, 1]
    notices: tuple[Message, ...]  # warnings: silence, clipping, too short, language unsupported
    duration: float  # seconds
    timings: dict[str, float]  # seconds per stage


class Predictor:
    """Predicts from sound and words with one checkpoint.

    Parameters
    ----------
    bundle
        A loaded checkpoint (`checkpoint.load`).
    recogniser
        Called with samples when no transcript is given; None means that words must be typed.
    """

    def __init__(self, bundle, recogniser: Callable[[np.ndarray], Transcript] | None = None):
        self.bundle = bundle
        self.recogniser = recogniser

    def hear(self, audio: str | Path | tuple[np.ndarray, int]) -> Heard:
        """Read and judge the recording, and run the audio branch. Raises InputError on unusable input."""
        raise NotImplementedError

    def transcribe(self, heard: Heard) -> Transcript:
        """Recognise the words; an empty Transcript (source "none") for silence or without a recogniser."""
        raise NotImplementedError

    def read(self, heard: Heard | None, transcript: Transcript | str) -> Prediction:
        """Run the text and bimodal branches; empty words give audio only, `heard=None` gives text only."""
        raise NotImplementedError

    def __call__(
        self,
        audio: str | Path | tuple[np.ndarray, int] | None,
        transcript: Transcript | str | None = None,
        *,
        progress: Callable[[str], None] | None = None,
    ) -> Prediction:
        """Predict a clip. `transcript=None` recognises the words; `progress` is told each stage's name."""
        raise NotImplementedError
