"""Code in every text that strangers write is shown as text: over HTTP, and in the page, where none of it may run."""

from __future__ import annotations

import hashlib
import uuid

import httpx
import pytest
from served import EXAMPLE, act, file, sent_file, upload, visit

from bibier.annotation.events import Event
from bibier.annotation.state import ProjectClip
from bibier.annotation.store import Store
from bibier.features.normalise import normalise_text
from bibier.labels import EMOTIONS
from tests.browser.conftest import Visit, running

SHORT = '"><img src=x onerror=alert(1)>${alert(2)}{{alert(3)}}'
LONG = SHORT + "<script>alert(4)</script>`${window.ran=5}`</textarea><svg onload=alert(6)>[x](javascript:alert(7))"
MODEL = f"model:{SHORT}"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Make a store in which project, transcript, id, proposal's source, note, reason and earlier annotator are code."""
    place = tmp_path_factory.mktemp("hostile")
    (place / "annotations").mkdir()
    store = Store(f"sqlite:///{place}/annotations/bibier.db")
    store.project(SHORT, wanted=9, proposals="shown")
    for number in range(2):
        sound = place / f"{number}{SHORT.replace('/', '')}.ogg"
        sound.write_bytes(EXAMPLE.read_bytes() + bytes(number))
        clip = hashlib.sha256(sound.read_bytes()).hexdigest()
        store.add_clips(SHORT, [ProjectClip(clip, str(sound), LONG, "en", None, 1.0, {"id": LONG})])
        probs = dict.fromkeys(EMOTIONS, 0.0) | {"fear": 1.0}
        for facts in (
            {"kind": "propose", "annotator": "", "source": MODEL, "probs": probs},
            {"kind": "label", "annotator": LONG[:80], "probs": probs, "confidence": 1.0, "note": LONG},
            {"kind": "skip", "annotator": LONG[:79], "note": LONG},
        ):
            store.append(Event(uuid=str(uuid.uuid4()), project=SHORT, clip=clip, **facts))
    store.close()
    return place


@pytest.fixture(scope="module")
def address(place):
    with running(place) as address:
        yield address


def plain(answer: httpx.Response) -> bool:
    """Whether no browser would take the answer for a page."""
    return (
        answer.headers["content-type"].split(";")[0] in ("application/json", "text/plain", "application/octet-stream")
        and answer.headers["x-content-type-options"] == "nosniff"
    )


def test_over_http(address):
    """What is sent comes back as data, or not at all, and never as a page."""
    with visit(address) as guest:
        sent = upload(guest, f"{LONG}.html", f"<script>{LONG}</script>".encode())
        assert sent.status_code == 200 and plain(sent)
        kept = file(guest, sent.json()[0])
        assert kept.headers["content-disposition"].startswith("attachment") and plain(kept)
        assert "\n" not in kept.headers["content-disposition"] and "<" not in kept.headers["content-disposition"]
        call = guest.post("/gradio_api/call/predict", json={"data": [None, LONG]}).json()["event_id"]
        said = guest.get(f"/gradio_api/call/predict/{call}")
        assert said.headers["content-type"].startswith("text/event-stream") and "event: complete" in said.text
        call = guest.post("/gradio_api/call/predict", json={"data": [sent_file(sent.json()[0]), LONG]}).json()
        assert "event: error" in guest.get(f"/gradio_api/call/predict/{call['event_id']}").text
        opened = act(guest, "open", project=SHORT, annotator="Ann")
        assert plain(opened) and opened.json()["now"]["text"] == LONG
        for answer in (
            act(guest, "open", project=LONG, annotator=LONG),
            act(guest, LONG, project=SHORT),
            act(guest, "save", project=SHORT, annotator="Ann", clip=LONG, note=LONG),
            guest.get(f"/{LONG}"),
            guest.get(f"/gradio_api/file={LONG}"),
            guest.get(f"/bibier/clip/{LONG}"),
            guest.get("/", headers={"host": LONG}),
            guest.get("/config", headers={"origin": LONG}),
            guest.post("/gradio_api/queue/join", json={"data": [LONG], "fn_index": LONG, "session_hash": LONG[:99]}),
        ):
            assert plain(answer), answer.url
        for name in ("__theme", "deep_link", "__lang", "view", "x"):
            page = guest.get("/", params={name: LONG})
            assert "<img src=x" not in page.text and "alert(4)</script>" not in page.text, name
        cookies = {"cookie": f"bibier_language={SHORT}; bibier_session={SHORT}", "accept-language": LONG}
        assert SHORT not in httpx.get(address, headers=cookies).text


