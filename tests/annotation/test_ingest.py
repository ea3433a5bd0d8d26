"""Clips: all rows or none; a moved or changed file is noticed; a recording is kept under its SHA-256."""

import os

import numpy as np
import pytest
import soundfile

from bibier.annotation import ingest
from bibier.annotation.ingest import add_folder, add_manifest, check, keep
from bibier.annotation.intake import take_in
from bibier.annotation.proposals import propose
from bibier.annotation.store import Store
from bibier.errors import InputError
from bibier.files import FULL, sha256
from bibier.i18n.messages import Message


@pytest.fixture
def place(tmp_path):
    store = Store(f"sqlite:///{tmp_path}/a.db")
    store.project("p")
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    for i in range(3):
        soundfile.write(sounds / f"{i}.wav", np.full(1600, i / 10), 16000)
    yield store, sounds
    store.close()


def test_a_folder_twice_doubles_nothing_and_losses_are_noticed(place):
    store, sounds = place
    assert add_folder(store, "p", sounds) == 3 and add_folder(store, "p", sounds) == 0
    clips = store.clips("p")
    (sounds / "0.wav").rename(sounds / "moved.wav")
    (sounds / "1.wav").write_bytes(b"other")
    assert check(store, "p") == {"missing": [clips[0]], "changed": [clips[1]]}
    add_folder(store, "p", sounds)
    assert check(store, "p")["missing"] == [] and store.clips("p")[0].path.endswith("moved.wav")


def test_a_manifest(place):
    store, sounds = place
    (sounds / "m.csv").write_text("path,text,label,speaker\n0.wav,привет,joy,7\n1.wav,,,8\n", encoding="utf-8")
    assert add_manifest(store, "p", sounds / "m.csv") == 2
    first, second = store.clips("p")
    assert (first.text, first.label, first.extra) == ("привет", "happy", {"speaker": "7"}) and second.label is None


@pytest.mark.parametrize("row", ["no.wav,,,", "0.wav,,bored,", "1.wav,,,", "0.wav,,,nan", "0.wav,,", "0.wav,,,,,"])
def test_a_bad_row_adds_nothing(place, row):
    store, sounds = place
    (sounds / "m.csv").write_text(f"path,text,label,duration\n1.wav,,,\n{row}\n", encoding="utf-8")
    with pytest.raises(InputError, match="Row 3"):
        add_manifest(store, "p", sounds / "m.csv")
    assert store.clips("p") == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in the file system")
def test_what_is_no_file_is_refused_by_its_row(place):
    """A link to itself ended the command with a traceback, a pipe was said to be spelt otherwise."""
    store, sounds = place
    (sounds / "loop.wav").symlink_to("loop.wav")
    os.mkfifo(sounds / "pipe.wav")
    (sounds / "folder.wav").mkdir()
    for name, sentence in (("loop.wav", "Row 2"), ("pipe.wav", "is no file"), ("folder.wav", "is no file")):
        (sounds / "m.csv").write_text(f"path,text\n{name},x\n")
        with pytest.raises(InputError, match=sentence):
            add_manifest(store, "p", sounds / "m.csv")
    assert store.clips("p") == []


def test_a_manifest_with_distributions(place):
    store, sounds = place
    names = "Anger,disgust,fear,joy,neutral,sad,surprise"
    (sounds / "m.csv").write_text(f"path,{names}\n0.wav,.1,.1,.1,.1,.1,.1,.404\n1.wav,,,,,,,\n", encoding="utf-8")
    assert add_manifest(store, "p", sounds / "m.csv") == 2
    first, second = store.clips("p")
    assert abs(sum(first.soft.values()) - 1) < 1e-12 and first.soft["surprise"] == pytest.approx(0.404 / 1.004)
    assert second.soft is None and first.extra == {}


