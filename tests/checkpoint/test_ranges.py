"""A checkpoint's numbers are foreign input: settings in ranges, weights of their type, answers that are numbers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import soundfile
import torch
from safetensors.torch import load_file, save_file
from tiny import voice
from torch.nn.modules.module import register_module_parameter_registration_hook

from bibier.checkpoint.bundle import CONFIG, ROOT, load, save
from bibier.checkpoint.components import parse_config
from bibier.errors import InputError
from bibier.inference.batch import BatchInput, BatchPredictor
from bibier.inference.predictor import Predictor
from bibier.labels import EMOTIONS

DIMENSIONS = {"audio_dim": 8, "text_dim": 8}


@pytest.fixture
def folder(tiny_bundle, tmp_path) -> Path:
    return save(tiny_bundle, tmp_path / "tiny", "# tiny\n")


@pytest.mark.parametrize(
    "part, name, value",
    [
        ("fusion", "heads", 0),
        ("fusion", "layers", 10**7),
        ("fusion", "length", 10**9),
        ("fusion", "dropout", float("nan")),
        ("fusion", "audio_dim", 2**16),
        ("ood_score", "dim", 45_000),
        ("fusion", "hidden", True),
        ("fusion", "hidden", 64.0),
        ("fusion", "hidden", "64"),
        ("fusion", "hidden", None),
        ("audio_encoder", "channels", [16] * 17),
        ("audio_encoder", "channels", []),
        ("audio_encoder", "channels", [0]),
        ("audio_features", "hop", 0),
        ("audio_features", "window", 1e9),
        ("audio_features", "pitch", -1),
        ("audio_features", "pitch", 32_000),
        ("audio_features", "trim", 1e6),
        ("text_features", "longest", 10**9),
        ("text_features", "slots", -1),
        ("text_encoder", "buckets", 10**10),
        ("text_encoder", "context", float("inf")),
    ],
)
def test_numbers_out_of_their_range_are_refused(part, name, value):
    """They divided by zero for all, hung the start, or held the queue for minutes."""
    settings = (DIMENSIONS if part == "fusion" else {}) | {name: value}
    with pytest.raises(ValueError, match=f"{part}.{name} is"):
        parse_config(part, settings)


def test_what_is_within_is_taken():
    assert parse_config("text_encoder", {"hidden": None, "vocabulary": 0}).hidden is None
    assert parse_config("audio_encoder", {"channels": [1, 2]}).channels == (1, 2)
    assert parse_config("text_encoder", {"buckets": 2**32}).buckets == 2**32  # a recipe's, whose vocabulary comes later
    assert parse_config("fusion", DIMENSIONS | {"dropout": 0}).dropout == 0


def test_heads_that_do_not_divide_are_said(folder):
    facts = json.loads((folder / "config.json").read_text())
    facts["fusion"]["heads"] = 7
    (folder / "config.json").write_text(json.dumps(facts))
    with pytest.raises(InputError):
        load(folder)


def test_quantised_weights_are_refused(folder):
    """They were cast to float, and judged with weights between -128 and 127."""
    weights = load_file(folder / "model.safetensors")
    name = next(name for name, tensor in weights.items() if tensor.is_floating_point())
    save_file(weights | {name: weights[name].to(torch.int8)}, folder / "model.safetensors")
    with pytest.raises(InputError, match="int8"):
        load(folder)


def test_an_answer_that_is_no_number_is_refused(folder, tmp_path):
    """Weights that are finite, and so large that what comes of them is not."""
    shutil.copytree(folder, tmp_path / "loud")
    weights = load_file(folder / "model.safetensors")
    loud = {name: torch.full_like(t, 6e4) if t.is_floating_point() else t for name, t in weights.items()}
    save_file(loud, tmp_path / "loud" / "model.safetensors")
    bundle = load(tmp_path / "loud")
    for parameter in bundle.parameters():
        parameter.data.mul_(1e35)
    with pytest.raises(InputError, match="no usable numbers"):
        predictor = Predictor(bundle)
        predictor.classify(predictor.encode_audio((voice(1.0), 16_000)), "happy")
    clip = tmp_path / "voice.wav"
    soundfile.write(clip, voice(1.0), 16_000)
    judging = BatchPredictor(predictor, recognise=False, name="loud")
    (row,) = judging.predict([judging.prepare(BatchInput(str(clip), "happy"))])
    assert "no usable numbers" in row["error"] and not any(row.get(f"voice_{name}") for name in EMOTIONS)


@pytest.mark.parametrize("prior", [[0.0] + [1 / 6] * 6, [0.5, 0.5], [float("nan")] * 7, ["a"] * 7])
def test_a_prior_that_is_none_is_refused(folder, prior):
    """What the words say is divided by it."""
    facts = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(facts | {"text_prior": prior}))
    with pytest.raises(InputError):
        load(folder)


def test_a_config_that_asks_for_more_than_its_weights_hold_fills_no_memory(tmp_path):
    """4.5 MB of a checkpoint took 12 GB: each number is within its range, and all were made before one was compared."""
    folder = tmp_path / "compact"
    shutil.copytree(ROOT / "compact", folder)
    config = json.loads((folder / CONFIG).read_text())
    encoder = config["audio_encoder"]
    encoder.update(hidden=2048, layers=48)
    (folder / CONFIG).write_text(json.dumps(config))
    made = []
    handle = register_module_parameter_registration_hook(lambda module, name, tensor: made.append(tensor.numel()))
    try:
        with pytest.raises(InputError, match="more than the .* numbers that the weights hold"):
            load(folder)
    finally:
        handle.remove()
    assert sum(made) < 60_000_000
    load("compact")  # nothing is counted any more
