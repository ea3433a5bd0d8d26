"""Normal forms are Python's, of letters with up to 30 marks; more are cut: sorting takes the square of their number."""

import random
import unicodedata

import pytest

from bibier.checkpoint import bundle
from bibier.features.normalise import normalise_text
from bibier.unicode_text import MOST_MARKS, normalise, stream_safe

FORMS = ("NFC", "NFD", "NFKC", "NFKD")


@pytest.mark.parametrize("form", FORMS)
def test_a_normal_form_is_python_s(form):
    draw = random.Random(0)
    signs = [chr(code) for code in range(0x20, 0x1E000) if not 0xD800 <= code < 0xE000]
    for _ in range(100):
        text = "".join(draw.choices(signs, k=200))
        assert normalise(form, text) == unicodedata.normalize(form, text)
    assert normalise(form, "ёлка, déjà vu, ﷺ") == unicodedata.normalize(form, "ёлка, déjà vu, ﷺ")


@pytest.mark.parametrize("marks", ["\u0301\u0323", "\u0344\u0323", "\u05b0\u05b1", "\u0f73\u0f71", "\u0301"])
def test_no_letter_keeps_more_marks_than_are_sorted_in_no_time(marks):
    """40,000 marks took a second, 400,000 two minutes, and no other thread ran meanwhile."""
    text = "a" + marks * 1_000 + "b" + marks
    assert stream_safe(text) == "a" + (marks * MOST_MARKS)[:MOST_MARKS] + "b" + marks
    assert stream_safe(normalise_text(text)) == normalise_text(text)


def test_a_text_is_no_longer_than_any_transcript(monkeypatch):
    """One sign may become six."""
    monkeypatch.setattr(bundle, "LONGEST_TEXT", 1_000)
    assert len(bundle.load("compact").prepare_text("㌖" * 5_000)) == 6 * 1_000
