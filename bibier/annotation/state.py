"""What stands after a log of events: labels, proposals, undo and redo, and whose turn a clip is. No database here.

n clips of a project, in the order in which they were added.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any, Literal, TypeVar, get_args

import numpy as np

from bibier.annotation.events import Event
from bibier.distributions import entropy, jensen_shannon
from bibier.errors import InputError
from bibier.file_names import short_name
from bibier.labels import vector

Order = Literal["given", "random", "uncertain", "modalities", "people"]
REPEAT_AFTER = 10  # acts of a person until a clip may come again
MOST_TEXT = 100_000  # characters of a clip's words and other columns; two hours of speech
Key = TypeVar("Key")
ORDERS: tuple[Order, ...] = get_args(Order)


@dataclass(frozen=True, slots=True)
class ProjectClip:
    """One recording of a project, known by what is in it and not by where it lies."""

    sha256: str  # of the file's bytes, 64 hex digits
    path: str
    text: str = ""
    language: str = ""
    label: str | None = None  # of the corpus, one of EMOTIONS
    duration: float = 0.0  # s; 0 when unknown
    extra: dict = field(default_factory=dict)
    soft: dict[str, float] | None = None  # distribution of the corpus by emotion: neither a person's nor a proposal

    def content(self) -> dict[str, Any]:
        """Return the fields by name."""
        return {name: getattr(self, name) for name in self.__slots__}

    def is_text(self) -> bool:
        """Whether all of it can be stored: half a character, as a cut through an emoji leaves, has no UTF-8."""
        try:
            json.dumps(self.content(), ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return False
        return True

    def check(self) -> ProjectClip:
        """Return this. Raises InputError for one with more words than can be sent to every visitor of the project, and
        for one that can't be stored.
        """
        if not self.is_text():
            raise InputError("clips-half", file=short_name(self.path))
        if len(self.text) + sum(len(name) + len(str(value)) for name, value in self.extra.items()) > MOST_TEXT:
            raise InputError("clips-text", file=short_name(self.path), most=MOST_TEXT)
        return self

    def over(self, known: ProjectClip) -> ProjectClip:
        """Return this with what was known of the same recording where this says nothing, as a mere folder does."""
        return replace(
            self,
            text=self.text or known.text,
            language=self.language or known.language,
            label=self.label or known.label,
            duration=self.duration or known.duration,
            extra=known.extra | self.extra,
            soft=self.soft or known.soft,
        )


@dataclass(frozen=True, slots=True)
class Label:
    """What one person says of one clip now."""

    probs: dict[str, float]
    confidence: float | None
    note: str
    seen: tuple[str, ...]
    before: dict[str, float] | None
    seconds: float  # s
    event: str  # uuid
    fill: str = ""  # by which rule open points were given
    rest: float = 0.0  # their share


def is_gold(clip: ProjectClip) -> bool:
    """Whether people are compared with the corpus on this clip: its list says `gold`, and what its label is."""
    said = str(clip.extra.get("gold", "")).strip().lower()
    return said not in ("", "0", "no", "false") and (clip.label is not None or clip.soft is not None)


@dataclass
class _Person:
    done: list[Event] = field(default_factory=list)  # labels and skips that stand, oldest first
    undone: list[Event] = field(default_factory=list)  # the last undone is redone first
    acts: dict[str, list[Event]] = field(default_factory=lambda: defaultdict(list))  # `done` by clip


class AnnotationState:
    """The state derived from a project's events, brought forward one event at a time."""

    def __init__(self) -> None:
        self.clips: list[ProjectClip] = []
        self.index: dict[str, int] = {}
        self.people: dict[str, _Person] = defaultdict(_Person)
        self.labels: dict[tuple[str, str], Label] = {}
        self.by_clip: dict[str, dict[str, Label]] = defaultdict(dict)
        self.proposals: dict[tuple[str, str], dict[str, float]] = {}
        self.sources: set[str] = set()  # of proposals
        self.worked: set[str] = set()  # clips with any act of a person, an undone one too
        self.seen: dict[tuple[str, str], tuple[str, ...]] = {}  # (annotator, clip) → sources shown
        self.blind: dict[tuple[str, str], dict[str, float]] = {}  # the last label given before a proposal was seen
        self.skipped: dict[tuple[str, str], str] = {}  # reason
        self.repeats: dict[tuple[str, str], Label] = {}  # by (clip, annotator): what the same person said again
        self.decisions: dict[str, dict[str, Label]] = defaultdict(dict)  # by clip and third person, the last one last
        self._counts: np.ndarray | None = None  # labels of each clip (n,), or None: to be counted
        self._mine: dict[str, np.ndarray] = {}  # which clips a person has labelled (n,)
        self._ranks: dict[str, np.ndarray] = {}
        self._scores: dict[str, np.ndarray] = {}
        self._gold: list[bool] = []  # of each clip (n,): everybody gets it, however many labels it has

    def add(self, clip: ProjectClip) -> None:
        """Add a clip at the end, or note its new place."""
        if clip.sha256 in self.index:
            self.clips[self.index[clip.sha256]] = clip
            self._gold[self.index[clip.sha256]] = is_gold(clip)
            return
        self.index[clip.sha256] = len(self.clips)
        self.clips.append(clip)
        self._gold.append(is_gold(clip))
        self._counts = None
        self._ranks.clear()
        self._scores.clear()

    def is_next_undo(self, event: Event) -> bool:
        """Whether an undo or redo names the act whose turn it is."""
        if event.kind not in ("undo", "redo"):
            return True
        person = self.people.get(event.annotator, _Person())
        path = person.done if event.kind == "undo" else person.undone
        return bool(path) and (path[-1].uuid, path[-1].clip) == (event.target, event.clip)

    def apply(self, event: Event) -> None:
        """Take the next event of the log.

        An undo takes back the act that it names, wherever that stands: a log that two stores wrote may have others
        after it. One that names nothing that can be undone, or done again, changes nothing.
        """
        if event.kind == "propose":
            self.proposals[event.clip, event.source] = event.distribution
            self.sources.add(event.source)
            self._score(event.clip)
            return
        self.worked.add(event.clip)
        key = (event.annotator, event.clip)
        if event.kind == "reveal":
            self.seen[key] = tuple(dict.fromkeys((*self.seen.get(key, ()), *event.seen)))
            return
        if event.kind == "skip":
            self.skipped[key] = event.note
        elif event.kind == "label":
            self.skipped.pop(key, None)
            if not event.seen:
                self.blind[key] = event.distribution
        person = self.people[event.annotator]
        if event.kind == "undo":
            act = _take(person.done, event.target)
            if act is None:
                return
            _take(person.acts[act.clip], act.uuid)
            person.undone.append(act)
        else:
            act = _take(person.undone, event.target) if event.kind == "redo" else event
            if act is None:
                return
            if event.kind != "redo":
                person.undone.clear()
            person.done.append(act)
            person.acts[act.clip].append(act)
        self._settle(act.clip, event.annotator, person)

    def _settle(self, clip: str, annotator: str, person: _Person) -> None:
        """The last label that stands counts; a later skip only postpones the clip. So with repeats and decisions."""
        _keep_last(person.acts[clip], "repeat", self.repeats, (clip, annotator))
        _keep_last(person.acts[clip], "decide", self.decisions[clip], annotator)
        if not self.decisions[clip]:
            del self.decisions[clip]
        last = next((act for act in reversed(person.acts[clip]) if act.kind == "label"), None)
        if last is None:
            self.labels.pop((clip, annotator), None)
            self.by_clip[clip].pop(annotator, None)
        else:
            label = label_of(last)
            self.labels[clip, annotator] = self.by_clip[clip][annotator] = label
        self._tally(clip, annotator, last is not None)
        self._score(clip)

    def next(
        self,
        annotator: str,
        *,
        wanted: int,
        order: str,
        random_fraction: float,
        seed: int,
        excluding: Collection[str] = (),
        held: Sequence[Mapping[str, int]] = (),
    ) -> ProjectClip | None:
        """Return the clip to be labelled next by one person, or None when nothing is left for them.

        `random_fraction` in [0, 1] of the turns are random whatever the order. Skipped clips come after all others.
        `excluding` are the SHA-256 of the clips in hand: what would come next if they were labelled. `held` says how
        many others have a clip before them, by SHA-256: where they make up what is wanted, it is for nobody else while
        there are others; each further mapping says it more narrowly, for when there are none. Nobody is held back: of
        the last clips, two people may have one, and it may then have more labels than wanted.
        """
        left = self._left(annotator, wanted)  # (m,) indices
        if excluding:
            left = left[~np.isin(left, [self.index[clip] for clip in excluding if clip in self.index])]
        if not len(left):
            return None
        person = self.people.get(annotator, _Person())
        skips = dict.fromkeys(act.clip for act in person.done if act.kind == "skip")
        skipped = [self.index[clip] for clip in skips if clip in self.index]
        fresh = left[~np.isin(left, skipped)]
        if not len(fresh):
            last = {act.clip: turn for turn, act in enumerate(person.done) if act.kind == "skip"}
            return self.clips[min(left, key=lambda i: last[self.clips[i].sha256])]
        fresh = self._free(fresh, wanted, held)
        if order != "given" and _chance(f"{seed}/{annotator}/{len(person.done) + len(excluding)}") < random_fraction:
            order = "random"
        if order in ("uncertain", "modalities", "people"):
            scores = self._score_table(order)[fresh]
            fresh = fresh[scores == scores.max()]
        counts = self._count()[fresh]
        fresh = fresh[counts == counts.min()]
        if order == "random":
            return self.clips[fresh[self._rank(annotator, seed)[fresh].argmin()]]
        return self.clips[fresh[0]]

    def progress(self, annotator: str, wanted: int) -> tuple[int, int]:
        """Return how many clips a person has labelled, and that with those that are left for them."""
        left = len(self._left(annotator, wanted))
        done = int(self._mine[annotator].sum()) if annotator in self._mine else 0
        return done, done + left

    def _left(self, annotator: str, wanted: int) -> np.ndarray:
        counts = self._count()
        wanting = (counts < wanted) | np.array(self._gold, dtype=bool)
        return np.flatnonzero(wanting & ~self._mine.get(annotator, np.zeros(len(counts), dtype=bool)))

    def repeat(
        self, annotator: str, turn: int, share: float, seed: int, excluding: Collection[str]
    ) -> ProjectClip | None:
        """Return a clip for a person to label again at one of their turns, or None; `share` in [0, 1] of the turns.

        It was labelled `REPEAT_AFTER` of their acts ago or more, has not come again yet, and is not in `excluding`.
        """
        if _chance(f"{seed}/{annotator}/repeat/{turn}") >= share:
            return None
        done = self.people.get(annotator, _Person()).done
        old = dict.fromkeys(act.clip for act in done[: max(0, turn - REPEAT_AFTER)] if act.kind == "label")
        recent = {act.clip for act in done[max(0, turn - REPEAT_AFTER) :]}
        for clip in old:
            again = (clip, annotator) in self.repeats or (clip, annotator) not in self.labels
            if not again and clip not in recent and clip not in excluding and clip in self.index:
                return self.clips[self.index[clip]]
        return None

    def _free(self, clips: np.ndarray, wanted: int, held: Sequence[Mapping[str, int]]) -> np.ndarray:
        """Return of clips (m,) those that others don't make up with what they have before them; all, if all are."""
        counts = self._count()
        for holders in held:
            known = [(self.index[clip], count) for clip, count in holders.items() if clip in self.index]
            busy = [index for index, count in known if counts[index] + count >= wanted]
            free = clips[~np.isin(clips, busy)]
            if len(free):
                return free
        return clips

    def _count(self) -> np.ndarray:
        """Return the number of labels of each clip (n,), kept as a table: the queue is asked after each save."""
        if self._counts is None:
            self._counts, self._mine = np.zeros(len(self.clips), dtype=np.int64), {}
            for clip, annotator in self.labels:
                self._tally(clip, annotator, True)
        return self._counts

    def _tally(self, clip: str, annotator: str, labelled: bool) -> None:
        if self._counts is None or clip not in self.index:  # a row of the database may be damaged, and left out
            return
        mine = self._mine.setdefault(annotator, np.zeros(len(self.clips), dtype=bool))
        at = self.index[clip]
        self._counts[at] += int(labelled) - int(mine[at])
        mine[at] = labelled

    def _rank(self, annotator: str, seed: int) -> np.ndarray:
        key = f"{seed}/{annotator}"
        if key not in self._ranks:
            self._ranks[key] = np.array([_chance(f"{key}/{clip.sha256}") for clip in self.clips])
        return self._ranks[key]

    def _score_table(self, order: str) -> np.ndarray:
        if order not in self._scores:
            self._scores[order] = np.array([self._score_of(clip.sha256, order) for clip in self.clips])
        return self._scores[order]

    def _score(self, clip: str) -> None:
        if clip not in self.index:
            return  # of a clip that was removed
        for order, table in self._scores.items():
            table[self.index[clip]] = self._score_of(clip, order)

    def _score_of(self, clip: str, order: str) -> float:
        """Entropy or divergence in bits; -1 where it is unknown, so that those clips come last."""
        if order == "people":
            given = [label.probs for label in self.by_clip.get(clip, {}).values()]
            pairs = list(combinations((np.array([probs[name] for name in given[0]]) for probs in given), 2))
            return float(np.mean([jensen_shannon(p, q) for p, q in pairs])) if pairs else -1.0
        names = self._sources(clip)
        if order == "uncertain":
            return float(np.mean([entropy(p) for p in names.values()])) if names else -1.0
        divergences = [
            jensen_shannon(voice, names[f"{name.removesuffix('/audio')}/text"])
            for name, voice in names.items()
            if name.endswith("/audio") and f"{name.removesuffix('/audio')}/text" in names
        ]
        return float(np.mean(divergences)) if divergences else -1.0

    def _sources(self, clip: str) -> dict[str, np.ndarray]:
        return {
            source: vector(self.proposals[clip, source])
            for source in sorted(self.sources)
            if source.startswith("model:") and (clip, source) in self.proposals
        }


def label_of(act: Event) -> Label:
    """Return the label that an act gives."""
    return Label(
        act.distribution,
        act.confidence,
        act.note,
        act.seen,
        act.before,
        act.seconds,
        act.uuid,
        act.fill,
        act.rest,
    )


def _keep_last(acts: Sequence[Event], kind: str, stands: dict[Key, Label], key: Key) -> None:
    """Put the last act of a kind that stands into a table, at its end unless it was there already."""
    again = next((act for act in reversed(acts) if act.kind == kind), None)
    before = stands.pop(key, None)
    if again is not None:
        stands[key] = before if before is not None and before.event == again.uuid else label_of(again)


def _chance(text: str) -> float:
    """Return a number in [0, 1) that depends on the text alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big") / 2**48


def _take(acts: list[Event], uuid: str) -> Event | None:
    """Remove an act by its id, usually the last, and return it; None when it is not there."""
    at = next((i for i in reversed(range(len(acts))) if acts[i].uuid == uuid), None)
    return None if at is None else acts.pop(at)
