"""The recipe of `small_corpora`, to be fitted or fitted already; a disk that is full."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from small_corpora import RECIPE

from bibier import files
from train import __main__ as cli

CARD = "# small\n\nlicence: research, non-commercial. {clips} clips, {texts} texts.\n"


@pytest.fixture
def small(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)  # the caches are relative to where the command runs
    (tmp_path / "small.toml").write_text(RECIPE)
    (tmp_path / "small.md").write_text(CARD)
    return tmp_path / "small.toml"


@pytest.fixture(scope="session")
def fitted(tmp_path_factory, folder) -> Path:
    """The checkpoint of the recipe, fitted once for all the processes that test; its caches lie beside it."""
    base = tmp_path_factory.getbasetemp()
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "fitted"
    with FileLock(f"{place}.lock"):
        if not place.exists():
            place.mkdir()
            (place / "small.toml").write_text(RECIPE)
            (place / "small.md").write_text(CARD)
            with contextlib.chdir(place):
                assert cli.main(["fit", "small.toml", "--data", str(folder), "--out", "made"]) == 0
    return place / "made"


@pytest.fixture
def full_disk(monkeypatch):
    """Call it, and all files that are written whole but the first so many go to a device that is always full."""
    if not Path("/dev/full").exists():
        pytest.skip("no device that is always full")

    plain = files.replacing

    def fill(after: int = 0) -> None:
        count = 0

        @contextlib.contextmanager
        def replacing(path: Path, **settings: bool) -> Iterator[Path]:
            nonlocal count
            count += 1
            with plain(path, **settings) as part:
                if count > after:
                    part.symlink_to("/dev/full")
                yield part

        monkeypatch.setattr(files, "replacing", replacing)

    return fill
