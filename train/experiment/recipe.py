"""A recipe: everything that is decided before training, read from TOML and kept in the checkpoint."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, SkipValidation

from bibier.checkpoint.components import REGISTRY, parse_config
from bibier.errors import CorpusError
from bibier.features.char_ngrams import CharNgramsConfig
from bibier.features.log_mel import LogMelConfig
from bibier.features.speech_encoders import HubAudioConfig
from bibier.features.text_encoders import HubTextConfig
from bibier.models.audio_encoder import AudioEncoderConfig
from bibier.models.audio_ensemble import AudioEnsembleConfig
from bibier.models.fusion import FusionConfig
from bibier.models.lpgnet import LPGNetConfig
from bibier.models.memocmt import MemoCMTConfig
from bibier.models.ood_score import OODScoreConfig
from bibier.models.sequence_encoder import SequenceEncoderConfig
from bibier.models.text_encoder import TextEncoderConfig
from bibier.parsing import read_settings, read_toml
from train.augment import soft_targets
from train.augment.concatenate import Merging
from train.augment.copies import Copies
from train.augment.perturb import Perturbation
from train.augment.sampling import Sampling
from train.constraints import Count, NotNegative, PartialShare, Positive, Share, Whole, check, constrained
from train.loop.adagrad import AdaGradSettings
from train.loop.settings import FitSettings

T = TypeVar("T")
Folds = Annotated[int, Field(ge=2, le=1000, description="a whole number from 2 to 1000")]
Corpora = Annotated[tuple[str, ...], Field(min_length=1, description="a list of at least one corpus")]
Group = Literal["speaker", "dialogue"]
ALL_IDS = 2**32  # buckets in which no two n-grams meet
AnyFusionConfig = FusionConfig | MemoCMTConfig | LPGNetConfig


@constrained
class AudioPart:
    """What the audio encoder is and how it is fitted."""

    corpora: Corpora
    folds: Folds  # of groups, for cross-validation and for the fusion's inputs
    features: SkipValidation[LogMelConfig | HubAudioConfig]
    encoder: SkipValidation[AudioEncoderConfig | AudioEnsembleConfig | SequenceEncoderConfig]
    fit: FitSettings
    perturbation: Perturbation = Perturbation()
    group: Group = "speaker"  # what a fold must not divide
    merge: Merging | None = None  # short clips joined to longer ones (SDS), anew in every epoch
    balance: bool = False  # draw an epoch's rows so that every corpus counts the same
    limit: Share = 0.01  # share of a corpus's files that may be missing or unreadable
    sampling: Sampling | None = None  # draws from several corpora, in the place of all rows once an epoch
    copies: Copies | None = None  # of each clip, in other rooms and through other lines, which sampling draws too
    temperature: Positive | None = None  # chosen on corpora left out; None: fitted on the folds

    def __post_init__(self) -> None:
        if self.copies and not self.sampling:
            raise CorpusError("copies are drawn by sampling: give [audio.sampling] too")
        if self.sampling and (self.merge or self.balance):
            raise CorpusError("sampling draws the clips as they are: leave merge and balance out")
        if self.sampling and (self.fit.class_power or self.fit.smoothing):
            raise CorpusError(
                "sampling balances and smooths within each corpus: set fit.class_power = 0 and fit.smoothing = 0"
            )
        if self.sampling and self.group != "speaker":
            raise CorpusError("sampling has folds of speakers: leave group out")
        features = self.features
        if isinstance(features, LogMelConfig) and isinstance(self.encoder, AudioEncoderConfig):
            rows = features.bins + features.pitch
            if rows != self.encoder.bins:
                raise CorpusError(f"features have {rows} rows with those of pitch: set encoder.bins = {rows}")


@constrained
class TextPart:
    """What the text encoder is and how it is fitted."""

    corpora: Corpora
    folds: Folds
    features: SkipValidation[CharNgramsConfig | HubTextConfig]
    encoder: SkipValidation[TextEncoderConfig | SequenceEncoderConfig]
    fit: FitSettings | AdaGradSettings
    soft: dict[str, dict[str, Any]] = field(default_factory=dict)  # corpus → the fields of `Softening`
    group: Group = "dialogue"
    merge: Merging | None = None
    balance: bool = False
    limit: Share = 0.01
    duplicates: Literal["keep", "drop"] = "keep"  # texts that stand in several parts or corpora: drop leaves them out
    near_duplicates: tuple[str, ...] = ()  # languages in which nearly the same texts are dropped too
    temperature: Positive | None = None  # chosen on corpora left out; None: fitted on the folds

    def __post_init__(self) -> None:
        for name, raw in self.soft.items():
            soft_targets.settings(raw, f"soft targets of {name}")
        if isinstance(self.fit, AdaGradSettings):
            self._check_votes()

    def _check_votes(self) -> None:
        """Refuse what AdaGrad can't fit: it knows the linear part of the n-gram encoder alone."""
        linear = isinstance(self.encoder, TextEncoderConfig) and not self.encoder.context
        if not (linear and isinstance(self.features, CharNgramsConfig) and self.features.buckets == ALL_IDS):
            raise CorpusError(
                f"adagrad fits n-grams by their votes alone: set encoder.context = 0, and buckets = {ALL_IDS} in both "
                "features and encoder"
            )
        if self.merge or self.balance:
            raise CorpusError("adagrad reads the texts as they are: leave merge and balance out")


