"""python -m bibier mic: speak, and see each utterance judged while the next is being recorded."""

from __future__ import annotations

import argparse
import math
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from bibier.cli.progress import TerminalProgress
from bibier.cli.terminal import json_text
from bibier.cli.threads import add_threads
from bibier.i18n.messages import Message
from bibier.process import limit_kernel_caches, limit_threads

if TYPE_CHECKING:
    from bibier.audio.microphone import BlockQueue, MicrophoneLoop, Utterance
    from bibier.errors import InputError

FLOOR = -60.0  # dBFS


def add(commands: argparse._SubParsersAction) -> None:
    """Describe the command to the parser."""
    microphone = commands.add_parser("mic", help="judge what is said into this computer's microphone")
    microphone.add_argument("--list", action="store_true", help="list the microphones")
    microphone.add_argument(
        "--device", metavar="NAME", help="its number, or a part of its name (default: the system's)"
    )
    microphone.add_argument("--key", action="store_true", help="cut at each press of Enter in place of pauses")
    microphone.add_argument("--save", type=Path, metavar="FOLDER", help="write every utterance there as wav")
    microphone.add_argument("--json", action="store_true", help="print one JSON object a line and utterance")
    microphone.add_argument(
        "--checkpoint", default="compact", metavar="NAME", help="a folder, or a name in checkpoints/"
    )
    microphone.add_argument("--recogniser", metavar="NAME", help="whisper-base, pocketsphinx, none")
    microphone.add_argument("--language", choices=("en", "ru"), default="en", help="language of the messages")
    add_threads(microphone)
    microphone.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """List the devices, or record until Ctrl+C; returns the exit status."""
    limit_threads(options.threads)
    limit_kernel_caches()
    from bibier.audio import microphone

    if options.list:
        for index, name, channels, default in microphone.devices():
            print(f"{'*' if default else ' '} {index}\t{name}\t{channels}")
        return 0
    device = int(options.device) if (options.device or "").isdigit() else options.device
    with microphone.recording(device) as blocks:
        return listen(blocks, options)


def listen(blocks: BlockQueue, options: argparse.Namespace) -> int:
    """Judge what comes out of a queue of sound, and print it."""
    from bibier.asr import recognisers
    from bibier.audio.format import SAMPLE_RATE
    from bibier.audio.microphone import MicrophoneLoop, UtteranceSegmenter, VoiceDetector
    from bibier.checkpoint import bundle
    from bibier.cli.predict import as_text, refused
    from bibier.inference.predictor import Predictor, as_json

    recogniser = None if options.recogniser == "none" else recognisers.recogniser(options.recogniser)
    predictor = Predictor(bundle.load(options.checkpoint), recogniser)
    meter = TerminalProgress(bar=True)

    def span(utterance: Utterance) -> str:
        return Message("mic-span", {"start": utterance.start, "end": utterance.end}).text(options.language)

    def show_level(level: float) -> None:
        decibels = 20 * math.log10(max(level, 1e-9))
        text = Message("mic-level", {"decibels": decibels}).text(options.language)
        meter(text, round(100 * min(1.0, max(0.0, 1 - decibels / FLOOR))), 100)

    def judge(utterance: Utterance) -> None:
        prediction = predictor((utterance.samples, SAMPLE_RATE))
        if options.json:
            facts = {"start": utterance.start, "end": utterance.end} | as_json(prediction, options.language)
            meter.print(json_text(facts))
        else:
            meter.print(as_text(span(utterance), prediction, options.language))

    def refuse(utterance: Utterance, error: InputError) -> None:
        if options.json:
            times = {"start": utterance.start, "end": utterance.end}
            meter.print(json_text(times | refused(span(utterance), error, options.language)))
        else:
            meter.print(f"{span(utterance)}: {error.text(options.language)}")

    segmenter = UtteranceSegmenter(blocks.rate, None if options.key else VoiceDetector())
    loop = MicrophoneLoop(segmenter, judge, refuse, show_level, options.save)
    if options.key:
        threading.Thread(target=_keys, args=(loop,), daemon=True).start()
    try:
        loop.run(blocks)
    finally:
        meter.clear()
        if blocks.dropped:
            print(Message("mic-dropped", {"count": blocks.dropped}).text(options.language), file=sys.stderr)
    return 0


def _keys(loop: MicrophoneLoop) -> None:
    for _ in sys.stdin:
        loop.asked.set()
