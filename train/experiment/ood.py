"""Fit the out-of-distribution score of the voice: training speech against sounds made by code.

N clips, P pooled features, K classes.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from bibier.audio import io
from bibier.checkpoint import bundle
from bibier.checkpoint.bundle import Bundle
from bibier.errors import CorpusError, InputError
from bibier.features.batching import buckets, pad
from bibier.features.log_mel import LogMel
from bibier.features.speech_encoders import HubAudio
from bibier.models.ood_score import OODScore, OODScoreConfig
from train.augment import made_sounds
from train.augment.channels import CHANNELS
from train.corpora import load
from train.corpora.items import Item
from train.experiment.recipe import Recipe

PER_CORPUS = 500  # clips
MOST_PER_KIND, LEAST_PER_KIND = 120, 6  # sounds; in between, one for every ten clips and copies
FEWEST = 20  # clips in all
STRENGTH = 0.01  # inverse of the ridge penalty on the linear score, as LogisticRegression's C
SHRINKAGE = 0.3  # of the covariance towards a multiple of the identity
# Speech of a corpus that was left out lies as far from the training speech as many a sound does, and what the linear
# score says of it is right far more often: the distance counts from this many times its own reach on.
FARTHER = 2.5

Report = Callable[[str], None]


@dataclass(frozen=True)
class PooledRows:
    """What an encoder pooled of clips or of sounds."""

    features: np.ndarray  # (N, P)
    groups: np.ndarray  # (N,), the corpus of a clip or the kind of a sound
    labels: np.ndarray  # (N,), the emotion of a clip, −1 of a sound

    def part(self, rows: np.ndarray) -> PooledRows:
        """Keep some rows."""
        return PooledRows(self.features[rows], self.groups[rows], self.labels[rows])


@torch.no_grad()
def pool(encoder: nn.Module, features: Sequence[np.ndarray], batch: int = 32) -> np.ndarray:
    """Return what an encoder in eval mode pools of each clip's features (Tᵢ, …): (N, P) float64."""
    encoder.eval()
    rows: list[Tensor] = [torch.empty(0)] * len(features)
    for indices in buckets([len(part) for part in features], batch):
        padded, mask = pad([features[i] for i in indices])
        pooled = encoder(features=padded, mask=mask).pooled
        for index, row in zip(indices, pooled, strict=True):
            rows[index] = row
    return torch.stack(rows).double().numpy()


def draw(items: Sequence[Item], generator: np.random.Generator, per_corpus: int = PER_CORPUS) -> list[Item]:
    """Draw up to `per_corpus` clips with sound of each corpus, in a random order."""
    by_corpus: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        if item.path is not None:
            by_corpus[item.corpus].append(item)
    drawn = [
        rows[place]
        for _, rows in sorted(by_corpus.items())
        for place in generator.permutation(len(rows))[:per_corpus].tolist()
    ]
    return [drawn[place] for place in generator.permutation(len(drawn)).tolist()]


def read(items: Sequence[Item], report: Report = lambda line: None) -> Iterator[tuple[Item, np.ndarray]]:
    """Yield each clip that can be read with its samples (n,) at 16 kHz."""
    for item in items:
        assert item.path is not None, "draw() keeps what has sound"
        try:
            yield item, io.load(item.path).samples
        except InputError as error:
            report(f"{item.id}: {error}")


