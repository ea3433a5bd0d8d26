"""LPGNet: SDT's golden gates and losses, a loss by hand, and the oracles of every model in both variants."""

import dataclasses
import json
import math

import pytest
import torch
import torch.nn.functional as F
from tiny import golden, padded, shaken

from bibier.models.layers import sinusoids
from bibier.models.lpgnet import (
    Compression,
    Distillation,
    LPGNet,
    LPGNetConfig,
    MultimodalGate,
    UnimodalGate,
    distillation_loss,
)

SMALL = dict(audio_dim=6, text_dim=5, hidden=8, heads=2, kernel=3, dropout=0.0)
VARIANTS = ("frame", "utterance")
ABLATIONS = ({}, {"intra": False}, {"inter": False}, {"ffn": False}, {"gate": False}, {"kernel": 1, "feed": 4})
CLOSE = dict(atol=2e-5, rtol=1e-4)
EVEN = torch.ones(7)
HEADS = 2  # of the golden SDT


def make(**changes):
    torch.manual_seed(0)
    return shaken(LPGNet(LPGNetConfig(**(SMALL | changes)))).eval()


def clips(variant):
    """Utterances of frames and words, or dialogues of utterances."""
    torch.manual_seed(1)
    lengths = ((23, 3), (40, 9), (7, 1)) if variant == "frame" else ((5, 5), (9, 9), (1, 1))
    return [(torch.randn(a, 6), torch.randn(t, 5)) for a, t in lengths]


def run(model, chosen, extra=0):
    audio, audio_mask = padded([c[0] for c in chosen], extra)
    text, text_mask = padded([c[1] for c in chosen], extra)
    return model(audio=audio, audio_mask=audio_mask, text=text, text_mask=text_mask)


def soft_targets(*shape):
    return torch.randn(*shape, 7, generator=torch.Generator().manual_seed(3)).softmax(-1)


@pytest.fixture(params=[(v, a) for v in VARIANTS for a in ABLATIONS], ids=str)
def case(request):
    variant, ablation = request.param
    return make(variant=variant, **ablation), clips(variant)


def test_batch_padding_and_order_change_nothing(case):
    model, items = case
    together, more = run(model, items), run(model, items, extra=13)
    words = together.word_attention.shape[1]
    for a, b in ((together.logits, more.logits), (together.branches[0], more.branches[0])):
        torch.testing.assert_close(a, b[:, :words] if a.ndim == 3 else b, **CLOSE)
    torch.testing.assert_close(together.word_attention, more.word_attention[:, :words], **CLOSE)
    assert more.word_attention[:, words:].abs().max() == 0
    for i, clip in enumerate(items):
        alone = run(model, [clip]).logits[0]
        torch.testing.assert_close(
            together.logits[i, : len(alone)] if alone.ndim == 2 else together.logits[i], alone, **CLOSE
        )
    shuffled = run(model, [items[2], items[0], items[1]])
    torch.testing.assert_close(together.logits[[2, 0, 1]], shuffled.logits, **CLOSE)
    torch.testing.assert_close(together.word_attention.sum(1), torch.ones(3))
    assert together.word_attention.min() >= 0
    assert together.word_attention[2, 0].item() == pytest.approx(1.0)  # one word


def test_training_ignores_padding_too(case):
    """The batch statistics are of valid steps, and so is the loss, whatever stands in padded targets."""
    model, items = case
    model.train()
    losses = []
    for extra in (0, 13):
        fused = run(model, items, extra)
        targets = soft_targets(3, 9) if fused.logits.ndim == 3 else soft_targets(3)
        if fused.logits.ndim == 3:
            targets = F.pad(targets, (0, 0, 0, extra), value=torch.nan)
        losses.append(model.loss(fused, targets, EVEN))
    torch.testing.assert_close(*losses, **CLOSE)


def test_every_parameter_receives_a_gradient(case):
    model, items = case
    fused = run(model.train(), items)
    model.loss(fused, soft_targets(*fused.logits.shape[:-1]), EVEN).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name


@torch.no_grad()
@pytest.mark.parametrize("variant", VARIANTS)
def test_from_one_step_to_thousands(variant):
    model = make(variant=variant)
    for frames, words in ((1, 1), (3000, 60 if variant == "frame" else 3000)):
        assert torch.isfinite(run(model, [(torch.randn(frames, 6), torch.randn(words, 5))]).logits).all()


