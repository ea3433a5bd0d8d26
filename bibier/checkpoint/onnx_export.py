"""A checkpoint as ONNX graphs, for runtimes without torch: voice, words and both, each compared with torch.

B clips, T steps, D features, C = 7 emotions. Features are made outside the graphs, by `bibier.features`.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import shutil
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from bibier.checkpoint.bundle import Bundle
from bibier.errors import InputError
from bibier.files import replace_folder
from bibier.i18n.messages import Message
from bibier.models.audio_encoder import AudioEncoder
from bibier.models.audio_ensemble import AudioEnsemble
from bibier.models.encoder_output import EncoderOutput
from bibier.models.text_encoder import TextEncoder

if TYPE_CHECKING:
    import onnxruntime  # pyright: ignore[reportMissingImports] the extra

OPSET = 17
TOLERANCE = 1e-3  # of every output; float32 differs by some 1e-6
SIZES = ((2, 48), (1, 1), (3, 7), (1, 211))  # (B, T); the first is traced, with all the graphs are compared
DESCRIPTION = "graphs.json"

Inputs = dict[str, Tensor]


@dataclass(frozen=True)
class OnnxGraph:
    """A graph that was written: what goes in and comes out by name, and how far it is from torch."""

    file: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    largest_difference: float


class EncoderGraph(nn.Module):
    """An encoder of a bundle with its temperature, and with the score of the voice if it has one."""

    def __init__(self, encoder: nn.Module, temperature: float, score: nn.Module | None = None):
        super().__init__()
        self.encoder, self.temperature, self.score = encoder, temperature, score

    def forward(self, features: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        read = self.encoder(features=features, mask=mask)
        probabilities = torch.softmax(read.logits / self.temperature, dim=-1)
        outputs = (read.logits, probabilities, read.hidden, read.mask, read.attention)
        return outputs if self.score is None or read.pooled is None else (*outputs, self.score(read.pooled))


class FusionGraph(nn.Module):
    """The fusion of a bundle on what its two encoders give."""

    def __init__(self, bundle: Bundle):
        super().__init__()
        self.bundle = bundle

    def forward(
        self,
        voice_hidden: Tensor,
        voice_mask: Tensor,
        voice_logits: Tensor,
        words_hidden: Tensor,
        words_mask: Tensor,
        words_logits: Tensor,
    ) -> tuple[Tensor, Tensor]:
        voice = EncoderOutput(voice_hidden, voice_mask, voice_logits, voice_mask.float())
        words = EncoderOutput(words_hidden, words_mask, words_logits, words_mask.float())
        logits = self.bundle.fuse(voice, words).logits
        return logits, torch.softmax(logits / self.bundle.config.calibration.bimodal, dim=-1)


ENCODER_OUTPUTS = ("logits", "probabilities", "hidden", "hidden_mask", "attention")


def export(bundle: Bundle, folder: str | Path, report: Callable[[Message], None] = lambda notice: None) -> Path:
    """Write a bundle's graphs, `voice.onnx`, `words.onnx` and `both.onnx` as far as it has the parts, and graphs.json.

    Batch and length are free in every graph. Each is run by onnxruntime on batches of other sizes than the one that was
    traced, and compared with torch: a model whose graph answers differently is refused. The folder appears whole or not
    at all.

    Parameters
    ----------
    bundle
        In eval mode, on the CPU.
    folder
        A new or empty folder.
    report
        Takes a sentence for each graph.

    Raises
    ------
    InputError
        onnx or onnxruntime is not installed, the folder is taken or can't be written, or a part can't be exported.
    """
    _installed()
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError("onnx-folder-taken", name=str(folder))
    graphs = []
    part: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        part.chmod(0o755)
        for name, module, batches, outputs in _parts(bundle):
            graph = _export(module, batches, part / f"{name}.onnx", outputs)
            graphs.append(graph)
            report(Message("onnx-written", {"file": graph.file, "difference": f"{graph.largest_difference:.1e}"}))
        (part / DESCRIPTION).write_text(_describe(bundle, graphs), encoding="utf-8")
        if folder.exists():
            folder.rmdir()  # it is empty
        replace_folder(part, folder)
    except OSError as error:
        raise InputError("onnx-not-written", name=str(folder), detail=error.strerror or str(error)) from error
    finally:
        if part is not None:
            shutil.rmtree(part, ignore_errors=True)
    return folder


def _installed() -> None:
    try:
        import onnx  # noqa: F401  # pyright: ignore[reportMissingImports]
        import onnxruntime  # noqa: F401  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise InputError("extra-missing", package=error.name or "onnx", extra="onnx") from error


def _parts(bundle: Bundle) -> list[tuple[str, nn.Module, list[Inputs], tuple[str, ...]]]:
    """Return each graph's name, module, batches of inputs and names of outputs."""
    parts, read = [], {}
    calibration = bundle.config.calibration
    for name, modality in (("voice", "audio"), ("words", "text")):
        encoder = getattr(bundle, f"{modality}_encoder")
        if encoder is None:
            continue
        score = bundle.ood_score if modality == "audio" else None
        module = EncoderGraph(encoder, getattr(calibration, modality), score).eval()
        batches = [_features(bundle, modality, *size) for size in SIZES]
        with torch.no_grad():
            read[name] = [module(**batch) for batch in batches]
        names = ENCODER_OUTPUTS if len(read[name][0]) == len(ENCODER_OUTPUTS) else (*ENCODER_OUTPUTS, "ood_score")
        parts.append((name, module, batches, names))
    if bundle.fusion is not None:
        batches = [
            {
                f"{name}_{what}": outputs[ENCODER_OUTPUTS.index(output)]
                for name, outputs in (("voice", voice), ("words", words))
                for what, output in (("hidden", "hidden"), ("mask", "hidden_mask"), ("logits", "logits"))
            }
            for voice, words in zip(read["voice"], read["words"], strict=True)
        ]
        parts.append(("both", FusionGraph(bundle).eval(), batches, ("logits", "probabilities")))
    return parts


