"""python -m bibier predict: what recordings say, as bars or as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace


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
    from bibier.asr import recognisers
    from bibier.audio import long_recording
    from bibier.checkpoint import bundle
    from bibier.errors import InputError
    from bibier.inference.predictor import Predictor, as_json

    progress = Progress(len(options.files))
    progress("load", 0)
    recogniser = None
    if options.transcript is None and options.recogniser != "none":
        recogniser = recognisers.recogniser(options.recogniser)
    predictor = Predictor(bundle.load(options.checkpoint), recogniser)
    failed = 0
    for number, file in enumerate(options.files, start=1):
        try:
            # words without their times belong to the recording as a whole
            recording = None if (options.transcript or "").strip() else long_recording.read_long(file)
            if recording is not None:
                _predict_long(file, predictor, recording, options, lambda stage, n=number: progress(stage, n))
                continue
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


def _predict_long(file: str, predictor, recording, options: argparse.Namespace, tell) -> None:
    """Print what each stretch of a long recording says as soon as it is known, and then the whole."""
    from bibier.inference.long_form import analyse, timeline_json
    from bibier.inference.predictor import NOTHING_SAID

    def show(stretch, done: int, planned: int) -> None:
        if not options.json:
            Progress.clear()
            print(stretch_text(stretch, options.language), flush=True)
        tell(f"{done}/{planned}")

    if not options.json:
        Progress.clear()
        print(file, flush=True)
    # an empty transcript leaves the voice alone, as for a clip
    given = None if options.transcript is None else NOTHING_SAID
    timeline = analyse(predictor, recording, transcript=given, progress=show)
    Progress.clear()
    if options.json:
        found = {"file": file} | timeline_json(timeline, options.language)
        print(json.dumps(found, ensure_ascii=False), flush=True)
    else:  # the words stand in the stretches' lines
        whole = replace(timeline.summary(), transcript=NOTHING_SAID)
        title = {"en": "the whole recording", "ru": "вся запись"}[options.language]
        print(as_text(f"  {title}, {clock(timeline.duration)}", whole, options.language), flush=True)


def clock(seconds: float) -> str:
    """75.25 → "1:15.2"; 3700.0 → "1:01:40.0"."""
    tenths = round(10 * seconds)
    hours, minutes, rest = tenths // 36_000, tenths // 600 % 60, tenths % 600
    ahead = f"{hours}:{minutes:02}" if hours else f"{minutes}"
    return f"{ahead}:{rest // 10:02}.{rest % 10}"


def stretch_text(stretch, language: str = "en") -> str:
    """Lay out one stretch of a long recording in a line: when, what by both together or else alone, and its words."""
    from bibier.labels import NAMES

    when = f"{clock(stretch.segment.start)}–{clock(stretch.segment.end)}"
    if stretch.prediction is None:
        return f"  {when:>17}  ! {stretch.error.text(language)}"
    prediction = stretch.prediction
    branches = (prediction.bimodal, prediction.audio, prediction.text)
    found = next((branch.probabilities for branch in branches if branch.probabilities), None)
    told = prediction.audio.reason.text(language) if found is None else ""
    if found:
        winner = max(found, key=found.__getitem__)
        told = f"{NAMES[language][winner]:11} {_bar(found[winner])}"
    said = f"  “{prediction.transcript.text}”" if prediction.transcript.text else ""
    return f"  {when:>17}  {told:25}{said}"


class Progress:
    """One line on standard error that says which file and stage; silent where that is not a terminal."""

    def __init__(self, total: int):
        self.total = total

    def __call__(self, stage: str, number: int) -> None:
        if sys.stderr.isatty():
            print(f"\r\x1b[K{number}/{self.total} {stage}…", end="", file=sys.stderr, flush=True)

    @staticmethod
    def clear() -> None:
        """Remove the line."""
        if sys.stderr.isatty():
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
