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
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from bibier.checkpoint.components import build
from bibier.errors import CorpusError
from bibier.features.char_ngrams import CharNgrams
from bibier.features.log_mel import LogMelConfig
from bibier.files import replacing
from bibier.models.audio_ensemble import AudioEnsemble, AudioEnsembleConfig
from bibier.models.text_encoder import TextEncoder, TextEncoderConfig
from bibier.parsing import read_json
from train.augment import copies
from train.augment.sampling import Sampling
from train.experiment import votes, warm_start
from train.experiment.across_corpora import AcrossCorpora, Corpora, drawn_clips
from train.experiment.recipe import AudioPart, Recipe, TextPart
from train.experiment.sources import TrainingRows, target_weights, text_prior, weighted_targets
from train.experiment.stacking import OutOfFold, out_of_fold
from train.loop.adagrad import AdaGradSettings
from train.loop.batches import Batches, audio_batches, drawn_batches, encode, plain_batches
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


def _fitted(make: Callable[[], nn.Module], train: Callable[[nn.Module, Path], None], file: Path) -> nn.Module:
    """Fit a model, or read it back if the very same fit was made before; one that was killed goes on."""
    model = make()
    if file.exists():
        model.load_state_dict(load_file(file))
        return model.eval()
    file.parent.mkdir(parents=True, exist_ok=True)
    train(model, file.with_suffix(".state"))
    _keep(model, file)
    return model.eval()


def _file(key: list[object]) -> Path:
    digest = hashlib.sha256(json.dumps(key, sort_keys=True, default=str).encode()).hexdigest()[:20]
    return ENCODERS / f"{digest}.safetensors"


def _keep(model: nn.Module, file: Path, metadata: dict[str, str] | None = None) -> None:
    def write() -> None:
        try:
            with replacing(file) as part:
                tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
                save_file(tensors, part, metadata)
        except (OSError, SafetensorError) as error:
            raise CorpusError(f"{file.parent} can't be written ({error}): make room and try again") from error

    on_main_process(write)


def _key(part: AudioPart | TextPart, source: TrainingRows, rows: np.ndarray, seed: int) -> list[object]:
    digest = hashlib.sha256()
    for row in rows:
        digest.update(source.items[row].id.encode())
        digest.update(np.ascontiguousarray(source.raw[row]).tobytes())
        digest.update(np.ascontiguousarray(source.targets[row]).tobytes())
    undecided = {"folds": 0}  # how many folds there are decides no fit
    if isinstance(part, AudioPart):
        undecided |= {"temperature": None} | ({"copies made": copies.VERSION} if part.copies else {})
    return [_settings(part) | undecided, seed, digest.hexdigest()]


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


def single(recipe: Recipe, seed: int) -> tuple[Recipe, list[int]]:
    """Return the recipe of one member of the audio encoder, and the seeds of all; of one that is no ensemble its own.

    No two seeds of an ensemble share a member.
    """
    config = recipe.audio.encoder
    if not isinstance(config, AudioEnsembleConfig):
        return recipe, [seed]
    alone = dataclasses.replace(recipe, audio=dataclasses.replace(recipe.audio, encoder=config.member))
    return alone, list(range(seed * config.members, (seed + 1) * config.members))


def fit_audio(
    recipe: Recipe, source: TrainingRows, rows: np.ndarray, seed: int, report: Report = quiet, *, member: int = 0
) -> nn.Module:
    """Fit the audio encoder on some rows of the source; of an ensemble one member after the other.

    `member` says which one of the checkpoint's it goes on from, where the recipe starts from an ensemble.
    """
    part = recipe.audio
    if isinstance(part.encoder, AudioEnsembleConfig):
        ensemble = AudioEnsemble(part.encoder)
        alone, seeds = single(recipe, seed)
        for number, own in enumerate(seeds):
            report(f"member {number + 1} of {len(seeds)}")
            fitted = fit_audio(alone, source, rows, own, report, member=number)
            ensemble.members[number].load_state_dict(fitted.state_dict())
        return ensemble.eval()
    torch.manual_seed(seed)

    def train(model: nn.Module, state: Path) -> None:
        if part.sampling is not None:
            _fit_across_corpora(model, part, part.sampling, source, rows, seed, report, state)
            return
        epochs = source.epochs(part, rows, seed, log=state.with_suffix(".merged.jsonl"))
        if isinstance(part.features, LogMelConfig):
            batches = audio_batches(epochs, part.fit.batch, part.perturbation, part.features)
        else:
            batches = plain_batches(epochs, part.fit.batch)
        _fit(model, batches, source, source.targets[rows], part.fit, seed, report, state)

    file = _encoder_file(recipe, source, "audio", rows, seed)
    return _fitted(lambda: warm_start.begun("audio_encoder", part.encoder, recipe.start, member), train, file)


def _fit_across_corpora(
    encoder: nn.Module,
    part: AudioPart,
    sampling: Sampling,
    source: TrainingRows,
    rows: np.ndarray,
    seed: int,
    report: Report,
    state: Path,
) -> None:
    """Fit an encoder on clips drawn from all corpora of some rows of the source."""
    targets = source.targets[rows]
    corpora = Corpora.of([source.items[row] for row in rows], targets)
    drawn = drawn_clips(
        [source.raw[row] for row in rows],
        [source.copies[row] for row in rows] if source.copies else [],
        targets,
        corpora,
        sampling,
        part.fit.epochs,
        seed,
    )
    model = AcrossCorpora(encoder, corpora.classes, bias=sampling.corpus_bias == "learnt")
    batches = drawn_batches(drawn, part.fit.batch, part.perturbation, part.features)
    _fit(model, batches, source, targets, part.fit, seed, report, state, draws=sampling.draws)