def _features(bundle: Bundle, modality: str, clips: int, steps: int) -> Inputs:
    """Make features of random values, (B, T, …), of which the last clip is half padding."""
    generator = torch.Generator().manual_seed(steps)
    encoder = getattr(bundle, f"{modality}_encoder")
    mask = torch.ones(clips, steps, dtype=torch.bool)
    if clips > 1:
        mask[-1, (steps + 1) // 2 :] = False
    if isinstance(encoder, TextEncoder):
        features = torch.randint(1, encoder.config.buckets, (clips, steps, encoder.config.slots), generator=generator)
        if encoder.config.vocabulary:  # random ids are of no n-gram that is known
            known = torch.randint(encoder.config.vocabulary, features.shape, generator=generator)
            features = torch.where(features % 2 == 0, encoder.ids(known), features)
        features[:, :, -1] = 0  # an empty slot
    else:
        shape = (
            (2, encoder.config.bins) if isinstance(encoder, AudioEncoder | AudioEnsemble) else (encoder.config.inputs,)
        )
        features = torch.randn(clips, steps, *shape, generator=generator)
    return {"features": features, "mask": mask}


def _export(module: nn.Module, batches: Sequence[Inputs], file: Path, outputs: tuple[str, ...]) -> OnnxGraph:
    names = tuple(batches[0])
    axes = {name: _axes(name, "steps" if name in ("features", "mask") else name[:5] + "_steps") for name in names}
    axes |= {name: _axes(name, "read_steps") for name in outputs}
    fast = torch.backends.mha.get_fastpath_enabled()
    try:
        torch.backends.mha.set_fastpath_enabled(False)  # ONNX has no such operator
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # of tracing: whether it matters is measured below
            # The exporter of torch.export unrolls an LSTM over the steps of its example; this one knows ONNX's LSTM.
            torch.onnx.export(
                _exportable(module),
                tuple(batches[0].values()),
                str(file),
                dynamo=False,
                opset_version=OPSET,
                input_names=list(names),
                output_names=list(outputs),
                dynamic_axes=axes,
            )
        session = _session(file)
        difference = max(_difference(module, batch, session) for batch in batches)
    except (RuntimeError, ValueError, TypeError) as error:  # torch's and onnxruntime's, of an operator they don't know
        raise InputError("onnx-not-exportable", part=file.stem, detail=str(error).splitlines()[0][:200]) from error
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    if not difference <= TOLERANCE:
        raise InputError("onnx-differs", part=file.stem, difference=f"{difference:.1e}")
    wanted = tuple(entry.name for entry in session.get_inputs())  # a pool of predictions reads no hidden states
    return OnnxGraph(file.name, wanted, outputs, difference)


def _axes(name: str, steps: str) -> dict[int, str]:
    """Name the dimensions of an input or output that may have any size."""
    timeless = name.endswith(("logits", "probabilities", "ood_score"))
    return {0: "clips"} if timeless else {0: "clips", 1: steps}


class PlainRMSNorm(nn.Module):
    """RMSNorm over the last dimension in operators that ONNX has."""

    def __init__(self, norm: nn.RMSNorm):
        super().__init__()
        self.weight, self.epsilon = norm.weight, norm.eps

    def forward(self, x: Tensor) -> Tensor:
        epsilon = torch.finfo(x.dtype).eps if self.epsilon is None else self.epsilon
        x = x / (x.square().mean(-1, keepdim=True) + epsilon).sqrt()
        return x if self.weight is None else x * self.weight


def _exportable(module: nn.Module) -> nn.Module:
    """Return a copy of a module whose parts are all known to ONNX."""
    module = copy.deepcopy(module)
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.RMSNorm):
                setattr(parent, name, PlainRMSNorm(child))
    return module


