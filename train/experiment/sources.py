"""A recipe's training rows, one modality at a time: what is read, what an encoder is given, how rows are grouped.

N rows of a source, T steps.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from bibier.asr import recognisers
from bibier.audio import io
from bibier.checkpoint.components import build
from bibier.errors import CorpusError
from bibier.features.char_ngrams import CharNgrams
from bibier.features.log_mel import LogMel, LogMelConfig
from bibier.features.speech_encoders import HubAudio
from train.augment import concatenate, soft_targets
from train.corpora import load
from train.corpora.duplicates import refuse_shared_recordings, without_duplicates
from train.corpora.items import check_variety
from train.experiment.feature_cache import Extractor, MelPower, OfCopy, cached
from train.experiment.recipe import AudioPart, Recipe, TextPart
from train.loop.adagrad import AdaGradSettings
from train.loop.batches import EpochData
from train.loop.trainer import class_weights

HUB_FRAME = 0.02  # s, of every speech encoder from the Hub
WORDS_PER_SECOND = 2.5  # of MELD (7.9 words in 3.1 s); the length of a text whose sound is not at hand


@dataclass(frozen=True)
class Split:
    """Rows that training is judged by."""

    items: list[load.Item]
    features: list[np.ndarray]
    labels: np.ndarray  # (N,)


@dataclass(frozen=True)
class TrainingRows:
    """One modality's training rows, their features and their folds."""

    items: list[load.Item]
    features: list[np.ndarray]  # what the encoder reads
    raw: list[np.ndarray]  # what its training batches are made of: mel power for log-mels, else the features
    targets: np.ndarray  # (N, 7), soft: what an epoch's targets are in the mean
    labels: np.ndarray  # (N,)
    folds: list[np.ndarray]
    seconds: np.ndarray  # (N,)
    join: Callable[[concatenate.Chain], np.ndarray]  # rows of a merged clip → its raw
    copies: Sequence[Sequence[np.ndarray]] = ()  # the raw of each row's copies, as many for every row
    drawn: Callable[[int], np.ndarray] | None = None  # an epoch's targets (N, 7), where they differ from epoch to epoch
    dev: dict[str, Split] = field(default_factory=dict)  # by corpus

    def epoch_targets(self, epoch: int) -> np.ndarray:
        """Return the (N, 7) targets of an epoch."""
        return self.targets if self.drawn is None else self.drawn(epoch)

    def all_but(self, *folds: int) -> np.ndarray:
        """Return the rows of all folds but these."""
        return np.sort(np.concatenate([fold for number, fold in enumerate(self.folds) if number not in folds]))

    def epochs(
        self,
        part: AudioPart | TextPart,
        rows: np.ndarray,
        seed: int,
        weights: np.ndarray | None = None,
        log: Path | None = None,
    ) -> EpochData:
        """Return what each epoch trains on: these rows, merged and balanced over the corpora as the recipe says.

        `weights` (N, 7) are multiplied with the targets. Chains are drawn among the rows alone, so that nothing of a
        fold that is left out comes in. `log` is a file that gets a line for every merged row of every epoch.
        """
        names = [self.items[row].corpus for row in rows]
        merger = (
            concatenate.Merger(self.seconds[rows], self.labels[rows], names, part.merge, seed) if part.merge else None
        )

        def epoch(number: int) -> tuple[list[np.ndarray], np.ndarray]:
            targets = self.epoch_targets(number) if weights is None else self.epoch_targets(number) * weights
            targets = targets[rows]
            if merger is None or part.merge is None:
                raw = [self.raw[row] for row in rows]
            else:
                chains = merger(number)
                if log:
                    lines = concatenate.log(chains, [self.items[row].id for row in rows], self.seconds[rows])
                    with log.open("a", encoding="utf-8") as file:
                        file.writelines(f'{{"epoch": {number}, {line[1:]}\n' for line in lines)
                raw = [self.join(tuple(int(rows[place]) for place in chain)) for chain in chains]
                targets = concatenate.joined_targets(targets, chains, part.merge.target)
            if part.balance:
                drawn = load.balanced(names, torch.Generator().manual_seed(seed * 100_003 + number)).tolist()
                raw, targets = [raw[place] for place in drawn], targets[drawn]
            return raw, targets

        return epoch


