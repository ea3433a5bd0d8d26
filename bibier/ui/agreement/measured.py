"""What the Agreement tab measures of a project: one project at a time, and again only when something was saved.

Work is bounded, whatever names visitors invent: so many people at most, and fewer of them in pairs. The operator gets
everything. A visitor gets figures that give no single label away, and people's labels of those clips alone that the
visitor has labelled or decided on.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

from bibier import distributions
from bibier.annotation import agreement
from bibier.annotation.agreement import GROUP, Alpha, GoldScore, LabelTable, Shift
from bibier.annotation.label_list import SEVEN, LabelList
from bibier.annotation.project_log import ProjectLog
from bibier.annotation.state import Label, ProjectClip, is_gold
from bibier.annotation.store import Store
from bibier.errors import InputError
from bibier.i18n.messages import Message
from bibier.labels import EMOTIONS
from bibier.ui.annotate.points import points
from bibier.ui.annotate.views import Sent, who

BINS = 8  # of the entropy, from 0 to the logarithm of the number of labels
MOST = 20  # clips that are listed
PEOPLE = 40  # who are compared, those with the most labels
IN_PAIRS = 8  # of them, who are compared two by two


@dataclass(frozen=True)
class Measured:
    """What is said of a project in every language; `by_measure` and `by_emotion` are named by their keys."""

    names: int = 0  # people who labelled
    clips: int = 0
    shared: int = 0  # clips of two people or more
    sighted: int = 0
    people_left_out: int = 0
    by_measure: Mapping[str, Alpha] = field(default_factory=dict)
    by_emotion: Mapping[str, Alpha] = field(default_factory=dict)
    by_pair: Mapping[tuple[str, str], Alpha] = field(default_factory=dict)
    paired: int = 0  # people in `by_pair`
    people: int = 0  # who were compared
    disputed: tuple[tuple[str, float, int], ...] = ()
    words: Mapping[str, str] = field(default_factory=dict)  # of the disputed clips
    said: Mapping[str, Mapping[str, list[int]]] = field(default_factory=dict)  # of them, points by person
    with_self: Mapping[str, Alpha] = field(default_factory=dict)  # by person
    gold: tuple[GoldScore, ...] = ()
    confusion: tuple[tuple[float, ...], ...] = ()  # (C, C)
    shifts: tuple[Shift, ...] = ()
    labels: LabelList = SEVEN
    shares: tuple[float, ...] = (0.0,) * len(EMOTIONS)
    counts: tuple[int, ...] = (0,) * BINS  # of labels by their entropy
    edges: tuple[float, ...] = (0.0,) * (BINS + 1)  # bits
    grouped: bool = False  # whether these are a visitor's, whose figures count labels in whole groups
    unseen: int = 0  # clips of two people or more whose labels the visitor may not see yet
    nameless: bool = False  # whether nobody knows who the visitor is

    @property
    def enough(self) -> bool:
        """Whether there is anything to draw, and for a visitor, enough of it."""
        return self.shared >= GROUP if self.grouped else self.clips > 0


@dataclass(frozen=True)
class Standing:
    """What stands in a project, copied out of the store's transaction; keys are (clip, annotator) or (clip, source)."""

    version: tuple[int, int, int]
    labels: Mapping[tuple[str, str], Label]
    repeats: Mapping[tuple[str, str], Label]
    proposals: Mapping[tuple[str, str], Mapping[str, float]]
    gold: Mapping[str, Mapping[str, float]]  # by clip
    texts: Mapping[str, str]  # by clip
    of: LabelList

    @classmethod
    def read(cls, log: ProjectLog) -> Standing:
        """Copy what stands in a project out of its log."""
        state, of = log.state, log.labels
        gold = {clip.sha256: probs for clip in state.clips if is_gold(clip) and (probs := gold_of(clip, of))}
        texts = {clip: state.clips[state.index[clip]].text for clip, _ in state.labels if clip in state.index}
        proposals = {} if of.is_own else dict(state.proposals)
        return cls(log.version, dict(state.labels), dict(state.repeats), proposals, gold, texts, of)


