"""The corpora of written texts, and the texts that stand in two places."""

import numpy as np
import pytest
from small_corpora import write_csv

from bibier.errors import CorpusError
from train.corpora import load
from train.corpora.duplicates import key, without_duplicates
from train.corpora.items import Item, one_hot
from train.corpora.texts import CORPORA
from train.experiment import recipe, sources


def table(folder, name, rows, split="train"):
    columns = ("text", "label", "language", "split")
    rows = [dict(zip(columns, (*row, "en", split)[:4], strict=True)) for row in rows]
    write_csv(folder / CORPORA[name].file, rows)


def test_a_corpus_is_read_by_its_name(tmp_path):
    (tmp_path / "text").mkdir()
    rows = [("[NAME] don’t you, [NAME]?", "anger"), ("...", "neutral"), ("Fine", "joy")]
    table(tmp_path / "text", "goemotions", rows)
    first, second = load.read("goemotions", tmp_path, "train", need="text")
    assert first.text == "don't you, ?" and first.corpus == "goemotions" and first.id == "goemotions/1"
    assert second.label == one_hot("happy").argmax() and second.dialogue != first.dialogue
    with pytest.raises(CorpusError, match="nothing of 'izard'"):
        load.read("izard", tmp_path)


def test_a_corpus_without_a_dev_split_gets_one_that_never_changes(tmp_path):
    table(tmp_path, "xed-en", [(f"text number {i}", "anger") for i in range(400)])
    items = load.read("xed-en", tmp_path)
    dev_texts = [item.text for item in items if item.split == "dev"]
    assert 0.05 < len(dev_texts) / len(items) < 0.15
    table(tmp_path, "xed-en", [(f"TEXT number {i}!", "anger") for i in reversed(range(400))])
    again = [item.text for item in load.read("xed-en", tmp_path, "dev")]
    assert {key(text) for text in again} == {key(text) for text in dev_texts}


def item(corpus, text, label="anger", dialogue="", language="en"):
    number = len(text) + hash((corpus, label)) % 1000
    return Item(f"{corpus}/{number}", corpus, one_hot(label), text, language=language, dialogue=dialogue or text)


TALK = [item("talk", text, dialogue="d") for text in ("What?", "What?", "I never said so at all")]


@pytest.mark.parametrize(
    ("items", "held_out", "expected"),
    [
        ([item("a", "Go away"), item("a", "Come here")], [item("b", "go AWAY!!")], [0, 1]),
        ([item("a", "Ёлка", "happy"), item("a", "елка!", "happy"), item("a", "елка", "sad")], [], [1, 0, 1]),
        ([item("a", "one two three"), item("b", "One, two, three?", "sad")], [], [1, 0]),
        ([item("a", "one two"), item("b", "One, two?", "sad")], [], [1, 1]),
        (TALK, [], [1, 1, 1]),  # people repeat themselves
        ([*TALK, item("a", "I never said so at all")], [], [1, 1, 1, 0]),
        ([item("a", "What?"), item("a", "I never said so at all")], TALK, [1, 0]),  # "What?" is everybody's
        ([*TALK, item("a", "So long")], [item("b", "What?"), item("b", "I never said so at all")], [1, 1, 0, 1]),
    ],
)
def test_duplicates(items, held_out, expected):
    lines = []
    assert without_duplicates(items, held_out, report=lines.append).astype(int).tolist() == expected
    assert bool(lines) == (0 in expected)


def test_nearly_the_same_counts_where_it_is_asked_for():
    long = "Вот такая длинная фраза про очень хорошую погоду"
    items = [
        item("a", long, language="ru"),
        item("b", long + "у", language="ru"),
        item("b", "Нечто иное", language="ru"),
    ]
    assert without_duplicates(items, []).all()
    assert without_duplicates(items, [], ["ru"]).tolist() == [True, False, True]
    held_out = [item("b", long + "ю", language="ru")]
    assert without_duplicates(items, held_out, ["ru"]).tolist() == [False, False, True]
    assert without_duplicates(items, held_out, ["en"]).all()


def test_a_recipe_drops_them_before_anything_is_fitted(small, folder, tmp_path):
    rows = [(f"hate number{i}", "anger") for i in range(3)] + [("what a lovely lovely day", "happy")] * 2
    table(tmp_path, "izard", rows)
    lines = []
    for how, texts in (("keep", 5), ("drop", 1)):
        chosen = recipe.load(small, [f'text.duplicates = "{how}"', 'text.corpora = ["izard"]'])
        (items_left,) = sources._texts(chosen.text, tmp_path, lines.append).values()
        # the dev part of a corpus that the recipe doesn't name plays no part
        assert len(items_left) == (texts if how == "keep" else 4)
    assert any("twice" in line for line in lines)
    assert np.array([row.label for row in items_left]).any()
