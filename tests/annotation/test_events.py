"""Events: what is sound goes through JSON unchanged, what is not is refused by name in both languages."""

import json
from dataclasses import replace

import numpy as np
import pytest

from bibier.annotation.events import Event, now
from bibier.errors import InputError
from bibier.labels import EMOTIONS, named

SURE = named(np.eye(7)[3])
LABEL = Event("u1", "p", "a" * 64, "Анна", "label", SURE, 0.5, "note ${x} <script>\n", seen=("llm:q",), time=now())


@pytest.mark.parametrize(
    "event",
    [
        LABEL,
        replace(LABEL, probs=named(np.full(7, 1 / 7)), before=SURE, confidence=None),
        Event("u2", "p", "b" * 64, "x", "skip", note="шум"),
        Event("u3", "p", "b" * 64, "x", "undo", target="u2"),
        Event("u4", "p", "b" * 64, "", "propose", SURE, source="model:compact/audio"),
    ],
)
def test_json_brings_the_same_event_back(event):
    assert Event.from_json(event.to_json()) == event
    assert Event.from_json(json.loads(event.to_json())) == event


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "delete"},
        {"clip": "A" * 64},
        {"uuid": ""},
        {"annotator": " "},
        {"annotator": "a" * 201},
        {"annotator": "\ud800"},
        {"probs": None},
        {"probs": SURE | {"joy": 0.0}},
        {"probs": {"happy": 1.0}},
        {"probs": dict.fromkeys(EMOTIONS, 0.9 / 7)},
        {"probs": SURE | {"happy": float("nan")}},
        {"probs": SURE | {"anger": -0.5, "happy": 1.5}},
        {"probs": SURE | {"happy": True}},
        {"before": dict.fromkeys(EMOTIONS, 0.0)},
        {"confidence": 1.1},
        {"confidence": float("nan")},
        {"seconds": float("inf")},
        {"note": "x" * 100_001},
        {"note": "\0"},
        {"note": "\udfff"},
        {"source": "llm:q"},
        {"target": "u0"},
        {"kind": "undo", "probs": None},
        {"kind": "skip"},
        {"kind": "propose", "annotator": "", "source": "model:"},
        {"seen": ["a"]},
        {"seen": ("a",) * 65},
        {"time": "yesterday"},
        {"time": "2026-01-01T00:00:00+03:00"},
        {"version": 0},
        {"version": 4},
        {"fill": "proportion", "rest": 0.4},  # of version 2
        {"version": 2, "fill": "proportion"},
        {"version": 2, "fill": "luck", "rest": 0.4},
    ],
    ids=str,
)
def test_what_is_wrong_is_refused(change):
    with pytest.raises(InputError) as caught:
        replace(LABEL, **change).check()
    assert caught.value.text("ru") != caught.value.text("en")
    assert len(caught.value.text("en")) < 600


@pytest.mark.parametrize("text", ["", "[]", "{}", "[" * 100_000, '{"version": 9}', '{"kind": "label", "x": 1}', "null"])
def test_lines_that_are_no_events(text):
    with pytest.raises(InputError):
        Event.from_json(text)


@pytest.mark.parametrize(
    "change, field, expected",
    [
        ({"confidence": 1.1}, "confidence", "0 … 1"),
        ({"confidence": "1"}, "confidence", "0 … 1"),
        ({"probs": SURE | {"happy": 1.5}}, "probs.happy", "0 … 1"),
        ({"seconds": -1}, "seconds", "0 … 1e+07"),
        ({"kind": "delete"}, "kind", "label, skip, reveal, undo, redo, propose, repeat, decide"),
        ({"clip": "a" * 65}, "clip", "SHA-256: 64 × 0–9 a–f"),
        ({"seen": ("a",) * 65}, "seen", "≤ 64"),
        ({"uuid": "u\n"}, "uuid", "1 to 200 printable characters"),
        ({"note": "x" * 100_001}, "note", "at most 100000 bytes, without U+0000"),
    ],
    ids=str,
)
def test_a_refusal_names_field_value_and_what_is_expected(change, field, expected):
    with pytest.raises(InputError, match="Correct it and save again") as caught:
        replace(LABEL, **change).check()
    values = caught.value.message.values
    text = values["expected"] if isinstance(values["expected"], str) else values["expected"].text("en")
    assert (values["field"], text) == (field, expected) and values["value"]


@pytest.mark.parametrize("number", [0, 1, 0.5, 1.0, np.float64(0.5)])
def test_numbers_keep_their_digits_in_json(number):
    line = replace(LABEL, confidence=number, seconds=3).check().to_json()
    assert f'"confidence": {json.dumps(number)},' in line and '"seconds": 3,' in line
    assert Event.from_json(line).to_json() == line


def test_a_note_of_100_kb_is_kept():
    note = "ы" * 50_000
    assert Event.from_json(replace(LABEL, note=note).to_json()).note == note
