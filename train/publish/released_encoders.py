"""Published encoder weights → ours: pure functions on state dicts, strict about every key and shape.

D_in features, D width, H inner width, d channels, N states, R rank of Δ, K taps.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import torch
from torch import Tensor

from bibier.errors import CorpusError
from bibier.labels import EMOTIONS
from bibier.models.sequence_encoder import SequenceEncoderConfig
from bibier.models.ssm import CONV_TAPS

State = dict[str, Tensor]
Shapes = dict[str, tuple[int, ...]]

TEXT_LENGTH = 95  # tokens to which the published text encoder's inputs were cut or padded
DROPOUT = 0.2  # of the published audio encoder, in training
SHOWN = 4  # keys that a message names


def audio(state: State) -> tuple[SequenceEncoderConfig, State]:
    """Convert the published audio encoder, the position-wise one.

    Returns
    -------
    tuple
        The config, widths inferred from the shapes, and the state dict of a `SequenceEncoder` of it.

    Raises
    ------
    CorpusError
        A key is missing or unknown, a tensor has another shape or is not finite.
    """
    what = "audio encoder"
    dim, inputs = _shape(state, "input_proj.weight", 2, what)
    hidden, _ = _shape(state, "blocks.0.in_proj.weight", 2, what)
    layers = _count(state, r"blocks\.(\d+)\.")
    expected: Shapes = {"input_proj.weight": (dim, inputs), "input_proj.bias": (dim,)}
    for number in range(layers):
        linears = {
            "in_proj": (hidden, dim),
            "s_B": (hidden, hidden),
            "s_C": (hidden, hidden),
            "out_proj": (dim, hidden),
        }
        for name, shape in linears.items():
            expected |= {f"blocks.{number}.{name}.weight": shape, f"blocks.{number}.{name}.bias": shape[:1]}
        expected |= {f"blocks.{number}.norm.{name}": (dim,) for name in ("weight", "bias")}
    expected |= _head("fc", dim)
    check(state, expected, what)
    config = SequenceEncoderConfig(
        inputs=inputs,
        dim=dim,
        temporal="position-wise",
        hidden=hidden,
        layers=layers,
        bidirectional=False,
        dropout=DROPOUT,
    )
    names = {"input_proj": "project", "blocks": "temporal.blocks", "fc": "head"}
    return config, {_renamed(key, names): tensor.detach().clone().float() for key, tensor in state.items()}


def text(state: State, *, length: int = TEXT_LENGTH) -> tuple[SequenceEncoderConfig, State]:
    """Convert the published text encoder, whose mean is over `length` positions, words or not.

    Returns and raises as `audio` does.
    """
    what = "text encoder"
    channels, states = _shape(state, "layers.0.0.A", 2, what)
    _, dim = _shape(state, "layers.0.0.in_proj.weight", 2, what)
    rank, _ = _shape(state, "layers.0.0.s_D.0.weight", 2, what)
    layers = _count(state, r"layers\.(\d+)\.")
    expected: Shapes = {}
    for number in range(layers):
        block = block_shapes(dim, channels=channels, states=states, rank=rank)
        expected |= {f"layers.{number}.0.{name}": shape for name, shape in block.items()}
        expected[f"layers.{number}.1.weight"] = (dim,)
    expected |= _head("fc_out", dim)
    check(state, expected, what)
    config = SequenceEncoderConfig(
        inputs=dim,
        temporal="mamba-published",
        hidden=channels,
        layers=layers,
        bidirectional=False,
        dropout=0.0,
        state=states,
        rank=rank,
        pooling=f"mean-of-{length}",
    )
    converted: State = {f"head.{name}": state[f"fc_out.{name}"] for name in ("weight", "bias")}
    for number in range(layers):
        block = {name: state[f"layers.{number}.0.{name}"] for name in block_shapes(1, channels=1, states=1, rank=1)}
        converted |= {f"temporal.blocks.{number}.{name}": tensor for name, tensor in mamba_block(block).items()}
        converted[f"temporal.norms.{number}.weight"] = state[f"layers.{number}.1.weight"]
    return config, {key: tensor.detach().clone().float() for key, tensor in converted.items()}


def block_shapes(dim: int, *, channels: int, states: int, rank: int) -> Shapes:
    """Names and shapes of the published Mamba block's tensors."""
    return {
        "A": (channels, states),
        "D": (channels,),
        "in_proj.weight": (2 * channels, dim),
        "out_proj.weight": (dim, channels),
        "s_B.weight": (states, channels),
        "s_C.weight": (states, channels),
        "s_D.0.weight": (rank, channels),
        "s_D.1.weight": (channels, rank),
        "conv.weight": (channels, 1, CONV_TAPS),
        "conv.bias": (channels,),
    }


def mamba_block(block: State) -> State:
    """Convert the tensors of one published block (the keys of `block_shapes`) to those of `PublishedMambaBlock`."""
    return {
        "A": block["A"],
        "D": block["D"],
        "in_proj.weight": block["in_proj.weight"],
        "out_proj.weight": block["out_proj.weight"],
        "x_proj.weight": torch.cat([block[f"{name}.weight"] for name in ("s_D.0", "s_B", "s_C")]),  # (R + 2 N, d)
        "dt_proj.weight": block["s_D.1.weight"],
        "conv_weight": block["conv.weight"][:, 0].t().contiguous(),  # (K, d)
        "conv_bias": block["conv.bias"],
    }


def check(state: State, expected: Shapes, what: str) -> None:
    """Raise CorpusError with what a state dict lacks, has too much or has in another shape."""
    problems = []
    if missing := expected.keys() - state.keys():
        problems.append(f"{_some(missing)} missing")
    if extra := state.keys() - expected.keys():
        problems.append(f"{_some(extra)} unknown")
    wrong = [key for key in expected.keys() & state.keys() if tuple(state[key].shape) != expected[key]]
    problems += [f"{key} is {tuple(state[key].shape)}, not {expected[key]}" for key in sorted(wrong)[:SHOWN]]
    if problems:
        raise CorpusError(
            f"no published {what}: {'; '.join(problems)}. Give the state dict that was saved of this very model, whole "
            "and unchanged"
        )
    for key, tensor in state.items():
        if not torch.isfinite(tensor).all():
            raise CorpusError(f"{key} of the published {what} is not finite: the file is damaged, fetch it again")


def _some(keys: Iterable[str]) -> str:
    names = sorted(keys)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _shape(state: State, key: str, dims: int, what: str) -> tuple[int, ...]:
    """Shape of a tensor that the widths are read off."""
    if key not in state:
        raise CorpusError(f"no published {what}: {key} missing. Is this the state dict of another model?")
    if state[key].dim() != dims:
        shape = tuple(state[key].shape)
        raise CorpusError(f"no published {what}: {key} has the shape {shape} instead of {dims} dimensions")
    return tuple(state[key].shape)


def _count(state: State, pattern: str) -> int:
    return len({match[1] for key in state if (match := re.match(pattern, key))})


def _head(name: str, dim: int) -> Shapes:
    return {f"{name}.weight": (len(EMOTIONS), dim), f"{name}.bias": (len(EMOTIONS),)}


def _renamed(key: str, names: dict[str, str]) -> str:
    first, rest = key.split(".", 1)
    return f"{names[first]}.{rest}"
