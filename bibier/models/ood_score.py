"""How unlike the training speech a clip is: an out-of-distribution score of what the audio encoder pooled.

B clips, P pooled features, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class OODScoreConfig:
    """Dimensions of `OODScore`; every field is JSON."""

    dim: int  # P, what the audio encoder pools
    classes: int = 7  # K, whose means the distance is measured to
    share: float = 0.995  # of the training speech that scores below 1
    kind: str = "linear-mahalanobis"


class OODScore(nn.Module):
    """Pooled features (B, P) → score (B,): above 1 a clip is unlike anything that the encoder learnt from.

    The larger of two scores, each counted from the median of the training speech in units of its reach. The first is
    linear, speech against sounds that are none (`train.experiment.ood` fits it). The second is the logarithm of the
    distance to the nearest class mean under the covariance within the classes (Lee et al., 2018). The linear one is the
    better where it knows the kind of sound, the distance sees what it doesn't know.

    Raises
    ------
    ValueError
        A dimension below 1, or a share that is not between 0 and 1.
    """

    centre: Tensor  # (P,), mean of the training speech
    spread: Tensor  # (P,), its standard deviation
    weight: Tensor  # (P,), of the linear score, on standardised features
    bias: Tensor  # (1,)
    whitening: Tensor  # (P, P): standardised features times this have the unit covariance within the classes
    means: Tensor  # (K, P), of the classes, whitened
    median: Tensor  # (2,), of both scores over the training speech
    reach: Tensor  # (2,), from the median to where a score is 1

    def __init__(self, config: OODScoreConfig):
        super().__init__()
        self.config = config
        if config.dim < 1 or config.classes < 1 or not 0 < config.share < 1:
            raise ValueError(
                f"ood_score needs dim and classes of at least 1, and a share between 0 and 1; got {config}"
            )
        dim, classes = config.dim, config.classes
        zeros = {"centre": (dim,), "weight": (dim,), "bias": (1,), "means": (classes, dim), "median": (2,)}
        for name, shape in zeros.items():
            self.register_buffer(name, torch.zeros(shape))
        self.register_buffer("spread", torch.ones(dim))
        self.register_buffer("whitening", torch.eye(dim))
        self.register_buffer("reach", torch.ones(2))

    def parts(self, pooled: Tensor) -> Tensor:
        """Return the linear score and the logarithm of the distance of pooled features (B, P): (B, 2), unscaled."""
        x = (pooled - self.centre) / self.spread  # (B, P)
        apart = (x @ self.whitening)[:, None] - self.means  # (B, K, P)
        distance = apart.square().sum(2).amin(1)  # (B,), squared
        return torch.stack((x @ self.weight + self.bias, distance.clamp_min(1e-6).log()), dim=1)

    def forward(self, pooled: Tensor) -> Tensor:
        """Return the score (B,) of pooled features (B, P)."""
        return ((self.parts(pooled) - self.median) / self.reach).amax(1)
