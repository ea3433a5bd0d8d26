"""Text in the cells of a CSV: a spreadsheet runs what begins like a formula, so such a cell gets an apostrophe."""

from __future__ import annotations

STARTS = "=+-@\t\r\n'"  # what makes a spreadsheet calculate, and the mark itself


def guard(text: str) -> str:
    """Return a cell that no spreadsheet runs; `plain` gives the text back. Example: "=1+1" → "'=1+1"."""
    return f"'{text}" if text[:1] and text[0] in STARTS else text


def plain(cell: str) -> str:
    """Return the text of a guarded cell; any other cell is its text."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] and cell[1] in STARTS else cell
