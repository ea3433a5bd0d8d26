"""The microphone's loop, fed with real speech in its place: every sentence once, nothing dropped, nothing lost."""

import argparse
import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
import torch

from bibier import __main__ as command
from bibier.audio import microphone, voice_activity
from bibier.audio.format import SAMPLE_RATE
from bibier.audio.microphone import BlockQueue, MicrophoneLoop, UtteranceSegmenter, VoiceDetector
from bibier.cli.mic import listen
from bibier.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
CLIPS = ["anger_en.ogg", "happy_en.ogg", "sad_en.ogg"]
PAUSE = 1.2  # s between the clips


@pytest.fixture(scope="module")
def speech():
    """Three spoken clips with pauses between: (n,) float32 at 16 kHz, and where each begins and ends in seconds."""
    parts, places, at = [np.zeros(SAMPLE_RATE, np.float32)], [], 1.0
    for name in CLIPS:
        sound, rate = soundfile.read(ROOT / "examples" / name, dtype="float32")
        sound = soxr.resample(sound, rate, SAMPLE_RATE)
        parts += [sound, np.zeros(int(PAUSE * SAMPLE_RATE), np.float32)]
        places.append((at, at + len(sound) / SAMPLE_RATE))
        at += len(sound) / SAMPLE_RATE + PAUSE
    noise = np.random.default_rng(0).normal(0, 1e-3, sum(map(len, parts)))
    return (np.concatenate(parts) + noise).astype(np.float32), places


def blocks(sound, rate=SAMPLE_RATE):
    size = rate // 20
    return [sound[i : i + size] for i in range(0, len(sound), size)]


def collect(sound, rate, listen):
    collected = []
    loop = MicrophoneLoop(UtteranceSegmenter(rate, listen), collected.append, lambda *_: pytest.fail("refused"))
    assert loop.run(iter(blocks(sound, rate))) == len(collected)
    return collected


@pytest.mark.parametrize("rate, channels", [(16_000, 1), (44_100, 1), (48_000, 2), (8_000, 1)])
def test_each_clip_is_in_whole_utterances(speech, rate, channels):
    sound, places = speech
    resampled = soxr.resample(sound, SAMPLE_RATE, rate).astype(np.float32)
    queue = BlockQueue(rate, size=10_000)
    for block in blocks(resampled, rate):
        queue.put(np.stack([block] * channels, 1) if channels > 1 else block)
    queue.close()
    collected = []
    MicrophoneLoop(UtteranceSegmenter(rate, VoiceDetector()), collected.append, lambda *_: None).run(queue)
    assert queue.dropped == 0 and len(collected) >= 3
    for segment in collected:  # none reaches over a pause into the next clip
        assert sum(segment.start < end and segment.end > start for start, end in places) == 1
    for start, end in places:  # all but the soft ends of each clip is heard
        heard = sum(max(0, min(segment.end, end) - max(segment.start, start)) for segment in collected)
        assert heard > 0.6 * (end - start)
    assert all(a.end <= b.start + 1e-9 for a, b in zip(collected, collected[1:], strict=False))


def test_an_utterance_is_a_piece_of_what_was_given(speech):
    sound, _ = speech
    for utterance in collect(sound, SAMPLE_RATE, VoiceDetector()):
        at = round(utterance.start * SAMPLE_RATE)
        assert np.array_equal(utterance.samples, sound[at : at + len(utterance.samples)])


@pytest.mark.parametrize("size", [100, 4_000, 80_000])
def test_the_same_voice_is_heard_whatever_the_blocks(speech, size):
    """What is heard of many frames at once is what Silero's own module hears frame by frame."""
    sound, _ = speech
    model = voice_activity.load_silero_vad()

    def theirs(frames):
        with torch.inference_mode():
            return np.array([float(model(torch.from_numpy(frame), SAMPLE_RATE)) for frame in frames])

    def cut(listen):
        segmenter = UtteranceSegmenter(SAMPLE_RATE, listen)
        found = [one for at in range(0, len(sound), size) for one in segmenter.push(sound[at : at + size])]
        return [(one.start, one.end) for one in (*found, segmenter.finish()) if one]

    expected = cut(theirs)
    assert len(expected) >= 3 and cut(VoiceDetector()) == expected


def test_silence_and_noise_are_nothing_and_endless_speech_is_cut():
    rng = np.random.default_rng(0)
    assert collect(np.zeros(5 * SAMPLE_RATE, np.float32), SAMPLE_RATE, VoiceDetector()) == []
    assert collect(rng.normal(0, 0.05, 5 * SAMPLE_RATE), SAMPLE_RATE, VoiceDetector()) == []
    segments = collect(rng.normal(0, 0.1, 50 * SAMPLE_RATE), SAMPLE_RATE, lambda frames: np.ones(len(frames)))
    assert [round(segment.end - segment.start) for segment in segments] == [20, 20, 10]
    broken = np.full(SAMPLE_RATE, np.nan)
    assert collect(broken, SAMPLE_RATE, VoiceDetector()) == []


