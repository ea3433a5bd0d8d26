"""Which channel is judged: the one with speech, or the one that was chosen."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from bibier.audio import long_recording, reader
from bibier.audio.channels import number_of
from bibier.audio.io import AudioClip, count_channels, load
from bibier.errors import InputError

RATE = 16_000  # Hz
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def voice() -> np.ndarray:
    samples, _ = soundfile.read(EXAMPLES / "anger_en.ogg", dtype="float32")
    return 0.5 * samples[: 3 * RATE] / np.abs(samples).max()


@pytest.fixture(scope="module")
def other(voice) -> np.ndarray:
    samples, _ = soundfile.read(EXAMPLES / "sad_en.ogg", dtype="float32")
    return 0.5 * samples[: len(voice)] / np.abs(samples).max()


def keys(clip) -> list[str]:
    return [notice.key for notice in clip.notices if notice.text("en") and notice.text("ru")]


def hum(length: int, level: float = 0.3) -> np.ndarray:
    time = np.arange(length) / RATE
    return (level * sum(np.sin(2 * np.pi * 50 * k * time) / k for k in range(1, 12))).astype(np.float32)


def noise(length: int, level: float = 0.3) -> np.ndarray:
    return (level * np.random.default_rng(0).standard_normal(length)).astype(np.float32)


@pytest.mark.parametrize("disturbance", [hum, noise, lambda length: np.zeros(length, np.float32)])
@pytest.mark.parametrize("side", [0, 1])
def test_the_side_with_speech_is_taken_and_named(voice, disturbance, side):
    tracks = [disturbance(len(voice)), disturbance(len(voice))]
    tracks[side] = voice
    clip = load((np.stack(tracks), RATE))
    assert clip.speech and (clip.channels, clip.channel) == (2, side + 1)
    np.testing.assert_allclose(clip.samples, voice - voice.mean(), atol=1e-6)
    assert keys(clip) == ["audio-channel"]
    assert ("1 (left)", "2 (right)")[side] in clip.notices[0].text("en")


def test_one_of_many_channels_is_found(voice):
    tracks = np.stack([noise(len(voice), 0.01 * (k + 1)) for k in range(5)])
    tracks[3] = voice
    clip = load((tracks, RATE))
    assert clip.channel == 4 and "channel 4 is" in clip.notices[-1].text("en")


def test_one_voice_on_both_sides_is_their_mean(voice):
    clip = load((np.stack([voice, 0.8 * voice + noise(len(voice), 0.002)]), RATE))
    assert clip.channel is None and keys(clip) == []


def test_the_clearer_of_two_microphones_is_taken(voice):
    near, far = voice, np.roll(voice, 60) + noise(len(voice), 0.15)
    assert load((np.stack([far, near]), RATE)).channel == 2


def test_two_speakers_are_told_apart(voice, other):
    silence = np.zeros(len(voice), np.float32)
    tracks = np.stack([np.concatenate([voice, silence]), np.concatenate([silence, 0.9 * other])])
    clip = load((tracks, RATE))
    assert clip.channel in (1, 2)
    assert keys(clip) == ["audio-two-voices"]


def test_a_channel_that_is_chosen_is_used_and_nothing_is_said(tmp_path, voice, other):
    tracks = np.stack([voice, other])
    soundfile.write(tmp_path / "two.wav", tracks.T, RATE, subtype="FLOAT")
    expected = {"left": voice, "1": voice, "right": other, "2": other, "mix": (voice + other) / 2}
    for channel, samples in expected.items():
        for source in ((tracks, RATE), tmp_path / "two.wav"):
            clip = load(source, channel=channel)
            np.testing.assert_allclose(clip.samples, samples - samples.mean(), atol=1e-6)
            assert keys(clip) == []
        recording = long_recording.read(tmp_path / "two.wav", channel=channel)
        np.testing.assert_allclose(recording.part(0, 3), samples - samples.mean(), atol=1e-3)
        assert recording.channel == clip.channel
    assert count_channels(tmp_path / "two.wav") == 2


def test_a_long_recording_takes_the_side_with_speech_too(tmp_path, voice):
    spoken = np.resize(voice, 25 * RATE)
    soundfile.write(tmp_path / "long.wav", np.column_stack([hum(len(spoken)), spoken]), RATE, subtype="FLOAT")
    recording = long_recording.read_long(tmp_path / "long.wav")
    assert (recording.channels, recording.channel) == (2, 2)
    assert [notice.key for notice in recording.notices] == ["audio-channel"]


def test_a_short_recording_is_listened_to_once(tmp_path, voice, monkeypatch):
    """That it is no long one is found out by what it says of its length, or while it is read as a clip."""
    listened = []
    choose = reader.choose
    monkeypatch.setattr(reader, "choose", lambda *given: listened.append(1) or choose(*given))
    for name, count in (("short.wav", 0), ("short.flac", 1)):
        soundfile.write(tmp_path / name, np.column_stack([voice, hum(len(voice))]), RATE)
        listened.clear()
        assert long_recording.read_long(tmp_path / name) is None
        assert len(listened) <= count
        listened.clear()
        assert isinstance(long_recording.read_any(tmp_path / name), AudioClip) and len(listened) == 1


def test_a_channel_that_is_not_there_is_refused(tmp_path, voice):
    for channel, key in (("3", "channel-missing"), ("right", "channel-missing"), ("middle", "channel-unknown")):
        with pytest.raises(InputError) as caught:
            load((voice, RATE), channel=channel)
        assert caught.value.message.key == key and caught.value.text("ru") != caught.value.text("en")
    for channel in ("0", "-1", "", "1.5", "²"):
        with pytest.raises(InputError):
            number_of(channel, 2)
    assert [number_of(channel, 2) for channel in ("auto", "mix", "left", "right", "2")] == [None, None, 1, 2, 2]


def test_the_case_whose_anger_was_happiness():
    path = Path(__file__).resolve().parents[3] / "shared" / "cases" / "stereo_speech_plus_hum.wav"
    if not path.is_file():
        pytest.skip("needs the cases")
    clip, whole = load(path), load(path.with_name("ref16k.wav"))
    assert keys(clip) == ["audio-channel"]
    assert np.corrcoef(clip.samples, whole.samples[: len(clip.samples)])[0, 1] > 0.99
