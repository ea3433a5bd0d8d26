"""Exports are read back by a second, small reader of each format: what goes in comes out, whatever was said."""

import csv
import html
import io
import json
import re
from xml.etree import ElementTree

import pytest
import soundfile
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tiny import voice

from bibier import __main__ as command
from bibier.csv_safety import plain
from bibier.errors import InputError
from bibier.exports import ENDINGS
from bibier.exports.formats import export
from bibier.exports.segments import plain_line
from bibier.exports.tiers import TIERS
from bibier.labels import EMOTIONS

HOSTILE = (
    "-->\n\n2\n00:00:00,000 --> 01:00:00,000\nfalse cue",
    '"\n        intervals [9]:\n text = "x',
    "]]></ANNOTATION_VALUE><!-- & &amp; <b onload=alert(1)>{\\an8}",
    '=HYPERLINK("http://x")\t0.5\n\x00\x0b\x1b\ufffe a\u202ecba',
    "NOTE \u2028 STYLE ::cue{}",
)
CLOCK = r"(\d\d):(\d\d):(\d\d)[,.](\d{3})"
CUE = re.compile(rf"(\d+)\n{CLOCK} --> {CLOCK}\n(.+)\n\n")


def distribution(winner: str) -> dict[str, float]:
    return {emotion: 0.64 if emotion == winner else 0.06 for emotion in EMOTIONS}


def timeline(*texts: str) -> dict:
    """Return a long recording's JSON with a segment of two seconds for each text, half a second apart."""
    rows = []
    for number, text in enumerate(texts):
        start = 2.5 * number
        words = [{"text": word, "start": start + 0.1, "end": start + 0.6} for word in text.split()[:1]]
        facts = {"audio": distribution("sad"), "text": distribution("happy"), "bimodal": distribution("sad")}
        rows.append({"start": start, "end": start + 2, "transcript": text, "words": words, "conflict": 0.25} | facts)
    return {"audio": None, "text": None, "bimodal": None, "duration": 2.5 * len(texts) + 1, "segments": rows}


def seconds(*parts: str) -> float:
    hours, minutes, whole, thousandths = map(int, parts)
    return 3600 * hours + 60 * minutes + whole + thousandths / 1000


def read_cues(text: str) -> list[tuple[float, float, str]]:
    """Read SRT, or WebVTT below its first line; nothing may stand between the cues."""
    assert CUE.sub("", text) == ""
    found = CUE.findall(text)
    assert [int(cue[0]) for cue in found] == list(range(1, len(found) + 1))
    return [(seconds(*cue[1:5]), seconds(*cue[5:9]), cue[9]) for cue in found]


def read_textgrid(text: str) -> dict[str, list[tuple[float, float, str]]]:
    """Read the values in their order as Praat does: numbers, texts with doubled quotation marks, flags."""
    values = re.findall(r'"(?:[^"]|"")*"|(?<=[=:] )[\d.]+|<exists>', text)
    values = [v[1:-1].replace('""', '"') if v[0] == '"' else v for v in values]
    kind, name, _, end, flag, tiers, *rest = values
    assert (kind, name, flag) == ("ooTextFile", "TextGrid", "<exists>")
    found = {}
    for _ in range(int(tiers)):
        kind, name, start, stop, count, *rest = rest
        assert (kind, start, stop) == ("IntervalTier", "0", end)
        cells, rest = rest[: 3 * int(count)], rest[3 * int(count) :]
        rows = [(float(a), float(b), label) for a, b, label in zip(*[iter(cells)] * 3, strict=True)]
        edges = [(a, b) for a, b, _ in rows]
        assert edges[0][0] == 0 and edges[-1][1] == float(end)  # the tier covers the recording, without holes
        assert all(before[1] == after[0] for before, after in zip(edges, edges[1:], strict=False))
        found[name] = [row for row in rows if row[2]]
    assert rest == []
    return found


def read_eaf(text: str) -> dict[str, list[tuple[float, float, str]]]:
    """Read the annotations of each tier by their time slots; every reference has its target."""
    root = ElementTree.fromstring(text.encode())
    slots = {slot.get("TIME_SLOT_ID"): int(slot.get("TIME_VALUE", "")) for slot in root.iter("TIME_SLOT")}
    assert list(slots.values()) == sorted(slots.values())
    types = {kind.get("LINGUISTIC_TYPE_ID") for kind in root.iter("LINGUISTIC_TYPE")}
    ids = [a.get("ANNOTATION_ID") for a in root.iter("ALIGNABLE_ANNOTATION")]
    assert len(ids) == len(set(ids))
    order = [child.tag for child in root]
    kinds = ["HEADER", "TIME_ORDER", "TIER", "LINGUISTIC_TYPE", "LANGUAGE", "CONTROLLED_VOCABULARY"]
    assert [tag for place, tag in enumerate(order) if tag not in order[:place]] == kinds  # as the schema wants it
    found = {}
    for tier in root.iter("TIER"):
        assert tier.get("LINGUISTIC_TYPE_REF") in types
        found[tier.get("TIER_ID")] = [
            (slots[a.get("TIME_SLOT_REF1")] / 1000, slots[a.get("TIME_SLOT_REF2")] / 1000, a.findtext("*") or "")
            for a in tier.iter("ALIGNABLE_ANNOTATION")
        ]
    return found


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=4))
@example([*HOSTILE])
def test_every_format_gives_each_segment_back(texts):
    facts = timeline(*texts)
    said = [plain_line(text) for text in texts]
    spans = [(2.5 * number, 2.5 * number + 2) for number in range(len(texts))]
    full = [(*span, text) for span, text in zip(spans, said, strict=True) if text]
    cues = [(*span, f"[sadness 64%] {text}".strip()) for span, text in zip(spans, said, strict=True)]

    def write(name):
        return export(facts, name, file="a b.wav")

    safe = str.maketrans("<>{}", "‹›()")
    assert read_cues(write("srt")) == [(a, b, text.translate(safe)) for a, b, text in cues]
    vtt = write("vtt")
    assert vtt.startswith("WEBVTT\n\n") and "<" not in vtt and vtt.count("-->") == len(texts)
    assert [(a, b, html.unescape(text)) for a, b, text in read_cues(vtt[8:])] == [(a, b, text) for a, b, text in cues]
    for tiers in (read_textgrid(write("textgrid")), read_eaf(write("eaf"))):
        assert tuple(tiers) == TIERS
        assert tiers["transcript"] == full
        assert tiers["voice"] == tiers["both"] == [(*span, "sad") for span in spans]
        assert tiers["words"] == [(*span, "happy") for span in spans]
    labels = [line.split("\t") for line in write("audacity").removesuffix("\n").split("\n")]
    assert [(float(a), float(b), text) for a, b, text in labels] == cues
    rows = list(csv.DictReader(io.StringIO(write("csv"), newline="")))
    assert [plain(row["transcript"]) for row in rows] == said
    assert not [row for row in rows if row["transcript"][:1] in tuple("=+-@")]
    assert [(float(row["start"]), float(row["voice_sad"])) for row in rows] == [(a, 0.64) for a, _ in spans]


