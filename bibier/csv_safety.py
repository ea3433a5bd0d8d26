"""Text in the cells of a CSV: a spreadsheet runs what begins like a formula, so such a cell gets an apostrophe.

So does what would begin a cell where the spreadsheet takes another separator, as one does that is set to German or
Russian: after a semicolon, a tab or the end of a line.
"""

from __future__ import annotations

import re

STARTS = "=+-@＝＋－＠\t\r\n'"  # what makes a spreadsheet calculate, of full width too, and the mark itself
INSIDE = re.compile(r"([;\t\r\n])(?=[=+\-@＝＋－＠'])")
GUARDED = re.compile(r"([;\t\r\n])'(?=[=+\-@＝＋－＠'])")


def guard(text: str) -> str:
    """Return a cell that no spreadsheet runs; `plain` gives the text back. Example: "=1+1" → "'=1+1"."""
    text = INSIDE.sub(r"\1'", text)
    return f"'{text}" if text[:1] and text[0] in STARTS else text


def plain(cell: str) -> str:
    """Return the text of a guarded cell; any other cell is its text."""
    return GUARDED.sub(r"\1", cell[1:] if cell[:1] == "'" and cell[1:2] and cell[1] in STARTS else cell)
