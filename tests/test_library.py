"""What is installed: the public names, what an import costs, the declared dependencies, the pages that list them."""

import doctest
import importlib
import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import bibier
from bibier.features.pretrained import open_model

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PUBLIC = [
    "BibierError",
    "CorpusError",
    "EMOTIONS",
    "InputError",
    "Prediction",
    "Predictor",
    "Transcript",
    "Word",
    "__version__",
    "load",
]


def test_the_public_names():
    assert sorted(bibier.__all__) == PUBLIC
    assert all(hasattr(bibier, name) for name in PUBLIC)
    assert bibier.__version__ == PROJECT["version"]
    with pytest.raises(AttributeError, match="nothing_here"):
        bibier.nothing_here  # noqa: B018


def test_an_import_brings_nothing_heavy():
    code = "import sys, bibier; bibier.__all__; print([m for m in ('torch', 'numpy', 'gradio') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_three_lines_of_python():
    model = bibier.load(recogniser="none", device="cpu")
    result = model(ROOT / "examples" / "happy_en.ogg", "I am so happy to see you!")
    for modality in (result.audio, result.text, result.bimodal):
        assert tuple(modality.probabilities) == bibier.EMOTIONS
        assert sum(modality.probabilities.values()) == pytest.approx(1)


def test_a_recogniser_of_ones_own():
    model = bibier.load(recogniser=lambda samples: bibier.Transcript(f"{len(samples)} samples", "en"), device="cpu")
    result = model(ROOT / "examples" / "happy_en.ogg")
    assert re.fullmatch(r"\d{4,} samples", result.transcript.text)


def test_the_page_lists_every_public_name_with_its_parameters():
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    assert set(PUBLIC) <= set(re.findall(r"^\| `(\w+)", page, re.MULTILINE))
    for name in inspect.signature(bibier.load).parameters:
        assert re.search(rf"`load\(.*\b{name}\b", page)
    for name in bibier.Prediction.__dataclass_fields__:
        assert f"`{name}`" in page, name
    extras = set(re.findall(r"^\| `(\w+)` \|", page[page.index("## Extras") :], re.MULTILINE))
    assert extras == PROJECT["optional-dependencies"].keys()


DOCTESTED = [
    "bibier",
    "bibier.cli.progress",
    "bibier.errors",
    "bibier.features.batching",
    "bibier.inference.prediction",
    "bibier.inference.predictor",
    "bibier.inference.queue",
    "bibier.labels",
    "bibier.transcript",
]


@pytest.mark.parametrize("name", DOCTESTED)
def test_usage_blocks_run(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert tried and not failed


# --- dependencies: ranges in pyproject.toml, pins in requirements*.txt ----------------------------------------------


def pinned(file: str) -> dict[str, Requirement]:
    """The pins of a file by name, without those of the files that it names."""
    lines = [line.split("#")[0].strip() for line in (ROOT / file).read_text(encoding="utf-8").splitlines()]
    pins = [Requirement(line) for line in lines if line and not line.startswith("-r")]
    return {pin.name.lower(): pin for pin in pins}


def declared(*groups: str) -> dict[str, Requirement]:
    """The ranges of some extras ("" is what is always needed) by name."""
    lines = [
        line
        for group in groups
        for line in (PROJECT["optional-dependencies"][group] if group else PROJECT["dependencies"])
    ]
    return {r.name.lower(): r for r in map(Requirement, lines) if r.name != "bibier"}


@pytest.mark.parametrize(
    ("file", "groups"),
    [
        ("requirements.txt", ("", "app", "asr", "mic", "encoders")),
        ("requirements-train.txt", ("train",)),
        ("requirements-gpu.txt", ("gpu",)),
        ("requirements-dev.txt", ("onnx", "dev")),
    ],
)
def test_pins_and_ranges_are_the_same_set(file, groups):
    pins, ranges = pinned(file), declared(*groups)
    assert pins.keys() == ranges.keys()
    for name, pin in pins.items():
        for version in pin.specifier:
            assert ranges[name].specifier.contains(version.version), f"{file}: {pin} is not within {ranges[name]}"
            assert pin.extras <= ranges[name].extras or pin.extras == ranges[name].extras


@pytest.mark.parametrize(
    ("package", "arguments", "extra"),
    [
        ("gradio", ["app"], "app"),
        ("sounddevice", ["mic", "--list"], "mic"),
        ("pocketsphinx", ["predict", "examples/happy_en.ogg", "--recogniser", "pocketsphinx"], "asr"),
    ],
)
def test_a_missing_extra_is_said_with_the_pip_line(package, arguments, extra):
    code = f"""
import importlib.util, sys
sys.modules[{package!r}] = None
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == {package!r} else find(name, *rest)
from bibier.__main__ import main
sys.exit(main({arguments!r}))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    assert f'pip install "bibier[{extra}]"' in done.stderr


def test_an_encoder_without_transformers_says_what_installs_it(monkeypatch, tmp_path):
    monkeypatch.setattr("bibier.process.is_installed", lambda package: package != "transformers")
    with pytest.raises(bibier.InputError, match=r'pip install "bibier\[encoders\]"'):
        open_model(tmp_path, *[None] * 2)


def test_the_readme_s_lines_of_python_print_what_it_says(monkeypatch):
    monkeypatch.chdir(ROOT)
    failed, tried = doctest.testfile(str(ROOT / "README.md"), module_relative=False)
    assert tried >= 4 and not failed
