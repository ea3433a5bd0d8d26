"""Output in any encoding: nothing that is printed ends a command, JSON loses nothing, one bad file is one line."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from bibier import __main__ as command
from bibier.annotation.store import Store
from bibier.cli import terminal
from bibier.inference import predictor

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
TEXT = "Не ходи, “туда” – é ½ 😀 \udce9"


@pytest.fixture
def output(monkeypatch):
    def begin(encoding: str) -> io.BytesIO:
        written = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
        return written

    return begin


@pytest.mark.parametrize(
    ("encoding", "plain"),
    [
        ("ascii", '?? ????, "????" - e ? ? ?'),
        ("cp1252", "?? ????, “????” – é ½ ? ?"),
        ("cp866", 'Не ходи, "туда" - e ? ? ?'),
        ("utf-8", "Не ходи, “туда” – é ½ 😀 ?"),
    ],
)
def test_signs_that_an_encoding_lacks_are_plain_ones(output, encoding, plain):
    written = output(encoding)
    terminal.write_anything()
    print(TEXT)
    print(terminal.json_text({"text": TEXT}), flush=True)
    line, data = written.getvalue().decode(encoding).splitlines()
    assert line == plain
    assert json.loads(data) == {"text": TEXT}
    if encoding == "utf-8":
        assert "туда" in data  # as it always was


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_predict_writes_every_file_s_line(output, encoding, monkeypatch):
    class Broken(predictor.Predictor):
        judged = 0

        def __call__(self, clip, *rest, **more):
            Broken.judged += 1
            if Broken.judged == 1:
                raise UnicodeDecodeError("utf-8", b"\xcf", 0, 1, "invalid start byte")  # a cp1251 title
            return super().__call__(clip, *rest, **more)

    monkeypatch.setattr(predictor, "Predictor", Broken)
    files = [str(EXAMPLES / name) for name in ("happy_en.ogg", "fear_ru.ogg")]
    written = output(encoding)
    assert command.main(["predict", *files, "--transcript", TEXT, "--json", "--language", "ru"]) == 1
    sys.stdout.flush()
    failed, judged = map(json.loads, written.getvalue().decode(encoding).splitlines())
    assert failed["audio"] is None and "UnicodeDecodeError" in failed["warnings"][0]
    assert judged["audio"] and judged["transcript"].startswith("Не ходи, ")


def test_a_reader_who_goes_away_is_no_fault_of_a_file():
    """As `predict … | head` does: it was told that the program had failed on the file."""
    files = [str(path) for path in sorted(EXAMPLES.glob("*.ogg"))[:2]]
    asked = [sys.executable, "-m", "bibier", "predict", *files, "--transcript", ""]
    with subprocess.Popen(asked, cwd=EXAMPLES.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as command:
        command.stdout.close()
        said = command.stderr.read()
    assert (command.returncode, said) == (1, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no such device")
@pytest.mark.parametrize("asked", [["predict", "happy_en.ogg", "--transcript", ""], ["annotations", "agreement", "p"]])
def test_output_that_cannot_be_written_is_said_in_words(tmp_path, asked):
    """It was a traceback, or the fault of a recording."""
    store = Store(f"sqlite:///{tmp_path}/a.db")
    store.project("p")
    store.close()
    asked = [str(EXAMPLES / word) if word.endswith(".ogg") else word for word in asked]
    where = ["--store", f"sqlite:///{tmp_path}/a.db"] if asked[0] == "annotations" else []
    with Path("/dev/full").open("w") as full:
        run = [sys.executable, "-m", "bibier", *asked, *where]
        ended = subprocess.run(run, cwd=EXAMPLES.parent, stdout=full, stderr=subprocess.PIPE, text=True)
    assert ended.returncode == 2 and len(ended.stderr.splitlines()) == 1 and "no room" in ended.stderr
