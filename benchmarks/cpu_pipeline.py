"""The paper's whole pipeline at full size with random weights on a CPU: exact, and what makes it faster.

    python -m benchmarks.cpu_pipeline [--seconds 5 20] [--runs 3] [--threads 1] [--sizes paper]

"exact" is float32 and Whisper's window of 30 s. "fast" has the weights of wav2vec2 and Jina in bfloat16, and Whisper's
window is cut to the clip. The real-time factor is CPU time over the length of the sound, the least of the runs; the
difference is the largest of a probability. What the cut window does to the words of a trained Whisper can't be said
with random weights.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from bibier.audio.format import SAMPLE_RATE
from bibier.process import limit_threads

MEL_HOP = 160  # samples
MARGIN = 0.5  # s of silence that stay behind the clip in a cut window
PROFILES = ("exact", "fast")


def main() -> None:
    """Print a table a length."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, nargs="+", default=[5, 20])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--sizes", choices=("paper", "tiny"), default="paper")
    options = parser.parse_args()
    limit_threads(options.threads)
    import torch
    import whisper

    from benchmarks.gpu_pipeline import PAPER, TINY, Pipeline
    from benchmarks.latency import clip

    speech = torch.from_numpy(clip())
    spent: dict[tuple[str, int, str], float] = {}
    outputs: dict[tuple[str, int, str], torch.Tensor] = {}
    pad = whisper.pad_or_trim
    for profile in PROFILES:
        sizes = {"paper": PAPER, "tiny": TINY}[options.sizes]
        pipeline = Pipeline(sizes, torch.device("cpu"), half=profile == "fast")
        encoder = pipeline.parts["whisper"].encoder
        positions = encoder.positional_embedding.clone()
        for seconds in options.seconds:
            sounds = speech.repeat(-(-seconds * SAMPLE_RATE // len(speech)))[None, : seconds * SAMPLE_RATE]  # (1, n)
            if profile == "fast":
                frames = round((seconds + MARGIN) * SAMPLE_RATE / MEL_HOP / 2)  # the encoder halves them
                encoder.positional_embedding = positions[:frames]
                whisper.pad_or_trim = lambda sound, n=2 * frames * MEL_HOP: pad(sound, n)
            for name, stage in pipeline.stages(sounds).items():
                spent[profile, seconds, name] = least(stage, options.runs)
                if name == "all":
                    outputs[profile, seconds, "probabilities"] = stage()
            encoder.positional_embedding, whisper.pad_or_trim = positions, pad
        del pipeline, encoder
    names = [name for profile, seconds, name in spent if profile == "exact" and seconds == options.seconds[0]]
    print(f"threads {options.threads}, sizes {options.sizes}, torch {torch.__version__}\n")
    print("| sound | profile | " + " | ".join(f"{name}, s" for name in names) + " | RTF | largest difference |")
    print("|---|---|" + "---:|" * (len(names) + 2))
    for seconds in options.seconds:
        exact = outputs["exact", seconds, "probabilities"]
        for profile in PROFILES:
            cells = " | ".join(f"{spent[profile, seconds, name]:.2f}" for name in names)
            difference = float((outputs[profile, seconds, "probabilities"] - exact).abs().max())
            factor = spent[profile, seconds, "all"] / seconds
            print(f"| {seconds} s | {profile} | {cells} | {factor:.3f} | {difference:.4f} |")


def least(stage: Callable[[], object], runs: int) -> float:
    """Return the least CPU time of a stage in seconds."""
    times = []
    for _ in range(runs):
        began = time.process_time()
        stage()
        times.append(time.process_time() - began)
    return min(times)


if __name__ == "__main__":
    main()
