"""Frozen extractors: tiny random models of the real architectures in the Hub's layout, loaded by the real code.

Nothing here touches the network; the Hub's cache is always an empty folder of the test.
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
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from tiny import voice

from bibier import hub_text
from bibier.audio_features import LogMelConfig, audio_config, build_audio_features
from bibier.explain import per_word
from bibier.hub_audio import SOURCES as AUDIO_SOURCES
from bibier.hub_audio import HubAudioConfig, frames, normalised
from bibier.hub_text import SOURCES as TEXT_SOURCES
from bibier.hub_text import HubTextConfig
from bibier.hub_weights import COMMIT, batches, chosen, find, weights_of
from bibier.messages import InputError
from bibier.text_features import CharNgrams, CharNgramsConfig, build_text_features, text_config
from bibier.words import joined, words
from train import __main__ as cli
from train import features as store
from train.corpora import CorpusError, Item, one_hot

transformers = pytest.importorskip("transformers")

FUNASR = importlib.util.find_spec("funasr") is not None
REVISION = "tiny-1"
DIM = 16
TEXTS = (
    "Don't you dare, y'know?!",
    "Well -- I really, really love it... 😍👩‍👩‍👧 ❤️!",
    "«Ну как же?» — сказала ёлка. Кто-нибудь!",
    "Да",
    "?!",
    "",
    "a" * 50,
    "it costs 5,000 \ud800 snake_case",
)
SPEECH = {
    "hidden_size": DIM,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "conv_dim": [8] * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
}
TEXT = {"hidden_size": DIM, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
FOREIGN_CODE = """
import pathlib
from transformers import HubertModel
from transformers.modeling_outputs import SequenceClassifierOutput
from transformers.models.hubert.modeling_hubert import HubertPreTrainedModel

pathlib.Path({mark!r}).touch()


class Tiny(HubertPreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.hubert = HubertModel(config)
        self.post_init()

    def forward(self, input_values, output_hidden_states=False):
        inside = self.hubert(input_values, output_hidden_states=output_hidden_states)
        return SequenceClassifierOutput(logits=inside.last_hidden_state.mean(1), hidden_states=inside.hidden_states)
"""


def wav2vec2(folder: Path) -> None:
    """Save a backbone below a head that is left out, as audeering's repository does."""
    config = transformers.Wav2Vec2Config(
        **SPEECH, feat_extract_norm="layer", do_stable_layer_norm=True, conv_bias=True, mask_time_prob=0.05
    )
    model = transformers.Wav2Vec2Model(config)
    model.save_pretrained(folder)
    weights = {f"wav2vec2.{name}": tensor for name, tensor in load_file(folder / "model.safetensors").items()}
    weights["classifier.dense.weight"] = torch.zeros(3, DIM)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    description = json.loads((folder / "config.json").read_text())
    description["architectures"] = ["Wav2Vec2ForSpeechClassification"]
    (folder / "config.json").write_text(json.dumps(description))


def hubert(folder: Path) -> None:
    config = transformers.HubertConfig(**SPEECH, feat_extract_norm="group", do_stable_layer_norm=False)
    transformers.HubertModel(config).save_pretrained(folder)


def exhubert(folder: Path) -> None:
    hubert(folder)
    weights = {f"hubert.{name}": tensor for name, tensor in load_file(folder / "model.safetensors").items()}
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")  # that repository has nothing but a pickle
    description = json.loads((folder / "config.json").read_text())
    description["auto_map"] = {"AutoModelForAudioClassification": "foreign.Tiny"}
    (folder / "config.json").write_text(json.dumps(description))
    (folder / "foreign.py").write_text(FOREIGN_CODE.format(mark=str(folder / "ran")))


def unigram() -> list[tuple[str, float]]:
    """A vocabulary of SentencePiece's kind: every letter of the texts, some pieces, and the lone word boundary."""
    letters = sorted(set("".join(TEXTS)) - set(" \ud800"))
    pieces = ["▁", "▁Don", "'t", "▁you", "▁re", "ally", "▁love", "▁как", "▁ска", "зала", "▁5,000", "...", "aaaaaaaa"]
    special = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    return special + [(p, -2.0) for p in pieces] + [(c, -5.0) for c in letters] + [("<mask>", 0.0)]


def xlmr_like(folder: Path, config_class, model_class) -> None:
    tokenizer = transformers.XLMRobertaTokenizer(vocab=unigram())
    tokenizer.save_pretrained(folder)
    config = config_class(
        **TEXT, vocab_size=len(tokenizer), pad_token_id=1, max_position_embeddings=130, type_vocab_size=1
    )
    model_class(config).save_pretrained(folder)


def jina(folder: Path) -> None:
    xlmr_like(folder, transformers.JinaEmbeddingsV3Config, transformers.JinaEmbeddingsV3Model)


def xlm_r(folder: Path) -> None:
    xlmr_like(folder, transformers.XLMRobertaConfig, transformers.XLMRobertaModel)


def canine(folder: Path) -> None:
    config = transformers.CanineConfig(
        **TEXT, num_hash_buckets=64, num_hash_functions=4, local_transformer_stride=32, max_position_embeddings=256
    )
    transformers.CanineModel(config).save_pretrained(folder)


def bert(folder: Path) -> None:
    marks = sorted({c.lower() for c in "".join(TEXTS)} - set(" \ud800"))
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "don", "you", "really", "как", *marks]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys([*pieces, *(f"##{c}" for c in marks)]))}
    tokenizer = transformers.BertTokenizer(vocab=vocabulary)
    tokenizer.save_pretrained(folder)
    config = transformers.BertConfig(**TEXT, vocab_size=len(vocabulary), max_position_embeddings=128)
    transformers.BertModel(config).save_pretrained(folder)


