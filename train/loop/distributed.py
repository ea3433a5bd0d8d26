"""One or many processes: every one makes the same batches and learns from its share of their rows.

The gradients are summed, so that many processes take the steps that one would take. B rows of a batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import torch
from accelerate import Accelerator, PartialState
from accelerate.utils import broadcast_object_list
from torch import Tensor, nn

T = TypeVar("T")


def sync_initial_weights(model: nn.Module, accelerator: Accelerator, seed: int) -> None:
    """Give every process the first one's weights, and a random stream of its own (dropout must not repeat itself)."""
    if accelerator.num_processes == 1:
        return
    for tensor in (*model.parameters(), *model.buffers()):
        torch.distributed.broadcast(tensor.data, 0)
    if accelerator.process_index:
        torch.manual_seed(seed * 100_003 + accelerator.process_index)


def shard_batch(inputs: dict[str, Any], targets: Tensor, accelerator: Accelerator) -> tuple[dict[str, Any], Tensor]:
    """Return this process's rows of a batch; none are left for it where the batch has fewer rows than processes."""
    if accelerator.num_processes == 1:
        return inputs, targets
    rows = slice(accelerator.process_index, None, accelerator.num_processes)
    return {k: v[rows] if isinstance(v, Tensor) else v for k, v in inputs.items()}, targets[rows]


def sum_gradients(model: nn.Module, loss: Tensor, accelerator: Accelerator) -> Tensor:
    """Sum the gradients, in place, and the loss over the processes; return the loss.

    A parameter keeps no gradient only where no process has one.
    """
    if accelerator.num_processes == 1:
        return loss
    parameters = [p for p in model.parameters() if p.requires_grad]
    has_gradient = torch.tensor([p.grad is not None for p in parameters], dtype=loss.dtype, device=loss.device)
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    flat = torch.cat([*(g.flatten() for g in gradients), has_gradient, loss[None]])
    flat = cast(Tensor, accelerator.reduce(flat, "sum"))
    *parts, has_gradient, loss = flat.split([*(p.numel() for p in parameters), len(parameters), 1])
    for parameter, part, anywhere in zip(parameters, parts, has_gradient.tolist(), strict=True):
        parameter.grad = part.view_as(parameter).clone() if anywhere else None
    return loss[0]


def broadcast_from_main(value: T, accelerator: Accelerator) -> T:
    """Return the first process's value on all of them."""
    return value if accelerator.num_processes == 1 else broadcast_object_list([value])[0]


def on_main_process(write: Callable[[], object]) -> None:
    """Let the first process write a file, and the others wait until it is there."""
    state = PartialState(cpu=not torch.cuda.is_available())
    if state.is_main_process:
        write()
    state.wait_for_everyone()


def is_main_process() -> bool:
    """Whether this process is the one that speaks and writes."""
    return PartialState(cpu=not torch.cuda.is_available()).is_main_process
