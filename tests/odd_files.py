"""A folder of fifty odd files: containers × damage × names × encodings, from one spoken phrase."""

import io
import os
import unicodedata
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import soundfile

RATE = 16_000  # Hz
EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "happy_en.ogg"
SECONDS = 2.5

# file → codec, container, its options, rate in Hz
WHOLE = {
    "pcm.wav": ("pcm_s16le", "wav", {}, RATE),
    "bytes.wav": ("pcm_u8", "wav", {}, RATE),
    "float.wav": ("pcm_f32le", "wav", {}, 48_000),
    "law.wav": ("pcm_alaw", "wav", {}, 8_000),
    "rf64.wav": ("pcm_s16le", "wav", {"rf64": "always"}, RATE),
    "sony.w64": ("pcm_s16le", "w64", {}, RATE),
    "apple.aiff": ("pcm_s16be", "aiff", {}, RATE),
    "sun.au": ("pcm_s16be", "au", {}, RATE),
    "core.caf": ("pcm_s16le", "caf", {}, RATE),
    "CAPITALS.FLAC": ("flac", "flac", {}, RATE),
    "layer3.mp3": ("libmp3lame", "mp3", {}, RATE),
    "piped.mp3": ("libmp3lame", "mp3", {"write_xing": "0"}, RATE),
    "voice.opus": ("libopus", "ogg", {}, 48_000),
    "page.webm": ("libopus", "webm", {}, 48_000),
    "page.weba": ("libopus", "webm", {}, 48_000),
    "film.mkv": ("aac", "matroska", {}, RATE),
    "memo.m4a": ("aac", "ipod", {}, RATE),
    "lossless.m4a": ("alac", "ipod", {}, RATE),
    "clip.mp4": ("aac", "mp4", {"movflags": "frag_keyframe+empty_moov", "frag_duration": "500000"}, RATE),
    "camera.mov": ("pcm_s16le", "mov", {}, RATE),
    "stream.aac": ("aac", "adts", {}, RATE),
    "old.avi": ("libmp3lame", "avi", {}, RATE),
}
NAMES = (
    unicodedata.normalize("NFC", "Ёлка й.wav"),
    unicodedata.normalize("NFD", "Ёжик й.wav"),
    "two  spaces .wav",
    'a "quoted" name.wav',
    "new\nline.wav",
    "-o.wav",
    "=1+1.wav",
    "’tis; a, b.wav",
    "😀.wav",
    f"{'long' * 60}.wav",
    os.fsdecode("имя.wav".encode("cp1251")),
)
TITLE = "Мелодия".encode("cp1251")


def spoken() -> np.ndarray:
    """Return (n,) samples of the phrase."""
    samples, _ = soundfile.read(EXAMPLE, dtype="float32")
    return samples[: round(SECONDS * RATE)]


def encoded(codec: str, container: str, options: dict[str, str], rate: int, title: str = "") -> bytes:
    """Return the phrase as a file's bytes."""
    content = io.BytesIO()
    with av.open(content, "w", format=container, options=options) as file:
        if title:
            file.metadata["title"] = title
        stream = file.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(spoken()[None], format="flt", layout="mono")
        frame.sample_rate = RATE
        resampler = av.AudioResampler(format=stream.format, layout="mono", rate=rate, frame_size=stream.frame_size)
        for part in (*resampler.resample(frame), *resampler.resample(None), None):
            for packet in stream.encode(part):
                file.mux(packet)
    return content.getvalue()


def damaged(whole: Callable[[str], bytes]) -> dict[str, bytes]:
    """Return files that lack something, and files that are none."""
    pcm, mp3, ogg, m4a = (whole(name) for name in ("pcm.wav", "layer3.mp3", "voice.opus", "memo.m4a"))
    flipped = bytearray(whole("CAPITALS.FLAC"))
    flipped[len(flipped) // 2] ^= 0xFF
    silence, short = io.BytesIO(), io.BytesIO()
    soundfile.write(silence, np.zeros(RATE), RATE, format="WAV")
    soundfile.write(short, np.full(100, 0.1), RATE, format="WAV")
    return {
        "cut.wav": pcm[: len(pcm) // 2],
        "cut.mp3": mp3[: len(mp3) // 2],
        "cut.opus": ogg[: len(ogg) // 2],
        "cut.m4a": m4a[: len(m4a) // 2],
        "cut.aiff": whole("apple.aiff")[: -len(pcm) // 3],
        "flipped.flac": bytes(flipped),
        "twice.mp3": mp3 + mp3,
        "twice.opus": ogg + ogg,
        "header.wav": pcm[:44],
        "empty.mp3": b"",
        "noise.ogg": bytes(np.random.default_rng(0).integers(0, 256, 5_000, dtype=np.uint8)),
        "page.wav": b"<!doctype html><html><body>Not found</body></html>",
        "text.m4a": "Это не запись.".encode(),
        "wrong ending.mp3": whole("memo.m4a"),
        "silence.wav": silence.getvalue(),
        "short.wav": short.getvalue(),
    }


def make(folder: Path) -> dict[str, str]:
    """Write the fifty; returns of each name whether it is "whole", "name" (whole, too) or "damaged"."""
    made: dict[str, bytes] = {}

    def whole(name: str) -> bytes:
        return made.setdefault(name, encoded(*WHOLE[name]))

    kinds = {name: "whole" for name in WHOLE if whole(name)}
    for name in NAMES:
        made[name], kinds[name] = whole("pcm.wav"), "name"
    placeholder = "x" * len(TITLE)  # put in as ASCII, so that the lengths in the file stay true
    tagged = encoded(*WHOLE["memo.m4a"], title=placeholder).replace(placeholder.encode(), TITLE)
    made["cp1251 title.m4a"], kinds["cp1251 title.m4a"] = tagged, "name"
    for name, content in damaged(whole).items():
        made[name], kinds[name] = content, "damaged"
    for name, content in made.items():
        (folder / name).write_bytes(content)
    return kinds
