"""What a language model wrote → seven numbers, by the rules of the LS-LLM script published with BiBiER, or why none."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from bibier.labels import EMOTIONS

ORDER = ("neutral", "happy", "sad", "anger", "surprise", "disgust", "fear")  # of the prompt and of LS-LLM tables
DECIMAL = re.compile(r"\d\.\d+")
AFTER_COLON = re.compile(r":\s*(\d\.\d+)")
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

    The published code put the one-hot truth in the place of an answer that it could not read; here that is said.
    """
    text = text[-LONGEST:].split("assistant")[-1]
    if not text.strip():
        return Answer(invalid="empty")
    numbers: list[float] = []
    lines = text.splitlines()
    for line in reversed(lines):
        decimals = DECIMAL.findall(line)
        if len(decimals) == len(ORDER):
            numbers = [float(value) for value in decimals]
            break
    else:
        block: list[float] = []
        for line in reversed(lines):
            block.extend(float(value) for value in reversed(AFTER_COLON.findall(line)))
        if len(block) >= len(ORDER):
            numbers = block[: len(ORDER)][::-1]
    if not numbers:
        return Answer(invalid="unparsed")
    if sum(numbers) <= 0:
        return Answer(invalid="zero")
    return Answer(tuple(numbers))
