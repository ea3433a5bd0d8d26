"""The recogniser in a process of its own: the app goes on meanwhile, and neither takes the other along."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextvars import Context
from pathlib import Path

import numpy as np
import psutil
import pytest

from bibier import pauses
from bibier.asr import pocketsphinx
from bibier.audio.io import load
from bibier.errors import Cancelled, InputError
from bibier.pauses import interruptible

EXAMPLE = Path(__file__).parents[2] / "examples" / "happy_en.ogg"


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    return load(EXAMPLE).samples


def test_the_rest_of_the_app_goes_on_meanwhile(samples):
    """A thread of Python that counts is not held up: in one process, it counted to 3 at most."""
    recogniser, count, done = pocketsphinx.PocketSphinx(), 0, threading.Event()
    recogniser(samples)  # the models are there

    def tick():
        nonlocal count
        while not done.wait(0.002):
            count += 1

    ticking = threading.Thread(target=tick)
    ticking.start()
    recogniser(samples)
    done.set()
    ticking.join()
    assert count > 20


def test_nobody_who_waits_for_words_is_held_up_by_others_work():
    """Everybody's turn waits for it: with a lower priority than theirs, a busy computer would keep them waiting."""
    process = pocketsphinx.PocketSphinxProcess()
    process(bytes(32000))
    assert psutil.Process(process.process.pid).nice() == psutil.Process().nice()


def test_a_recogniser_that_is_killed_is_said_and_started_anew(samples):
    recogniser = pocketsphinx.PocketSphinx()
    whole = recogniser(samples)
    process = recogniser._process.process
    threading.Timer(0.1, process.kill).start()
    with pytest.raises(InputError, match="stopped in the middle"):
        recogniser(np.tile(samples, 4))
    assert process.poll() == -signal.SIGKILL
    assert recogniser(samples) == whole


def test_others_have_their_turn_between_the_pieces_of_a_clip(samples, monkeypatch):
    """Twenty seconds of babble took eight; whoever comes in meanwhile may have words recognised too."""
    monkeypatch.setattr(pauses, "PART", 0.0)
    recogniser, heard = pocketsphinx.PocketSphinx(), []
    with interruptible(lambda: heard.append(Context().run(recogniser, samples).text)):
        whole = recogniser(np.tile(samples, 2))
    assert len(heard) >= 2 and set(heard) == {recogniser(samples).text}
    assert whole == recogniser(np.tile(samples, 2)) and "happy" in whole.text


def test_what_is_stopped_in_the_middle_ends_at_once(samples):
    recogniser, samples = pocketsphinx.PocketSphinx(), samples[:24_000]  # as much as a pipe takes
    whole = recogniser(samples)
    process = recogniser._process.process
    process.send_signal(signal.SIGSTOP)

    def stopped():
        raise Cancelled

    with pytest.raises(Cancelled), interruptible(lambda: None, check=stopped):
        recogniser(samples)
    assert process.returncode == -signal.SIGKILL
    assert recogniser(samples) == whole  # by another


def test_who_came_before_does_not_change_the_words():
    """Four noisy clips in two orders, by one process; its noise tracker forgets each of them."""
    generator = np.random.default_rng(0)
    clips = []
    for name in ("anger_en", "happy_en"):
        clip = load(EXAMPLE.with_name(f"{name}.ogg")).samples[:40_000]
        for level in (0.1, 0.4):
            clips.append(clip + (level * clip.std() * generator.standard_normal(len(clip))).astype(np.float32))
    recogniser = pocketsphinx.PocketSphinx()
    forwards = [recogniser(clip) for clip in clips]
    backwards = [recogniser(clip) for clip in reversed(clips)]
    assert forwards == backwards[::-1]


@pytest.mark.parametrize("times", [0, 5])
def test_the_process_ends_with_the_program_that_is_killed(times):
    """While it waits, or as soon as it has decoded; and without a word."""
    code = f"""
from pathlib import Path
from bibier.audio.io import load
from bibier.asr.pocketsphinx import PocketSphinxProcess
sphinx = PocketSphinxProcess()
sphinx(bytes(32000))
print(sphinx.start().pid, flush=True)
if {times}:
    sphinx((load(Path({str(EXAMPLE)!r})).samples * 32767).astype("<i2").tobytes() * {times})
input()
"""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", code], cwd=EXAMPLE.parents[1], **pipes) as program:
        child = psutil.Process(int(program.stdout.readline()))
        time.sleep(0.3)
        os.kill(program.pid, signal.SIGKILL)
        child.wait(60)
        assert program.stderr.read() == ""
    assert not child.is_running()


def test_the_process_ends_with_its_object(samples):
    recogniser = pocketsphinx.PocketSphinx()
    recogniser(samples[:16_000])
    process = recogniser._process.process
    del recogniser
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert process.returncode == 0


def test_the_worker_imports_nothing_of_ours():
    """It runs as a plain file, in whose folder no modules are looked for."""
    code = "import runpy, sys; runpy.run_path(sys.argv[1]); print([m for m in sys.modules if m.startswith('bibier')])"
    command = [sys.executable, "-P", "-c", code, pocketsphinx.pocketsphinx_worker.__file__]
    run = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent)
    assert run.stdout == "[]\n"
