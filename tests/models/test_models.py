"""Oracles that every model must satisfy: batches, padding and order never change what one clip gets."""

import pytest
import torch
from tiny import padded, shaken

from bibier.models.audio_encoder import AudioEncoder, AudioEncoderConfig
from bibier.models.audio_ensemble import AudioEnsemble, AudioEnsembleConfig
from bibier.models.fusion import CrossLayer, FusionConfig, build_fusion
from bibier.models.layers import AttentivePooling, GraphAttention, masked_mean, masked_softmax, resample_valid
from bibier.models.lpgnet import LPGNet, LPGNetConfig
from bibier.models.memocmt import MemoCMT, MemoCMTConfig
from bibier.models.sequence_encoder import SequenceEncoder, SequenceEncoderConfig
from bibier.models.temporal import KINDS
from bibier.models.text_encoder import KEY_OFFSET, TextEncoder, TextEncoderConfig

LENGTHS = (23, 40, 7)


def audio(temporal, members="0"):
    torch.manual_seed(1)
    shape = {"channels": (4, 6, 8), "dim": 8, "hidden": 6, "temporal": temporal, "dropout": 0.0}
    if int(members):
        model = shaken(AudioEnsemble(AudioEnsembleConfig(**shape, members=int(members)))).eval()
    else:
        model = shaken(AudioEncoder(AudioEncoderConfig(**shape))).eval()
    clips = [torch.randn(n, 2, 64) for n in LENGTHS]

    def run(chosen, extra=0):
        features, mask = padded(chosen, extra)
        encoded = model(features=features, mask=mask)
        return encoded.logits, encoded.attention

    return model, clips, run


def sequence(temporal, pooling="mean"):
    torch.manual_seed(1)
    both = not temporal.startswith("mamba-published")
    options = {"heads": 2} if temporal in ("transformer", "xlstm") else {}
    config = SequenceEncoderConfig(
        inputs=5, dim=8, temporal=temporal, hidden=8, dropout=0.0, bidirectional=both, pooling=pooling, **options
    )
    model = shaken(SequenceEncoder(config)).eval()
    clips = [torch.randn(n, 5) for n in LENGTHS]

    def run(chosen, extra=0):
        features, mask = padded(chosen, extra)
        encoded = model(features=features, mask=mask)
        return encoded.logits, encoded.attention

    return model, clips, run


def text(context, vocabulary="0"):
    torch.manual_seed(4)
    buckets = 2**32 if int(vocabulary) else 64
    config = TextEncoderConfig(
        buckets=buckets, slots=12, dim=4, hidden=4, context=float(context), vocabulary=int(vocabulary), dropout=0.0
    )
    model = shaken(TextEncoder(config)).eval()
    ids = torch.randint(1, buckets, (40,)).unique()
    if config.vocabulary:  # half of the ids are unknown
        model.keys.copy_((ids[: config.vocabulary] - KEY_OFFSET).to(torch.int32))
        model.rarity[0] = 0
    texts = [ids[torch.randint(len(ids), (n, 12))] for n in LENGTHS]

    def run(chosen, extra=0):
        features, mask = padded(chosen, extra)
        encoded = model(features=features, mask=mask)
        return encoded.logits, encoded.attention

    return model, texts, run


def fusion(kind, mixing="plain", variant="corrected"):
    torch.manual_seed(2)
    config = FusionConfig(
        audio_dim=6,
        text_dim=5,
        hidden=8,
        length=11,
        layers=2,
        heads=2,
        out=8,
        pool=mixing == "pool",
        dropout=0.0,
        kind=kind,
        wpf=mixing == "wpf",
        variant=variant,
        graph_heads=2,
        gated=6,
        state=3,
    )
    return bimodal(build_fusion(config))


def memocmt(aggregation):
    torch.manual_seed(3)
    return bimodal(
        MemoCMT(MemoCMTConfig(audio_dim=6, text_dim=5, hidden=8, heads=2, aggregation=aggregation, dropout=0))
    )


def lpgnet(kernel):
    torch.manual_seed(3)
    config = LPGNetConfig(audio_dim=6, text_dim=5, hidden=8, heads=2, kernel=int(kernel), dropout=0.0)
    return bimodal(LPGNet(config))


def bimodal(model):
    """A fusion model, shaken; clips for it; and a run of clips that gives logits and the attention on words."""
    model = shaken(model).eval()
    clips = [
        (torch.randn(a, 6), torch.randn(t, 5), torch.randn(7).log_softmax(0), torch.randn(7).log_softmax(0))
        for a, t in zip(LENGTHS, (3, 9, 1), strict=True)
    ]

    def run(chosen, extra=0):
        a, am = padded([c[0] for c in chosen], extra)
        t, tm = padded([c[1] for c in chosen], extra)
        logs = {"audio_log": torch.stack([c[2] for c in chosen]), "text_log": torch.stack([c[3] for c in chosen])}
        fused = model(audio=a, audio_mask=am, text=t, text_mask=tm, **logs)
        if model.training and hasattr(model, "loss"):
            return model.loss(fused, torch.eye(7)[: len(chosen)], torch.ones(7)), None
        return fused.logits, fused.word_attention

    return model, clips, run


