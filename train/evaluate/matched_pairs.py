"""Voice and words together on what neither met: clips and texts of one label, paired over the corpora of a language.

What the recipe doesn't set of the pool and the temperatures is fitted on the voices of the other corpora and on one
half of the texts' dialogues; judged are the corpus's own voices and the other half. P pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import log_softmax, softmax

from bibier.models.fusion import FusionConfig
from train.evaluate.generalisation import temperature_of_others, within
from train.experiment import fusion
from train.experiment.left_out import LeftOut
from train.experiment.recipe import Recipe
from train.experiment.stacking import OutOfFold, label_matched_pairs
from train.loop.adagrad import AdaGradSettings
from train.metrics import Interval, Predictions, bootstrap, confusion, fit_temperature

PAIRS = 60  # of each emotion in a draw
DRAWN = 5  # draws
LARGEST = 600  # clips of one corpus that a pool is fitted on
WAYS = ("voice", "words", "product", "both")


@dataclass(frozen=True)
class PairFigures:
    """The voices of a corpus with texts of a language; means over seeds."""

    corpus: str
    language: str
    seeds: tuple[int, ...]
    uar: dict[str, Interval]  # by WAYS, the largest of the classes that the voices have, in per cent
    ece: dict[str, Interval]  # of all seven
    counts: np.ndarray  # (7, 7), of both

    @property
    def over_branch(self) -> float:
        """Points of UAR of both over the better branch."""
        return self.uar["both"].value - max(self.uar["voice"].value, self.uar["words"].value)

    @property
    def over_product(self) -> float:
        """Points of UAR of both over the product."""
        return self.uar["both"].value - self.uar["product"].value


def is_pool(recipe: Recipe) -> bool:
    """Whether the recipe's fusion reads nothing but what both branches say, which is all that is kept of them."""
    config = recipe.fusion.config(1, 1)
    return isinstance(config, FusionConfig) and config.kind == "pool"


def figures(
    recipe: Recipe, voices: LeftOut, words: LeftOut, kind: str, seeds: Sequence[int], *, draws: int = 1000
) -> list[PairFigures]:
    """Return the figures of every corpus of voices with every language of texts that were judged."""
    rows = []
    for language in sorted({item.language for item in words.source.items}):
        for corpus in voices.corpora:
            judged: dict[int, dict[str, Predictions]] = {}
            for seed in seeds:
                if predictions := _judged(recipe, voices, words, kind, language, corpus, seed):
                    judged[seed] = predictions
            if not judged:
                continue
            classes = voices.classes_of(corpus)
            models = {way: [by_way[way] for by_way in judged.values()] for way in WAYS}
            inside = {
                way: [Predictions(m.truth, within(m.probabilities, classes), m.groups) for m in by_seed]
                for way, by_seed in models.items()
            }
            counts = np.sum([confusion(m.truth, m.probabilities) for m in inside["both"]], axis=0)
            uars = {way: bootstrap(by_seed, ("UAR",), draws=draws)["UAR"] for way, by_seed in inside.items()}
            eces = {way: bootstrap(by_seed, ("ECE",), draws=draws)["ECE"] for way, by_seed in models.items()}
            rows.append(PairFigures(corpus, language, tuple(judged), uars, eces, counts))
    return rows


def _judged(
    recipe: Recipe, voices: LeftOut, words: LeftOut, kind: str, language: str, corpus: str, seed: int
) -> dict[str, Predictions]:
    """Return what each way says of the pairs of one seed; {} where something that it needs was not run."""
    heard = voices.judged(kind, seed, voices.rows_of(corpus))
    others = [_some(voices.judged(kind, seed, voices.rows_of(name))) for name in voices.corpora if name != corpus]
    known = np.concatenate([np.empty(0, dtype=int), *others])
    in_language = np.flatnonzero([item.language == language for item in words.source.items])
    texts = words.judged(kind, seed, in_language)
    voice_temperature = recipe.audio.temperature or temperature_of_others(voices, kind, seed, corpus)
    if not len(heard) or not len(known) or not len(texts) or voice_temperature is None:
        return {}
    fit_on, judge_on = _halves(words, texts)
    if not len(fit_on) or not len(judge_on):
        return {}
    text_temperature = recipe.text.temperature or fit_temperature(
        words.answers[kind, seed, ""].logits[fit_on], words.source.labels[fit_on]
    )
    spoken, prior = _words(recipe, words, kind, seed, text_temperature)
    t = fusion.Temperatures(voice_temperature, text_temperature)
    sounds = voices.answers[kind, seed, ""].logits
    fitted = _read(sounds, voices.source.labels, known), _read(spoken, words.source.labels, fit_on)
    if recipe.fusion.fitted:
        model = fusion.fit_fusion(recipe.without_selection(), *fitted, t, prior, seed)
    else:
        model = fusion.unfitted(recipe, 1, 1, prior)
    temperature = recipe.fusion.temperature
    if temperature is None:
        pairs = label_matched_pairs(*fitted, 200, np.random.default_rng(seed))
        temperature = fit_temperature(fusion.fuse(model, *fitted, *pairs, t), fitted[0].labels[pairs[0]])
    met = _read(sounds, voices.source.labels, heard), _read(spoken, words.source.labels, judge_on)
    generator = np.random.default_rng(1000 + seed)
    drawn = [label_matched_pairs(*met, PAIRS, generator) for _ in range(DRAWN)]
    left, right = (np.concatenate(side) for side in zip(*drawn, strict=True))
    voice = log_softmax(met[0].logits.numpy()[left] / t.audio, axis=1)
    evidence = log_softmax(met[1].logits.numpy()[right] / t.text, axis=1) - np.log(prior)
    logits = {
        "voice": voice,
        "words": evidence,
        "product": voice + evidence,
        "both": fusion.fuse(model, *met, left, right, t).double().numpy() / temperature,
    }
    groups = [voices.group_of(row) for row in heard[left].tolist()]
    return {way: Predictions(met[0].labels[left], softmax(values, axis=1), groups) for way, values in logits.items()}


def _some(rows: np.ndarray) -> np.ndarray:
    """Return at most LARGEST of the rows, evenly spread: a large corpus doesn't outweigh the others."""
    return rows[:: max(1, -(-len(rows) // LARGEST))]


def _halves(words: LeftOut, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Deal the rows' dialogues to two halves, at random but always the same."""
    groups = [words.group_of(row) for row in rows.tolist()]
    names = list(dict.fromkeys(groups))
    first = {names[place] for place in np.random.default_rng(0).permutation(len(names))[: len(names) // 2]}
    chosen = np.array([group in first for group in groups])
    return rows[chosen], rows[~chosen]


def _words(recipe: Recipe, words: LeftOut, kind: str, seed: int, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the words' logits (N, 7) with one class prior in all of them, and that prior (7,) at the temperature."""
    answers = words.answers[kind, seed, ""]
    power = 1 / temperature if isinstance(recipe.text.fit, AdaGradSettings) else 1.0  # votes carry it in their logits
    priors = log_softmax(power * np.log(answers.prior), axis=1)  # (N, 7), of each fold's encoder
    prior = softmax(np.nanmean(priors, axis=0))
    return answers.logits + temperature * (np.log(prior) - priors), prior


def _read(logits: np.ndarray, labels: np.ndarray, rows: np.ndarray) -> OutOfFold:
    """Return answers as a pool reads them: it looks at no hidden state."""
    return OutOfFold([torch.zeros(1, 1)] * len(rows), torch.as_tensor(logits[rows], dtype=torch.float32), labels[rows])
