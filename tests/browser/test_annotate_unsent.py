"""What was typed into the Annotate tab is never lost: reloads, a dropped connection, a slow one, drafts."""

import re

import pytest

from bibier.files import sha256
from bibier.ui.annotate.points import points
from tests.browser.annotating import done, enter, title, values


def test_a_reload_keeps_everything(annotate, log):
    """A draft is there again, a saved label too, and it can be undone and done again."""
    visitor = annotate("again")
    page = visitor.page
    page.keyboard.press("Digit1")
    first = title(page)
    page.keyboard.press("Enter")
    done(page, 1)
    for code in ("Digit6", "Digit7", "KeyL"):
        page.keyboard.press(code)
    page.reload()
    enter(visitor, "again")
    page.wait_for_selector(".soft:not(.untouched)")
    assert values(page) == [0, 0, 0, 0, 0, 95, 5]
    assert page.locator(".bar.locked").count() == 1
    page.keyboard.press("Digit0")
    page.reload()
    enter(visitor, "again")
    done(page, 1)
    page.keyboard.press("Control+z")
    done(page, 0)
    assert title(page) == first
    page.keyboard.press("Control+Shift+z")
    done(page, 1)
    assert [event.kind for event in log("again")] == ["label", "undo", "redo"]
    assert values(page) == [100, 0, 0, 0, 0, 0, 0]


def test_skip_with_a_reason_comes_back(annotate, log):
    page = annotate("skipper").page
    first = title(page)
    page.keyboard.press("KeyS")
    page.keyboard.press("Digit2")
    page.wait_for_function(f"!document.querySelector('.clip h2').textContent.includes('{first}')")
    page.wait_for_selector(".delivery.good")
    (skip,) = log("skipper")
    assert (skip.kind, skip.note, skip.clip[:6]) == ("skip", "Several people speak", first)
    done(page, 0)


def test_a_dropped_connection_loses_nothing(annotate, log):
    """The person is told how much waits, in whichever language is chosen by then, goes on meanwhile, and all of it is
    saved once when the app is back: also to who has not read it before Gradio, which noticed too, loads the page anew.
    """
    visitor = annotate("offline")
    page = visitor.page
    page.keyboard.press("Digit4")
    visitor.context.set_offline(True)
    for key in ("Enter", "Digit2", "Enter"):
        page.keyboard.press(key)
    page.wait_for_selector(".delivery.alert:has-text('Not saved yet'):has-text('Waiting: 2')")
    page.evaluate("bibier.setLanguage('ru')")  # Gradio's own word of the lost connection covers the switch
    page.wait_for_selector(".delivery.alert:has-text('Пока не сохранено'):has-text('Ждут отправки: 2')")
    assert page.inner_text(".studio .kept").startswith("Разметка хранится")
    page.wait_for_selector(".toast-title:has-text('Ошибка')")  # Gradio's word of it, in the page's language
    page.wait_for_selector(".toast-message-text:has-text('Приложение не отвечает')")
    page.evaluate("bibier.setLanguage('en')")
    page.wait_for_selector(".toast-message-text:has-text('Trying to reach it')")
    page.wait_for_selector(".delivery.alert:has-text('Not saved yet'):has-text('Waiting: 2')")
    assert log("offline") == []
    with page.expect_navigation():
        visitor.context.set_offline(False)
    done(page, 2)
    page.wait_for_selector(".delivery.good:has-text('everything is saved')")
    assert [points(event.probs).index(100) for event in log("offline")] == [3, 1]
    lost = ("ERR_INTERNET_DISCONNECTED", "dynamically imported module")  # the second: Gradio's own Russian words
    visitor.complaints[:] = [text for text in visitor.complaints if not any(reason in text for reason in lost)]


def test_a_refusal_that_passes_loses_nothing(annotate, log, labelled_folder):
    """The database is away for a moment: its word is told, the label waits in the browser and is saved by itself."""
    visitor = annotate("refused")
    page = visitor.page
    page.keyboard.press("Digit4")
    database = labelled_folder / "annotations" / "bibier.db"
    database.rename(labelled_folder / "away.db")
    page.keyboard.press("Enter")
    page.wait_for_selector(".delivery.alert:has-text('no longer there'):has-text('kept in this browser')")
    (labelled_folder / "away.db").rename(database)
    done(page, 1)
    assert [points(event.probs)[3] for event in log("refused")] == [100]
    visitor.complaints[:] = [text for text in visitor.complaints if "503" not in text]  # the next clip's sound


def test_an_act_without_an_answer_keeps_nobody_else_waiting_and_half_a_sign_is_sent_whole(
    annotate, log, labelled_folder
):
    """A note that a cut had left with half an emoji was refused for good, and all that waited in the browser behind."""
    visitor = annotate("holly")
    clip = sha256(labelled_folder / "clips" / "00.wav")
    act = {
        "project": "clips",
        "clip": clip,
        "points": [0, 0, 0, 100, 0, 0, 0],
        "confidence": None,
        "fill": "",
        "rest": 0,
    }
    for who, kind in (("stuck", "nothing of ours"), ("holly", "save")):
        act |= {"annotator": who, "act": kind, "note": "cut "}
        visitor.page.evaluate("act => bibier.outbox.add({...act, note: act.note + '\\ud83d'}, 1)", act)
    visitor.page.wait_for_function("bibier.outbox.waiting().length === 1")
    assert visitor.page.evaluate("bibier.outbox.waiting()[0].annotator") == "stuck"
    assert [event.note for event in log("holly")] == ["cut \ufffd"]
    visitor.complaints[:] = [text for text in visitor.complaints if "404" not in text]  # the act that is none


