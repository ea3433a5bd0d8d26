"""What the handlers of the Models tab change on the page: new values by component; what is not named stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from bibier.i18n.messages import in_every_language
from bibier.ui.figure import TextTable
from bibier.ui.models.model_card import Node

if TYPE_CHECKING:
    from bibier.inference.predictor import Prediction


@dataclass(frozen=True)
class Comparison:
    """What two checkpoints said of one clip."""

    titles: tuple[str, str]
    predictions: tuple[Prediction, Prediction]


class Said(TypedDict, total=False):
    """A sentence under a part of the tab; `busy` while something runs, `error` when it went wrong.

    `texts` is the sentence by language, for one that stands until something is done.
    """

    said: str
    texts: dict[str, str]
    busy: bool
    error: bool


def failed(sentence: Callable[[str], str], language: str) -> Said:
    """Say what went wrong as `sentence` does in a language, and in the other when the page is switched to it."""
    return {"said": sentence(language), "texts": in_every_language(sentence), "error": True}


class Card(TypedDict):
    """One checkpoint; facts are (name, value), parts (name, kind, parameters), the card is `model_card.nodes`."""

    key: str
    title: str
    start: bool
    chosen: bool
    problem: str
    facts: list[list[str]]
    figures: TextTable | None
    parts: list[list[str]]
    card: list[Node]


class ModelsValue(Said, total=False):
    """The list of checkpoints; `closed` says why none can be chosen."""

    lines: list[str]
    closed: str
    cards: list[Card]
    chosen: str


class HubValue(Said, total=False):
    """The part about the Hub; `offer` is what the button says, `share` in [0, 1] how much has come."""

    closed: str
    hidden: bool
    offer: str
    share: float


class NumbersTable(TextTable):
    """A table under a heading."""

    title: str


class ComparedRow(TypedDict):
    """One emotion by two checkpoints: probabilities in [0, 1] and as they are shown; None and "—" where none is."""

    emotion: str
    shares: list[float | None]
    texts: list[str]


class ComparedAxis(TypedDict):
    """What two checkpoints say by one modality, on one axis."""

    title: str
    rows: list[ComparedRow]


class CompareResult(TextTable):
    """What two checkpoints say of one clip: the table of verdicts, the marks on their axes, the figures as tables.

    `most` is where the axes end.
    """

    words: str
    titles: list[str]
    axes: list[ComparedAxis]
    most: float
    numbers: list[NumbersTable]


class CompareValue(Said, total=False):
    """What can be compared, as [key, title]; `why` says why nothing can."""

    choices: list[list[str]]
    chosen: list[str]
    why: str
    result: CompareResult


class ModelsUpdate(TypedDict, total=False):
    """New values of the tab's components."""

    models: ModelsValue
    fetching: HubValue
    comparing: CompareValue