MAKERS = {"wav2vec2": wav2vec2, "hubert": hubert, "exhubert": exhubert}
MAKERS |= {"jina": jina, "xlm-r": xlm_r, "canine": canine, "bert": bert}
POSITIONS = {"positions": 128}


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    """One folder a kind, each with a tiny random model."""
    found = {}
    for kind, make in MAKERS.items():
        torch.manual_seed(0)
        found[kind] = tmp_path_factory.mktemp(kind)
        make(found[kind])
    return found


@pytest.fixture(scope="module", autouse=True)
def foreign_modules(tmp_path_factory):
    """Foreign code is copied to a folder of the test."""
    from transformers import dynamic_module_utils

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path_factory.mktemp("modules")))
        yield


@pytest.fixture(scope="module")
def extractors(folders) -> dict:
    """One extractor a kind, loaded once."""
    return {kind: build(kind, folders[kind]) for kind in MAKERS}


def build(kind: str, folder: Path, **changes):
    values = {"kind": kind, "repo": str(folder), "revision": REVISION, "dim": DIM} | changes
    if kind in AUDIO_SOURCES:
        return build_audio_features(audio_config({"remote_code": kind == "exhubert"} | values))
    return build_text_features(text_config(POSITIONS | values))


def clips(*seconds: float) -> list[np.ndarray]:
    return [voice(s, seed=i).astype(np.float32) for i, s in enumerate(seconds)]


def refused(key: str, action, *arguments, **options) -> InputError:
    """Run what must raise an InputError with this key, and check that both languages have it."""
    with pytest.raises(InputError) as caught:
        action(*arguments, **options)
    assert caught.value.message.key == key, caught.value
    assert caught.value.text("ru") != caught.value.text("en")
    return caught.value


# ---------------------------------------------------------------------------------------------------------------- sound


@pytest.mark.parametrize("kind", ["wav2vec2", "hubert", "exhubert"])
def test_frames_of_the_convolution_chain(extractors, kind):
    """SPEC §1: 0.5 s → 24, 1 s → 49, 2 s → 99, 4 s → 199, 10 s → 499 frames."""
    seconds, expected = (0.5, 1, 2, 4, 10), [24, 49, 99, 199, 499]
    chain = {"kernels": (10, 3, 3, 3, 3, 2, 2), "strides": (5, 2, 2, 2, 2, 2, 2)}
    assert [frames(round(16_000 * s), **chain) for s in seconds] == expected
    assert frames(30_480, **chain) == 95 and frames(30_479, **chain) == 94
    found = extractors[kind].batch(clips(*seconds))
    assert [f.shape for f in found] == [(t, DIM) for t in expected]
    assert all(f.dtype == np.float32 for f in found)


