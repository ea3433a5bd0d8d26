"""The interface without a browser: sentences, chart, words, what the server believes of what a browser sends."""

import ast
import json
import re
import string
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bibier.asr.recognisers import Choice
from bibier.audio.long_recording import LIMIT
from bibier.errors import InputError
from bibier.i18n import messages
from bibier.i18n.messages import LANGUAGES, Message
from bibier.i18n.page import STRINGS, say
from bibier.inference.predictor import AudioEncoding, ModalityResult, Prediction
from bibier.labels import EMOTIONS, named
from bibier.security.responses import preferred
from bibier.transcript import Transcript, Word
from bibier.ui import page_script
from bibier.ui.analyse.handlers import AnalyseHandlers
from bibier.ui.analyse.state import ResultCache
from bibier.ui.client import ClientContext, Theme, read_context
from bibier.ui.services import Example, Services, read_examples, short


def sure_of(emotion: str, share: float, second: str = "neutral", second_share: float = 0.0) -> ModalityResult:
    """Return a distribution with the given two shares and the rest spread evenly."""
    rest = (1 - share - second_share) / (len(EMOTIONS) - 2)
    return ModalityResult(dict.fromkeys(EMOTIONS, rest) | {emotion: share, second: second_share})


NONE = ModalityResult(None, Message("no-words"))


# ---------------------------------------------------------------------------------------------------------- sentences


def test_every_sentence_in_both_languages():
    """No key lacks a language, both name the same values, and Russian is Russian."""
    for key, texts in STRINGS.items():
        assert len(texts) == len(LANGUAGES) and all(text.strip() for text in texts), key
        fields = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in texts]
        assert fields[0] == fields[1], key
        bare = texts[1].translate(str.maketrans("", "", "{}"))
        if set(texts[0]) - set("{}_–- ") and fields[0] != {texts[0].strip("{}")}:
            assert any("а" <= letter.lower() <= "я" for letter in bare) or key == "word_from", key


def test_no_key_has_two_sentences():
    """What stands in two files would be the later one's everywhere."""
    places = {}
    for path in (Path(messages.__file__).parent).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Dict) and node.target.id != "SENTENCES":
                for key in node.value.keys:
                    if isinstance(key, ast.Constant):
                        places.setdefault(key.value, []).append(path.name)
    assert len(places) > 500
    assert {key: files for key, files in places.items() if len(files) > 1} == {}


def test_every_sentence_is_used():
    """A key that nothing asks for is deleted, not kept; some keys are built from a prefix."""
    import bibier.ui

    folder = Path(bibier.ui.__file__).parent
    source = "".join(path.read_text() for path in folder.rglob("*") if path.suffix in (".py", ".js"))
    built = (
        "panel_",
        "technical_",
        "verdict_",
        "time_",
        "language_",
        "spoken_",
        "split_",
        "example_",
        "what_",
        "sure_",
        "confidence_",
        "proposals_",
        "order_",
        "format_",
        "list_",
        "fill_",
        "also_",
        "unit_",
        "models_part_",
        "results_",
        "batch_",
        "words_",
        "voice_",
        "chart_",
        "theme_",
        "occlusion_",
        "attention_",
    )
    ways = '"{}"', "'{}'", "say.{}"
    unused = [key for key in STRINGS if not any(way.format(key) in source for way in ways)]
    assert [key for key in unused if not key.startswith(built) and not key.endswith("_is")] == []


# ------------------------------------------------------------------------------------------------------- chart, words


# ------------------------------------------------------------------------------------------- what the browser sends


@given(st.one_of(st.none(), st.text(), st.dictionaries(st.text(), st.integers()).map(json.dumps)))
def test_view_survives_anything(raw):
    seen = read_context(raw, "", "ru")
    assert seen.theme.language in LANGUAGES and seen.token == ""


@pytest.mark.parametrize(
    "cookie, accepted, language",
    [
        ("", "", "en"),
        ("", "ru-RU,ru;q=0.9,en;q=0.8", "ru"),
        ("", "de, en;q=0.5, ru;q=0.8", "ru"),
        ("bibier_language=en", "ru", "en"),
        ("bibier_language=xx; other=1", "ru", "ru"),
        ("", "en;q=oops, ru", "ru"),
    ],
)
def test_preferred_language(cookie, accepted, language):
    assert preferred(cookie, accepted) == language


