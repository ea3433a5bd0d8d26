"""A fitted checkpoint is handed on whole, or not at all."""

import errno
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest
import torch

from bibier import files
from bibier.checkpoint import bundle
from bibier.errors import CorpusError, InputError
from train.evaluate import runs
from train.publish import push


@pytest.fixture
def run(tiny_bundle, tmp_path) -> Path:
    return bundle.save(tiny_bundle, tmp_path / "run", "# tiny\n")


def test_what_is_pushed_is_what_was_fitted(run, tiny_bundle, tmp_path):
    there = push.to_folder(run, tmp_path / "spaces" / "voice")
    assert sorted(p.name for p in there.iterdir()) == sorted(push.FILES)
    for ours, theirs in zip(bundle.load(run).parameters(), bundle.load(there).parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_broken_run_is_not_handed_on(run, tmp_path):
    (run / bundle.WEIGHTS).write_bytes(b"nothing")
    with pytest.raises(InputError):
        push.to_folder(run, tmp_path / "there")
    assert not (tmp_path / "there").exists()


@pytest.mark.parametrize("name", push.FILES)
def test_a_link_to_a_file_elsewhere_is_not_published(run, tmp_path, name):
    """A checkpoint comes from others, and its card may be a link to any file of this computer."""
    (run / name).rename(tmp_path / "elsewhere")
    (run / name).symlink_to(tmp_path / "elsewhere")
    for hand_on in (
        lambda: push.to_folder(run, tmp_path / "there"),
        lambda: push.to_hub(run, "anna/voice", dry_run=True),
    ):
        with pytest.raises(CorpusError, match=f"{name} is a link that leads elsewhere"):
            hand_on()
    assert not (tmp_path / "there").exists()


def test_a_taken_folder_is_replaced_only_when_asked_and_only_if_it_is_a_checkpoint(run, tmp_path):
    folder_in_use = tmp_path / "taken"
    folder_in_use.mkdir()
    (folder_in_use / "thesis.txt").write_text("years of work")
    for replace in (False, True):
        with pytest.raises(CorpusError, match="taken"):
            push.to_folder(run, folder_in_use, replace=replace)
    assert (folder_in_use / "thesis.txt").exists()
    for content in ("{}", "no JSON", '{"model_type": "bert"}'):  # many programs call a file so
        (folder_in_use / bundle.CONFIG).write_text(content)
        with pytest.raises(CorpusError, match="taken"):
            push.to_folder(run, folder_in_use, replace=True)
    assert (folder_in_use / "thesis.txt").exists()
    old = shutil.copytree(run, tmp_path / "old")
    (old / "notes.txt").write_text("what I heard")
    with pytest.raises(CorpusError, match="--replace"):
        push.to_folder(run, old)
    push.to_folder(run, old, replace=True)
    assert (old / "notes.txt").read_text() == "what I heard"
    with pytest.raises(CorpusError, match="itself"):
        push.to_folder(run, run, replace=True)


def test_a_fit_writes_over_nothing_that_is_no_checkpoint(tiny_bundle, run, tmp_path):
    """A project's README.md and config.json went, and a file moved aside to make room for a folder."""
    for number, (name, content) in enumerate(
        (("README.md", "my project"), ("config.json", "{}"), ("model.safetensors", "x"))
    ):
        place = tmp_path / f"project{number}"
        place.mkdir()
        (place / name).write_text(content)
        with pytest.raises(InputError, match="left as it is"):
            bundle.save(tiny_bundle, place, "# tiny\n")
        assert [(file.name, file.read_text()) for file in place.iterdir()] == [(name, content)]
    (tmp_path / "list.csv").write_text("mine")
    with pytest.raises(InputError, match="left as it is"):
        bundle.save(tiny_bundle, tmp_path / "list.csv", "# tiny\n")
    assert (tmp_path / "list.csv").read_text() == "mine"
    bundle.save(tiny_bundle, run, "# again\n")  # a checkpoint is written anew
    (empty := tmp_path / "empty").mkdir()
    bundle.save(tiny_bundle, empty, "# tiny\n")
    with pytest.raises(CorpusError, match="no run"):
        runs.check_place(run / bundle.CONFIG)
    runs.check_place(tmp_path / "new.json")


def test_a_full_disk_leaves_nothing_half_written(run, tmp_path, monkeypatch):
    def full(source, target):
        Path(target).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(push.shutil, "copyfile", full)
    with pytest.raises(CorpusError, match="No space left"):
        push.to_folder(run, tmp_path / "new" / "there")
    assert list((tmp_path / "new").iterdir()) == []


def test_a_run_without_a_card_is_not_handed_on(run, tmp_path):
    (run / bundle.CARD).unlink()
    with pytest.raises(CorpusError, match="card"):
        push.to_folder(run, tmp_path / "there")


def killed_at(moment: int, work) -> bool:
    """Do some work in a process that is killed before its n-th change of the disk; False: it got through."""
    child = os.fork()
    if child == 0:
        changes = 0

        def hook(event: str, arguments: tuple) -> None:
            nonlocal changes
            if event in ("os.rename", "os.remove", "os.rmdir", "shutil.rmtree", "shutil.copyfile", "ctypes.dlsym"):
                changes += 1
                if changes == moment:
                    os.kill(os.getpid(), signal.SIGKILL)

        try:
            sys.addaudithook(hook)
            work()
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
    return os.WIFSIGNALED(status)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("exchanging", [True, False])
def test_a_kill_at_any_moment_leaves_the_old_checkpoint_or_the_new_one(run, tiny_bundle, tmp_path, exchanging):
    """Where two names can't be exchanged, the old one may stand beside, under a name that says so."""
    if exchanging and not sys.platform.startswith("linux"):
        pytest.skip("only Linux exchanges two names")
    there, moment = tmp_path / "there", 0
    cards = {"# old\n": 0, "# tiny\n": 0}

    def work() -> None:
        if not exchanging:
            files._exchange = lambda first, second: exec("raise AttributeError")  # only in the child
        push.to_folder(run, there, replace=True)

    alive = True
    while alive:
        moment += 1
        for folder in tmp_path.glob("*there*"):
            shutil.rmtree(folder)
        bundle.save(tiny_bundle, there, "# old\n")
        alive = killed_at(moment, work)
        if exchanging or there.exists():
            bundle.load(there)
            cards[(there / bundle.CARD).read_text()] += 1
        else:
            bundle.load(tmp_path / ".there.old")
    assert cards["# old\n"] >= 3 and cards["# tiny\n"] >= 2  # before the exchange, and while the old one is removed
    assert [path.name for path in tmp_path.glob("*there*")] == ["there"]
