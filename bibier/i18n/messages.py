"""Every sentence that the library itself says to a person, in English and in Russian.

A failure carries the key of its sentence and the values in it; the edge (interface, command line) chooses the language.
"""

from __future__ import annotations

import numbers
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from bibier.i18n import (
    annotation,
    asr,
    audio,
    checkpoint,
    cli,
    deploy,
    exports,
    inference,
    installation,
    labels,
    live,
    pretrained,
    security,
    soft_labels,
    store,
    tables,
)

LANGUAGES = ("en", "ru")

CATALOGUE: dict[str, tuple[str, str]] = {
    **annotation.SENTENCES,
    **asr.SENTENCES,
    **audio.SENTENCES,
    **checkpoint.SENTENCES,
    **cli.SENTENCES,
    **deploy.SENTENCES,
    **exports.SENTENCES,
    **inference.SENTENCES,
    **installation.SENTENCES,
    **labels.SENTENCES,
    **live.SENTENCES,
    **pretrained.SENTENCES,
    **security.SENTENCES,
    **soft_labels.SENTENCES,
    **store.SENTENCES,
    **tables.SENTENCES,
}


class _RussianNumbers(string.Formatter):
    def format_field(self, value: object, format_spec: str) -> str:
        text = super().format_field(value, format_spec)
        fraction = isinstance(value, numbers.Real) and not isinstance(value, numbers.Integral)
        return text.replace(".", ",") if fraction else text


_FORMATTERS = {"en": string.Formatter(), "ru": _RussianNumbers()}


def filled(texts: tuple[str, str], language: str, values: Mapping[str, object]) -> str:
    """Return the text of a language, of those in `LANGUAGES`, with its values in it, fractions as that writes them."""
    return _FORMATTERS[language].vformat(texts[LANGUAGES.index(language)], (), values)


@runtime_checkable
class Sentence(Protocol):
    """What can say itself in a language: a `Message`, or an error that carries one."""

    def text(self, language: str = "en") -> str: ...


def in_every_language(sentence: Callable[[str], str]) -> dict[str, str]:
    """Give by language what `sentence` says in it: the page shows the one that it is switched to."""
    return {language: sentence(language) for language in LANGUAGES}


@dataclass(frozen=True)
class Message:
    """A sentence by its key in `CATALOGUE`, with the values it names."""

    key: str
    values: Mapping[str, object] = field(default_factory=dict)

    def text(self, language: str = "en") -> str:
        """Return the sentence in `language` ("en" or "ru"); a value that is a sentence is put in it too."""
        values = {name: v.text(language) if isinstance(v, Sentence) else v for name, v in self.values.items()}
        return filled(CATALOGUE[self.key], language, values)
