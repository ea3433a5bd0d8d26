"""What the interface needs from outside, passed in by `app.py`: models that arrive later, recognisers, examples."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bibier.asr import Transcript
from bibier.predictor import Heard, Prediction


class Reader(Protocol):
    """The part of `bibier.predictor.Predictor` that the interface uses."""

    def hear(self, audio: str) -> Heard: ...

    def transcribe(self, heard: Heard) -> Transcript: ...

    def read(self, heard: Heard | None, transcript: Transcript | str) -> Prediction: ...


@dataclass(frozen=True)
class Recogniser:
    """One way to get the words from the sound, as offered to a person."""

    name: str
    ready: bool  # False when using it would download something first
    rough: bool  # True when its text needs correcting as a rule
    megabytes: int = 0  # size of the download, 0 when nothing is missing
    host: str = ""  # where the download comes from


@dataclass(frozen=True)
class Models:
    """What the background thread delivers.

    `reader(name)` is a predictor with the recogniser of that name; `None` means that the words are typed. The first
    of `recognisers` is the default. `fetch(name)` downloads what a recogniser lacks and raises InputError if it can't.
    """

    reader: Callable[[str | None], Reader]
    recognisers: tuple[Recogniser, ...] = ()
    fetch: Callable[[str], None] | None = None


@dataclass(frozen=True)
class Example:
    """A clip that can be tried at once; `titles` by interface language."""

    path: Path
    transcript: str
    language: str
    titles: dict[str, str]


@dataclass(frozen=True)
class Services:
    """Everything that the page is built on. `models` may still be loading when the page is shown."""

    models: Future[Models]
    examples: tuple[Example, ...] = ()


def read_examples(folder: Path) -> tuple[Example, ...]:
    """Read `examples.json` of `folder`; no file means no examples, an entry without its clip is left out."""
    index = folder / "examples.json"
    if not index.exists():
        return ()
    return tuple(
        Example(folder / row["file"], row["transcript"], row["language"], {"en": row["en"], "ru": row["ru"]})
        for row in json.loads(index.read_text(encoding="utf-8"))
        if (folder / row["file"]).exists()
    )
