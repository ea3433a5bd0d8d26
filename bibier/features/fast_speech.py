"""Faster forms of parts of wav2vec2 and HuBERT, for the profile "fast": the same weights, another order of the sums.

B batch, n samples, T frames, C channels, K taps of a convolution.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class TimeMajorConvolution(nn.Module):
    """A convolution over time, the norm over the channels of each frame, and the activation: (B, T, C) → (B, T', C').

    Time before channels, so that K frames lie side by side: the convolution is one product with a matrix whose rows
    overlap in memory, and the norm reads what lies together. In the usual order both are transposed at every layer.
    """

    def __init__(self, layer: nn.Module):
        super().__init__()
        conv = layer.get_submodule("conv")
        assert isinstance(conv, nn.Conv1d), "a layer of the feature extractor of transformers"
        self.taps, self.stride = conv.kernel_size[0], conv.stride[0]
        self.weight = nn.Parameter(conv.weight.detach().transpose(1, 2).flatten(1), requires_grad=False)  # (C', K C)
        self.bias = conv.bias
        self.norm, self.activation = layer.get_submodule("layer_norm"), layer.get_submodule("activation")

    def forward(self, x: Tensor) -> Tensor:
        batch, steps, channels = x.shape
        frames = (steps - self.taps) // self.stride + 1
        strides = (steps * channels, self.stride * channels, 1)
        windows = torch.as_strided(x, (batch, frames, self.taps * channels), strides)  # (B, T', K C), without a copy
        return self.activation(self.norm(F.linear(windows, self.weight, self.bias)))


class TimeMajorExtractor(nn.Module):
    """The convolutions before the first block, each with a norm: samples (B, n) → (B, C, T)."""

    def __init__(self, layers: nn.ModuleList):
        super().__init__()
        self.layers = nn.Sequential(*(TimeMajorConvolution(layer) for layer in layers))

    def forward(self, input_values: Tensor) -> Tensor:
        return self.layers(input_values[..., None].contiguous()).transpose(1, 2)


def quicken(model: PreTrainedModel) -> None:
    """Change a frozen model of transformers so that it computes the same faster, up to rounding."""
    model.set_attn_implementation("eager")  # on a CPU torch's fused attention takes twice the time in bfloat16
    for module in list(model.modules()):
        if parametrize.is_parametrized(module, "weight"):  # which would be made anew of its two parts at every call
            parametrize.remove_parametrizations(module, "weight")
    if getattr(model.config, "feat_extract_norm", None) == "layer":
        layers = model.get_submodule("feature_extractor.conv_layers")
        assert isinstance(layers, nn.ModuleList), "a model of the family of wav2vec2"
        model.set_submodule("feature_extractor", TimeMajorExtractor(layers))
