"""Which temporal encoder hears a voice best: Mamba, LSTM, xLSTM and Transformer, as in the paper's Table 6.

    python -m benchmarks.temporal --data DATA [--recipe RECIPE] [--seeds 3] [--answers FOLDER] [--report]

One split: nEMO is left out whole, and of the other corpora the speakers of the first fold. The convolutions, the width
and the training are the same for all four, small and short (80,000 clips drawn), and nothing was tuned for any of them.
A fit takes minutes and is kept, so an interrupted run goes on; `--report` fits nothing.

UAR in per cent on the classes that a corpus has; mean ± standard deviation (n − 1) over seeds; in brackets 95 %
intervals of the mean by bootstrap over the speakers. The rank is the mean of the ranks in the columns, ties get the
smallest.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from bibier.checkpoint.components import build
from bibier.files import atomic_write
from train.evaluate import generalisation
from train.evaluate.comparison import average_ranks
from train.evaluate.generalisation import CorpusFigures
from train.evaluate.generalisation_report import interval
from train.experiment import recipe, sources
from train.experiment.fit import parameters
from train.experiment.left_out import KEPT, Fold, LeftOut, left_out
from train.experiment.sources import TrainingRows

RECIPE = Path(__file__).parents[1] / "train" / "recipes" / "compact.toml"
ENCODERS = ("mamba", "lstm", "xlstm", "transformer")
NAMES = {"mamba": "Mamba", "lstm": "LSTM", "xlstm": "xLSTM", "transformer": "Transformer"}
SMALL = (
    "audio.encoder.members=1",
    "audio.encoder.channels=[16, 32, 48]",
    "audio.encoder.dim=64",
    "audio.encoder.hidden=64",
    "audio.fit.epochs=10",  # of 8,000 draws
)
LEFT_OUT = "nemo"
KIND = "a corpus and speakers"


def changes(encoder: str) -> list[str]:
    """Return what is set in the recipe for a temporal encoder."""
    return [*SMALL, f'audio.encoder.temporal="{encoder}"']


def split(source: TrainingRows) -> Fold:
    """Leave out all of one corpus, and of the others the speakers of the source's first fold."""
    corpus = np.array([item.corpus for item in source.items])
    test = np.union1d(np.flatnonzero(corpus == LEFT_OUT), source.folds[0])
    return Fold(KIND, f"{LEFT_OUT} and fold 0", np.setdiff1d(np.arange(len(corpus)), test), test)


def markdown(rows: Mapping[str, Sequence[CorpusFigures]], sizes: Mapping[str, int]) -> str:
    """Lay out the encoders that were run, with the number of their parameters."""
    corpora = list(dict.fromkeys(row.corpus for figures in rows.values() for row in figures))
    by_corpus = {encoder: {row.corpus: row for row in figures} for encoder, figures in rows.items()}
    values = np.array(
        [[by_name[c].uar.value if c in by_name else np.nan for c in corpora] for by_name in by_corpus.values()]
    )
    heads = [f"{c}, {'left out' if c == LEFT_OUT else 'unseen speakers'}" for c in corpora]
    lines = [
        f"| encoder | parameters | seeds | {' | '.join(heads)} | mean | rank |",
        "|---" + "|---:" * (len(corpora) + 4) + "|",
    ]
    for (encoder, by_name), values_of_row, rank in zip(
        by_corpus.items(), values, average_ranks(values.round(2)), strict=True
    ):
        seeds = ", ".join(map(str, next(iter(by_name.values())).seeds))
        cells = [interval(by_name[c].uar, by_name[c].deviation) if c in by_name else "—" for c in corpora]
        lines.append(
            f"| {NAMES[encoder]} | {sizes[encoder]:,} | {seeds} | {' | '.join(cells)} "
            f"| {np.nanmean(values_of_row):.1f} | {rank:.2f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Fit what is missing, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--answers", type=Path, default=KEPT, help="folder that keeps what each fold's encoder said")
    parser.add_argument("--report", action="store_true", help="fit nothing: use what is kept")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/temporal.md"))
    options = parser.parse_args()
    recipes = {encoder: recipe.load(options.recipe, changes(encoder)) for encoder in ENCODERS}
    source = sources.audio_source(recipes[ENCODERS[0]], options.data, print)
    fold = split(source)
    judged: dict[str, LeftOut] = {}
    for count in range(1, options.seeds + 1):  # all four with a seed before the next one
        for encoder, chosen in recipes.items():
            judged[encoder] = left_out(
                chosen,
                source,
                "audio",
                [fold],
                range(count),
                fit=not options.report,
                keep=options.answers,
                report=print,
            )
    rows = {
        encoder: figures for encoder, answers in judged.items() if (figures := generalisation.figures(answers, KIND))
    }
    missing = [
        f"* not run: {NAMES[name]}, seed {gap[2]}" for name, answers in judged.items() for gap in answers.missing
    ]
    sizes = {name: parameters(build("audio_encoder", chosen.audio.encoder)) for name, chosen in recipes.items()}
    title, _, text = (__doc__ or "").partition("\n")
    method = text.split("\n\n", 2)[2]
    command = f"    python -m benchmarks.temporal --data DATA --seeds {options.seeds}"
    table = markdown(rows, sizes) if rows else ""
    page = "\n\n".join((f"# {title}", command, method.strip(), table + "\n".join(missing))).rstrip() + "\n"
    atomic_write(options.out, page)
    print(page)


if __name__ == "__main__":
    main()
