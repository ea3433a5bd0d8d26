"""The studio in a real browser, beyond one label: player, settings, exports, the language model, what goes wrong."""

import json
import random

import numpy as np
import pytest
import soundfile

from bibier.annotation import imports, ingest
from bibier.annotation.store import Store
from bibier.soft_labels.parsing import ORDER
from bibier.ui.annotate.points import points
from tests.browser.annotating import Keys, done, enter, title, values
from tests.browser.conftest import Visit, running
from tests.tiny_llm import reply, served

HEARD = """
    const Plain = window.Audio;
    window.sounds = [];
    window.Audio = function (...given) { const one = new Plain(...given); window.sounds.push(one); return one; };
"""
PLAYING = "window.sounds.filter((one) => !one.paused)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory, clip):
    """Make a folder with a few clips of two seconds, all different."""
    folder = tmp_path_factory.mktemp("studio")
    (folder / "clips").mkdir()
    (folder / "annotations").mkdir()
    sound, rate = clip
    for number in range(6):
        part = np.resize(sound, 2 * rate) * (0.5 + number / 20)
        soundfile.write(folder / "clips" / f"{number:02d}.wav", part, rate, subtype="PCM_16")
    rows = "".join(f"clips/{number:02d}.wav,words {number}\n" for number in range(6))
    (folder / "list.csv").write_text(f"path,text\n{rows}", encoding="utf-8")
    return folder


def filled(url: str, folder, project: str = "list") -> Store:
    store = Store(url)
    ingest.add_manifest(store, project, folder / "list.csv")
    store.project(project, wanted=100)
    return store


@pytest.fixture(scope="module")
def model():
    """A language model that answers with log-probabilities."""
    tops = {name: -float(i + 1) for i, name in enumerate(ORDER)}
    with served(reply("neutral", tops)) as (address, asked):
        yield address, asked


@pytest.fixture(scope="module")
def studio(chromium, folder, model):
    store = filled(f"sqlite:///{folder}/annotations/bibier.db", folder)
    environment = {"BIBIER_LLM_URL": model[0], "BIBIER_LLM_MODEL": "tiny"}
    with running(folder, "--language-model", "endpoint", **environment) as address:
        yield address, store


@pytest.fixture
def annotate(arrive, studio):
    """Open the Annotate tab under a name; what is played can be seen."""

    def start(person: str, **context) -> Visit:
        visitor = arrive(studio[0], **context)
        visitor.page.add_init_script(HEARD)
        visitor.page.goto(visitor.server)
        enter(visitor, person)
        return visitor

    return start


def of(store: Store, person: str) -> list:
    return [event for _, event in store.events("list") if event.annotator == person]


def test_the_player_plays_at_a_speed_in_a_loop_and_again(annotate):
    page = annotate("listener").page
    page.wait_for_function("window.sounds.some((one) => one.played.length)")  # by itself
    page.select_option(".player .controls select", "0.5")
    assert page.evaluate("window.sounds.some((one) => one.playbackRate === 0.5)")
    page.keyboard.press("Space")
    page.wait_for_function(f"!{PLAYING}.length")
    page.evaluate("window.sounds.forEach((one) => { one.currentTime = 0.4; })")
    page.keyboard.press("BracketLeft")
    page.evaluate("window.sounds.forEach((one) => { one.currentTime = 0.7; })")
    page.keyboard.press("BracketRight")
    page.select_option(".player .controls select", "2")
    page.locator(".player .controls select").evaluate("(one) => one.blur()")
    page.keyboard.press("Space")
    playback = page.evaluate(
        """async () => {
            const seen = [];
            for (let turns = 0; turns < 2;) {
                await new Promise((soon) => setTimeout(soon, 20));
                const one = window.sounds.find((sound) => !sound.paused);
                if (!one) continue;
                if (seen.length && one.currentTime < seen.at(-1)) turns += 1;
                seen.push(one.currentTime);
            }
            return seen;
        }"""
    )
    assert min(playback) >= 0.35 and max(playback) < 1.2  # the recording goes on until 2 s
    page.keyboard.press("Backslash")
    page.keyboard.press("KeyR")
    page.wait_for_function("window.sounds.some((one) => !one.paused && one.currentTime > 0.9)")
    page.locator(".auto input").uncheck()
    page.keyboard.press("Digit1")
    page.keyboard.press("Enter")
    done(page, 1)
    page.wait_for_timeout(500)
    assert page.evaluate(f"{PLAYING}.length") == 0
    page.reload()
    page.click("#tabs [data-tab-id=annotate]")
    page.wait_for_selector(".auto input:not(:checked)")


