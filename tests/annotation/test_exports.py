"""Exports: each comes back as it was, provenances never meet, and a spreadsheet runs nothing."""

import csv
import json
import os
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bibier import __main__ as command
from bibier.annotation import exports, imports, ingest, intake, location, rows
from bibier.annotation.database import WAIT_SECONDS
from bibier.annotation.events import Event
from bibier.annotation.store import Store
from bibier.csv_safety import guard, plain
from bibier.errors import InputError
from bibier.labels import EMOTIONS, named, vector
from bibier.soft_labels.tables import audit
from tests.annotation import labelled
from tests.annotation.labelled import CLIPS
from train.augment.soft_targets import read_distributions
from train.corpora.manifest import manifest

snapshot, store = labelled.snapshot, labelled.store  # fixtures


def test_a_place_that_cannot_be_written_is_said(snapshot, tmp_path):
    (tmp_path / "file").write_text("mine")
    for path in (tmp_path / "file" / "x.csv", tmp_path / ("x" * 256)):
        with pytest.raises(InputError, match="could not be written"):
            exports.save(snapshot, "long", path)


def test_a_wide_table_holds_people_and_their_mean_apart(snapshot, tmp_path):
    path = exports.save(snapshot, "wide", tmp_path / "wide.csv")
    rows = imports.read_table(path)
    assert len(rows) == 2 and "llm:=x" not in path.read_text(encoding="utf-8")
    for row in rows:
        labels = snapshot.by_clip()[row["sha256"]]
        each = [[float(row[f"{name} ({person})"]) for name in EMOTIONS] for person in labels]
        assert each == [list(vector(label.probs)) for label in labels.values()]
        assert [float(row[f"mean_{name}"]) for name in EMOTIONS] == list(np.mean(each, axis=0))
        assert sum(float(row[f"votes_{name}"]) for name in EMOTIONS) == int(row["people"]) == 2


def test_lewidi(snapshot, tmp_path):
    items = json.loads(exports.save(snapshot, "lewidi", tmp_path / "l.json").read_text(encoding="utf-8"))
    assert list(items) == ["1", "2"]
    for item in items.values():
        labels = snapshot.by_clip()[item["other_info"]["sha256"]]
        names = item["other_info"]["names"]
        assert {names[a]: p for a, p in item["other_info"]["distributions"].items()} == {
            person: label.probs for person, label in labels.items()
        }
        assert item["number of annotations"] == 2 == len(item["annotators"].split(","))
        assert item["soft_label"] == named(snapshot.mean(labels))
        assert item["annotations"] == {a: max(EMOTIONS, key=labels[names[a]].probs.get) for a in names}
    assert items["1"]["split"] == "dev" and items["2"]["lang"] == "ru"


