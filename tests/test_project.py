"""The house: imports go downward, both languages are complete, the documents tell the truth."""

import ast
import json
import os
import re
import string
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bibier.i18n.messages import CATALOGUE

ROOT = Path(__file__).resolve().parent.parent

FORBIDDEN = {"utils", "common", "helpers", "base", "factory", "registry", "types", "constants"}


def python_files():
    return [p for folder in ("bibier", "train", "benchmarks", "scripts") for p in (ROOT / folder).rglob("*.py")]


def test_imports_go_downward():
    """The layers stand in pyproject.toml: `lint-imports` holds them, here with the path that breaks one."""
    checked = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("path", python_files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_no_relative_import(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level]


def test_no_room_without_a_purpose():
    assert not [p for p in python_files() if p.stem in FORBIDDEN or re.search(r"_(v\d|old)$", p.stem)]


@pytest.mark.parametrize("key", CATALOGUE)
def test_every_message_says_the_same_values_in_both_languages(key):
    english, russian = CATALOGUE[key]
    fields = [{f for _, f, _, _ in string.Formatter().parse(text) if f} for text in (english, russian)]
    assert fields[0] == fields[1]
    assert re.search("[а-яё]", russian, re.I) or not re.search(r"[a-z]{4}", re.sub(r"\{.*?\}|Whisper", "", english))


def used_keys() -> set[str]:
    """Every literal key given to InputError or Message in the package."""
    keys = set()
    for path in (ROOT / "bibier").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("InputError", "Message") and node.args:
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    keys.add(first.value)
    return keys


def test_every_used_message_exists():
    assert used_keys() and used_keys() <= CATALOGUE.keys()


def front_matter() -> dict:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return yaml.safe_load(text.split("---\n")[1])


def test_the_readme_s_front_matter_is_space_yaml():
    assert front_matter() == yaml.safe_load((ROOT / "space.yaml").read_text(encoding="utf-8"))


def test_the_space_runs_the_gradio_that_is_pinned():
    pinned = dict(re.findall(r"^([\w-]+)==([\w.]+)", (ROOT / "requirements.txt").read_text(), re.M))
    assert front_matter()["sdk_version"] == pinned["gradio"]


def test_the_tree_names_every_room():
    tree = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for folder in ("bibier", "train"):
        for path in [*(ROOT / folder).rglob("*.py")]:
            if not path.name.startswith("__"):
                assert re.search(rf"\b{path.stem}\b", tree), f"CONTRIBUTING's tree lacks {path.relative_to(ROOT)}"


def test_a_class_name_stands_once():
    """Two classes of one name are told apart by nobody; the names of BiBiER's classes are the field's own."""
    places: dict[str, list[str]] = {}
    for folder in ("bibier", "train"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.ClassDef):
                    places.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    assert len(places) > 150
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}


def test_configs_are_readable_json():
    for path in (ROOT / "checkpoints").glob("*/config.json"):
        assert json.loads(path.read_text(encoding="utf-8"))["name"] == path.parent.name


def named_tests(text: str) -> list[tuple[str, str | None]]:
    """Find `test_a.py::test_b`, `::test_c` of the same file, and `browser/test_d.py` alone."""
    named, file = [], None
    for path, name in re.findall(r"`((?:\w+/)?test_\w+\.py)?(?:::(test_\w+))?`", text):
        file = path or file
        if path or name:
            named.append((file, name or None))
    return named


@pytest.mark.parametrize("document", ["security.md", "reliability.md"])
def test_every_test_that_a_promise_names_exists(document):
    promised = named_tests((ROOT / "docs" / document).read_text(encoding="utf-8"))
    assert len(promised) > 20
    for file, name in promised:
        path = ROOT / "tests" / file
        assert path.is_file(), file
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert name is None or name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, name


@pytest.mark.parametrize("document", ["security.md", "reliability.md"])
def test_every_line_of_a_table_of_promises_names_a_test(document):
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    for table in re.findall(r"(?:^\|.*\n)+", text, re.M):
        head, _, *lines = table.splitlines()
        if re.search(r"\| test \|$", head):
            assert lines and all(named_tests(line) for line in lines), table


def test_no_named_test_is_overlooked():
    text = "`test_a.py::test_b`, `::test_c`, `browser/test_d.py` `code` `test_e.py::test_f`"
    named = [("test_a.py", "test_b"), ("test_a.py", "test_c"), ("browser/test_d.py", None), ("test_e.py", "test_f")]
    assert named_tests(text) == named
