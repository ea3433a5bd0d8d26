"""Whisper for the profile "fast": its window of 30 s is cut to the sound, and on a CPU it computes in bfloat16.

B batch, F frames of the log-mels (100 a second), T positions (50 a second), D width.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bibier.process import gains_by_bfloat16

if TYPE_CHECKING:
    from whisper.model import AudioEncoder, TextDecoder, Whisper

MARGIN = 50  # frames of silence that stay behind the sound


class CutEncoder(nn.Module):
    """Whisper's encoder, on the part of its window that holds sound: log-mels (B, 80, F) → states (B, T, D).

    What follows the sound is padding, in which all frames are the same: T is half of the frames before it, and half of
    `MARGIN`. The states have the dtype of the log-mels, whatever `dtype` the layers compute in.
    """

    def __init__(self, encoder: AudioEncoder, dtype: torch.dtype | None):
        super().__init__()
        self.encoder, self.dtype = encoder, dtype

    def forward(self, mel: Tensor) -> Tensor:
        encoder = self.encoder
        sounding = (mel != mel[..., -1:]).any(1).any(0).nonzero()  # frames, one a row
        frames = (int(sounding[-1]) + 1 if len(sounding) else 0) + MARGIN
        x = mel[..., : frames + frames % 2].to(self.dtype or mel.dtype)  # (B, 80, F')
        x = F.gelu(encoder.conv2(F.gelu(encoder.conv1(x)))).transpose(1, 2)  # (B, T, D)
        x = (x + encoder.get_buffer("positional_embedding")[: x.shape[1]]).to(x.dtype)
        for block in encoder.blocks:
            x = block(x)
        return encoder.ln_post(x).to(mel.dtype)


class CastLinear(nn.Module):
    """A linear layer that multiplies in another dtype: float32 (…, D) → float32 (…, D')."""

    def __init__(self, linear: nn.Linear, dtype: torch.dtype):
        super().__init__()
        self.linear, self.dtype = linear.to(dtype), dtype

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x.to(self.dtype), self.linear.weight, self.linear.bias).float()


class CastDecoder(nn.Module):
    """Whisper's decoder with its products in another dtype: tokens (B, T) and states of the encoder → logits (B, T, V).

    Attention stays in float32: that of a single token takes ten times as long in bfloat16.
    """

    def __init__(self, decoder: TextDecoder, dtype: torch.dtype):
        super().__init__()
        for name, module in list(decoder.named_modules()):
            if isinstance(module, nn.Linear):
                decoder.set_submodule(name, CastLinear(module, dtype))
        decoder.token_embedding.to(dtype)
        self.decoder, self.dtype = decoder, dtype

    @property
    def blocks(self) -> nn.ModuleList:
        """The decoder's blocks, which Whisper looks for here."""
        return self.decoder.get_submodule("blocks")  # pyright: ignore[reportReturnType]

    def forward(self, x: Tensor, xa: Tensor, kv_cache: dict | None = None) -> Tensor:
        decoder = self.decoder
        begin = next(iter(kv_cache.values())).shape[1] if kv_cache else 0  # tokens that were read before
        x = decoder.token_embedding(x) + decoder.positional_embedding[begin : begin + x.shape[-1]]  # (B, T, D)
        for block in self.blocks:
            x = block(x, xa, mask=decoder.mask, kv_cache=kv_cache)
        return F.linear(decoder.ln(x).to(self.dtype), decoder.token_embedding.weight).float()


def quicken(model: Whisper) -> None:
    """Change a loaded Whisper; on a GPU, where it computes in float16 anyway, its window alone."""
    dtype = torch.bfloat16 if model.device.type == "cpu" and gains_by_bfloat16() else None
    if dtype is not None:
        for module in model.encoder.modules():  # the norms stay in float32
            if isinstance(module, nn.Linear | nn.Conv1d):
                module.to(dtype)
        model.decoder = CastDecoder(model.decoder, dtype)  # pyright: ignore[reportAttributeAccessIssue]
    model.encoder = CutEncoder(model.encoder, dtype)  # pyright: ignore[reportAttributeAccessIssue]