def audio_source(recipe: Recipe, folder: Path, report: Callable[[str], None] = lambda line: None) -> TrainingRows:
    """Read the training clips of the recipe; folds are groups of speakers, or as the recipe says.

    A clip that cannot be read is reported and left out, up to the recipe's `limit`.
    """
    part = recipe.audio
    extractor = build("audio_features", part.features)
    readable = []
    refuse_shared_recordings([item for name in part.corpora for item in load.all_items(name, folder)])
    for name in part.corpora:
        rows = load.read(name, folder, "train", need="audio", limit=part.limit, report=report)
        check_variety(rows, part.group, report)
        readable += read_sound(part, rows, report)
    items = [item for item, _ in readable]
    raw = [power for _, power in readable]
    features, several = part.features, part.sampling is not None
    step = features.hop * features.average if isinstance(features, LogMelConfig) else HUB_FRAME
    return TrainingRows(
        items,
        _features(extractor, raw),
        raw,
        np.stack([item.target for item in items]),
        np.array([item.label for item in items]),
        load.speaker_folds(items, part.folds) if several else load.folds(items, part.folds, part.group),
        np.array([len(power) * step for power in raw]),
        lambda chain: np.concatenate([raw[row] for row in chain]),
        copies=read_copies(part, items, report),
        dev=_dev(part, folder, "audio", lambda rows: _sound_features(part, rows, report), report),
    )


def text_source(recipe: Recipe, folder: Path, report: Callable[[str], None] = lambda line: None) -> TrainingRows:
    """Read the training texts of the recipe, with the soft targets that it names for a corpus.

    Folds are groups of dialogues, or as the recipe says.
    """
    part = recipe.text
    items: list[load.Item] = []
    softened: list[soft_targets.SoftTargets] = []
    for name, rows in _texts(part, folder, report).items():
        check_variety(rows, part.group, report)
        items += rows
        softening = soft_targets.HARD
        if raw := part.soft.get(name):
            softening = soft_targets.settings(raw, f"soft targets of {name}")
        softened.append(soft_targets.soft_targets(rows, softening, folder, recipe.seed))
        if raw:
            report(f"{name}: {softened[-1].report()}")
    features = read_words(part, items, report)
    extractor = build("text_features", part.features)

    heard = _recognised(items) if part.merge and part.merge.text == "transcribe" else None

    def join(chain: concatenate.Chain) -> np.ndarray:
        if len(chain) == 1:
            return features[chain[0]]
        if heard:
            return extractor(heard(chain))
        if isinstance(extractor, CharNgrams):
            return extractor(" ".join(items[row].text or "" for row in chain))
        return np.concatenate([features[row] for row in chain])

    return TrainingRows(
        items,
        features,
        features,
        np.concatenate([part.expected() for part in softened]),
        np.array([item.label for item in items]),
        load.folds(items, part.folds, part.group),
        np.array([len((item.text or "").split()) / WORDS_PER_SECOND for item in items]),
        join,
        drawn=lambda epoch: np.concatenate([part(epoch) for part in softened]),
        dev=_dev(part, folder, "text", lambda rows: read_words(part, rows, report), report),
    )


def _texts(part: TextPart, folder: Path, report: Callable[[str], None]) -> dict[str, list[load.Item]]:
    """Return the training texts of each corpus, without duplicates where the recipe says so."""
    if part.duplicates == "keep":
        return {
            name: load.read(name, folder, "train", need="text", limit=part.limit, report=report)
            for name in part.corpora
        }
    whole = {name: load.read(name, folder, need="text", limit=part.limit, report=report) for name in part.corpora}
    chosen = [item for rows in whole.values() for item in load.select(rows, "train")]
    held_out = [item for rows in whole.values() for item in rows if item.split not in ("train", "")]
    keep = without_duplicates(chosen, held_out, part.near_duplicates, report)
    kept = [item for item, stays in zip(chosen, keep, strict=True) if stays]
    return {
        name: [item for item in kept if item.corpus == corpus]
        for name, corpus in ((name, rows[0].corpus) for name, rows in whole.items())
    }


def _recognised(items: Sequence[load.Item]) -> Callable[[concatenate.Chain], str]:
    """Return what writes down the joined sound of a chain, as the published merging did; each chain once."""
    paths = [item.path for item in items if item.path is not None]
    if len(paths) < len(items):
        silent = next(item.id for item in items if item.path is None)
        raise CorpusError(f'{silent} has no sound to transcribe: set text = "join" in [text.merge]')
    recogniser = recognisers.recogniser()
    if recogniser is None:
        raise CorpusError('no recogniser is at hand to transcribe merged clips: set text = "join" in [text.merge]')

    @functools.cache
    def written(chain: concatenate.Chain) -> str:
        samples = np.concatenate([io.load(paths[row]).samples for row in chain])
        return recogniser(samples).text or " ".join(items[row].text or "" for row in chain)

    return written


