"""What a recording is read from: containers, codecs, arrays, channels."""

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from recordings import RATE, correlation, encoded, keys, stretched, wave_bytes

from bibier.audio.format import SAMPLE_RATE
from bibier.audio.io import load


@pytest.mark.parametrize(
    ("name", "subtype", "rate", "channels", "least"),
    [
        ("plain.wav", "PCM_16", 16_000, 1, 0.9999),
        ("phone.wav", "PCM_16", 8_000, 2, 0.93),
        ("studio.wav", "PCM_24", 96_000, 2, 0.98),
        ("double.wav", "DOUBLE", 44_100, 1, 0.98),
        ("float.wav", "FLOAT", 48_000, 6, 0.98),
        ("bytes.wav", "PCM_U8", 16_000, 1, 0.98),
        ("alaw.wav", "ALAW", 8_000, 1, 0.93),
        ("ulaw.wav", "ULAW", 16_000, 1, 0.99),
        ("flac.flac", "PCM_16", 22_050, 1, 0.98),
        ("vorbis.ogg", "VORBIS", 44_100, 2, 0.97),
        ("opus.opus", "OPUS", 48_000, 1, 0.97),
        ("mp3.mp3", "MPEG_LAYER_III", 44_100, 1, 0.97),
    ],
)
def test_every_format_gives_the_same_voice(tmp_path, voice, name, subtype, rate, channels, least):
    samples = np.repeat(stretched(voice, rate)[:, None], channels, axis=1)
    container = {".opus": "OGG"}.get(Path(name).suffix, Path(name).suffix[1:].upper())
    soundfile.write(tmp_path / name, samples, rate, format=container, subtype=subtype)
    clip = load(tmp_path / name)
    assert clip.samples.dtype == np.float32 and clip.samples.ndim == 1
    assert np.abs(clip.samples).max() <= 1
    assert clip.duration == pytest.approx(2.0, abs=0.1)
    assert clip.duration == len(clip.samples) / SAMPLE_RATE
    assert clip.speech and keys(clip) == (["audio-telephone"] if rate == 8_000 else [])
    assert correlation(clip.samples, voice) > least


@pytest.mark.parametrize(
    ("name", "codec", "container"),
    [("a.m4a", "aac", "ipod"), ("a.mp4", "aac", "mp4"), ("a.webm", "libopus", "webm"), ("a.aac", "aac", "adts")],
)
def test_what_libsndfile_cannot_read_is_read_too(tmp_path, voice, name, codec, container):
    clip = load(encoded(tmp_path / name, voice, codec, container))
    assert clip.duration == pytest.approx(2.0, abs=0.1)
    assert clip.speech and keys(clip) == []
    assert correlation(clip.samples, voice) > 0.97


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFFFDB])
def test_a_streamed_wav_with_no_true_size_is_read_whole(tmp_path, voice, size):
    (tmp_path / "streamed.wav").write_bytes(wave_bytes(voice, size=size))
    clip = load(tmp_path / "streamed.wav")
    assert clip.duration == pytest.approx(2.0)
    assert keys(clip) == []


def test_a_wave_extensible_float_is_read_right(tmp_path, voice):
    guid = bytes.fromhex("0300000000001000800000aa00389b71")
    fmt = struct.pack("<HHIIHH", 0xFFFE, 1, RATE, 4 * RATE, 4, 32) + struct.pack("<HHI", 22, 32, 4) + guid
    (tmp_path / "odd.wav").write_bytes(wave_bytes(voice, fmt=fmt, body=voice.astype("<f4").tobytes()))
    clip = load(tmp_path / "odd.wav")
    np.testing.assert_allclose(clip.samples, voice - voice.mean(), atol=1e-6)


def test_a_wav_with_unknown_chunks_is_read(tmp_path, voice):
    plain = wave_bytes(voice)
    odd = (
        plain[:12]
        + b"junk"
        + struct.pack("<I", 7)
        + b"1234567\0"
        + plain[12:]
        + b"LIST"
        + struct.pack("<I", 4)
        + b"abcd"
    )
    (tmp_path / "odd.wav").write_bytes(odd)
    assert load(tmp_path / "odd.wav").duration == pytest.approx(2.0)


def test_a_wrong_extension_does_not_matter(tmp_path, voice):
    for name in ("voice.txt", "voice", "voice.raw", "голос.mp3"):
        (tmp_path / name).write_bytes(wave_bytes(voice))
        assert load(str(tmp_path / name)).duration == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("dtype", "scale", "offset"),
    [("int16", 2**15, 0), ("int32", 2**31, 0), ("uint8", 2**7, 128), ("float32", 1, 0), ("float64", 1, 0)],
)
def test_arrays_of_every_type(voice, dtype, scale, offset):
    samples = np.round(voice * scale + offset) if scale > 1 else voice
    centred = voice - voice.mean()
    np.testing.assert_allclose(
        load((samples.astype(dtype), RATE)).samples, centred, atol=1 / min(2 * scale, 2**15) + 1e-4
    )


def test_arrays_of_every_shape(voice):
    mono = load((voice, RATE)).samples
    for samples in (voice[:, None], voice[None], np.stack([voice, voice]), np.stack([voice, voice], axis=1)):
        np.testing.assert_allclose(load((samples, RATE)).samples, mono, atol=1e-6)
        np.testing.assert_allclose(load((RATE, samples)).samples, mono, atol=1e-6)


def test_the_callers_array_is_left_alone(voice):
    before = voice.copy()
    load((voice + 0, RATE))
    load((voice, RATE))
    np.testing.assert_array_equal(voice, before)


def test_channels_are_averaged_where_that_is_asked_for(voice):
    left, right = voice, np.roll(voice, 3000)
    expected = (left + right) / 2
    clip = load((np.stack([left, right]), RATE), channel="mix")
    np.testing.assert_allclose(clip.samples, expected - expected.mean(), atol=1e-6)
    assert (clip.channels, clip.channel) == (2, None)


def test_opposite_channels_do_not_cancel(voice):
    clip = load((np.stack([voice, -0.9 * voice]), RATE))
    assert keys(clip) == ["audio-opposite"]
    assert clip.speech
    assert correlation(clip.samples, voice) > 0.999


@pytest.mark.parametrize("channels", [2, 8])
def test_a_voice_in_one_channel_is_no_cancellation(voice, channels):
    tracks = np.zeros((channels, len(voice)), np.float32)
    tracks[0] = voice
    assert "audio-opposite" not in keys(load((tracks, RATE)))


def test_an_offset_is_removed(voice):
    clip = load((voice + 0.4, RATE))
    assert abs(clip.samples.mean()) < 1e-4
    np.testing.assert_allclose(clip.samples, load((voice, RATE)).samples, atol=1e-4)


def test_resampling_keeps_the_pitch_and_the_level():
    time = np.arange(3 * 44_100) / 44_100
    clip = load((0.5 * np.sin(2 * np.pi * 440 * time), 44_100))
    spectrum = np.abs(np.fft.rfft(clip.samples[: 2 * SAMPLE_RATE]))
    assert np.argmax(spectrum) / 2 == 440  # Hz
    assert np.abs(clip.samples[1000:-1000]).max() == pytest.approx(0.5, abs=0.01)


def test_what_16_khz_cannot_hold_is_filtered_out():
    time = np.arange(2 * 48_000) / 48_000
    clip = load((0.5 * np.sin(2 * np.pi * 11_000 * time), 48_000))  # would fold to 5 kHz
    assert np.abs(clip.samples[1000:-1000]).max() < 0.001
