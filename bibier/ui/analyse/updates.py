"""What the handlers of the Analyse tab change on the page: new values by component; what is not named stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from bibier.ui.figure import TextTable

if TYPE_CHECKING:
    from bibier.ui.analyse.state import AnalysisState


class Stage(TypedDict, total=False):
    """The line that says what happens: a sentence, or the key of one; `still` when nothing runs, `stop` when it can.

    `texts` is the sentence by language, for a line that stands until something is done.
    """

    text: str
    texts: dict[str, str]
    key: str
    error: bool
    still: bool
    stop: bool


class ChartRow(TypedDict):
    """An emotion in the chart: its shares in [0, 1], None where a modality is missing."""

    name: str
    label: str
    audio: float | None
    text: float | None
    bimodal: float | None


class ChartValue(TypedDict):
    """The chart: a row for each emotion; by modality why it is missing, and why it is not to be relied on."""

    rows: list[ChartRow]
    reasons: dict[str, str]
    doubts: dict[str, str]


class WordValue(TypedDict):
    """One word: its place in the text, its weights in words too, its time in seconds.

    `attention` is a share in [0, 1]; `occlusion` is by how much the probability falls without the word, in [-1, 1].
    """

    begin: int
    stop: int
    attention: float
    occlusion: float
    attention_text: str
    occlusion_text: str
    start: float | None
    end: float | None
    time: str


class WordsValue(TypedDict, total=False):
    """The words as `words.words` gives them; without a result, no words and nothing else."""

    words: list[WordValue]
    text: str
    emotion: str
    path: str | None


class RibbonValue(TypedDict):
    """A long recording: outline in per cent, a row for each stretch (`long_form`), the chosen one's number."""

    path: str
    seconds: float
    peaks: list[int]
    rows: list[dict[str, object]]
    chosen: int
    running: bool


class DropdownValue(TypedDict):
    """Choices as (what is read, name), and the chosen name."""

    choices: list[tuple[str, str]]
    value: str


class OptionsValue(TypedDict):
    """What the browser knows of the options: the chosen recogniser's name, by which Live asks for it."""

    recogniser: str


class ChannelValue(TypedDict):
    """Channels as (what is read, name), the chosen name, and whether there is a choice."""

    choices: list[tuple[str, str]]
    value: str
    visible: bool


class AnalyseUpdate(TypedDict, total=False):
    """New values of the tab's components."""

    voice: str | None
    transcript: str
    author: str
    recogniser: DropdownValue
    channel: ChannelValue
    options: OptionsValue
    fetching: bool
    ask: str
    analyse: bool
    stage: Stage | None
    verdict: dict[str, object]
    chart: ChartValue
    table: TextTable
    words: WordsValue
    ribbon: RibbonValue | None
    privacy: Stage
    state: AnalysisState | None
