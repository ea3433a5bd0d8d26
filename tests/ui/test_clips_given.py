"""Which clip a person is given, who else has it, and where its sound lies."""

import hashlib
import random
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import pytest

from bibier.annotation.state import ProjectClip
from bibier.annotation.store import Store
from bibier.errors import InputError, StoreUnavailable
from bibier.security.ownership import Ownership
from bibier.security.session import Visitor
from bibier.ui.analyse.erasure import Erasure, Listing
from bibier.ui.annotate.handlers import SENT, AnnotateHandlers
from bibier.ui.annotate.reservations import HELD, Reservations
from tests.ui import annotating
from tests.ui.annotating import SAD, UUID, sent

store = annotating.store  # a fixture


def test_eight_people_who_label_at_once_hardly_meet(store):
    """Where one label a clip is wanted, nearly every label is of another clip, whatever the pauses."""
    store.add_clips("many", [ProjectClip(f"{i:064x}", f"{i}.wav") for i in range(100, 220)])
    handlers, people = AnnotateHandlers(store), [f"P{i}" for i in range(8)]
    before = {who: handlers.open({"project": "many", "annotator": who})["now"]["clip"] for who in people}
    assert len(set(before.values())) == 8
    turns = random.Random(0)
    labels = Counter()
    for turn in range(100):
        who = turns.choice(people)
        labels[before[who]] += 1
        after = handlers.save(sent(uuid=UUID.format(turn), project="many", annotator=who, clip=before[who]))
        before[who] = after["now"]["clip"]
    assert len(labels) >= 95


def test_a_clip_is_held_while_its_page_says_so_and_holds_nobody_back(store):
    time = [0.0]
    handlers = AnnotateHandlers(store)
    handlers.reservations.clock = lambda: time[0]

    def opened(who):
        return handlers.open({"project": "voices", "annotator": who})["now"]["text"]

    assert [opened(who) for who in ("Ann", "Bob", "Eve")] == [
        "words 0",
        "words 2",
        "words 1",
    ]  # what comes next is held
    assert opened("Mia") in ("words 0", "words 1", "words 2")  # nothing is free: nobody is held back
    handlers.hold(sent(annotator="Mia", clip=None))
    time[0] = 80.0
    handlers.hold(sent(annotator="Ann"))
    time[0] = 100.0  # Bob and Eve have gone
    assert opened("Zoe") == "words 2" and opened("Max") == "words 1"
    handlers.hold(sent(annotator="Ann", clip=None))
    handlers.hold(sent(annotator="Max", clip=None))
    assert opened("Ivy") == "words 0"


def test_what_is_held_is_a_clip_and_forgotten_in_time(store):
    """Names that somebody invents don't pile up, and nothing but a clip of the project is kept."""
    now = [0.0]
    handlers = AnnotateHandlers(store)
    handlers.reservations = Reservations(lambda: now[0])
    for number in range(50):
        assert handlers.hold(sent(annotator=f"name {number}"))["held"]
    assert not handlers.hold(sent(annotator="Ann", clip="x" * 60_000))["held"]
    now[0] += HELD + 1
    handlers.hold(sent(annotator="Ann"))
    assert list(handlers.reservations._held) == [("voices", "Ann")]


def test_the_page_knows_what_comes_and_who_else_is_there(store):
    """Clips ahead of a slow connection; a second tab and a second browser under one name; an undo's label."""
    handlers = AnnotateHandlers(store)
    page, other, seat = (f"00000000-0000-4000-8000-00000000000{n}" for n in range(3))
    coming = handlers.open(sent(clip=None, page=page, seat=seat))
    assert [coming["now"]["clip"], coming["after"]["clip"], *(c["clip"] for c in coming["later"])] == [
        f"{n:064x}" for n in range(3)
    ]
    assert coming["also"] == "" and handlers.open(sent(clip=None, page=other, seat=seat))["also"] == "tab"
    assert handlers.save(sent(page=page, seat=other))["also"] == "person"
    assert handlers.hold(sent(clip=None, page=other, seat=seat))["also"] == "person"  # and leaves
    assert handlers.save(sent(2, page=page, seat=seat))["also"] == ""
    handlers.step(sent())
    undone = handlers.step(sent())
    assert undone["now"]["label"] is None and undone["undone"]["points"] == SAD


def test_a_skipped_clip_comes_last(store):
    handlers = AnnotateHandlers(store)
    answer = handlers.skip(sent(note="several voices"))
    assert answer["now"]["text"] == "words 1" and answer["done"] == 0
    handlers.save(sent(2, clip=1))
    last = handlers.save(sent(3, clip=2))["now"]
    assert (last["text"], last["skipped"]) == ("words 0", "several voices")


