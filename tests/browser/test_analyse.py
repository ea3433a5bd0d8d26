"""The main job in a real browser: speech in, three sets of bars and the words that mattered."""

import json
import re
from fractions import Fraction

import av
import numpy as np
import pytest
import soundfile

from bibier.features.normalise import normalise_text

BRANCHES = 3
EMOTIONS = 7


def test_record_and_see(visit):
    """Record with the microphone: the words are recognised, and every branch is shown."""
    visitor = visit()
    page = visitor.page
    assert page.locator("#analyse").is_disabled()
    visitor.record()
    page.wait_for_timeout(3500)
    with visitor.renewed("#verdict .sentence", "#verdict .alert"):
        page.click("#voice button.stop-button")
    sentence = visitor.outcome()
    visitor.await_other_bars([[0] * EMOTIONS] * BRANCHES)
    assert "together" in sentence or "alone" in sentence, sentence
    text = page.input_value("#transcript textarea")
    assert len(text.split()) >= 3, text
    assert "pocketsphinx" in page.inner_text("#author").lower() or "whisper" in page.inner_text("#author").lower()
    bars = visitor.bars()
    assert len(bars) == BRANCHES
    for panel in bars:
        assert len(panel) == EMOTIONS and sum(panel) == pytest.approx(100, abs=0.01)
    words = page.locator("#words .word")
    assert words.all_inner_texts() == [word.strip(".,!?") for word in text.split()]
    # selecting a word shows its figure and plays that stretch alone
    words.nth(1).click()
    detail = page.inner_text("#words .detail")
    assert words.nth(1).inner_text() in detail and re.search(r"\d+\.\d–\d+\.\d\ss", detail), detail
    page.wait_for_function("bibier.sound.currentTime > 0 && bibier.sound.paused")
    start, end = (float(second) for second in re.findall(r"(\d+\.\d)", detail)[-2:])
    assert start - 0.2 <= page.evaluate("bibier.sound.currentTime") <= end + 0.5


def test_edit_changes_text_and_both_only(visit):
    """An edited transcript is read again by itself; the voice's bars stay."""
    visitor = visit()
    page = visitor.page
    page.locator("button.example").first.click()
    page.wait_for_selector("#verdict .sentence")
    assert "example" in page.inner_text("#author")
    visitor.await_other_bars([[0] * EMOTIONS] * BRANCHES)
    before = visitor.bars()
    page.fill("#transcript textarea", "This is disgusting, I hate it, get out of my house!")
    page.wait_for_function("document.querySelector('#author').innerText.includes('Typed by you')")
    page.wait_for_selector("#words .word:has-text('disgusting')")
    page.wait_for_function(f"bibier.bars()[1][0] !== {before[1][0]}")
    after = visitor.bars()
    assert after[0] == before[0]
    assert after[1] != before[1] and after[2] != before[2]
    with visitor.renewed("#stage .small", "#stage .alert"):
        page.click("#analyse")  # the example's clip is still there to be analysed
    assert visitor.bars() == after and page.locator("#stage .alert").count() == 0
    # words gone: the voice alone
    page.fill("#transcript textarea", "")
    page.wait_for_function("document.querySelector('#verdict').innerText.includes('voice alone')")
    assert visitor.bars()[0] == before[0]


def test_words_alone(visit):
    """Without sound, typed words are judged by themselves, and the voice's panel says why it is empty."""
    visitor = visit()
    visitor.page.fill("#transcript textarea", "What a wonderful surprise!")
    assert "words alone" in visitor.analyse()
    panels = visitor.bars()
    assert sum(panels[0]) == 0 and sum(panels[1]) == pytest.approx(100, abs=0.01) and sum(panels[2]) == 0


def test_a_key_asks_the_server_for_nothing(visit):
    """Each letter was a call: who held a key down, or typed long, was told to wait."""
    page, calls = visit().page, []
    field, start = page.locator("#transcript textarea"), page.locator("button#analyse")
    page.on("request", lambda request: calls.append(request.url) if request.method == "POST" else None)
    field.click()
    field.press_sequentially("What a wonderful surprise it is!", delay=30)
    page.wait_for_selector("button#analyse:enabled")
    page.wait_for_timeout(1000)
    assert len(calls) <= 8, calls
    field.fill("")
    page.wait_for_selector("button#analyse:disabled")
    field.press_sequentially("So")
    page.wait_for_selector("button#analyse:enabled")
    assert start.is_enabled()


def test_typed_words_win_over_the_recogniser(visit, tmp_path, clip):
    visitor = visit()
    path = tmp_path / "clip.wav"
    soundfile.write(path, *clip)
    visitor.page.fill("#transcript textarea", "These are my own words")
    visitor.upload(path)
    visitor.page.wait_for_selector("#author:has-text('Typed by you')")
    assert visitor.page.input_value("#transcript textarea") == "These are my own words"


def test_a_channel_is_chosen_on_the_page(visit, tmp_path, clip):
    """Speech on the right, noise on the left: the right one is heard, the choice appears, and the left one is tried."""
    visitor = visit()
    samples, rate = clip
    noise = 0.2 * np.random.default_rng(0).standard_normal(len(samples))
    soundfile.write(tmp_path / "two.wav", np.column_stack([noise, samples]), rate)
    assert not visitor.page.locator("#channel").is_visible()
    visitor.page.fill("#transcript textarea", "So happy to see you")
    assert "together" in visitor.upload(tmp_path / "two.wav")
    visitor.page.locator("#channel label", has_text="1 (left)").click()
    visitor.page.wait_for_function("document.querySelector('#verdict').innerText.includes('No speech')")
    assert visitor.page.locator("#channel").is_visible()


