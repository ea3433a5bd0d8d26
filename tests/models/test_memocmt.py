"""MemoCMT: the published outputs, the published count, and the oracles of every model."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from scipy.special import softmax
from tiny import golden, padded, shaken

from bibier.models.memocmt import AGGREGATIONS, MemoCMT, MemoCMTConfig, aggregate, from_published

SMALL = dict(audio_dim=6, text_dim=5, hidden=8, heads=2, inner=4, dropout=0.0)


def make(**changes):
    torch.manual_seed(0)
    return shaken(MemoCMT(MemoCMTConfig(**(SMALL | changes)))).eval()


def clips():
    torch.manual_seed(1)
    return [(torch.randn(a, 6), torch.randn(t, 5)) for a, t in ((23, 3), (40, 9), (7, 1))]


def run(model, chosen, extra=0):
    audio, audio_mask = padded([c[0] for c in chosen], extra)
    text, text_mask = padded([c[1] for c in chosen], extra)
    return model(audio=audio, audio_mask=audio_mask, text=text, text_mask=text_mask)


def count(model):
    return sum(p.numel() for p in model.parameters())


def test_parameter_count_is_the_published_one():
    """6,007,940 at 768 and 4 classes; 3 classes more have 3·(128 + 1), and "cls" reads one branch only."""
    with torch.device("meta"):
        four = count(MemoCMT(MemoCMTConfig(audio_dim=768, text_dim=768, classes=4)))
        seven = count(MemoCMT(MemoCMTConfig(audio_dim=768, text_dim=768)))
        cls = count(MemoCMT(MemoCMTConfig(audio_dim=768, text_dim=768, classes=4, aggregation="cls")))
    assert (four, seven, cls) == (6_007_940, 6_007_940 + 387, 6_007_940 - 2_954_496)


@torch.no_grad()
@pytest.mark.parametrize("how", AGGREGATIONS)
def test_published_weights_give_the_published_outputs(how):
    reference = golden("memocmt_ref.pt")
    model = from_published(reference["state"], aggregation=how, heads=reference["config"]["num_attention_head"])
    audio, text = reference["audio_emb"], reference["text_emb"]
    masks = {
        "audio_mask": torch.ones(audio.shape[:2], dtype=torch.bool),
        "text_mask": torch.ones(text.shape[:2], dtype=torch.bool),
    }
    expected = reference["out"][how]
    fused = model(audio=audio, text=text, **masks)
    torch.testing.assert_close(fused.logits, expected["logits"], atol=1e-5, rtol=0)
    h_t, _ = model.text(queries=audio, keys=text, key_mask=masks["text_mask"])
    torch.testing.assert_close(h_t, expected["text_norm"], atol=1e-5, rtol=0)
    # One step of rubbish more, in either modality, must not count: the published code fails here.
    longer = {name: torch.cat((x, torch.full_like(x[:, :1], 9)), 1) for name, x in (("audio", audio), ("text", text))}
    masks = {name: torch.cat((m, torch.zeros_like(m[:, :1])), 1) for name, m in masks.items()}
    torch.testing.assert_close(model(**longer, **masks).logits, expected["logits"], atol=1e-5, rtol=0)


def published(hidden=8, inner=4, classes=4):
    """A state dict with the published names, random."""
    state = {}
    for side in ("text", "audio", "fusion"):
        state[f"{side}_attention.in_proj_weight"] = torch.randn(3 * hidden, hidden)
        state[f"{side}_attention.in_proj_bias"] = torch.randn(3 * hidden)
        for part in ("attention.out_proj", "linear", "layer_norm"):
            shape = (hidden,) if part == "layer_norm" else (hidden, hidden)
            state |= {f"{side}_{part}.weight": torch.randn(shape), f"{side}_{part}.bias": torch.randn(hidden)}
    state |= {"linear_0.weight": torch.randn(inner, hidden), "linear_0.bias": torch.randn(inner)}
    return state | {"classifer.weight": torch.randn(classes, inner), "classifer.bias": torch.randn(classes)}


@torch.no_grad()
@pytest.mark.parametrize("how", AGGREGATIONS)
def test_a_second_implementation_agrees(how):
    """The published forward pass in NumPy and float64, over one clip."""
    torch.manual_seed(0)
    state = published()
    w = {name: tensor.double().numpy() for name, tensor in state.items()}
    audio, text = torch.randn(6, 8), torch.randn(3, 8)

    def branch(side, queries, keys):
        q, k, v = (
            x @ weight.T + bias
            for x, weight, bias in zip(
                (queries, keys, keys),
                np.split(w[f"{side}_attention.in_proj_weight"], 3),
                np.split(w[f"{side}_attention.in_proj_bias"], 3),
                strict=True,
            )
        )
        heads = [slice(0, 4), slice(4, 8)]
        x = np.concatenate([softmax(q[:, h] @ k[:, h].T / 2, axis=1) @ v[:, h] for h in heads], axis=1)
        for part in ("attention.out_proj", "linear"):
            x = x @ w[f"{side}_{part}.weight"].T + w[f"{side}_{part}.bias"]
        x = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)
        return x * w[f"{side}_layer_norm.weight"] + w[f"{side}_layer_norm.bias"]

    a, t = audio.double().numpy(), text.double().numpy()
    tokens = np.concatenate([branch("text", a, t), branch("audio", t, a)])
    pooled = {"cls": tokens[0], "mean": tokens.mean(0), "max": tokens.max(0), "min": tokens.min(0)}[how]
    x = pooled @ w["linear_0.weight"].T + w["linear_0.bias"]
    expected = np.where(x > 0, x, 0.01 * x) @ w["classifer.weight"].T + w["classifer.bias"]
    logits = run(from_published(state, aggregation=how, heads=2), [(audio, text)], extra=2).logits[0]
    np.testing.assert_allclose(logits.numpy(), expected, atol=1e-4, rtol=1e-4)


def test_conversion_carries_every_tensor_over():
    state = published()
    model = from_published(state, aggregation="mean", heads=2)
    live = {name for name in state if not name.startswith("fusion_")}
    assert count(model) == sum(state[name].numel() for name in live)
    assert torch.equal(model.audio.norm.bias, state["audio_layer_norm.bias"])
    assert torch.equal(model.text.attention.in_proj_weight, state["text_attention.in_proj_weight"])
    assert torch.equal(model.outer.weight, state["classifer.weight"])
    assert from_published(state, aggregation="cls", heads=2).audio is None


def test_conversion_is_strict_about_every_name():
    state = published()
    with pytest.raises(ValueError, match="classifier.weight"):
        from_published(state | {"classifier.weight": torch.zeros(4, 4)}, aggregation="min", heads=2)
    with pytest.raises(ValueError, match="norm.extra"):
        from_published(state | {"text_layer_norm.extra": torch.zeros(1)}, aggregation="min", heads=2)
    for name in ("text_linear.bias", "linear_0.weight", "classifer.weight"):
        with pytest.raises(ValueError, match="lacks|Missing"):
            from_published({k: v for k, v in state.items() if k != name}, aggregation="min", heads=2)
    with_bert = state | {"text_encoder.embeddings.weight": torch.zeros(1)}
    with pytest.raises(ValueError, match="text_encoder.embeddings"):
        from_published(with_bert, aggregation="min", heads=2)
    from_published(with_bert, aggregation="min", heads=2, drop_encoders=True)


@pytest.mark.parametrize("how", AGGREGATIONS)
def test_batch_padding_and_order_change_nothing(how):
    model, items = make(aggregation=how), clips()
    together, more = run(model, items), run(model, items, extra=13)
    close = dict(atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(together.logits, more.logits, **close)
    torch.testing.assert_close(together.word_attention, more.word_attention[:, :9], **close)
    assert more.word_attention[:, 9:].abs().max() == 0
    for i, clip in enumerate(items):
        torch.testing.assert_close(together.logits[i], run(model, [clip]).logits[0], **close)
    shuffled = run(model, [items[2], items[0], items[1]])
    torch.testing.assert_close(together.logits[[2, 0, 1]], shuffled.logits, **close)
    torch.testing.assert_close(together.word_attention.sum(1), torch.ones(3))
    assert together.word_attention.min() >= 0
    assert together.word_attention[2, 0].item() == pytest.approx(1.0)  # one word


@pytest.mark.parametrize("how", AGGREGATIONS)
def test_every_parameter_receives_a_gradient(how):
    model = make(aggregation=how).train()
    run(model, clips()).logits.square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name


@torch.no_grad()
@pytest.mark.parametrize("how", AGGREGATIONS)
def test_from_one_frame_and_no_word_to_a_minute(how):
    model = make(aggregation=how)
    for frames, words in ((1, 1), (3000, 60)):
        assert torch.isfinite(run(model, [(torch.randn(frames, 6), torch.randn(words, 5))]).logits).all()
    audio, there = torch.randn(1, 12, 6), torch.ones(1, 12, dtype=torch.bool)
    results = []
    for words, rubbish in ((1, 3.0), (6, torch.inf), (6, torch.nan)):
        nothing = torch.zeros(1, words, dtype=torch.bool)
        text = torch.full((1, words, 5), rubbish)
        fused = model(audio=audio, audio_mask=there, text=text, text_mask=nothing)
        assert fused.word_attention.abs().sum() == 0
        results.append(fused.logits)
    assert torch.isfinite(results[0]).all()
    torch.testing.assert_close(results[0], results[1], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(results[0], results[2], atol=1e-5, rtol=1e-4)
    louder = model(audio=audio + 1, audio_mask=there, text=text, text_mask=nothing).logits
    assert torch.allclose(louder, results[0], atol=1e-5) == (how == "cls")  # the voice is heard, but for "cls"


def test_aggregations_of_a_hand_made_sequence():
    tokens = torch.tensor([[[1.0, -2.0], [3.0, -4.0], [9.0, -9.0]]])
    mask = torch.tensor([[True, True, False]])
    expected = {"mean": [2.0, -3.0], "max": [3.0, -2.0], "min": [1.0, -4.0]}
    assert {how: aggregate(tokens, mask, how)[0].tolist() for how in expected} == expected


def test_settings_are_json_and_checked():
    config = MemoCMTConfig(**SMALL)
    assert MemoCMTConfig(**json.loads(json.dumps(dataclasses.asdict(config)))) == config
    with pytest.raises(ValueError, match="aggregation is 'median'"):
        make(aggregation="median")
    with pytest.raises(ValueError, match="multiple of heads, 3"):
        make(heads=3)
