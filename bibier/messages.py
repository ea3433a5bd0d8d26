"""Every sentence that the library itself says to a person, in English and in Russian.

A failure carries the key of its sentence and the values in it; the edge (interface, command line) chooses the language.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass, field

from bibier import sentences

LANGUAGES = ("en", "ru")

CATALOGUE: dict[str, tuple[str, str]] = {
    key: texts
    for room in pkgutil.iter_modules(sentences.__path__, "bibier.sentences.")
    for key, texts in importlib.import_module(room.name).SENTENCES.items()
}


@dataclass(frozen=True)
class Message:
    """A sentence by its key in `CATALOGUE`, with the values it names."""

    key: str
    values: dict[str, object] = field(default_factory=dict)

    def text(self, language: str = "en") -> str:
        """Return the sentence in `language` ("en" or "ru"); a value that is a sentence is put in it too."""
        values = {
            name: v.text(language) if isinstance(v, Message | InputError) else v for name, v in self.values.items()
        }
        return CATALOGUE[self.key][LANGUAGES.index(language)].format_map(values)


class InputError(ValueError):
    """What the user brought can't be used; the message says why and what to do. `str()` is the English sentence."""

    def __init__(self, key: str, **values: object):
        self.message = Message(key, values)
        super().__init__(self.message.text("en"))

    def text(self, language: str = "en") -> str:
        """Return the sentence in `language`."""
        return self.message.text(language)
