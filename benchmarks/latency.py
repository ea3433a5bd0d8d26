"""How long one clip of 5 s takes with the compact bundle: transcript given, one core, warm.

    python -m benchmarks.latency [--checkpoint compact]

The clip is a WAV file of the examples' speech, the transcript has 16 words; "one core" is one thread of every library.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bibier.audio.format import SAMPLE_RATE
from bibier.process import limit_threads

if TYPE_CHECKING:
    import numpy as np  # which reads the number of threads once: it is imported when that is set

TEXT = "I really did not expect to see you here tonight, what a wonderful surprise this is"
SECONDS = 5
EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def clip() -> np.ndarray:
    """Return speech, the English examples one after the other: (n,) float32 at 16 kHz."""
    import numpy as np

    from bibier.audio.io import load

    speech = np.concatenate([load(path).samples for path in sorted(EXAMPLES.glob("*_en.ogg"))])
    return np.resize(speech, SECONDS * SAMPLE_RATE)


def main() -> None:
    """Print median wall and CPU time of a whole prediction and of its stages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", default="compact")
    parser.add_argument("--runs", type=int, default=50)
    options = parser.parse_args()
    limit_threads(1)
    import soundfile  # this and what follows bring NumPy and torch

    from bibier.checkpoint import bundle
    from bibier.inference.predictor import Predictor

    predictor = Predictor(bundle.load(options.checkpoint))
    wall, cpu, stages = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "clip.wav"
        soundfile.write(sound, clip(), SAMPLE_RATE)
        for run in range(-5, options.runs):
            began, began_cpu = time.perf_counter(), time.process_time()
            timings = predictor(sound, TEXT).timings
            if run >= 0:
                stages.append(timings)
                wall.append(time.perf_counter() - began)
                cpu.append(time.process_time() - began_cpu)
    print(f"5 s clip, {len(TEXT.split())} words, {options.runs} runs, one core, warm")
    print(
        f"total    wall {1000 * statistics.median(wall):6.1f} ms   CPU {1000 * statistics.median(cpu):6.1f} ms", end=""
    )
    print(f"   least CPU {1000 * min(cpu):6.1f} ms")
    for name in stages[0]:
        print(f"{name:8} wall {1000 * statistics.median(stage[name] for stage in stages):6.1f} ms")


if __name__ == "__main__":
    main()
