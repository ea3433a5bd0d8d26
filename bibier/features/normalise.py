"""One normalisation of text, for training and for use: signs that a reader can't see or wouldn't tell apart become one.

A checkpoint names the version that it was trained with; version 0 is the text as it is.
"""

from __future__ import annotations

import re

from bibier.unicode_text import normalise

VERSION = 1

# Quotes and dashes of all sorts become the typewriter's. Before NFKC, which would make of ´ a space and an accent.
_SIGNS = dict.fromkeys(map(ord, "’‘‛ʼʹ′`´ˊˋ＇"), "'")
_SIGNS |= dict.fromkeys(map(ord, "“”„‟«»″〝〞＂"), '"')
_SIGNS |= dict.fromkeys(map(ord, "‐‑‒–—―−﹘﹣－"), "-")
_SIGNS |= dict.fromkeys(map(ord, "\u2028\u2029\u000b\u000c\u001c\u001d\u001e\u001f"), " ")
# Characters of cp1252 that were taken for Latin-1: \x92 is an apostrophe, \x85 an ellipsis. Five are none: dropped.
_C1 = {code: bytes([code]).decode("cp1252", "ignore").translate(_SIGNS) for code in range(0x80, 0xA0)}
_SENTENCES = dict.fromkeys(
    (0xFDFA, 0xFDFB), " "
)  # Arabic sentences in one sign, of which NFKC would make 18 and 8 letters
_BEFORE_NFKC = _SIGNS | _C1 | _SENTENCES
# Format characters (soft hyphen, zero-width space, byte-order mark, direction marks …) and control characters except
# tab and line break. The zero-width joiner stays in an emoji only; variation selectors stay, for `words` takes them in.
_FORMAT = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb]"
    "|[\x00-\x08\x0e-\x1b\x7f]|[\U000e0000-\U000e0fff]"
)
_JOINER = re.compile("(?<![\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff\ufe0f])\u200d")
_CYRILLIC_MARKS = re.compile("(?<=[\u0400-\u04ff])[\u0300-\u036f]+")
_STRESS = re.compile("[\u0300\u0301]")  # grave and acute; the breve of й and the dots of ё stay
_MARKS = re.compile("([\u0300-\u036f]{4})[\u0300-\u036f]+")  # more than four marks on one letter say nothing
# "don ' t", "don 't", "I ' m": how several corpora are written, and what some recognisers give.
_SPACED_APOSTROPHE = re.compile(r"(?<=[a-z])(?: ' ?| ?' )(?=(?:s|t|m|d|ll|re|ve)\b)", re.IGNORECASE)
_SPACE = re.compile(r"[^\S\n]+")
_SURROGATE = re.compile("[\ud800-\udfff]")


def normalise_text(text: str) -> str:
    """Return a text in NFKC with straight quotes, plain dashes and no invisible characters.

    Case, punctuation, ё and line breaks are kept. Runs of other white space are one space, and none stands at either
    end. Linear in the length; what it returns it leaves as it is.
    """
    if text.isascii() and text.isprintable() and not any(sign in text for sign in ("'", "`", "  ")):
        return text.strip()
    if _SURROGATE.search(text):  # pairs become one character, a lone one the replacement character
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    text = _JOINER.sub("", _FORMAT.sub("", text.translate(_BEFORE_NFKC)))
    text = normalise("NFKD", text).translate(_SIGNS)  # marks stand by themselves behind their letter
    text = _MARKS.sub(r"\1", _CYRILLIC_MARKS.sub(lambda match: _STRESS.sub("", match[0]), text))
    text = normalise("NFC", text)
    return _SPACE.sub(" ", _SPACED_APOSTROPHE.sub("'", text)).strip()
