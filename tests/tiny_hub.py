"""Tiny random models of the architectures that the Hub holds, saved in its layout, for the tests of several rooms."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import voice

from bibier.checkpoint.components import parse_config
from bibier.errors import InputError
from bibier.features.char_ngrams import build_text_features
from bibier.features.log_mel import build_audio_features
from bibier.features.speech_encoders import SOURCES as AUDIO_SOURCES

transformers = pytest.importorskip("transformers")

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


def made(kind: str, folder: Path) -> Path:
    """Save the tiny model of a kind in a folder; the same at every call."""
    torch.manual_seed(0)
    MAKERS[kind](folder)
    return folder


def copied(folder: Path, target: Path) -> Path:
    target.mkdir()
    for file in folder.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    return target


def build(kind: str, folder: Path, **changes):
    values = {"kind": kind, "repo": str(folder), "revision": REVISION, "dim": DIM} | changes
    if kind in AUDIO_SOURCES:
        return build_audio_features(parse_config("audio_features", {"remote_code": kind == "exhubert"} | values))
    return build_text_features(parse_config("text_features", POSITIONS | values))


def clips(*seconds: float) -> list[np.ndarray]:
    return [voice(s, seed=i).astype(np.float32) for i, s in enumerate(seconds)]


def refused(key: str, action, *arguments, **options) -> InputError:
    """Run what must raise an InputError with this key, and check that both languages have it."""
    with pytest.raises(InputError) as caught:
        action(*arguments, **options)
    assert caught.value.message.key == key, caught.value
    assert caught.value.text("ru") != caught.value.text("en")
    return caught.value
