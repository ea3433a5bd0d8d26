"""What the acts of the Annotate tab answer; from_python.d.ts says the same to the page's scripts."""

from __future__ import annotations

from typing import Literal, TypedDict

from bibier.i18n.messages import Message
from bibier.ui.annotate.presence import Also

Mode = Literal["", "repeat", "review"]


class ClipAddress(TypedDict):
    """A clip by its project and its SHA-256."""

    project: str
    clip: str


class BarValue(TypedDict):
    """A label of the project: its name in the log, titles by language, colours, and whether it may be given."""

    name: str
    titles: dict[str, str]
    colour: str
    colour_dark: str
    offered: bool


class LabelValue(TypedDict):
    """A person's label: whole numbers that sum to 100, one a bar; confidence in [0, 1] or None; a note."""

    points: list[int]
    confidence: float | None
    note: str


class ProposalValue(TypedDict):
    """What a model says of a clip: "model:…" or "llm:…", and seven whole numbers that sum to 100."""

    source: str
    points: list[int]


class PersonsLabel(TypedDict):
    """What one person said of a clip, for whoever decides."""

    name: str
    points: list[int]


class ClipView(TypedDict):
    """A clip as one annotator may see it; `skipped` is the reason why it was put off.

    In the mode "repeat" it comes a second time, without what was said of it; in "review" a third person decides, and
    `people` are the labels.
    """

    clip: str
    text: str
    language: str | None
    duration: float | None
    label: LabelValue | None
    proposals: list[ProposalValue]
    revealed: bool
    skipped: str | None
    mode: Mode
    people: list[PersonsLabel]


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


class MakingAnswer(TypedDict):
    """How many recordings or labels of the project that is being made are read, and of how many; 0 of 0 of none."""

    done: int
    total: int


class TakeAnswer(EnterAnswer):
    """The project into which an upload came, and what is to be said of that."""

    notices: list[Message]


class OpenAnswer(ProjectList, total=False):
    """The projects, what can be done here and, once a project was chosen, its settings, labels and clips.

    `judged` is whether models have anything to say of it: they know the seven emotions alone.
    """

    paths: bool
    advice: bool
    annotator: str
    project: str
    shown: bool
    settings: dict[str, object]
    bars: list[BarValue]
    judged: bool
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


class ListedClip(TypedDict):
    """A clip in the list: how far the person is with it, and how many people have labelled it."""

    clip: str
    text: str
    state: str
    labels: int


class ClipsAnswer(TypedDict):
    """Some clips that a search found, and how many there are."""

    clips: list[ListedClip]
    found: int


class PersonsPace(TypedDict):
    """How far a person is: labels, the median of the seconds on each, and when the last was given, in UTC."""

    name: str
    done: int
    seconds: float
    last: str


class PeopleAnswer(TypedDict):
    """Everybody who has labelled, those with the most labels first."""

    people: list[PersonsPace]


class BrowseAnswer(TypedDict):
    """A folder of this computer: the one above it, the folders in it, and what can be taken in."""

    folder: str
    above: str
    folders: list[str]
    files: list[str]


class ExportAnswer(TypedDict):
    """A file's name and its text."""

    name: str
    text: str
