"""The Models tab: what is said of checkpoints, whose choice holds for whom, comparing."""

import json
import re
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hub_server import served
from huggingface_hub import HfApi
from scipy.spatial.distance import jensenshannon
from served import EXAMPLE
from tiny import shaken, tiny_config, voice

from bibier import log
from bibier.asr import recognisers
from bibier.checkpoint.bundle import Bundle, load, save
from bibier.checkpoint.components import REGISTRY
from bibier.checkpoint.library import FILES, START, ModelLibrary
from bibier.files import bundled
from bibier.i18n.page import STRINGS, say
from bibier.inference.predictor import Predictor, as_json
from bibier.labels import EMOTIONS, NAMES, vector
from bibier.ui.analyse.chart import MODALITIES
from bibier.ui.analyse.handlers import AnalyseHandlers
from bibier.ui.analyse.long_form import LongFormHandlers
from bibier.ui.client import ClientContext, Theme, read_context
from bibier.ui.models.compare import CompareHandlers, compared
from bibier.ui.models.handlers import ModelHandlers, figures, number, said, size
from bibier.ui.models.tab import asked_in
from bibier.ui.models.updates import Comparison
from bibier.ui.services import Services

HOSTILE = "<img src=x onerror=alert(1)>${alert(2)}"


def context(checkpoint: str = START, language: str = "en", tab: str = "t") -> ClientContext:
    return ClientContext(Theme(language), "0" * 32, tab, checkpoint=checkpoint, operator=True)


@pytest.fixture
def root(tmp_path) -> Path:
    """Two checkpoints of different weights, and a broken one."""
    for seed, name in enumerate("ab"):
        torch.manual_seed(seed)
        bundle = shaken(Bundle(tiny_config(name=name, metrics={"MELD test": {"UAR": 39.1}}))).eval()
        save(bundle, tmp_path / "checkpoints" / name, f"# {name}\n\n{HOSTILE}\n")
    broken = save(bundle, tmp_path / "checkpoints" / "broken", "# broken\n") / "model.safetensors"
    broken.write_bytes(broken.read_bytes()[:-9])
    return tmp_path / "checkpoints"


def handlers_on(root: Path, **settings) -> AnalyseHandlers:
    reader = Future()
    reader.set_result(
        ModelLibrary(str(root / "a"), lambda bundle: lambda choice: Predictor(bundle), root=root, **settings)
    )
    typed = recognisers.Choice("none", None, ready=True)
    return AnalyseHandlers(
        Services(reader, lambda: (typed,), lambda name: None, lambda name, progress: None, as_json, start="a")
    )


@pytest.fixture
def handlers(root) -> AnalyseHandlers:
    return handlers_on(root)


@pytest.fixture
def models(handlers) -> ModelHandlers:
    return ModelHandlers(handlers)


@pytest.fixture
def comparing(models) -> CompareHandlers:
    return CompareHandlers(models)


def analysed(handlers: AnalyseHandlers, state=None, *, checkpoint: str = START, words: str = "so happy to see you"):
    *_, last = handlers.analyse(str(EXAMPLE), words, "none", state, context(checkpoint))
    return last


def alone(root: Path, name: str, words: str = "so happy to see you"):
    return Predictor(load(root / name))(str(EXAMPLE), words)


def same(prediction, other) -> bool:
    pairs = [(getattr(prediction, name).probabilities, getattr(other, name).probabilities) for name in MODALITIES]
    return all(ours == pytest.approx(theirs, abs=1e-6) for ours, theirs in pairs)


# ------------------------------------------------------------------------------------------------------------ the list


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_list_tells_what_each_is(models, language):
    *_, last = models.open(context(language=language))
    a, b, broken = last["models"]["cards"]
    assert [card["title"] for card in (a, b, broken)] == ["a", "b", "broken"]
    assert (a["chosen"], b["chosen"], a["start"]) == (True, False, True) and last["models"]["chosen"] == START
    assert a["figures"]["head"][1:] == ["UAR"]
    assert a["figures"]["rows"] == [["MELD test", "39,1" if language == "ru" else "39.1"]]
    weights = models.library(language).start
    assert any(number(weights.parameters, language) in value for _, value in a["facts"])
    assert HOSTILE in json.dumps(a["card"]) and not a["problem"]
    assert broken["problem"] and ("обрывается" in broken["problem"]) == (language == "ru")
    json.dumps(last)


