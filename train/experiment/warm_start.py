"""A recipe that goes on from a fitted checkpoint: its weights are where the fit begins, its calibration is kept.

A few hundred relabelled clips are too few to fit a model from nothing, or to say what a probability means.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import replace

from safetensors.torch import save
from torch import nn

from bibier.checkpoint.bundle import Bundle, load
from bibier.checkpoint.components import build
from bibier.errors import CorpusError
from bibier.models.audio_ensemble import AudioEnsemble
from bibier.models.text_encoder import TextEncoderConfig


@functools.cache
def donor(name: str) -> Bundle:
    """Load the checkpoint that a recipe's `start` names: a folder, or a name under checkpoints/."""
    return load(name)


def begun(part: str, config: object, start: str, member: int = 0) -> nn.Module:
    """Build a new model, with the weights of the same part of the checkpoint `start`; with its own ones where it is "".

    Where that part is an ensemble and the model is not, it begins as the ensemble's `member` of that number.

    Raises CorpusError when the checkpoint has no such part, or one of another shape.
    """
    if isinstance(config, TextEncoderConfig) and start:
        config = _with_vocabulary(config, start)
    model = build(part, config)
    if not isinstance(model, nn.Module):
        raise CorpusError(f"the recipe has no {part}: give one")
    if not start:
        return model
    fitted = getattr(donor(start), part)
    if fitted is None:
        raise CorpusError(f"start: {start} has no {part}: choose another checkpoint, or leave start out")
    if isinstance(fitted, AudioEnsemble) and not isinstance(model, AudioEnsemble):
        fitted = fitted.members[member % len(fitted.members)]
    try:
        model.load_state_dict(fitted.state_dict())
    except RuntimeError as error:
        reason = str(error).splitlines()[1].strip()[:200]
        raise CorpusError(
            f"start: the {part} of {start} is another than the recipe's ({reason}): use its recipe"
        ) from error
    return model


def _with_vocabulary(config: TextEncoderConfig, start: str) -> TextEncoderConfig:
    """Give an encoder the vocabulary of the one that it goes on from, where that has one."""
    fitted = donor(start).config.text_encoder
    known = fitted.vocabulary if isinstance(fitted, TextEncoderConfig) else 0
    return replace(config, vocabulary=known) if known and not config.vocabulary else config


@functools.cache
def digest(start: str, part: str) -> list[str]:
    """Return what tells apart fits that began elsewhere: nothing without a start."""
    if not start:
        return []
    weights = {name: tensor.contiguous() for name, tensor in getattr(donor(start), part).state_dict().items()}
    return [hashlib.sha256(save(weights)).hexdigest()]
