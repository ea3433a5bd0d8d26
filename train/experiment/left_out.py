"""What encoders say of corpora, speakers and dialogues that they never met: each fold is fitted once, its answer kept.

Answers lie in a folder under a key of the recipe's part, the seed, and the sounds or texts and what is learnt of them:
an interrupted run goes on, and a report needs no fit, on whichever machine. N rows of a source.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bibier.audio import decoding
from bibier.checkpoint.components import build
from bibier.errors import CorpusError
from bibier.features.log_mel import LogMel
from bibier.files import replacing
from train.augment import copies
from train.augment.channels import CHANNELS
from train.experiment import encoders
from train.experiment.feature_cache import Extractor, MelPower, cached, input_digests
from train.experiment.recipe import Recipe
from train.experiment.sources import TrainingRows
from train.loop.batches import encode

KEPT = Path(".cache/left_out")
CORPORA, GROUPS = "corpora", "groups"  # what a fold leaves out: a family of corpora, or speakers or dialogues of each
# Corpora of which one repeats or translates lines of another are left out together.
FAMILIES = {
    "goemotions-ru": "goemotions",
    "izard": "goemotions",
    "xed-en": "xed",
    "xed-ru": "xed",
    "brighter-en": "brighter",
    "brighter-ru": "brighter",
}


def family(corpus: str) -> str:
    """Return what a corpus is left out with."""
    return FAMILIES.get(corpus, corpus)


@dataclass(frozen=True)
class Fold:
    """Rows to fit on, and rows to judge by what was fitted."""

    kind: str  # CORPORA or GROUPS
    name: str
    train: np.ndarray
    test: np.ndarray


@dataclass(frozen=True)
class Answers:
    """What one seed's encoders said of the rows; NaN where a fold was not run."""

    logits: np.ndarray  # (N, 7)
    prior: np.ndarray  # (N, 7), the class prior that the words carry at temperature 1; uniform for voices


@dataclass(frozen=True)
class LeftOut:
    """Every answer that was asked for, and what is missing."""

    modality: str  # "audio" or "text"
    source: TrainingRows
    answers: dict[tuple[str, int, str], Answers]  # by kind of fold, seed and channel ("": as recorded)
    missing: tuple[tuple[str, str, int, str], ...]  # kind and name of a fold, seed, channel

    def group_of(self, row: int) -> Hashable:
        """Return what a bootstrap draws as a whole: the speaker of a voice, the dialogue of a text, else the item."""
        item = self.source.items[row]
        return item.corpus, (item.speaker if self.modality == "audio" else item.dialogue) or item.id

    def rows_of(self, corpus: str) -> np.ndarray:
        """Return the rows of a corpus."""
        return np.flatnonzero([item.corpus == corpus for item in self.source.items])

    def judged(self, kind: str, seed: int, rows: np.ndarray, channel: str = "") -> np.ndarray:
        """Return those of the rows that were judged."""
        answers = self.answers.get((kind, seed, channel))
        return rows[:0] if answers is None else rows[np.isfinite(answers.logits[rows, 0])]

    def classes_of(self, corpus: str) -> np.ndarray:
        """Return which emotions a corpus has, those with any share of a target: (7,) bool."""
        return np.stack([self.source.items[row].target for row in self.rows_of(corpus)]).sum(0) > 0

    @property
    def corpora(self) -> list[str]:
        """The source's corpora in their order."""
        return list(dict.fromkeys(item.corpus for item in self.source.items))


def corpus_folds(source: TrainingRows) -> list[Fold]:
    """Leave each family of corpora out in turn; none where there is only one."""
    families = np.array([family(item.corpus) for item in source.items])
    names = list(dict.fromkeys(families.tolist()))
    return [
        Fold(CORPORA, name, np.flatnonzero(families != name), np.flatnonzero(families == name))
        for name in names
        if len(names) > 1
    ]


def group_folds(source: TrainingRows) -> list[Fold]:
    """Leave each of the source's folds out in turn: speakers or dialogues of all corpora."""
    return [Fold(GROUPS, f"fold {n}", source.all_but(n), fold) for n, fold in enumerate(source.folds)]


