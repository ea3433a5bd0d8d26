"""Corpora that are a table: columns, labels, distributions, what is refused and where."""

from pathlib import Path

import numpy as np
import pytest
from small_corpora import write_csv

from bibier.errors import CorpusError
from bibier.labels import EMOTIONS
from tests.train.test_corpora import clip, labels
from train import __main__ as cli
from train.corpora import items, load
from train.corpora.manifest import label_map

ROW = {"text": "a"} | dict.fromkeys(EMOTIONS, 0)


def test_columns_may_have_any_known_name_of_an_emotion(tmp_path):
    row = {
        "text": "a",
        "joy": 0.25,
        "enthusiasm": 0.75,
        "anger": 0,
        "disgust": 0,
        "fear": 0,
        "neutral": 0,
        "sadness": 0,
    }
    write_csv(tmp_path / "list.csv", [row])
    (item,) = load.read(str(tmp_path / "list.csv"))
    assert item.target.tolist() == [0, 0, 0, 0.25, 0, 0, 0.75]


def test_c1_controls_become_the_characters_they_were():
    assert load.repair("I\x92m \x93fine\x94\xa0now\x85") == "I’m “fine” now…"


MANIFESTS = {
    "unknown label": ([{"text": "a", "label": "sad"}, {"text": "a", "label": "bored"}], "list.csv, row 3.*bored"),
    "no label": ([{"text": "a"}], "no column label"),
    "empty label": ([{"text": "a", "label": ""}], "row 2: no label"),
    "no path and no text": ([{"label": "sad"}], "no column path and no column text"),
    "sums to 0.9": ([ROW | {"sad": 0.5, "fear": 0.4}], "row 2.*sum to 0.900"),
    "sums to 2": ([ROW | {"sad": 1, "fear": 1}], "sum to 2.000"),
    "negative": ([ROW | {"sad": 1.2, "fear": -0.2}], "row 2.*fear is -0.2"),
    "not a number": ([ROW | {"sad": "nan"}], "sad is nan"),
    "no number": ([ROW | {"sad": "much"}], "'much' for sad"),
    "a cell is empty": ([ROW | {"sad": 1, "fear": ""}], "'' for fear"),
    "one emotion twice": ([ROW | {"happy": 0.5, "joy": 0.5}], "'happy' and 'joy' are both happy"),
    "six emotions": ([{n: v for n, v in (ROW | {"sad": 1}).items() if n != "fear"}], "no column for fear"),
    "one column twice": ([{"text": "a", "label": "sad", "Label ": "sad"}], "'label' is there twice"),
    "missing file": ([{"path": "gone.wav", "label": "sad"}], "gone.wav"),
    "nothing": ([{"path": "", "text": "", "label": "sad"}], "neither"),
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_bad_manifest_is_refused_by_row(tmp_path, name):
    rows, message = MANIFESTS[name]
    write_csv(tmp_path / "list.csv", rows)
    with pytest.raises(CorpusError, match=message):
        load.read(str(tmp_path / "list.csv"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"text,label\nwell, yes,sad\n", "row 2: more cells"),
        (b"text,label\nyes\n", "row 2: fewer cells"),
        (b"text,label\n\xff\xfe,sad\n", "not UTF-8"),
        (b"", "no rows"),
    ],
)
def test_a_broken_table_is_refused(tmp_path, content, message):
    (tmp_path / "list.csv").write_bytes(content)
    with pytest.raises(CorpusError, match=message):
        load.read(str(tmp_path / "list.csv"))


def test_a_manifest_takes_distributions(tmp_path):
    write_csv(tmp_path / "list.csv", [{"text": "a"} | dict.fromkeys(EMOTIONS, 0) | {"sad": 0.75, "fear": 0.25}])
    (item,) = load.read(str(tmp_path / "list.csv"), split="test")
    assert item.target.tolist() == [0, 0, 0.25, 0, 0, 0.75, 0]


@pytest.mark.parametrize("corpus", ["nope", "meld", "gone.csv"])
def test_a_corpus_that_is_not_there_is_one_clear_sentence(tmp_path, capsys, corpus):
    assert cli.main(["evaluate", "compact", "--corpus", corpus, "--data", str(tmp_path)]) == 2
    assert corpus in capsys.readouterr().err


