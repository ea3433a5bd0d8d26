"""Opens recordings: in this process, or, where strangers send them, in one of a few processes with bounds.

A file that makes its process end (by its bounds, or a crash) is read no further, and the next has a new one. One that
took all of its time is not tried again.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bibier.audio import decoder_worker
from bibier.audio.decoding import Losses, SoundFile
from bibier.pauses import pause, wait_alone

LOG = logging.getLogger(__name__)
IDLE = 2  # processes that wait for the next file: one is read in its turn while another says how long it is
SLOW = 1000  # files that are remembered
LOOK = 0.05  # s between two looks whether an answer begins
PATIENCE = 1.0  # s of its own work in which a usual file answers; of those that take longer one at a time is read
FILES = 500  # that a process decodes before another takes its place: what FFmpeg leaves behind goes with it
MOST = 2**26  # bytes of an answer
PACKAGES = Path(__file__).parents[2]


class DecoderGone(Exception):
    """The process that decodes has ended, or answers what it should not; `slow`: the file took all of its time."""

    def __init__(self, text: str, *, slow: bool = False):
        super().__init__(text)
        self.slow = slow


class DecoderProcess:
    """A process that decodes one file at a time, as `decoder_worker` says. Not for several threads at once."""

    def __init__(self, seconds: float = decoder_worker.SECONDS):
        self.files = 0
        paths = [str(PACKAGES), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", decoder_worker.__name__, str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OPENBLAS_NUM_THREADS": "1"},
            # a group of its own: when this program is killed, the system wakes a group that stands still, by SIGHUP
            process_group=0 if os.name == "posix" else None,
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise DecoderGone("was started without pipes")
        self._requests, self._answers = self._process.stdin, self._process.stdout

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def ask(self, do: str, **fields: object) -> tuple[dict[str, Any], bytes]:
        """Return the answer to a request. Raises OSError as opening a file does, and DecoderGone.

        The process ends with what else is raised in a pause: its answer would be taken for the next one.
        """
        answer = None
        with contextlib.suppress(BrokenPipeError, ValueError):  # ValueError: no JSON
            decoder_worker.send(self._requests, {"do": do, **fields})
            self._wait()
            answer = decoder_worker.receive(self._answers, MOST)
        if answer is None or not isinstance(answer[0], dict):
            self.end()
            status = self._process.returncode
            raise DecoderGone(f"ended with {status} at {do!r}", slow=status == -getattr(signal, "SIGXCPU", 0))
        if "errno" in answer[0]:
            raise OSError(answer[0]["errno"], answer[0]["reason"])
        return answer

    def _wait(self) -> None:
        """Wait for an answer to begin; sound is looked for in hundreds of megabytes without one.

        While others have their turn the process stands still: a dozen of them at once would leave nobody a processor.
        """
        if not hasattr(select, "poll"):  # Windows asks no pipe
            return
        poll, worked = select.poll(), 0.0
        poll.register(self._answers, select.POLLIN)
        while not poll.poll(1000 * LOOK):
            worked += LOOK
            self._process.send_signal(signal.SIGSTOP)
            try:
                if worked > PATIENCE:
                    wait_alone()
                pause()
            except BaseException:
                self.end()
                raise
            self._process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """End the process, in the middle of a file too."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._requests, self._answers):
            with contextlib.suppress(BrokenPipeError):  # what was not yet sent goes with it
                pipe.close()


class SandboxedFile:
    """An open recording, as `SoundFile`, that another process decodes."""

    def __init__(self, path: Path, processes: DecoderProcesses):
        self.losses = Losses()
        self.sounds, self.headroom, self.indexless, self.readable = True, False, False, False
        facts = path.stat()
        self.path, self.length = path, facts.st_size
        self._file = (facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns)
        self._processes = processes
        self._process: DecoderProcess | None = None
        if self._file in processes.slow:
            return
        self._process = processes.take()
        try:
            self._ask("open", path=str(path.absolute()))
        except OSError:
            self.__exit__()
            raise

    def __enter__(self) -> SandboxedFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._ask("close")
        if self._process is not None:
            self._processes.put(self._process)
            self._process = None

    def stated(self) -> float | None:
        """Return how long the file is where its header can be believed, without decoding it; None elsewhere."""
        stated = self._ask("stated").get("stated")
        return None if stated is None else float(stated)

    def channels(self) -> int | None:
        """Return how many channels the header states; None where none can be read."""
        channels = self._ask("channels").get("channels")
        return None if channels is None else int(channels)

    def blocks(self) -> Iterator[tuple[np.ndarray, int]]:
        """Yield blocks of shape (n, channels), float32, and their rate in Hz; none where the process is gone."""
        heard = False
        while True:
            answer = self._ask("block")
            if state := answer.get("state"):
                self.losses = Losses(**state["losses"])
                self.sounds, self.headroom = bool(state["sounds"]), bool(state["headroom"])
                self.indexless, self.readable = bool(state["indexless"]), bool(state["readable"])
            if "shape" not in answer:
                break
            heard = True
            frames, channels = answer["shape"]
            yield np.frombuffer(answer["samples"], "<f4").reshape(frames, channels), int(answer["rate"])
        if self._process is None:
            self.losses.cut |= heard

    def _ask(self, do: str, **fields: object) -> dict[str, Any]:
        """Return the answer with the samples in it; nothing once the process is gone."""
        if self._process is None:
            return {}
        try:
            answer, samples = self._process.ask(do, **fields)
        except DecoderGone as error:
            LOG.warning("a recording of %d bytes is read no further: its process %s", self.length, error)
            self._process = None
            if error.slow:
                self._processes.remember(self._file)
            return {}
        except OSError:
            raise
        except BaseException:  # of a pause, with which the process has ended
            self._process = None
            raise
        return answer | {"samples": samples}


class DecoderProcesses:
    """The processes that decode; of those that have nothing to do `IDLE` wait for the next file."""

    def __init__(self, seconds: float = decoder_worker.SECONDS):
        self.seconds = seconds
        self._lock = threading.Lock()
        self._idle: list[DecoderProcess] = []
        self.slow: dict[tuple[int, ...], None] = {}  # files that took all of their time: they get no more
        atexit.register(self.end)

    def take(self) -> DecoderProcess:
        """Return a process for one file."""
        with self._lock:
            process = self._idle.pop() if self._idle else None
        return process or DecoderProcess(self.seconds)

    def put(self, process: DecoderProcess) -> None:
        """Take back what `take` gave, with no file open."""
        process.files += 1
        with self._lock:
            if len(self._idle) < IDLE and process.files < FILES:
                self._idle.append(process)
                return
        process.end()

    def remember(self, file: tuple[int, ...]) -> None:
        """Note a file that took all of its time, by what the system knows it by."""
        with self._lock:
            self.slow[file] = None
            if len(self.slow) > SLOW:
                del self.slow[next(iter(self.slow))]

    def end(self) -> None:
        """End those that wait."""
        with self._lock:
            idle, self._idle = self._idle, []
        for process in idle:
            process.end()


_processes: DecoderProcesses | None = None


def decode_apart() -> None:
    """Let other processes decode from now on; the first recording starts one."""
    global _processes
    if _processes is None:
        _processes = DecoderProcesses()


def open_sound(path: Path) -> SoundFile | SandboxedFile:
    """Open a recording. Raises OSError where the file can't be read, or no process be started."""
    return SoundFile(path) if _processes is None else SandboxedFile(path, _processes)
