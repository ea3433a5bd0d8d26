"""From a recipe to a bundle: fit both encoders, then the fusion on what they say of rows they never saw.

Every encoder that is fitted is kept under a key of all that decides it (settings, seed, rows), so that cross-validation
and the shipped bundle share their folds, and an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from bibier.audio_features import LogMelConfig
from bibier.checkpoint import evidence
from bibier.parts import build
from train import data
from train.metrics import fit_temperature, scores
from train.recipe import Recipe
from train.sources import Source, target_weights, weighted_targets
from train.stacking import Read, matched, out_of_fold
from train.trainer import class_weights, fit

ENCODERS = Path(".cache/encoders")


def _fitted(make: Callable[[], nn.Module], train: Callable[[nn.Module, Path], None], key: list) -> nn.Module:
    """Fit a model, or read it back if the very same fit was made before; one that was killed goes on."""
    digest = hashlib.sha256(json.dumps(key, sort_keys=True, default=str).encode()).hexdigest()[:20]
    file = ENCODERS / f"{digest}.safetensors"
    model = make()
    if file.exists():
        model.load_state_dict(load_file(file))
        return model.eval()
    file.parent.mkdir(parents=True, exist_ok=True)
    train(model, file.with_suffix(".state"))
    part = file.with_suffix(".part")
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, part)
    part.replace(file)
    return model.eval()


def _key(part, source: Source, rows: np.ndarray, seed: int) -> list:
    seen = hashlib.sha256()
    for row in rows:
        seen.update(source.items[row].id.encode())
        seen.update(np.ascontiguousarray(source.raw[row]).tobytes())
        seen.update(np.ascontiguousarray(source.targets[row]).tobytes())
    return [_settings(dataclasses.replace(part, folds=0)), seed, seen.hexdigest()]


def _settings(part) -> dict:
    """Return the settings that are not at their defaults: a setting that comes later must not void earlier fits."""
    found = {}
    for field in dataclasses.fields(part):
        value = getattr(part, field.name)
        if dataclasses.is_dataclass(value):
            found[field.name] = _settings(value)
        elif value != field.default:
            found[field.name] = value
    return found


def fit_audio(recipe: Recipe, source: Source, rows: np.ndarray, seed: int, report=lambda line: None) -> nn.Module:
    """Fit the audio encoder on some rows of the source."""
    part = recipe.audio
    torch.manual_seed(seed)

    def train(model: nn.Module, state: Path) -> None:
        epochs = source.epochs(part, rows, seed)
        if isinstance(part.features, LogMelConfig):
            batches = data.audio_batches(epochs, part.fit.batch, part.perturbation, part.features.floor)
        else:
            batches = data.plain_batches(epochs, part.fit.batch)
        _fit(model, batches, source, source.targets[rows], part.fit, seed, report, state)

    return _fitted(lambda: build("audio_encoder", part.encoder), train, ["audio", *_key(part, source, rows, seed)])


def fit_text(recipe: Recipe, source: Source, rows: np.ndarray, seed: int, report=lambda line: None) -> nn.Module:
    """Fit the text encoder on some rows of the source."""
    part = recipe.text
    torch.manual_seed(seed)

    def train(model: nn.Module, state: Path) -> None:
        if hasattr(model, "count"):
            model.count(source.raw[i] for i in rows)
        batches = data.plain_batches(source.epochs(part, rows, seed, target_weights(recipe, source)), part.fit.batch)
        plain = dataclasses.replace(part.fit, class_power=0.0)  # the weights are in the targets already
        _fit(model, batches, source, weighted_targets(recipe, source)[rows], plain, seed, report, state)

    return _fitted(lambda: build("text_encoder", part.encoder), train, ["text", *_key(part, source, rows, seed)])


def _fit(model, batches, source: Source, targets: np.ndarray, settings, seed: int, report, state: Path) -> None:
    def validate(model: nn.Module) -> dict[str, dict]:
        return {
            corpus: scores(labels, torch.softmax(data.encode(model, features)[1].double(), dim=-1).numpy())
            for corpus, (features, labels) in source.dev.items()
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


def read_audio(recipe: Recipe, source: Source, seed: int, outside: int | None = None) -> tuple[nn.Module, Read]:
    """Fit the audio encoder on all folds but `outside`, and read those folds each without itself."""
    kept = [number for number in range(len(source.folds)) if number != outside]
    left_out = () if outside is None else (outside,)
    encoder = fit_audio(recipe, source, source.all_but(*left_out), seed)
    read = out_of_fold(
        source.features,
        source.labels,
        [source.folds[number] for number in kept],
        encoder,
        lambda place: fit_audio(recipe, source, source.all_but(kept[place], *left_out), seed),
    )
    return encoder, read


def read_text(recipe: Recipe, source: Source, seed: int) -> tuple[nn.Module, Read]:
    """Fit the text encoder on all rows, and read each fold without itself."""
    encoder = fit_text(recipe, source, source.all_but(), seed)
    read = out_of_fold(
        source.features,
        source.labels,
        source.folds,
        encoder,
        lambda fold: fit_text(recipe, source, source.all_but(fold), seed),
    )
    return encoder, read


@dataclass(frozen=True)
class Temperatures:
    """Temperatures of both branches, fitted on out-of-fold pairs balanced over the emotions."""

    audio: float
    text: float


def temperatures(audio: Read, text: Read) -> Temperatures:
    """Fit each branch's temperature where every emotion weighs the same, as in the pairs."""
    generator = np.random.default_rng(0)
    left, right = matched(audio, text, 400, generator)
    return Temperatures(
        fit_temperature(audio.logits[left], audio.labels[left]), fit_temperature(text.logits[right], text.labels[right])
    )


