"""What several tests need: a tiny bundle with random weights, and a tone that passes for a voice."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bibier.checkpoint.bundle import Bundle, BundleConfig, Calibration
from bibier.features.char_ngrams import CharNgramsConfig
from bibier.features.log_mel import LogMelConfig
from bibier.models.audio_encoder import AudioEncoderConfig
from bibier.models.fusion import FusionConfig
from bibier.models.ood_score import OODScoreConfig
from bibier.models.text_encoder import TextEncoder, TextEncoderConfig


def tiny_config(**changes) -> BundleConfig:
    text = TextEncoderConfig(buckets=512, slots=16, dim=8, temporal="lstm")
    audio = AudioEncoderConfig(channels=(4, 6, 8), dim=8, hidden=6)
    fusion = FusionConfig(
        audio_dim=12, text_dim=TextEncoder(text).dim_out, hidden=8, length=12, layers=2, heads=2, out=8
    )
    values = dict(
        name="tiny",
        audio_features=LogMelConfig(),
        audio_encoder=audio,
        text_features=CharNgramsConfig(buckets=512, slots=16),
        text_encoder=text,
        fusion=fusion,
        calibration=Calibration(),
    )
    return BundleConfig(**(values | changes))


def scored(bundle: Bundle, linear: float) -> Bundle:
    """Return a bundle whose out-of-distribution score is `linear` for every voice that lies no farther than that."""
    made = Bundle(replace(bundle.config, ood_score=OODScoreConfig(dim=bundle.audio_encoder.head.in_features)))
    made.load_state_dict(bundle.state_dict(), strict=False)
    made.ood_score.bias.fill_(linear)
    made.ood_score.reach.copy_(torch.tensor([1.0, 1e4]))
    return made.eval()


def golden(name: str) -> dict:
    """Read golden tensors; the test is skipped where they are not at hand."""
    folder = Path(os.environ.get("BIBIER_GOLDEN", Path(__file__).resolve().parents[2] / "shared" / "golden"))
    if not (folder / name).is_file():
        pytest.skip(f"{name} is not at hand")
    return torch.load(folder / name, map_location="cpu", weights_only=True)


def padded(items: list[torch.Tensor], extra: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Right-pad sequences with rubbish, on purpose: the batch (B, T, …) and its mask (B, T)."""
    longest = max(len(x) for x in items) + extra
    batch = torch.full((len(items), longest, *items[0].shape[1:]), 7, dtype=items[0].dtype)
    mask = torch.zeros(len(items), longest, dtype=torch.bool)
    for row, valid, x in zip(batch, mask, items, strict=True):
        row[: len(x)] = x
        valid[: len(x)] = True
    return batch, mask


def shaken(model: torch.nn.Module) -> torch.nn.Module:
    """Move every parameter off its initial value, so that nothing is zero by construction."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


def voice(seconds: float = 2.0, rate: int = 16_000, seed: int = 0) -> np.ndarray:
    """Syllables: a gliding harmonic tone, swelling and fading four times a second, in float64 within [-1, 1]."""
    generator = np.random.default_rng(seed)
    t = np.arange(round(seconds * rate)) / rate
    pitch = 140 + 40 * np.sin(2 * np.pi * 0.7 * t) + generator.normal(0, 1)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    tone = sum(np.sin(k * phase) / k for k in range(1, 20))
    envelope = np.clip(np.sin(2 * np.pi * 4 * t), 0, None) ** 0.5
    return 0.2 * tone / np.abs(tone).max() * envelope + 1e-4 * generator.standard_normal(len(t))
