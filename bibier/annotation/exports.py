"""What people said of a project's clips, in the formats of the field; each can be read back (`imports.py`).

Three provenances never share a column or a file: one person's distribution, the distribution over people, and what a
machine proposed. Probabilities keep every digit.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from bibier.annotation.events import Event
from bibier.annotation.label_list import LabelList, label_list
from bibier.annotation.label_studio import tasks_of
from bibier.annotation.project_log import ProjectLog
from bibier.annotation.state import Label, ProjectClip
from bibier.annotation.store import Store
from bibier.csv_safety import guard
from bibier.distributions import entropy
from bibier.errors import InputError
from bibier.files import check_replaceable, replacing
from bibier.labels import EMOTIONS, named
from bibier.soft_labels.tables import COLUMNS as LS_LLM

CLIP = ("sha256", "path", "text", "language", "corpus_label")  # columns about a clip
LATER = ("fill", "rest", "time")  # of a long table; one of before lacks them
MANIFEST = ("id", "path", "text", "language", "split", "speaker", "dialogue", "label", *EMOTIONS)
PROPOSALS = ("sha256", "source", *EMOTIONS)


@dataclass(frozen=True)
class ProjectSnapshot:
    """All of a project that an export needs."""

    project: str
    clips: list[ProjectClip]
    events: list[Event]
    labels: Mapping[tuple[str, str], Label]  # by (clip, annotator)
    proposals: Mapping[tuple[str, str], Mapping[str, float]]  # by (clip, source)
    decisions: Mapping[str, Mapping[str, Label]] = field(default_factory=dict)  # by clip and third person
    setting: Sequence[Any] = ()  # what the project's labels are; () is the seven emotions

    @property
    def labels_of(self) -> LabelList:
        """What people may say of a clip."""
        return label_list(self.setting)

    def mean(self, labels: Mapping[str, Label]) -> np.ndarray:
        """Return the mean (C,) of people's distributions, in the order of `labels_of`."""
        return np.mean([self.labels_of.vector(label.probs) for label in labels.values()], axis=0)

    def votes(self, labels: Mapping[str, Label]) -> np.ndarray:
        """Return how many people's largest class each label is (C,); a tied one shares its vote."""
        counts = np.zeros(len(self.labels_of.names))
        for label in labels.values():
            top = self.labels_of.vector(label.probs)
            counts += (top == top.max()) / (top == top.max()).sum()
        return counts

    def unanchored(self) -> ProjectSnapshot:
        """Return the same with every label as it was before a proposal had been seen; others are left out."""
        unanchored = {}
        for key, label in self.labels.items():
            if label.seen and label.before is not None:
                unanchored[key] = replace(label, probs=label.before, seen=(), before=None)
            elif not label.seen:
                unanchored[key] = label
        return replace(self, labels=unanchored)

    def by_clip(self) -> dict[str, dict[str, Label]]:
        """Return each labelled clip's labels by annotator, in the order of the clips and of the names."""
        by_clip: dict[str, dict[str, Label]] = {clip.sha256: {} for clip in self.clips}
        for clip, person in sorted(self.labels):
            by_clip[clip][person] = self.labels[clip, person]
        return {clip: labels for clip, labels in by_clip.items() if labels}


def snapshot_of(store: Store, project: str) -> ProjectSnapshot:
    """Read a project; what models proposed for clips that were removed is left out. Raises InputError."""

    def copied(log: ProjectLog) -> ProjectSnapshot:
        clips, index, state = list(log.state.clips), log.state.index, log.state
        labels = {key: label for key, label in state.labels.items() if key[0] in index}
        decisions = {clip: dict(by) for clip, by in state.decisions.items() if by and clip in index}
        # what models said before the project had its own list fits no other such project
        kept = {} if log.labels.is_own else state.proposals
        proposals = {key: probs for key, probs in kept.items() if key[0] in index}
        return ProjectSnapshot(project, clips, [], labels, proposals, decisions, log.settings["labels"])

    with store.reading_whole(project, copied) as (snapshot, entries):
        index, own = {clip.sha256 for clip in snapshot.clips}, snapshot.labels_of.is_own
        for entry in entries():
            if entry.event.clip in index and not (own and entry.event.kind == "propose"):
                snapshot.events.append(entry.event)
        return snapshot


