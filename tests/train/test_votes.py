"""The words branch fitted on several corpora: what it learns, what it drops, and how it comes into a checkpoint."""

import numpy as np
import pytest
import torch

from bibier.checkpoint import bundle
from bibier.errors import CorpusError
from bibier.features.char_ngrams import CharNgrams, CharNgramsConfig
from bibier.inference.predictor import Predictor
from bibier.labels import EMOTIONS
from bibier.models.text_encoder import TextEncoderConfig
from train.__main__ import main
from train.corpora.items import Item, one_hot
from train.experiment import recipe, votes
from train.loop.adagrad import AdaGradSettings

WORDS = dict(zip(EMOTIONS, ("hate", "yuck", "scared", "lovely", "door", "miss", "wow"), strict=True))
FEATURES = CharNgramsConfig(buckets=2**32, slots=16, normalisation=1)
ENCODER = TextEncoderConfig(buckets=2**32, slots=16, context=0)
TEXT = {
    "text.features": '{kind = "char-ngrams", buckets = 4294967296, slots = 16, normalisation = 1}',
    "text.encoder": '{kind = "votes", buckets = 4294967296, slots = 16, context = 0}',
    "text.fit": '{kind = "adagrad", epochs = 4, least = 2}',
    "text.temperature": "1.25",
    "fusion.model": '{kind = "pool"}',
    "fusion.voice_weight": "0.5",
    "fusion.temperature": "1.5",
}
CHANGES = [f"{name} = {value}" for name, value in TEXT.items()]


def corpora():
    """Two corpora that say the same of their words; one has no surprise and is neutral nine times out of ten."""
    items = []
    for number in range(210):
        label = EMOTIONS[number % 7]
        items.append(Item(f"a/{number}", "a", one_hot(label), f"so {WORDS[label]} thing {number % 5}"))
        label = "neutral" if number % 10 else EMOTIONS[number // 10 % 6]
        items.append(Item(f"b/{number}", "b", one_hot(label), f"so {WORDS[label]} matter {number % 5}"))
    return items


def fitted(items, **changes):
    extractor = CharNgrams(FEATURES)
    features = [extractor(item.text) for item in items]
    targets = np.stack([item.target for item in items])
    encoder, _ = votes.fit(items, features, targets, extractor, ENCODER, AdaGradSettings(least=2, **changes), 0)
    return encoder


def said(encoder, text):
    ids = torch.from_numpy(CharNgrams(FEATURES)(text))[None]
    return encoder(features=ids, mask=torch.ones(ids.shape[:2], dtype=torch.bool)).logits[0].detach()


def test_each_word_votes_for_its_emotion_and_the_corpus_s_shares_are_dropped():
    encoder = fitted(corpora(), prior=0.0)
    for label, word in WORDS.items():
        assert EMOTIONS[int(said(encoder, f"so {word}").argmax())] == label
    encoder = fitted([item for item in corpora() if item.corpus == "b"], prior=0.0)
    with_bias = fitted([item for item in corpora() if item.corpus == "b"], prior=0.0, corpus_bias="none")
    neutral = EMOTIONS.index("neutral")
    shares = [torch.softmax(said(e, "so matter"), 0)[neutral] for e in (encoder, with_bias)]
    assert shares[0] < 0.3 and shares[1] > shares[0] + 0.2


def test_a_text_without_known_words_says_the_prior():
    encoder = fitted(corpora(), prior=1.0)
    ids = torch.from_numpy(CharNgrams(FEATURES)("qzvx"))[None]
    mask = torch.ones(1, 1, dtype=torch.bool)
    assert encoder.known(ids, mask).item() == 0
    ids[:, :, 7] = 0  # that no mark ends it is known of many texts
    unknown = encoder(features=ids, mask=mask).logits[0].detach()
    torch.testing.assert_close(unknown, encoder.bias.detach())
    shares = votes.prior_shares(encoder, 2.0)
    assert shares == pytest.approx(torch.softmax(unknown / 2, 0).numpy(), abs=1e-6)
    assert shares.argmax() == EMOTIONS.index("neutral")


def test_seeds_are_averaged_by_their_weights():
    alone = [fitted(corpora(), seeds=(seed,)) for seed in (4, 5)]
    both = fitted(corpora(), seeds=(4, 5))
    mean = sum(said(encoder, "so lovely") for encoder in alone) / 2
    torch.testing.assert_close(said(both, "so lovely"), mean, rtol=1e-4, atol=1e-5)
    assert not torch.equal(said(alone[0], "so lovely"), said(alone[1], "so lovely"))


@pytest.mark.parametrize(
    ("text", "bare"),
    [("Oh, no!", "oh no"), ("Don't - well-known?", "don't well-known"), ("«Да», — сказал", "да сказал"), ("?!", "?!")],
)
def test_unpunctuated(text, bare):
    assert votes.unpunctuated(text) == bare


def test_a_vocabulary_of_nothing_is_told():
    with pytest.raises(CorpusError, match="lower text.fit.least"):
        fitted(corpora()[:1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("text.encoder.context = 0.5", "encoder.context = 0"),
        ("text.features.buckets = 512", "buckets = 4294967296"),
        ("text.balance = true", "leave merge and balance out"),
        ("text.fit.cap = 0", "cap is 0"),
        ("text.fit.batch = 3", "unknown field 'batch'"),
        ('text.fit.kind = "lbfgs"', "kind"),
        ('text.duplicates = "some"', "duplicates is 'some'"),
    ],
)
def test_what_does_not_go_together_is_refused(small, change, message):
    with pytest.raises(CorpusError, match=message):
        recipe.load(small, [*CHANGES, change])


@pytest.mark.parametrize("whole", [True, False], ids=["the whole", "the words alone"])
def test_a_checkpoint_gets_the_words(small, folder, tmp_path, monkeypatch, whole):
    monkeypatch.chdir(tmp_path)
    changes = [word for change in CHANGES for word in ("--set", change)]
    call = ["fit", str(small), "--data", str(folder), *changes]
    assert main([*call, "--out", "first"]) == 0
    if not whole:
        assert main([*call, "--out", "second", "--words-into", "first"]) == 0
    first, second_bundle = bundle.load("first"), bundle.load("first" if whole else "second")
    assert second_bundle.config.text_encoder.vocabulary == len(second_bundle.text_encoder.keys) > 0
    assert (second_bundle.config.calibration.text, second_bundle.config.calibration.bimodal) == (1.25, 1.5)
    for name, tensor in first.audio_encoder.state_dict().items():
        assert torch.equal(tensor, second_bundle.audio_encoder.state_dict()[name])
    reader = Predictor(second_bundle)
    right = [max(p, key=p.get) == e for e, w in WORDS.items() for p in [reader.classify(None, w).text.probabilities]]
    assert np.mean(right) > 0.7
    if not whole:  # the product of both branches under a uniform prior, the voice to its power
        voice, words = torch.randn(1, 7).log_softmax(-1), torch.randn(1, 7).log_softmax(-1)
        state = torch.zeros(1, 1, 7)
        mask = torch.ones(1, 1, dtype=torch.bool)
        fused = second_bundle.fusion(
            audio=state, audio_mask=mask, text=state, text_mask=mask, audio_log=voice, text_log=words
        )
        product = 0.5 * voice + words - torch.tensor(second_bundle.config.text_prior).log()
        torch.testing.assert_close(fused.logits.softmax(-1), product.softmax(-1), rtol=2e-3, atol=1e-3)
