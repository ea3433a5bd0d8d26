"""Evaluate a checkpoint on a corpus, each branch that the checkpoint has and the corpus can feed.

N items, n of them judged by a branch, T steps, D features.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bibier.audio import io
from bibier.checkpoint.bundle import Bundle
from bibier.errors import CorpusError, InputError
from bibier.features.batching import buckets, pad
from bibier.features.char_ngrams import words
from bibier.inference.predictor import MAX_WORDS
from bibier.models.encoder_output import EncoderOutput
from train.corpora.load import Item
from train.evaluate.runs import Run, run_of
from train.loop.batches import encode
from train.metrics import scores, soft_cross_entropy

BRANCHES = ("audio", "text", "bimodal")
UNREADABLE_LIMIT = 0.01  # share of clips that may be unreadable before the evaluation is refused

Encoded = tuple[list[Tensor], Tensor]  # hidden states n × (Tᵢ, D), logits (n, 7)


@dataclass(frozen=True)
class Branch:
    """What one branch says of the items that it could judge."""

    rows: list[int]  # (n,), of the corpus's items
    probabilities: np.ndarray  # (n, 7)


@dataclass(frozen=True)
class Evaluation:
    """What a checkpoint says of a corpus."""

    items: Sequence[Item]
    branches: dict[str, Branch]  # of BRANCHES, those that judged anything
    lacking: tuple[str, ...]  # of BRANCHES, those that the checkpoint has no model for
    unreadable: list[str]  # why clips were left out

    def figures(self) -> dict[str, Any]:
        """Return the figures of every branch and what could not be read.

        {"audio" | "text" | "bimodal": {UAR, MF1, WAR, WF1, ECE, n, soft_cross_entropy} or None, "unreadable": [text]}
        """
        figures: dict[str, Any] = dict.fromkeys(BRANCHES)
        for name, branch in self.branches.items():
            items = [self.items[row] for row in branch.rows]
            targets = np.stack([item.target for item in items])
            figures[name] = scores([item.label for item in items], branch.probabilities) | {
                "soft_cross_entropy": soft_cross_entropy(targets, branch.probabilities)
            }
        return figures | {"unreadable": self.unreadable}

    def run(self, branch: str | None = None, *, system: str, seed: int, corpus: str, split: str) -> Run:
        """Return what a branch says as a run for `train table`; without a name, the last of BRANCHES that judged.

        Raises CorpusError where the branch judged nothing.
        """
        name = branch or next(name for name in reversed(BRANCHES) if name in self.branches)
        if name not in self.branches:
            raise CorpusError(f"the branch {name} judged nothing here: choose {' or '.join(self.branches)}")
        judged = self.branches[name]
        items = [self.items[row] for row in judged.rows]
        return run_of(
            [item.label for item in items],
            judged.probabilities,
            system=system if name == "bimodal" else f"{system}, {name}",
            seed=seed,
            corpus=corpus,
            split=split,
            ids=[item.id for item in items],
            speakers=[item.speaker for item in items],
        )


def evaluate(bundle: Bundle, items: Sequence[Item], report: Callable[[str], None] = lambda line: None) -> Evaluation:
    """Judge a corpus by every branch that the checkpoint has.

    Items without a clip or without words are left out of the branches that need them.

    Raises
    ------
    CorpusError
        More than one clip in a hundred can't be read, or the corpus has nothing that the checkpoint's branches need.
    """
    calibration, logits = bundle.config.calibration, {}
    unreadable: list[str] = []
    clips = _clips(bundle, items, unreadable, report)
    texts = _texts(bundle, items)
    audio_encoder, text_encoder = bundle.audio_encoder, bundle.text_encoder
    sound = encode(audio_encoder, list(clips.values())) if clips and audio_encoder is not None else None
    spoken = encode(text_encoder, list(texts.values())) if texts and text_encoder is not None else None
    if sound:
        logits["audio"] = list(clips), sound[1] / calibration.audio
    if spoken:
        logits["text"] = list(texts), spoken[1] / calibration.text
    both = [row for row in clips if row in texts]
    if sound and spoken and both and bundle.fusion is not None:
        fused = _fuse(bundle, _chosen(sound, _places(clips, both)), _chosen(spoken, _places(texts, both)))
        logits["bimodal"] = both, fused / calibration.bimodal
    parts = {"audio": bundle.audio_encoder, "text": bundle.text_encoder, "bimodal": bundle.fusion}
    lacking = tuple(name for name, part in parts.items() if part is None)
    if not logits:
        needed = {"audio": "clips", "text": "texts"}
        wanted = " or ".join(what for name, what in needed.items() if name not in lacking)
        raise CorpusError(
            f"this checkpoint needs {wanted}, and the corpus has none: choose another corpus or checkpoint"
        )
    branches = {
        name: Branch(rows, torch.softmax(values.double(), dim=-1).numpy()) for name, (rows, values) in logits.items()
    }
    return Evaluation(items, branches, lacking, unreadable)


def _clips(
    bundle: Bundle, items: Sequence[Item], unreadable: list[str], report: Callable[[str], None]
) -> dict[int, np.ndarray]:
    """Return row → features of the clips that can be read; why others can't is added to `unreadable`."""
    if bundle.audio_features is None:
        return {}
    clips = {}
    paths = {row: item.path for row, item in enumerate(items) if item.path is not None}
    for count, (row, path) in enumerate(paths.items(), start=1):
        try:
            clips[row] = bundle.audio_features(io.load(path).samples)
        except InputError as error:
            unreadable.append(str(error))
        if count % 200 == 0:
            report(f"{count} of {len(paths)} clips read")
    if len(unreadable) > UNREADABLE_LIMIT * max(1, len(paths)):
        raise CorpusError(f"{len(unreadable)} of {len(paths)} clips can't be read: {unreadable[0]}")
    return clips


