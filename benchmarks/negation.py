"""How often the words are right where they deny something: overlooked negations, others, and texts without one.

    python -m benchmarks.negation --data DATA [--part test] [--checkpoint compact]

On the dev texts of the words' corpora, or another part of theirs. A negation counts as overlooked as
`bibier.inference.negation` says, whose three numbers were chosen on the dev texts; the right answers are the corpora's
labels.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from bibier.checkpoint import bundle
from bibier.errors import CorpusError
from bibier.features.tokens import words
from bibier.inference.negation import negations
from bibier.inference.prediction import denies
from bibier.inference.predictor import BATCH, MAX_WORDS, Predictor
from bibier.labels import vector
from train.corpora import load
from train.corpora.items import Item
from train.experiment import recipe

RECIPE = Path(__file__).parents[1] / "train" / "recipes" / "compact.toml"
KINDS = ("no negation", "a negation", "one that is overlooked")


def judge(predictor: Predictor, items: list[Item]) -> tuple[np.ndarray, np.ndarray]:
    """Return for each text (N,) whether the likeliest emotion is the label, and which of `KINDS` it is."""
    right, kinds = [], []
    for begin in range(0, len(items), BATCH):
        part = items[begin : begin + BATCH]
        spans = [words(predictor.bundle.prepare_text(item.text or ""))[:MAX_WORDS] for item in part]
        for item, text, result in zip(
            part, spans, predictor.judge_words(spans, predictor.encode_texts(spans)), strict=True
        ):
            right.append(result.probabilities is not None and vector(result.probabilities).argmax() == item.label)
            kinds.append(2 if denies(result) else int(bool(negations(text))))
    return np.array(right, bool), np.array(kinds, int)


def markdown(rows: dict[str, tuple[np.ndarray, np.ndarray]]) -> str:
    """Lay out the share of right answers by kind, with the number of texts."""
    lines = [f"| corpus | {' | '.join(KINDS)} |", "|---|---:|---:|---:|"]
    whole = {"**all**": tuple(np.concatenate(parts) for parts in zip(*rows.values(), strict=True))}
    for corpus, (right, kinds) in (rows | whole).items():
        cells = [
            f"{100 * right[kinds == kind].mean():.1f} % of {np.sum(kinds == kind):,}" for kind in range(len(KINDS))
        ]
        lines.append(f"| {corpus} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--part", default="dev")
    parser.add_argument("--checkpoint", default="compact")
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    options = parser.parse_args()
    predictor, rows = Predictor(bundle.load(options.checkpoint)), {}
    for corpus in recipe.load(options.recipe).text.corpora:
        try:
            items = [item for item in load.read(corpus, options.data, options.part, need="text") if item.text]
        except CorpusError:  # it has no such part
            continue
        rows[corpus] = judge(predictor, [item for item in items if words(item.text or "")])
    print(markdown(rows))


if __name__ == "__main__":
    main()
