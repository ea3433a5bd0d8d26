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
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from bibier.checkpoint.components import build
from bibier.files import replacing
from train.augment import concatenate
from train.corpora import load
from train.evaluate import table
from train.evaluate.runs import Run, run_of
from train.experiment import encoders, fusion, recipe
from train.experiment.sources import TrainingRows, audio_source, read_words, text_prior, text_source
from train.experiment.stacking import OutOfFold, held_out, out_of_fold

RECIPE = Path("train/recipes/compact-v1.toml")
RUNS = Path("runs/systems")
PLACES = ("meld-dev", "meld-test", "resd")
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
COMPACT = "BiFormer on the log-linear pool (compact)"
SYSTEMS[COMPACT] = {}
# What the paper adds to its best fusion, added to the best by MELD dev.
ADDED = {
    f"{COMPACT} + SDS": {"merge": True},
    f"{COMPACT} + LS-LLM": {"soft": True},
    f"{COMPACT} + SDS + LS-LLM": {"merge": True, "soft": True},
}
SYSTEMS |= dict.fromkeys(ADDED, SYSTEMS[COMPACT])
MERGING = concatenate.Merging()  # 40 % of the rows, 4 s
SOFT = {  # a fifth of the rows is replaced by the table's distribution; here every row by what that is in the mean
    corpus: {"table": f"soft_labels/qwen3-4b_{corpus}.csv", "mode": "replace", "probability": 0.2}
    for corpus in ("meld", "resd")
}


def settings(chosen: recipe.Recipe, name: str) -> recipe.Recipe:
    """Return the compact recipe with a system's fusion in its place."""
    system = SYSTEMS[name]
    model = system if system.get("kind") in ("memocmt", "lpgnet") else chosen.fusion.model | system
    fit = chosen.fusion.fit
    if system.get("wpf"):
        fit = dataclasses.replace(fit, groups=({"match": "mixture", "learning_rate": MIXTURE_RATE, "weight_decay": 0},))
    return dataclasses.replace(chosen, fusion=dataclasses.replace(chosen.fusion, model=model, fit=fit))