def fit_text(recipe: Recipe, source: TrainingRows, rows: np.ndarray, seed: int, report: Report = quiet) -> nn.Module:
    """Fit the text encoder on some rows of the source."""
    part, settings = recipe.text, recipe.text.fit
    if isinstance(settings, AdaGradSettings):
        return _fit_votes(recipe, settings, source, rows, seed, report)
    torch.manual_seed(seed)

    def train(model: nn.Module, state: Path) -> None:
        if isinstance(model, TextEncoder) and not recipe.start:
            model.count(source.raw[i] for i in rows)
        epochs = source.epochs(part, rows, seed, target_weights(recipe, source), state.with_suffix(".merged.jsonl"))
        batches = plain_batches(epochs, settings.batch)
        plain = dataclasses.replace(settings, class_power=0.0)  # the weights are in the targets already
        _fit(model, batches, source, weighted_targets(recipe, source)[rows], plain, seed, report, state)

    file = _encoder_file(recipe, source, "text", rows, seed)
    return _fitted(lambda: warm_start.begun("text_encoder", part.encoder, recipe.start), train, file)


def _fit_votes(
    recipe: Recipe, settings: AdaGradSettings, source: TrainingRows, rows: np.ndarray, seed: int, report: Report
) -> TextEncoder:
    """Fit the votes on some rows of the source; the file tells how many n-grams the vocabulary has."""
    config, extractor = recipe.text.encoder, build("text_features", recipe.text.features)
    assert isinstance(config, TextEncoderConfig) and isinstance(extractor, CharNgrams)
    if recipe.start:
        raise CorpusError('adagrad begins with no votes: leave start out, or set text.fit.kind = "batches"')
    file = _encoder_file(recipe, source, "text", rows, seed)
    if file.exists():
        tensors = load_file(file)
        encoder = TextEncoder(dataclasses.replace(config, vocabulary=len(tensors["keys"])))
        encoder.load_state_dict(tensors)
        return encoder.eval()
    items, features = [source.items[row] for row in rows], [source.raw[row] for row in rows]
    encoder, shifts = votes.fit(items, features, source.targets[rows], extractor, config, settings, seed, report)
    file.parent.mkdir(parents=True, exist_ok=True)
    _keep(encoder, file, {"shifts": json.dumps(shifts)})
    return encoder


def corpus_shifts(recipe: Recipe, source: TrainingRows, rows: np.ndarray, seed: int) -> dict[str, list[float]]:
    """Return what votes add to their logits where a corpus is known (`votes.fit`); {} of other encoders."""
    if not isinstance(recipe.text.fit, AdaGradSettings):
        return {}
    fit_text(recipe, source, rows, seed)
    with safe_open(_encoder_file(recipe, source, "text", rows, seed), framework="pt") as file:
        return read_json((file.metadata() or {}).get("shifts", "{}"))


def is_fitted(recipe: Recipe, source: TrainingRows, modality: str, rows: np.ndarray, seed: int) -> bool:
    """Whether the encoder of "audio" or "text" was fitted on these rows of the source before, and is kept."""
    if modality == "text":
        return _encoder_file(recipe, source, modality, rows, seed).exists()
    alone, seeds = single(recipe, seed)
    return all(_encoder_file(alone, source, modality, rows, own).exists() for own in seeds)


def _encoder_file(recipe: Recipe, source: TrainingRows, modality: str, rows: np.ndarray, seed: int) -> Path:
    part = recipe.audio if modality == "audio" else recipe.text
    if isinstance(part.fit, AdaGradSettings):
        return _file(["votes", 2, *_key(part, source, rows, seed)])
    start = warm_start.digest(recipe.start, f"{modality}_encoder")
    return _file([modality, *_key(part, source, rows, seed), *start])


def _fit(
    model: nn.Module,
    batches: Batches,
    source: TrainingRows,
    targets: np.ndarray,
    settings: FitSettings,
    seed: int,
    report: Report,
    state: Path,
    draws: int | None = None,
) -> None:
    def validate(model: nn.Module) -> dict[str, dict[str, float]]:
        model = model.encoder if isinstance(model, AcrossCorpora) else model
        return {
            corpus: scores(part.labels, torch.softmax(encode(model, part.features)[1].double(), dim=-1).numpy())
            for corpus, part in source.dev.items()
        }

    fit(
        model,
        batches,
        steps=-(-draws // settings.batch) if draws else -(-len(targets) // settings.batch) + 1,
        weights=class_weights(targets, settings.class_power),
        settings=settings,
        seed=seed,
        report=report,
        validate=validate if source.dev else None,
        state=state,
        data=state.stem,
    )


def words_prior(recipe: Recipe, source: TrainingRows, encoder: nn.Module, temperature: float) -> np.ndarray:
    """Return the (7,) class prior that the words' calibrated probabilities carry."""
    if isinstance(recipe.text.fit, AdaGradSettings) and isinstance(encoder, TextEncoder):
        return votes.prior_shares(encoder, temperature)
    return text_prior(recipe, source)


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
