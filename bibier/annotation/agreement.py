"""How far people agree about soft labels: Krippendorff's alpha, the worst clips, and who moved after a proposal.

n clips, m people, C labels: the seven emotions, unless the project has a list of its own; what is missing is NaN. Only
what was said blind counts: a label that its person changed after seeing a proposal counts as it was before, and one
that was given with a proposal in sight is left out. Undefined is None with the reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from bibier.annotation.state import Label
from bibier.distributions import half_manhattan, jensen_shannon
from bibier.i18n.messages import Message
from bibier.labels import EMOTIONS, vector

Distance = Callable[[np.ndarray, np.ndarray], np.ndarray]  # (…, K), (…, K) → (…)

DRAWS = 1000  # of the bootstrap
COVERED = 0.95  # of the interval
ALL_PAIRS = 1500  # labels up to which every pair is compared for the expected Jensen–Shannon divergence
GROUP = 5  # labels of a person that count together, and clips of a figure, for whoever is not the operator
SOME_PAIRS = 400_000  # random pairs beyond; the error of their mean is below 0.001 bit


@dataclass(frozen=True)
class LabelTable:
    """Blind labels of one project.

    Attributes
    ----------
    clips, people
        SHA-256 of the n clips that anybody labelled; the m people's names, sorted.
    names
        What the C labels are called.
    labels
        (n, m, C) float64; NaN where a person said nothing of a clip.
    sighted
        How many labels were left out, because a proposal was in sight when they were first given.
    people_left_out
        How many people were left out, because others labelled more.
    """

    clips: tuple[str, ...]
    people: tuple[str, ...]
    labels: np.ndarray
    sighted: int = 0
    people_left_out: int = 0
    names: tuple[str, ...] = EMOTIONS


@dataclass(frozen=True)
class Alpha:
    """Krippendorff's alpha, at most 1 (0 is chance), with its bootstrap interval; None with the reason."""

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: Message | None = None
    labels: int = 0  # that could be paired
    clips: int = 0  # with at least two of them
    left_out: int = 0  # labels without a single largest class, of the nominal alpha


@dataclass(frozen=True)
class Shift:
    """How far a person's label of one clip went after a proposal had been shown, in half Manhattan distance [0, 1]."""

    clip: str
    person: str
    source: str  # of the proposal
    distance: float  # from before to after
    nearer: float  # distance to the proposal before less after: > 0 is towards it


def unanchored_labels(
    labels: Mapping[tuple[str, str], Label], most_people: int | None = None, names: tuple[str, ...] = EMOTIONS
) -> LabelTable:
    """Arrange what stands by (clip, annotator), as each person said it before any proposal was in sight.

    With `most_people`, only of so many, those who labelled most: work and memory grow with the square of the people.
    """
    stated, sighted = {}, 0
    for key, label in labels.items():
        probs = blind(label)
        if probs is None:
            sighted += 1
        else:
            stated[key] = shares(probs, names)
    counts = Counter(person for _, person in stated)
    people = tuple(sorted(sorted(counts, key=lambda person: (-counts[person], person))[:most_people]))
    if len(people) < len(counts):
        chosen = set(people)
        stated = {key: probs for key, probs in stated.items() if key[1] in chosen}
    clips = tuple(dict.fromkeys(clip for clip, _ in stated))
    rows, columns = ({name: i for i, name in enumerate(names)} for names in (clips, people))
    table = np.full((len(clips), len(people), len(names)), np.nan)
    for (clip, person), probs in stated.items():
        table[rows[clip], columns[person]] = probs
    return LabelTable(clips, people, table, sighted, len(counts) - len(people), names)


def blind(label: Label) -> dict[str, float] | None:
    """Return what a person said before any proposal was in sight; None where one was from the start."""
    return label.before if label.seen else label.probs


def whole_groups(labels: Mapping[tuple[str, str], Label], size: int = GROUP) -> dict[tuple[str, str], Label]:
    """Return of each person's k blind labels, in the order in which they came, the first k − k mod `size`.

    Whatever is computed from these changes by `size` labels of a person at once, whatever others add: the difference
    of two figures is never that of a single label.
    """
    stated = {key: label for key, label in labels.items() if blind(label) is not None}
    left = {person: count - count % size for person, count in Counter(person for _, person in stated).items()}
    counted = {}
    for key, label in stated.items():
        if left[key[1]]:
            left[key[1]] -= 1
            counted[key] = label
    return counted


def shares(probs: Mapping[str, float], names: Sequence[str]) -> np.ndarray:
    """Return the shares (C,) of a distribution in the order of its names. Raises KeyError for another list's."""
    return np.array([probs[name] for name in names], dtype=np.float64)


# --- distances: (…, C), (…, C) → (…) ---------------------------------------------------------------------------------


