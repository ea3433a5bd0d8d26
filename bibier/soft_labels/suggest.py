"""LS-LLM: a language model's distribution over the emotions of an utterance, with or without the true label told.

By scoring, the distribution is the softmax of the log-probabilities of the seven labels and always valid; by
generation, seven decimals are asked for and parsed, and an answer that cannot be read stays visible as invalid.
"""

from __future__ import annotations

import json
import logging
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bibier.errors import InputError
from bibier.i18n.messages import Message
from bibier.labels import EMOTIONS, canonical
from bibier.soft_labels.cache import Cache, key
from bibier.soft_labels.parsing import ORDER, parse
from bibier.soft_labels.tables import COLUMNS, check_columns, filled, read, write

LIMIT = 256  # tokens of an answer
LONGEST = 4000  # characters of an utterance; what is longer loses its middle
METHODS = ("scoring", "generation")


class Engine(Protocol):
    """What `bibier.soft_labels.local_model.Local` and `bibier.soft_labels.endpoint.Endpoint` have in common."""

    model: str
    revision: str
    token_usage: list[int]  # of prompts and of answers, so far

    @property
    def name(self) -> str:
        """What the answers of this engine are kept under."""
        ...

    def score(
        self, messages: Sequence[Mapping[str, str]], labels: Sequence[str], *, length_normalised: bool
    ) -> list[float] | None:
        """Return log-probabilities in nats; None where the engine has none."""
        ...

    def generate(self, messages: Sequence[Mapping[str, str]], *, limit: int) -> str:
        """Return the answer."""
        ...


@dataclass(frozen=True)
class SuggestionSettings:
    """How a distribution is asked for. Raises InputError on a value that cannot be."""

    method: str = "scoring"
    length_normalised: bool = False  # divide a label's log-probability by its number of tokens
    temperature: float = 1.0  # of the softmax over the labels

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise InputError("llm-way", way=self.method, ways=", ".join(METHODS))
        if not 0.01 <= self.temperature <= 100:
            raise InputError("llm-temperature", value=self.temperature)


@dataclass(frozen=True)
class Suggestion:
    """A proposal of a language model, never a person's word; its provenance is `source`."""

    probabilities: dict[str, float] | None  # by name, ≥ 0, sums to 1; None when the answer is invalid
    source: str  # "llm:<model>"
    method: str  # what was done: an endpoint without log-probabilities falls back on generation
    answer: str  # what the model wrote, or the log-probabilities as JSON
    invalid: str = ""  # one of parsing.KINDS
    cached: bool = False


def plain(text: str) -> str:
    """Return a text that a prompt can carry: no lone surrogates, no markers of a chat template, no excess."""
    text = text.encode("utf-8", "replace").decode("utf-8").replace("<|", "< |").replace("|>", "| >")
    half = LONGEST // 2
    return text if len(text) <= LONGEST else f"{text[:half]} … {text[-half:]}"


def prompt(text: str, *, truth: str = "", method: str = "generation") -> list[dict[str, str]]:
    """Return the chat messages that ask about one utterance.

    Parameters
    ----------
    truth
        The true label, told to the model as in the paper (the oracle form); "" is the honest form.
    method
        "generation" asks for seven decimals in `ORDER`, "scoring" for one word.
    """
    names = ", ".join(ORDER)
    hint = (
        f"\nAn annotator has labelled it “{truth}”; this emotion has to come out as the most probable." if truth else ""
    )
    if method == "scoring":
        task = f"Which one of these emotions does it express: {names}? Answer with one word of the list."
    else:
        task = (
            f"Estimate how probable each of these emotions is: {names}. Write seven numbers in this order on one line, "
            "separated by commas, with five decimals each and nothing else; together they make 1.00000. Give an "
            "emotion 0.00000 or 1.00000 only if there is no trace of the others, and no two the same number."
        )
    return [
        {"role": "system", "content": "You judge which emotions an utterance expresses, in any language."},
        {"role": "user", "content": f"Utterance between the lines:\n---\n{plain(text)}\n---{hint}\n{task}"},
    ]


