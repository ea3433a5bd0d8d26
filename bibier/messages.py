"""Every sentence that the library itself says to a person, in English and in Russian.

A failure carries the key of its sentence and the values in it; the edge (interface, command line) chooses the language.
"""

from __future__ import annotations

from dataclasses import dataclass, field

LANGUAGES = ("en", "ru")

CATALOGUE: dict[str, tuple[str, str]] = {
    # audio: what cannot be read
    # audio: what is wrong with the recording
    # recognition
    # checkpoints
    # prediction
}


@dataclass(frozen=True)
class Message:
    """A sentence by its key in `CATALOGUE`, with the values it names."""

    key: str
    values: dict[str, object] = field(default_factory=dict)

    def text(self, language: str = "en") -> str:
        """Return the sentence in `language` ("en" or "ru")."""
        return CATALOGUE[self.key][LANGUAGES.index(language)].format_map(self.values)


class InputError(ValueError):
    """What the user brought can't be used; the message says why and what to do. `str()` is the English sentence."""

    def __init__(self, key: str, **values: object):
        self.message = Message(key, values)
        super().__init__(self.message.text("en"))

    def text(self, language: str = "en") -> str:
        """Return the sentence in `language`."""
        return self.message.text(language)
