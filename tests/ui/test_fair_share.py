"""What all visitors have together is shared: one with many tabs or many cookies takes nobody else's."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest

from bibier.errors import InputError
from bibier.inference.queue import MAX_WAITING, InferenceQueue
from bibier.security.session import session_of
from bibier.ui import gradio_state
from bibier.ui.analyse.state import Analyses, ResultCache
from bibier.ui.fair_share import first_to_go
from bibier.ui.gradio_import import gradio as gr


def owner(tab: str) -> tuple[str, str]:
    """Read a tab's owner from its name: "network session number"."""
    network, session, _ = tab.split()
    return f"{network} {session}", network


def test_who_has_the_most_gives_up_the_longest_unused():
    assert first_to_go(["a x 1", "a x 2", "b y 1"], owner) == "a x 1"
    assert first_to_go(["b y 1", "a x 1", "a z 1"], owner) == "a x 1"  # many cookies, one address
    assert first_to_go(["a x 1", "a z 1", "a z 2"], owner) == "a z 1"


def test_made_up_tabs_make_nobody_forgotten():
    with gr.Blocks(analytics_enabled=False) as page:
        gr.Textbox()
    page.state_session_capacity = 10
    tabs = gradio_state.TabStates(owner)
    tabs.set_blocks(page)
    honest = [tabs["home ann 1"], tabs["home ann 2"]]
    for number in range(40):
        _ = tabs[f"elsewhere eve{number} 1"]
    assert [tabs["home ann 1"], tabs["home ann 2"]] == honest
    assert len(tabs.session_data) == len(tabs.time_last_used) == 10


def test_closed_tabs_are_forgotten_after_a_while():
    """Each visitor who left took more than a megabyte until two hundred others had come."""
    with gr.Blocks(analytics_enabled=False) as page:
        gr.Textbox()
    tabs = gradio_state.TabStates(owner, lambda tab: tab == "home ann 1")
    tabs.set_blocks(page)
    for tab in ("home ann 1", "home bob 1", "home carl 1"):
        _ = tabs[tab]
    assert tabs.forget_closed() == 0
    for tab in ("home ann 1", "home bob 1"):
        tabs.time_last_used[tab] -= timedelta(seconds=gradio_state.QUIET + 1)
    page._queue.pending_messages_per_session["home bob 1"] = page._queue.pending_event_ids_session["home bob 1"] = set()
    assert tabs.forget_closed() == 1 and tabs.session_data.keys() == {"home ann 1", "home carl 1"}
    assert not page._queue.pending_messages_per_session and not page._queue.pending_event_ids_session


def test_a_call_that_is_being_answered_is_no_closed_tab():
    """A program's analysis of an hour was told "Not Found" after ten minutes, while it ran."""
    with gr.Blocks(analytics_enabled=False) as page:
        gr.Textbox()
    tabs = gradio_state.TabStates(owner)
    tabs.set_blocks(page)
    _ = tabs["home ann 1"]
    page._queue.active_jobs = [None, [SimpleNamespace(session_hash="home ann 1")]]
    for _minute in range(3):
        tabs.time_last_used["home ann 1"] -= timedelta(seconds=gradio_state.QUIET + 1)
        assert tabs.forget_closed() == 0
    page._queue.active_jobs = [None, None]
    assert tabs.forget_closed() == 0  # the answer was made a moment ago
    tabs.time_last_used["home ann 1"] -= timedelta(seconds=gradio_state.QUIET + 1)
    assert tabs.forget_closed() == 1


def test_made_up_tokens_make_no_result_forgotten():
    cache = ResultCache(size=4)
    cache.put("mine", "result", ("ann", "home"))
    for number in range(20):
        cache.put(f"token {number}", "x", (f"eve {number}", "elsewhere"))
    assert cache.get("mine", ("ann", "elsewhere")) == "result" and len(cache.values) == 4


def test_what_was_heard_in_long_recordings_fills_no_memory():
    """Of sixteen recordings of ten minutes 700 MB were kept for an hour."""
    heard: ResultCache[float] = ResultCache(weight=lambda seconds: seconds, room=100.0)
    for number, seconds in enumerate([5.0, 600.0, 25.0, 26.0, 20.0, 20.0, 20.0, 20.0]):
        heard.put(f"tab {number}", seconds, (f"visitor {number}", "home"))
        assert sum(value for _, value, _ in heard.values.values()) <= 100
    assert [value for _, value, _ in heard.values.values()] == [20.0] * 4
    assert Analyses().encodings.room * 16_000 * 4 < 2**25  # bytes


def test_who_signs_in_next_in_a_tab_sees_nothing_of_who_was_there_before():
    """The tab keeps its token; a session is the browser with the person who is signed in."""
    nobody, ann, bob = ((session_of("browser", user), "home") for user in (None, "ann", "bob"))
    cache = ResultCache()
    cache.put("tab", "result", ann)
    assert cache.get("tab", ann) == "result" and cache.get("tab", bob) is cache.get("tab", nobody) is None


def test_who_signs_in_after_an_analysis_goes_on_with_it():
    cache = ResultCache()
    cache.put("tab", "result", (session_of("browser", None), "home"))
    assert cache.get("tab", (session_of("browser", "ann"), "home")) == "result"
    assert cache.get("tab", (session_of("stranger", "ann"), "home")) is None


@pytest.mark.parametrize(
    "owners, places, key",
    [
        ([("eve", "a")], MAX_WAITING // 4, "turn-share"),
        ([(f"eve {number}", "a") for number in range(99)], MAX_WAITING // 2, "turn-share-together"),
    ],
    ids=["a session", "an address"],
)
def test_one_visitor_does_not_take_all_places(owners, places, key):
    queue, taken = InferenceQueue(), 0
    with pytest.raises(InputError) as refused:
        for number in range(99):
            queue.enqueue(f"tab {number}", owner=owners[number % len(owners)])
            taken += 1
    assert taken == places and refused.value.key == key
    assert queue.enqueue("tab", owner=("ann", "b"))
