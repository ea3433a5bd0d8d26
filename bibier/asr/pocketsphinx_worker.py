"""CMU PocketSphinx in a process of its own, as `python -P FILE` runs this very file; nothing of bibier is imported.

Its C code holds Python's lock while it decodes, so that an app would stand still for everybody: half a second for
a sentence, an hour's recording through. Apart, it also may crash without taking the app along. The other end of the
pipe is `PocketSphinxProcess`.
"""

from __future__ import annotations

import json
import signal
import struct
import sys
import warnings

SAMPLE_RATE = 16_000  # Hz
SEARCH = {"maxhmmpf": 3_000, "maxwpf": 10}  # per frame; 2.5 times as fast, 54 words of 102 right and not 55
LENGTH = struct.Struct("<Q")  # of a piece in bytes, before it


def main() -> None:
    """Answer each piece with a line of JSON, until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the program that started this one
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # when that was killed, there is nobody to complain to
    import pocketsphinx

    decoder = pocketsphinx.Decoder(samprate=SAMPLE_RATE, loglevel="FATAL", **SEARCH)
    while head := sys.stdin.buffer.read(LENGTH.size):
        pcm = sys.stdin.buffer.read(LENGTH.unpack(head)[0])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # "unnecessary", but only it forgets the noise before
            decoder.start_stream()
        decoder.start_utt()
        decoder.process_raw(pcm, full_utt=True)
        decoder.end_utt()
        words = [(segment.word, segment.start_frame, segment.end_frame) for segment in decoder.seg() or ()]
        print(json.dumps(words), flush=True)


if __name__ == "__main__":
    main()
