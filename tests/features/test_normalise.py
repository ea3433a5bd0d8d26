"""The normalisation of text: what becomes one, what stays, and that twice is once."""

import sys
import time
import unicodedata

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tiny import tiny_config

from bibier.checkpoint.bundle import Bundle
from bibier.features.char_ngrams import CharNgrams, CharNgramsConfig
from bibier.features.normalise import normalise_text
from bibier.inference.predictor import Predictor

TRAPS = ("a", "é", "\u0301", "\u200d", "👩", "\u00ad", "'", " ", "´", "ﷺ", "\x85", "ſ", "İ", "\u0308", "е", "t", "s")
TRAPS = (*TRAPS, "\ud83d", "＇", "﹏", "\n", "K", "\u0450", "»")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("don’t", "don't"),
        ("don´t", "don't"),
        ("don`t", "don't"),
        ("don\x92t", "don't"),
        ("wait\x85", "wait..."),
        ("\x93hi\x94", '"hi"'),
        ("«да» — нет", '"да" - нет'),
        ("ра\u0301достно", "радостно"),
        ("и\u0306 е\u0308", "й ё"),
        ("ѐ Ё", "е Ё"),
        ("ма\u00adма", "мама"),
        ("a\u200bb", "ab"),
        ("ｈａｐｐｙ！", "happy!"),
        ("don ' t you", "don't you"),
        ("it 's", "it's"),
        ("he said ' so '", "he said ' so '"),
        ("the dogs ' tails", "the dogs ' tails"),
        ("cafe\u0301", "café"),
        ("👩\u200d👩\u200d👧 ok", "👩\u200d👩\u200d👧 ok"),
        ("  a \t b\nc ", "a b\nc"),
        ("\ud83d\ude00", "😀"),
        ("\ud800x", "\ufffdx"),
        ("No WAY?!", "No WAY?!"),
        ("", ""),
    ],
)
def test_a_text_is_normalised(text, expected):
    assert normalise_text(text) == expected


@given(st.one_of(st.text(), st.lists(st.sampled_from(TRAPS)).map("".join)))
@example("\u0400\u0306")  # without its grave the letter takes the breve
def test_twice_is_once(text):
    once = normalise_text(text)
    assert normalise_text(once) == once


@pytest.mark.parametrize("unit", ["a", "а\u0301", " ' ", "\u0301", "\u200d", "ﷺ"])
def test_the_time_is_linear(unit):
    def seconds(count):
        started = time.process_time()
        normalise_text(unit * count)
        return time.process_time() - started

    assert seconds(100_000) < 50 * (seconds(10_000) + 0.01)  # a quadratic one takes a hundred times as long


def test_no_sign_becomes_a_sentence():
    """One of 18 letters made 5 million of a transcript of 300,000."""
    signs = [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.decomposition(chr(code))]
    assert max(len(normalise_text(f"a{sign}b")) for sign in signs) <= 2 + 6


def test_a_checkpoint_reads_what_its_version_says():
    curly, straight = "don’t go", "don't go"
    for version, same in ((0, False), (1, True)):
        bundle = Bundle(tiny_config(text_features=CharNgramsConfig(buckets=512, slots=16, normalisation=version)))
        reader = Predictor(bundle.eval())
        assert (reader.classify(None, "«no» go").transcript.text == '"no" go') is same
        curled, plain = (reader.classify(None, text) for text in (curly, straight))
        assert [word.text for word in curled.words] == [("don't" if same else "don’t"), "go"]
        assert np.array_equal(bundle.text_features("s\u00ado sad"), bundle.text_features("so sad")) is same
        assert all(curled.transcript.text[word.begin : word.stop] == word.text for word in curled.words)
        assert curled.text == plain.text or not same


def test_an_unknown_version_is_refused():
    with pytest.raises(ValueError, match="normalisation 2"):
        CharNgrams(CharNgramsConfig(normalisation=2))
