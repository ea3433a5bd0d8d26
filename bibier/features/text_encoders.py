"""Words → the hidden states of a frozen text encoder of the Hub, and the word that each of them belongs to.

B batch, T tokens (CANINE: characters), D features.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import torch

from bibier.errors import InputError
from bibier.features.batching import budget_buckets, pad
from bibier.features.pretrained import EncoderSource, Frozen, complete, open_model
from bibier.features.tokens import WordSpan, joined, words
from bibier.process import complete_torch, require

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

BATCH_TOKENS = 8192  # of all texts that run at once, their padding included
NOBODY = -1  # the owner of special tokens
VOCABULARIES = ("tokenizer.json", "sentencepiece.bpe.model", "vocab.txt")
SURROGATE = re.compile("[\ud800-\udfff]")
# CANINE's characters with a meaning, and the fewest that its strided convolution can read.
CLS, SEP, PAD, FEWEST = 0xE000, 0xE001, 0, 4

# Revisions are the commits that other published work pins.
SOURCES = {
    "jina": EncoderSource(
        "jinaai/jina-embeddings-v3-hf",
        "d18862d9a48706220815554fac3ebb4dfa46fc28",
        1_150,
        1024,
        "JinaEmbeddingsV3Model",
        "jina_embeddings_v3",
        positions=512,  # of 8194; an utterance has a few dozen
    ),
    "xlm-r": EncoderSource(
        "FacebookAI/xlm-roberta-base",
        "e73636d4f797dec63c3081bb6ed5c7b0bb3f2089",
        1_130,
        768,
        "XLMRobertaModel",
        "xlm-roberta",
        positions=512,
    ),
    "canine": EncoderSource(
        "google/canine-c",
        "dc0eaffdff3fa9161613311c7096eeb3e133ee19",
        529,
        768,
        "CanineModel",
        "canine",
        positions=2048,
    ),
    "bert": EncoderSource(
        "google-bert/bert-base-uncased",
        "86b5e0934494bd15c9632b12f734a8a67f723594",
        441,
        768,
        "BertModel",
        "bert",
        positions=512,
    ),
}


@dataclass(frozen=True)
class HubTextConfig:
    """Settings of `HubText`; every field is JSON. What is left empty is filled from `SOURCES[kind]`.

    Another repository, or a folder, needs its own `revision`.
    """

    kind: str
    repo: str = ""
    revision: str = ""
    layer: int = -1  # of the hidden states; 0 is what enters the first block, −1 the model's output
    dim: int = 0  # D
    positions: int = 0  # tokens that the model reads, special ones included; the rest of the text is cut off
    rows: int = 0  # of the features that are kept, 0 for all: the paper's 95 (CANINE: 329)
    special: bool = True  # keep the rows of special tokens, as the paper does; they own no word
    dtype: str = "float32"  # or bfloat16, twice as fast on a CPU and 1 % off

    def __post_init__(self):
        complete(self, SOURCES)
        for setting, value, least in (("positions", self.positions, 3), ("rows", self.rows, 0)):
            if value < least:
                expected = f"≥ {least}"
                raise InputError("features-setting", kind=self.kind, setting=setting, value=value, expected=expected)
        if self.kind == "canine" and self.layer != -1:
            value, expected = self.layer, "-1, for its inner layers have a row for four characters"
            raise InputError("features-setting", kind=self.kind, setting="layer", value=value, expected=expected)


@dataclass(frozen=True)
class Tokens:
    """A text as the model reads it."""

    ids: list[int]  # T
    owners: np.ndarray  # (T,) the word that each token belongs to, −1 for special tokens


class HubText(Frozen[HubTextConfig, "PreTrainedModel"]):
    """Hidden states of a frozen text encoder; see `Frozen` for what it is made of.

    A text is either a string or words, from which some may have been left out; the words of a string give the same.
    `extractor(text)` and `extractor.batch(texts)` give the same within 1e−4 in float32. Texts of like lengths run
    together with a mask, but for CANINE: its strided convolution over characters would mix padding into the last ones,
    so only texts of equal length run together there.
    """

    modality = "text"
    sources = SOURCES
    _tokenizer: PreTrainedTokenizerBase | None = None  # CANINE reads characters and has none

    def _open(self, folder: Path) -> PreTrainedModel:
        require("transformers", extra="encoders")
        complete_torch()
        import transformers

        source = SOURCES[self.config.kind]
        model = open_model(folder, source, self.config, dtype=self.dtype, add_pooling_layer=False)
        # RoBERTa counts its positions from behind the padding's index.
        most = model.config.max_position_embeddings - (self.config.kind == "xlm-r") * (model.config.pad_token_id + 1)
        if self.config.positions > most:
            value, expected = self.config.positions, f"≤ {most}"
            raise InputError(
                "features-setting", kind=self.config.kind, setting="positions", value=value, expected=expected
            )
        if self.config.kind != "canine":
            if not any((folder / name).is_file() for name in VOCABULARIES):  # transformers would make up an empty one
                raise InputError("weights-incomplete", folder=str(folder), file=VOCABULARIES[0])
            try:
                self._tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
            except (OSError, ValueError, KeyError) as error:
                raise InputError("weights-incomplete", folder=str(folder), file=VOCABULARIES[0]) from error
        return model.to(self.device)  # pyright: ignore[reportArgumentType]  # transformers decorates it untyped

    def __call__(self, spans: Sequence[WordSpan] | str) -> np.ndarray:
        """Return features (T, D) float32 of a text. Raises InputError."""
        return self.batch([spans])[0]

    def owners(self, spans: Sequence[WordSpan] | str) -> np.ndarray:
        """Return the word (T,) int64 that each row of the features belongs to, −1 for special tokens.

        Punctuation and white space belong to the word that they stand with. Where one token holds several words
        ("5,000" is one for XLM-R and two words for us), it belongs to the first, and the others own no row; so do words
        that were cut off.
        """
        self.load()
        with self._lock:
            tokens = self._tokens(spans)
        return tokens.owners[self._selected(tokens)]

    def batch(self, texts: Sequence[Sequence[WordSpan] | str]) -> list[np.ndarray]:
        """Return the features (Tᵢ, D) float32 of each text. Raises InputError."""
        model = self._model()
        with self._lock, torch.inference_mode():
            tokens = [self._tokens(text) for text in texts]
            features: list[np.ndarray] = [np.empty(0)] * len(tokens)
            lengths = [len(text.ids) for text in tokens]
            for group in budget_buckets(lengths, budget=BATCH_TOKENS, equal=self.config.kind == "canine"):
                for index, states in zip(group, self._run(model, [tokens[i].ids for i in group]), strict=True):
                    features[index] = states[self._selected(tokens[index])]
        return features

    def _run(self, model: PreTrainedModel, texts: list[list[int]]) -> list[np.ndarray]:
        """Run the model on token ids → hidden states (Tᵢ, D)."""
        padding = PAD if self._tokenizer is None else cast("int", self._tokenizer.pad_token_id)
        ids, mask = pad(texts, value=padding, shortest=FEWEST if self.config.kind == "canine" else 1)  # (B, T)
        last = self.config.layer == -1
        output = model(
            input_ids=ids.to(self.device), attention_mask=mask.long().to(self.device), output_hidden_states=not last
        )
        states = output.last_hidden_state if last else output.hidden_states[self.config.layer]
        states = states.float().cpu().numpy()  # (B, T, D)
        return [row[: len(text)] for row, text in zip(states, texts, strict=True)]

    def _selected(self, tokens: Tokens) -> np.ndarray:
        """Return the rows (T',) of a text that are kept."""
        rows = np.arange(len(tokens.ids)) if self.config.special else np.flatnonzero(tokens.owners != NOBODY)
        return rows[: self.config.rows or None]

    def _tokens(self, spans: Sequence[WordSpan] | str) -> Tokens:
        spans = words(spans) if isinstance(spans, str) else spans
        text, starts = joined(spans)
        text = SURROGATE.sub("\ufffd", text)  # a lone surrogate is ill-formed text, not an error
        if self._tokenizer is None:
            read = text[: self.config.positions - 2]
            ids = [CLS, *map(ord, read), SEP]
            begins = [None, *range(len(read)), None]
        else:
            coded = self._tokenizer(
                text,
                truncation=True,
                max_length=self.config.positions,
                return_offsets_mapping=True,
                return_special_tokens_mask=True,
            )
            ids = coded["input_ids"]
            pairs = zip(coded["offset_mapping"], coded["special_tokens_mask"], strict=True)
            begins = [None if special else begin for (begin, _), special in pairs]
        return Tokens(ids, owners(text, starts, begins))


def owners(text: str, starts: Sequence[int], begins: Sequence[int | None]) -> np.ndarray:
    """Return the word (T,) that each token belongs to: the one in whose stretch its first visible character stands.

    Parameters
    ----------
    text
        What was cut into tokens.
    starts
        Where the stretch of each word begins, in order.
    begins
        Where each token begins, None for special tokens, which own no word.
    """
    owner = np.full(len(begins), NOBODY)
    for i, begin in enumerate(begins):
        if begin is not None:
            while begin < len(text) - 1 and text[begin].isspace():
                begin += 1
            owner[i] = np.searchsorted(starts, begin, side="right") - 1
    return owner
