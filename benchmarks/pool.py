"""How far the voice is to be trusted beside the words, on corpora that the voice never heard.

    python -m benchmarks.pool [train/recipes/compact.toml] --data DIR [--seed 0] [--checkpoint compact]
        [--answers FOLDER]

Clips of each corpus of the recipe, read by an encoder that was fitted without it (`python -m train generalise` fits
those), and of TESS, read by the checkpoint; each with a held-out text of the same label, balanced over the emotions:
MELD dev, and the dev parts of GoEmotions, Izard, BRIGHTER in Russian and DailyDialog. The temperature of the voice, its
weight in the pool and the pool's temperature are fitted on all corpora of voices but one and judged on that one, and
then fitted on all. The texts are the same in both; only the voices are new. Beside it stands what the weight and the
temperatures of the recipe make of the same pairs, and the plain product (the voice's weight 1, the same temperatures).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import minimize

from bibier.audio import io
from bibier.checkpoint import bundle
from bibier.checkpoint.bundle import Bundle
from bibier.features.tokens import words
from bibier.labels import EMOTIONS
from train.corpora import load
from train.corpora.items import Item
from train.experiment import left_out, recipe
from train.experiment.recipe import Recipe
from train.experiment.sources import audio_source
from train.experiment.stacking import OutOfFold, label_matched_pairs
from train.metrics import ece, fit_temperature, uar

CLIPS = 40  # of each emotion and corpus
PAIRS = 200  # of each emotion
LONGEST = 256  # words
TEXTS = {"MELD": ("meld",), "others": ("goemotions", "izard", "brighter-ru", "dailydialog")}
COLUMNS = (
    "fitted on",
    "temperature of the voice",
    "weight of the voice",
    "temperature of both",
    "judged on",
    "texts",
    "voice, UAR",
    "words",
    "both",
    "by the recipe",
    "product",
    "voice, ECE",
    "both, ECE",
    "by the recipe",
)

Pairs = tuple[torch.Tensor, torch.Tensor, np.ndarray]  # log-probabilities (P, 7) of voice and words, labels (P,)


def chosen(items: list[Item], count: int) -> list[Item]:
    """Draw so many items of each emotion, or as many as there are."""
    generator, drawn = np.random.default_rng(0), []
    for label in range(len(EMOTIONS)):
        ours = [item for item in items if item.label == label]
        drawn += [ours[i] for i in generator.permutation(len(ours))[:count]]
    return drawn


@torch.inference_mode()
def encoded(encoder: torch.nn.Module, features: list[np.ndarray], items: list[Item]) -> OutOfFold:
    """Read items one by one; their hidden states are not kept."""
    rows = [torch.from_numpy(row)[None] for row in features]
    logits = [encoder(features=row, mask=torch.ones(row.shape[:2], dtype=torch.bool)).logits for row in rows]
    return OutOfFold([], torch.cat(logits), np.array([item.label for item in items]))


def unheard(chosen_recipe: Recipe, data: Path, seed: int, answers: Path) -> dict[str, OutOfFold]:
    """Return by corpus what the recipe's encoders said of its clips that were fitted without it."""
    source = audio_source(chosen_recipe, data)
    folds = left_out.corpus_folds(source)
    read = left_out.left_out(chosen_recipe, source, "audio", folds, [seed], keep=answers, report=print)
    logits = torch.from_numpy(read.answers[left_out.CORPORA, seed, ""].logits).float()
    return {name: OutOfFold([], logits[read.rows_of(name)], source.labels[read.rows_of(name)]) for name in read.corpora}


def matched(model: Bundle, voice: OutOfFold, text: OutOfFold, heat: float, seed: int) -> Pairs:
    """Pair a voice of this temperature and a text of the same label; the words' class prior is taken out."""
    left, right = label_matched_pairs(voice, text, PAIRS, np.random.default_rng(seed))
    prior = torch.tensor(model.config.text_prior).log()
    spoken = torch.log_softmax(text.logits[right].double() / model.config.calibration.text, -1) - prior
    return torch.log_softmax(voice.logits[left].double() / heat, -1), spoken, voice.labels[left]


def temperature(voices: list[OutOfFold]) -> float:
    """Fit the temperature of voices, every emotion and every corpus as often."""
    generator, logits, labels = np.random.default_rng(0), [], []
    for voice in voices:
        for label in np.unique(voice.labels):
            rows = generator.choice(np.flatnonzero(voice.labels == label), CLIPS)
            logits.append(voice.logits[rows])
            labels.append(voice.labels[rows])
    return fit_temperature(torch.cat(logits), np.concatenate(labels))


def fitted(parts: list[Pairs]) -> np.ndarray:
    """Return what voice and words are multiplied with, (2,), of the least cross-entropy."""

    def loss(scales: np.ndarray) -> float:
        logs = [(torch.log_softmax(scales[0] * a + scales[1] * t, -1), y) for a, t, y in parts]
        return float(np.mean([-log[np.arange(len(y)), y].mean() for log, y in logs]))

    return minimize(loss, [0.3, 0.8], method="Nelder-Mead").x


def main() -> None:
    """Print the weights, and the pairs judged with them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path, nargs="?", default=Path("train/recipes/compact.toml"))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--checkpoint", default="compact")
    parser.add_argument("--answers", type=Path, default=left_out.KEPT, help="what each fold's encoder said")
    options = parser.parse_args()
    model = bundle.load(options.checkpoint)
    settings = recipe.load(options.recipe)
    voices, texts = unheard(settings, options.data, options.seed, options.answers), {}
    clips = chosen(load.read("tess", options.data), CLIPS)
    features = [model.audio_features(io.load(item.path).samples) for item in clips]
    voices["tess"] = encoded(model.audio_encoder, features, clips)
    for name, corpora in TEXTS.items():
        items = [item for corpus in corpora for item in load.read(corpus, options.data, "dev", need="text")]
        features = [model.text_features(words(model.prepare_text(item.text or ""))[:LONGEST]) for item in items]
        texts[name] = encoded(model.text_encoder, features, items)
    print("| " + " | ".join(COLUMNS) + " |")
    print("|" + "---|" * len(COLUMNS))
    for judged in (*voices, None):
        fitted_on = [voice for name, voice in voices.items() if name != judged]
        heat = temperature(fitted_on)
        scales = fitted([matched(model, voice, text, heat, seed=1) for voice in fitted_on for text in texts.values()])
        share = f"{heat:.2f} | {scales[0] / scales[1]:.2f} | {1 / scales[1]:.2f}"
        if judged is None:
            print(f"| all | {share} |{' |' * (len(COLUMNS) - 4)}", flush=True)
            continue
        for name, text in texts.items():
            a, t, y = matched(model, voices[judged], text, heat, seed=2)
            own = matched(model, voices[judged], text, settings.audio.temperature or 1.0, seed=2)[0]
            both = scales[0] * a + scales[1] * t
            by_recipe = (settings.fusion.voice_weight * own + t) / (settings.fusion.temperature or 1.0)
            figures = " | ".join(f"{uar(y, logs.argmax(1).numpy()):.1f}" for logs in (a, t, both, by_recipe, own + t))
            errors = " | ".join(f"{ece(y, torch.softmax(logs, -1).numpy()):.3f}" for logs in (a, both, by_recipe))
            print(f"| all but {judged} | {share} | {judged} | {name} | {figures} | {errors} |", flush=True)


if __name__ == "__main__":
    main()
