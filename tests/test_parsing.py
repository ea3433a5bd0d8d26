"""Texts of others, by their parsers: thousands of digits and lists without end are refused in words."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bibier.annotation.imports import read_events
from bibier.annotation.label_studio import read_label_studio
from bibier.checkpoint.bundle import read_config
from bibier.errors import BibierError, ParseError
from bibier.manifest import read_labels
from bibier.parsing import LONGEST_FILE, read_json, read_toml
from train.augment import templates
from train.evaluate import runs
from train.experiment import grid, recipe, search

JSON = {"digits": "9" * 10_000, "deep": "[" * 200_000, "cut": '{"a": [1, '}
TOML = {
    "digits": "a = " + "9" * 10_000,
    "deep": "a = " + "[" * 20_000,
    "cut": "a = [",
    "dots": ".".join(["a"] * 20_000) + " = 1",
    "dotted table": f"[{'.'.join(['a'] * 20_000)}]",
    "quoted": ".".join(['"a"'] * 20_000) + " = 1",
    "inline": "b = {" + " . ".join(["a"] * 20_000) + " = 1}",
    "long": "# " + "x" * LONGEST_FILE,
}
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


WHOLE = [(JSON, read_json, how) for how in JSON] + [(TOML, read_toml, how) for how in TOML if how != "long"]


@pytest.mark.parametrize("texts, read, how", WHOLE)
def test_each_mistake_is_one_error(texts, read, how):
    """Of a key with as many dots as 100 kB hold, Python's reader makes 9 GB."""
    begun = time.monotonic()
    with pytest.raises(ParseError) as refused:
        read(texts[how])
    assert str(refused.value) and len(str(refused.value)) < 300
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("name, how", [(name, how) for name, (texts, _) in READERS.items() for how in texts])
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


@pytest.mark.parametrize("name", ["config.json", "labels.toml", "recipe.toml", "grid.toml"])
def test_settings_without_an_end_are_refused(tmp_path, name):
    """A link to a device, as an archive may bring it, filled the memory, and a pipe was waited for."""
    (tmp_path / name).symlink_to("/dev/zero")
    for _ in ("zero", "pipe"):
        with pytest.raises(BibierError):
            READERS[name][1](tmp_path / name)
        (tmp_path / name).unlink()
        os.mkfifo(tmp_path / name)


def test_recipes_that_are_each_other_s_base_are_refused(tmp_path):
    for name, base in (("recipe.toml", "b.toml"), ("b.toml", "c.toml"), ("c.toml", "./recipe.toml")):
        (tmp_path / name).write_text(f'base = "{base}"')
    with pytest.raises(BibierError, match="another recipe"):
        recipe.load(tmp_path / "recipe.toml")
