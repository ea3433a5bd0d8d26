"""Unicode normalisation in time proportional to the text's length, whatever it holds."""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

Form = Literal["NFC", "NFD", "NFKC", "NFKD"]
MOST_MARKS = 30  # behind one letter (Unicode Standard Annex 15, Stream-Safe Text Format)


def normalise(form: Form, text: str) -> str:
    """Return a text in a normal form, of each letter's marks the first 30.

    Python sorts the marks behind a letter by insertion, in time that grows with the square of their number and with
    all other threads waiting.
    """
    return text if text.isascii() else unicodedata.normalize(form, stream_safe(text))


def stream_safe(text: str) -> str:
    """Return a text without the marks that come after the 30th behind one letter."""
    marks = "".join(map(re.escape, filter(_is_mark, set(text))))
    return re.sub(f"([{marks}]{{{MOST_MARKS}}})[{marks}]+", r"\1", text) if marks else text


def _is_mark(sign: str) -> bool:
    """Whether a character is nothing but marks that normalisation sorts, alone or taken apart."""
    return sign > "\u02ff" and all(map(unicodedata.combining, unicodedata.normalize("NFKD", sign)))
