"""Exports read back: each comes back as it was, whole or not at all, and what would be misread is refused."""

import csv
import json
import random
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bibier.annotation import exports, imports, ingest, intake
from bibier.annotation.events import Event
from bibier.annotation.store import Store
from bibier.errors import InputError
from bibier.labels import EMOTIONS, vector
from tests.annotation import labelled
from tests.annotation.labelled import CLIPS

snapshot, store = labelled.snapshot, labelled.store  # fixtures


def test_events_come_back_the_same_and_twice_doubles_nothing(snapshot, tmp_path):
    path, target = exports.save(snapshot, "events", tmp_path / "e.jsonl"), Store(f"sqlite:///{tmp_path}/b.db")
    assert imports.add_events(target, "p", path) == (len(snapshot.events), 0)
    assert imports.add_events(target, "p", path) == (0, len(snapshot.events))
    again = exports.snapshot_of(target, "p")
    assert again == snapshot
    assert exports.save(again, "events", tmp_path / "f.jsonl").read_bytes() == path.read_bytes()


def test_a_deleted_recording_does_not_come_back_with_an_older_export(snapshot, store, tmp_path):
    """Its words did, in every format. Somebody's work on it elsewhere brings it back, as from a copy."""
    sent = replace(CLIPS[0], sha256="5" * 64, path="/gone.wav", text="what she said")
    store.add_clips("p", [sent])
    store.append(Event("proposed", "p", sent.sha256, "", "propose", dict.fromkeys(EMOTIONS, 1 / 7), source="model:x"))
    path = exports.save(exports.snapshot_of(store, "p"), "events", tmp_path / "e.jsonl")
    assert "what she said" in path.read_text(encoding="utf-8")
    assert store.remove_clip("p", sent.sha256)
    events = len(store.events("p"))
    assert imports.add_events(store, "p", path) == (0, len(snapshot.events) + 1)
    assert store.removed("p") == {sent.sha256} and store.clips("p") == CLIPS and len(store.events("p")) == events
    imports.add_events(store, "another", path)
    assert [clip.sha256 for clip in store.clips("another")] == [clip.sha256 for clip in CLIPS]
    label = Event("l", "p", sent.sha256, "Anna", "label", dict.fromkeys(EMOTIONS, 0.0) | {"happy": 1.0})
    path.write_text(path.read_text(encoding="utf-8") + label.to_json() + "\n", encoding="utf-8")
    assert imports.add_events(store, "p", path)[0] >= 1
    assert store.removed("p") == set() and sent in store.clips("p")


def test_an_older_label_stands_under_a_newer_one(store, tmp_path):
    """Of another store's export, or a copy of before: it took the newer one's place, and nothing was said."""

    def label(uuid, clip, moment, **shares):
        probs = dict.fromkeys(EMOTIONS, 0.0) | shares
        return Event(uuid, "p", CLIPS[clip].sha256, "Zoe", "label", probs, time=moment)

    def standing():
        return [store.state("p")[CLIPS[clip].sha256, "Zoe"].event for clip in (0, 1)]

    store.append(label("new", 0, "2026-03-01T10:00:00+00:00", happy=1.0))
    store.append(label("other", 1, "2026-01-01T10:00:00+00:00", happy=1.0))
    for moment in ("2026-02-01T10:00:00+00:00", "1970-01-01T00:00:00+00:00", "0001-01-01T00:00:00+00:00"):
        older = [
            label(f"old {moment}", 0, moment, sad=1.0),
            label(f"newer {moment}", 1, "2026-02-01T10:00:00+00:00", fear=1.0),
        ]
        assert imports.add(store, "p", [], older, lambda done, of: None, list(EMOTIONS)) == (2, 0)
        assert standing() == ["new", f"newer {moment}"]
    again = Store(store.database.engine.url.render_as_string())  # what another program reads
    assert again.state("p") == store.state("p")
    again.close()
    order = [event.uuid for _, event in store.events("p") if event.annotator == "Zoe" and event.clip == CLIPS[0].sha256]
    assert order[-1] == "new" and len(order) == 4


