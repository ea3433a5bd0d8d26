"""A folder's recordings: one list of endings, and what was left out is counted."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from bibier.annotation import ingest
from bibier.annotation.store import Store
from bibier.audio.folder import recordings_in
from bibier.errors import InputError
from bibier.inference import batch

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "sad_en.ogg"
READ = (
    *("wav", "WAV", "flac", "mp3", "ogg", "oga", "opus", "m4a", "mp4", "mov", "mkv", "webm", "weba", "3gp", "amr"),
    *("aac", "aiff", "caf", "au", "w64"),
)


@pytest.fixture
def folder(tmp_path):
    for ending in READ:
        (tmp_path / "a" / ending).mkdir(parents=True)
        shutil.copy(EXAMPLE, tmp_path / "a" / ending / f"x.{ending}")
    for name in ("notes.txt", "more.TXT", "LICENSE", "._x.wav"):
        (tmp_path / name).write_text("no sound")
    return tmp_path


def test_everything_that_is_read_is_found_and_the_rest_counted(folder):
    listed = recordings_in(folder)
    assert {path.suffix[1:] for path in listed.paths} == set(READ)
    assert listed.skipped == {".txt": 2, "": 1, ".": 1}
    assert listed.notice("here").text() == (
        "here: 4 files were left out, which are no recordings by their endings (.txt 2, . 1, — 1; “.” are hidden ones, "
        "“→” links that lead elsewhere, “?” names that are no text)."
    )


def test_batch_and_import_say_what_they_left_out(folder):
    notices = []
    assert len(batch.list_inputs(folder, notices.append)) == len(READ)
    store = Store("sqlite://")
    assert ingest.add_folder(store, "p", folder, report=notices.append) == 1  # one recording, by its bytes
    store.close()
    assert [notice.values["count"] for notice in notices] == [4, 4]
    shutil.rmtree(folder / "a")
    with pytest.raises(InputError, match="No recording was found"):
        batch.list_inputs(folder, notices.append)
    assert len(notices) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are text")
def test_a_name_that_is_no_text_keeps_no_folder_out(folder):
    """An archive of another system has names in its own letters; one of them ended the import with a traceback."""
    shutil.copy(EXAMPLE, os.fsencode(folder / "a") + b"/caf\xe9.ogg")
    store, notices = Store(f"sqlite:///{folder}/a.db"), []
    assert ingest.add_folder(store, "p", folder, report=notices.append) == 1
    store.close()
    assert "? 1" in notices[0].text() and "не являются текстом" in notices[0].text("ru")
    assert len(batch.list_inputs(folder)) == len(READ) + 1  # a table can write it with escapes


def test_a_link_to_what_is_no_recording_is_left_out(tmp_path):
    """What a folder's link named, of an archive or a clone, was served to every visitor: any file of the computer."""
    (tmp_path / "secret_key").write_text("secret")
    shutil.copy(EXAMPLE, tmp_path / "elsewhere.ogg")
    folder = tmp_path / "corpus"
    folder.mkdir()
    shutil.copy(EXAMPLE, folder / "own.ogg")
    for name, target in (("key.wav", "secret_key"), ("other.ogg", "elsewhere.ogg"), ("same.ogg", "corpus/own.ogg")):
        (folder / name).symlink_to(tmp_path / target)
    (folder / "again.wav").symlink_to(folder / "key.wav")
    listed = recordings_in(folder)
    assert [path.name for path in listed.paths] == ["other.ogg", "own.ogg", "same.ogg"]
    assert listed.skipped == {"→": 2}
    store = Store("sqlite://")
    ingest.add_folder(store, "p", folder)
    assert not any("secret" in clip.path for clip in store.clips("p"))
    store.close()
