"""The Models tab in a real browser: fetch from a Hub on this computer, switch, compare; a hostile card stays text."""

import re

import pytest
import torch
from hub_server import served
from tiny import shaken, tiny_config

from bibier.checkpoint.bundle import Bundle, load, save
from bibier.checkpoint.library import FILES
from bibier.ui.models.handlers import size
from tests.browser.conftest import Visit, running

HOSTILE = "<img src=x onerror=alert(1)>${alert(2)}<script>alert(3)</script>"
CARD = f"""---
license: mit
---
# {HOSTILE}

![a cat](https://evil.example/x.png) [here](https://evil.example/) [click](javascript:alert(4))

<iframe src="https://evil.example/"></iframe>
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """Serve one checkpoint with random weights, whose every word is hostile; gives the Hub and the size in bytes."""
    torch.manual_seed(0)
    bundle = shaken(Bundle(tiny_config(name=HOSTILE, licence=HOSTILE, metrics={HOSTILE: {HOSTILE: 0.5}})))
    folder = save(bundle, tmp_path_factory.mktemp("run"), CARD)
    with served() as server:
        server.put("anna/voice", {name: (folder / name).read_bytes() for name in FILES})
        yield server, sum((folder / name).stat().st_size for name in FILES)


@pytest.fixture(scope="module")
def address(chromium, hub, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    environment = {"HF_ENDPOINT": hub[0].address, "HF_HOME": str(folder / "home"), "HF_HUB_DISABLE_XET": "1"}
    with running(folder, **environment) as address:
        yield address


def visit(chromium, address, **context) -> Visit:
    visitor = Visit(chromium, address, **context)
    visitor.page.on("dialog", lambda dialog: visitor.complaints.append(dialog.message))
    return visitor.open()


def example(page) -> str:
    """Have an example judged; return by which checkpoint."""
    page.locator("button.example").first.click()
    page.wait_for_selector("#verdict .made")
    return page.inner_text("#verdict .made")


def models(page) -> None:
    page.click("#tabs [data-tab-id=models]")
    page.wait_for_selector("#models .card.chosen")


def test_fetch_switch_and_compare(chromium, hub, address):
    served_hub, total = hub
    session = visit(chromium, address)
    page = session.page
    assert example(page) == "Judged by compact"
    models(page)
    count = sum(parameter.numel() for parameter in load("compact").parameters())
    assert f"{count:,} parameters" in page.inner_text("#models .card.chosen")
    page.locator("#models summary").last.click()
    assert page.locator("#models .foreign h4").first.inner_text() == "compact: the embedded default"
    assert "only one" in page.inner_text("#models-compare")

    page.fill("#models-hub input", "anna/voice")
    page.keyboard.press("Enter")
    page.wait_for_selector("#models-hub .told button")
    assert page.inner_text("#models-hub .told button") == f"Download ({size(total, 'en')})"
    assert not any("resolve" in path for _, path in served_hub.asked)
    page.locator("#models-hub .told button").click()
    page.wait_for_function("document.querySelectorAll('#models .card').length === 2")
    served_hub.down = True  # from here on without a Hub
    page.fill("#models-hub input", "anna/other")
    page.keyboard.press("Enter")
    page.wait_for_selector("#models-hub .alert")
    page.evaluate("bibier.setLanguage('ru')")  # what went wrong stays, in the other language
    page.wait_for_selector("#models .card.chosen:has-text('Используется')")
    page.wait_for_selector("#models-hub h2:has-text('Добавить')")
    page.wait_for_timeout(500)  # the server has spoken
    assert re.search("[А-Яа-я]{4}", page.inner_text("#models-hub .alert"))
    page.evaluate("bibier.setLanguage('en')")
    page.wait_for_selector("#models .card.chosen:has-text('In use')")
    page.wait_for_selector("#models .card:nth-child(2):has-text('Size')")  # the server has spoken here too

    foreign = page.locator("#models .card").nth(1)
    foreign.locator("summary").last.click()
    figures = foreign.inner_text()
    assert figures.count("<img src=x onerror=alert(1)>${alert(2)}<script>alert(3)</script>") >= 4
    assert "[image: a cat] here (https://evil.example/)" in figures and "<iframe" in figures
    assert page.locator("#models img, #models iframe, #models script, #models a").count() == 0

    foreign.locator("button.choose").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#models .card.chosen:nth-child(2)")
    page.wait_for_selector("#models .told:has-text('press “Analyse” there to update it')")
    title = foreign.locator("h3").inner_text()

    page.locator("#models-compare button.choose").click()
    page.wait_for_selector("#models-compare tbody tr")
    page.wait_for_selector(".pair .axis:last-child .pin")
    assert page.locator("#models-compare .verdicts > .scroll tbody tr").count() == 3
    assert page.locator(".pair .legend").all_inner_texts() in ([f"compact\n{title}"], [f"{title}\ncompact"])
    assert page.locator(".pair .row").count() == 21 and page.locator(".pair .track .pin").count() == 42
    heights = {round(page.locator("#models .card").nth(i).bounding_box()["height"]) for i in (0, 1)}
    assert len(heights) == 1 or page.locator("#models details[open]").count()

    page.click("#tabs [data-tab-id=analyse]")
    page.click("#analyse")
    page.wait_for_function(
        "(title) => document.querySelector('#verdict .made')?.textContent.includes(title)", arg=title
    )
    page.reload()
    page.wait_for_selector("#verdict .made")
    models(page)
    page.wait_for_selector("#models .card.chosen:nth-child(2)")  # the choice outlives a reload

    other = visit(chromium, address, locale="ru-RU", viewport={"width": 390, "height": 844}, color_scheme="dark")
    assert example(other.page) == "Оценено моделью compact"  # and is nobody else's
    models(other.page)
    other.page.locator("#models-compare button.choose").click()
    other.page.wait_for_selector(".pair .axis:last-child .pin")
    boxes = [other.page.locator(".pair .axis").nth(i).bounding_box() for i in (0, 1)]
    assert boxes[0]["x"] == boxes[1]["x"] and boxes[0]["y"] < boxes[1]["y"]
    assert other.page.evaluate("document.documentElement.scrollWidth") <= 390
    other.page.evaluate("bibier.setLanguage('en')")  # what was compared stays, in the other language
    other.page.wait_for_selector(".pair .axis:last-child h3:has-text('Both together')")
    for visitor in (session, other):
        assert visitor.page.evaluate("document.querySelectorAll('img[src=x], [onerror]').length") == 0
        visitor.close()
        assert visitor.outside == [] and visitor.complaints == []