@dataclass(frozen=True)
class VisitorsView:
    """What is known of a project for all visitors, before it is cut to what one of them may see."""

    standing: Standing
    table: LabelTable
    disputed: tuple[tuple[str, float, int], ...]  # all of them, the worst first
    figures: Measured


class Measurements:
    """Measures projects of a store. One at a time: whoever asks meanwhile gets the same answer."""

    def __init__(self, store: Store):
        self.store, self.made = store, 0  # how often something was really measured
        self._known: dict[str, tuple[tuple[int, int, int], Measured]] = {}
        self._visitors: dict[str, VisitorsView] = {}
        self._figures: dict[str, tuple[object, Measured]] = {}
        self._lock = threading.Lock()

    def __call__(self, project: str) -> Measured:
        """Return all that is measured of a project, for the operator. Raises InputError of the store."""
        with self._lock:
            with self.store.reading(project) as log:
                if project in self._known and self._known[project][0] == log.version:
                    return self._known[project][1]
                there = Standing.read(log)
            measured = measure(there.labels, there.proposals, there.of)
            words = {clip: there.texts.get(clip, "") for clip, *_ in measured.disputed}
            own = agreement.intra_rater(there.labels, there.repeats)
            measured = replace(measured, words=words, with_self=own)
            measured = replace(measured, gold=tuple(agreement.against_gold(there.labels, there.gold)[:PEOPLE]))
            self.made += 1
            self._known[project] = (there.version, measured)
            return measured

    def for_visitor(self, project: str, sent: Sent) -> Measured:
        """Return what one who is not the operator may see of a project; `sent` names them as for an act of Annotate.

        Raises InputError of the store.
        """
        with self._lock:
            with self.store.reading(project) as log:
                own = own_clips(log, sent)
                view = self._visitors.get(project)
                there = None if view and view.standing.version == log.version else Standing.read(log)
            if there or view is None:
                assert there is not None
                table = agreement.unanchored_labels(there.labels, PEOPLE, there.of.names)
                disputed = tuple(agreement.most_disputed(table, len(table.clips)))
                view = VisitorsView(there, table, disputed, self._grouped(project, there))
                self._visitors[project] = view
        seen = [entry for entry in view.disputed if own and entry[0] in own]
        return replace(
            view.figures,
            disputed=tuple(seen[:MOST]),
            words={clip: view.standing.texts.get(clip, "") for clip, *_ in seen[:MOST]},
            said={clip: said_of(view.table, clip) for clip, *_ in seen[:MOST]},
            unseen=len(view.disputed) - len(seen),
            nameless=own is None,
        )

    def _grouped(self, project: str, there: Standing) -> Measured:
        """Return the figures for visitors, those of before until a group of somebody's labels is full or taken back."""
        counted = agreement.whole_groups(there.labels)
        key = (there.version[0], there.of, bool(there.labels), Counter(person for _, person in counted))
        if project not in self._figures or self._figures[project][0] != key:
            self._figures[project] = key, measure_grouped(there, counted)
            self.made += 1
        return self._figures[project][1]


def own_clips(log: ProjectLog, sent: Sent) -> frozenset[str] | None:
    """Return the clips that a person has labelled or, as a third, decided on; None for who gives no name."""
    try:
        name = who(log, sent)
    except InputError:
        return None
    told = (log.state.by_clip, log.state.decisions)
    return frozenset(clip for by_clip in told for clip, by_person in by_clip.items() if name in by_person)


def measure_grouped(there: Standing, counted: Mapping[tuple[str, str], Label]) -> Measured:
    """Measure for visitors, from each person's labels in whole groups; `counted` are those of `whole_groups`.

    Each figure is of `GROUP` clips or labels at least, and rounded as it is shown.
    """
    if not there.labels:
        return Measured(labels=there.of)
    groups = agreement.whole_groups
    moved = groups({key: label for key, label in there.labels.items() if label.before is not None})
    shifts = agreement.shifts_after_proposal(moved, there.proposals)
    shown = Counter(shift.source for shift in shifts)
    on_gold = groups({key: label for key, label in there.labels.items() if key[0] in there.gold})
    measured = measure(counted, {}, there.of)
    return replace(
        measured,
        grouped=True,
        sighted=sum(agreement.blind(label) is None for label in there.labels.values()),
        by_measure=rounded(measured.by_measure),
        by_emotion=rounded(measured.by_emotion),
        by_pair=rounded(measured.by_pair),
        with_self=rounded(agreement.intra_rater(there.labels, groups(there.repeats))),
        gold=tuple(agreement.against_gold(on_gold, there.gold)[:PEOPLE]),
        shifts=tuple(shift for shift in shifts if shown[shift.source] >= GROUP),
        confusion=tuple(tuple(round(share, 2) for share in row) for row in measured.confusion),
        shares=tuple(round(share, 2) for share in measured.shares),
        disputed=(),
        said={},
    )