def test_a_distribution_beside_a_label_is_what_is_trained_on(tmp_path):
    soft = {"text": "a", "label": "sad"} | dict.fromkeys(EMOTIONS, 0) | {"sad": 0.6, "anger": 0.4}
    hard = {"text": "b", "label": "joy"} | dict.fromkeys(EMOTIONS, "")
    write_csv(tmp_path / "list.csv", [soft, hard])
    first, second = load.read(str(tmp_path / "list.csv"))
    assert first.target.tolist() == [0.4, 0, 0, 0, 0, 0.6, 0]
    assert second.target.tolist() == [0, 0, 0, 1, 0, 0, 0]


def test_the_order_of_the_columns_does_not_matter(tmp_path):
    values = dict(zip(EMOTIONS, (0.1, 0.2, 0.05, 0.05, 0.3, 0.1, 0.2), strict=True))
    for number, order in enumerate((EMOTIONS, EMOTIONS[::-1])):
        write_csv(tmp_path / f"{number}.csv", [{name: values[name] for name in order} | {"text": "a"}])
    one, second = (load.read(str(tmp_path / f"{number}.csv"))[0].target for number in range(2))
    np.testing.assert_array_equal(one, second)
    np.testing.assert_allclose(one, list(values.values()))


def test_labels_of_its_own_are_read_through_a_map(tmp_path):
    write_csv(tmp_path / "list.csv", [{"text": "a", "label": "Gioia"}, {"text": "b", "label": "sad"}])
    (tmp_path / "list.labels.toml").write_text('happy = ["gioia", "amore"]')
    assert labels(load.read(str(tmp_path / "list.csv"))) == {"happy": 1, "sad": 1}


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"happy": "a", "joy": "b"}, "'happy' and 'joy' are both happy"),
        ({"happy": ["a"], "sad": ["b", "A"]}, "'A' is given to happy and to sad"),
        ({"bored": "a"}, "bored"),
    ],
)
def test_a_map_with_two_meanings_is_refused(raw, message):
    with pytest.raises(CorpusError, match=f"x.toml.*{message}"):
        label_map(raw, "x.toml")


def test_a_missing_clip_is_listed_and_counted_or_refused(tmp_path):
    names = [f"{n}.wav" for n in range(9)]
    for name in names[:8]:
        clip(tmp_path / name)
    (tmp_path / "8.wav").write_bytes(b"RIFF not a sound")
    write_csv(tmp_path / "list.csv", [{"path": n, "label": "sad"} for n in (*names, "gone.wav")])
    with pytest.raises(
        CorpusError,
        match=r"2 of 10 .* 1 %.*csv, row 10: 8\.wav can't be read.*row 11: gone\.wav is missing",
    ):
        load.read(str(tmp_path / "list.csv"))
    lines = []
    items = load.read(str(tmp_path / "list.csv"), limit=0.2, report=lines.append)
    assert [item.path.name for item in items] == names[:8]
    assert sum(line.startswith("left out") for line in lines) == 2
    assert any("2 of 10" in line for line in lines)
    assert any("no example of anger, disgust" in line for line in lines)
    with pytest.raises(CorpusError, match="2 of 10"):
        load.read(str(tmp_path / "list.csv"), limit=0.19)


def test_what_a_training_needs_is_asked_for():
    clip = items.Item("x/1", "x", np.eye(7)[0], text="a", path=Path("gone.wav"))
    assert items.check([clip], need="text").items == [clip]
    for need, message in (("audio", "gone.wav is missing"), ("either", "gone.wav is missing")):
        with pytest.raises(CorpusError, match=message):
            items.check([clip], need=need)
    with pytest.raises(CorpusError, match="no text"):
        items.check([items.Item("x/1", "x", np.eye(7)[0])], need="text")
    assert items.check([clip], limit=1).dropped == [("x/1", "gone.wav is missing")]


def test_a_clip_that_the_table_names_and_the_folder_lacks_is_missing(folder, tmp_path):
    table = (folder / "meld_test.csv").read_text(encoding="utf-8")
    (tmp_path / "meld_test.csv").write_text(table, encoding="utf-8")
    assert {item.path for item in load.read("meld", tmp_path, "test")} == {None}  # no clips at all: text only
    clip(tmp_path / "test" / "dia0_utt0.wav")
    with pytest.raises(CorpusError, match="13 of 14"):
        load.read("meld", tmp_path, "test")
    assert len(load.read("meld", tmp_path, "test", need="text")) == 14