def test_sizes_and_numbers_are_written_as_people_do():
    written = [size(n, "en").replace("\u00a0", " ") for n in (0, 999, 1000, 5_545_372, 1.29e9)]
    assert written == ["0 B", "999 B", "1 kB", "5.5 MB", "1.3 GB"]
    assert size(5_545_372, "ru") == "5,5\u00a0МБ" and number(2697427, "ru") == "2\u00a0697\u00a0427"


@pytest.mark.parametrize(
    "metrics", [None, {}, [], "good", 7, {"a": None}, {"a": [1, {"b": 2}]}, {"x" * 999: {"y": "z" * 999}}]
)
def test_metrics_may_be_anything(metrics):
    found = figures(metrics, "en")
    assert all(len(row) == len(found["head"]) and all(len(cell) <= 201 for cell in row) for row in found["rows"])


def test_our_own_checkpoint_s_figures_are_told_in_russian():
    """All that it says of where they come from, and its licence; a foreign checkpoint's words stay as they are."""
    config = json.loads((bundled("checkpoints") / "compact" / "config.json").read_text(encoding="utf-8"))
    rows = [row[0] for row in figures(config["metrics"], "ru")["rows"]]
    assert rows[0] == "голос, новые дикторы RAVDESS (5 из 5 частей)" and rows[-1] == "слова, тест MELD"
    assert not [row for row in rows if re.search(r"\b[a-z]{4,}\b", row)]
    assert figures(config["metrics"], "en")["rows"][0][0] == next(iter(config["metrics"]))
    assert said(config["licence"], "ru") == "для исследований, некоммерческая"
    assert said("my own {branch} test", "ru") == "my own {branch} test"


def test_figures_stand_beside_what_guessing_gives_and_their_number():
    metrics = {"A": {"n": 1200, "UAR": 38.71, "chance": 14.3}, "B": {"UAR": 60, "WF1": 0.5}}
    assert figures(metrics, "en") == {
        "head": ["Test set", "UAR", "WF1", "Chance", "Recordings"],
        "rows": [["A", "38.7", "—", "14.3", "1,200"], ["B", "60", "0.500", "—", "—"]],
    }
    many = {f"split {row}": {f"figure {column}": row for column in range(99)} for row in range(999)}
    assert len(figures(many, "en")["rows"]) == 40 and len(figures(many, "en")["head"]) == 7


def test_the_page_waits_for_the_models(handlers, models):
    handlers.services.__dict__["reader"] = Future()
    first = next(models.open(context()))
    assert first["models"]["busy"] and "oading" in first["models"]["said"]
    handlers.services.reader.set_exception(OSError("disk"))
    *_, last = models.open(context())
    assert last["models"]["error"] and last["models"]["said"] == say("failed_models", "en")


# ------------------------------------------------------------------------------------------------------------ choosing


def test_a_choice_is_the_tab_s_own(handlers, models, root):
    *_, last = models.use("b", None, context())
    assert last["models"]["chosen"] == "b" and "b is now in use" in last["models"]["said"]
    mine, theirs = analysed(handlers, checkpoint="b"), analysed(handlers)
    assert same(mine["state"].prediction, alone(root, "b")) and same(theirs["state"].prediction, alone(root, "a"))
    assert (mine["verdict"]["made"], theirs["verdict"]["made"]) == ("Judged by b", "Judged by a")
    assert (
        handlers.predict(str(EXAMPLE), "so happy to see you", context())["audio"]
        == alone(root, "a").audio.probabilities
    )


@pytest.mark.parametrize("key", ["broken", "gone", "../a", None, 7, {}, "x" * 9999])
def test_one_that_can_not_be_used_leaves_the_choice(models, key):
    *_, last = models.use(key, None, context("b"))
    assert last["models"]["error"] and last["models"]["chosen"] == "b" and len(last["models"]["said"]) > 20


def test_a_choice_that_is_gone_is_said_and_mended(handlers, models):
    *_, last = handlers.analyse(str(EXAMPLE), "so", "none", None, context("gone"))
    assert last["stage"]["error"] and "gone" in last["stage"]["text"] and "Models" in last["stage"]["text"]
    *_, last = models.open(context("gone"))
    assert last["models"]["chosen"] == START


