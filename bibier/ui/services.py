"""What the interface needs from outside, passed in by `app.py`: models that arrive later, recognisers, examples."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bibier.asr.recognisers import Choice
from bibier.i18n.messages import LANGUAGES, Message
from bibier.i18n.page import STRINGS, say
from bibier.inference.queue import InferenceQueue
from bibier.labels import NAMES
from bibier.parsing import read_json

if TYPE_CHECKING:  # the predictor brings torch, which the page does not wait for
    from bibier.checkpoint.library import ModelLibrary
    from bibier.inference.predictor import Prediction, Predictor


DownloadProgress = Callable[[int, int | None], None]  # told the bytes received and the bytes in all


@dataclass(frozen=True)
class Example:
    """A clip that can be tried at once; `titles` by interface language."""

    path: Path
    transcript: str
    language: str
    titles: dict[str, str]


@dataclass(frozen=True)
class Services:
    """Everything that the page is built on.

    Parameters
    ----------
    reader
        Delivers, when the models are loaded, a predictor for the name of a recogniser, of this checkpoint or another.
        The page is shown before.
    recognisers
        Lists the ways to get the words, the preferred first and "none" (the words are typed) last.
    announce
        Says what fetching a recogniser that is not ready would download, how large it is and where it goes.
    fetch
        Downloads what a recogniser lacks. Raises InputError when it can't.
    as_json
        Gives a prediction to a program, its sentences in the language named.
    examples
        Clips to try.
    opened
        Told when a page stands in a browser, so that loading the models doesn't delay the first, or when somebody waits
        for them.
    queue
        The queue of the device on which the models run.
    start
        What people call the checkpoint that the app was started with.
    """

    reader: Future[ModelLibrary[Predictor]]
    recognisers: Callable[[], tuple[Choice, ...]]
    announce: Callable[[str], Message]
    fetch: Callable[[str, DownloadProgress], None]
    as_json: Callable[[Prediction, str], dict[str, object]]
    examples: tuple[Example, ...] = ()
    opened: Callable[[], None] = lambda: None
    queue: InferenceQueue = field(default_factory=InferenceQueue)
    start: str = ""


def read_examples(folder: Path) -> tuple[Example, ...]:
    """Read `examples.json` of `folder`; no file means no examples, an entry without its clip is left out."""
    index = folder / "examples.json"
    if not index.exists():
        return ()
    return tuple(
        Example(
            folder / row["file"], row["transcript"], row["language"], {code: row["shows"][code] for code in LANGUAGES}
        )
        for row in read_json(index.read_text(encoding="utf-8"))
        if (folder / row["file"]).exists()
    )


def short(example: Example, language: str) -> str:
    """Name an example in a word or two: by the emotion or "disagree" in its file's name, else its title's beginning.

    Examples: anger_en.ogg → "Anger"; another.wav, "Rain, and a voice" → "Rain".
    """
    kind = example.path.stem.split("_")[0]
    if f"example_{kind}" in STRINGS:
        return say(f"example_{kind}", language)
    return NAMES[language].get(kind, re.split(r"[,:;]", example.titles[language])[0]).capitalize()