@pytest.mark.parametrize("kind", ["wav2vec2", "hubert", "exhubert"])
def test_a_batch_of_clips_equals_single_clips(extractors, kind):
    extractor = extractors[kind]
    sounds = clips(0.3, 1.7, 0.02, 1.1, 1.7, 3.0)
    for together, sound in zip(extractor.batch(sounds), sounds, strict=True):
        np.testing.assert_allclose(together, extractor(sound), atol=1e-4)
    assert extractor.dim == extractor(sounds[0]).shape[-1]


def test_hubert_base_would_not_stand_padding(extractors):
    """Why its clips only run at equal length: zeros behind the speech change its beginning."""
    extractor = extractors["hubert"]
    short, long = (normalised(c) for c in clips(0.5, 1.0))
    apart = extractor._run([short])[0]
    assert np.abs(extractor._run([short, long])[0] - apart).max() > 1e-2
    robust = extractors["wav2vec2"]
    np.testing.assert_allclose(robust._run([short, long])[0], robust._run([short])[0], atol=1e-4)


def test_the_backbone_is_the_one_of_transformers(folders, extractors):
    """A second implementation: the class and the processor of transformers, with nothing of ours between."""
    model = transformers.Wav2Vec2Model.from_pretrained(folders["wav2vec2"]).eval()
    processor = transformers.Wav2Vec2FeatureExtractor(do_normalize=True)
    sound = clips(1.0)[0]
    values = processor(sound, sampling_rate=16_000, return_tensors="pt").input_values
    np.testing.assert_allclose(normalised(sound), values[0].numpy(), atol=1e-5)
    with torch.no_grad():
        output = model(values, output_hidden_states=True)
    np.testing.assert_allclose(extractors["wav2vec2"](sound), output.last_hidden_state[0].numpy(), atol=1e-4)
    middle = build("wav2vec2", folders["wav2vec2"], layer=1)(sound)
    np.testing.assert_allclose(middle, output.hidden_states[1][0].numpy(), atol=1e-4)


def test_the_level_of_a_clip_does_not_matter(extractors):
    sound = clips(0.6)[0]
    np.testing.assert_allclose(extractors["wav2vec2"](sound * 3), extractors["wav2vec2"](sound), atol=1e-3)