def test_a_key_cuts_and_nothing_is_left_out(speech):
    sound, _ = speech
    collected = []
    loop = MicrophoneLoop(UtteranceSegmenter(SAMPLE_RATE, None), collected.append, lambda *_: None)

    def pressed():
        for number, block in enumerate(blocks(sound)):
            if number in (30, 60):
                loop.asked.set()
            yield block

    loop.run(pressed())
    assert len(collected) == 3 and sum(len(segment.samples) for segment in collected) == len(sound)
    assert np.array_equal(np.concatenate([segment.samples for segment in collected]), sound)


def options(**more):
    base = {"key": False, "save": None, "json": True, "checkpoint": "compact", "recogniser": "none", "language": "en"}
    return argparse.Namespace(**(base | more))


def test_in_real_time_nothing_is_dropped_while_the_model_works(speech, tmp_path, capsys):
    sound, places = speech
    places = places[:1]
    sound = sound[: int((places[0][1] + PAUSE) * SAMPLE_RATE)]  # one clip: a second one takes no other way
    queue = BlockQueue(SAMPLE_RATE)

    def speak():
        began = time.monotonic()
        for number, block in enumerate(blocks(sound)):
            time.sleep(max(0, began + number / 20 - time.monotonic()))
            queue.put(block)
        queue.close()

    thread = threading.Thread(target=speak)
    thread.start()
    assert listen(queue, options(save=tmp_path / "said")) == 0
    thread.join()
    printed = capsys.readouterr()
    rows = [json.loads(line) for line in printed.out.splitlines()]
    assert queue.dropped == 0 and "lost" not in printed.err and len(rows) >= len(places)
    assert all(abs(sum(row["audio"].values()) - 1) < 1e-6 for row in rows if row["audio"])
    assert any(row["audio"] for row in rows)
    files = sorted((tmp_path / "said").glob("*.wav"))
    assert len(files) == len(rows) and soundfile.info(files[0]).samplerate == SAMPLE_RATE


def test_a_queue_that_is_full_counts_what_it_drops(capsys):
    queue = BlockQueue(SAMPLE_RATE, size=2)
    for _ in range(5):
        queue.put(np.zeros(800, np.float32))
    assert queue.dropped == 3


def test_an_unplugged_device_is_said_and_what_was_said_is_kept(speech, tmp_path, monkeypatch):
    monkeypatch.setattr(microphone, "SILENT_SECONDS", 0.05)
    sound, places = speech
    queue = BlockQueue(SAMPLE_RATE, alive=lambda: False, size=10_000)
    for block in blocks(sound[: int((places[0][1] - 0.2) * SAMPLE_RATE)]):  # in the middle of a sentence
        queue.put(block)
    collected = []
    loop = MicrophoneLoop(
        UtteranceSegmenter(SAMPLE_RATE, VoiceDetector()),
        collected.append,
        lambda *_: None,
        folder=tmp_path,
    )
    with pytest.raises(InputError, match="unplugged"):
        loop.run(queue)
    assert collected and len(list(tmp_path.glob("*.wav"))) == len(collected)


def test_a_refused_utterance_and_a_full_disk_are_said(speech, tmp_path):
    sound, _ = speech
    refused = []

    def judge(utterance):
        raise InputError("mic-none", reason="x")

    loop = MicrophoneLoop(
        UtteranceSegmenter(SAMPLE_RATE, VoiceDetector()),
        judge,
        lambda utterance, error: refused.append(error),
    )
    assert loop.run(iter(blocks(sound))) == len(refused) > 0
    (tmp_path / "file").write_text("")
    loop = MicrophoneLoop(
        UtteranceSegmenter(SAMPLE_RATE, lambda frames: np.ones(len(frames))),
        lambda utterance: None,
        lambda *_: None,
        folder=tmp_path / "file",
    )
    with pytest.raises(InputError, match="file"):
        loop.run(iter(blocks(sound)))


SPEAKER = """
import signal, sys, numpy as np, soundfile
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
sys.path.insert(0, {root!r})
from bibier.audio.microphone import BlockQueue
queue = BlockQueue(16000, alive=lambda: print("waiting", flush=True) or True, size=10**6)
sound, rate = soundfile.read({clip!r}, dtype="float32")
queue.rate = rate
for i in range(0, len(sound), 800): queue.put(sound[i:i+800])
import argparse
from bibier.cli.mic import listen
settings = dict(key=False, save=None, json=True, checkpoint="compact", recogniser="none", language="en")
listen(queue, argparse.Namespace(**settings))
"""


def test_ctrl_c_finishes_the_sentence():
    code = SPEAKER.format(root=str(ROOT), clip=str(ROOT / "examples" / CLIPS[0]))
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "waiting\n"  # the model is loaded, the sound is read
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0 and "Traceback" not in err, err
    assert json.loads([line for line in out.splitlines() if line != "waiting"][-1])["end"] > 1


def test_without_portaudio_or_a_device_there_is_one_clear_sentence(capsys):
    for call in (["mic", "--list"], ["mic"], ["mic", "--device", "7"]):
        status = command.main([*call, "--language", "ru"])
        printed = capsys.readouterr()
        if status == 0:
            pytest.skip("this computer has a microphone")
        assert status == 2 and len(printed.err.strip().splitlines()) == 1 and "Traceback" not in printed.err
        assert "PortAudio" in printed.err or "Микрофон" in printed.err
