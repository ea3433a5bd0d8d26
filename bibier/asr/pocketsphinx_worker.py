"""CMU PocketSphinx in a process of its own, as `python FILE` runs this very file.

Its C code holds Python's lock while it decodes, so that an app would stand still for everybody: half a second for
a sentence, an hour's recording through. Apart, it also may crash without taking the app along.
"""

from __future__ import annotations

import contextlib
import json
import signal
import struct
import subprocess
import sys
import weakref

SAMPLE_RATE = 16_000  # Hz
SEARCH = {"maxhmmpf": 3_000, "maxwpf": 10}  # per frame; 2.5 times as fast, 54 words of 102 right and not 55
LENGTH = struct.Struct("<Q")  # of a piece in bytes, before it
PATIENCE = 5.0  # s for the process to end by itself


class Ended(Exception):
    """The process ended before it answered; the next call starts another."""


class Sphinx:
    """The decoder. The process is started by the first call or by `start`, and ends with this object or this program,
    also when that is killed. Not for several threads at once.
    """

    def __init__(self):
        self._process: subprocess.Popen | None = None

    def start(self) -> subprocess.Popen:
        """Start the process, unless it runs; its models take about a second."""
        if self._process is None or self._process.poll() is not None:
            # -P: this folder is no place to look for modules in
            command = [sys.executable, "-P", __file__]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            weakref.finalize(self, end, self._process)
        return self._process

    def __call__(self, pcm: bytes) -> list[tuple[str, int, int]]:
        """Recognise 16-bit samples.

        Returns
        -------
        Words as the dictionary has them, fillers included, with the first and the last frame of each, 100 in a second.

        Raises
        ------
        Ended
            The process was killed or has crashed.
        """
        process = self.start()
        try:
            process.stdin.write(LENGTH.pack(len(pcm)) + pcm)
            process.stdin.flush()
            answer = process.stdout.readline()
        except BrokenPipeError:
            answer = b""
        if not answer.endswith(b"\n"):
            end(process)
            raise Ended(f"pocketsphinx ended with {process.returncode}")
        return [tuple(word) for word in json.loads(answer)]


def end(process: subprocess.Popen) -> None:
    """End the process: it goes when nothing more can come."""
    with contextlib.suppress(BrokenPipeError):  # it is gone, and what was not yet sent with it
        process.stdin.close()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()


def main() -> None:
    """Answer each piece with a line of JSON, until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the program that started this one
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # when that was killed, there is nobody to complain to
    import pocketsphinx

    decoder = pocketsphinx.Decoder(samprate=SAMPLE_RATE, loglevel="FATAL", **SEARCH)
    while head := sys.stdin.buffer.read(LENGTH.size):
        pcm = sys.stdin.buffer.read(LENGTH.unpack(head)[0])
        decoder.start_utt()
        decoder.process_raw(pcm, full_utt=True)
        decoder.end_utt()
        words = [(segment.word, segment.start_frame, segment.end_frame) for segment in decoder.seg() or ()]
        print(json.dumps(words), flush=True)


if __name__ == "__main__":
    main()
