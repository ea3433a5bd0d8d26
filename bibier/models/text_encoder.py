"""The small text encoder on hashed n-grams: every word casts a vote over the emotions, and the text is their sum.

B batch, T words, K slots of a word, D features of a word, D' features of a state, C classes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bibier.features.char_ngrams import CharNgrams
from bibier.labels import EMOTIONS
from bibier.models.encoder_output import EncoderOutput
from bibier.models.temporal import build_temporal

LARGEST = 2**26  # rows of a table: 1.9 GB of votes
KEY_OFFSET = 2**31  # an extractor of 2**32 buckets has ids below 2**32; keys are kept as int32, less this
TINY = 1e-6  # keeps the share of the votes defined where all votes are zero

# Slots of one group share a norm: words and their neighbours, marks of punctuation, character n-grams. With one norm
# for all, the two dozen letters of a word would drown its question mark.
MARKS, WORDS, LETTERS = range(3)
GROUPS = tuple(MARKS if slot in CharNgrams.MARKS else WORDS for slot in range(CharNgrams.CONTEXT))


@dataclass(frozen=True)
class TextEncoderConfig:
    """Dimensions of `TextEncoder`; every field is JSON."""

    buckets: int = 65536  # of the extractor
    slots: int = 24  # K, of the extractor
    dim: int = 32  # D, of an n-gram's vector
    temporal: str = "mamba"
    hidden: int | None = 32  # inner width of the temporal encoder; None is its own default
    layers: int = 1
    context: float = 0.5  # scale of the states' votes beside those of the n-grams; 0: no vectors, no temporal encoder
    dropout: float = 0.5  # of the states, in training
    ngram_dropout: float = 0.5  # of single n-grams on the way to the states, in training
    vocabulary: int = 0  # n-grams that are known, each with a row of its own; 0: every bucket has one
    kind: str = "votes"


class TextEncoder(nn.Module):
    """Hashed n-grams → emotion.

    A word's vote is the sum of two parts: a linear one, looked up for each n-gram and weighed as in TF-IDF, and a
    contextual one, read off the temporal encoder's state at the word. The logits are a bias and the sum of the votes,
    which makes the encoder a logistic regression on n-grams with a neural correction. Written as attention: the weight
    of a word is the length of its vote (less the vote's mean, which no softmax can see) as a share of all lengths, and
    its value the vote's direction. So a large weight means a large part in the logits, by construction.

    With a vocabulary, ids are looked up in a sorted table of keys: no two n-grams share a row, and an unknown one says
    nothing. With `context = 0` the votes are the linear part alone.

    forward(features: (B, T, K), mask: (B, T)) → EncoderOutput, whose hidden states are the contextual states, if any,
    and the votes side by side, `dim_out` wide. Eval-mode outputs do not depend on the batch or on the padding.
    """

    keys: Tensor  # (vocabulary,) int32, sorted: ids of the extractor less KEY_OFFSET; with a vocabulary only

    slot_groups: Tensor  # (K, 3), one-hot: marks, words or letters
    rarity: Tensor  # (rows,), the inverse document frequency of an n-gram; checkpoints know it by this name

    def __init__(self, config: TextEncoderConfig):
        super().__init__()
        self.config = config
        letters = config.slots - CharNgrams.CONTEXT
        self.register_buffer(
            "slot_groups", F.one_hot(torch.tensor(GROUPS + (LETTERS,) * letters), LETTERS + 1).float(), persistent=False
        )
        rows = config.vocabulary + 1 if config.vocabulary else config.buckets
        if rows > LARGEST:
            raise ValueError(f"{rows} rows of n-grams are more than {LARGEST}: set a vocabulary, or fewer buckets")
        if config.vocabulary:
            self.register_buffer("keys", torch.arange(config.vocabulary, dtype=torch.int32))
        self.register_buffer("rarity", torch.ones(rows))
        # Votes start at zero: what an n-gram says is learnt from the texts that hold it, not from its hash.
        self.ngram_votes = nn.Parameter(torch.zeros(rows, len(EMOTIONS)))
        self.dim_out = len(EMOTIONS)
        if config.context:
            self.ngram_vectors = nn.Parameter(0.02 * torch.randn(rows, config.dim))
            self.temporal = build_temporal(
                config.temporal, config.dim, hidden=config.hidden, layers=config.layers, dropout=config.dropout
            )
            self.norm = nn.LayerNorm(self.temporal.dim_out)
            self.dropout = nn.Dropout(config.dropout)
            self.vote = nn.Linear(self.temporal.dim_out, len(EMOTIONS), bias=False)
            nn.init.zeros_(self.vote.weight)
            self.dim_out += self.temporal.dim_out
        self.bias = nn.Parameter(torch.zeros(len(EMOTIONS)))

    def count(self, texts: Iterable[np.ndarray]) -> None:
        """Learn how rare each n-gram is from the training texts' ids (T, K): 1 + log((1 + N) / (1 + n)), n of N texts
        holding it, the weights of TF-IDF. To be called once, before training."""
        holding, total = torch.zeros(len(self.rarity)), 0
        for ids in texts:
            holding[self.rows(torch.from_numpy(np.unique(ids)))] += 1
            total += 1
        self.rarity.copy_(1 + torch.log((1 + total) / (1 + holding)))

    def rows(self, features: Tensor) -> Tensor:
        """Return the tables' rows of n-gram ids, of any shape; 0 where a slot is empty or the n-gram unknown."""
        if not self.config.vocabulary:
            return features
        wanted = (features - KEY_OFFSET).to(torch.int32).contiguous()
        search = _search if torch.onnx.is_in_onnx_export() else torch.searchsorted
        place = search(self.keys, wanted).clamp_max(self.config.vocabulary - 1)
        return torch.where((self.keys[place] == wanted) & (features > 0), place + 1, 0)

    def ids(self, rows: Tensor) -> Tensor:
        """Return the n-gram ids of rows of the vocabulary, counted from 0, of any shape."""
        return self.keys[rows].long() + KEY_OFFSET

    def known(self, features: Tensor, mask: Tensor) -> Tensor:
        """Return the share of a text's words that have a row: (B, T, K), (B, T) → (B,); 0 for a text without words."""
        return ((self.rows(features[:, :, 0]) > 0) & mask).sum(1) / mask.sum(1).clamp_min(1)

    def familiar(self, features: Tensor) -> Tensor:
        """Return how much of each word has a row: (B, T, K) → (B, T); 1 where the word itself has one, else the share
        of its letter n-grams that have. For an encoder with a vocabulary: without one every n-gram has a row."""
        found = self.rows(features) > 0  # (B, T, K)
        letters = (features[:, :, CharNgrams.CONTEXT :] > 0).sum(2).clamp_min(1)
        share = found[:, :, CharNgrams.CONTEXT :].sum(2) / letters  # (B, T)
        return torch.where(found[:, :, 0], 1.0, share)

    def _weights(self, features: Tensor, mask: Tensor) -> Tensor:
        """Weight of each n-gram before normalisation: its rarity; 1/√n of it for each of a word's n letter n-grams."""
        weights = self.rarity[features] * (features > 0) * mask.unsqueeze(2)  # (B, T, K)
        context, letters = weights.split((CharNgrams.CONTEXT, weights.shape[2] - CharNgrams.CONTEXT), dim=2)
        share = (letters > 0).sum(2, keepdim=True).clamp_min(1).rsqrt()  # (B, T, 1)
        return torch.cat((context, letters * share), dim=2)

    def _normalised(self, weights: Tensor) -> Tensor:
        """Divide the weights of each group by their Euclidean norm over the text: (B, T, K) → (B, T, K)."""
        norms = (weights.square().sum(1) @ self.slot_groups).sqrt().clamp_min(1)  # (B, 3)
        return weights / (norms @ self.slot_groups.t()).unsqueeze(1)

    def _look_up(self, table: Tensor, features: Tensor, weights: Tensor) -> Tensor:
        """Weighted sum of a word's rows of the table: (B, T, K), (B, T, K) → (B, T, columns)."""
        if torch.onnx.is_in_onnx_export():  # ONNX has no bags
            return (table[features] * weights.unsqueeze(3)).sum(2)
        rows = F.embedding_bag(features.flatten(0, 1), table, mode="sum", per_sample_weights=weights.flatten(0, 1))
        return rows.unflatten(0, features.shape[:2])

    def forward(self, *, features: Tensor, mask: Tensor) -> EncoderOutput:
        """Read n-gram ids (B, T, K), 0 where a slot is empty, with mask (B, T)."""
        features = self.rows(features)
        weights = self._weights(features, mask)  # (B, T, K)
        votes = self._look_up(self.ngram_votes, features, self._normalised(weights))  # (B, T, C)
        states = votes[:, :, :0]  # (B, T, D')
        if self.config.context:
            kept = F.dropout(weights, self.config.ngram_dropout, self.training)
            vectors = self._look_up(self.ngram_vectors, features, kept)  # (B, T, D)
            states = self.dropout(self.norm(self.temporal(vectors, mask))) * mask.unsqueeze(2)
            words = mask.sum(1).clamp_min(1)  # (B,)
            votes = votes + self.config.context * self.vote(states) / words[:, None, None].sqrt()
        votes = (votes - votes.mean(2, keepdim=True)) * mask.unsqueeze(2)
        length = (votes.norm(dim=2) + TINY) * mask  # (B, T)
        attention = length / length.sum(1, keepdim=True).clamp_min(TINY)  # (B, T)
        hidden = torch.cat((states, votes), dim=2)  # (B, T, D' + C)
        return EncoderOutput(hidden, mask, self.bias + votes.sum(1), attention)


def _search(keys: Tensor, wanted: Tensor) -> Tensor:
    """Count the sorted keys (n,) that are below each value, as torch.searchsorted does, which ONNX doesn't know."""
    below = torch.zeros_like(wanted, dtype=torch.int64)
    for step in (2**power for power in reversed(range(len(keys).bit_length()))):
        tried = below + step
        smaller = keys[(tried - 1).clamp_max(len(keys) - 1)] < wanted
        below = torch.where((tried <= len(keys)) & smaller, tried, below)
    return below
