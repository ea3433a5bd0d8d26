"""Fixtures that several tests share."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
import small_corpora
import torch
from tiny import shaken, tiny_config

from bibier.checkpoint.bundle import Bundle

LONG = ("browser", "train", "annotation", "security")  # folders whose files take longest


def pytest_collection_modifyitems(items):
    """Put the longest files first: those that are left at the end are short, and all processes end together."""
    places = {folder: place for place, folder in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.path.parent.name, len(LONG)))


@pytest.fixture
def tiny_bundle() -> Bundle:
    torch.manual_seed(0)
    return shaken(Bundle(tiny_config())).eval()


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """A data folder of `small_corpora`."""
    return small_corpora.make(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def postgres_server():
    """A server of our own, on a socket in a temporary folder: its URL, how to stop it, how to start it again."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin")) or [Path(shutil.which("initdb") or "/-").parent]
    if not (folders[-1] / "initdb").exists():
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    as_user = {"user": "nobody", "group": "nogroup", "cwd": folder} if os.getuid() == 0 else {"cwd": folder}
    if os.getuid() == 0:
        shutil.chown(folder, "nobody", "nogroup")

    def call(name, *arguments):
        command = [folders[-1] / name, "-D", folder / "data", *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **as_user)

    call("initdb", "-A", "trust", "-U", "test", "-E", "UTF8", "--locale=C")

    def start():
        call("pg_ctl", "-w", "-l", folder / "log", "-o", f"-k {folder} -c listen_addresses=''", "start")

    def stop():
        call("pg_ctl", "-w", "-m", "immediate", "stop")

    start()
    yield f"postgresql+psycopg://test@/postgres?host={folder}", stop, start
    stop()
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres(postgres_server):
    return postgres_server[0]
