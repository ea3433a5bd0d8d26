"""What happens at each act in the Annotate tab, apart from Gradio: plain values in, plain values out.

Every answer comes after the store's own: what is called saved is durable. A person's label is blind unless the page
had shown a proposal before, and which it had shown is known here and not taken from the browser.
"""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from bibier.annotation import exports
from bibier.annotation.events import Event
from bibier.annotation.ingest import keep
from bibier.annotation.state import ProjectClip
from bibier.annotation.store import Store
from bibier.errors import InputError
from bibier.ui.annotate.answers import (
    ClipAddress,
    ClipView,
    Coming,
    EnterAnswer,
    ExportAnswer,
    OpenAnswer,
    SaveAnswer,
    StepAnswer,
    VisitAnswer,
)
from bibier.ui.annotate.points import points, probabilities, share

SETTINGS = ("proposals", "wanted", "order", "share")  # that the page shows
NEEDS_PROPOSALS = ("uncertain", "modalities")  # orders that need the model's word on every clip
HASH = re.compile(r"[0-9a-f]{64}")
MODALITY_SUFFIXES = ("/audio", "/text")  # ends of sources that only order the queue
SENT = "analysed"  # the project of the recordings that come from the Analyse tab
NAME_LIMIT = 80  # characters of an annotator's name
LONGEST = 24 * 3600.0  # s on one clip that are believed

Sent = Mapping[str, object]  # by a browser, which may send anything


@dataclass
class Trail:
    """What a project's events say about who has seen what; follows the log."""

    last: int = 0  # running number of the last event read
    seen: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)  # (annotator, clip) → sources shown
    blind: dict[tuple[str, str], dict[str, float]] = field(default_factory=dict)  # the last label without a proposal
    skipped: dict[tuple[str, str], str] = field(default_factory=dict)  # reason

    def follow(self, events: list[tuple[int, Event]]) -> None:
        """Take in the events that came since."""
        for number, event in events:
            key = (event.annotator, event.clip)
            if event.kind == "reveal":
                self.seen[key] = tuple(dict.fromkeys((*self.seen.get(key, ()), *event.seen)))
            elif event.kind == "skip":
                self.skipped[key] = event.note
            elif event.kind == "label":
                self.skipped.pop(key, None)
                if not event.seen:
                    self.blind[key] = event.probs or {}
            self.last = max(self.last, number)


class Prefetch(Protocol):
    """Puts the model's proposals for clips into the store, as `prefetch.Prefetcher` does."""

    def __call__(self, project: str, clips: list[ProjectClip], *, annotator: str = "", wait: bool = False) -> None:
        """See to the proposals of `clips`; with `wait`, return when they are there."""


def no_prefetch(project: str, clips: list[ProjectClip], *, annotator: str = "", wait: bool = False) -> None:
    """Make no proposals."""


