"""What a bundle can be made of: for each part, its kinds, their settings and how they are built.

A part is written down as a table of settings, in a checkpoint's JSON as in a recipe's TOML; its field `kind` says which
one it is, and the first kind is meant where none is said.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from bibier.checkpoint.ranges import check_ranges
from bibier.features import speech_encoders, text_encoders
from bibier.features.char_ngrams import CharNgramsConfig, build_text_features
from bibier.features.log_mel import LogMelConfig, build_audio_features
from bibier.features.speech_encoders import HubAudioConfig
from bibier.features.text_encoders import HubTextConfig
from bibier.models.audio_encoder import AudioEncoder, AudioEncoderConfig
from bibier.models.audio_ensemble import AudioEnsemble, AudioEnsembleConfig
from bibier.models.fusion import FUSIONS, FusionConfig, build_fusion
from bibier.models.lpgnet import LPGNet, LPGNetConfig
from bibier.models.memocmt import MemoCMT, MemoCMTConfig
from bibier.models.ood_score import OODScore, OODScoreConfig
from bibier.models.sequence_encoder import SequenceEncoder, SequenceEncoderConfig
from bibier.models.text_encoder import TextEncoder, TextEncoderConfig


class ComponentSpec(NamedTuple):
    """One kind of a part."""

    config: type  # frozen dataclass of JSON fields
    build: Callable[[Any], object]  # config → the part


SEQUENCE = {"sequence": ComponentSpec(SequenceEncoderConfig, SequenceEncoder)}
REGISTRY: dict[str, dict[str, ComponentSpec]] = {
    "audio_features": {"log-mel": ComponentSpec(LogMelConfig, build_audio_features)}
    | {kind: ComponentSpec(HubAudioConfig, build_audio_features) for kind in speech_encoders.SOURCES},
    "audio_encoder": {
        "conv": ComponentSpec(AudioEncoderConfig, AudioEncoder),
        "conv-ensemble": ComponentSpec(AudioEnsembleConfig, AudioEnsemble),
    }
    | SEQUENCE,
    "text_features": {"char-ngrams": ComponentSpec(CharNgramsConfig, build_text_features)}
    | {kind: ComponentSpec(HubTextConfig, build_text_features) for kind in text_encoders.SOURCES},
    "text_encoder": {"votes": ComponentSpec(TextEncoderConfig, TextEncoder)} | SEQUENCE,
    "fusion": {"biformer": ComponentSpec(FusionConfig, build_fusion)}
    | {kind: ComponentSpec(FusionConfig, build_fusion) for kind in FUSIONS}
    | {"memocmt": ComponentSpec(MemoCMTConfig, MemoCMT), "lpgnet": ComponentSpec(LPGNetConfig, LPGNet)},
    "ood_score": {"linear-mahalanobis": ComponentSpec(OODScoreConfig, OODScore)},
}


def parse_config(part: str, raw: dict[str, Any]) -> Any:
    """Make a part's config of a table of settings; lists become tuples.

    Raises
    ------
    ValueError
        The kind is unknown, or a value is out of its range.
    TypeError
        A field is unknown or missing.
    """
    kinds = REGISTRY[part]
    kind = raw.get("kind", next(iter(kinds)))
    if kind not in kinds:
        raise ValueError(f"{part} knows no kind {kind!r}; known are {', '.join(kinds)}")
    check_ranges(part, kinds[kind].config, raw)
    return kinds[kind].config(**{key: tuple(v) if isinstance(v, list) else v for key, v in raw.items()})


def build(part: str, config: Any) -> Any:
    """Build a part of its config; None gives None: a bundle without that part.

    What comes is one of the types that `Bundle` declares for the part.
    """
    return None if config is None else REGISTRY[part][config.kind].build(config)
