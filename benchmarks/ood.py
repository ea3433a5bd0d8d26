"""Whether the voice's out-of-distribution score tells speech from sounds that are none.

    python -m benchmarks.ood --data DIR --unseen tess,turev [--checkpoint compact]
        [--clips 300] [--sounds 48] [--seed 5]

Speech of corpora that the checkpoint's voice never heard (`--unseen`), against sounds of other seeds than the fit's.
For each kind the AUROC and how much of it is above 1, as the checkpoint scores it, and as a score says that was fitted
anew without the kind. Babble and reversed speech are made of the unseen corpora's clips. Below stands how much of the
speech is above 1, clean and on the telephone: what an honest speaker is refused.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from bibier.checkpoint import bundle
from bibier.models.ood_score import OODScore
from train.augment import made_sounds
from train.augment.channels import g711
from train.corpora import load
from train.corpora.items import Item
from train.experiment import ood
from train.experiment.ood import PooledRows


def scores(score: OODScore, rows: PooledRows) -> np.ndarray:
    """Return the score (N,) of pooled rows."""
    with torch.no_grad():
        return score(torch.as_tensor(rows.features, dtype=torch.float32)).numpy()


def auroc(speech: np.ndarray, groups: np.ndarray, sounds: np.ndarray) -> float:
    """Return how often a sound scores above speech (N,), every group of the speech weighing the same."""
    from sklearn.metrics import roc_auc_score

    counts = {group: np.sum(groups == group) for group in np.unique(groups)}
    weights = [1 / (len(counts) * counts[group]) for group in groups]
    truth = np.repeat((0, 1), (len(speech), len(sounds)))
    return float(
        roc_auc_score(truth, np.r_[speech, sounds], sample_weight=np.r_[weights, np.full(len(sounds), 1 / len(sounds))])
    )


def clips(corpora: Sequence[str], data: Path, split: str | None = "train") -> list[Item]:
    """Return every clip of one split of corpora, or with None of all."""
    return [item for name in corpora for item in load.read(name, data, split, need="audio")]


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ood", description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", default="compact")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--unseen", required=True, help="corpora that the voice never heard, with commas")
    parser.add_argument("--clips", type=int, default=300, help="of each corpus")
    parser.add_argument("--sounds", type=int, default=48, help="of each kind")
    parser.add_argument("--seed", type=int, default=5)
    options = parser.parse_args()
    model, generator = bundle.load(options.checkpoint), np.random.default_rng(options.seed)
    encoder, extractor, score = model.audio_encoder, model.audio_features, model.ood_score
    if encoder is None or extractor is None or score is None:
        parser.error(f"{options.checkpoint} has no out-of-distribution score: python -m train fit … --ood-into")
    learnt, unseen = tuple(model.config.recipe["audio"]["corpora"]), tuple(options.unseen.split(","))
    if known := set(learnt) & set(unseen):
        parser.error(f"the voice learnt from {', '.join(sorted(known))}")

    items = ood.draw(clips(unseen, options.data, None), generator, options.clips)
    speech, heard = ood.pool_speech(encoder, extractor, items, generator, copies=False)
    telephone = ood.pool(encoder, extractor.batch([g711(samples) for _, samples in ood.read(items)]))
    sounds = ood.pool_sounds(encoder, extractor, heard, generator, options.sounds)

    other = np.random.default_rng(model.config.recipe["seed"])
    training, own = ood.pool_speech(encoder, extractor, ood.draw(clips(learnt, options.data), other), other)
    made = ood.pool_sounds(encoder, extractor, own, other)

    spoken = scores(score, speech)
    print("| sounds | AUROC | above 1 | AUROC, the kind left out of the fit | above 1 |")
    print("|---|---|---|---|---|")
    for kind in made_sounds.KINDS:
        rows = sounds.part(np.flatnonzero(sounds.groups == kind))
        without = ood.fit_score(training, made.part(np.flatnonzero(made.groups != kind)), score.config.share)
        cells = []
        for fitted, said in ((score, spoken), (without, scores(without, speech))):
            found = scores(fitted, rows)
            cells += [f"{auroc(said, speech.groups, found):.3f}", f"{np.mean(found > 1):.0%}"]
        print(f"| {kind} | {' | '.join(cells)} |")
    every = scores(score, sounds)
    print(f"| all | {auroc(spoken, speech.groups, every):.3f} | {np.mean(every > 1):.0%} | | |")

    narrow = scores(score, PooledRows(telephone, speech.groups, speech.labels))
    print("\n| speech | above 1 | above 1, on the telephone (G.711) |\n|---|---|---|")
    for name in sorted(set(speech.groups)):
        own_rows = speech.groups == name
        print(f"| {name}, unseen | {np.mean(spoken[own_rows] > 1):.0%} | {np.mean(narrow[own_rows] > 1):.0%} |")


if __name__ == "__main__":
    main()
