"""One rule for what words, none and empty ones mean: library, command, batch and program alike, short and long."""

import json

import numpy as np
import pytest
import soundfile
from tiny import voice

from bibier import __main__ as command
from bibier.audio import long_recording
from bibier.audio.decoding import SoundFile
from bibier.checkpoint import bundle
from bibier.errors import InputError
from bibier.inference import batch, batch_inputs
from bibier.inference.batch_inputs import BatchInput, with_channel
from bibier.inference.judge import given, judge, judged_json
from bibier.inference.long_form import Timeline, analyse
from bibier.inference.predictor import Predictor
from bibier.transcript import Transcript

RATE = 16_000  # Hz
SECONDS = {"short": 3.0, "long": 24.0}


@pytest.fixture(scope="module")
def predictor():
    return Predictor(bundle.load("compact"), lambda samples: Transcript("it was heard", "en", source="recogniser"))


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("judge")
    for name, seconds in SECONDS.items():
        soundfile.write(folder / f"{name}.wav", voice(seconds), RATE, subtype="FLOAT")
    return folder


def row_of(predictor, path, text, **more):
    reader = batch.BatchPredictor(predictor, recognise=True, name="compact")
    return reader.predict([reader.prepare(BatchInput(str(path), text, **more))])[0]


@pytest.mark.parametrize("name", SECONDS)
@pytest.mark.parametrize("text", [None, "", "  ", "what a day"])
def test_batch_says_what_one_recording_does(predictor, clips, name, text):
    path = clips / f"{name}.wav"
    result = judge(predictor, str(path), text)
    facts, row = judged_json(result), row_of(predictor, path, text)
    expected = {None: "it was heard", "what a day": "what a day"}.get(text, "")
    assert isinstance(result, Timeline) == (name == "long" and text != "what a day")
    assert expected in facts["transcript"] and expected in row["transcript"]
    assert bool(facts["transcript"]) == bool(row["transcript"]) == bool(expected)
    assert (facts["text"] is None) == (row["words_sad"] is None) == (not expected)
    assert row["voice_sad"] == pytest.approx(facts["audio"]["sad"], abs=1e-4)
    if expected:
        assert row["both_sad"] == pytest.approx(facts["bimodal"]["sad"], abs=1e-4)
    assert ("audio-long" in [n.key for n in getattr(result, "notices", ())]) == (
        name == "long" and bool(text and text.strip())
    )


@pytest.mark.parametrize("name", SECONDS)
def test_the_command_says_the_same(predictor, clips, name, capsys):
    for text in ("", "what a day"):
        assert command.main(["predict", str(clips / f"{name}.wav"), "--transcript", text, "--json"]) == 0
        facts = json.loads(capsys.readouterr().out)
        mine = judged_json(judge(predictor, str(clips / f"{name}.wav"), text))
        assert facts["transcript"] == mine["transcript"] == text
        assert facts["audio"] == pytest.approx(mine["audio"]) and ("segments" in facts) == ("segments" in mine)


def test_words_of_more_than_ten_minutes_are_refused_with_the_remedy(predictor, tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(11 * 60 * 4_000, np.int16), 4_000)
    with pytest.raises(InputError) as caught:
        judge(predictor, str(tmp_path / "a.wav"), "words")
    assert caught.value.message.key == "timeline-no-times"
    assert row_of(predictor, tmp_path / "a.wav", "words")["error"] == caught.value.text("en")


def test_words_alone_need_no_recording(predictor):
    assert judge(predictor, None, "what a day").text.probabilities
    assert given(None) is None and given(" ").text == "" and given("a").source == "person"


def test_a_long_recording_says_how_much_of_it_was_judged(predictor, tmp_path):
    soundfile.write(tmp_path / "a.wav", np.concatenate([voice(3.0), np.zeros(25 * RATE)]), RATE, subtype="FLOAT")
    timeline = analyse(predictor, long_recording.read(tmp_path / "a.wav"))
    (notice,) = [notice for notice in timeline.summary().notices if notice.key == "timeline-judged"]
    assert 2 < notice.values["seconds"] < 4 and "of 28.0 s" in notice.text("en")
    assert judged_json(timeline)["judged_seconds"] == notice.values["seconds"]


