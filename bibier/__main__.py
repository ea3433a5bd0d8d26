"""python -m bibier predict: what the voice says, what the words say, and both together, in a terminal."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, or 1 when a file could not be read, or 2 for a wrong call."""
    parser = argparse.ArgumentParser(prog="python -m bibier", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    predict = commands.add_parser("predict", help="predict the perceived emotion of recordings")
    predict.add_argument("files", nargs="+", metavar="FILE", help="wav, flac, mp3, ogg, opus, m4a or webm")
    predict.add_argument("--transcript", metavar="TEXT", help="what was said; empty means no words: audio only")
    predict.add_argument("--checkpoint", default="compact", metavar="NAME", help="a folder, or a name in checkpoints/")
    predict.add_argument("--recogniser", metavar="NAME", help="whisper-base, pocketsphinx, none")
    predict.add_argument("--language", choices=("en", "ru"), default="en", help="language of the messages")
    predict.add_argument("--json", action="store_true", help="print one JSON object a line and file")
    annotations = commands.add_parser("annotations", help="fill, check and read a store of annotations")
    annotations.add_argument("act", choices=("import", "check", "progress", "events"))
    annotations.add_argument("project", metavar="PROJECT")
    annotations.add_argument("place", nargs="?", metavar="PLACE", help="to import: a folder of recordings or a CSV")
    annotations.add_argument("--store", default="sqlite:///annotations.db", metavar="URL")
    annotations.add_argument("--language", choices=("en", "ru"), default="en", help="language of the messages")
    options = parser.parse_args(arguments)
    if options.command == "annotations" and (options.act == "import") != bool(options.place):
        parser.error("import needs a PLACE, and only import has one")

    # Imported late, so that --help answers at once.
    from bibier.messages import InputError

    try:
        return _annotations(options) if options.command == "annotations" else _predict(options)
    except InputError as error:
        print(error.text(options.language), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader went away (`| head`): nothing is left to say, and Python must not try to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _annotations(options: argparse.Namespace) -> int:
    from pathlib import Path

    from bibier import clips
    from bibier.store import Store

    store, project = Store(options.store), options.project
    if options.act == "import":
        store.project(project)
        place = Path(options.place)
        print((clips.add_folder if place.is_dir() else clips.add_manifest)(store, project, place))
    elif options.act == "check":
        found = clips.check(store, project)
        for kind, lost in found.items():
            for clip in lost:
                print(kind, clip.sha256, clip.path, sep="\t")
        return int(any(found.values()))
    elif options.act == "progress":
        for name in sorted({name for _, name in store.state(project)}):
            print(name, *store.progress(project, name), sep="\t")
    else:
        for _, event in store.events(project):
            print(event.to_json())
    return 0


def _predict(options: argparse.Namespace) -> int:
    from bibier import asr, checkpoint
    from bibier.messages import InputError
    from bibier.predictor import Predictor, as_json

    progress = Progress(len(options.files))
    progress("load", 0)
    recogniser = None
    if options.transcript is None and options.recogniser != "none":
        recogniser = asr.recogniser(options.recogniser)
    predictor = Predictor(checkpoint.load(options.checkpoint), recogniser)
    failed = 0
    for number, file in enumerate(options.files, start=1):
        try:
            prediction = predictor(file, options.transcript, progress=lambda stage, n=number: progress(stage, n))
        except InputError as error:
            failed += 1
            progress.clear()
            if options.json:
                print(json.dumps(refused(file, error, options.language), ensure_ascii=False), flush=True)
            else:
                print(error.text(options.language), file=sys.stderr, flush=True)
            continue
        progress.clear()
        if options.json:
            found = {"file": file} | as_json(prediction, options.language)
            print(json.dumps(found, ensure_ascii=False), flush=True)
        else:
            print(as_text(file, prediction, options.language), flush=True)
    return 1 if failed else 0


class Progress:
    """One line on standard error that says which file and stage; silent where that is not a terminal."""

    def __init__(self, total: int):
        self.total = total
        self.shown = sys.stderr.isatty()

    def __call__(self, stage: str, number: int) -> None:
        if self.shown:
            print(f"\r\x1b[K{number}/{self.total} {stage}…", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Remove the line."""
        if self.shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def refused(file: str, error, language: str = "en") -> dict:
    """Return the same object for a file that can't be used: every branch null, with the reason."""
    reason = error.text(language)
    branches = {
        key: value for name in ("audio", "text", "bimodal") for key, value in ((name, None), (f"{name}_reason", reason))
    }
    return (
        {"file": file}
        | branches
        | {
            "transcript": None,
            "transcript_by": None,
            "words": [],
            "conflict": None,
            "warnings": [reason],
            "timings": {},
        }
    )


def as_text(file: str, prediction, language: str = "en") -> str:
    """Lay out one prediction for a terminal."""
    from bibier.labels import EMOTIONS, NAMES

    titles = {"en": ("voice", "words", "both"), "ru": ("голос", "слова", "вместе")}[language]
    branches = (prediction.audio, prediction.text, prediction.bimodal)
    lines = [file, *(f"  ! {notice.text(language)}" for notice in prediction.notices)]
    if prediction.transcript.text:
        lines.append(
            f"  “{prediction.transcript.text}” ({prediction.transcript.recogniser or prediction.transcript.source})"
        )
    lines.append(" " * 14 + "".join(f"{title:>16}" for title in titles))
    for emotion in EMOTIONS:
        cells = "".join(
            f"{'—':>16}" if branch.probabilities is None else f"{_bar(branch.probabilities[emotion]):>16}"
            for branch in branches
        )
        lines.append(f"  {NAMES[language][emotion]:12}{cells}")
    if prediction.words:
        strongest = sorted(prediction.words, key=lambda word: -word.occlusion)[:5]
        told = ", ".join(f"{word.text} {100 * word.occlusion:+.0f}" for word in strongest)
        lines.append(
            {
                "en": "  words that mattered (points lost without them): ",
                "ru": "  важные слова (потеря в пунктах без них): ",
            }[language]
            + told
        )
    if prediction.conflict is not None:
        lines.append(
            {"en": "  voice against words: ", "ru": "  голос против слов: "}[language]
            + f"{prediction.conflict:.2f} bit"
        )
    return "\n".join(lines)


def _bar(probability: float) -> str:
    return f"{'█' * round(8 * probability)} {100 * probability:3.0f} %"


if __name__ == "__main__":
    sys.exit(main())
