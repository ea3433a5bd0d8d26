"""Is the voice closer to a crowd of listeners than a single listener is? CREMA-D, its speakers or all of it left out.

    python -m benchmarks.crowd --data DATA [--recipe train/recipes/compact.toml] [--seeds 3] [--answers FOLDER]
        [--report] [--set FIELD=VALUE]

About ten listeners heard each clip and chose one of six emotions. A listener is drawn and the distribution of the rest
is what all rows are compared with, each clip by all of its listeners:

* the model's distribution, by encoders that never met the speaker, or nothing of CREMA-D; the temperature is that of
  the other corpora (as it answers strangers), or chosen on CREMA-D's other speakers, alone or with one offset for each
  class;
* the listener, whose vote becomes the distribution that is best for this vote on the other speakers: the smoothing has
  30 parameters of its own for each measure, so nothing better can be made of a vote alone;
* the best constant, chosen on the other speakers too.

Cross-entropy in nats, Jensen–Shannon divergence (JSD) in bits, and the correlation of the entropies; in brackets 95 %
intervals by bootstrap over the speakers. The folds are those of `train generalise`, which keeps them.

N clips, V pairs of a clip and a vote, K = 7 classes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.special import softmax

from bibier.distributions import entropy, jensen_shannon
from bibier.files import atomic_write
from bibier.labels import EMOTIONS
from train.corpora.items import read_table
from train.evaluate.generalisation import temperature_of_others
from train.experiment import recipe, sources
from train.experiment.left_out import CORPORA, GROUPS, KEPT, LeftOut, corpus_folds, group_folds, left_out
from train.metrics import soft_cross_entropies

CORPUS = "cremad"
HEARD = np.array([name != "surprise" for name in EMOTIONS])  # the listeners' choices
DRAWS = 2000
MODEL = "model, its temperature from the other corpora"
SCALED = "model, its temperature from the other speakers"
SHIFTED = "model, temperature and class offsets from the other speakers"
LISTENER = "one listener, smoothed as well as can be"
CONSTANT = "the best constant"
ROWS = (MODEL, SCALED, SHIFTED, LISTENER, CONSTANT)
MEASURES = ("cross-entropy", "JSD", "correlation of entropies")

Loss = Callable[[np.ndarray, np.ndarray], np.ndarray]  # distributions (V, 7), those of the rest (V, 7) → (V,)
LOSSES: dict[str, Loss] = {
    "cross-entropy": lambda p, rest: soft_cross_entropies(rest, p),
    "JSD": lambda p, rest: jensen_shannon(p, rest),
}


@dataclass(frozen=True)
class Votes:
    """Clips and their listeners, one pair for each class that anybody chose."""

    clip: np.ndarray  # (V,), the clip's number
    vote: np.ndarray  # (V,), the class
    weight: np.ndarray  # (V,), the share of the clip's listeners; sums to 1 for each clip
    rest: np.ndarray  # (V, 7), the distribution of the clip's other listeners

    @classmethod
    def of(cls, counts: np.ndarray) -> Votes:
        """Draw each listener in turn from counts of votes (N, 7), two or more for each clip."""
        clip, vote = np.nonzero(counts)
        rest = counts[clip] - np.eye(len(EMOTIONS))[vote]
        weight = counts[clip, vote] / counts.sum(1)[clip]
        return cls(clip, vote, weight, rest / rest.sum(1, keepdims=True))

    def where(self, clips: np.ndarray) -> np.ndarray:
        """Return the pairs of some clips (N,) bool."""
        return np.flatnonzero(clips[self.clip])


def best(loss: Loss, rest: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the distribution (7,) over the listeners' choices with the least mean loss to `rest` (V, 7)."""
    mean = np.average(rest, axis=0, weights=weight) + 1e-6 * HEARD
    if loss is LOSSES["cross-entropy"]:
        return mean / mean.sum()

    def mean_loss(logits: np.ndarray) -> float:
        return float(np.average(loss(_over_choices(logits), rest), weights=weight))

    return _over_choices(minimize(mean_loss, np.log(mean[HEARD]), method="L-BFGS-B").x)


def _over_choices(logits: np.ndarray) -> np.ndarray:
    p = np.zeros(len(EMOTIONS))
    p[HEARD] = softmax(logits)
    return p


