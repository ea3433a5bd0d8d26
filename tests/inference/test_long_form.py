"""Long recordings: read within bounds, judged stretch by stretch, summed up by length; the command line."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from tiny import voice

from bibier import __main__ as cli
from bibier import pauses
from bibier.audio import long_recording
from bibier.audio.io import load
from bibier.audio.segmentation import LONGEST, Segment
from bibier.errors import Cancelled, InputError
from bibier.i18n.messages import Message
from bibier.inference.long_form import (
    SegmentResult,
    Timeline,
    analyse,
    find_segments,
    iter_segments,
    timeline_json,
    within,
)
from bibier.inference.predictor import ModalityResult, Predictor
from bibier.labels import EMOTIONS, named, vector
from bibier.pauses import interruptible
from bibier.transcript import Transcript, Word

ROOT = Path(__file__).resolve().parents[2]
RATE = 16_000


def talking(seconds: float | None = None) -> np.ndarray:
    """Return the spoken examples with a second between them (n,), over and over until `seconds`."""
    parts = []
    for path in sorted((ROOT / "examples").glob("*.ogg")):
        parts += [soxr.resample(*soundfile.read(path, dtype="float32"), RATE), np.zeros(RATE, np.float32)]
    once = np.concatenate(parts)
    return once if seconds is None else np.resize(once, round(seconds * RATE))


@pytest.fixture(scope="module")
def talk(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("talk") / "talk.wav"
    soundfile.write(path, talking(), RATE, subtype="FLOAT")
    return path


@pytest.fixture
def predictor(tiny_bundle):
    return Predictor(tiny_bundle, lambda samples: Transcript("so it is", "en", (Word("so", 0.1, 0.3),), "recogniser"))


def test_stretches_unlike_any_speech_do_not_count_in_the_whole(predictor):
    like, unlike = named([0.7, *[0.05] * 6]), named([*[0.05] * 6, 0.7])
    doubt = Message("voice-unlike")
    said = predictor.classify(None, "")
    parts = [
        replace(said, audio=ModalityResult(like, ood=0.5)),
        replace(said, audio=ModalityResult(unlike, ood=3.0, doubt=doubt)),
    ]
    rows = tuple(SegmentResult(Segment(i, i + 1), part) for i, part in enumerate(parts))
    whole = Timeline(2.0, rows, 2).summary()
    assert whole.audio == ModalityResult(pytest.approx(like), ood=0.5)
    assert [notice.key for notice in whole.notices] == ["stretches-unlike"]
    alone = Timeline(1.0, rows[1:], 1).summary()
    assert alone.audio == ModalityResult(pytest.approx(unlike), ood=3.0, doubt=doubt)
    assert alone.notices == (doubt,)


# ------------------------------------------------------------------------------------------------------------ reading


@pytest.mark.parametrize("kind", ["mono", "stereo", "opposite", "one side", "44100", "loud"])
def test_a_recording_in_a_file_is_the_clip_in_memory(tmp_path, kind):
    """The same mix, the same centre, the same notices as `audio.load`, which keeps everything in memory."""
    one = (voice(23, 44_100 if kind == "44100" else RATE) + 0.01).astype(np.float32)
    both = {
        "stereo": np.stack([one, 0.5 * one], 1),
        "opposite": np.stack([one, -0.9 * one], 1),
        "one side": np.stack([0 * one, one], 1),
        "loud": 8 * one,
    }.get(kind, one)
    soundfile.write(tmp_path / "a.wav", both, 44_100 if kind == "44100" else RATE, subtype="FLOAT")
    clip, recording = load(tmp_path / "a.wav"), long_recording.read(tmp_path / "a.wav")
    assert np.abs(recording.part(0, recording.duration) - clip.samples).max() < 1e-4  # 16 bits
    assert [n.key for n in recording.notices] == [n.key for n in clip.notices if n.key != "audio-no-speech"]
    assert recording.peaks(100).max() == pytest.approx(np.abs(clip.samples).max(), abs=1e-4)


def test_only_what_is_long_is_read_as_long(tmp_path, talk):
    assert long_recording.read_long(talk).duration == pytest.approx(load(talk).duration)
    soundfile.write(tmp_path / "short.wav", voice(19.9), RATE)
    assert long_recording.read_long(tmp_path / "short.wav") is None
    with pytest.raises(InputError) as refused:
        long_recording.read_long(tmp_path / "none.wav")
    assert refused.value.message.key == "audio-missing"


def test_an_hour_is_read_and_two_are_refused(tmp_path):
    soundfile.write(tmp_path / "hour.wav", np.zeros(3600 * 4_000, np.int16), 4_000)
    recording = long_recording.read(tmp_path / "hour.wav")
    assert recording.duration == 3600 and recording.silent
    with pytest.raises(InputError) as refused:
        find_segments(recording)
    assert refused.value.message.key == "audio-silent"
    soundfile.write(tmp_path / "two.wav", np.zeros(7200 * 4_000, np.int16), 4_000)
    with pytest.raises(InputError) as refused:
        long_recording.read(tmp_path / "two.wav")
    assert refused.value.message.key == "audio-too-long" and "60 minutes" in str(refused.value)


def test_noise_is_no_speech(tmp_path):
    noise = 0.1 * np.random.default_rng(0).standard_normal(25 * RATE)
    soundfile.write(tmp_path / "noise.wav", noise, RATE)
    with pytest.raises(InputError) as refused:
        find_segments(long_recording.read(tmp_path / "noise.wav"))
    assert refused.value.message.key == "timeline-no-speech"


HOUR = """
import resource, sys
from bibier.audio import long_recording, segmentation
segmentation.cut(long_recording.read(sys.argv[1]).samples)  # what is loaded once
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024  # MiB on Linux
before = peak()
recording = long_recording.read(sys.argv[2])
assert recording.duration == 3600
recording.peaks(1000)
assert len(segmentation.cut(recording.samples)) > 500
print(peak() - before)
"""


def test_others_have_their_turn_while_a_long_recording_is_decoded(tmp_path, monkeypatch):
    """Eight channels of silence are half a megabyte, and take as long as an hour of speech."""
    path, turns = tmp_path / "silence.flac", []
    monkeypatch.setattr(pauses, "PART", 0.0)
    soundfile.write(path, np.zeros((300 * 8_000, 8), np.int16), 8_000)

    def passed():
        turns.append(pauses.LONG.locked())

    with interruptible(passed):
        recording = long_recording.read_long(path)
        assert recording is not None and recording.duration == 300
    assert len(turns) >= 15 and all(turns[-10:])  # and no second one is decoded meanwhile
    assert not pauses.LONG.locked()

    def stopped():
        raise Cancelled

    with pytest.raises(Cancelled), interruptible(stopped):
        long_recording.read(path)
    assert not pauses.LONG.locked()


def test_a_second_long_recording_passes_its_turn_until_the_first_is_decoded(tmp_path):
    path, turns = tmp_path / "silence.flac", []
    soundfile.write(path, np.zeros(60 * 8_000, np.int16), 8_000)
    pauses.LONG.acquire()

    def passed():
        turns.append(None)
        if len(turns) == 3:
            pauses.LONG.release()

    with interruptible(passed):
        assert long_recording.read(path).duration == 60 and len(turns) >= 3


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the unit of ru_maxrss differs")
def test_an_hour_stays_within_its_bound(tmp_path, talk):
    """As float32 in memory an hour needs 220 MiB at least twice, and what is read of the files 110 and 220."""
    soundfile.write(tmp_path / "hour.wav", talking(3600), RATE, subtype="PCM_16")
    command = [sys.executable, "-c", HOUR, str(talk), str(tmp_path / "hour.wav")]
    grown = int(subprocess.run(command, check=True, capture_output=True, cwd=ROOT).stdout)
    assert grown < 100, f"{grown} MiB"


# ------------------------------------------------------------------------------------------------------------ judging


def test_each_stretch_is_judged_as_a_clip_of_its_own(talk, predictor):
    recording = long_recording.read(talk)
    reported = []
    timeline = analyse(predictor, recording, progress=lambda *facts: reported.append(facts))
    assert [facts[1:] for facts in reported] == [(i + 1, len(reported)) for i in range(len(reported))]
    assert [facts[0] for facts in reported] == list(timeline.segments) and timeline.planned == len(reported) >= 8
    fourth = timeline.segments[3]
    alone = predictor((recording.part(fourth.segment.start, fourth.segment.end), RATE))
    assert alone.bimodal == fourth.prediction.bimodal
    assert "audio-long" not in [notice.key for stretch in timeline.segments for notice in stretch.prediction.notices]
    assert timeline.words[3] == Word("so", 0.1 + fourth.segment.start, 0.3 + fourth.segment.start)
    assert timeline.text == " ".join(["so it is"] * timeline.planned)


def test_the_length_of_meld_s_longest(tmp_path, predictor):
    """MELD's outlier lasts 305 s."""
    soundfile.write(tmp_path / "outlier.wav", talking(305), RATE)
    timeline = analyse(predictor, long_recording.read_long(tmp_path / "outlier.wav"), transcript=Transcript(""))
    assert timeline.duration == 305 and timeline.planned == len(timeline.segments) > 50
    assert max(item.segment.duration for item in timeline.segments) <= LONGEST
    assert timeline.summary().text.probabilities is None and timeline.summary().audio.probabilities