@constrained
class FusionPart:
    """What the fusion is and how it is fitted."""

    model: dict[str, Any]  # settings of a kind of fusion; its audio_dim and text_dim are those of the encoders
    fit: FitSettings
    soft: bool = False  # train on the texts' soft targets in the place of labels
    # Of each emotion, a clip and a text with one label, drawn anew for every epoch; 0: the corpora's own pairs.
    pairs: Whole = 0
    voice_weight: NotNegative = 1.0  # power of the voice in a pool before it is fitted
    temperature: Positive | None = None  # chosen on corpora left out; None: fitted on the folds
    fitted: bool = True  # false: a pool stays the product of the branches, the voice to its power; no fold is read

    def __post_init__(self) -> None:
        if not self.fitted and (self.model.get("kind") != "pool" or self.temperature is None):
            raise CorpusError('without a fit a fusion is a pool: set model.kind = "pool" and give its temperature')

    def config(self, audio_dim: int, text_dim: int) -> AnyFusionConfig:
        """Return the fusion's config for encoders of these widths."""
        return parse_config("fusion", {"audio_dim": audio_dim, "text_dim": text_dim, **self.model})


@constrained
class Recipe:
    """A bundle's recipe."""

    name: str
    seed: Whole
    audio: AudioPart
    text: TextPart
    fusion: FusionPart
    start: str = ""  # a fitted checkpoint of the same models to go on from: its weights first, its calibration kept

    def __post_init__(self) -> None:
        calibrated = self.start or (self.audio.temperature is not None and self.text.temperature is not None)
        if not self.fusion.fitted and not calibrated:
            raise CorpusError("without a fitted fusion no fold is read: give audio.temperature and text.temperature")

    def without_selection(self) -> Recipe:
        """Return the recipe with a fusion that runs all its epochs, where there is no dev split to stop it by."""
        schedule = "none" if self.fusion.fit.schedule == "plateau" else self.fusion.fit.schedule
        fit = dataclasses.replace(self.fusion.fit, patience=0, schedule=schedule)
        return dataclasses.replace(self, fusion=dataclasses.replace(self.fusion, fit=fit))


# The tables below a table: dataclasses, or the components of a bundle by name.
_TABLES: dict[type, dict[str, type]] = {
    Recipe: {"audio": AudioPart, "text": TextPart, "fusion": FusionPart},
    AudioPart: {
        "perturbation": Perturbation,
        "merge": Merging,
        "fit": FitSettings,
        "sampling": Sampling,
        "copies": Copies,
    },
    TextPart: {"merge": Merging, "fit": FitSettings},
    FusionPart: {"fit": FitSettings},
}
# A table whose `kind` names another dataclass than the usual one.
_KINDS: dict[type, dict[str, dict[str, type]]] = {
    TextPart: {"fit": {"batches": FitSettings, "adagrad": AdaGradSettings}}
}
_COMPONENTS: dict[type, dict[str, str]] = {
    AudioPart: {"features": "audio_features", "encoder": "audio_encoder"},
    TextPart: {"features": "text_features", "encoder": "text_encoder"},
}

# What the fields of a model's or an extractor's config may be.
_ATTENTION = {"hidden": Count, "heads": Count, "dropout": PartialShare}
_CONV = dict.fromkeys(("bins", "channels", "hidden", "layers"), Count) | {"dim": Whole, "dropout": PartialShare}
_CONFIGS: dict[type, dict[str, Any]] = {
    LogMelConfig: {
        **dict.fromkeys(("bins", "average"), Count),
        **dict.fromkeys(("low", "trim"), NotNegative),
        "pitch": Whole,
        **dict.fromkeys(("high", "window", "hop", "level", "floor"), Positive),
    },
    HubAudioConfig: {"dim": Whole},
    CharNgramsConfig: dict.fromkeys(("buckets", "slots", "shortest", "longest"), Count) | {"normalisation": Whole},
    HubTextConfig: {"dim": Whole},
    AudioEncoderConfig: _CONV,
    AudioEnsembleConfig: _CONV | {"members": Count},
    TextEncoderConfig: dict.fromkeys(("buckets", "slots", "hidden", "layers"), Count)
    | {
        "dim": Whole,
        "vocabulary": Whole,
        "context": NotNegative,
        "dropout": PartialShare,
        "ngram_dropout": PartialShare,
    },
    SequenceEncoderConfig: _ATTENTION | {"dim": Whole, "layers": Count},
    FusionConfig: _ATTENTION | dict.fromkeys(("length", "layers", "out"), Count),
    MemoCMTConfig: _ATTENTION,
    LPGNetConfig: _ATTENTION,
    OODScoreConfig: {"dim": Count, "classes": Count, "share": PartialShare},
}


