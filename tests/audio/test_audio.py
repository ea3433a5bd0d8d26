import io
import os
import struct
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import soxr

from bibier.audio import format
from bibier.audio import io as audio
from bibier.audio.format import SAMPLE_RATE
from bibier.audio.io import load
from bibier.errors import InputError

RATE = 16_000  # Hz
SPOKEN = Path(__file__).parents[2] / "examples" / "happy_en.ogg"


@pytest.fixture(scope="module")
def voice() -> np.ndarray:
    """Two seconds of an example, (32000,) float32."""
    samples, rate = soundfile.read(SPOKEN, dtype="float32")
    assert rate == RATE
    return 0.5 * samples[: 2 * RATE] / np.abs(samples[: 2 * RATE]).max()


def keys(clip) -> list[str]:
    for message in clip.notices:
        for language in ("en", "ru"):
            assert message.text(language)
    return [message.key for message in clip.notices]


def refused(source) -> InputError:
    """Load what must be refused; both sentences can be written and differ."""
    with pytest.raises(InputError) as caught:
        load(source)
    assert caught.value.text("en") != caught.value.text("ru")
    assert any("а" <= letter <= "я" for letter in caught.value.text("ru"))
    if isinstance(source, Path):
        assert str(source.parent) not in str(caught.value), "only the base name is shown"
    return caught.value


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Largest normalised correlation of two recordings of one voice, over shifts of up to 0.1 s."""
    size = 2 ** int(np.ceil(np.log2(len(a) + len(b))))
    products = np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)), size)
    near = np.concatenate([products[:1600], products[-1600:]])
    return float(near.max() / np.sqrt(np.square(a).sum() * np.square(b).sum()))


def stretched(samples: np.ndarray, rate: int) -> np.ndarray:
    """Resample by linear interpolation: a second, independent implementation, with some aliasing."""
    count = round(len(samples) * rate / RATE)
    return np.interp(np.arange(count) / rate, np.arange(len(samples)) / RATE, samples).astype(np.float32)


def wave_bytes(
    samples: np.ndarray, *, size: int | None = None, fmt: bytes | None = None, body: bytes | None = None
) -> bytes:
    """Write a wav by hand, with the data size that its header states."""
    body = (samples * 32767).astype("<i2").tobytes() if body is None else body
    fmt = fmt or struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16)
    size = len(body) if size is None else size
    whole = min(2**32 - 1, 20 + len(fmt) + size)
    return (
        b"RIFF"
        + struct.pack("<I", whole)
        + b"WAVEfmt "
        + struct.pack("<I", len(fmt))
        + fmt
        + b"data"
        + struct.pack("<I", size)
        + body
    )


def encoded(path: Path, samples: np.ndarray, codec: str, container: str, rate: int = 48_000, options=None) -> Path:
    """Encode with PyAV."""
    with av.open(str(path), "w", format=container, options=options or {}) as file:
        stream = file.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(stretched(samples, rate)[None], format="flt", layout="mono")
        frame.sample_rate = rate
        resampler = av.AudioResampler(format=stream.format, layout="mono", rate=rate, frame_size=stream.frame_size)
        for part in (*resampler.resample(frame), *resampler.resample(None), None):
            for packet in stream.encode(part):
                file.mux(packet)
    return path


# ------------------------------------------------------------------------------------------------- what must be read


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


# ---------------------------------------------------------------------------------------------- what must be refused


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
    ],
    ids=["text", "cyrillic", "png", "zip", "riff", "ogg", "m4a", "webm", "flac", "mp3", "bytes"],
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


# ------------------------------------------------------------------------------------------------- what is cut short


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


# ------------------------------------------------------------------------------------------------------------ guards


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


# --------------------------------------------------------------------------------------------------------- file names


def test_names_in_messages_are_short_and_printable(tmp_path):
    path = tmp_path / ("длинное имя " * 8 + "\n\x1b[31m.wav")
    path.write_bytes(b"")
    shown = refused(path).message.values["prefix"]
    assert len(shown) <= audio.NAME_LENGTH + 2
    assert shown.isprintable()
    assert shown.startswith("длинное имя") and shown.endswith(".wav: ")


def test_braces_in_a_name_are_shown_as_they_are(tmp_path):
    assert "{prefix}${x}.wav" in str(refused(tmp_path / "{prefix}${x}.wav"))


# ---------------------------------------------------------------------------------------------------------- telephone

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
