"""Predictor(audio, transcript=None) → Prediction: the one object that users meet.

`Predictor.encode_audio` does the work that depends on the sound alone, `Predictor.classify` what depends on the words;
an edited transcript needs only the second.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from bibier.audio.io import load
from bibier.audio.long_recording import LONG_SECONDS
from bibier.checkpoint.bundle import Bundle
from bibier.distributions import jensen_shannon
from bibier.features.char_ngrams import WordSpan, words
from bibier.i18n.messages import Message
from bibier.inference.attribution import align, occlusion, per_word
from bibier.labels import named, vector
from bibier.models.encoder_output import EncoderOutput
from bibier.transcript import Transcript

MAX_WORDS = 256  # of a transcript; more is a document, not an utterance
NOTHING_SAID = Transcript("", source="none")


@dataclass(frozen=True)
class ModalityResult:
    """What one modality (or both) says: a distribution over `labels.EMOTIONS` by name, or None with the reason."""

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
class AudioEncoding:
    """What the sound alone gave; kept so that an edit of the words need not listen again."""

    samples: np.ndarray | None  # (n,) float32 at 16 kHz in [-1, 1]; None when there is no sound
    duration: float  # seconds
    audio: ModalityResult
    notices: tuple[Message, ...]
    speech: bool  # False for silence: nothing is transcribed and nothing is invented
    hidden: object  # the audio encoder's Encoded, batch of one, or None
    timings: dict[str, float]  # seconds per stage


@dataclass(frozen=True)
class Prediction:
    """Everything a person is shown about one clip."""

    audio: ModalityResult
    text: ModalityResult
    bimodal: ModalityResult
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

    def __init__(self, bundle: Bundle, recogniser: Callable[[np.ndarray], Transcript] | None = None):
        self.bundle = bundle
        self.recogniser = recogniser

    @torch.inference_mode()
    def encode_audio(self, audio: str | Path | tuple[np.ndarray, int]) -> AudioEncoding:
        """Read and judge the recording, and run the audio branch. Raises InputError on unusable input."""
        clock = _Clock()
        clip = load(audio)
        notices = list(clip.notices)
        if clip.duration > LONG_SECONDS:
            notices.append(Message("audio-long", {"seconds": clip.duration}))
        clock.lap("read")
        if not (clip.speech and clip.long_enough):
            return AudioEncoding(
                clip.samples,
                clip.duration,
                ModalityResult(None, Message("not-judged")),
                tuple(notices),
                False,
                None,
                clock.laps,
            )
        if self.bundle.audio_encoder is None:
            nothing = ModalityResult(None, Message("no-audio-model"))
            return AudioEncoding(clip.samples, clip.duration, nothing, tuple(notices), True, None, clock.laps)
        features = torch.from_numpy(self.bundle.audio_features(clip.samples))[None].to(self.bundle.device)  # (1, T, …)
        mask = torch.ones(features.shape[:2], dtype=torch.bool, device=features.device)
        encoded = self.bundle.audio_encoder(features=features, mask=mask).to("cpu")
        branch = _branch(encoded.logits, self.bundle.config.calibration.audio)
        clock.lap("audio")
        return AudioEncoding(clip.samples, clip.duration, branch, tuple(notices), True, encoded, clock.laps)

    def transcribe(self, heard: AudioEncoding) -> Transcript:
        """Recognise the words; an empty Transcript (source "none") for silence or without a recogniser."""
        if self.recogniser is None or not heard.speech:
            return NOTHING_SAID
        return self.recogniser(heard.samples)

    @torch.inference_mode()
    def classify(self, heard: AudioEncoding | None, transcript: Transcript | str) -> Prediction:
        """Run the text and bimodal branches; empty words give audio only, `heard=None` gives text only."""
        clock = _Clock()
        if isinstance(transcript, str):
            transcript = Transcript(transcript, source="person" if transcript.strip() else "none")
        transcript = replace(transcript, text=self.bundle.prepare_text(transcript.text))
        notices = list(heard.notices) if heard else []
        audio = heard.audio if heard else ModalityResult(None, Message("no-sound"))
        spans = words(transcript.text)
        if transcript.language not in (*self.bundle.config.languages, "und") and spans:
            notices.append(Message("language-unsupported", {"language": transcript.language}))
        if len(spans) > MAX_WORDS:
            notices.append(Message("text-cut", {"words": len(spans), "limit": MAX_WORDS}))
            spans = spans[:MAX_WORDS]
        text = bimodal = ModalityResult(None, Message("no-words" if self.bundle.text_encoder else "no-text-model"))
        weights: tuple[WordWeight, ...] = ()
        if spans and self.bundle.text_encoder:
            encoded = self.encode_texts([spans])
            text = _branch(encoded.logits, self.bundle.config.calibration.text)
            clock.lap("text")
            bimodal = ModalityResult(None, audio.reason or Message("no-fusion-model"))
            if heard and heard.hidden is not None and self.bundle.fusion:
                bimodal = _branch(self.fuse(heard.hidden, encoded), self.bundle.config.calibration.bimodal)
                clock.lap("bimodal")
            # The text encoder's attention, also where there is a voice: the cross-attention of the fusion looks at
            # words whose deletion changes no more than that of any word (docs/results.md).
            weights = self._weigh(spans, transcript, heard, text, bimodal, encoded.attention[0].numpy())
            clock.lap("explain")
        conflict = self.conflict(audio, text)
        return Prediction(
            audio,
            text,
            bimodal,
            transcript,
            weights,
            conflict,
            tuple(notices),
            heard.duration if heard else 0.0,
            (heard.timings if heard else {}) | clock.laps,
        )

    def __call__(
        self,
        audio: str | Path | tuple[np.ndarray, int] | None,
        transcript: Transcript | str | None = None,
        *,
        progress: Callable[[str], None] | None = None,
    ) -> Prediction:
        """Predict a clip. `transcript=None` recognises the words; `progress` is told each stage's name."""
        tell = progress or (lambda stage: None)
        heard, timings = None, {}
        if audio is not None:
            tell("encode_audio")
            heard = self.encode_audio(audio)
        if transcript is None and heard is not None:
            tell("transcribe")
            clock = _Clock()
            transcript = self.transcribe(heard)
            clock.lap("transcribe")
            timings = clock.laps
        tell("classify")
        prediction = self.classify(heard, transcript or NOTHING_SAID)
        return replace(prediction, timings=prediction.timings | timings)

    def conflict(self, audio: ModalityResult, text: ModalityResult) -> float | None:
        """Return how far voice and words disagree, in bits [0, 1]; None where one of them says nothing."""
        if not (audio.probabilities and text.probabilities):
            return None
        return jensen_shannon(vector(audio.probabilities), self._without_prior(text))

    def encode_texts(self, texts: list[tuple[WordSpan, ...]]) -> EncoderOutput:
        """Run the text encoder on a batch of texts given as spans."""
        rows = [torch.from_numpy(row) for row in self.bundle.text_features.batch(texts)]
        longest = max(1, max(len(row) for row in rows))
        features = rows[0].new_zeros((len(rows), longest, *rows[0].shape[1:]))
        mask = torch.zeros(len(rows), longest, dtype=torch.bool)
        for i, row in enumerate(rows):
            features[i, : len(row)] = row
            mask[i, : len(row)] = True
        device = self.bundle.device
        return self.bundle.text_encoder(features=features.to(device), mask=mask.to(device)).to("cpu")

    def fuse(self, heard: EncoderOutput, encoded: EncoderOutput) -> torch.Tensor:
        """Run the fusion; gives its logits (B, 7)."""
        device = self.bundle.device
        return self.bundle.fuse(heard.to(device), encoded.to(device)).logits.cpu()

    def _weigh(
        self,
        spans: tuple[WordSpan, ...],
        transcript: Transcript,
        heard: AudioEncoding | None,
        text: ModalityResult,
        bimodal: ModalityResult,
        attention: np.ndarray,
    ) -> tuple[WordWeight, ...]:
        """Weigh each word for the emotion that both together, or else the words alone, predict.

        `attention` is that of the text encoder's rows (T,), which may be tokens.
        """
        attention = per_word(attention, self.bundle.text_features.owners(spans), len(spans))
        calibration = self.bundle.config.calibration
        shown = bimodal if bimodal.probabilities else text
        whole = vector(shown.probabilities)
        winner = int(whole.argmax())

        def probability(texts: list[tuple[WordSpan, ...]]) -> np.ndarray:
            encoded = self.encode_texts(texts)
            if shown is text:
                return torch.softmax(encoded.logits / calibration.text, -1)[:, winner].numpy()
            sound = EncoderOutput(*(repeat(part, len(texts)) for part in vars(heard.hidden).values()))
            return torch.softmax(self.fuse(sound, encoded) / calibration.bimodal, -1)[:, winner].numpy()

        falls = occlusion(spans, probability, float(whole[winner]))
        return tuple(
            WordWeight(span.text, span.begin, span.stop, float(share), float(fall), *times)
            for span, share, fall, times in zip(spans, attention, falls, align(spans, transcript.words), strict=True)
        )

    def _without_prior(self, text: ModalityResult) -> np.ndarray:
        """Return what the words say (7,) under a uniform prior, to be compared with the voice, whose prior is uniform.

        Conversation is mostly neutral, and the text branch knows it; without this step it would seem to contradict
        every lively voice.
        """
        p = vector(text.probabilities) / np.asarray(self.bundle.config.text_prior)
        return p / p.sum()


class _Clock:
    """Times stages, in seconds."""

    def __init__(self):
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = now - self._last
        self._last = now


def _branch(logits: torch.Tensor, temperature: float) -> ModalityResult:
    return ModalityResult(named(torch.softmax(logits[0].double() / temperature, dim=-1).tolist()))


def repeat(tensor: torch.Tensor, times: int) -> torch.Tensor:
    """Repeat a batch of one without copying it."""
    return tensor.expand(times, *tensor.shape[1:])


def as_json(prediction: Prediction, language: str = "en") -> dict:
    """Return a prediction for a program: every probability by its label's name, every sentence in `language`."""
    found: dict = {}
    for name in ("audio", "text", "bimodal"):
        branch = getattr(prediction, name)
        found[name] = branch.probabilities
        if branch.probabilities is None:
            found[f"{name}_reason"] = branch.reason.text(language)
    transcript = prediction.transcript
    found["transcript"] = transcript.text
    found["transcript_by"] = {name: getattr(transcript, name) for name in ("source", "recogniser", "language")}
    found["words"] = [vars(word) for word in prediction.words]
    found["conflict"] = prediction.conflict
    found["warnings"] = [notice.text(language) for notice in prediction.notices]
    found["timings"] = prediction.timings
    return found
