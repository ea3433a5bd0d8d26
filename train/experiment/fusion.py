"""The fusion's training: a voice and words with one label, read by encoders that knew neither.

Corpora with both modalities give their own pairs. Where one has voices and another words, a clip and a text of the same
label are paired, balanced over the emotions and drawn anew for every epoch: all that such pairs can teach is how far
either branch is to be trusted, and so they do.

N items, P pairs, B batch, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from bibier.checkpoint.bundle import branch_inputs
from bibier.errors import CorpusError
from bibier.features.batching import buckets, pad
from bibier.models.fusion import FusionConfig, Pool
from bibier.models.lpgnet import LPGNetConfig
from train.experiment import warm_start
from train.experiment.recipe import AnyFusionConfig, Recipe
from train.experiment.sources import TrainingRows
from train.experiment.stacking import OutOfFold, held_out, label_matched_pairs
from train.loop.trainer import class_weights, fit
from train.metrics import fit_temperature, scores

DevReads = tuple[OutOfFold, OutOfFold, Sequence[str]]  # of the same utterances row by row, and their dialogues


@dataclass(frozen=True)
class Pairs:
    """The pairs of a corpus that has both: rows of the audio read and of the text read (P,), and their dialogues."""

    left: np.ndarray
    right: np.ndarray
    dialogues: Sequence[str] = ()  # P names, in the order of the utterances

    def part(self, chosen: np.ndarray) -> Pairs:
        """Keep some pairs, given as a mask (P,)."""
        dialogues = [name for name, keep in zip(self.dialogues, chosen, strict=True) if keep] if self.dialogues else ()
        return Pairs(self.left[chosen], self.right[chosen], dialogues)


def utterance_pairs(sound: TrainingRows, words: TrainingRows) -> Pairs:
    """Pair the clips and texts of one utterance. Raises CorpusError where there is none."""
    place = {item.id: row for row, item in enumerate(words.items)}
    left = [row for row, item in enumerate(sound.items) if item.id in place]
    if not left:
        raise CorpusError("no utterance has both a clip and a text here: set fusion.pairs, to pair them by their label")
    names = [sound.items[row].dialogue or sound.items[row].id for row in left]
    return Pairs(np.array(left), np.array([place[sound.items[row].id] for row in left]), names)


def by_dialogue(config: AnyFusionConfig) -> bool:
    """Whether a fusion reads the utterances of a dialogue as one sequence."""
    return isinstance(config, LPGNetConfig) and config.variant == "utterance"


def dialogue_inputs(
    audio: OutOfFold, text: OutOfFold, left: np.ndarray, right: np.ndarray, groups: Sequence[np.ndarray]
) -> dict:
    """Return the inputs of B dialogues (B, N, D) of the pairs in each group: an utterance is the mean of its states."""
    sounds, mask = pad([torch.stack([audio.hidden[left[i]].mean(0) for i in group]) for group in groups])
    words, _ = pad([torch.stack([text.hidden[right[i]].mean(0) for i in group]) for group in groups])
    return {"audio": sounds, "audio_mask": mask, "text": words, "text_mask": mask}


def grouped(names: Sequence[str]) -> list[np.ndarray]:
    """Return the positions of each dialogue's utterances, in their order."""
    places_of: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        places_of.setdefault(name, []).append(place)
    return [np.array(places) for places in places_of.values()]


@dataclass(frozen=True)
class Temperatures:
    """Temperatures of both branches, fitted on rows that they were not trained on."""

    audio: float
    text: float


def temperatures(
    audio: OutOfFold,
    text: OutOfFold,
    pairs: Pairs | None = None,
    *,
    voice: float | None = None,
    words: float | None = None,
) -> Temperatures:
    """Fit each branch's temperature on what it will meet: own pairs, or pairs balanced over the emotions.

    That of the voice or of the words may be given.
    """
    left, right = (
        (pairs.left, pairs.right) if pairs else label_matched_pairs(audio, text, 400, np.random.default_rng(0))
    )
    return Temperatures(
        fit_temperature(audio.logits[left], audio.labels[left]) if voice is None else voice,
        fit_temperature(text.logits[right], text.labels[right]) if words is None else words,
    )


