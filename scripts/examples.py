"""Synthesise the example clips: `python -m scripts.examples` (needs espeak-ng; the clips themselves are kept here).

They are examples of the interface, not of accuracy: a synthesiser feels nothing, and its prosody only hints.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import soundfile

from bibier.audio.format import SAMPLE_RATE
from bibier.audio.io import load

FOLDER = Path(__file__).parents[1] / "examples"


@dataclass(frozen=True)
class Example:
    """A sentence and how to say it, in espeak-ng's terms."""

    file: str
    language: str  # ISO 639-1
    transcript: str
    voice: str  # espeak-ng voice and variant
    pitch: int  # 0 to 99
    speed: int  # words per minute
    amplitude: int  # 0 to 200
    shows: tuple[str, str]  # en, ru


EXAMPLES = (
    Example(
        "happy_en.ogg",
        "en",
        "I am so happy to see you! Where have you been all this time?",
        "en-us+f3",
        pitch=60,
        speed=140,
        amplitude=110,
        shows=("Joy in a lively voice", "Радость, живой голос"),
    ),
    Example(
        "anger_en.ogg",
        "en",
        "I told you not to touch it! Why do you never listen to me?",
        "en-us+m3",
        pitch=35,
        speed=195,
        amplitude=170,
        shows=("Anger, loud and fast", "Злость: громко и быстро"),
    ),
    Example(
        "sad_en.ogg",
        "en",
        "I miss her so much. The house is empty without her.",
        "en-gb",
        pitch=20,
        speed=105,
        amplitude=45,
        shows=("Sadness, slow and quiet", "Грусть: медленно и тихо"),
    ),
    Example(
        "disagree_en.ogg",
        "en",
        "Oh, wonderful. This is the best day of my life.",
        "en-us+m1",
        pitch=8,
        speed=100,
        amplitude=50,
        shows=("Happy words in a gloomy voice: the two disagree", "Радостные слова мрачным голосом: они расходятся"),
    ),
    Example(
        "happy_ru.ogg",
        "ru",
        "Ура, мы едем на море! Я так рада, что ты с нами!",
        "ru+f2",
        pitch=75,
        speed=165,
        amplitude=120,
        shows=("Joy in Russian", "Радость"),
    ),
    Example(
        "fear_ru.ogg",
        "ru",
        "Тише! Ты слышишь? Кажется, там кто-то есть. Мне страшно.",
        "ru+f4",
        pitch=85,
        speed=190,
        amplitude=40,
        shows=("Fear in Russian, hurried and quiet", "Страх: торопливо и тихо"),
    ),
    Example(
        "neutral_ru.ogg",
        "ru",
        "Поезд отправляется в девять тридцать со второго пути.",
        "ru",
        pitch=45,
        speed=150,
        amplitude=90,
        shows=("An announcement in Russian, no emotion", "Объявление, без эмоций"),
    ),
    Example(
        "disagree_ru.ogg",
        "ru",
        "Спасибо, у меня всё просто замечательно!",
        "ru+m4",
        pitch=25,
        speed=210,
        amplitude=180,
        shows=("Kind Russian words in an angry voice: the two disagree", "Добрые слова злым голосом: они расходятся"),
    ),
)


def make(folder: Path) -> None:
    """Write every clip (16 kHz mono Opus) and `examples.json` into `folder`."""
    espeak = shutil.which("espeak-ng")
    if espeak is None:
        sys.exit("espeak-ng is not installed: install it (for example `apt install espeak-ng`) and try again")
    with tempfile.TemporaryDirectory() as scratch:
        for example in EXAMPLES:
            spoken = Path(scratch) / "spoken.wav"
            command = [espeak, "-v", example.voice, "-w", str(spoken), "-a", str(example.amplitude)]
            command += ["-p", str(example.pitch), "-s", str(example.speed), "--", example.transcript]
            subprocess.run(command, check=True)
            samples = load(spoken).samples  # (n,)
            soundfile.write(folder / example.file, samples, SAMPLE_RATE, format="OGG", subtype="OPUS")
    entries = [
        {
            "file": example.file,
            "transcript": example.transcript,
            "language": example.language,
            "shows": dict(zip(("en", "ru"), example.shows, strict=True)),
        }
        for example in EXAMPLES
    ]
    (folder / "examples.json").write_text(json.dumps(entries, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    make(FOLDER)