def _texts(bundle: Bundle, items: Sequence[Item]) -> dict[int, np.ndarray]:
    """Return row → features of the texts that have words."""
    if bundle.text_features is None:
        return {}
    texts = {
        row: bundle.text_features(words(bundle.prepare_text(item.text))[:MAX_WORDS])
        for row, item in enumerate(items)
        if item.text
    }
    return {row: features for row, features in texts.items() if len(features)}


def _places(features: dict[int, np.ndarray], rows: list[int]) -> list[int]:
    place = {row: number for number, row in enumerate(features)}
    return [place[row] for row in rows]


def _chosen(read: Encoded, places: list[int]) -> Encoded:
    hidden, logits = read
    return [hidden[place] for place in places], logits[places]


@torch.no_grad()
def _fuse(bundle: Bundle, sound: Encoded, spoken: Encoded) -> Tensor:
    """Return the fusion's logits (n, 7) of items that both encoders read."""
    logits = torch.zeros(len(sound[0]), 7)
    for rows in buckets([len(hidden) for hidden in sound[0]], 64, None):
        outputs = []
        for read in (sound, spoken):
            hidden, branch_logits = _chosen(read, rows)
            padded, mask = pad(hidden)
            outputs.append(EncoderOutput(padded, mask, branch_logits, mask.float()))
        logits[rows] = bundle.fuse(*outputs).logits
    return logits


def table(evaluation: Evaluation) -> str:
    """Lay out the figures as a small table for a terminal."""
    figures = evaluation.figures()
    lines = [f"{'branch':9}{'UAR':>8}{'MF1':>8}{'WAR':>8}{'WF1':>8}{'ECE':>8}{'n':>8}"]
    for branch in BRANCHES:
        row = figures[branch]
        if row is None:
            who = "checkpoint" if branch in evaluation.lacking else "corpus"
            lines.append(f"{branch:9}{'—':>8}  the {who} has nothing for it")
        else:
            values = "".join(f"{row[name]:8.2f}" for name in ("UAR", "MF1", "WAR", "WF1"))
            lines.append(f"{branch:9}{values}{row['ECE']:8.3f}{row['n']:8d}")
    return "\n".join(lines)
