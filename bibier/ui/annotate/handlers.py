"""What happens at each act in the Annotate tab, apart from Gradio: plain values in, plain values out.

Every answer comes after the store's own: what is called saved is durable. A person's label is blind unless the page
had shown a proposal before, and which it had shown is known here and not taken from the browser.
"""

from __future__ import annotations

import copy
import hashlib
import re
import threading
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Protocol

from bibier.annotation.ingest import keep
from bibier.annotation.location import CLIPS
from bibier.annotation.project_log import ProjectLog
from bibier.annotation.state import ProjectClip, label_of
from bibier.annotation.store import Store
from bibier.audio.format import ENDINGS
from bibier.errors import InputError, StoreUnavailable
from bibier.ui.annotate.answers import (
    ClipAddress,
    Coming,
    HoldAnswer,
    Mode,
    OpenAnswer,
    SaveAnswer,
    StepAnswer,
    VisitAnswer,
)
from bibier.ui.annotate.points import filling, probabilities, share
from bibier.ui.annotate.presence import Also, Presence
from bibier.ui.annotate.project_acts import CreateProject, ProjectActs
from bibier.ui.annotate.reservations import Reservations
from bibier.ui.annotate.saving import append, note_others_seen
from bibier.ui.annotate.views import (
    OTHERS,
    Sent,
    bars,
    check_judged,
    check_third,
    clip_of,
    label_value,
    listed,
    project_of,
    proposals,
    shown,
    view,
    who,
)

SETTINGS = ("proposals", "wanted", "order", "share", "labels", "repeats", "guidelines")  # that the page shows
NEEDS_PROPOSALS = ("uncertain", "modalities")  # orders that need the model's word on every clip
HASH = re.compile(r"[0-9a-f]{64}")
SENT = "analysed"  # the project of the recordings that come from the Analyse tab
MODES: dict[str, Mode] = {"repeat": "repeat", "decide": "review"}  # in which a clip is shown, by the act about it
AHEAD = 12  # clips that the page knows beforehand, so that nobody waits for a slow connection
HEARD_AHEAD = 2  # of them, that the model is asked about

Clips = list[ProjectClip]


class Prefetch(Protocol):
    """Puts the model's proposals for clips into the store, as `prefetch.Prefetcher` does."""

    def __call__(self, project: str, clips: list[ProjectClip], *, annotator: str = "", wait: bool = False) -> None:
        """See to the proposals of `clips`; with `wait`, return when they are there."""


def no_prefetch(project: str, clips: list[ProjectClip], *, annotator: str = "", wait: bool = False) -> None:
    """Make no proposals."""