@pytest.mark.parametrize("kind", ["long", "label-studio", "long of before"])
def test_a_table_and_then_the_log_itself_say_what_the_log_says(store, tmp_path, kind):
    """What a table lacks, as the time, made another act of each: the log was refused whole, and older labels stood."""
    whole, target = exports.snapshot_of(store, "p"), Store(f"sqlite:///{tmp_path}/b.db")
    format_, ending = (kind, "json") if kind == "label-studio" else ("long", "csv")
    table = exports.save(whole, format_, tmp_path / f"t.{ending}")
    if kind == "long of before":
        with table.open(newline="") as file:
            rows = [
                {name: cell for name, cell in row.items() if name not in exports.LATER} for row in csv.DictReader(file)
            ]
        with table.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    log = exports.save(whole, "events", tmp_path / "e.jsonl")
    assert intake.take_in(target, "p", str(table), tmp_path).new > 0
    assert intake.take_in(target, "p", str(log), tmp_path).known > 0
    assert target.state("p") == store.state("p")
    assert sorted(event.to_json() for _, event in target.events("p")) == sorted(
        event.to_json() for event in whole.events
    )
    newest = max(whole.events, key=lambda event: event.time)
    again = replace(
        newest,
        uuid="z",
        kind="label",
        probs=dict.fromkeys(EMOTIONS, 0.0) | {"fear": 1.0},
        source="person",
        target="",
        before=None,
        seen=(),
    )
    store.append(again)
    for place in (table, log):  # of before the last label, which stands
        intake.take_in(store, "p", str(place), tmp_path)
    assert store.state("p")[again.clip, again.annotator].event == "z"
    target.close()


def test_a_project_is_copied_into_another_of_the_store(snapshot, store, tmp_path):
    """Each act has one id in a store: the copy was refused, with advice that did not help."""
    path = exports.save(snapshot, "events", tmp_path / "e.jsonl")
    for turn in (0, 1):
        taken = intake.take_in(store, "copy", str(path), tmp_path)
        assert (taken.new, taken.known) == ((len(snapshot.events), 0) if turn == 0 else (0, len(snapshot.events)))
    said = [{key: label.probs for key, label in store.state(name).items()} for name in ("p", "copy")]
    assert said[0] == said[1]
    step = store.undo("copy", "Anna")
    assert step is not None and store.state("p") == snapshot.labels


@pytest.mark.parametrize("between", ["change", "undo", "skip", "undone", "later"])
def test_two_copies_of_one_store_taken_in_one_after_the_other_are_the_second(tmp_path, between):
    """Its newest label stood under those of the first copy, as soon as the first knew two acts of one clip."""
    source, target = (Store(f"sqlite:///{tmp_path}/{name}.db") for name in "ab")
    source.add_clips("p", CLIPS)
    numbers = iter(range(100))

    def say(kind="label", clip=0, **shares):
        probs = dict.fromkeys(EMOTIONS, 0.0) | shares if shares else None
        source.append(Event(f"e{next(numbers)}", "p", CLIPS[clip].sha256, "Anna", kind, probs))
        time.sleep(0.002)

    def copy(name):
        return exports.save(exports.snapshot_of(source, "p"), "events", tmp_path / name)

    say(fear=1.0)
    if between == "undo":
        source.undo("p", "Anna")
    if between == "skip":
        say("skip")
    say(anger=1.0)
    first = copy("1.jsonl")
    if between == "later":  # the first copy comes in after the change
        say(sad=1.0)
        imports.add_events(target, "p", first)
    else:
        imports.add_events(target, "p", first)
        if between == "undone":
            source.undo("p", "Anna")
            source.undo("p", "Anna")
    if between != "undone":
        say(happy=1.0)
    imports.add_events(target, "p", copy("2.jsonl"))
    assert target.state("p") == source.state("p")
    for store in (source, target):
        store.close()