def test_what_another_answers_in_the_server_s_place_is_not_called_saved(annotate, log):
    """A proxy that answers any JSON: the label stood as saved, and was nowhere."""
    visitor = annotate("proxied")
    page = visitor.page
    page.route(re.compile("component_server"), lambda route: route.fulfill(json={"ok": True}))
    page.keyboard.press("Digit4")
    page.keyboard.press("Enter")
    page.wait_for_selector(".delivery.alert:has-text('Not saved yet')")
    assert page.evaluate("bibier.outbox.waiting().length") == 1 and log("proxied") == []
    page.unroute(re.compile("component_server"))
    page.wait_for_function("!bibier.outbox.waiting().length")
    assert [points(event.probs)[3] for event in log("proxied")] == [100]


SLOW = """(latency) => {
    const plain = window.fetch;
    window.fetch = async (...request) => {
        if (String(request[0]?.url ?? request[0]).includes("component_server")) {
            await new Promise((soon) => setTimeout(soon, latency));
        }
        return plain(...request);
    };
}"""


@pytest.mark.parametrize("latency", [150, 400, 1000])
def test_ten_clips_typed_fast_are_ten_labels(annotate, log, latency):
    """Whatever the network takes, nobody waits for it: each clip gets what was typed while it was in sight."""
    visitor = annotate(f"fast {latency}")
    page, typed = visitor.page, {}
    page.evaluate(SLOW, latency)
    for number in range(10):
        page.keyboard.press(f"Digit{number % 7 + 1}")
        typed[title(page)] = number % 7
        page.keyboard.press("Enter")
    assert len(typed) == 10 and "Saving" in page.inner_text(".delivery")
    # what waits is sent at the start of the page, before the tab is opened
    if latency == 1000:
        asked = []
        page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
        page.goto(page.url.split("?")[0])  # on the first tab
        assert asked == ["beforeunload"]
        page.wait_for_function("!Object.keys(localStorage).some((key) => key.startsWith('bibier_act:'))")
        assert page.locator(".studio").count() == 0  # the tab was not opened
    else:
        done(page, 10)
        page.wait_for_selector(".delivery.good:has-text('Saved')")
    labels = [(event.clip[:6], points(event.probs).index(100)) for event in log(f"fast {latency}")]
    assert labels == list(typed.items())


def test_what_waits_keeps_its_order_when_the_clock_goes_back(annotate):
    """The older of two labels was sent last, and stood."""
    page = annotate("clock").page
    waiting = page.evaluate("""() => {
        bibier.outbox.connect(null);
        const now = Date.now, act = { act: "save", project: "p", annotator: "clock" };
        bibier.outbox.add({ ...act, clip: "first" }, 1);
        Date.now = () => now() - 3600e3;
        bibier.outbox.add({ ...act, clip: "second" }, 1);
        bibier.outbox.add({ ...act, clip: "third" }, 1);
        Date.now = now;
        return bibier.outbox.waiting().map((one) => one.clip);
    }""")
    page.evaluate("localStorage.clear()")
    assert waiting == ["first", "second", "third"]


def test_a_draft_for_each_clip(annotate, log):
    """Going back loses no draft; a note that was typed and then skipped is kept; an undo gives the label to correct."""
    page = annotate("drafts").page
    page.keyboard.press("Digit1")
    page.keyboard.press("Enter")
    page.keyboard.press("Digit2")
    second = title(page)
    page.keyboard.press("Backspace")
    assert values(page)[0] == 100 and title(page) != second
    page.keyboard.press("Digit3")  # a draft of the first clip too
    page.keyboard.press("Backspace")
    page.wait_for_selector(".status:has-text('no previous clip')")
    page.keyboard.press("Enter")
    assert title(page) == second and values(page)[1] == 100
    page.locator(".beside textarea").fill("two at once")
    page.locator(".beside textarea").press("Escape")
    page.keyboard.press("KeyS")
    page.keyboard.press("Digit2")
    done(page, 1)
    page.keyboard.press("Backspace")
    assert title(page) == second and page.input_value(".beside textarea") == "two at once" and values(page)[1] == 100
    page.keyboard.press("Enter")
    done(page, 2)
    page.keyboard.press("Control+z")
    page.wait_for_selector(".status:has-text('no longer saved')")
    assert title(page) == second and values(page)[1] == 100 and page.input_value(".beside textarea") == "two at once"
    done(page, 1)
    kinds = [(event.kind, event.note.split("\n")[-1]) for event in log("drafts")]
    assert kinds[-3:] == [("skip", "two at once"), ("label", "two at once"), ("undo", "")]
