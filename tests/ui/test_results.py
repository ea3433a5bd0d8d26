"""What leaves the Analyse tab: exports of what it shows, and several recordings by the rules of `bibier batch`."""

import csv
import io
import json
import time
import wave
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch
from asgi import guest, in_own_loop
from served import EXAMPLE, PATIENCE
from starlette.requests import Request
from tiny import shaken, tiny_config, voice

from bibier import pauses
from bibier.asr import recognisers
from bibier.audio.format import MAX_SECONDS
from bibier.audio.reader import AudioReader
from bibier.checkpoint.bundle import Bundle, save
from bibier.checkpoint.library import ModelLibrary
from bibier.csv_safety import plain
from bibier.errors import Cancelled, InputError
from bibier.inference.judge import judge, judged_json
from bibier.inference.predictor import Predictor, as_json
from bibier.inference.queue import Ticket
from bibier.inference.run_journal import COLUMNS
from bibier.labels import NAMES
from bibier.security.access_log import SCOPE as REQUEST
from bibier.security.in_flight import SharedThreads
from bibier.ui.analyse.deletion import Deletion
from bibier.ui.analyse.handlers import AnalyseHandlers
from bibier.ui.analyse.long_form import LongFormHandlers
from bibier.ui.client import ClientContext, Theme
from bibier.ui.results.handlers import POINTS, ResultHandlers
from bibier.ui.results.tab import answering
from bibier.ui.services import Services

WORDS = "so happy to see you"


def context(token: str = "0" * 32, language: str = "en") -> ClientContext:
    return ClientContext(Theme(language), token, "t")


@pytest.fixture
def handlers(tmp_path) -> ResultHandlers:
    torch.manual_seed(0)
    folder = save(shaken(Bundle(tiny_config(name="a"))).eval(), tmp_path / "a", "# a\n")
    reader = Future()
    reader.set_result(ModelLibrary(str(folder), lambda bundle: lambda choice: Predictor(bundle), root=tmp_path))
    typed = recognisers.Choice("none", None, ready=True)
    services = Services(reader, lambda: (typed,), lambda name: None, lambda name, progress: None, as_json, start="a")
    analysing = AnalyseHandlers(services)
    return ResultHandlers(analysing, LongFormHandlers(analysing, tmp_path / "stretches"))


def wait_until(true) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def predictor(handlers: ResultHandlers) -> Predictor:
    return handlers.analysing.reader("en")("none")


def test_what_a_tab_shows_is_exported_as_the_command_does(handlers):
    with pytest.raises(InputError, match="no longer here"):
        handlers.export("json", context())
    list(handlers.analysing.analyse(str(EXAMPLE), WORDS, "none", None, context()))
    sent = handlers.export("json", context())
    facts = json.loads(sent["text"])
    alone = judged_json(judge(predictor(handlers), str(EXAMPLE), WORDS))
    assert sent["name"] == "happy_en.json" and facts["file"] == "happy_en.ogg"
    assert facts["bimodal"] == pytest.approx(alone["bimodal"], abs=1e-6) and facts["transcript"] == WORDS
    table = handlers.export("csv", context(language="ru"))
    assert [row["transcript"] for row in csv.DictReader(io.StringIO(table["text"]))] == [WORDS]
    for wrong in ("exe", None, ["json"], "../json"):
        with pytest.raises(InputError):
            handlers.export(wrong, context())
    with pytest.raises(InputError):  # another tab has its own
        handlers.export("json", context("1" * 32))


def test_a_long_recording_is_exported_segment_by_segment(handlers, tmp_path):
    soundfile.write(tmp_path / "talk.wav", voice(25.0), 16_000)
    list(handlers.long.analyse(str(tmp_path / "talk.wav"), "", "none", None, context()))
    count = len(handlers.long.cache.get("0" * 32).results)
    sent = handlers.export("srt", context())
    assert sent["name"] == "talk.srt" and sent["text"].count(" --> ") == count >= 2


def test_pitch_and_loudness_wait_in_the_queue_and_leave_with_whoever_asked(handlers):
    """They had threads of their own and no share: eight calls of one visitor kept everybody's away for minutes."""
    queue = handlers.analysing.services.queue
    held = queue.enqueue()
    held.wait()
    mine = [replace(context(), owner=("ann", "10.0.0.1"), request=f"r{number}") for number in range(5)]
    with ThreadPoolExecutor(5) as pool:
        asked = [pool.submit(handlers.contour, str(EXAMPLE), own) for own in mine[:4]]
        wait_until(lambda: len(queue.waiting) == 4)
        with pytest.raises(InputError, match="of your analyses are waiting"):
            handlers.contour(str(EXAMPLE), mine[4])
        assert queue.stop("r2") == 1
        with pytest.raises(Cancelled):
            asked[2].result(PATIENCE)
        held.release()
        lengths = [len(asked[number].result(PATIENCE)["peaks"]) for number in (0, 1, 3)]
    assert lengths == [POINTS] * 3 and queue.first() is None and not queue.waiting and queue.running is None


