"""python -m bibier predict: what recordings say, as bars or as JSON."""

from __future__ import annotations

import argparse
import json
import sys


def add(commands) -> None:
    """Describe the command to the parser."""
    predict = commands.add_parser("predict", help="predict the perceived emotion of recordings")
    predict.add_argument("files", nargs="+", metavar="FILE", help="wav, flac, mp3, ogg, opus, m4a or webm")
    predict.add_argument("--transcript", metavar="TEXT", help="what was said; empty means no words: audio only")
    predict.add_argument("--checkpoint", default="compact", metavar="NAME", help="a folder, or a name in checkpoints/")
    predict.add_argument("--recogniser", metavar="NAME", help="whisper-base, pocketsphinx, none")
    predict.add_argument("--language", choices=("en", "ru"), default="en", help="language of the messages")
    predict.add_argument("--json", action="store_true", help="print one JSON object a line and file")
    predict.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Predict each file; returns the exit status."""
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