FORMERS = ("biformer", "bigraphformer", "bigatedgraphformer")
FUSION_CASES = [
    (fusion, "wpf", "wpf"),
    (fusion, "pool", "pool"),
    *((fusion, kind, mixing) for kind in (*FORMERS, "bimamba") for mixing in ("plain", "wpf", "pool")),
    *((fusion, kind, "plain", "published") for kind in (*FORMERS, "bimamba")),
    *((memocmt, aggregation) for aggregation in ("cls", "mean", "max", "min")),
    (lpgnet, "1"),
    (lpgnet, "3"),
]
CASES = [
    (audio, "lstm"),
    (audio, "mamba"),
    (audio, "none"),
    (audio, "lstm", "3"),
    *((sequence, kind) for kind in KINDS),
    (sequence, "lstm", "last"),
    (sequence, "transformer", "attentive"),
    (sequence, "mamba-published", "mean-of-95"),
    (text, "0.5"),
    (text, "0"),
    (text, "0.5", "16"),
    (text, "0", "16"),
    *FUSION_CASES,
]


def name(case):
    return "-".join((case[0].__name__, *case[1:]))


@pytest.fixture(params=CASES, ids=name)
def case(request):
    make, *options = request.param
    return make(*options)


def test_a_clip_gets_the_same_alone_and_in_a_batch(case):
    _, clips, run = case
    together, _ = run(clips)
    for i, clip in enumerate(clips):
        torch.testing.assert_close(together[i], run([clip])[0][0], atol=2e-5, rtol=1e-4)


def test_more_padding_changes_nothing(case):
    _, clips, run = case
    plain, weights = run(clips)
    more, more_weights = run(clips, extra=13)
    torch.testing.assert_close(plain, more, atol=2e-5, rtol=1e-4)
    if weights is None:
        return
    torch.testing.assert_close(weights, more_weights[:, : weights.shape[1]], atol=1e-5, rtol=1e-4)
    assert more_weights[:, weights.shape[1] :].abs().max() == 0


def test_permuting_the_batch_permutes_the_result(case):
    _, clips, run = case
    torch.testing.assert_close(run(clips)[0][[2, 0, 1]], run([clips[2], clips[0], clips[1]])[0], atol=2e-5, rtol=1e-4)


def test_attention_is_a_distribution_over_what_is_valid(case):
    _, clips, run = case
    weights = run(clips)[1]
    if weights is None:
        pytest.skip("a model without attention on words")
    assert weights.min() >= 0
    torch.testing.assert_close(weights.sum(1), torch.ones(3))


@torch.no_grad()
def straddle(model):
    """Let the scores of each graph take both signs at one node, without which their target half has no gradient.

    With target = -source, a node's score to itself is 0, and of the two others one is positive: see test_fusion.
    """
    for layer in model.modules():
        if isinstance(layer, GraphAttention):
            layer.target.copy_(layer.source.mul_(0.1).neg())  # small, so that the softmax isn't saturated


def test_every_parameter_receives_a_gradient(case):
    """Beyond rounding: a gradient of 1e-8 of the largest is what is left of terms that cancel."""
    model, clips, run = case
    straddle(model)
    model.train()
    run(clips)[0].square().sum().backward()
    largest = max(parameter.grad.abs().max() for parameter in model.parameters())
    for name, parameter in model.named_parameters():
        assert parameter.grad.abs().max() > 1e-7 * largest, name


@torch.no_grad()
@pytest.mark.parametrize("kind", KINDS)
def test_a_third_of_a_second_and_a_minute_run(kind):
    model, _, _ = sequence(kind)
    for name, parameter in model.named_parameters():
        if kind.startswith("mamba-published") and name.endswith(".A"):
            parameter.add_(3)  # the published scan diverges where Δ > exp(A), which a shaken model may reach
    for frames in (15, 3000):
        encoded = model(features=torch.randn(1, frames, 5), mask=torch.ones(1, frames, dtype=torch.bool))
        assert torch.isfinite(encoded.logits).all()


