"""Samples → the hidden states of a frozen speech encoder of the Hub.

B batch, n samples of a clip, T frames, D features.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np
import torch

from bibier.audio.format import SAMPLE_RATE
from bibier.errors import InputError
from bibier.features.batching import budget_buckets, pad
from bibier.features.fast_speech import quicken
from bibier.features.pretrained import DTYPES, EncoderSource, Frozen, complete, open_model

if TYPE_CHECKING:
    from transformers import PreTrainedModel

BATCH_SAMPLES = 60 * SAMPLE_RATE  # of all clips that run at once, their padding included
SHORTEST = 400  # samples that one frame sees; a shorter clip is padded to one frame

# Revisions are the commits that the authors or other published work pin.
SOURCES = {
    "wav2vec2": EncoderSource(
        "audeering/wav2vec2-large-robust-12-ft-emotion-msp-dim",
        "6eba34a2485ea31cb03600241787c3a5edab8626",
        661,
        1024,
        "Wav2Vec2Model",
        "wav2vec2",
    ),
    "exhubert": EncoderSource(
        "amiriparian/ExHuBERT",
        "b158d45ed8578432468f3ab8d46cbe5974380812",
        2_500,
        1024,
        "HubertModel",
        "hubert",
        runs_code=True,
    ),
    "hubert": EncoderSource(
        "facebook/hubert-base-ls960",
        "dba3bb02fda4248b6e082697eee756de8fe8aa8a",
        378,
        768,
        "HubertModel",
        "hubert",
    ),
    # funasr evaluates lines of its configuration, and opens its pickle.
    "emotion2vec": EncoderSource(
        "emotion2vec/emotion2vec_base",
        "0c9a3152734f9d7a7a05b4ee6bfb3c109d288664",
        1_120,
        768,
        "",
        "",
        runs_code=True,
    ),
}


@dataclass(frozen=True)
class HubAudioConfig:
    """Settings of `HubAudio`; every field is JSON. What is left empty is filled from `SOURCES[kind]`.

    Another repository, or a folder, needs its own `revision`.
    """

    kind: str
    repo: str = ""
    revision: str = ""
    layer: int = -1  # of the hidden states; 0 is what enters the first block, −1 the model's output
    dim: int = 0  # D
    dtype: str = "float32"  # or bfloat16, twice as fast on a CPU and 1 % off
    remote_code: bool = False  # consent to run the program code that comes with the weights

    def __post_init__(self):
        complete(self, SOURCES)
        if self.kind == "emotion2vec" and self.layer != -1:
            value, expected = self.layer, "-1, the only layer that funasr gives"
            raise InputError("features-setting", kind=self.kind, setting="layer", value=value, expected=expected)


def normalised(samples: np.ndarray) -> np.ndarray:
    """Return samples (n,) with zero mean and unit variance, the processors' (x − μ) / √(σ² + 1e−7)."""
    samples = np.asarray(samples, dtype=np.float64)
    if len(samples):
        samples = (samples - samples.mean()) / np.sqrt(samples.var() + 1e-7)
    return samples.astype(np.float32)


def lengthened(samples: np.ndarray) -> np.ndarray:
    """Return at least `SHORTEST` samples (n,) float32: zeros follow a shorter clip."""
    return np.pad(np.asarray(samples, dtype=np.float32), (0, max(0, SHORTEST - len(samples))))


def frames(samples: int, *, kernels: Sequence[int], strides: Sequence[int]) -> int:
    """Return the number of frames T that unpadded convolutions leave of n samples: ⌊(n − k) / s⌋ + 1, one by one."""
    for kernel, stride in zip(kernels, strides, strict=True):
        samples = (samples - kernel) // stride + 1
    return samples


class FunasrModel(Protocol):
    """What is used of funasr's AutoModel, an optional package."""

    def generate(
        self, clip: np.ndarray, *, granularity: str, extract_embedding: bool, disable_pbar: bool
    ) -> list[dict[str, np.ndarray]]: ...


