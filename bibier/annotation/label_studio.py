"""Label Studio's JSON of tasks: labels out as seven numbers, and labels back from numbers or a single choice.

The labelling configuration that shows what is exported has a `Number` tag for each emotion (`toName="audio"`, 0 to
100), and by choice `<TextArea name="note">` and `<Number name="confidence">`. Names of people stand in
`completed_by.email`, as in Label Studio's own full export.
"""

from __future__ import annotations

import json
import math
import os
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from bibier.annotation.entries import NAMESPACE
from bibier.annotation.events import SHA256, Event
from bibier.annotation.label_list import LabelList, is_sound, label_list, setting_of
from bibier.annotation.state import Label, ProjectClip
from bibier.audio.format import ENDINGS
from bibier.errors import InputError, reason_of
from bibier.files import sha256
from bibier.i18n.messages import Message
from bibier.labels import ALIASES, EMOTIONS, canonical
from bibier.parsing import read_json

WHOLE = 100  # points of a label; a sum of 1 is taken too
TOLERANCE = 0.01  # of the sum, as a share


def tasks_of(
    clips: Iterable[ProjectClip], by_clip: Mapping[str, Mapping[str, Label]], names: Sequence[str] = EMOTIONS
) -> str:
    """Return JSON of tasks as Label Studio imports and exports them, one for each clip that has labels by person."""
    known = {clip.sha256: clip for clip in clips}
    tasks = []
    for number, (digest, labels) in enumerate(by_clip.items(), start=1):
        clip = known[digest]
        data = {"audio": clip.path, "text": clip.text, "language": clip.language, "sha256": digest}
        annotations = [_annotation(person, label, names) for person, label in labels.items()]
        tasks.append({"id": number, "data": data, "annotations": annotations})
    return json.dumps(tasks, ensure_ascii=False, indent=1)


