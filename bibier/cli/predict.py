"""python -m bibier predict: what recordings say, as bars or as JSON."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from bibier.cli.predict_export import ExportOutlet, add_export
from bibier.cli.progress import TerminalProgress
from bibier.cli.terminal import OutputEnded, json_text
from bibier.cli.threads import add_profile, add_threads
from bibier.i18n.messages import Message
from bibier.process import choose_profile, collector_paused, limit_kernel_caches, limit_threads

if TYPE_CHECKING:
    from bibier.errors import InputError
    from bibier.inference.long_form import SegmentResult
    from bibier.inference.predictor import Prediction, Predictor

MODALITIES = ("voice", "words", "both")  # the columns of `as_text`, in the order of a prediction's results


def add(commands: argparse._SubParsersAction) -> None:
    """Describe the command to the parser."""
    predict = commands.add_parser("predict", help="predict the perceived emotion of recordings")
    predict.add_argument("files", nargs="+", metavar="FILE", help="wav, flac, mp3, ogg, opus, m4a or webm")
    predict.add_argument("--transcript", metavar="TEXT", help="what was said; empty means no words: audio only")
    predict.add_argument("--checkpoint", default="compact", metavar="NAME", help="a folder, or a name in checkpoints/")
    predict.add_argument("--recogniser", metavar="NAME", help="whisper-base, pocketsphinx, none")
    predict.add_argument("--channel", default="auto", metavar="NAME", help="auto, left, right, mix, each, or a number")
    predict.add_argument("--language", choices=("en", "ru"), default="en", help="language of the messages")
    predict.add_argument("--json", action="store_true", help="print one JSON object a line and file")
    add_export(predict)
    add_threads(predict)
    add_profile(predict)
    predict.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Predict each file; returns the exit status."""
    with TerminalProgress() as progress:
        return _run(options, progress)


def _run(options: argparse.Namespace, progress: TerminalProgress) -> int:
    limit_threads(options.threads)
    profile = choose_profile(options.profile)
    limit_kernel_caches()
    with collector_paused():
        from bibier.audio.channels import EACH
        from bibier.audio.ffmpeg import bound_allocations
        from bibier.audio.io import expand_channels
        from bibier.checkpoint import bundle
        from bibier.errors import fault_of
        from bibier.inference.predictor import Predictor

    bound_allocations()
    outlet = ExportOutlet(options)

    def tell(stage: str, number: int) -> None:
        progress(f"{number}/{len(options.files)} {stage}")

    def at(number: int) -> Callable[[str], None]:
        return lambda stage: tell(Message(f"stage-{stage}").text(options.language), number)

    at(0)("load")
    recogniser = None
    if options.transcript is None and options.recogniser != "none":
        from bibier.asr import recognisers

        recogniser = recognisers.recogniser(options.recogniser, profile=profile)
    predictor = Predictor(bundle.load(options.checkpoint, profile=profile), recogniser)
    failed = 0

    def refuse(file: str, error: Exception, channel: str | None = None) -> None:
        failure = fault_of(error, file)
        if options.json:
            beside = {"channel": int(channel)} if channel and options.channel == EACH else {}
            progress.print(json_text(refused(file, failure, options.language) | beside))
        else:
            progress.clear()
            print(failure.text(options.language), file=sys.stderr, flush=True)

    for number, file in enumerate(options.files, start=1):
        try:
            channels = expand_channels(file, options.channel)
        except Exception as error:  # whatever one file breaks is that file's line: the others are judged
            refuse(file, error)
            failed += 1
            continue
        for channel in channels:
            try:
                tell_part = partial(tell, number=number)
                _predict(file, channel, predictor, options, outlet, progress, tell_part, at(number))
            except OutputEnded:
                raise
            except Exception as error:  # as above: nor does a silent channel take the others with it
                refuse(file, error, channel)
                failed += 1
    return 1 if failed else 0


