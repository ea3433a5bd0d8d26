"""The page around the main job: languages, widths, the microphone, the keyboard, what it asks of the network."""

import re

import pytest

from tests.browser.conftest import english

ALLOWED = ("audio", "only", "text", "bimodal", "compact", "fear")  # technical terms; the last of a file's name


def test_russian_from_the_browser(visit):
    """A Russian browser gets a Russian page, down to the last label."""
    visitor = visit(locale="ru-RU")
    page = visitor.page
    assert page.get_attribute("html", "lang") == "ru"
    assert page.inner_text("#analyse") == "Анализировать"
    assert english(page) == []
    page.locator("button.example", has_text="Страх").click()
    page.wait_for_selector("#verdict .sentence")
    page.click("#table summary")
    page.locator("#words .word").first.click()
    page.locator("#words input[value=attention]").check()
    leftover = [word for word in english(page) if word not in ALLOWED]
    assert leftover == []


def test_switch_keeps_the_result(visit):
    """The language switch lasts, and the last analysis is still there in the other language."""
    visitor = visit()
    page = visitor.page
    page.locator("button.example").first.click()
    page.wait_for_selector("#verdict .sentence")
    page.wait_for_selector("#chart .picture .xtick")  # the chart is drawn after the verdict
    bars, words = visitor.bars(), page.input_value("#transcript textarea")
    page.evaluate("window.kept = true")
    page.click(".languages button[lang=ru]")
    page.wait_for_selector("#verdict .sentence:has-text('вместе')")
    visitor.await_bars(bars)
    assert page.evaluate("window.kept")  # without a reload
    assert page.input_value("#transcript textarea") == words
    page.wait_for_selector("#analyse:has-text('Анализировать')")
    page.wait_for_selector("#tabs [data-tab-id=models]:has-text('Модели')")
    assert "По-русски" in page.inner_text("#examples")
    assert [word for word in english(page) if word not in (*ALLOWED, *re.findall("[A-Za-z]+", words))] == []
    assert page.evaluate("document.activeElement.lang") == "ru"  # the switch keeps the focus
    page.fill("#transcript textarea", "Мне очень грустно")  # the voice was kept too
    page.wait_for_selector("#words .word:has-text('грустно')")
    visitor.await_other_bars(bars)
    assert visitor.bars()[0] == bars[0] and visitor.bars()[1] != bars[1]
    page.goto(visitor.server)
    page.wait_for_selector("#analyse:has-text('Анализировать')")


@pytest.mark.parametrize(
    "locale, sentence", [("en-US", "The browser blocked the microphone"), ("ru-RU", "не дал доступ к микрофону")]
)
def test_denied_microphone_is_explained(visit, refusing, locale, sentence):
    visitor = visit(refusing, locale=locale)
    visitor.record()
    visitor.page.wait_for_selector("#verdict .alert")
    assert sentence in visitor.page.inner_text("#verdict .alert")


def test_phone(visit):
    """At 390 pixels nothing scrolls sideways, the parts stack in their order, and the page goes to what is new."""
    visitor = visit(viewport={"width": 390, "height": 844}, locale="ru-RU")
    page = visitor.page
    page.locator("button.example").nth(3).click()
    page.wait_for_selector("#verdict .sentence")
    page.wait_for_selector("#chart .picture .xtick")
    page.wait_for_function(
        "(box => box.top >= 0 && box.bottom <= 844)(document.querySelector('#verdict').getBoundingClientRect())"
    )
    assert page.locator(".dock button").first.is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    parts = ["#voice", "#verdict", "#chart", "#words", "#transcript", "#fold"]
    tops = [page.locator(part).bounding_box()["y"] for part in parts]
    assert tops == sorted(tops)
    page.set_viewport_size({"width": 320, "height": 640})  # the narrowest phones: every tab is in sight, none in a menu
    page.wait_for_function("document.querySelectorAll('#tabs [role=tab]').length === 4")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.set_viewport_size({"width": 1200, "height": 800})  # turned to a wide screen: side by side
    page.wait_for_function("document.querySelector('#chart .picture .main-svg').clientWidth > 400")


SHIFTS = """
    window.shift = 0;
    new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
    }).observe({ type: "layout-shift", buffered: true });
"""


def test_nothing_jumps(arrive, server):
    """The page stands still while it starts; verdict and chart keep their places when results arrive."""
    visitor = arrive(server)
    visitor.page.add_init_script(SHIFTS)
    visitor.open()
    page = visitor.page
    assert page.evaluate("window.shift") <= 0.1
    parts = "['#verdict', '#bars', '#analyse']"
    tops = f"{parts}.map((part) => document.querySelector(part).getBoundingClientRect().top)"
    before = page.evaluate(tops)
    page.locator("button.example").first.click()
    page.wait_for_selector("#verdict .sentence")
    page.wait_for_selector("#words .word")
    after = page.evaluate(tops)
    assert after == pytest.approx(before, abs=1.5)