def pair_inputs(
    config, audio: Read, text: Read, left: np.ndarray, right: np.ndarray, t: Temperatures
) -> dict[str, Tensor]:
    """Return the inputs of a fusion of this config for pairs of clips and texts."""
    sound, sound_mask = data.pad([audio.hidden[i] for i in left])
    words, words_mask = data.pad([text.hidden[i] for i in right])
    return {
        "audio": sound,
        "audio_mask": sound_mask,
        "text": words,
        "text_mask": words_mask,
        "audio_log": evidence(config, audio.logits[left], t.audio),
        "text_log": evidence(config, text.logits[right], t.text),
    }


def fit_fusion(recipe: Recipe, audio: Read, text: Read, t: Temperatures, prior: np.ndarray, seed: int) -> nn.Module:
    """Fit the fusion on pairs of a clip and a text with the same label, drawn anew every epoch."""
    part = recipe.fusion
    config = part.config(audio.hidden[0].shape[1], text.hidden[0].shape[1])
    torch.manual_seed(seed)
    model = build("fusion", config)
    if getattr(config, "pool", False):
        # The pool starts as the product of both calibrated branches under a uniform prior.
        with torch.no_grad():
            model.head[-1].bias.copy_(torch.as_tensor(-np.log(prior)))

    def batches(epoch: int, generator: torch.Generator) -> Iterator[tuple[dict[str, Tensor], Tensor]]:
        draw = np.random.default_rng(int(torch.randint(2**31, (1,), generator=generator)))
        left, right = matched(audio, text, part.pairs, draw)
        for rows in data.buckets([len(text.hidden[i]) for i in right], part.fit.batch, generator):
            targets = torch.eye(7)[audio.labels[left[rows]]]
            yield pair_inputs(config, audio, text, left[rows], right[rows], t), targets

    steps = -(-7 * part.pairs // part.fit.batch) + 1
    return fit(model, batches, steps=steps, weights=torch.ones(7), settings=part.fit, seed=seed)


@torch.no_grad()
def fuse(
    model: nn.Module, audio: Read, text: Read, left: Sequence[int], right: Sequence[int], t: Temperatures
) -> Tensor:
    """Return the fusion's logits (N, 7) of pairs."""
    left, right = np.asarray(left), np.asarray(right)
    logits = torch.zeros(len(left), 7)
    for rows in data.buckets([len(text.hidden[i]) for i in right], 128, None):
        logits[rows] = model(**pair_inputs(model.config, audio, text, left[rows], right[rows], t)).logits
    return logits


def bimodal_temperature(
    recipe: Recipe, audio: Read, text: Read, folds: list[np.ndarray], t: Temperatures, prior, seed
) -> float:
    """Fit the fusion's temperature on clips that a fusion fitted on the other clips has not seen.

    `folds` are index arrays into `audio`; the first is kept aside, as is every fifth text.
    """
    aside, texts = folds[0], np.arange(len(text.labels)) % 5 == 0
    rest = np.setdiff1d(np.arange(len(audio.labels)), aside)

    def part(read: Read, rows: np.ndarray) -> Read:
        return Read([read.hidden[i] for i in rows], read.logits[rows], read.labels[rows])

    model = fit_fusion(recipe, part(audio, rest), part(text, np.flatnonzero(~texts)), t, prior, seed)
    sounds, words = part(audio, aside), part(text, np.flatnonzero(texts))
    left, right = matched(sounds, words, 100, np.random.default_rng(1))
    return fit_temperature(fuse(model, sounds, words, left, right, t), sounds.labels[left])
