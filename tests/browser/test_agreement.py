"""The Agreement tab in a real browser: three people's labels of real clips; hostile names stay text."""

import re

import numpy as np
import pytest

from bibier.annotation import agreement, ingest
from bibier.annotation.events import Event
from bibier.annotation.store import Store
from bibier.labels import named
from tests.browser.conftest import ROOT, Visit, running

HOSTILE = "<img src=x onerror=alert(1)>${alert(2)}"
PEOPLE = ("Anna", "Борис", HOSTILE)


@pytest.fixture(scope="module")
def studio(chromium, tmp_path_factory):
    """Run the app on two projects, one of them named like a sentence of the page; gives address and store."""
    folder, rng = tmp_path_factory.mktemp("agreement"), np.random.default_rng(0)
    (folder / "annotations").mkdir()
    store = Store(f"sqlite:///{folder}/annotations/bibier.db")
    for project in ("examples", HOSTILE):
        ingest.add_folder(store, project, ROOT / "examples")
    for clip in store.clips("examples"):
        truth = rng.dirichlet([0.4] * 7)
        for who in PEOPLE:
            probs = named(rng.dirichlet(truth * 9 + 0.05))
            store.append(Event(f"{who}{clip.sha256}", "examples", clip.sha256, who, "label", probs))
    with running(folder) as address:
        yield address, store


def opened(chromium, address, **context) -> Visit:
    visitor = Visit(chromium, address, **context)
    visitor.page.on("dialog", lambda dialog: visitor.complaints.append(dialog.message))
    visitor.page.goto(address)
    visitor.page.click("#tabs [data-tab-id=agreement]")
    visitor.page.wait_for_selector("#agree-facts .said")
    return visitor


@pytest.mark.parametrize("locale, width", [("en-US", 1440), ("ru-RU", 390)])
def test_agreement_is_shown_and_a_worst_clip_opens(chromium, studio, locale, width):
    address, store = studio
    visitor = opened(chromium, address, locale=locale, viewport={"width": width, "height": 900})
    page = visitor.page
    page.select_option("#agree-facts select", "examples")
    page.wait_for_selector("#agree-picture .js-plotly-plot .xtick")
    table = agreement.unanchored_labels(store.state("examples"))
    figures = page.inner_text("#agree-facts tbody tr >> nth=0").replace(",", ".").replace("−", "-")
    assert f"{agreement.soft_alpha(table).value:.2f}" in figures
    assert HOSTILE in page.inner_text("#agree-facts .cards") and page.locator("#agree-facts img").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for here in (1440, 820, 390):  # no column is out of sight
        page.set_viewport_size({"width": here, "height": 900})
        tables = page.locator("#agree-facts .scroll").evaluate_all(
            "(all) => all.map((one) => [one.innerText, one.scrollWidth - one.clientWidth])"
        )
        over = {text: pixels for text, pixels in tables if pixels > 0 and HOSTILE not in text}  # a name without a gap
        assert len(tables) > 3 and not over, (here, over)
        lines = page.locator("#agree-facts thead th:not(.shaded th)", has_text=re.compile("Clips|Фраг")).evaluate_all(
            """(all) => all.map((one) => {
                const range = document.createRange();
                range.selectNodeContents(one);
                return new Set([...range.getClientRects()].map(({ top }) => Math.round(top))).size;
            })"""
        )
        assert lines and max(lines) <= 2, (here, lines)  # no word in three pieces
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_timeout(1000)  # the width has been asked for
    asked = []
    page.on("request", lambda request: asked.append((request.method, request.url)))
    ink = "getComputedStyle(document.querySelector('#agree-picture .xtick text')).fill"
    before = page.evaluate(ink)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"before => {ink} !== before", arg=before)
    page.emulate_media(color_scheme="light")
    page.wait_for_function(f"before => {ink} === before", arg=before)
    assert [url for method, url in asked if method == "POST"] == []  # the chart follows the theme by itself
    ((first, *_), *_) = agreement.most_disputed(table)
    page.evaluate("localStorage.setItem('bibier_annotator', 'Anna')")
    page.reload()
    page.click("#tabs [data-tab-id=agreement]")
    page.wait_for_selector("#agree-facts .said")
    page.select_option("#agree-facts select", "examples")
    page.wait_for_selector("#agree-facts .worst .said-by")
    assert page.locator("#agree-facts .worst > li").first.locator(".said-by li").count() == len(PEOPLE)
    page.locator("#agree-facts .worst .play").first.click()
    page.wait_for_function("document.querySelector('#agree-facts .worst .play').textContent === '❚❚'")  # in place
    page.locator("#agree-facts .worst .open").first.click()
    page.wait_for_selector(".desk:not([hidden])")
    assert page.inner_text(".clip h2").split()[-1] == first[:6]
    if width < 560:
        page.click(".studio .fold")  # on a phone the project is folded away
    page.select_option(".studio .who select", "examples")
    visitor.close()
    assert visitor.complaints == [] and visitor.outside == []


