"""The Annotate tab in a real browser: nothing that was typed is lost, and nothing is shown before its time."""

import random
import re

import pytest

from bibier.labels import EMOTIONS, NAMES
from bibier.ui.annotate.points import points
from tests.browser.annotating import VALUES, Keys, done, enter, title, values
from tests.browser.conftest import english

TO_LABEL = 20


@pytest.mark.parametrize("layout", ["latin", "russian"])
def test_twenty_clips_by_keyboard_alone(annotate, log, layout):
    """Each label as it was typed, with its confidence."""
    visitor = annotate(layout, locale="ru-RU" if layout == "russian" else "en-US")
    page, typed = visitor.page, {}
    press = Keys(page, layout)
    for number in range(TO_LABEL):
        first, second = number % 7, (number + 1 + number // 7) % 7
        if number % 4 == 3:  # the preset
            press("KeyP", f"Digit{first + 1}", f"Digit{second + 1}")
            share = 30
        else:  # points, on the number pad at times, with one too many taken away
            pad = "Numpad" if number % 4 == 2 else "Digit"
            press(f"{pad}{first + 1}", *[f"{pad}{second + 1}"] * (number % 5 + 2), f"Shift+Digit{second + 1}")
            share = 5 * (number % 5 + 1)
        press(*["KeyC"] * (number % 4 + 1))
        expected = [0] * 7
        expected[first], expected[second] = 100 - share, share
        assert values(page) == expected
        typed[title(page)] = (expected, (number % 4 + 1) / 4)
        press("Enter")
        done(page, number + 1)
    labels = {event.clip[:6]: (points(event.probs), event.confidence) for event in log(layout)}
    assert len(typed) == TO_LABEL and labels == typed
    assert {event.kind for event in log(layout)} == {"label"}


def test_thirty_arrow_presses(annotate):
    """Every press counts, and the server is not asked for each; afterwards the keys still work."""
    page = annotate("arrows").page
    calls = []
    page.on("request", lambda request: calls.append(request.url) if request.method == "POST" else None)
    page.locator(".bar input[type=range]").first.focus()
    for _ in range(30):
        page.keyboard.press("ArrowRight")
    assert values(page) == [30, 0, 0, 0, 0, 0, 0] and "70 left" in page.inner_text(".sum")
    page.wait_for_timeout(500)
    assert len(calls) <= 5
    page.keyboard.press("KeyH")
    assert values(page)[0] == 100


def test_untouched_is_not_uniform(annotate, log):
    """An empty label is refused with words, and nothing is stored."""
    page = annotate("idle").page
    assert page.evaluate(VALUES) == [""] * 7
    assert page.locator(".bar input[type=range]").first.get_attribute("aria-valuetext") == "not set"
    page.keyboard.press("Enter")
    page.wait_for_selector(".status.alert:has-text('Not saved')")
    assert log("idle") == []
    page.keyboard.press("Digit3")  # the complaint goes with its reason
    assert page.locator(".status.alert").count() == 0


def test_digits_in_a_note_stay_there(annotate, log):
    """What is typed into a text field is text."""
    page = annotate("writer").page
    page.keyboard.press("Digit3")
    page.keyboard.press("KeyN")
    note = "1 2 7 ${alert(1)} <img src=x onerror=alert(1)> 0 H"
    page.keyboard.type(note)
    assert values(page)[2] == 100
    page.keyboard.press("Control+Enter")
    done(page, 1)
    assert [event.note for event in log("writer")] == [note]


def test_blind_first(annotate, log):
    """No proposal reaches the browser before the person has committed; what is changed afterwards is told apart."""
    visitor = annotate("blind")
    page, bodies = visitor.page, []
    page.on("response", lambda answer: bodies.append(answer.text()) if "component_server" in answer.url else None)
    page.wait_for_timeout(3000)  # the model has had its time
    for code in ("Digit2", "Digit5"):
        page.keyboard.press(code)
    page.keyboard.press("Enter")
    done(page, 1)
    page.keyboard.press("Backspace")
    page.wait_for_function("document.querySelector('.far') && !document.querySelector('.soft').matches('.untouched')")
    assert bodies and not any('"source"' in body for body in bodies)
    assert page.locator(".mark").count() == 0
    page.keyboard.press("KeyV")
    page.wait_for_selector(".mark")
    assert page.locator(".mark").count() == 7
    page.keyboard.press("Digit5")
    page.keyboard.press("Enter")
    page.wait_for_selector(".delivery.good")  # the next clip comes before this one is saved
    label, reveal, changed = log("blind")
    assert (label.kind, label.seen, label.before) == ("label", (), None)
    assert reveal.kind == "reveal" and reveal.seen == ("model:compact",)
    assert changed.seen == ("model:compact",) and points(changed.before) == [0, 95, 0, 0, 5, 0, 0]
    assert points(changed.probs) == [0, 90, 0, 0, 10, 0, 0]


def test_open_points_are_asked_about(annotate, log):
    """A drag leaves the rest open; Enter asks where it goes, shows what would be saved, and the log says so."""
    page = annotate("open").page
    for rule, wanted in (("proportion", [0, 0, 0, 100, 0, 0, 0]), ("neutral", [0, 0, 0, 60, 40, 0, 0])):
        first = title(page)
        page.locator(".bar input[type=number]").nth(3).fill("60")
        page.locator(".bar input[type=number]").nth(3).press("Enter")
        assert values(page) == [0, 0, 0, 60, 0, 0, 0]
        page.keyboard.press("Enter")
        page.wait_for_selector(f".filling [data-rule={rule}]")
        page.keyboard.press("Escape")
        assert page.locator(".filling").is_hidden() and title(page) == first
        page.keyboard.press("Enter")
        if rule == "proportion":
            page.keyboard.press("Enter")  # the first answer
        else:
            page.click(f".filling [data-rule={rule}]")
        done(page, 1 if rule == "proportion" else 2)
        event = log("open")[-1]
        assert (points(event.probs), event.fill, round(event.rest, 9)) == (wanted, rule, 0.4)


@pytest.mark.parametrize("locale", ["en-US", "ru-RU"])
def test_a_phone_needs_no_sideways_scrolling(annotate, locale):
    visitor = annotate(f"phone {locale}", viewport={"width": 390, "height": 844}, locale=locale)
    page = visitor.page
    page.locator(".bar input[type=range]").nth(3).click()
    page.wait_for_selector(".soft:not(.untouched)")
    assert sum(values(page)) == values(page)[3] > 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    save = page.locator(".save").bounding_box()
    assert save["y"] + save["height"] <= 844  # in sight, wherever one has scrolled to
    slider, number = (page.locator(f".bar input[type={kind}]").first.bounding_box() for kind in ("range", "number"))
    assert slider["y"] >= number["y"] + number["height"] - 1 and slider["width"] > 300  # in two rows


def test_the_same_act_gives_the_same_label_by_every_way(annotate):
    """Any sequence of acts, each by a way drawn at random: keys, a drag, a typed number, a click on the name.

    Whole numbers of at most 100 in all, which every rule fills up to 100; moved up and down again, a bar leaves the
    others as they were.
    """
    page = annotate("ways").page
    generator = random.Random(7)
    acts = [
        (generator.choice(["set"] * 4 + ["give", "less", "lock", "one", "swing"]), generator.randrange(7))
        for _ in range(300)
    ]
    different, wrong, swung = page.evaluate(
        """(acts) => {
            const made = (k) => {
                const host = document.createElement("div");
                document.body.append(host);
                const editor = bibier.createEditor(host, { sum: document.createElement("p") });
                const bars = [...host.querySelectorAll(".bar")];
                const key = (code, shiftKey = false) => editor.key({ code, shiftKey, target: host, preventDefault() {},
                    getModifierState: () => false });
                const put = (i, value, way) => {
                    const [range, number] = bars[i].querySelectorAll("input");
                    const dragged = way === 0 ? [10, 95, 3, value] : [value]; // on the way to it, or at once
                    for (const point of dragged) {
                        (way === 2 ? number : range).value = point;
                        (way === 2 ? number : range).dispatchEvent(new Event("input", { bubbles: true }));
                    }
                };
                const give = (i, less, way) => {
                    if (way) key(`Digit${i + 1}`, less);
                    else bars[i].querySelector(".name").dispatchEvent(
                        new MouseEvent("click", { bubbles: true, shiftKey: less }));
                };
                return { host, editor, act: ([kind, i], step) => {
                    const way = (step * 31 + k * 7 + i) % 3;
                    if (kind === "set") put(i, (step * 37) % 101, k === 0 ? 1 : way);
                    else if (kind === "give" || kind === "less") give(i, kind === "less", k === 0 || way);
                    else if (kind === "lock" && (k === 0 || way)) { put(i, editor.points?.[i] ?? 0, 1); key("KeyL"); }
                    else if (kind === "lock") bars[i].querySelector(".lock").click();
                    else if (kind === "one") { if (k === 0 || way) key("KeyH"); else editor.hard(); }
                    else {
                        put(i, editor.points?.[i] ?? 0, 1);
                        const before = JSON.stringify(editor.points);
                        put(i, 100, 1); put(i, 0, 1); put(i, JSON.parse(before)?.[i] ?? 0, 1);
                        if (k === 0) swung.push(before === JSON.stringify(editor.points));
                    }
                } };
            };
            const swung = [];
            const editors = [0, 1, 2].map(made);
            let different = 0, wrong = 0;
            acts.forEach((act, step) => {
                editors.forEach((one) => one.act(act, step));
                const [first, ...others] = editors.map((one) => JSON.stringify(one.editor.points));
                if (others.some((other) => other !== first)) different += 1;
                const points = editors[0].editor.points;
                if (!points) return;
                const sum = points.reduce((a, b) => a + b, 0);
                if (!points.every((value) => Number.isInteger(value) && value >= 0) || sum > 100) wrong += 1;
                const label = bibier.createPoints();
                label.shape(points);
                for (const rule of ["proportion", "neutral", "even"]) {
                    const filled = label.filled(rule);
                    if (filled.reduce((a, b) => a + b, 0) !== 100 || filled.some((value) => value < 0)) wrong += 1;
                }
            });
            editors.forEach((one) => one.host.remove());
            return [different, wrong, swung];
        }""",
        acts,
    )
    assert (different, wrong) == (0, 0) and len(swung) > 20 and all(swung)


def test_every_control_has_a_name(annotate):
    """Sliders, numbers, buttons and fields are named for a screen reader."""
    page = annotate("named").page
    tree = page.locator(".studio").aria_snapshot()
    for emotion in ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"):
        assert (
            f'slider "{emotion}"' in tree and f'spinbutton "{emotion}"' in tree and f'button "Lock {emotion}"' in tree
        )
    assert not [
        line for line in tree.splitlines() if line.strip() in ("- button", "- slider", "- textbox", "- combobox")
    ]
    assert len(EMOTIONS) == tree.count("spinbutton")


def test_the_language_is_switched_in_the_middle_of_a_label(annotate, log):
    """Points, locks, a note with its caret, an open form and an open sheet stay, and say themselves in the other
    language; so does what waits for the network.
    """
    visitor = annotate("switcher")
    page = visitor.page
    page.evaluate("window.kept = true")

    def switch(language: str) -> None:
        page.evaluate("(language) => bibier.setLanguage(language)", language)

    for code in ("Digit2", "Digit5", "KeyC", "KeyC", "KeyL"):
        page.keyboard.press(code)
    page.wait_for_selector(".status:has-text('neutral is locked.')")
    first = title(page)
    page.locator(".more > summary").click()
    page.locator(".settings > summary").click()
    page.locator(".settings textarea").fill("1234 5678")
    page.locator(".settings select").nth(1).select_option("random")
    page.locator(".lists button").first.click()
    page.select_option("dialog[open] select", "left")
    page.wait_for_selector("dialog[open] .facts:has-text('to do')")
    switch("ru")
    page.wait_for_selector("dialog[open] .facts:has-text('не размечен')")
    assert page.input_value("dialog[open] select") == "left" and "Найдено" in page.inner_text("dialog[open] .small")
    page.keyboard.press("Escape")
    switch("en")
    page.locator(".beside textarea").fill("12345")
    page.locator(".beside textarea").evaluate("(note) => { note.focus(); note.setSelectionRange(2, 4); }")
    switch("ru")
    page.keyboard.type("9")  # where the caret was
    page.wait_for_selector(".status:has-text('закреплено')")
    page.wait_for_selector("#tabs [data-tab-id=models]:has-text('Модели')")
    page.wait_for_selector(".kept:not(:has-text('computer'))")
    assert page.evaluate("document.activeElement.matches('.beside textarea')")
    assert page.input_value(".beside textarea") == "1295" and title(page) == first
    assert values(page) == [0, 95, 0, 0, 5, 0, 0] and page.locator(".bar.locked").count() == 1
    assert page.locator(".choice[aria-pressed=true]").all_inner_texts() == ["не очень"]
    assert page.input_value(".settings textarea") == "1234 5678"
    assert page.locator(".settings select").nth(1).input_value() == "random"
    known = (
        first.lstrip("0123456789"),
        "Ctrl",
        "Enter",
        "Space",
        "Markdown",
        "annotations",
        "bibier",
        "clips",
        "switcher",
    )
    assert [word for word in english(page) if word not in known] == []
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".delivery.good:has-text('Сохранено')")
    event = log("switcher")[-1]
    assert (event.clip[:6], points(event.probs), event.note, event.confidence) == (
        *(first, [0, 95, 0, 0, 5, 0, 0]),
        *("1295", 0.5),
    )
    page.locator(".bar input[type=number]").nth(3).fill("60")
    page.locator(".bar input[type=number]").nth(3).press("Enter")
    page.keyboard.press("Enter")
    page.wait_for_selector(".filling [data-rule=proportion]:focus:has-text('Пропорционально')")
    page.keyboard.press("Enter")
    page.wait_for_selector(".delivery.good:has-text('Сохранено')")
    page.click(".languages button[lang=en]")
    page.wait_for_selector(".sum:has-text('Empty')")
    done(page, 2)
    assert page.inner_text(".soft .name >> nth=0") == NAMES["en"]["anger"] and len(log("switcher")) == 2
    assert page.evaluate("window.kept")  # without a reload