# -------------------------------------------------------------------------------------------------------- channels


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Two people on two channels."""
    path = tmp_path_factory.mktemp("two") / "two.wav"
    soundfile.write(path, np.column_stack([voice(3.0, seed=0), voice(3.0, seed=3)]), RATE, subtype="FLOAT")
    return path


def test_each_channel_is_a_row_of_its_own(predictor, two, tmp_path):
    inputs = with_channel([BatchInput(str(two), ""), BatchInput(str(tmp_path / "none.wav"))], "each")
    assert [(item.channel, item.each) for item in inputs] == [("1", True), ("2", True), ("auto", False)]
    reader = batch.BatchPredictor(predictor, recognise=False, name="compact")
    out = tmp_path / "out.jsonl"
    settings = batch.run_settings("compact", predictor.bundle, None, channel="each")
    count, failed = batch.run(inputs, out, settings, lambda left: batch.predict_rows(reader, left))
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert count == 3 and len(failed) == 1 and [row["channel"] for row in rows] == ["1", "2", None]
    for row, side in zip(rows, (0, 1), strict=False):
        alone = predictor(str(two), "", channel=str(side + 1))
        assert row["voice_sad"] == pytest.approx(alone.audio.probabilities["sad"], abs=1e-4)
    assert rows[0]["voice_sad"] != rows[1]["voice_sad"]


def test_a_recording_whose_channels_are_not_known_is_judged_all_the_same(predictor, tmp_path, monkeypatch):
    """Its row has another channel than its input: it is found by its input."""
    soundfile.write(tmp_path / "a.wav", voice(2.0), RATE, subtype="FLOAT")

    def unknown(path, channel):
        raise InputError("audio-not-audio", prefix="", formats="")

    monkeypatch.setattr(batch_inputs, "expand_channels", unknown)
    inputs = with_channel([BatchInput(str(tmp_path / "a.wav"), "")], "each")
    reader = batch.BatchPredictor(predictor, recognise=False, name="compact")
    settings = batch.run_settings("compact", predictor.bundle, None, channel="each")
    out = tmp_path / "out.jsonl"
    count, failed = batch.run(inputs, out, settings, lambda left: batch.predict_rows(reader, left))
    row = json.loads(out.read_text())
    assert count == 1 and not failed and row["channel"] == "1" and row["voice_sad"]
    assert row.keys() == set(batch.COLUMNS)


@pytest.mark.parametrize("text", [None, "", "what a day"])
def test_a_short_recording_is_decoded_once(predictor, tmp_path, monkeypatch, text):
    """Also where its header tells no length that can be believed."""
    soundfile.write(tmp_path / "a.ogg", voice(2.0), RATE, format="OGG", subtype="VORBIS")
    opened, plain = [], SoundFile.blocks
    monkeypatch.setattr(SoundFile, "blocks", lambda self: opened.append(self.path) or plain(self))
    alone = judge(predictor, str(tmp_path / "a.ogg"), text)
    assert len(opened) == 1
    row_of(predictor, tmp_path / "a.ogg", text)
    assert len(opened) == 2 and alone.audio == predictor(str(tmp_path / "a.ogg"), text).audio


def test_an_unsupported_language_of_a_long_recording_is_in_its_summary(tmp_path):
    polish = Predictor(bundle.load("compact"), lambda samples: Transcript("tak jest", "pl", source="recogniser"))
    soundfile.write(tmp_path / "a.wav", voice(24.0), RATE, subtype="FLOAT")
    timeline = judge(polish, str(tmp_path / "a.wav"))
    assert [notice.key for notice in timeline.summary().notices].count("language-unsupported") == 1


def test_a_silent_channel_takes_no_other_with_it(tmp_path, capsys):
    """A long call of which only one side speaks: the other side is judged."""
    spoken = np.concatenate([voice(3.0), np.zeros(20 * RATE)])
    soundfile.write(tmp_path / "call.wav", np.column_stack([np.zeros(len(spoken)), spoken]), RATE)
    assert command.main(["predict", str(tmp_path / "call.wav"), "--transcript", "", "--json", "--channel", "each"]) == 1
    silent, heard = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert silent["channel"] == 1 and silent["audio"] is None and silent["warnings"]
    assert heard["channel"] == 2 and heard["audio"]


def test_the_commands_take_a_channel(two, tmp_path, capsys):
    assert command.main(["predict", str(two), "--transcript", "", "--json", "--channel", "each"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["channel"] for line in lines] == [1, 2] and lines[0]["audio"] != lines[1]["audio"]
    assert command.main(["predict", str(two), "--transcript", "", "--json", "--channel", "right"]) == 0
    assert json.loads(capsys.readouterr().out)["audio"] == lines[1]["audio"]
    assert command.main(["predict", str(two), "--channel", "5", "--recogniser", "none"]) == 1
    assert "no channel 5" in capsys.readouterr().err
    out = tmp_path / "out.csv"
    assert command.main(["batch", str(two.parent), "-o", str(out), "--recogniser", "none", "--channel", "each"]) == 0
    assert len(out.read_text().splitlines()) == 3
    assert command.main(["batch", str(two.parent), "-o", str(out), "--replace", "--channel", "middle"]) == 2
