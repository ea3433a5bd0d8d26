"""Samples → Transcript: Whisper where its weights are, pocketsphinx without a download, or the person's own words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bibier.asr.download import default_cache, is_whole
from bibier.asr.pocketsphinx import PocketSphinx
from bibier.asr.whisper import WHISPER_FILES, Whisper, size_of
from bibier.errors import InputError
from bibier.i18n.messages import Message
from bibier.process import is_installed


@dataclass(frozen=True)
class Choice:
    """A recogniser that can be chosen.

    `megabytes` is what choosing it downloads, 0 when nothing is missing; `languages` are all that it knows, none named
    if it knows ours; one that works `apart` has a process of its own and leaves the device to others.
    """

    name: str
    label: Message
    ready: bool
    rough: bool = False
    megabytes: int = 0
    languages: tuple[str, ...] = ()
    apart: bool = False

    def knows(self, language: str) -> bool:
        """Whether it writes down speech of a language by its code."""
        return not self.languages or language in self.languages


def available(cache: Path | None = None) -> tuple[Choice, ...]:
    """List every recogniser, the preferred first; "none" at the end stands for words typed by the person."""
    folder = cache or default_cache()
    installed = is_installed("whisper")
    choices = []
    for name, (file, megabytes) in WHISPER_FILES.items():
        here = is_whole(folder / file, megabytes)
        label = Message("recogniser-whisper" if here else "recogniser-whisper-missing", size_of(name, megabytes))
        choices.append(Choice(f"whisper-{name}", label, installed and here, megabytes=0 if here else megabytes))
    label = Message("recogniser-pocketsphinx")
    rough = Choice("pocketsphinx", label, is_installed("pocketsphinx"), rough=True, languages=("en",), apart=True)
    return (*choices, rough, Choice("none", Message("recogniser-none"), ready=True))


def recogniser(
    name: str | None = None,
    *,
    cache: Path | None = None,
    language: str | None = None,
    device: str = "cpu",
    profile: str = "exact",
) -> Whisper | PocketSphinx | None:
    """Return a recogniser by the name of its `Choice`; without one, the first that is ready. `profile` is
    Whisper's.

    Nothing is downloaded: that is `Whisper(name, download=True)`. The models are loaded at the first call.

    Returns
    -------
    Whisper, PocketSphinx or None
        None when the words have to be typed: "none" was asked for, or nothing is ready.

    Raises
    ------
    InputError
        The one asked for is unknown, or its weights or package are missing.
    """
    choices = available(cache)
    if name is None:
        name = next(choice.name for choice in choices if choice.ready)
    if name == "none":
        return None
    if name == "pocketsphinx":
        return PocketSphinx()
    if name.startswith("whisper-"):
        return Whisper(name.removeprefix("whisper-"), cache=cache, language=language, device=device, profile=profile)
    raise InputError("recogniser-unknown", name=name, names=", ".join(choice.name for choice in choices))