def test_another_checkpoint_hears_again_and_keeps_the_words(handlers, root):
    """Its hidden states mean nothing to the other one; words are words."""
    first = analysed(handlers)["state"]
    second = analysed(handlers, first, checkpoint="b", words=first.prediction.transcript.text)["state"]
    assert same(second.prediction, alone(root, "b")) and second.prediction.transcript == first.prediction.transcript


def test_corrected_words_are_read_by_the_one_that_heard(handlers, root):
    state = analysed(handlers, checkpoint="b")["state"]
    shown = handlers.edited("so sad to leave you", state, context())  # another one was chosen meanwhile
    assert same(shown["state"].prediction, alone(root, "b", "so sad to leave you"))
    assert shown["verdict"]["made"] == "Judged by b"


def test_a_long_recording_stays_with_the_one_that_judged_it(handlers, root, tmp_path):
    soundfile.write(tmp_path / "long.wav", voice(25.0), 16_000)
    long = LongFormHandlers(handlers, tmp_path / "stretches")
    *_, last = long.analyse(str(tmp_path / "long.wav"), "", "none", None, context("b"))
    assert last["verdict"]["made"] == "Judged by b"
    state = long.pick(0, context())["state"]  # another one was chosen meanwhile
    assert (state.checkpoint, state.checkpoint_title, state.encoding) == ("b", "b", None)
    state = handlers.edited("so happy", state, context())["state"]
    ours, theirs = (Predictor(load(root / name)).encode_audio(state.clip).audio.probabilities for name in "ba")
    assert (state.checkpoint, state.checkpoint_title) == ("b", "b")
    assert state.encoding.audio.probabilities == pytest.approx(ours, abs=1e-3) != pytest.approx(theirs, abs=1e-3)


def test_it_is_said_when_the_clip_was_judged_by_another(handlers, models):
    state = analysed(handlers)["state"]
    *_, last = models.use("b", state, context())
    assert "Analyse" in last["models"]["said"]
    *_, last = models.use(START, state, context("b"))
    assert "Analyse" not in last["models"]["said"]


def test_what_the_browser_says_is_input():
    for odd in ('{"checkpoint": 7}', '{"checkpoint": ["b"]}', '{"checkpoint": null}', "[]", "no", None):
        assert read_context(odd).checkpoint == START and asked_in(odd) == {}
    assert read_context(json.dumps({"checkpoint": "x" * 9999})).checkpoint == START
    assert read_context('{"checkpoint": "b"}').checkpoint == "b" and asked_in('{"models": {"key": "b"}}') == {
        "key": "b"
    }
    assert asked_in('{"models": [1]}') == {}


# ----------------------------------------------------------------------------------------------------------- comparing


def test_two_on_one_clip(handlers, comparing, root, caplog):
    caplog.set_level("INFO", log.LOG.name)
    state = analysed(handlers)["state"]
    *before, last = comparing.compare(START, "b", state, context())
    result = last["comparing"]["result"]
    assert result["titles"] == ["a", "b"]
    predictions = (state.prediction, alone(root, "b"))
    assert any("b is judging" in step["comparing"]["said"] for step in before)
    for row, axis, branch in zip(result["rows"], result["axes"], MODALITIES, strict=True):
        ours, theirs = (vector(getattr(p, branch).probabilities) for p in predictions)
        shares = np.array([mark["shares"] for mark in axis["rows"]])  # (7, 2)
        assert shares == pytest.approx(np.stack([ours, theirs], axis=1), abs=1e-6)
        assert shares.max() <= result["most"] <= 1  # both on one axis, which holds all of them
        assert float(row[3]) == pytest.approx(jensenshannon(ours, theirs, base=2) ** 2, abs=0.005)
        assert row[1].startswith(NAMES["en"][EMOTIONS[ours.argmax()]])
    assert comparing.queue.running is None and comparing.queue.waiting == []
    assert [json.loads(line.message)["outcome"] for line in caplog.records] == ["ok", "ok"]  # analysed, compared


def test_words_alone_are_compared_too(handlers, comparing):
    *_, last = handlers.analyse(None, "so happy", "none", None, context())
    *_, shown = comparing.compare("b", START, last["state"], context(language="ru"))
    rows = shown["comparing"]["result"]["rows"]
    assert rows[0][3] == rows[2][3] == "—" and rows[1][3] != "—" and rows[0][1].startswith("Записи нет")
    axes = shown["comparing"]["result"]["axes"]
    assert [row["shares"] for row in axes[0]["rows"]] == [[None, None]] * 7
    same_twice = compared(Comparison(("x", "y"), (last["state"].prediction,) * 2), "en")
    assert same_twice["rows"][1][3] == "0.00"