def test_half_a_character_is_refused_in_words(store, tmp_path):
    """It has no UTF-8: the database's library raised in the middle."""
    clip = {"sha256": "4" * 64, "path": "a.wav", "text": "\udc00", "language": ""}
    task = {"data": {"audio": "a.wav"} | clip, "annotations": []}
    for number, (name, text) in enumerate((("e.jsonl", json.dumps({"clip": clip})), ("t.json", json.dumps([task])))):
        (tmp_path / name).write_text(text)
        kind = ("events", "label-studio")[number]
        with pytest.raises(InputError, match="half a character"):
            clips, events, _ = intake.READERS[kind](tmp_path / name, None)
            imports.add(store, "p", clips, events, lambda done, of: None)
    assert store.clips("p") == CLIPS


def test_an_import_finds_recordings_that_were_moved_and_keeps_the_others_where_they_are(snapshot, store, tmp_path):
    moved = tmp_path / "moved.wav"
    moved.write_bytes(b"sound")
    clips = [replace(CLIPS[0], path=str(moved)), replace(CLIPS[1], path="/nowhere/else.wav"), *CLIPS[2:]]
    path = exports.save(replace(snapshot, clips=clips), "events", tmp_path / "e.jsonl")
    assert imports.add_events(store, "p", path) == (0, len(snapshot.events))
    assert store.clips("p") == [clips[0], *CLIPS[1:]]
    folder = tmp_path / "folder"
    folder.mkdir()
    target = Store(f"sqlite:///{tmp_path}/b.db")
    (folder / "a.wav").write_bytes(b"another sound")
    (folder / "list.csv").write_text("path,text,label,speaker\na.wav,words,happy,7\n")
    ingest.add_manifest(target, "q", folder / "list.csv")
    known = target.clips("q")[0]
    (folder / "a.wav").rename(tmp_path / "b.wav")
    moved.unlink()
    ingest.add_folder(target, "q", tmp_path)  # a folder says nothing of words
    assert target.clips("q") == [replace(known, path=str(tmp_path / "b.wav"))] and known.text == "words"
    target.close()


def test_a_log_that_two_stores_wrote_comes_back_though_an_undo_stands_out_of_turn(snapshot, store, tmp_path):
    """An undo that names what is there is kept; one that names nothing is refused as before."""
    first = next(event for event in snapshot.events if event.kind == "label" and event.annotator == "Anna")
    undo = Event("late undo", "p", first.clip, "Anna", "undo", target=first.uuid)
    mixed = replace(snapshot, events=[*snapshot.events, undo])
    target = Store(f"sqlite:///{tmp_path}/b.db")
    path = exports.save(mixed, "events", tmp_path / "e.jsonl")
    assert imports.add_events(target, "p", path) == (len(mixed.events), 0)
    assert [event for _, event in target.events("p")][-1].uuid == "late undo"
    assert exports.snapshot_of(target, "p").labels == store.state("p")  # a later label of the clip stands
    target.close()


def test_other_content_under_one_id_is_refused_and_nothing_changes(snapshot, store, tmp_path):
    path = exports.save(snapshot, "events", tmp_path / "e.jsonl")
    path.write_text(path.read_text(encoding="utf-8").replace('"confidence": 0.75', '"confidence": 0.5', 1))
    with pytest.raises(InputError, match="already"):
        imports.add_events(store, "p", path)
    assert exports.snapshot_of(store, "p") == snapshot


def test_a_conflict_late_in_a_file_takes_in_nothing_before_it(snapshot, tmp_path):
    path, target = exports.save(snapshot, "events", tmp_path / "e.jsonl"), Store(f"sqlite:///{tmp_path}/b.db")
    target.add_clips("q", CLIPS)
    label = next(event for event in reversed(snapshot.events) if event.kind == "label")
    target.append(replace(label, project="q", note="other"))
    before = exports.snapshot_of(target, "q")
    with pytest.raises(InputError, match="already"):
        imports.add_events(target, "q", path)
    undo = Event("u", "p", CLIPS[0].sha256, "Anna", "undo", target="nothing")
    path.write_text(path.read_text(encoding="utf-8") + undo.to_json() + "\n", encoding="utf-8")
    with pytest.raises(InputError):
        imports.add_events(Store(f"sqlite:///{tmp_path}/c.db"), "q", path)
    assert exports.snapshot_of(target, "q") == before and Store(f"sqlite:///{tmp_path}/c.db").projects() == {}