def test_in_the_page(chromium, address, tmp_path):
    """File name, transcript, project, annotator, note, proposal and the recording sent to the editor: all are read as
    they were written, no dialog opens, no request leaves and no element is made of them.
    """
    visitor = Visit(chromium, address)
    page = visitor.page
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    visitor.open()
    sound = tmp_path / f"{SHORT}.ogg".replace("/", "")
    sound.write_bytes(EXAMPLE.read_bytes())
    visitor.upload(sound)
    page.fill("#transcript textarea", LONG)
    visitor.analyse()
    page.wait_for_function(
        "(text) => document.querySelector('#words .text')?.textContent === text", arg=normalise_text(LONG)
    )
    page.locator("#words .word").first.click()
    page.click("#tabs [data-tab-id=annotate]")
    page.wait_for_selector(".studio .who option", state="attached")
    name = page.locator(".studio .who input[type=text]").first
    name.fill(SHORT)
    name.press("Enter")
    page.wait_for_selector(".desk:not([hidden])")
    page.wait_for_function("(text) => document.querySelector('.opinion').textContent.includes(text)", arg=SHORT)
    assert page.inner_text(".clip .transcript") == LONG
    assert page.input_value(".studio select") == SHORT
    page.locator(".clip h2").click()  # away from the select, whose keys are its own
    page.keyboard.press("Digit3")
    page.fill(".beside textarea", LONG)
    page.locator(".act.save, button.save").first.click()
    page.wait_for_function("document.querySelector('.far').textContent.match(/\\d+/)[0] === '1'")
    page.keyboard.press("Backspace")
    page.wait_for_function("(text) => document.querySelector('.beside textarea').value === text", arg=LONG)
    page.click("#tabs [data-tab-id=analyse]")
    page.click("#relabel")
    page.wait_for_function("document.querySelector('.studio select').value === 'analysed'")
    page.wait_for_function("(text) => !document.querySelector('.opinion').textContent.includes(text)", arg=SHORT)
    assert page.inner_text(".clip .transcript") == normalise_text(LONG)  # as it was analysed
    page.reload()
    page.wait_for_selector("#words .word", state="attached")  # the address opens the tab that one was on
    page.click("#tabs [data-tab-id=annotate]")
    page.wait_for_selector(".desk:not([hidden])")
    assert page.evaluate("window.ran") is None
    assert page.evaluate("document.querySelectorAll('img[src=x], [onerror], svg[onload]').length") == 0
    assert page.locator("a[href^='javascript:']").count() == 0
    visitor.close()
    assert dialogs == [] and visitor.outside == [] and visitor.complaints == []


def test_at_the_door(chromium, tmp_path):
    """The sign-in page says what is wrong as text, in both languages, and lets in who knows the password."""
    from bibier.security.passwords import entry

    (tmp_path / "people").write_text(entry("Ann", "correct horse"))
    with running(tmp_path, "--auth", "people") as address:
        visitor = Visit(chromium, address, locale="ru-RU", viewport={"width": 390, "height": 844})
        page = visitor.page
        page.on("dialog", lambda dialog: pytest.fail(dialog.message))
        page.goto(address)
        for _ in range(6):
            page.fill("#name", SHORT[:80])
            page.fill("#password", LONG[:200])
            page.click("#enter")
            page.wait_for_function(
                "!document.querySelector('#enter').disabled && document.querySelector('#said').textContent"
            )
        assert "Попробуйте через" in page.inner_text("#said")
        page.screenshot(path=tmp_path / "door.png")
        label, field, other = (page.locator(part).bounding_box() for part in ("label >> nth=1", "#password", "#other"))
        assert field["y"] - label["y"] - label["height"] >= 7 and other["height"] >= 32  # clear of the focus's frame
        page.click("#other")
        page.wait_for_selector("text=Sign in")
        assert page.evaluate("document.querySelectorAll('img').length") == 0
        page.fill("#name", "Ann")
        page.fill("#password", "correct horse")
        page.wait_for_timeout(5200)  # the address waits
        page.click("#enter")
        page.wait_for_selector("#chart .chart")
        page.click("#tabs [data-tab-id=annotate]")
        assert page.evaluate("document.cookie").find("bibier_session") == -1
        visitor.close()
        assert visitor.outside == []