def _session(file: Path) -> onnxruntime.InferenceSession:
    """Open a graph in one thread. Raises RuntimeError where onnxruntime doesn't take it."""
    import onnxruntime  # pyright: ignore[reportMissingImports]
    from onnxruntime.capi import onnxruntime_pybind11_state as state  # pyright: ignore  # an extra, and compiled

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4  # what fails is raised
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except (state.Fail, state.InvalidGraph, state.NotImplemented, state.RuntimeException) as error:
        raise RuntimeError(f"onnxruntime: {error}") from error


def _difference(module: nn.Module, batch: Inputs, session: onnxruntime.InferenceSession) -> float:
    """Return the largest difference between what torch and onnxruntime say of a batch; infinite for another shape."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state  # pyright: ignore  # an extra, and compiled

    with torch.no_grad():
        expected = module(**batch)
    fed: dict[str, Any] = {wanted.name: batch[wanted.name].numpy() for wanted in session.get_inputs()}
    try:
        answers = session.run(None, fed)
    except (state.Fail, state.InvalidArgument, state.RuntimeException):  # it holds for the example's size alone
        return float("inf")
    largest = 0.0
    for ours, theirs in zip(expected, (np.asarray(answer, np.float64) for answer in answers), strict=True):
        if tuple(ours.shape) != theirs.shape:
            return float("inf")
        largest = max(largest, float(np.abs(ours.double().numpy() - theirs).max(initial=0)))
    return largest


def _describe(bundle: Bundle, graphs: Sequence[OnnxGraph]) -> str:
    """Say in JSON what the graphs want and give: labels, rate, the settings of the features."""
    config = bundle.config
    facts = {
        "name": config.name,
        "labels": config.labels,
        "sample_rate": config.sample_rate,
        "languages": config.languages,
        "licence": config.licence,
        "audio_features": config.audio_features and dataclasses.asdict(config.audio_features),
        "text_features": config.text_features and dataclasses.asdict(config.text_features),
        "calibration": dataclasses.asdict(config.calibration),
        "graphs": [dataclasses.asdict(graph) for graph in graphs],
    }
    return json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
