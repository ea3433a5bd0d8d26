"""python -m bibier soft-labels: distributions over the emotions by a language model."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from bibier.cli.progress import TerminalProgress

if TYPE_CHECKING:
    from bibier.soft_labels.endpoint import Endpoint
    from bibier.soft_labels.local_model import Local


def add(commands: argparse._SubParsersAction) -> None:
    """Describe the command to the parser."""
    soft = commands.add_parser("soft-labels", help="distributions over the emotions by a language model (LS-LLM)")
    soft.add_argument("--language", choices=("en", "ru"), default="en", help="language of the messages")
    verbs = soft.add_subparsers(dest="verb", required=True)
    suggest = verbs.add_parser("suggest", help="ask a language model about every text of a CSV")
    suggest.add_argument("file", metavar="CSV", help="a column text; video_name, id or path; ground_truth or label")
    suggest.add_argument("-o", "--out", required=True, metavar="CSV", help="the LS-LLM table to write")
    suggest.add_argument(
        "--model", default="", metavar="NAME", help="one of the paper, such as qwen3-4b; a repository; a folder"
    )
    suggest.add_argument("--endpoint", action="store_true", help="ask $BIBIER_LLM_URL in place of a local model")
    suggest.add_argument("--revision", default="", metavar="COMMIT", help="the commit of a repository's files")
    suggest.add_argument("--download", action="store_true", help="fetch the weights when they are not here")
    suggest.add_argument("--device", default="cpu", metavar="NAME", help="cpu or cuda")
    suggest.add_argument("--dtype", default="bfloat16", choices=("float32", "bfloat16"), help="of the weights")
    suggest.add_argument("--way", default="scoring", choices=("scoring", "generation"), help="how to ask")
    suggest.add_argument("--normalised", action="store_true", help="divide a label's score by its tokens")
    suggest.add_argument("--temperature", type=float, default=1.0, metavar="T", help="of the scores")
    suggest.add_argument("--timeout", type=float, default=60.0, metavar="S", help="for one answer of the endpoint")
    prices = {"nargs": 2, "type": float, "default": (0.0, 0.0), "metavar": ("IN", "OUT")}
    suggest.add_argument("--price", **prices, help="of a million tokens of questions and of answers")
    suggest.add_argument("--oracle", action="store_true", help="tell the true label, as in the paper")
    audit = verbs.add_parser("audit", help="report what is wrong in an LS-LLM table")
    audit.add_argument("file", metavar="CSV")
    clean = verbs.add_parser("clean", help="write an LS-LLM table anew with nothing but distributions")
    clean.add_argument("file", metavar="CSV")
    clean.add_argument("-o", "--out", required=True, metavar="CSV", help="the table to write")
    clean.add_argument("--keep-argmax", action="store_true", help="don't move rows whose largest is not the truth")
    soft.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Suggest, audit or clean; returns the exit status."""
    from pathlib import Path

    from bibier.errors import InputError
    from bibier.i18n.messages import Message
    from bibier.soft_labels import tables

    def say(key: str, **values: object) -> str:
        return Message(key, values).text(options.language)

    file = Path(options.file)
    if options.verb == "audit":
        print(tables.audit(file).text(options.language))
        return 0
    target = Path(options.out)
    if target.exists():
        raise InputError("table-exists", file=str(target))
    if options.verb == "clean":
        count, lost = tables.clean(file, target, keep_argmax=options.keep_argmax)
        print(say("soft-labels-rows", file=target, count=count))
        for name in lost:
            print(say("soft-labels-left-out", name=name), file=sys.stderr)
        return 1 if lost else 0
    from bibier.soft_labels.suggest import SuggestionSettings, suggest_table

    settings = SuggestionSettings(options.way, options.normalised, options.temperature)
    last = ""
    with TerminalProgress() as progress:

        def report(line: str) -> None:
            nonlocal last
            last = line
            progress(line)

        invalid = suggest_table(
            _engine(options),
            file,
            target,
            oracle=options.oracle,
            settings=settings,
            prices=tuple(options.price),
            report=report,
        )
    print(last, file=sys.stderr)
    kinds = ", ".join(f"{count} {kind}" for kind, count in invalid.items())
    print(say("soft-labels-invalid", file=target, kinds=kinds or 0), file=sys.stderr)
    return 1 if invalid else 0


def _engine(options: argparse.Namespace) -> Endpoint | Local:
    from bibier.errors import InputError

    if options.endpoint:
        from bibier.soft_labels.endpoint import from_environment

        return from_environment(options.model, timeout=options.timeout)
    if not options.model:
        raise InputError("llm-not-set")
    from bibier.soft_labels.local_model import Local

    return Local(
        options.model,
        revision=options.revision,
        device=options.device,
        dtype=options.dtype,
        allow_download=options.download,
        report=lambda message: print(message.text(options.language), file=sys.stderr),
    )
