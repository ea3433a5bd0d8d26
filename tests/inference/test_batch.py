"""Many recordings: the same rows as one by one, a killed run goes on, failures are told and stop nothing."""

import csv
import functools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bibier import __main__ as command
from bibier.audio.io import load
from bibier.checkpoint import bundle
from bibier.csv_safety import plain
from bibier.errors import InputError
from bibier.inference import batch
from bibier.inference.predictor import Predictor
from bibier.inference.run_journal import RunJournal
from bibier.labels import EMOTIONS, vector

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def predictor():
    return Predictor(bundle.load("compact"))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A manifest of real clips of all lengths, cut from the examples, and of what can't be used."""
    folder, rng = tmp_path_factory.mktemp("batch"), np.random.default_rng(0)
    texts = {r["file"]: r["transcript"] for r in json.loads((ROOT / "examples" / "examples.json").read_text("utf-8"))}
    rows = []
    for number, (name, text) in enumerate(texts.items()):
        sound, rate = soundfile.read(ROOT / "examples" / name, dtype="float32")
        for part in range(3):
            path = folder / f"{number}-{part}.wav"
            length = int(rng.uniform(0.4, 1) * len(sound))
            soundfile.write(path, sound[:length], rate, subtype="PCM_16")
            rows.append((path.name, text if part else ""))
    soundfile.write(folder / "silent.wav", np.zeros(16000), 16000)
    soundfile.write(folder / "short.wav", np.ones(100) * 0.1, 16000)
    (folder / "broken.wav").write_bytes(b"RIFF no")
    rows += [("silent.wav", "words"), ("short.wav", ""), ("broken.wav", ""), ("gone.wav", ""), ("0-0.wav", "twice")]
    with (folder / "list.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerows([("path", "text"), *rows])
    return folder


def rows_of(place, out, *more):
    status = command.main(["batch", str(place), "-o", str(out), "--recogniser", "none", *more])
    return status, out


@pytest.fixture(scope="module")
def judged_alone(place, predictor):
    """What one prediction says of a clip with words, asked once."""
    return functools.cache(lambda name, text: predictor(place / name, text))


@pytest.mark.parametrize("size", [1, 5, 16])
def test_every_row_is_that_of_a_single_prediction(place, judged_alone, tmp_path, size):
    status, out = rows_of(place / "list.csv", tmp_path / "out.jsonl", "--batch", str(size))
    rows = {Path(row["path"]).name: row for row in map(json.loads, out.read_text(encoding="utf-8").splitlines())}
    texts = {row["path"]: row["text"] for row in csv.DictReader((place / "list.csv").open(encoding="utf-8"))}
    assert status == 1 and set(rows) == set(texts)
    for name, row in rows.items():
        if row["error"]:
            continue
        alone = judged_alone(name, "twice" if name == "0-0.wav" else texts[name])
        for column, branch in (("voice", alone.audio), ("words", alone.text), ("both", alone.bimodal)):
            found = [row[f"{column}_{emotion}"] for emotion in EMOTIONS]
            if branch.probabilities is None:
                assert found == [None] * 7
            else:
                assert np.allclose(found, vector(branch.probabilities), atol=1e-5), (name, column)
        assert (row["conflict"] is None) == (alone.conflict is None)
        assert row["conflict"] is None or row["conflict"] == pytest.approx(alone.conflict, abs=1e-4)
        assert row["duration"] == pytest.approx(alone.duration)
    errors = {name for name, row in rows.items() if row["error"]}
    assert errors == {"broken.wav", "gone.wav"} and rows["silent.wav"]["words_sad"] is not None


def test_formats_hold_the_same(place, tmp_path):
    import pyarrow.parquet as pq

    outs = [rows_of(place / "list.csv", tmp_path / f"out{ending}")[1] for ending in batch.FORMATS]
    parquet = pq.read_table(outs[0]).to_pylist()
    lines = [json.loads(line) for line in outs[2].read_text(encoding="utf-8").splitlines()]
    assert parquet == lines
    table = list(csv.DictReader(outs[1].open(encoding="utf-8", newline="")))
    for row, line in zip(table, lines, strict=True):
        assert plain(row["path"]) == line["path"] and plain(row["transcript"] or "") == (line["transcript"] or "")
        assert row["voice_sad"] == ("" if line["voice_sad"] is None else repr(line["voice_sad"]))


def test_a_killed_run_goes_on_without_repeating(place, tmp_path):
    out = tmp_path / "out.jsonl"
    journal = tmp_path / ".out.jsonl.journal"
    call = [sys.executable, "-m", "bibier", "batch", str(place / "list.csv"), "-o", str(out), "--recogniser", "none"]
    process = subprocess.Popen([*call, "--batch", "2"], cwd=ROOT)
    while not journal.exists() or journal.read_bytes().count(b"\n") < 6:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not out.exists()
    done = journal.read_bytes().count(b"\n") - 1
    with journal.open("ab") as file:
        file.write(b'{"path": "half')  # what a power cut leaves
    read = []
    inputs = batch.list_inputs(place / "list.csv")
    predictor = Predictor(bundle.load("compact"))
    judge = batch.BatchPredictor(predictor, recognise=False, name="compact")

    def work(left):
        read.extend(left)
        return batch.predict_rows(judge, left, 4)

    settings = batch.run_settings("compact", predictor.bundle, None)
    count, failed = batch.run(inputs, out, settings, work)
    assert count == len(inputs) and len(read) == len(inputs) - done and len(failed) == 2
    paths = [json.loads(line)["path"] for line in out.read_text(encoding="utf-8").splitlines()]
    assert paths == [source.path for source in inputs] and not journal.exists()


def test_what_changed_since_a_run_was_killed_is_judged_anew(predictor, place, tmp_path):
    """Another transcript, another recording under the name; the rest is taken as it was judged."""
    for name in ("0-0.wav", "1-0.wav", "2-0.wav"):
        (tmp_path / name).write_bytes((place / name).read_bytes())
    judge = batch.BatchPredictor(predictor, recognise=False, name="compact")
    settings, out = batch.run_settings("compact", predictor.bundle, None), tmp_path / "out.jsonl"

    def killed(left):
        yield from batch.predict_rows(judge, left)
        raise KeyboardInterrupt

    names = ("0-0.wav", "1-0.wav", "2-0.wav")
    with pytest.raises(KeyboardInterrupt):
        batch.run([batch.BatchInput(str(tmp_path / name), "so sad") for name in names], out, settings, killed)
    (tmp_path / "1-0.wav").write_bytes((place / "1-1.wav").read_bytes() + b"\0\0")
    texts, read = {"0-0.wav": "so happy"}, []
    inputs = [batch.BatchInput(str(tmp_path / name), texts.get(name, "so sad")) for name in names]

    def work(left):
        read.extend(Path(item.path).name for item in left)
        return batch.predict_rows(judge, left)

    batch.run(inputs, out, settings, work)
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert (
        sorted(read) == ["0-0.wav", "1-0.wav"] and [row["transcript"] for row in rows] == ["so happy"] + ["so sad"] * 2
    )
    assert rows[0].keys() == set(batch.COLUMNS)


def test_another_language_of_the_rows_is_another_run(predictor):
    languages = [batch.run_settings("compact", predictor.bundle, None, language=code) for code in ("en", "ru")]
    assert languages[0] != languages[1] and "language" not in languages[0]  # journals of before stay good


def test_a_journal_that_is_damaged_in_its_middle_is_gone_on_with(predictor, place, tmp_path):
    """Each resume ended in a traceback, and the way out was to delete what was judged."""
    judge, out, read = batch.BatchPredictor(predictor, recognise=False, name="compact"), tmp_path / "out.jsonl", []
    inputs = [batch.BatchInput(str(place / f"{number}-0.wav"), "so sad") for number in range(3)]

    def work(left):
        read.append(len(left))
        for item in left:  # each alone: a pass with others differs in the last digits
            yield from batch.predict_rows(judge, [item])

    settings = {"checkpoint": "compact"}
    batch.run(inputs, tmp_path / "whole.jsonl", settings, work)
    journal = RunJournal(out, settings)
    for item in inputs:
        journal.add(batch.predict_rows(judge, [item]).__next__())
    journal.close(finished=False)
    lines = journal.path.read_bytes().split(b"\n")
    for bad in (
        lines[2][:50],
        b"\x00\xff\xfe",
        b"[" * 100_000,
        b"null",
        b"{}",
        b'{"path": 5}',
        lines[2][:-1] + b', "z": 1}',
    ):
        journal.path.write_bytes(b"\n".join([*lines[:2], bad, *lines[3:]]))
        batch.run(inputs, out, settings, work, replace=True)
        assert read[-1] == 1 and out.read_text() == (tmp_path / "whole.jsonl").read_text()


def test_another_run_s_journal_is_not_taken(place, tmp_path):
    (tmp_path / ".out.csv.journal").write_text('{"checkpoint": "other"}\n')
    status, _ = rows_of(place / "list.csv", tmp_path / "out.csv")
    assert status == 2 and not (tmp_path / "out.csv").exists()


def test_long_recordings_are_judged_as_the_app_does(predictor, tmp_path):
    sound, rate = soundfile.read(ROOT / "examples" / "sad_en.ogg", dtype="float32")
    long = np.concatenate([np.concatenate([sound, np.zeros(rate)]) for _ in range(5)])
    soundfile.write(tmp_path / "long.wav", long, rate)
    status, out = rows_of(tmp_path, tmp_path / "o" / "out.jsonl")
    (row,) = map(json.loads, out.read_text(encoding="utf-8").splitlines())
    assert status == 0 and row["duration"] > 20 and sum(row[f"voice_{name}"] for name in EMOTIONS) == pytest.approx(1)


def test_words_are_recognised_where_none_are_given(place, tmp_path):
    (tmp_path / "clips").mkdir()
    os.link(place / "0-0.wav", tmp_path / "clips" / "a.wav")
    out = tmp_path / "out.jsonl"
    assert command.main(["batch", str(tmp_path / "clips"), "-o", str(out), "--recogniser", "pocketsphinx"]) == 0
    row = json.loads(out.read_text(encoding="utf-8"))
    assert row["transcript"] and row["transcript_by"] == "pocketsphinx" and row["both_sad"] is not None


def test_wrong_calls_are_said_before_anything_is_read(place, tmp_path, capsys):
    (tmp_path / "there.csv").write_text("mine")
    (tmp_path / "empty").mkdir()
    for source, out, more in (
        (place, tmp_path / "there.csv", []),
        (place, tmp_path / "out.xls", []),
        (tmp_path / "empty", tmp_path / "out.csv", []),
        (tmp_path / "none.csv", tmp_path / "out.csv", []),
        (place, tmp_path / "there.csv" / "out.csv", []),
        (place, tmp_path / "out.csv", ["--batch", "0"]),
        (place, tmp_path / "out.parquet", ["--embeddings", f"{tmp_path}/./out.parquet"]),
    ):
        assert rows_of(source, out, *more)[0] == 2
        assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert (tmp_path / "there.csv").read_text() == "mine"


def test_a_full_disk_keeps_what_is_done(place, tmp_path, monkeypatch, predictor):
    out, calls = tmp_path / "out.jsonl", []
    judge = batch.BatchPredictor(predictor, recognise=False, name="compact")
    whole = os.fsync

    def full(number):
        calls.append(number)
        if len(calls) > 2:
            raise OSError(28, "No space left on device")
        whole(number)

    inputs, settings = batch.list_inputs(place / "list.csv"), {"checkpoint": "compact"}
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(InputError, match="No space"):
            batch.run(inputs, out, settings, lambda left: batch.predict_rows(judge, left, 3))
    read = []
    count, _ = batch.run(inputs, out, settings, lambda left: (read.extend(left), batch.predict_rows(judge, left, 3))[1])
    assert count == len(inputs) and len(read) <= len(inputs) - 6


@pytest.mark.parametrize("stage", ["prepare", "predict"])
def test_one_file_s_exception_of_any_kind_is_its_row(predictor, place, tmp_path, monkeypatch, stage):
    judge = batch.BatchPredictor(predictor, recognise=False, name="compact")
    inputs = [batch.BatchInput(str(place / f"0-{part}.wav"), "") for part in range(3)]
    whole = getattr(judge, f"_{stage}")

    def fail(given, *rest):
        paths = [given.path] if stage == "prepare" else [prepared.row["path"] for prepared in given]
        if inputs[1].path in paths:
            raise RuntimeError("odd \udce9")
        return whole(given, *rest)

    monkeypatch.setattr(judge, f"_{stage}", fail)
    out = tmp_path / "out.parquet"
    count, failed = batch.run(inputs, out, {}, lambda left: batch.predict_rows(judge, left, 3))
    assert count == 3 and [row["path"] for row in failed] == [inputs[1].path]
    assert "RuntimeError: odd" in failed[0]["error"] and failed[0]["voice_sad"] is None


def test_a_name_that_is_not_utf_8_has_a_row(place, predictor, tmp_path):
    name = os.fsdecode(b"caf\xe9.wav")
    os.link(place / "0-0.wav", tmp_path / name)
    judge = batch.BatchPredictor(predictor, recognise=False, name="compact")
    for ending in batch.FORMATS:
        out = tmp_path / "out" / f"x{ending}"
        count, _ = batch.run(batch.list_inputs(tmp_path), out, {}, lambda left: batch.predict_rows(judge, left, 3))
        assert count == 1
    assert json.loads((tmp_path / "out" / "x.jsonl").read_bytes())["path"] == str(tmp_path / "caf\\xe9.wav")


@pytest.mark.parametrize("ending", [".npz", ".parquet"])
def test_embeddings_are_what_the_encoders_heads_read(place, predictor, tmp_path, ending):
    import pyarrow.parquet as pq

    (tmp_path / "list.csv").write_text(f"path,text\n{place}/0-0.wav,\n{place}/1-1.wav,so happy\n{place}/gone.wav,\n")
    out, file = tmp_path / "out.jsonl", tmp_path / f"vectors{ending}"
    assert rows_of(tmp_path / "list.csv", out, "--embeddings", str(file))[0] == 1
    assert "embeddings" not in json.loads(out.read_text(encoding="utf-8").splitlines()[0])
    if ending == ".npz":
        with np.load(file) as arrays:
            voice, words, paths = arrays["voice"], arrays["words"], arrays["path"].tolist()
    else:
        rows = pq.read_table(file).to_pylist()
        paths = [row["path"] for row in rows]
        nothing = [np.nan] * len(rows[1]["voice"]), [np.nan] * len(rows[1]["words"])
        voice = np.array([row["voice"] or nothing[0] for row in rows])
        words = np.array([row["words"] or nothing[1] for row in rows])
    assert [Path(path).name for path in paths] == ["0-0.wav", "1-1.wav", "gone.wav"]
    assert np.isnan(voice).all(1).tolist() == [False, False, True]
    assert np.isnan(words).all(1).tolist() == [True, False, True]
    encoded = predictor.encode_clips([load(place / "0-0.wav").samples])
    np.testing.assert_allclose(voice[0], encoded.pooled[0].numpy(), atol=1e-4)
    assert rows_of(tmp_path / "list.csv", tmp_path / "b.jsonl", "--embeddings", str(tmp_path / "x.txt"))[0] == 2