def _dev(
    part: AudioPart | TextPart,
    folder: Path,
    need: str,
    read: Callable[[list[load.Item]], list[np.ndarray]],
    report: Callable[[str], None],
) -> dict[str, Split]:
    """Return each corpus's dev split, where training is stopped or slowed by them."""
    if isinstance(part.fit, AdaGradSettings) or (not part.fit.patience and part.fit.schedule != "plateau"):
        return {}
    splits = {}
    for name in part.corpora:
        try:
            rows = load.read(name, folder, "dev", need=need, limit=part.limit, report=report)
        except CorpusError as error:
            report(f"{name} takes no part in choosing the epoch: {error}")
            continue
        splits[rows[0].corpus] = Split(rows, read(rows), np.array([item.label for item in rows]))
    if not splits:
        raise CorpusError(
            f"no corpus of {', '.join(part.corpora)} has a dev split, which patience and the plateau schedule need: "
            "set patience = 0 and another schedule"
        )
    return splits


def read_sound(
    part: AudioPart, items: Sequence[load.Item], report: Callable[[str], None] = lambda line: None
) -> list[tuple[load.Item, np.ndarray]]:
    """Return each clip that can be read, with what training batches are made of, by the recipe's extractor."""
    features = cached(items, _cacheable(part), report=report, limit=part.limit)
    return [(item, raw) for item, raw in zip(items, features, strict=True) if raw is not None]


def _cacheable(part: AudioPart) -> Extractor:
    """Return what makes the features that are kept: mel power in the place of log-mels."""
    extractor = build("audio_features", part.features)
    return MelPower(extractor) if isinstance(extractor, LogMel) else extractor


def read_copies(
    part: AudioPart, items: Sequence[load.Item], report: Callable[[str], None] = lambda line: None
) -> list[list[np.ndarray]]:
    """Return what training batches are made of, of each copy of each clip that the recipe wants; all are readable."""
    if part.copies is None:
        return []
    kinds = part.copies.kinds()
    extractors = [OfCopy(_cacheable(part), kind, number, part.copies.seed) for kind, number in kinds]
    columns = [cached(items, extractor, report=report, limit=0) for extractor in extractors]
    return [[raw for raw in row if raw is not None] for row in zip(*columns, strict=True)]


def _features(extractor: LogMel | HubAudio, raw: Sequence[np.ndarray]) -> list[np.ndarray]:
    return [extractor.features(power) for power in raw] if isinstance(extractor, LogMel) else list(raw)


def _sound_features(part: AudioPart, items: list[load.Item], report: Callable[[str], None]) -> list[np.ndarray]:
    """Return the features of clips of a dev split, all of which must be readable."""
    readable = read_sound(part, items, report)
    if len(readable) < len(items):
        raise CorpusError(f"{len(items) - len(readable)} clips of the dev split cannot be read: mend or remove them")
    return _features(build("audio_features", part.features), [raw for _, raw in readable])


def read_words(
    part: TextPart, items: Sequence[load.Item], report: Callable[[str], None] = lambda line: None
) -> list[np.ndarray]:
    """Return each text's features, by the recipe's extractor."""
    extractor = build("text_features", part.features)
    if isinstance(extractor, CharNgrams):
        return [extractor(item.text or "") for item in items]
    # Texts can't be unreadable, as clips can.
    return [features for features in cached(items, extractor, report=report) if features is not None]


def target_weights(recipe: Recipe, source: TrainingRows) -> np.ndarray:
    """Return the class weights (N, 7) of each text's corpus: its classes differ from another's."""
    weights = np.ones_like(source.targets)
    if isinstance(recipe.text.fit, AdaGradSettings):
        return weights
    corpus = np.array([item.corpus for item in source.items])
    for name in sorted(set(corpus)):
        weights[corpus == name] = class_weights(source.targets[corpus == name], recipe.text.fit.class_power).numpy()
    return weights


def weighted_targets(recipe: Recipe, source: TrainingRows) -> np.ndarray:
    """Return the texts' targets (N, 7) times the class weights of their corpus."""
    return source.targets * target_weights(recipe, source)


def text_prior(recipe: Recipe, source: TrainingRows) -> np.ndarray:
    """Return the (7,) class prior that the text encoder's probabilities carry: the weighted counts of its training."""
    prior = weighted_targets(recipe, source).sum(0)
    return prior / prior.sum()
