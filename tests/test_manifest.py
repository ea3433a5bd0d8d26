"""A manifest says the same to train, batch and import: what is read, and what is refused by row."""

import shutil
import unicodedata
from pathlib import Path

import pytest

from bibier import file_names
from bibier.annotation.ingest import add_manifest
from bibier.annotation.store import Store
from bibier.errors import InputError
from bibier.inference import batch
from bibier.labels import EMOTIONS
from bibier.manifest import read_manifest, same_recordings
from train.corpora import load

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


@pytest.fixture
def clips(tmp_path):
    for name in ("anger_en", "happy_en", "sad_en", "fear_ru"):
        shutil.copy(EXAMPLES / f"{name}.ogg", tmp_path)
    return tmp_path


def write(folder, text, name="list.csv", encoding="utf-8"):
    (folder / name).write_bytes(text.encode(encoding))
    return folder / name


def imported(path):
    store = Store("sqlite://")
    try:
        add_manifest(store, "p", path)
        return store.clips("p")
    finally:
        store.close()


READERS = {
    "train": lambda path: load.read(str(path)),
    "batch": batch.list_inputs,
    "import": imported,
}
WHOLE = {
    "spaces in the header": "path, text, label, split, speaker\n{}",
    "capitals": "Path,TEXT,Label,Split,Speaker\n{}",
    "semicolons": "path;text;label;split;speaker\n{}",
    "other names": "path,transcript,emotion,split,speaker\n{}",
}
ROWS = ("anger_en.ogg,I told you,anger,Train,a", "happy_en.ogg,We won,happy,train,b", "fear_ru.ogg,Нет,fear,test,c")


@pytest.mark.parametrize("kind", WHOLE)
def test_every_reader_reads_it_whole(clips, kind):
    rows = "\n".join(ROWS).replace(",", ";" if kind == "semicolons" else ",")
    path = write(clips, WHOLE[kind].format(rows))
    items = READERS["train"](path)
    assert [(item.text, EMOTIONS[item.label], item.split, item.speaker) for item in items] == [
        ("I told you", "anger", "train", "a"),
        ("We won", "happy", "train", "b"),
        ("Нет", "fear", "test", "c"),
    ]
    assert [item.place for item in items] == ["list.csv, row 2", "list.csv, row 3", "list.csv, row 4"]
    assert [(Path(item.path).name, item.text) for item in READERS["batch"](path)] == [
        ("anger_en.ogg", "I told you"),
        ("happy_en.ogg", "We won"),
        ("fear_ru.ogg", "Нет"),
    ]
    assert [(clip.text, clip.label, clip.extra) for clip in READERS["import"](path)] == [
        ("I told you", "anger", {"split": "train", "speaker": "a"}),
        ("We won", "happy", {"split": "train", "speaker": "b"}),
        ("Нет", "fear", {"split": "test", "speaker": "c"}),
    ]


