"""A recipe's training rows, one modality at a time: what is read, what an encoder is given, how rows are grouped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bibier.parts import build
from train import corpora, data, soften
from train.recipe import AudioPart, Recipe, TextPart
from train.trainer import class_weights


@dataclass(frozen=True)
class Source:
    """One modality's training rows, their features and their folds."""

    items: list[corpora.Item]
    features: list[np.ndarray]  # what the encoder reads
    raw: list[np.ndarray]  # what its training batches are made of: mel power for log-mels, else the features
    targets: np.ndarray  # (N, 7), soft: what an epoch's targets are in the mean
    labels: np.ndarray  # (N,)
    folds: list[np.ndarray]
    drawn: Callable[[int], np.ndarray] | None = None  # an epoch's targets (N, 7), where they differ from epoch to epoch

    def epoch_targets(self, epoch: int) -> np.ndarray:
        """Return the (N, 7) targets of an epoch."""
        return self.targets if self.drawn is None else self.drawn(epoch)

    def all_but(self, *folds: int) -> np.ndarray:
        """Return the rows of all folds but these."""
        return np.sort(np.concatenate([fold for number, fold in enumerate(self.folds) if number not in folds]))


def audio_source(recipe: Recipe, folder: Path) -> Source:
    """Read the training clips of the recipe; folds are groups of speakers, or as the recipe says."""
    items = [item for name in recipe.audio.corpora for item in corpora.read(name, folder, "train", need="audio")]
    features, raw = read_sound(recipe.audio, items)
    return _source(recipe.audio, items, np.stack([item.target for item in items]), features, raw)


def text_source(recipe: Recipe, folder: Path, report: Callable[[str], None] = lambda line: None) -> Source:
    """Read the training texts of the recipe, with the soft targets that it names for a corpus.

    Folds are groups of dialogues, or as the recipe says.
    """
    items: list[corpora.Item] = []
    softened: list[soften.SoftTargets] = []
    for name in recipe.text.corpora:
        rows = corpora.read(name, folder, "train", need="text", report=report)
        items += rows
        wanted = soften.HARD
        if raw := recipe.text.soft.get(name):
            wanted = soften.settings(raw, f"soft targets of {name}")
        softened.append(soften.soft_targets(rows, wanted, folder, recipe.seed))
        if raw:
            report(f"{name}: {softened[-1].report()}")
    ids = read_words(recipe.text, items)
    targets = np.concatenate([part.expected() for part in softened])
    return _source(
        recipe.text,
        items,
        targets,
        ids,
        ids,
        lambda epoch: np.concatenate([part(epoch) for part in softened]),
    )


def _source(part: AudioPart | TextPart, items, targets, features, raw, drawn=None) -> Source:
    labels = np.array([item.label for item in items])
    return Source(items, features, raw, targets, labels, corpora.folds(items, part.folds, part.group), drawn)


def read_sound(part: AudioPart, items: Sequence[corpora.Item]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return each clip's features and what training batches are made of, by the recipe's extractor."""
    extractor = build("audio_features", part.features)
    powers = data.mel_power(items, extractor)
    return [extractor.features(power) for power in powers], powers


def read_words(part: TextPart, items: Sequence[corpora.Item]) -> list[np.ndarray]:
    """Return each text's features, by the recipe's extractor."""
    extractor = build("text_features", part.features)
    return [extractor(item.text) for item in items]


def target_weights(recipe: Recipe, source: Source) -> np.ndarray:
    """Return the class weights (N, 7) of each text's corpus: its classes differ from another's."""
    weights = np.ones_like(source.targets)
    corpus = np.array([item.corpus for item in source.items])
    for name in sorted(set(corpus)):
        weights[corpus == name] = class_weights(source.targets[corpus == name], recipe.text.fit.class_power).numpy()
    return weights


def weighted_targets(recipe: Recipe, source: Source) -> np.ndarray:
    """Return the texts' targets (N, 7) times the class weights of their corpus."""
    return source.targets * target_weights(recipe, source)


def text_prior(recipe: Recipe, source: Source) -> np.ndarray:
    """Return the (7,) class prior that the text encoder's probabilities carry: the weighted counts of its training."""
    prior = weighted_targets(recipe, source).sum(0)
    return prior / prior.sum()
