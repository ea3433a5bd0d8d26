"""The paper's whole pipeline at full size with random weights on a CPU, in both profiles of `--profile`.

    python -m benchmarks.cpu_pipeline [--seconds 5 20] [--runs 3] [--threads 1] [--sizes paper]

The real-time factor is CPU time over the length of the sound, the least of the runs. An error is the Euclidean
distance from "exact" over exact's length, of the states of wav2vec2 and Jina and of Whisper's logits for the same
tokens; the difference is the largest of a probability. What the cut window does to the words of a trained Whisper can't
be said with random weights.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from bibier.audio.format import SAMPLE_RATE
from bibier.process import PROFILES, limit_threads


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, nargs="+", default=[5, 20])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--sizes", choices=("paper", "tiny"), default="paper")
    options = parser.parse_args()
    limit_threads(options.threads)
    import torch
    import whisper

    from benchmarks.gpu_pipeline import PAPER, TINY, VOCABULARY, Pipeline
    from benchmarks.latency import clip
    from bibier.asr import fast_whisper
    from bibier.features import fast_speech

    speech = torch.from_numpy(clip())
    spent: dict[tuple[str, int, str], float] = {}
    outputs: dict[tuple[str, int, str], torch.Tensor] = {}

    @torch.inference_mode()
    def states(pipeline: Pipeline, sounds: torch.Tensor, seconds: int) -> dict[str, torch.Tensor]:
        ids = torch.arange(5, 5 + 4 * seconds)[None] % (pipeline.sizes.vocabulary - 10)  # (1, T)
        mel = whisper.log_mel_spectrogram(whisper.pad_or_trim(sounds))
        return {
            "wav2vec2": pipeline.parts["wav2vec2"](sounds.to(pipeline.dtype)).last_hidden_state.float(),
            "Jina": pipeline.parts["jina"](ids).last_hidden_state.float(),
            "Whisper": pipeline.parts["whisper"](mel, torch.arange(4 * seconds)[None] * 7 % VOCABULARY),
        }

    for profile in PROFILES:
        sizes = {"paper": PAPER, "tiny": TINY}[options.sizes]
        pipeline = Pipeline(sizes, torch.device("cpu"), half=profile == "fast")
        if profile == "fast":
            fast_speech.quicken(pipeline.parts["wav2vec2"])
            fast_whisper.quicken(pipeline.parts["whisper"])
        for seconds in options.seconds:
            sounds = speech.repeat(-(-seconds * SAMPLE_RATE // len(speech)))[None, : seconds * SAMPLE_RATE]  # (1, n)
            for name, stage in pipeline.stages(sounds).items():
                spent[profile, seconds, name] = least(stage, options.runs)
                if name == "all":
                    outputs[profile, seconds, "probabilities"] = stage()
            for name, output in states(pipeline, sounds, seconds).items():
                outputs[profile, seconds, name] = output
        del pipeline
    names = [name for profile, seconds, name in spent if profile == "exact" and seconds == options.seconds[0]]
    parts = ("Whisper", "wav2vec2", "Jina")
    heads = ["sound", "profile", *(f"{name}, s" for name in names), "RTF", *(f"error {part}, %" for part in parts)]
    print(f"threads {options.threads}, sizes {options.sizes}, torch {torch.__version__}\n")
    print("| " + " | ".join([*heads, "largest difference"]) + " |")
    print("|---|---|" + "---:|" * (len(heads) - 1))
    for seconds in options.seconds:
        for profile in PROFILES:
            cells = [f"{seconds} s", profile, *(f"{spent[profile, seconds, name]:.2f}" for name in names)]
            cells.append(f"{spent[profile, seconds, 'all'] / seconds:.3f}")
            for part in parts:
                exact = outputs["exact", seconds, part]
                cells.append(f"{100 * float((outputs[profile, seconds, part] - exact).norm() / exact.norm()):.1f}")
            exact = outputs["exact", seconds, "probabilities"]
            cells.append(f"{float((outputs[profile, seconds, 'probabilities'] - exact).abs().max()):.4f}")
            print("| " + " | ".join(cells) + " |")


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
