"""What makes a training clip harder or a label softer.

Perturbations of mel power, in one batch: they stand for what other rooms, microphones and voices would have done, at a
fraction of the cost of changing samples. B batch, T frames, M mel bins, P rows of pitch, which may stand above them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bibier.features.log_mel import PITCH_SCALE, LogMelConfig
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
    warp: PartialShare = 0.0  # of the mel axis, ± share
    pitch_shift: NotNegative = 0.0  # ± rows of pitch
    crop: NotNegative = 0.0  # s of a clip, anywhere in it; 0 is all of it


def training_features(
    power: Tensor, mask: Tensor, options: Perturbation, config: LogMelConfig, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Perturb, crop, normalise and partly blank raw clips (B, T, M + P): features (B, T', 2, M + P), mask (B, T')."""
    frames = round(options.crop / (config.hop * config.average)) or None
    power, mask = perturb(power, mask.sum(1), options, generator, bins=config.bins, frames=frames)
    features = normalise_batch(power, mask, config.floor, config.bins)
    return spec_augment(features, mask, options, generator), mask


def perturb(
    power: Tensor,
    lengths: Tensor,
    options: Perturbation,
    generator: torch.Generator,
    *,
    bins: int | None = None,
    frames: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Change tempo, vocal tract, response and noise of mel power (B, T, M + P); returns power and mask (B, T').

    Parameters
    ----------
    power, lengths
        Mel power and rows of pitch, and how many of the T frames are each clip's.
    bins
        M; None where there is no pitch.
    frames
        T' of a crop anywhere in the clip; None keeps all of the clip.
    """
    batch, bins = len(power), power.shape[-1] if bins is None else bins

    def uniform(*shape: int, low: float = -1.0, high: float = 1.0) -> Tensor:
        return torch.rand(*shape, generator=generator) * (high - low) + low

    # Tempo and vocal tract together, as one bilinear reading of the time–frequency plane.
    tempo = 1 + options.stretch * uniform(batch)
    new_lengths = (lengths / tempo).round().long().clamp_min(1)
    time = torch.arange(frames or int(new_lengths.max()))[None]
    if frames:
        time = time + (uniform(batch, 1, low=0.0) * (new_lengths - frames).clamp_min(0)[:, None]).floor()
    mask = time.expand(batch, -1) < new_lengths[:, None]  # (B, T')
    time = torch.minimum(time * tempo[:, None], (lengths - 1)[:, None].float())
    scale = 1 + options.warp * uniform(batch, 1) if options.warp else 1.0
    tract = torch.arange(bins)[None] * scale + options.shift * uniform(batch, 1)  # (B, M)
    pitch = power[..., bins:]
    if pitch.shape[-1]:
        rows = torch.arange(pitch.shape[-1])[None] + options.pitch_shift * uniform(batch, 1)
        pitch = _read_plane(pitch, time, rows)  # (B, T', P)
    power = _read_plane(power[..., :bins], time, tract)  # (B, T', M)

    # Noise with a random tilt; its power fluctuates as a short-time average of noise does.
    loudness = (power * mask[..., None]).sum((1, 2)) / mask.sum(1)  # (B,)
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
    power = power * (10 ** (decibels / 10))[:, None]
    return (torch.cat((power, pitch), dim=-1) if pitch.shape[-1] else power), mask


def _centres(bins: int) -> Tensor:
    import librosa

    config = LogMelConfig()
    return torch.from_numpy(
        librosa.mel_frequencies(n_mels=bins + 2, fmin=config.low, fmax=config.high)[1:-1].astype("float32")
    )


def _read_plane(plane: Tensor, time: Tensor, rows: Tensor) -> Tensor:
    """Read planes (B, T, M) at times (B, T') and rows (B, M), bilinear, the edges going on for ever: (B, T', M)."""
    frames, bins = plane.shape[1:]
    grid = torch.stack(
        (
            (rows.clamp(0, bins - 1) * 2 / max(bins - 1, 1) - 1)[:, None, :].expand(-1, time.shape[1], -1),
            (time * 2 / max(frames - 1, 1) - 1)[:, :, None].expand(-1, -1, bins),
        ),
        dim=-1,
    )
    return torch.nn.functional.grid_sample(
        plane[:, None], grid, mode="bilinear", padding_mode="border", align_corners=True
    )[:, 0]


def normalise_batch(power: Tensor, mask: Tensor, floor: float, bins: int | None = None) -> Tensor:
    """`LogMel.features` for a padded batch: (B, T, M + P), (B, T) → (B, T, 2, M + P), zeros at padding.

    `bins` is M, None where there is no pitch.
    """
    valid = mask[..., None].to(power.dtype)
    x = torch.log(power[..., :bins] + floor)
    count = valid.sum(1, keepdim=True)
    mean = (x * valid).sum(1, keepdim=True) / count
    deviation = (((x - mean) * valid).square().sum(1, keepdim=True) / count).sqrt()
    rows = x.shape[-1]
    overall = (x * valid).sum((1, 2), keepdim=True) / (count * rows)
    spread = (((x - overall) * valid).square().sum((1, 2), keepdim=True) / (count * rows)).sqrt()
    views = (x - mean) / (deviation + 0.5), (x - overall) / (spread + 0.1)
    if power.shape[-1] > rows:
        pitch = PITCH_SCALE * power[..., rows:]
        still = (pitch * valid).sum(1, keepdim=True) / count
        views = torch.cat((views[0], pitch - still), dim=-1), torch.cat((views[1], pitch), dim=-1)
    return torch.stack(views, dim=2) * valid[..., None]


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
