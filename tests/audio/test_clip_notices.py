"""What a clip says of itself: cut short, silent, noisy, clipped, from a telephone."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from recordings import RATE, correlation, encoded, keys, refused, wave_bytes

from bibier.audio.io import load
from bibier.file_names import NAME_LENGTH


@pytest.mark.parametrize(
    ("name", "subtype"),
    [("a.wav", "PCM_16"), ("a.flac", "PCM_16"), ("a.ogg", "VORBIS"), ("b.ogg", "OPUS"), ("a.mp3", "MPEG_LAYER_III")],
)
def test_a_truncated_file_is_used_as_far_as_it_goes(tmp_path, voice, name, subtype):
    whole = tmp_path / name
    soundfile.write(whole, np.tile(voice, 4), RATE, format=whole.suffix[1:].upper(), subtype=subtype)
    assert keys(load(whole)) == []
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    clip = load(whole)
    assert "audio-cut" in keys(clip)
    assert 1 < clip.duration < 6
    assert clip.speech
    whole.write_bytes(wave_bytes(voice)[:2000])  # 0.06 s
    error = refused(whole)
    assert error.message.key == "audio-damaged"
    assert "0.06 s" in str(error)


def test_a_truncated_webm_is_used_as_far_as_it_goes(tmp_path, voice):
    path = encoded(tmp_path / "a.webm", np.tile(voice, 4), "libopus", "webm")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    clip = load(path)
    assert keys(clip) == ["audio-cut"]
    assert 2 < clip.duration < 6


def test_a_truncated_m4a(tmp_path, voice):
    plain = encoded(tmp_path / "a.m4a", np.tile(voice, 4), "aac", "ipod")
    plain.write_bytes(plain.read_bytes()[: plain.stat().st_size // 2])  # the table of contents was at the end
    assert refused(plain).message.key == "audio-no-index"
    fast = encoded(tmp_path / "b.m4a", np.tile(voice, 4), "aac", "ipod", options={"movflags": "faststart"})
    fast.write_bytes(fast.read_bytes()[: fast.stat().st_size // 2])
    clip = load(fast)
    assert keys(clip) == ["audio-cut"]
    assert 2 < clip.duration < 6


def noise(seconds: float, *, colour: float = 0.0, level: float = 0.2, seed: int = 0) -> np.ndarray:
    """Noise whose power falls with frequency to the power `colour`: 0 white, 1 pink, 2 brown."""
    count = round(seconds * RATE)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(count))
    hertz = np.maximum(np.fft.rfftfreq(count, 1 / RATE), 20)
    samples = np.fft.irfft(spectrum / hertz ** (colour / 2), count)
    return (level * samples / np.abs(samples).max()).astype(np.float32)


def tone(hertz: float, seconds: float = 2.0, harmonics: int = 1) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    wave = sum(np.sin(2 * np.pi * hertz * k * time) / k for k in range(1, harmonics + 1))
    return (0.3 * wave).astype(np.float32)


NOISES = {
    "white": noise(2),
    "white, short": noise(0.35),
    "white, long": noise(25),
    "pink": noise(2, colour=1),
    "brown": noise(2, colour=2),
    "faint": noise(2, level=0.002),
    "hum 50": tone(50),
    "hum 50, rich": tone(50, harmonics=20),
    "hum 60, rich": tone(60, harmonics=20),
    "tone 440": tone(440),
    "tone 440 in noise": tone(440) + noise(2, level=0.03),
    "tone 3000": tone(3000),
    "tone that begins": np.concatenate([noise(1, level=0.001), tone(440, 1)]),
    "noise that begins": np.concatenate([noise(1, level=0.001), noise(1)]),
    "a knock": np.concatenate([noise(1, level=0.001), np.full(20, 0.9, np.float32), noise(1, level=0.001)]),
}


@pytest.mark.parametrize("name", NOISES)
def test_noise_is_no_speech(name):
    clip = load((NOISES[name], RATE))
    assert not clip.speech
    assert keys(clip)[0] == "audio-no-speech"


def test_random_noises_are_no_speech():
    rng = np.random.default_rng(1)
    accepted = sum(
        load(
            (noise(rng.uniform(0.3, 8), colour=rng.uniform(0, 2), level=10 ** rng.uniform(-3, 0), seed=seed), RATE)
        ).speech
        for seed in range(60)
    )
    assert accepted == 0


@pytest.mark.parametrize("samples", [np.zeros(2 * RATE, np.float32), np.full(2 * RATE, 0.3), noise(2, level=5e-5)])
def test_silence(samples):
    clip = load((samples, RATE))
    assert keys(clip) == ["audio-silent"]
    assert not clip.speech


def test_a_recording_of_a_twentieth_of_a_second(voice):
    clip = load((voice[8000:8800], RATE))
    assert keys(clip) == ["audio-short"]
    assert not clip.long_enough and not clip.speech
    assert "0.05 s" in clip.notices[0].text("en") and "0.3 s" in clip.notices[0].text("en")


@pytest.mark.parametrize("count", [1, 2, 3, 4, 100])
def test_a_handful_of_samples(count):
    assert not load((np.full(count, 0.5), RATE)).speech
    assert refused((np.full(1, 0.5), 48_000)).message.key == "audio-no-samples"


def test_clipping_is_told(voice):
    clip = load((np.clip(8 * voice, -1, 1), RATE))
    assert keys(clip) == ["audio-clipped"]
    assert clip.speech
    assert keys(load((np.clip(8 * voice * 2**15, -(2**15), 2**15 - 1).astype(np.int16), RATE))) == ["audio-clipped"]
    assert keys(load((0.99 * voice / np.abs(voice).max(), RATE))) == []


def test_clipping_is_told_though_the_level_was_lowered_later(voice):
    assert keys(load((0.4 * np.clip(8 * voice, -1, 1), RATE))) == ["audio-clipped"]


def test_float_above_full_scale_is_scaled_and_not_clipped(voice):
    clip = load((6 * voice, RATE))
    assert np.abs(clip.samples).max() == pytest.approx(1.0)
    assert keys(clip) == []
    assert correlation(clip.samples, voice) > 0.9999


def test_a_very_quiet_voice_is_still_a_voice(voice):
    clip = load((0.004 * voice, RATE))
    assert keys(clip) == ["audio-quiet"]
    assert clip.speech


@pytest.mark.parametrize("decibels", [20, 10, 0])
def test_a_voice_in_noise_is_a_voice(voice, decibels):
    added = noise(2, seed=3)
    added *= voice.std() / added.std() * 10 ** (-decibels / 20)
    assert load((voice + added, RATE)).speech


def test_a_sentence_in_a_long_silence_counts(voice):
    assert load((np.concatenate([noise(40, level=0.001), voice, noise(40, level=0.001)]), RATE)).speech


@pytest.mark.corpora
def test_real_speech_is_hardly_ever_missed():
    data = os.environ.get("BIBIER_DATA")
    if not data:
        pytest.skip("needs $BIBIER_DATA")
    files = sorted(Path(data).glob("ravdess/*/*.ogg"))[::8] + sorted(Path(data).glob("tess/*.ogg"))[::20]
    assert files
    missed = [file.name for file in files if not load(file).speech]
    assert len(missed) < 0.005 * len(files), missed


def test_names_in_messages_are_short_and_printable(tmp_path):
    path = tmp_path / ("длинное имя " * 8 + "\n\x1b[31m.wav")
    path.write_bytes(b"")
    shown = refused(path).message.values["prefix"]
    assert len(shown) <= NAME_LENGTH + 2
    assert shown.isprintable()
    assert shown.startswith("длинное имя") and shown.endswith(".wav: ")


def test_braces_in_a_name_are_shown_as_they_are(tmp_path):
    assert "{prefix}${x}.wav" in str(refused(tmp_path / "{prefix}${x}.wav"))


EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.ogg"))


def small_mp3(samples: np.ndarray, rate: int) -> tuple[np.ndarray, int]:
    """Go through MP3 of a few kbit/s."""
    file = io.BytesIO()
    soundfile.write(
        file, samples, rate, format="MP3", subtype="MPEG_LAYER_III", compression_level=0.8, bitrate_mode="CONSTANT"
    )
    file.seek(0)
    return soundfile.read(file, dtype="float32")


@pytest.mark.parametrize("path", EXAMPLES[::2], ids=lambda path: path.stem)
def test_a_telephone_is_told_from_whatever_else_loses_treble(path):
    samples = load(path).samples
    for subtype in ("ULAW", "ALAW", "GSM610", "PCM_16"):
        file = io.BytesIO()
        soundfile.write(file, soxr.resample(samples, RATE, 8_000), 8_000, format="WAV", subtype=subtype)
        file.seek(0)
        assert "audio-telephone" in keys(load(soundfile.read(file))), subtype
    quiet = np.round(0.002 * samples / np.abs(samples).max() * 32_768) / 32_768
    others = {
        "as it is": (samples, RATE),
        "quiet, in 16 bits": (quiet, RATE),
        "MP3 at 16 kHz": small_mp3(samples, RATE),
        "MP3 at 44.1 kHz": small_mp3(soxr.resample(samples, RATE, 44_100), 44_100),
        "µ-law at 16 kHz": (np.round(samples * 127) / 127, RATE),
        "dull": (np.convolve(samples, np.hanning(6) / np.hanning(6).sum(), "same"), RATE),
    }
    assert [name for name, sound in others.items() if "audio-telephone" in keys(load(sound))] == []
