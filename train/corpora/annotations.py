"""A store of annotations → items: what people said of each clip is its target, as a distribution."""

from __future__ import annotations

from pathlib import Path

from bibier.annotation import exports
from bibier.annotation.location import without_password
from bibier.annotation.store import Store
from bibier.errors import CorpusError, InputError
from train.corpora.items import Item, repair

PREFIXES = ("sqlite:", "postgresql")


def annotated(place: str) -> list[Item]:
    """Read the labelled clips of `URL#PROJECT`, such as "sqlite:///annotations/bibier.db#clips".

    The target is the mean of the people's distributions. Clips without a speaker are each a speaker of their own, so
    that folds can be made. Raises CorpusError when the store or the project can't be read, or holds no label,
    and for a project whose labels are others than the seven emotions.
    """
    url, _, project = place.rpartition("#")
    if not url or not project:
        raise CorpusError(f"{without_password(place)} names no project: write URL#PROJECT")
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).is_file():
        raise CorpusError(f"there is no store at {url}")
    try:
        store = Store(url)
        snapshot = exports.snapshot_of(store, project)
        store.close()
    except InputError as error:
        raise CorpusError(str(error)) from error
    if snapshot.labels_of.is_own:
        names = ", ".join(snapshot.labels_of.names)
        raise CorpusError(f"the labels of {project!r} are {names}: only the seven emotions can be trained on")
    clips, rows = {clip.sha256: clip for clip in snapshot.clips}, []
    for sha256, labels in snapshot.by_clip().items():
        clip = clips[sha256]
        rows.append(
            Item(
                id=f"{project}/{sha256}",
                corpus=project,
                target=snapshot.mean(labels),
                text=repair(clip.text) or None,
                path=Path(clip.path),
                language=clip.language or "en",
                split=str(clip.extra.get("split") or "train"),
                speaker=str(clip.extra.get("speaker") or sha256),
                dialogue=str(clip.extra.get("dialogue") or sha256),
            )
        )
    if not rows:
        raise CorpusError(f"nobody has labelled a clip of {project!r} yet")
    return rows