@torch.no_grad()
@pytest.mark.parametrize("training", [False, True])
def test_no_words_leave_the_voice(training):
    model = make().train(training)  # in training, a batch of one falls back on the running statistics
    audio, there = torch.randn(1, 12, 6), torch.ones(1, 12, dtype=torch.bool)
    results = []
    for words, rubbish in ((1, 3.0), (6, torch.inf), (6, torch.nan)):
        nothing = torch.zeros(1, words, dtype=torch.bool)
        text = torch.full((1, words, 5), rubbish)
        fused = model(audio=audio, audio_mask=there, text=text, text_mask=nothing)
        assert fused.word_attention.abs().sum() == 0
        results.append(fused.logits)
    assert torch.isfinite(results[0]).all()
    torch.testing.assert_close(results[0], results[1], **CLOSE)
    torch.testing.assert_close(results[0], results[2], **CLOSE)
    louder = model(audio=audio + 1, audio_mask=there, text=text, text_mask=nothing).logits
    assert not torch.allclose(louder, results[0], atol=1e-4)


@torch.no_grad()
def test_an_utterance_hears_the_rest_of_its_dialogue():
    model, (dialogue, *_) = make(variant="utterance"), clips("utterance")
    changed = (dialogue[0].clone(), dialogue[1])
    changed[0][4] += 1
    assert (run(model, [dialogue]).logits - run(model, [changed]).logits)[0].abs().amax(-1).min() > 1e-4
    with pytest.raises(AssertionError, match="the same in both"):
        run(model, [(torch.randn(4, 6), torch.randn(4, 5)), (torch.randn(2, 6), torch.randn(3, 5))])


