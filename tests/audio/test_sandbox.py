"""Recordings are decoded by another process, the same to the bit, and none of them takes more than its bounds."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile
from recordings import encoded

from bibier.audio import decoder_worker, io, sandbox
from bibier.audio.decoding import SoundFile
from bibier.errors import InputError

SPOKEN = Path(__file__).parents[2] / "examples" / "happy_en.ogg"
FORMATS = {
    "a.flac": ("flac", "flac"),
    "a.mp3": ("libmp3lame", "mp3"),
    "a.m4a": ("aac", "ipod"),
    "a.webm": ("libopus", "webm"),
}
SAMPLES = 80_000_000  # that an index states


@pytest.fixture
def apart(monkeypatch):
    """Other processes decode, each file within a second of CPU and what its length adds."""
    processes = sandbox.DecoderProcesses(seconds=1)
    monkeypatch.setattr(sandbox, "_processes", processes)
    processes.put(processes.take())
    yield processes
    processes.end()


def idle(processes: sandbox.DecoderProcesses) -> psutil.Process:
    (process,) = processes._idle
    return psutil.Process(process.pid)


@pytest.fixture
def tagged(tmp_path, voice) -> Path:
    """A FLAC of 0.7 MB with 50,000 tags, for which FFmpeg takes some 15 s of a core."""
    path = tmp_path / "tags.flac"
    soundfile.write(path, voice, 16_000)
    content = path.read_bytes()
    tags = [b"tag-%06d=1" % number for number in range(50_000)]
    block = b"\0\0\0\0" + len(tags).to_bytes(4, "little") + b"".join(len(t).to_bytes(4, "little") + t for t in tags)
    path.write_bytes(content[:42] + b"\x04" + len(block).to_bytes(3, "big") + block + content[42:])
    return path


@pytest.fixture
def indexed(tmp_path, voice) -> Path:
    """An m4a whose index states 80 million samples of a byte: 1.9 GB of FFmpeg's."""
    path = encoded(tmp_path / "index.m4a", np.tile(voice, 4), "aac", "ipod", options={"movflags": "faststart"})
    content = bytearray(path.read_bytes())
    sizes, chunks = content.index(b"stsz") + 8, content.index(b"stsc") + 8
    content[sizes : sizes + 8] = (1).to_bytes(4, "big") + SAMPLES.to_bytes(4, "big")
    content[chunks : chunks + 12] = b"".join(number.to_bytes(4, "big") for number in (1, 1, SAMPLES))
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", [SPOKEN.name, *FORMATS, "cut.m4a", "none.wav"])
def test_another_process_reads_the_same(apart, tmp_path, voice, name):
    path = SPOKEN
    if name in FORMATS:
        path = encoded(tmp_path / name, voice, *FORMATS[name])
    elif name == "cut.m4a":
        path = encoded(tmp_path / name, np.tile(voice, 4), "aac", "ipod", options={"movflags": "faststart"})
        path.write_bytes(path.read_bytes()[:-9_000])
    elif name == "none.wav":
        path = tmp_path / name
        path.write_text("no sound")
    with SoundFile(path) as here, sandbox.open_sound(path) as there:
        assert isinstance(there, sandbox.SandboxedFile)
        assert (there.stated(), there.channels()) == (here.stated(), here.channels())
        expected, found = list(here.blocks()), list(there.blocks())
        assert [(rate, block.shape) for block, rate in found] == [(rate, block.shape) for block, rate in expected]
        assert all(np.array_equal(a, b) for (a, _), (b, _) in zip(expected, found, strict=True))
        for field in ("length", "losses", "sounds", "headroom", "indexless", "readable"):
            assert getattr(there, field) == getattr(here, field), field


def test_tags_take_no_more_time_than_the_bounds_allow_and_the_next_is_read(apart, tagged):
    worker = idle(apart)
    with pytest.raises(InputError) as refused:
        io.load(tagged)
    assert refused.value.message.key == "audio-not-audio"
    assert not worker.is_running(), "the system has ended it"
    with pytest.MonkeyPatch.context() as patched, pytest.raises(InputError):
        patched.setattr(apart, "take", lambda: pytest.fail("it had its time"))
        io.load(tagged)
    apart.remember((0,))
    assert len(apart.slow) == 2
    assert io.load(SPOKEN).speech