Key = TypeVar("Key")


def rounded(alphas: Mapping[Key, Alpha]) -> dict[Key, Alpha]:
    """Return alphas to two decimals, and undefined where they are of fewer than `GROUP` clips."""
    few = Message("agreement-few", {"fewest": GROUP})
    return {
        key: replace(alpha, value=None, low=None, high=None, reason=alpha.reason or few)
        if alpha.value is None or alpha.clips < GROUP
        else replace(
            alpha,
            value=round(alpha.value, 2),
            low=None if alpha.low is None else round(alpha.low, 2),
            high=None if alpha.high is None else round(alpha.high, 2),
        )
        for key, alpha in alphas.items()
    }


def measure(
    labels: Mapping[tuple[str, str], Label],
    proposals: Mapping[tuple[str, str], Mapping[str, float]],
    of: LabelList = SEVEN,
) -> Measured:
    """Measure what stands by (clip, annotator), and what machines proposed by (clip, source)."""
    if not labels:
        return Measured(labels=of)
    table = agreement.unanchored_labels(labels, PEOPLE, of.names)
    people = (~np.isnan(table.labels).any(-1)).sum(1)
    shares, counts, edges = histogram(table)
    disputed = agreement.most_disputed(table, MOST)
    return Measured(
        names=len({name for _, name in labels}),
        clips=len(people),
        shared=int((people > 1).sum()),
        sighted=table.sighted,
        people_left_out=table.people_left_out,
        by_measure={
            "agree_jsd": agreement.soft_alpha(table),
            "agree_manhattan": agreement.soft_alpha(table, distributions.half_manhattan),
            "agree_nominal": agreement.nominal_alpha(table),
        },
        by_emotion=agreement.emotion_alphas(table),
        by_pair=agreement.pair_alphas(table, most_people=IN_PAIRS),
        paired=min(IN_PAIRS, len(table.people)),
        people=len(table.people),
        disputed=tuple(disputed),
        said={clip: said_of(table, clip) for clip, *_ in disputed},
        confusion=tuple(map(tuple, agreement.confusion(table).tolist())),
        shifts=tuple(agreement.shifts_after_proposal(labels, proposals)),
        labels=of,
        shares=tuple(shares),
        counts=tuple(counts),
        edges=tuple(edges),
    )


def gold_of(clip: ProjectClip, of: LabelList) -> dict[str, float]:
    """Return what the corpus says of a clip, as a distribution; {} where the project's labels can't say it."""
    if of.is_own:
        return {name: float(name == clip.label) for name in of.names} if clip.label in of.names else {}
    return clip.soft or {name: float(name == clip.label) for name in EMOTIONS}


def said_of(table: LabelTable, clip: str) -> dict[str, list[int]]:
    """Return what each person said of a clip, as points, before a proposal was in sight."""
    rows = zip(table.people, table.labels[table.clips.index(clip)], strict=True)
    return {
        person: points(dict(zip(table.names, map(float, row), strict=True)), table.names)
        for person, row in rows
        if not np.isnan(row).any()
    }


def histogram(table: LabelTable) -> tuple[list[float], list[int], list[float]]:
    """Return the mean share of each emotion, and the labels' entropies in bins with their edges in bits."""
    labels = table.labels[~np.isnan(table.labels).any(-1)]  # (N, C)
    shares = labels.mean(0).tolist() if len(labels) else [0.0] * len(table.names)
    counts, edges = np.histogram(distributions.entropy(labels), BINS, (0, np.log2(len(table.names)) + 1e-9))
    return shares, counts.tolist(), edges.tolist()
