"""The microphone by itself, in a page without Gradio, under the page's own content policy."""

import base64
import io

import numpy as np
import pytest
import soundfile
import soxr
from served import ROOT

from bibier.security.headers import POLICY

SCRIPT = (ROOT / "bibier/ui/static/capture.js").read_text(encoding="utf-8")
ADDRESS = "http://localhost/capture"
RECORD = """async (seconds) => {
    const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    let track;
    navigator.mediaDevices.getUserMedia = async (wanted) => {
        const stream = await ask(wanted);
        track = stream.getAudioTracks()[0];
        return stream;
    };
    const blocks = [], levels = [], rates = new Set();
    let end = () => {};
    const full = new Promise((resolve) => { end = resolve; });
    const recording = await bibier.capture.start({ seconds, onEnd: end, onLevel: (level) => levels.push(level),
        onBlock: (block, rate) => { blocks.push(Array.from(block)); rates.add(rate); } });
    const { echoCancellation, noiseSuppression, autoGainControl } = track.getSettings();
    const key = await full;
    const wav = await recording.stop();
    const base64 = await new Promise((resolve) => {
        const reader = new FileReader();
        reader.onload = () => resolve(reader.result.split(",")[1]);
        reader.readAsDataURL(wav);
    });
    return { key, levels, base64, blocks, rates: [...rates], seconds: recording.seconds, type: wav.type,
        state: track.readyState, processing: [echoCancellation, noiseSuppression, autoGainControl] };
}"""
CANCEL = """async () => {
    const heard = [];
    const recording = await bibier.capture.start({ onBlock: (block) => heard.push(block) });
    while (!heard.length) await new Promise((resolve) => setTimeout(resolve, 20));
    const before = recording.seconds;
    recording.cancel();
    return [before, recording.seconds, (await recording.stop()).size];
}"""
FAIL = "() => bibier.capture.start().then(() => 'no failure', (error) => error.key)"


@pytest.fixture
def bare():
    """Open pages that hold the script and nothing else by `bare(browser)`."""
    pages = []

    def show(route):
        headers = {"content-type": "text/html", "content-security-policy": POLICY}
        route.fulfill(body=f"<!doctype html><script>window.bibier = {{}};{SCRIPT}</script>", headers=headers)

    def start(browser):
        page = browser.new_page()
        pages.append(page)
        page.route("**", show)
        page.goto(ADDRESS)
        return page

    yield start
    for page in pages:
        page.close()


def test_what_is_heard_is_what_is_kept(bare, chromium, clip):
    """The blocks are the wav, the wav is what was spoken, unprocessed; the device is given back."""
    page = bare(chromium)
    heard = page.evaluate(RECORD, 1.1)
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(heard["base64"])), dtype="int16")
    assert heard["key"] == "mic_full" and heard["type"] == "audio/wav" and heard["state"] == "ended"
    assert heard["processing"] == [False, False, False]
    assert samples.ndim == 1 and heard["rates"] == [rate] and len(samples) == int(1.1 * rate)
    assert heard["seconds"] == pytest.approx(1.1, abs=1e-3)
    assert np.array_equal(np.concatenate(heard["blocks"]), samples)
    assert max(map(len, heard["blocks"])) <= 0.5 * rate
    assert len(heard["levels"]) >= 20 and max(heard["levels"]) > 0.01
    spoken = np.tile(soxr.resample(clip[0], clip[1], rate), 2)
    product = np.fft.irfft(np.fft.rfft(spoken, 2**19) * np.conj(np.fft.rfft(samples / 2**15, 2**19)))
    at = int(np.argmax(product[: len(spoken) - len(samples)]))
    assert np.corrcoef(spoken[at : at + len(samples)], samples)[0, 1] > 0.9
    before, after, size = page.evaluate(CANCEL)
    assert before > 0 and after == 0 and size == 44  # forgotten: a head without sound


def test_failures_have_their_sentence(bare, refusing):
    page = bare(refusing)
    assert page.evaluate(FAIL) == "mic_denied"
    fail = "(name) => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', name)); }"
    for name, key in (("NotFoundError", "mic_missing"), ("NotReadableError", "mic_busy")):
        page.evaluate(fail, name)
        assert page.evaluate(FAIL) == key
    page.evaluate("() => { delete window.AudioWorkletNode; }")
    assert page.evaluate(FAIL) == "mic_insecure"
