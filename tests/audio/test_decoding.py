"""What a file is read to: containers × {whole, cut off, put together, piped, a bad packet}, and what is said of it."""

import io
import random
import struct
import tempfile
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import soxr
from recordings import refused

from bibier.audio import containers, long_recording
from bibier.audio import io as audio
from bibier.audio.decoding import SoundFile
from bibier.audio.format import ENDINGS, MAX_SECONDS
from bibier.audio.io import load
from bibier.audio.reader import AudioReader
from bibier.errors import InputError

RATE = 16_000  # Hz
SPOKEN = Path(__file__).parents[2] / "examples" / "happy_en.ogg"
SECONDS = 4.0
# name → codec, container, options of the container, options of the encoder
MADE = {
    "pcm.wav": ("pcm_s16le", "wav", {}, {}),
    "float.wav": ("pcm_f32le", "wav", {}, {}),
    "adpcm.wav": ("adpcm_ima_wav", "wav", {}, {}),
    "rf64.wav": ("pcm_s16le", "wav", {"rf64": "always"}, {}),
    "a.w64": ("pcm_s16le", "w64", {}, {}),
    "a.aiff": ("pcm_s16be", "aiff", {}, {}),
    "a.au": ("pcm_s16be", "au", {}, {}),
    "a.caf": ("pcm_s16le", "caf", {}, {}),
    "a.flac": ("flac", "flac", {}, {}),
    "a.mp3": ("libmp3lame", "mp3", {}, {"q": "2"}),
    "no-table.mp3": ("libmp3lame", "mp3", {"write_xing": "0"}, {"q": "2"}),
    "a.opus": ("libopus", "ogg", {}, {}),
    "a.webm": ("libopus", "webm", {}, {}),
    "a.mka": ("aac", "matroska", {}, {}),
    "a.m4a": ("aac", "ipod", {"movflags": "faststart"}, {}),
    "alac.m4a": ("alac", "ipod", {"movflags": "faststart"}, {}),
    "fragments.mp4": ("aac", "mp4", {"movflags": "frag_keyframe+empty_moov", "frag_duration": "500000"}, {}),
    "a.aac": ("aac", "adts", {}, {}),
    "a.amr": ("libopencore_amrnb", "amr", {}, {"b": "12200"}),
    "a.avi": ("libmp3lame", "avi", {}, {}),
    "a.wma": ("wmav2", "asf", {}, {"b": "64000"}),
}
RATES = {"libopus": 48_000, "libopencore_amrnb": 8_000, "wmav2": 44_100}
GUARDED = ("a.flac", "a.m4a", "fragments.mp4", "a.amr", "a.opus")  # a bad packet is noticed there


def keys(clip) -> list[str]:
    """Return what is said, apart from the width of the sound, which AMR and GSM can't help."""
    spoken_of = [notice.key for notice in clip.notices if notice.text("en") and notice.text("ru")]
    return [key for key in spoken_of if key != "audio-telephone"]


class Pipe(io.RawIOBase):
    """Takes bytes and can't go back."""

    def __init__(self):
        self.content = bytearray()

    def writable(self):
        return True

    def write(self, data):
        self.content += data
        return len(data)


@cache
def spoken(seconds: float) -> np.ndarray:
    samples, _ = soundfile.read(SPOKEN, dtype="float32")
    return np.resize(samples, round(seconds * RATE))


@cache
def made(name: str, *, piped: bool = False, seconds: float = SECONDS) -> bytes:
    """Encode some speech as one of `MADE`; piped, by a writer that can't go back to the header."""
    codec, container, options, coding = MADE[name]
    rate = RATES.get(codec, RATE)
    with tempfile.NamedTemporaryFile() as kept:
        pipe = Pipe()
        _encode(pipe if piped else kept.name, seconds, rate, codec, container, options, coding)
        return bytes(pipe.content) if piped else Path(kept.name).read_bytes()


