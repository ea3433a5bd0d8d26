"""What the model says of a clip, kept in the store as proposals that belong to nobody."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from bibier.annotation.events import Event
from bibier.annotation.state import ProjectClip
from bibier.annotation.store import Store
from bibier.errors import InputError

if TYPE_CHECKING:  # the predictor brings torch
    from bibier.inference.predictor import Predictor

# One proposal for a clip and a source, however often made.
NAMESPACE = uuid.UUID("6f1f6f0e-51b4-4d0e-9a53-0c8d0e6c8a31")


def propose(store: Store, project: str, clip: ProjectClip, reader: Predictor, source: str) -> bool:
    """Keep what a model says of a clip: of both modalities, and of each alone; False when it can't be read.

    The last are proposals of "SOURCE/audio" and "SOURCE/text"; the queue is ordered by how far they disagree. Raises
    InputError when the store can't be written.
    """
    try:
        prediction = reader.classify(reader.encode_audio(clip.path), clip.text)
    except InputError:
        return False
    branches = {"/audio": prediction.audio, "/text": prediction.text, "": prediction.bimodal}
    by_ending = {end: branch.probabilities for end, branch in branches.items() if branch.probabilities is not None}
    if by_ending and "" not in by_ending:
        by_ending[""] = by_ending.get("/audio") or by_ending["/text"]
    for end, probs in by_ending.items():
        total = sum(probs.values())
        event = Event(
            uuid=str(uuid.uuid5(NAMESPACE, f"{project}\n{clip.sha256}\n{source}{end}")),
            project=project,
            clip=clip.sha256,
            annotator="",
            kind="propose",
            probs={name: value / total for name, value in probs.items()},
            source=f"{source}{end}",
        )
        store.append(event)
    return bool(by_ending)
