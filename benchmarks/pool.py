"""How far the voice is to be trusted beside the words, on corpora that the voice never heard.

    python -m benchmarks.pool --data DIR [--checkpoint compact]

Clips of TESS and CREMA-D (by the winner of its votes), each with a held-out text of the same label, balanced over the
emotions: MELD dev, and the dev parts of GoEmotions, Izard, BRIGHTER in Russian and DailyDialog. The weight of the voice
in the pool and its temperature are fitted on one corpus of voices and judged on the other, and then fitted on both.
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
from train.experiment.stacking import OutOfFold, label_matched_pairs
from train.metrics import ece, uar

CLIPS = 40  # of each emotion and corpus
PAIRS = 200  # of each emotion
LONGEST = 256  # words
TEXTS = {"MELD": ("meld",), "others": ("goemotions", "izard", "brighter-ru", "dailydialog")}

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


def matched(model: Bundle, voice: OutOfFold, text: OutOfFold, seed: int) -> Pairs:
    """Pair a voice and a text of the same label; the words' class prior is taken out."""
    left, right = label_matched_pairs(voice, text, PAIRS, np.random.default_rng(seed))
    heat = model.config.calibration
    prior = torch.tensor(model.config.text_prior).log()
    spoken = torch.log_softmax(text.logits[right].double() / heat.text, -1) - prior
    return torch.log_softmax(voice.logits[left].double() / heat.audio, -1), spoken, voice.labels[left]


def fitted(parts: list[Pairs]) -> np.ndarray:
    """Return what voice and words are multiplied with, (2,), of the least cross-entropy."""

    def loss(scales: np.ndarray) -> float:
        logs = [(torch.log_softmax(scales[0] * a + scales[1] * t, -1), y) for a, t, y in parts]
        return float(np.mean([-log[np.arange(len(y)), y].mean() for log, y in logs]))

    return minimize(loss, [0.3, 0.8], method="Nelder-Mead").x


def main() -> None:
    """Print the weights, and the pairs judged with them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--checkpoint", default="compact")
    options = parser.parse_args()
    model = bundle.load(options.checkpoint)
    voices, texts = {}, {}
    for name, corpus in (("TESS", "tess"), ("CREMA-D", str(options.data / "cremad" / "manifest.csv"))):
        clips = chosen(load.read(corpus, options.data), CLIPS)
        features = [model.audio_features(io.load(item.path).samples) for item in clips]
        voices[name] = encoded(model.audio_encoder, features, clips)
    for name, corpora in TEXTS.items():
        items = [item for corpus in corpora for item in load.read(corpus, options.data, "dev", need="text")]
        features = [model.text_features(words(model.prepare_text(item.text or ""))[:LONGEST]) for item in items]
        texts[name] = encoded(model.text_encoder, features, items)
    print("| fitted on | weight of the voice | temperature | judged on | texts | voice | words | both | ECE of both |")
    print("|---|---:|---:|---|---|---:|---:|---:|---:|")
    for fitted_on in (("TESS",), ("CREMA-D",), ("TESS", "CREMA-D")):
        scales = fitted([matched(model, voices[v], text, seed=1) for v in fitted_on for text in texts.values()])
        for voice in voices:
            for name, text in texts.items():
                a, t, y = matched(model, voices[voice], text, seed=2)
                both = scales[0] * a + scales[1] * t
                figures = " | ".join(f"{uar(y, logs.argmax(1).numpy()):.1f}" for logs in (a, t, both))
                error = ece(y, torch.softmax(both, -1).numpy())
                share = f"{scales[0] / scales[1]:.2f} | {1 / scales[1]:.2f}"
                print(
                    f"| {' and '.join(fitted_on)} | {share} | {voice} | {name} | {figures} | {error:.3f} |", flush=True
                )


if __name__ == "__main__":
    main()
