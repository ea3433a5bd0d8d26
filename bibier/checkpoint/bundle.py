"""Save and load checkpoints: a folder with config.json, model.safetensors and a model card.

A checkpoint describes itself and is read strictly: an unknown key, a missing tensor or other labels are refused, and
nothing is ever unpickled.
"""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import safetensors
import torch
from safetensors.torch import save_file

from bibier.audio.format import SAMPLE_RATE
from bibier.checkpoint import hub
from bibier.checkpoint.allocation import at_most
from bibier.checkpoint.components import REGISTRY, build, parse_config
from bibier.checkpoint.consent import require_consent
from bibier.checkpoint.ranges import check_kinds
from bibier.errors import InputError, reason_of
from bibier.features.char_ngrams import CharNgrams, CharNgramsConfig
from bibier.features.log_mel import LogMel, LogMelConfig
from bibier.features.speech_encoders import HubAudio, HubAudioConfig
from bibier.features.text_encoders import HubText, HubTextConfig
from bibier.features.tokens import WordSpan
from bibier.files import bundled, carry_over, replace_folder
from bibier.labels import EMOTIONS
from bibier.models.audio_encoder import AudioEncoder, AudioEncoderConfig
from bibier.models.audio_ensemble import AudioEnsemble, AudioEnsembleConfig
from bibier.models.encoder_output import EncoderOutput
from bibier.models.fusion import Fused, Fusion, FusionConfig
from bibier.models.layers import masked_mean
from bibier.models.lpgnet import LPGNet, LPGNetConfig
from bibier.models.memocmt import MemoCMT, MemoCMTConfig
from bibier.models.ood_score import OODScore, OODScoreConfig
from bibier.models.sequence_encoder import SequenceEncoder, SequenceEncoderConfig
from bibier.models.text_encoder import TextEncoder, TextEncoderConfig
from bibier.parsing import read_json, read_settings
from bibier.process import gains_by_bfloat16

FORMAT = 1
UNKNOWN = 0.3  # of a text's words and their letters: where more have no row, the words' score is above 1
SLACK = 4_000_000  # numbers of buffers that no weights hold, such as filters
LONGEST_TEXT = 100_000  # characters: two hours of speech. Some signs become eighteen when they are normalised
ROOT = bundled("checkpoints")
CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"


@dataclass(frozen=True)
class Calibration:
    """Temperatures by which each branch's logits are divided, fitted on parts that no branch was trained on."""

    audio: float = 1.0
    text: float = 1.0
    bimodal: float = 1.0


@dataclass(frozen=True)
class BundleConfig:
    """All that is needed to rebuild a bundle and to know what it is; every field is JSON."""

    name: str
    # Parts, each a config that `components` knows. A bundle without an encoder, such as published weights of one
    # modality, judges by the other alone.
    audio_features: LogMelConfig | HubAudioConfig | None = None
    audio_encoder: AudioEncoderConfig | AudioEnsembleConfig | SequenceEncoderConfig | None = None
    text_features: CharNgramsConfig | HubTextConfig | None = None
    text_encoder: TextEncoderConfig | SequenceEncoderConfig | None = None
    fusion: FusionConfig | MemoCMTConfig | LPGNetConfig | None = None
    ood_score: OODScoreConfig | None = (
        None  # of the voice; without it no voice is ever said to be unlike the training's
    )
    calibration: Calibration = Calibration()
    languages: tuple[str, ...] = ("en", "ru")
    licence: str = "research, non-commercial"
    text_prior: tuple[float, ...] = (1 / 7,) * 7  # classes among the texts of the training set, in the order of labels
    recipe: dict = field(default_factory=dict)
    data: dict = field(default_factory=dict)  # corpora, counts and a SHA-256 of the training set
    metrics: dict = field(default_factory=dict)  # figures with their split
    labels: tuple[str, ...] = EMOTIONS
    sample_rate: int = SAMPLE_RATE
    format: int = FORMAT


