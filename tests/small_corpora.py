"""A data folder with the layouts of RAVDESS, MELD and RESD, small enough to train on in a test."""

import csv
from collections.abc import Sequence
from pathlib import Path

import soundfile
from tiny import voice

from bibier.labels import EMOTIONS

# Each emotion has a word of its own: a text branch that learns must find it.
WORDS = dict(zip(EMOTIONS, ("hate", "yuck", "scared", "lovely", "door", "miss", "wow"), strict=True))
CODES = {"neutral": 1, "happy": 3, "sad": 4, "anger": 5, "fear": 6, "disgust": 7, "surprise": 8}


# Fitted in seconds.
RECIPE = """
name = "small"
seed = 0
[audio]
corpora = ["ravdess"]
folds = 3
[audio.features]
[audio.encoder]
channels = [4, 6, 8]
dim = 8
hidden = 6
[audio.perturbation]
[audio.fit]
epochs = 1
batch = 8
[text]
corpora = ["meld", "resd"]
folds = 2
[text.soft]
[text.features]
buckets = 512
slots = 16
[text.encoder]
buckets = 512
slots = 16
dim = 8
temporal = "lstm"
[text.fit]
epochs = 12
batch = 8
learning_rate = 0.05
[fusion]
pairs = 4

[fusion.model]
kind = "biformer"
hidden = 8
length = 12
layers = 1
heads = 2
out = 8
dropout = 0.1
pool = true

[fusion.fit]
epochs = 2
batch = 16
"""


def write_csv(path: Path, rows: list[dict]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def make_voices(root: Path, corpus: str, emotions: Sequence[str], language: str = "pl", votes: int = 0) -> None:
    """Write a corpus of three speakers with a manifest, two clips a speaker and emotion.

    With votes, all listeners but one chose the clip's emotion, that one neutral.
    """
    (root / corpus).mkdir()
    rows = []
    for speaker in range(3):
        for number, emotion in enumerate(emotions):
            for take in range(2):
                name = f"{speaker}_{emotion}_{take}.wav"
                sound = voice(0.6 + 0.1 * number, seed=1000 * (speaker + 1) + 10 * number + take)
                soundfile.write(root / corpus / name, sound, 16_000)
                row: dict[str, object] = {"path": name, "language": language, "split": "train", "speaker": speaker}
                if votes:
                    shares = dict.fromkeys(EMOTIONS, 0.0) | {emotion: (votes - 1) / votes}
                    shares["neutral"] += 1 / votes
                    rows.append(row | {name: f"{share:.6f}" for name, share in shares.items()} | {"raters": votes})
                else:
                    rows.append(row | {"label": emotion})
    write_csv(root / corpus / "manifest.csv", rows)


def make(root: Path) -> Path:
    """Write two clips an actor and emotion, and some texts each; returns the folder."""
    for actor in (1, 2, 3, 21):
        place = root / "ravdess" / f"Actor_{actor:02d}"
        place.mkdir(parents=True)
        for number, code in enumerate(CODES.values()):
            sound = voice(0.7 + 0.1 * number, seed=100 * actor + code)
            soundfile.write(place / f"03-01-{code:02d}-01-01-01-{actor:02d}.wav", sound, 16_000)
    for split, count in (("train", 6), ("dev", 2), ("test", 2)):
        rows = [
            {
                "Utterance": f"{WORDS[emotion]} number{i}",
                "Speaker": "A",
                "Emotion": {"happy": "joy", "sad": "sadness"}.get(emotion, emotion),
                "Dialogue_ID": i,
                "Utterance_ID": n,
            }
            for i in range(count)
            for n, emotion in enumerate(EMOTIONS)
        ]
        write_csv(root / f"meld_{split}.csv", rows)
    rows = [
        {
            "name": f"{i}_a_b_{n}",
            "emotion": "enthusiasm" if emotion == "surprise" else emotion,
            "text": f"слово {emotion} {i}",
        }
        for i in range(5)
        for n, emotion in enumerate(EMOTIONS)
    ]
    write_csv(root / "resd_train.csv", rows)
    return root