def pair_inputs(
    config: AnyFusionConfig, audio: OutOfFold, text: OutOfFold, left: np.ndarray, right: np.ndarray, t: Temperatures
) -> dict[str, Tensor]:
    """Return the inputs of a fusion of this config for pairs of clips and texts."""
    sound, sound_mask = pad([audio.hidden[i] for i in left])
    words, words_mask = pad([text.hidden[i] for i in right])
    return {
        "audio": sound,
        "audio_mask": sound_mask,
        "text": words,
        "text_mask": words_mask,
        "audio_log": branch_inputs(config, audio.logits[left], t.audio),
        "text_log": branch_inputs(config, text.logits[right], t.text),
    }


@torch.no_grad()
def as_product(model: nn.Module, prior: np.ndarray, voice: float = 1.0) -> None:
    """Make a new pool the product of both calibrated branches under a uniform prior; the words carry `prior` (7,).

    The voice is taken to the power `voice`: below 1 it is trusted less than it trusts itself.
    """
    model.get_parameter("weight")[0] = voice
    if isinstance(model, Pool):
        bias = model.bias
    else:
        bias = [layer for layer in model.get_submodule("head").modules() if isinstance(layer, nn.Linear)][-1].bias
    bias.copy_(torch.as_tensor(-np.log(prior)))


def unfitted(recipe: Recipe, audio_dim: int, text_dim: int, prior: np.ndarray) -> nn.Module:
    """Return the recipe's pool as the product of both branches, the voice to its power; the words carry `prior` (7,).

    Where the recipe goes on from a checkpoint, that one's pool as it is.
    """
    model = warm_start.begun("fusion", recipe.fusion.config(audio_dim, text_dim), recipe.start)
    if not recipe.start:
        as_product(model, prior, recipe.fusion.voice_weight)
    return model.eval()


