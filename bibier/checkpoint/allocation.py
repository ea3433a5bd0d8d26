"""A config that asks for more than its weights hold is noticed while the model is built, not when memory is full."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.nn.modules.module import (
    register_module_buffer_registration_hook,
    register_module_parameter_registration_hook,
)


@contextmanager
def at_most(numbers: int) -> Iterator[None]:
    """Raise ValueError as soon as the modules that this thread builds have more numbers together than that."""
    builder, left = threading.get_ident(), numbers

    def count(module: torch.nn.Module, name: str, tensor: torch.Tensor | None) -> None:
        nonlocal left
        if tensor is None or threading.get_ident() != builder:
            return
        left -= tensor.numel()
        if left < 0:
            raise ValueError(f"it asks for more than the {numbers} numbers that the weights hold")

    hooks = (register_module_parameter_registration_hook(count), register_module_buffer_registration_hook(count))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