def spread(**shares: float) -> ModalityResult:
    rest = (1 - sum(shares.values())) / (7 - len(shares))
    return ModalityResult({emotion: shares.get(emotion, rest) for emotion in EMOTIONS})


def test_the_whole_is_weighted_by_length(talk, predictor):
    whole = predictor(talk, "hello")
    silent = ModalityResult(None, Message("no-words"))
    first = replace(whole, audio=spread(anger=0.7), text=silent, bimodal=silent, conflict=None)
    second = replace(whole, audio=spread(sad=0.7), text=spread(happy=0.7), bimodal=silent, conflict=0.5)
    rows = (
        SegmentResult(Segment(0, 2), first),
        SegmentResult(Segment(3, 9), second),
        SegmentResult(Segment(9, 10), None, Message("not-judged")),
    )
    found = Timeline(10.0, rows, 5).summary()
    assert found.audio.probabilities == pytest.approx(
        named((2 * vector(first.audio.probabilities) + 6 * vector(second.audio.probabilities)) / 8)
    )
    assert found.text.probabilities == pytest.approx(second.text.probabilities)  # of the stretch that has words
    assert found.bimodal == silent and found.conflict == 0.5
    assert found.notices[-1] == Message("timeline-stopped", {"done": 3, "planned": 5})


