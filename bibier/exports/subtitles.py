"""Subtitles: SRT and WebVTT. Each segment is one cue: the emotion in brackets, then what is said."""

from __future__ import annotations

from collections.abc import Iterator

from bibier.exports.segments import ExportedRecording

# SRT has no way to write these as text: players take them for tags.
_SRT_LOOKALIKES = str.maketrans({"<": "‹", ">": "›", "{": "(", "}": ")"})
_VTT_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def srt(recording: ExportedRecording, language: str = "en") -> str:
    """Write SubRip subtitles: numbered cues, times to the millisecond, an empty line after each."""
    return "".join(
        f"{number}\n{clock(start, ',')} --> {clock(end, ',')}\n{text.translate(_SRT_LOOKALIKES)}\n\n"
        for number, (start, end, text) in enumerate(_cues(recording, language), start=1)
    )


def webvtt(recording: ExportedRecording, language: str = "en") -> str:
    """Write WebVTT (https://www.w3.org/TR/webvtt1/): as `srt`, with `&`, `<` and `>` as entities."""
    cues = "".join(
        f"{number}\n{clock(start, '.')} --> {clock(end, '.')}\n{text.translate(_VTT_ENTITIES)}\n\n"
        for number, (start, end, text) in enumerate(_cues(recording, language), start=1)
    )
    return f"WEBVTT\n\n{cues}"


def clock(seconds: float, point: str) -> str:
    """75.25 → "00:01:15.250"."""
    whole, milliseconds = divmod(round(1000 * seconds), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{point}{milliseconds:03}"


def _cues(recording: ExportedRecording, language: str) -> Iterator[tuple[float, float, str]]:
    for segment in recording.segments:
        text = segment.caption(language)
        if text and round(1000 * segment.end) > round(1000 * segment.start):
            yield segment.start, segment.end, text
