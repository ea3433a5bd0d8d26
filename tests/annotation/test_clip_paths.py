"""Which files no cleaning deletes: known at once, and anew after each change."""

from dataclasses import replace

import pytest

from bibier.annotation import clip_paths
from bibier.annotation.clip_paths import ClipPaths
from tests.annotation import stores
from tests.annotation.stores import CLIPS, label

store, url = stores.store, stores.url  # fixtures


def test_a_clip_is_known_however_it_is_written_and_after_each_change(store, tmp_path):
    files = ClipPaths(store)
    before = files()
    assert len(before) == len(CLIPS)
    (tmp_path / "place").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "place")
    added = replace(CLIPS[0], sha256="7" * 64, path=f"{tmp_path}/link/../link/a.wav")
    store.add_clips("p", [added])
    assert files() - before == {str((tmp_path / "place" / "a.wav").resolve())}
    store.add_clips("q", [replace(added, path=f"{tmp_path}/b.wav")])
    assert files() - before == {str((tmp_path / name).resolve()) for name in ("place/a.wav", "b.wav")}
    store.add_clips("p", [replace(added, path=f"{tmp_path}/moved.wav")])
    assert files() - before == {str((tmp_path / name).resolve()) for name in ("moved.wav", "b.wav")}
    assert store.remove_clip("q", added.sha256)
    assert files() - before == {str((tmp_path / "moved.wav").resolve())}


def test_nothing_is_looked_at_twice(store, monkeypatch):
    """Who deleted again and again made the server look at thousands of files each time, while analyses waited."""
    files = ClipPaths(store)
    known = files()
    store.append(label())  # a save moves no file
    monkeypatch.setattr(clip_paths.os.path, "realpath", lambda path: pytest.fail("looked at again"))
    assert files() is known