def test_nobody_changes_the_words_of_a_clip_that_another_sent_or_somebody_has_labelled(store, tmp_path):
    """Whoever sent the same file with other words replaced those under labels that were given to the first."""
    recording, owners = tmp_path / "recording.wav", Ownership(tmp_path)
    recording.write_bytes(b"RIFF")
    handlers = AnnotateHandlers(store, folder=tmp_path / "media")
    privacy = Erasure(store, SimpleNamespace(limit=10**9), tmp_path / "media")

    def take(name: str, words: str) -> str:
        guest = Visitor(name, "10.0.0.1", None, True, owners)
        own = partial(lambda guest, sha256: privacy.is_own(guest, (SENT, sha256)), guest)
        address = privacy.take(guest, recording, lambda: handlers.receive(str(recording), words, "en", 1.5, own))
        (clip,) = [clip for clip in store.clips(SENT) if clip.sha256 == address["clip"]]
        return clip.text

    assert take("ann", "") == "" and take("bob", "a first hearing") == "a first hearing"
    assert take("ann", "ann's own") == "a first hearing"  # of two senders neither is alone with it
    recording.write_bytes(b"RIFF another")
    assert take("ann", "I am glad") == "I am glad"
    assert take("ann", "I am so glad") == "I am so glad"
    clip = hashlib.sha256(recording.read_bytes()).hexdigest()
    handlers.save(sent(clip=clip, project=SENT) | {"annotator": "carol"})
    assert take("ann", "I am sad") == take("bob", "OVERWRITTEN") == "I am so glad"


def test_a_recording_whose_clip_the_database_refuses_leaves_no_file(store, tmp_path):
    recording, media = tmp_path / "recording.wav", tmp_path / "kept"
    recording.write_bytes(b"RIFF")
    handlers = AnnotateHandlers(store, folder=media)
    (tmp_path / "store.db").rename(tmp_path / "away.db")
    with pytest.raises(StoreUnavailable):
        handlers.receive(str(recording), "words", "en", 1.5)
    assert not list(media.iterdir())
    (tmp_path / "away.db").rename(tmp_path / "store.db")
    address = handlers.receive(str(recording), "words", "en", 1.5)
    (tmp_path / "store.db").rename(tmp_path / "away.db")
    with pytest.raises(StoreUnavailable):
        handlers.receive(str(recording), "words", "en", 1.5)  # the same again: its file is on a list
    (tmp_path / "away.db").rename(tmp_path / "store.db")
    erasure = Erasure(store, SimpleNamespace(), media)

    def refuse():
        raise StoreUnavailable("store-locked", seconds=1)

    clip = (address["project"], address["clip"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "projects", refuse)
        with pytest.raises(StoreUnavailable):
            erasure.remove(*clip, Listing(store, {clip}))
    assert erasure.remove(*clip, Listing(store, {clip})) and not list(media.iterdir())


def test_a_damaged_project_hides_no_clip_of_another(store, tmp_path):
    clip = store.clips("voices")[0]
    store.add_clips("another", [replace(clip, path=str(tmp_path / "0.wav"))])
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection:
        connection.execute("UPDATE clips SET body = replace(body, 'words', 'wordz') WHERE project = 'another'")
        connection.commit()
    handlers = AnnotateHandlers(Store(f"sqlite:///{tmp_path / 'store.db'}"))
    assert handlers.paths(clip.sha256, ["another", "voices"]) == [clip.path]
    with pytest.raises(StoreUnavailable, match="--skip-damaged"):
        handlers.paths(clip.sha256, ["another"])
    assert handlers.save(sent())["new"]


def test_a_recording_of_the_analyse_tab_is_kept(store, tmp_path):
    recording = tmp_path / "recording.wav"
    recording.write_bytes(b"RIFF")
    handlers = AnnotateHandlers(store, folder=tmp_path / "kept")
    errand = handlers.receive(str(recording), "words", "en", 1.5)
    assert list(handlers.settings()) == ["voices", errand["project"]]  # a visitor begins with the first
    handlers.receive(str(recording), "words", "en", 1.5)
    recording.unlink()
    assert handlers.paths(errand["clip"], ["analysed"])[0].endswith(".wav")
    assert handlers.paths(errand["clip"], ["voices"]) == []
    assert handlers.open(errand | {"annotator": "Ann"})["now"]["text"] == "words"
    assert len(store.clips(errand["project"])) == 1
    assert handlers.paths("../../etc/passwd", ["analysed"]) == handlers.paths("f" * 64, ["analysed"]) == []


def test_a_clip_that_moved_is_given_from_its_new_place_and_a_removed_one_is_gone(store, tmp_path):
    """What the store lists now counts, whatever was asked before."""
    handlers = AnnotateHandlers(store)
    clip = store.clips("voices")[0]
    assert handlers.paths(clip.sha256, ["voices"]) == [clip.path]
    handlers.open({"project": "voices", "annotator": "Ann", "clip": clip.sha256})
    store.add_clips("voices", [replace(clip, path=str(tmp_path / "moved.wav"))])
    assert handlers.paths(clip.sha256, ["voices"]) == [str(tmp_path / "moved.wav")]
    store.add_clips("others", [replace(clip, path=str(tmp_path / "0.wav"))])
    assert handlers.paths(clip.sha256, ["voices", "others"]) == [str(tmp_path / n) for n in ("0.wav", "moved.wav")]
    assert store.remove_clip("voices", clip.sha256)
    assert handlers.paths(clip.sha256, ["voices"]) == []
    for act in (handlers.visit, handlers.save, handlers.skip, handlers.open):
        with pytest.raises(InputError, match="not in the project"):
            act(sent())


def test_paths_are_refused_where_others_reach_the_app(store):
    with pytest.raises(InputError, match="this computer alone"):
        AnnotateHandlers(store).enter({"source": "/etc"})
