"""Files written whole or not at all; folders that change places."""

import sys
import threading

import pytest

from bibier import files


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.json"
    files.atomic_write(path, "старое")
    with pytest.raises(RuntimeError), files.replacing(path) as part:
        part.write_text("half")
        raise RuntimeError
    assert path.read_text() == "старое" and list(tmp_path.iterdir()) == [path]
    files.atomic_write(path, b"new")
    assert path.read_bytes() == b"new" and list(tmp_path.iterdir()) == [path]


def test_the_half_file_of_a_killed_program_goes(tmp_path):
    (tmp_path / ".a.part.json").write_text("half")
    files.atomic_write(tmp_path / "a.json", "whole")
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_file_has_the_rights_of_any_other(tmp_path):
    (tmp_path / "plain").write_text("")
    files.atomic_write(tmp_path / "whole", "")
    assert (tmp_path / "whole").stat().st_mode == (tmp_path / "plain").stat().st_mode


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