@pytest.mark.parametrize("layout", ["latin", "russian"])
def test_keys_work_after_a_slider_had_the_focus(annotate, layout):
    """Locking, presets, hard and clear, with the focus on a slider and on a Russian layout."""
    page = annotate(f"focus {layout}").page
    page.locator(".bar input[type=range]").nth(4).focus()
    press = Keys(page, layout)
    press("Digit5", "Digit2", "Digit2", "KeyL")  # neutral 90, disgust 10, which is locked
    assert values(page) == [0, 10, 0, 0, 90, 0, 0] and page.locator(".bar.locked").count() == 1
    press("Digit1", "Digit1", "Digit1")
    assert values(page) == [15, 10, 0, 0, 75, 0, 0]
    press("KeyH")  # all to the largest, locked or not
    assert values(page) == [0, 0, 0, 0, 100, 0, 0]
    press("Digit0")
    assert page.locator(".soft.untouched").count() == 1
    press("KeyP", "Digit7", "Digit6")
    assert sorted(values(page)) == [0, 0, 0, 0, 0, 30, 70]


def test_nothing_moves_for_those_who_asked_for_that(annotate):
    page = annotate("still", reduced_motion="reduce").page
    moving = page.evaluate(
        """[...document.querySelectorAll('*')].filter((one) => {
            const style = getComputedStyle(one);
            return style.transitionDuration.split(',').some((t) => parseFloat(t) > 0.01)
                || (style.animationName !== 'none' && parseFloat(style.animationDuration) > 0.01);
        }).map((one) => one.className).slice(0, 5)"""
    )
    assert moving == [], moving


def test_two_tabs_on_one_clip_lose_nothing(annotate, studio):
    """Both labels stand in the log, the later counts, and undo brings the earlier back."""
    visitor = annotate("double")
    first, second = visitor.page, visitor.context.new_page()
    second.set_default_timeout(8000)
    second.goto(studio[0])
    second.click("#tabs [data-tab-id=annotate]")
    second.wait_for_selector(".desk:not([hidden])")
    assert title(first) == title(second)
    for page, key in ((first, "Digit1"), (second, "Digit2")):
        page.bring_to_front()
        page.keyboard.press(key)
        page.keyboard.press("Enter")
        page.wait_for_selector(".delivery.good")
    assert "Another tab" in second.inner_text(".also")
    assert [points(event.probs).index(100) for event in of(studio[1], "double")] == [0, 1]
    studio[1].undo("list", "double")
    ((_, label),) = [item for item in studio[1].state("list").items() if item[0][1] == "double"]
    assert points(label.probs).index(100) == 0


def test_a_closed_window_leaves_its_draft(annotate, studio):
    visitor = annotate("closed")
    visitor.page.keyboard.press("Digit3")
    visitor.page.keyboard.press("Digit4")
    wanted = values(visitor.page)
    visitor.page.close()
    visitor.page = visitor.context.new_page()
    visitor.page.goto(studio[0])
    enter(visitor, "closed")
    visitor.page.wait_for_selector(".soft:not(.untouched)")
    assert values(visitor.page) == wanted and of(studio[1], "closed") == []


def test_a_skipped_clip_comes_back_at_the_end(annotate, studio):
    page = annotate("later").page
    first = title(page)
    page.keyboard.press("KeyS")
    page.keyboard.press("Digit1")
    page.wait_for_function(f"!document.querySelector('.clip h2').textContent.includes('{first}')")
    for number in range(5):
        page.keyboard.press("Digit1")
        page.keyboard.press("Enter")
        done(page, number + 1)
    page.wait_for_function(f"document.querySelector('.clip h2').textContent.includes('{first}')")
    skips = [event for event in of(studio[1], "later") if event.kind == "skip"]
    assert len(skips) == 1 and skips[0].note in page.inner_text(".status")


FAST = """(codes) => codes.forEach((code) => { // in one task: nothing is drawn between two keys
    const target = document.activeElement;
    const event = new KeyboardEvent("keydown", { code, key: code, bubbles: true, cancelable: true });
    const pressed = target.dispatchEvent(event) && code === "Enter" && target.closest("button");
    if (pressed) pressed.click(); // as the browser does
})"""


def test_keys_faster_than_the_page_are_the_clip_s(annotate, studio):
    """The button of a sheet that has closed keeps the focus until the page is drawn, and gets no key of the next clip.

    So with the reasons of a skip, and with the answers to what becomes of open points.
    """
    page = annotate("faster").page
    page.evaluate(FAST, ["KeyS", "Digit1", "Digit2", "Enter"])
    done(page, 1)
    page.locator(".bar input[type=range]").nth(3).press("ArrowRight")
    page.evaluate(FAST, ["Enter", "Enter", "Digit5", "Enter"])
    done(page, 3)
    assert [event.kind for event in of(studio[1], "faster")] == ["skip", "label", "label", "label"]
    assert [points(event.probs).index(100) for event in of(studio[1], "faster")[1:]] == [1, 3, 4]


