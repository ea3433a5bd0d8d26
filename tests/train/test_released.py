"""Published weights: every key is used, what comes out computes what the published code computed."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from bibier.checkpoint.bundle import load
from bibier.errors import CorpusError
from bibier.models.fusion import build_fusion
from bibier.models.sequence_encoder import SequenceEncoder
from train.__main__ import main
from train.publish import released, released_encoders, released_fusion

GOLDEN = Path(os.environ.get("BIBIER_GOLDEN", Path(__file__).resolve().parents[3] / "shared" / "golden"))
SMALL = {"audio": {"kind": "wav2vec2", "dim": 5}, "text": {"kind": "jina", "dim": 6}}  # as if they gave so few features


def audio_state(inputs=5, dim=4, layers=2):
    torch.manual_seed(0)
    shapes = {"input_proj": (dim, inputs), "fc": (7, dim)}
    for number in range(layers):
        shapes |= {f"blocks.{number}.{name}": (dim, dim) for name in ("in_proj", "s_B", "s_C", "out_proj")}
        shapes[f"blocks.{number}.norm"] = (dim,)
    state = {f"{name}.weight": torch.randn(shape) for name, shape in shapes.items()}
    return state | {f"{name}.bias": torch.randn(shape[0]) for name, shape in shapes.items()}


def block_state(prefix, dim, channels, states, rank):
    shapes = released_encoders.block_shapes(dim, channels=channels, states=states, rank=rank)
    return {f"{prefix}.{name}": 0.3 * torch.randn(shape) for name, shape in shapes.items()}


def text_state(dim=6, layers=2):
    torch.manual_seed(1)
    state = {"fc_out.weight": torch.randn(7, dim), "fc_out.bias": torch.randn(7)}
    for number in range(layers):
        state |= block_state(f"layers.{number}.0", dim, 8, 3, 2)
        state[f"layers.{number}.1.weight"] = torch.rand(dim) + 0.5
    return state


def bimamba_state(hidden=6, length=5, layers=2, audio=4, text=6):
    torch.manual_seed(2)
    widths = {"audio_proj": (hidden, audio), "text_proj": (hidden, text), "fusion_proj": (hidden, 2 * hidden)}
    state = {}
    for name, shape in (widths | {"classifier": (9, hidden + length)}).items():
        state |= {f"{name}.0.weight": torch.randn(shape), f"{name}.0.bias": torch.randn(shape[0])}
        state |= {f"{name}.1.{part}": torch.randn(shape[0]) for part in ("weight", "bias")}
    state |= {"classifier.4.weight": torch.randn(7, 9), "classifier.4.bias": torch.randn(7)}
    for number in range(layers):
        state |= block_state(f"mamba_blocks.{number}.0", hidden, hidden, 3, 1)
        state[f"mamba_blocks.{number}.1.weight"] = torch.rand(hidden) + 0.5
    return state


CONVERTERS = {"audio": (released_encoders.audio, audio_state), "text": (released_encoders.text, text_state)}
every_encoder = pytest.mark.parametrize("part", CONVERTERS)


def encoder_of(config, state):
    model = SequenceEncoder(config).eval()
    model.load_state_dict(state, strict=True)
    return model


@torch.no_grad()
def test_the_audio_encoder_is_the_published_forward_pass():
    """Against the published forward pass in float64 numpy; each clip by itself, as the published pipeline read them."""
    state = audio_state()
    w = {name: tensor.double().numpy() for name, tensor in state.items()}
    model = encoder_of(*released_encoders.audio(state))
    x, lengths = torch.randn(3, 11, 5), (11, 6, 1)
    encoded = model(features=x, mask=torch.arange(11) < torch.tensor(lengths)[:, None])

    def linear(z, name):
        return z @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    for i, n in enumerate(lengths):
        z = linear(x[i, :n].double().numpy(), "input_proj")
        for block in ("blocks.0", "blocks.1"):
            u = linear(z, f"{block}.in_proj")
            v = u + linear(u, f"{block}.s_B") + linear(u, f"{block}.s_C")
            z = z + linear(np.maximum(v, 0), f"{block}.out_proj")
            z = (z - z.mean(1, keepdims=True)) / np.sqrt(z.var(1, keepdims=True) + 1e-5)
            z = z * w[f"{block}.norm.weight"] + w[f"{block}.norm.bias"]
        assert_close(encoded.hidden[i, :n].double(), torch.from_numpy(z), rtol=1e-5, atol=1e-5)
        assert_close(encoded.logits[i].double(), torch.from_numpy(linear(z.mean(0), "fc")), rtol=1e-5, atol=1e-5)
        # A frame beyond a clip's end leaves a constant in the published code, which the fusion never saw: there, clips
        # are read singly and zeros set behind them. So zeros stand here too.
        assert torch.all(encoded.hidden[i, n:] == 0)
    shuffled = model(features=x[:1, torch.randperm(11)], mask=torch.ones(1, 11, dtype=torch.bool))
    assert_close(shuffled.logits, encoded.logits[:1], rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_the_text_encoder_is_the_published_forward_pass():
    """Against the published forward pass in float64 numpy, step by step; zeros fill the text up to seven positions."""
    state, length, words = text_state(), 7, 5
    w = {name: tensor.double().numpy() for name, tensor in state.items()}
    x = torch.zeros(1, length, 6)
    x[:, :words] = torch.randn(1, words, 6)
    model = encoder_of(*released_encoders.text(state, length=length))
    encoded = model(features=x, mask=torch.arange(length)[None] < words)
    z = x[0].double().numpy()

    def silu(a):
        return a / (1 + np.exp(-a))

    for layer in ("layers.0", "layers.1"):
        normed = z / np.sqrt((z**2).mean(1, keepdims=True) + 1e-8) * w[f"{layer}.1.weight"]
        a, gate = np.split(normed @ w[f"{layer}.0.in_proj.weight"].T, 2, axis=1)
        kernel, bias = w[f"{layer}.0.conv.weight"][:, 0], w[f"{layer}.0.conv.bias"]
        past = np.concatenate((np.zeros((3, 8)), a))
        h, ys = np.zeros((8, 3)), []
        for t in range(length):
            u = silu((past[t : t + 4].T * kernel).sum(1) + bias)
            B, C = w[f"{layer}.0.s_B.weight"] @ u, w[f"{layer}.0.s_C.weight"] @ u
            step = w[f"{layer}.0.s_D.1.weight"] @ (w[f"{layer}.0.s_D.0.weight"] @ u)
            delta = np.log1p(np.exp(w[f"{layer}.0.D"] + step))
            h = delta[:, None] * np.exp(-w[f"{layer}.0.A"]) * h + (delta * u)[:, None] * B
            ys.append(h @ C + w[f"{layer}.0.D"] * u)
        z = z + (np.stack(ys) * silu(gate)) @ w[f"{layer}.0.out_proj.weight"].T
    logits = z.mean(0) @ w["fc_out.weight"].T + w["fc_out.bias"]
    assert_close(encoded.hidden[0].double(), torch.from_numpy(z), rtol=1e-5, atol=1e-5)
    assert_close(encoded.logits[0].double(), torch.from_numpy(logits), rtol=1e-5, atol=1e-5)


@torch.no_grad()
@pytest.mark.skipif(not (GOLDEN / "text_mamba_ref.pt").is_file(), reason="the published tensors are not here")
def test_the_text_encoder_gives_the_published_tensors():
    case = torch.load(GOLDEN / "text_mamba_ref.pt", weights_only=True)
    x = case["input"]
    model = encoder_of(*released_encoders.text(case["state"], length=x.shape[1]))
    assert model.config.rank == case["config"]["d_discr"] and model.config.hidden == case["config"]["d_model"]
    encoded = model(features=x, mask=torch.arange(x.shape[1]) < case["lengths"][:, None])
    assert_close(encoded.hidden, case["hidden"], rtol=0, atol=1e-6)
    assert_close(encoded.logits, case["logits"], rtol=0, atol=1e-6)


@torch.no_grad()
@pytest.mark.skipif(not (GOLDEN / "fusion_ref.pt").is_file(), reason="the published tensors are not here")
@pytest.mark.parametrize("name", ["BiMamba", "BiMambaWithProb"])
def test_the_bimamba_gives_the_published_tensors(name):
    case = torch.load(GOLDEN / "fusion_ref.pt", weights_only=True)[name]
    config, state = released_fusion.fusion(case["state"])
    model = build_fusion(config).eval()
    model.load_state_dict(state, strict=True)
    whole = {part: torch.ones(case[part].shape[:2], dtype=torch.bool) for part in ("audio", "text")}
    fused = model(
        audio=case["audio"],
        audio_mask=whole["audio"],
        text=case["text"],
        text_mask=whole["text"],
        audio_log=case["audio_pred"],
        text_log=case["text_pred"],
    )
    assert_close(fused.logits, case["logits_single"], rtol=1e-5, atol=3e-6)


@every_encoder
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("missing", "{key} missing"),
        ("extra", "blocks.9.extra unknown"),
        ("shape", r"{key} is \(3,\), not \(7,\)"),
        ("nan", "{key} .* not finite"),
        ("other", "missing. Is this the state dict of another model"),
    ],
)
def test_a_damaged_state_dict_is_told_by_its_key(part, damage, message):
    convert, make = CONVERTERS[part]
    state, key = make(), "fc.bias" if part == "audio" else "fc_out.bias"
    if damage == "missing":
        del state[key]
    elif damage == "extra":
        state["blocks.9.extra"] = torch.zeros(1)
    elif damage == "shape":
        state[key] = torch.zeros(3)
    elif damage == "nan":
        state[key][2] = torch.nan
    else:
        state = {"conv.weight": torch.zeros(2)}
    with pytest.raises(CorpusError, match=message.format(key=key.replace(".", r"\."))):
        convert(state)


@every_encoder
def test_no_tensor_of_the_state_dict_is_left_unread(part):
    """Each number of the published state dict stands somewhere in ours, and there are as many."""
    convert, make = CONVERTERS[part]
    state = make()
    _, ours = convert(state)
    flat = [torch.cat([t.flatten() for t in tensors.values()]).sort().values for tensors in (state, ours)]
    assert torch.equal(*flat)


def save(folder, name, state):
    torch.save(state, folder / name)
    return folder / name


@torch.no_grad()
def test_published_files_become_a_checkpoint_that_loads(tmp_path):
    """All three parts; the audio file in the older form, with its settings beside."""
    older = {"model_state_dict": audio_state(), "exp_params": {"d_model": 4}}
    files = {
        "audio": save(tmp_path, "a.pt", older),
        "text": save(tmp_path, "t.pt", text_state()),
        "fusion": save(tmp_path, "f.pt", bimamba_state()),
    }
    out = released.write(files, tmp_path / "published", features=SMALL)
    bundle = load(out)
    assert bundle.config.name == "published" and bundle.config.fusion.kind == "bimamba"
    assert len(bundle.config.recipe["published"]["audio"]["sha256"]) == 64
    direct = encoder_of(*released_encoders.audio(audio_state()))
    x, mask = torch.randn(1, 9, 5), torch.ones(1, 9, dtype=torch.bool)
    heard = bundle.audio_encoder(features=x, mask=mask)
    assert torch.equal(heard.logits, direct(features=x, mask=mask).logits)  # nothing was rounded
    words = bundle.text_encoder(features=torch.randn(1, 3, 6), mask=torch.ones(1, 3, dtype=torch.bool))
    assert bundle.fuse(heard, words).logits.isfinite().all()
    assert "published variants" in (out / "README.md").read_text()
    with pytest.raises(CorpusError, match="there already"):
        released.write(files, out, features=SMALL)


def test_files_that_do_not_belong_together_are_told(tmp_path):
    files = {
        "audio": save(tmp_path, "a.pt", audio_state(dim=3)),
        "text": save(tmp_path, "t.pt", text_state()),
        "fusion": save(tmp_path, "f.pt", bimamba_state()),
    }
    with pytest.raises(CorpusError, match="belong together.*gives 3 features, and the fusion reads 4"):
        released.write(files, tmp_path / "out", features=SMALL)
    assert not (tmp_path / "out").exists()


def test_the_command_writes_the_published_audio_encoder(tmp_path, capsys):
    """Its full widths: 791,559 parameters, 1024 features of wav2vec2."""
    path = save(tmp_path, "new_best_model.pt", audio_state(inputs=1024, dim=256))
    assert main(["released", "audio", str(path), "--out", str(tmp_path / "released-audio")]) == 0
    assert "released-audio" in capsys.readouterr().err
    bundle = load(tmp_path / "released-audio")
    assert sum(parameter.numel() for parameter in bundle.audio_encoder.parameters()) == 791_559
    assert bundle.config.audio_features.kind == "wav2vec2" and bundle.config.text_encoder is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "can't be read"),
        (b"not a file of torch", "no state dict of torch"),
        ([1, 2], "holds no state dict"),
        ({}, "holds no state dict"),
        ({"a": torch.zeros(1), "lr": 0.1}, "'lr', which is no tensor"),
        ({"weights": torch.zeros(2)}, "input_proj.weight missing"),
    ],
)
def test_the_command_tells_what_is_wrong_with_a_file(content, message, tmp_path, capsys):
    path = tmp_path / "model.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    assert main(["released", "audio", str(path), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert message in error and "model.pt" in error
    assert not (tmp_path / "out").exists()


def test_a_fusion_alone_is_refused(tmp_path, capsys):
    path = save(tmp_path, "f.pt", bimamba_state())
    assert main(["released", "fusion", str(path), "--out", str(tmp_path / "out")]) == 2
    assert "--audio and --text" in capsys.readouterr().err


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "model."])
@pytest.mark.parametrize("wrapped", ["", "state_dict", "model_state_dict", "model"])
def test_weights_of_other_trainers_are_taken(tmp_path, prefix, wrapped):
    state = audio_state()
    content = {f"{prefix}{name}": tensor for name, tensor in state.items()}
    torch.save({wrapped: content, "epoch": 3} if wrapped else content, tmp_path / "a.pt")
    taken = released.read(tmp_path / "a.pt")
    assert taken.keys() == state.keys() and all(torch.equal(taken[name], state[name]) for name in state)


def test_names_of_two_models_are_refused_with_the_remedy(tmp_path):
    torch.save({"module.a": torch.zeros(1), "b": torch.zeros(1)}, tmp_path / "a.pt")
    with pytest.raises(CorpusError, match=r"'module\.' and others, such as 'b', don't: save the one model's"):
        released.read(tmp_path / "a.pt")