def test_a_stretch_that_fails_leaves_the_others(talk, predictor, caplog):
    class Failing(Predictor):
        turn = 0

        def encode_audio(self, audio):
            self.turn += 1
            if self.turn == 2:
                raise InputError("audio-no-samples", prefix="")
            if self.turn == 3:
                raise RuntimeError("out of memory")
            return super().encode_audio(audio)

    judged = analyse(Failing(predictor.bundle, predictor.recogniser), long_recording.read(talk))
    assert [i for i, one in enumerate(judged.segments) if one.prediction is None] == [1, 2]
    assert [one.error.key for one in judged.segments if one.error] == ["audio-no-samples", "timeline-failed"]
    shown = timeline_json(judged)
    assert len(shown["segments"]) == judged.planned and "error" in shown["segments"][1]


def test_a_recogniser_that_fails_leaves_the_voice(talk, predictor):
    def broken(samples):
        raise InputError("recogniser-damaged", path="base.pt")

    recording = long_recording.read(talk)
    found = analyse(Predictor(predictor.bundle, broken), recording).segments[0].prediction
    assert found.audio.probabilities and found.notices[0].key == "recogniser-damaged"


def test_it_stops_between_two_stretches(talk, predictor):
    recording = long_recording.read(talk)
    done = []
    timeline = analyse(
        predictor, recording, progress=lambda *facts: done.append(facts), cancelled=lambda: len(done) == 3
    )
    assert len(timeline.segments) == 3 < timeline.planned
    keys = [notice.key for notice in timeline.summary().notices]
    assert "timeline-stopped" in keys and "timeline-judged" not in keys  # the rest is no pause: it was not heard
    assert list(iter_segments(predictor, recording, find_segments(recording), cancelled=lambda: True)) == []