class HubAudio(Frozen[HubAudioConfig, "PreTrainedModel | FunasrModel"]):
    """Hidden states of a frozen speech encoder, at 50 frames a second; see `Frozen` for what it is made of.

    `extractor(samples)` and `extractor.batch(clips)` give the same within 1e−4 in float32. Clips of like lengths run
    together with a mask where the convolutions normalise each frame by itself (wav2vec2-large-robust). Where the first
    of them normalises over the whole clip (hubert-base: group norm), zeros behind the speech would change its
    beginning, and the same has to be feared of foreign code: only clips of equal length run together there.
    """

    modality = "audio"
    sources = SOURCES

    def folder(self) -> Path:
        """Return the folder of the model's files, fetching them first if that was allowed. Raises InputError."""
        if self.config.kind == "emotion2vec" and importlib.util.find_spec("funasr") is None:
            raise InputError("extractor-not-installed", kind=self.config.kind, package="funasr")
        return super().folder()

    def _allows_code(self) -> bool:
        return self.config.remote_code

    def _open(self, folder: Path) -> PreTrainedModel | FunasrModel:
        kind = self.config.kind
        if kind == "emotion2vec":
            return _funasr(folder, self.device)
        remote = "AutoModelForAudioClassification" if SOURCES[kind].runs_code else None
        model = open_model(folder, SOURCES[kind], self.config, dtype=self.dtype, remote=remote)
        if self.fast and remote is None:
            quicken(model)
        return model.to(self.device)  # pyright: ignore[reportArgumentType]  # transformers decorates it untyped

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Return features (T, D) float32 of 16 kHz samples (n,) in [−1, 1]. Raises InputError."""
        return self.batch([samples])[0]

    def batch(self, clips: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the features (Tᵢ, D) float32 of each clip (nᵢ,) at 16 kHz in [−1, 1]. Raises InputError."""
        loaded = self._model()
        kind = self.config.kind
        with self._lock, torch.inference_mode():
            if kind == "emotion2vec":  # funasr normalises by itself, with a larger ε that is felt in quiet clips
                features = _emotion2vec(cast("FunasrModel", loaded), [lengthened(clip) for clip in clips])
            else:
                features = self._run(cast("PreTrainedModel", loaded), [lengthened(normalised(clip)) for clip in clips])
        for rows in features:
            if rows.shape[1] != self.dim:
                expected = str(rows.shape[1])
                raise InputError("features-setting", kind=kind, setting="dim", value=self.dim, expected=expected)
        return features

    def _run(self, model: PreTrainedModel, clips: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Run the model on normalised clips (nᵢ,) in groups of like lengths → (Tᵢ, D)."""
        features: list[np.ndarray] = [np.empty(0)] * len(clips)
        equal = SOURCES[self.config.kind].runs_code or model.config.feat_extract_norm == "group"
        for group in budget_buckets([len(clip) for clip in clips], budget=BATCH_SAMPLES, equal=equal):
            for index, states in zip(group, self._run_group(model, [clips[i] for i in group]), strict=True):
                features[index] = states
        return features

    def _run_group(self, model: PreTrainedModel, clips: list[np.ndarray]) -> list[np.ndarray]:
        """Run the model on normalised clips (nᵢ,) at once → (Tᵢ, D)."""
        values, mask = pad(clips)  # (B, n)
        options = {} if mask.all() else {"attention_mask": mask.long().to(self.device)}
        values = values.to(self.device, DTYPES[self.dtype])
        # A classifier with code of its own gives its hidden states only when asked.
        last = self.config.layer == -1 and not SOURCES[self.config.kind].runs_code
        output = model(values, output_hidden_states=not last, **options)
        states = output.last_hidden_state if last else output.hidden_states[self.config.layer]
        states = states.float().cpu().numpy()  # (B, T, D)
        chain = {"kernels": model.config.conv_kernel, "strides": model.config.conv_stride}
        return [np.ascontiguousarray(row[: frames(len(c), **chain)]) for row, c in zip(states, clips, strict=True)]


def _funasr(folder: Path, device: str) -> FunasrModel:
    """Open emotion2vec by funasr, an optional package."""
    from funasr import AutoModel  # pyright: ignore[reportMissingImports]  # optional, and not among our extras

    return AutoModel(model=str(folder), device=device, disable_update=True, disable_pbar=True, log_level="ERROR")


def _emotion2vec(model: FunasrModel, clips: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Run emotion2vec on clips (nᵢ,), one by one → (Tᵢ, D) at 50 Hz."""
    return [
        np.asarray(
            model.generate(clip, granularity="frame", extract_embedding=True, disable_pbar=True)[0]["feats"],
            dtype=np.float32,
        )
        for clip in clips
    ]
