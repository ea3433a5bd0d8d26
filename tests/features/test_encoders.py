"""Frozen extractors: tiny random models of the real architectures, run by the real code against transformers itself."""

import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_hub import DIM, MAKERS, POSITIONS, REVISION, TEXTS, build, clips, made

from bibier.checkpoint import bundle as checkpoint
from bibier.features import pretrained, text_encoders
from bibier.features.char_ngrams import CharNgrams
from bibier.features.speech_encoders import HubAudioConfig, frames, normalised
from bibier.features.tokens import joined, words
from bibier.inference.attribution import per_word
from bibier.inference.predictor import Predictor
from bibier.models.encoder_output import EncoderOutput
from bibier.models.fusion import FusionConfig
from bibier.models.sequence_encoder import SequenceEncoderConfig

transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    """One folder a kind, each with a tiny random model."""
    return {kind: made(kind, tmp_path_factory.mktemp(kind)) for kind in MAKERS}


@pytest.fixture(scope="module", autouse=True)
def foreign_modules(tmp_path_factory):
    """Foreign code is copied to a folder of the test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transformers.dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path_factory.mktemp("modules")))
        yield


@pytest.fixture(scope="module")
def extractors(folders) -> dict:
    """One extractor a kind, loaded once."""
    return {kind: build(kind, folders[kind]) for kind in MAKERS}


# ---------------------------------------------------------------------------------------------------------------- sound


@pytest.mark.parametrize("kind", ["wav2vec2", "hubert", "exhubert"])
def test_frames_of_the_convolution_chain(extractors, kind):
    """0.5 s → 24, 1 s → 49, 2 s → 99, 4 s → 199, 10 s → 499 frames."""
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
    sounds = clips(0.3, 1.7, 0.02, 1.5, 1.7, 3.0, 1.6)
    for together, sound in zip(extractor.batch(sounds), sounds, strict=True):
        np.testing.assert_allclose(together, extractor(sound), atol=1e-4)
    assert extractor.dim == extractor(sounds[0]).shape[-1]


def test_hubert_base_would_not_stand_padding(extractors):
    """Why its clips only run at equal length: zeros behind the speech change its beginning."""
    short, long = (normalised(c) for c in clips(0.5, 1.0))

    def run(kind, *sounds):
        extractor = extractors[kind]
        with torch.inference_mode():
            return extractor._run_group(extractor._model(), list(sounds))[0]

    assert np.abs(run("hubert", short, long) - run("hubert", short)).max() > 1e-2
    np.testing.assert_allclose(run("wav2vec2", short, long), run("wav2vec2", short), atol=1e-4)


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
    assert not extractor._model().training
    assert not any(p.requires_grad for p in extractor._model().parameters())
    collected = []
    threads = [threading.Thread(target=lambda: collected.append(extractor(value))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(collected) == 3 and all(np.array_equal(first, other) for other in collected)


@pytest.mark.parametrize("kind", ["wav2vec2", "jina"])
def test_bfloat16_is_near(folders, extractors, kind, monkeypatch):
    """By torch's own kernels, and for most of several inputs.

    On Intel processors with AMX, oneDNN reads beyond the last column of a matrix whose width is no multiple of 32
    (oneDNN 5717) and errs in some convolutions (pytorch 169688); the widths here are 8 and 16, those of real encoders
    are multiples of 32. What a tiny model then gives depends on what was in memory before.
    """
    values = clips(0.5, 0.6, 0.7, 0.8, 0.9) if kind == "wav2vec2" else TEXTS[:5]
    rough = build(kind, folders[kind], dtype="bfloat16")
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", False)
    pairs = [(rough(value), extractors[kind](value)) for value in values]
    assert rough._model().dtype == torch.bfloat16 and all(states.dtype == np.float32 for states, _ in pairs)
    errors = [np.linalg.norm(states - exact) / np.linalg.norm(exact) for states, exact in pairs]
    assert 0 < np.median(errors) < 0.03, errors


@pytest.mark.parametrize("kind", ["wav2vec2", "hubert"])
def test_the_fast_form_is_the_same_but_for_the_order_of_its_sums(folders, extractors, kind, monkeypatch):
    """Where a processor gains nothing by bfloat16; alone and, where the model stands padding, in a batch."""
    monkeypatch.setattr(pretrained, "gains_by_bfloat16", lambda device: False)
    fast = build(kind, folders[kind])
    fast.fast = True
    sounds = clips(0.3, 1.7, 0.02, 1.5)
    for together, sound in zip(fast.batch(sounds), sounds, strict=True):
        np.testing.assert_allclose(together, extractors[kind](sound), atol=1e-4)
        np.testing.assert_allclose(fast(sound), together, atol=1e-4)


@pytest.mark.parametrize("kind", ["wav2vec2", "jina"])
def test_the_fast_profile_is_near(folders, extractors, kind, monkeypatch):
    """By torch's own kernels, as above."""
    values = clips(0.5, 0.6, 0.7) if kind == "wav2vec2" else TEXTS[:3]
    monkeypatch.setattr(pretrained, "gains_by_bfloat16", lambda device: True)
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", False)
    fast = build(kind, folders[kind])
    fast.fast = True
    pairs = [(rough, extractors[kind](value)) for rough, value in zip(fast.batch(values), values, strict=True)]
    assert fast._model().dtype == torch.bfloat16
    errors = [np.linalg.norm(states - exact) / np.linalg.norm(exact) for states, exact in pairs]
    assert 0 < np.median(errors) < 0.03, errors


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
    texts = [*TEXTS, *(text + " Да" for text in TEXTS)]
    for together, text in zip(extractor.batch(texts), texts, strict=True):
        alone = extractor(text)
        assert alone.dtype == np.float32 and alone.shape[1] == extractor.dim == DIM
        np.testing.assert_allclose(together, alone, atol=1e-4)
        np.testing.assert_array_equal(alone, extractor(words(text)))


