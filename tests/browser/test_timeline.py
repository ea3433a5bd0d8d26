"""A long recording in a real browser: stretches that fill in, play, are corrected, stopped and sent to the editor."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from served import held_recogniser

RATE = 16_000
ROOT = Path(__file__).parents[2]
PICTURES = os.environ.get("BIBIER_PICTURES")  # a folder for screenshots, to look at


@pytest.fixture(scope="module")
def talk(tmp_path_factory) -> Path:
    """Return the spoken examples with a second between them, in one file."""
    parts = []
    for path in sorted((ROOT / "examples").glob("*.ogg")):
        parts += [soxr.resample(*soundfile.read(path, dtype="float32"), RATE), np.zeros(RATE, np.float32)]
    path = tmp_path_factory.mktemp("talk") / "talk.wav"
    soundfile.write(path, np.concatenate(parts), RATE)
    return path


def picture(page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/{name}.png", full_page=True)


def ready(page) -> None:
    page.wait_for_function(
        "document.querySelector('#stage .small') && [...document.querySelectorAll('#ribbon .stretch')].length"
        " && ![...document.querySelectorAll('#ribbon .stretch')].some((one) => one.disabled)"
    )


def judged(predictions, talk) -> None:
    predictions.upload(talk, wait=False)
    ready(predictions.page)


def test_a_long_recording_becomes_a_ribbon(visit, talk):
    """Stretches with their words; a click plays one alone and shows its bars; it goes to the editor as its own file."""
    visitor = visit()
    page = visitor.page
    judged(visitor, talk)
    stretches = page.locator("#ribbon .stretch")
    assert stretches.count() >= 8
    assert "the whole recording" in page.inner_text("#ribbon .shown")
    whole = visitor.bars()
    picture(page, "whole-1440-en-light")

    # played through: the segment that is heard is marked, its words light up, an arrow goes on to the next
    page.click("#ribbon .through")
    page.wait_for_selector("#ribbon .stretch[aria-current]")
    page.wait_for_selector("#ribbon .saying .now")
    page.locator("#ribbon .through").press("ArrowRight")
    page.wait_for_function("document.querySelectorAll('#ribbon .stretch')[1].hasAttribute('aria-current')")
    said = stretches.nth(1).get_attribute("aria-label").split("“")[1].rstrip("”")
    assert page.inner_text("#ribbon .saying").split() == said.split()
    page.click("#ribbon .through")
    page.wait_for_function("bibier.sound.paused && bibier.sound.currentTime > 0")
    assert stretches.nth(1).get_attribute("aria-pressed") == "false"  # what is shown stays

    with visitor.renewed("#words .word"):
        stretches.nth(4).click()
    label = stretches.nth(4).get_attribute("aria-label")
    start, end = (float(text) for text in re.match(r"0:([\d.]+)–0:([\d.]+)", label).groups())
    output = re.search("“(.*)”", label)[1]
    page.wait_for_function(f"document.querySelector('#transcript textarea').value === '{output}'")
    visitor.await_other_bars(whole)
    assert all(sum(panel) == pytest.approx(100, abs=0.01) for panel in visitor.bars())
    page.wait_for_function("bibier.sound.currentTime > 0 && bibier.sound.paused")
    assert start <= page.evaluate("bibier.sound.currentTime") <= end + 0.5
    picture(page, "part-1440-en-light")
    page.locator("#words .word").first.click()  # a word is played from the stretch's own file
    page.wait_for_function("bibier.sound.dataset.file.includes('stretches') && bibier.sound.currentTime > 0")

    # the arrows move, Enter chooses; the table holds the same
    stretches.nth(4).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelectorAll('#ribbon .stretch')[5].getAttribute('aria-pressed') === 'true'")
    page.click("#ribbon summary")
    page.wait_for_selector("#ribbon tbody tr")
    assert page.locator("#ribbon tbody tr").count() == stretches.count()
    page.click("#ribbon summary")

    # a correction stays with its stretch, and the stretch becomes a clip of the editor
    stretches.nth(4).click()
    page.wait_for_function(f"document.querySelector('#transcript textarea').value === '{output}'")
    page.fill("#transcript textarea", "hello <b>there</b>")
    page.wait_for_function(
        "document.querySelectorAll('#ribbon .stretch')[4].getAttribute('aria-label').includes('there')"
    )
    assert page.locator("#ribbon b").count() == 0
    page.click("#relabel")
    page.wait_for_selector("#annotate .who, #annotate dialog, #annotate input")
    assert page.get_attribute("#tabs [data-tab-id=annotate]", "aria-selected") == "true"


@pytest.mark.parametrize("language, nothing", [("en", "no words to read"), ("ru", "нет. Введите сказанное")])
def test_without_words_the_voice_is_shown_and_that_is_said_once(visit, talk, language, nothing):
    visitor = visit()
    page = visitor.page
    page.click(f".languages button[lang={language}]")
    page.click("#fold button")
    page.click("#recogniser input")
    page.locator("#recogniser [role=option]").last.click()  # the words are typed
    page.wait_for_function("bibier.recogniser === 'none'")
    judged(visitor, talk)
    page.wait_for_selector(f".chart .missing p:has-text('{nothing}')")
    assert page.inner_text(".chart .missing").count(nothing) == 1
    radios = page.locator("#ribbon input[type=radio]")
    assert [radios.nth(i).is_enabled() for i in range(3)] == [False, True, False] and radios.nth(1).is_checked()
    assert page.locator("#ribbon .stretch.none").count() == 0 and page.locator("#ribbon .saying").is_hidden()
    page.locator("#ribbon summary").click()
    page.evaluate("bibier.setLanguage('ru')")
    page.wait_for_selector("#ribbon th:has-text('Время')")  # it stays unfolded


def test_stop_keeps_what_is_ready(visit, server, talk, tmp_path):
    """Stopped between two stretches: those that are ready stay, and the whole is theirs."""
    samples, _ = soundfile.read(talk, dtype="float32")
    soundfile.write(tmp_path / "five.wav", np.resize(samples, 305 * RATE), RATE)
    visitor = visit()
    page = visitor.page
    visitor.upload(tmp_path / "five.wav", wait=False)
    page.wait_for_function("document.querySelectorAll('#ribbon .stretch:not(:disabled)').length > 1")
    with held_recogniser(server):
        picture(page, "running-1440-en-light")
        page.evaluate("bibier.setLanguage('ru')")
        page.wait_for_selector("#stage:has-text('Отрезок')")  # at once, though nothing more is judged
        page.evaluate("bibier.setLanguage('en')")
        page.click("#ribbon .stop")
    page.wait_for_function("document.querySelector('#stage').innerText.startsWith('Stopped')")
    done = page.locator("#ribbon .stretch:not(:disabled)").count()
    assert 1 < done < page.locator("#ribbon .stretch").count()
    assert f"{done} of" in page.inner_text("#stage")
    page.locator("#voice .clear").click()
    page.wait_for_selector("#ribbon .ribbon", state="detached")


def test_a_change_of_language_keeps_it_and_it_fits_a_phone(visit, talk):
    visitor = visit(viewport={"width": 390, "height": 844}, color_scheme="dark")
    page = visitor.page
    judged(visitor, talk)
    page.evaluate("window.kept = true")
    page.click(".languages button[lang=ru]")
    page.wait_for_selector("#ribbon .shown:has-text('вся запись')")
    page.wait_for_selector("#stage:has-text('Отрезков')")
    assert page.evaluate("window.kept")  # without a reload
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    picture(page, "whole-390-ru-dark")
    for width in (320, 360, 390, 430):
        page.set_viewport_size({"width": width, "height": 844})
        page.wait_for_timeout(300)
        over = page.locator("#ribbon .axis span").evaluate_all(
            "(all) => all.map((one) => one.offsetLeft + one.offsetWidth - one.parentElement.clientWidth)"
        )
        assert len(over) > 1 and max(over) <= 1, (width, over)  # no mark's time is cut
    page.set_viewport_size({"width": 390, "height": 844})
    page.click("#ribbon .tools button:last-child")
    page.click("#ribbon .tools button:last-child")
    picture(page, "zoom-390-ru-dark")


PLACE = """() => {
  const view = document.querySelector("#ribbon .window"), table = document.querySelector("#ribbon details .scroll");
  return [view.scrollWidth, view.scrollLeft, table.scrollLeft].map(Math.round);
}"""


def test_a_change_of_language_keeps_the_place_in_it(visit, talk):
    visitor = visit(viewport={"width": 390, "height": 844})
    page = visitor.page
    judged(visitor, talk)
    page.click("#ribbon summary")
    for _ in range(2):
        page.click("#ribbon .tools button:last-child")
    page.evaluate("document.querySelector('#ribbon .window').scrollLeft = 300")
    page.evaluate("document.querySelector('#ribbon details .scroll').scrollLeft = 40")
    before = page.evaluate(PLACE)
    assert before[0] > 1000 and before[1:] == [300, 40]
    page.click(".languages button[lang=ru]")
    page.wait_for_selector("#ribbon .shown:has-text('вся запись')")
    assert page.evaluate(PLACE) == before
    page.click("#ribbon .tools button:last-child")
    assert page.evaluate(PLACE)[0] > before[0]
