"""python -m benchmarks.live: how long after a block the bars are there, for one live visitor and for three at once.

The app runs in a process of its own on the same cores. Visitors speak as fast as people do, and send a block each
quarter of a second as the page does: one request at a time, and what came meanwhile with the next.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import soundfile
import soxr

from benchmarks.load import started

RATE = 48_000  # Hz, as browsers record
BLOCK = 12_000  # samples, a quarter of a second
MOST = 20  # blocks in a request
EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.ogg"))
PAUSE = 1.0  # s between two utterances
PATIENCE = 120.0  # s for one answer


@dataclass
class LiveVisitor:
    """Speaks for so long, and notes how long after each block was full its answer came.

    Parameters
    ----------
    address
        Of the app.
    seconds
        To speak for.
    first
        The number of the first example that is said.
    """

    address: str
    seconds: float
    first: int
    waits: list[float] = field(default_factory=list)  # s from a block that is full to its bars
    judged: list[float] = field(default_factory=list)  # s from the end of an utterance's pause to its judgement
    sent: int = 0
    heard: int = 0  # samples by the server's word
    utterances: int = 0

    def sound(self) -> np.ndarray:
        """Return what is said: examples with pauses, (n,) int16."""
        parts: list[np.ndarray] = []
        for path in EXAMPLES[self.first :] + EXAMPLES[: self.first]:
            parts += [soxr.resample(*soundfile.read(path, dtype="float32"), RATE), np.zeros(round(PAUSE * RATE))]
        talk = np.resize(np.concatenate(parts), round(self.seconds * RATE))
        return np.round(talk * 32_767).clip(-32_768, 32_767).astype("<i2")

    def speak(self) -> None:
        """Come in, speak, and leave."""
        sound = self.sound()
        with httpx.Client(base_url=self.address, timeout=PATIENCE) as server:
            server.get("/").raise_for_status()
            name = server.post("/bibier/live", json={"rate": RATE}).raise_for_status().json()["session"]
            began, at = time.perf_counter(), 0
            while at < len(sound):
                full = began + (at + BLOCK) / RATE  # s of the clock at which the oldest block that waits is full
                time.sleep(max(0.0, full - time.perf_counter()))
                there = min(len(sound), at + MOST * BLOCK, int((time.perf_counter() - began) * RATE) // BLOCK * BLOCK)
                view = self.post(server, f"/bibier/live/{name}?at={at}&seen={self.utterances}", sound[at:there])
                now = time.perf_counter()
                self.waits += [now - began - (block + BLOCK) / RATE for block in range(at, there, BLOCK)]
                at = there
                for utterance in view["utterances"]:
                    self.judged.append(max(0.0, now - began - utterance["end"]))
            server.post(f"/bibier/live/{name}/leave")

    def post(self, server: httpx.Client, path: str, block: np.ndarray) -> dict:
        """Send a block, again where the server asks for it; return the view."""
        while True:
            answer = server.post(path, content=block.tobytes())
            if answer.status_code != 429:
                break
            time.sleep(float(answer.headers["retry-after"]))
        view = answer.raise_for_status().json()
        self.sent += len(block)
        self.heard = view["heard"]
        self.utterances += len(view["utterances"])
        return view


def row(count: int, visitors: list[LiveVisitor]) -> str:
    """Return a line of the table."""
    waits = sorted(wait for visitor in visitors for wait in visitor.waits)
    judged = [seconds for visitor in visitors for seconds in visitor.judged]
    lost = sum(visitor.sent - visitor.heard for visitor in visitors) / BLOCK
    p95 = waits[int(0.95 * (len(waits) - 1))]
    return (
        f"| {count} | {len(waits)} | {lost:.0f} | {statistics.median(waits):.2f} | {p95:.2f} | {waits[-1]:.2f} "
        f"| {len(judged)} | {statistics.median(judged):.1f} |"
    )


def main() -> None:
    """Run it, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=300, help="that each visitor speaks for (default: 300)")
    options = parser.parse_args()
    print("| visitors | blocks | lost | to bars, median s | p95 | most | utterances | pause to judgement, median s |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder, started(Path(folder)) as (address, _):
        LiveVisitor(address, 10, 0).speak()  # the models are loaded and have run
        for count in (1, 3):
            visitors = [LiveVisitor(address, options.seconds, first) for first in range(count)]
            threads = [threading.Thread(target=visitor.speak) for visitor in visitors]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            print(row(count, visitors), flush=True)


if __name__ == "__main__":
    main()
