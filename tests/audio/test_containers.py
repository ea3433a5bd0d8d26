"""How containers are taken apart: placeholders of a length, windows of a file, frames of an MP3."""

import io

from bibier.audio.containers import Window, is_placeholder, mp3_frame
from tests.audio.test_decoding import made


def test_placeholders():
    assert not any(is_placeholder(size) for size in (1, 44_100, 691_200_000, 1_234_567_890, 2**32 + 2**20))


def test_a_window_is_a_file_of_its_own():
    window = Window(io.BytesIO(b"0123456789"), 2, 8, [(1, b"ab")])
    assert window.read() == b"2ab567"
    assert window.seek(-2, io.SEEK_END) == 4 and window.read(9) == b"67" and window.read(1) == b""
    assert window.seek(2) == 2 and window.read(2) == b"b5"
    assert window.seek(2**63) and window.read(2) == b""


def test_an_mp3s_frames_follow_one_another(tmp_path):
    content = made("no-table.mp3")
    at, count = content.find(b"\xff\xf3"), 0
    while at < len(content) and (length := mp3_frame(content[at : at + 4])):
        at, count = at + length, count + 1
    assert at == len(content) and count > 100
