"""The small text encoder on hashed n-grams: every word casts a vote over the emotions, and the text is their sum.

B batch, T words, K slots of a word, D features of a word, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bibier.labels import EMOTIONS
from bibier.models.temporal import build_temporal
from bibier.models.unimodal import Encoded
from bibier.text_features import CharNgrams

TINY = 1e-6  # keeps the share of the votes defined where all votes are zero


@dataclass(frozen=True)
class TextEncoderConfig:
    """Dimensions of `TextEncoder`; every field is JSON."""

    buckets: int = 32768  # of the extractor
    slots: int = 24  # K, of the extractor
    dim: int = 32  # D of an n-gram's vector
    temporal: str = "none"
    hidden: int | None = None  # inner width of the temporal encoder
    layers: int = 1
    dropout: float = 0.3
    ngram_dropout: float = 0.3  # of single n-grams, in training
    word_dropout: float = 0.1  # of whole words, in training


class TextEncoder(nn.Module):
    """Hashed n-grams → emotion.

    A word's vote is the sum of two parts: a linear one, looked up for each n-gram, and a contextual one, read off the
    temporal encoder's state at the word. The logits are a bias and the votes' sum over √T, which makes the encoder a
    logistic regression on n-grams with a neural correction. Written as attention: the weight of a word is the length of
    its vote (less the vote's mean, which no softmax can see), as a share of all lengths, and its value the vote's
    direction. So a large weight means a large part in the logits, by construction and not by hope.

    forward(features: (B, T, K), mask: (B, T)) → Encoded, whose hidden states are the contextual states and the votes
    side by side, `dim_out` wide. Eval-mode outputs do not depend on the batch or on the padding.
    """

    def __init__(self, config: TextEncoderConfig):
        super().__init__()
        self.config = config
        kinds = torch.arange(config.slots).clamp(max=CharNgrams.CONTEXT)  # every character n-gram is of one kind
        self.register_buffer("kinds", kinds, persistent=False)
        self.vote_gain = nn.Parameter(torch.ones(CharNgrams.CONTEXT + 1))
        self.vector_gain = nn.Parameter(torch.ones(CharNgrams.CONTEXT + 1))
        # Votes start at zero: what an n-gram says is learnt from the texts that hold it, not from its hash.
        self.ngram_votes = nn.Parameter(torch.zeros(config.buckets, len(EMOTIONS)))
        self.ngram_vectors = nn.Parameter(0.02 * torch.randn(config.buckets, config.dim))
        self.temporal = build_temporal(
            config.temporal, config.dim, hidden=config.hidden, layers=config.layers, dropout=config.dropout
        )
        self.norm = nn.LayerNorm(self.temporal.dim_out)
        self.dropout = nn.Dropout(config.dropout)
        self.vote = nn.Linear(self.temporal.dim_out, len(EMOTIONS), bias=False)
        self.bias = nn.Parameter(torch.zeros(len(EMOTIONS)))
        self.dim_out = self.temporal.dim_out + len(EMOTIONS)

    def _weights(self, features: Tensor) -> Tensor:
        """Weight of each n-gram in its word, (B, T, K): 1 for a context slot, 1/√n for each of n character n-grams."""
        present = (features > 0).float()  # (B, T, K)
        context, ngrams = present.split((CharNgrams.CONTEXT, present.shape[2] - CharNgrams.CONTEXT), dim=2)
        weights = torch.cat((context, ngrams * ngrams.sum(2, keepdim=True).clamp_min(1).rsqrt()), dim=2)
        if self.training:
            weights = F.dropout(weights, self.config.ngram_dropout)
            kept = torch.rand(weights.shape[:2], device=weights.device) >= self.config.word_dropout
            weights = weights * kept.unsqueeze(2)
        return weights

    def _look_up(self, table: Tensor, features: Tensor, weights: Tensor) -> Tensor:
        """Weighted sum of a word's rows of the table: (B, T, K), (B, T, K) → (B, T, columns)."""
        rows = F.embedding_bag(features.flatten(0, 1), table, mode="sum", per_sample_weights=weights.flatten(0, 1))
        return rows.unflatten(0, features.shape[:2])

    def forward(self, *, features: Tensor, mask: Tensor) -> Encoded:
        """Read n-gram ids (B, T, K), 0 where a slot is empty, with mask (B, T)."""
        weights = self._weights(features) * mask.unsqueeze(2)  # (B, T, K)
        vectors = self._look_up(self.ngram_vectors, features, weights * self.vector_gain[self.kinds])  # (B, T, D)
        states = self.dropout(self.norm(self.temporal(vectors, mask)))  # (B, T, D')
        votes = self._look_up(self.ngram_votes, features, weights * self.vote_gain[self.kinds])  # (B, T, C)
        votes = votes + self.vote(states)
        votes = (votes - votes.mean(2, keepdim=True)) * mask.unsqueeze(2)
        length = (votes.norm(dim=2) + TINY) * mask  # (B, T)
        words = mask.sum(1, keepdim=True).clamp_min(1)  # (B, 1)
        logits = self.bias + votes.sum(1) / words.sqrt()  # (B, C)
        attention = length / length.sum(1, keepdim=True).clamp_min(TINY)  # (B, T)
        hidden = torch.cat((states * mask.unsqueeze(2), votes), dim=2)  # (B, T, D' + C)
        return Encoded(hidden, mask, logits, attention)