def test_a_key_without_a_clip_is_said_to_do_nothing(annotate):
    """While the next clip is on its way, what is typed would be nobody's label: the person is told."""
    visitor = annotate("early")
    page = visitor.page
    visitor.context.set_offline(True)
    for _ in range(6):
        page.keyboard.press("Digit1")
        page.keyboard.press("Enter")
    page.wait_for_selector(".studio .idle:has-text('next clip')")
    page.keyboard.press("Digit2")
    page.wait_for_selector(".studio .status:has-text('not here yet')")
    visitor.context.set_offline(False)
    done(page, 6)
    visitor.complaints[:] = [text for text in visitor.complaints if "ERR_INTERNET_DISCONNECTED" not in text]


def test_a_note_that_is_too_long_is_refused_and_stays(annotate, studio):
    page = annotate("long").page
    page.keyboard.press("Digit1")
    page.locator(".beside textarea").fill("я" * 4_001)
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".status.alert:has-text('4000')")
    assert of(studio[1], "long") == []
    assert len(page.input_value(".beside textarea")) == 4_001 and values(page)[0] == 100
    page.locator(".beside textarea").fill("я" * 4_000)
    page.keyboard.press("Control+Enter")
    done(page, 1)
    assert of(studio[1], "long")[0].note == "я" * 4_000


def test_the_language_model_is_asked_after_the_label(annotate, studio, model):
    page = annotate("asker").page
    asked = len(model[1])
    page.keyboard.press("Digit1")
    page.keyboard.press("Enter")
    done(page, 1)
    assert len(model[1]) == asked
    page.keyboard.press("Digit1")
    page.keyboard.press("KeyM")
    page.wait_for_selector(".mark")
    assert "tiny" in page.inner_text(".opinion") and page.locator(".advise").is_hidden()
    kinds = [event.kind for event in of(studio[1], "asker")]
    assert kinds == ["label", "label", "reveal"] and len(model[1]) == asked + 1
    page.keyboard.press("Digit2")
    page.keyboard.press("Enter")
    page.wait_for_selector(".delivery.good")  # the next clip comes before this one is saved
    assert of(studio[1], "asker")[-1].seen == ("llm:tiny",)


def test_settings_and_an_export(annotate, studio, tmp_path):
    page = annotate("keeper").page
    page.keyboard.press("Digit6")
    page.keyboard.press("Enter")
    done(page, 1)
    page.locator(".more > summary").click()
    page.locator(".settings summary").click()
    page.locator(".settings input[type=number]").first.fill("99")
    page.locator(".settings select").first.select_option("shown")
    page.locator(".settings button[type=submit]").click()
    page.wait_for_selector(".status:has-text('Settings changed.')")
    assert (studio[1].project("list")["wanted"], studio[1].project("list")["proposals"]) == (99, "shown")
    studio[1].project("list", wanted=100, proposals="hidden")
    page.locator(".export summary").click()
    page.locator(".export select").select_option("long")
    with page.expect_download() as download:
        page.locator(".export button").click()
    download.value.save_as(tmp_path / "long.csv")
    assert download.value.suggested_filename == "list-long.csv"
    rows = {row["annotator"]: row["probs"] for row in imports.read_long(tmp_path / "long.csv")}
    assert rows["keeper"]["sad"] == 1