def long_columns(names: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of a long table of labels with these names, but for those that came `LATER`."""
    said = (*CLIP, "annotator", *names, "confidence", "note", "seen")
    return (*said, *(f"before_{name}" for name in names), "seconds", "event")


def decisions_columns(names: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of a table of decisions on labels with these names."""
    return (*CLIP, "decided_by", *names, "confidence", "note", "event")


# --- formats: ProjectSnapshot → the pieces of a text -----------------------------------------------------------------


def events(snapshot: ProjectSnapshot) -> Iterator[str]:
    """JSONL: the project's own list of labels, if it has one; a line for each clip; one for each event, undone too."""
    if snapshot.labels_of.is_own:
        yield _line({"labels": snapshot.setting})
    for clip in snapshot.clips:
        yield _line({"clip": asdict(clip)})
    for event in snapshot.events:
        yield event.to_json() + "\n"


def long(snapshot: ProjectSnapshot) -> Iterator[str]:
    """CSV with a row for each clip and person."""
    clips, names = {clip.sha256: clip for clip in snapshot.clips}, snapshot.labels_of.names
    rows, times = [], {event.uuid: event.time for event in snapshot.events}
    for sha256, labels in snapshot.by_clip().items():
        for person, label in labels.items():
            before = label.before or {}
            rows.append(
                _of_clip(clips[sha256])
                | {"annotator": guard(person), "note": guard(label.note), "seen": guard(json.dumps(label.seen))}
                | {name: repr(label.probs[name]) for name in names}
                | {f"before_{name}": repr(before[name]) if before else "" for name in names}
                | {"confidence": "" if label.confidence is None else repr(label.confidence)}
                | {"seconds": repr(label.seconds), "event": guard(label.event)}
                | {"fill": label.fill, "rest": repr(label.rest), "time": times.get(label.event, "")}
            )
    return _csv((*long_columns(names), *LATER), rows)


def wide(snapshot: ProjectSnapshot) -> Iterator[str]:
    """CSV with a row for each clip: the mean over people, their votes, and then the columns of each person."""
    clips, names = {clip.sha256: clip for clip in snapshot.clips}, snapshot.labels_of.names
    people = sorted({person for _, person in snapshot.labels})
    columns = [*CLIP, "people", *(f"{kind}_{name}" for kind in ("mean", "votes") for name in names)]
    columns += [guard(f"{name} ({person})") for person in people for name in names]
    rows = []
    for sha256, labels in snapshot.by_clip().items():
        row = _of_clip(clips[sha256]) | {"people": str(len(labels))}
        for kind, values in (("mean", snapshot.mean(labels)), ("votes", snapshot.votes(labels))):
            row |= {f"{kind}_{name}": repr(float(v)) for name, v in zip(names, values, strict=True)}
        for person, label in labels.items():
            row |= {guard(f"{name} ({person})"): repr(label.probs[name]) for name in names}
        rows.append(row)
    return _csv(columns, rows)


def proposals(snapshot: ProjectSnapshot) -> Iterator[str]:
    """CSV of what machines proposed, a row for each clip and source."""
    rows = [
        {"sha256": clip, "source": guard(source)} | {name: repr(probs[name]) for name in EMOTIONS}
        for (clip, source), probs in sorted(snapshot.proposals.items())
    ]
    return _csv(PROPOSALS, rows)


def decisions(snapshot: ProjectSnapshot) -> Iterator[str]:
    """CSV of what third persons decided, a row for each clip and person; the last of a clip is the last decision."""
    rows, names = [], snapshot.labels_of.names
    for clip in snapshot.clips:
        for person, label in snapshot.decisions.get(clip.sha256, {}).items():
            sure = "" if label.confidence is None else repr(label.confidence)
            row = _of_clip(clip) | {"decided_by": guard(person), "confidence": sure, "note": guard(label.note)}
            rows.append(row | {name: repr(label.probs[name]) for name in names} | {"event": guard(label.event)})
    return _csv(decisions_columns(names), rows)


def lewidi(snapshot: ProjectSnapshot) -> Iterator[str]:
    """JSON in the manner of the Learning With Disagreements shared tasks, keyed by item.

    `annotations` holds each person's largest class ("" for a tie) and `soft_label` the mean over people; the people's
    distributions and names are in `other_info`.
    """
    clips = {clip.sha256: clip for clip in snapshot.clips}
    people = {person: f"Ann{i}" for i, person in enumerate(sorted({p for _, p in snapshot.labels}), start=1)}
    items = {}
    for number, (sha256, labels) in enumerate(snapshot.by_clip().items(), start=1):
        clip = clips[sha256]
        items[str(number)] = {
            "text": clip.text,
            "annotation task": "emotion of speech",
            "number of annotations": len(labels),
            "number of annotators": len(labels),
            "annotations": {people[person]: _hard(label.probs) for person, label in labels.items()},
            "annotators": ",".join(people[person] for person in labels),
            "lang": clip.language,
            "hard_label": _hard(snapshot.labels_of.named(snapshot.mean(labels))),
            "soft_label": snapshot.labels_of.named(snapshot.mean(labels)),
            "split": str(clip.extra.get("split", "train")),
            "other_info": {
                "sha256": sha256,
                "path": clip.path,
                "corpus_label": clip.label,
                "names": {people[person]: person for person in labels},
                "distributions": {people[person]: label.probs for person, label in labels.items()},
            },
        }
    yield json.dumps(items, ensure_ascii=False, indent=1)


def chaosnli(snapshot: ProjectSnapshot) -> Iterator[str]:
    """JSONL in the manner of ChaosNLI: votes of people's largest classes, their shares and their entropy in bits."""
    clips, of = {clip.sha256: clip for clip in snapshot.clips}, snapshot.labels_of
    for sha256, labels in snapshot.by_clip().items():
        votes, clip = snapshot.votes(labels), clips[sha256]
        share = votes / votes.sum()
        yield _line(
            {
                "uid": sha256,
                "label_counter": {name: float(v) for name, v in zip(of.names, votes, strict=True) if v},
                "majority_label": _hard(of.named(share)),
                "label_dist": share.tolist(),
                "label_count": votes.tolist(),
                "entropy": float(entropy(share)),
                "example": {"uid": sha256, "text": clip.text, "path": clip.path, "labels": list(of.names)},
                "old_label": clip.label,
                "mean_dist": snapshot.mean(labels).tolist(),
            }
        )


def ls_llm(snapshot: ProjectSnapshot) -> Iterator[str]:
    """CSV with the columns of the LS-LLM tables, as `train` reads them, of the mean over people."""
    check_seven(snapshot, "ls-llm")
    clips = {clip.sha256: clip for clip in snapshot.clips}
    rows = []
    for sha256, labels in snapshot.by_clip().items():
        mean, clip = snapshot.mean(labels), clips[sha256]
        facts = {"video_name": sha256, "start_time": -1, "end_time": -1, "sentiment": -1, "text": guard(clip.text)}
        facts |= {"ground_truth": clip.label or "", "llm_best_label": EMOTIONS[int(mean.argmax())]}
        rows.append(
            facts | {name: repr(v) for name, v in named(mean).items()} | {"sum_of_emotions": repr(float(mean.sum()))}
        )
    return _csv(LS_LLM, rows)


def manifest(snapshot: ProjectSnapshot) -> Iterator[str]:
    """CSV that `train` reads as a corpus: the mean over people, trained on as a distribution."""
    check_seven(snapshot, "manifest")
    clips = {clip.sha256: clip for clip in snapshot.clips}
    rows = []
    for sha256, labels in snapshot.by_clip().items():
        clip, mean = clips[sha256], snapshot.mean(labels)
        extra = {name: guard(str(clip.extra.get(name) or sha256)) for name in ("speaker", "dialogue")}
        row = {"id": sha256, "path": guard(clip.path), "text": guard(clip.text)}
        row |= {"language": guard(clip.language)}
        row |= extra | {"split": guard(str(clip.extra.get("split") or "train"))}
        row |= {"label": EMOTIONS[int(mean.argmax())]}
        rows.append(row | {name: repr(v) for name, v in named(mean).items()})
    return _csv(MANIFEST, rows)


def label_studio(snapshot: ProjectSnapshot) -> Iterator[str]:
    """JSON of Label Studio's tasks, one for each labelled clip."""
    yield tasks_of(snapshot.clips, snapshot.by_clip(), snapshot.labels_of.names)


def check_seven(snapshot: ProjectSnapshot, kind: str) -> None:
    """Raise InputError for a project of other labels than the seven emotions, which are all that `kind` can hold."""
    if snapshot.labels_of.is_own:
        names = ", ".join(snapshot.labels_of.names)
        raise InputError("export-seven", project=snapshot.project, kind=kind, names=names)


FORMATS: dict[str, tuple[str, Callable[[ProjectSnapshot], Iterator[str]]]] = {
    "events": (".jsonl", events),
    "long": (".csv", long),
    "wide": (".csv", wide),
    "proposals": (".csv", proposals),
    "decisions": (".csv", decisions),
    "lewidi": (".json", lewidi),
    "chaosnli": (".jsonl", chaosnli),
    "ls-llm": (".csv", ls_llm),
    "manifest": (".csv", manifest),
    "label-studio": (".json", label_studio),
}


def save(snapshot: ProjectSnapshot, kind: str, path: Path, *, replace: bool = False, excel: bool = False) -> Path:
    """Write an export of one of `FORMATS`, whole or not at all; with `excel` a CSV begins with a byte-order mark.

    Raises InputError when a file is there already and `replace` is not set, and when it can't be written.
    """
    try:
        if path.exists() and not replace:
            raise InputError("export-exists", file=str(path))
        check_replaceable(path, *(clip.path for clip in snapshot.clips if Path(clip.path).name == path.name))
        path.parent.mkdir(parents=True, exist_ok=True)
        encoding = "utf-8-sig" if excel and FORMATS[kind][0] == ".csv" else "utf-8"
        with replacing(path) as part, part.open("w", encoding=encoding, newline="") as file:
            file.writelines(FORMATS[kind][1](snapshot))
    except OSError as error:
        raise InputError("export-failed", file=str(path), reason=error.strerror or str(error)) from error
    return path


def _of_clip(clip: ProjectClip) -> dict[str, str]:
    facts = {"path": clip.path, "text": clip.text, "language": clip.language, "corpus_label": clip.label or ""}
    return {"sha256": clip.sha256} | {name: guard(value) for name, value in facts.items()}


def _hard(probs: Mapping[str, float]) -> str:
    """Return the largest class; "" for a tie."""
    top = max(probs.values())
    largest = [name for name, value in probs.items() if value == top]
    return largest[0] if len(largest) == 1 else ""


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n"


def _csv(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> Iterator[str]:
    """Yield the pieces of a CSV: its header, then its rows."""
    written = io.StringIO(newline="")
    table = csv.DictWriter(written, columns, restval="", lineterminator="\r\n")
    table.writeheader()
    for row in rows:
        table.writerow(row)
        yield written.getvalue()
        written.seek(0)
        written.truncate()
    if rest := written.getvalue():
        yield rest
