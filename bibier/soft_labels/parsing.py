"""What a language model wrote → seven numbers, by the rules of the LS-LLM script published with BiBiER, or why none."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from bibier.labels import EMOTIONS, canonical

ORDER = ("neutral", "happy", "sad", "anger", "surprise", "disgust", "fear")  # of the prompt and of LS-LLM tables
DECIMAL = re.compile(r"\d\.\d+")
AFTER_COLON = re.compile(r":\s*(\d\.\d+)")
NAMED = re.compile(r"([^\W\d_]{2,40})[\"'*`]{0,4}\s{0,4}[:=]\s{0,4}(\d\.\d+)")
NEGATIVE = re.compile(r"(?<![\w.])-\d")
LONGEST = 20_000  # characters of an answer that are read, from its end
KINDS = ("empty", "unparsed", "zero")  # why an answer holds no distribution


@dataclass(frozen=True)
class Answer:
    """Seven numbers ≥ 0 in `ORDER`, not normalised; or an empty tuple and one of `KINDS`."""

    numbers: tuple[float, ...] = ()
    invalid: str = ""

    def probabilities(self) -> dict[str, float]:
        """Return the numbers by name, divided by their sum; empty when the answer is invalid."""
        if self.invalid:
            return {}
        total = math.fsum(self.numbers)
        named = dict(zip(ORDER, self.numbers, strict=True))
        return {name: named[name] / total for name in EMOTIONS}


def parse(text: str) -> Answer:
    """Read an answer: the last line with exactly seven decimals, else the last seven decimals that follow a colon.

    Where emotions are named before the numbers they are read by name, and all seven must be; else they stand in the
    order of `ORDER`. The published code read them by position alone, and put the one-hot truth in the place of an
    answer that it could not read; here that is said.
    """
    text = text[-LONGEST:].split("assistant")[-1]
    if not text.strip():
        return Answer(invalid="empty")
    lines = text.splitlines()
    found = next((line for line in reversed(lines) if len(DECIMAL.findall(line)) == len(ORDER)), None)
    if found is not None:
        numbers = [float(value) for value in DECIMAL.findall(found)]
    else:
        kept = [line for line in lines if AFTER_COLON.search(line)]
        values = [(line, float(value)) for line in kept for value in AFTER_COLON.findall(line)][-len(ORDER) :]
        found = "\n".join(dict.fromkeys(line for line, _ in values))
        numbers = [value for _, value in values] if len(values) == len(ORDER) else []
    if not numbers or NEGATIVE.search(found):
        return Answer(invalid="unparsed")
    named = {name: float(value) for word, value in NAMED.findall(found) if (name := _emotion(word))}
    if named:
        numbers = [named[name] for name in ORDER if name in named]
    if len(numbers) != len(ORDER):
        return Answer(invalid="unparsed")
    if sum(numbers) <= 0:
        return Answer(invalid="zero")
    return Answer(tuple(numbers))


def _emotion(word: str) -> str:
    """Return the emotion that a word names, "" for none."""
    try:
        return canonical(word.lower())
    except ValueError:
        return ""