@pytest.mark.parametrize("kind", list(MAKERS))
def test_frozen_the_same_each_time_and_from_any_thread(extractors, kind):
    extractor = extractors[kind]
    value = clips(0.4)[0] if extractor.modality == "audio" else TEXTS[0]
    first = extractor(value)
    assert not extractor._model.training
    assert not any(p.requires_grad for p in extractor._model.parameters())
    found = []
    threads = [threading.Thread(target=lambda: found.append(extractor(value))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3 and all(np.array_equal(first, other) for other in found)


@pytest.mark.parametrize("kind", ["wav2vec2", "jina"])
def test_bfloat16_is_near(folders, extractors, kind):
    value = clips(0.5)[0] if kind == "wav2vec2" else TEXTS[1]
    exact, rough = extractors[kind](value), build(kind, folders[kind], dtype="bfloat16")(value)
    assert rough.dtype == np.float32
    assert 0 < np.linalg.norm(rough - exact) / np.linalg.norm(exact) < 0.03


# ---------------------------------------------------------------------------------------------------------------- words


@settings(deadline=None)
@given(st.text())
def test_words_joined_again_are_the_text(text):
    spans = words(text)
    again, starts = joined(spans)
    assert again == (text.strip() if spans else "")
    assert starts == sorted(starts) and len(starts) == len(spans)
    assert words(again) == () or [w.text for w in words(again)] == [w.text for w in spans]


def test_leaving_a_word_out_leaves_its_punctuation_and_spaces_out():
    spans = words("«Oh, my God!» he's lost it...")
    assert joined(spans[:2] + spans[3:])[0] == "«Oh, my he's lost it..."
    assert joined(spans[1:])[0] == "my God!» he's lost it..."
    assert joined(spans[:-1])[0] == "«Oh, my God!» he's lost"


@pytest.mark.parametrize("kind", ["jina", "xlm-r", "canine", "bert"])
def test_a_batch_of_texts_equals_single_texts(extractors, kind):
    extractor = extractors[kind]
    for together, text in zip(extractor.batch(TEXTS), TEXTS, strict=True):
        alone = extractor(text)
        assert alone.dtype == np.float32 and alone.shape[1] == extractor.dim == DIM
        np.testing.assert_allclose(together, alone, atol=1e-4)
        np.testing.assert_array_equal(alone, extractor(words(text)))


@pytest.mark.parametrize("kind", ["jina", "xlm-r", "canine", "bert", "char-ngrams"])
@pytest.mark.parametrize("text", TEXTS[:5])
def test_every_word_owns_rows_in_order(extractors, kind, text):
    extractor = CharNgrams() if kind == "char-ngrams" else extractors[kind]
    features, owner = extractor.read(text)
    assert len(features) == len(owner) and owner.dtype == np.int64
    owned = owner[owner >= 0]
    assert owned.tolist() == sorted(owned) and set(owned) == set(range(len(words(text))))
    if kind == "char-ngrams":
        np.testing.assert_array_equal(owner, np.arange(len(words(text))))
    else:
        assert owner[0] == owner[-1] == -1 and (owner[1:-1] >= 0).all()


def test_owners_of_a_text_written_out(extractors):
    text = "I am 😍, да!"
    # characters:  I · · a m · · 😍 , · · д а !   with each space given to the word that follows
    expected = [-1, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 3, -1]
    assert extractors["canine"].owners(text).tolist() == expected
    assert extractors["xlm-r"].owners("really 5,000 you").tolist() == [-1, 0, 0, 1, 3, -1]  # 000 is in the token of 5


def test_canine_reads_characters_between_its_marks(extractors):
    from transformers.models.canine import tokenization_canine as theirs

    ids = extractors["canine"]._tokens("ёл😍").ids
    assert ids == [theirs.CLS, 0x451, 0x43B, 0x1F60D, theirs.SEP]
    assert hub_text.PAD == theirs.PAD


@pytest.mark.parametrize("kind", ["jina", "xlm-r", "bert"])
def test_text_features_are_those_of_transformers(folders, extractors, kind):
    tokenizer = transformers.AutoTokenizer.from_pretrained(folders[kind])
    model = transformers.AutoModel.from_pretrained(folders[kind]).eval()
    with torch.no_grad():
        expected = model(**tokenizer(TEXTS[1], return_tensors="pt")).last_hidden_state[0]
    np.testing.assert_allclose(extractors[kind](TEXTS[1]), expected.numpy(), atol=1e-4)


def test_rows_are_cut_and_special_tokens_dropped_as_asked(folders, extractors):
    whole, owner = extractors["jina"].read(TEXTS[1])
    cut, cut_owner = build("jina", folders["jina"], rows=5).read(TEXTS[1])
    np.testing.assert_array_equal(cut, whole[:5])  # the whole text was read, as in the paper
    np.testing.assert_array_equal(cut_owner, owner[:5])
    plain, plain_owner = build("jina", folders["jina"], special=False).read(TEXTS[1])
    np.testing.assert_array_equal(plain, whole[1:-1])
    np.testing.assert_array_equal(plain_owner, owner[1:-1])
    assert build("jina", folders["jina"], special=False)("").shape == (0, DIM)
    short = build("bert", folders["bert"], positions=6)
    assert len(short(TEXTS[0])) == 6 and short.owners(TEXTS[0])[-1] == -1


def test_the_weight_of_a_word_is_the_sum_over_its_tokens():
    attention = np.array([0.4, 0.1, 0.2, 0.2, 0.1, 0.0])
    np.testing.assert_allclose(per_word(attention, np.array([-1, 0, 0, 2, -1]), 4), [0.6, 0, 0.4, 0])
    np.testing.assert_allclose(per_word(attention, np.array([-1]), 2), [0.5, 0.5])
    np.testing.assert_allclose(per_word(attention[1:4] * 2, np.arange(3), 3), [0.2, 0.4, 0.4])


# -------------------------------------------------------------------------------------------------------- configuration


def test_a_kind_is_enough_and_pins_a_commit():
    for sources, make in ((AUDIO_SOURCES, audio_config), (TEXT_SOURCES, text_config)):
        for kind, source in sources.items():
            config = make({"kind": kind})
            assert (config.repo, config.revision, config.dim) == (source.repo, source.revision, source.dim)
            assert COMMIT.fullmatch(config.revision)
            again = type(config)(**json.loads(json.dumps(dataclasses.asdict(config))))
            assert again == config
    assert audio_config({"bins": 32}) == LogMelConfig(bins=32) and text_config({}) == CharNgramsConfig()


@pytest.mark.parametrize(
    ("key", "make"),
    [
        ("features-unknown", lambda: audio_config({"kind": "wavlm"})),
        ("features-unknown", lambda: text_config({"kind": "gpt"})),
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
    make, door, source = (
        (audio_config, build_audio_features, AUDIO_SOURCES[kind])
        if kind in AUDIO_SOURCES
        else (text_config, build_text_features, TEXT_SOURCES[kind])
    )
    consent = {"remote_code": True} if source.runs_code else {}
    extractor = door(make({"kind": kind} | consent), cache=tmp_path)
    error = refused("weights-missing", extractor.load)
    for language in ("en", "ru"):
        sentence = error.text(language)
        assert source.repo in sentence and str(source.megabytes) in sentence and "--download" in sentence
    assert not list(tmp_path.rglob("*"))


def copied(folder: Path, target: Path) -> Path:
    target.mkdir()
    for file in folder.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    return target


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
    config, said = text_config(POSITIONS | {"kind": "bert", "dim": DIM}), []
    options = {"cache": tmp_path / "cache", "report": lambda message: said.append(message.text("en"))}
    extractor = build_text_features(config, allow_download=True, **options)
    np.testing.assert_array_equal(extractor(TEXTS[0]), build("bert", folders["bert"])(TEXTS[0]))
    assert len(said) == 1 and config.revision in said[0] and str(tmp_path / "cache") in said[0]
    resolved = {path.partition("?")[0] for path in hub.asked if path.startswith("GET") and "/resolve/" in path}
    names = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    assert {path.rpartition("/")[2] for path in resolved} == names
    assert all(f"/google-bert/bert-base-uncased/resolve/{config.revision}/" in path for path in resolved)
    hub.asked.clear()
    build_text_features(config, **options).load()  # the second time nothing is asked for
    assert not hub.asked and len(said) == 1


def test_an_offline_machine_says_how_to_go_on(tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    extractor = build_audio_features(HubAudioConfig("hubert"), cache=tmp_path, allow_download=True)
    assert "into a folder" in str(refused("weights-unreachable", extractor.load))


def test_a_snapshot_of_the_hub_s_cache_is_found_and_half_of_one_is_not(tmp_path, folders):
    source = AUDIO_SOURCES["hubert"]
    snapshot = tmp_path / "models--facebook--hubert-base-ls960" / "snapshots" / source.revision
    snapshot.mkdir(parents=True)
    config = audio_config({"kind": "hubert", "dim": DIM})
    extractor = build_audio_features(config, cache=tmp_path)
    (snapshot / "config.json").write_bytes((folders["hubert"] / "config.json").read_bytes())
    refused("weights-missing", extractor.load)  # as an interrupted download leaves it
    (snapshot / "model.safetensors").write_bytes((folders["hubert"] / "model.safetensors").read_bytes())
    assert extractor(clips(0.5)[0]).shape == (24, DIM)


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
    poor = copied(folders["bert"], tmp_path / "poor")
    weights = load_file(poor / "model.safetensors")
    weights = {name: tensor for name, tensor in weights.items() if "layer.1.attention.self.query" not in name}
    save_file(weights, poor / "model.safetensors", {"format": "pt"})
    assert "query" in str(refused("weights-lack", build("bert", poor).load))
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


@pytest.mark.skipif(FUNASR, reason="funasr is installed")
def test_emotion2vec_says_what_to_install(tmp_path):
    config = audio_config({"kind": "emotion2vec", "remote_code": True})
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
    refused("weights-run-code", build_audio_features(audio_config(values)).load)
    extractor = build_audio_features(audio_config(values | {"remote_code": True}))
    sounds = clips(1.0, 0.5, 2.0)
    found = extractor.batch(sounds)
    assert [f.shape for f in found] == [(49, DIM), (24, DIM), (99, DIM)]
    sound = torch.from_numpy(sounds[0])
    with torch.no_grad():
        expected = model.extract_features(torch.nn.functional.layer_norm(sound, sound.shape)[None])["x"][0]
    np.testing.assert_allclose(found[0], expected.numpy(), atol=1e-4)


@settings(deadline=None)
@given(st.lists(st.integers(1, 50)), st.booleans())
def test_batches_hold_everything_once_within_the_budget(lengths, equal):
    groups = list(batches(lengths, budget=60, equal=equal))
    assert sorted(i for group in groups for i in group) == list(range(len(lengths)))
    for group in groups:
        sizes = [lengths[i] for i in group]
        assert len(group) == 1 or len(group) * max(sizes) <= 60
        assert not equal or len(set(sizes)) == 1


# ---------------------------------------------------------------------------------------------------------------- cache


@pytest.fixture
def sounds(tmp_path) -> list[Item]:
    items = []
    for i, samples in enumerate(clips(0.5, 0.9, 0.5)):
        path = tmp_path / f"clip{i}.wav"
        soundfile.write(path, samples, 16_000)
        items.append(Item(f"corpus/clip{i}", "corpus", one_hot("happy"), text=f"hello {i}", path=path))
    return [*items, dataclasses.replace(items[0], id="corpus/again")]


def test_a_second_run_needs_no_model(tmp_path, folders, sounds):
    weights = copied(folders["wav2vec2"], tmp_path / "weights")
    cache = tmp_path / "cache"
    first = store.cached(sounds, build("wav2vec2", weights), cache=cache)
    assert [f.shape for f in first] == [(24, DIM), (44, DIM), (24, DIM), (24, DIM)]
    np.testing.assert_array_equal(first[0], first[3])
    (weights / "model.safetensors").unlink()
    second = store.cached(sounds, build("wav2vec2", weights), cache=cache)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(list(cache.rglob("*.npy"))) == 3 and not list(cache.rglob("*.part"))
    settings = json.loads(next(cache.rglob("settings.json")).read_text())["features"]
    assert (settings["kind"], settings["revision"]) == ("wav2vec2", REVISION)
    with pytest.raises(InputError):  # another revision is other features
        store.cached(sounds, build("wav2vec2", weights, revision="tiny-2"), cache=cache)


def test_texts_are_cached_too(tmp_path, folders, sounds):
    extractor = build("bert", folders["bert"])
    found = store.cached(sounds, extractor, cache=tmp_path / "cache")
    for features, item in zip(found, sounds, strict=True):
        np.testing.assert_allclose(features, extractor(item.text), atol=1e-4)


def test_a_damaged_entry_is_made_again_and_named(tmp_path, extractors, sounds):
    cache, said = tmp_path / "cache", []
    first = [f.copy() for f in store.cached(sounds, extractors["wav2vec2"], cache=cache)]
    entries = sorted(cache.rglob("*.npy"))
    entries[0].write_bytes(entries[0].read_bytes()[:200])
    np.save(entries[1], np.zeros((3, DIM + 1), np.float32))
    again = store.cached(sounds, extractors["wav2vec2"], cache=cache, report=said.append)
    assert len(said) == 2 and all(any(entry.name in line for line in said) for entry in entries[:2])
    for one, other in zip(first, again, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_a_foreign_cache_is_refused(tmp_path, extractors, sounds):
    cache = tmp_path / "cache"
    store.cached(sounds, extractors["wav2vec2"], cache=cache)
    file = next(cache.rglob("settings.json"))
    file.write_text(file.read_text().replace(REVISION, "tiny-0"))
    with pytest.raises(CorpusError, match="revision is 'tiny-0', expected 'tiny-1'.*delete the folder"):
        store.cached(sounds, extractors["wav2vec2"], cache=cache)
    file.unlink()
    with pytest.raises(CorpusError, match="settings.json is missing"):
        store.cached(sounds, extractors["wav2vec2"], cache=cache)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full disk at hand")
def test_a_full_disk_is_said_and_leaves_nothing_half_written(tmp_path, extractors, sounds):
    cache = tmp_path / "cache"
    folder = store.described(cache, extractors["wav2vec2"])
    digest = store._digests(sounds[1:2], "audio")[0]
    (folder / f"{digest}.{os.getpid()}.part").symlink_to("/dev/full")
    with pytest.raises(CorpusError, match="is full: free some space .* 1 of 4 items are extracted"):
        store.cached(sounds, extractors["wav2vec2"], cache=cache)
    assert not list(cache.rglob("*.part")) and len(list(cache.rglob("*.npy"))) == 1
    assert len(store.cached(sounds, extractors["wav2vec2"], cache=cache)) == 4  # it goes on


def test_unreadable_clips_are_listed_and_too_many_refused(tmp_path, extractors, sounds):
    for i in (0, 2):
        sounds[i].path.write_bytes(b"no sound" + bytes([i]))
    said = []
    found = store.cached(sounds[:3], extractors["wav2vec2"], cache=tmp_path / "a", report=said.append, limit=0.9)
    assert found[0] is None and found[2] is None and len(found[1]) == 44
    assert any("corpus/clip0" in line for line in said) and "2 of 3" in said[-1]
    with pytest.raises(CorpusError, match="(?s)2 of 3 items.*corpus/clip0.*corpus/clip2"):
        store.cached(sounds[:3], extractors["wav2vec2"], cache=tmp_path / "b")


def test_prepare_extracts_what_a_recipe_needs(tmp_path, folders, sounds, capsys):
    @dataclasses.dataclass
    class Part:
        corpora: tuple
        features: object

    @dataclasses.dataclass
    class Recipe:
        audio: Part
        text: Part

    manifest = tmp_path / "own.csv"
    manifest.write_text("path,text,label\n" + "".join(f"{i.path},{i.text},happy\n" for i in sounds[:3]))
    audio_part = Part((str(manifest),), build("wav2vec2", folders["wav2vec2"]).config)
    recipe = Recipe(audio_part, Part((str(manifest),), build("jina", folders["jina"]).config))
    counts = store.prepare(recipe, tmp_path, cache=tmp_path / "cache")
    assert set(counts.values()) == {3} and len(counts) == 2
    assert "3 items" in capsys.readouterr().out
    assert len(list((tmp_path / "cache").rglob("*.npy"))) == 6


def test_prepare_from_the_command_line(tmp_path, capsys):
    folder = tmp_path / "ravdess"
    folder.mkdir()
    soundfile.write(folder / "03-01-03-01-01-01-01.wav", clips(0.6)[0], 16_000)
    (tmp_path / "meld_train.csv").write_text("Utterance,Speaker,Emotion,Dialogue_ID,Utterance_ID\nhi,A,joy,0,0\n")
    recipe = Path(__file__).parents[1] / "train" / "recipes" / "compact.toml"
    arguments = ["prepare", str(recipe), "--data", str(tmp_path), "--cache", str(tmp_path / "cache")]
    assert cli.main(arguments) == 0
    assert "1 items of ravdess as log-mel" in capsys.readouterr().err
    assert len(list((tmp_path / "cache").rglob("*.npy"))) == 1
