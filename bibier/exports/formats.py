"""One way into every format, as `bibier predict --format` and the page's Download offer them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bibier.exports.elan import eaf
from bibier.exports.segments import ExportedRecording, read_result
from bibier.exports.subtitles import srt, webvtt
from bibier.exports.tabular import result_json, segments_csv
from bibier.exports.tiers import audacity, textgrid

WRITERS: Mapping[str, Callable[[ExportedRecording, str], str]] = {
    "srt": srt,
    "vtt": webvtt,
    "textgrid": textgrid,
    "eaf": eaf,
    "audacity": audacity,
    "csv": segments_csv,
}


def export(facts: object, name: str, *, file: str, language: str = "en", duration: float | None = None) -> str:
    """Write a result in a format.

    Parameters
    ----------
    facts
        What `judged_json` returns.
    name
        Of the format, one of `ENDINGS`.
    file
        Name of the recording, without its folder.
    language
        Of the emotions' names where the format is made for people: subtitles and Audacity's labels.
    duration
        Of a short recording, seconds.

    Raises
    ------
    InputError
        It is no result, or one without a recording.
    """
    if name == "json":
        return result_json(facts)
    return WRITERS[name](read_result(facts, name=file, duration=duration), language)