def test_early_script_cannot_be_closed_from_inside():
    assert page_script.script("ru", 24.0).count(b"</script>") == 1


def test_the_cache_forgets():
    cache = ResultCache(size=2)
    for name in "abc":
        cache.put(name, object())
    assert cache.get("a") is None and cache.get("c") is not None
    cache.put("c", None)
    assert cache.get("c") is None
    assert ResultCache(seconds=-1).get("x") is None


# -------------------------------------------------------------------------------------------------------- the handlers

CHOICES = (
    Choice("whisper-base", Message("recogniser-whisper", {"size": "base"}), ready=False, megabytes=145),
    Choice("pocketsphinx", Message("recogniser-pocketsphinx"), ready=True, rough=True, languages=("en",)),
    Choice("none", Message("recogniser-none"), ready=True),
)


class Fake:
    """A predictor that notes what it was asked to do."""

    def __init__(self, name: str, did: list[str]):
        self.name, self.did = name, did

    def encode_audio(self, path, *, channel="auto"):
        self.did.append("encode_audio")
        if path == "broken":
            raise InputError("audio-empty-file", prefix="")
        heard = (sure_of("sad", 0.6), (), True, None, {})
        self.channel = channel
        return AudioEncoding(np.zeros(9, np.float32), 1.0, *heard, 2 if path == "stereo" else 1)

    def transcribe(self, heard):
        self.did.append(f"transcribe by {self.name}")
        return Transcript("so sad", "en", (Word("so", 0, 1),), "recogniser", self.name)

    def classify(self, heard, transcript):
        self.did.append("classify")
        transcript = transcript if isinstance(transcript, Transcript) else Transcript(transcript)
        text = ModalityResult(named(np.full(7, 1 / 7))) if transcript.text else NONE
        return Prediction(heard.audio if heard else NONE, text, text, transcript, (), None, (), 1.0, {})


@pytest.fixture
def handlers():
    did: list[str] = []
    reader = Future()
    reader.set_result(lambda name: Fake(name, did))
    handlers = AnalyseHandlers(Services(reader, lambda: CHOICES, None, None, None))
    handlers.did = did
    return handlers


VIEW = ClientContext(Theme(), "0" * 32)


def test_russian_speech_is_no_english_rubbish(handlers):
    """Where only an English recogniser is ready, a Russian page asks it for nothing, and says so before the verdict."""
    assert handlers.choices("en")["recogniser"]["value"] == "pocketsphinx"
    assert handlers.choices("ru")["recogniser"]["value"] == "none"
    russian = ClientContext(Theme("ru"), "0" * 32)
    *_, shown = handlers.analyse("clip", "", "none", None, russian)
    assert any("только английский" in notice for notice in shown["verdict"]["notices"])
    assert handlers.did == ["encode_audio", "classify"]
    *_, shown = handlers.analyse("clip", "", "none", None, VIEW)
    assert not shown["verdict"]["notices"]


def test_a_program_does_not_wait_for_a_page():
    """Whoever asks before a page was shown has the models loaded at once."""
    calls, reader = [], Future()
    reader.set_result("readers")
    handlers = AnalyseHandlers(Services(reader, lambda: CHOICES, None, None, None, opened=lambda: calls.append("load")))
    assert handlers.reader("en") == "readers" and calls == ["load"]


def run(handlers, *arguments, **settings) -> dict:
    """Return everything that an analysis showed, later values over earlier ones."""
    shown: dict = {}
    for part in handlers.analyse(*arguments, VIEW, **settings):
        shown |= part
    return shown


def test_analyse_then_edit(handlers):
    shown = run(handlers, "clip", "", "pocketsphinx", None)
    assert handlers.did == ["encode_audio", "transcribe by pocketsphinx", "classify"]
    assert shown["transcript"] == "so sad" and "pocketsphinx" in shown["author"]
    state = shown["state"]
    handlers.did.clear()
    edited = handlers.edited("so glad", state, VIEW)
    assert handlers.did == ["classify"]
    assert edited["state"].prediction.audio == state.prediction.audio
    assert edited["author"] == "Typed by you, English"
    assert handlers.edited("so glad", edited["state"], VIEW) == {}
    assert handlers.restore(VIEW)["transcript"] == "so glad"