REFUSED = {
    "a comma in a text": ("path,text,label\nhappy_en.ogg,We won, yes,happy\n", "row 2: more cells"),
    "a quote in the middle": (
        'path,text,label\nanger_en.ogg,"Hello he said,anger\nsad_en.ogg,He said "bye",sad\n',
        "row 2: a stray quotation mark",
    ),
    "a misspelt column": ("path,text,lable\nhappy_en.ogg,We won,happy\n", "'lable' is not known: write 'label'"),
    "another name": ("filename,text,label\nhappy_en.ogg,We won,happy\n", "'filename' is not known: write 'path'"),
    "an empty split": (
        "path,label,split\nhappy_en.ogg,happy,train\nsad_en.ogg,sad,\n",
        "row 3: no split, though other rows have one",
    ),
    "a misspelt split": ("path,label,split\nhappy_en.ogg,happy,tarin\n", "'tarin' is not known: write 'train'"),
    "two labels": (
        "path,label\nhappy_en.ogg,joy\nsad_en.ogg,sad\ncopy.ogg,sad\n",
        "row 4: copy.ogg is the same recording as in row 2, with another label",
    ),
    "two splits": (
        "path,label,split\nhappy_en.ogg,joy,train\ncopy.ogg,happy,test\n",
        "row 3: copy.ogg is the same recording as in row 2, in another split",
    ),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", REFUSED)
def test_every_reader_refuses_it_by_row(clips, reader, kind):
    text, message = REFUSED[kind]
    shutil.copy(clips / "happy_en.ogg", clips / "copy.ogg")
    with pytest.raises(ValueError, match=f"list.csv.*{message}"):
        READERS[reader](write(clips, text))


@pytest.mark.parametrize("reader", READERS)
def test_paths_of_windows_and_of_composed_letters_are_found(clips, reader):
    (clips / "Записи").mkdir()
    decomposed = unicodedata.normalize("NFD", "Ёй.ogg")
    (clips / "happy_en.ogg").rename(clips / "Записи" / decomposed)
    composed = unicodedata.normalize("NFC", "Записи\\Ёй.ogg")
    path = write(clips, f"path,text,label\n{composed},да,joy\n")
    (found,) = READERS[reader](path)
    assert Path(found.path).is_file()


def test_a_missing_file_whose_name_looks_the_same_is_said(clips):
    for written, message in (
        ("Happy_EN.ogg", "happy_en.ogg looks the same"),
        ("hарру_en.ogg", "happy_en.ogg looks the same"),  # Cyrillic letters
        ("C:\\clips\\happy_en.ogg", "path of another computer"),
        ("gone.ogg", "gone.ogg is missing"),
    ):
        with pytest.raises(ValueError, match=message):
            load.read(str(write(clips, f"path,label\n{written},joy\n")))
        if "gone" not in written:
            with pytest.raises(InputError, match=f"Row 2.*{message}"):
                imported(clips / "list.csv")
    assert file_names.missing(clips / "gone.ogg", "gone.ogg").key == "file-missing"


def test_labels_of_another_naming_are_read_by_a_file_beside_the_manifest(clips):
    path = write(clips, "path,label\nhappy_en.ogg,exc\nsad_en.ogg,boredom\nanger_en.ogg,anger\n")
    with pytest.raises(InputError, match=r"Row 2: label is “exc”.*list\.labels\.toml"):
        imported(path)
    (clips / "list.labels.toml").write_text('happy = ["exc"]\nnone = "Boredom"\n')
    assert [clip.label for clip in imported(path)] == ["happy", None, "anger"]
    lines = []
    items = load.read(str(path), report=lines.append)
    assert [EMOTIONS[item.label] for item in items] == ["happy", "anger"]
    assert any("1 rows left out" in line for line in lines)


@pytest.mark.parametrize("reader", ["batch", "import"])
def test_two_texts_of_one_recording_are_refused_where_one_is_needed(clips, reader):
    shutil.copy(clips / "happy_en.ogg", clips / "copy.ogg")
    path = write(clips, "path,text,label\nhappy_en.ogg,yes,joy\ncopy.ogg,no,happy\n")
    with pytest.raises(InputError, match=r"row 3: copy\.ogg is the same recording as in row 2, with another text"):
        READERS[reader](path)
    assert [item.text for item in load.read(str(path))] == ["yes", "no"]


def test_a_row_without_a_path_is_not_passed_over(clips):
    path = write(clips, "path,text\nsad_en.ogg,yes\n,no\n")
    for reader in ("batch", "import"):
        with pytest.raises(InputError, match="(?i)row 3"):
            READERS[reader](path)


def test_one_path_twice_is_judged_once_with_its_text(clips):
    path = write(clips, "path,text\nsad_en.ogg,yes\nsad_en.ogg,\n")
    assert [item.text for item in batch.list_inputs(path)] == ["yes"]


def test_a_guess_at_the_encoding_is_said(clips):
    path = write(clips, "path,text,label\nfear_ru.ogg,Не ходи туда,fear\n", encoding="cp1251")
    lines = []
    (item,) = load.read(str(path), report=lines.append)
    assert item.text == "Не ходи туда" and any("cp1251" in line for line in lines)
    assert read_manifest(path).notices[0].values["encoding"] == "cp1251"


def test_decimal_commas_are_read_where_a_semicolon_separates(clips):
    shares = ";".join(["0,25", "0", "0", "0,75", "0", "0", "0"])
    path = write(clips, f"path;{';'.join(EMOTIONS)};duration\nhappy_en.ogg;{shares};1,5\n")
    assert load.read(str(path))[0].target.tolist() == [0.25, 0, 0, 0.75, 0, 0, 0]
    assert imported(path)[0].duration == 1.5


def test_only_files_of_one_length_are_read(clips, monkeypatch):
    read = []
    monkeypatch.setattr("bibier.manifest.sha256", lambda path: read.append(path) or path.read_bytes())
    paths = sorted(clips.glob("*.ogg"))
    assert same_recordings((path.name, path) for path in [*paths, clips / "gone.ogg"]) == []
    shutil.copy(paths[0], clips / "copy.ogg")
    assert same_recordings((p.name, p) for p in [*paths, clips / "copy.ogg"]) == [(paths[0].name, "copy.ogg")]
    assert sorted(read) == sorted([paths[0], clips / "copy.ogg"])


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no such device here")
def test_a_device_is_no_recording_however_often_it_is_listed(clips):
    """Twice in a list, it was read for ever to see whether the two are the same."""
    assert same_recordings([("first", Path("/dev/zero")), ("again", Path("/dev/zero"))]) == []


def test_a_folder_is_listed_once_for_all_that_is_missing(clips, monkeypatch):
    listed = []
    iterdir = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda path: listed.append(path) or iterdir(path))
    for number in range(20):
        assert file_names.missing(clips / f"нет{number}.wav", "x").key == "file-missing"
        file_names.find_file(clips, f"нет{number}.wav")
    assert listed == [clips]


@pytest.mark.parametrize("name", ["long text " * 40, "with\0nul.wav", "a" * 300, "й" * 200])
def test_a_name_that_no_file_could_have_is_missing(clips, name):
    path = write(clips, f"path,text,label\n{name},yes,sad\n")
    if "\0" in name:
        with pytest.raises(InputError, match="no text"):
            batch.list_inputs(path)
        return
    assert len(batch.list_inputs(path)) == 1
    with pytest.raises(InputError, match="Row 2: path is"):
        imported(path)
    with pytest.raises(ValueError, match="is missing"):
        load.read(str(path))
