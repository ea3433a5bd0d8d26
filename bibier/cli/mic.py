"""python -m bibier mic: speak, and see each utterance judged while the next is being recorded."""

from __future__ import annotations

import argparse
import json
import math
import sys
import threading
from pathlib import Path

METER = 30  # characters
FLOOR = -60.0  # dBFS


def add(commands) -> None:
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
    microphone.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """List the devices, or record until Ctrl+C; returns the exit status."""
    from bibier.audio import microphone

    if options.list:
        for index, name, channels, default in microphone.devices():
            print(f"{'*' if default else ' '} {index}\t{name}\t{channels}")
        return 0
    device = int(options.device) if (options.device or "").isdigit() else options.device
    with microphone.recording(device) as blocks:
        return listen(blocks, options)


def listen(blocks, options: argparse.Namespace) -> int:
    """Judge what comes out of a queue of sound, and print it."""
    from bibier.asr import recognisers
    from bibier.audio import microphone
    from bibier.audio.format import SAMPLE_RATE
    from bibier.checkpoint import bundle
    from bibier.cli.predict import as_text, refused
    from bibier.i18n.messages import Message
    from bibier.inference.predictor import Predictor, as_json

    recogniser = None if options.recogniser == "none" else recognisers.recogniser(options.recogniser)
    predictor = Predictor(bundle.load(options.checkpoint), recogniser)
    meter = Meter()

    def name(one: microphone.Utterance) -> str:
        return f"{one.start:.1f}–{one.end:.1f} s"

    def show(text: str) -> None:
        meter.clear()
        print(text, flush=True)

    def judge(one: microphone.Utterance) -> None:
        prediction = predictor((one.samples, SAMPLE_RATE))
        if options.json:
            facts = {"start": one.start, "end": one.end} | as_json(prediction, options.language)
            show(json.dumps(facts, ensure_ascii=False))
        else:
            show(as_text(name(one), prediction, options.language))

    def refuse(one: microphone.Utterance, error) -> None:
        if options.json:
            facts = {"start": one.start, "end": one.end} | refused(name(one), error, options.language)
            show(json.dumps(facts, ensure_ascii=False))
        else:
            show(f"{name(one)}: {error.text(options.language)}")

    detector = None if options.key else microphone.voice_detector()
    loop = microphone.MicrophoneLoop(
        microphone.UtteranceSegmenter(blocks.rate, detector), judge, refuse, meter, options.save
    )
    if options.key:
        threading.Thread(target=_keys, args=(loop,), daemon=True).start()
    try:
        loop.run(blocks)
    finally:
        meter.clear()
        if blocks.dropped:
            print(Message("mic-dropped", {"count": blocks.dropped}).text(options.language), file=sys.stderr)
    return 0


def _keys(loop) -> None:
    for _ in sys.stdin:
        loop.asked.set()


class Meter:
    """The level as a bar on standard error; silent where that is not a terminal."""

    def __init__(self):
        self.shown = sys.stderr.isatty()

    def __call__(self, level: float) -> None:
        if self.shown:
            decibels = 20 * math.log10(max(level, 1e-9))
            full = round(METER * min(1.0, max(0.0, 1 - decibels / FLOOR)))
            print(f"\r\x1b[K{'█' * full}{'·' * (METER - full)} {decibels:4.0f} dB", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Remove the bar."""
        if self.shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
