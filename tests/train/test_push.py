"""A fitted checkpoint is handed on whole, or not at all."""

import errno
import shutil
from pathlib import Path

import pytest
import torch

from bibier.checkpoint import bundle
from bibier.errors import CorpusError, InputError
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


def test_a_taken_folder_is_replaced_only_when_asked_and_only_if_it_is_a_checkpoint(run, tmp_path):
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "thesis.txt").write_text("years of work")
    for replace in (False, True):
        with pytest.raises(CorpusError, match="taken"):
            push.to_folder(run, taken, replace=replace)
    assert (taken / "thesis.txt").exists()
    old = shutil.copytree(run, tmp_path / "old")
    with pytest.raises(CorpusError, match="--replace"):
        push.to_folder(run, old)
    push.to_folder(run, old, replace=True)
    with pytest.raises(CorpusError, match="itself"):
        push.to_folder(run, run, replace=True)


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
