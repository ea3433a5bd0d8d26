"""Long work lets others in and can be ended, from the first byte of a recording to the last layer of the model."""

import os
import select
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from bibier import pauses
from bibier.audio import sandbox
from bibier.audio.io import decode
from bibier.checkpoint import bundle
from bibier.errors import Cancelled
from bibier.features.contour import contour
from bibier.inference.predictor import Predictor
from bibier.models import audio_encoder
from bibier.pauses import interruptible, pause, wait_alone

RATE = 16_000
EXAMPLE = Path(__file__).parents[1] / "examples" / "happy_en.ogg"


@pytest.fixture
def in_short_parts(monkeypatch):
    monkeypatch.setattr(pauses, "PART", 0.0)


def test_a_pause_is_nothing_where_nobody_lets_others_in():
    pause()
    wait_alone()
    assert not pauses.LONG.locked()


def test_the_turn_is_passed_on_once_a_part_has_taken_its_time(monkeypatch):
    passed, now = [], iter((0.0, 0.1, 0.3, 0.3, 0.4, 0.6, 0.6))
    monkeypatch.setattr(pauses.time, "monotonic", lambda: next(now))
    with interruptible(lambda: passed.append(None)):
        counts = []
        for _ in range(4):
            pause()
            counts.append(len(passed))
    assert counts == [0, 1, 1, 2]


def test_a_pause_is_its_own_thread_s(in_short_parts):
    passed = []
    with interruptible(lambda: passed.append(None)):
        other = threading.Thread(target=pause)
        other.start()
        other.join()
        assert not passed
        pause()
    assert len(passed) == 1


def test_one_long_recording_is_worked_on_at_a_time(in_short_parts):
    with interruptible(lambda: None):
        wait_alone()
        wait_alone()  # it is the one
        assert pauses.LONG.locked()
        ended = []

        def stopped():
            raise Cancelled

        def second():
            with interruptible(stopped):
                try:
                    wait_alone()
                except Cancelled:
                    ended.append(True)

        other = threading.Thread(target=second)
        other.start()
        other.join(10)
        assert ended and pauses.LONG.locked()
    assert not pauses.LONG.locked()


def test_work_in_the_background_keeps_nobody_from_a_long_recording(in_short_parts):
    """A person gives no way to it: who waited for its end with the device in hand would wait for ever."""
    with interruptible(lambda: None, background=True):
        wait_alone()
        assert not pauses.LONG.locked()


def speaking(seconds, channels=1):
    sound, rate = soundfile.read(EXAMPLE)
    assert rate == RATE
    sound = np.tile(sound, seconds * RATE // len(sound) + 1)[: seconds * RATE]
    return np.stack([sound * np.sin(np.arange(len(sound)) / (500 + 90 * i)) for i in range(channels)], axis=1)


def test_every_stage_of_hearing_lets_others_in(tmp_path, in_short_parts):
    path, stages = tmp_path / "talk.flac", set()
    soundfile.write(path, speaking(65, 2), RATE)

    def passed():
        stages.add(sys._getframe(3).f_globals["__name__"])  # of who called `pause`

    reader = Predictor(bundle.load("compact"))
    with interruptible(passed):
        assert reader.encode_audio(path).speech
        contour(speaking(1)[:, 0])
    wanted = "audio.io audio.voice_activity features.spectrogram features.log_mel models.audio_encoder"
    assert stages >= {f"bibier.{name}" for name in wanted.split()}


def test_what_is_stopped_ends_in_the_middle(tmp_path, in_short_parts):
    path, heard = tmp_path / "talk.flac", []
    soundfile.write(path, speaking(65), RATE)

    def passed():
        heard.append(None)
        if len(heard) == 20:
            raise Cancelled

    with pytest.raises(Cancelled), interruptible(passed):
        Predictor(bundle.load("compact")).encode_audio(path)
    assert len(heard) == 20 and not pauses.LONG.locked()


@pytest.mark.parametrize("steps", [41, 42, 60, 67, 99])
@pytest.mark.parametrize("channels", [(4,), (4, 6), (4, 6, 8), (4, 6, 8, 8)])
def test_a_recording_convolved_in_stretches_is_the_same(monkeypatch, steps, channels):
    torch.manual_seed(0)
    config = audio_encoder.AudioEncoderConfig(bins=16, channels=channels, dim=8, hidden=8)
    encoder = audio_encoder.AudioEncoder(config).eval()
    features, mask = torch.randn(2, steps, 2, 16), torch.ones(2, steps, dtype=torch.bool)
    mask[1, steps - 9 :] = False
    with torch.no_grad():
        whole = encoder(features=features, mask=mask)
    monkeypatch.setattr(audio_encoder, "STRETCH", 20)
    calls, embed = [], encoder._embed
    monkeypatch.setattr(encoder, "_embed", lambda *given: calls.append(given) or embed(*given))
    with torch.inference_mode():
        parts = encoder(features=features, mask=mask)
    assert len(calls) == -(-steps // 20)
    assert torch.equal(whole.mask, parts.mask)
    torch.testing.assert_close(parts.hidden, whole.hidden, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(parts.logits, whole.logits, rtol=1e-5, atol=1e-6)


@pytest.mark.skipif(sys.platform != "linux", reason="no /proc")
def test_the_process_that_decodes_stands_still_while_others_have_their_turn(tmp_path, in_short_parts, monkeypatch):
    """A dozen of small files that take long to open, each in its process, left everybody else no processor for 35 s."""
    path, states, processes = tmp_path / "slow.amr", [], sandbox.DecoderProcesses()
    path.write_bytes(b"#!AMR\n" + b"\x7c" * 200_000)
    monkeypatch.setattr(sandbox, "_processes", processes)
    monkeypatch.setattr(sandbox, "LOOK", 0.01)
    with sandbox.open_sound(path) as file:
        pid = file._process.pid

        def others():
            time.sleep(0.01)
            states.append(Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0])

        with interruptible(others):
            assert file.stated() is None
            assert list(file.blocks()) == []
        assert states and set(states) == {"T"}
    processes.end()


@pytest.mark.skipif(not hasattr(select, "poll"), reason="no pipe can be asked")
def test_who_waits_for_the_process_that_decodes_lets_others_in(tmp_path, in_short_parts, monkeypatch):
    """Of a damaged file of hundreds of megabytes the first answer takes seconds."""
    path, passed, processes = tmp_path / "talk.flac", [], sandbox.DecoderProcesses()
    soundfile.write(path, speaking(2), RATE)
    monkeypatch.setattr(sandbox, "_processes", processes)
    monkeypatch.setattr(sandbox, "PATIENCE", 0.0)
    monkeypatch.setattr(sandbox, "LOOK", 0.001)
    with sandbox.open_sound(path) as file:  # a process is there
        process = file._process

    def resumed():
        passed.append(pauses.LONG.locked())
        os.kill(process.pid, signal.SIGCONT)

    os.kill(process.pid, signal.SIGSTOP)
    with interruptible(resumed):
        assert decode(path, 60).seconds == 2
    assert passed and all(passed)

    def stopped():
        raise Cancelled

    os.kill(process.pid, signal.SIGSTOP)
    with pytest.raises(Cancelled), interruptible(stopped):
        decode(path, 60)
    assert process._process.returncode == -signal.SIGKILL and not pauses.LONG.locked()
    with interruptible(lambda: None):
        assert decode(path, 60).seconds == 2  # by another
    processes.end()
