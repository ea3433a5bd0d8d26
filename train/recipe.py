"""A recipe: everything that is decided before training, read from TOML and kept in the checkpoint."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bibier.audio_features import LogMelConfig
from bibier.models.text_encoder import TextEncoderConfig
from bibier.models.unimodal import AudioEncoderConfig
from bibier.text_features import CharNgramsConfig
from train.augment import Perturbation
from train.corpora import CorpusError
from train.ranges import COUNT, NOT_NEGATIVE, PART, POSITIVE, Range, check
from train.settings import FitSettings


@dataclass(frozen=True)
class AudioPart:
    """What the audio encoder is and how it is fitted."""

    corpora: tuple[str, ...]
    folds: int  # of actors, for cross-validation and for the fusion's inputs
    features: LogMelConfig
    encoder: AudioEncoderConfig
    perturbation: Perturbation
    fit: FitSettings


@dataclass(frozen=True)
class TextPart:
    """What the text encoder is and how it is fitted."""

    corpora: tuple[str, ...]
    folds: int  # of dialogues
    soft: dict  # corpus → {table, weight}: LS-LLM distributions mixed into the targets
    features: CharNgramsConfig
    encoder: TextEncoderConfig
    fit: FitSettings


@dataclass(frozen=True)
class FusionPart:
    """What the fusion is and how it is fitted."""

    hidden: int
    length: int
    layers: int
    heads: int
    out: int
    dropout: float
    pool: bool
    pairs: int  # of each emotion, drawn anew for every epoch
    fit: FitSettings


@dataclass(frozen=True)
class Recipe:
    """A bundle's recipe."""

    name: str
    seed: int
    audio: AudioPart
    text: TextPart
    fusion: FusionPart


_TABLES = {
    Recipe: {"audio": AudioPart, "text": TextPart, "fusion": FusionPart},
    AudioPart: {
        "features": LogMelConfig,
        "encoder": AudioEncoderConfig,
        "perturbation": Perturbation,
        "fit": FitSettings,
    },
    TextPart: {"features": CharNgramsConfig, "encoder": TextEncoderConfig, "fit": FitSettings},
    FusionPart: {"fit": FitSettings},
}


# What a field of any table but [….fit] may be, which looks after itself.
_WHOLE, _SHARE = Range(0, whole=True), Range(0, 1)
_RANGES = {
    **dict.fromkeys(("dropout", "ngram_dropout", "stretch"), PART),
    **dict.fromkeys(("noise", "telephone"), _SHARE),
    **dict.fromkeys(("layers", "heads", "out", "dim", "channels", "bins", "buckets", "slots", "length"), COUNT),
    **dict.fromkeys(("pairs", "average", "time_mask", "bin_mask", "shortest", "longest"), COUNT),
    **dict.fromkeys(("seed", "time_masks", "bin_masks"), _WHOLE),
    **dict.fromkeys(("context", "shift", "equaliser", "low", "trim"), NOT_NEGATIVE),
    **dict.fromkeys(("high", "window", "hop", "level", "floor"), POSITIVE),
    "hidden": Range(1, whole=True, absent=True),
    "folds": Range(2, whole=True),
}


def load(path: Path, changes: Sequence[str] = ()) -> Recipe:
    """Read a recipe; an unknown or missing field is a CorpusError that names it.

    `changes` are "part.table.field=VALUE" with VALUE in TOML, such as 'audio.encoder.temporal="mamba"'.
    """
    try:
        raw = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CorpusError(f"no such recipe: {path}") from error
    except tomllib.TOMLDecodeError as error:
        raise CorpusError(f"{path} is not TOML: {error}") from error
    for change in changes:
        try:
            patch = tomllib.loads(change)
        except tomllib.TOMLDecodeError as error:
            raise CorpusError(f"{change!r} is not part.table.field=VALUE in TOML: {error}") from error
        raw = _merged(raw, patch)
    return _build(Recipe, raw, Path(path).name)


def _merged(raw: dict, patch: dict) -> dict:
    return raw | {
        key: _merged(raw.get(key, {}), value) if isinstance(value, dict) else value for key, value in patch.items()
    }


def _build(cls, raw: dict, place: str):
    if not isinstance(raw, dict):
        raise CorpusError(f"{place} is {raw!r}: it must be a table")
    known = {field.name for field in dataclasses.fields(cls)}
    if unknown := sorted(raw.keys() - known):
        raise CorpusError(f"{place}: unknown field {unknown[0]!r}; known are {', '.join(sorted(known))}")
    tables = _TABLES.get(cls, {})
    values = {
        key: _build(tables[key], value, f"{place} [{key}]")
        if key in tables
        else tuple(value)
        if isinstance(value, list)
        else value
        for key, value in raw.items()
    }
    try:
        built = cls(**values)
        if cls is not FitSettings:
            check(built, _RANGES)
        return built
    except (TypeError, ValueError) as error:
        raise CorpusError(f"{place}: {error}") from error