class _Channelled:
    """An extractor that hears every clip through a channel."""

    modality = "audio"

    def __init__(self, extractor: Extractor, channel: str) -> None:
        self.extractor, self.channel = extractor, CHANNELS[channel]
        self.config = dataclasses.replace(extractor.config, kind=f"{extractor.config.kind}-{channel}")
        self.dim = extractor.dim

    def batch(self, clips: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the features of each clip."""
        return self.extractor.batch([self.channel(clip) for clip in clips])


def features_through(recipe: Recipe, source: TrainingRows, rows: np.ndarray, channel: str) -> list[np.ndarray]:
    """Return what the audio encoder reads of rows of the source, through a channel of `CHANNELS`; "" is none."""
    if not channel:
        return [source.features[row] for row in rows]
    extractor = build("audio_features", recipe.audio.features)
    plain = MelPower(extractor) if isinstance(extractor, LogMel) else extractor
    heard = cached([source.items[row] for row in rows], _Channelled(plain, channel), limit=0.0)
    features = [raw for raw in heard if raw is not None]
    return [extractor.features(raw) for raw in features] if isinstance(extractor, LogMel) else features


def left_out(
    recipe: Recipe,
    source: TrainingRows,
    modality: str,
    folds: Sequence[Fold],
    seeds: Sequence[int],
    *,
    channels: Sequence[str] = ("",),
    fit: bool = True,
    keep: Path = KEPT,
    report: Callable[[str], None] = encoders.quiet,
) -> LeftOut:
    """Judge each fold's test rows by an encoder of its training rows.

    Parameters
    ----------
    modality
        "audio" or "text".
    channels
        Through which the voices are heard, keys of `CHANNELS`; "" is as recorded.
    fit
        Whether an encoder that is not kept is fitted; else what it would say is missing.
    keep
        Folder that answers are written to; those in `KEPT` are read as well. What an ensemble says is the mean of what
        its members say, each of which is fitted and kept by itself.
    """
    alone, _ = encoders.single(recipe, 0)
    if modality == "audio" and alone is not recipe:
        by_seed = {seed: encoders.single(recipe, seed)[1] for seed in seeds}
        own = [number for numbers in by_seed.values() for number in numbers]
        each = left_out(alone, source, modality, folds, own, channels=channels, fit=fit, keep=keep, report=report)
        return _together(each, by_seed)
    digests = _digests(source, modality)
    answers: dict[tuple[str, int, str], Answers] = {}
    missing = []
    for seed in seeds:
        for fold in folds:
            for channel in channels:
                name = _name(recipe, modality, digests, fold, seed, channel)
                file = next((folder / name for folder in (keep, KEPT) if (folder / name).exists()), keep / name)
                if not file.exists() and not fit and not encoders.is_fitted(recipe, source, modality, fold.train, seed):
                    missing.append((fold.kind, fold.name, seed, channel))
                    continue
                if not file.exists():
                    report(f"{modality}, {fold.name} left out, seed {seed}, {channel or 'as recorded'}")
                    _judge(recipe, source, modality, fold, seed, channel, file, report)
                read = np.load(file)
                empty = Answers(*(np.full((len(source.items), 7), np.nan) for _ in range(2)))
                whole = answers.setdefault((fold.kind, seed, channel), empty)
                whole.logits[fold.test], whole.prior[fold.test] = read["logits"], read["prior"]
    return LeftOut(modality, source, answers, tuple(missing))


def _together(each: LeftOut, by_seed: Mapping[int, Sequence[int]]) -> LeftOut:
    """Return what ensembles say, by seed, from what their members say; missing is what any of them lacks."""
    answers = {}
    for seed, numbers in by_seed.items():
        for kind, channel in dict.fromkeys((kind, channel) for kind, _, channel in each.answers):
            said = [each.answers.get((kind, number, channel)) for number in numbers]
            if whole := [answer for answer in said if answer is not None]:
                parts = [answer.logits if answer else np.full_like(whole[0].logits, np.nan) for answer in said]
                answers[kind, seed, channel] = Answers(np.mean(parts, axis=0), whole[0].prior)
    seed_of = {number: seed for seed, numbers in by_seed.items() for number in numbers}
    missing = dict.fromkeys((kind, name, seed_of[own], channel) for kind, name, own, channel in each.missing)
    return LeftOut(each.modality, each.source, answers, tuple(missing))


def _judge(
    recipe: Recipe,
    source: TrainingRows,
    modality: str,
    fold: Fold,
    seed: int,
    channel: str,
    file: Path,
    report: Callable[[str], None],
) -> None:
    if modality == "audio":
        encoder = encoders.fit_audio(recipe, source, fold.train, seed, report)
        features, prior = features_through(recipe, source, fold.test, channel), np.full(7, 1 / 7)
    else:
        encoder = encoders.fit_text(recipe, source, fold.train, seed, report)
        features = [source.features[row] for row in fold.test]
        prior = encoders.words_prior(recipe, source, encoder, 1.0)
    logits = encode(encoder, features)[1].numpy()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as part, part.open("wb") as out:
            # A half is precise to a thousandth of a logit, and files that small can be published.
            np.savez_compressed(out, logits=logits.astype(np.float16), prior=prior.astype(np.float32))
    except OSError as error:
        raise CorpusError(f"{file.parent} can't be written ({error}): make room and try again") from error


def _digests(source: TrainingRows, modality: str) -> list[bytes]:
    """Return a digest of each row: what is learnt of it, and from what."""
    digests = []
    for item, heard, target in zip(source.items, input_digests(source.items, modality), source.targets, strict=True):
        row = hashlib.sha256(f"{item.id} {heard}".encode())
        row.update(np.ascontiguousarray(target).tobytes())
        digests.append(row.digest())
    return digests


def _name(recipe: Recipe, modality: str, digests: Sequence[bytes], fold: Fold, seed: int, channel: str) -> str:
    undecided = {"folds": 0, "temperature": None}  # neither decides what an encoder says
    settings = dataclasses.asdict(getattr(recipe, modality)) | undecided | {"start": recipe.start}
    versions = (decoding.VERSION, copies.VERSION) if modality == "audio" else ()
    key = hashlib.sha256(repr((settings, seed, channel, versions)).encode())
    for rows in (fold.train, fold.test):
        key.update(b"".join(digests[row] for row in rows))
        key.update(b"|")
    return f"{key.hexdigest()[:20]}.npz"