def suggest(
    engine: Engine,
    text: str,
    *,
    truth: str = "",
    settings: SuggestionSettings | None = None,
    cache: Cache | None = None,
) -> Suggestion:
    """Return a language model's distribution for one utterance; what the cache has is not asked again.

    Raises InputError when the engine can't be reached or used, or `truth` is no emotion.
    """
    settings = settings or SuggestionSettings()
    if truth:
        try:
            truth = canonical(truth)
        except ValueError as error:
            raise InputError("llm-label", label=truth[:100], labels=", ".join(EMOTIONS)) from error
    source = f"llm:{engine.model}"
    if settings.method == "scoring":
        messages = prompt(text, truth=truth, method="scoring")
        answer, cached = _asked(
            engine,
            messages,
            cache,
            # Part of the key under which answers are kept: older files have these names.
            {"way": "scoring", "normalised": settings.length_normalised},
            lambda: {"scores": _finite(engine.score(messages, ORDER, length_normalised=settings.length_normalised))},
        )
        if answer["scores"] is not None:
            scores = {name: -math.inf if s is None else s for name, s in zip(ORDER, answer["scores"], strict=True)}
            distribution = softmax(scores, settings.temperature)
            return Suggestion(distribution, source, "scoring", json.dumps(answer), cached=cached)
    messages = prompt(text, truth=truth)
    answer, cached = _asked(
        engine,
        messages,
        cache,
        {"way": "generation", "limit": LIMIT},
        lambda: {"text": engine.generate(messages, limit=LIMIT)},
        lambda answer: not parse(answer["text"]).invalid,  # the next question may be answered better
    )
    parsed = parse(answer["text"])
    return Suggestion(parsed.probabilities() or None, source, "generation", answer["text"], parsed.invalid, cached)


def _finite(scores: Sequence[float] | None) -> list[float | None] | None:
    """JSON has no −inf: null stands for it."""
    return None if scores is None else [score if math.isfinite(score) else None for score in scores]


def _asked(
    engine: Engine,
    messages: Sequence[Mapping[str, str]],
    cache: Cache | None,
    settings: Mapping[str, object],
    ask: Callable[[], dict[str, Any]],
    is_kept: Callable[[dict[str, Any]], bool] = lambda answer: True,
) -> tuple[dict[str, Any], bool]:
    """Return an answer and whether it came from the cache."""
    if cache is None:
        return ask(), False
    mark = key(engine=engine.name, model=engine.model, revision=engine.revision, messages=messages, settings=settings)
    if (known := cache.get(mark)) is not None and is_kept(known):
        return known, True
    answer = ask()
    if is_kept(answer):
        cache.put(mark, answer)
    return answer, False


def softmax(scores: Mapping[str, float], temperature: float = 1.0) -> dict[str, float]:
    """Return the distribution ∝ exp(score / temperature) by name, in the order of EMOTIONS.

    Scores are log-probabilities in nats, −inf for an impossible label; where all are impossible it is uniform.
    """
    best = max(scores.values())
    if best == -math.inf:
        return dict.fromkeys(EMOTIONS, 1 / len(EMOTIONS))
    weights = {name: math.exp((scores[name] - best) / temperature) for name in EMOTIONS}
    total = math.fsum(weights.values())
    return {name: weight / total for name, weight in weights.items()}


# ------------------------------------------------------------------------------------------------------------- tables