def test_chaosnli(snapshot, tmp_path):
    lines = exports.save(snapshot, "chaosnli", tmp_path / "c.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2
    for line in lines:
        row = json.loads(line)
        share = np.array(row["label_count"]) / 2
        assert row["label_dist"] == list(share) and sum(row["label_counter"].values()) == 2
        some = share[share > 0]
        assert row["entropy"] == pytest.approx(-(some * np.log2(some)).sum())
        assert row["mean_dist"] == list(snapshot.mean(snapshot.by_clip()[row["uid"]]))
    assert json.loads(lines[0])["old_label"] == "happy"


def test_a_tie_shares_its_vote_and_has_no_class(snapshot):
    tied = replace(next(iter(snapshot.labels.values())), probs=named([0.5, 0.5, 0, 0, 0, 0, 0]))
    assert list(snapshot.votes({"A": tied})) == [0.5, 0.5, 0, 0, 0, 0, 0]
    single = replace(snapshot, labels={(CLIPS[0].sha256, "A"): tied})
    assert json.loads("".join(exports.lewidi(single)))["1"]["annotations"] == {"Ann1": ""}
    assert json.loads("".join(exports.chaosnli(single)))["majority_label"] == ""


def test_train_reads_the_manifest_and_the_ls_llm_table(snapshot, tmp_path):
    items = manifest(exports.save(snapshot, "manifest", tmp_path / "mine.csv"))
    table = read_distributions(exports.save(snapshot, "ls-llm", tmp_path / "soft.csv"))
    for item, (sha256, labels) in zip(items, snapshot.by_clip().items(), strict=True):
        clip = next(clip for clip in CLIPS if clip.sha256 == sha256)
        assert item.id == f"mine/{sha256}" and item.path == Path(clip.path) and item.text.split() == clip.text.split()
        assert np.allclose(item.target, snapshot.mean(labels), atol=1e-15)
        assert np.allclose(table[sha256], item.target, atol=1e-15)
    assert (items[0].speaker, items[0].split, items[1].split) == ("7", "dev", "train")
    assert audit(tmp_path / "soft.csv").rows == 2
    for row in imports.read_table(tmp_path / "soft.csv"):
        assert float(row["sum_of_emotions"]) == pytest.approx(1)


def test_a_manifest_is_taken_in_as_clips_with_their_text(snapshot, tmp_path):
    sound = tmp_path / "a.wav"
    sound.write_bytes(b"bytes")
    clip = replace(CLIPS[0], path=str(sound))
    single = replace(snapshot, clips=[clip], labels={(clip.sha256, "A"): snapshot.labels[CLIPS[0].sha256, "Anna"]})
    target = Store(f"sqlite:///{tmp_path}/b.db")
    assert ingest.add_manifest(target, "q", exports.save(single, "manifest", tmp_path / "m.csv")) == 1
    (found,) = target.clips("q")
    assert found.text == clip.text and found.soft == single.labels[clip.sha256, "A"].probs and target.state("q") == {}


def test_blind_labels_are_those_before_a_proposal(snapshot):
    key = (CLIPS[0].sha256, "Anna")
    assert snapshot.labels[key].probs["surprise"] == 1
    blind = snapshot.unanchored()
    assert blind.labels[key].probs == snapshot.labels[key].before and blind.labels[key].seen == ()
    shown = replace(snapshot, labels=snapshot.labels | {key: replace(snapshot.labels[key], before=None)})
    assert key not in shown.unanchored().labels


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_nothing_that_a_person_typed_begins_a_cell_like_a_formula(snapshot, tmp_path, separator):
    """Whatever separator the spreadsheet is set to."""
    clips = [
        replace(clip, text=f"{clip.text} x;=1+1\n@SUM(1)\t+1;'=2", language="=1+1", extra={"split": ";=1"})
        for clip in snapshot.clips
    ]
    snapshot = replace(snapshot, clips=clips)
    for kind in ("long", "wide", "proposals", "ls-llm", "manifest"):
        with exports.save(snapshot, kind, tmp_path / f"{kind}.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.reader(file, delimiter=separator):
                assert not [cell for cell in row if cell[:1] in tuple("=+@\t\r") or re.match(r"-(?![\d])", cell)]


@settings(max_examples=200)
@given(st.one_of(st.text(), st.text("=;'-\n\tx")))
def test_guarding_gives_the_text_back(text):
    assert plain(guard(text)) == text and guard(text)[:1] not in tuple("=+-@＝＋－＠\t\r\n")
    assert not re.search(r"[;\t\r\n][=+\-@]", guard(text))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    note=st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0")), who=st.text("aя,\"'=\n ")
)
def test_any_note_and_name_come_back(snapshot, tmp_path, note, who):
    label = replace(next(iter(snapshot.labels.values())), note=note)
    single = replace(snapshot, labels={(CLIPS[1].sha256, who): label})
    (row,) = imports.read_long(exports.save(single, "long", tmp_path / "x.csv", replace=True))
    assert (row["note"], row["annotator"]) == (note, who)


@pytest.mark.parametrize("kind", exports.FORMATS)
def test_a_file_is_never_lost(snapshot, tmp_path, kind, monkeypatch):
    path = tmp_path / "x"
    path.write_text("mine")
    before = {p.name for p in tmp_path.iterdir()}
    with pytest.raises(InputError, match="--replace"):
        exports.save(snapshot, kind, path)

    def full(number):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(InputError, match="No space left"):
            exports.save(snapshot, kind, path, replace=True)
    assert path.read_text() == "mine" and {p.name for p in tmp_path.iterdir()} == before
    assert exports.save(snapshot, kind, path, replace=True).read_text(encoding="utf-8") != "mine"