@pytest.mark.parametrize("locale, words", [("en-US", "Enter your name"), ("ru-RU", "Введите имя")])
def test_a_stranger_sees_nobody_s_labels_and_is_told_how_to(chromium, studio, locale, words):
    address, store = studio
    visitor = opened(chromium, address, locale=locale)
    visitor.context.clear_cookies(name="bibier_start")  # no operator any more
    page = visitor.page
    page.select_option("#agree-facts select", "examples")
    page.wait_for_selector("#agree-picture .js-plotly-plot .xtick")
    count = len(store.clips("examples"))
    line = page.locator("#agree-facts .disputed p.small").last
    assert words in line.inner_text() and str(count) in line.inner_text()
    assert page.locator("#agree-facts .worst > li").count() == 0 and page.locator("#agree-facts .said-by").count() == 0
    page.evaluate("localStorage.setItem('bibier_annotator', 'Дана')")
    page.click("#tabs [data-tab-id=annotate]")
    page.click("#tabs [data-tab-id=agreement]")
    page.wait_for_function(
        "(words) => !document.querySelector('#agree-facts .disputed').innerText.includes(words)", arg=words
    )
    assert str(count) in line.inner_text() and page.locator("#agree-facts .said-by").count() == 0
    visitor.close()
    assert visitor.complaints == [] and visitor.outside == []


def test_a_project_without_labels_says_what_is_missing(chromium, studio):
    address, _ = studio
    visitor = opened(chromium, address)
    visitor.page.select_option("#agree-facts select", HOSTILE)
    visitor.page.wait_for_function("document.querySelector('#agree-facts .said').textContent.startsWith('Nothing')")
    assert visitor.page.locator("#agree-picture").is_hidden()
    visitor.close()
    assert visitor.complaints == [] and visitor.outside == []


def test_nothing_is_out_of_reach_on_any_tab_in_either_theme(chromium, studio):
    """axe-core finds nothing, with data on every tab."""
    axe = ROOT / "node_modules" / "axe-core" / "axe.min.js"
    if not axe.exists():
        pytest.skip("no axe-core: npm ci")
    visitor = Visit(chromium, studio[0]).open()
    page = visitor.page
    for example in (0, 3):  # two clips, so that there is a history
        with visitor.renewed("#verdict .sentence"):
            page.locator("button.example").nth(example).click()
    page.wait_for_selector("#outlets .history li:nth-child(2)")
    for row in (0, 1):
        page.locator("#outlets .history input").nth(row).check()
    page.evaluate(axe.read_text(encoding="utf-8"))
    waits = {
        "analyse": "#outlets .pair",
        "annotate": "#annotate .studio *",
        "agreement": "#agree-facts .said",
        "models": "#models .card.chosen",
    }
    found = []
    for theme in ("light", "dark"):
        page.evaluate("(dark) => document.body.classList.toggle('dark', dark)", theme == "dark")
        for tab, part in waits.items():
            page.click(f"#tabs [data-tab-id={tab}]")
            page.wait_for_selector(part)
            page.evaluate("Promise.all(document.getAnimations().map((one) => one.finished.catch(() => {})))")
            violations = page.evaluate("axe.run(document, { resultTypes: ['violations'] }).then((r) => r.violations)")
            found += [(theme, tab, v["id"], [node["target"] for node in v["nodes"]][:3]) for v in violations]
    assert found == []
    visitor.close()