def test_a_long_table_is_taken_in_once(snapshot, store, tmp_path):
    path, target = exports.save(snapshot, "long", tmp_path / "l.csv"), Store(f"sqlite:///{tmp_path}/b.db")
    count = len(snapshot.labels)
    assert imports.add_long(store, "p", path) == (0, count) and exports.snapshot_of(store, "p") == snapshot
    assert [imports.add_long(target, "q", path) for _ in "12"] == [(count, 0), (0, count)]
    assert target.state("q") == snapshot.labels and target.proposals("q") == {}
    blind = exports.save(snapshot.unanchored(), "long", tmp_path / "blind.csv")
    with pytest.raises(InputError, match="already"):
        imports.add_long(target, "q", blind)  # the same ids with other content
    spoilt = path.read_text(encoding="utf-8").replace("0.75", "seven", 1)
    (tmp_path / "l.csv").write_text(spoilt, encoding="utf-8", newline="")
    with pytest.raises(InputError, match="line 2"):
        imports.add_long(target, "r", path)
    assert "r" not in target.projects()


@pytest.mark.parametrize("kind", ["events", "long", "wide", "label-studio"])
def test_an_export_is_known_by_what_is_in_it_and_comes_back_as_labels(snapshot, store, tmp_path, kind):
    """None is taken for a list of recordings; what stands there is not replaced by what knows less."""
    path = exports.save(snapshot, kind, tmp_path / f"x{exports.FORMATS[kind][0]}")
    target = Store(f"sqlite:///{tmp_path}/b.db")
    assert intake.kind_of(path) == kind
    first, again = (intake.take_in(target, "q", str(path), tmp_path) for _ in "12")
    assert first.new > 0 and again.new == 0 and again.clips == 0
    back = target.state("q")
    assert back.keys() == snapshot.labels.keys()
    for key, label in snapshot.labels.items():
        assert vector(back[key].probs) == pytest.approx(vector(label.probs), abs=1e-9)
        if kind != "wide":
            assert (back[key].note, back[key].confidence) == (label.note, label.confidence)
    before = store.state("p")
    assert intake.take_in(store, "p", str(path), tmp_path).new == 0 and store.state("p") == before


def test_what_would_be_misread_is_refused_with_the_reason(snapshot, tmp_path):
    target, sound = Store(f"sqlite:///{tmp_path}/b.db"), tmp_path / "ab-c.wav"
    sound.write_bytes(b"x")
    task = {"id": 5, "data": {"audio": "/data/upload/1/1234-ab-c.wav"}, "annotations": []}

    def tasks(*choices: str, number: float | None = None, **data: str) -> str:
        result = [{"from_name": "emotion", "type": "choices", "value": {"choices": list(choices)}}]
        if number is not None:
            result = [{"from_name": "joy", "type": "number", "value": {"number": number}}]
        given = {"completed_by": {"email": "ann"}, "result": result}
        content = json.dumps([task | {"data": task["data"] | data, "annotations": [given]}])
        (tmp_path / "tasks.json").write_text(content, encoding="utf-8")
        return str(tmp_path / "tasks.json")

    proposals = exports.save(snapshot, "proposals", tmp_path / "p.csv")
    lewidi = exports.save(snapshot, "lewidi", tmp_path / "l.json")
    for place, reason in (
        (lambda: str(proposals), "export “proposals”"),
        (lambda: str(lewidi), "not a list of Label Studio"),
        (lambda: tasks("happy", "sad"), "task 5: 2 emotions are chosen"),
        (lambda: tasks("bored"), "task 5:.*bored"),
        (lambda: tasks(number=60.0), "task 5:.*60"),
        (lambda: tasks("happy", audio="/else/where.wav"), "not next to the file"),
    ):
        with pytest.raises(InputError, match=reason):
            intake.take_in(target, "q", place(), tmp_path)
        assert "q" not in target.projects()
    assert intake.take_in(target, "q", tasks("Happiness"), tmp_path).new == 1
    ((clip, person),) = target.state("q")
    assert (person, Path(target.clips("q")[0].path)) == ("ann", sound.resolve()) and len(clip) == 64