@torch.no_grad()
@pytest.mark.parametrize("case", FUSION_CASES, ids=name)
def test_no_words_no_sound_and_a_minute_stay_finite(case):
    model, _, _ = case[0](*case[1:])
    logs = {"audio_log": torch.zeros(1, 7), "text_log": torch.zeros(1, 7)}
    for frames, words in ((7, 0), (0, 4), (0, 0), (7, 1), (1500, 256)):
        am, tm = torch.arange(max(frames, 4))[None] < frames, torch.arange(max(words, 4))[None] < words
        sound, text = torch.randn(1, am.shape[1], 6), torch.randn(1, tm.shape[1], 5)
        fused = model(audio=sound, audio_mask=am, text=text, text_mask=tm, **logs)
        assert torch.isfinite(fused.logits).all()
        if fused.word_attention is not None:
            assert float(fused.word_attention.sum()) == pytest.approx(float(words > 0), abs=1e-4)


@pytest.mark.parametrize("make", [audio, sequence])
def test_the_pooled_vector_is_what_the_head_reads(make):
    model, clips, _ = make("lstm")
    features, mask = padded(clips)
    encoded = model(features=features, mask=mask)
    torch.testing.assert_close(model.head(encoded.pooled), encoded.logits)
    one = encoded.map(lambda part: part[:1])
    assert len(one.pooled) == len(one.logits) == 1


def test_what_has_no_pooled_vector_stays_without_one():
    model, texts, _ = text("0.5")
    features, mask = padded(texts)
    assert model(features=features, mask=mask).to("cpu").pooled is None


def test_a_single_word_has_all_the_attention():
    _, clips, run = fusion("biformer", "pool")
    assert run([clips[2]])[1].tolist() == [[pytest.approx(1.0)]]


def test_keys_and_values_come_from_the_other_modality():
    """With one key, attention returns exactly that key's value, so the words' content must reach the audio stream."""
    torch.manual_seed(0)
    layer = CrossLayer(8, 2, 0.0).eval()
    own, opposite = torch.randn(1, 3, 8), torch.randn(1, 1, 8)
    out, weights = layer(own=own, other=opposite, other_mask=torch.ones(1, 1, dtype=torch.bool))
    attended = layer.out(layer.value(opposite))
    expected = layer.norm_attention(own + attended)
    torch.testing.assert_close(out, layer.norm_feed(expected + layer.feed(expected)))
    assert weights.unique().tolist() == [1.0]


def test_cross_attention_equals_torch_multihead_attention():
    torch.manual_seed(0)
    layer, heads, dim = CrossLayer(8, 2, 0.0).eval(), 2, 8
    own, opposite = torch.randn(2, 5, dim), torch.randn(2, 4, dim)
    mask = torch.tensor([[True] * 4, [True, True, False, False]])
    peer = torch.nn.MultiheadAttention(dim, heads, batch_first=True)
    with torch.no_grad():
        peer.in_proj_weight.copy_(torch.cat((layer.query.weight, layer.key.weight, layer.value.weight)))
        peer.in_proj_bias.copy_(torch.cat((layer.query.bias, torch.zeros(dim), layer.value.bias)))
        peer.out_proj.load_state_dict(layer.out.state_dict())
    expected, expected_weights = peer(own, opposite, opposite, key_padding_mask=~mask, average_attn_weights=False)
    _, weights = layer(own=own, other=opposite, other_mask=mask)
    torch.testing.assert_close(weights, expected_weights)
    x = layer.norm_attention(own + expected)
    torch.testing.assert_close(
        layer(own=own, other=opposite, other_mask=mask)[0], layer.norm_feed(x + layer.feed(x)), atol=1e-5, rtol=1e-4
    )


@pytest.mark.parametrize("frames", [1, 5, 95, 300])
def test_resampling_equals_interpolation_of_the_valid_part(frames):
    torch.manual_seed(0)
    x = torch.randn(2, frames + 9, 4)
    mask = (torch.arange(frames + 9) < frames).expand(2, -1)
    expected = torch.nn.functional.interpolate(x[:, :frames].transpose(1, 2), 95, mode="linear").transpose(1, 2)
    torch.testing.assert_close(resample_valid(x, mask, 95), expected, atol=2e-4, rtol=0)


def test_masked_mean_and_softmax_ignore_padding():
    x = torch.tensor([[[1.0], [3.0], [100.0]], [[5.0], [6.0], [7.0]]])
    mask = torch.tensor([[True, True, False], [False, False, False]])
    assert masked_mean(x, mask).tolist() == [[2.0], [0.0]]
    weights = masked_softmax(torch.zeros(2, 3), mask)
    assert weights.tolist() == [[0.5, 0.5, 0.0], [0.0, 0.0, 0.0]]


def test_attentive_pooling_is_mean_and_deviation_when_attention_is_even():
    pooling = AttentivePooling(2)
    torch.nn.init.zeros_(pooling.score[2].weight)
    x = torch.tensor([[[1.0, 2.0], [3.0, 2.0], [9.0, 9.0]]])
    pooled, _ = pooling(x, torch.tensor([[True, True, False]]))
    torch.testing.assert_close(pooled, torch.tensor([[2.0, 2.0, 1.0, 0.0]]), atol=4e-3, rtol=0)