class AnnotateHandlers:
    """The handlers of the Annotate tab.

    Parameters
    ----------
    store
        Where clips and events are kept.
    create_project
        Makes a project from a folder or a manifest: (name, source) → its name. None where paths may not be given.
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
        create_project: Callable[[str, str], str] | None = None,
        prefetch: Prefetch = no_prefetch,
        propose_all: Callable[[str], None] = lambda project: None,
        folder: Path = Path("annotations") / "clips",
        ask_llm: Callable[[str, ProjectClip], str] | None = None,
        storage_notice: Callable[[str], tuple[str, bool]] | None = None,
    ):
        self.storage_notice = storage_notice
        self.ask_llm, self.propose_all = ask_llm, propose_all
        self.store, self.create_project, self.prefetch, self.folder = store, create_project, prefetch, folder
        self.trails: dict[str, Trail] = defaultdict(Trail)
        self.lock = threading.Lock()

    # --- what is known -----------------------------------------------------------------------------------------------

    def trail(self, project: str) -> Trail:
        """Return the project's trail, up to date."""
        with self.lock:
            trail = self.trails[project]
            trail.follow(self.store.events(project, after=trail.last))
            return trail

    def clip(self, project: str, sha256: object) -> ProjectClip:
        """Return a clip of the project. Raises InputError when it is not there."""
        if not isinstance(sha256, str):
            raise InputError("annotate-field", name="clip")
        clip = self.listed(project, sha256)
        if clip is None:
            raise InputError("annotate-clip", project=project)
        return clip

    def listed(self, project: str, sha256: str) -> ProjectClip | None:
        """Return a clip of the project as the store lists it now: it may have been moved or removed meanwhile."""
        return next((clip for clip in self.store.clips(project) if clip.sha256 == sha256), None)

    def path(self, sha256: str, projects: Collection[str]) -> str | None:
        """Return where a clip of one of the projects lies, by its hash; None when there is none."""
        if HASH.fullmatch(sha256) is None:
            return None
        for project in sorted(self.settings().keys() & set(projects)):
            if clip := self.listed(project, sha256):
                return clip.path
        return None

    def who(self, sent: Sent) -> tuple[str, str]:
        """Return project and annotator as the browser named them."""
        project, annotator = sent.get("project"), sent.get("annotator")
        if not isinstance(annotator, str) or not 1 <= len(annotator.strip()) <= NAME_LIMIT:
            raise InputError("annotate-name")
        if not isinstance(project, str) or project not in self.settings():
            raise InputError("annotate-project", name=str(project)[:NAME_LIMIT])
        return project, annotator.strip()

    def settings(self) -> dict[str, dict[str, object]]:
        """Return each project's settings by its name; what came from the Analyse tab is last, as nobody chose it."""
        projects = dict(self.store.projects())
        return {name: projects[name] for name in sorted(projects, key=lambda name: name == SENT)}

    def shown(self, project: str) -> bool:
        """Whether the project shows proposals from the start."""
        return self.settings()[project].get("proposals") == "shown"

    def proposals(self, project: str, clip: str) -> dict[str, dict[str, float]]:
        """Return the machines' distributions for a clip by their sources, without those of one modality alone."""
        return {
            source: probs
            for (sha256, source), probs in self.store.proposals(project).items()
            if sha256 == clip and not source.endswith(MODALITY_SUFFIXES)
        }

    def view(self, project: str, annotator: str, clip: ProjectClip) -> ClipView:
        """Return what the page shows of a clip; no proposal is in it that the person may not see yet."""
        label = self.store.state(project).get((clip.sha256, annotator))
        trail = self.trail(project)
        key = (annotator, clip.sha256)
        shown, seen = self.shown(project), trail.seen.get(key)
        revealed = shown or seen is not None
        proposals = self.proposals(project, clip.sha256) if revealed else {}
        if not shown:
            proposals = {source: probs for source, probs in proposals.items() if source in (seen or ())}
        return {
            "clip": clip.sha256,
            "text": clip.text,
            "language": clip.language,
            "duration": clip.duration,
            "label": None
            if label is None
            else {"points": points(label.probs), "confidence": label.confidence, "note": label.note},
            "proposals": [{"source": source, "points": points(probs)} for source, probs in sorted(proposals.items())],
            "revealed": revealed,
            "skipped": trail.skipped.get(key),
        }

    def ahead(self, project: str, annotator: str, *, first: ProjectClip | None = None) -> Coming:
        """Return the clip to show, the one after it, and how far the person is."""
        now = first or self.store.next(project, annotator)
        try:
            after = self.store.next(project, annotator, excluding=now.sha256) if now else None
        except KeyError:  # it was removed at this moment
            now, after = self.store.next(project, annotator), None
        coming = [clip for clip in (now, after) if clip is not None]
        self.prefetch(project, coming, annotator=annotator)
        done, total = self.store.progress(project, annotator)
        views = [self.view(project, annotator, clip) for clip in coming] + [None, None]
        return {"now": views[0], "after": views[1], "done": done, "total": total}

    # --- acts --------------------------------------------------------------------------------------------------------

    def open(self, sent: Sent) -> OpenAnswer:
        """List the projects and, once project and name are chosen, give the first clip."""
        answer: OpenAnswer = {
            "projects": list(self.settings()),
            "paths": self.create_project is not None,
            "advice": self.ask_llm is not None,
            "annotator": str(sent.get("annotator") or ""),
        }
        chosen = sent.get("project")
        if isinstance(chosen, str) and chosen in self.settings() and sent.get("annotator"):
            project, annotator = self.who(sent)
            first = self.clip(project, sent["clip"]) if sent.get("clip") else None
            settings = self.settings()[project]
            answer["project"], answer["annotator"], answer["shown"] = project, annotator, self.shown(project)
            answer["settings"] = {name: settings[name] for name in SETTINGS}
            coming = self.ahead(project, annotator, first=first)
            answer["now"], answer["after"] = coming["now"], coming["after"]
            answer["done"], answer["total"] = coming["done"], coming["total"]
            if settings["order"] in NEEDS_PROPOSALS:
                self.propose_all(project)
        return answer

    def settle(self, sent: Sent) -> OpenAnswer:
        """Change settings of a project; only where the app runs for its own computer."""
        project, _ = self.who(sent)
        if self.create_project is None:
            raise InputError("annotate-settings")
        changes = sent.get("settings")
        if not isinstance(changes, dict):
            raise InputError("annotate-field", name="settings")
        self.store.project(project, **{str(name): value for name, value in changes.items()})
        return self.open(sent)

    def export(self, sent: Sent) -> ExportAnswer:
        """Give an export as text: of everybody where the app runs for its own computer, else of the person alone."""
        project, annotator = self.who(sent)
        kind = sent.get("format")
        if not isinstance(kind, str) or kind not in exports.FORMATS:
            raise InputError("annotate-field", name="format")
        snapshot = exports.snapshot_of(self.store, project)
        if self.create_project is None:
            mine = {key: label for key, label in snapshot.labels.items() if key[1] == annotator}
            log = [event for event in snapshot.events if event.annotator == annotator]
            snapshot = replace(snapshot, labels=mine, events=log, proposals={})
        ending, write = exports.FORMATS[kind]
        return {"name": f"{kind}{ending}", "text": "".join(write(snapshot))}

    def ask(self, sent: Sent) -> VisitAnswer:
        """Have the language model propose for a clip that the person has committed on, and record that it was seen."""
        project, annotator = self.who(sent)
        clip = self.clip(project, sent.get("clip"))
        if self.ask_llm is None:
            raise InputError("advice-none")
        if not self.shown(project) and self.store.state(project).get((clip.sha256, annotator)) is None:
            raise InputError("annotate-uncommitted")
        source = self.ask_llm(project, clip)
        self.append(sent, "reveal", seen=(source,))
        return {"now": self.view(project, annotator, clip)}

    def enter(self, sent: Sent) -> EnterAnswer:
        """Make a project from a path on this computer."""
        if self.create_project is None:
            raise InputError("annotate-elsewhere")
        name, source = sent.get("name"), sent.get("source")
        if not isinstance(source, str) or not source.strip():
            raise InputError("annotate-field", name="source")
        project = self.create_project(name.strip() if isinstance(name, str) else "", source.strip())
        return {"projects": list(self.settings()), "project": project}

    def receive(self, recording: str, text: str, language: str, duration: float) -> ClipAddress:
        """Keep a recording of the Analyse tab as a clip of the project `SENT`; give what the page needs to show it."""
        source = Path(recording)
        sha256, path = keep(source.read_bytes(), source.suffix.lower(), self.folder)
        if SENT not in self.settings():
            self.store.project(SENT)
        clip = ProjectClip(sha256, str(path.resolve()), text, language, None, duration, {})
        self.store.add_clips(SENT, [clip])
        return {"project": SENT, "clip": sha256}

    def save(self, sent: Sent) -> SaveAnswer:
        """Append a label; the answer means that it is on the disk."""
        project, annotator = self.who(sent)
        clip = self.clip(project, sent.get("clip"))
        key = (annotator, clip.sha256)
        trail = self.trail(project)
        seen = trail.seen.get(key, ())
        if self.shown(project):
            seen = tuple(sorted(self.proposals(project, clip.sha256)))
        new = self.append(
            sent,
            "label",
            probs=probabilities(sent.get("points")),
            confidence=share(sent.get("confidence"), "confidence"),
            seen=seen,
            before=trail.blind.get(key) if seen else None,
        )
        return {**self.ahead(project, annotator), "saved": str(sent["uuid"]), "new": new}

    def skip(self, sent: Sent) -> SaveAnswer:
        """Put a clip off, with a reason."""
        project, annotator = self.who(sent)
        new = self.append(sent, "skip")
        return {**self.ahead(project, annotator), "saved": str(sent["uuid"]), "new": new}

    def reveal(self, sent: Sent) -> VisitAnswer:
        """Show the proposals for a clip that the person has committed on, and record that."""
        project, annotator = self.who(sent)
        clip = self.clip(project, sent.get("clip"))
        if self.store.state(project).get((clip.sha256, annotator)) is None:
            raise InputError("annotate-uncommitted")
        self.prefetch(project, [clip], annotator=annotator, wait=True)
        sources = tuple(sorted(self.proposals(project, clip.sha256)))
        if sources:
            self.append(sent, "reveal", seen=sources)
        return {"now": self.view(project, annotator, clip)}

    def visit(self, sent: Sent) -> VisitAnswer:
        """Give one clip by its hash, as when going back."""
        project, annotator = self.who(sent)
        clip = self.clip(project, sent.get("clip"))
        return {"now": self.view(project, annotator, clip)}

    def step(self, sent: Sent) -> StepAnswer:
        """Undo or redo the person's last act, and show the clip that it was about."""
        project, annotator = self.who(sent)
        act = self.store.redo if sent.get("forward") is True else self.store.undo
        event = act(project, annotator)
        if event is None:
            return {"nothing": True}
        done, total = self.store.progress(project, annotator)
        return {"now": self.view(project, annotator, self.clip(project, event.clip)), "done": done, "total": total}

    def append(
        self,
        sent: Sent,
        kind: str,
        *,
        probs: dict[str, float] | None = None,
        confidence: float | None = None,
        seen: tuple[str, ...] = (),
        before: dict[str, float] | None = None,
    ) -> bool:
        """Append what the browser sent as an event; a repeated one is no other."""
        project, annotator = self.who(sent)
        note, uuid, seconds = sent.get("note", ""), sent.get("uuid"), sent.get("seconds", 0.0)
        if not isinstance(note, str):
            raise InputError("annotate-field", name="note")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds >= 0:  # NaN is refused too
            raise InputError("annotate-field", name="seconds")
        if not isinstance(uuid, str):
            raise InputError("annotate-field", name="uuid")
        event = Event(
            uuid=uuid,
            project=project,
            clip=self.clip(project, sent.get("clip")).sha256,
            annotator=annotator,
            kind=kind,
            probs=probs,
            confidence=confidence,
            note=note,
            seen=seen,
            before=before,
            seconds=min(float(seconds), LONGEST),
        )
        event.check()
        return self.store.append(event)