def read_label_studio(path: Path, labels: LabelList | None = None) -> tuple[list[ProjectClip], list[Event], list[Any]]:
    """Read tasks with their annotations; what people cancelled is left out, and so are predictions.

    `labels` are those of the project; of a project that is made with them, None, they are what the tasks give numbers
    to, if that is no emotion. They are returned too, as a setting. Raises InputError that names the task and why it
    can't be read: no recording that can be found, several choices whose shares nobody gave, a label that the project
    has not, numbers that don't sum to 100 or 1.
    """
    try:
        tasks = read_json(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise InputError("import-line", file=path.name, line=0, reason=reason_of(error)) from error
    if not isinstance(tasks, list) or not all(isinstance(t, dict) and isinstance(t.get("data"), dict) for t in tasks):
        raise InputError("import-no-tasks", file=path.name)
    setting = _named_by(tasks) if labels is None else setting_of(labels.names)
    labels = labels or label_list(setting)
    clips, events = [], []
    for number, task in enumerate(tasks, start=1):
        try:
            clip = _clip(task["data"], path.parent)
            clips.append(clip)
            events += [_event(given, clip.sha256, labels) for given in _annotations(task)]
        except (AttributeError, TypeError, ValueError, OSError, InputError) as error:
            name = str(task.get("id", number))[:40]
            raise InputError("import-task", file=path.name, task=name, reason=reason_of(error)) from error
    return clips, events, setting


def _named_by(tasks: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the setting of a project whose labels are the names of numbers that share out 100 or 1; [] for the seven.

    What is no such task is left to whoever reads it.
    """
    names: dict[str, None] = {}
    for given in (each for task in tasks for each in _objects(task.get("annotations"))):
        results = _objects(given.get("result"))
        numbers = {
            str(each.get("from_name")): _number(each)
            for each in results
            if each.get("type") == "number" and each.get("from_name") != "confidence"
        }
        if numbers and not _is_whole(math.fsum(number or 0.0 for number in numbers.values())):
            return []
        names |= dict.fromkeys(numbers)
    own = [name for name in names if _emotion(name) is None]
    return list(names) if own and is_sound(list(names)) else []


def _objects(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _is_whole(total: float) -> bool:
    return any(abs(total - whole) <= TOLERANCE * whole for whole in (WHOLE, 1))


def _annotation(person: str, label: Label, names: Sequence[str]) -> dict[str, Any]:
    def result(name: str, kind: str, value: object) -> dict[str, Any]:
        return {"from_name": name, "to_name": "audio", "type": kind, "value": value}

    results = [result(name, "number", {"number": label.probs[name] * WHOLE}) for name in names]
    if label.confidence is not None:
        results.append(result("confidence", "number", {"number": label.confidence}))
    if label.note:
        results.append(result("note", "textarea", {"text": [label.note]}))
    return {
        "unique_id": label.event,
        "completed_by": {"email": person},
        "lead_time": label.seconds,
        "was_cancelled": False,
        "result": results,
    }


def _annotations(task: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    given = task.get("annotations", [])
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise _wrong("annotations", given)
    return [each for each in given if not each.get("was_cancelled")]


def _clip(data: Mapping[str, Any], folder: Path) -> ProjectClip:
    """Return the clip of a task: by its hash where it has one, else by the file that can be found here."""
    audio = next((v for v in data.values() if isinstance(v, str) and Path(_place(v)).suffix.lower() in ENDINGS), "")
    digest = data.get("sha256")
    file = next((place for place in _places(audio, folder) if place.is_file()), None) if audio else None
    if not isinstance(digest, str) or not SHA256.fullmatch(digest):
        if file is None:
            raise InputError("import-no-file", file=(audio or "—")[:200])
        if not Path(os.path.realpath(file)).is_relative_to(os.path.realpath(folder)):
            raise _wrong("audio", audio, Message("import-beside"))  # a hash would have said that it is known
        digest = sha256(file)
    texts = {name: data[name] for name in ("text", "language") if isinstance(data.get(name), str)}
    return ProjectClip(digest, str(file.resolve()) if file else audio, **texts)


def _place(address: str) -> str:
    """Return the path in an address as Label Studio writes it: of an upload, of its local files, or a path."""
    parts = urlsplit(address)
    local = parse_qs(parts.query).get("d")
    return local[0] if local else unquote(parts.path)


def _places(address: str, folder: Path) -> Iterator[Path]:
    place = Path(_place(address))
    yield folder / place  # an absolute one stays what it is
    yield folder / place.name
    yield folder / place.name.partition("-")[2]  # an upload has a prefix


def _event(given: Mapping[str, Any], clip: str, labels: LabelList) -> Event:
    results = given.get("result", [])
    if not isinstance(results, list) or not all(isinstance(each, dict) for each in results):
        raise _wrong("result", results)
    by_name = {str(each.get("from_name")): each for each in results}
    author = given.get("completed_by")
    if isinstance(author, dict):
        author = author.get("email") or author.get("first_name") or author.get("id")
    content = json.dumps(given, sort_keys=True, ensure_ascii=False)
    own = given.get("unique_id")
    confidence = _number(by_name.get("confidence"))
    seconds = given.get("lead_time")
    return Event(
        uuid=own if isinstance(own, str) else str(uuid.uuid5(NAMESPACE, f"{clip}\n{content}")),
        project="",
        clip=clip,
        annotator="" if author is None else str(author),
        kind="label",
        probs=_shares(by_name, results, labels),
        confidence=confidence,
        note=_text(by_name.get("note")),
        seconds=float(seconds) if isinstance(seconds, int | float) else 0.0,
    )


def _shares(
    by_name: Mapping[str, Mapping[str, Any]], results: list[Mapping[str, Any]], labels: LabelList
) -> dict[str, float]:
    def meant(name: str) -> str | None:
        return (name if name in labels.names else None) if labels.is_own else _emotion(name)

    numbers = {name: _number(each) for name, each in by_name.items() if each.get("type") == "number"}
    shares = {known: number for name, number in numbers.items() if (known := meant(name)) and number is not None}
    strange = [name for name in numbers if meant(name) is None and name != "confidence"]
    if strange and (labels.is_own or not shares):
        raise _wrong("number", ", ".join(strange), ", ".join(labels.names))
    if shares:
        total = math.fsum(shares.values())
        if min(shares.values()) < 0 or not _is_whole(total):
            raise _wrong("number", f"Σ = {total:.4g}", "Σ = 100")
        return {name: shares.get(name, 0.0) / total for name in labels.names}
    choices = [each for each in results if each.get("type") == "choices"]
    chosen = [label for each in choices for label in each.get("value", {}).get("choices", [])]
    if len(chosen) != 1:
        raise InputError("import-choices", count=len(chosen), choices=", ".join(map(str, chosen))[:80] or "—")
    label = meant(str(chosen[0]))
    if label is None:
        raise _wrong("choices", chosen[0], ", ".join(labels.names))
    return {name: float(name == label) for name in labels.names}


def _emotion(name: str) -> str | None:
    lowered = name.strip().lower()
    return canonical(lowered) if lowered in (*EMOTIONS, *ALIASES) else None


def _number(result: Mapping[str, Any] | None) -> float | None:
    value = result.get("value", {}).get("number") if result else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _text(result: Mapping[str, Any] | None) -> str:
    text = result.get("value", {}).get("text") if result else None
    return "\n".join(map(str, text)) if isinstance(text, list) else str(text or "")


def _wrong(field: str, value: object, expected: str | Message = "…") -> InputError:
    return InputError("event-wrong", field=field, value=str(value)[:80], expected=expected)