@pytest.mark.parametrize("kind", ["jina", "xlm-r", "canine", "bert", "char-ngrams"])
@pytest.mark.parametrize("text", TEXTS[:5])
def test_every_word_owns_rows_in_order(extractors, kind, text):
    extractor = CharNgrams() if kind == "char-ngrams" else extractors[kind]
    features, owner = extractor(text), extractor.owners(text)
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
    assert text_encoders.PAD == theirs.PAD


@pytest.mark.parametrize("kind", ["jina", "xlm-r", "bert"])
def test_text_features_are_those_of_transformers(folders, extractors, kind):
    tokenizer = transformers.AutoTokenizer.from_pretrained(folders[kind])
    model = transformers.AutoModel.from_pretrained(folders[kind]).eval()
    with torch.no_grad():
        expected = model(**tokenizer(TEXTS[1], return_tensors="pt")).last_hidden_state[0]
    np.testing.assert_allclose(extractors[kind](TEXTS[1]), expected.numpy(), atol=1e-4)


def test_rows_are_cut_and_special_tokens_dropped_as_asked(folders, extractors):
    whole, owner = extractors["jina"](TEXTS[1]), extractors["jina"].owners(TEXTS[1])
    shorter = build("jina", folders["jina"], rows=5)
    cut, cut_owner = shorter(TEXTS[1]), shorter.owners(TEXTS[1])
    np.testing.assert_array_equal(cut, whole[:5])  # the whole text was read, as in the paper
    np.testing.assert_array_equal(cut_owner, owner[:5])
    unmarked = build("jina", folders["jina"], special=False)
    plain, plain_owner = unmarked(TEXTS[1]), unmarked.owners(TEXTS[1])
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


class TokenEncoder(torch.nn.Module):
    """The smallest encoder of token features: attention is a softmax, the logits are linear."""

    def __init__(self, hidden: int):
        super().__init__()
        self.score, self.states = torch.nn.Linear(DIM, 1), torch.nn.Linear(DIM, hidden)
        self.head = torch.nn.Linear(hidden, 7)

    def forward(self, *, features, mask):
        attention = self.score(features).squeeze(2).masked_fill(~mask, -torch.inf).softmax(1)  # (B, T)
        hidden = self.states(features) * mask.unsqueeze(2)
        return EncoderOutput(hidden, mask, self.head((hidden * attention.unsqueeze(2)).sum(1)), attention)


