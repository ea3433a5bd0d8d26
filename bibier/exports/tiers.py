"""Tiers of intervals: Praat's TextGrid, and the label track of Audacity.

A tier's intervals follow each other without overlap: of two that overlap, the later one begins where the first ends.
"""

from __future__ import annotations

from collections.abc import Iterable

from bibier.exports.segments import ExportedRecording

TIERS = ("transcript", "both", "voice", "words", "word")  # in this order
_MODALITIES = {"both": "bimodal", "voice": "audio", "words": "text"}
Interval = tuple[float, float, str]  # start and end in seconds, label


def intervals(recording: ExportedRecording, tier: str) -> list[Interval]:
    """Return what stands in one of `TIERS`: emotions by their English name, "?" where a modality can't tell."""
    if tier == "word":
        said = [(word.start or 0.0, word.end or 0.0, word.text) for row in recording.segments for word in row.words]
        return _apart(said)
    label = (lambda row: row.transcript) if tier == "transcript" else (lambda row: row.label(_MODALITIES[tier]))
    return _apart((row.start, row.end, label(row)) for row in recording.segments)


def _apart(rows: Iterable[Interval]) -> list[Interval]:
    apart: list[Interval] = []
    reached = 0.0
    for start, end, label in sorted(rows, key=lambda row: row[:2]):
        start = max(start, reached)
        if label and round(end, 3) > round(start, 3):
            apart.append((round(start, 3), round(end, 3), label))
            reached = round(end, 3)
    return apart


def textgrid(recording: ExportedRecording, language: str = "en") -> str:
    """Write Praat's long text format: `TIERS` as interval tiers that cover the recording, empty where nothing is."""
    length = round(recording.duration, 3)
    head = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {length}"]
    lines = [*head, "tiers? <exists>", f"size = {len(TIERS)}", "item []:"]
    for number, tier in enumerate(TIERS, start=1):
        tiled = _tiled(intervals(recording, tier), length)
        lines += [f"    item [{number}]:", '        class = "IntervalTier"', f'        name = "{tier}"']
        lines += ["        xmin = 0", f"        xmax = {length}", f"        intervals: size = {len(tiled)}"]
        for place, (start, end, label) in enumerate(tiled, start=1):
            text = label.replace('"', '""')
            lines += [f"        intervals [{place}]:", f"            xmin = {start}", f"            xmax = {end}"]
            lines += [f'            text = "{text}"']
    return "\n".join(lines) + "\n"


def _tiled(apart: list[Interval], length: float) -> list[Interval]:
    """Fill the gaps between intervals up to the recording's length."""
    tiled: list[Interval] = []
    reached = 0.0
    for start, end, label in apart:
        if start > reached:
            tiled.append((reached, start, ""))
        tiled.append((start, end, label))
        reached = end
    if reached < length or not tiled:
        tiled.append((reached, length, ""))
    return tiled


def audacity(recording: ExportedRecording, language: str = "en") -> str:
    """Write a label track for Audacity's Import Labels: start, end and label with tabs between, a line a segment."""
    lines = []
    for row in recording.segments:
        label = row.caption(language) or row.error
        lines.append(f"{row.start:.6f}\t{row.end:.6f}\t{label}\n")
    return "".join(lines)