def load(path: Path, changes: Sequence[str] = ()) -> Recipe:
    """Read a recipe; an unknown or missing field is a CorpusError that names it.

    `changes` are "part.table.field=VALUE" with VALUE in TOML, such as 'audio.encoder.temporal="mamba"'.
    """
    raw = _read(Path(path))
    for change in changes:
        try:
            patch = read_toml(change)
        except ValueError as error:
            raise CorpusError(f"{change!r} is not part.table.field=VALUE in TOML: {error}") from error
        raw = _merged(raw, patch)
    return _build(Recipe, raw, Path(path).name)


def _read(path: Path, above: tuple[Path, ...] = ()) -> dict:
    """Read a recipe's TOML over that of its `base`, a file beside it; `above` are those that it is the base of."""
    try:
        raw = read_toml(read_settings(path))
    except FileNotFoundError as error:
        raise CorpusError(f"no such recipe: {path}") from error
    except ValueError as error:
        raise CorpusError(f"{path} is not TOML: {error}") from error
    base = raw.pop("base", None)
    if base is None:
        return raw
    if not isinstance(base, str) or (path.parent / base).resolve() in (known := (*above, path.resolve())):
        raise CorpusError(f"{path.name}: base is {base!r}: it must name another recipe beside this one")
    return _merged(_read(path.parent / base, known), raw)


def _merged(raw: dict, patch: dict) -> dict:
    """Lay a table over another; one whose `kind` has other fields takes its place, and false takes a table away."""
    merged = dict(raw)
    for key, value in patch.items():
        below = raw.get(key)
        if value is False and isinstance(below, dict):
            del merged[key]
            continue
        if isinstance(value, dict) and isinstance(below, dict) and _alike(below.get("kind"), value.get("kind")):
            value = _merged(below, value)
        merged[key] = value
    return merged


def _alike(below: str | None, above: str | None) -> bool:
    """Whether a table of one kind may be laid over one of another: they have the same fields."""
    if above is None or below == above:
        return True
    configs = {name: kind.config for kinds in REGISTRY.values() for name, kind in kinds.items()}
    return below in configs and above in configs and configs[below] is configs[above]


def _build(cls: type[T], raw: object, place: str) -> T:
    """Make a dataclass of a TOML table. Raises CorpusError, which names the place."""
    if not isinstance(raw, dict):
        raise CorpusError(f"{place} is {raw!r}: it must be a table")
    tables, components = _TABLES.get(cls, {}), _COMPONENTS.get(cls, {})
    values = {}
    for name, value in raw.items():
        if name in tables:
            values[name] = _build(_table(cls, name, value), value, f"{place} [{name}]")
        elif name in components:
            values[name] = _config(components[name], value, f"{place} [{name}]")
        else:
            values[name] = tuple(value) if isinstance(value, list) else value
    try:
        built = cls(**values)
    except CorpusError as error:
        raise CorpusError(f"{place}: {error}") from error
    if isinstance(built, FusionPart):
        _config("fusion", {"audio_dim": 1, "text_dim": 1, **built.model}, f"{place} [model]")
    return built


def _table(cls: type, name: str, raw: object) -> type:
    """Return the dataclass of a table below another: the usual one, or the one that its `kind` names."""
    kinds = {None: _TABLES[cls][name]} | _KINDS.get(cls, {}).get(name, {})
    kind = raw.get("kind") if isinstance(raw, dict) else None
    if kind not in kinds:
        known = ", ".join(name for name in kinds if name)
        raise CorpusError(f"{name}.kind is {kind!r}: it must be one of {known}" if known else f"{name} has no kind")
    return kinds[kind]


def _config(component: str, raw: object, place: str) -> object:
    """Make the config of a bundle's component of a TOML table. Raises CorpusError, which names the place."""
    if not isinstance(raw, dict):
        raise CorpusError(f"{place} is {raw!r}: it must be a table")
    try:
        config = parse_config(component, raw)
        check(config, _CONFIGS[type(config)])
    except (TypeError, ValueError, AssertionError) as error:
        # The constructor's own words name the field; what stands before them names only the class.
        detail = re.sub(r"^\w+\.__init__\(\) ", "", str(error))
        raise CorpusError(f"{place}: {detail}") from error
    return config