def scaled(logits: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    """Return distributions over the listeners' choices of logits (V, 7): a log scale, and offsets of the choices."""
    shifted = logits * np.exp(parameters[0]) + np.concatenate((parameters[1:], np.zeros(7 - len(parameters[1:]))))
    return softmax(np.where(HEARD, shifted, -np.inf), axis=1)


def answers(
    logits: np.ndarray, temperature: float, votes: Votes, folds: Sequence[np.ndarray]
) -> dict[str, dict[str, np.ndarray]]:
    """Return what every row of the table says of each pair, by row and loss: (V, 7); chosen on the other folds.

    `logits` (N, 7) are the model's, `folds` boolean masks (N,) of the clips.
    """
    judged = {row: {name: np.zeros((len(votes.clip), 7)) for name in LOSSES} for row in ROWS}
    for fold in folds:
        inside, outside = votes.where(fold), votes.where(~fold)
        rest, weight = votes.rest[outside], votes.weight[outside]
        for name, loss in LOSSES.items():
            judged[MODEL][name][inside] = softmax(logits[votes.clip[inside]] / temperature, axis=1)
            for row, count in ((SCALED, 1), (SHIFTED, 1 + len(EMOTIONS))):
                chosen = _chosen(loss, logits[votes.clip[outside]], rest, weight, count)
                judged[row][name][inside] = scaled(logits[votes.clip[inside]], chosen)
            for vote in np.unique(votes.vote[inside]):
                same = votes.vote[outside] == vote
                judged[LISTENER][name][inside[votes.vote[inside] == vote]] = best(loss, rest[same], weight[same])
            judged[CONSTANT][name][inside] = best(loss, rest, weight)
    return judged


def _chosen(loss: Loss, logits: np.ndarray, rest: np.ndarray, weight: np.ndarray, count: int) -> np.ndarray:
    def mean_loss(parameters: np.ndarray) -> float:
        return float(np.average(loss(scaled(logits, parameters), rest), weights=weight))

    return minimize(mean_loss, np.zeros(count), method="L-BFGS-B").x


def sums(judged: dict[str, dict[str, np.ndarray]], votes: Votes, speakers: np.ndarray) -> np.ndarray:
    """Return what the measures are made of, summed over each speaker's pairs: (rows, speakers, 8)."""
    names, speaker = np.unique(speakers[votes.clip], return_inverse=True)
    table = np.zeros((len(ROWS), len(names), 8))
    b = entropy(votes.rest)
    for number, row in enumerate(ROWS):
        a = entropy(judged[row]["JSD"])
        losses = [loss(judged[row][name], votes.rest) for name, loss in LOSSES.items()]
        columns = np.stack([*losses, a, b, a * b, a * a, b * b, np.ones(len(b))], axis=1)  # (V, 8)
        np.add.at(table[number], speaker, votes.weight[:, None] * columns)
    return table


def measured(total: np.ndarray) -> np.ndarray:
    """Return MEASURES of sums (..., 8): (..., 3); no correlation (NaN) where an entropy doesn't vary."""
    cross, jsd, a, b, ab, aa, bb = np.moveaxis(total[..., :-1] / total[..., -1:], -1, 0)
    spread = (aa - a * a) * (bb - b * b)
    correlation = np.where(spread > 1e-9, (ab - a * b) / np.sqrt(np.maximum(spread, 1e-9)), np.nan)
    return np.stack([cross, jsd, correlation], axis=-1)


@dataclass(frozen=True)
class Table:
    """The measures and their draws, means over seeds."""

    values: np.ndarray  # (rows, 3)
    drawn: np.ndarray  # (DRAWS, rows, 3)
    clips: int
    speakers: int
    seeds: int

    def ratio(self, row: str, measure: str = "JSD") -> tuple[float, float, float]:
        """Return a row's measure ÷ the listener's, and its 95 % interval."""
        places = ROWS.index(row), ROWS.index(LISTENER), MEASURES.index(measure)
        value, drawn = (t[..., places[0], places[2]] / t[..., places[1], places[2]] for t in (self.values, self.drawn))
        return float(value), *(float(x) for x in np.quantile(drawn, [0.025, 0.975]))


def make(
    logits: Sequence[np.ndarray],
    temperatures: Sequence[float],
    counts: np.ndarray,
    speakers: np.ndarray,
    folds: Sequence[np.ndarray],
) -> Table:
    """Compare the model's logits of each seed (N, 7) with counts of votes (N, 7); `folds` are boolean masks (N,)."""
    votes = Votes.of(counts)
    pairs = zip(logits, temperatures, strict=True)
    by_seed = np.stack(
        [sums(answers(seed_logits, t, votes, folds), votes, speakers) for seed_logits, t in pairs]
    )  # (seeds, rows, G, 8)
    groups = by_seed.shape[2]
    generator = np.random.default_rng(0)
    times = generator.multinomial(groups, np.full(groups, 1 / groups), DRAWS)  # (DRAWS, G)
    drawn = measured(np.einsum("dg,srgk->dsrk", times, by_seed)).mean(1)
    return Table(measured(by_seed.sum(2)).mean(0), drawn, len(counts), groups, len(logits))


def markdown(table: Table) -> str:
    """Lay the table out, and say the ratio of the model to a listener."""
    lines = [
        f"{table.clips:,} clips of {table.speakers} speakers; {table.seeds} "
        f"{'seed' if table.seeds == 1 else 'seeds, mean'}.",
        "",
        f"| who says it | {' | '.join(MEASURES)} | JSD ÷ one listener's |",
        "|---|---:|---:|---:|---:|",
    ]
    for row, values, drawn in zip(ROWS, table.values, np.moveaxis(table.drawn, 1, 0), strict=True):
        cells = []
        for measure, value, draws in zip(MEASURES, values, drawn.T, strict=True):
            low, high = np.quantile(draws, [0.025, 0.975])
            varies = row != CONSTANT or measure in LOSSES  # but from fold to fold, which says nothing
            cells.append(f"{value:.3f} [{low:.3f}, {high:.3f}]" if varies else "—")
        value, low, high = table.ratio(row)
        cells.append("1" if row == LISTENER else f"**{value:.2f}** [{low:.2f}, {high:.2f}]")
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def read_counts(data: Path, names: Sequence[str]) -> np.ndarray:
    """Return how many listeners chose each emotion (N, 7) of clips by the stem of their file."""
    rows = read_table(data / CORPUS / "manifest.csv", "path", "raters", *EMOTIONS)
    by_name = {Path(row["path"]).stem: np.array([float(row[e]) for e in EMOTIONS]) * int(row["raters"]) for row in rows}
    return np.stack([by_name[name] for name in names]).round()


def of_corpus(voices: LeftOut, data: Path, kind: str) -> Table | None:
    """Compare what encoders said of CREMA-D; None where no seed has judged all of it and another corpus.

    `kind` is what was left out: `GROUPS`, the clip's speaker among others, or `CORPORA`, all of CREMA-D.
    """
    rows = voices.rows_of(CORPUS)
    seeds = sorted({seed for folds, seed, channel in voices.answers if folds == kind and not channel})
    chosen = {
        seed: temperature
        for seed in seeds
        if len(voices.judged(kind, seed, rows)) == len(rows)
        and (temperature := temperature_of_others(voices, kind, seed, CORPUS)) is not None
    }
    if not chosen:
        return None
    items = [voices.source.items[row] for row in rows.tolist()]
    counts = read_counts(data, [item.path.stem for item in items if item.path])
    folds = [np.isin(rows, fold) for fold in voices.source.folds]
    logits = [voices.answers[kind, seed, ""].logits[rows] for seed in chosen]
    return make(logits, list(chosen.values()), counts, np.array([item.speaker for item in items]), folds)


def main() -> None:
    """Fit what is missing, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--recipe", type=Path, default=Path("train/recipes/compact.toml"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--answers", type=Path, default=KEPT, help="folder that keeps what each fold's encoder said")
    parser.add_argument("--report", action="store_true", help="fit nothing: use what is kept")
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", help="change one setting")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/crowd.md"))
    options = parser.parse_args()
    chosen = recipe.load(options.recipe, options.set)
    source = sources.audio_source(chosen, options.data)
    parts, missing = [], []
    for heading, kind, folds in (
        ("Speakers left out", GROUPS, group_folds(source)),
        ("All of CREMA-D left out", CORPORA, corpus_folds(source)),
    ):
        fit = not options.report
        voices = left_out(
            chosen, source, "audio", folds, range(options.seeds), fit=fit, keep=options.answers, report=print
        )
        table = of_corpus(voices, options.data, kind)
        parts.append(f"## {heading}\n\n{markdown(table) if table else 'Not run.'}")
        missing += [f"* not run: {name} left out, seed {seed}" for _, name, seed, _ in voices.missing]
    command = f"    python -m benchmarks.crowd --data DATA --recipe {options.recipe} --seeds {options.seeds}"
    command += "".join(f" --set {change}" for change in options.set)
    title, _, method = (__doc__ or "").partition("\n")
    method = method.split("\n\n", 2)[2].rsplit("\n\n", 1)[0]
    page = "\n\n".join(part.rstrip() for part in (f"# {title}", command, method, *parts, "\n".join(missing)) if part)
    atomic_write(options.out, page + "\n")
    print(page)


if __name__ == "__main__":
    main()
