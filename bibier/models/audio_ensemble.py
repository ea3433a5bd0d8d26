"""Several audio encoders of one shape that were fitted from different seeds, and judge together.

B batch, T frames, M mel bins, D features of a member, N members.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn

from bibier.models.audio_encoder import AudioEncoder, AudioEncoderConfig
from bibier.models.encoder_output import EncoderOutput


@dataclass(frozen=True)
class AudioEnsembleConfig(AudioEncoderConfig):
    """Dimensions of each member of an `AudioEnsemble`, and how many there are; every field is JSON."""

    members: int = 2
    kind: str = "conv-ensemble"

    @property
    def member(self) -> AudioEncoderConfig:
        """The config of one member."""
        shape = {field.name: getattr(self, field.name) for field in fields(AudioEncoderConfig) if field.name != "kind"}
        return AudioEncoderConfig(**shape)


class AudioEnsemble(nn.Module):
    """Log-mels → emotion by the mean of the members' logits.

    forward(features: (B, T, 2, M), mask: (B, T)) → EncoderOutput, whose `hidden` (B, T/2, N·D) has the members' one
    after the other, whose attention is their mean, and whose `pooled` is the first member's: an out-of-distribution
    score measures distances in one space.

    Raises
    ------
    ValueError
        Fewer than one member.
    """

    def __init__(self, config: AudioEnsembleConfig):
        super().__init__()
        if config.members < 1:
            raise ValueError(f"an ensemble has at least one member, not {config.members}")
        self.config = config
        self.members = nn.ModuleList(AudioEncoder(config.member) for _ in range(config.members))
        self.dim_out = config.members * self.first.dim_out
        self.dim_pooled = self.first.dim_pooled

    @property
    def first(self) -> AudioEncoder:
        """The member whose pooled features stand for all."""
        first = self.members[0]
        assert isinstance(first, AudioEncoder)
        return first

    def forward(self, *, features: Tensor, mask: Tensor) -> EncoderOutput:
        """Read log-mels (B, T, 2, M) with mask (B, T)."""
        read: list[EncoderOutput] = [member(features=features, mask=mask) for member in self.members]
        return EncoderOutput(
            torch.cat([member.hidden for member in read], dim=-1),
            read[0].mask,
            torch.stack([member.logits for member in read]).mean(0),
            torch.stack([member.attention for member in read]).mean(0),
            read[0].pooled,
        )
