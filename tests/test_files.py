"""Files written whole or not at all; folders that change places."""

import os
import shutil
import sys
import threading
from pathlib import Path

import pytest

from bibier import files
from bibier.__main__ import main

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.json"
    files.atomic_write(path, "старое")
    with pytest.raises(RuntimeError), files.replacing(path) as part:
        part.write_text("half")
        raise RuntimeError
    assert path.read_text() == "старое" and list(tmp_path.iterdir()) == [path]
    files.atomic_write(path, b"new")
    assert path.read_bytes() == b"new" and list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes")
def test_what_is_no_file_is_not_replaced(tmp_path):
    """As root, an export to /dev/full --replace left a file in the place of the device."""
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "link.csv").symlink_to(tmp_path / "pipe.csv")
    for name in ("pipe.csv", "link.csv"):
        with pytest.raises(OSError, match="Not a regular file"):
            files.atomic_write(tmp_path / name, "x")
    assert (tmp_path / "pipe.csv").is_fifo() and (tmp_path / "link.csv").is_symlink()
    assert len(list(tmp_path.iterdir())) == 2


def test_what_a_command_reads_is_not_replaced_by_what_it_writes(tmp_path, capsys):
    """With --replace a recording, a list and a whole database were written over."""
    shutil.copy(EXAMPLES / "happy_en.ogg", recording := tmp_path / "a.ogg")
    (listed := tmp_path / "list.csv").write_text("path,text\na.ogg,hello\n")
    store = f"sqlite:///{tmp_path}/b.db"
    assert main(["annotations", "import", "p", str(listed), "--store", store]) == 0
    (tmp_path / "link.csv").symlink_to(listed)
    predict = ["predict", str(recording), "--transcript", "x", "--format", "json", "--replace", "--out"]
    export = ["annotations", "export", "p", "--format", "events", "--replace", "--store", store, "-o"]
    (tmp_path / "b.db-wal").touch()
    read = {path: path.read_bytes() for path in (recording, listed, tmp_path / "b.db")}
    for arguments in (
        [*predict, str(recording)],
        [*export, str(tmp_path / "b.db")],
        [*export, str(tmp_path / "b.db-wal")],
        [*predict, str(tmp_path / "b.db")],
        ["batch", str(listed), "--replace", "-o", str(listed)],
        [*export, str(recording)],
        ["batch", str(listed), "--replace", "-o", str(tmp_path / "link.csv")],
    ):
        capsys.readouterr()
        assert main(arguments) in (1, 2), arguments
        assert "left as it is" in capsys.readouterr().err
        assert {path: path.read_bytes() for path in read} == read
    assert main([*export, str(tmp_path / "out.jsonl")]) == main([*export, str(tmp_path / "out.jsonl")]) == 0


def test_the_half_file_of_a_killed_program_goes(tmp_path):
    (tmp_path / ".a.part.json").write_text("half")
    files.atomic_write(tmp_path / "a.json", "whole")
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_file_has_the_rights_of_any_other(tmp_path):
    (tmp_path / "plain").write_text("")
    files.atomic_write(tmp_path / "whole", "")
    assert (tmp_path / "whole").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_what_the_system_refuses_is_said(tmp_path):
    """By the name that was given, its reason and the remedy; a disk that is full by that."""
    with pytest.raises(OSError) as refused:
        (tmp_path / f"{'x' * 5000}.wav").stat()
    sentence = str(files.refused_by_system(refused.value))
    assert "File name too long" in sentence and len(sentence) < 300
    for code in files.FULL:
        assert "disk of the server is full" in str(files.refused_by_system(OSError(code, "no", "a")))


@pytest.mark.parametrize("command", ["annotations import p PLACE", "predict PLACE --checkpoint PLACE"])
def test_a_command_says_what_the_system_refuses(command, capsys, tmp_path, monkeypatch):
    """A name that no file could have ended in a traceback."""
    monkeypatch.chdir(tmp_path)
    assert main([word.replace("PLACE", "x" * 5000) for word in command.split()]) == 2
    assert "File name too long" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no such device here")
def test_a_device_has_no_hash():
    with pytest.raises(OSError, match="Not a regular file"):
        files.sha256(Path("/dev/zero"))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux exchanges two names at once")
def test_a_folder_is_there_at_every_moment(tmp_path):
    """Somebody who looks again and again meets the old folder or the new one, never a gap between them."""
    folder, gaps, done = tmp_path / "f", [], threading.Event()
    folder.mkdir()

    def look():
        while not done.is_set():
            if not folder.exists():
                gaps.append("nothing there")

    reader = threading.Thread(target=look)
    reader.start()
    try:
        for number in range(50):
            new = tmp_path / f"new{number}"
            new.mkdir()
            (new / "a").write_text(str(number))
            files.replace_folder(new, folder)
            assert (folder / "a").read_text() == str(number)
    finally:
        done.set()
        reader.join()
    assert not gaps and [p.name for p in tmp_path.iterdir()] == ["f"]
