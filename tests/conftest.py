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

# Files and tests that take a third of the time: `make test FEWER=yes` leaves them out.
THOROUGH = (
    "annotation/test_loop.py::test_the_loop",
    "browser/test_agreement.py::test_agreement_is_shown_and_a_worst_clip_opens",
    "browser/test_agreement.py::test_nothing_is_out_of_reach",
    "browser/test_analyse.py::test_every_format",
    "browser/test_annotate.py::test_twenty_clips_by_keyboard_alone",
    "browser/test_annotate_unsent.py::test_ten_clips_typed_fast_are_ten_labels[150]",
    "browser/test_annotate_unsent.py::test_ten_clips_typed_fast_are_ten_labels[400]",
    "browser/test_capture.py",
    "browser/test_hostile.py::test_at_the_door",
    "browser/test_live.py",
    "browser/test_models.py",
    "browser/test_page.py::test_denied_microphone_is_explained[ru-RU",
    "browser/test_phone.py",
    "browser/test_service.py::test_nothing_is_recorded_before_consent[ru-RU",
    "browser/test_studio.py::test_a_killed_server_loses_nothing",
    "browser/test_studio.py::test_a_project_with_labels_of_its_own",
    "browser/test_studio.py::test_the_player_plays_at_a_speed",
    "browser/test_timeline.py",
    "features/test_spectrogram.py",
    "inference/test_batch_ray.py",
    "inference/test_long_form.py::test_an_hour_stays_within_its_bound",
    "test_costs.py",
    "test_faults.py",
    "test_load.py",
    "train/test_cross_validate.py",
    "train/test_crowd.py::test_the_command_s_table",
    "train/test_fit.py::test_a_corpus_with_both_gives_its_own_pairs_and_dialogues[frame]",
    "train/test_resume.py::test_two_processes",
    "ui/test_live.py::test_in_the_app",
)
LONG = ("browser", "train", "annotation", "security")  # folders whose files take longest


def pytest_collection_modifyitems(items):
    """Mark what is thorough, and put the longest files first: the last are short, and all processes end together."""
    places = {folder: place for place, folder in enumerate(LONG)}
    for item in items:
        if any(f"tests/{part}" in item.nodeid for part in THOROUGH):
            item.add_marker(pytest.mark.thorough)
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
