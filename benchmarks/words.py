"""Do the words that are shown as important matter? Delete the top word, and compare with deleting any word.

    python -m benchmarks.words --data DIR [--checkpoint compact]

On every text of MELD dev with at least two words: the mean fall of the predicted probability when the word with the
largest weight is deleted, over the mean fall when a random word is (its expectation: the mean over all words).
"Voice and words" does the same for the bimodal branch, each text paired with a clip of the same label; "crossed" is
the fusion's cross-attention, which is not shown in the app.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from bibier.checkpoint import bundle
from bibier.inference.predictor import AudioEncoding, Predictor
from train.corpora import load


def main() -> None:
    """Print both ratios for the words alone, and for voice and words."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--checkpoint", default="compact")
    parser.add_argument("--split", default="dev")
    options = parser.parse_args()
    predictor = Predictor(bundle.load(options.checkpoint))
    items = load.read("meld", options.data, options.split)
    clips = load.read("ravdess", options.data, "all")
    generator = np.random.default_rng(0)
    heard = {}
    for label in range(7):
        there = [clip for clip in clips if clip.label == label]
        heard[label] = [predictor.encode_audio(there[i].path) for i in generator.choice(len(there), 5, replace=False)]
    for name in ("words alone", "voice and words"):
        falls: dict[str, list[float]] = {"random": [], "attention": [], "occlusion": [], "crossed": []}
        for item in items:
            sound = None if name == "words alone" else heard[item.label][generator.integers(5)]
            words = predictor.classify(sound, item.text).words
            if len(words) < 2:
                continue
            fall = np.array([word.occlusion for word in words])
            falls["attention"].append(fall[np.argmax([word.attention for word in words])])
            falls["occlusion"].append(fall.max())
            falls["random"].append(fall.mean())
            if sound is not None:
                falls["crossed"].append(fall[crossed(predictor, sound, item.text).argmax()])
        random = float(np.mean(falls["random"]))
        ratios = "  ".join(f"{kind} {np.mean(v) / random:.2f}" for kind, v in falls.items() if v and kind != "random")
        print(f"{name:16} n {len(falls['random'])}   mean fall {random:.4f}   times that, top word by: {ratios}")


@torch.inference_mode()
def crossed(predictor: Predictor, heard: AudioEncoding, text: str) -> np.ndarray:
    """Return the share of the fusion's cross-attention that each word gets: (n,)."""
    ids = torch.from_numpy(predictor.bundle.text_features(text))[None]
    encoded = predictor.bundle.text_encoder(features=ids, mask=torch.ones(ids.shape[:2], dtype=torch.bool))
    return predictor.bundle.fuse(heard.encoder_output, encoded).word_attention[0].numpy()


if __name__ == "__main__":
    main()
