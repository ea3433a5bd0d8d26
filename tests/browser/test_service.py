"""Consent, cancelling and deleting in a real browser."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from served import held_recogniser

from tests.browser.conftest import EXAMPLE, running

RECORD = "#voice button.record-button"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("service")


@pytest.fixture(scope="module")
def address(chromium, place):
    with running(place, "--retention", "2") as address:
        yield address


@pytest.fixture
def guest(arrive, address):
    return lambda **context: arrive(address, **context).open()


def sounds(place: Path) -> list[Path]:
    return [path for path in (place / "cache").rglob("*") if path.suffix in (".ogg", ".wav")]


@pytest.mark.parametrize("locale, hours", [("en-US", "deleted 2 h after"), ("ru-RU", "удаляются через 2 ч")])
def test_nothing_is_recorded_before_consent(guest, locale, hours):
    """The first click asks, "Not now" records nothing; agreeing does, and is remembered after a reload."""
    visitor = guest(locale=locale)
    page = visitor.page
    page.evaluate(
        """() => {
            window.asked = 0;
            const plain = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
            navigator.mediaDevices.getUserMedia = (wanted) => { window.asked += 1; return plain(wanted); };
        }"""
    )
    page.click(RECORD)
    assert (
        hours in page.inner_text("#consent").replace("\u00a0", " ")
        and page.evaluate("document.activeElement.className") == "yes"
    )
    page.keyboard.press("Escape")
    assert page.locator("#consent .consent").count() == 0 and page.evaluate("window.asked") == 0
    page.click(RECORD)
    page.keyboard.press("Enter")  # the button that agrees has the focus
    page.wait_for_selector("#voice button.stop-button")
    page.wait_for_timeout(1500)
    page.click("#voice button.stop-button")
    page.wait_for_function("!document.querySelector('#analyse').disabled")
    assert page.evaluate("window.asked") >= 1
    page.reload()
    page.wait_for_selector(RECORD)
    page.click(RECORD)
    page.wait_for_selector("#voice button.stop-button")
    assert page.locator("#consent .consent").count() == 0


def test_deleting_deletes(guest, place):
    """Asked twice; then the file is gone from the disk, the result from the page, the clip from the annotations."""
    visitor = guest()
    page = visitor.page
    before = set(sounds(place))
    copy = place / "my voice.ogg"
    copy.write_bytes(EXAMPLE.read_bytes() + b"\0")
    visitor.upload(copy)
    page.fill("#transcript textarea", "mine alone")
    visitor.analyse()
    page.click("#relabel")
    page.wait_for_selector("#annotate .studio *")
    page.click("#tabs [data-tab-id=analyse]")
    (mine,) = set(sounds(place)) - before
    files = list((place / "annotations" / "clips").iterdir())
    assert len(files) == 1
    page.click("#privacy button")
    page.keyboard.press("Enter")  # "Keep" has the focus
    assert mine.exists()
    page.click("#privacy button")
    page.click("#privacy button.yes")
    page.wait_for_selector("#privacy [role=status]:not(:empty)")
    assert page.inner_text("#privacy [role=status]") == "Deleted from the disk: 1. Deleted from Annotate: 1."
    assert not mine.exists() and not files[0].exists()
    page.wait_for_selector("#verdict .idle")
    assert page.input_value("#transcript textarea") == "" and page.locator("#analyse").is_disabled()
    assert page.locator("#voice audio").count() == 0
    page.reload()
    page.wait_for_selector("#verdict .idle")


def test_cancel_is_there_while_an_analysis_waits(guest, address, clip, tmp_path):
    """Four visitors at once: each sees a place in the queue; one cancels and can go on, one leaves and lets the
    others pass.
    """
    samples, rate = clip
    long = tmp_path / "long.wav"  # whose words take a while to recognise
    soundfile.write(long, np.resize(samples, 5 * rate), rate, subtype="PCM_16")
    visitor = guest()
    page = visitor.page
    visitor.upload(EXAMPLE)
    assert page.locator("#cancel").is_hidden()
    waiting = [guest() for _ in range(3)]
    with held_recogniser(address):
        for place, waiter in enumerate(waiting):
            waiter.upload(long, wait=False)
            if not place:  # the first has the turn before anybody else asks for it
                waiter.page.wait_for_selector("#stage:has-text('Recognising')")
        ahead = "/ahead, about \\d+\\ss/.test(document.querySelector('#stage').innerText)"
        waiting[-1].page.wait_for_function(ahead)
        page.fill("#transcript textarea", "so sad")
        page.click("#analyse")  # no words are to be recognised
        page.wait_for_selector("#words:has-text('sad')")
        page.wait_for_selector("#cancel", state="hidden")
        visitor.upload(long, wait=False)
        page.wait_for_function(ahead)
        page.click("#cancel")
        page.wait_for_function("document.querySelector('#stage').innerText.startsWith('Cancelled')")
        first, last = sorted(waiting[1:], key=lambda waiter: waiter.page.inner_text("#stage"))
        assert "1 ahead" in first.page.inner_text("#stage") and "2 ahead" in last.page.inner_text("#stage")
        first.page.close()  # what it has asked for is nobody's now
        last.page.wait_for_selector("#stage:has-text('1 ahead')")
        waiting.remove(first)
    page.wait_for_selector("#cancel", state="hidden")
    page.wait_for_selector("#analyse:enabled")
    page.click("#analyse")
    page.wait_for_function("!document.querySelector('#stage').innerText.startsWith('Cancelled')")
    page.wait_for_selector("#analyse:enabled")
    assert "together" in visitor.outcome()
    for waiter in waiting:
        waiter.page.wait_for_selector("#verdict .sentence")
