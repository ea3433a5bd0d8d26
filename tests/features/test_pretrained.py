"""Weights of the Hub: found, fetched only when allowed, refused in both languages; settings that pin them.

Nothing here touches the network; the Hub's cache is always a folder of the test.
"""

import dataclasses
import hashlib
import http.server
import importlib.util
import json
import os
import threading
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_hub import DIM, FOREIGN_CODE, POSITIONS, REVISION, TEXTS, build, clips, copied, made, refused

from bibier.checkpoint import components
from bibier.features.char_ngrams import CharNgramsConfig, build_text_features
from bibier.features.log_mel import LogMelConfig, build_audio_features
from bibier.features.pretrained import COMMIT, chosen, find, weights_of
from bibier.features.speech_encoders import SOURCES as AUDIO_SOURCES
from bibier.features.speech_encoders import HubAudioConfig
from bibier.features.text_encoders import SOURCES as TEXT_SOURCES
from bibier.features.text_encoders import HubTextConfig

transformers = pytest.importorskip("transformers")

FUNASR = importlib.util.find_spec("funasr") is not None


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    """One folder a kind, each with a tiny random model."""
    return {kind: made(kind, tmp_path_factory.mktemp(kind)) for kind in ("bert", "xlm-r", "hubert", "exhubert")}


