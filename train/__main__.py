"""python -m train COMMAND: from corpora to a checkpoint, and what is measured on the way; --help lists the commands."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from bibier.cli import terminal
from bibier.process import keep_freed_memory

# These models are small: a second thread costs more than it brings, and leaves no core for another run.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    terminal.write_anything()
    keep_freed_memory()
    parser = argparse.ArgumentParser(prog="python -m train", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    prepare = commands.add_parser("prepare", help="extract the features that a recipe needs, once")
    prepare.add_argument("recipe", type=Path)
    prepare.add_argument("--data", type=Path, required=True, help="folder that holds the corpora")
    prepare.add_argument("--download", action="store_true", help="fetch the weights that are not on this machine")
    prepare.add_argument("--cache", type=Path, help="folder of the features (default: .cache/features)")
    prepare.add_argument("--device", default="cpu", help="where the models run (default: cpu)")

    fit = commands.add_parser("fit", help="fit a bundle by a recipe and write its checkpoint")
    fit.add_argument("recipe", type=Path)
    fit.add_argument("--data", type=Path, required=True, help="folder that holds the corpora")
    fit.add_argument("--out", type=Path, required=True, help="folder of the checkpoint to write")
    fit.add_argument(
        "--words-into",
        metavar="CHECKPOINT",
        help="fit the words alone, and write this checkpoint with them in the place of its own",
    )
    fit.add_argument(
        "--ood-into",
        metavar="CHECKPOINT",
        help="fit the out-of-distribution score of the voice alone, and write this checkpoint with it",
    )

    cross = commands.add_parser("crossvalidate", help="the figures that settings are chosen by")
    cross.add_argument("recipe", type=Path)
    cross.add_argument("--part", choices=("audio", "text", "bimodal"), required=True)
    cross.add_argument("--data", type=Path, required=True)
    cross.add_argument("--seeds", type=int, default=3)

    strangers = commands.add_parser("generalise", help="corpora left out and unseen speakers: voice, words and both")
    strangers.add_argument("recipe", type=Path)
    strangers.add_argument("--data", type=Path, required=True)
    strangers.add_argument("--seeds", type=int, default=3)
    strangers.add_argument(
        "--only", choices=("voice", "words", "both"), default="both", help="fit only what this needs"
    )
    strangers.add_argument("--report", action="store_true", help="fit nothing: report what is kept")
    strangers.add_argument(
        "--answers", type=Path, default=Path(".cache/left_out"), help="folder that keeps what each fold's encoder said"
    )
    strangers.add_argument("--out", type=Path, default=Path("benchmarks/generalisation.md"), help="Markdown to write")
    strangers.add_argument("--picture", choices=("png", "svg"), default="png", help="of the confusion matrices")
    strangers.add_argument("--draws", type=int, default=1000, help="of the bootstrap")

    search = commands.add_parser("search", help="choose a recipe's fields by its dev figures, never by a test split")
    search.add_argument("recipe", type=Path)
    search.add_argument("--grid", type=Path, required=True, help='TOML: "part.table.field" = [candidates]')
    search.add_argument("--method", choices=("greedy", "exhaustive", "optuna"), required=True)
    search.add_argument("--trials", type=int, default=50, help="of optuna")
    search.add_argument("--part", choices=("audio", "text", "bimodal"), required=True)
    search.add_argument("--data", type=Path, required=True)
    search.add_argument("--out", type=Path, required=True, help="folder of the log; the same call goes on from it")
    search.add_argument("--seeds", type=int, default=1)

    for command in (prepare, fit, cross, strangers, search):
        command.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", help="change one setting")

    evaluate = commands.add_parser("evaluate", help="UAR, MF1, WAR, WF1 and ECE of a checkpoint on a corpus")
    evaluate.add_argument("checkpoint", help="folder of a checkpoint, or a name under checkpoints/")
    evaluate.add_argument("--corpus", required=True, help="meld, resd, ravdess, tess, or a manifest ending in .csv")
    evaluate.add_argument("--split", default="test", help="train, dev, test or all (default: test)")
    evaluate.add_argument("--data", type=Path, help="folder that holds the corpora")
    evaluate.add_argument("--json", action="store_true", help="print one JSON object")
    evaluate.add_argument("--save-run", type=Path, metavar="FILE", help="write what `table` reads: .json or .jsonl")
    evaluate.add_argument(
        "--branch", choices=("audio", "text", "bimodal"), help="of the run (default: all that is there)"
    )
    evaluate.add_argument("--system", metavar="NAME", help="of the run in the table (default: the checkpoint's name)")

    table = commands.add_parser(
        "table", help="runs of several systems and seeds in one table, with ranks and intervals"
    )
    table.add_argument("run", type=Path, nargs="+", help="files written by `evaluate --save-run`, .json or .jsonl")
    table.add_argument("--out", type=Path, help="folder for the table and the confusion matrices")
    table.add_argument("--format", choices=("markdown", "csv", "json"), default="markdown")
    table.add_argument("--picture", choices=("png", "svg"), default="png", help="of the confusion matrices")
    table.add_argument("--draws", type=int, default=10_000, help="of the bootstrap")
    table.add_argument(
        "--against", metavar="PUBLISHED", help="set beside: table6, table8, table10, table11 of the paper, or a CSV"
    )

    push = commands.add_parser("push", help="hand a fitted checkpoint on to a folder or the Hub, checked and whole")
    push.add_argument("run", help="folder of a checkpoint, or a name under checkpoints/")
    push.add_argument("target", help="folder to write, such as checkpoints/mine; or user/name on the Hub")
    push.add_argument("--private", action="store_true", help="on the Hub: for nobody else")
    push.add_argument("--revision", default="", metavar="BRANCH", help="on the Hub: to this branch")
    push.add_argument("--dry-run", action="store_true", help="on the Hub: list what would be sent, and send nothing")
    push.add_argument("--replace", action="store_true", help="replace the checkpoint that is there")

    templates = commands.add_parser("templates", help="phrases from template files, and their speech, as a manifest")
    templates.add_argument("folder", type=Path, help="folder of template files, one JSON an emotion")
    templates.add_argument("--out", type=Path, required=True, help="folder of the manifest tug.csv and its clips")
    templates.add_argument("--speech", metavar="MODEL", help="say them with this Dia: a name on the Hub or a folder")
    templates.add_argument("--tags", choices=("published", "used"), default="published")

    released = commands.add_parser("released", help="turn published weights into a checkpoint")
    released.add_argument("part", choices=("audio", "text", "fusion"))
    released.add_argument("file", type=Path, help="state dict of the published model")
    released.add_argument("--out", type=Path, required=True, help="folder of the checkpoint to write")
    for part in ("audio", "text"):
        released.add_argument(f"--{part}", type=Path, metavar="FILE", help=f"{part} encoder that a fusion goes with")
    released.add_argument("--heads", type=int, default=8, help="attention heads of a fusion (default: 8, Table 9)")
    options = parser.parse_args(arguments)

    # Imported late, so that --help answers at once.
    from bibier.errors import CorpusError, InputError
    from bibier.files import refused_by_system

    try:
        run = {
            "prepare": _prepare,
            "fit": _fit,
            "crossvalidate": _crossvalidate,
            "generalise": _generalise,
            "search": _search,
            "evaluate": _evaluate,
            "table": _table,
            "push": _push,
            "templates": _templates,
            "released": _released,
        }
        return run[options.command](options)
    except (CorpusError, InputError, FloatingPointError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        if error.filename is None:  # not about a file that somebody named
            raise
        print(f"error: {refused_by_system(error)}", file=sys.stderr)
        return 2


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _prepare(options: argparse.Namespace) -> int:
    from train.experiment import feature_cache, recipe

    chosen = recipe.load(options.recipe, options.set)
    cache = options.cache or feature_cache.CACHE
    feature_cache.prepare(
        chosen, options.data, cache=cache, allow_download=options.download, device=options.device, report=_say
    )
    return 0


def _fit(options: argparse.Namespace) -> int:
    from bibier.checkpoint.bundle import check_place
    from train.experiment import recipe
    from train.experiment.fit import fit_bundle
    from train.experiment.graft import fit_words
    from train.experiment.ood import score_checkpoint
    from train.loop.distributed import is_main_process
    from train.loop.progress import progress

    report = progress() if is_main_process() else lambda line: None
    chosen = recipe.load(options.recipe, options.set)
    check_place(options.out)  # before hours of work
    if options.ood_into:
        score_checkpoint(chosen, options.data, options.ood_into, options.out, report)
    elif options.words_into:
        fit_words(chosen, options.recipe, options.data, options.words_into, options.out, report)
    else:
        fit_bundle(chosen, options.recipe, options.data, options.out, report)
    return 0


def _crossvalidate(options: argparse.Namespace) -> int:
    from train.experiment import cross_validate, recipe

    chosen = recipe.load(options.recipe, options.set)
    rows = []
    for row in cross_validate.PARTS[options.part](chosen, options.data, range(options.seeds), _say):
        rows.append(row)
        print(json.dumps(row), flush=True)
    print(cross_validate.summary(rows))
    return 0


def _generalise(options: argparse.Namespace) -> int:
    from train.evaluate import generalisation_report
    from train.experiment import recipe

    chosen = recipe.load(options.recipe, options.set)
    found = generalisation_report.generalise(
        chosen,
        options.data,
        range(options.seeds),
        only=options.only,
        fit=not options.report,
        keep=options.answers,
        report=_say,
    )
    command = f"python -m train generalise {options.recipe} --data DATA --seeds {options.seeds}"
    for change in options.set:
        command += f" --set '{change}'"
    for file in generalisation_report.write(found, options.out, command, draws=options.draws, picture=options.picture):
        _say(f"written: {file}")
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from bibier.checkpoint import bundle
    from train.corpora import load
    from train.evaluate.evaluate import evaluate, table
    from train.evaluate.runs import check_place, write_run

    if options.save_run:
        check_place(options.save_run)
    items = load.read(options.corpus, options.data, options.split, report=_say)
    model = bundle.load(options.checkpoint)
    evaluation = evaluate(model, items, _say)
    if options.save_run:
        run = evaluation.run(
            options.branch,
            system=options.system or model.config.name,
            seed=model.config.recipe.get("seed", 0),
            corpus=items[0].corpus,
            split=options.split,
        )
        write_run(options.save_run, run)
        _say(f"written: {options.save_run}")
    if options.json:
        where = {"checkpoint": options.checkpoint, "corpus": options.corpus, "split": options.split}
        print(json.dumps(where | evaluation.figures(), ensure_ascii=False))
    else:
        print(table(evaluation))
    return 0


def _search(options: argparse.Namespace) -> int:
    from train.experiment import grid, recipe, search

    chosen = recipe.load(options.recipe, options.set)
    candidates = grid.load_grid(options.grid, chosen, options.method)
    about = f"{options.part}, {options.seeds} seeds, {options.data.resolve()}"
    with search.SearchProgress(sys.stderr) as progress:
        searched = search.Search(
            chosen,
            search.cross_validated(options.part, options.data, options.seeds, progress.report),
            lambda figures: search.dev_score(options.part, figures),
            options.out,
            about=about,
            show=progress.show,
        )
        if options.method == "optuna":
            search.tpe(searched, candidates, options.trials, chosen.seed)
        else:
            {"greedy": search.greedy, "exhaustive": search.exhaustive}[options.method](searched, candidates)
    print(search.table(searched.trials))
    if searched.best is None:
        _say("no trial succeeded: the reasons are in the table")
        return 1
    changes = " ".join(f"--set '{field}={json.dumps(value)}'" for field, value in searched.best.values.items())
    print(f"best: python -m train fit {options.recipe} {changes}")
    return 0


def _table(options: argparse.Namespace) -> int:
    from train.evaluate import comparison, table
    from train.evaluate.runs import read_run

    against = comparison.read_published(comparison.find(options.against)) if options.against else None
    compared = table.make({path: read_run(path) for path in options.run}, draws=options.draws, against=against)
    print(table.FORMATS[options.format][1](compared), end="")
    if options.out is not None:
        for file in table.save(compared, options.out, options.format, options.picture):
            _say(f"written: {file}")
    return 0


def _push(options: argparse.Namespace) -> int:
    from train.publish import push

    if not push.is_hub(options.target):
        print(push.to_folder(options.run, Path(options.target), replace=options.replace))
        return 0
    sent_files = push.to_hub(
        options.run, options.target, private=options.private, revision=options.revision, dry_run=options.dry_run
    )
    print("\n".join(sent_files))
    _say(f"{options.target}: {'not sent' if options.dry_run else 'sent'}")
    return 0


def _templates(options: argparse.Namespace) -> int:
    import random

    from train.augment import templates

    speak = templates.Dia.load(options.speech) if options.speech else None
    rows, spoken = [], []
    for emotion, count in templates.COUNTS.items():
        parts = templates.read(options.folder / f"{emotion}.json")
        phrases = templates.compose(parts, count, draw=random.Random(templates.SEED), tags=options.tags)
        rows += templates.items(phrases, emotion)
        spoken += phrases
    print(templates.write(rows, options.out, speak=speak, spoken=spoken, report=_say))
    return 0


def _released(options: argparse.Namespace) -> int:
    from bibier.errors import CorpusError
    from train.publish import released

    if getattr(options, options.part, None) is not None:
        raise CorpusError(f"--{options.part} names a second file of the same part: leave it out")
    by_part = {"audio": options.audio, "text": options.text, options.part: options.file}
    files = {part: path for part, path in by_part.items() if path is not None}
    _say(f"written: {released.write(files, options.out, heads=options.heads)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
