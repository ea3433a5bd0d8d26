"""Published fusion weights → ours: every key is named, used once or known to be dead, and nothing else is there.

H hidden width, L common length, G gated width.
"""

from __future__ import annotations

import dataclasses
import re

from torch import Tensor

from bibier.errors import CorpusError
from bibier.models.fusion import FusionConfig
from train.publish.released_encoders import block_shapes, mamba_block

POOLS = {"feature": "feat", "time": "temp"}  # our name → the published one
STREAMS = {"audio_layers": "audio_to_text_attn", "text_layers": "text_to_audio_attn"}
BLOCK = tuple(block_shapes(1, channels=1, states=1, rank=1))  # names of a Mamba block's tensors
HEADS = 8  # of the trunk (Table 9); shapes don't tell it


class Keys:
    """A state dict that is read key by key; `rest` must be empty in the end."""

    def __init__(self, state: dict[str, Tensor]) -> None:
        self.rest = dict(state)
        self.made: dict[str, Tensor] = {}

    def take(self, key: str) -> Tensor:
        """Return a tensor and strike it off."""
        if key not in self.rest:
            raise CorpusError(f"the published weights lack {key!r}: is this the fusion model's state dict?")
        return self.rest.pop(key)

    def layer(self, ours: str, theirs: str) -> None:
        """Take a weight and a bias."""
        for name in ("weight", "bias"):
            self.made[f"{ours}.{name}"] = self.take(f"{theirs}.{name}")

    def drop(self, *prefixes: str) -> None:
        """Strike off layers that the published forward pass never reads."""
        for key in [key for key in self.rest if key.startswith(prefixes)]:
            del self.rest[key]

    def shape(self, key: str) -> tuple[int, ...]:
        """Shape of a tensor that must be there."""
        if key not in self.rest:
            raise CorpusError(f"the published weights lack {key!r}: is this the fusion model's state dict?")
        return tuple(self.rest[key].shape)

    def has(self, key: str) -> bool:
        """Whether the key is there and not struck off."""
        return key in self.rest

    def count(self, pattern: str) -> int:
        """How many numbered blocks match a pattern with one group."""
        return len({m[1] for key in self.rest if (m := re.match(pattern, key))})


def fusion(state: dict[str, Tensor], *, heads: int = HEADS) -> tuple[FusionConfig, dict[str, Tensor]]:
    """Convert a published fusion model of any kind, with or without WPF.

    Returns
    -------
    tuple
        The config of the published variant, widths inferred from the shapes, and the state dict of our module.

    Raises
    ------
    CorpusError
        A key is missing, or one is there that no published fusion model has.
    """
    keys = Keys(state)
    config = _config(keys, heads)
    if config.kind == "wpf":
        keys.made["mixture"] = keys.take("weights")
    elif config.kind == "bimamba":
        _mamba(keys, config)
    else:
        _trunk(keys, config)
        _graphs(keys, config)
    if config.kind != "wpf":
        for number in (0, 1, 4):
            keys.layer(f"head.{number}", f"classifier.{number}")
        if config.wpf:
            keys.made["mixture"] = keys.take("pred_fusion.weights")
    if keys.rest:
        raise CorpusError(f"{sorted(keys.rest)[0]!r} belongs to no published {config.kind}: {len(keys.rest)} such keys")
    return config, {key: tensor.clone().float() for key, tensor in keys.made.items()}


