"""What noise, a telephone, a low level and MP3 cost the audio branch, in points of UAR.

    python -m benchmarks.robustness train/recipes/compact.toml --data DIR --seeds 3

Every clip is judged by an encoder that never heard its actor (the folds of `train crossvalidate --part audio`); each
condition is applied to the samples before anything else happens to them.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np

from bibier.audio.format import SAMPLE_RATE
from bibier.audio.io import load
from bibier.checkpoint.components import build
from train.augment.channels import g711, gsm, telephone
from train.experiment import encoders, recipe, sources
from train.experiment.stacking import held_out
from train.metrics import uar


def noise(samples: np.ndarray, seed: int) -> np.ndarray:
    """Add white noise at an SNR of 20 dB, taken over the whole clip."""
    white = np.random.default_rng(seed).standard_normal(len(samples))
    return samples + white * np.sqrt(np.mean(samples**2)) * 10 ** (-20 / 20)


def quiet(samples: np.ndarray, seed: int) -> np.ndarray:
    """Lower the level by 20 dB, and round to 16 bits as a recorder would."""
    return np.round(samples / 10 * 32767) / 32767


def mp3(samples: np.ndarray, seed: int) -> np.ndarray:
    """Encode as MP3 at 64 kbit/s and decode again."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp3") as container:
        stream = container.add_stream("mp3", rate=SAMPLE_RATE, bit_rate=64_000, layout="mono")
        block = np.clip(np.round(samples * 32767), -32768, 32767).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        resampler = av.AudioResampler(
            format=stream.format, layout="mono", rate=SAMPLE_RATE, frame_size=stream.frame_size
        )
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    file.seek(0)
    with av.open(file) as container:
        return np.concatenate([part.to_ndarray()[0] for part in container.decode(audio=0)])


CONDITIONS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "noise, 20 dB SNR": noise,
    "telephone band": lambda samples, seed: telephone(samples),
    "GSM": lambda samples, seed: gsm(samples),
    "G.711": lambda samples, seed: g711(samples),
    "level −20 dB": quiet,
    "MP3, 64 kbit/s": mp3,
}


def main() -> None:
    """Print UAR for the clean clips, and the loss under each condition."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    chosen = recipe.load(options.recipe)
    source = sources.audio_source(chosen, options.data)
    extractor = build("audio_features", chosen.audio.features)
    clips = [load(item.path).samples for item in source.items]
    lost: dict[str, list[float]] = {name: [] for name in ("clean", *CONDITIONS)}
    for name in lost:
        features = source.features
        if name != "clean":
            features = [extractor(CONDITIONS[name](clip, i).astype(np.float32)) for i, clip in enumerate(clips)]
        for seed in range(options.seeds):
            predicted = np.zeros(len(clips), dtype=int)
            for number, fold in enumerate(source.folds):
                encoder = encoders.fit_audio(chosen, source, source.all_but(number), seed)
                read = held_out(encoder, [features[i] for i in fold], source.labels[fold])
                predicted[fold] = read.logits.argmax(1).numpy()
            lost[name].append(uar(source.labels, predicted))
    clean = np.array(lost["clean"])
    print(f"{'clean':20} UAR {clean.mean():.2f} ± {clean.std():.2f}   ({options.seeds} seeds)")
    for name in CONDITIONS:
        loss = clean - np.array(lost[name])
        print(f"{name:20} UAR {np.mean(lost[name]):.2f}   lost {loss.mean():.2f} ± {loss.std():.2f}")


if __name__ == "__main__":
    main()
