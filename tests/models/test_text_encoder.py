"""The contract of the text encoder, and what its attention promises."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from bibier.features.char_ngrams import CharNgrams, CharNgramsConfig
from bibier.labels import EMOTIONS
from bibier.models.text_encoder import KEY_OFFSET, TextEncoder, TextEncoderConfig

TEXTS = (
    "Oh my God, he’s lost it. He’s totally lost it!",
    "What?!",
    "Представляешь, как это интересно!",
    "so lets talk a little bit about your duties",
)
SMALL = dict(buckets=512, slots=24, dim=8)
KINDS = ("none", "lstm", "mamba")


def batch(*texts, extra=0):
    """Features and mask of some texts, padded by `extra` words beyond the longest."""
    extract = CharNgrams(CharNgramsConfig(buckets=SMALL["buckets"], slots=SMALL["slots"]))
    rows = [extract(text) for text in texts]
    features = np.zeros((len(rows), max(map(len, rows)) + extra, SMALL["slots"]), dtype=np.int64)
    mask = np.zeros(features.shape[:2], dtype=bool)
    for i, row in enumerate(rows):
        features[i, : len(row)], mask[i, : len(row)] = row, True
    return {"features": torch.from_numpy(features), "mask": torch.from_numpy(mask)}


@pytest.fixture(params=KINDS)
def encoder(request):
    torch.manual_seed(0)
    encoder = TextEncoder(TextEncoderConfig(**SMALL, temporal=request.param)).eval()
    with torch.no_grad():  # a fresh encoder's votes are zero, which would hide what they do
        encoder.ngram_votes.normal_()
        encoder.vote.weight.normal_()
        encoder.rarity.uniform_(1, 8)
    return encoder


def same(a, b, **tolerance):
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5, **tolerance)


def test_each_text_of_a_batch_is_read_as_if_alone(encoder):
    together = encoder(**batch(*TEXTS))
    for i, text in enumerate(TEXTS):
        alone = encoder(**batch(text))
        steps = alone.mask.shape[1]
        same(together.logits[i], alone.logits[0])
        same(together.hidden[i, :steps], alone.hidden[0])
        same(together.attention[i, :steps], alone.attention[0])


def test_padding_changes_nothing_whatever_it_holds(encoder):
    plain, padded = encoder(**batch(*TEXTS)), batch(*TEXTS, extra=5)
    padded["features"][~padded["mask"]] = 7
    padded = encoder(**padded)
    steps = plain.mask.shape[1]
    same(padded.logits, plain.logits)
    same(padded.hidden[:, :steps], plain.hidden)
    assert (padded.hidden[~padded.mask] == 0).all()
    assert (padded.attention[~padded.mask] == 0).all()


def test_a_permuted_batch_gives_the_permuted_result(encoder):
    order = [2, 0, 3, 1]
    same(encoder(**batch(*(TEXTS[i] for i in order))).logits, encoder(**batch(*TEXTS)).logits[order])


def test_attention_is_a_distribution_over_the_words(encoder):
    read = encoder(**batch(*TEXTS))
    assert (read.attention >= 0).all()
    same(read.attention.sum(1), torch.ones(len(TEXTS)))
    assert read.attention[1, 0] == 1  # one word has it all


def test_attention_times_direction_is_the_evidence(encoder):
    """The weights are not a decoration: they and unit vectors give the logits back."""
    read = encoder(**batch(*TEXTS))
    votes = read.hidden[..., -len(EMOTIONS) :]
    length = votes.norm(dim=2)
    pooled = (read.attention.unsqueeze(2) * torch.nn.functional.normalize(votes, dim=2)).sum(1)
    same(encoder.bias + pooled * length.sum(1, keepdim=True), read.logits)


def test_every_parameter_receives_a_gradient(encoder):
    encoder.train()
    read = encoder(**batch(*TEXTS))
    (read.logits.logsumexp(1).sum() + read.logits[:, 0].square().sum()).backward()
    assert [name for name, p in encoder.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_an_empty_text_gives_the_bias(encoder):
    features = torch.zeros(2, 1, SMALL["slots"], dtype=torch.long)
    read = encoder(features=features, mask=torch.zeros(2, 1, dtype=torch.bool))
    same(read.logits, encoder.bias.expand(2, -1))
    assert (read.attention == 0).all()
    none = encoder(features=features[:, :0], mask=torch.zeros(2, 0, dtype=torch.bool))
    assert none.hidden.shape == (2, 0, encoder.dim_out)


def test_the_linear_part_is_tf_idf_per_sort_of_feature():
    """A second implementation, feature by feature; the letters of a word share one unit of weight."""
    torch.manual_seed(0)
    encoder = TextEncoder(TextEncoderConfig(**SMALL, temporal="none")).eval()
    encoder.count([CharNgrams(CharNgramsConfig(buckets=512, slots=24))(text) for text in TEXTS])
    with torch.no_grad():
        encoder.ngram_votes.normal_()
    inputs = batch(TEXTS[0])
    sorts = {0: [], 1: [], 2: []}  # words, marks, letters: (weight, vote)
    for word in inputs["features"][0].tolist():
        letters = sum(i > 0 for i in word[8:])
        for slot, i in enumerate(word):
            if i:
                sort = 2 if slot >= 8 else int(slot in (4, 7))
                share = letters**-0.5 if sort == 2 else 1.0
                sorts[sort].append((share * encoder.rarity[i].item(), encoder.ngram_votes[i].detach().numpy()))
    logits = sum(
        sum(w * vote for w, vote in votes) / np.sqrt(sum(w * w for w, _ in votes)) for votes in sorts.values() if votes
    )
    logits = torch.tensor(logits - logits.mean(), dtype=torch.float32)
    same(encoder(**inputs).logits[0], logits)


def test_a_vocabulary_knows_its_ngrams_and_no_other():
    """The same votes by buckets and by keys; an unknown n-gram is as good as an empty slot."""
    torch.manual_seed(0)
    plain = TextEncoder(TextEncoderConfig(**SMALL, context=0)).eval()
    with torch.no_grad():
        plain.ngram_votes.normal_()
        plain.rarity.uniform_(1, 8)
    assert {name for name, _ in plain.named_parameters()} == {"ngram_votes", "bias"}
    inputs = batch(*TEXTS)
    known = inputs["features"].unique()[1::2]  # without the 0 of an empty slot
    keyed = TextEncoder(TextEncoderConfig(**SMALL, context=0, vocabulary=len(known))).eval()
    with torch.no_grad():
        keyed.keys.copy_((known - KEY_OFFSET).to(torch.int32))
        for ours, theirs in ((keyed.ngram_votes, plain.ngram_votes), (keyed.rarity, plain.rarity)):
            ours[1:] = theirs[known]
    absent = inputs | {"features": inputs["features"] * torch.isin(inputs["features"], known)}
    read, expected = keyed(**inputs), plain(**absent)
    same(read.logits, expected.logits)
    same(read.hidden, expected.hidden)
    words = torch.isin(inputs["features"][:, :, 0], known) & inputs["mask"]
    same(keyed.known(**inputs), words.sum(1) / inputs["mask"].sum(1))


def test_a_table_for_every_id_is_refused():
    with pytest.raises(ValueError, match="set a vocabulary"):
        TextEncoder(TextEncoderConfig(buckets=2**32, context=0))


def test_rarity_is_scikit_learns_idf():
    from sklearn.feature_extraction.text import TfidfVectorizer

    encoder = TextEncoder(TextEncoderConfig(buckets=8, slots=8))
    encoder.count([np.array([[1, 2, 0, 0, 0, 0, 0, 0]]), np.array([[1, 1, 3, 0, 0, 0, 0, 0]])])
    idf = TfidfVectorizer(analyzer=list).fit(["ab", "aac"]).idf_
    np.testing.assert_allclose(encoder.rarity[1:4].numpy(), idf, rtol=1e-6)


def test_a_text_of_5000_words_runs(encoder):
    read = encoder(**batch(" ".join(TEXTS * 240)))
    assert read.logits.isfinite().all()


def test_dropout_acts_in_training_only(encoder):
    inputs = batch(*TEXTS)
    assert torch.equal(encoder(**inputs).logits, encoder(**inputs).logits)
    encoder.train()
    assert not torch.equal(encoder(**inputs).logits, encoder(**inputs).logits)


def test_the_configuration_is_json_and_the_bundle_small():
    config = TextEncoderConfig()
    assert TextEncoderConfig(**json.loads(json.dumps(dataclasses.asdict(config)))) == config
    size = 2 * sum(p.numel() for p in TextEncoder(config).state_dict().values())  # bytes in float16
    assert size <= 9e6