def _config(keys: Keys, heads: int) -> FusionConfig:
    if set(keys.rest) == {"weights"}:
        return FusionConfig(0, 0, kind="wpf", wpf=True, pool=False, variant="published")
    (hidden,), (out, width) = keys.shape("audio_proj.1.weight"), keys.shape("classifier.0.weight")
    dims = {
        f"{name}_dim": keys.shape(f"{name}_proj.0.weight")[1] if keys.has(f"{name}_proj.0.weight") else hidden
        for name in ("audio", "text")
    }
    config = FusionConfig(
        audio_dim=dims["audio_dim"],
        text_dim=dims["text_dim"],
        hidden=hidden,
        heads=heads,
        out=out,
        dropout=0.15,
        pool=False,
        wpf=keys.has("pred_fusion.weights"),
        variant="published",
    )
    if keys.has("fusion_proj.0.weight"):
        layers, state = keys.count(r"mamba_blocks\.(\d+)\."), keys.shape("mamba_blocks.0.0.A")[1]
        return dataclasses.replace(config, kind="bimamba", length=width - hidden, layers=layers, state=state)
    config = dataclasses.replace(config, layers=keys.count(r"audio_to_text_attn\.(\d+)\."))
    if not any(key.startswith("graph_fusion_") for key in keys.rest):
        return dataclasses.replace(config, length=width // 2 - hidden)
    _, graph_heads, length = keys.shape("graph_fusion_feat.gat1.att_src")
    config = dataclasses.replace(config, kind="bigraphformer", length=length, graph_heads=graph_heads)
    if not any(key.startswith("gated_") for key in keys.rest):
        return config
    return dataclasses.replace(config, kind="bigatedgraphformer", gated=keys.shape("gated_feat.WF1")[1])


def _trunk(keys: Keys, config: FusionConfig) -> None:
    for modality in ("audio", "text"):
        if keys.has(f"{modality}_proj.0.weight"):
            keys.layer(f"project.{modality}.0", f"{modality}_proj.0")
        keys.layer(f"project.{modality}.1", f"{modality}_proj.1")
    for ours, theirs in STREAMS.items():
        for number in range(config.layers):
            to, source = f"{ours}.{number}", f"{theirs}.{number}"
            weights = keys.take(f"{source}.self_attention.in_proj_weight").chunk(3)
            biases = keys.take(f"{source}.self_attention.in_proj_bias").chunk(3)
            for name, weight, bias in zip(("query", "key", "value"), weights, biases, strict=True):
                keys.made[f"{to}.{name}.weight"] = weight
                if name != "key":  # the softmax cancels the keys' bias
                    keys.made[f"{to}.{name}.bias"] = bias
            keys.layer(f"{to}.out", f"{source}.self_attention.out_proj")
            keys.layer(f"{to}.feed.0", f"{source}.feed_forward.layer_1")
            keys.layer(f"{to}.feed.3", f"{source}.feed_forward.layer_2")
            keys.layer(f"{to}.norm_attention", f"{source}.add_norm_after_attention.norm")
            keys.layer(f"{to}.norm_feed", f"{source}.add_norm_after_ff.norm")


def _graphs(keys: Keys, config: FusionConfig) -> None:
    if config.kind == "biformer":
        return
    gated = config.kind == "bigatedgraphformer"
    for ours, theirs in POOLS.items():
        graph = f"graph_fusion_{theirs}"
        for modality in ("audio", "text"):
            for number in (0, 1):
                keys.layer(f"graph_{ours}.node.{modality}.{number}", f"{graph}.proj_{modality}.{number}")
        for layer, gat in (("first", "gat1"), ("second", "gat2")):
            keys.made[f"graph_{ours}.{layer}.source"] = keys.take(f"{graph}.{gat}.att_src")[0]
            keys.made[f"graph_{ours}.{layer}.target"] = keys.take(f"{graph}.{gat}.att_dst")[0]
            keys.made[f"graph_{ours}.{layer}.bias"] = keys.take(f"{graph}.{gat}.bias")
            keys.made[f"graph_{ours}.{layer}.linear.weight"] = keys.take(f"{graph}.{gat}.lin.weight")
        for number in (0, 1):
            keys.layer(f"join_{ours}.{number}", f"fc_graph_{theirs}.{number}" if gated else f"{graph}.fc.{number}")
        if gated:
            for layer, name in (("first", "WF1"), ("second", "WF2"), ("gate", "WF")):
                keys.made[f"gate_{ours}.{layer}.weight"] = keys.take(f"gated_{theirs}.{name}").T.contiguous()
    if gated:
        for number in (0, 1):
            keys.layer(f"join_gate_feature.{number}", f"fc_gated_feat.{number}")
        keys.drop("fc_gated_temp.", "graph_fusion_feat.fc.", "graph_fusion_temp.fc.")
    else:
        keys.drop("fc_feat.", "fc_temp.")


def _mamba(keys: Keys, config: FusionConfig) -> None:
    for ours, theirs in (("audio", "audio_proj"), ("text", "text_proj"), ("both", "fusion_proj")):
        for number in (0, 1):
            keys.layer(f"project.{ours}.{number}", f"{theirs}.{number}")
    for number in range(config.layers):
        place = f"mamba_blocks.{number}"
        block = {name: keys.take(f"{place}.0.{name}") for name in BLOCK}
        keys.made |= {f"temporal.blocks.{number}.{name}": tensor for name, tensor in mamba_block(block).items()}
        keys.made[f"temporal.norms.{number}.weight"] = keys.take(f"{place}.1.weight")
