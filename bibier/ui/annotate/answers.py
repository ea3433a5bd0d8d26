"""What the acts of the Annotate tab answer; from_python.d.ts says the same to the page's scripts."""

from __future__ import annotations

from typing import TypedDict


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
    """The clip to show and the one after it, and how many of how many are labelled."""

    now: ClipView | None
    after: ClipView | None
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
    done: int
    total: int


class SaveAnswer(Coming):
    """What was saved by its uuid, `new` when it wasn't there before."""

    saved: str
    new: bool


class VisitAnswer(TypedDict):
    """One clip."""

    now: ClipView


class HoldAnswer(TypedDict):
    """Whether a clip is now held for the person."""

    held: bool


class StepAnswer(TypedDict, total=False):
    """The clip that an undo or redo was about; `nothing` when there was nothing left."""

    nothing: bool
    now: ClipView
    done: int
    total: int


class ExportAnswer(TypedDict):
    """A file's name and its text."""

    name: str
    text: str