@pytest.fixture(scope="module", autouse=True)
def foreign_modules(tmp_path_factory):
    """Foreign code is copied to a folder of the test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transformers.dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path_factory.mktemp("modules")))
        yield


# -------------------------------------------------------------------------------------------------------- configuration


def test_a_kind_is_enough_and_pins_a_commit():
    for sources, modality in ((AUDIO_SOURCES, "audio"), (TEXT_SOURCES, "text")):
        for kind, source in sources.items():
            config = components.parse_config(f"{modality}_features", {"kind": kind})
            assert (config.repo, config.revision, config.dim) == (source.repo, source.revision, source.dim)
            assert COMMIT.fullmatch(config.revision)
            again = type(config)(**json.loads(json.dumps(dataclasses.asdict(config))))
            assert again == config
    assert components.parse_config("audio_features", {"bins": 32}) == LogMelConfig(bins=32)
    assert components.parse_config("text_features", {}) == CharNgramsConfig()


@pytest.mark.parametrize(
    ("key", "make"),
    [
        ("weights-revision", lambda: HubAudioConfig("hubert", repo="somebody/else")),
        ("features-setting", lambda: HubAudioConfig("hubert", dtype="float64")),
        ("features-setting", lambda: HubAudioConfig("emotion2vec", layer=3)),
        ("features-setting", lambda: HubTextConfig("canine", layer=3)),
        ("features-setting", lambda: HubTextConfig("bert", rows=-1)),
    ],
)
def test_settings_that_make_no_sense_are_refused(key, make):
    refused(key, make)


def test_settings_that_the_model_cannot_have_are_refused(folders):
    for kind, change, key in (
        ("bert", {"positions": 129}, "features-setting"),
        ("xlm-r", {"positions": 129}, "features-setting"),
        ("bert", {"layer": 3}, "features-setting"),
        ("bert", {"dim": 768}, "weights-other-model"),
    ):
        refused(key, build(kind, folders[kind], **change).load)
    refused("weights-other-model", build("bert", folders["xlm-r"]).load)


# -------------------------------------------------------------------------------------------------------------- weights


@pytest.mark.parametrize("kind", [k for k in (*AUDIO_SOURCES, *TEXT_SOURCES) if FUNASR or k != "emotion2vec"])
def test_nothing_is_fetched_unasked(tmp_path, kind):
    part, door, source = (
        ("audio_features", build_audio_features, AUDIO_SOURCES[kind])
        if kind in AUDIO_SOURCES
        else ("text_features", build_text_features, TEXT_SOURCES[kind])
    )
    consent = {"remote_code": True} if source.runs_code else {}
    extractor = door(components.parse_config(part, {"kind": kind} | consent), cache=tmp_path)
    error = refused("weights-missing", extractor.load)
    for language in ("en", "ru"):
        sentence = error.text(language)
        assert source.repo in sentence and str(source.megabytes) in sentence and "--download" in sentence
    assert not list(tmp_path.rglob("*"))


@pytest.fixture
def hub(monkeypatch):
    """A Hub on this machine: serves a folder as any repository at any commit, and notes the paths that it was asked."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_HEAD(self):
            self.do_GET()

        def do_GET(self):
            server = self.server
            server.asked.append(f"{self.command} {self.path}")
            path = self.path.partition("?")[0]
            if "/tree/" in path:
                files = [f for f in server.folder.rglob("*") if f.is_file()]
                files = [f for f in files if f.parent == server.folder or "recursive=true" in self.path.lower()]
                tree = [(str(f.relative_to(server.folder)), f.stat().st_size) for f in files]
                tree = [{"type": "file", "path": p, "size": size, "oid": sha256(p)} for p, size in tree]
                content, headers = json.dumps(tree).encode(), {"Content-Type": "application/json"}
            else:
                name = path.partition("/resolve/")[2].partition("/")[2]
                content, headers = (server.folder / name).read_bytes(), {"ETag": f'"{sha256(name)}"'}
                headers["X-Repo-Commit"] = path.partition("/resolve/")[2].partition("/")[0]
            self.send_response(200)
            for header, value in (headers | {"Content-Length": str(len(content))}).items():
                self.send_header(header, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

    def sha256(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()[:40]

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.asked = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", address)
        template = address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        yield server
        server.shutdown()


def test_what_was_allowed_is_fetched_at_the_pinned_commit_and_nothing_else(tmp_path, folders, hub):
    hub.folder = copied(folders["bert"], tmp_path / "remote")
    (hub.folder / "onnx").mkdir()
    for name in ("README.md", "pytorch_model.bin", "code.py", "onnx/model.safetensors"):
        (hub.folder / name).write_bytes(b"not wanted")
    config, lines = components.parse_config("text_features", POSITIONS | {"kind": "bert", "dim": DIM}), []
    options = {"cache": tmp_path / "cache", "report": lambda message: lines.append(message.text("en"))}
    extractor = build_text_features(config, allow_download=True, **options)
    np.testing.assert_array_equal(extractor(TEXTS[0]), build("bert", folders["bert"])(TEXTS[0]))
    assert len(lines) == 1 and config.revision in lines[0] and str(tmp_path / "cache") in lines[0]
    resolved = {path.partition("?")[0] for path in hub.asked if path.startswith("GET") and "/resolve/" in path}
    names = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    assert {path.rpartition("/")[2] for path in resolved} == names
    assert all(f"/google-bert/bert-base-uncased/resolve/{config.revision}/" in path for path in resolved)
    hub.asked.clear()
    build_text_features(config, **options).load()  # the second time nothing is asked for
    assert not hub.asked and len(lines) == 1


def test_an_offline_machine_says_how_to_go_on(tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    extractor = build_audio_features(HubAudioConfig("hubert"), cache=tmp_path, allow_download=True)
    assert "into a folder" in str(refused("weights-unreachable", extractor.load))


def test_a_snapshot_of_the_hub_s_cache_is_found_and_half_of_one_is_not(tmp_path, folders):
    source = AUDIO_SOURCES["hubert"]
    snapshot = tmp_path / "models--facebook--hubert-base-ls960" / "snapshots" / source.revision
    snapshot.mkdir(parents=True)
    config = components.parse_config("audio_features", {"kind": "hubert", "dim": DIM})
    extractor = build_audio_features(config, cache=tmp_path)
    (snapshot / "config.json").write_bytes((folders["hubert"] / "config.json").read_bytes())
    refused("weights-missing", extractor.load)  # as an interrupted download leaves it
    (snapshot / "model.safetensors").write_bytes((folders["hubert"] / "model.safetensors").read_bytes())
    assert extractor(clips(0.5)[0]).shape == (24, DIM)


@pytest.mark.parametrize("repo", ["/no/such/folder", "./weights", "~/weights", "a/b/c", "two words"])
def test_what_can_only_be_a_folder_is_looked_for_on_the_disk(tmp_path, repo):
    refused("weights-incomplete", find, repo, REVISION, megabytes=1, cache=tmp_path)


def test_a_branch_is_no_pinned_revision(tmp_path):
    refused("weights-revision", find, "facebook/hubert-base-ls960", "main", megabytes=1, cache=tmp_path)


def test_safetensors_are_fetched_before_pickles_and_nothing_else():
    names = ["config.json", "README.md", "model.safetensors", "pytorch_model.bin", "model.h5", "code.py", "vocab.txt"]
    assert chosen([*names, "onnx/model.safetensors"], code=False) == ["config.json", "vocab.txt", "model.safetensors"]
    assert "code.py" in chosen(names, code=True)
    assert chosen(["config.json", "pytorch_model.bin"], code=False) == ["config.json", "pytorch_model.bin"]


def test_a_missing_shard_is_missed(tmp_path):
    for number in (1, 2):
        (tmp_path / f"model-{number}.safetensors").touch()
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    assert len(weights_of(tmp_path)) == 2
    (tmp_path / "model-2.safetensors").unlink()
    assert weights_of(tmp_path) == []


def test_damaged_weights_are_named(tmp_path, folders):
    cut = copied(folders["bert"], tmp_path / "cut")
    (cut / "model.safetensors").write_bytes((cut / "model.safetensors").read_bytes()[:5000])
    assert "model.safetensors" in str(refused("weights-broken", build("bert", cut).load))
    mute = copied(folders["xlm-r"], tmp_path / "mute")
    (mute / "tokenizer.json").unlink()
    assert "tokenizer.json" in str(refused("weights-incomplete", build("xlm-r", mute).load))
    poor = copied(folders["bert"], tmp_path / "poor")
    weights = load_file(poor / "model.safetensors")
    weights = {name: tensor for name, tensor in weights.items() if "layer.1.attention.self.query" not in name}
    save_file(weights, poor / "model.safetensors", {"format": "pt"})
    assert "query" in str(refused("weights-lack", build("bert", poor).load))
    (poor / "config.json").write_text("{")
    refused("weights-broken", build("bert", poor).load)
    (poor / "config.json").unlink()
    refused("weights-incomplete", build("bert", poor).load)
    empty = tmp_path / "empty"
    empty.mkdir()
    refused("weights-incomplete", build("bert", empty).load)


def test_a_pickle_that_would_run_code_is_not_opened(tmp_path, folders):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "exploded"),)

    folder = copied(folders["hubert"], tmp_path / "pickled")
    (folder / "model.safetensors").unlink()
    torch.save({"bomb": Bomb()}, folder / "pytorch_model.bin")
    refused("weights-broken", build("hubert", folder).load)
    assert not (tmp_path / "exploded").exists()


def test_foreign_code_runs_only_with_consent(tmp_path, folders):
    folder = copied(folders["exhubert"], tmp_path / "foreign")
    (folder / "foreign.py").write_text(FOREIGN_CODE.format(mark=str(tmp_path / "ran")))
    assert "remote_code = true" in str(refused("weights-run-code", build("exhubert", folder, remote_code=False).load))
    assert not (tmp_path / "ran").exists()
    assert build("exhubert", folder)(clips(0.5)[0]).shape == (24, DIM)
    assert (tmp_path / "ran").exists()
    (folder / "foreign.py").write_text("from transformers.deepspeed import gone\n")
    refused("weights-code-fails", build("exhubert", copied(folder, tmp_path / "old"), remote_code=True).load)
    elsewhere = copied(folder, tmp_path / "elsewhere")
    stated = json.loads((elsewhere / "config.json").read_text())
    stated["auto_map"] = {name: f"somebody/else--{code}" for name, code in stated["auto_map"].items()}
    (elsewhere / "config.json").write_text(json.dumps(stated))
    refused("weights-code-elsewhere", build("exhubert", elsewhere, remote_code=True).load)


@pytest.mark.skipif(FUNASR, reason="funasr is installed")
def test_emotion2vec_says_what_to_install(tmp_path):
    config = components.parse_config("audio_features", {"kind": "emotion2vec", "remote_code": True})
    extractor = build_audio_features(config, cache=tmp_path, allow_download=True)
    assert "pip install funasr" in str(refused("extractor-not-installed", extractor.load))


@pytest.mark.skipif(not FUNASR, reason="funasr, an optional package, is not installed")
def test_emotion2vec_is_the_one_of_funasr(tmp_path):
    from funasr.models.emotion2vec.model import Emotion2vec

    spec = "[(8, 10, 5)] + [(8, 3, 2)] * 4 + [(8, 2, 2)] * 2"
    off = ("start_drop_path_rate", "end_drop_path_rate", "prenet_layerdrop", "prenet_dropout", "mask_noise_std")
    off += ("mask_prob", "mask_prob_adjust", "keep_masked_pct", "mask_dropout", "mask_channel_prob")
    off += ("encoder_dropout", "post_mlp_drop", "attention_dropout", "activation_dropout", "dropout_input", "layerdrop")
    no = ("inverse_mask", "add_masks", "remove_masks", "ema_local_encoder", "learned_alibi", "conv_pos_pre_ln")
    no += ("learned_alibi_scale_per_layer", "layer_norm_first", "end_of_block_targets")
    yes = ("init_extra_token_zero", "encoder_zero_mask", "use_alibi_encoder", "learned_alibi_scale")
    yes += ("learned_alibi_scale_per_head", "norm_affine", "normalize")
    shared = dict.fromkeys(off, 0.0) | dict.fromkeys(no, False) | dict.fromkeys(yes, True)
    shared |= {"prenet_depth": 1, "num_extra_tokens": 10, "mask_prob_min": None, "mask_length": 5, "alibi_scale": 1.0}
    shared |= {"mask_channel_length": 64, "local_grad_mult": 1.0, "alibi_max_pos": None, "num_alibi_heads": 2}
    shared |= {"model_depth": 2, "decoder": None, "extractor_mode": "layer_norm", "feature_encoder_spec": spec}
    shared |= {"conv_pos_width": 15, "conv_pos_groups": 4, "conv_pos_depth": 2, "type": "AUDIO"}
    conf = shared | {"depth": 2, "num_heads": 2, "norm_eps": 1e-5, "embed_dim": DIM, "mlp_ratio": 4.0, "clone_batch": 8}
    conf |= {"average_top_k_layers": 2, "modalities": {"audio": shared}}
    (tmp_path / "config.yaml").write_text(json.dumps({"model": "Emotion2vec", "model_conf": conf}))
    metas = {"init_param": "emotion2vec_base.pt", "config": "config.yaml"}
    (tmp_path / "configuration.json").write_text(
        json.dumps({"task": "emotion-recognition", "model": {"type": "funasr"}, "file_path_metas": metas})
    )
    torch.manual_seed(0)
    model = Emotion2vec(model_conf=conf).eval()
    torch.save({"model": model.state_dict()}, tmp_path / "emotion2vec_base.pt")
    values = {"kind": "emotion2vec", "repo": str(tmp_path), "revision": REVISION, "dim": DIM}
    refused("weights-run-code", build_audio_features(components.parse_config("audio_features", values)).load)
    extractor = build_audio_features(components.parse_config("audio_features", values | {"remote_code": True}))
    sounds = clips(1.0, 0.5, 2.0)
    features = extractor.batch(sounds)
    assert [f.shape for f in features] == [(49, DIM), (24, DIM), (99, DIM)]
    sound = torch.from_numpy(sounds[0])
    with torch.no_grad():
        expected = model.extract_features(torch.nn.functional.layer_norm(sound, sound.shape)[None])["x"][0]
    np.testing.assert_allclose(features[0], expected.numpy(), atol=1e-4)