def suggestions(
    engine: Engine,
    rows: Iterable[Mapping[str, str]],
    *,
    oracle: bool = False,
    settings: SuggestionSettings | None = None,
    cache: Cache | None = None,
) -> Iterator[tuple[dict[str, object], Suggestion]]:
    """Yield each row of a manifest as one of an LS-LLM table, with its suggestion.

    Rows have text and video_name, id or path; ground_truth, label or emotion is told only with `oracle`.
    """
    for number, row in enumerate(rows, start=1):
        label = _label(row)
        suggestion = suggest(engine, row["text"], truth=label if oracle else "", settings=settings, cache=cache)
        filled_in = {column: row.get(column) or "-1" for column in COLUMNS[1:4]}
        yield (
            filled(
                {
                    "video_name": _name(row, number),
                    "text": row["text"],
                    "ground_truth": label,
                    "response_clean": suggestion.answer,
                }
                | filled_in
                | {"invalid": suggestion.invalid},
                suggestion.probabilities,
            ),
            suggestion,
        )


def _name(row: Mapping[str, str], number: int) -> str:
    return row.get("video_name") or row.get("id") or Path(row.get("path") or str(number)).stem


def _label(row: Mapping[str, str]) -> str:
    """Return the project's name of a row's label, "" if it has none. Raises InputError on a foreign one."""
    label = next((row[name] for name in ("ground_truth", "label", "emotion") if row.get(name)), "")
    try:
        return canonical(label) if label else ""
    except ValueError as error:
        raise InputError("llm-label", label=label[:100], labels=", ".join(EMOTIONS)) from error


def _check_rows(file: Path, rows: Sequence[Mapping[str, str]], oracle: bool) -> None:
    """Find what is wrong with a manifest before anything is asked and paid for. Raises InputError."""
    names: dict[str, int] = {}
    for number, row in enumerate(rows, start=1):
        if oracle and not _label(row):
            raise InputError("llm-no-label", row=number + 1)
        _label(row)
        name = _name(row, number)
        if name in names:
            raise InputError("table-double", file=file.name, row=number + 1, name=name[:100], first=names[name])
        names[name] = number + 1


def suggest_table(
    engine: Engine,
    source: Path,
    target: Path,
    *,
    oracle: bool = False,
    settings: SuggestionSettings | None = None,
    prices: tuple[float, float] = (0.0, 0.0),
    report: Callable[[str], None] | None = None,
) -> dict[str, int]:
    """Write the LS-LLM table of a manifest; answers are kept in TARGET.cache, so a run that broke off goes on.

    `report` is told, after each row, how many are done, invalid and from the cache, the tokens, their cost by
    `prices` (of a million tokens of prompts and of answers, in any currency) and the time left.
    Returns the number of invalid rows by kind. Raises InputError.
    """
    rows = read(source)
    check_columns(source, rows, ("text",))
    _check_rows(source, rows, oracle)
    if target.exists():
        raise InputError("table-exists", file=str(target))
    if not os.access(target.parent, os.W_OK):
        raise InputError("table-not-written", file=str(target), reason=Message("table-folder"))
    cache = Cache(target.with_name(target.name + ".cache"))
    if cache.broken:
        warning = Message("answers-broken", {"file": cache.path, "broken": cache.broken})
        logging.getLogger(__name__).warning(warning.text())
    done: list[dict[str, object]] = []
    invalid: dict[str, int] = {}
    reused, start = 0, time.monotonic()
    try:
        for row, suggestion in suggestions(engine, rows, oracle=oracle, settings=settings, cache=cache):
            done.append(row)
            reused += suggestion.cached
            if suggestion.invalid:
                invalid[suggestion.invalid] = invalid.get(suggestion.invalid, 0) + 1
            if report:
                asked = len(done) - reused
                left = (time.monotonic() - start) / max(asked, 1) * (len(rows) - len(done))
                questions, answers = engine.token_usage
                cost = sum(price * count for price, count in zip(prices, engine.token_usage, strict=True)) / 1e6
                report(
                    f"{len(done)}/{len(rows)} rows, {sum(invalid.values())} invalid, {reused} from the cache, "
                    f"tokens {questions} + {answers}, cost {cost:.4f}, about {left:.0f} s left"
                )
    finally:
        cache.close()
    write(target, done, (*COLUMNS, "invalid"))
    return invalid
