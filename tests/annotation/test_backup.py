"""Annotations outlive a Space's disk: copied by the real client to a server that answers the Hub's routes."""

import hashlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import hub_server
import numpy as np
import pytest
from huggingface_hub import HfApi
from served import EXAMPLE, act, served, visit

from bibier import __main__ as command
from bibier.annotation import location
from bibier.annotation.backup import Backup
from bibier.annotation.events import Event
from bibier.annotation.state import ProjectClip
from bibier.annotation.store import Store
from bibier.errors import InputError
from bibier.labels import named

PROJECT = "voices/ä …"  # a name that no folder could have
CLIP = "a" * 64


@pytest.fixture
def there():
    with hub_server.served() as server:
        yield server, HfApi(endpoint=server.address, token="hf_none")


def store_at(path, project=True):
    store = Store(f"sqlite:///{path}")
    if project:
        store.add_clips(PROJECT, [ProjectClip(CLIP, "a.wav", "text\u2028 of it", "en")])
    return store


def label(store, number, **rest):
    probs = named(np.random.default_rng(number).dirichlet([1] * 7))
    event = Event(f"event-{number}", PROJECT, CLIP, "Ann", "label", probs, note="строка\n2", **rest)
    store.append(event)


def log(store):
    return [event for _, event in store.events(PROJECT)]


def test_what_was_copied_comes_back_once_and_to_the_digit(there, tmp_path):
    server, api = there
    first = store_at(tmp_path / "a.db")
    label(first, 1)
    backup = Backup(first, "me/kept", api)
    assert backup.step() and backup.success and "Last copy" in backup.message()[0].text()
    dataset = server.repos["datasets/me/kept"]
    assert dataset.private and dataset.commits == 1
    assert backup.step() and dataset.commits == 1  # nothing is new
    label(first, 2)
    first.undo(PROJECT, "Ann")
    before = dict(dataset.files)
    assert backup.close() and dataset.commits == 2
    assert before.items() <= dataset.files.items() and len(dataset.files) == len(before) + 1  # only added to

    # The disk is gone.
    second = store_at(tmp_path / "b.db", project=False)
    again = Backup(second, "me/kept", api)
    assert again.step() and log(second) == log(first) and second.state(PROJECT) == first.state(PROJECT)
    assert second.clips(PROJECT) == first.clips(PROJECT)
    assert dataset.commits == 2  # what came from there is not sent back
    label(second, 3)
    assert again.step() and dataset.commits == 3
    # The first disk was not gone after all: bringing back changes nothing that is there.
    assert Backup(first, "me/kept", api).step() and log(first) == log(second) and dataset.commits == 3


@pytest.mark.parametrize("part", ["/preupload/", "/commit/", "/create"])
def test_a_failure_is_shown_and_made_good(there, tmp_path, part):
    server, api = there
    store = store_at(tmp_path / "a.db")
    label(store, 1)
    backup = Backup(store, "me/kept", api)
    server.refuse[part] = 403
    assert not backup.step() and backup.success is None
    sentences = [message.text() for message in backup.message()]
    assert "Nothing has been copied" in sentences[0] and "tried again" in sentences[1]
    server.refuse.clear()
    assert backup.step() and backup.failure is None and server.repos["datasets/me/kept"].commits == 1


def test_a_hub_that_is_away_at_the_start_loses_nothing(there, tmp_path):
    """What is annotated before the copies could be read joins them later."""
    server, api = there
    first = store_at(tmp_path / "a.db")
    label(first, 1)
    Backup(first, "me/kept", api).step()
    second = store_at(tmp_path / "b.db")
    backup = Backup(second, "me/kept", api)
    server.refuse["/api/datasets"] = 403
    assert not backup.step()
    label(second, 2)
    server.refuse.clear()
    assert backup.step()
    assert {event.uuid for event in log(second)} == {"event-1", "event-2"}
    third = store_at(tmp_path / "c.db", project=False)
    assert Backup(third, "me/kept", api).step() and len(log(third)) == 2


def test_labels_are_never_put_where_everybody_reads(there, tmp_path):
    server, api = there
    store = store_at(tmp_path / "a.db")
    label(store, 1)
    api.create_repo("me/open", repo_type="dataset")
    backup = Backup(store, "me/open", api)
    assert not backup.step() and "open to everybody" in backup.message()[-1].text()
    assert server.repos["datasets/me/open"].commits == 0


def test_it_goes_on_by_itself(there, tmp_path):
    server, api = there
    store, done = store_at(tmp_path / "a.db"), threading.Event()
    backup = Backup(store, "me/kept", api, every=0.05)
    backup.start()
    label(store, 1)
    for _ in range(600):
        if backup.success or done.wait(0.05):
            break
    assert backup.success and backup.close()


def test_a_step_that_breaks_is_seen_and_the_next_goes_on(there, tmp_path):
    """The promise of five minutes is never broken in silence: whatever is raised, the thread lives."""
    server, api = there
    store = store_at(tmp_path / "a.db")
    label(store, 1)
    backup = Backup(store, "me/kept", api)
    server.refuse["/commit/"] = 403
    with ThreadPoolExecutor(1) as pool:
        backup.task.once(pool)
        assert backup.task.state().ok is False and backup.failure
        server.refuse.clear()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(store, "projects", lambda: 1 / 0)
            backup.task.once(pool)
        assert backup.task.state().error == "ZeroDivisionError"
        backup.task.once(pool)
    assert backup.task.state().ok and server.repos["datasets/me/kept"].commits == 1