PREDICT = """
import sys
from pathlib import Path
from bibier.__main__ import main
try:
    main(["predict", "--recogniser", "none", sys.argv[1]])
except SystemExit:
    pass
print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""


def test_an_index_takes_little_memory_in_a_command_too(indexed):
    command = [sys.executable, "-c", PREDICT, str(indexed)]
    said = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert "index.m4a" in said.stderr
    assert int(said.stdout.split()[-1]) < 600_000  # kB, of which torch has half


def test_the_memory_of_the_process_is_bounded_by_the_system():
    process = sandbox.DecoderProcess()
    limits = Path(f"/proc/{process.pid}/limits")
    deadline = time.monotonic() + 30
    while "unlimited" in (line := next(x for x in limits.read_text().splitlines() if "address space" in x)):
        assert time.monotonic() < deadline, line
        time.sleep(0.05)
    process.end()
    assert decoder_worker.MEMORY < int(line.split()[3]) < 2**32


def test_a_process_that_ends_in_the_middle_leaves_what_was_read(apart, tmp_path, voice):
    path = tmp_path / "long.wav"
    soundfile.write(path, np.tile(voice, 30), 16_000)
    with sandbox.open_sound(path) as file:
        blocks = file.blocks()
        first, rate = next(blocks)
        psutil.Process(file._process.pid).kill()
        assert list(blocks) == [] and rate == 16_000 and len(first)
        assert file.losses.cut
    assert io.load(SPOKEN).speech


def test_what_the_system_refuses_is_said_as_before(apart, tmp_path):
    with pytest.raises(FileNotFoundError):
        sandbox.open_sound(tmp_path / "gone.wav")
    odd = tmp_path / os.fsdecode(b"\xff\xfe.ogg")
    odd.write_bytes(SPOKEN.read_bytes())
    assert io.load(odd).speech, "a name that is no text"
    assert len(apart._idle) == 1


def test_a_process_that_has_read_many_files_makes_room_for_another(apart, monkeypatch):
    monkeypatch.setattr(sandbox, "FILES", 3)
    seen = set()
    for _ in range(6):
        with sandbox.open_sound(SPOKEN) as file:
            seen.add(file._process.pid)
    assert len(seen) == 3, "the one that stood ready had read one"


def test_a_process_ends_with_its_program(apart):
    worker = idle(apart)
    apart._idle[0]._requests.close()
    worker.wait(20)


LOUD = """
import sys
from pathlib import Path
from bibier.audio import sandbox
from bibier.audio.io import decode
sandbox.decode_apart()
print(decode(Path(sys.argv[1]), 60).seconds)
"""


def test_what_a_library_prints_fills_no_log(tmp_path, voice):
    """For each of 100,000 empty tags before an MP3 a line came: 60 MB of them made 270 MB of the server's log."""
    path = tmp_path / "tags.mp3"
    soundfile.write(path, voice, 16_000, format="MP3")
    path.write_bytes((b"ID3\x03\0\0" + bytes(4)) * 100_000 + path.read_bytes())
    done = subprocess.run(
        [sys.executable, "-c", LOUD, str(path)], cwd=SPOKEN.parents[1], capture_output=True, check=True
    )
    assert float(done.stdout) > 1 and len(done.stderr) < 2_000


def test_what_python_says_there_is_heard():
    code = "from bibier.audio import decoder_worker; decoder_worker.silence_libraries(); print('lost'); 1 / 0"
    done = subprocess.run([sys.executable, "-c", code], cwd=SPOKEN.parents[1], capture_output=True)
    assert b"ZeroDivisionError" in done.stderr and not done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="no /proc")
def test_a_process_that_stands_still_ends_with_the_program_that_is_killed():
    """It stood still for ever, with its memory: nobody was left to let it go on."""
    code = """
import signal, time
from bibier.audio.sandbox import DecoderProcess
process = DecoderProcess()
process.ask("open", path="examples/happy_en.ogg")
process._process.send_signal(signal.SIGSTOP)
print(process.pid, flush=True)
time.sleep(60)
"""
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen([sys.executable, "-c", code], cwd=root, stdout=subprocess.PIPE, text=True) as program:
        decoder = psutil.Process(int(program.stdout.readline()))
        ends = time.monotonic() + 20
        while decoder.status() != psutil.STATUS_STOPPED and time.monotonic() < ends:  # a signal takes its time
            time.sleep(0.01)
        assert decoder.status() == psutil.STATUS_STOPPED
        program.kill()
    ends = time.monotonic() + 20
    while decoder.is_running() and decoder.status() != psutil.STATUS_ZOMBIE and time.monotonic() < ends:
        time.sleep(0.05)
    assert not decoder.is_running() or decoder.status() == psutil.STATUS_ZOMBIE
