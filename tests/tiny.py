"""What several tests need: a tiny bundle with random weights, and somebody's speech."""

import os
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
import torch

from bibier.checkpoint.bundle import Bundle, BundleConfig, Calibration
from bibier.features.char_ngrams import CharNgramsConfig
from bibier.features.log_mel import LogMelConfig
from bibier.models.audio_encoder import AudioEncoderConfig
from bibier.models.fusion import FusionConfig
from bibier.models.ood_score import OODScoreConfig
from bibier.models.text_encoder import TextEncoder, TextEncoderConfig

EXAMPLES = sorted((Path(__file__).resolve().parents[1] / "examples").glob("*.ogg"))


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
    """Somebody's speech for so long, (n,) float64 within [-1, 1]: an example, another with another seed."""
    sound = _speech(seed % len(EXAMPLES))
    sound = np.roll(sound, -1_600 * (seed // len(EXAMPLES)))
    wanted = np.resize(sound, round(seconds * 16_000) + 1_600)
    if rate != 16_000:
        wanted = soxr.resample(wanted, 16_000, rate)
    count = round(seconds * rate)
    return 0.3 * wanted[:count] + 1e-4 * np.random.default_rng(seed).standard_normal(count)


@cache
def _speech(number: int) -> np.ndarray:
    """Return an example (n,) from its first loud sample on, at most 1 in height."""
    samples, rate = soundfile.read(EXAMPLES[number], dtype="float64")
    samples = soxr.resample(samples, rate, 16_000)
    samples /= np.abs(samples).max()
    return samples[np.argmax(np.abs(samples) > 0.1) :]