@pytest.mark.parametrize("kind", ["jina", "canine"])
def test_the_predictor_weighs_words_by_their_tokens(tiny_bundle, extractors, kind):
    torch.manual_seed(0)
    tiny_bundle.text_features, tiny_bundle.text_encoder = (
        extractors[kind],
        TokenEncoder(tiny_bundle.text_encoder.dim_out),
    )
    predictor, text = Predictor(tiny_bundle), "Don't you really love ёлка, y'know?!"
    prediction = predictor(None, text)
    features, owner = extractors[kind](text), extractors[kind].owners(text)
    with torch.no_grad():
        rows = torch.from_numpy(features)[None]
        encoded = tiny_bundle.text_encoder(features=rows, mask=torch.ones(rows.shape[:2], dtype=torch.bool))
    weights = [float(encoded.attention[0][owner == i].sum()) for i in range(6)]
    assert [word.text for word in prediction.words] == ["Don't", "you", "really", "love", "ёлка", "y'know"]
    np.testing.assert_allclose([w.attention for w in prediction.words], np.array(weights) / sum(weights), atol=1e-5)
    winner = max(prediction.text.probabilities, key=prediction.text.probabilities.get)
    fall = (
        prediction.text.probabilities[winner]
        - predictor(None, "Don't you really love y'know?!").text.probabilities[winner]
    )
    assert prediction.words[4].occlusion == pytest.approx(fall, abs=1e-5)
    alone = predictor(None, "Да")  # deleting the only word leaves the special tokens
    assert alone.words[0].attention == pytest.approx(1)


# -------------------------------------------------------------------------------------------- a checkpoint of encoders


@pytest.fixture(scope="module")
def of_encoders(folders, tmp_path_factory) -> Path:
    """A checkpoint that reads sound by wav2vec2 and words by Jina."""
    torch.manual_seed(0)
    source = {"revision": REVISION, "dim": DIM}
    encoder = SequenceEncoderConfig(inputs=DIM, temporal="mamba", hidden=16, state=4, bidirectional=False)
    config = checkpoint.BundleConfig(
        name="tiny",
        audio_features=HubAudioConfig(kind="wav2vec2", repo=str(folders["wav2vec2"]), **source),
        audio_encoder=encoder,
        text_features=text_encoders.HubTextConfig(kind="jina", repo=str(folders["jina"]), **POSITIONS, **source),
        text_encoder=encoder,
        fusion=FusionConfig(audio_dim=DIM, text_dim=DIM, hidden=8, kind="biformer", pool=False),
    )
    return checkpoint.save(checkpoint.Bundle(config), tmp_path_factory.mktemp("encoders") / "tiny", "A card.")


def test_a_checkpoint_in_the_fast_profile_is_near_alone_and_in_a_batch(of_encoders, monkeypatch):
    monkeypatch.setattr(pretrained, "gains_by_bfloat16", lambda device: True)
    monkeypatch.setattr(checkpoint, "gains_by_bfloat16", lambda device: True)
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", False)
    exact, fast = (Predictor(checkpoint.load(of_encoders, profile=name)) for name in ("exact", "fast"))
    assert fast.bundle.fast and not exact.bundle.fast
    sounds, text = clips(0.7, 1.2, 1.9), "Don't you really love it?"
    heard, near = (predictor((sounds[1], 16_000), text) for predictor in (exact, fast))
    for modality in ("audio", "text", "bimodal"):
        one, other = (getattr(prediction, modality).probabilities for prediction in (heard, near))
        assert list(other.values()) == pytest.approx(list(one.values()), abs=0.02), modality
        assert one != other, modality
    together = fast.encode_clips(sounds)
    assert together.logits.dtype == together.attention.dtype == torch.float32
    for row, sound in enumerate(sounds):
        torch.testing.assert_close(together.logits[row], fast.encode_clips([sound]).logits[0], atol=0.02, rtol=0)


def test_a_checkpoint_without_such_encoders_is_the_same_in_both_profiles(tiny_bundle):
    predictor, sound = Predictor(tiny_bundle), (clips(1.0)[0], 16_000)
    exact = predictor(sound, "Don't you love it?")
    tiny_bundle.quicken()
    assert not tiny_bundle.fast
    assert predictor(sound, "Don't you love it?").bimodal == exact.bimodal
