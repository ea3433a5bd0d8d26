"""From a recipe to encoders: fit them, and read every row by one that never saw it (`fusion` fits one on that).

Every encoder that is fitted is kept under a key of all that decides it (settings, seed, rows), so that cross-validation
and the shipped bundle share their folds, and an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from bibier.errors import CorpusError
from bibier.features.log_mel import LogMelConfig
from bibier.files import replacing
from bibier.models.text_encoder import TextEncoder
from train.experiment import warm_start
from train.experiment.recipe import AudioPart, Recipe, TextPart
from train.experiment.sources import TrainingRows, target_weights, weighted_targets
from train.experiment.stacking import OutOfFold, out_of_fold
from train.loop.batches import Batches, audio_batches, encode, plain_batches
from train.loop.distributed import on_main_process
from train.loop.settings import FitSettings
from train.loop.trainer import class_weights, fit
from train.metrics import scores

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

ENCODERS = Path(".cache/encoders")

Report = Callable[[str], None]


def quiet(line: str) -> None:
    """Report nothing."""


def _fitted(make: Callable[[], nn.Module], train: Callable[[nn.Module, Path], None], key: list[object]) -> nn.Module:
    """Fit a model, or read it back if the very same fit was made before; one that was killed goes on."""
    digest = hashlib.sha256(json.dumps(key, sort_keys=True, default=str).encode()).hexdigest()[:20]
    file = ENCODERS / f"{digest}.safetensors"
    model = make()
    if file.exists():
        model.load_state_dict(load_file(file))
        return model.eval()
    file.parent.mkdir(parents=True, exist_ok=True)
    train(model, file.with_suffix(".state"))

    def write() -> None:
        try:
            with replacing(file) as part:
                save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, part)
        except (OSError, SafetensorError) as error:
            raise CorpusError(f"{file.parent} can't be written ({error}): make room and try again") from error

    on_main_process(write)
    return model.eval()


def _key(part: AudioPart | TextPart, source: TrainingRows, rows: np.ndarray, seed: int) -> list[object]:
    digest = hashlib.sha256()
    for row in rows:
        digest.update(source.items[row].id.encode())
        digest.update(np.ascontiguousarray(source.raw[row]).tobytes())
        digest.update(np.ascontiguousarray(source.targets[row]).tobytes())
    return [_settings(part) | {"folds": 0}, seed, digest.hexdigest()]  # how many folds there are decides no fit


def _settings(part: DataclassInstance) -> dict[str, object]:
    """Return the settings that are not at their defaults: a setting that comes later must not void earlier fits."""
    changed = {}
    for field in dataclasses.fields(part):
        value = getattr(part, field.name)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            changed[field.name] = _settings(value)
        elif value != field.default:
            changed[field.name] = value
    return changed


def fit_audio(recipe: Recipe, source: TrainingRows, rows: np.ndarray, seed: int, report: Report = quiet) -> nn.Module:
    """Fit the audio encoder on some rows of the source."""
    part = recipe.audio
    torch.manual_seed(seed)

    def train(model: nn.Module, state: Path) -> None:
        epochs = source.epochs(part, rows, seed, log=state.with_suffix(".merged.jsonl"))
        if isinstance(part.features, LogMelConfig):
            batches = audio_batches(epochs, part.fit.batch, part.perturbation, part.features.floor)
        else:
            batches = plain_batches(epochs, part.fit.batch)
        _fit(model, batches, source, source.targets[rows], part.fit, seed, report, state)

    key = ["audio", *_key(part, source, rows, seed), *warm_start.digest(recipe.start, "audio_encoder")]
    return _fitted(lambda: warm_start.begun("audio_encoder", part.encoder, recipe.start), train, key)


def fit_text(recipe: Recipe, source: TrainingRows, rows: np.ndarray, seed: int, report: Report = quiet) -> nn.Module:
    """Fit the text encoder on some rows of the source."""
    part = recipe.text
    torch.manual_seed(seed)

    def train(model: nn.Module, state: Path) -> None:
        if isinstance(model, TextEncoder) and not recipe.start:
            model.count(source.raw[i] for i in rows)
        epochs = source.epochs(part, rows, seed, target_weights(recipe, source), state.with_suffix(".merged.jsonl"))
        batches = plain_batches(epochs, part.fit.batch)
        plain = dataclasses.replace(part.fit, class_power=0.0)  # the weights are in the targets already
        _fit(model, batches, source, weighted_targets(recipe, source)[rows], plain, seed, report, state)

    key = ["text", *_key(part, source, rows, seed), *warm_start.digest(recipe.start, "text_encoder")]
    return _fitted(lambda: warm_start.begun("text_encoder", part.encoder, recipe.start), train, key)


def _fit(
    model: nn.Module,
    batches: Batches,
    source: TrainingRows,
    targets: np.ndarray,
    settings: FitSettings,
    seed: int,
    report: Report,
    state: Path,
) -> None:
    def validate(model: nn.Module) -> dict[str, dict[str, float]]:
        return {
            corpus: scores(part.labels, torch.softmax(encode(model, part.features)[1].double(), dim=-1).numpy())
            for corpus, part in source.dev.items()
        }

    fit(
        model,
        batches,
        steps=-(-len(targets) // settings.batch) + 1,
        weights=class_weights(targets, settings.class_power),
        settings=settings,
        seed=seed,
        report=report,
        validate=validate if source.dev else None,
        state=state,
        data=state.stem,
    )


def read_audio(
    recipe: Recipe, source: TrainingRows, seed: int, outside: int | None = None, report: Report = quiet
) -> tuple[nn.Module, OutOfFold]:
    """Fit the audio encoder on all folds but `outside`, and read those folds each without itself."""
    inside = [number for number in range(len(source.folds)) if number != outside]
    left_out = () if outside is None else (outside,)
    encoder = fit_audio(recipe, source, source.all_but(*left_out), seed, report)
    read = out_of_fold(
        source.features,
        source.labels,
        [source.folds[number] for number in inside],
        encoder,
        lambda place: fit_audio(recipe, source, source.all_but(inside[place], *left_out), seed, report),
    )
    return encoder, read


def read_text(recipe: Recipe, source: TrainingRows, seed: int, report: Report = quiet) -> tuple[nn.Module, OutOfFold]:
    """Fit the text encoder on all rows, and read each fold without itself."""
    encoder = fit_text(recipe, source, source.all_but(), seed, report)
    read = out_of_fold(
        source.features,
        source.labels,
        source.folds,
        encoder,
        lambda fold: fit_text(recipe, source, source.all_but(fold), seed, report),
    )
    return encoder, read