@torch.no_grad()
def test_the_order_of_frames_matters():
    """Only the positions can tell it, where the convolution sees one frame at a time."""
    model, ((audio, text), *_) = make(kernel=1), clips("frame")
    there, back = run(model, [(audio, text)]).logits, run(model, [(audio.flip(0), text)]).logits
    assert not torch.allclose(there, back, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("ffn", [True, False])
def test_attention_equals_torch_multihead_attention(ffn):
    stream = make(ffn=ffn).streams["text_audio"]
    own, source = torch.randn(2, 5, 8), torch.randn(2, 4, 8)
    own_mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    mask = torch.tensor([[True] * 4, [True, True, False, False]])
    peer = torch.nn.MultiheadAttention(8, 2, batch_first=True)
    peer.in_proj_weight.copy_(torch.cat((stream.query.weight, stream.key.weight, stream.value.weight)))
    peer.in_proj_bias.copy_(torch.cat((stream.query.bias, torch.ones(8), stream.value.bias)))  # a key's bias cancels
    peer.out_proj.load_state_dict(stream.out.state_dict())
    c, weights = peer(own, source, source, key_padding_mask=~mask)
    sides = dict(own=own, own_mask=own_mask, source=source, source_mask=mask)
    o = own + stream.compression(c, own_mask)[:, None] + (stream.feed(own + c) if ffn else c)
    torch.testing.assert_close(stream(**sides), stream.gate(o), **CLOSE)
    torch.testing.assert_close(stream.shares(**sides)[0], weights[0].mean(0))
    torch.testing.assert_close(stream.shares(**sides)[1], weights[1, :3].mean(0))


def test_compression_normalises_over_the_batch_as_the_formula_says():
    torch.manual_seed(0)
    x, mask = torch.randn(4, 6, 3), torch.arange(6) < torch.tensor([[6], [4], [1], [2]])
    compression = Compression(3)
    pooled = torch.stack([row[valid].mean(0) for row, valid in zip(x, mask, strict=True)]) @ compression.conv.weight.T
    z = (pooled - pooled.mean(0)) / (pooled.var(0, unbiased=False) + 1e-5).sqrt()
    torch.testing.assert_close(compression(x, mask), torch.where(z > 0, z, 0.01 * z))


def sdt_stream(state, name, key, query, mask):
    """SDT's own stream: 8 features, attention added to the query, FFN with tanh-GELU and LN of eps 1e-6."""
    p = {k.removeprefix(f"{name}.transformer_inter.0."): v for k, v in state.items() if k.startswith(f"{name}.")}
    if name[0] == name[2]:
        key = query

    def project(part, x):
        x = F.linear(x, p[f"self_attn.linear_{part}.weight"], p[f"self_attn.linear_{part}.bias"])
        return x.unflatten(-1, (HEADS, -1)).transpose(1, 2)

    scores = project("q", query) @ project("k", key).transpose(-1, -2) / (8 / HEADS) ** 0.5
    weights = scores.masked_fill(~mask[:, None, None, :], -1e10).softmax(-1)
    context = (weights @ project("v", key)).transpose(1, 2).flatten(2)
    x = F.linear(context, p["self_attn.linear.weight"], p["self_attn.linear.bias"]) + query
    inner = F.layer_norm(x, (8,), p["feed_forward.layer_norm.weight"], p["feed_forward.layer_norm.bias"], 1e-6)
    inner = F.gelu(F.linear(inner, p["feed_forward.w_1.weight"], p["feed_forward.w_1.bias"]), approximate="tanh")
    return x + F.linear(inner, p["feed_forward.w_2.weight"], p["feed_forward.w_2.bias"])


@torch.no_grad()
def test_gates_and_positions_within_sdt_give_its_golden_outputs():
    """SDT up to its gates is written here; from there on our modules run, with its weights."""
    reference = golden("sdt_ref.pt")
    state, mask = reference["state"], reference["umask"].bool()
    speaker = reference["qmask"].argmax(-1).masked_fill(~mask, 2)
    place = sinusoids(5, 8, like=reference["text"])
    torch.testing.assert_close(sinusoids(512, 8, like=place), state["t_t.pos_emb.pe"][0], atol=1e-4, rtol=0)
    read = {}
    for name, long in (("t", "text"), ("a", "audio"), ("v", "visual")):
        x = reference[long].transpose(0, 1)  # (B, N, D)
        weight = state[f"{ {'t': 'textf', 'a': 'acouf', 'v': 'visuf'}[name] }_input.weight"][..., 0]
        read[name] = x @ weight.T + place + state["speaker_embeddings.weight"][speaker]

    def loaded(gate, name):
        gate.fc.weight.copy_(state[f"{name}.fc.weight"])
        return gate

    merged = []
    for own in "tav":
        gated = []
        for source in own + "tav".replace(own, ""):
            name = f"{source}_{own}"
            gate = loaded(UnimodalGate(8), f"{name}_gate")
            gated.append(gate(sdt_stream(state, name, read[source], read[own], mask)))
        merge = f"features_reduce_{own}"
        merged.append(F.linear(torch.cat(gated, -1), state[f"{merge}.weight"], state[f"{merge}.bias"]))
    fused = loaded(MultimodalGate(8), "last_gate")(torch.stack(merged))
    log = F.linear(fused, state["all_output_layer.weight"], state["all_output_layer.bias"]).log_softmax(-1)
    torch.testing.assert_close(log[mask], reference["out"]["all_log"][mask], **CLOSE)
    for name, x in zip("tav", merged, strict=True):
        x = F.linear(x.relu(), state[f"{name}_output_layer.2.weight"], state[f"{name}_output_layer.2.bias"])
        torch.testing.assert_close(x.log_softmax(-1)[mask], reference["out"][name][mask], **CLOSE)


@torch.no_grad()
def test_gates_of_a_case_by_hand():
    """Odds of 3 : 1 for the first modality in the first feature, of 1 : 1 in the second."""
    one, both = UnimodalGate(2), MultimodalGate(2)
    one.fc.weight.copy_(torch.tensor([[0.0, 0.0], [math.log(3), 0.0]]))
    torch.testing.assert_close(one(torch.tensor([1.0, 8.0])), torch.tensor([0.5, 6.0]))
    both.fc.weight.copy_(torch.tensor([[math.log(3), 0.0], [0.0, 0.0]]))
    x = torch.tensor([[[2.0, 6.0]], [[1.0, 4.0]]])  # (2, B, H)
    torch.testing.assert_close(both(x), torch.tensor([[0.75 * 2 + 0.25 * 1, 5.0]]))


@pytest.mark.parametrize("which", ["task", "hard", "soft"])
def test_each_loss_is_sdt_s(which):
    reference = golden("sdt_ref.pt")
    out, valid = reference["out"], reference["umask"].bool()
    branches = torch.stack([out[name][valid] for name in "tav"])  # log-probabilities are logits, too
    targets = F.one_hot(reference["labels"][valid], 4).float()
    settings = Distillation(**({"task": 0.0, "hard": 0.0, "soft": 0.0} | {which: 1.0}), temperature=reference["temp"])
    loss = distillation_loss(out["all_log"][valid], branches, targets, reference["class_weight"], settings)
    expected = reference[{"task": "loss_task", "hard": "loss_ce", "soft": "loss_kl"}[which]]
    torch.testing.assert_close(loss, expected, **CLOSE)


def test_loss_of_a_case_by_hand():
    """Teacher (3/4, 1/4), students (1/2, 1/2) and the teacher itself, target (1/2, 1/2), weights 1 and 3."""
    logits = torch.tensor([[math.log(3), 0.0]])
    branches = torch.stack((torch.zeros(1, 2), logits))
    target, weights = torch.tensor([[0.5, 0.5]]), torch.tensor([1.0, 3.0])
    task = -(0.5 * math.log(3 / 4) + 1.5 * math.log(1 / 4)) / 2
    hard = math.log(2) + task
    soft = 3 / 4 * math.log(3 / 2) + 1 / 4 * math.log(1 / 2)
    loss = distillation_loss(logits, branches, target, weights, Distillation())
    assert loss.item() == pytest.approx(1.5 * task + hard + 0.3 * soft, rel=1e-6)
    one_hot = distillation_loss(logits, branches, torch.tensor([[1.0, 0.0]]), weights, Distillation(1, 0, 0))
    assert one_hot.item() == pytest.approx(-math.log(3 / 4), rel=1e-6)
    # At τ = 2 the odds 3 : 1 become √3 : 1, in teacher and student alike.
    p = 3**0.5 / (3**0.5 + 1)
    warm = distillation_loss(logits, branches, target, weights, Distillation(0, 0, 1, temperature=2))
    assert warm.item() == pytest.approx(p * math.log(2 * p) + (1 - p) * math.log(2 * (1 - p)), rel=1e-5)


@pytest.mark.parametrize("detach", [False, True])
def test_the_teacher_learns_from_its_students_unless_detached(detach):
    logits = torch.tensor([[1.0, 0.0]], requires_grad=True)
    branches = torch.zeros(2, 1, 2, requires_grad=True)
    settings = Distillation(0, 0, 1, detach_teacher=detach)
    distillation_loss(logits, branches, torch.tensor([[0.5, 0.5]]), torch.ones(2), settings).backward()
    assert branches.grad.abs().min() > 0
    assert (logits.grad.abs().max() == 0) == detach


def test_a_few_steps_lower_the_loss_on_soft_targets():
    model, items = make().train(), clips("frame")
    targets = soft_targets(3)
    floor = -(1.5 + 2) * (targets * targets.log()).sum(-1).mean().item()  # CE's floor is the entropy; KL's is 0
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    while len(losses) < 300 and (not losses or losses[-1] > 1.05 * floor):  # 60 steps do for most draws
        loss = model.loss(run(model, items), targets, EVEN)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert floor - 1e-4 < losses[-1] <= 1.05 * floor


def test_ablations_remove_what_they_name():
    names = {key: {n for n, _ in make(**{key: False}).named_parameters()} for key in ("intra", "inter", "ffn", "gate")}
    assert not any("text_text" in n or "audio_audio" in n for n in names["intra"])
    assert not any("text_audio" in n or "audio_text" in n for n in names["inter"])
    assert not any(".feed." in n for n in names["ffn"])
    assert not any(".gate." in n or n.startswith("fuse") for n in names["gate"])


def test_settings_are_json_and_checked():
    config = LPGNetConfig(**SMALL, distillation=Distillation(temperature=2.0))
    assert LPGNetConfig(**json.loads(json.dumps(dataclasses.asdict(config)))) == config
    with pytest.raises(TypeError, match="gamma"):
        LPGNetConfig(**SMALL, distillation={"gamma": 1})
    for change, message in (
        ({"variant": "word"}, "variant is 'word'"),
        ({"heads": 3}, "multiple of heads, 3"),
        ({"kernel": 2}, "odd"),
        ({"intra": False, "inter": False}, "both off"),
    ):
        with pytest.raises(ValueError, match=message):
            make(**change)
