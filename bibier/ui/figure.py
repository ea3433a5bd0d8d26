"""A figure, and its numbers as a table, in the shapes that the page draws."""

from __future__ import annotations

from typing import TypedDict


class Figure(TypedDict):
    """A figure in Plotly's schema."""

    data: list[dict[str, object]]
    layout: dict[str, object]
    config: dict[str, object]


class TextTable(TypedDict):
    """A table of words: a figure for readers who don't see it."""

    head: list[str]
    rows: list[list[str]]