def test_words_have_a_tier_and_do_not_overlap():
    facts = timeline("one")
    facts["segments"][0]["words"] = [
        {"text": "one", "start": 0.2, "end": 0.9},
        {"text": "two", "start": 0.7, "end": 1.4},
        {"text": "within", "start": 0.3, "end": 0.8},
        {"text": "untimed", "start": None, "end": None},
    ]
    assert read_textgrid(export(facts, "textgrid", file="a.wav"))["word"] == [(0.2, 0.9, "one"), (0.9, 1.4, "two")]


def test_what_cannot_be_told_has_a_question_mark_and_no_emotion():
    facts = timeline("hm")
    facts["segments"][0] |= {f"{modality}_doubt": "unlike" for modality in ("audio", "text", "bimodal")}
    assert read_cues(export(facts, "srt", file="a.wav"))[0][2] == "[?] hm"
    assert read_eaf(export(facts, "eaf", file="a.wav"))["both"][0][2] == "?"
    row = next(csv.DictReader(io.StringIO(export(facts, "csv", file="a.wav"))))
    assert row["emotion"] == "" and float(row["both_sad"]) == 0.64
    del facts["segments"][0]["audio_doubt"]
    assert read_cues(export(facts, "srt", file="a.wav", language="ru"))[0][2] == "[грусть 64\u00a0%] hm"


@pytest.mark.parametrize(
    "wrong",
    [
        {"start": -1.0},
        {"end": float("nan")},
        {"end": 1e9},
        {"audio": {"joy": 0.5}},
        {"audio": {"sad": 2.0}},
        {"transcript": "a" * 200_001},
        {"words": [{"text": "a"}] * 20_001},
        {"words": [{"text": 1}]},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_what_is_no_result_is_refused_by_its_place(wrong):
    facts = timeline("one")
    facts["segments"][0] |= wrong
    with pytest.raises(InputError) as caught:
        export(facts, "srt", file="a.wav")
    assert f"segments.0.{next(iter(wrong))}" in caught.value.text()
    for nothing in ([], "x", None, {"segments": "x"}):
        with pytest.raises(InputError):
            export(nothing, "srt", file="a.wav")


def test_words_alone_have_no_times():
    with pytest.raises(InputError, match="no times"):
        export({"audio": None, "text": distribution("sad"), "bimodal": None, "words": []}, "srt", file="")


@pytest.fixture
def clips(tmp_path):
    """Make two recordings of one name in two folders."""
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        soundfile.write(tmp_path / folder / "a.wav", voice(1.0), 16_000)
    return [str(tmp_path / folder / "a.wav") for folder in ("one", "two")]


def predict(*arguments) -> int:
    return command.main(["predict", *arguments, "--transcript", "I am so glad"])


def test_the_command_writes_a_file_a_recording(clips, tmp_path, capsys):
    out = tmp_path / "out"
    assert predict(*clips, "--format", "srt") == 2  # several files into one: refused before any work
    assert "--out" in capsys.readouterr().err
    assert predict(*clips, "--format", "textgrid", "--out", str(out)) == 0
    assert sorted(path.name for path in out.iterdir()) == ["a-2.TextGrid", "a.TextGrid"]
    assert read_textgrid((out / "a.TextGrid").read_text())["transcript"] == [(0.0, 1.0, "I am so glad")]
    assert predict(clips[0], "--format", "textgrid", "--out", str(out)) == 1  # it is there already
    assert predict(clips[0], "--format", "textgrid", "--out", str(out), "--replace") == 0
    capsys.readouterr()
    assert predict(clips[0], "--format", "json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["transcript"] == "I am so glad" and set(facts["text"]) == set(EMOTIONS)
    assert predict(clips[0], "--format", "csv", "--json") == 2
    assert predict(clips[0], "--out", "x.srt") == 2
    assert {"srt", "vtt", "textgrid", "eaf", "audacity", "csv", "json"} == set(ENDINGS)
