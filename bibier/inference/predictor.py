"""Predictor(audio, transcript=None) → Prediction: the one object that users meet.

`Predictor.encode_audio` does the work that depends on the sound alone, `Predictor.classify` what depends on the words;
an edited transcript needs only the second.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from bibier.audio.channels import AUTO
from bibier.audio.format import LONG_SECONDS
from bibier.audio.io import AudioClip, load
from bibier.checkpoint.bundle import Bundle
from bibier.distributions import jensen_shannon
from bibier.errors import InputError
from bibier.features.batching import pad
from bibier.features.char_ngrams import WordSpan, words
from bibier.i18n.messages import Message
from bibier.inference.attribution import align, occlusion, per_word
from bibier.inference.negation import unread
from bibier.inference.prediction import MODALITIES as MODALITIES
from bibier.inference.prediction import (
    NOTHING_SAID,
    AudioEncoding,
    ModalityResult,
    Prediction,
    WordWeight,
    judged,
    shared_doubt,
    weighed_for,
)
from bibier.inference.prediction import as_json as as_json
from bibier.labels import named, vector
from bibier.models.encoder_output import EncoderOutput
from bibier.transcript import Transcript

BATCH = 64  # texts that are encoded at once
MAX_WORDS = 256  # of a transcript; more is a document, not an utterance


class Predictor:
    """Predicts from sound and words with one checkpoint.

    Parameters
    ----------
    bundle
        A loaded checkpoint (`checkpoint.bundle.load`).
    recogniser
        Called with (n,) float32 samples at 16 kHz when no transcript is given; None means that words must be typed.

    Examples
    --------
    >>> from bibier.checkpoint import bundle
    >>> predictor = Predictor(bundle.load("compact"))
    >>> prediction = predictor("examples/happy_en.ogg", "I am so happy to see you!")
    >>> round(sum(prediction.bimodal.probabilities.values()), 6)
    1.0
    >>> encoding = predictor.encode_audio("examples/happy_en.ogg")  # once, for any words
    >>> predictor.classify(encoding, "").text.reason.key
    'no-words'
    """

    def __init__(self, bundle: Bundle, recogniser: Callable[[np.ndarray], Transcript] | None = None):
        self.bundle = bundle
        self.recogniser = recogniser

    @torch.inference_mode()
    def encode_audio(
        self, audio: str | Path | tuple[np.ndarray, int] | AudioClip, *, channel: str = AUTO
    ) -> AudioEncoding:
        """Read and judge the recording, and run the audio encoder.

        Parameters
        ----------
        audio
            A file's path, or samples and their rate in Hz, as `audio.io.load` takes them; or a clip that it has read.
        channel
            "auto" is the one with speech; "left", "right", a number from 1, or "mix" for the mean of all.

        Raises
        ------
        InputError
            The recording can't be used.
        """
        clock = _Clock()
        clip = audio if isinstance(audio, AudioClip) else load(audio, channel=channel)
        notices = list(clip.notices)
        if clip.duration > LONG_SECONDS:
            notices.append(Message("audio-long", {"seconds": clip.duration}))
        clock.lap("read")
        output, speech = None, clip.speech and clip.long_enough
        if not speech:
            result = ModalityResult(None, Message("not-judged"))
        elif self.bundle.audio_encoder is None or self.bundle.audio_features is None:
            result = ModalityResult(None, Message("no-audio-model"))
        else:
            output = self.encode_clips([clip.samples])
            scores = self.bundle.score_voice(output)
            result = _result(output.logits, self.bundle.config.calibration.audio, scores, "voice-unlike")
            clock.lap("audio")
            if result.doubt:
                notices.append(result.doubt)
        heard = (result, tuple(notices), speech, output, clock.laps)
        return AudioEncoding(clip.samples, clip.duration, *heard, clip.channels, clip.channel)

    def transcribe(self, encoding: AudioEncoding) -> Transcript:
        """Recognise the words; an empty Transcript (source "none") for silence or without a recogniser."""
        if self.recogniser is None or not encoding.speech:
            return NOTHING_SAID
        return self.recogniser(encoding.samples)

    @torch.inference_mode()
    def classify(self, encoding: AudioEncoding | None, transcript: Transcript | str) -> Prediction:
        """Run the text encoder and the fusion; empty words give audio only, `encoding=None` gives text only."""
        clock = _Clock()
        if isinstance(transcript, str):
            transcript = Transcript(transcript, source="person" if transcript.strip() else "none")
        transcript = replace(transcript, text=self.bundle.prepare_text(transcript.text))
        notices = list(encoding.notices) if encoding else []
        audio = encoding.audio if encoding else ModalityResult(None, Message("no-sound"))
        spans = words(transcript.text)
        notices += self.transcript_notices(transcript, len(spans))
        spans = spans[:MAX_WORDS]
        text = bimodal = ModalityResult(None, Message("no-words" if self.bundle.text_encoder else "no-text-model"))
        weights: tuple[WordWeight, ...] = ()
        if spans and self.bundle.text_encoder:
            sound = encoding.encoder_output if encoding and self.bundle.fusion else None
            output = self.encode_texts([spans])
            (text,) = self.judge_words([spans], output)
            clock.lap("text")
            if text.doubt:
                notices.append(text.doubt)
            if sound is None:
                bimodal = ModalityResult(None, audio.reason or Message("no-fusion-model"))
            else:
                fused = probabilities(self.fuse(sound, output), self.bundle.config.calibration.bimodal)[0]
                bimodal = ModalityResult(fused, doubt=shared_doubt(audio, text))
                clock.lap("bimodal")
            result = weighed_for(text, bimodal)
            weights = self._weigh(spans, transcript, sound if result is bimodal else None, result, output)
            clock.lap("explain")
        return Prediction(
            audio,
            text,
            bimodal,
            transcript,
            weights,
            self.conflict(audio, text),
            tuple(notices),
            encoding.duration if encoding else 0.0,
            (encoding.timings if encoding else {}) | clock.laps,
        )

    def transcript_notices(self, transcript: Transcript, count: int) -> list[Message]:
        """Return what is to be said of words before they are read; `count` is how many there are."""
        notices = []
        if transcript.left_out:
            notices.append(Message("words-left-out", {"text": transcript.left_out}))
        if count and transcript.language not in (*self.bundle.config.languages, "und"):
            notices.append(Message("language-unsupported", {"language": transcript.language}))
        if count > MAX_WORDS:
            notices.append(Message("text-cut", {"words": count, "limit": MAX_WORDS}))
        return notices

    def __call__(
        self,
        audio: str | Path | tuple[np.ndarray, int] | AudioClip | None,
        transcript: Transcript | str | None = None,
        *,
        channel: str = AUTO,
        progress: Callable[[str], None] | None = None,
    ) -> Prediction:
        """Predict a clip.

        Parameters
        ----------
        audio
            A file's path, or samples and their rate in Hz, or a clip that was read; None where there are only words.
        transcript
            What was said; None has it recognised, "" leaves the voice alone.
        channel
            Which one is judged, as `encode_audio` takes it.
        progress
            Told the name of each stage: "encode_audio", "transcribe", "classify".

        Raises
        ------
        InputError
            The recording can't be used, or the recogniser failed.
        """
        tell = progress or (lambda stage: None)
        encoding, timings = None, {}
        if audio is not None:
            tell("encode_audio")
            encoding = self.encode_audio(audio, channel=channel)
        if transcript is None and encoding is not None:
            tell("transcribe")
            clock = _Clock()
            transcript = self.transcribe(encoding)
            clock.lap("transcribe")
            timings = clock.laps
        tell("classify")
        prediction = self.classify(encoding, transcript or NOTHING_SAID)
        return replace(prediction, timings=prediction.timings | timings)

    def conflict(self, audio: ModalityResult, text: ModalityResult) -> float | None:
        """Return how far voice and words disagree, in bits [0, 1]; None where one says nothing, or can't tell."""
        if not (audio.probabilities and text.probabilities) or audio.doubt or text.doubt:
            return None
        return float(jensen_shannon(vector(audio.probabilities), self._without_prior(text.probabilities)))

    @torch.inference_mode()
    def encode_clips(self, clips: list[np.ndarray]) -> EncoderOutput:
        """Run the audio encoder on a batch of clips (nᵢ,), float32 at 16 kHz; the checkpoint must have one."""
        encoder, extractor = self.bundle.audio_encoder, self.bundle.audio_features
        if encoder is None or extractor is None:
            raise ValueError("the checkpoint has no audio encoder")
        features, mask = pad([extractor(samples) for samples in clips])  # (B, T, …), (B, T)
        device = self.bundle.device
        with self.bundle.precision():
            return encoder(features=features.to(device), mask=mask.to(device)).to("cpu").float()

    @torch.inference_mode()
    def encode_texts(self, texts: list[tuple[WordSpan, ...]]) -> EncoderOutput:
        """Run the text encoder on a batch of texts given as spans; the checkpoint must have one."""
        encoder, extractor = self.bundle.text_encoder, self.bundle.text_features
        if encoder is None or extractor is None:
            raise ValueError("the checkpoint has no text encoder")
        features, mask = pad(extractor.batch(texts))  # (B, T, …), (B, T)
        device = self.bundle.device
        with self.bundle.precision():
            return encoder(features=features.to(device), mask=mask.to(device)).to("cpu").float()

    @torch.inference_mode()
    def judge_words(self, texts: Sequence[tuple[WordSpan, ...]], output: EncoderOutput) -> list[ModalityResult]:
        """Return what the words of each text say, and why it may be doubted; `output` is `encode_texts` of them."""
        calibration = self.bundle.config.calibration.text

        def judge(others: list[tuple[WordSpan, ...]]) -> np.ndarray:
            parts = [others[begin : begin + BATCH] for begin in range(0, len(others), BATCH)]
            logits = torch.cat([self.encode_texts(part).logits for part in parts])
            return torch.softmax(logits / calibration, -1).numpy()

        said = probabilities(output.logits, calibration)
        scores = self.bundle.score_words(texts) or [None] * len(texts)
        quotes = unread(texts, np.array([vector(distribution) for distribution in said]), judge)
        return [
            judged(distribution, score, "words-unlike", Message("words-negated", {"words": quote}) if quote else None)
            for distribution, score, quote in zip(said, scores, quotes, strict=True)
        ]

    @torch.inference_mode()
    def fuse(self, audio: EncoderOutput, text: EncoderOutput) -> torch.Tensor:
        """Run the fusion on batches of equal size; gives its logits (B, 7)."""
        device = self.bundle.device
        with self.bundle.precision():
            return self.bundle.fuse(audio.to(device), text.to(device)).logits.float().cpu()

    def _weigh(
        self,
        spans: tuple[WordSpan, ...],
        transcript: Transcript,
        sound: EncoderOutput | None,
        result: ModalityResult,
        output: EncoderOutput,
    ) -> tuple[WordWeight, ...]:
        """Weigh each word for the emotion that `result` predicts: both together, or the words alone without `sound`.

        The attention is that of the text encoder, whose rows (T,) may be tokens, also where there is a voice: the
        cross-attention of the fusion looks at words whose deletion changes no more than that of any word (README).
        """
        extractor = self.bundle.text_features
        if extractor is None or result.probabilities is None:
            return ()
        attention = per_word(output.attention[0].numpy(), extractor.owners(spans), len(spans))
        calibration = self.bundle.config.calibration
        whole = vector(result.probabilities)
        winner = int(whole.argmax())

        def probability(texts: list[tuple[WordSpan, ...]]) -> np.ndarray:
            shortened = self.encode_texts(texts)
            if sound is None:
                return torch.softmax(shortened.logits / calibration.text, -1)[:, winner].numpy()
            repeated = sound.map(lambda part: part.expand(len(texts), *part.shape[1:]))  # without a copy
            return torch.softmax(self.fuse(repeated, shortened) / calibration.bimodal, -1)[:, winner].numpy()

        falls = occlusion(spans, probability, float(whole[winner]))
        return tuple(
            WordWeight(span.text, span.begin, span.stop, float(share), float(fall), *times)
            for span, share, fall, times in zip(spans, attention, falls, align(spans, transcript.words), strict=True)
        )

    def _without_prior(self, probabilities: dict[str, float]) -> np.ndarray:
        """Return what the words say (7,) under a uniform prior, to be compared with the voice, whose prior is uniform.

        Conversation is mostly neutral, and the text encoder knows it; without this step it would seem to contradict
        every lively voice.
        """
        p = vector(probabilities) / np.asarray(self.bundle.config.text_prior)
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


def probabilities(logits: torch.Tensor, temperature: float) -> list[dict[str, float]]:
    """Return the calibrated distributions of logits (B, 7), by name: softmax(logits / temperature).

    Raises InputError where a logit is no finite number.
    """
    if not torch.isfinite(logits).all():
        raise InputError("model-not-finite")
    return [named(row) for row in torch.softmax(logits.double() / temperature, dim=-1).tolist()]


def _result(logits: torch.Tensor, temperature: float, scores: list[float] | None, unlike: str) -> ModalityResult:
    return judged(probabilities(logits, temperature)[0], scores[0] if scores else None, unlike)
