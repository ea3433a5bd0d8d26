"""What the Agreement tab measures of a project: one project at a time, and again only when something was saved.

Work is bounded, whatever names visitors invent: so many people at most, and fewer of them in pairs.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from bibier import distributions
from bibier.annotation import agreement
from bibier.annotation.agreement import Alpha, GoldScore, LabelTable, Shift
from bibier.annotation.label_list import SEVEN, LabelList
from bibier.annotation.state import Label, ProjectClip, is_gold
from bibier.annotation.store import Store
from bibier.labels import EMOTIONS
from bibier.ui.annotate.points import points

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


class Measurements:
    """Measures projects of a store. One at a time: whoever asks meanwhile gets the same answer."""

    def __init__(self, store: Store):
        self.store, self.made = store, 0  # how often something was really measured
        self._known: dict[str, tuple[tuple[int, int, int], Measured]] = {}
        self._lock = threading.Lock()

    def __call__(self, project: str) -> Measured:
        """Return what is measured of a project. Raises InputError of the store."""
        with self._lock:
            with self.store.reading(project) as log:
                version = log.version
                if project in self._known and self._known[project][0] == version:
                    return self._known[project][1]
                labels, proposals = dict(log.state.labels), dict(log.state.proposals)
                clips, index = log.state.clips, log.state.index
                repeats, of = dict(log.state.repeats), log.labels
                proposals = {} if of.is_own else proposals
                gold = {clip.sha256: probs for clip in clips if is_gold(clip) and (probs := gold_of(clip, of))}
                texts = {clip: clips[index[clip]].text for clip, _ in labels if clip in index}
            measured = measure(labels, proposals, of)
            words = {clip: texts.get(clip, "") for clip, *_ in measured.disputed}
            own = agreement.intra_rater(labels, repeats)
            measured = replace(measured, words=words, with_self=own)
            measured = replace(measured, gold=tuple(agreement.against_gold(labels, gold)[:PEOPLE]))
            self.made += 1
            self._known[project] = (version, measured)
            return measured


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
