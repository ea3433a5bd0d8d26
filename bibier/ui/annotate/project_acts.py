"""Acts of the Annotate tab that are about a project: made, set, listed, exported, and how far everybody is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median

from bibier.annotation import exports, intake
from bibier.annotation.imports import Progress
from bibier.annotation.project_log import ProjectLog
from bibier.annotation.state import Label, ProjectClip
from bibier.annotation.store import Store
from bibier.audio.format import ENDINGS
from bibier.errors import InputError
from bibier.files import bundled, sha256
from bibier.i18n.messages import Message
from bibier.ui.annotate.answers import (
    BrowseAnswer,
    ClipsAnswer,
    EnterAnswer,
    ExportAnswer,
    ListedClip,
    MakingAnswer,
    OpenAnswer,
    PeopleAnswer,
    PersonsPace,
    TakeAnswer,
)
from bibier.ui.annotate.views import Sent, project_of, who
from bibier.ui.services import read_examples

AT_ONCE = 50  # clips of the list that are shown
QUERY_LIMIT = 200  # characters of a search
NAMES = 500  # folders, and files, that are listed
LISTS = (".csv", ".tsv", ".jsonl", ".json", ".parquet")  # files that a project is made of
DEMO = "demo"
STATES = ("left", "done", "skipped")


CreateProject = Callable[[str, str, object, Progress], str]


class ProjectActs:
    """What `AnnotateHandlers` does about projects.

    Attributes
    ----------
    store
        Where clips and events are kept.
    create_project
        Makes a project from a folder, a list or an export: (name, source, labels, told how far it is) → its name. None
        where that may not be. The labels are a setting, None for those of the source, or the seven emotions.
    folder
        Where recordings are kept that come with a source.
    made
        How many recordings or labels of the project that is being made are read, and of how many.
    """

    store: Store
    create_project: CreateProject | None
    folder: Path
    made: tuple[int, int] = (0, 0)

    def open(self, sent: Sent) -> OpenAnswer:
        """Give the first clip; `AnnotateHandlers` does."""
        raise NotImplementedError

    def names(self) -> list[str]:
        """Return the projects' names."""
        return list(self.store.projects())

    def settle(self, sent: Sent) -> OpenAnswer:
        """Change settings of a project; only where the app runs for its own computer."""
        with self.store.reading(project_of(sent)) as log:
            project = log.project
            who(log, sent)
        if self.create_project is None:
            raise InputError("annotate-settings")
        changes = sent.get("settings")
        if not isinstance(changes, dict):
            raise InputError("annotate-field", name="settings")
        self.store.project(project, **{str(name): value for name, value in changes.items()})
        return self.open(sent)

    def export(self, sent: Sent) -> ExportAnswer:
        """Give an export as text: of everybody where the app runs for its own computer, else of the person alone."""
        with self.store.reading(project_of(sent)) as log:
            project, annotator = log.project, who(log, sent)
        kind = sent.get("format")
        if not isinstance(kind, str) or kind not in exports.FORMATS:
            raise InputError("annotate-field", name="format")
        snapshot = exports.snapshot_of(self.store, project)
        if self.create_project is None:
            mine = {key: label for key, label in snapshot.labels.items() if key[1] == annotator}
            log_of_mine = [event for event in snapshot.events if event.annotator == annotator]
            decided = {clip: own for clip, by in snapshot.decisions.items() if (own := _only(by, annotator))}
            clips = [_blind(clip) for clip in snapshot.clips]
            snapshot = replace(snapshot, clips=clips, labels=mine, events=log_of_mine, proposals={}, decisions=decided)
        ending, write = exports.FORMATS[kind]
        return {"name": f"{kind}{ending}", "text": "".join(write(snapshot))}

    def enter(self, sent: Sent) -> EnterAnswer:
        """Make a project from a path on this computer; without one, of the examples that come with the app."""
        if self.create_project is None:
            raise InputError("annotate-elsewhere")
        name, source = sent.get("name"), sent.get("source")
        if sent.get("demo") is True:
            self.store.add_clips(DEMO, demo_clips())
            return {"projects": self.names(), "project": DEMO}
        if not isinstance(source, str) or not source.strip():
            raise InputError("annotate-field", name="source")
        labels = sent.get("labels") or None
        with self._making() as progress:
            called = name.strip() if isinstance(name, str) else ""
            project = self.create_project(called, source.strip(), labels, progress)
        return {"projects": self.names(), "project": project}

    @contextmanager
    def _making(self) -> Iterator[Progress]:
        """Give what is to be told how far a project is that is being made."""

        def progress(done: int, total: int) -> None:
            self.made = done, total

        try:
            yield progress
        finally:
            self.made = 0, 0

    def making(self, _sent: Sent) -> MakingAnswer:
        """Say how far the project is that is being made."""
        done, total = self.made
        return {"done": done, "total": total}

    def take(self, sent: Sent) -> TakeAnswer:
        """Take labels out of an export that was uploaded into the project, or into a new one; refuses as the command.

        That the file is the sender's own is seen to before.
        """
        if self.create_project is None:
            raise InputError("annotate-elsewhere")
        path = Path(str(sent.get("path")))
        if not intake.kind_of(path):
            raise InputError("annotate-no-export", file=path.name)
        into, notices = sent.get("into"), list[Message]()
        project = into.strip() if isinstance(into, str) and into.strip() else project_of(sent)
        with self._making() as progress:
            taken = intake.take_in(
                self.store, project, str(path), self.folder, report=notices.append, progress=progress
            )
        notices.insert(0, Message("annotations-imported", {"new": taken.new, "known": taken.known}))
        return {"projects": self.names(), "project": project, "notices": notices}

    def browse(self, sent: Sent) -> BrowseAnswer:
        """List a folder of this computer, so that a path can be picked; only where paths may be given."""
        if self.create_project is None:
            raise InputError("annotate-elsewhere")
        given = sent.get("folder")
        folder = Path(given).expanduser() if isinstance(given, str) and given.strip() else Path.cwd()
        try:
            folder = folder.resolve()
            folder = folder if folder.is_dir() else folder.parent
            below = sorted((place for place in folder.iterdir() if not place.name.startswith(".")), key=_by_name)
            folders = [place.name for place in below if place.is_dir()]
            files = [place.name for place in below if place.suffix.lower() in (*LISTS, *ENDINGS) and place.is_file()]
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise InputError("annotate-folder", name=str(given)[:QUERY_LIMIT], reason=reason[:QUERY_LIMIT]) from error
        return {
            "folder": str(folder),
            "above": str(folder.parent),
            "folders": folders[:NAMES],
            "files": files[:NAMES],
        }

    def clips(self, sent: Sent) -> ClipsAnswer:
        """List the clips whose words or hash hold a text, of one state for the person or all, some at a time."""
        query, wanted, start = sent.get("query"), sent.get("filter"), sent.get("start")
        text = query.strip().casefold()[:QUERY_LIMIT] if isinstance(query, str) else ""
        start = start if type(start) is int and start > 0 else 0
        with self.store.reading(project_of(sent)) as log:
            annotator, found, listed = who(log, sent), 0, list[ListedClip]()
            for clip in log.state.clips:
                if text and text not in clip.text.casefold() and not clip.sha256.startswith(text):
                    continue
                state, labels = state_of(log, clip.sha256, annotator), len(log.state.by_clip.get(clip.sha256, ()))
                open_to_review = labels > 1 and (clip.sha256, annotator) not in log.state.labels
                undecided = open_to_review and not log.state.decisions.get(clip.sha256)
                if wanted not in (*STATES, "review") or wanted == state or (wanted == "review" and undecided):
                    found += 1
                    if start < found <= start + AT_ONCE:
                        short = clip.text[:QUERY_LIMIT]
                        listed.append({"clip": clip.sha256, "text": short, "state": state, "labels": labels})
        return {"clips": listed, "found": found}

    def people(self, sent: Sent) -> PeopleAnswer:
        """Say how far everybody is."""
        with self.store.reading(project_of(sent)) as log:
            who(log, sent)
            seconds: dict[str, list[float]] = defaultdict(list)
            for (_, name), label in log.state.labels.items():
                seconds[name].append(label.seconds)
            paces: list[PersonsPace] = [
                {"name": name, "done": len(each), "seconds": float(median(each)), "last": _last(log, name)}
                for name, each in seconds.items()
            ]
        return {"people": sorted(paces, key=lambda pace: (-pace["done"], pace["name"]))[:NAMES]}


def demo_clips() -> list[ProjectClip]:
    """Return the examples that come with the app, with the words that are said in them."""
    examples = read_examples(bundled("examples"))
    return [ProjectClip(sha256(e.path), str(e.path.resolve()), e.transcript, e.language) for e in examples]


def state_of(log: ProjectLog, clip: str, annotator: str) -> str:
    """Return how far a person is with a clip: one of `STATES`."""
    if (clip, annotator) in log.state.labels:
        return "done"
    return "skipped" if (annotator, clip) in log.state.skipped else "left"


def _last(log: ProjectLog, name: str) -> str:
    done = log.state.people[name].done
    return done[-1].time if done else ""


def _by_name(place: Path) -> str:
    return place.name.casefold()


def _blind(clip: ProjectClip) -> ProjectClip:
    """Return a clip without what annotators don't see: its place and name, and what its corpus says of it."""
    return replace(clip, path=f"{clip.sha256}{Path(clip.path).suffix}", label=None, soft=None, extra={})


def _only(by_person: Mapping[str, Label], name: str) -> dict[str, Label]:
    return {name: by_person[name]} if name in by_person else {}