@pytest.mark.parametrize("keys", [(START, START), (None, 7), ("gone", "b"), ("broken", "b"), (START, "broken")])
def test_a_comparison_that_can_not_be(handlers, comparing, keys):
    *_, last = comparing.compare(*keys, analysed(handlers)["state"], context())
    assert last["comparing"]["error"] and len(last["comparing"]["said"]) > 20
    assert comparing.queue.running is None


def test_without_a_clip_it_is_said_what_to_do(comparing):
    assert "Analyse" in comparing.form(context(), None)["why"]
    *_, last = comparing.compare(START, "b", None, context())
    assert last["comparing"]["error"]


def test_cancel_frees_the_device_and_ends_no_analysis(handlers, comparing):
    state, queue = analysed(handlers)["state"], comparing.queue
    with ThreadPoolExecutor(1) as pool, queue.ticket("t"):
        job = pool.submit(lambda: list(comparing.compare(START, "b", state, context())))
        deadline = time.monotonic() + 60
        while not queue.waiting and time.monotonic() < deadline:
            time.sleep(0.01)
        comparing.stop(context())
        *_, last = job.result(60)
        assert queue.running is not None and not queue.running.stopped
    assert last["comparing"]["said"] == say("stopped", "en") and queue.waiting == []


def test_cancel_while_a_checkpoint_is_being_loaded(handlers, comparing):
    steps = comparing.compare(START, "b", analysed(handlers)["state"], context())
    assert "Loading b" in next(steps)["comparing"]["said"]
    comparing.stop(context())
    *_, last = steps
    assert last["comparing"]["said"] == say("stopped", "en") and "result" not in last["comparing"]
    *_, last = comparing.compare(START, "b", analysed(handlers)["state"], context())
    assert "result" in last["comparing"]


# ------------------------------------------------------------------------------------------------------------- the Hub


def test_the_size_is_said_before_anything_is_fetched(root, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)  # read when it is imported
    with served() as hub:
        hub.put("anna/voice", {name: (root / "b" / name).read_bytes() for name in FILES})
        api = HfApi(endpoint=hub.address, token=False)
        models = ModelHandlers(handlers_on(root, hub=True, cache=tmp_path / "cache", api=api))
        total = size(sum((root / "b" / name).stat().st_size for name in FILES), "en")
        *_, last = models.fetch(context())
        assert last["fetching"]["error"] and hub.asked == []  # nothing was offered to this tab
        *_, last = models.ask("anna/voice", context())
        assert last["fetching"]["offer"] == f"Download ({total})" and total in last["fetching"]["said"]
        assert not any("resolve" in path for _, path in hub.asked)
        *_, last = models.fetch(context(tab="another"))
        assert last["fetching"]["error"] and not any("resolve" in path for _, path in hub.asked)
        first, *_, last = models.fetch(context())
        assert first["fetching"]["busy"] and first["fetching"]["share"] == 0
        assert [card["title"][:10] for card in last["models"]["cards"]][-1] == "anna/voice"
        *_, last = models.ask("anna/voice", context())
        assert "offer" not in last["fetching"] and "already" in last["fetching"]["said"]
        hub.down = True
        for name in ("anna/voice", HOSTILE, None):
            *_, last = models.ask(name, context())
            assert last["fetching"]["error"]


def test_a_server_for_others_fetches_nothing(models):
    *_, last = models.open(context())
    assert "Its administrator" in last["fetching"]["closed"]
    *_, last = models.ask("anna/voice", context())
    assert last["fetching"]["error"] and "Its administrator" in last["fetching"]["said"]


def test_where_nothing_can_be_switched_it_is_said(root):
    *_, last = ModelHandlers(handlers_on(root, fixed=True)).open(context())
    assert "ZeroGPU" in last["models"]["closed"] and last["fetching"]["hidden"] and len(last["models"]["cards"]) == 1


def test_every_part_of_a_checkpoint_has_a_name_on_the_page():
    """A part without one made the whole tab empty."""
    for part in REGISTRY:
        assert f"models_part_{part}" in STRINGS