class Bundle(torch.nn.Module):
    """Audio encoder, text encoder and fusion with their extractors and temperatures: what the Predictor runs."""

    audio_features: LogMel | HubAudio | None
    audio_encoder: AudioEncoder | AudioEnsemble | SequenceEncoder | None
    text_features: CharNgrams | HubText | None
    text_encoder: TextEncoder | SequenceEncoder | None
    fusion: Fusion | MemoCMT | LPGNet | None
    ood_score: OODScore | None

    def __init__(self, config: BundleConfig):
        super().__init__()
        self.config = config
        self.audio_features = build("audio_features", config.audio_features)
        self.audio_encoder = build("audio_encoder", config.audio_encoder)
        self.text_features = build("text_features", config.text_features)
        self.text_encoder = build("text_encoder", config.text_encoder)
        self.fusion = build("fusion", config.fusion)
        self.ood_score = build("ood_score", config.ood_score)
        self.fast = False
        _agree(self)

    def quicken(self) -> None:
        """Have it compute by the profile "fast" (`process.choose_profile`), before its first use.

        That is for encoders of the Hub and what reads their vectors; a bundle without them stays as it is.
        """
        extractors = [e for e in (self.audio_features, self.text_features) if isinstance(e, HubAudio | HubText)]
        for extractor in extractors:
            extractor.fast = True
        self.fast = bool(extractors) and gains_by_bfloat16(self.device.type)

    def precision(self) -> torch.autocast:
        """Return the context in which encoders and fusion run: bfloat16 in the profile "fast", the scan in float32."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.fast)

    @property
    def device(self) -> torch.device:
        """Where the encoders and the fusion are."""
        return next(self.parameters()).device

    def prepare_text(self, text: str) -> str:
        """Return a text as the text branch reads it: normalised where the checkpoint says so, and no longer than any
        transcript."""
        extractor, text = self.text_features, text[:LONGEST_TEXT]
        return extractor.prepare(text) if isinstance(extractor, CharNgrams) else text

    def score_voice(self, voice: EncoderOutput) -> list[float] | None:
        """Return the out-of-distribution score of each clip of a batch, above 1 where it is unlike the training
        speech; None where the checkpoint has no such score."""
        if self.ood_score is None or voice.pooled is None:
            return None
        return self.ood_score(voice.pooled.to(self.device)).tolist()

    def score_words(self, texts: Sequence[Sequence[WordSpan]]) -> list[float] | None:
        """Return the out-of-distribution score of each text, above 1 where (nearly) none of it was in the training
        texts: the share that has no row in the vocabulary, in units of `UNKNOWN`. None without a vocabulary.

        Numbers and unknown emoji say nothing and don't count; a text of nothing else is unknown.
        """
        encoder, extractor = self.text_encoder, self.text_features
        if not (isinstance(encoder, TextEncoder) and isinstance(extractor, CharNgrams) and encoder.config.vocabulary):
            return None
        scores = []
        for spans in texts:
            features = torch.from_numpy(extractor(spans))[None].to(self.device)  # (1, T, K)
            shares = encoder.familiar(features)[0].tolist() if spans else []
            counted = [
                share
                for span, share in zip(spans, shares, strict=True)
                if any(map(str.isalpha, span.text)) or (share == 1 and not any(map(str.isdigit, span.text)))
            ]
            known = sum(counted) / len(counted) if counted else 0.0
            scores.append((1 - known) / UNKNOWN)
        return scores

    def fuse(self, voice: EncoderOutput, words: EncoderOutput) -> Fused:
        """Run the fusion on what the encoders give of a batch of clips. The bundle must have one."""
        assert self.fusion is not None, "this bundle has no fusion"
        if getattr(self.config.fusion, "variant", None) == "utterance":
            return self._as_dialogues(voice, words)
        calibration = self.config.calibration
        return self.fusion(
            audio=voice.hidden,
            audio_mask=voice.mask,
            text=words.hidden,
            text_mask=words.mask,
            audio_log=branch_inputs(self.config.fusion, voice.logits, calibration.audio),
            text_log=branch_inputs(self.config.fusion, words.logits, calibration.text),
        )

    def _as_dialogues(self, voice: EncoderOutput, words: EncoderOutput) -> Fused:
        """Run a fusion that reads dialogues: every clip is a dialogue of one utterance, the mean of its states."""
        assert self.fusion is not None
        utterance = torch.ones(voice.mask.shape[0], 1, dtype=torch.bool, device=voice.mask.device)
        fused = self.fusion(
            audio=masked_mean(voice.hidden, voice.mask)[:, None],
            audio_mask=utterance,
            text=masked_mean(words.hidden, words.mask)[:, None],
            text_mask=utterance,
        )
        return Fused(fused.logits[:, 0], None)


def branch_inputs(
    fusion_config: FusionConfig | MemoCMTConfig | LPGNetConfig | None, logits: torch.Tensor, temperature: float
) -> torch.Tensor:
    """Return what a fusion reads of a branch's prediction (B, 7): calibrated log-probabilities, or the logits as they
    are for a published variant, which was trained on those."""
    if getattr(fusion_config, "expects_logits", False):
        return logits
    return torch.log_softmax(logits / temperature, dim=-1)


def _agree(bundle: Bundle) -> None:
    """Raise ValueError where two parts of a bundle contradict each other."""
    config = bundle.config
    for modality in ("audio", "text"):
        features, encoder = getattr(config, f"{modality}_features"), getattr(config, f"{modality}_encoder")
        if (features is None) != (encoder is None):
            raise ValueError(f"{modality}_features and {modality}_encoder belong together: give both or none")
        for name in ("bins", "buckets", "slots"):
            ours, theirs = getattr(features, name, None), getattr(encoder, name, None)
            rows = getattr(features, "pitch", 0) if name == "bins" else 0  # of pitch, read above the mel bins
            if ours is not None and theirs is not None and ours + rows != theirs:
                given = f"{ours} + {rows} of pitch" if rows else ours
                raise ValueError(f"{modality}_features.{name} is {given}, and {modality}_encoder.{name} is {theirs}")
        inputs, extractor = getattr(encoder, "inputs", None), getattr(bundle, f"{modality}_features")
        given = None if extractor is None else getattr(extractor, "per_step", extractor.dim)
        if inputs is not None and inputs != given:
            raise ValueError(f"{modality}_encoder.inputs is {inputs}, and {features.kind} gives {given} features")
        if config.fusion is not None:
            if encoder is None:
                raise ValueError(f"the fusion needs an encoder of {modality}")
            made, read = getattr(bundle, f"{modality}_encoder").dim_out, getattr(config.fusion, f"{modality}_dim")
            if made != read:
                raise ValueError(f"the {modality} encoder gives {made} features, and the fusion reads {read}")
    if config.ood_score is not None:
        if bundle.audio_encoder is None:
            raise ValueError("the ood_score needs an audio encoder")
        pooled = bundle.audio_encoder.dim_pooled
        if config.ood_score.dim != pooled:
            raise ValueError(f"the audio encoder pools {pooled} features, and ood_score.dim is {config.ood_score.dim}")
    if config.audio_encoder is None and config.text_encoder is None:
        raise ValueError("neither an audio encoder nor a text encoder")
    calibration = dataclasses.asdict(config.calibration).values()
    if not all(isinstance(t, int | float) and 0 < t < float("inf") for t in calibration):
        raise ValueError("every temperature of calibration must be positive")
    prior = config.text_prior
    if len(prior) != len(EMOTIONS) or not all(isinstance(p, int | float) and 0 < p < float("inf") for p in prior):
        raise ValueError(f"text_prior must be {len(EMOTIONS)} positive numbers")


def save(bundle: Bundle, folder: str | Path, card: str, *, half: bool = True) -> Path:
    """Write a checkpoint folder; floating-point tensors are stored as float16, or with `half=False` as they are.

    The folder appears, or changes places with the old one, when all of it is written: a kill at any moment leaves the
    one or the other, never new weights beside an old config. Other files in it stay.
    """
    check_place(folder := Path(folder))
    tensors = {
        name: (tensor.half() if half and tensor.is_floating_point() else tensor).contiguous()
        for name, tensor in bundle.state_dict().items()
    }
    text = json.dumps(dataclasses.asdict(bundle.config), indent=2, ensure_ascii=False) + "\n"
    part: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        part.chmod(0o755)  # mkdtemp makes it private
        save_file(tensors, part / WEIGHTS, metadata={"format": "pt"})
        (part / WEIGHTS).chmod(0o644)  # and safetensors the file
        (part / CONFIG).write_text(text, encoding="utf-8")
        (part / CARD).write_text(card, encoding="utf-8")
        if folder.is_dir():
            carry_over(folder, part, (WEIGHTS, CONFIG, CARD))
        replace_folder(part, folder)
    except (OSError, safetensors.SafetensorError) as error:
        raise InputError("checkpoint-not-written", name=str(folder), detail=str(error)) from error
    finally:
        if part:
            shutil.rmtree(part, ignore_errors=True)
    return folder


def check_place(folder: Path) -> None:
    """Raise InputError unless a checkpoint may be written there: many other things have files of these names too."""
    if folder.exists() and not folder.is_dir():
        raise InputError("checkpoint-other", name=str(folder))
    if any((folder / name).exists() for name in (WEIGHTS, CONFIG, CARD)):
        try:
            read_config(folder)
        except (InputError, OSError) as error:
            raise InputError("checkpoint-other", name=str(folder)) from error


def resolve(name: str | Path) -> Path:
    """Return the folder of a checkpoint: a path, a name under the project's `checkpoints/`, or one of the Hub.

    "user/name" or "user/name@revision" is fetched if it is not here: to name it is to ask for it.
    """
    for folder in (Path(name), ROOT / name):
        if (folder / CONFIG).is_file():
            return folder
        if folder.is_dir():
            raise InputError("checkpoint-no-config", name=str(name), file=CONFIG)
        if folder.is_file():
            raise InputError("checkpoint-is-file", name=str(name))
    if isinstance(name, str) and hub.is_name(name):
        return hub.fetch(name, (CONFIG, WEIGHTS, CARD))
    raise InputError("checkpoint-missing", name=str(name))


def load(name: str | Path = "compact", device: str = "cpu", *, called: str = "", profile: str = "exact") -> Bundle:
    """Load a checkpoint by folder or name, in eval mode and float32; sentences name it as it is `called`.

    With the profile "fast" its encoders of the Hub compute in bfloat16 where that gains.

    Raises
    ------
    InputError
        No such checkpoint; a config that is not JSON, has unknown or missing keys, other labels or another sample
        rate; weights that are truncated, pickled, or do not fit the config tensor by tensor; features that run program
        code of others, which $BIBIER_REMOTE_CODE does not name.
    """
    folder, name = resolve(name), called or name
    config = read_config(folder, called)
    require_consent(str(name), config.audio_features, config.text_features)
    if not (folder / WEIGHTS).is_file():
        raise InputError("checkpoint-no-weights", name=str(name), file=WEIGHTS)
    try:
        tensors = _tensors(folder / WEIGHTS, device)
    except safetensors.SafetensorError as error:
        raise InputError("checkpoint-weights-broken", name=str(name), file=WEIGHTS, detail=str(error)) from error
    try:
        with at_most(sum(tensor.numel() for tensor in tensors.values()) + SLACK):
            bundle = Bundle(config)
    except (ValueError, TypeError, KeyError, RuntimeError, ArithmeticError, AssertionError) as error:  # torch's too
        raise InputError("checkpoint-config-bad", name=str(name), detail=str(error)) from error
    bundle.to(device)
    expected = bundle.state_dict()
    missing, extra = sorted(expected.keys() - tensors.keys()), sorted(tensors.keys() - expected.keys())
    wrong = [key for key in expected.keys() & tensors.keys() if expected[key].shape != tensors[key].shape]
    if missing or extra or wrong:
        problem = (missing or extra or sorted(wrong))[0]
        key = "checkpoint-tensor-missing" if missing else "checkpoint-tensor-extra" if extra else "checkpoint-shape"
        raise InputError(key, name=str(name), tensor=problem)
    for key, tensor in tensors.items():
        if tensor.is_floating_point() != expected[key].is_floating_point() or tensor.is_complex():
            found = str(tensor.dtype).removeprefix("torch.")
            raise InputError("checkpoint-dtype", name=str(name), tensor=key, dtype=found)
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise InputError("checkpoint-not-finite", name=str(name), tensor=key)
    bundle.load_state_dict({k: v.to(expected[k].dtype) for k, v in tensors.items()}, strict=True)
    if profile == "fast":
        bundle.quicken()
    return bundle.eval()


def _tensors(path: Path, device: str) -> dict[str, torch.Tensor]:
    with safetensors.safe_open(path, framework="pt", device=device) as file:
        return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a mapping)


def read_config(folder: Path, called: str = "") -> BundleConfig:
    """Read a checkpoint's config.json, strictly; sentences name it as it is `called`, or else by its folder."""
    name = called or str(folder)
    try:
        raw = read_json(read_settings(folder / CONFIG))
    except ValueError as error:
        raise InputError("checkpoint-config-bad", name=name, detail=reason_of(error)) from error
    if not isinstance(raw, dict):
        raise InputError("checkpoint-config-bad", name=name, detail="not an object")
    if raw.get("format") != FORMAT:
        raise InputError("checkpoint-format", name=name, found=str(raw.get("format"))[:80], expected=FORMAT)
    labels = raw.get("labels")
    if labels != list(EMOTIONS):
        found = ", ".join(map(str, labels)) if isinstance(labels, list) else str(labels)
        raise InputError("checkpoint-labels", name=name, found=found[:200] or "—", expected=", ".join(EMOTIONS))
    if raw.get("sample_rate") != SAMPLE_RATE:
        raise InputError("checkpoint-rate", name=name, found=str(raw.get("sample_rate"))[:80], expected=SAMPLE_RATE)
    try:
        return _build(raw)
    except (TypeError, ValueError, ArithmeticError, AttributeError, KeyError) as error:
        # The constructor's own words name the key; what stands before them names only the class.
        detail = re.sub(r"^\w+\.__init__\(\) ", "", str(error))[:200]
        raise InputError("checkpoint-config-bad", name=name, detail=detail) from error


def _build(raw: dict) -> BundleConfig:
    """Make a config of a JSON object; lists become tuples, an unknown key is a TypeError."""
    check_kinds(raw)
    values = {}
    for key, value in raw.items():
        if (key in REGISTRY and value is not None) or key == "calibration":
            if not isinstance(value, dict):
                raise TypeError(f"{key} must be an object")
            value = Calibration(**value) if key == "calibration" else parse_config(key, value)
        elif isinstance(value, list):
            value = tuple(value)
        values[key] = value
    return BundleConfig(**values)
