"""What the model says of a clip, kept in the store as proposals that belong to nobody."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from bibier.annotation.events import Event
from bibier.annotation.state import ProjectClip
from bibier.annotation.store import Store
from bibier.errors import InputError
from bibier.log import note, told

if TYPE_CHECKING:  # the predictor brings torch
    from bibier.inference.predictor import Predictor


def keep(store: Store, project: str, clip: str, by_source: Mapping[str, Mapping[str, float]]) -> int:
    """Keep what models say of a clip, by their sources; returns how many proposals are new.

    There is one for a clip and a source, however often it is made, under an id that nobody can know before. Raises
    InputError when the store can't be written.
    """
    with store.writing(project) as log:
        return log.extend(
            Event(
                uuid=str(uuid.uuid4()),
                project=project,
                clip=clip,
                annotator="",
                kind="propose",
                probs=dict(probs),
                source=source,
            )
            for source, probs in by_source.items()
            if (clip, source) not in log.state.proposals
        )


def propose(
    store: Store,
    project: str,
    clip: ProjectClip,
    reader: Predictor,
    source: str,
    *,
    report: Callable[[Exception], None] = lambda error: None,
) -> bool:
    """Keep what a model says of a clip: of both modalities, and of each alone; False when it can't be read.

    `report` is told why it can't.

    The last are proposals of "SOURCE/audio" and "SOURCE/text"; the queue is ordered by how far they disagree. Raises
    InputError when the store can't be written.
    """
    try:
        prediction = reader.classify(reader.encode_audio(clip.path), clip.text)
    except (MemoryError, RuntimeError):  # of the machine: the next clip would fare no better
        raise
    except InputError as error:
        report(error)
        return False
    except Exception as error:  # whatever one file breaks is that file's: the others are proposed for
        note("propose", level=logging.ERROR, outcome="failed", **told(error))
        report(error)
        return False
    branches = {"/audio": prediction.audio, "/text": prediction.text, "": prediction.bimodal}
    by_ending = {end: branch.probabilities for end, branch in branches.items() if branch.probabilities is not None}
    if by_ending and "" not in by_ending:
        by_ending[""] = by_ending.get("/audio") or by_ending["/text"]
    proposals = {}
    for end, probs in by_ending.items():
        total = sum(probs.values())
        proposals[f"{source}{end}"] = {name: value / total for name, value in probs.items()}
    keep(store, project, clip.sha256, proposals)
    return bool(by_ending)