def test_known_words_go_to_their_stretches(talk, predictor):
    words = tuple(Word(f"w{i}", i + 0.2, i + 0.6) for i in range(38))
    timeline = analyse(predictor, long_recording.read(talk), transcript=Transcript("", "en", words, "person"))
    assert timeline.text.split() == [word.text for word in words]
    assert np.allclose([(w.start, w.end) for w in timeline.words], [(w.start, w.end) for w in words])
    assert within(Transcript("a", "en", words), Segment(100, 101)).text == ""
    with pytest.raises(InputError):
        find_segments(long_recording.read(talk), Transcript("words without times"))


# ------------------------------------------------------------------------------------------------------- command line


def test_predict_prints_a_line_for_each_stretch_and_the_whole(talk, capsys):
    assert cli.main(["predict", str(talk), "--transcript", ""]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == str(talk)
    assert sum("–0:" in line for line in lines) >= 8
    assert "the whole recording, 0:44.8" in "\n".join(lines)


def test_predict_gives_segments_as_json(talk, capsys):
    assert cli.main(["predict", str(talk), "--transcript", "", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["file"] == str(talk) and printed["duration"] == pytest.approx(44.8, abs=0.1)
    assert sum(printed["audio"].values()) == pytest.approx(1)
    ends = [(row["start"], row["end"]) for row in printed["segments"]]
    assert ends == sorted(ends) and all(sum(row["audio"].values()) == pytest.approx(1) for row in printed["segments"])


def test_words_without_times_belong_to_the_whole(talk, capsys):
    assert cli.main(["predict", str(talk), "--transcript", "so happy", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert "segments" not in printed and printed["transcript"] == "so happy"


def test_json_counts_from_the_recording_s_beginning(talk, predictor):
    timeline = timeline_json(analyse(predictor, long_recording.read(talk)))
    for row in timeline["segments"]:
        timed = [word for word in row["words"] if word["start"] is not None]
        assert timed and all(row["start"] <= word["start"] <= row["end"] for word in timed)


# ---------------------------------------------------------------------------------------------------------- interface


def test_the_desk_believes_no_number_of_the_browser_s(talk, predictor, tmp_path):
    """A stretch that is not there, or not a number, changes nothing; each that is there is shown and has its file."""
    from concurrent.futures import Future

    from bibier.asr.recognisers import Choice
    from bibier.ui.analyse.handlers import AnalyseHandlers
    from bibier.ui.analyse.long_form import LongFormHandlers
    from bibier.ui.client import ClientContext, Theme
    from bibier.ui.services import Services

    reader = Future()
    reader.set_result(lambda name: predictor)
    choices = (Choice("pocketsphinx", Message("recogniser-pocketsphinx"), True),)
    long, view = (
        LongFormHandlers(AnalyseHandlers(Services(reader, lambda: choices, None, None, None)), tmp_path),
        ClientContext(Theme(), "a" * 32),
    )
    assert long.pick(0, view)["stage"]["error"]  # there is no recording
    shown = list(long.analyse(str(talk), "", "pocketsphinx", None, view))
    rows = shown[-1]["ribbon"]["rows"]
    assert all(sum(row["shares"]["bimodal"]) == pytest.approx(1000, abs=4) for row in rows)
    assert json.loads(json.dumps(shown[-1]["ribbon"])) == shown[-1]["ribbon"]
    for number in (len(rows), -2, True, 1.0, "1", None):
        assert long.pick(number, view) == {}
    assert shown[-1]["verdict"]["clip"] == talk.name  # as the history calls it
    picked = long.pick(1, view)
    state = picked["state"]
    assert picked["verdict"]["clip"].startswith(f"{talk.name} 0:")
    own, rate = soundfile.read(state.clip)
    assert rate == RATE and len(own) / RATE == pytest.approx(rows[1]["b"] - rows[1]["a"], abs=0.02)
    assert long.pick(-1, view)["state"] is None
    assert long.forget(view) == {"ribbon": None} and not Path(state.clip).exists()
