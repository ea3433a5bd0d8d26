"""The house: imports go downward, both languages are complete, the documents tell the truth."""

import ast
import json
import re
import string
from pathlib import Path

import pytest
import yaml

from bibier.messages import CATALOGUE

ROOT = Path(__file__).resolve().parent.parent

# From the ground up; a module may import only what stands on a lower line. `train` stands above `bibier`.
STOREYS = (
    ("bibier.sentences",),
    ("bibier.labels", "bibier.cells", "bibier.messages", "bibier.words", "bibier.simplex"),
    (
        "bibier.llm_parsing",
        "bibier.llm_cache",
        "bibier.llm_endpoint",
        "bibier.turns",
        "bibier.journal",
        "bibier.staging",
        "bibier.accelerator",
        "bibier.keeping",
        "bibier.sphinx",
        "bibier.heaps",
        "bibier.threads",
    ),
    ("bibier.llm_audit", "bibier.deploy"),
    ("bibier.soft_labels",),
    ("bibier.events", "bibier.downloads", "bibier.voice_activity", "bibier.models.scan_kernel", "bibier.models.layers"),
    ("bibier.models.ssm", "bibier.models.xlstm", "bibier.hub_weights"),
    ("bibier.audio", "bibier.standing", "bibier.models.temporal", "bibier.llm_local"),
    ("bibier.hub_audio", "bibier.hub_text"),
    (
        "bibier.asr",
        "bibier.agreement",
        "bibier.store",
        "bibier.audio_features",
        "bibier.text_features",
        "bibier.models.unimodal",
    ),
    ("bibier.recordings",),
    ("bibier.segments",),
    ("bibier.clips", "bibier.models.text_encoder", "bibier.models.sequence_encoder", "bibier.models.fusion"),
    ("bibier.exports", "bibier.hub_checkpoint"),
    ("bibier.intake", "bibier.imports", "bibier.dataset_export", "bibier.models.memocmt", "bibier.models.lpgnet"),
    ("bibier.parts", "bibier.backup"),
    ("bibier.checkpoint", "bibier.explain"),
    ("bibier.predictor", "bibier.mic", "bibier.shelf"),
    ("bibier.timeline",),
    ("bibier.proposals", "bibier.batch"),
    ("bibier.batch_ray",),
    ("bibier.guard",),
    ("bibier.ui", "bibier.commands"),
    ("bibier.__main__",),
    ("train.items", "train.metrics", "train.augment", "train.pictures", "train.ranges", "train.progress"),
    ("train.annotated", "train.layouts", "train.manifest", "train.soften", "train.merge", "train.templates"),
    ("train.corpora", "train.processes"),
    ("train.settings", "train.resume"),
    ("train.schedules",),
    ("train.trainer",),
    ("train.data", "train.recipe", "train.runs", "train.released_encoders"),
    ("train.features",),
    ("train.start", "train.sources", "train.stacking", "train.table", "train.released_fusion"),
    ("train.bundle", "train.pairs"),
    ("train.crossvalidate", "train.evaluate", "train.push", "train.ship"),
    ("train.released",),
    ("train.search",),
    ("train.__main__",),
    ("benchmarks.browser", "benchmarks.visitors", "benchmarks.memory"),
    ("app", "benchmarks", "docs", "examples"),
)
FORBIDDEN = {"utils", "common", "helpers", "base", "factory", "registry", "types", "constants"}


def python_files():
    return [p for folder in ("bibier", "train", "benchmarks", "examples") for p in (ROOT / folder).rglob("*.py")]


def storey(module: str) -> int | None:
    for level, modules in enumerate(STOREYS):
        if any(module == name or module.startswith(name + ".") for name in modules):
            return level
    return None


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            # `from package import module` imports the module
            found |= {f"{node.module}.{a.name}" for a in node.names} | {node.module}
    return {name for name in found if name.split(".")[0] in ("bibier", "train", "app", "benchmarks")}


@pytest.mark.parametrize("path", python_files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_downward(path):
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    if path.name == "__init__.py":
        return
    own = storey(module)
    assert own is not None, f"{module} has no storey: give it one"
    for name in imported(path):
        other = storey(name)
        inside = module.split(".")[:2] == name.split(".")[:2] if own == other else False
        assert other is None or other < own or inside, f"{module} imports {name}"


def test_no_circle_within_a_storey():
    edges = {}
    for path in python_files():
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        edges[module] = {n for n in imported(path)}
    seen: dict[str, int] = {}

    def visit(module, trail):
        if seen.get(module) == 2:
            return
        assert module not in trail, " → ".join((*trail, module))
        for name in edges.get(module, ()):
            if name in edges and name != module:
                visit(name, (*trail, module))
        seen[module] = 2

    for module in edges:
        visit(module, ())


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
    found = set()
    for path in (ROOT / "bibier").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("InputError", "Message") and node.args:
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    found.add(first.value)
    return found


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


def test_the_readme_names_every_room():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for path in [
        *(ROOT / "bibier").glob("*.py"),
        *(ROOT / "bibier" / "models").glob("*.py"),
        *(ROOT / "train").glob("*.py"),
    ]:
        if not path.name.startswith("__"):
            assert re.search(rf"\b{path.name}\b", readme), f"README's tree lacks {path.relative_to(ROOT)}"


def test_configs_are_readable_json():
    for path in (ROOT / "checkpoints").glob("*/config.json"):
        assert json.loads(path.read_text(encoding="utf-8"))["name"] == path.parent.name


def named_tests(text: str) -> list[tuple[str, str | None]]:
    """Find `test_a.py::test_b`, `::test_c` of the same file, and `browser/test_d.py` alone."""
    found, file = [], None
    for path, name in re.findall(r"`((?:browser/)?test_\w+\.py)?(?:::(test_\w+))?`", text):
        file = path or file
        if path or name:
            found.append((file, name or None))
    return found


@pytest.mark.parametrize("document", ["security.md", "reliability.md"])
def test_every_test_that_a_promise_names_exists(document):
    promised = named_tests((ROOT / "docs" / document).read_text(encoding="utf-8"))
    assert len(promised) > 20
    for file, name in promised:
        path = ROOT / "tests" / file
        assert path.is_file(), file
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert name is None or name in {one.name for one in tree.body if isinstance(one, ast.FunctionDef)}, name


@pytest.mark.parametrize("document", ["security.md", "reliability.md"])
def test_every_line_of_a_table_of_promises_names_a_test(document):
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    for table in re.findall(r"(?:^\|.*\n)+", text, re.M):
        head, _, *lines = table.splitlines()
        if re.search(r"\| test \|$", head):
            assert lines and all(named_tests(line) for line in lines), table


def test_no_named_test_is_overlooked():
    text = "`test_a.py::test_b`, `::test_c`, `browser/test_d.py` `code` `test_e.py::test_f`"
    found = [("test_a.py", "test_b"), ("test_a.py", "test_c"), ("browser/test_d.py", None), ("test_e.py", "test_f")]
    assert named_tests(text) == found
