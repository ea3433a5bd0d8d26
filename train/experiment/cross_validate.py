"""Cross-validation over actors, dialogues and matched pairs: the figures that settings are chosen by.

Each function yields one row of figures per seed; `summary` gives mean and standard deviation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from train.corpora import load, texts
from train.experiment import encoders, fusion
from train.experiment.recipe import Recipe
from train.experiment.sources import audio_source, read_words, text_source
from train.experiment.stacking import held_out, label_matched_pairs
from train.metrics import MEASURES, confusion, ece, fit_temperature, measures, scores, uar

DRAWS = 20  # of balanced pairs


def audio(recipe: Recipe, folder: Path, seeds: Sequence[int], report: Callable[[str], None]) -> Iterator[dict]:
    """Actor cross-validation of the audio branch: every clip is judged by an encoder that never heard its actor."""
    source = audio_source(recipe, folder)
    for seed in seeds:
        logits = torch.zeros(len(source.labels), 7)
        for number, fold in enumerate(source.folds):
            encoder = encoders.fit_audio(recipe, source, source.all_but(number), seed)
            logits[fold] = held_out(encoder, [source.features[i] for i in fold], source.labels[fold]).logits
            report(f"seed {seed} fold {number}: UAR {uar(source.labels[fold], logits[fold].argmax(1).numpy()):.2f}")
        yield {"seed": seed} | _calibrated(logits.numpy(), source.labels, source.folds)


def text(
    recipe: Recipe,
    folder: Path,
    seeds: Sequence[int],
    report: Callable[[str], None],
    splits: Sequence[str] = ("dev", "test"),
) -> Iterator[dict]:
    """Text branch: MELD dev and test, and RESD folds grouped by dialogue (MELD train stays in the training part).

    The test figures are there to be reported; settings are chosen by the others. `splits` are those of MELD. Corpora of
    written texts give their dev parts, and votes fitted on several corpora also MELD as known to be MELD,
    with the bias that they learnt for it.
    """
    source = text_source(recipe, folder)
    official = {}
    for split in splits:
        items = load.read("meld", folder, split)
        official[f"MELD {split}"] = read_words(recipe.text, items), np.array([item.label for item in items])
    others = [name for name in recipe.text.corpora if name in texts.READERS]
    for name in others:
        if items := [item for item in load.read(name, folder) if item.split == "dev"]:
            official[f"{name} dev"] = read_words(recipe.text, items), np.array([item.label for item in items])
    resd = np.array([i for i, item in enumerate(source.items) if item.corpus == "resd"])
    for seed in seeds:
        encoder = encoders.fit_text(recipe, source, source.all_but(), seed)
        figures = {}
        shifts = encoders.corpus_shifts(recipe, source, source.all_but(), seed)
        for part, (features, labels) in official.items():
            logits = held_out(encoder, features, labels).logits
            judged = {part: _softmax(logits / (recipe.text.temperature or 1.0))}
            if part.startswith("MELD") and "meld" in shifts:
                judged[f"{part}, known as MELD,"] = _softmax(logits + torch.tensor(shifts["meld"]))
            for name, probabilities in judged.items():
                scores_of_part = scores(labels, probabilities)
                figures |= {f"{name} {measure}": scores_of_part[measure] for measure in MEASURES}
                figures[f"{name} ECE"] = ece(labels, probabilities)
        report(f"seed {seed}: {figures}")
        if len(resd):
            probabilities = np.zeros((len(resd), 7))
            for fold in load.folds([source.items[i] for i in resd], 5, "dialogue"):
                rest = np.setdiff1d(np.arange(len(source.items)), resd[fold])
                encoder = encoders.fit_text(recipe, source, rest, seed)
                read = held_out(encoder, [source.features[i] for i in resd[fold]], source.labels[resd[fold]])
                probabilities[fold] = _softmax(read.logits)
            figures_of_split = scores(source.labels[resd], probabilities)
            figures |= {f"RESD grouped {name}": figures_of_split[name] for name in MEASURES}
        yield {"seed": seed} | figures


def bimodal(recipe: Recipe, folder: Path, seeds: Sequence[int], report: Callable[[str], None]) -> Iterator[dict]:
    """Held-out actors × MELD dev texts, matched by label and balanced over the emotions, 20 draws a fold.

    For each fold of actors, nothing that is fitted (encoders, temperatures, fusion) has heard them; the encoders are
    those of the recipe's seed, the fusion is fitted anew for every seed. "product" is the product of both calibrated
    branches, with the text's prior taken out.
    """
    sound = audio_source(recipe, folder)
    words = text_source(recipe, folder)
    text_encoder, text_read = encoders.read_text(recipe, words, recipe.seed)
    dev = load.read("meld", folder, "dev")
    dev_read = held_out(text_encoder, read_words(recipe.text, dev), np.array([i.label for i in dev]))
    for seed in seeds:
        rows: list[dict] = []
        for number, fold in enumerate(sound.folds):
            encoder, audio_read = encoders.read_audio(recipe, sound, recipe.seed, outside=number)
            t = fusion.temperatures(
                audio_read, text_read, voice=recipe.audio.temperature, words=recipe.text.temperature
            )
            prior = encoders.words_prior(recipe, words, text_encoder, t.text)
            inside = _positions(sound.folds, number)
            model = fusion.fit_fusion(recipe, audio_read, text_read, t, prior, seed)
            t_bimodal = fusion.bimodal_temperature(recipe, audio_read, text_read, inside, t, prior, seed)
            test = held_out(encoder, [sound.features[i] for i in fold], sound.labels[fold])
            generator = np.random.default_rng(1000 + number)
            draws = []
            for _ in range(DRAWS):
                left, right = label_matched_pairs(test, dev_read, 32, generator)
                p = {
                    "audio": _softmax(test.logits[left] / t.audio),
                    "text": _softmax(dev_read.logits[right] / t.text),
                    "bimodal": _softmax(fusion.fuse(model, test, dev_read, left, right, t) / t_bimodal),
                }
                p["product"] = p["audio"] * p["text"] / prior
                p["product"] /= p["product"].sum(1, keepdims=True)
                draws.append((test.labels[left], p))
            row = {f"{name} UAR": float(np.mean([uar(y, p[name].argmax(1)) for y, p in draws])) for name in draws[0][1]}
            per_draw = [measures(confusion(y, p["bimodal"])) for y, p in draws]
            row |= {f"bimodal {name}": float(np.mean([found[name] for found in per_draw])) for name in MEASURES}
            # Over all draws at once: of 224 pairs, even a perfect branch would show an error of a few points.
            truth = np.concatenate([y for y, _ in draws])
            row |= {f"{name} ECE": ece(truth, np.concatenate([p[name] for _, p in draws])) for name in draws[0][1]}
            rows.append(row)
            report(f"seed {seed} fold {number}: {_short(row)} · T {t.audio:.2f} {t.text:.2f} {t_bimodal:.2f}")
        mean = _mean(rows)
        mean["gain over the better branch"] = mean["bimodal UAR"] - max(mean["audio UAR"], mean["text UAR"])
        yield {"seed": seed} | mean


def _positions(folds: list[np.ndarray], outside: int) -> list[np.ndarray]:
    """Return the folds but one as positions among their own sorted rows, as `out_of_fold` returns them."""
    inside = [fold for number, fold in enumerate(folds) if number != outside]
    chosen = np.sort(np.concatenate(inside))
    return [np.searchsorted(chosen, fold) for fold in inside]


def _calibrated(logits: np.ndarray, labels: np.ndarray, folds: list[np.ndarray]) -> dict:
    """Scores of out-of-fold logits; each fold's temperature is fitted on the other folds."""
    probabilities = np.zeros_like(logits, dtype=np.float64)
    for fold in folds:
        rest = np.setdiff1d(np.arange(len(labels)), fold)
        probabilities[fold] = _softmax(logits[fold] / fit_temperature(logits[rest], labels[rest]))
    return scores(labels, probabilities)


def _softmax(logits: np.ndarray | torch.Tensor) -> np.ndarray:
    return torch.softmax(torch.as_tensor(logits).double(), dim=-1).numpy()


def _mean(rows: list[dict]) -> dict:
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def _short(row: dict) -> str:
    return " ".join(f"{name} {value:.1f}" for name, value in row.items() if name.endswith("UAR"))


def summary(rows: list[dict]) -> str:
    """Mean ± standard deviation over seeds of every figure."""
    lines = []
    for name in rows[0]:
        if name not in ("seed", "n"):
            values = [row[name] for row in rows]
            lines.append(f"{name:32}{np.mean(values):8.3f} ± {np.std(values):.3f}   ({len(values)} seeds)")
    return "\n".join(lines)


PARTS = {"audio": audio, "text": text, "bimodal": bimodal}
