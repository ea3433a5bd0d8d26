"""How long one clip of 5 s takes with the compact bundle: transcript given, one core, warm.

    python -m benchmarks.latency [--checkpoint compact]

The clip is synthetic speech-like sound, the transcript has 15 words; "one core" is one thread of every library.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np

from bibier.audio.format import SAMPLE_RATE
from bibier.process import limit_threads

TEXT = "I really did not expect to see you here tonight, what a wonderful surprise this is"
SECONDS = 5


def clip() -> np.ndarray:
    """Syllables of a gliding harmonic tone: (n,) float32 at 16 kHz."""
    t = np.arange(SECONDS * SAMPLE_RATE) / SAMPLE_RATE
    phase = 2 * np.pi * np.cumsum(140 + 40 * np.sin(2 * np.pi * 0.7 * t)) / SAMPLE_RATE
    tone = sum(np.sin(k * phase) / k for k in range(1, 20))
    return (0.1 * tone * np.clip(np.sin(2 * np.pi * 4 * t), 0, None) ** 0.5).astype(np.float32)


def main() -> None:
    """Print median wall and CPU time of a whole prediction and of its stages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", default="compact")
    parser.add_argument("--runs", type=int, default=50)
    options = parser.parse_args()
    limit_threads(1)
    from bibier.checkpoint import bundle  # these bring torch
    from bibier.inference.predictor import Predictor

    predictor, sound = Predictor(bundle.load(options.checkpoint)), (clip(), SAMPLE_RATE)
    for _ in range(5):
        predictor(sound, TEXT)
    wall, cpu, stages = [], [], []
    for _ in range(options.runs):
        began, began_cpu = time.perf_counter(), time.process_time()
        stages.append(predictor(sound, TEXT).timings)
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - began_cpu)
    print(f"5 s clip, {len(TEXT.split())} words, {options.runs} runs, one core, warm")
    print(f"total    wall {1000 * statistics.median(wall):6.1f} ms   CPU {1000 * statistics.median(cpu):6.1f} ms")
    for name in stages[0]:
        print(f"{name:8} wall {1000 * statistics.median(stage[name] for stage in stages):6.1f} ms")


if __name__ == "__main__":
    main()
