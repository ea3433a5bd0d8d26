"""python -m train {fit,crossvalidate,evaluate}: make a checkpoint, and measure one."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

# These models are small: a second thread costs more than it brings, and leaves no core for another run.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m train", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    fit = commands.add_parser("fit", help="fit a bundle by a recipe and write its checkpoint")
    fit.add_argument("recipe", type=Path)
    fit.add_argument("--data", type=Path, required=True, help="folder that holds the corpora")
    fit.add_argument("--out", type=Path, required=True, help="folder of the checkpoint to write")

    cross = commands.add_parser("crossvalidate", help="the figures that settings are chosen by")
    cross.add_argument("recipe", type=Path)
    cross.add_argument("--part", choices=("audio", "text", "bimodal"), required=True)
    cross.add_argument("--data", type=Path, required=True)
    cross.add_argument("--seeds", type=int, default=3)

    for command in (fit, cross):
        command.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", help="change one setting")

    evaluate = commands.add_parser("evaluate", help="UAR, MF1, WAR, WF1 and ECE of a checkpoint on a corpus")
    evaluate.add_argument("checkpoint", help="folder of a checkpoint, or a name under checkpoints/")
    evaluate.add_argument("--corpus", required=True, help="meld, resd, ravdess, tess, or a manifest ending in .csv")
    evaluate.add_argument("--split", default="test", help="train, dev, test or all (default: test)")
    evaluate.add_argument("--data", type=Path, help="folder that holds the corpora")
    evaluate.add_argument("--json", action="store_true", help="print one JSON object")

    released = commands.add_parser("released", help="turn published weights into a checkpoint")
    released.add_argument("part", choices=("audio", "text", "fusion"))
    released.add_argument("file", type=Path, help="state dict of the published model")
    released.add_argument("--out", type=Path, required=True, help="folder of the checkpoint to write")
    for part in ("audio", "text"):
        released.add_argument(f"--{part}", type=Path, metavar="FILE", help=f"{part} encoder that a fusion goes with")
    released.add_argument("--heads", type=int, default=8, help="attention heads of a fusion (default: 8, Table 9)")
    options = parser.parse_args(arguments)

    # Imported late, so that --help answers at once.
    from bibier.messages import InputError
    from train.corpora import CorpusError

    try:
        return {"fit": _fit, "crossvalidate": _crossvalidate, "evaluate": _evaluate, "released": _released}[
            options.command
        ](options)
    except (CorpusError, InputError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _fit(options: argparse.Namespace) -> int:
    from train import recipe, ship

    ship.make(recipe.load(options.recipe, options.set), options.recipe, options.data, options.out, _say)
    return 0


def _crossvalidate(options: argparse.Namespace) -> int:
    from train import crossvalidate, recipe

    chosen = recipe.load(options.recipe, options.set)
    rows = []
    for row in crossvalidate.PARTS[options.part](chosen, options.data, range(options.seeds), _say):
        rows.append(row)
        print(json.dumps(row), flush=True)
    print(crossvalidate.summary(rows))
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from bibier import checkpoint
    from train import corpora
    from train.evaluate import evaluate, table

    items = corpora.read(options.corpus, options.data, options.split)
    bundle = checkpoint.load(options.checkpoint)
    figures = evaluate(bundle, items, _say)
    if options.json:
        where = {"checkpoint": options.checkpoint, "corpus": options.corpus, "split": options.split}
        print(json.dumps(where | figures, ensure_ascii=False))
    else:
        print(table(figures))
    return 0


def _released(options: argparse.Namespace) -> int:
    from train import released
    from train.corpora import CorpusError

    if getattr(options, options.part, None) is not None:
        raise CorpusError(f"--{options.part} names a second file of the same part: leave it out")
    given = {"audio": options.audio, "text": options.text, options.part: options.file}
    files = {part: path for part, path in given.items() if path is not None}
    _say(f"written: {released.write(files, options.out, heads=options.heads)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
