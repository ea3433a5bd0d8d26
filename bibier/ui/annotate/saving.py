"""What a browser sent of an act of the Annotate tab becomes an event of the log."""

from __future__ import annotations

import re
from uuid import uuid4

from bibier.annotation.events import MAX_SECONDS, Event
from bibier.annotation.project_log import ProjectLog
from bibier.errors import InputError
from bibier.ui.annotate.views import OTHERS, Sent, clip_of, who

NOTE_LIMIT = 4000  # characters
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # as the page makes it for each act: a UUID
LONGEST = 24 * 3600.0  # s on one clip that are believed


def append(
    log: ProjectLog,
    sent: Sent,
    kind: str,
    *,
    probs: dict[str, float] | None = None,
    confidence: float | None = None,
    seen: tuple[str, ...] = (),
    before: dict[str, float] | None = None,
    fill: str = "",
    rest: float = 0.0,
) -> bool:
    """Append what the browser sent as an event; a repeated one is no other."""
    note, uuid, seconds = sent.get("note", ""), sent.get("uuid"), sent.get("seconds", 0.0)
    if not isinstance(note, str):
        raise InputError("annotate-field", name="note")
    if len(note) > NOTE_LIMIT:
        raise InputError("annotate-note", most=NOTE_LIMIT, count=len(note))
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise InputError("annotate-field", name="seconds")
    if not 0 <= seconds <= MAX_SECONDS:  # NaN is refused too
        raise InputError("annotate-field", name="seconds")
    if not isinstance(uuid, str) or not ID.fullmatch(uuid):
        raise InputError("annotate-field", name="uuid")
    event = Event(
        uuid=uuid,
        project=log.project,
        clip=clip_of(log, sent.get("clip")).sha256,
        annotator=who(log, sent),
        kind=kind,
        probs=probs,
        confidence=confidence,
        note=note,
        seen=seen,
        before=before,
        seconds=float(min(seconds, LONGEST)),
        fill=fill,
        rest=rest,
    )
    event = event.stamped().check()
    return not log.has(event) and log.append(event)


def note_others_seen(log: ProjectLog, sent: Sent) -> None:
    """Record, once, that a person is shown what others said of a clip: a label given after that is no blind one."""
    asked = {name: sent.get(name) for name in ("annotator", "signed", "clip")}
    if OTHERS not in log.state.seen.get((who(log, asked), clip_of(log, asked["clip"]).sha256), ()):
        append(log, {**asked, "uuid": str(uuid4())}, "reveal", seen=(OTHERS,))
