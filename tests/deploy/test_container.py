"""The container's recipe, held to its promises by its text: no builder is needed."""

import json
import re
import shlex
from pathlib import Path

import pytest

from bibier.cli import app
from bibier.deploy import staging

ROOT = Path(__file__).parents[2]


def instructions() -> list[tuple[str, str]]:
    """Return (instruction, rest) of each line of the recipe, continued lines joined."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Containerfile").read_text(encoding="utf-8"), flags=re.M)
    return [tuple(line.split(None, 1)) for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def of(name: str) -> list[str]:
    """Return the rest of the lines of one instruction in the last stage, which is what runs."""
    lines = instructions()
    last = max(i for i, (word, _) in enumerate(lines) if word == "FROM")
    return [rest for word, rest in lines[last:] if word == name]


def environment() -> dict[str, str]:
    return dict(word.split("=", 1) for rest in of("ENV") for word in shlex.split(rest))


def test_it_does_not_run_as_root():
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", of("USER")[-1])  # a number: an orchestrator can check it
    own = int(of("USER")[-1].split(":")[0])
    assert f"--uid {own}" in " ".join(of("RUN"))


def test_all_that_is_written_lies_in_the_one_volume():
    assert [json.loads(rest) for rest in of("VOLUME")] == [["/data"]]
    written = ("HOME", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR", "MPLCONFIGDIR", "GRADIO_TEMP_DIR")
    assert all(Path("/data") in (Path(environment()[name]), *Path(environment()[name]).parents) for name in written)
    assert environment()["BIBIER_DATABASE"].startswith("sqlite:////data/")
    assert environment()["PYTHONDONTWRITEBYTECODE"] == "1"


def test_every_image_and_package_is_pinned():
    images = [rest.split()[0] for word, rest in instructions() if word == "FROM"]
    assert images and all(re.fullmatch(r"[\w./-]+:\d[\w.-]+", image) for image in images)
    installs = [rest for word, rest in instructions() if word == "RUN" and "pip install" in rest]
    assert len(installs) == 1 and "-r /requirements.txt" in installs[0] and "--no-cache-dir" in installs[0]
    assert staging.POSTGRES in installs[0] and "apt-get" not in " ".join(of("RUN"))


def test_no_secret_is_in_the_image_and_nothing_comes_from_an_address():
    assert not {word for word, _ in instructions()} & {"ADD", "ONBUILD"}
    names = re.findall(
        r"\b[A-Z][A-Z_]+(?==)", " ".join(rest for word, rest in instructions() if word in ("ENV", "ARG"))
    )
    assert "HOME" in names and not [name for name in names if re.search("TOKEN|KEY|PASSWORD|SECRET|AUTH", name)]


def test_what_starts_is_the_app_itself_and_gets_the_signals(monkeypatch):
    command = json.loads(of("CMD")[0])  # JSON: no shell stands between a signal and the app
    assert command[:2] == ["python", "app.py"]
    started = []
    monkeypatch.setattr("sys.argv", command[1:])
    monkeypatch.setattr(app, "run", lambda options, refuse: started.append(options) or 0)
    with pytest.raises(SystemExit):
        app.main()
    assert (started[0].host, started[0].port) == ("0.0.0.0", int(of("EXPOSE")[0]))
    assert f":{started[0].port}/bibier/health" in of("HEALTHCHECK")[0]


def test_the_builder_gets_what_belongs_to_the_app_and_nothing_else():
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    assert patterns[0] == "*" and all(pattern.startswith("!") for pattern in patterns[1:])
    sent = {path for pattern in patterns[1:] for path in ROOT.glob(pattern[1:])}
    staged, _ = staging.belonging(ROOT, "compact")
    missing = {ROOT / name for name in staged} - sent
    assert missing <= {ROOT / "space.yaml"}  # a Space's alone
    assert sent - {ROOT / name for name in staged} == {ROOT / "requirements.txt", ROOT / "LICENSE"}
    for source in (word for rest in of("COPY") if "--from" not in rest for word in rest.split()[:-1]):
        assert any(path == ROOT / source or ROOT / source in path.parents for path in sent), source