def test_the_commands(snapshot, tmp_path, capsys):
    url, out = f"sqlite:///{tmp_path}/a.db", tmp_path / "out"
    export = ["annotations", "export", "p", "--store", url]
    for kind, (ending, _) in exports.FORMATS.items():
        assert command.main([*export, "--format", kind, "--out", str(out / f"{kind}{ending}")]) == 0
    assert command.main([*export, "--format", "events", "--out", str(out / "b.jsonl"), "--blind-only"]) == 2
    assert not (out / "b.jsonl").exists()
    assert command.main(["annotations", "import", "p", str(out / "long.csv"), "--store", url]) == 0
    assert f"0 new, {len(snapshot.labels)} known" in capsys.readouterr().out
    assert command.main([*export, "--format", "long", "--out", str(out / "long.csv")]) == 2
    assert "--replace" in capsys.readouterr().err
    assert command.main([*export, "--format", "long", "--out", str(out / "long.csv"), "--replace", "--blind-only"]) == 0
    assert all(row["seen"] == () for row in imports.read_long(out / "long.csv"))
    fresh = ["--store", f"sqlite:///{tmp_path}/c.db"]
    for counts in (f"{len(snapshot.events)} new, 0 known", f"0 new, {len(snapshot.events)} known"):
        assert command.main(["annotations", "import", "q", str(out / "events.jsonl"), *fresh]) == 0
        assert counts in capsys.readouterr().out
    again = exports.snapshot_of(Store(fresh[1]), "q")
    assert again.labels == snapshot.labels and again.proposals == snapshot.proposals


def test_the_commands_take_the_database_that_the_app_takes(tmp_path, monkeypatch, capsys):
    """One rule for both: `--store`, else $BIBIER_DATABASE, else annotations/bibier.db."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SPACE_ID", raising=False)
    (tmp_path / "voices").mkdir()
    (tmp_path / "voices" / "a.wav").write_bytes(b"any bytes")
    for variable, option, file in (
        ("", [], "annotations/bibier.db"),
        ("sqlite:///named.db", [], "named.db"),
        ("sqlite:///named.db", ["--store", "sqlite:///given.db"], "given.db"),
    ):
        monkeypatch.setenv("BIBIER_DATABASE", variable)
        assert not (tmp_path / file).exists()
        assert command.main(["annotations", "import", "p", "voices", *option]) == 0
        url = location.resolve_location({"BIBIER_DATABASE": variable}, option[-1] if option else None).url
        store = Store(url)
        assert (tmp_path / file).is_file() and len(store.clips("p")) == 1
        store.close()


def test_a_csv_for_excel_has_a_mark_and_reads_the_same(snapshot, tmp_path):
    plain = exports.save(snapshot, "long", tmp_path / "plain.csv")
    marked = exports.save(snapshot, "long", tmp_path / "marked.csv", excel=True)
    assert marked.read_bytes() == b"\xef\xbb\xbf" + plain.read_bytes()
    assert imports.read_long(marked) == imports.read_long(plain) and intake.kind_of(marked) == "long"
    assert exports.save(snapshot, "events", tmp_path / "e.jsonl", excel=True).read_bytes()[:1] == b"{"


def test_an_export_keeps_nobody_from_saving_and_is_of_one_moment(store, monkeypatch):
    """However long the log is: the label that comes while it is read is in the next export, whole."""
    reading, go_on, whole = threading.Event(), threading.Event(), rows.read_entries

    def slow(connection, project, *after, **more):
        if not after and threading.current_thread() is not threading.main_thread():
            reading.set()
            assert go_on.wait(60)
        return whole(connection, project, *after, **more)

    before = len(exports.snapshot_of(store, "p").events)
    monkeypatch.setattr(rows, "read_entries", slow)
    with ThreadPoolExecutor(1) as pool:
        export = pool.submit(exports.snapshot_of, store, "p")
        try:
            assert reading.wait(60)
            begun = time.monotonic()
            late = Event("late", "p", CLIPS[0].sha256, "Zoe", "label", named([1, 0, 0, 0, 0, 0, 0]))
            assert store.append(late) and time.monotonic() - begun < WAIT_SECONDS  # it would have been refused
        finally:
            go_on.set()
        snapshot = export.result(60)
    assert len(snapshot.events) == before and (CLIPS[0].sha256, "Zoe") not in snapshot.labels
    after = exports.snapshot_of(store, "p")
    assert len(after.events) == before + 1 and (CLIPS[0].sha256, "Zoe") in after.labels
