"""The Live switch: bars while one speaks, an utterance at each pause, and the recording itself untouched."""

ON = """async () => {
    document.querySelector(".live-slot") ?? document.querySelector("#voice").prepend(
        bibier.make("div", { class: "live-slot" }));
    window.shown = [];
    bibier.showBars = (value) => shown.push(value.rows);
    const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (wanted) => (window.microphone = await ask(wanted));
}"""
SPEAK = """async () => {
    window.heard = 0;
    window.recording = await bibier.capture.start({ onBlock: (block) => { heard += block.length; } });
}"""
FALL_SILENT = "microphone.getAudioTracks()[0].enabled = false"
STOP = "async () => { const wav = await recording.stop(); return (wav.size - 44) / 2 === heard; }"


def test_bars_follow_the_voice_and_a_pause_closes_an_utterance(visit):
    page = visit().page
    page.evaluate(ON)
    page.click(".live-slot input")
    assert page.is_checked(".live-slot input")
    page.evaluate(SPEAK)
    page.wait_for_function("shown.some((rows) => rows.every((row) => row.audio !== null && row.bimodal === null))")
    page.evaluate(FALL_SILENT)
    page.wait_for_selector("#ribbon .live .stretch")
    page.wait_for_function("shown.some((rows) => rows.every((row) => row.bimodal !== null))")
    rows = page.evaluate("shown.at(-1)")
    assert [row["name"] for row in rows] == page.evaluate("bibier.emotions") and rows[0]["label"] == "anger"
    before = page.evaluate("shown.push([]), shown.length")
    page.click("#ribbon .live .stretch")
    page.wait_for_function(f"shown.length > {before}")
    page.evaluate("bibier.setLanguage('ru')")  # what was said stays
    names = page.evaluate("Object.values(bibier.names.ru)")
    label = page.get_attribute("#ribbon .live .stretch", "aria-label")
    assert any(name in label for name in names), label
    assert page.evaluate("shown.at(-1)[0].label") == "злость"
    assert page.inner_text("#ribbon .live h2") == "Что вы уже сказали"
    hue = "getComputedStyle(document.querySelector('#ribbon .live .stretch')).backgroundImage"
    light = page.evaluate(hue)
    page.emulate_media(color_scheme="dark")  # in the colours of the theme, also when that is switched
    page.wait_for_function(f"(light) => {hue} !== light", arg=light)
    page.emulate_media(color_scheme="light")
    page.evaluate("bibier.setLanguage('en')")
    assert page.evaluate(STOP)  # nothing of the recording is lost on the way
    page.evaluate("bibier.live.toggle()")
    assert not page.is_checked(".live-slot input")


def test_stop_keeps_what_was_judged(visit):
    """After Stop the ribbon holds what was heard live, and the chosen recogniser is the one that Live asked for."""
    visitor = visit()
    page = visitor.page
    page.evaluate(ON)
    page.click("#fold button")
    page.click("#recogniser input")
    page.locator("#recogniser [role=option]").last.click()  # the words are typed
    page.wait_for_function("bibier.recogniser === 'none'")
    page.click(".live-slot input")
    with page.expect_request(lambda request: request.url.endswith("/bibier/live")) as opening:
        visitor.record()
    assert opening.value.post_data_json["recogniser"] == "none"
    page.wait_for_function("shown.length > 3")
    page.evaluate(FALL_SILENT)
    page.wait_for_selector("#ribbon .live .stretch")
    heard = page.evaluate(
        "document.querySelector('#ribbon .live .stretch').click(), shown.at(-1).map((row) => row.audio)"
    )
    page.click("#voice button.stop-button")
    page.wait_for_selector("#ribbon .ribbon:not(.live) .stretch:not(:disabled)")
    page.wait_for_selector("#verdict .sentence")
    page.locator("#ribbon .stretch").first.click()
    page.wait_for_function(  # to the last digit as it was judged live
        "(heard) => bibier.bars()[0].every((share, i) => Math.abs(share - 100 * heard[i]) < 1e-9)", arg=heard
    )
    assert page.evaluate("bibier.sound.dataset.file") and page.is_enabled("#relabel")
    page.click(".live-slot input")