def clips_for(texts: np.ndarray, clips: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return for each text's label (N,) the row of a clip with the same label."""
    return np.array([generator.choice(np.flatnonzero(clips == label)) for label in texts])


def merged(source: TrainingRows, extract: Callable, seed: int) -> tuple[TrainingRows, np.ndarray]:
    """Append merged rows, whose parts are of one fold, label and corpus; return the rows to train on too.

    As published, a merged row takes the place of its first part.
    """
    fold_of = np.empty(len(source.items), dtype=int)
    for number, fold in enumerate(source.folds):
        fold_of[fold] = number
    names = [f"{item.corpus} {fold_of[row]}" for row, item in enumerate(source.items)]
    drawn = concatenate.Merger(source.seconds, source.labels, names, MERGING, seed)(0)
    chains = [chain for chain in drawn if len(chain) > 1]
    first = np.array([chain[0] for chain in chains])
    new = len(source.items) + np.arange(len(chains))
    extended = dataclasses.replace(
        source,
        features=[*source.features, *extract([source.join(chain) for chain in chains])],
        labels=np.concatenate((source.labels, source.labels[first])),
        targets=np.concatenate((source.targets, source.targets[first])),
        folds=[np.concatenate((fold, new[fold_of[first] == number])) for number, fold in enumerate(source.folds)],
    )
    return extended, np.concatenate((np.setdiff1d(np.arange(len(source.items)), first), new))


@dataclass(frozen=True)
class Ready:
    """What a fold's fusions are fitted on and judged by."""

    number: int
    audio: OutOfFold
    text: OutOfFold
    soft: np.ndarray  # (N', 7), LS-LLM targets of the texts
    t: fusion.Temperatures
    clips: OutOfFold  # of the held-out actors
    aside: np.ndarray  # RESD rows of the text source that are judged here


def folds(
    chosen: recipe.Recipe,
    plain: tuple[TrainingRows, TrainingRows],
    added: tuple[TrainingRows, TrainingRows] | None,
    trained_on,
) -> list[Ready]:
    """Read what every fold is fitted on, with merged rows where they are given (`trained_on`: the rows to train on).

    The encoders are those of the plain rows.
    """
    sound, words = plain
    more_sound, more_words = added or plain
    text_encoder = encoders.fit_text(chosen, words, words.all_but(), chosen.seed)
    text_read = out_of_fold(
        more_words.features,
        more_words.labels,
        more_words.folds,
        text_encoder,
        lambda number: encoders.fit_text(chosen, words, words.all_but(number), chosen.seed),
    )
    resd = np.array([item.corpus == "resd" for item in words.items])
    ready = []
    for number, fold in enumerate(sound.folds):
        rest = [n for n in range(len(sound.folds)) if n != number]
        encoder = encoders.fit_audio(chosen, sound, sound.all_but(number), chosen.seed)
        rows = np.sort(np.concatenate([more_sound.folds[n] for n in rest]))
        audio_read = out_of_fold(
            more_sound.features,
            more_sound.labels,
            [more_sound.folds[n] for n in rest],
            encoder,
            lambda place, rest=rest, number=number: encoders.fit_audio(
                chosen, sound, sound.all_but(rest[place], number), chosen.seed
            ),
        )
        clips = held_out(encoder, [sound.features[i] for i in fold], sound.labels[fold])
        aside = np.intersect1d(words.folds[number], np.flatnonzero(resd))
        outside = np.setdiff1d(more_words.folds[number], np.setdiff1d(words.folds[number], aside))
        inside = np.setdiff1d(np.arange(len(more_words.labels)), outside)
        t = fusion.temperatures(
            audio_read.part(np.flatnonzero(rows < len(sound.items))), text_read.part(inside[inside < len(words.items)])
        )
        if trained_on is not None:
            audio_read = audio_read.part(np.flatnonzero(np.isin(rows, trained_on[0])))
            inside = np.intersect1d(inside, trained_on[1])
        ready.append(Ready(number, audio_read, text_read.part(inside), more_words.targets[inside], t, clips, aside))
        print(f"fold {number} read", flush=True)
    return ready


def run(options: argparse.Namespace) -> None:
    """Fit every system on every fold and seed, and keep its probabilities of every pair."""
    chosen = recipe.load(RECIPE)
    sound, words = audio_source(chosen, options.data), text_source(chosen, options.data)
    prior = text_prior(chosen, words)
    softened = dataclasses.replace(chosen, text=dataclasses.replace(chosen.text, soft=SOFT))
    soft_targets = text_source(softened, options.data).targets
    official = {}
    text_encoder, text_read = encoders.read_text(chosen, words, chosen.seed)
    for split in ("dev", "test"):
        items = load.read("meld", options.data, split)
        official[f"meld-{split}"] = held_out(
            text_encoder, read_words(chosen.text, items), np.array([i.label for i in items])
        )
    names = options.only or list(SYSTEMS)
    plain = folds(chosen, (sound, dataclasses.replace(words, targets=soft_targets)), None, None)
    extractor = build("audio_features", chosen.audio.features)
    for seed in range(options.seeds):
        ready = {False: plain}
        if any(ADDED.get(name, {}).get("merge") for name in names):
            loud, loud_rows = merged(sound, lambda raw: [extractor.features(power) for power in raw], seed)
            spoken, spoken_rows = merged(dataclasses.replace(words, targets=soft_targets), list, seed)
            ready[True] = folds(chosen, (sound, words), (loud, spoken), (loud_rows, spoken_rows))
        deal = {
            name: np.random.default_rng([seed, 7]).permutation(len(read.labels)) % len(plain)
            for name, read in official.items()
        }
        for name in names:
            own_recipe, more = settings(chosen, name), ADDED.get(name, {})
            for fold in ready[more.get("merge", False)]:
                file = RUNS / f"{name}__{seed}__{fold.number}.npz"
                if file.exists():
                    continue
                soft = fold.soft if more.get("soft") else None
                model = fusion.fit_fusion(own_recipe, fold.audio, fold.text, fold.t, prior, seed, soft=soft)
                arrays = {}
                for corpus, read in (*official.items(), ("resd", text_read)):
                    rows = fold.aside if corpus == "resd" else np.flatnonzero(deal[corpus] == fold.number)
                    generator = np.random.default_rng([seed, fold.number, len(rows)])
                    left = clips_for(read.labels[rows], fold.clips.labels, generator)
                    logits = fusion.fuse(model, fold.clips, read, left, rows, fold.t)
                    arrays |= {
                        f"{corpus} rows": rows,
                        f"{corpus} clips": sound.folds[fold.number][left],
                        f"{corpus} probabilities": torch.softmax(logits, dim=-1).numpy(),
                        f"{corpus} truth": read.labels[rows],
                    }
                    for modality, branch in (("audio", fold.clips.logits[left]), ("text", read.logits[rows])):
                        temperature = getattr(fold.t, modality)
                        arrays[f"{corpus} {modality}"] = torch.softmax(branch / temperature, dim=-1).numpy()
                RUNS.mkdir(parents=True, exist_ok=True)
                with replacing(file) as part:
                    np.savez_compressed(part, **arrays)
                hit = float((arrays["meld-dev probabilities"].argmax(1) == arrays["meld-dev truth"]).mean())
                print(f"seed {seed} fold {fold.number} {name}: MELD dev WAR {100 * hit:.1f}", flush=True)


def read_runs(sound: TrainingRows, texts: dict[str, list[str]]) -> dict[Path, Run]:
    """Put the folds of every system and seed together; voice and words alone are systems too."""
    parts: dict[tuple, list] = {}
    for file in sorted(RUNS.glob("*.npz")):
        name, seed, _ = file.stem.rsplit("__", 2)
        with np.load(file) as arrays:
            for place in PLACES:
                probabilities_of = {name: arrays[f"{place} probabilities"]}
                if name == COMPACT:
                    probabilities_of |= {
                        "voice alone": arrays[f"{place} audio"],
                        "words alone": arrays[f"{place} text"],
                    }
                for system, probabilities in probabilities_of.items():
                    columns = (
                        arrays[f"{place} rows"],
                        arrays[f"{place} clips"],
                        arrays[f"{place} truth"],
                        probabilities,
                    )
                    parts.setdefault((system, int(seed), place), []).append(columns)
    runs = {}
    for system in ("voice alone", "words alone", *SYSTEMS):
        for (name, seed, place), folds_read in parts.items():
            if name != system or len(folds_read) < len(sound.folds):
                continue
            rows, clips, truth, probabilities = (np.concatenate(column) for column in zip(*folds_read, strict=True))
            corpus, _, split = place.partition("-")
            runs[Path(f"{system} {seed} {place}")] = run_of(
                truth,
                probabilities,
                system=system,
                seed=seed,
                corpus=f"RAVDESS × {corpus.upper()}",
                split=split or "left out",
                ids=[texts[place][row] for row in rows],
                speakers=[sound.items[clip].speaker for clip in clips],
            )
    return runs


def report(options: argparse.Namespace) -> None:
    """Write benchmarks/systems.md: the dev table that the best is chosen by, and the table of both corpora."""
    chosen = recipe.load(RECIPE)
    sound, words = audio_source(chosen, options.data), text_source(chosen, options.data)
    texts = {f"meld-{split}": [item.id for item in load.read("meld", options.data, split)] for split in ("dev", "test")}
    runs = read_runs(sound, texts | {"resd": [item.id for item in words.items]})
    dev = table.make({path: run for path, run in runs.items() if run.split == "dev"})
    final = table.make({path: run for path, run in runs.items() if run.split != "dev"})
    reading = (Path(__file__).parent / "systems.reading.md").read_text(encoding="utf-8")
    about = __doc__.split("\n\n")
    lines = [
        "# Every fusion model on the compact features",
        *(" ".join(part.split()) for part in about[1:3]),
        f"    python -m benchmarks.systems --data DATA --seeds {options.seeds}\n"
        "    python -m benchmarks.systems --data DATA --report",
        f"PyTorch {torch.__version__}, one thread of a shared x86-64 core. Mean ± standard deviation over seeds; in "
        "brackets the 95 % interval of a bootstrap over the actors.",
        "## Held-out actors × MELD test and RESD\n\n" + table.markdown(final),
        "## Held-out actors × MELD dev: what the best was chosen by\n\n" + table.markdown(dev),
        reading.strip(),
    ]
    out = Path(__file__).parent / "systems.md"
    out.write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(runs)} runs in {out}")


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--report", action="store_true", help="write the table of what is there")
    options = parser.parse_args()
    torch.set_num_threads(1)
    report(options) if options.report else run(options)


if __name__ == "__main__":
    main()
