"""What makes a training clip harder or a label softer.

Perturbations of mel power, in one batch: they stand for what other rooms, microphones and voices would have done, at a
fraction of the cost of changing samples. B batch, T frames, M mel bins.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bibier.features.log_mel import LogMelConfig
from train.constraints import Count, NotNegative, Number, PartialShare, Share, Whole, constrained


@constrained
class Perturbation:
    """Ranges of `perturb`; a probability of 0 turns one off. CorpusError names a field that is out of range."""

    stretch: PartialShare = 0.12  # tempo, ± share
    shift: NotNegative = 2.0  # vocal tract, ± mel bins
    equaliser: NotNegative = 6.0  # dB, a smooth random response
    noise: Share = 0.5  # probability of added noise
    snr: tuple[Number, Number] = (5.0, 35.0)  # dB
    telephone: Share = 0.15  # probability of a band of about 300–3400 Hz
    time_masks: Whole = 2
    time_mask: Count = 12  # frames at most
    bin_masks: Whole = 2
    bin_mask: Count = 8  # bins at most


def perturb(power: Tensor, lengths: Tensor, options: Perturbation, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Change tempo, vocal tract, response and noise of mel power (B, T, M); returns power and mask (B, T)."""
    batch, frames, bins = power.shape

    def uniform(*shape: int, low: float = -1.0, high: float = 1.0) -> Tensor:
        return torch.rand(*shape, generator=generator) * (high - low) + low

    # Tempo and vocal tract together, as one bilinear reading of the time–frequency plane.
    tempo = 1 + options.stretch * uniform(batch)
    new_lengths = (lengths / tempo).round().long().clamp_min(1)
    time = torch.arange(int(new_lengths.max()))[None] * tempo[:, None]  # (B, T')
    time = torch.minimum(time, (lengths - 1)[:, None].float())
    tract = (torch.arange(bins)[None] + options.shift * uniform(batch, 1)).clamp(0, bins - 1)  # (B, M)
    grid = torch.stack(
        (
            (tract * 2 / (bins - 1) - 1)[:, None, :].expand(-1, time.shape[1], -1),
            (time * 2 / max(frames - 1, 1) - 1)[:, :, None].expand(-1, -1, bins),
        ),
        dim=-1,
    )
    power = torch.nn.functional.grid_sample(
        power[:, None], grid, mode="bilinear", padding_mode="border", align_corners=True
    )[:, 0]  # (B, T', M)
    mask = torch.arange(power.shape[1])[None] < new_lengths[:, None]

    # Noise with a random tilt; its power fluctuates as a short-time average of noise does.
    loudness = (power * mask[..., None]).sum((1, 2)) / new_lengths  # (B,)
    slope = torch.exp(uniform(batch, 1, low=-3.0, high=3.0) * torch.linspace(-0.5, 0.5, bins))
    slope = slope / slope.sum(1, keepdim=True)
    ratio = 10 ** (-uniform(batch, low=options.snr[0], high=options.snr[1]) / 10)
    ratio = ratio * (torch.rand(batch, generator=generator) < options.noise)
    fluctuation = torch.exp(0.5 * torch.randn(power.shape, generator=generator))
    power = power + (loudness * ratio)[:, None, None] * slope[:, None] * fluctuation

    # A smooth response of a few random cosines, and for some clips the telephone's band.
    phase = torch.arange(bins) / bins * torch.pi
    curves = torch.stack([torch.cos(k * phase) for k in range(1, 5)])  # (4, M)
    decibels = (uniform(batch, 4) * options.equaliser / torch.arange(1, 5) ** 0.5) @ curves
    centre = _centres(bins)
    band = (centre < uniform(batch, 1, low=200, high=400)) | (centre > uniform(batch, 1, low=3000, high=3800))
    phone = torch.rand(batch, 1, generator=generator) < options.telephone
    decibels = decibels - uniform(batch, 1, low=20.0, high=50.0) * (band & phone)
    return power * (10 ** (decibels / 10))[:, None], mask


def _centres(bins: int) -> Tensor:
    import librosa

    config = LogMelConfig()
    return torch.from_numpy(
        librosa.mel_frequencies(n_mels=bins + 2, fmin=config.low, fmax=config.high)[1:-1].astype("float32")
    )


def normalise_batch(power: Tensor, mask: Tensor, floor: float) -> Tensor:
    """`audio_features.normalise` for a padded batch: (B, T, M), (B, T) → (B, T, 2, M), zeros at padding."""
    valid = mask[..., None].to(power.dtype)
    x = torch.log(power + floor)
    count = valid.sum(1, keepdim=True)
    mean = (x * valid).sum(1, keepdim=True) / count
    deviation = (((x - mean) * valid).square().sum(1, keepdim=True) / count).sqrt()
    bins = x.shape[-1]
    overall = (x * valid).sum((1, 2), keepdim=True) / (count * bins)
    spread = (((x - overall) * valid).square().sum((1, 2), keepdim=True) / (count * bins)).sqrt()
    return torch.stack(((x - mean) / (deviation + 0.5), (x - overall) / (spread + 0.1)), dim=2) * valid[..., None]


def spec_augment(features: Tensor, mask: Tensor, options: Perturbation, generator: torch.Generator) -> Tensor:
    """Blank random stretches of time and of frequency (Park et al., 2019) in features (B, T, 2, M)."""
    batch, frames, _, bins = features.shape
    lengths = mask.sum(1)
    steps, rows = torch.arange(frames)[None], torch.arange(bins)[None]
    keep = torch.ones(batch, frames, bins, dtype=torch.bool)
    for _ in range(options.time_masks):
        # Never more than a fifth of a short clip.
        width = torch.rand(batch, generator=generator) * torch.minimum(lengths / 5, torch.tensor(options.time_mask))
        begin = torch.rand(batch, generator=generator) * (lengths - width)
        keep &= ~((steps >= begin[:, None]) & (steps < (begin + width)[:, None]))[..., None]
    for _ in range(options.bin_masks):
        width = torch.rand(batch, generator=generator) * options.bin_mask
        begin = torch.rand(batch, generator=generator) * (bins - width)
        keep &= ~((rows >= begin[:, None]) & (rows < (begin + width)[:, None]))[:, None]
    return features * keep[:, :, None]
