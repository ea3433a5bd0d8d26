"""Where the models run: on the CPU, on a Space's own GPU, or on ZeroGPU, which lends one for the length of a call.

On ZeroGPU each call of a decorated function runs in a process apart: what goes in and comes out is pickled, so it is
plain values and tensors of the CPU. Outside ZeroGPU nothing is decorated and `spaces` is not needed.
"""

from __future__ import annotations

import copy
import functools
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from bibier.inference.predictor import Predictor

ZERO = "SPACES_ZERO_GPU"  # set by ZeroGPU
STAGES = ("encode_audio", "transcribe", "classify")  # of a Predictor: each call of one has the GPU

F = TypeVar("F", bound=Callable)

if os.environ.get(ZERO):
    import spaces  # pyright: ignore[reportMissingImports]  # there on Spaces; before anything touches CUDA
else:
    spaces = None


def zero() -> bool:
    """Whether this is ZeroGPU."""
    return bool(os.environ.get(ZERO))


def device() -> str:
    """Return where the models belong: "cuda" on a Space with a GPU, else "cpu"."""
    if zero():
        return "cuda"
    if not os.environ.get("SPACE_ID"):
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def on_gpu(function: F) -> F:
    """Decorate a function so that it has a GPU while it runs; on anything but ZeroGPU it stays as it is."""
    return function if spaces is None else spaces.GPU(function)


def on_zero_gpu(make: Callable[[str], Predictor]) -> Callable[[str], Predictor]:
    """Return `make` (the name of a recogniser → a Predictor) with predictors that borrow a GPU for each of `STAGES`.

    One function is decorated, and it is given names: a predictor itself can't be pickled. Elsewhere, `make` as it is.
    """
    if not zero():
        return make
    make = functools.cache(make)

    @on_gpu
    def call(recogniser: str, stage: str, *arguments: object, **options: object) -> object:
        return getattr(make(recogniser), stage)(*arguments, **options)

    def borrowing(recogniser: str) -> Predictor:
        predictor = copy.copy(make(recogniser))
        for stage in STAGES:
            setattr(predictor, stage, functools.partial(call, recogniser, stage))
        return predictor

    return borrowing