def interval(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Squared difference of values (…, 1) → (…), Krippendorff's metric of interval data."""
    return ((p - q) ** 2).sum(-1)


def nominal(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """0 where the classes (…, 1) are the same and 1 elsewhere."""
    return (p != q).any(-1).astype(np.float64) + np.where(np.isnan(p + q).any(-1), np.nan, 0.0)


# --- alpha -----------------------------------------------------------------------------------------------------------


def alpha(values: np.ndarray, distance: Distance, *, draws: int = DRAWS, seed: int = 0) -> Alpha:
    """Return 1 − observed / expected disagreement (Krippendorff, 2011, "Computing Krippendorff's alpha-reliability").

    Parameters
    ----------
    values
        (n, m, K) float64, NaN where missing.
    distance
        One of this module's, for K-vectors. The expected Jensen–Shannon divergence of more than `ALL_PAIRS` labels is
        the mean of `SOME_PAIRS` random pairs.
    draws, seed
        Of the bootstrap over clips, in which the expected disagreement stays that of the whole sample (Hayes and
        Krippendorff, 2007).
    """
    if values.shape[1] < 2:
        return Alpha(None, reason=Message("agreement-alone"))
    labelled = np.asarray(~np.isnan(values).any(-1))  # (n, m)
    counts = labelled.sum(1)  # (n,)
    paired = counts >= 2
    if not paired.any():
        return Alpha(None, reason=Message("agreement-no-pairs"))
    values, counts = values[paired], counts[paired]
    observed = _within(values, distance).sum(1) / (counts - 1)  # (n,) of ordered pairs
    pool = values[labelled[paired]]  # (N, K)
    expected = _expected(pool, distance, seed)
    whole = Alpha(None, labels=len(pool), clips=len(counts))
    if expected <= 1e-15:
        return replace(whole, reason=Message("agreement-one-value"))
    whole = replace(whole, value=float(1 - observed.sum() / len(pool) / expected))
    if not draws or len(counts) < 2:
        return whole
    rng, values_drawn = np.random.default_rng(seed), np.empty(draws)
    for draw in range(draws):
        chosen = rng.integers(len(counts), size=len(counts))
        values_drawn[draw] = 1 - observed[chosen].sum() / counts[chosen].sum() / expected
    low, high = np.quantile(values_drawn, [(1 - COVERED) / 2, (1 + COVERED) / 2])
    return replace(whole, low=float(low), high=float(high))


def nominal_alpha(table: LabelTable, **settings: int) -> Alpha:
    """Alpha of the largest classes. A label whose largest class is tied names none: it is left out, and counted."""
    top = table.labels.max(-1, keepdims=True)
    tied = (table.labels == top).sum(-1) > 1  # (n, m)
    labelled = ~np.isnan(table.labels).any(-1)
    classes = np.where(labelled & ~tied, np.nan_to_num(table.labels).argmax(-1), np.nan)[..., None]  # (n, m, 1)
    return replace(alpha(classes, nominal, **settings), left_out=int(tied.sum()))


def soft_alpha(table: LabelTable, distance: Distance = jensen_shannon, **settings: int) -> Alpha:
    """Alpha of whole distributions; `settings` are `draws` and `seed` of `alpha`, here and below."""
    return alpha(table.labels, distance, **settings)


def emotion_alphas(table: LabelTable, **settings: int) -> dict[str, Alpha]:
    """Alpha of each label's share, as interval data."""
    return {name: alpha(table.labels[..., i : i + 1], interval, **settings) for i, name in enumerate(table.names)}


def pair_alphas(
    table: LabelTable, distance: Distance = jensen_shannon, *, most_people: int | None = None, **settings: int
) -> dict[tuple[str, str], Alpha]:
    """Alpha of every two people, on the clips that both labelled; with `most_people`, of those who labelled most."""
    counts = (~np.isnan(table.labels).any(-1)).sum(0)  # (m,)
    chosen = sorted(np.argsort(-counts, kind="stable")[:most_people].tolist())
    return {
        (table.people[i], table.people[j]): alpha(table.labels[:, [i, j]], distance, **settings)
        for i, j in combinations(chosen, 2)
    }


def most_disputed(table: LabelTable, count: int = 20) -> list[tuple[str, float, int]]:
    """Return the clips on which people differ most: (SHA-256, mean Jensen–Shannon divergence in bits, people)."""
    if not len(table.clips) or len(table.people) < 2:
        return []
    people = (~np.isnan(table.labels).any(-1)).sum(1)
    pairs = np.maximum(people * (people - 1), 1)
    means = np.where(people >= 2, _within(table.labels, jensen_shannon).sum(1) / pairs, -1.0)
    order = np.argsort(-means, kind="stable")[:count]
    return [(table.clips[i], float(means[i]), int(people[i])) for i in order if people[i] >= 2]


@dataclass(frozen=True)
class GoldScore:
    """How near a person's labels are to what the corpus says of its gold clips."""

    person: str
    clips: int
    distance: float  # mean half Manhattan distance [0, 1]
    same: float  # share of the clips with the same largest class, a tie being none


def intra_rater(
    labels: Mapping[tuple[str, str], Label], repeats: Mapping[tuple[str, str], Label], **settings: int
) -> dict[str, Alpha]:
    """Alpha of each person with themselves: their label beside what they said when the clip came again."""
    people = sorted({person for _, person in repeats})
    pairs: dict[str, list[list[np.ndarray]]] = {person: [] for person in people}
    for (clip, person), again in repeats.items():
        if (first := labels.get((clip, person))) is not None:
            names = tuple(again.probs)
            pairs[person].append([shares(first.before or first.probs, names), shares(again.probs, names)])
    return {
        person: alpha(np.array(both), jensen_shannon, **settings)  # (n, 2, C)
        for person, both in pairs.items()
        if both
    }


def against_gold(labels: Mapping[tuple[str, str], Label], gold: Mapping[str, Mapping[str, float]]) -> list[GoldScore]:
    """Compare each person's blind labels with the distributions of gold clips, by SHA-256; by name."""
    by_person: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for (clip, person), label in labels.items():
        probs = blind(label)
        if clip in gold and probs is not None:
            names = tuple(gold[clip])
            by_person.setdefault(person, []).append((shares(probs, names), shares(gold[clip], names)))
    scores = []
    for person, pairs in sorted(by_person.items()):
        given, wanted = np.array(pairs).transpose(1, 0, 2)  # (n, C) each
        alone = (given == given.max(-1, keepdims=True)).sum(-1) == 1
        same = alone & (given.argmax(-1) == wanted.argmax(-1))
        distance = float(half_manhattan(given, wanted).mean())
        scores.append(GoldScore(person, len(pairs), distance, float(same.mean())))
    return scores


def confusion(table: LabelTable) -> np.ndarray:
    """Return what another person says of a clip when one says a class: (C, C), rows sum to 1 or are all 0.

    Entry (i, j) is the mean of p_i q_j over all ordered pairs of people on a clip, each label counting once, divided by
    its row's sum. So the points of a mixed label are shared out, and two equal mixed labels are not on the diagonal
    alone.
    """
    labelled = np.asarray(~np.isnan(table.labels).any(-1))  # (n, m)
    paired = labelled.sum(1) >= 2
    labels = np.nan_to_num(table.labels[paired])  # (k, m, C)
    sums, others = labels.sum(1), labelled[paired].sum(1) - 1  # (k, C), (k,)
    together = np.einsum("ki,kj->kij", sums, sums) - np.einsum("kmi,kmj->kij", labels, labels)  # (k, C, C)
    counts = (together / others[:, None, None]).sum(0)  # (C, C)
    rows = counts.sum(1, keepdims=True)
    return np.divide(counts, rows, out=np.zeros_like(counts), where=rows > 1e-12)


def shifts_after_proposal(
    labels: Mapping[tuple[str, str], Label], proposals: Mapping[tuple[str, str], Mapping[str, float]]
) -> list[Shift]:
    """Return how far people moved after each proposal that they had been shown; staying put is a distance of 0."""
    shifts = []
    for (clip, person), label in labels.items():
        if label.before is None:
            continue
        for source in label.seen:
            if (clip, source) in proposals:
                before, after, goal = map(vector, (label.before, label.probs, proposals[clip, source]))
                nearer = half_manhattan(before, goal) - half_manhattan(after, goal)
                shifts.append(Shift(clip, person, source, float(half_manhattan(before, after)), float(nearer)))
    return shifts


def _within(values: np.ndarray, distance: Distance) -> np.ndarray:
    """Return each person's distances to the others, summed, 0 where missing: (n, m, K) → (n, m)."""
    sums = np.zeros(values.shape[:2])
    for i, j in combinations(range(values.shape[1]), 2):
        both = ~np.isnan(values[:, [i, j]]).any((1, 2))
        apart = distance(values[both, i], values[both, j])
        sums[both, i] += apart
        sums[both, j] += apart
    return sums


def _expected(pool: np.ndarray, distance: Distance, seed: int) -> float:
    """Return the mean distance of any two of N labels (N, K)."""
    count = len(pool)
    if distance is interval:
        return float(2 * pool.var(0, ddof=1).sum())
    if distance is nominal:
        shares = np.unique(pool, return_counts=True)[1]
        return float(1 - (shares * (shares - 1)).sum() / (count * (count - 1)))
    if distance is half_manhattan:
        # Sorted, the k-th value is above k others and below the rest: Σ|x − y| needs no pairs.
        weights = 2 * np.arange(count) - (count - 1)  # (N,)
        return float((np.sort(pool, 0) * weights[:, None]).sum() / (count * (count - 1)))
    if count <= ALL_PAIRS:
        return float(sum(distance(row, pool[i + 1 :]).sum() for i, row in enumerate(pool)) * 2 / (count * (count - 1)))
    rng = np.random.default_rng(seed)
    first = rng.integers(count, size=SOME_PAIRS)
    second = (first + rng.integers(1, count, size=SOME_PAIRS)) % count
    return float(distance(pool[first], pool[second]).mean())
