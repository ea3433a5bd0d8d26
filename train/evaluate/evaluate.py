"""Evaluate a checkpoint on a corpus, each branch that the corpus can feed.

N items.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from bibier.audio import io
from bibier.checkpoint.bundle import Bundle
from bibier.errors import CorpusError, InputError
from bibier.features.char_ngrams import words
from bibier.inference.predictor import MAX_WORDS
from bibier.models.encoder_output import EncoderOutput
from train.corpora.load import Item
from train.loop.batches import buckets, encode, pad
from train.metrics import scores, soft_cross_entropy

UNREADABLE_LIMIT = 0.01  # share of clips that may be unreadable before the evaluation is refused


def evaluate(bundle: Bundle, items: Sequence[Item], report: Callable[[str], None] = lambda line: None) -> dict:
    """Return the figures of every branch: {"audio" | "text" | "bimodal": {UAR, MF1, WAR, WF1, ECE, n} or None}.

    Items without a clip or without words are left out of the branches that need them. A clip that can't be read is
    named under "unreadable"; when they are more than one in a hundred, the evaluation is refused.
    """
    clips, unreadable = {}, []
    with_path = [i for i, item in enumerate(items) if item.path is not None]
    for count, i in enumerate(with_path, start=1):
        try:
            clips[i] = bundle.audio_features(io.load(items[i].path).samples)
        except InputError as error:
            unreadable.append(str(error))
        if count % 200 == 0:
            report(f"{count} of {len(with_path)} clips read")
    if len(unreadable) > UNREADABLE_LIMIT * max(1, len(with_path)):
        raise CorpusError(f"{len(unreadable)} of {len(with_path)} clips can't be read: {unreadable[0]}")
    texts = {i: bundle.text_features(words(item.text)[:MAX_WORDS]) for i, item in enumerate(items) if item.text}
    texts = {i: ids for i, ids in texts.items() if len(ids)}
    calibration = bundle.config.calibration
    sound, sound_logits = encode(bundle.audio_encoder, list(clips.values())) if clips else ([], None)
    read, text_logits = encode(bundle.text_encoder, list(texts.values())) if texts else ([], None)
    rows: dict[str, tuple[list[int], torch.Tensor | None]] = {
        "audio": (list(clips), sound_logits / calibration.audio if clips else None),
        "text": (list(texts), text_logits / calibration.text if texts else None),
    }
    both = [i for i in clips if i in texts]
    place_a, place_t = {i: n for n, i in enumerate(clips)}, {i: n for n, i in enumerate(texts)}
    if both:
        left, right = [place_a[i] for i in both], [place_t[i] for i in both]
        fused = _fuse(
            bundle, [sound[i] for i in left], sound_logits[left], [read[i] for i in right], text_logits[right]
        )
        rows["bimodal"] = (both, fused / calibration.bimodal)
    figures: dict = {"audio": None, "text": None, "bimodal": None}
    for branch, (indices, logits) in rows.items():
        if indices:
            probabilities = torch.softmax(logits.double(), dim=-1).numpy()
            figures[branch] = scores([items[i].label for i in indices], probabilities) | {
                "soft_cross_entropy": soft_cross_entropy(np.stack([items[i].target for i in indices]), probabilities)
            }
    return figures | {"unreadable": unreadable}


@torch.no_grad()
def _fuse(bundle: Bundle, sound, sound_logits, read, text_logits) -> torch.Tensor:
    logits = torch.zeros(len(sound), 7)
    for rows in buckets([len(hidden) for hidden in sound], 64, None):
        parts = []
        for hidden, own in ((sound, sound_logits), (read, text_logits)):
            padded, mask = pad([hidden[i] for i in rows])
            parts.append(EncoderOutput(padded, mask, own[rows], mask.float()))
        logits[rows] = bundle.fuse(*parts).logits
    return logits


def table(figures: dict) -> str:
    """Lay out figures as a small table for a terminal."""
    lines = [f"{'branch':9}{'UAR':>8}{'MF1':>8}{'WAR':>8}{'WF1':>8}{'ECE':>8}{'n':>8}"]
    for branch in ("audio", "text", "bimodal"):
        row = figures[branch]
        if row is None:
            lines.append(f"{branch:9}{'—':>8}  the corpus has nothing for it")
        else:
            values = "".join(f"{row[name]:8.2f}" for name in ("UAR", "MF1", "WAR", "WF1"))
            lines.append(f"{branch:9}{values}{row['ECE']:8.3f}{row['n']:8d}")
    return "\n".join(lines)
