"""A row for each segment, with every probability in full precision; and the whole result as JSON."""

from __future__ import annotations

import csv
import io
import json

from bibier.csv_safety import guard
from bibier.exports.segments import ExportedRecording
from bibier.labels import EMOTIONS

COLUMN_MODALITIES = {"voice": "audio", "words": "text", "both": "bimodal"}  # as in the tables of `batch`
COLUMNS = (
    *("file", "start", "end", "emotion", "probability", "transcript"),
    *(f"{column}_{emotion}" for column in COLUMN_MODALITIES for emotion in EMOTIONS),
    *("conflict", "voice_ood", "words_ood", "error"),
)


def segments_csv(recording: ExportedRecording, language: str = "en") -> str:
    """Write `COLUMNS`; `emotion` is that of both together, or else of what there is, empty where none can be told."""
    out = io.StringIO(newline="")
    table = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    table.writeheader()
    for segment in recording.segments:
        emotion, probability = segment.verdict or ("", "")
        row = {"file": guard(recording.name), "start": segment.start, "end": segment.end, "emotion": emotion}
        row |= {"probability": probability, "transcript": guard(segment.transcript), "error": guard(segment.error)}
        for column, modality in COLUMN_MODALITIES.items():
            distribution = segment.distributions.get(modality, {})
            row |= {f"{column}_{name}": distribution.get(name, "") for name in EMOTIONS}
        row |= {"conflict": segment.conflict, "voice_ood": segment.ood["audio"], "words_ood": segment.ood["text"]}
        table.writerow(row)
    return out.getvalue()


def result_json(facts: object) -> str:
    """Write a result as `judged_json` returns it, indented."""
    text = json.dumps(facts, ensure_ascii=False, indent=2)
    try:
        text.encode()
    except UnicodeEncodeError:  # a file's name that is not UTF-8
        text = json.dumps(facts, indent=2)
    return text + "\n"
