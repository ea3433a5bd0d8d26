"""What an hour of speech costs through the timeline: CPU time of each step and peak memory, beside a sixth of it.

    python -m benchmarks.hour [--minutes 10 60]

The recording is the examples' speech again and again with pauses between, as FLAC; the voice alone is judged. Each
length has a process of its own. Memory is what the process takes above what it took when a short clip was judged.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bibier.audio.format import SAMPLE_RATE
from bibier.process import limit_malloc_arenas, limit_threads

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
PAUSES = (0.3, 0.7, 1.5)  # s, in turn


def write(path: Path, minutes: float) -> None:
    """Write so many minutes of speech."""
    import numpy as np
    import soundfile

    from bibier.audio.io import load

    parts = []
    for number, example in enumerate(sorted(EXAMPLES.glob("*.ogg"))):
        pause = np.zeros(round(PAUSES[number % len(PAUSES)] * SAMPLE_RATE), np.float32)
        parts += [load(example).samples, pause]
    speech = np.concatenate(parts)
    with soundfile.SoundFile(path, "w", SAMPLE_RATE, 1, "PCM_16") as file:
        left = round(60 * minutes * SAMPLE_RATE)
        while left > 0:
            file.write(speech[:left])
            left -= len(speech)


def memory(field: str) -> float:
    """Return this process's resident memory in MB: "VmRSS" now, "VmHWM" at most so far."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith(field)).split()[1]) / 1000


def once(path: Path) -> dict[str, float]:
    """Judge the recording; return the CPU seconds of each step, how many stretches there are, and MB."""
    limit_threads(1)
    limit_malloc_arenas()
    from bibier.audio.long_recording import read
    from bibier.audio.segmentation import cut
    from bibier.checkpoint import bundle
    from bibier.inference.long_form import Timeline, iter_segments
    from bibier.inference.prediction import NOTHING_SAID
    from bibier.inference.predictor import Predictor

    predictor = Predictor(bundle.load("compact"))
    predictor(EXAMPLES / "happy_en.ogg", "")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, marks = memory("VmRSS"), [time.process_time()]
    recording = read(path)
    marks.append(time.process_time())
    segments = cut(recording.samples)
    marks.append(time.process_time())
    results = tuple(iter_segments(predictor, recording, segments, transcript=NOTHING_SAID))
    Timeline(recording.duration, results, len(segments), recording.notices).summary()
    marks.append(time.process_time())
    steps = {name: marks[i + 1] - marks[i] for i, name in enumerate(("read", "cut", "judge"))}
    whole = {"minutes": recording.duration / 60, "segments": len(segments), "all": marks[-1] - marks[0]}
    return steps | whole | {"before": before, "peak": memory("VmHWM")}


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, nargs="+", default=[10, 60])
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(once(options.one)))
        return
    print("| minutes | stretches | read, s | cut, s | judge, s | all, s | of its length | MB | more at most |")
    print("|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    for minutes in options.minutes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "speech.flac"
            write(path, minutes)
            call = [sys.executable, "-m", "benchmarks.hour", "--one", str(path)]
            r = json.loads(subprocess.run(call, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
        steps = " | ".join(f"{r[name]:.1f}" for name in ("read", "cut", "judge", "all"))
        share = r["all"] / (60 * r["minutes"])
        more = r["peak"] - r["before"]
        print(f"| {minutes:g} | {r['segments']} | {steps} | {share:.4f} | {r['before']:.0f} | {more:.0f} |", flush=True)


if __name__ == "__main__":
    main()
