"""Published weights of the paper → a checkpoint of ours: python -m train released {audio,text,fusion} FILE --out DIR.

The weights keep the published, uncorrected models: they run as the named variants of ours.
"""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from bibier.checkpoint import bundle, components
from bibier.errors import CorpusError
from bibier.files import sha256
from train.publish import push, released_encoders, released_fusion

# What the published encoders read.
FEATURES = {"audio": {"kind": "wav2vec2"}, "text": {"kind": "jina", "rows": released_encoders.TEXT_LENGTH}}
LICENCE = "research, non-commercial"
WRAPPED = ("model_state_dict", "state_dict", "model")  # where training checkpoints keep the weights
PREFIXES = ("module.", "_orig_mod.", "model.")

CARD = """# {name}

Weights published with the paper, converted; the models are its published variants, not the corrected ones. Trained by
its authors on MELD (English) and RESD (Russian).

{sources}

The extractors have licences of their own: wav2vec2 of audeering CC BY-NC-SA 4.0, Jina embeddings v3 CC BY-NC 4.0.
Research, non-commercial. The model hears how speech is perceived; it does not know what a person feels.
"""


def read(path: Path) -> dict[str, Tensor]:
    """Read a published state dict; nothing but tensors is unpickled.

    Bare, or one of several things in a training checkpoint (`WRAPPED`); the prefixes that DataParallel, torch.compile
    and Lightning put before every name (`PREFIXES`) are taken off.

    Raises
    ------
    CorpusError
        There is no such file, it is none of torch, or it holds something else.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CorpusError(f"{path} can't be read ({error.strerror or error}): check the path") from error
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "it ends too early"
        raise CorpusError(
            f"{path} is no state dict of torch ({reason}): fetch it again, or save it with "
            "torch.save(model.state_dict(), FILE)"
        ) from error
    if isinstance(content, Mapping):
        content = next((content[name] for name in WRAPPED if isinstance(content.get(name), Mapping)), content)
    if not isinstance(content, Mapping) or not content:
        raise CorpusError(f"{path} holds no state dict: save it with torch.save(model.state_dict(), FILE)")
    for key, value in content.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            raise CorpusError(f"{path} holds {key!r}, which is no tensor: save model.state_dict() alone")
    return _without_prefixes(dict(content), path)


def _without_prefixes(state: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    state.pop("n_averaged", None)  # of torch's AveragedModel
    while prefix := next((prefix for prefix in PREFIXES if any(key.startswith(prefix) for key in state)), None):
        if others := [key for key in state if not key.startswith(prefix)]:
            raise CorpusError(
                f"{path}: some names begin with {prefix!r} and others, such as {others[0]!r}, don't: save the one "
                "model's state_dict() alone"
            )
        state = {key.removeprefix(prefix): tensor for key, tensor in state.items()}
    return state


def convert(files: dict[str, Path], *, heads: int = released_fusion.HEADS) -> dict[str, tuple]:
    """Read and convert the files of "audio", "text" and "fusion", whichever are given: part → (config, state dict)."""
    converters = {
        "audio": released_encoders.audio,
        "text": released_encoders.text,
        "fusion": lambda state: released_fusion.fusion(state, heads=heads),
    }
    converted = {}
    for part, path in files.items():
        try:
            converted[part] = converters[part](read(path))
        except CorpusError as error:
            raise CorpusError(error if str(path) in str(error) else f"{path}: {error}") from error
    return converted


def write(files: dict[str, Path], out: Path, *, heads: int = released_fusion.HEADS, features: dict = FEATURES) -> Path:
    """Convert published weights and write the checkpoint: whole and strictly read again, or not at all.

    Parameters
    ----------
    files : dict
        "audio", "text" and "fusion" → state dict file; the fusion goes with both encoders only.
    out : Path
        The new checkpoint's folder; its name is the checkpoint's.
    heads : int
        Of the fusion's trunk, which its shapes don't tell.
    features : dict
        "audio" and "text" → settings of the extractor whose output the encoder reads.

    Raises
    ------
    CorpusError
        A file is not what it should be, the parts don't fit each other, the folder is taken, or the disk is full.
    InputError
        The extractor's settings are wrong.
    """
    if "fusion" in files and not {"audio", "text"} <= files.keys():
        raise CorpusError("a fusion reads the hidden states of both encoders: give their files too, --audio and --text")
    converted = convert(files, heads=heads)
    settings = {}
    for part, (config, _) in converted.items():
        settings["fusion" if part == "fusion" else f"{part}_encoder"] = config
        if part in features:
            settings[f"{part}_features"] = components.parse_config(f"{part}_features", features[part])
    sources = {part: {"file": path.name, "sha256": sha256(path)} for part, path in files.items()}
    try:
        model = bundle.Bundle(
            bundle.BundleConfig(name=out.name, licence=LICENCE, recipe={"published": sources}, **settings)
        )
    except ValueError as error:
        raise CorpusError(f"the files don't belong together: {error}") from error
    for part, (_, state) in converted.items():
        getattr(model, "fusion" if part == "fusion" else f"{part}_encoder").load_state_dict(state, strict=True)
    lines = [f"* {part}: `{source['file']}`, sha256 `{source['sha256']}`" for part, source in sources.items()]
    with tempfile.TemporaryDirectory() as folder:
        bundle.save(model, folder, CARD.format(name=out.name, sources="\n".join(lines)), half=False)
        return push.to_folder(folder, out)
