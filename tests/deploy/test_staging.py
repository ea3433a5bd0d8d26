"""The folder that becomes a Space."""

import re
from pathlib import Path

import pytest
from huggingface_hub import RepoCard

from bibier.deploy import staging
from bibier.errors import InputError

ROOT = Path(__file__).parents[2]


def pins(path):
    return dict(re.findall(r"^([\w-]+)==(\S+)", path.read_text(encoding="utf-8"), flags=re.MULTILINE))


def test_what_is_staged(tmp_path):
    out = tmp_path / "space"
    sizes = staging.stage(ROOT, out, hardware="cpu-basic")
    assert {name.split("/")[0] for name in sizes} == {
        "README.md", "app.py", "bibier", "checkpoints", "examples", "requirements.txt", "space.yaml"
    }  # fmt: skip
    assert not [name for name in sizes if "__pycache__" in name]
    weights = "checkpoints/compact/model.safetensors"
    assert (out / weights).read_bytes() == (ROOT / weights).read_bytes()
    # The Hub's own reader finds the description.
    card = RepoCard.load(out / "README.md")
    assert (card.data.sdk, card.data.app_file) == ("gradio", "app.py")
    assert card.data.sdk_version == pins(out / "requirements.txt")["gradio"]


def test_only_what_belongs_is_staged(tmp_path):
    """No database, password file or recording that lies among the code, and nothing that a link leads to."""
    root = tmp_path / "checkout"
    for name in ("bibier/ui", "examples", "checkpoints/tiny"):
        (root / name).mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "private.py").write_text("x")
    good = [
        "bibier/ui/page.py",
        "bibier/ui/page.css",
        "bibier/ui/static/preview.png",
        "examples/a.ogg",
        "checkpoints/tiny/config.json",
    ]
    stray = [
        "bibier/bibier.db",
        "bibier/people",
        "bibier/ui/me.wav",
        "bibier/ui/me.png",
        "bibier/.env",
        "examples/mine.ogg",
    ]
    stray += ["checkpoints/tiny/optimizer.pt"]
    for name in (*good, *stray, "app.py", "space.yaml", "requirements.txt", "bibier/__pycache__/x.pyc"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    (root / "examples" / "examples.json").write_text('[{"file": "a.ogg"}, {"file": "linked.ogg"}]')
    links = {"bibier/linked.py": "private.py", "bibier/folder": ".", "examples/linked.ogg": "private.py"}
    for name, target in links.items():
        (root / name).symlink_to(tmp_path / "outside" / target)
    sizes = staging.stage(root, tmp_path / "space", hardware="t4-small", checkpoint="tiny")
    made = {"app.py", "space.yaml", "requirements.txt", "README.md", "examples/examples.json"}
    assert sizes.keys() == {*good, *made}
    assert set(staging.belonging(root, "tiny")[1]) == {*stray, *links}


def test_torch_by_hardware(tmp_path):
    there = {}
    for hardware in ("cpu-basic", "zero-a10g", "t4-small"):
        staging.stage(ROOT, tmp_path / hardware, hardware=hardware)
        there[hardware] = pins(tmp_path / hardware / "requirements.txt")
    assert (2, 8) <= tuple(int(n) for n in there["zero-a10g"]["torch"].split(".")[:2]) <= (2, 11)
    signing = {"authlib", "itsdangerous"}
    ours = pins(ROOT / "requirements.txt")
    assert there["cpu-basic"] == there["t4-small"]
    assert {name: pin for name, pin in there["t4-small"].items() if name not in signing} == ours
    assert signing <= there["t4-small"].keys()
    rest = {name: pin for name, pin in there["zero-a10g"].items() if name != "spaces"}
    assert rest == there["t4-small"] | {"torch": there["zero-a10g"]["torch"]} and "spaces" in there["zero-a10g"]
    assert staging.CPU_WHEELS in (tmp_path / "cpu-basic" / "requirements.txt").read_text().splitlines()[0]


@pytest.mark.parametrize("name", ["absent", "../checkpoints/compact", ""])
def test_unknown_checkpoint_leaves_nothing(tmp_path, name):
    with pytest.raises(InputError, match="no checkpoint"):
        staging.stage(ROOT, tmp_path / "space", hardware="cpu-basic", checkpoint=name)
    assert not (tmp_path / "space").exists()


def test_a_folder_in_use_is_left_alone(tmp_path):
    (tmp_path / "mine").write_text("kept")
    with pytest.raises(InputError, match="not an empty folder"):
        staging.stage(ROOT, tmp_path, hardware="cpu-basic")
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]