def test_relabel_this(annotate):
    """A recording of the Analyse tab is one click from the editor."""
    page = annotate("sender").page
    page.click("#tabs [data-tab-id=analyse]")
    page.locator("button.example").first.click()
    page.wait_for_selector("#verdict .sentence")
    page.click("#relabel")
    page.wait_for_function("document.querySelector('.studio select').value === 'analysed'")
    page.wait_for_selector(".soft.untouched")
    assert page.inner_text(".clip .transcript") == page.input_value("#transcript textarea")


def test_a_first_visitor_begins_with_the_demo(arrive, labelling):
    """A project of the examples is one click away; before a name is given, only that it is asked for is said."""
    visitor = arrive(labelling)
    page = visitor.page
    page.goto(visitor.server)
    page.click("#tabs [data-tab-id=annotate]")
    page.wait_for_selector(".studio .who option", state="attached")
    held = []  # the making of it, until it was seen how far that is

    def meet(route):
        act = route.request.post_data_json["fn_name"]
        if act == "enter":
            held.append(route)
        elif act == "making":
            route.fulfill(json={"done": 3, "total": 9})
        else:
            route.continue_()

    page.route(re.compile("component_server"), meet)
    page.locator(".studio .begin .primary").evaluate("button => button.click()")  # in sight where there is no project
    page.wait_for_selector(".studio .status:has-text('3 of 9')")
    held[0].continue_()
    page.wait_for_function("document.querySelector('.studio .who select').value === 'demo'")
    page.wait_for_selector(".studio .idle:has-text('your name')")
    assert page.inner_text(".studio .status") == ""
    enter(visitor, "first")
    assert page.locator(".clip .wave").is_visible()
    assert page.inner_text(".clip .transcript:not(.idle)")  # the words of the example
