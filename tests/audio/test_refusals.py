"""What is no recording, or too long a one, is refused in both languages."""

import io
import os
import struct
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from recordings import RATE, encoded, keys, refused, wave_bytes

from bibier.audio import format
from bibier.audio import io as audio
from bibier.audio.io import load


def test_a_missing_file(tmp_path):
    assert refused(tmp_path / "none.wav").message.key == "audio-missing"


@pytest.mark.parametrize("name", ["a\0b.wav", "a" * 400 + ".wav"], ids=["null", "long"])
def test_a_name_that_cannot_be(tmp_path, name):
    assert refused(tmp_path / name).message.key in ("audio-missing", "audio-closed")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    assert refused(tmp_path / "pipe.wav").message.key == "audio-missing"


def test_a_folder(tmp_path):
    assert refused(tmp_path).message.key == "audio-directory"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs a user without all rights")
def test_a_file_without_rights(tmp_path, voice):
    (tmp_path / "mine.wav").write_bytes(wave_bytes(voice))
    (tmp_path / "mine.wav").chmod(0)
    assert refused(tmp_path / "mine.wav").message.key == "audio-closed"


def test_an_empty_file(tmp_path):
    (tmp_path / "empty.wav").write_bytes(b"")
    assert refused(tmp_path / "empty.wav").message.key == "audio-empty-file"


@pytest.mark.parametrize(
    "content",
    [
        b"This is a letter, not a recording.\n" * 40,
        "Это письмо, а не запись.\n".encode() * 40,
        b"\x89PNG\r\n\x1a\n" + bytes(500),
        b"PK\x03\x04" + bytes(500),
        b"RIFF\x00\x00",
        b"OggS" + bytes(100),
        b"\x00\x00\x00\x18ftypM4A " + bytes(200),
        b"\x1aE\xdf\xa3" + bytes(200),
        b"fLaC" + bytes(100),
        b"\xff\xfb" + bytes(300),
        np.random.default_rng(0).bytes(5000),
        wave_bytes(np.zeros(RATE), fmt=struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 0)),  # samples of no bits
        wave_bytes(np.zeros(RATE), fmt=struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 40)),
    ],
    ids=["text", "cyrillic", "png", "zip", "riff", "ogg", "m4a", "webm", "flac", "mp3", "bytes", "0 bits", "40 bits"],
)
def test_what_is_no_sound(tmp_path, content):
    (tmp_path / "renamed.wav").write_bytes(content)
    error = refused(tmp_path / "renamed.wav")
    assert error.message.key == "audio-not-audio"
    assert "m4a" in str(error), "the remedy names the formats"


@pytest.mark.parametrize(
    "playlist",
    ["ffconcat version 1.0\nfile '{}'\n", "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n"],
    ids=["concat", "hls"],
)
def test_a_playlist_opens_no_other_file(tmp_path, voice, playlist):
    (tmp_path / "secret.wav").write_bytes(wave_bytes(voice))
    for name in ("list.wav", "list.m4a", "list.m3u8", "list.ffconcat"):
        (tmp_path / name).write_text(playlist.format("secret.wav"))
        assert refused(tmp_path / name).message.key == "audio-not-audio"


def test_a_film_without_sound(tmp_path):
    with av.open(str(tmp_path / "film.mp4"), "w") as file:
        stream = file.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        for part in (*(av.VideoFrame(32, 32, "yuv420p") for _ in range(5)), None):
            for packet in stream.encode(part):
                file.mux(packet)
    assert refused(tmp_path / "film.mp4").message.key == "audio-no-sound"


def test_a_header_with_no_samples(tmp_path):
    (tmp_path / "bare.wav").write_bytes(wave_bytes(np.zeros(0)))
    assert refused(tmp_path / "bare.wav").message.key == "audio-no-samples"
    assert refused((np.zeros(0, np.float32), RATE)).message.key == "audio-no-samples"
    assert refused((np.zeros((0, 2), np.int16), RATE)).message.key == "audio-no-samples"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_samples_that_are_not_numbers(tmp_path, voice, bad):
    samples = voice.astype(np.float64)
    samples[RATE] = bad
    error = refused((samples, RATE))
    assert error.message.key == "audio-not-finite"
    assert error.message.values["second"] == pytest.approx(1.0)
    if not np.isfinite(bad):
        soundfile.write(tmp_path / "bad.wav", samples, RATE, subtype="FLOAT")
        assert refused(tmp_path / "bad.wav").message.key == "audio-not-finite"


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros((2, 3, 4)),
        np.float32(1),
        np.zeros(9, complex),
        np.zeros(9, bool),
        np.array(["a"]),
        np.zeros(9, "int64"),
    ],
    ids=["cube", "number", "complex", "bool", "text", "int64"],
)
def test_arrays_that_are_no_sound(samples):
    assert refused((samples, RATE)).message.key == "audio-array"


@pytest.mark.parametrize("rate", [0, -16_000, 100, 10_000_000])
def test_rates_that_cannot_be(voice, rate):
    assert refused((voice, rate)).message.key == "audio-rate"


def test_too_many_channels(tmp_path, voice):
    soundfile.write(tmp_path / "many.wav", np.repeat(voice[:, None], 16, axis=1), RATE)
    assert refused(tmp_path / "many.wav").message.key == "audio-channels"
    assert refused((np.zeros((100, 100)), RATE)).message.key == "audio-channels"


def test_twenty_minutes_are_refused_from_the_header(tmp_path, monkeypatch):
    soundfile.write(tmp_path / "long.wav", np.zeros(20 * 60 * 8_000, np.int16), 8_000)
    monkeypatch.setattr(audio.AudioReader, "add", lambda *_: pytest.fail("it was decoded"))
    error = refused(tmp_path / "long.wav")
    assert error.message.key == "audio-too-long"
    assert "10 minutes" in str(error)
    assert refused((np.zeros(20 * 60 * 8_000, np.int16), 8_000)).message.key == "audio-too-long"


def long_flac(path: Path, stated: int) -> Path:
    """Eleven minutes of silence in a flac whose header states another number of samples (0: unknown)."""
    content = io.BytesIO()
    soundfile.write(content, np.zeros(11 * 60 * 8_000, np.int16), 8_000, format="FLAC")
    changed = bytearray(content.getvalue())
    changed[21] &= 0xF0
    changed[22:26] = struct.pack(">I", stated)
    path.write_bytes(changed)
    return path


def test_a_header_that_does_not_tell_the_length_is_stopped_at_the_limit(tmp_path):
    assert refused(long_flac(tmp_path / "unknown.flac", 0)).message.key == "audio-too-long"


def test_long_m4a_is_refused_from_the_header(tmp_path, monkeypatch):
    path = encoded(tmp_path / "long.m4a", np.zeros(11 * 60 * RATE, np.float32), "aac", "ipod", rate=8_000)
    monkeypatch.setattr(audio.AudioReader, "add", lambda *_: pytest.fail("it was decoded"))
    assert refused(path).message.key == "audio-too-long"


def test_the_limit_itself_is_allowed():
    clip = load((np.zeros(format.MAX_SECONDS * 8_000, np.int16), 8_000))
    assert clip.duration == format.MAX_SECONDS
    assert keys(clip) == ["audio-silent"]