def fit_fusion(
    recipe: Recipe,
    audio: OutOfFold,
    text: OutOfFold,
    t: Temperatures,
    prior: np.ndarray,
    seed: int,
    *,
    pairs: Pairs | None = None,
    soft: np.ndarray | None = None,
    dev: dict[str, DevReads] | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> nn.Module:
    """Fit the fusion.

    Parameters
    ----------
    audio, text
        Out-of-fold reads of N and N' items.
    t, prior
        Temperatures of the branches, and the (7,) class prior that the text branch carries.
    pairs
        The corpus's own pairs; without them, a clip and a text with the same label are drawn for every epoch.
    soft
        (N', 7) targets of the texts to train on in the place of the labels.
    dev
        Reads of each corpus's dev split, row by row the same utterances, and their dialogues, for early stopping.
    """
    part = recipe.fusion
    config = part.config(audio.hidden[0].shape[1], text.hidden[0].shape[1])
    torch.manual_seed(seed)
    model = warm_start.begun("fusion", config, recipe.start)
    if isinstance(config, FusionConfig) and config.pool and not recipe.start:
        as_product(model, prior, part.voice_weight)
    targets = torch.as_tensor(np.eye(7)[text.labels] if soft is None else soft, dtype=torch.float32)
    dialogues = grouped(pairs.dialogues) if by_dialogue(config) and pairs else []
    if by_dialogue(config) and not pairs:
        raise CorpusError("LPGNet of utterances reads dialogues: set fusion.pairs = 0, for a corpus that has them")

    def batches(epoch: int, generator: torch.Generator) -> Iterator[tuple[dict[str, Tensor], Tensor]]:
        draw = np.random.default_rng(int(torch.randint(2**31, (1,), generator=generator)))
        if pairs and dialogues:
            for rows in buckets([len(group) for group in dialogues], part.fit.batch, generator):
                groups = [dialogues[row] for row in rows]
                padded_targets, _ = pad([targets[pairs.right[group]] for group in groups])  # (B, N, 7)
                yield dialogue_inputs(audio, text, pairs.left, pairs.right, groups), padded_targets
            return
        left, right = (pairs.left, pairs.right) if pairs else label_matched_pairs(audio, text, part.pairs, draw)
        for rows in buckets([len(text.hidden[i]) for i in right], part.fit.batch, generator):
            yield pair_inputs(config, audio, text, left[rows], right[rows], t), targets[right[rows]]

    def validate(model: nn.Module) -> dict[str, dict[str, float]]:
        scores_of = {}
        for corpus, (sounds, words, names) in (dev or {}).items():
            rows = np.arange(len(sounds.labels))
            logits = fuse(model, sounds, words, rows, rows, t, dialogues=names)
            scores_of[corpus] = scores(sounds.labels, torch.softmax(logits, -1).numpy())
        return scores_of

    # Matched pairs are balanced already.
    weights = class_weights(targets[pairs.right].numpy(), part.fit.class_power) if pairs else torch.ones(7)
    count = len(dialogues) or (len(pairs.left) if pairs else 7 * part.pairs)
    return fit(
        model,
        batches,
        steps=-(-count // part.fit.batch) + 1,
        weights=weights,
        settings=part.fit,
        seed=seed,
        validate=validate if dev else None,
        report=report,
    )


def dev_reads(
    sound: TrainingRows, words: TrainingRows, audio_encoder: nn.Module, text_encoder: nn.Module
) -> dict[str, DevReads]:
    """Read the dev split of every corpus that both branches have: corpus → reads of the same utterances in order."""
    reads_of = {}
    for corpus in sound.dev.keys() & words.dev.keys():
        heard, read = sound.dev[corpus], words.dev[corpus]
        place = {item.id: row for row, item in enumerate(read.items)}
        left = [row for row, item in enumerate(heard.items) if item.id in place]
        right = [place[heard.items[row].id] for row in left]
        if left:
            reads_of[corpus] = (
                held_out(audio_encoder, [heard.features[row] for row in left], heard.labels[left]),
                held_out(text_encoder, [read.features[row] for row in right], read.labels[right]),
                [heard.items[row].dialogue or heard.items[row].id for row in left],
            )
    return reads_of


@torch.no_grad()
def fuse(
    model: nn.Module,
    audio: OutOfFold,
    text: OutOfFold,
    left: np.ndarray,
    right: np.ndarray,
    t: Temperatures,
    *,
    dialogues: Sequence[str] = (),
) -> Tensor:
    """Return the fusion's logits (P, 7) of pairs; one that reads dialogues takes a pair without one for a dialogue."""
    model.eval()
    logits = torch.zeros(len(left), 7)
    config = cast(AnyFusionConfig, model.config)
    if by_dialogue(config):
        for group in grouped(dialogues or [str(place) for place in range(len(left))]):
            logits[group] = model(**dialogue_inputs(audio, text, left, right, [group])).logits[0].float()
        return logits
    for rows in buckets([len(text.hidden[i]) for i in right], 128, None):
        logits[rows] = model(**pair_inputs(config, audio, text, left[rows], right[rows], t)).logits.float()
    return logits


def bimodal_temperature(
    recipe: Recipe,
    audio: OutOfFold,
    text: OutOfFold,
    folds: list[np.ndarray],
    t: Temperatures,
    prior: np.ndarray,
    seed: int,
    *,
    pairs: Pairs | None = None,
    soft: np.ndarray | None = None,
) -> float:
    """Fit the fusion's temperature on pairs that a fusion fitted on the others has not seen.

    `folds` are index arrays into `audio`; the first is kept aside, as is every fifth text where the pairs are drawn.
    The fusion that is fitted for it runs all its epochs: there is nothing left to stop it by.
    """
    aside, texts = folds[0], np.arange(len(text.labels)) % 5 == 0
    plain = recipe.without_selection()
    if pairs:
        out = np.isin(pairs.left, aside)
        model = fit_fusion(plain, audio, text, t, prior, seed, pairs=pairs.part(~out), soft=soft)
        left, right = pairs.left[out], pairs.right[out]
        logits = fuse(model, audio, text, left, right, t, dialogues=pairs.part(out).dialogues)
        return fit_temperature(logits, audio.labels[left])
    rest, rest_texts = np.setdiff1d(np.arange(len(audio.labels)), aside), np.flatnonzero(~texts)
    model = fit_fusion(
        plain, audio.part(rest), text.part(rest_texts), t, prior, seed, soft=None if soft is None else soft[rest_texts]
    )
    sounds, words = audio.part(aside), text.part(np.flatnonzero(texts))
    left, right = label_matched_pairs(sounds, words, 100, np.random.default_rng(1))
    return fit_temperature(fuse(model, sounds, words, left, right, t), sounds.labels[left])
