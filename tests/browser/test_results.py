"""What leaves the Analyse tab in a real browser: files, pictures, the session's clips, several recordings at once."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from tests.browser.conftest import ROOT

EXAMPLES = ROOT / "examples"


def saved(page, button: str) -> Path:
    """Press a button that saves a file, in the menu where it is there; return where the file lies."""
    target = page.locator("#outlets button", has_text=button)
    if target.locator("xpath=ancestor::details").count():
        page.click("#outlets summary")
    with page.expect_download() as download:
        target.click()
    return Path(download.value.path())


def test_a_result_is_saved_and_two_stand_side_by_side(visit):
    visitor = visit()
    page = visitor.page
    assert page.locator("#outlets button", has_text="Copy").is_disabled()
    assert page.get_attribute("#outlets summary", "aria-disabled") == "true"
    for example in (0, 3):
        with visitor.renewed("#verdict .sentence"):
            page.locator("button.example").nth(example).click()
    page.wait_for_selector("#outlets .history li:nth-child(2)")
    row = [page.locator(part).bounding_box() for part in ("#relabel", "#outlets .outlet-row button >> nth=0")]
    assert abs(row[0]["y"] - row[1]["y"]) <= 2 and row[0]["x"] < row[1]["x"]
    facts = json.loads(saved(page, "Data (JSON)").read_text())
    assert set(facts["bimodal"]) == set(facts["audio"]) and facts["file"].endswith("_en.ogg")
    (row,) = csv.DictReader(saved(page, "Table (CSV)").read_text(encoding="utf-8-sig").splitlines())
    assert float(row["voice_sad"]) == facts["audio"]["sad"] and row["transcript"] == facts["transcript"]
    page.wait_for_function("document.querySelector('#chart .js-plotly-plot')?.data")
    assert saved(page, "Chart (PNG)").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in saved(page, "Chart (SVG)").read_text()
    assert page.locator("#outlets button", has_text="SRT").count() == 0  # of long recordings

    for clip in (0, 1):
        page.locator("#outlets .history input").nth(clip).check()
    assert page.locator("#outlets .pair .row").count() == 21 and page.locator("#outlets .pin").count() == 2 + 42
    assert page.locator("#outlets .pair .legend").inner_text().split("\n")[0] == facts["file"]


def test_pitch_and_loudness_are_measured_once_they_are_asked_for(visit):
    visitor = visit()
    page = visitor.page
    with visitor.renewed("#verdict .sentence"):
        page.locator("button.example").first.click()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    assert page.locator(".contour .picture").is_hidden()
    page.locator(".loaded .live-switch input").check()
    page.wait_for_selector(".contour .picture .xtick")
    assert len([url for url in asked if "component_server" in url]) == 1
    traces = page.evaluate("document.querySelector('.contour .picture').data.map((trace) => trace.y.length)")
    assert traces[1] == traces[2] > 50 and traces[0] >= 2 * traces[1]
    assert "Hz" in page.inner_text(".contour p")
    page.locator(".loaded .live-switch input").uncheck()
    assert page.locator(".contour .picture").is_hidden()
    page.locator(".loaded .live-switch input").check()  # what is known isn't asked for again
    page.wait_for_selector(".contour .picture .xtick")
    assert len([url for url in asked if "component_server" in url]) == 1


@pytest.mark.parametrize("width", [1440, 820, 390])
def test_a_file_s_name_is_read_whole_beside_the_switch(visit, width):
    page = visit(locale="ru-RU", viewport={"width": width, "height": 900}).page
    page.locator("button.example").last.click()
    page.wait_for_selector(".loaded .name:not(:empty)")
    whole = "(name) => name.scrollWidth <= name.clientWidth && name.title === name.textContent"
    assert page.locator(".loaded .name").evaluate(whole)
    places = [page.locator(f".loaded {part}").bounding_box() for part in (".name", ".clear", ".live-switch")]
    assert all(place["x"] + place["width"] <= width for place in places)


def edges(page) -> list[int]:
    """Return how far the first and last columns of pixels of the table's frame are from those beside them."""
    frame = page.locator("#outlets .scroll")
    picture = np.asarray(Image.open(io.BytesIO(frame.screenshot())).convert("L"), int)
    row = picture[2]  # above the letters of the heads
    return [abs(row[0] - row[len(row) // 2]), abs(row[-1] - row[len(row) // 2])]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_table_shows_where_it_goes_on(visit, theme):
    """At the edge beyond which there is more of it, and nowhere else; and why a row says nothing is in sight."""
    page = visit(color_scheme=theme, viewport={"width": 390, "height": 900}).page
    noise = (0.1 * np.random.default_rng(0).standard_normal(48_000) * 32767).astype("<i2")
    sound = io.BytesIO()
    soundfile.write(sound, noise, 16_000, format="WAV")
    files = [{"name": "noise.wav", "mimeType": "audio/wav", "buffer": sound.getvalue()}]
    files.append({"name": "happy.ogg", "mimeType": "audio/ogg", "buffer": (EXAMPLES / "happy_en.ogg").read_bytes()})
    page.locator("#outlets input[type=file]").set_input_files(files)
    page.wait_for_function("document.querySelector('#outlets progress')?.value === 2")
    reason, box = (page.locator(f"#outlets {part}").bounding_box() for part in (".silent span", ".scroll"))
    assert reason["x"] + reason["width"] <= box["x"] + box["width"]
    left, right = edges(page)
    assert left < 3 and right > 12
    page.locator("#outlets .scroll").evaluate("(one) => { one.scrollLeft = one.scrollWidth }")
    left, right = edges(page)
    assert left > 12 and right < 3
    assert "no voice" in page.inner_text("#outlets .silent")
    page.evaluate("bibier.setLanguage('ru')")
    assert "нет голоса" in page.inner_text("#outlets .silent")


def test_several_files_become_a_table(visit, tmp_path):
    visitor = visit()
    page = visitor.page
    broken = tmp_path / "<img src=x onerror=alert(1)>.wav"
    broken.write_text("no sound")
    files = [EXAMPLES / "happy_en.ogg", broken, EXAMPLES / "fear_ru.ogg"]
    page.locator("#outlets input[type=file]").set_input_files(files)
    page.wait_for_function("document.querySelector('#outlets progress')?.value === 3")
    assert [name.strip() for name in page.locator("#outlets tbody th").all_inner_texts()] == [f.name for f in files]
    assert page.locator("#outlets .failed").count() == 1 and page.locator("#outlets .batch img").count() == 0
    for width in (1440, 820, 390):
        page.set_viewport_size({"width": width, "height": 900})
        table, column = (page.locator(part).bounding_box() for part in ("#outlets .batch", "#leaving"))
        assert (round(table["x"]), round(table["width"])) == (round(column["x"]), round(column["width"])), width
        reason, box = (page.locator(f"#outlets {part}").bounding_box() for part in (".failed span", ".scroll"))
        assert reason["x"] + reason["width"] <= box["x"] + box["width"], width  # read without scrolling
    page.evaluate("bibier.setLanguage('ru')")
    assert page.inner_text("#outlets .failed").startswith("Из этого файла не удаётся")
    assert page.inner_text("#outlets .winner >> nth=0").startswith("радость")
    page.evaluate("bibier.setLanguage('en')")
    page.set_viewport_size({"width": 1280, "height": 900})
    rows = list(csv.DictReader(saved(page, "Save the table").read_text(encoding="utf-8-sig").splitlines()))
    assert [row["path"] for row in rows] == [f.name for f in files]
    assert [bool(row["error"]) for row in rows] == [False, True, False] and float(rows[0]["voice_happy"]) > 0
    page.click("#outlets [data-mark=stop]")
    assert page.locator("#outlets .batch").is_hidden()


def test_nothing_jumps_while_the_page_opens(visit):
    page = visit().page
    shift = page.evaluate("""() => new Promise((done) => {
        let sum = 0;
        new PerformanceObserver((list) => {
            for (const entry of list.getEntries()) if (!entry.hadRecentInput) sum += entry.value;
        }).observe({ type: "layout-shift", buffered: true });
        setTimeout(() => done(sum), 200);
    })""")
    assert shift <= 0.1