@pytest.mark.parametrize("name", ["contour", "judge"])
def test_a_call_whose_answer_nobody_reads_any_more_leaves_the_queue(handlers, name, tmp_path):
    queue = handlers.analysing.services.queue
    held = queue.enqueue()
    held.wait()

    async def receive():
        return {"type": "http.disconnect"}

    def act(values, asking, scope):
        if name == "judge":
            return handlers.judge(str(EXAMPLE), "voice.ogg", asking)
        return handlers.contour(str(EXAMPLE), asking)

    scope = {"type": "http", "headers": [], REQUEST: "gone"} | guest(tmp_path)
    with SharedThreads(1, 1, "results") as pool:
        answer = answering(name, act, pool, Deletion(SimpleNamespace(), handlers.long))([{}], Request(scope, receive))
        assert in_own_loop(answer) == {"error": {"en": "", "ru": ""}, "passing": False}
    assert not queue.waiting
    held.release()


def test_pitch_and_loudness_of_what_is_too_long_are_refused_before_it_is_read(handlers, tmp_path, monkeypatch):
    with wave.open(str(tmp_path / "long.wav"), "wb") as file:
        file.setparams((1, 1, 1000, 0, "NONE", ""))
        file.writeframes(bytes(1000 * (MAX_SECONDS + 60)))
    monkeypatch.setattr(AudioReader, "add", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(InputError, match="longer than 10 minutes"):
        handlers.contour(str(tmp_path / "long.wav"), context())


def test_one_of_several_is_a_row_of_the_batch_command(handlers, tmp_path):
    row = handlers.judge(str(EXAMPLE), "=1+1.ogg", context())
    assert row["both"] == {"en": "—", "ru": "—"}
    for language, said in row["voice"].items():
        assert said.endswith("%") and said.startswith(NAMES[language][row["emotion"]])
    (cells,) = csv.DictReader(io.StringIO(row["head"] + row["line"], newline=""))
    assert tuple(cells) == COLUMNS and cells["path"] == "'=1+1.ogg" and plain(cells["path"]) == "=1+1.ogg"
    voice_alone = judge(predictor(handlers), str(EXAMPLE), "").audio.probabilities
    assert {name: float(cells[f"voice_{name}"]) for name in voice_alone} == pytest.approx(voice_alone, abs=1e-6)
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF")
    failed = handlers.judge(str(broken), "broken.wav", context(language="ru"))
    assert not failed["passing"] and str(tmp_path) not in json.dumps(failed)
    assert failed["error"]["en"].startswith("No sound can be read") and "не удаётся" in failed["error"]["ru"]
    assert handlers.judge(str(Path(EXAMPLE)), ["no name"], context())["line"].startswith(",")
    assert handlers.judge(str(EXAMPLE), "\ud800.wav", context())["line"]


def test_one_without_a_voice_says_so(handlers, tmp_path):
    soundfile.write(tmp_path / "noise.wav", 0.1 * np.random.default_rng(0).standard_normal(48_000), 16_000)
    row = handlers.judge(str(tmp_path / "noise.wav"), "noise.wav", context())
    assert row["voice"] == row["both"] == row["words"] == {"en": "—", "ru": "—"}
    assert "no voice" in row["nothing"]["en"] and "нет голоса" in row["nothing"]["ru"]
    assert "nothing" not in handlers.judge(str(EXAMPLE), "a.ogg", context())


def test_a_long_one_of_several_lets_others_in_between(handlers, tmp_path, monkeypatch):
    soundfile.write(tmp_path / "talk.wav", voice(25.0), 16_000)
    passed = []
    monkeypatch.setattr(pauses, "PART", 0.0)
    monkeypatch.setattr(Ticket, "pass_turn", lambda ticket: passed.append(pauses.LONG.locked()))
    row = handlers.judge(str(tmp_path / "talk.wav"), "talk.wav", context())
    assert not row.get("error") and len(passed) >= 2
    assert any(passed) and not passed[-1]  # who comes while its segments are judged may have a long one read


def test_one_of_several_that_is_stopped_is_no_fault(handlers, tmp_path, monkeypatch):
    """Its row said that the program had failed on it, and asked for a report."""
    soundfile.write(tmp_path / "talk.wav", voice(25.0), 16_000)

    def stopped(ticket):
        raise Cancelled

    monkeypatch.setattr(Ticket, "pass_turn", stopped)
    with pytest.raises(Cancelled):
        handlers.judge(str(tmp_path / "talk.wav"), "talk.wav", context())
    assert handlers.analysing.services.queue.running is None


def test_a_full_queue_is_asked_again(handlers):
    queue = handlers.analysing.services.queue
    tickets = [queue.enqueue() for _ in range(queue.limit)]
    row = handlers.judge(str(EXAMPLE), "a.ogg", context())
    assert row["passing"] and "line" not in row
    for ticket in tickets:
        ticket.release()
    assert handlers.judge(str(EXAMPLE), "a.ogg", context())["line"] and queue.running is None
