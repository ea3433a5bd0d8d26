"""Texts of others, by their parsers: thousands of digits and lists without end are refused in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bibier.annotation.imports import read_events
from bibier.annotation.label_studio import read_label_studio
from bibier.checkpoint.bundle import read_config
from bibier.errors import BibierError, ParseError
from bibier.manifest import read_labels
from bibier.parsing import read_json, read_toml
from train.augment import templates
from train.evaluate import runs
from train.experiment import grid, recipe, search

JSON = {"digits": "9" * 10_000, "deep": "[" * 200_000, "cut": '{"a": [1, '}
TOML = {"digits": "a = " + "9" * 10_000, "deep": "a = " + "[" * 20_000, "cut": "a = ["}
READERS: dict[str, tuple[dict[str, str], Callable[[Path], object]]] = {
    "config.json": (JSON, lambda path: read_config(path.parent)),
    "labels.toml": (TOML, read_labels),
    "recipe.toml": (TOML, recipe.load),
    "grid.toml": (TOML, lambda path: grid.load_grid(path, recipe.Recipe, "exhaustive")),
    "templates.json": (JSON, templates.read),
    "events.jsonl": (JSON, read_events),
    "tasks.json": (JSON, read_label_studio),
    "run.jsonl": (JSON, runs.read_run),
    "trials.jsonl": (JSON, search._read_log),
}


@pytest.mark.parametrize("how", JSON)
def test_each_mistake_is_one_error(how):
    for texts, read in ((JSON, read_json), (TOML, read_toml)):
        with pytest.raises(ParseError) as refused:
            read(texts[how])
        assert str(refused.value) and len(str(refused.value)) < 300


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("how", JSON)
def test_a_file_that_others_wrote_is_refused_in_words(tmp_path, name, how):
    texts, read = READERS[name]
    (tmp_path / name).write_text(texts[how] + "\n", encoding="utf-8")
    with pytest.raises(BibierError) as refused:
        read(tmp_path / name)
    assert len(str(refused.value)) < 1000


@pytest.mark.parametrize(
    "name, text",
    [
        ("labels.toml", "happy = 5"),
        ("tasks.json", '[{"data": {"audio": "a.wav"}, "annotations": 5}]'),
        ("tasks.json", '[{"data": {"audio": "a.wav"}, "annotations": [{"result": 5}]}]'),
        ("tasks.json", '[{"data": {"audio": "a.wav"}, "annotations": {"result": []}}]'),
    ],
)
def test_values_of_another_kind_are_refused_in_words(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(BibierError):
        READERS[name][1](tmp_path / name)
