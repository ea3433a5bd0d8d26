"""python -m bibier annotations: fill, check, read, compare and export a store."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bibier.cli.progress import TerminalProgress
from bibier.cli.terminal import escaped, json_text
from bibier.errors import InputError, reason_of
from bibier.i18n.messages import Message
from bibier.parsing import read_json, read_settings
from bibier.process import limit_threads

if TYPE_CHECKING:  # late: the database and NumPy
    from bibier.annotation import agreement
    from bibier.annotation.exports import ProjectSnapshot
    from bibier.annotation.store import Store

    Run = Callable[[Store, argparse.Namespace], int]


def add(commands: argparse._SubParsersAction) -> None:
    """Describe the command to the parser."""
    annotations = commands.add_parser("annotations", help="fill, check, read, compare and export a store")
    acts = annotations.add_subparsers(dest="act", required=True)

    def act(name: str, run: Run, words: str) -> argparse.ArgumentParser:
        parser = acts.add_parser(name, help=words)
        parser.add_argument("project", metavar="PROJECT")
        parser.add_argument(
            "--store", metavar="URL", help="default: $BIBIER_DATABASE, else the app's: annotations/bibier.db"
        )
        parser.add_argument("--skip-damaged", action="store_true", help="read past rows that are not what was written")
        parser.add_argument("--language", choices=("en", "ru"), default="en", help="language of the messages")
        parser.set_defaults(run=lambda options: _opened(run, options))
        return parser

    fill = act("import", _import, "add recordings, a CSV, a dataset, or events or a long table that were exported")
    fill.add_argument(
        "place",
        metavar="PLACE",
        help="a folder, LIST.csv, a dataset, or an export: EVENTS.jsonl, LONG.csv, WIDE.csv, LABEL_STUDIO.json",
    )
    fill.add_argument(
        "--media", type=Path, help="where a dataset's recordings are kept (default: where the app keeps its)"
    )
    fill.add_argument(
        "--labels", type=Path, metavar="FILE", help="what labels of another naming are (default: LIST.labels.toml)"
    )
    fill.add_argument("--download", action="store_true", help="fetch a dataset from the Hub")
    change = act("set", _set, "change a project's settings, and print them")
    change.add_argument("--proposals", choices=("hidden", "shown"), help="before a person has saved")
    change.add_argument("--wanted", type=int, metavar="N", help="annotators per clip")
    change.add_argument("--order", choices=("given", "random", "uncertain", "modalities", "people"))
    change.add_argument("--share", type=float, metavar="P", help="of the turns that are random, 0 to 1")
    change.add_argument("--repeats", type=float, metavar="P", help="of the turns in which a clip comes again, 0 to 0.5")
    change.add_argument(
        "--labels",
        metavar="NAMES",
        help="the labels: some of the seven, others, or FILE.json; the seven: “all”",
    )
    change.add_argument("--guidelines", type=Path, metavar="FILE.md", help="what people read first, in Markdown")
    propose = act("propose", _propose, "have a checkpoint propose for every clip: the orders by the model need it")
    propose.add_argument("--checkpoint", default="compact", metavar="NAME", help="a folder, or a name in checkpoints/")
    act("check", _check, "list recordings that are missing or have changed, and damaged rows")
    act("progress", _progress, "how far each person is")
    act("events", _events, "print the log as JSON lines")
    act("agreement", _agreement, "Krippendorff's alpha, the worst clips, who moved after a proposal, as JSON")
    export = act("export", _export, "write what people said in a format of the field")
    kinds = ("events", "long", "wide", "proposals", "decisions", "lewidi", "chaosnli", "ls-llm", "manifest")
    kinds = (*kinds, "label-studio", "dataset")
    export.add_argument("--format", choices=kinds, required=True)
    export.add_argument("-o", "--out", type=Path, required=True, metavar="PATH", help="a file; of a dataset a folder")
    export.add_argument("--replace", action="store_true", help="write over what is there")
    export.add_argument("--excel", action="store_true", help="begin a CSV with the mark by which Excel knows UTF-8")
    push = act("push", _push, "push the labelled clips to the Hub as a dataset")
    push.add_argument("name", metavar="USER/NAME")
    push.add_argument("--public", action="store_true", help="for everybody to see (default: private)")
    push.add_argument("--dry-run", action="store_true", help="list what would be sent, and send nothing")
    for parser in (export, push):
        parser.add_argument("--blind-only", action="store_true", help="labels as they were before a proposal was seen")


def _opened(run: Run, options: argparse.Namespace) -> int:
    from bibier.annotation.location import make_folder, resolve_location
    from bibier.annotation.store import Store, damage_notice

    home = resolve_location(os.environ, options.store)
    make_folder(home)
    store = Store(home.url, journal_mode=home.journal_mode, skip_damaged=options.skip_damaged)
    if options.skip_damaged and (damaged := store.damaged()):
        print(damage_notice(damaged).text(options.language), file=sys.stderr)
    options.media = getattr(options, "media", None) or home.folder
    try:
        return run(store, options)
    finally:
        store.close()


def _import(store: Store, options: argparse.Namespace) -> int:
    from bibier.annotation import intake

    def report(notice: Message) -> None:
        print(notice.text(options.language), file=sys.stderr)

    with TerminalProgress(bar=True, remaining=True) as line:
        taken = intake.take_in(
            store,
            options.project,
            options.place,
            options.media,
            download=options.download,
            labels=options.labels,
            report=report,
            progress=line.count,
        )
    if taken.new or taken.known:
        print(Message("annotations-imported", {"new": taken.new, "known": taken.known}).text(options.language))
    else:
        print(taken.clips)
    return 0


def _set(store: Store, options: argparse.Namespace) -> int:
    settings = {name: getattr(options, name) for name in ("proposals", "wanted", "order", "share", "repeats")}
    if options.labels is not None:
        settings["labels"] = _labels(options.labels)
    if options.guidelines is not None:
        try:
            settings["guidelines"] = read_settings(options.guidelines, "utf-8-sig")
        except (OSError, ValueError) as error:
            raise InputError("import-line", file=options.guidelines.name, line=0, reason=reason_of(error)) from error
    changed = {name: value for name, value in settings.items() if value is not None}
    print(json_text(store.project(options.project, **changed)))
    return 0


def _labels(given: str) -> object:
    """Return the setting that names with commas between, "all" or the path of a JSON file mean."""
    if not given.endswith(".json"):
        names = [name.strip() for name in given.split(",") if name.strip()]
        return [] if names == ["all"] else names
    path = Path(given)
    try:
        return read_json(read_settings(path, "utf-8-sig"))
    except (OSError, ValueError) as error:
        raise InputError("import-line", file=path.name, line=0, reason=reason_of(error)) from error


def _propose(store: Store, options: argparse.Namespace) -> int:
    limit_threads()
    if store.labels(options.project).is_own:
        raise InputError("labels-no-proposals", project=options.project)
    from bibier.annotation.proposals import propose
    from bibier.checkpoint import bundle
    from bibier.inference.predictor import Predictor

    predictor, source = Predictor(bundle.load(options.checkpoint)), f"model:{Path(options.checkpoint).name}"
    known, clips, unread = store.proposals(options.project), store.clips(options.project), 0
    reasons: list[Exception] = []
    with TerminalProgress(bar=True, remaining=True) as line:
        for number, clip in enumerate(clips, start=1):
            reasons.clear()
            try:
                unjudged = (clip.sha256, source) not in known and not propose(
                    store, options.project, clip, predictor, source, report=reasons.append
                )
            except (MemoryError, RuntimeError) as error:  # one clip's, too: the others are proposed for
                unjudged = True
                reasons.append(error)
            if unjudged:
                unread += 1
                reason = " ".join(_reason(error, options.language) for error in reasons)
                print(clip.sha256, clip.path, escaped(reason), sep="\t", file=sys.stderr)
            line.count(number, len(clips))
    counts = {"done": len(clips) - unread, "total": len(clips)}
    print(Message("annotations-proposed", counts).text(options.language))
    return 1 if unread else 0


def _reason(error: Exception, language: str) -> str:
    """Return why a clip could not be judged, on one line."""
    text = error.text(language) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())[:300]


def _check(store: Store, options: argparse.Namespace) -> int:
    from bibier.annotation import ingest

    damaged = [row for project, row in store.damaged() if project == options.project]
    for row in damaged:
        print("damaged", row, sep="\t")
    lost = ingest.check(store, options.project) if options.skip_damaged or not damaged else {}
    for kind, clips in lost.items():
        for clip in clips:
            print(kind, clip.sha256, clip.path, sep="\t")
    return int(bool(damaged) or any(lost.values()))


def _progress(store: Store, options: argparse.Namespace) -> int:
    for name in sorted({name for _, name in store.state(options.project)}):
        print(name, *store.progress(options.project, name), sep="\t")
    return 0


def _events(store: Store, options: argparse.Namespace) -> int:
    for _, event in store.events(options.project):
        print(escaped(event.to_json()))
    return 0


def _snapshot(store: Store, options: argparse.Namespace) -> ProjectSnapshot:
    from bibier.annotation import exports

    if options.blind_only and getattr(options, "format", "") == "events":
        raise InputError("export-blind-events")
    snapshot = exports.snapshot_of(store, options.project)
    return snapshot.unanchored() if options.blind_only else snapshot


def _export(store: Store, options: argparse.Namespace) -> int:
    from bibier.annotation import exports, hf_dataset

    snapshot = _snapshot(store, options)
    if options.format == "dataset":
        print(hf_dataset.save(snapshot, options.out, replace=options.replace))
    else:
        print(exports.save(snapshot, options.format, options.out, replace=options.replace, excel=options.excel))
    return 0


def _push(store: Store, options: argparse.Namespace) -> int:
    from bibier.annotation import hf_dataset

    snapshot = _snapshot(store, options)
    files = hf_dataset.push(snapshot, options.name, private=not options.public, dry_run=options.dry_run)
    print("\n".join(files))
    key = "annotations-not-sent" if options.dry_run else "annotations-sent"
    print(Message(key, {"name": options.name}).text(options.language), file=sys.stderr)
    return 0


def _agreement(store: Store, options: argparse.Namespace) -> int:
    from bibier import distributions
    from bibier.annotation import agreement

    labels = store.state(options.project)
    table = agreement.unanchored_labels(labels, names=store.labels(options.project).names)

    def plain(alpha: agreement.Alpha) -> dict[str, Any]:
        return vars(alpha) | {"reason": alpha.reason.text(options.language) if alpha.reason else None}

    report = {
        "people": table.people,
        "labels_given_with_a_proposal_in_sight": table.sighted,
        "jensen_shannon": plain(agreement.soft_alpha(table)),
        "half_manhattan": plain(agreement.soft_alpha(table, distributions.half_manhattan)),
        "nominal": plain(agreement.nominal_alpha(table)),
        "emotions": {name: plain(alpha) for name, alpha in agreement.emotion_alphas(table).items()},
        "pairs": [{"people": pair} | plain(alpha) for pair, alpha in agreement.pair_alphas(table).items()],
        "worst": [dict(zip(("clip", "bits", "people"), row, strict=True)) for row in agreement.most_disputed(table)],
        "moves": [vars(shift) for shift in agreement.shifts_after_proposal(labels, store.proposals(options.project))],
    }
    print(json_text(report, indent=2))
    return 0
