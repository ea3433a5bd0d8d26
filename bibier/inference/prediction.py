"""What is said about one clip: what voice, words and both together say, why it may be doubted, and the same as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bibier.i18n.messages import Message
from bibier.transcript import Transcript

if TYPE_CHECKING:
    from bibier.models.encoder_output import EncoderOutput

MODALITIES = ("audio", "text", "bimodal")  # what a Prediction has a result of
NOTHING_SAID = Transcript("", source="none")


@dataclass(frozen=True)
class ModalityResult:
    """What one modality (or both) says: a distribution over `labels.EMOTIONS` by name, or None with the reason.

    `ood` is the out-of-distribution score of voice or words: above 1 it is unlike anything that the model learnt from,
    and None where the checkpoint can't say. `doubt` tells why the distribution is not to be relied on, if it isn't.
    """

    probabilities: dict[str, float] | None
    reason: Message | None = None
    ood: float | None = None
    doubt: Message | None = None

    @property
    def reliable(self) -> bool:
        """Whether there is a distribution that may be relied on."""
        return self.probabilities is not None and self.doubt is None


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
class AudioEncoding:
    """What the sound alone gave; kept so that an edit of the words need not encode it again."""

    samples: np.ndarray  # (n,) float32 at 16 kHz in [-1, 1]
    duration: float  # seconds
    audio: ModalityResult
    notices: tuple[Message, ...]
    speech: bool  # False for silence: nothing is transcribed and nothing is invented
    encoder_output: EncoderOutput | None  # of the audio encoder, a batch of one
    timings: dict[str, float]  # seconds per stage
    channels: int = 1  # of the recording
    channel: int | None = 1  # the one that was heard, from 1; None for the mean of all


@dataclass(frozen=True)
class Prediction:
    """Everything a person is shown about one clip.

    Examples
    --------
    >>> from bibier.i18n.messages import Message
    >>> from bibier.labels import named
    >>> audio = ModalityResult(named([0.1, 0.1, 0.1, 0.4, 0.1, 0.1, 0.1]))
    >>> text = ModalityResult(None, Message("no-words"))
    >>> prediction = Prediction(audio, text, text, NOTHING_SAID, (), None, (), duration=1.5, timings={})
    >>> max(prediction.audio.probabilities, key=prediction.audio.probabilities.get)
    'happy'
    >>> prediction.text.reason.text("en")
    'There are no words to read. Type what was said, or choose a recogniser.'
    """

    audio: ModalityResult
    text: ModalityResult
    bimodal: ModalityResult
    transcript: Transcript
    words: tuple[WordWeight, ...]
    conflict: float | None  # Jensen–Shannon divergence between voice and words, bits in [0, 1]; None unless both count
    notices: tuple[Message, ...]  # warnings: silence, clipping, too short, language unsupported
    duration: float  # seconds
    timings: dict[str, float]  # seconds per stage


def judged(
    distribution: dict[str, float], ood: float | None, unlike: str, doubt: Message | None = None
) -> ModalityResult:
    """Return what voice or words say, with the doubt `unlike` where the out-of-distribution score is above 1.

    `doubt` is another reason for doubt, if there is one.
    """
    doubtful = ood is not None and not ood <= 1  # a score that is no number is no reason to rely on the rest
    return ModalityResult(distribution, ood=ood, doubt=Message(unlike) if doubtful else doubt)


def denies(text: ModalityResult) -> bool:
    """Whether the words are not to be relied on because they deny what they are judged for."""
    return text.doubt is not None and text.doubt.key == "words-negated"


def shared_doubt(audio: ModalityResult, text: ModalityResult) -> Message | None:
    """Return why both together are not to be relied on, if voice or words are not."""
    if audio.doubt and text.doubt:
        return Message("unlike-negated" if denies(text) else "both-unlike")
    if denies(text):
        return Message("one-negated")
    return Message("one-unlike") if audio.doubt or text.doubt else None


def weighed_for(text: ModalityResult, bimodal: ModalityResult) -> ModalityResult:
    """Return the result for whose likeliest emotion the words are weighed: of both, where that can be relied on."""
    return bimodal if bimodal.reliable else text


def as_json(prediction: Prediction, language: str = "en") -> dict:
    """Return a prediction for a program: every probability by its label's name, every sentence in `language`."""
    facts: dict = {}
    for modality in MODALITIES:
        result: ModalityResult = getattr(prediction, modality)
        facts[modality] = result.probabilities
        if result.probabilities is None:
            facts[f"{modality}_reason"] = result.reason.text(language) if result.reason else ""
        if result.doubt:
            facts[f"{modality}_doubt"] = result.doubt.text(language)
    facts["ood"] = {"audio": prediction.audio.ood, "text": prediction.text.ood}
    transcript = prediction.transcript
    facts["transcript"] = transcript.text
    facts["transcript_by"] = {name: getattr(transcript, name) for name in ("source", "recogniser", "language")}
    facts["words"] = [vars(word) for word in prediction.words]
    facts["conflict"] = prediction.conflict
    facts["warnings"] = [notice.text(language) for notice in prediction.notices]
    facts["timings"] = prediction.timings
    return facts
