"""A recipe: everything that is decided before training, read from TOML and kept in the checkpoint."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bibier.checkpoint.components import PARTS, settings
from bibier.errors import CorpusError
from train.augment import soft_targets
from train.augment.concatenate import Merging
from train.augment.perturb import Perturbation
from train.loop.ranges import COUNT, NOT_NEGATIVE, PART, POSITIVE, Range, check
from train.loop.settings import FitSettings


@dataclass(frozen=True)
class AudioPart:
    """What the audio encoder is and how it is fitted."""

    corpora: tuple[str, ...]
    folds: int  # of groups, for cross-validation and for the fusion's inputs
    features: object  # settings of a kind of `parts`
    encoder: object
    fit: FitSettings
    perturbation: Perturbation = Perturbation()
    group: str = "speaker"  # what a fold must not divide: speaker or dialogue
    merge: Merging | None = None  # short clips joined to longer ones (SDS), anew in every epoch
    balance: bool = False  # draw an epoch's rows so that every corpus counts the same
    limit: float = 0.01  # share of a corpus's files that may be missing or unreadable


@dataclass(frozen=True)
class TextPart:
    """What the text encoder is and how it is fitted."""

    corpora: tuple[str, ...]
    folds: int
    features: object
    encoder: object
    fit: FitSettings
    soft: dict = field(default_factory=dict)  # corpus → the fields of `soften.Softening`, such as {table, weight}
    group: str = "dialogue"
    merge: Merging | None = None
    balance: bool = False
    limit: float = 0.01

    def __post_init__(self):
        for name, raw in self.soft.items():
            soft_targets.settings(raw, f"soft targets of {name}")


@dataclass(frozen=True)
class FusionPart:
    """What the fusion is and how it is fitted."""

    model: dict  # settings of a kind of fusion; its audio_dim and text_dim are those of the encoders
    fit: FitSettings
    soft: bool = False  # train on the texts' soft targets in the place of labels
    # Of each emotion, a clip and a text with one label, drawn anew for every epoch; 0: the corpora's own pairs.
    pairs: int = 0

    def config(self, audio_dim: int, text_dim: int):
        """Return the fusion's config for encoders of these widths."""
        return settings("fusion", {"audio_dim": audio_dim, "text_dim": text_dim, **self.model})


@dataclass(frozen=True)
class Recipe:
    """A bundle's recipe."""

    name: str
    seed: int
    audio: AudioPart
    text: TextPart
    fusion: FusionPart
    start: str = ""  # a fitted checkpoint of the same models to go on from: its weights first, its calibration kept

    def without_selection(self) -> Recipe:
        """Return the recipe with a fusion that runs all its epochs, where there is no dev split to stop it by."""
        schedule = "none" if self.fusion.fit.schedule == "plateau" else self.fusion.fit.schedule
        fit = dataclasses.replace(self.fusion.fit, patience=0, schedule=schedule)
        return dataclasses.replace(self, fusion=dataclasses.replace(self.fusion, fit=fit))


_TABLES = {
    Recipe: {"audio": AudioPart, "text": TextPart, "fusion": FusionPart},
    AudioPart: {
        "features": "audio_features",
        "encoder": "audio_encoder",
        "perturbation": Perturbation,
        "merge": Merging,
        "fit": FitSettings,
    },
    TextPart: {"features": "text_features", "encoder": "text_encoder", "merge": Merging, "fit": FitSettings},
    FusionPart: {"fit": FitSettings},
}


