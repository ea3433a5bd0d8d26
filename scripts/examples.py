"""Make the example clips: `python -m scripts.examples --data DATA` (needs espeak-ng, flite and CREMA-D under DATA).

They are examples of the interface, not of accuracy: a synthesiser feels nothing, and what it says here was chosen so
that the embedded model hears what the page says of it. Two are recordings of people, clips of CREMA-D.
"""

from __future__ import annotations

import argparse
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
class Espeak:
    """How espeak-ng is to speak."""

    voice: str  # with its variant
    pitch: int  # 0 to 99
    speed: int  # words per minute
    amplitude: int = 100  # 0 to 200
    program: str = "espeak-ng"

    def command(self, sentence: str, path: Path) -> list[str]:
        """Return the command that speaks into a WAV file."""
        prosody = ["-p", str(self.pitch), "-s", str(self.speed), "-a", str(self.amplitude)]
        return [self.program, "-v", self.voice, "-w", str(path), *prosody, "--", sentence]


@dataclass(frozen=True)
class Flite:
    """How flite is to speak: its voices are of people, more natural than espeak-ng's, and English alone."""

    voice: str
    stretch: float  # of durations
    pitch: float  # Hz, mean
    spread: float = 15  # Hz, standard deviation of the pitch
    program: str = "flite"

    def command(self, sentence: str, path: Path) -> list[str]:
        """Return the command that speaks into a WAV file."""
        prosody = {
            "duration_stretch": self.stretch,
            "int_f0_target_mean": self.pitch,
            "int_f0_target_stddev": self.spread,
        }
        settings = [part for name, value in prosody.items() for part in ("--setf", f"{name}={value}")]
        return [self.program, "-voice", self.voice, *settings, "-t", sentence, "-o", str(path)]


@dataclass(frozen=True)
class Recording:
    """A clip of a corpus, by its path under DATA."""

    path: str


@dataclass(frozen=True)
class Example:
    """A sentence, who says it and how, and what it shows."""

    file: str
    language: str  # ISO 639-1
    transcript: str
    voice: Espeak | Flite | Recording
    shows: tuple[str, str]  # en, ru


EXAMPLES = (
    Example(
        "happy_en.ogg",
        "en",
        "I am so happy to see you! Where have you been all this time?",
        Espeak("en-us+f3", pitch=60, speed=140, amplitude=110),
        ("Joy in a lively voice", "Радость, живой голос"),
    ),
    Example(
        "sad_en.ogg",
        "en",
        "I miss her so much. The house is empty without her.",
        Flite("slt", stretch=1.3, pitch=131),
        ("Sad words, slow and low", "Грустные слова, медленно и тихо"),
    ),
    Example(
        "anger_en.ogg",
        "en",
        "I told you not to touch it! Why do you never listen to me?",
        Flite("slt", stretch=0.75, pitch=175, spread=45),
        ("Anger, fast", "Злость, быстро"),
    ),
    Example(
        "stop_en.ogg",
        "en",
        "We'll stop in a couple of minutes.",
        Recording("cremad/1014_WSI_HAP_XX.ogg"),
        ("Angry voice, plain words", "Злой голос, обычные слова"),
    ),
    Example(
        "meeting_en.ogg",
        "en",
        "I'm on my way to the meeting.",
        Recording("cremad/1037_IOM_HAP_XX.ogg"),
        ("Happy voice, plain words", "Радостный голос, обычные слова"),
    ),
    Example(
        "disagree_en.ogg",
        "en",
        "Oh, wonderful. This is the best day of my life.",
        Flite("slt", stretch=1.3, pitch=115, spread=8),
        ("Happy words in a sad voice: the two disagree", "Радостные слова грустным голосом: они расходятся"),
    ),
    Example(
        "happy_ru.ogg",
        "ru",
        "Ура, мы едем на море! Я так рада, что ты с нами!",
        Espeak("ru+m1", pitch=90, speed=200),
        ("Joy in Russian", "Радость"),
    ),
    Example(
        "fear_ru.ogg",
        "ru",
        "Тише! Ты слышишь? Кажется, там кто-то есть. Мне страшно.",
        Espeak("ru+f5", pitch=90, speed=110),
        ("Fear in Russian, a high voice", "Страх, высокий голос"),
    ),
    Example(
        "neutral_ru.ogg",
        "ru",
        "Магазин открыт с девяти до шести.",
        Espeak("ru+m1", pitch=30, speed=90),
        ("An announcement in Russian, no emotion", "Объявление, без эмоций"),
    ),
    Example(
        "disagree_ru.ogg",
        "ru",
        "Спасибо, у меня всё просто замечательно!",
        Espeak("ru+f4", pitch=90, speed=200),
        ("Kind words in a frightened voice: the two disagree", "Добрые слова испуганным голосом: они расходятся"),
    ),
)


def make(folder: Path, data: Path | None = None) -> None:
    """Write the clips (16 kHz mono Opus) and `examples.json` into `folder`; recordings only where `data` has them."""
    with tempfile.TemporaryDirectory() as scratch:
        for example in EXAMPLES:
            if isinstance(example.voice, Recording):
                if data is None:
                    continue
                source = data / example.voice.path
            else:
                source = Path(scratch) / "spoken.wav"
                program = example.voice.program
                if shutil.which(program) is None:
                    sys.exit(f"{program} is not installed: install it (for example `apt install {program}`)")
                subprocess.run(example.voice.command(example.transcript, source), check=True)
            samples = load(source).samples  # (n,)
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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of the corpora; without it the recordings stay as they are")
    make(FOLDER, parser.parse_args().data)