@pytest.mark.parametrize("name", ["e.jsonl", "tasks.json"])
@pytest.mark.parametrize(
    "text, en, ru", [("[" * 100_000, "lists in lists", "вложены"), ("9" * 9_000, "digits", "цифр")]
)
def test_nobody_is_told_python_s_own_advice(store, tmp_path, name, text, en, ru):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        intake.take_in(store, "p", str(path), tmp_path)
    sentences = caught.value.text("en"), caught.value.text("ru")
    assert en in sentences[0] and ru in sentences[1] and name in sentences[0]
    assert not any(word in " ".join(sentences) for word in ("recursion", "sys.", "integer"))


@pytest.mark.parametrize(
    "line",
    [
        "no",
        "[]",
        '{"clip": {"x": 1}}',
        '{"clip": {"sha256": 3, "path": "a"}}',
        '{"uuid": 3}',
        "{" * 5000,
        json.dumps({"clip": {"sha256": "8" * 64, "path": "a.wav", "extra": {"a": ["b"]}}}),
        '{"clip": {"sha256": "%s", "path": "a.wav", "extra": {"a": %s}}}' % ("8" * 64, "[" * 970 + "]" * 970),  # noqa: UP031
    ],
    ids=lambda line: line[-20:],
)
def test_a_broken_line_is_named_and_takes_nothing_in(snapshot, store, tmp_path, line):
    path = exports.save(snapshot, "events", tmp_path / "e.jsonl")
    path.write_text(path.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")
    target = Store(f"sqlite:///{tmp_path}/b.db")
    with pytest.raises(InputError):
        imports.add_events(target, "p", path)
    assert target.projects() == {}


def test_a_long_table_comes_back(snapshot, tmp_path):
    rows = imports.read_long(exports.save(snapshot, "long", tmp_path / "long.csv"))
    clips = {clip.sha256: clip for clip in CLIPS}
    assert {(row["sha256"], row["annotator"]) for row in rows} == set(snapshot.labels)
    for row in rows:
        label, clip = snapshot.labels[row["sha256"], row["annotator"]], clips[row["sha256"]]
        for name in ("probs", "before", "confidence", "note", "seen", "seconds"):
            assert row[name] == getattr(label, name), name
        assert row["event"] == label.event
        assert (row["text"], row["path"], row["corpus_label"]) == (clip.text, clip.path, clip.label)


def test_proposals_come_back(snapshot, tmp_path):
    rows = imports.read_table(exports.save(snapshot, "proposals", tmp_path / "p.csv"))
    found = {(row["sha256"], row["source"]): {name: float(row[name]) for name in EMOTIONS} for row in rows}
    assert found == snapshot.proposals


@pytest.mark.parametrize("seed", range(12))
def test_copies_taken_in_as_they_were_made_end_as_their_store(tmp_path, seed):
    """Labels, skips, undo and redo of two people, copies and long tables between them, some of them taken in late."""
    rng = random.Random(seed)
    source, target = (Store(f"sqlite:///{tmp_path}/{name}.db") for name in "ab")
    source.add_clips("p", CLIPS)
    pending = []
    for number in range(40):
        who = rng.choice(["Anna", "Bob"])
        act = rng.choice(["label", "label", "label", "skip", "undo", "redo", "copy", "take"])
        if act in ("undo", "redo"):
            getattr(source, act)("p", who)
        elif act == "copy":
            kind = rng.choice(["events", "events", "long"])
            pending.append(exports.save(exports.snapshot_of(source, "p"), kind, tmp_path / f"{number}.{kind}"))
        elif act == "take" and pending:
            path = pending.pop(0)
            (imports.add_events if path.suffix == ".events" else imports.add_long)(target, "p", path)
        elif act in ("label", "skip"):
            shares = dict.fromkeys(EMOTIONS, 0.0) | {rng.choice(EMOTIONS): 1.0}
            clip = rng.choice(CLIPS).sha256
            source.append(Event(f"e{number}", "p", clip, who, act, shares if act == "label" else None))
        time.sleep(0.0015)
    imports.add_events(target, "p", exports.save(exports.snapshot_of(source, "p"), "events", tmp_path / "last.events"))
    assert target.state("p") == source.state("p")
    for store in (source, target):
        store.close()