def noisy(samples: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return samples (n,) under made noise, 5 to 30 dB below them."""
    noise = np.resize(made_sounds.make("noise", generator, ()), len(samples))
    ratio = np.std(samples) / (np.std(noise) + 1e-9) * 10 ** (-generator.uniform(5, 30) / 20)
    return (samples + ratio * noise).astype(np.float32)


def pool_speech(
    encoder: nn.Module,
    extractor: LogMel | HubAudio,
    items: Sequence[Item],
    generator: np.random.Generator,
    report: Report = lambda line: None,
    *,
    copies: bool = True,
) -> tuple[PooledRows, list[np.ndarray]]:
    """Return what the encoder pools of clips and, with `copies`, of each third one on the telephone and in noise.

    The samples of the first 200 clips come with it: other sounds are made of them.
    """
    features, groups, labels, heard = [], [], [], []
    for number, (item, samples) in enumerate(read(items, report)):
        if number < 200:
            heard.append(samples)
        sounds = [samples]
        if copies and number % 3 == 1:
            channel = str(generator.choice(sorted(CHANNELS)))
            sounds.append(CHANNELS[channel](samples))
        if copies and number % 3 == 2:
            sounds.append(noisy(samples, generator))
        features += extractor.batch(sounds)
        groups += [item.corpus] * len(sounds)
        labels += [item.label] * len(sounds)
    return PooledRows(pool(encoder, features), np.array(groups), np.array(labels)), heard


def pool_sounds(
    encoder: nn.Module,
    extractor: LogMel | HubAudio,
    clips: Sequence[np.ndarray],
    generator: np.random.Generator,
    per_kind: int = MOST_PER_KIND,
) -> PooledRows:
    """Return what the encoder pools of made sounds, `per_kind` of each kind; `clips` are what babble is made of."""
    kinds = [kind for kind in made_sounds.KINDS for _ in range(per_kind)]
    features = [extractor.batch([made_sounds.make(kind, generator, clips)])[0] for kind in kinds]
    return PooledRows(pool(encoder, features), np.array(kinds), np.full(len(kinds), -1))


def fit_score(speech: PooledRows, sounds: PooledRows, share: float = 0.995) -> OODScore:
    """Fit the score, of which `share` of the speech is below 1."""
    from sklearn.linear_model import LogisticRegression

    centre, spread = speech.features.mean(0), speech.features.std(0) + 1e-3  # (P,)
    x, y = ((part.features - centre) / spread for part in (speech, sounds))  # (N, P)
    classes = np.unique(speech.labels)
    means = np.stack([x[speech.labels == label].mean(0) for label in classes])  # (K, P)
    residuals = x - means[np.searchsorted(classes, speech.labels)]  # (N, P)
    covariance = residuals.T @ residuals / len(residuals)
    scale = np.trace(covariance) / len(covariance)
    covariance = (1 - SHRINKAGE) * covariance + SHRINKAGE * scale * np.eye(len(covariance))
    whitening = np.linalg.cholesky(np.linalg.inv(covariance))  # (P, P)
    linear = LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=500)
    linear.fit(np.concatenate((x, y)), np.repeat((0, 1), (len(x), len(y))))
    score = OODScore(OODScoreConfig(dim=x.shape[1], classes=len(classes), share=share))
    fitted = {
        "centre": centre,
        "spread": spread,
        "weight": linear.coef_[0],
        "bias": linear.intercept_,
        "whitening": whitening,
        "means": means @ whitening,
    }
    for name, values in fitted.items():
        score.get_buffer(name).copy_(torch.as_tensor(values))
    parts = score.parts(torch.as_tensor(speech.features, dtype=torch.float32)).double().numpy()  # (N, 2)
    median = np.median(parts, axis=0)
    reach = np.maximum(np.quantile(parts, 0.98, axis=0) - median, 1e-3) * (1, FARTHER)
    threshold = float(np.quantile(((parts - median) / reach).max(1), share))
    score.median.copy_(torch.as_tensor(median))
    score.reach.copy_(torch.as_tensor(reach * threshold))
    return score.eval()


def fit_ood_score(
    encoder: nn.Module,
    extractor: LogMel | HubAudio,
    items: Sequence[Item],
    seed: int,
    report: Report = lambda line: None,
) -> OODScore:
    """Fit the score of an audio encoder on training clips and on sounds made by code.

    Parameters
    ----------
    encoder, extractor
        A fitted encoder that pools, and what its features come from.
    items
        Training clips; up to `PER_CORPUS` of each corpus are read.
    seed
        Of the drawing and of the sounds.
    report
        Takes a line.

    Raises
    ------
    CorpusError
        Fewer than `FEWEST` clips can be read.
    """
    generator = np.random.default_rng(seed)
    speech, heard = pool_speech(encoder, extractor, draw(items, generator), generator, report)
    if len(heard) < min(FEWEST, 200):
        raise CorpusError(f"an out-of-distribution score needs at least {FEWEST} clips that can be read: {len(heard)}")
    per_kind = min(MOST_PER_KIND, max(LEAST_PER_KIND, len(speech.labels) // 10))
    sounds = pool_sounds(encoder, extractor, heard, generator, per_kind)
    score = fit_score(speech, sounds)
    found = score(torch.as_tensor(sounds.features, dtype=torch.float32)).numpy() > 1  # (N,)
    shares = ", ".join(f"{kind} {found[sounds.groups == kind].mean():.0%}" for kind in made_sounds.KINDS)
    report(f"out-of-distribution score fitted on {len(speech.labels)} clips and copies; above 1 are: {shares}")
    return score


def with_score(model: Bundle, items: Sequence[Item], seed: int, report: Report = lambda line: None) -> Bundle:
    """Return a bundle with a score fitted on its audio encoder, in the place of one that it may have.

    A bundle stays as it is without an audio encoder, and where fewer than `FEWEST` clips are at hand, which is said.
    Raises CorpusError when they are at hand but can't be read.
    """
    if model.audio_encoder is None or model.audio_features is None:
        return model
    if sum(item.path is not None for item in items) < FEWEST:
        report(f"no out-of-distribution score: it needs at least {FEWEST} clips")
        return model
    score = fit_ood_score(model.audio_encoder, model.audio_features, items, seed, report)
    scored = Bundle(dataclasses.replace(model.config, ood_score=score.config))
    scored.load_state_dict(
        model.state_dict() | {f"ood_score.{name}": part for name, part in score.state_dict().items()}
    )
    return scored.eval()


def score_checkpoint(
    recipe: Recipe, folder: Path, base: str | Path, out: Path, report: Report = lambda line: None
) -> Bundle:
    """Fit the score of a checkpoint's voice on the clips of a recipe's corpora, and save the checkpoint with it.

    Nothing else of the checkpoint changes, its card included.

    Parameters
    ----------
    recipe
        Its `audio.corpora` are read, and its seed is taken.
    folder
        The data folder, which holds the corpora.
    base
        Folder of a checkpoint, or a name under checkpoints/, with an audio encoder.
    out
        Folder of the checkpoint to write; may be that of `base`.

    Raises
    ------
    CorpusError
        A corpus can't be read, `base` has no audio encoder, or too few clips are there.
    InputError
        There is no such checkpoint, or it can't be written.
    """
    place = bundle.resolve(base)
    old = bundle.load(place, called=str(base))
    if old.audio_encoder is None:
        raise CorpusError(f"{base} has no audio encoder: there is no voice to score")
    items = [
        item
        for name in recipe.audio.corpora
        for item in load.read(name, folder, "train", need="audio", limit=recipe.audio.limit, report=report)
    ]
    scored = with_score(old, items, recipe.seed, report)
    if scored.ood_score is None:
        raise CorpusError(f"too few clips of {', '.join(recipe.audio.corpora)} for a score")
    bundle.save(scored, out, (place / bundle.CARD).read_text(encoding="utf-8"))
    report(f"written to {out}")
    return scored
