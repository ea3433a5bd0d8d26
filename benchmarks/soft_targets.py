"""Does training on soft targets help? Text only: MELD's official split, and RESD in folds grouped by dialogue.

RESD is judged twice. In plain folds of whole dialogues the classes of a fold are the opposite of those of its training
rows, as a dialogue has two emotions only: who guesses the class that is rarest in training scores far above chance. In
stratified folds, of whole dialogues too, that guess is worth nothing.

    python -m benchmarks.soft_targets --data DIR

Every finished fit appends a line to runs/soft_targets.jsonl, so that an interrupted run goes on where it stopped;
the table is benchmarks/soft_targets.md, the figures of every fit benchmarks/soft_targets.json. The section "Reading" of
the table is written by hand and kept.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import platform
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.special import softmax
from sklearn.model_selection import StratifiedGroupKFold

from bibier.features.char_ngrams import CharNgrams
from bibier.labels import EMOTIONS
from bibier.models.text_encoder import TextEncoder
from train.augment import soft_targets
from train.corpora import load
from train.experiment import recipe
from train.experiment.stacking import held_out
from train.loop import batches
from train.loop.trainer import class_weights, fit
from train.metrics import fit_temperature, scores, soft_cross_entropy, uar

PROBABILITIES = (0.2, 0.5, 1.0)
SOFT = ("uniform", "LS-LLM argmax", "LS-LLM distribution")
CONDITIONS = (("hard", 0.0), *((name, p) for p in PROBABILITIES for name in SOFT))
TABLES = {"meld": "soft_labels/qwen3-4b_meld.csv", "resd": "soft_labels/qwen3-4b_resd.csv"}
PROTOCOLS = {"meld": "meld", "resd": "resd", "resd stratified": "resd"}  # → the corpus
FOLDS = 5
DRAWS = 10_000  # of the bootstrap
FIGURES = ("WF1", "UAR", "NLL", "ECE")
BINS = 10  # of the calibration error

RUNS = Path("runs/soft_targets.jsonl")
TABLE = Path("benchmarks/soft_targets.md")
RAW = Path("benchmarks/soft_targets.json")
READING = "## Reading"

HEAD = """# Does training on soft targets help?

Text only, the compact text encoder (`[text]` of `train/recipes/compact-v1.toml`: {fit.epochs} epochs,
batch {fit.batch}, class power {fit.class_power}), {seeds} seeds; ± is the standard deviation over seeds.

    python -m benchmarks.soft_targets --data DIR

* **hard**: the label. **uniform**: (1 − λ) · label + λ / 7 on every row, with the λ that gives the mean entropy (nats)
  of the LS-LLM's targets at that p. **LS-LLM argmax**: per sample and epoch, with probability p, the label becomes the
  argmax of the table's row, as published. **LS-LLM distribution**: it becomes the row itself, clipped and renormalised.
* Class weights (N / 7n)^power are those of the labels in every condition; a seed has the same initial weights and the
  same batches in every condition.
* NLL is the cross-entropy of the hard label in nats, ECE has ten bins; both after a temperature, fitted on MELD dev, or
  for a fold of RESD on the predictions of the other folds. Nothing else was chosen by these runs.
* Intervals: paired bootstrap, {draws:,} draws of test utterances (MELD) or of dialogues (RESD); in a draw each seed's
  figure is computed, averaged over the seeds, and the same average of hard is taken off. They say how the test items
  vary; the ± says how the seeds do.
* Data: MELD's official CSVs; RESD's train rows (the soft-label table holds their texts and labels) in {folds} folds
  grouped by dialogue, plain and stratified by label, trained on RESD alone; soft labels of Qwen3-4B, which was shown
  the true label.
* Versions: {versions}; CPU, 1 thread.
"""


@dataclass(frozen=True)
class Corpus:
    """What is trained on and what is judged; RESD is judged on its own folds."""

    protocol: str
    name: str
    items: list[load.Item]
    ids: list[np.ndarray]
    labels: np.ndarray  # (N,)
    judged: dict[str, tuple[list[np.ndarray], np.ndarray]]  # split → ids, labels; empty for RESD
    folds: list[np.ndarray]  # empty for MELD
    groups: np.ndarray  # what the bootstrap draws: utterances of MELD's test, dialogues of RESD


def read(protocol: str, folder: Path, part: recipe.TextPart) -> Corpus:
    """Read a protocol's corpus with its features."""
    name = PROTOCOLS[protocol]
    extractor = CharNgrams(part.features)

    def prepared(split: str) -> tuple[list[load.Item], list[np.ndarray], np.ndarray]:
        items = load.read(name, folder, split)
        return items, [extractor(item.text) for item in items], np.array([item.label for item in items])

    items, ids, labels = prepared("train")
    if name == "meld":
        judged = {split: prepared(split)[1:] for split in ("dev", "test")}
        return Corpus(protocol, name, items, ids, labels, judged, [], np.arange(len(judged["test"][1])))
    dialogues = np.unique([item.dialogue for item in items], return_inverse=True)[1]
    if protocol == "resd":
        folds = load.folds(items, FOLDS, "dialogue")
    else:
        splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
        folds = [test_rows for _, test_rows in splitter.split(labels, labels, dialogues)]
    return Corpus(protocol, name, items, ids, labels, {}, folds, dialogues)