class AnnotateHandlers(ProjectActs):
    """The handlers of the Annotate tab.

    Parameters
    ----------
    store
        Where clips and events are kept.
    create_project
        Makes a project: (name, source, labels, told how far it is) → its name. None where paths may not be given.
    prefetch
        Asked to put the model's proposals for clips into the store: (project, clips, annotator=…, wait=False).
    propose_all
        Asked to put the model's proposals for every clip of a project into the store, in the background.
    storage_notice
        Says where annotations live: language → (sentences, whether that is a disk that forgets or a copy that failed).
    ask_llm
        Has a language model propose for a clip: (project, clip) → source. None without one.
    folder
        Where recordings sent from the Analyse tab are kept: Gradio forgets its own copy after a day.
    """

    def __init__(
        self,
        store: Store,
        *,
        create_project: CreateProject | None = None,
        prefetch: Prefetch = no_prefetch,
        propose_all: Callable[[str], None] = lambda project: None,
        folder: Path = CLIPS,
        ask_llm: Callable[[str, ProjectClip], str] | None = None,
        storage_notice: Callable[[str], tuple[str, bool]] | None = None,
    ):
        self.storage_notice = storage_notice
        self.ask_llm, self.propose_all = ask_llm, propose_all
        self.store, self.create_project, self.prefetch, self.folder = store, create_project, prefetch, folder
        self.receiving = threading.Lock()  # one recording at a time
        self.reservations, self.presence = Reservations(), Presence()

    def for_visitors(self) -> AnnotateHandlers:
        """Return the same for who may name no paths, change no settings and take no more than their own labels."""
        visitors = copy.copy(self)
        visitors.create_project = None
        return visitors

    # --- what is known -----------------------------------------------------------------------------------------------

    def settings(self) -> dict[str, dict[str, object]]:
        """Return each project's settings by its name; what came from the Analyse tab is last, as nobody chose it."""
        projects = dict(self.store.projects())
        return {name: projects[name] for name in sorted(projects, key=lambda name: name == SENT)}

    def paths(self, sha256: str, projects: Collection[str]) -> list[str]:
        """Return where a clip of some projects lies, by its hash: each project may list another place.

        Raises InputError of the store; a damaged project hides no clip of another.
        """
        if HASH.fullmatch(sha256) is None:
            return []
        places, damaged = [], None
        for project in sorted(self.settings().keys() & set(projects)):
            try:
                with self.store.reading(project) as log:
                    if clip := listed(log, sha256):
                        places.append(clip.path)
            except StoreUnavailable as error:
                if error.key != "store-damaged":
                    raise
                damaged = error
        if damaged and not places:
            raise damaged
        return list(dict.fromkeys(places))

    def ahead(self, log: ProjectLog, annotator: str, *, first: ProjectClip | None = None) -> tuple[Coming, Clips]:
        """Return what to show: the clip and those after it, and how far the person is; and the first ones as clips."""
        held = self.reservations.of_others(log.project, annotator)
        decided = [clip for clip, by_person in log.state.decisions.items() if annotator in by_person]
        coming, views = [first] if first else [], [view(log, annotator, first)] if first else []
        turn = len(log.state.people[annotator].done) if annotator in log.state.people else 0
        while len(coming) < AHEAD:
            known = [clip.sha256 for clip in coming] + decided
            clip = log.repeat(annotator, turn + len(coming), known)
            mode: Mode = "repeat" if clip else ""
            clip = clip or log.next(annotator, excluding=known, held=held)
            if clip is None:
                break
            coming.append(clip)
            views.append(view(log, annotator, clip, mode))
        near = coming[:HEARD_AHEAD]
        self.reservations.hold(log.project, annotator, [clip.sha256 for clip in near])
        done, total = log.progress(annotator)
        now, after = [*views, None, None][:HEARD_AHEAD]
        return {"now": now, "after": after, "later": views[HEARD_AHEAD:], "done": done, "total": total}, near

    def meet(self, log: ProjectLog, sent: Sent, annotator: str) -> Also:
        """Note whose page asks; return who else is there under the name."""
        return self.presence.meet(log.project, annotator, sent.get("page"), sent.get("seat"))

    def see_to(self, log: ProjectLog, clips: list[ProjectClip], annotator: str) -> None:
        """Have the model propose for clips that are about to be shown, where it knows the labels."""
        if not log.labels.is_own:
            self.prefetch(log.project, clips, annotator=annotator)

    def names(self) -> list[str]:
        """Return the projects' names, as they are listed."""
        return list(self.settings())

    # --- acts --------------------------------------------------------------------------------------------------------

    def open(self, sent: Sent) -> OpenAnswer:
        """List the projects and, once project and name are chosen, give the first clip."""
        answer: OpenAnswer = {
            "projects": list(self.settings()),
            "paths": self.create_project is not None,
            "advice": self.ask_llm is not None,
            "annotator": str(sent.get("annotator") or ""),
        }
        project = sent.get("project")
        if isinstance(project, str) and project in answer["projects"] and sent.get("annotator"):
            with self.store.reading(project) as log:
                annotator = who(log, sent)
                first = clip_of(log, sent["clip"]) if sent.get("clip") else None
                coming, clips = self.ahead(log, annotator, first=first)
                answer["settings"] = {name: log.settings[name] for name in SETTINGS}
                judged = not log.labels.is_own
                answer["bars"], answer["judged"] = bars(log.labels), judged
                answer["advice"] = judged and self.ask_llm is not None
                answer["project"], answer["annotator"], answer["shown"] = project, annotator, shown(log)
                answer["also"] = self.meet(log, sent, annotator)
            answer["now"], answer["after"], answer["later"] = coming["now"], coming["after"], coming["later"]
            answer["done"], answer["total"] = coming["done"], coming["total"]
            self.see_to(log, clips, annotator)
            if judged and answer["settings"]["order"] in NEEDS_PROPOSALS:
                self.propose_all(project)
        return answer

    def ask(self, sent: Sent) -> VisitAnswer:
        """Have the language model propose for a clip that the person has committed on, and record that it was seen."""
        with self.store.reading(project_of(sent)) as log:
            project, annotator, clip = log.project, who(log, sent), clip_of(log, sent.get("clip"))
            check_judged(log)
            committed = shown(log) or (clip.sha256, annotator) in log.state.labels
        if self.ask_llm is None:
            raise InputError("advice-none")
        if not committed:
            raise InputError("annotate-uncommitted")
        source = self.ask_llm(project, clip)
        with self.store.writing(project) as log:
            append(log, sent, "reveal", seen=(source,))
            return {"now": view(log, annotator, clip)}

    def receive(
        self,
        recording: str,
        text: str,
        language: str,
        duration: float,
        own: Callable[[str], bool] = lambda sha256: False,
    ) -> ClipAddress:
        """Keep a recording of the Analyse tab as a clip of the project `SENT`; give what the page needs to show it.

        The words of a clip that is there already stay as they are: people label what they read, and anybody may send
        the same file with other words. Only who sent it alone (`own`) changes them, until it is worked on.
        Where the database refuses the clip, its file goes again: no list would name it, and no deletion reach it.
        """
        source = Path(recording)
        content = source.read_bytes()
        with self.receiving:
            name = hashlib.sha256(content).hexdigest()
            there = any((self.folder / f"{name}{ending}").exists() for ending in (*ENDINGS, source.suffix.lower()))
            sha256, path = keep(content, source.suffix.lower(), self.folder)
            try:
                if self.has_words(sha256) and (self.worked_on(sha256) or not own(sha256)):
                    text = language = ""  # which leaves those that are there
                clip = ProjectClip(sha256, str(path.resolve()), text, language, None, duration, {})
                self.store.add_clips(SENT, [clip])
            except InputError:
                if not there:
                    path.unlink(missing_ok=True)
                raise
        return {"project": SENT, "clip": sha256}

    def has_words(self, sha256: str) -> bool:
        """Whether a recording of `SENT` has words already. Raises InputError of the store."""
        if SENT not in self.store.projects():
            return False
        with self.store.reading(SENT) as log:
            place = log.state.index.get(sha256)
            return place is not None and bool(log.state.clips[place].text)

    def worked_on(self, sha256: str) -> bool:
        """Whether anybody has worked on a recording of `SENT`. Raises InputError of the store."""
        with self.store.reading(SENT) as log:
            return sha256 in log.state.worked

    def save(self, sent: Sent) -> SaveAnswer:
        """Append a label; the answer means that it is on the disk."""
        with self.store.writing(project_of(sent)) as log:
            annotator, clip = who(log, sent), clip_of(log, sent.get("clip"))
            key = (annotator, clip.sha256)
            seen = log.state.seen.get(key, ())
            if shown(log):
                seen = (*sorted(proposals(log, clip.sha256)), *(source for source in seen if source == OTHERS))
            if annotator in log.state.decisions.get(clip.sha256, ()):
                raise InputError("annotate-third")
            fill, rest = filling(sent.get("fill"), sent.get("rest"))
            new = append(
                log,
                sent,
                "label",
                probs=probabilities(sent.get("points"), log.labels.names),
                confidence=share(sent.get("confidence"), "confidence"),
                seen=seen,
                before=log.state.blind.get(key) if seen else None,
                fill=fill,
                rest=rest,
            )
            coming, clips = self.ahead(log, annotator)
            also = self.meet(log, sent, annotator)
        self.see_to(log, clips, annotator)
        return {**coming, "saved": str(sent["uuid"]), "new": new, "also": also}

    def repeat(self, sent: Sent) -> SaveAnswer:
        """Append what a person says of a clip a second time, apart from their label."""
        return self._add(sent, "repeat")

    def decide(self, sent: Sent) -> SaveAnswer:
        """Append what a third person decides of a clip on which others were asked; it is no label."""
        return self._add(sent, "decide")

    def _add(self, sent: Sent, kind: str) -> SaveAnswer:
        with self.store.writing(project_of(sent)) as log:
            annotator, clip = who(log, sent), clip_of(log, sent.get("clip"))
            labelled = (clip.sha256, annotator) in log.state.labels
            if kind == "decide":
                check_third(log, annotator, clip)
                note_others_seen(log, sent)
            elif not labelled:
                raise InputError("annotate-uncommitted")
            probs = probabilities(sent.get("points"), log.labels.names)
            sure = share(sent.get("confidence"), "confidence")
            fill, rest = filling(sent.get("fill"), sent.get("rest"))
            new = append(log, sent, kind, probs=probs, confidence=sure, fill=fill, rest=rest)
            coming, clips = self.ahead(log, annotator)
            also = self.meet(log, sent, annotator)
        self.see_to(log, clips, annotator)
        return {**coming, "saved": str(sent["uuid"]), "new": new, "also": also}

    def skip(self, sent: Sent) -> SaveAnswer:
        """Put a clip off, with a reason."""
        with self.store.writing(project_of(sent)) as log:
            annotator = who(log, sent)
            new = append(log, sent, "skip")
            coming, clips = self.ahead(log, annotator)
            also = self.meet(log, sent, annotator)
        self.see_to(log, clips, annotator)
        return {**coming, "saved": str(sent["uuid"]), "new": new, "also": also}

    def reveal(self, sent: Sent) -> VisitAnswer:
        """Show the proposals for a clip that the person has committed on, and record that."""
        with self.store.reading(project_of(sent)) as log:
            annotator, clip = who(log, sent), clip_of(log, sent.get("clip"))
            check_judged(log)
            if (clip.sha256, annotator) not in log.state.labels:
                raise InputError("annotate-uncommitted")
        self.prefetch(log.project, [clip], annotator=annotator, wait=True)
        with self.store.writing(log.project) as log:
            if sources := tuple(sorted(proposals(log, clip.sha256))):
                append(log, sent, "reveal", seen=sources)
            return {"now": view(log, annotator, clip)}

    def visit(self, sent: Sent) -> VisitAnswer:
        """Give one clip by its hash, as when going back; for a `review`, with everybody's labels.

        That they were shown is recorded first: a label that the same person gives afterwards is no blind one.
        """
        if sent.get("review") is not True:
            with self.store.reading(project_of(sent)) as log:
                return {"now": view(log, who(log, sent), clip_of(log, sent.get("clip")))}
        with self.store.writing(project_of(sent)) as log:
            annotator, clip = who(log, sent), clip_of(log, sent.get("clip"))
            check_third(log, annotator, clip)
            note_others_seen(log, sent)
            return {"now": view(log, annotator, clip, "review")}

    def hold(self, sent: Sent) -> HoldAnswer:
        """Keep the clip that is shown for the person who has it before them, or, without one, let it go."""
        with self.store.reading(project_of(sent)) as log:
            annotator, sha256 = who(log, sent), sent.get("clip")
            clip = listed(log, sha256) if isinstance(sha256, str) else None  # nothing else a browser sends is kept
            self.reservations.renew(log.project, annotator, clip.sha256 if clip else None)
            here = clip is not None
            also = self.presence.meet(log.project, annotator, sent.get("page"), sent.get("seat"), here=here)
        return {"held": here, "also": also}

    def step(self, sent: Sent) -> StepAnswer:
        """Undo or redo the person's last act, and show the clip that it was about."""
        with self.store.writing(project_of(sent)) as log:
            annotator = who(log, sent)
            event = log.step(annotator, "redo" if sent.get("forward") is True else "undo")
            if event is None:
                return {"nothing": True}
            done, total = log.progress(annotator)
            person = log.state.people[annotator]
            about = (person.undone if event.kind == "undo" else person.done)[-1]
            now = view(log, annotator, clip_of(log, event.clip), MODES.get(about.kind, ""))
            gone = event.kind == "undo" and about.probs is not None and now["label"] is None
            undone = label_value(log, label_of(about)) if gone else None
            return {"now": now, "undone": undone, "done": done, "total": total}
