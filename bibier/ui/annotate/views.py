"""What an act of the Annotate tab finds in its transaction: who asks, for which clip, what may be shown of it."""

from __future__ import annotations

from collections.abc import Mapping

from bibier.annotation.label_list import LabelList
from bibier.annotation.project_log import ProjectLog
from bibier.annotation.state import Label, ProjectClip
from bibier.errors import InputError
from bibier.ui.annotate.answers import BarValue, ClipView, LabelValue, Mode, PersonsLabel
from bibier.ui.annotate.points import points
from bibier.unicode_text import normalise

MODALITY_SUFFIXES = ("/audio", "/text")  # ends of sources that only order the queue
FEWEST = 2  # labels of a clip on which a third person decides
OTHERS = "people"  # what is noted as seen where a person was shown what others said
NAME_LIMIT = 80  # characters of an annotator's name

Sent = Mapping[str, object]  # by a browser, which may send anything


def project_of(sent: Sent) -> str:
    """Return the project as the browser named it, which may be none of the store's."""
    project = sent.get("project")
    if not isinstance(project, str):
        raise InputError("annotate-project", name=str(project)[:NAME_LIMIT])
    return project


def who(log: ProjectLog, sent: Sent) -> str:
    """Return the annotator as the browser named them; a name that only looks another is the one that is known.

    Who signed in (`signed`, which the server sets) is who they are, to the letter.
    """
    annotator = sent.get("annotator")
    if not isinstance(annotator, str) or not 1 <= len(annotator.strip()) <= NAME_LIMIT:
        raise InputError("annotate-name")
    name = annotator.strip()
    people = log.state.people
    if sent.get("signed") is True or name in people:
        return name
    name = " ".join(normalise("NFC", name).split())
    wanted = looks(name)
    return name if name in people else next((known for known in people if looks(known) == wanted), name)


def looks(name: str) -> str:
    """Return a name as people tell names apart: not by case, composed letters or spaces."""
    return " ".join(normalise("NFKC", normalise("NFKC", name).casefold()).split())


def bars(labels: LabelList) -> list[BarValue]:
    """Return the labels of a project as the page draws them, in the order of their bars."""
    return [
        {
            "name": label.name,
            "titles": dict(label.titles),
            "colour": label.colour,
            "colour_dark": label.colour_dark,
            "offered": label.name in labels.offered,
        }
        for label in labels.labels
    ]


def listed(log: ProjectLog, sha256: str) -> ProjectClip | None:
    """Return a clip as the store lists it now: it may have been moved or removed meanwhile."""
    index = log.state.index.get(sha256)
    return None if index is None else log.state.clips[index]


def clip_of(log: ProjectLog, sha256: object) -> ProjectClip:
    """Return a clip of the project. Raises InputError when it is not there."""
    if not isinstance(sha256, str):
        raise InputError("annotate-field", name="clip")
    clip = listed(log, sha256)
    if clip is None:
        raise InputError("annotate-clip", project=log.project)
    return clip


def shown(log: ProjectLog) -> bool:
    """Whether the project shows proposals from the start."""
    return log.settings.get("proposals") == "shown"


def proposals(log: ProjectLog, clip: str) -> dict[str, dict[str, float]]:
    """Return the machines' distributions for a clip by their sources, without those of one modality alone.

    There are none for a project whose labels are not the seven emotions.
    """
    if log.labels.is_own:
        return {}
    return {
        source: log.state.proposals[clip, source]
        for source in sorted(log.state.sources)
        if (clip, source) in log.state.proposals and not source.endswith(MODALITY_SUFFIXES)
    }


def check_third(log: ProjectLog, annotator: str, clip: ProjectClip) -> None:
    """Raise InputError unless a person may decide on a clip: two others have labelled it, and they have not."""
    labels = log.state.by_clip.get(clip.sha256, {})
    if annotator in labels:
        raise InputError("annotate-third")
    if len(labels) < FEWEST:
        raise InputError("annotate-few")


def check_judged(log: ProjectLog) -> None:
    """Raise InputError for a project of other labels than the seven emotions: no model of ours knows them."""
    if log.labels.is_own:
        raise InputError("labels-no-proposals", project=log.project)


def label_value(log: ProjectLog, label: Label) -> LabelValue:
    """Return a label as the page has it."""
    return {"points": points(label.probs, log.labels.names), "confidence": label.confidence, "note": label.note}


def view(log: ProjectLog, annotator: str, clip: ProjectClip, mode: Mode = "") -> ClipView:
    """Return what the page shows of a clip; no proposal is in it that the person may not see yet.

    In a mode there are no proposals; for a review, everybody's labels as they were before a proposal was seen.
    """
    key = (annotator, clip.sha256)
    label, seen = log.state.labels.get((clip.sha256, annotator)), log.state.seen.get(key)
    people: list[PersonsLabel] = []
    if mode == "review":
        label = log.state.decisions.get(clip.sha256, {}).get(annotator)
        for name, given in sorted(log.state.by_clip.get(clip.sha256, {}).items()):
            people.append({"name": name, "points": points(given.before or given.probs, log.labels.names)})
    elif mode == "repeat":
        label = log.state.repeats.get((clip.sha256, annotator))
    revealed = shown(log) or bool(set(seen or ()) - {OTHERS})
    visible = proposals(log, clip.sha256) if revealed else {}
    if mode:
        visible = {}
    elif not shown(log):
        visible = {source: probs for source, probs in visible.items() if source in (seen or ())}
    return {
        "clip": clip.sha256,
        "text": clip.text,
        "language": clip.language,
        "duration": clip.duration,
        "label": None if label is None else label_value(log, label),
        "proposals": [{"source": source, "points": points(probs)} for source, probs in visible.items()],
        "revealed": revealed,
        "skipped": log.state.skipped.get(key, "").split("\n")[0] or None,
        "mode": mode,
        "people": people,
    }