def encode(path, samples: np.ndarray, rate: int) -> None:
    """Write mono samples in the format of the file's ending."""
    kind = path.suffix[1:]
    if kind == "opus":
        soundfile.write(path, samples, rate, format="OGG", subtype="OPUS")
    elif kind in ("wav", "flac", "mp3", "ogg"):
        soundfile.write(path, samples, rate)
    else:
        codec, sample_format = {"m4a": ("aac", "fltp"), "webm": ("libopus", "flt")}[kind]
        with av.open(str(path), "w", format={"m4a": "mp4", "webm": "webm"}[kind]) as file:
            stream = file.add_stream(codec, rate=48000, layout="mono")
            frame = av.AudioFrame.from_ndarray(samples[None].astype(np.float32), format="flt", layout="mono")
            frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), 0
            resampler = av.AudioResampler(sample_format, "mono", 48000, frame_size=stream.frame_size or 960)
            for part in [*resampler.resample(frame), *resampler.resample(None)]:
                file.mux(stream.encode(part))
            file.mux(stream.encode(None))


def test_every_format(visit, tmp_path, clip):
    """Upload one clip in every format that the page promises: the voice's bars agree."""
    visitor = visit()
    visitor.page.fill("#transcript textarea", "So happy to see you")
    voices = {}
    for kind in ("wav", "flac", "mp3", "ogg", "opus", "m4a", "webm"):
        path = tmp_path / f"clip.{kind}"
        encode(path, *clip)
        assert "together" in visitor.upload(path), kind
        visitor.page.wait_for_selector("#chart .point")
        voices[kind] = np.array(visitor.bars()[0])
    for kind, voice in voices.items():  # codecs change the sound a little
        assert np.abs(voice - voices["wav"]).max() < 25, (kind, voices)


NOT_SOUND = b"this is not sound at all\n" * 40


@pytest.mark.parametrize("name, content", [("empty.wav", b""), ("text.wav", NOT_SOUND), ("notes.txt", NOT_SOUND)])
def test_broken_upload(visit, tmp_path, name, content):
    """A broken file gives one clear sentence, and the app goes on."""
    visitor = visit()
    (tmp_path / name).write_bytes(content)
    sentence = visitor.upload(tmp_path / name)
    box = visitor.page.locator("#verdict .alert").bounding_box()
    assert box["y"] >= 0 and box["y"] + box["height"] <= 900, box  # in sight
    assert sentence.endswith(".") and len(sentence) > 30, sentence
    assert "Traceback" not in sentence and "/" not in sentence.replace(" / ", ""), sentence
    visitor.page.evaluate("bibier.setLanguage('ru')")  # what went wrong is said in the other language too
    assert re.search("[а-яё]{4}", visitor.page.inner_text("#stage .alert"))
    visitor.page.evaluate("bibier.setLanguage('en')")
    visitor.page.wait_for_timeout(300)  # the server speaks it again as well
    assert visitor.page.inner_text("#stage .alert") == sentence
    visitor.page.locator("button.example").first.click()
    visitor.page.wait_for_selector("#verdict .sentence")
    assert visitor.page.locator("#stage .alert").count() == 0


def test_a_refused_upload_is_told_at_the_verdict(visit, tmp_path, clip):
    visitor = visit()
    soundfile.write(tmp_path / "clip.wav", *clip)
    refused, sentences = "This file is larger than what is taken here.", {"en": "Too large.", "ru": "Слишком велик."}
    ours = json.dumps({"detail": sentences["en"], "sentences": sentences})
    bodies = []
    visitor.page.route("**/gradio_api/upload*", lambda route: route.fulfill(status=413, body=bodies[-1]))
    for body, said in (
        ("<html>proxy</html>", ["did not accept", "не приняло"]),
        (refused, [refused] * 2),
        (ours, [*sentences.values()]),
    ):
        bodies.append(body)
        assert said[0] in visitor.upload(tmp_path / "clip.wav")
        for language, text in zip(("ru", "en"), reversed(said), strict=True):
            visitor.page.evaluate("(language) => bibier.setLanguage(language)", language)
            assert text in visitor.page.inner_text("#stage .alert")
    visitor.page.unroute("**/gradio_api/upload*")
    visitor.page.fill("#transcript textarea", "So happy to see you")
    assert "together" in visitor.upload(tmp_path / "clip.wav")
    visitor.complaints.clear()  # the browser's own word on the refusal


@pytest.mark.parametrize("locale, words", [("en-US", "not recognised"), ("ru-RU", "не распознаны")])
def test_silence_is_said_first(visit, tmp_path, locale, words):
    """Silence: what is wrong stands before everything, no words are invented, and none are said to be missing."""
    visitor = visit(locale=locale)
    soundfile.write(tmp_path / "silence.wav", np.zeros(32000), 16000)
    visitor.upload(tmp_path / "silence.wav")
    assert visitor.page.locator("#verdict .notice").count() >= 1
    assert words not in visitor.page.inner_text("#verdict")
    assert visitor.page.input_value("#transcript textarea") == ""


HOSTILE = [
    "<script>window.hacked = 1</script> sad",
    "${window.hacked = 2} {{window.hacked}} so angry",
    '<img src=x onerror="window.hacked = 3"> happy `${window.hacked = 4}`',
]


def test_hostile_words_are_text(visit):
    """Code in a transcript is shown as it was written and never runs."""
    visitor = visit()
    page = visitor.page
    for text in HOSTILE:
        page.fill("#transcript textarea", text)
        visitor.analyse()
        shown = normalise_text(text)  # what the words branch reads
        page.wait_for_function("(text) => document.querySelector('#words .text')?.textContent === text", arg=shown)
        assert page.locator("#words .text img, #words .text script").count() == 0
        page.locator("#words .word").first.click()
    page.reload()
    page.wait_for_selector("#words .word")
    assert page.evaluate("window.hacked") is None