# What a field of any table but [….fit] may be, which looks after itself.
_WHOLE, _SHARE = Range(0, whole=True), Range(0, 1)
_RANGES = {
    **dict.fromkeys(("dropout", "ngram_dropout", "stretch"), PART),
    **dict.fromkeys(("noise", "telephone"), _SHARE),
    **dict.fromkeys(("layers", "heads", "out", "channels", "bins", "buckets", "slots", "length"), COUNT),
    **dict.fromkeys(("average", "time_mask", "bin_mask", "shortest", "longest"), COUNT),
    **dict.fromkeys(("seed", "pairs", "time_masks", "bin_masks"), _WHOLE),
    **dict.fromkeys(("context", "shift", "equaliser", "low", "trim"), NOT_NEGATIVE),
    **dict.fromkeys(("high", "window", "hop", "level", "floor"), POSITIVE),
    "hidden": Range(1, whole=True, absent=True),
    "dim": Range(0, whole=True, absent=True),
    "folds": Range(2, whole=True),
}


def load(path: Path, changes: Sequence[str] = ()) -> Recipe:
    """Read a recipe; an unknown or missing field is a CorpusError that names it.

    `changes` are "part.table.field=VALUE" with VALUE in TOML, such as 'audio.encoder.temporal="mamba"'.
    """
    raw = _read(Path(path))
    for change in changes:
        try:
            patch = tomllib.loads(change)
        except tomllib.TOMLDecodeError as error:
            raise CorpusError(f"{change!r} is not part.table.field=VALUE in TOML: {error}") from error
        raw = _merged(raw, patch)
    return _build(Recipe, raw, Path(path).name)


def _read(path: Path) -> dict:
    """Read a recipe's TOML over that of its `base`, a file beside it."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CorpusError(f"no such recipe: {path}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path} is not TOML: {error}") from error
    base = raw.pop("base", None)
    if base is None:
        return raw
    if not isinstance(base, str) or base == path.name:
        raise CorpusError(f"{path.name}: base is {base!r}: it must name another recipe beside this one")
    return _merged(_read(path.parent / base), raw)


def _merged(raw: dict, patch: dict) -> dict:
    """Lay a table over another; one whose `kind` has other fields takes its place."""
    merged = dict(raw)
    for key, value in patch.items():
        below = raw.get(key)
        if isinstance(value, dict) and isinstance(below, dict) and _alike(below.get("kind"), value.get("kind")):
            value = _merged(below, value)
        merged[key] = value
    return merged


def _alike(below: str | None, above: str | None) -> bool:
    """Whether a table of one kind may be laid over one of another: they have the same fields."""
    if above is None or below == above:
        return True
    configs = {name: kind.config for kinds in PARTS.values() for name, kind in kinds.items()}
    return configs.get(below) is configs.get(above)


def _build(cls, raw: dict, place: str):
    """Make a dataclass, or a part of a bundle where `cls` is its name, of a TOML table."""
    if not isinstance(raw, dict):
        raise CorpusError(f"{place} is {raw!r}: it must be a table")
    if isinstance(cls, str):
        return _checked(place, lambda: settings(cls, raw))
    fields = {field.name for field in dataclasses.fields(cls)}
    if unknown := sorted(raw.keys() - fields):
        raise CorpusError(f"{place}: unknown field {unknown[0]!r}; known are {', '.join(sorted(fields))}")
    tables = _TABLES.get(cls, {})
    values = {
        key: _build(tables[key], value, f"{place} [{key}]")
        if key in tables
        else tuple(value)
        if isinstance(value, list)
        else value
        for key, value in raw.items()
    }
    built = _checked(place, lambda: cls(**values))
    if cls is FusionPart:
        _checked(f"{place} [model]", lambda: built.config(1, 1))
    return built


def _checked(place: str, make: Callable):
    """Make a value; what its constructor refuses becomes a sentence that names the place."""
    try:
        built = make()
        if dataclasses.is_dataclass(built) and not isinstance(built, FitSettings):
            check(built, _RANGES)
        return built
    except (TypeError, ValueError, AssertionError) as error:
        # The constructor's own words name the field; what stands before them names only the class.
        detail = re.sub(r"^\w+\.__init__\(\) ", "", str(error))
        raise CorpusError(f"{place}: {detail}") from error
