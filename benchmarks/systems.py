"""Every fusion model on the compact features: the paper's Table 10 on label-matched pairs.

For each fold of RAVDESS actors, nothing that is fitted has heard them: the audio encoders, the temperatures and the
fusion are fitted on the other actors, and on texts that are read by encoders that never saw their dialogue. Then every
text of MELD dev, MELD test and RESD (its own dialogue left out) is paired with a clip of the same label by an actor of
the fold that it was dealt to, so that a run is one judgement of each text. All systems of a seed judge the same pairs.

Nothing was tuned for any system: dimensions and training are those of the compact recipe. "Best" is chosen by MELD dev.

    python -m benchmarks.systems --data DATA [--seeds 3] [--only NAME ...]     # hours; goes on where it stopped
    python -m benchmarks.systems --data DATA --report                           # → benchmarks/systems.md
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from train import bundle as fitting
from train import corpora, pairs, recipe
from train.sources import Source, audio_source, read_words, text_prior, text_source
from train.stacking import Read, held_out

RECIPE = Path("train/recipes/compact.toml")
RUNS = Path("runs/systems")
MIXING = {"": {"pool": False, "wpf": False}, "-WPF": {"pool": False, "wpf": True}}
FORMERS = {
    "BiFormer": "biformer",
    "BiGraphFormer": "bigraphformer",
    "BiGatedGraphFormer": "bigatedgraphformer",
    "BiMamba": "bimamba",
}
MIXTURE_RATE = 5e-2  # learning rate of the mixture's weights, which start even
SYSTEMS: dict[str, dict] = {"WPF": {"kind": "wpf", "pool": False, "wpf": True}}
SYSTEMS |= {
    name + mixed: {"kind": kind, "graph_heads": 4, "gated": 32, **settings}
    for mixed, settings in MIXING.items()
    for name, kind in FORMERS.items()
}
SYSTEMS |= {
    f"MemoCMT-{how}": {"kind": "memocmt", "hidden": 32, "heads": 4, "inner": 32, "aggregation": how}
    for how in ("cls", "mean", "max", "min")
}
SYSTEMS["LPGNet (frame)"] = {"kind": "lpgnet", "hidden": 32, "heads": 4, "dropout": 0.3}
SYSTEMS["BiFormer on the log-linear pool (compact)"] = {}


def settings(chosen: recipe.Recipe, name: str) -> recipe.Recipe:
    """Return the compact recipe with a system's fusion in its place."""
    own = SYSTEMS[name]
    model = own if own.get("kind") in ("memocmt", "lpgnet") else chosen.fusion.model | own
    fit = chosen.fusion.fit
    if own.get("wpf"):
        fit = dataclasses.replace(fit, groups=({"match": "mixture", "learning_rate": MIXTURE_RATE, "weight_decay": 0},))
    return dataclasses.replace(chosen, fusion=dataclasses.replace(chosen.fusion, model=model, fit=fit))


def clips_for(texts: np.ndarray, clips: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return for each text's label (N,) the row of a clip with the same label."""
    return np.array([generator.choice(np.flatnonzero(clips == label)) for label in texts])


def folds(chosen: recipe.Recipe, sound: Source, words: Source, texts: dict[str, Read]) -> Iterator[tuple]:
    """For each fold of actors: reads to fit on, temperatures, the held-out clips, and the RESD texts left out."""
    _, text_read = fitting.read_text(chosen, words, chosen.seed)
    resd = np.array([item.corpus == "resd" for item in words.items])
    for number, fold in enumerate(sound.folds):
        encoder, audio_read = fitting.read_audio(chosen, sound, chosen.seed, outside=number)
        clips = held_out(encoder, [sound.features[i] for i in fold], sound.labels[fold])
        aside = np.zeros(len(resd), dtype=bool)
        aside[words.folds[number]] = True
        aside &= resd
        inside = text_read.part(np.flatnonzero(~aside))
        yield number, audio_read, inside, pairs.temperatures(audio_read, inside), clips, np.flatnonzero(aside)


def run(options: argparse.Namespace) -> None:
    """Fit every system on every fold and seed, and keep its probabilities of every pair."""
    chosen = recipe.load(RECIPE)
    sound, words = audio_source(chosen, options.data), text_source(chosen, options.data)
    prior = text_prior(chosen, words)
    text_encoder, text_read = fitting.read_text(chosen, words, chosen.seed)
    official = {}
    for split in ("dev", "test"):
        items = corpora.read("meld", options.data, split)
        official[f"meld-{split}"] = held_out(
            text_encoder, read_words(chosen.text, items), np.array([i.label for i in items])
        )
    ready = list(folds(chosen, sound, words, official))
    print(f"{len(ready)} folds read", flush=True)
    for seed in range(options.seeds):
        deal = {
            name: np.random.default_rng([seed, 7]).permutation(len(read.labels)) % len(ready)
            for name, read in official.items()
        }
        for name in options.only or SYSTEMS:
            own = settings(chosen, name)
            for number, audio_read, inside, t, clips, aside in ready:
                file = RUNS / f"{name}__{seed}__{number}.npz"
                if file.exists():
                    continue
                model = pairs.fit_fusion(own, audio_read, inside, t, prior, seed)
                found = {}
                for corpus, read in (*official.items(), ("resd", text_read)):
                    rows = aside if corpus == "resd" else np.flatnonzero(deal[corpus] == number)
                    generator = np.random.default_rng([seed, number, len(rows)])
                    left = clips_for(read.labels[rows], clips.labels, generator)
                    logits = pairs.fuse(model, clips, read, left, rows, t)
                    found |= {
                        f"{corpus} rows": rows,
                        f"{corpus} clips": sound.folds[number][left],
                        f"{corpus} probabilities": torch.softmax(logits, dim=-1).numpy(),
                        f"{corpus} truth": read.labels[rows],
                    }
                    for modality, branch in (("audio", clips.logits[left]), ("text", read.logits[rows])):
                        found[f"{corpus} {modality}"] = torch.softmax(branch / getattr(t, modality), dim=-1).numpy()
                RUNS.mkdir(parents=True, exist_ok=True)
                part_file = file.with_suffix(".part")
                with part_file.open("wb") as handle:
                    np.savez_compressed(handle, **found)
                part_file.replace(file)
                hit = float((found["meld-dev probabilities"].argmax(1) == found["meld-dev truth"]).mean())
                print(f"seed {seed} fold {number} {name}: MELD dev WAR {100 * hit:.1f}", flush=True)


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*")
    options = parser.parse_args()
    torch.set_num_threads(1)
    run(options)


if __name__ == "__main__":
    main()