def test_keyboard(visit):
    """Examples, words, their weights' choice, tabs, recording and the list of keys without a mouse."""
    visitor = visit()
    page = visitor.page
    page.locator("button.example").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#words .word")
    page.locator("#words .word").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.locator("#words .word[aria-pressed=true]").count() == 1
    assert page.evaluate("document.activeElement.classList.contains('word')")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.locator("#words input[value=occlusion]").focus()
    page.keyboard.press("ArrowRight")
    assert "share" in page.inner_text("#words .explain")
    page.locator("#tabs [role=tab]").first.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**/?tab=annotate")
    page.keyboard.press("Home")
    page.wait_for_selector("#verdict .sentence")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Space")  # there is a clip: it is played
    page.wait_for_function("bibier.sound.currentTime > 0")
    page.keyboard.press("?")
    page.wait_for_selector("dialog.keys[open]")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog.keys", state="detached")
    names = page.evaluate(
        """[...document.querySelectorAll("button:not(.example, .word, [role=tab])")]
            .filter((one) => one.checkVisibility())
            .map((one) => one.ariaLabel || one.textContent)"""
    )
    assert len(names) == len(set(names)), names


def test_a_line_that_goes_on_stays_in_sight(visit):
    """What is going on changes often while one speaks live: the line stays and says something else."""
    page = visit().page
    page.evaluate("bibier.showStage('live_listening')")
    page.wait_for_function("getComputedStyle(document.querySelector('#stage .busy')).opacity === '1'")
    page.evaluate("bibier.showStage('live_hearing')")
    line = page.locator("#stage .busy")
    assert line.evaluate("(one) => getComputedStyle(one).opacity") == "1" and "speaking" in line.inner_text()
    page.evaluate("bibier.showStage('')")
    assert line.count() == 0


def test_the_browsers_own_boxes_have_the_theme(visit):
    """Radios and tick boxes, scroll bars and drop-down lists are of the page's theme, also against the system's."""
    page = visit(color_scheme="dark").page
    scheme = """(wanted) => [document.documentElement, document.querySelector("#chart input[type=radio]")]
        .every((one) => getComputedStyle(one).colorScheme === wanted)"""
    page.wait_for_function(scheme, arg="dark")
    page.locator("#header .round").first.click()
    page.wait_for_function(scheme, arg="light")


def test_one_chart_or_three_panels_in_either_theme(visit):
    """Bars and two marks with a number at each; a switch to panels, and another theme, ask nothing of the server."""
    visitor = visit(color_scheme="dark")
    page = visitor.page
    page.locator("button.example").nth(5).click()
    page.wait_for_selector("#chart .picture .xtick")
    assert page.inner_text("#verdict .sentence") == "Happy words in a sad voice."
    data = "document.querySelector('#chart .picture').data"
    assert page.evaluate(f"{data}[0].marker.color[5]") == "#3D9BD9"
    assert page.evaluate(f"{data}.map((trace) => trace.text.filter((text) => text.includes('%')).length)") == [7, 7, 7]
    assert page.locator("#chart .picture .shapelayer path").count() == 7  # between the marks
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.locator("#chart input[value=panels]").check()
    page.wait_for_function(f"{data}[0].type === 'bar' && {data}[0].x[5] === bibier.bars()[0][5]")
    page.locator("#header .round").first.click()  # light, whatever the system has
    page.wait_for_function(f"{data}[0].marker.color[5] === '#0072B2'")
    page.locator("#chart input[value=one]").check()
    page.wait_for_function(f"{data}[1].type === 'scatter'")
    assert asked == []


def test_a_first_visit_asks_for_little(arrive, server):
    """At most 50 requests before a result, and Gradio's styles as one."""
    visitor = arrive(server)
    asked = []
    visitor.page.on("request", lambda request: asked.append(request.url))
    visitor.open()
    visitor.page.wait_for_function("window.Plotly")
    paths = [url.removeprefix(server) for url in asked if url.startswith(server)]
    assert len(paths) <= 50
    assert [path for path in paths if path.startswith("/assets/") and path.endswith(".css")] == []


def test_only_this_server_may_be_asked(server):
    """The page says what it may load, and forbids the rest."""
    import urllib.request

    with urllib.request.urlopen(server) as answer:
        policy, page = answer.headers["content-security-policy"], answer.read().decode()
    assert "default-src 'self'" in policy
    assert page.count("window.bibier = ") == 1
