"""What the words branch says of plain sentences, and whether the words that it shows as important matter.

    python -m benchmarks.words [--checkpoint compact] [--data DIR]
    python -m benchmarks.words --recipe train/recipes/compact.toml --data DIR [--seeds 3]

Sixty sentences (`sentences.csv`; half of them written before any result was seen) whose emotion nobody would dispute:
the accuracy as they are typed and as a recogniser writes them, and every sentence that is misread. With --recipe, the
accuracy of the recipe's words, fitted with each seed: mean ± standard deviation (n − 1).

Of a checkpoint with --data, on every text of MELD dev with at least two words: the mean fall of the predicted
probability when the word with the largest weight is deleted, over the mean fall when a random word is (its expectation:
the mean over all words). "Voice and words" does the same for the bimodal branch, each text paired with a clip of the
same label; "crossed" is the cross-attention of a fusion that has one, which is not shown in the app.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from bibier.checkpoint import bundle
from bibier.inference.predictor import AudioEncoding, Predictor
from bibier.labels import named
from train.corpora import load
from train.corpora.items import Item, one_hot
from train.experiment import encoders, recipe
from train.experiment.recipe import TextPart
from train.experiment.sources import read_words, text_source
from train.experiment.votes import unpunctuated
from train.loop.batches import encode

SENTENCES = Path(__file__).with_name("sentences.csv")


@dataclass(frozen=True)
class Sentence:
    """A sentence and what anybody would say of it; `written` before or after the first result was seen."""

    language: str
    text: str
    emotion: str
    written: str


@dataclass(frozen=True)
class Judged:
    """What the words say of a sentence."""

    sentence: Sentence
    probabilities: dict[str, float]

    @property
    def right(self) -> bool:
        """Whether the most probable emotion is the expected one."""
        return max(self.probabilities, key=lambda name: self.probabilities[name]) == self.sentence.emotion


def read_sentences(path: Path) -> list[Sentence]:
    """Read the sentences of a CSV."""
    with path.open(encoding="utf-8", newline="") as file:
        return [Sentence(**row) for row in csv.DictReader(file)]


def judged(predictor: Predictor, sentences: Sequence[Sentence], *, bare: bool = False) -> list[Judged]:
    """Read every sentence by the words alone; `bare` is without punctuation and capitals."""
    texts = [unpunctuated(sentence.text) if bare else sentence.text for sentence in sentences]
    read = [predictor.classify(None, text).text.probabilities for text in texts]
    return [Judged(sentence, found or {}) for sentence, found in zip(sentences, read, strict=True)]


def judged_by(encoder: torch.nn.Module, part: TextPart, sentences: Sequence[Sentence], *, bare: bool) -> list[Judged]:
    """Read every sentence by an encoder of a recipe's words."""
    texts = [unpunctuated(sentence.text) if bare else sentence.text for sentence in sentences]
    items = [Item(text, "", one_hot(own.emotion), text) for text, own in zip(texts, sentences, strict=True)]
    probabilities = torch.softmax(encode(encoder, read_words(part, items))[1].double(), -1).numpy()
    return [Judged(sentence, named(p)) for sentence, p in zip(sentences, probabilities, strict=True)]


def accuracies(typed: Sequence[Judged], bare: Sequence[Judged]) -> dict[str, tuple[int, float]]:
    """Return how many sentences each group has, and how many per cent of them are read right."""
    groups = {"all": typed, "without punctuation": bare}
    groups |= {language: [row for row in typed if row.sentence.language == language] for language in ("en", "ru")}
    groups |= {
        f"written {when}": [row for row in typed if row.sentence.written == when] for when in ("before", "after")
    }
    return {name: (len(rows), 100 * float(np.mean([row.right for row in rows]))) for name, rows in groups.items()}


def print_sentences(predictor: Predictor) -> None:
    """Print the accuracies, and the sentences that are misread."""
    sentences = read_sentences(SENTENCES)
    typed, bare = judged(predictor, sentences), judged(predictor, sentences, bare=True)
    print("| sentences | n | right, % |\n|---|---|---|")
    for name, (count, share) in accuracies(typed, bare).items():
        print(f"| {name} | {count} | {share:.1f} |")
    print("\n| misread | expected | said |\n|---|---|---|")
    for row in typed:
        if not row.right:
            best = sorted(row.probabilities.items(), key=lambda pair: -pair[1])[:2]
            shares = ", ".join(f"{name} {p:.2f}" for name, p in best)
            print(f"| {row.sentence.text} | {row.sentence.emotion} | {shares} |")


def print_seeds(chosen: recipe.Recipe, data: Path, seeds: Sequence[int]) -> None:
    """Fit the recipe's words with each seed, and print the accuracies."""
    source, sentences = text_source(chosen, data), read_sentences(SENTENCES)
    by_seed = []
    for seed in seeds:
        encoder = encoders.fit_text(chosen, source, source.all_but(), seed)
        ways = [judged_by(encoder, chosen.text, sentences, bare=bare) for bare in (False, True)]
        by_seed.append(accuracies(*ways))
    print(f"| sentences | n | right, %, seeds {', '.join(map(str, seeds))} | mean |\n|---|---|---|---|")
    for name, (count, _) in by_seed[0].items():
        shares = [own[name][1] for own in by_seed]
        spread = f" ± {np.std(shares, ddof=1):.1f}" if len(shares) > 1 else ""
        print(f"| {name} | {count} | {', '.join(f'{s:.1f}' for s in shares)} | {np.mean(shares):.1f}{spread} |")


def print_deletions(predictor: Predictor, data: Path, split: str) -> None:
    """Print both ratios for the words alone, and for voice and words."""
    items = load.read("meld", data, split)
    clips = load.read("ravdess", data, "all")
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
            attention = None if sound is None else crossed(predictor, sound, item.text)
            if attention is not None:
                falls["crossed"].append(fall[attention.argmax()])
        random = float(np.mean(falls["random"]))
        ratios = "  ".join(f"{kind} {np.mean(v) / random:.2f}" for kind, v in falls.items() if v and kind != "random")
        print(f"{name:16} n {len(falls['random'])}   mean fall {random:.4f}   times that, top word by: {ratios}")


@torch.inference_mode()
def crossed(predictor: Predictor, heard: AudioEncoding, text: str) -> np.ndarray | None:
    """Return the share of the fusion's cross-attention that each word gets: (n,); None where it has none."""
    ids = torch.from_numpy(predictor.bundle.text_features(text))[None]
    encoded = predictor.bundle.text_encoder(features=ids, mask=torch.ones(ids.shape[:2], dtype=torch.bool))
    attention = predictor.bundle.fuse(heard.encoder_output, encoded).word_attention
    return None if attention is None else attention[0].numpy()


def main() -> None:
    """Print the sentences, and with --data the deletions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--checkpoint", default="compact")
    parser.add_argument("--split", default="dev")
    parser.add_argument("--recipe", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    if options.recipe:
        if options.data is None:
            parser.error("--recipe needs --data, the folder that holds the corpora")
        print_seeds(recipe.load(options.recipe), options.data, range(options.seeds))
        return
    predictor = Predictor(bundle.load(options.checkpoint))
    print_sentences(predictor)
    if options.data:
        print_deletions(predictor, options.data, options.split)


if __name__ == "__main__":
    main()