@pytest.mark.parametrize(
    "row, message",
    [
        ("0.9,0,0,0,0,0,0", "Σ = 0.9"),
        ("nan,0,0,0,0,0,1", "anger"),
        ("-0.1,0,0,0,0,0.1,1", "anger"),
        ("inf,0,0,0,0,0,0", "anger"),
        ("much,0,0,0,0,0,1", "much"),
        (",0,0,0,0,0,1", "anger"),
    ],
)
def test_a_row_that_is_no_distribution_adds_nothing(place, row, message):
    store, sounds = place
    (sounds / "m.csv").write_text(f"path,anger,disgust,fear,happy,neutral,sad,surprise\n0.wav,{row}\n")
    with pytest.raises(InputError, match=f"Row 2.*{message}"):
        add_manifest(store, "p", sounds / "m.csv")
    assert store.clips("p") == []
    with pytest.raises(InputError):
        add_manifest(store, "new", sounds / "m.csv")
    assert list(store.projects()) == ["p"]


@pytest.mark.parametrize("columns, message", [("anger,sad", "Missing: disgust"), ("joy,happy", "Twice: joy, happy")])
def test_some_of_the_emotions_are_no_distribution(place, columns, message):
    store, sounds = place
    (sounds / "m.csv").write_text(f"path,{columns}\n0.wav,1,0\n")
    with pytest.raises(InputError, match=message):
        add_manifest(store, "p", sounds / "m.csv")


def test_a_recording_is_kept_under_its_hash(place, tmp_path):
    _, sounds = place
    for _ in range(2):  # twice doubles nothing
        name, path = keep((sounds / "0.wav").read_bytes(), ".wav", tmp_path / "media")
        assert path == tmp_path / "media" / f"{name}.wav" and sha256(path) == name
        assert list((tmp_path / "media").iterdir()) == [path]


@pytest.mark.parametrize("code", FULL)
def test_a_recording_for_which_the_disk_has_no_room_is_refused_in_words(code, tmp_path, monkeypatch):
    monkeypatch.setattr(ingest, "atomic_write", lambda *_, **__: (_ for _ in ()).throw(OSError(code, "full")))
    with pytest.raises(InputError, match="The disk of the server is full"):
        keep(b"sound", ".wav", tmp_path)


def test_how_many_recordings_are_read_is_told(place, tmp_path):
    store, sounds = place
    (sounds / "m.csv").write_text("path,text\n0.wav,a\n1.wav,b\n", encoding="utf-8")
    for source, count in ((sounds, 3), (sounds / "m.csv", 2)):
        said = []
        take_in(store, "q", str(source), tmp_path, progress=lambda *numbers: said.append(numbers))  # noqa: B023
        assert said == [(done, count) for done in range(count + 1)]


def test_what_is_expected_of_a_row_is_said_in_one_language(place):
    store, sounds = place
    for cells, field, english, russian in (
        ("no.wav,", "path", "an existing file", "существующий файл"),
        ("0.wav,-1", "duration", "seconds, 0 or more", "секунды, 0 или больше"),
    ):
        (sounds / "m.csv").write_text(f"path,duration\n{cells}\n", encoding="utf-8")
        with pytest.raises(InputError) as error:
            add_manifest(store, "p", sounds / "m.csv")
        assert f"{field} is" in error.value.text("en") and field in error.value.text("ru")
        assert english in error.value.text("en") and russian not in error.value.text("en")
        assert russian in error.value.text("ru") and english not in error.value.text("ru")


def test_a_sentence_within_a_sentence_is_in_its_language():
    inner = Message("no-sound")
    outer = Message("clips-wrong", {"place": "list.csv", "count": 1, "first": inner})
    assert inner.text("ru") in outer.text("ru") and inner.text("en") in outer.text("en")


@pytest.mark.parametrize("error", [UnicodeDecodeError("utf-8", b"\xcf", 0, 1, "a cp1251 title"), KeyError("odd")])
def test_a_clip_that_breaks_the_reader_has_no_proposal_and_stops_nothing(place, error):
    class Broken:
        def encode_audio(self, path):
            raise error

        def classify(self, encoding, text):
            raise AssertionError("nothing was heard")

    store, sounds = place
    add_folder(store, "p", sounds)
    reasons = []
    clips = store.clips("p")
    assert [propose(store, "p", clip, Broken(), "model:x", report=reasons.append) for clip in clips] == [False] * 3
    assert reasons == [error] * 3
