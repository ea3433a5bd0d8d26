"""The seven emotions: one order, names, colours, and distributions over them.

Outside the process a probability always travels with its label's name; inside, a vector of shape (7,) follows
`EMOTIONS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

EMOTIONS = ("anger", "disgust", "fear", "happy", "neutral", "sad", "surprise")

NAMES = {
    "en": dict(zip(EMOTIONS, ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"), strict=True)),
    "ru": dict(
        zip(EMOTIONS, ("злость", "отвращение", "страх", "радость", "нейтрально", "грусть", "удивление"), strict=True)
    ),
}

# Okabe–Ito: distinct for colour-blind eyes. The dark variants reach a contrast of 3:1 on the dark theme's background.
COLOURS: dict[str, str] = dict(
    zip(EMOTIONS, ("#D55E00", "#009E73", "#CC79A7", "#E69F00", "#8C8C8C", "#0072B2", "#56B4E9"), strict=True)
)
COLOURS_DARK = COLOURS | {"sad": "#3D9BD9", "neutral": "#A6A6A6", "anger": "#E8731A"}

ALIASES = {
    "angry": "anger",
    "ang": "anger",
    "disgusted": "disgust",
    "fearful": "fear",
    "joy": "happy",
    "happiness": "happy",
    "hap": "happy",
    "calm": "neutral",
    "neu": "neutral",
    "sadness": "sad",
    "enthusiasm": "surprise",
    "surprised": "surprise",
    "ps": "surprise",
}


def canonical(label: str) -> str:
    """Return the project's name of a corpus's label.

    >>> canonical("Joy"), canonical("calm")
    ('happy', 'neutral')

    Raises
    ------
    ValueError
        The label is neither one of `EMOTIONS` nor a known alias.
    """
    name = label.strip().lower()
    name = ALIASES.get(name, name)
    if name not in EMOTIONS:
        raise ValueError(f"unknown emotion {label!r}: expected one of {', '.join(EMOTIONS)}")
    return name


def named(vector: Iterable[float]) -> dict[str, float]:
    """Give each of seven probabilities, in the order of `EMOTIONS`, its name."""
    return {name: float(value) for name, value in zip(EMOTIONS, vector, strict=True)}


def vector(probabilities: Mapping[str, float]) -> np.ndarray:
    """Return the (7,) float64 vector of a mapping that names every emotion exactly once."""
    if set(probabilities) != set(EMOTIONS):
        raise ValueError(f"expected exactly the labels {', '.join(EMOTIONS)}; got {', '.join(sorted(probabilities))}")
    return np.array([probabilities[name] for name in EMOTIONS], dtype=np.float64)
