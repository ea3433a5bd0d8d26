"""What a Hugging Face Space needs of this repository, put in a folder of its own; nothing is sent from here."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from bibier.errors import InputError
from bibier.parsing import read_json

FILES = ("app.py", "space.yaml")
CODE = (".py", ".js", ".ts", ".css", ".html", ".typed")  # endings of what belongs in bibier/
BESIDE_CODE = ("ui/static/preview.png",)  # what a link to the page shows
INDEX = "examples.json"  # names the clips of examples/
WEIGHTS = ("config.json", "model.safetensors", "README.md")  # of a checkpoint
CACHES = ("__pycache__",)
ZERO_TORCH = "2.11.0"  # ZeroGPU takes torch 2.8 to 2.11
CPU_WHEELS = "https://download.pytorch.org/whl/cpu"
SIGN_IN = ("authlib==1.9.8", "itsdangerous==2.2.0")  # gr.LoginButton's, which gradio leaves out
ZERO_GPU = "spaces==0.51.3"
POSTGRES = "psycopg[binary]==3.3.9"
TEXT = """
# BiBiER

What the voice says, what the words say, and both together. Record or choose a clip, look at the bars, correct them.
The model hears how speech is *perceived*; it does not know what a person feels.
"""


def requirements(text: str, hardware: str, *, postgres: bool = False) -> str:
    """Return requirements.txt for a Space: the repository's pins, the sign-in's, and what hardware and database need.

    Parameters
    ----------
    text : str
        The repository's requirements.txt; torch is pinned in it.
    hardware : str
        The Hub's name: "cpu-…" gets the CPU build of torch, "zero-…" a torch that ZeroGPU takes, others stay as is.
    postgres : bool
        Whether annotations go to a Postgres server.
    """
    zero = hardware.startswith("zero-")
    text = "\n".join([text.rstrip(), *SIGN_IN, *[ZERO_GPU] * zero, *[POSTGRES] * postgres, ""])
    if hardware.startswith("cpu-"):
        # pip prefers 2.13.0+cpu of that index to PyPI's 2.13.0, which brings CUDA.
        return f"--extra-index-url {CPU_WHEELS}\n{text}"
    if zero:
        return re.sub(r"^torch==\S+", f"torch=={ZERO_TORCH}", text, flags=re.MULTILINE)
    return text


def belonging(root: Path, checkpoint: str) -> tuple[list[str], list[str]]:
    """Return what of the repository belongs on a Space, and what lies among it and does not, by path.

    Code is known by its ending, a clip by the examples' index, a checkpoint's file by its name. Databases, password
    files and recordings that lie there stay here, and so does all that a link leads to.
    """
    clips = read_json((root / "examples" / INDEX).read_text(encoding="utf-8"))
    named = {"examples": {INDEX, *(row["file"] for row in clips)}, f"checkpoints/{checkpoint}": set(WEIGHTS)}
    belongs: list[str] = [*FILES]
    stays: list[str] = []
    for folder in ("bibier", *named):
        for place, folders, names in os.walk(root / folder):  # links to folders are not followed
            linked = [name for name in folders if Path(place, name).is_symlink()]
            folders[:] = [name for name in folders if name not in (*CACHES, *linked)]
            for name in sorted([*names, *linked]):
                file = Path(place, name)
                path = file.relative_to(root).as_posix()
                within = file.relative_to(root / folder).as_posix()
                good = within in named[folder] if folder in named else file.suffix in CODE or within in BESIDE_CODE
                (belongs if good and not file.is_symlink() and not name.startswith(".") else stays).append(path)
    return belongs, stays


def stage(
    root: Path, out: Path, *, hardware: str, checkpoint: str = "compact", postgres: bool = False
) -> dict[str, int]:
    """Copy what a Space needs from the repository at `root` to the new or empty folder `out`.

    Returns
    -------
    dict of str to int
        Size in bytes of every staged file by its path in the Space, with forward slashes.

    Raises
    ------
    InputError
        "stage-full" when `out` holds something, "stage-checkpoint" when checkpoints/ has no such checkpoint.
    """
    weights = root / "checkpoints" / checkpoint
    if Path(checkpoint).name != checkpoint or not (weights / "config.json").is_file():
        raise InputError("stage-checkpoint", name=checkpoint)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError("stage-full", path=out)
    out.mkdir(parents=True, exist_ok=True)
    for name in belonging(root, checkpoint)[0]:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, out / name)
    pins = (root / "requirements.txt").read_text(encoding="utf-8")
    (out / "requirements.txt").write_text(requirements(pins, hardware, postgres=postgres), encoding="utf-8")
    front = (root / "space.yaml").read_text(encoding="utf-8")
    (out / "README.md").write_text(f"---\n{front.rstrip()}\n---\n{TEXT}", encoding="utf-8")
    return {p.relative_to(out).as_posix(): p.stat().st_size for p in sorted(out.rglob("*")) if p.is_file()}