def _predict(
    file: str,
    channel: str,
    predictor: Predictor,
    options: argparse.Namespace,
    outlet: ExportOutlet,
    progress: TerminalProgress,
    tell: Callable[[str], None],
    stage: Callable[[str], None],
) -> None:
    """Print what a recording says; of a long one, each segment as soon as it is known, and then the whole."""
    from bibier.inference.judge import judge, judged_json
    from bibier.inference.long_form import Timeline
    from bibier.inference.predictor import NOTHING_SAID

    title = file if options.channel != "each" else f"{file} [{channel}]"

    def show(result: SegmentResult, done: int, planned: int) -> None:
        if not options.json and not outlet:
            if done == 1:
                progress.print(title)
            progress.print(segment_text(result, options.language))
        tell(f"{done}/{planned}")

    path = outlet.path(file, channel) if outlet else None
    result = judge(predictor, file, options.transcript, channel=channel, stage=stage, segment=show)
    facts: dict[str, object] = {"file": file}
    if options.channel == "each":
        facts["channel"] = int(channel)
    if outlet:
        progress.clear()
        outlet.write(facts | judged_json(result, options.language), path, duration=result.duration)
        if path is not None:
            progress.print(f"{title}: {path}")
    elif options.json:
        progress.print(json_text(facts | judged_json(result, options.language)))
    elif isinstance(result, Timeline):  # the words stand in the segments' lines
        whole = replace(result.summary(), transcript=NOTHING_SAID)
        heading = Message("predict-whole").text(options.language)
        progress.print(as_text(f"  {heading}, {clock(result.duration)}", whole, options.language))
    else:
        progress.print(as_text(title, result, options.language))


def clock(seconds: float) -> str:
    """75.25 → "1:15.2"; 3700.0 → "1:01:40.0"."""
    tenths = round(10 * seconds)
    hours, minutes, rest = tenths // 36_000, tenths // 600 % 60, tenths % 600
    ahead = f"{hours}:{minutes:02}" if hours else f"{minutes}"
    return f"{ahead}:{rest // 10:02}.{rest % 10}"


def segment_text(result: SegmentResult, language: str = "en") -> str:
    """Lay out one segment of a long recording in a line: when, what by both together or else alone, and its words."""
    from bibier.labels import NAMES

    when = f"{clock(result.segment.start)}–{clock(result.segment.end)}"
    if result.prediction is None:
        return f"  {when:>17}  ! {result.error.text(language) if result.error else ''}"
    prediction = result.prediction
    results = (prediction.bimodal, prediction.audio, prediction.text)
    distribution = next((each.probabilities for each in results if each.probabilities and each.reliable), None)
    if distribution:
        winner = max(distribution, key=distribution.__getitem__)
        verdict = f"{NAMES[language][winner]:11} {_bar(distribution[winner])}"
    elif any(each.doubt for each in results):
        verdict = Message("predict-unlike").text(language)
    else:
        verdict = prediction.audio.reason.text(language) if prediction.audio.reason else ""
    transcript = f"  “{prediction.transcript.text}”" if prediction.transcript.text else ""
    return f"  {when:>17}  {verdict:25}{transcript}"


def refused(file: str, error: InputError, language: str = "en") -> dict[str, object]:
    """Return the same object for a file that can't be used: every modality null, with the reason."""
    reason = error.text(language)
    facts: dict[str, object] = {"file": file}
    for modality in ("audio", "text", "bimodal"):
        facts |= {modality: None, f"{modality}_reason": reason}
    nothing = {"ood": {"audio": None, "text": None}, "transcript": None, "transcript_by": None}
    nothing |= {"words": [], "conflict": None}
    return facts | nothing | {"warnings": [reason], "timings": {}}


def as_text(file: str, prediction: Prediction, language: str = "en") -> str:
    """Lay out one prediction for a terminal."""
    from bibier.labels import EMOTIONS, NAMES

    results = (prediction.audio, prediction.text, prediction.bimodal)
    lines = [file, *(f"  ! {notice.text(language)}" for notice in prediction.notices)]
    transcript = prediction.transcript
    if transcript.text:
        lines.append(f"  “{transcript.text}” ({transcript.recogniser or transcript.source})")
    titles = [Message(f"predict-{modality}").text(language) for modality in MODALITIES]
    marks = ["" if result.doubt is None else " (?)" for result in results]
    lines.append(" " * 14 + "".join(f"{title + mark:>16}" for title, mark in zip(titles, marks, strict=True)))
    for emotion in EMOTIONS:
        cells = "".join(
            f"{'—':>16}" if result.probabilities is None else f"{_bar(result.probabilities[emotion]):>16}"
            for result in results
        )
        lines.append(f"  {NAMES[language][emotion]:12}{cells}")
    if prediction.words:
        strongest = sorted(prediction.words, key=lambda word: -word.occlusion)[:5]
        words = ", ".join(f"{word.text} {100 * word.occlusion:+.0f}" for word in strongest)
        lines.append("  " + Message("predict-mattered", {"words": words}).text(language))
    if prediction.conflict is not None:
        lines.append("  " + Message("predict-conflict", {"bits": prediction.conflict}).text(language))
    return "\n".join(lines)


def _bar(probability: float) -> str:
    return f"{'█' * round(8 * probability)} {100 * probability:3.0f} %"