def _encode(output, seconds, rate, codec, container, options, coding) -> None:
    with av.open(output, "w", format=container, options=options) as file:
        stream = file.add_stream(codec, rate=rate, layout="mono", options=coding)
        frame = av.AudioFrame.from_ndarray(spoken(seconds)[None], format="flt", layout="mono")
        frame.sample_rate = RATE
        resampler = av.AudioResampler(format=stream.format, layout="mono", rate=rate, frame_size=stream.frame_size)
        for part in (*resampler.resample(frame), *resampler.resample(None), None):
            for packet in stream.encode(part):
                file.mux(packet)


def read(tmp_path: Path, content: bytes, name: str):
    path = tmp_path / f"a{Path(name).suffix}"
    path.write_bytes(content)
    clip, recording = load(path), long_recording.read(path)
    assert recording.duration == clip.duration, "a long recording is read by the same decoder"
    assert keys(recording) == keys(clip)
    return clip


@pytest.mark.parametrize("name", MADE)
def test_a_whole_file_is_read_whole_and_nothing_is_said(tmp_path, name):
    clip = read(tmp_path, made(name), name)
    assert clip.duration == pytest.approx(SECONDS, abs=0.15)
    assert keys(clip) == []
    assert Path(name).suffix in ENDINGS


@pytest.mark.parametrize(
    "kind", ["PCM_16.wav", "FLOAT.wav", "PCM_24.wav", "PCM_16.flac", "MPEG_LAYER_III.mp3", "VORBIS.ogg"]
)
def test_samples_are_those_of_ffmpeg_s_converter(tmp_path, monkeypatch, kind):
    subtype, ending = kind.split(".")
    path = tmp_path / f"a.{ending}"
    stereo = np.stack((spoken(1.0), 0.5 * spoken(1.0)[::-1]), axis=1)
    soundfile.write(path, stereo, RATE, subtype=subtype)
    ours = np.concatenate([block for block, _ in SoundFile(path).blocks()])
    monkeypatch.setattr("bibier.audio.samples.PLAIN", {})
    theirs = np.concatenate([block for block, _ in SoundFile(path).blocks()])
    assert ours.dtype == theirs.dtype == np.float32
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", MADE)
def test_of_a_file_that_is_cut_off_all_is_read_and_it_is_said(tmp_path, name):
    whole = made(name)
    clip = read(tmp_path, whole[: len(whole) * 6 // 10 + 1], name)
    assert 0.4 * SECONDS < clip.duration < 0.75 * SECONDS
    assert keys(clip) == ["audio-cut"]


@pytest.mark.parametrize("name", MADE)
def test_files_that_were_put_together_are_read_to_the_end(tmp_path, name):
    clip = read(tmp_path, made(name) + made(name, seconds=2.0), name)
    assert clip.duration == pytest.approx(SECONDS + 2, abs=0.3)
    assert keys(clip) == []


@pytest.mark.parametrize("name", sorted({*MADE} - {"a.m4a", "alac.m4a", "a.avi"}))  # whose writers must go back
def test_what_was_written_into_a_pipe_is_read_whole(tmp_path, name):
    clip = read(tmp_path, made(name, piped=True), name)
    assert clip.duration == pytest.approx(SECONDS, abs=0.15)
    assert keys(clip) == [] or (name == "a.opus" and keys(clip) == ["audio-cut"])


@pytest.mark.parametrize("name", MADE)
def test_behind_a_bad_packet_everything_is_read(tmp_path, name):
    content = bytearray(made(name))
    middle = len(content) // 2
    content[middle : middle + 40] = random.Random(1).randbytes(40)
    clip = read(tmp_path, bytes(content), name)
    if name == "a.webm":  # whose only cluster is broken: what can't be read is told
        assert "audio-cut" in keys(clip) or clip.duration == pytest.approx(SECONDS, abs=0.1)
        return
    assert clip.duration > SECONDS - 1.2  # a page of Ogg holds a second
    assert "audio-cut" not in keys(clip)
    if name in GUARDED:
        assert "audio-lost" in keys(clip)
        lost = next(notice.values["seconds"] for notice in clip.notices if notice.key == "audio-lost")
        assert clip.duration + lost == pytest.approx(SECONDS, abs=0.2)


@pytest.mark.parametrize("name", ["pcm.wav", "rf64.wav", "a.w64", "a.aiff", "a.au", "a.caf"])
def test_how_much_is_missing_is_said(tmp_path, name):
    whole = made(name)
    clip = read(tmp_path, whole[: len(whole) // 2], name)
    sentence = clip.notices[0].text("en")
    assert "2.0 s of 4.0 s" in sentence, sentence


@pytest.mark.parametrize("size", [2_000_000_000, 2_000_000_000 - 36, 0x80000000, 0x7FFFF000, 0x40000000, 0xFFFFFFFF, 0])
def test_a_length_that_no_writer_means_is_none(tmp_path, size):
    content = bytearray(made("pcm.wav"))
    place = content.find(b"data") + 4
    content[place : place + 4] = struct.pack("<I", size)
    clip = read(tmp_path, bytes(content), "a.wav")
    assert clip.duration == pytest.approx(SECONDS)
    assert keys(clip) == []


@pytest.mark.parametrize("size", [2**61, 2**62, 2**63 - 1, 2**63, 2**64 - 1])
@pytest.mark.parametrize("name, sign, length", [("a.w64", b"data\xf3\xac\xd3\x11", "<Q"), ("a.caf", b"data", ">Q")])
def test_a_header_that_points_behind_every_disk_is_read(tmp_path, name, sign, length, size):
    """The system refuses to go there; it was said that the temporary folder had no room."""
    content = bytearray(made(name))
    place = content.find(sign) + (16 if name == "a.w64" else 4)
    content[place : place + 8] = struct.pack(length, size)
    assert read(tmp_path, bytes(content), name).duration == pytest.approx(SECONDS, abs=0.01)


def test_a_length_that_is_too_short_is_not_the_end(tmp_path):
    content = bytearray(made("pcm.wav"))
    place = content.find(b"data") + 4
    content[place : place + 4] = struct.pack("<I", 32_000)
    assert read(tmp_path, bytes(content), "a.wav").duration == pytest.approx(SECONDS)


@pytest.mark.parametrize("unfinished", [bytes(16), b"\xff" * 16, struct.pack("<QQ", 0, 0)])
def test_an_rf64_that_was_never_finished_is_read(tmp_path, unfinished):
    content = bytearray(made("rf64.wav"))
    content[20:36] = unfinished
    clip = read(tmp_path, bytes(content), "a.wav")
    assert clip.duration == pytest.approx(SECONDS)
    assert keys(clip) == []


@pytest.mark.parametrize("container", ["NIST", "VOC", "IRCAM", "PAF", "SVX"])
def test_what_ffmpeg_is_not_given_is_read_by_libsndfile(tmp_path, container):
    soundfile.write(tmp_path / "a", spoken(2.0), RATE, format=container, subtype="PCM_16")
    assert load(tmp_path / "a").duration == pytest.approx(2.0) and keys(load(tmp_path / "a")) == []


def test_tags_in_front_do_not_hide_the_format(tmp_path):
    tag = b"ID3\x04\x00\x00\x00\x00\x01\x00" + bytes(128)
    for name in ("a.flac", "a.aac", "a.mp3", "pcm.wav"):
        assert read(tmp_path, tag + made(name), name).duration == pytest.approx(SECONDS, abs=0.15)


def test_rate_and_channels_may_change_between_the_parts(tmp_path):
    for rate, channels in ((44_100, 2), (8_000, 1)):
        for name in ("a.wav", "a.flac", "a.ogg"):
            content = io.BytesIO()
            samples = np.zeros((rate, channels), np.float32)
            soundfile.write(content, samples, rate, format=name[2:].upper())
            first = io.BytesIO()
            soundfile.write(first, spoken(2.0), RATE, format=name[2:].upper())
            clip = read(tmp_path, first.getvalue() + content.getvalue(), name)
            assert clip.duration == pytest.approx(3.0, abs=0.05) and keys(clip) == []


def film(path: Path, container: str, picture: float, sound: float) -> bytes:
    """Speech of `sound` seconds under pictures of `picture` seconds."""
    with av.open(str(path), "w", format=container) as file:
        video = file.add_stream("mpeg4", rate=10)
        video.width = video.height = 32
        audio = file.add_stream("aac", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(spoken(sound)[None], format="flt", layout="mono")
        frame.sample_rate = RATE
        resampler = av.AudioResampler(format=audio.format, layout="mono", rate=RATE, frame_size=1024)
        frames = [(video, av.VideoFrame(32, 32, "yuv420p")) for _ in range(round(10 * picture))]
        frames += [(audio, part) for part in (*resampler.resample(frame), *resampler.resample(None))]
        for stream, part in (*frames, (video, None), (audio, None)):
            for packet in stream.encode(part):
                file.mux(packet)
    return path.read_bytes()


@pytest.mark.parametrize("container", ["matroska", "mp4"])
def test_a_film_whose_pictures_go_on_is_whole(tmp_path, container):
    content = film(tmp_path / "film", container, 4.0, 2.0)
    clip = read(tmp_path, content, "film.mkv")
    assert clip.duration == pytest.approx(2.0, abs=0.15) and keys(clip) == []
    if container == "matroska":
        assert "audio-cut" in keys(read(tmp_path, content[: len(content) * 3 // 4], "film.mkv"))


def test_what_is_no_sound_within_a_file_is_told(tmp_path):
    whole = made("no-table.mp3")
    half = len(whole) // 2
    clip = read(tmp_path, whole[:half] + bytes(20_000) + whole[half:], "a.mp3")
    assert "audio-unread" in keys(clip)
    assert clip.duration == pytest.approx(SECONDS, abs=0.3)


def test_a_table_of_contents_that_is_missing_is_named(tmp_path):
    (tmp_path / "a.m4a").write_bytes(made("a.m4a").replace(b"moov", b"xxxx"))
    assert refused(tmp_path / "a.m4a").message.key == "audio-no-index"


def with_chunks(before: int, after: int) -> bytes:
    """A wav with so many empty chunks before and behind its sound."""
    whole, empty = made("pcm.wav"), b"junk\0\0\0\0"
    place = whole.index(b"data")
    content = whole[12:place] + before * empty + whole[place:] + after * empty
    return b"RIFF" + struct.pack("<I", len(content) + 4) + b"WAVE" + content


def test_chunks_without_sound_cost_nothing(tmp_path, monkeypatch):
    """Each of two million cost a look; none is needed."""
    (tmp_path / "a.wav").write_bytes(with_chunks(900, 200_000))
    assert load(tmp_path / "a.wav").duration == pytest.approx(SECONDS, abs=0.05)
    with SoundFile(tmp_path / "a.wav") as file:
        assert file.parts[0].end < len(made("pcm.wav")) + 901 * 8
    looks = []
    plain = containers.read_at
    monkeypatch.setattr(containers, "read_at", lambda *given: looks.append(given) or plain(*given))
    (tmp_path / "b.wav").write_bytes(with_chunks(200_000, 0))
    assert refused(tmp_path / "b.wav").message.key == "audio-not-audio" and len(looks) < 1_100
    assert long_recording.stated_seconds(tmp_path / "b.wav") is None


def test_gsm_in_a_wav_is_read_whole(tmp_path):
    samples, rate = soundfile.read(SPOKEN, dtype="float32", frames=2 * 48_000)
    telephone = soxr.resample(samples, rate, 8_000)
    soundfile.write(tmp_path / "a.wav", telephone, 8_000, subtype="GSM610")
    clip = load(tmp_path / "a.wav")
    assert clip.duration == pytest.approx(len(telephone) / 8_000, abs=0.05) and keys(clip) == [] and clip.speech


def test_channels_are_those_of_the_first_part_that_can_be_read(tmp_path, monkeypatch):
    (tmp_path / "a.ogg").write_bytes(made("a.opus") + made("a.opus"))
    plain = SoundFile._open

    def damaged(self, part):
        if part is self.parts[0]:
            raise av.error.InvalidDataError(1, "damaged")
        return plain(self, part)

    monkeypatch.setattr(SoundFile, "_open", damaged)
    with SoundFile(tmp_path / "a.ogg") as file:
        assert len(file.parts) == 2 and file.channels() == 1


# ------------------------------------------------------------------------------------------------------------- bounds


def silent_flac(path: Path, rate: int, channels: int, seconds: float) -> Path:
    soundfile.write(path, np.zeros((round(rate * seconds), channels), np.int16), rate, format="FLAC")
    return path


def test_a_small_file_that_becomes_gigabytes_is_refused_before_it_does(tmp_path, monkeypatch):
    """Eight channels of 655 kHz: the sum of what is decoded is bounded, whatever the length."""
    path = silent_flac(tmp_path / "bomb.flac", 655_350, 8, 2.0)
    assert path.stat().st_size < 400_000
    taken = []
    add = AudioReader.add
    monkeypatch.setattr(
        AudioReader, "add", lambda self, block, rate: (taken.append(block.nbytes), add(self, block, rate))
    )
    monkeypatch.setattr("bibier.audio.reader.DENSITY", 5_000)  # of a second of the full length
    assert refused(path).message.key == "audio-too-dense"
    assert max(taken) < 4_000_000 and sum(taken) < 4 * 5_000 * MAX_SECONDS + 4_000_000


def test_memory_does_not_grow_with_the_recording(tmp_path, monkeypatch):
    monkeypatch.setattr("bibier.audio.reader.IN_MEMORY", 100_000)
    soundfile.write(tmp_path / "a.wav", np.column_stack([spoken(4.0), 0.1 * spoken(4.0)]), RATE)
    reader = audio.decode(tmp_path / "a.wav", MAX_SECONDS)
    reader.finish()
    assert reader._blocks == []
    tracks = reader.tracks()
    assert isinstance(tracks, np.memmap) and tracks.shape == (4 * RATE, 2)
    np.testing.assert_allclose(tracks[:, 0], spoken(4.0), atol=1e-4)


def test_parts_and_chunks_are_counted(tmp_path):
    """A file of nothing but beginnings costs no more than the ones that are looked at."""
    head = made("a.flac")[:42]
    (tmp_path / "many.flac").write_bytes(head * 5_000)
    with SoundFile(tmp_path / "many.flac") as file:
        assert len(file.parts) == containers.MAX_PARTS
    (tmp_path / "chunks.wav").write_bytes(b"RIFF\0\0\0\0WAVE" + b"junk\0\0\0\0" * 50_000)
    assert refused(tmp_path / "chunks.wav").message.key in ("audio-not-audio", "audio-no-samples")


def test_more_than_eight_channels_are_refused_and_not_read(tmp_path):
    for channels in (9, 16, 64):
        soundfile.write(tmp_path / "many.wav", np.zeros((RATE, channels), np.float32), RATE, subtype="FLOAT")
        assert refused(tmp_path / "many.wav").message.key == "audio-channels"


def test_random_bytes_behind_every_signature_are_refused_or_read(tmp_path):
    """Nothing but an InputError comes out of damaged files."""
    generator = random.Random(0)
    for name in MADE:
        content = bytearray(made(name))
        for _ in range(4):
            broken = bytearray(content)
            for _ in range(20):
                broken[generator.randrange(16, len(broken))] = generator.randrange(256)
            (tmp_path / "broken").write_bytes(broken)
            try:
                audio.decode(tmp_path / "broken", MAX_SECONDS)
            except InputError as error:
                assert error.text("ru")