def test_where_annotations_live(tmp_path, monkeypatch):
    space, bucket = {"SPACE_ID": "me/voice"}, tmp_path / "data"
    bucket.mkdir()
    server = location.resolve_location(space | {"BIBIER_DATABASE": "postgresql+psycopg://a:s3cret@b/c"})
    assert server.kind == "server" and "s3cret" not in server.message().text()
    assert location.resolve_location({}).kind == "disk"
    assert location.resolve_location({}, "sqlite:///mine.db").url == "sqlite:///mine.db"
    assert location.resolve_location(space | {"BIBIER_BACKUP": "me/kept"}, bucket=bucket).kind == "backup"
    lost = location.resolve_location(space, bucket=bucket)  # a folder of that name is no mounted one
    assert lost.kind == "forgets" and "LOST" in lost.message().text() and "ПРОПАДЁТ" in lost.message().text("ru")
    assert location.resolve_location(space, "sqlite:///mine.db", bucket=bucket).kind == "forgets"
    monkeypatch.setattr(location.os.path, "ismount", lambda path: path == bucket)
    mounted = location.resolve_location(space, bucket=bucket)
    assert mounted.kind == "bucket" and mounted.folder == bucket / "clips"
    store = Store(mounted.url, journal_mode=mounted.journal_mode)
    label_there = ProjectClip(CLIP, "a.wav", "", "en")
    store.add_clips("p", [label_there])
    # no file shared in memory lies beside it; who writes there says so
    assert sorted(path.name for path in bucket.iterdir()) == ["bibier.db", "bibier.db.writer"]
    store.close()
    assert sorted(path.name for path in bucket.iterdir()) == ["bibier.db"]


def test_a_space_that_stops_copies_for_the_last_time_and_the_next_one_has_it(there, tmp_path):
    """The real app: a label saved in the page, the process told to end, and a start on an empty disk."""
    server, api = there
    settings = {"BIBIER_BACKUP": "me/kept", "BIBIER_BACKUP_TOKEN": "hf_none", "HF_ENDPOINT": api.endpoint}
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    sha256 = hashlib.sha256(EXAMPLE.read_bytes()).hexdigest()
    mine = {"project": "examples", "annotator": "Ann", "clip": sha256}
    with served(tmp_path / "old", "--annotate", str(EXAMPLE.parent), **settings) as address, visit(address) as guest:
        shown = act(guest, "open", **mine).json()["kept"]
        assert (
            "me/kept" in shown["texts"]["en"]
            and "Nothing has been copied" in shown["texts"]["en"]
            and shown["warns"] is False
        )
        points = {"points": [0, 0, 0, 100, 0, 0, 0], "confidence": 1, "note": "", "seconds": 1}
        assert act(guest, "save", **mine, **points, uuid="00000000-0000-4000-8000-000000000001").json()["new"]
    assert server.repos["datasets/me/kept"].commits == 1
    with served(tmp_path / "new", **settings) as address, visit(address) as guest:
        assert act(guest, "open", **mine).json()["done"] == 1
    assert "hf_none" not in "".join((tmp_path / name / "app.log").read_text() for name in ("old", "new"))


def test_a_folder_that_is_read_only_needs_no_more_than_a_database_elsewhere(tmp_path, monkeypatch):
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "own"))
    assert location.resolve_location({}, f"sqlite:///{there}/a.db").folder == there / "a.db.clips"
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).absolute() != here and access(path, mode))
    home = location.resolve_location({}, f"sqlite:///{there}/a.db")
    assert home.folder == there / "a.db.clips" and home.answers == there / "answers.db"
    server = location.resolve_location({}, "postgresql+psycopg://a@b/c")
    assert server.folder.parent == tmp_path / "own" / "bibier" / "annotations" and server.folder.name[:2] == "c-"


def test_each_database_has_a_folder_of_recordings_of_its_own(tmp_path, monkeypatch):
    """Two apps for two circles of people, started in one folder: who deleted a recording in one took the other's."""
    monkeypatch.chdir(tmp_path)
    own = [
        None,
        "sqlite:///a.db",
        "sqlite:///b.db",
        "sqlite:///x/a.db",
        "sqlite+pysqlite:///z.db",
        f"sqlite:///{tmp_path}/y/bibier.db",
    ]
    servers = ["h/a", "h/b", "k/a", "h:1/a", "h/a?host=/run", "h/a?password=1&host=/run"]
    urls = own + [f"postgresql+psycopg://ann:secret@{server}" for server in servers]
    folders = [location.resolve_location({}, url).folder.absolute() for url in urls]
    assert len(set(folders)) == len(folders) and not any("secret" in str(folder) for folder in folders)
    again = [*own[:1], f"sqlite:///{tmp_path}/annotations/bibier.db", "sqlite:///./annotations/bibier.db"]
    assert {location.resolve_location({}, url).folder.absolute() for url in again} == set(folders[:1])
    moved = location.resolve_location({}, "postgresql+psycopg://bob:other@h/a").folder
    assert moved.absolute() == folders[len(own)]


def test_a_read_only_folder_without_a_database_is_refused_with_the_remedy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "annotations").write_text("in the way")  # what mkdir stumbles over, for the superuser too
    with pytest.raises(InputError, match="Start in a folder that can be written to.*--database"):
        location.make_folder(location.resolve_location({}))
    location.make_folder(location.resolve_location({}, "sqlite:///elsewhere.db"))
    assert command.main(["annotations", "check", "p"]) == 2
