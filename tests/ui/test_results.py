"""What leaves the Analyse tab: exports of what it shows, and several recordings by the rules of `bibier batch`."""

import csv
import io
import json
from concurrent.futures import Future
from pathlib import Path

import pytest
import soundfile
import torch
from served import EXAMPLE
from tiny import shaken, tiny_config, voice

from bibier.asr import recognisers
from bibier.checkpoint.bundle import Bundle, save
from bibier.checkpoint.library import ModelLibrary
from bibier.csv_safety import plain
from bibier.errors import InputError
from bibier.inference.judge import judge, judged_json
from bibier.inference.predictor import Predictor, as_json
from bibier.inference.queue import Ticket
from bibier.inference.run_journal import COLUMNS
from bibier.labels import NAMES
from bibier.ui.analyse.handlers import AnalyseHandlers
from bibier.ui.analyse.long_form import LongFormHandlers
from bibier.ui.client import ClientContext, Theme
from bibier.ui.results.handlers import ResultHandlers
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


def test_one_of_several_is_a_row_of_the_batch_command(handlers, tmp_path):
    row = handlers.judge(str(EXAMPLE), "=1+1.ogg", context())
    assert row["both"] == "—" and row["voice"].endswith("%") and row["voice"].startswith(NAMES["en"][row["emotion"]])
    (cells,) = csv.DictReader(io.StringIO(row["head"] + row["line"], newline=""))
    assert tuple(cells) == COLUMNS and cells["path"] == "'=1+1.ogg" and plain(cells["path"]) == "=1+1.ogg"
    voice_alone = judge(predictor(handlers), str(EXAMPLE), "").audio.probabilities
    assert {name: float(cells[f"voice_{name}"]) for name in voice_alone} == pytest.approx(voice_alone, abs=1e-6)
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF")
    failed = handlers.judge(str(broken), "broken.wav", context(language="ru"))
    assert failed["error"] and not failed["passing"] and str(tmp_path) not in failed["error"] + failed["line"]
    assert handlers.judge(str(Path(EXAMPLE)), ["no name"], context())["line"].startswith(",")
    assert handlers.judge(str(EXAMPLE), "\ud800.wav", context())["line"]


def test_a_long_one_of_several_lets_others_in_between(handlers, tmp_path, monkeypatch):
    soundfile.write(tmp_path / "talk.wav", voice(25.0), 16_000)
    passed = []
    monkeypatch.setattr(Ticket, "pass_turn", lambda ticket: passed.append(ticket))
    row = handlers.judge(str(tmp_path / "talk.wav"), "talk.wav", context())
    assert not row.get("error") and len(passed) >= 2


def test_a_full_queue_is_asked_again(handlers):
    queue = handlers.analysing.services.queue
    tickets = [queue.enqueue() for _ in range(queue.limit)]
    row = handlers.judge(str(EXAMPLE), "a.ogg", context())
    assert row["passing"] and "line" not in row
    for ticket in tickets:
        ticket.release()
    assert handlers.judge(str(EXAMPLE), "a.ogg", context())["line"] and queue.running is None