def test_typed_words_are_used(handlers):
    run(handlers, "clip", "my words", "whisper-base", None)
    assert handlers.did == ["encode_audio", "classify"]


def test_another_recogniser_is_asked_again(handlers):
    state = run(handlers, "clip", "", "pocketsphinx", None)["state"]
    handlers.did.clear()
    run(handlers, "clip", "so sad", "pocketsphinx", state)
    assert handlers.did == ["classify"]
    shown = run(handlers, "clip", "so sad", "whisper-base", state)
    assert shown["stage"]["error"] and "download" in shown["stage"]["text"]


def test_a_recording_of_two_channels_offers_a_choice(handlers):
    """Another channel is heard anew, and the words of the one before are no answer for it; one alone is no choice."""
    mono = run(handlers, "clip", "", "pocketsphinx", None)
    assert mono["channel"] == {
        "choices": [("where speech is heard", "auto"), ("1 (left)", "1"), ("all together", "mix")],
        "value": "auto",
        "visible": False,
    }
    shown = run(handlers, "stereo", "", "pocketsphinx", None)
    assert shown["channel"]["visible"] and [name for _, name in shown["channel"]["choices"]] == [
        "auto",
        "1",
        "2",
        "mix",
    ]
    handlers.did.clear()
    moved = run(handlers, "stereo", "so sad", "pocketsphinx", shown["state"], channel="2")
    assert handlers.did == ["encode_audio", "transcribe by pocketsphinx", "classify"]
    assert moved["channel"]["value"] == "2" and moved["state"].channel == "2"
    handlers.did.clear()
    run(handlers, "stereo", "so sad", "pocketsphinx", moved["state"], channel="2")
    assert handlers.did == ["classify"]
    handlers.edited("so glad", moved["state"], VIEW)
    assert handlers.arrived("other", "", moved["state"], VIEW)["channel"]["value"] == "auto"


def test_unusable_clip_and_nothing_at_all(handlers):
    assert run(handlers, None, "  ", "none", None)["stage"]["error"]
    shown = run(handlers, "broken", "", "none", None)
    assert shown["stage"]["text"].startswith("The file is empty") and shown["state"] is None


def test_a_new_clip_takes_its_own_words_away_only(handlers):
    state = run(handlers, "clip", "", "pocketsphinx", None)["state"]
    assert handlers.arrived("other", "so sad", state, VIEW)["transcript"] == ""
    assert "transcript" not in handlers.arrived("other", "typed before", None, VIEW)


def test_models_that_fail_are_reported():
    reader = Future()
    reader.set_exception(OSError("disk"))
    shown = run(AnalyseHandlers(Services(reader, lambda: CHOICES, None, None, None)), "clip", "", "none", None)
    assert shown["stage"]["error"] and "models" in shown["stage"]["text"]


def test_examples(tmp_path):
    row = {"file": "fear_en.wav", "transcript": "Run!", "language": "en", "shows": {"en": "Fear, fast", "ru": "Страх"}}
    (tmp_path / "examples.json").write_text(json.dumps([row, row | {"file": "gone.wav"}]))
    (tmp_path / "fear_en.wav").touch()
    (example,) = read_examples(tmp_path)
    assert example.transcript == "Run!" and short(example, "ru") == "Страх"
    assert short(Example(tmp_path / "other.wav", "", "en", {"en": "Rain, and a voice"}), "en") == "Rain"
    assert short(Example(tmp_path / "disagree_en.wav", "", "en", {}), "en") == say("example_disagree", "en")
    assert read_examples(tmp_path / "none") == ()


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_limit_that_is_stated_is_the_limit_that_is_kept(language):
    assert LIMIT == 3600 and re.search("up to an hour|до часа", say("voice_hint", language))


def test_every_script_is_in_the_page_and_checked():
    """A script that is not listed never reaches the browser; one without the comment is not checked by editors."""
    scripts = sorted(page_script.STATIC.glob("*.js"))
    assert [path.name for path in scripts] == sorted(page_script.SCRIPTS)
    for path in scripts:
        assert path.read_text(encoding="utf-8").startswith("// @ts-check\n"), path.name