def test_a_project_with_labels_of_its_own(annotate, studio, folder, tmp_path):
    """Set on the page, given by the keys up to 9, exported, and read back into a new project through the page."""
    store = filled(str(studio[1].database.engine.url), folder, "moods")
    visitor = annotate("painter")
    page = visitor.page
    page.select_option(".studio .who select >> nth=0", "moods")
    page.wait_for_function("document.querySelector('.studio .who select').value === 'moods'")
    page.locator(".more > summary").click()
    page.locator(".settings > summary").click()
    page.locator(".settings .labels select").select_option("own")
    for number in range(8):
        if number > 1:
            page.locator(".settings .labels > div:not(.offered) > button").click()
        row = page.locator(".settings .own-labels li").nth(number)
        row.locator("input[type=text]").nth(0).fill(f"Mood {number}")
        row.locator("input[type=text]").nth(1).fill(f"Настроение {number}")
    page.locator(".settings button[type=submit]").click()
    page.wait_for_selector(".status:has-text('Settings changed.')")
    assert page.locator(".bar .name").all_inner_texts() == [f"Mood {number}" for number in range(8)]
    assert "only the seven emotions" in page.inner_text(".opinion") and page.locator(".compare").is_hidden()
    page.locator(".more > summary").click()
    assert page.locator("dialog.sheet dl kbd").all_text_contents()[:2] == ["1–8", "⇧ 1–8"]
    page.keyboard.press("Shift+Digit1")
    page.wait_for_selector(".status:has-text('press 1–8')")
    page.evaluate("bibier.setLanguage('ru')")
    assert page.locator(".bar .name").all_inner_texts() == [f"Настроение {number}" for number in range(8)]
    assert "нажмите 1–8" in page.inner_text(".status")
    page.evaluate("bibier.setLanguage('en')")
    for code in ("Digit8", "Digit2", "Enter"):
        page.keyboard.press(code)
    done(page, 1)
    assert [list(label.probs.values()) for label in store.state("moods").values()] == [[0, 0.05, 0, 0, 0, 0, 0, 0.95]]
    page.locator(".more > summary").click()
    page.locator(".export > summary").click()
    with page.expect_download() as download:
        page.locator(".export button").click()
    download.value.save_as(tmp_path / "moods-events.jsonl")
    page.locator(".import > summary").click()
    for language, words in (("ru", "Выбрать файл\nне выбран"), ("en", "Choose a file\nnone chosen")):
        page.evaluate(f"bibier.setLanguage('{language}')")  # the page's, whatever the browser's own button would say
        assert page.inner_text(".import .face") == words
    page.set_input_files(".import input[type=file]", tmp_path / "moods-events.jsonl")
    assert page.inner_text(".import .chosen") == "moods-events.jsonl"
    page.locator(".import input[type=text]").fill("list")
    page.locator(".import button").click()
    for language, words in (("en", "Nothing was imported"), ("ru", "Ничего не добавлено"), ("en", "Nothing was")):
        page.evaluate(f"bibier.setLanguage('{language}')")
        page.wait_for_selector(f".status.alert:has-text('{words}')")
    page.locator(".more > summary").click()
    page.wait_for_selector(".status.alert", state="detached")  # it leaves with the panel: it is nothing of the clip
    page.locator(".more > summary").click()
    page.locator(".import input[type=text]").fill("")
    page.set_input_files(".import input[type=file]", tmp_path / "moods-events.jsonl")
    page.locator(".import button").click()
    page.wait_for_selector(".status.good:has-text('0 new, 1 known')")
    store.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_killed_server_loses_nothing(chromium, tmp_path, folder, kind, request):
    """SIGKILL in the middle of an edit; when the app is back, the label is saved, once, and can be undone."""
    driver = pytest.importorskip("playwright.sync_api")
    (tmp_path / "annotations").mkdir()
    url = f"sqlite:///{tmp_path}/annotations/bibier.db"
    if kind == "postgres":
        url = request.getfixturevalue("postgres")
    store = filled(url, folder, project := f"killed-{random.random()}")
    with running(tmp_path, "--database", url) as address:
        visitor, port = Visit(chromium, address), int(address.rsplit(":", 1)[1])
        visitor.page.goto(address)
        visitor.page.evaluate(f"localStorage.setItem('bibier_project', {json.dumps(project)})")
        enter(visitor, "Ann")
        assert visitor.page.input_value(".studio .who select >> nth=0") == project
        visitor.page.keyboard.press("Digit1")
        visitor.page.keyboard.press("Enter")
        done(visitor.page, 1)
        visitor.page.wait_for_selector(".soft.untouched")
        visitor.page.keyboard.press("Digit2")
        assert values(visitor.page)[1] == 100
        address.process.kill()
        address.process.wait()
        visitor.page.keyboard.press("Enter")
        visitor.page.wait_for_selector(".delivery.alert")
    with running(tmp_path, "--database", url, port=port):
        try:
            visitor.page.reload()
        except driver.Error:
            visitor.page.wait_for_load_state()  # Gradio had begun to reload the page by itself
        enter(visitor, "Ann")
        done(visitor.page, 2)
        mine = [event for _, event in store.events(project) if event.annotator]  # not the model's proposals
        assert [points(event.probs).index(100) for event in mine] == [0, 1]
        visitor.page.keyboard.press("Control+z")
        done(visitor.page, 1)
        kinds = [event.kind for _, event in store.events(project) if event.annotator]
        assert kinds == ["label", "label", "undo"]
        visitor.close()
    store.close()
