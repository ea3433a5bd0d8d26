"""A moving average of a model's weights, and the statistics that such an average has to be given."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from train.loop.settings import FitSettings


def averaging(settings: FitSettings) -> Callable[..., None]:
    """Return the update of a moving average of weights; `get_ema_multi_avg_fn` but for a share that grows."""
    if not settings.average_warm_up:
        return get_ema_multi_avg_fn(settings.average)

    @torch.no_grad()
    def update(averages: list[Tensor], current: list[Tensor], steps: Tensor) -> None:
        done = float(steps)
        share = min(float(settings.average), (1 + done) / (10 + done))
        get_ema_multi_avg_fn(share)(averages, current, steps)

    return update


@torch.no_grad()
def estimate_statistics(model: nn.Module, batches: Iterable[dict[str, Tensor]]) -> None:
    """Estimate the means and variances of BatchNorm anew, as those of these batches; all else is in eval mode.

    Averaged weights have seen no batch: the running statistics are those of the weights before, and of the first steps.
    """
    kinds = nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d
    norms = [module for module in model.modules() if isinstance(module, kinds)]
    if not norms:
        return
    model.eval()
    device, momenta = next(model.parameters()).device, [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over the batches
        norm.train()
    for inputs in batches:
        model(**{k: v.to(device) if isinstance(v, Tensor) else v for k, v in inputs.items()})
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    model.eval()
