"""Every sentence that the library itself says to a person, in English and in Russian.

A failure carries the key of its sentence and the values in it; the edge (interface, command line) chooses the language.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bibier.i18n import annotation, asr, audio, checkpoint, deploy, inference, pretrained, security, soft_labels

LANGUAGES = ("en", "ru")

CATALOGUE: dict[str, tuple[str, str]] = {
    **annotation.SENTENCES,
    **asr.SENTENCES,
    **audio.SENTENCES,
    **checkpoint.SENTENCES,
    **deploy.SENTENCES,
    **inference.SENTENCES,
    **pretrained.SENTENCES,
    **security.SENTENCES,
    **soft_labels.SENTENCES,
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
