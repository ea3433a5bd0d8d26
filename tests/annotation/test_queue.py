"""Whose turn a clip is, and what can be set of a project."""

from dataclasses import replace

import numpy as np
import pytest

from bibier.annotation.events import Event
from bibier.annotation.project_settings import SETTINGS
from bibier.annotation.state import ORDERS, ProjectClip
from bibier.annotation.store import Store
from bibier.errors import InputError
from bibier.labels import named
from tests.annotation import stores
from tests.annotation.stores import CLIPS, label

store, url = stores.store, stores.url  # fixtures


def test_everybody_has_a_queue_and_skipped_clips_come_last(store):
    store.append(label(0, "A", "skip", note="noise"))
    assert store.next("p", "A") == CLIPS[1] and store.next("p", "B") == CLIPS[0]
    for clip in range(1, 6):
        store.append(label(clip, "A"))
    assert store.next("p", "A") == CLIPS[0] and store.progress("p", "A") == (5, 6)
    store.append(label(1, "B"))
    assert store.next("p", "C") == CLIPS[0]
    for clip in (2, 3, 4, 5, 0):
        store.append(label(clip, "B"))
    assert store.next("p", "C") == CLIPS[0] and store.progress("p", "C") == (0, 1)
    store.append(label(0, "A"))
    assert store.next("p", "C") is None and store.next("p", "A") is None


def test_orders(store):
    even = named(np.full(7, 1 / 7))
    store.append(replace(label(4, "", "propose", source="model:m/audio"), probs=even))
    store.append(label(3, "", "propose", source="model:m/audio", at=1))
    store.append(label(3, "", "propose", source="model:m/text", at=2))
    store.append(label(5, "A", at=1))
    store.append(label(5, "B", at=2))
    store.project("p", wanted=3)
    first = {order: store.next("p", "C", order) for order in ORDERS}
    assert [first[o] for o in ("given", "uncertain", "modalities", "people")] == [CLIPS[i] for i in (0, 4, 3, 5)]
    assert first["random"] == store.next("p", "C", "random")
    assert len({store.next("p", name, "random").sha256 for name in "CDEFGHIJKL"}) > 2


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_share_of_the_turns_is_random(tmp_path, share):
    store, count = Store(f"sqlite:///{tmp_path}/a.db"), 200
    store.project("p", order="uncertain", share=share, wanted=1)
    clips = [ProjectClip(f"{i:064x}", f"{i}.wav") for i in range(count)]
    store.add_clips("p", clips)
    for i, clip in enumerate(clips):  # the later, the less certain
        probs = named(np.array([1 - i / 300, *[i / 1800] * 6]))
        store.append(Event(f"p{i}", "p", clip.sha256, "", "propose", probs, source="model:m/audio"))
    left, odd = set(range(count)), 0
    for turn in range(100):
        index = clips.index(store.next("p", "A"))
        odd += index != max(left)
        left.remove(index)
        store.append(Event(f"l{turn}", "p", clips[index].sha256, "A", "label", named(np.eye(7)[0])))
    assert share == 0 and odd == 0 or abs(odd / 100 - share) < 0.13
    store.close()


@pytest.mark.parametrize(
    "settings, expected",
    [
        ({"proposals": "seen"}, "hidden, shown"),
        ({"wanted": 0}, "1, 2, …"),
        ({"wanted": True}, "1, 2, …"),
        ({"wanted": 2.0}, "1, 2, …"),
        ({"order": "worst"}, "given, random, uncertain, modalities, people"),
        ({"share": 1.5}, "0 … 1"),
        ({"share": float("nan")}, "0 … 1"),
        ({"share": "0.5"}, "0 … 1"),
        ({"seed": 0.5}, "0, 1, …"),
        ({"colour": "red"}, ", ".join(SETTINGS)),
    ],
)
def test_a_setting_out_of_range_is_named_with_its_value_and_what_is_expected(store, settings, expected):
    ((name, value),) = settings.items()
    before = store.project("p")
    with pytest.raises(InputError) as error:
        store.project("p", **settings)
    assert error.value.message.values == {"setting": name, "value": str(value), "expected": expected}
    assert store.project("p") == before


def test_settings_are_kept_as_they_were_given(store):
    chosen = {"proposals": "shown", "wanted": 3, "order": "random", "share": 1, "seed": -7}
    assert store.project("p", **chosen) == SETTINGS | chosen and type(store.projects()["p"]["share"]) is int
