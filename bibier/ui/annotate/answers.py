"""What the acts of the Annotate tab answer; from_python.d.ts says the same to the page's scripts."""

from __future__ import annotations

from typing import TypedDict

from bibier.ui.annotate.presence import Also


class ClipAddress(TypedDict):
    """A clip by its project and its SHA-256."""

    project: str
    clip: str


class LabelValue(TypedDict):
    """A person's label: seven whole numbers that sum to 100, confidence in [0, 1] or None, a note."""

    points: list[int]
    confidence: float | None
    note: str


class ProposalValue(TypedDict):
    """What a model says of a clip: "model:…" or "llm:…", and seven whole numbers that sum to 100."""

    source: str
    points: list[int]


class ClipView(TypedDict):
    """A clip as one annotator may see it; `skipped` is the reason why it was put off."""

    clip: str
    text: str
    language: str | None
    duration: float | None
    label: LabelValue | None
    proposals: list[ProposalValue]
    revealed: bool
    skipped: str | None


class Coming(TypedDict):
    """The clip to show, the one after it and some `later` ones, and how many of how many are labelled."""

    now: ClipView | None
    after: ClipView | None
    later: list[ClipView]
    done: int
    total: int


class ProjectList(TypedDict):
    """The names of the projects."""

    projects: list[str]


class EnterAnswer(ProjectList):
    """The project that was made."""

    project: str


class OpenAnswer(ProjectList, total=False):
    """The projects, what can be done here and, once a project was chosen, its settings and clips."""

    paths: bool
    advice: bool
    annotator: str
    project: str
    shown: bool
    settings: dict[str, object]
    now: ClipView | None
    after: ClipView | None
    later: list[ClipView]
    done: int
    total: int
    also: Also


class SaveAnswer(Coming):
    """What was saved by its uuid, `new` when it wasn't there before; who `also` works under the name."""

    saved: str
    new: bool
    also: Also


class VisitAnswer(TypedDict):
    """One clip."""

    now: ClipView


class HoldAnswer(TypedDict):
    """Whether a clip is now held for the person, and who `also` works under the name."""

    held: bool
    also: Also


class StepAnswer(TypedDict, total=False):
    """The clip that an undo or redo was about; `nothing` when there was nothing left.

    `undone` is the label that was taken back, where none stands in its place.
    """

    nothing: bool
    now: ClipView
    undone: LabelValue | None
    done: int
    total: int


class ExportAnswer(TypedDict):
    """A file's name and its text."""

    name: str
    text: str
