"""Standard output and error that write anything: a terminal in cp1252, cp866 or ASCII ends no command."""

from __future__ import annotations

import codecs
import io
import json
import re
import sys
import unicodedata

HANDLER = "bibier-plain"
# What the commands themselves write beyond ASCII; letters lose their marks, all else becomes a question mark.
_PLAIN = {"█": "#", "—": "-", "–": "-", "−": "-", "…": "...", "•": "*", "→": "->", "≠": "!=", "≥": ">=", "×": "x"}
_PLAIN |= dict.fromkeys("“”„«»", '"') | dict.fromkeys("‘’", "'") | dict.fromkeys("\u00a0\u202f\u2009", " ")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
_SURROGATE = re.compile("[\ud800-\udfff]")  # bytes of a file's name that is not in UTF-8


class OutputEnded(Exception):
    """Standard output takes no more: its reader went away, or there is no room; `reason` is what the system said."""

    def __init__(self, reason: OSError):
        super().__init__(str(reason))
        self.reason = reason


def write_anything() -> None:
    """Have standard output and error replace what their encoding lacks."""
    codecs.register_error(HANDLER, _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # whatever else stands there takes care of itself
            stream.reconfigure(errors=HANDLER)


def json_text(value: object, *, indent: int | None = None) -> str:
    """Return a value as JSON that standard output can write without loss, escaped where it is not in Unicode."""
    return escaped(json.dumps(value, ensure_ascii=False, indent=indent))


def escaped(text: str) -> str:
    r"""Return a JSON text with \uXXXX for what standard output can't write: the same value."""
    encoding = codecs.lookup(getattr(sys.stdout, "encoding", None) or "utf-8").name
    lacking = _SURROGATE if encoding.startswith("utf") else _BEYOND_ASCII
    return lacking.sub(lambda sign: json.dumps(sign[0])[1:-1], text)


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = []
    for sign in error.object[error.start : error.end]:
        bare = _PLAIN.get(sign) or (unicodedata.normalize("NFKD", sign)[0] if sign.isalpha() else "?")
        try:
            bare.encode(error.encoding)
        except UnicodeEncodeError:
            bare = "?"
        signs.append(bare)
    return "".join(signs), error.end