def blind(corpus: Corpus) -> float:
    """UAR of guessing, in each fold, the class that is rarest in its training rows: what no text is needed for."""
    guessed = np.zeros(len(corpus.labels), dtype=int)
    for fold in corpus.folds:
        rest = np.setdiff1d(np.arange(len(corpus.labels)), fold)
        guessed[fold] = np.bincount(corpus.labels[rest], minlength=len(EMOTIONS)).argmin()
    return uar(corpus.labels, guessed)


def softening(condition: str, p: float, name: str, items: list[load.Item], folder: Path) -> soft_targets.Softening:
    """Return the settings of a condition. Uniform smoothing gets the mean entropy of the LS-LLM's targets at that p."""
    replaced = soft_targets.Softening(TABLES[name], "replace", probability=p)
    if condition == "uniform":
        return soft_targets.Softening(
            weight=soft_targets.uniform_weight(soft_targets.soft_targets(items, replaced, folder).entropy())
        )
    if condition == "hard":
        return dataclasses.replace(replaced, probability=0.0)
    return dataclasses.replace(replaced, argmax=condition == "LS-LLM argmax")


def fitted(corpus: Corpus, rows: np.ndarray, condition: str, p: float, seed: int, part, folder: Path):
    """Fit one encoder on some rows; returns it and the softening of its targets."""
    items, ids = [corpus.items[i] for i in rows], [corpus.ids[i] for i in rows]
    settings = softening(condition, p, corpus.name, items, folder)
    targets = soft_targets.soft_targets(items, settings, folder, seed)
    torch.manual_seed(seed)
    model = TextEncoder(part.encoder)
    model.count(ids)
    model = fit(
        model,
        batches.plain_batches(lambda epoch: (ids, targets(epoch)), part.fit.batch),
        steps=-(-len(rows) // part.fit.batch) + 1,
        weights=class_weights(targets.own, part.fit.class_power),  # of the labels, the same in every condition
        settings=part.fit,
        seed=seed,
    )
    return model, targets


def run(corpus: Corpus, condition: str, p: float, seed: int, part, folder: Path) -> dict:
    """Make one row: the logits that its figures are made of, and what its targets were."""
    started = time.perf_counter()
    if corpus.judged:
        model, targets = fitted(corpus, np.arange(len(corpus.items)), condition, p, seed, part, folder)
        logits = {split: held_out(model, *it).logits for split, it in corpus.judged.items()}
        softened = [targets]
    else:
        held_out_logits, softened = torch.zeros(len(corpus.items), len(EMOTIONS)), []
        for fold in corpus.folds:
            rest = np.setdiff1d(np.arange(len(corpus.items)), fold)
            model, targets = fitted(corpus, rest, condition, p, seed, part, folder)
            held_out_logits[fold] = held_out(model, [corpus.ids[i] for i in fold], corpus.labels[fold]).logits
            softened.append(targets)
        logits = {"folds": held_out_logits}
    return {
        "corpus": corpus.protocol,
        "condition": condition,
        "p": p,
        "seed": seed,
        "entropy": float(np.mean([targets.entropy() for targets in softened])),
        "weight": float(np.mean([targets.settings.weight for targets in softened])),
        "report": softened[0].report(),
        "seconds": round(time.perf_counter() - started, 1),
        "logits": {name: np.round(values.numpy().astype(float), 4).tolist() for name, values in logits.items()},
    }


def calibrated(corpus: Corpus, row: dict) -> tuple[np.ndarray, np.ndarray]:
    """Return the truth (N,) and the probabilities (N, 7) after a temperature.

    MELD: fitted on dev. RESD: that of a fold is fitted on the other folds, which their own encoders never saw.
    """
    if corpus.judged:
        dev, test = (np.array(row["logits"][split]) for split in ("dev", "test"))
        return corpus.judged["test"][1], softmax(test / fit_temperature(dev, corpus.judged["dev"][1]), axis=1)
    logits = np.array(row["logits"]["folds"])
    probabilities = np.zeros_like(logits)
    for fold in corpus.folds:
        rest = np.setdiff1d(np.arange(len(logits)), fold)
        probabilities[fold] = softmax(logits[fold] / fit_temperature(logits[rest], corpus.labels[rest]), axis=1)
    return corpus.labels, probabilities


def figures(truth: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """WF1 and UAR in per cent, negative log-likelihood of the label in nats, ECE in [0, 1]."""
    figures_of = scores(truth, probabilities)
    nll = soft_cross_entropy(np.eye(len(EMOTIONS))[truth], probabilities)
    return {"WF1": figures_of["WF1"], "UAR": figures_of["UAR"], "NLL": nll, "ECE": figures_of["ECE"]}


def tallies(truth: np.ndarray, probabilities: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return per group what the figures are sums of: (G, 49 + 1 + 2 · BINS).

    The confusion's cells, the negative log-likelihood, and by bin of confidence the hits and the confidence.
    """
    kinds = len(EMOTIONS)
    predicted, confidence = probabilities.argmax(1), probabilities.max(1)
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    single = np.zeros((len(truth), kinds * kinds + 1 + 2 * BINS))
    rows = np.arange(len(truth))
    single[rows, truth * kinds + predicted] = 1
    single[:, kinds * kinds] = -np.log(probabilities[rows, truth].clip(1e-12))
    single[rows, kinds * kinds + 1 + place] = predicted == truth
    single[rows, kinds * kinds + 1 + BINS + place] = confidence
    sums = np.zeros((groups.max() + 1, single.shape[1]))
    np.add.at(sums, groups, single)
    return sums


def from_tallies(sums: np.ndarray) -> np.ndarray:
    """Return (…, 4) figures in the order of FIGURES from summed tallies (…, 49 + 1 + 2 · BINS)."""
    kinds = len(EMOTIONS)
    cells = sums[..., : kinds * kinds].reshape(*sums.shape[:-1], kinds, kinds)
    support, predicted = cells.sum(-1), cells.sum(-2)  # (…, 7)
    hits, total = np.diagonal(cells, axis1=-2, axis2=-1), cells.sum((-1, -2))
    f1 = 2 * hits / np.maximum(support + predicted, 1)
    recalls = hits / np.maximum(support, 1)
    rest = sums[..., kinds * kinds + 1 :]
    return np.stack(
        (
            100 * (f1 * support).sum(-1) / total,
            100 * recalls.sum(-1) / (support > 0).sum(-1),
            sums[..., kinds * kinds] / total,
            np.abs(rest[..., :BINS] - rest[..., BINS:]).sum(-1) / total,
        ),
        axis=-1,
    )


def bootstrap(corpus: Corpus, pairs_of: dict[tuple, list[tuple]], draws: int = DRAWS) -> dict[tuple, np.ndarray]:
    """Return for every condition the 95 % interval (2, 4) of its difference to hard, paired in draw and seed.

    In each draw of groups with replacement, every figure is computed for every seed, averaged over the seeds, and the
    same average of `hard` on the same draw is taken off.
    """
    groups = corpus.groups.max() + 1
    counts = np.random.default_rng(0).multinomial(groups, np.full(groups, 1 / groups), size=draws).astype(np.float64)
    means = {
        key: np.mean([from_tallies(counts @ tallies(*pair, corpus.groups)) for pair in pairs], axis=0)
        for key, pairs in pairs_of.items()
    }
    return {key: np.percentile(mean - means["hard", 0.0], (2.5, 97.5), axis=0) for key, mean in means.items()}


def finished(key: str) -> Iterator[dict]:
    """Yield the rows that were made under the same settings and data."""
    if RUNS.is_file():
        for line in RUNS.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row["key"] == key:
                yield row


def signature(path: Path, folder: Path) -> str:
    """Return a hash of the recipe's [text], the tables of soft labels and the texts: what a row depends on."""
    part = tomllib.loads(path.read_text(encoding="utf-8"))["text"]
    seen = hashlib.sha256(json.dumps(part, sort_keys=True).encode())
    for file in (*TABLES.values(), *(f"text/meld_{split}.csv" for split in ("train", "dev", "test"))):
        if (folder / file).is_file():
            seen.update((folder / file).read_bytes())
    return seen.hexdigest()[:16]


def table(corpus: Corpus, rows: list[dict]) -> tuple[list[str], list[dict]]:
    """Return the Markdown table of a corpus, and its raw rows."""
    pairs_of: dict[tuple, list[tuple]] = {}
    single: dict[tuple, list[dict]] = {}
    raw = []
    for row in sorted(rows, key=lambda row: row["seed"]):
        key = row["condition"], row["p"]
        pair = calibrated(corpus, row)
        pairs_of.setdefault(key, []).append(pair)
        single.setdefault(key, []).append(figures(*pair))
        raw.append({name: row[name] for name in row if name != "logits"} | single[key][-1])
    intervals = bootstrap(corpus, pairs_of)
    hard = {name: np.mean([seed_figures[name] for seed_figures in single["hard", 0.0]]) for name in FIGURES}
    lines = [
        "| targets | p | entropy | " + " | ".join(f"{name} | Δ to hard [95 %]" for name in FIGURES) + " |",
        "|---|---|---|" + "---|---|" * len(FIGURES),
    ]
    beyond = compared = 0
    for condition, p in CONDITIONS:
        if (condition, p) not in single:
            continue
        first = next(row for row in rows if (row["condition"], row["p"]) == (condition, p))
        name = condition + (f" (λ {first['weight']:.3f})" if condition == "uniform" else "")
        cells = [name, f"{p:g}" if condition != "hard" else "", f"{first['entropy']:.3f}"]
        for place, figure in enumerate(FIGURES):
            values = [seed_figures[figure] for seed_figures in single[condition, p]]
            digits = 2 if figure in ("WF1", "UAR") else 3
            cells.append(f"{np.mean(values):.{digits}f} ± {np.std(values, ddof=1):.{digits}f}")
            if condition == "hard":
                cells.append("")
                continue
            low, high = intervals[condition, p][:, place]
            compared, beyond = compared + 1, beyond + (low > 0 or high < 0)
            mark = "**" if low > 0 or high < 0 else ""
            delta = np.mean(values) - hard[figure]
            cells.append(f"{mark}{delta:+.{digits}f}{mark} [{low:+.{digits}f}, {high:+.{digits}f}]")
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", f"{beyond} of the {compared} intervals do not hold 0 (bold); with no effect at all, about "]
    lines[-1] += f"{compared / 20:.0f} would, and the cells are not independent."
    return lines, raw


def write(done: dict[str, tuple[Corpus, list[dict]]], part, seeds: int) -> None:
    """Write the table and the raw figures; the reading that was written by hand stays."""
    kept = TABLE.read_text(encoding="utf-8").partition(READING)[2] if TABLE.is_file() else ""
    head = HEAD.format(
        fit=part.fit,
        seeds=seeds,
        draws=DRAWS,
        folds=FOLDS,
        versions=f"Python {platform.python_version()}, torch {torch.__version__}, numpy {np.__version__}",
    )
    lines = [head]
    raw = []
    for name, (corpus, rows) in done.items():
        made = {(row["condition"], row["p"]) for row in rows}
        kind = "stratified folds" if "stratified" in name else "folds"
        where = "train → test" if corpus.judged else f"{FOLDS} {kind} grouped by dialogue"
        lines += [f"## {corpus.name.upper()}, {where}", ""]
        if corpus.folds:
            lines += [
                f"Guessing the class that is rarest in the training folds, without any text: UAR {blind(corpus):.2f}."
            ]
            lines += [""]
        if not rows:
            lines += ["Not run yet.", ""]
            continue
        if missing := [f"{condition} {p:g}" for condition, p in CONDITIONS if (condition, p) not in made]:
            lines += [f"Not finished: {', '.join(missing)}.", ""]
        found, single = table(corpus, rows)
        lines += [*found, ""]
        raw += single
    TABLE.write_text("\n".join([*lines, READING + (kept or "\n")]), encoding="utf-8")
    RAW.write_text(json.dumps(raw, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    """Make the rows that are not there yet, then the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--recipe", type=Path, default=Path("train/recipes/compact-v1.toml"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--table", action="store_true", help="only write the table of what is finished")
    options = parser.parse_args()
    torch.set_num_threads(1)
    part = recipe.load(options.recipe).text
    key = signature(options.recipe, options.data)
    done = {(row["corpus"], row["condition"], row["p"], row["seed"]): row for row in finished(key)}
    read_corpora = {name: read(name, options.data, part) for name in PROTOCOLS}
    wanted = [(name, *one, seed) for seed in range(options.seeds) for name in PROTOCOLS for one in CONDITIONS]
    for number, (name, condition, p, seed) in enumerate(wanted, start=1):
        if options.table or (name, condition, p, seed) in done:
            continue
        row = run(read_corpora[name], condition, p, seed, part, options.data) | {"key": key}
        done[name, condition, p, seed] = row
        RUNS.parent.mkdir(exist_ok=True)
        with RUNS.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        shown = figures(*calibrated(read_corpora[name], row))
        brief = " ".join(f"{figure} {value:.3f}" for figure, value in shown.items())
        print(
            f"{number}/{len(wanted)} {name} {condition} p {p:g} seed {seed}: {brief} ({row['seconds']} s)", flush=True
        )
    rows = [row for row in done.values() if row["seed"] < options.seeds]
    write(
        {name: (c, [row for row in rows if row["corpus"] == name]) for name, c in read_corpora.items()},
        part,
        options.seeds,
    )


if __name__ == "__main__":
    main()
